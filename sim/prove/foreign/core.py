"""A mapped core's reference on bit-vectors: the golden core, and the answers that it owes.

It is :class:`~fxlif.sim.dut.reference.StreamReference`, for every input at once. Of the answers
that are owed it keeps those of some steps; that no more are owed is checked like all else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....params.core import CoreParams
from ....params.neuron import NeuronParams
from ....params.quantise import signed_bits
from ...dut.adapters.events import BREACHES
from ...dut.wrapper import COUNTERS
from ...tools.solver import z3
from ..golden import golden_current, golden_step, widen
from .machine import Machine, Numbers, same_states
from .neuron import narrowed
from .source import Source
from .streams import (
    NO_DEADLOCK,
    Streams,
    event_counts,
    keep_promises,
    no_breach,
    no_deadlock,
    streams_of,
)

#: The claim that is about the machine and not about the core: it keeps as many steps as are owed.
ROOM = "room for the steps that are owed"
#: The rules of the streams that do not follow from what comes out.
RULES = (NO_DEADLOCK, *BREACHES)


@dataclass(frozen=True)
class _Golden:
    """The golden core: the sum of each neuron, and its state variables."""

    sums: list[Any]
    states: list[Mapping[str, Any]]


def core_machine(
    source: Source, core: CoreParams, room: int = 2, *, rules: Collection[str] = (),
    history: bool = False,
) -> Machine:  # fmt: skip
    """The machine that holds a core to the golden one; it keeps the answers to ``room`` TICKs.

    ``rules``: those of :data:`RULES` to be claimed, too. ``history``: keep what the numbers were.
    """
    machine = Machine()
    seen = streams_of(machine, source)
    keep_promises(machine, source, seen, core)
    golden, counted = _golden(machine, source, seen, core)
    stepped, fired = _steps(core, golden)
    now = z3.And(seen.taken, seen.tick)
    _next_golden(machine, seen, core, golden, stepped)
    claims = _answers(machine, source, seen, core, room, now, fired)
    claims |= counted
    claims |= {name: claim for name, claim in no_breach(source).items() if name in rules}
    if NO_DEADLOCK in rules:
        owed = z3.Or(now, z3.Not(_nothing_owed(machine)))
        claims[NO_DEADLOCK] = no_deadlock(source, seen, owed)
    if "trace.valid" in source.job.interface.compared:
        claims |= _trace(machine, source, seen, core, room, now, stepped)
    if history:
        machine.numbers = _history(machine, source, seen, core, golden)
    machine.of_room = {name for name in claims if name.startswith(ROOM)}
    machine.claims = {name: z3.Implies(seen.live, claim) for name, claim in claims.items()}
    machine.meets = {
        "a spike is taken out": z3.And(seen.given, z3.Not(seen.tick_out)),
        "a TICK is taken out": z3.And(seen.given, seen.tick_out),
        "an answer has to wait": z3.And(seen.live, seen.valid, z3.Not(seen.given)),
    }
    if z3.is_false(z3.simplify(source["events_out.ready"] == 0)):  # each lasts one cycle
        del machine.meets["an answer has to wait"]
    return machine


def _initial(neuron: NeuronParams) -> dict[str, int]:
    return {name: (neuron.v_reset if name == "v" else 0) % (1 << bits)
            for name, bits in neuron.state_widths.items()}  # fmt: skip


def _golden(
    machine: Machine, source: Source, seen: Streams, core: CoreParams
) -> tuple[_Golden, dict[str, Any]]:
    """The registers of the golden core, and the claims about the counters that the map names."""
    first = _initial(core.neuron)
    golden = _Golden(
        [machine.register(f"sum {n}", core.accumulator_bits, 0) for n in range(core.n_neurons)],
        [{name: machine.register(f"{name} of {n}", bits, first[name])
          for name, bits in core.neuron.state_widths.items()} for n in range(core.n_neurons)],
    )  # fmt: skip
    spike = z3.And(seen.taken, z3.Not(seen.tick))
    known = _known_address(seen, core)
    clipped = [z3.And(known, over) for _, over in _added(seen, core, golden)]
    more = {"dropped": [z3.Not(known)], "saturated": clipped}
    at_rest = machine.register("events since the last TICK", 1, 0)
    machine.next[at_rest] = z3.If(
        z3.And(seen.live, z3.Or(spike, z3.And(at_rest == 1, z3.Not(seen.taken)))),
        z3.BitVecVal(1, 1), z3.BitVecVal(0, 1),
    )  # fmt: skip
    claims = {}
    for name in [each for each in COUNTERS if each in source.job.interface.compared]:
        shown = source[name]
        total = machine.register(name, shown.size(), 0)
        after = total
        for one in more[name]:
            after = z3.If(z3.And(spike, one, after + 1 != 0), after + 1, after)
        machine.next[total] = z3.If(seen.live, after, z3.BitVecVal(0, total.size()))
        # At rest, every event that came so far has been counted.
        claims[name] = z3.Implies(z3.And(at_rest == 0, _nothing_owed(machine)), shown == total)
    return golden, claims


def _nothing_owed(machine: Machine) -> Any:
    return machine.register("steps owed", 8) == 0


def _known_address(seen: Streams, core: CoreParams) -> Any:
    width = max(seen.address.size(), core.n_inputs.bit_length())
    return z3.ULT(widen(seen.address, width, signed=False), core.n_inputs)


def _added(seen: Streams, core: CoreParams, golden: _Golden) -> list[tuple[Any, Any]]:
    """Of each neuron: its sum with the weight of the event, and whether that saturated."""
    bits = core.accumulator_bits
    wide = max(bits, core.neuron.weight_bits) + 2
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    found = []
    for n, total in enumerate(golden.sums):
        exact = widen(total, wide) + _weight(seen, core, n, wide)
        over, under = exact > high, exact < low
        kept = z3.If(over, z3.BitVecVal(high, wide), z3.If(under, z3.BitVecVal(low, wide), exact))
        found.append((z3.Extract(bits - 1, 0, kept), z3.Or(over, under)))
    return found


def _weight(seen: Streams, core: CoreParams, n: int, bits: int) -> Any:
    """The weight of neuron n for the event's address, or 0."""
    weight = z3.BitVecVal(0, bits)
    for k, each in enumerate(core.weights[:, n].tolist()):
        if k < 1 << seen.address.size():
            weight = z3.If(seen.address == k, z3.BitVecVal(each, bits), weight)
    return weight


