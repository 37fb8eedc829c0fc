"""The contracts of a core's parts: what each takes and gives, by its ports and ghosts alone.

Each function describes a part once, for :mod:`fxlif.sim.prove.contract`, where it is proved, and
for :mod:`fxlif.sim.prove.composition`, where it stands in the part's place. ``word`` is any word of
the population, the same for all; ``after`` is the value of a ghost one cycle later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...cycles.latency import COUNTER_BITS
from ...cycles.pipeline import INTEGRATION_STAGES, write_distance
from ...hdl.core.layouts import entry_layout, operation_layout, written_layout
from ...hdl.events import event_layout
from ...params.core import CoreParams, address_bits
from ..tools.solver import z3
from . import golden
from .contract import Contract, Delays, Ports, any_of, bit, fields, high, number

#: How many cycles after a word is issued its sums meet its weights.
REGISTER = INTEGRATION_STAGES.index("register")
#: Two words of lanes → their sums, and which lanes did not fit.
Add = Callable[[Any, Any], tuple[Any, Any]]


def packed(lanes: Sequence[Any]) -> Any:
    """Lanes as one word, lane 0 in the low bits."""
    return lanes[0] if len(lanes) == 1 else z3.Concat(*reversed(lanes))


def lanes_of(word: Any, count: int) -> list[Any]:
    """The lanes of a word."""
    bits = word.size() // count
    return [golden.lane(word, lane, bits) for lane in range(count)]


def any_word(core: CoreParams) -> tuple[Any, Any]:
    """The number of any word, and the condition that it is one."""
    width = max(2, core.words)
    word = z3.BitVec("word", (width - 1).bit_length())
    return word, z3.ULE(word, core.words - 1)


def golden_add(core: CoreParams) -> Add:
    """:func:`fxlif.rule.arithmetic.accumulate`, lane by lane."""

    def add(totals: Any, weights: Any) -> tuple[Any, Any]:
        bits, weight_bits = totals.size() // core.lanes, weights.size() // core.lanes
        sums, over = [], []
        for lane in range(core.lanes):
            wide, clipped = golden.accumulated(totals, weights, lane, bits, weight_bits)
            sums.append(z3.Extract(bits - 1, 0, wide))
            over.append(bit(clipped))
        return packed(sums), packed(over)

    return add


def unknown_add(totals: Any, weights: Any) -> tuple[Any, Any]:
    """Some function of two words, of which nothing is known: what follows holds for any."""
    add = z3.Function("sum", totals.sort(), weights.sort(), totals.sort())
    over = z3.Function("over", totals.sort(), weights.sort(), totals.sort())
    return add(totals, weights), over(totals, weights)


# --- totals -------------------------------------------------------------------------------------


class TotalsGhosts(Delays):
    """``here[i]``: ``word`` was issued i cycles before, to be added to (``adds[i]``) or not.

    ``sum`` is what its accumulators hold once the words in stage ``sum`` are written, ``known``
    from its first clearing on.
    """

    def __init__(self, core: CoreParams, ports: Ports, add: Add) -> None:
        super().__init__("totals")
        self.word, self.is_word = any_word(core)
        self.operation = ports.fields("operation", operation_layout(core))
        op, last = self.operation, len(INTEGRATION_STAGES) - 1
        self.used = z3.Or(*(op[kind] == 1 for kind in ("add", "update", "clear")))
        here = bit(z3.And(self.used, op["word"] == self.word))
        self.here = self.line("word issued", here, last)
        self.adds = self.line("add issued", op["add"], last)
        total, weights = ports["total"], ports["weights"]
        self.sum = z3.BitVec("totals: sum", total.size())
        self.known = z3.BitVec("totals: known", 1)
        at, adds = self.here[REGISTER] == 1, self.adds[REGISTER] == 1
        result = z3.If(adds, add(self.sum, weights)[0], z3.BitVecVal(0, total.size()))
        self.ghosts[self.sum] = (None, z3.If(at, result, self.sum))
        self.ghosts[self.known] = (0, self.known | bit(z3.And(at, z3.Not(adds))))


def apart(totals: TotalsGhosts) -> Any:
    """No word meets itself on its way through the adder."""
    meets = any_of([high(before) for before in totals.here[1:]])
    return z3.Implies(totals.here[0] == 1, z3.Not(meets))


def one_kind(operation: dict[str, Any]) -> Any:
    """A word is added to, takes the step, or is cleared."""
    pairs = (("add", "update"), ("add", "clear"), ("update", "clear"))
    return z3.And(*(z3.Not(high(operation[a], operation[b])) for a, b in pairs))


def totals_contract(core: CoreParams, ports: Ports, add: Add) -> tuple[Contract, TotalsGhosts]:
    """What is at ``total`` when a word is in stage ``register`` is the golden sum of all weights
    that were there in this stage since the word was last put to 0; ``clipped`` says of a sum, one
    cycle later, which lanes did not fit."""
    g = TotalsGhosts(core, ports, add)
    clipped = ports["clipped"]
    over = z3.BitVec("totals: over", clipped.size())
    # Of an unknown function nothing is said about what did not fit.
    if add is not unknown_add:
        fits = z3.BitVecVal(0, clipped.size())
        now = add(ports["total"], ports["weights"])[1]
        g.ghosts[over] = (0, z3.If(g.adds[REGISTER] == 1, now, fits))
    gives = {
        "total": z3.Implies(high(g.here[REGISTER], g.known), ports["total"] == g.sum),
        **({"clipped": clipped == over} if over in g.ghosts else {}),
    }
    takes = {"no word meets itself": apart(g), "one operation": one_kind(g.operation)}
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes, given=[g.is_word]), g


# --- neurons ------------------------------------------------------------------------------------


class NeuronsGhosts(Delays):
    """``updates[i]``, ``clears[i]``, ``words[i]``: what was issued i cycles before."""

    def __init__(self, core: CoreParams, ports: Ports) -> None:
        super().__init__("neurons")
        self.word, self.is_word = any_word(core)
        self.end = write_distance(core.neuron)
        op = self.operation = ports.fields("operation", operation_layout(core))
        self.updates = self.line("update", op["update"], self.end)
        self.clears = self.line("clear", op["clear"], self.end)
        self.words = self.line("word", op["word"], self.end, first=None)

    def issued(self, before: int) -> Any:
        """``word`` was issued so many cycles before, to take the step or be cleared."""
        valid = z3.Or(self.updates[before] == 1, self.clears[before] == 1)
        return z3.And(valid, self.words[before] == self.word)


def neurons_contract(core: CoreParams, ports: Ports) -> tuple[Contract, NeuronsGhosts]:
    """When a word shows at ``written``; what, is said by :func:`stepped_contract`."""
    g = NeuronsGhosts(core, ports)
    written = ports.fields("written", written_layout(core))
    valid, last = written["valid"], bit(g.words[g.end] == core.words - 1)
    gives = {
        "written in time": valid == g.updates[g.end],
        "written word": z3.Implies(valid == 1, written["word"] == g.words[g.end]),
        "last word": z3.Implies(valid == 1, written["last"] == last),
        "cleared": ports["cleared"] == g.clears[g.end] & last,
    }
    meets = any_of([g.issued(before) for before in range(1, g.end + 1)])
    takes = {
        "one step at a time": z3.Implies(g.issued(0), z3.Not(meets)),
        "one operation": one_kind(g.operation),
        "a word": z3.Implies(
            z3.Or(g.updates[0] == 1, g.clears[0] == 1), z3.ULE(g.words[0], core.words - 1)
        ),
    }
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes, given=[g.is_word]), g


# --- queue and emitter --------------------------------------------------------------------------


class Kept(Delays):
    """Whether an entry waited in the cycle before, and what it was."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(f"kept by {ports.name}")
        payload, valid, ready = (ports[f"entries_{part}"] for part in ("payload", "valid", "ready"))
        self.waited = self.line("waited", valid & ~ready, 1)[-1]
        self.before = self.line("entry", payload, 1, first=None)[-1]
        #: An entry stays until it is taken.
        self.holds = z3.Implies(self.waited == 1, z3.And(valid == 1, payload == self.before))


