"""A lone neuron's reference on bit-vectors: the golden step, in the time that its map says.

It is :class:`~fxlif.sim.dut.reference.NeuronReference`, for every state and every input at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....params.neuron import NeuronParams
from ...dut.reference import NeuronReference, rest
from ...dut.testbench import reference_of
from ...tools.solver import z3
from ..golden import Golden, golden_current, golden_step, is_signed, widen
from .machine import Machine, same, same_states
from .source import Source

ZERO, ONE = z3.BitVecVal(0, 1), z3.BitVecVal(1, 1)


@dataclass(frozen=True)
class _Result:
    """What a clock edge made: the state, the spikes of the last step, whether it took a step."""

    state: Mapping[str, Any]
    spikes: Any
    stepped: Any

    def unless(self, condition: Any, other: _Result) -> _Result:
        """``other`` where the condition holds."""
        state = {n: z3.If(condition, other.state[n], bits) for n, bits in self.state.items()}
        return _Result(state, z3.If(condition, other.spikes, self.spikes),
                       z3.If(condition, other.stepped, self.stepped))  # fmt: skip


def neuron_machine(source: Source, neuron: NeuronParams) -> Machine:
    """The reference of a mapped neuron, beside it."""
    machine, job = Machine(), source.job
    reference = reference_of(job)
    assert isinstance(reference, NeuronReference)
    timing = reference.timing
    rst, enable = source["rst"] == 1, source["enable"] == 1
    stages = [_stage(machine, neuron, number)
              for number in range(max(1, timing.latency, timing.of_state))]  # fmt: skip
    initial = _initial(neuron)
    held = [stage.unless(rst, initial) if timing.asynchronous_reset else stage for stage in stages]
    newest = held[0]
    now = _Result(newest.state, newest.spikes, ZERO)
    stepped = _step(neuron, newest, source["current"])
    made = now.unless(z3.And(enable, z3.Not(rst)), stepped)
    for stage, after in zip(stages, [made, *held], strict=False):
        reset = after.unless(rst, initial)
        machine.next |= {bits: reset.state[name] for name, bits in stage.state.items()}
        machine.next |= {stage.spikes: reset.spikes, stage.stepped: reset.stepped}
        machine.states |= {bits: is_signed(name) for name, bits in stage.state.items()}
        machine.states |= {stage.spikes: False, stage.stepped: False}
    known = machine.known(job, rst)
    result = held[timing.latency - 1] if timing.latency else made
    shows, new = same_states(source, "state", held[timing.of_state - 1].state), result.stepped == 1
    # In a reset nothing that is combinational is compared.
    compared = z3.BoolVal(True) if timing.latency else z3.Not(rst)
    outputs = job.interface.compared
    if "valid" in outputs:
        shows["valid"] = z3.Implies(compared, source["valid"] == result.stepped)
    if "spike" in outputs:
        right = same(source["spike"], result.spikes, signed=False)
        if timing.between == "any":
            right = z3.Implies(new, right)
        elif timing.between == "low":
            right = z3.If(new, right, source["spike"] == 0)
        shows["spike"] = z3.Implies(compared, right)
    for name in outputs:  # in the order of the map
        machine.claims[name] = z3.Implies(known, shows[name])
    machine.meets["the result of a step"] = z3.And(known, new)
    if job.dut_map.reset is not None:
        machine.meets["a second reset"] = z3.And(known, rst)
    return machine


def _stage(machine: Machine, neuron: NeuronParams, number: int) -> _Result:
    """Registers for a result, at first the initial one."""
    first = rest(neuron)
    state = {
        name: machine.register(f"{name} {number}", bits, getattr(first, name) % (1 << bits))
        for name, bits in neuron.state_widths.items()
    }
    return _Result(state, machine.register(f"spikes {number}", neuron.spike_bits, 0),
                   machine.register(f"stepped {number}", 1, 0))  # fmt: skip


def _initial(neuron: NeuronParams) -> _Result:
    first = rest(neuron)
    state = {name: z3.BitVecVal(getattr(first, name) % (1 << bits), bits)
             for name, bits in neuron.state_widths.items()}  # fmt: skip
    return _Result(state, z3.BitVecVal(0, neuron.spike_bits), ZERO)


def _step(neuron: NeuronParams, before: _Result, current: Any) -> _Result:
    made = golden_step(neuron, before.state, golden_current(current, 0, neuron.bias))
    return _Result(narrowed(neuron, made), narrowed_spikes(neuron, made), ONE)


def narrowed(neuron: NeuronParams, made: Golden) -> dict[str, Any]:
    """The state of a golden step as wide as its registers, which it fits (:func:`fits`)."""
    return {name: z3.Extract(bits - 1, 0, made.state[name])
            for name, bits in neuron.state_widths.items()}  # fmt: skip


def narrowed_spikes(neuron: NeuronParams, made: Golden) -> Any:
    """The spikes of a golden step as bits."""
    if z3.is_bool(made.spikes):
        return z3.If(made.spikes, z3.BitVecVal(1, neuron.spike_bits),
                     z3.BitVecVal(0, neuron.spike_bits))  # fmt: skip
    return z3.Extract(neuron.spike_bits - 1, 0, made.spikes)


def fits(neuron: NeuronParams, current_bits: int) -> list[Any]:
    """What must hold for the bits of a golden step to be its numbers: all fit their registers."""
    state = {name: z3.BitVec(name, bits) for name, bits in neuron.state_widths.items()}
    current = golden_current(z3.BitVec("current", current_bits), 0, neuron.bias)
    made = golden_step(neuron, state, current)
    kept = narrowed(neuron, made)
    claims = [widen(kept[name], made.width, signed=is_signed(name)) == made.state[name]
              for name in kept]  # fmt: skip
    if not z3.is_bool(made.spikes):
        spikes = narrowed_spikes(neuron, made)
        claims.append(widen(spikes, made.width, signed=False) == made.spikes)
    return claims