def _steps(core: CoreParams, golden: _Golden) -> tuple[list[dict[str, Any]], Any]:
    """The state of each neuron after a step, and which of them fire, neuron 0 in bit 0."""
    after, fired = [], []
    for total, state, threshold in zip(golden.sums, golden.states, core.thresholds, strict=True):
        neuron = core.neuron.model_copy(update={"v_threshold": threshold})
        current = golden_current(total, core.weight_shift, neuron.bias)
        made = golden_step(neuron, state, current)
        after.append(narrowed(neuron, made))
        fired.append(z3.If(made.spikes, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)))
    word = fired[0] if len(fired) == 1 else z3.Concat(*reversed(fired))
    return after, word


def _next_golden(
    machine: Machine, seen: Streams, core: CoreParams, golden: _Golden,
    stepped: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    tick = z3.And(seen.taken, seen.tick)
    adds = z3.And(seen.taken, z3.Not(seen.tick), _known_address(seen, core))
    for total, (after, _) in zip(golden.sums, _added(seen, core, golden), strict=True):
        empty = z3.BitVecVal(0, total.size())
        kept = z3.If(tick, empty, z3.If(adds, after, total))
        machine.next[total] = z3.If(seen.live, kept, empty)
    first = _initial(core.neuron)
    for state, after in zip(golden.states, stepped, strict=True):
        for name, now in state.items():
            kept = z3.If(tick, after[name], now)
            machine.next[now] = z3.If(seen.live, kept, z3.BitVecVal(first[name], now.size()))


def _history(
    machine: Machine, source: Source, seen: Streams, core: CoreParams, golden: _Golden
) -> Numbers:
    """What the golden core's numbers were before the last event and the last step; and what is so
    of any of them, if no more events come than were promised."""
    first = _initial(core.neuron)
    before = _Golden(
        [machine.register(f"sum {n} before the step", total.size(), 0)
         for n, total in enumerate(golden.sums)],
        [{name: machine.register(f"{name} of {n} before the step", bits.size(), first[name])
          for name, bits in state.items()} for n, state in enumerate(golden.states)],
    )  # fmt: skip
    earlier = _Golden(
        [machine.register(f"sum {n} before the event", total.size(), 0)
         for n, total in enumerate(golden.sums)], [],
    )  # fmt: skip
    address = machine.register("address of the last event", seen.address.size(), 0)
    tick, event = z3.And(seen.taken, seen.tick), z3.And(seen.taken, z3.Not(seen.tick))
    machine.next[address] = z3.If(event, seen.address, address)
    for n, total in enumerate(golden.sums):
        machine.next[before.sums[n]] = z3.If(tick, total, before.sums[n])
        machine.next[earlier.sums[n]] = z3.If(event, total, earlier.sums[n])
        machine.next |= {was: z3.If(tick, golden.states[n][name], was)
                         for name, was in before.states[n].items()}  # fmt: skip
    parts = source.job.dut_map.core
    assert parts is not None
    if not parts.broken_promise:
        machine.given += _promised(seen, core, golden, event)
    stepped, fired = _steps(core, before)
    traced = "trace.valid" in source.job.interface.compared
    return Numbers(
        sums=golden.sums, states=golden.states, sums_before=before.sums,
        states_before=before.states, stepped=stepped,
        fired=[z3.Extract(n, n, fired) for n in range(core.n_neurons)], sums_event=earlier.sums,
        address=address, inputs=core.n_inputs,
        added=[made for made, _ in _added(seen._replace(address=address), core, earlier)],
        counts=[] if parts.broken_promise else event_counts(machine, core),
        weights=[[int(weight) for weight in column] for column in core.weights.T],
        past=[{name: machine.register(f"{name} of {n}, 0 before", bits.size())
               for name, bits in state.items() if traced}
              for n, state in enumerate(golden.states)],
        spikes=machine.register("spikes owed 0", core.n_neurons),
        legal=_legal(core, golden), ticks=tick, events=event,
    )  # fmt: skip


def _promised(seen: Streams, core: CoreParams, golden: _Golden, event: Any) -> list[Any]:
    """What the sums keep where no more events of an input come than were promised: each is between
    what all negative and what all positive weights come to, and stays there with an event more.
    Saturation keeps it too."""
    kept = []
    most = core.max_events_per_input
    for n, total in enumerate(golden.sums):
        weights = [int(weight) for weight in core.weights[:, n]]
        low, high = (most * sum(w for w in weights if w * sign > 0) for sign in (-1, 1))
        wide = max(total.size(), signed_bits(low, high), core.neuron.weight_bits) + 2
        exact = widen(total, wide)
        more = exact + _weight(seen, core, n, wide)
        kept.append(z3.And(exact >= low, exact <= high))
        kept.append(z3.Implies(event, z3.And(more >= low, more <= high)))
    return kept


def _legal(core: CoreParams, golden: _Golden) -> dict[str, Any]:
    neuron, found = core.neuron, {}
    for n, state in enumerate(golden.states):
        if neuron.v_floor is not None:
            found[f"v of {n} is not below its floor"] = state["v"] >= min(
                neuron.v_floor, neuron.v_reset)  # fmt: skip
        if neuron.refractory_bits:
            found[f"refractory of {n} is not above its period"] = z3.ULE(
                state["refractory"], neuron.refractory)  # fmt: skip
    return found


def _answers(
    machine: Machine, source: Source, seen: Streams, core: CoreParams, room: int, now: Any,
    fired: Any,
) -> dict[str, Any]:  # fmt: skip
    """The claims about what comes out: the answer to a TICK comes in its cycle or later."""
    n = core.n_neurons
    none, zero = z3.BitVecVal(0, n), z3.BitVecVal(0, 8)
    count = machine.register("steps owed", 8, 0)
    kept = [machine.register(f"spikes owed {k}", n, 0) for k in range(room)]
    slots = [z3.If(z3.And(now, count == k), fired, slot) for k, slot in enumerate(kept)]
    owed = z3.If(now, count + 1, count)
    head = slots[0]
    ends = head == 0
    width = max(seen.address_out.size(), n.bit_length())
    lowest = z3.BitVecVal(0, width)
    for k in reversed(range(n)):
        lowest = z3.If(z3.Extract(k, k, head) == 1, z3.BitVecVal(k, width), lowest)
    stalled = machine.register("stalled", 1, 0)
    pops = z3.And(seen.given, ends)
    less = [z3.If(seen.given, head & (head - 1), head), *slots[1:]]
    after = [z3.If(pops, later, word)
             for word, later in zip(less, [*slots[1:], none], strict=True)]  # fmt: skip
    machine.next |= {
        slot: z3.If(seen.live, word, none) for slot, word in zip(kept, after, strict=True)
    }
    machine.next[count] = z3.If(seen.live, z3.If(pops, owed - 1, owed), zero)
    machine.next[stalled] = z3.If(
        z3.And(seen.live, seen.valid, z3.Not(seen.given)), z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)
    )
    shows = z3.And(seen.valid, owed != 0)
    address = widen(seen.address_out, width, signed=False)
    return {
        ROOM: z3.ULE(owed, room),
        "events_out.valid": z3.And(
            z3.Implies(owed == 0, z3.Not(seen.valid)), z3.Implies(stalled == 1, seen.valid)
        ),
        "events_out.payload.tick": z3.Implies(shows, seen.tick_out == ends),
        "events_out.payload.address": z3.Implies(
            z3.And(shows, z3.Not(ends)), z3.Or(seen.tick_out, address == lowest)
        ),
    }  # fmt: skip


