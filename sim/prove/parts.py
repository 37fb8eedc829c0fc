"""The contracts of a core's parts: what each takes and gives, by its ports and ghosts alone.

Each function describes a part once, for :mod:`fxlif.sim.prove.contract`, where it is proved, and
for :mod:`fxlif.sim.prove.composition`, where it stands in the part's place. ``word`` is any word of
the population, the same for all; ``after`` is the value of a ghost one cycle later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...cycles.latency import COUNTER_BITS, AnyCore
from ...cycles.pipeline import INTEGRATION_STAGES, write_distance
from ...hdl.core.layouts import (
    entry_layout,
    operation_layout,
    read_layout,
    write_layout,
    written_layout,
)
from ...hdl.events import event_layout
from ...params.core import address_bits
from ..tools.solver import conjunction, z3
from . import golden
from .contract import Contract, Delays, Ports, any_of, bit, high, number, unpacked
from .netlist import Netlist

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


def written_now(net: Netlist, core: AnyCore) -> Any:
    """Whether something of the core is written at the next clock edge."""
    write = unpacked(net["access_write"], write_layout(core))
    return any_of([write[name] == 1 for name in core.writable])


def reads_thresholds(core: AnyCore) -> bool:
    """Whether the step has its threshold at a port: where neurons have their own, or it can be
    written."""
    return core.v_thresholds is not None or "thresholds" in core.writable


def any_word(core: AnyCore) -> tuple[Any, Any]:
    """The number of any word, and the condition that it is one."""
    width = max(2, core.words)
    word = z3.BitVec("word", (width - 1).bit_length())
    return word, z3.ULE(word, core.words - 1)


def golden_add(core: AnyCore) -> Add:
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


# --- weights ------------------------------------------------------------------------------------


class RomGhosts(Delays):
    """``addresses[i]``: what was asked for i cycles before; ``asked[i]``: out of a reset, and
    nothing was written."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports.name)
        self.addresses = self.line("address", ports["address"], REGISTER, first=None)
        still = bit(ports["write"] == 0) if "write" in ports else z3.BitVecVal(1, 1)
        self.asked = self.line("out of reset", still, REGISTER)


def rom_contract(ports: Ports, content: Callable[[Any], Any]) -> tuple[Contract, RomGhosts]:
    """``data`` is what lies at the ``address`` of two cycles before."""
    g = RomGhosts(ports)
    data = ports["data"] == content(g.addresses[REGISTER])
    return Contract(ghosts=g.ghosts, gives={"data": z3.Implies(high(*g.asked[1:]), data)}), g


# --- totals -------------------------------------------------------------------------------------


class TotalsGhosts(Delays):
    """``here[i]``: ``word`` was issued i cycles before, to be added to (``adds[i]``) or not.

    ``sum`` is what its accumulators hold once the words in stage ``sum`` are written, ``known``
    from its first clearing on.
    """

    def __init__(self, core: AnyCore, ports: Ports, add: Add) -> None:
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


def totals_contract(core: AnyCore, ports: Ports, add: Add) -> tuple[Contract, TotalsGhosts]:
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


def counted(core: AnyCore, word: dict[str, Any]) -> dict[str, Any]:
    """Of the events of a word, its TICK among them: whether there are some, one, or one and a
    TICK."""
    fired = packed([bit(count != 0) for count in lanes_of(word["spikes"], core.lanes)])
    spike, one, tick = fired != 0, fired & (fired - 1) == 0, word["last"] == 1
    return {
        "some": z3.Or(spike, tick),
        "one": z3.And(one, z3.Not(z3.And(spike, tick))),
        "one_and_tick": z3.And(one, spike, tick),
    }


def is_told(core: AnyCore, word: dict[str, Any]) -> Any:
    """What a word says of its events is so."""
    facts = counted(core, word).items()
    return conjunction([word[name] == bit(fact) for name, fact in facts if name in word])


