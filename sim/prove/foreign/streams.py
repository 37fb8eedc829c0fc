"""The rules of a mapped core's streams, whatever its numbers are: a machine that counts TICKs.

Nothing is offered that no TICK asked for; what is offered stays as it is until it is taken; the
spikes of a step are neurons of the core, in ascending order, each once; every TICK is answered,
since a core that owes an answer, or is offered an event that it does not take, never stays in one
state. What the adapters tell of breaches of its protocol never comes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ....params.core import CoreParams
from ...dut.adapters.events import BREACHES
from ...tools.solver import z3
from ..golden import widen
from ..netlist import label
from .machine import Machine
from .source import Source

#: The claim that something always happens, by its name.
NO_DEADLOCK = "no deadlock"
#: What the registers that count the events of each input are called.
COUNTS = "events of input"
#: Bits of the number of TICKs that are not answered.
TICK_BITS = 16
#: Registers of so few bits may be the state of a control.
CONTROL_BITS = 4


class Streams(NamedTuple):
    """What happens on the streams of a core in a cycle, as conditions; addresses as bits.

    Nothing is ``taken`` or ``given`` in a reset. ``live``: not in a reset, and outputs mean
    something.
    """

    live: Any
    offered: Any
    taken: Any
    tick: Any
    address: Any
    valid: Any
    given: Any
    tick_out: Any
    address_out: Any


def streams_of(machine: Machine, source: Source) -> Streams:
    """The streams of a wrapped core, with what its inputs keep: an event that is offered stays
    until it is taken, and the first cycle is one of reset, where there is a reset."""
    rst = source["rst"] == 1
    known = machine.known(source.job, rst)
    if source.job.dut_map.reset is not None:
        machine.start.append(rst)
    live = z3.And(known, z3.Not(rst))
    offered = source["events_in.valid"] == 1
    moves = z3.And(offered, source["events_in.ready"] == 1)
    tick, address = source["events_in.payload.tick"], source["events_in.payload.address"]
    valid = source["events_out.valid"] == 1
    stays = machine.register("input stays", 1, 0)
    bits = z3.Concat(tick, address)
    before = machine.register("input before", bits.size(), 0)
    machine.next |= {stays: _bit(z3.And(offered, z3.Not(moves))), before: bits}
    machine.given.append(z3.Implies(stays == 1, z3.And(offered, bits == before)))
    return Streams(
        live, offered, z3.And(live, moves), tick == 1, address, valid,
        z3.And(live, valid, source["events_out.ready"] == 1),
        source["events_out.payload.tick"] == 1, source["events_out.payload.address"],
    )  # fmt: skip


def _bit(condition: Any) -> Any:
    return z3.If(condition, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def keep_promises(machine: Machine, source: Source, seen: Streams, core: CoreParams) -> None:
    """What the map says that the stimulus leaves out: addresses beyond the inputs, more events of
    an input and step than were promised."""
    parts = source.job.dut_map.core
    assert parts is not None
    spike = z3.And(seen.offered, z3.Not(seen.tick))
    width = max(seen.address.size(), core.n_inputs.bit_length())
    address = widen(seen.address, width, signed=False)
    if not parts.unknown_addresses:
        machine.given.append(z3.Implies(spike, z3.ULT(address, core.n_inputs)))
    if parts.broken_promise:
        return
    most = core.max_events_per_input
    for k, count in enumerate(event_counts(machine, core)):
        machine.first.append(count == 0)
        one = z3.And(spike, address == k)
        machine.given.append(z3.Implies(one, z3.ULT(count, most)))
        machine.next[count] = z3.If(
            z3.Or(z3.Not(seen.live), z3.And(seen.taken, seen.tick)), z3.BitVecVal(0, count.size()),
            z3.If(z3.And(seen.taken, one), count + 1, count),
        )  # fmt: skip


def event_counts(machine: Machine, core: CoreParams) -> list[Any]:
    """The registers that count the events of each input since the last TICK."""
    bits = core.max_events_per_input.bit_length()
    return [machine.register(f"{COUNTS} {k}", bits) for k in range(core.n_inputs)]


def no_deadlock(source: Source, seen: Streams, owed: Any) -> Any:
    """The claim that a core in which nothing moves, though something is owed or on offer, does not
    stay in its state: with the same inputs it would stay for ever."""
    idle = z3.And(z3.Not(owed), z3.Or(z3.Not(seen.offered), seen.taken))
    silent = z3.And(seen.live, z3.Not(seen.taken), z3.Not(seen.valid), z3.Not(idle))
    changes = [after != now for now, after in source.net.next.items()]
    return z3.Implies(silent, z3.Or(*changes, z3.BoolVal(False)))


def no_breach(source: Source) -> dict[str, Any]:
    """The claims that no adapter tells of a breach of the core's protocol."""
    return {name: source[name] == 0 for name in BREACHES
            if name in source.job.interface.compared}  # fmt: skip