def _trace(
    machine: Machine, source: Source, seen: Streams, core: CoreParams, room: int, now: Any,
    stepped: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """The claims about a trace: it shows each state of each neuron once."""
    first = _initial(core.neuron)
    shows, index = source["trace.valid"] == 1, source["trace.index"]
    width = max(index.size(), core.n_neurons.bit_length())
    index = widen(index, width, signed=False)
    right: dict[str, list[Any]] = {}
    expected = []
    for n, after in enumerate(stepped):
        past = [
            {name: machine.register(f"{name} of {n}, {k} before", bits, first[name])
             for name, bits in core.neuron.state_widths.items()}
            for k in range(room)
        ]  # fmt: skip
        waits = machine.register(f"states of {n} to show", 8, 0)
        due = z3.If(now, waits + 1, waits)
        here = z3.And(shows, index == n)
        expected.append(z3.Implies(here, due != 0))
        newest = [after, *past[:-1]]
        states = [{name: z3.If(now, new[name], old[name]) for name in old}
                  for new, old in zip(newest, past, strict=True)]  # fmt: skip
        for name in after:
            value = states[0][name]
            for k in range(1, room):
                value = z3.If(due == k + 1, states[k][name], value)
            for shown, equal in same_states(source, "trace", {name: value}).items():
                right.setdefault(shown, []).append(z3.Implies(z3.And(here, due != 0), equal))
        for old, new in zip(past, states, strict=True):
            machine.next |= {
                bits: z3.If(seen.live, new[name], z3.BitVecVal(first[name], bits.size()))
                for name, bits in old.items()
            }
        left = z3.If(here, due - 1, due)
        machine.next[waits] = z3.If(seen.live, left, z3.BitVecVal(0, 8))
        right.setdefault(ROOM, []).append(z3.ULE(due, room))
    of_trace = right.pop(ROOM)
    inside = z3.Implies(shows, z3.ULT(index, core.n_neurons))
    return {
        "trace.valid": z3.And(inside, *expected),
        **{name: z3.And(*each, z3.BoolVal(True)) for name, each in right.items()},
        f"{ROOM} of the trace": z3.And(*of_trace, z3.BoolVal(True)),
    }