class QueueGhosts:
    """``entries``: number → what was pushed under it; ``pushed`` and ``popped`` count modulo a
    power of two; ``waited``: for how many cycles an entry has not been shown."""

    def __init__(self, core: CoreParams, ports: Ports) -> None:
        bits = address_bits(core.words) + 1
        entry, taken = ports["entry"], high(ports["entries_valid"], ports["entries_ready"])
        self.pushed, self.popped = z3.BitVecs("queue:pushed queue:popped", bits)
        self.entries = z3.Array("queue:entries", z3.BitVecSort(bits), entry.sort())
        self.waited = z3.BitVec("queue:waited", 2)
        self.held = self.pushed - self.popped
        push = ports["push"] == 1
        waits = z3.And(self.held != 0, ports["entries_valid"] == 0)
        stored = z3.Store(self.entries, self.pushed, entry)
        self.ghosts: dict[Any, tuple[int | None, Any]] = {
            self.pushed: (0, self.pushed + z3.If(push, z3.BitVecVal(1, bits), 0)),
            self.popped: (0, self.popped + z3.If(taken, z3.BitVecVal(1, bits), 0)),
            self.entries: (None, z3.If(push, stored, self.entries)),
            self.waited: (0, z3.If(waits, self.waited + 1, z3.BitVecVal(0, 2))),
        }

    def inside(self, entry: Any) -> Any:
        """Whether the entry of this number was pushed and not taken."""
        return z3.ULT(entry - self.popped, self.held)