class NeuronsGhosts(Delays):
    """``updates[i]``, ``clears[i]``, ``words[i]``: what was issued i cycles before. Where events
    act one by one, ``adds[i]`` and ``begins[i]`` too; where the state can be read ``reads[i]`` and
    ``read_words[i]``."""

    def __init__(self, core: AnyCore, ports: Ports) -> None:
        super().__init__("neurons")
        self.word, self.is_word = any_word(core)
        self.end = write_distance(core.neuron)
        op = self.operation = ports.fields("operation", operation_layout(core))
        self.updates = self.line("update", op["update"], self.end)
        self.clears = self.line("clear", op["clear"], self.end)
        self.words = self.line("word", op["word"], self.end, first=None)
        self.reads = self.read_words = [z3.BitVecVal(0, 1)]
        if core.readable:
            read = ports.fields("read", read_layout(core))
            self.reads = self.line("read", read["valid"], 2)
            self.read_words = self.line("read word", read["word"], 2, first=None)
        self.adds: list[Any] = []
        if core.neuron.per_event:
            self.adds = self.line("add", op["add"], self.end)
            self.begins = self.line("begins", op["begins"], self.end, first=None)

    def used(self, before: int) -> Any:
        """Some word was issued so many cycles before, to take the step, or a part of it, or to be
        cleared."""
        lines = (self.updates, self.clears, *([self.adds] if self.adds else []))
        return z3.Or(*(line[before] == 1 for line in lines))

    def under_way(self, before: int) -> Any:
        """Some word was issued so many cycles before, or earlier, and is not written back."""
        return any_of([self.used(cycle) for cycle in range(before, self.end + 1)])

    def issued(self, before: int) -> Any:
        """``word`` was so."""
        return z3.And(self.used(before), self.words[before] == self.word)

    def follows(self, before: int) -> Any:
        """Where events act one by one: a word behind the first one, issued so many cycles before,
        followed another of the same operation."""
        lines = (self.adds, self.updates, self.begins)
        same = [line[before] == line[before + 1] for line in lines]
        behind = z3.And(*same, self.words[before] == self.words[before + 1] + 1)
        stepped = z3.Or(self.adds[before] == 1, self.updates[before] == 1)
        return z3.Implies(z3.And(stepped, self.words[before] != 0), behind)


def neurons_contract(core: AnyCore, ports: Ports) -> tuple[Contract, NeuronsGhosts]:
    """When a word shows at ``written``; what, is said by
    :func:`fxlif.sim.prove.alone.stepped_contract`."""
    g = NeuronsGhosts(core, ports)
    written = ports.fields("written", written_layout(core))
    valid, last = written["valid"], bit(g.words[g.end] == core.words - 1)
    gives = {
        "written in time": valid == g.updates[g.end],
        "written word": z3.Implies(valid == 1, written["word"] == g.words[g.end]),
        "last word": z3.Implies(valid == 1, written["last"] == last),
        "events told": z3.Implies(valid == 1, is_told(core, written)),
        "cleared": ports["cleared"] == g.clears[g.end] & last,
    }
    meets = any_of([g.issued(before) for before in range(1, g.end + 1)])
    takes = {
        "one step at a time": z3.Implies(g.issued(0), z3.Not(meets)),
        "one operation": one_kind(g.operation),
        "a word": z3.Implies(g.used(0), z3.ULE(g.words[0], core.words - 1)),
    }
    if core.writable:
        strobe = written_now(ports.net, core)
        takes["written between two steps"] = z3.Implies(strobe, z3.Not(g.under_way(0)))
    if core.readable:
        takes["read between two steps"] = z3.Implies(g.reads[0] == 1, z3.Not(g.under_way(0)))
    if g.adds and core.neuron.random_bits:
        takes["words in order"] = g.follows(0)
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes, given=[g.is_word]), g


# --- queue and emitter --------------------------------------------------------------------------


