"""What ties the registers of each part to the ghosts of its contract, and its proof alone."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ...cycles.access import registers_of
from ...cycles.latency import COUNTER_BITS, AnyCore
from ...cycles.pipeline import neuron_stages
from ...cycles.signals import step_name
from ...errors import FxlifError
from ...hdl.core.counters import LANES_COUNTED
from ...hdl.core.layouts import written_layout
from ...hdl.operations import acts_early
from ...params.core import CoreParams
from ..tools.solver import z3
from . import golden
from .access.registers import first_state, held
from .contract import Contract, Delays, Part, Ports, any_of, bit, high, number
from .netlist import Netlist, label
from .parts import (
    REGISTER,
    NeuronsGhosts,
    counters_contract,
    emitter_contract,
    golden_add,
    is_told,
    lanes_of,
    neurons_contract,
    ones,
    packed,
    queue_contract,
    reads_thresholds,
    rom_contract,
    totals_contract,
)
from .turns.neurons import ActingOfStep, DrawsOfStep, SpikesOfStep, into_the_part, parts_of_step


def totals_part(net: Netlist, core: CoreParams) -> Part:
    """The sums of any word are in its memory, but for those on their way through the adder."""
    p = Ports(net, "totals")
    contract, g = totals_contract(core, p, golden_add(core))
    memory = p.memory
    written = z3.Select(net.next[memory], g.word)
    total = p["total"]
    answer = net.next[total]
    invariants: dict[str, Any] = {
        "in memory": z3.Implies(
            g.known == 1,
            z3.If(g.here[-1] == 1, written, z3.Select(memory, g.word)) == g.sum,
        ),
        "read": z3.Implies(high(g.here[REGISTER - 1], g.known), answer == g.sum),
        "shown": z3.Implies(high(g.here[REGISTER], g.known), total == g.sum),
    }
    pairs = combinations(g.here[1:], 2)
    invariants["one at a time"] = z3.And(*(z3.Not(high(a, b)) for a, b in pairs))
    for cycle, name in enumerate(("used_1", "used_2", "used_3"), start=1):
        used, word = p[name] == 1, p[f"word_{cycle}"] == g.word
        invariants[f"issued {cycle} before"] = z3.And(used, word) == (g.here[cycle] == 1)
    for cycle, name in enumerate(("add_1", "add_2"), start=1):
        invariants[f"added {cycle} before"] = p[name] == g.adds[cycle]
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)


def rom_word(net: Netlist, instance: str, name: str, address: Any) -> Any:
    """What the slices of a memory of constants hold at an address, whatever that is."""
    found, start = None, 0
    for prefix in banks_in(net, instance, name):
        slices: list[Any] = []
        while f"{prefix}_{len(slices)}.words" in net:
            memory = net[f"{prefix}_{len(slices)}.words"]
            size = memory.sort().domain().size()
            slices.append(z3.Select(memory, z3.Extract(size - 1, 0, address)))
        if not slices:
            raise FxlifError(f"{instance}: no memory {prefix}_0 in the Verilog", key=instance)
        word = packed(slices)
        found = word if found is None else z3.If(z3.UGE(address, start), word, found)
        # All banks but the last are a power of two long.
        start += 1 << size
    return found


def banks_in(net: Netlist, instance: str, name: str) -> list[str]:
    """What the names of the slices of each bank of a memory of constants begin with."""
    banks: list[str] = []
    while f"{instance}.{name}_{len(banks)}_0.words" in net:
        banks.append(f"{instance}.{name}_{len(banks)}")
    return banks or [f"{instance}.{name}"]


def weights_part(net: Netlist, core: CoreParams) -> Part:
    """The memory of the weights, whatever it holds."""
    p = Ports(net, "weights")

    def content(address: Any) -> Any:
        return rom_word(net, p.instance, "weights", address)

    contract, g = rom_contract(p, content)
    data = p["data"]
    later = z3.substitute(data, *[(r, n) for r, n in net.next.items() if p.owns(r)])
    invariants = {"read": z3.Implies(g.asked[1] == 1, later == content(g.addresses[1]))}
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)


class StepGhosts(Delays):
    """What the steps of the lanes make of ``word``: ``state``, its golden state, ``known`` from its
    first clearing on.

    A step is a function of what goes into it, of which nothing is known here: the theorems hold for
    any, and :mod:`fxlif.sim.prove.step` proves by itself that it is the golden one. ``made[i]`` are
    its results for what went in i cycles before, (next state, spikes) of each lane.
    """

    def __init__(self, core: AnyCore, ports: Ports, g: NeuronsGhosts) -> None:
        super().__init__("steps")
        neuron, self.core = core.neuron, core
        self.stages = len(neuron_stages(neuron))
        self.inputs = ["state", "current"]
        self.inputs += ["threshold_mantissa"] * reads_thresholds(core)
        self.inputs += ["random"] * bool(neuron.random_bits)
        self.inputs += [name for name in registers_of(core) if step_name(0, name) in ports]
        self.outputs = ["next_state", "spike"]
        if neuron.per_event:
            # Where nothing is done before the first event, there is no port for it.
            self.inputs += ["begins"] * (step_name(0, "begins") in ports) + ["ends"]
            self.inputs += ["acted"] * acts_early(neuron)
            self.outputs += ["acts"] * acts_early(neuron)
        self.made: list[list[tuple[Any, ...]]] = [[] for _ in range(self.stages + 1)]
        for lane in range(core.lanes):
            taken = [ports[step_name(lane, port)] for port in self.inputs]
            lines = []
            for output in self.outputs:
                size = ports[step_name(lane, output)].sort()
                function = z3.Function(f"golden {output}", *(t.sort() for t in taken), size)
                lines.append(self.line(f"{output} {lane}", function(*taken), self.stages, None))
            for before, results in enumerate(zip(*lines, strict=True)):
                self.made[before].append(results)
        self.state = z3.BitVec("steps: state", core.lanes * sum(neuron.state_widths.values()))
        self.known = z3.BitVec("steps: known", 1)
        first = first_state(core, ports)
        stepped, cleared = high(g.updates[g.end]), high(g.clears[g.end])
        if g.adds:
            stepped = z3.Or(stepped, high(g.adds[g.end]))
        here = g.words[g.end] == g.word
        result = z3.If(stepped, self.states, z3.If(cleared, first, self.state))
        self.ghosts[self.state] = (None, z3.If(here, result, self.state))
        self.ghosts[self.known] = (0, self.known | bit(z3.And(here, cleared)))

    @property
    def states(self) -> Any:
        """What is written back now, if a word took the step."""
        return packed([state for state, *_ in self.made[self.stages]])

    def spikes(self, word: Any) -> Any:
        """What fires now; a lane that only fills up the last word never does."""
        core, found = self.core, []
        for lane, (_, spike, *_) in enumerate(self.made[self.stages]):
            filler = (core.words - 1) * core.lanes + lane >= core.n_neurons
            silent = z3.If(word == core.words - 1, spike & 0, spike)
            found.append(silent if filler else spike)
        return packed(found)


def stepped_contract(
    core: AnyCore, ports: Ports, g: NeuronsGhosts, draws: Any = None, mantissas: Any = None,
    draws_taken: Any = True,
) -> tuple[Contract, StepGhosts]:  # fmt: skip
    """What goes into the step of ``word`` is its state, the golden current of what ``total`` shows
    in stage ``register``, its thresholds and draws; what comes out is shown at ``written``, and is
    its state from then on.

    ``draws`` and ``mantissas`` are those of the word, of each lane, where the step takes them, the
    draws where they are ``draws_taken``. Where events act one by one each takes its part of the
    step, with the weights of its row at ``total``.
    """
    s = StepGhosts(core, ports, g)
    written = ports.fields("written", written_layout(core))
    ends = g.updates[REGISTER] == 1
    stepped = z3.Or(ends, g.adds[REGISTER] == 1) if g.adds else ends
    enters = z3.And(stepped, g.words[REGISTER] == g.word, s.known == 1)
    states, totals = (lanes_of(word, core.lanes) for word in (s.state, ports["total"]))
    # The sums of a core of rows come shifted, since each of its accumulators has its own shift.
    shift = core.weight_shift if isinstance(core, CoreParams) else 0
    gives, steps = {}, []
    for lane in range(core.lanes):

        def port(name: str, lane: int = lane) -> Any:
            return ports[step_name(lane, name)]

        current = golden.golden_current(totals[lane], shift, 0)
        if g.adds:  # nothing arrives with the end of a step
            current = z3.If(ends, current & 0, current)
        width = max(current.size(), port("current").size())
        wanted = [port("state") == states[lane],
                  golden.widen(port("current"), width) == golden.widen(current, width)]  # fmt: skip
        if mantissas is not None:
            wanted.append(port("threshold_mantissa") == mantissas[lane])
        wanted += [port(name) == ports[name] for name in registers_of(core) if name in s.inputs]
        if draws is not None:
            wanted.append(z3.Implies(draws_taken, port("random") == draws[lane]))
        if g.adds:
            wanted += into_the_part(ports, g, lane)
        gives[f"into the step of lane {lane}"] = z3.Implies(enters, z3.And(*wanted))
        made = s.made[s.stages - 1][lane]
        steps += [port(name) == value for name, value in zip(s.outputs, made, strict=True)]
    valid = written["valid"] == 1
    gives["write-back of the step"] = z3.Implies(valid, written["state"] == s.states)
    if core.neuron.fire_on == "step":
        spikes = written["spikes"] == s.spikes(g.words[g.end])
        gives["spikes of the step"] = z3.Implies(valid, spikes)
    return Contract(ghosts=s.ghosts, gives=gives, given=steps), s


def neurons_part(net: Netlist, core: AnyCore) -> Part:
    """The state of any word is in its memory, but for the step on its way."""
    p = Ports(net, "neurons")
    contract, g = neurons_contract(core, p)
    neuron, extra = core.neuron, dict[str, Any]()
    ghosts: dict[Any, tuple[int | None, Any]] = {}
    draws = mantissas = None
    taken: Any = True
    if core.v_thresholds is not None:
        rom = Ports(net, f"{p.instance}.thresholds")
        word = rom_word(net, rom.instance, "thresholds", g.word)
        mantissas = lanes_of(word, core.lanes)
        answer = net.next[net.register(f"{rom.instance}.data")]
        extra["thresholds read"] = z3.Implies(g.issued(1), answer == word)
        extra["thresholds shown"] = z3.Implies(g.issued(2), rom["data"] == word)
    elif reads_thresholds(core):
        mantissas = [p["threshold"]] * core.lanes
    if neuron.random_bits:
        lfsr, real = neuron.lfsr, (core.n_neurons - 1) % core.lanes + 1
        draw = z3.BitVec("neurons: draw", lfsr.bits)
        count = z3.If(g.words[REGISTER] == core.words - 1, golden.shifted(lfsr, draw, real),
                      golden.shifted(lfsr, draw, core.lanes))  # fmt: skip
        ghosts[draw] = (lfsr.seed, z3.If(g.updates[REGISTER] == 1, count, draw))
        if g.adds:
            of_step = DrawsOfStep(core, p, g, draw, count)
            ghosts, taken = of_step.ghosts, of_step.takes
            extra |= of_step.invariants
        draws = [golden.shifted(lfsr, draw, lane) for lane in range(core.lanes)]
        shown = lanes_of(Ports(net, f"{p.instance}.draws")["draws"], core.lanes)
        extra |= {f"draw of lane {lane}": shown[lane] == draws[lane] for lane in range(core.lanes)}
    stepped, s = stepped_contract(core, p, g, draws, mantissas, taken)
    written = p.fields("written", written_layout(core))
    gives = {**contract.gives, **stepped.gives}
    if g.adds:
        extra |= parts_of_step(core, p, g)
    if core.neuron.fire_on == "event":
        spikes = SpikesOfStep(net, core, p, g, s.spikes(g.words[g.end]))
        ghosts, extra = ghosts | spikes.ghosts, extra | spikes.invariants
        gives["spikes of the step"] = extra["fired"] = spikes.shown(written["spikes"])
    else:
        fired = written["spikes"] == s.spikes(g.words[g.end])
        extra["fired"] = z3.Implies(g.updates[g.end] == 1, fired)
    if acts_early(neuron):
        acting = ActingOfStep(net, core, p, g, packed([made for *_, made in s.made[s.stages]]))
        ghosts, extra = ghosts | acting.ghosts, extra | acting.invariants
        enters = z3.And(g.issued(REGISTER), g.clears[REGISTER] == 0)
        for lane in range(core.lanes):
            acted = acting.given(p[step_name(lane, "acted")], lane, core.lanes)
            gives[f"acting in lane {lane}"] = z3.Implies(enters, acted)
    registers = held(core, p, g)
    gives |= registers.gives
    whole = Contract(
        ghosts={**contract.ghosts, **stepped.ghosts, **ghosts, **registers.ghosts},
        takes=contract.takes,
        gives=gives, given=[*contract.given, *stepped.given],
    )  # fmt: skip
    memory, end = p["states"], g.end
    takes_step = any_of([line[end] == 1 for line in (g.updates, g.adds) if line])
    known = s.known == 1
    first = first_state(core, p)
    answered = net.next[net.register(f"{p.instance}.state")]
    invariants = {
        "in memory": z3.Implies(known, z3.Select(memory, g.word) == s.state),
        "read": z3.Implies(z3.And(known, g.issued(1)), answered == s.state),
        "entered": z3.Implies(z3.And(known, g.issued(2)), p["state"] == s.state),
        "stepped": z3.Implies(takes_step, written["state"] == s.states),
        "cleared": z3.Implies(g.clears[end] == 1, written["state"] == first),
        "last": z3.Implies(
            g.used(end),
            p["last"] == bit(g.words[end] == core.words - 1),
        ),
        "last a cycle before": z3.Implies(
            g.used(end - 1),
            p["is_last"] == bit(g.words[end - 1] == core.words - 1),
        ),
        "told": z3.Implies(g.updates[end] == 1, is_told(core, written)),
        "one at a time": z3.And(*(z3.Not(z3.And(g.issued(a), g.issued(b)))
                                  for a, b in combinations(range(1, end + 1), 2))),
        **extra,
    }  # fmt: skip
    if core.readable:
        gives["state read"] = z3.Implies(
            z3.And(g.reads[2] == 1, g.read_words[2] == g.word, known), p["state"] == s.state
        )
        for before in (1, 2):
            still = z3.Not(g.under_way(before))
            invariants[f"read {before} before"] = z3.Implies(g.reads[before] == 1, still)
        invariants["read for an answer"] = z3.Implies(
            z3.And(g.reads[1] == 1, g.read_words[1] == g.word, known), answered == s.state
        )
    for before in range(1, end + 1):
        invariants[f"{before} before"] = z3.And(
            p[f"update_{before}"] == g.updates[before], p[f"clear_{before}"] == g.clears[before],
            z3.Implies(g.used(before), p[f"word_{before}"] == g.words[before]),
            z3.Not(high(g.updates[before], g.clears[before])),
        )  # fmt: skip

    def owns(register: Any) -> bool:
        return p.owns(register) and not label(register).startswith(f"{p.instance}.step_")

    return Part(net=net, owns=owns, contract=whole, invariants=invariants)


def queue_part(net: Netlist, core: AnyCore) -> Part:
    """Entry n of the queue lies under the low bits of n, until it is fetched, then held."""
    p = Ports(net, "queue")
    contract, g = queue_contract(core, p)
    memory = p.memory
    read, index = net.read_data(label(memory)), z3.BitVec("index", g.pushed.size())
    fetched, held, popped = p["fetched"], p["held"], p["popped"]

    def counted(flag: Any) -> Any:
        return z3.ZeroExt(popped.size() - 1, flag)

    low = z3.Extract(memory.sort().domain().size() - 1, 0, index)
    waiting = z3.ULT(index - popped, g.pushed - popped)
    invariants = {
        "pushed": p["pushed"] == g.pushed,
        "following": p["following"] == popped + 1,
        "waiting": (p["waiting"] == 1) == (g.pushed != popped),
        "popped": popped == g.popped + counted(fetched) + counted(held),
        "room": z3.ULE(g.held, core.words),
        "no more than held": z3.ULE(counted(fetched) + counted(held), g.held),
        "fetched": z3.Implies(fetched == 1, read == z3.Select(g.entries, popped - 1)),
        "on its way": z3.And(
            z3.Implies(g.waited == 1, z3.Or(fetched == 1, held == 1)),
            z3.Implies(z3.UGT(g.waited, 1), held == 1),
        ),
    }
    of_each = {
        "in memory": z3.Implies(waiting, z3.Select(memory, low) == z3.Select(g.entries, index)),
    }
    return Part(
        net=net, owns=p.owns, contract=contract, invariants=invariants, of_each=of_each,
        places=[{index: popped}],
    )  # fmt: skip


def emitter_part(net: Netlist, core: AnyCore) -> Part:
    """The registers are those of the reference."""
    p = Ports(net, "emitter")
    contract, g = emitter_contract(core, p)
    several = core.spike_bits > 1
    tick = z3.And(g.valid == 1, g.left == 0)
    invariants = {
        "valid": p["valid"] == g.valid,
        "left": p["left"] == g.left,
        "only": z3.Implies(g.valid == 1, p["only"] == bit(z3.Not(g.more))),
        "a TICK next": z3.Implies(
            g.valid == 1,
            p["tick_next"] == bit(z3.And(g.last == 1, g.left != 0, g.rest == 0)),
        ),
        "again": g.again == (p["repeats"] if several else 0),
    }
    if core.neuron.fire_on == "event":  # these go down to 1
        again = g.again + 1 == p["repeats"] if several else g.again == 0
        invariants["again"] = z3.Implies(g.valid == 1, again)
    if "last" in p:  # of one lane the TICK is what follows
        invariants["last"] = p["last"] == g.last
    # With one word, its lanes may be all that an address is made of.
    if "word" in p:
        word = z3.If(tick, g.word & 0, g.word)
        invariants["word"] = z3.Implies(g.valid == 1, p["word"] == word)
    if several and "counts" in p:
        invariants["counts"] = z3.Implies(g.valid == 1, p["counts"] == g.counts)
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)


def counters_part(net: Netlist, core: AnyCore) -> Part:
    """The registers are those of the reference."""
    p = Ports(net, "counters")
    contract, g = counters_contract(core, p)
    invariants = {
        "unknown": p["was_unknown"] == g.unknown[1],
        **{
            f"clipped from lane {first}": number(p[f"clipped_{first}"], COUNTER_BITS)
            == ones(z3.Extract(min(first + LANES_COUNTED, core.lanes) - 1, first, g.clipped[1]))
            for first in range(0, core.lanes, LANES_COUNTED)
        },
        "count": number(p["count"], p["saturated"].size()) == ones(g.clipped[2]),
    }
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)