#: For how many cycles the first entry of a queue that was empty is not shown.
QUEUE_CYCLES = 2


def queue_contract(core: CoreParams, ports: Ports) -> tuple[Contract, QueueGhosts]:
    """Entries come out as they were pushed, in order, each once, and soon."""
    g = QueueGhosts(core, ports)
    kept = Kept(ports)
    valid = ports["entries_valid"] == 1
    gives = {
        "an entry stays": kept.holds,
        "no entry invented": z3.Implies(valid, g.held != 0),
        "entries in order": z3.Implies(
            valid, ports["entries_payload"] == z3.Select(g.entries, g.popped)
        ),
        "entries in time": z3.Implies(
            z3.And(g.held != 0, z3.Not(valid)), z3.ULT(g.waited, QUEUE_CYCLES)
        ),
    }
    takes = {"room": z3.Implies(ports["push"] == 1, z3.ULT(g.held, core.words))}
    return Contract(ghosts={**g.ghosts, **kept.ghosts}, gives=gives, takes=takes), g


class EmitterGhosts:
    """A reference: ``sent`` lanes of the entry; the event at the output (``valid``, ``tick``,
    ``address``) and how often it is ``left`` to be sent again."""

    def __init__(self, core: CoreParams, ports: Ports) -> None:
        lanes, bits = core.lanes, core.neuron.spike_bits
        self.kept = Kept(ports)
        self.entry = fields(ports["entries_payload"], entry_layout(core))
        address = core.out_address_bits
        self.sent = z3.BitVec("emitter:sent", lanes)
        self.valid, self.tick = z3.BitVecs("emitter:valid emitter:tick", 1)
        self.address = z3.BitVec("emitter:address", address)
        self.left = z3.BitVec("emitter:left", bits)
        self.counts = lanes_of(self.entry["spikes"], lanes)
        sent = [golden.lane(self.sent, lane, 1) for lane in range(lanes)]
        self.owed = [z3.And(c != 0, s == 0) for c, s in zip(self.counts, sent, strict=True)]
        self.last = self.entry["last"] == 1
        # The lowest lane that is owed; one that is owed behind it, or the TICK, keeps the entry.
        below: Any = z3.BoolVal(False)
        first, more = [], []
        for owed in self.owed:
            first.append(z3.And(owed, z3.Not(below)))
            more.append(z3.And(owed, below))
            below = z3.Or(below, owed)
        self.spike, self.first = below, first
        self.more = z3.Or(any_of(more), z3.And(below, self.last))
        ready = ports["events_out_ready"] == 1
        again = self.left != 0
        self.moves = z3.Or(self.valid == 0, z3.And(ready, z3.Not(again)))
        self.takes = z3.And(ports["entries_valid"] == 1, self.moves)
        self.done = z3.And(self.takes, z3.Not(self.more), self.last)
        width = max(address, self.entry["word"].size() + lanes.bit_length()) + 1
        base = number(self.entry["word"], width) * lanes
        at, count = z3.BitVecVal(0, width), z3.BitVecVal(1, bits)
        for lane in reversed(range(lanes)):
            at = z3.If(first[lane], base + lane, at)
            count = z3.If(first[lane], self.counts[lane], count)
        onehot = packed([bit(condition) for condition in first])
        repeated = z3.And(self.valid == 1, ready, again)
        self.ghosts: dict[Any, tuple[int | None, Any]] = {
            self.sent: (0, z3.If(self.takes, z3.If(self.more, self.sent | onehot, 0), self.sent)),
            self.valid: (0, z3.If(self.moves, ports["entries_valid"], self.valid)),
            self.tick: (0, z3.If(self.takes, bit(z3.Not(self.spike)), self.tick)),
            self.address: (0, z3.If(self.takes, z3.Extract(address - 1, 0, at), self.address)),
            self.left: (0, z3.If(self.takes, count - 1,
                                 z3.If(repeated, self.left - 1, self.left))),
        }  # fmt: skip