class QueueGhosts(Delays):
    """``entries``: number → what was pushed under it; ``pushed`` and ``popped`` count modulo a
    power of two; ``waited``: for how many cycles an entry has not been shown."""

    def __init__(self, core: AnyCore, ports: Ports) -> None:
        super().__init__("queue")
        bits = address_bits(core.words) + 1
        entry, taken = ports["entry"], high(ports["entries_valid"], ports["entries_ready"])
        self.pushed, self.popped = z3.BitVecs("queue:pushed queue:popped", bits)
        self.entries = z3.Array("queue:entries", z3.BitVecSort(bits), entry.sort())
        self.waited = z3.BitVec("queue:waited", 2)
        self.held = self.pushed - self.popped
        push = ports["push"] == 1
        waits = z3.And(self.held != 0, ports["entries_valid"] == 0)
        stored = z3.Store(self.entries, self.pushed, entry)
        offered = ports["entries_valid"] & ~ports["entries_ready"]
        self.offered = self.line("offered", offered, 1)[-1]
        self.ghosts |= {
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


def queue_contract(core: AnyCore, ports: Ports) -> tuple[Contract, QueueGhosts]:
    """Entries come out as they were pushed, in order, each once, and soon."""
    g = QueueGhosts(core, ports)
    valid = ports["entries_valid"] == 1
    gives = {
        "an entry stays": z3.Implies(g.offered == 1, valid),
        "no entry invented": z3.Implies(valid, g.held != 0),
        "entries in order": z3.Implies(
            valid, ports["entries_payload"] == z3.Select(g.entries, g.popped)
        ),
        "entries in time": z3.Implies(
            z3.And(g.held != 0, z3.Not(valid)), z3.ULT(g.waited, QUEUE_CYCLES)
        ),
    }
    takes = {"room": z3.Implies(ports["push"] == 1, z3.ULT(g.held, core.words))}
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes), g


class EmitterGhosts:
    """A reference: of the entry at the output the lanes ``left`` to be sent, their ``counts``, and
    ``again``, how often the event that shows is to be sent again. A TICK shows where no lane is."""

    def __init__(self, core: AnyCore, ports: Ports) -> None:
        lanes, bits, self.lanes = core.lanes, core.spike_bits, core.lanes
        self.entry = unpacked(ports["entries_payload"], entry_layout(core))
        spikes, word = self.entry["spikes"], self.entry["word"]
        self.valid, self.last = z3.BitVecs("emitter:valid emitter:last", 1)
        self.left, self.again = z3.BitVec("emitter:left", lanes), z3.BitVec("emitter:again", bits)
        self.word = z3.BitVec("emitter:word", word.size())
        self.counts = z3.BitVec("emitter:counts", spikes.size())
        none = z3.BitVecVal(0, lanes)
        fired = packed([bit(count != 0) for count in lanes_of(spikes, lanes)])
        self.rest = self.left & (self.left - 1)
        #: Whether another event of this entry follows the one that shows.
        self.more = z3.Or(self.rest != none, z3.And(self.left != none, self.last == 1))
        ready = ports["events_out_ready"] == 1
        self.sends = z3.And(self.valid == 1, ready, self.again == 0)
        self.free = z3.Or(self.valid == 0, z3.And(self.sends, z3.Not(self.more)))
        self.takes = z3.And(ports["entries_valid"] == 1, self.free)
        self.done = z3.If(
            self.takes, high(self.entry["last"], self.entry["one"]),
            z3.And(self.sends, self.last == 1, self.left != none, self.rest == none),
        )  # fmt: skip

        def following(ghost: Any, taken: Any, sent: Any, otherwise: Any = None) -> Any:
            stays = ghost if otherwise is None else otherwise
            return z3.If(self.takes, taken, z3.If(self.sends, sent, stays))

        repeats = z3.And(self.valid == 1, ready, self.again != 0)
        ahead = z3.If(repeats, self.again - 1, self.again)
        self.ghosts: dict[Any, tuple[int | None, Any]] = {
            self.valid: (0, following(self.valid, z3.BitVecVal(1, 1), bit(self.more))),
            self.left: (0, following(self.left, fired, self.rest)),
            self.last: (0, following(self.last, self.entry["last"], self.last)),
            self.word: (None, following(self.word, word, self.word)),
            self.counts: (None, following(self.counts, spikes, self.counts)),
            self.again: (0, following(self.again, self._again(fired, spikes),
                                      self._again(self.rest, self.counts), ahead)),
        }  # fmt: skip

    def _again(self, lanes: Any, counts: Any) -> Any:
        """How often the lowest of some lanes is to be sent after the first time."""
        found = lanes_of(counts, self.lanes)
        return self.of_lowest(lanes, [count - 1 for count in found], found[0] & 0)

    @property
    def to_come(self) -> Any:
        """Whether the entry is the last, and its TICK does not show yet."""
        return z3.And(self.valid == 1, self.last == 1, self.left != 0)

    def cycles_left(self, n: Callable[[Any], Any]) -> Any:
        """Cycles of a ready output until the entry is sent, however often its lanes fired: an upper
        bound; ``n`` makes numbers of terms."""
        times = (1 << self.again.size()) - 1
        lanes = [n(lane) for lane in lanes_of(self.rest, self.lanes)]
        behind = sum(lanes[1:], start=lanes[0]) * times
        tick = z3.If(z3.And(self.left != 0, self.last == 1), n(1), n(0))
        return z3.If(self.valid == 1, n(self.again) + 1 + behind + tick, n(0))

    def of_lowest(self, lanes: Any, values: Sequence[Any], otherwise: Any) -> Any:
        """The value that belongs to the lowest of some lanes."""
        found = otherwise
        for number_, value in reversed(list(enumerate(values))):
            found = z3.If(golden.lane(lanes, number_, 1) == 1, value, found)
        return found