def stream_machine(source: Source, core: CoreParams) -> Machine:
    """The machine that holds a core to the rules of its streams."""
    machine = Machine()
    seen = streams_of(machine, source)
    keep_promises(machine, source, seen, core)
    ticks = machine.register("answers", TICK_BITS, 0)
    asked = z3.If(z3.And(seen.taken, seen.tick), ticks + 1, ticks)
    owed = asked != 0
    width = max(seen.address_out.size(), core.n_neurons.bit_length())
    address = widen(seen.address_out, width, signed=False)
    stalled = machine.register("stalled", 1, 0)
    payload = z3.If(
        seen.tick_out, z3.BitVecVal(1 << width, width + 1), z3.Concat(z3.BitVecVal(0, 1), address)
    )
    before = machine.register("payload", width + 1, 0)
    least = machine.register("least address", width, 0)
    held = seen.live
    machine.next |= {
        ticks: z3.If(held, z3.If(z3.And(seen.given, seen.tick_out), asked - 1, asked),
                     z3.BitVecVal(0, TICK_BITS)),
        stalled: _bit(z3.And(held, seen.valid, z3.Not(seen.given))),
        before: payload,
        least: z3.If(z3.And(held, z3.Or(z3.Not(seen.given), z3.Not(seen.tick_out))),
                     z3.If(seen.given, address + 1, least), z3.BitVecVal(0, width)),
    }  # fmt: skip
    claims = {
        "nothing is offered that no TICK asked for": z3.Implies(seen.valid, owed),
        "what is offered stays until it is taken": z3.Implies(
            stalled == 1, z3.And(seen.valid, payload == before)
        ),
        "spikes of a step in ascending order, each once": z3.Implies(
            z3.And(seen.valid, z3.Not(seen.tick_out)),
            z3.And(z3.ULT(address, core.n_neurons), z3.UGE(address, least)),
        ),
        NO_DEADLOCK: no_deadlock(source, seen, owed),
    }
    claims |= no_breach(source)
    machine.claims = {name: z3.Implies(seen.live, claim) for name, claim in claims.items()}
    words = [r for r in source.net.next if z3.is_bv(r)]
    counters = [r for r in words if core.n_neurons <= 1 << r.size() <= 4 * core.n_neurons]
    reached = {f"{label(r)} reaches the next spike": same_or_above(r, least) for r in counters}
    end = z3.BitVecVal(core.n_neurons, width)
    reached |= {f"{label(r)} is a neuron": z3.Not(same_or_above(r, end)) for r in counters}
    answers = {
        "nothing is owed": ticks == 0, "one TICK is owed": ticks == 1, "never": z3.BoolVal(False),
        "nothing waits": stalled == 0, "no spike of the step so far": least == 0,
    }  # fmt: skip
    for few in [r for r in words if r.size() <= CONTROL_BITS]:
        for value in range(1 << few.size()):
            here = z3.And(machine.when, few == value)
            for what, then in {**answers, **reached}.items():
                name = f"guess: {label(few)} {value}: {what}"
                machine.supposed[name] = z3.Implies(here, then)
    return machine


def same_or_above(word: Any, least: Any) -> Any:
    """Whether a word stands for a number from ``least`` on."""
    width = max(word.size(), least.size())
    return z3.UGE(widen(word, width, signed=False), widen(least, width, signed=False))