def emitter_contract(core: CoreParams, ports: Ports) -> tuple[Contract, EmitterGhosts]:
    """Of an entry each lane that fired is sent, lowest first, as often as it fired, then of the
    last entry the TICK; one event in each cycle in which the output can take one."""
    g = EmitterGhosts(core, ports)
    out = fields(ports["events_out_payload"], event_layout(core.out_address_bits))
    shown = ports["events_out_valid"]
    gives = {
        "event out": shown == g.valid,
        "TICK out": z3.Implies(shown == 1, out["tick"] == g.tick),
        "address out": z3.Implies(shown == 1, out["address"] == g.address),
        "entry taken": ports["entries_ready"] == bit(z3.And(g.moves, z3.Not(g.more))),
        "done": ports["done"] == bit(g.done),
    }
    takes = {
        "an entry stays": g.kept.holds,
        "an entry of events": z3.Implies(
            ports["entries_valid"] == 1, z3.Or(g.last, g.entry["spikes"] != 0)
        )
    }
    return Contract(ghosts={**g.ghosts, **g.kept.ghosts}, gives=gives, takes=takes), g


# --- counters -----------------------------------------------------------------------------------


def ones(word: Any, core: CoreParams, width: int = COUNTER_BITS) -> Any:
    """How many lanes of a word of flags are set."""
    flags = [number(flag, width) for flag in lanes_of(word, core.lanes)]
    return sum(flags[1:], start=flags[0])


class CountersGhosts(Delays):
    """The flags some cycles before."""

    def __init__(self, ports: Ports) -> None:
        super().__init__("counters")
        self.unknown = self.line("unknown", ports["unknown"], 1)
        self.clipped = self.line("clipped", ports["clipped"], 2)


def counters_contract(core: CoreParams, ports: Ports) -> tuple[Contract, CountersGhosts]:
    """``dropped`` counts 2 cycles after ``unknown``, ``saturated`` 3 cycles after ``clipped``."""
    g = CountersGhosts(ports)
    drops, clips = z3.BitVecs("counters:dropped counters:saturated", COUNTER_BITS)
    g.ghosts[drops] = (0, drops + number(g.unknown[1], COUNTER_BITS))
    g.ghosts[clips] = (0, clips + ones(g.clipped[2], core))
    gives = {"dropped": ports["dropped"] == drops, "saturated": ports["saturated"] == clips}
    return Contract(ghosts=g.ghosts, gives=gives), g