def emitter_contract(core: AnyCore, ports: Ports) -> tuple[Contract, EmitterGhosts]:
    """Of an entry each lane that fired is sent, lowest first, as often as it fired, then, of the
    last entry, the TICK; one event in each cycle in which the output takes one."""
    g = EmitterGhosts(core, ports)
    out = unpacked(ports["events_out_payload"], event_layout(core.out_address_bits))
    shown, tick = ports["events_out_valid"] == 1, g.left == 0
    size = out["address"].size()
    width = max(size, g.word.size() + core.lanes.bit_length())
    first = number(g.word, width) * core.lanes
    lanes = [first + lane for lane in range(core.lanes)]
    address = z3.Extract(size - 1, 0, g.of_lowest(g.left, lanes, z3.BitVecVal(0, width)))
    gives = {
        "event out": shown == (g.valid == 1),
        "TICK out": z3.Implies(shown, out["tick"] == bit(tick)),
        "address out": z3.Implies(shown, out["address"] == address),
        "entry taken": ports["entries_ready"] == bit(g.free),
        "done": ports["done"] == bit(g.done),
        "TICK of the last": z3.Implies(z3.And(g.valid == 1, tick), g.last == 1),
        "times": z3.Implies(z3.Or(g.valid == 0, tick), g.again == 0),
        "fired": conjunction(
            z3.Implies(golden.lane(g.left, lane, 1) == 1, count != 0)
            for lane, count in enumerate(lanes_of(g.counts, core.lanes))
        ),
    }
    takes = {
        "an entry of events": z3.Implies(
            ports["entries_valid"] == 1,
            z3.And(counted(core, g.entry)["some"], is_told(core, g.entry)),
        )
    }
    return Contract(ghosts=g.ghosts, gives=gives, takes=takes), g


# --- counters -----------------------------------------------------------------------------------


def ones(flags_of_lanes: Any, width: int = COUNTER_BITS) -> Any:
    """How many of some flags are set."""
    flags = [number(flag, width) for flag in lanes_of(flags_of_lanes, flags_of_lanes.size())]
    return sum(flags[1:], start=flags[0])


class CountersGhosts(Delays):
    """The flags some cycles before."""

    def __init__(self, ports: Ports) -> None:
        super().__init__("counters")
        self.unknown = self.line("unknown", ports["unknown"], 1)
        self.clipped = self.line("clipped", ports["clipped"], 2)


def counters_contract(core: AnyCore, ports: Ports) -> tuple[Contract, CountersGhosts]:
    """``dropped`` counts 2 cycles after ``unknown``, ``saturated`` 3 cycles after ``clipped``."""
    g = CountersGhosts(ports)
    drops, clips = z3.BitVecs("counters:dropped counters:saturated", COUNTER_BITS)
    g.ghosts[drops] = (0, drops + number(g.unknown[1], COUNTER_BITS))
    g.ghosts[clips] = (0, clips + ones(g.clipped[2]))
    gives = {"dropped": ports["dropped"] == drops, "saturated": ports["saturated"] == clips}
    return Contract(ghosts=g.ghosts, gives=gives), g
