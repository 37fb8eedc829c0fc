"""The rules of a step that take several operations, by the names of :mod:`fxlif.rule.arithmetic`.

Each takes values and gives one through the stages of :mod:`fxlif.hdl.pipeline`, by the names of
operations of :func:`fxlif.cycles.pipeline.schedule`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType
from typing import assert_never

from amaranth.hdl import Const, Mux, Value, signed

from ..cycles.pipeline import compares, spike_counts
from ..params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    RoundedLeak,
    ScaleLeak,
    ShiftLeak,
)
from ..params.neuron import ExponentialSynapse, NeuronParams, Overflow
from ..params.quantise import signed_bits
from . import arithmetic
from .arithmetic import as_signed
from .pipeline import Made, Pipeline, Stage

#: What can be written of a neuron while it runs, by name: values that stay as they are in a step.
Registers = Mapping[str, Value]
NO_REGISTERS: Registers = MappingProxyType({})


def _quotient(
    pipe: Pipeline, name: str, rule: RoundedLeak, x: Made, shift: int, random: Made,
    written: Value | None = None,
) -> Callable[[Stage], Value]:  # fmt: skip
    """x / 2**shift, rounded, in the stage in which it is asked for; where the shift can be
    ``written``, by that."""
    if written is not None:
        at = pipe.at(name if rule.rounding == "floor" else f"{name}_round")
        by = arithmetic.round_shift_by(at(x), written, rule.rounding, at(random))
        quotient = at.once(f"{name}_quotient", by)
        return lambda at: at(quotient)
    if rule.rounding == "floor":
        return lambda at: arithmetic.round_shift(at(x), shift, "floor")
    at = pipe.at(f"{name}_round")
    rounded = arithmetic.round_shift(at(x), shift, rule.rounding, at(random))
    made = at.once(f"{name}_quotient", rounded)
    return lambda at: at(made)


def never_outward(rule: Leak) -> bool:
    """Whether what is left of x lies between x and 0, so that it needs no more bits than x."""
    return not isinstance(rule, ConstantLeak | MultiShiftLeak)


def _cut(value: Value, x: Value) -> Value:
    """``value``, known to lie between ``x`` and 0, in the shape of ``x``."""
    kept = as_signed(value)[: len(x)]
    return kept.as_signed() if x.shape().signed else kept


def leak(
    pipe: Pipeline, name: str, rule: Leak, x: Made, random: Made, shift: Value | None = None
) -> Made:
    """What is left of ``x``, the distance from rest, after one step of the leak ``rule``; ``shift``
    where that can be written."""
    if isinstance(rule, NoLeak):
        return x
    if isinstance(rule, ConstantLeak):
        at = pipe.at(name)
        return at.once(f"{name}_left", at(x) + rule.step)
    if isinstance(rule, LinearLeak):
        return _linear(pipe, name, rule, x)
    if isinstance(rule, MultiShiftLeak):
        left = x
        for number, (sign, shift) in enumerate(rule.terms, 1):
            term = _quotient(pipe, name, rule, x, shift, random)
            at = pipe.at(f"{name}_{number}")
            exact = at(left) - term(at) if sign > 0 else at(left) + term(at)
            left = at.make(f"{name}_left_{number}", exact)
    else:
        left = _shrunk(pipe, name, rule, x, random, shift)
    if not rule.minimum_step:
        return left
    at = pipe.at(f"{name}_unmoved")
    stays = at.once(f"{name}_stays", (at(left) == at(x)) & at(x).any())
    outside = x.map(lambda value: as_signed(value)[-1])
    at = pipe.at(f"{name}_least")
    towards_rest = Mux(at(stays), Mux(at(outside), 1, -1), 0)
    least = at(left) + towards_rest
    return at.once(f"{name}_moved", _cut(least, at(x)) if never_outward(rule) else least)


def _shrunk(
    pipe: Pipeline, name: str, rule: ShiftLeak | ScaleLeak | DecayLeak, x: Made, random: Made,
    shift: Value | None,
) -> Made:  # fmt: skip
    """What a leak of one quotient leaves."""
    divided = x
    if isinstance(rule, ScaleLeak | DecayLeak):
        at = pipe.at(f"{name}_multiply")
        divided = at.make(f"{name}_product", at(x) * rule.factor)
    quotient = _quotient(pipe, name, rule, divided, rule.shift, random, shift)
    if isinstance(rule, ScaleLeak):
        at = pipe.at(f"{name}_multiply" if rule.rounding == "floor" else f"{name}_round")
        return at.once(f"{name}_left", _cut(quotient(at), at(x)))
    if isinstance(rule, ShiftLeak | DecayLeak):
        at = pipe.at(name)
        return at.once(f"{name}_left", _cut(at(x) - quotient(at), at(x)))
    assert_never(rule)


def _linear(pipe: Pipeline, name: str, rule: LinearLeak, x: Made) -> Made:
    """What a linear leak leaves: 0 where its step goes beyond."""
    at = pipe.at(name)
    negative = as_signed(at(x))[-1]
    step = Mux(negative, rule.step, -rule.step)
    moved = at.make(f"{name}_moved", as_signed(at(x)) + step)
    beyond = at.once(f"{name}_beyond", moved.line[0][-1] ^ negative)
    at = pipe.at(f"{name}_stop")
    return at.once(f"{name}_left", _cut(Mux(at(beyond), 0, at(moved)), at(x)))


def leak_v(
    pipe: Pipeline,
    name: str,
    neuron: NeuronParams,
    v: Made,
    random: Made,
    registers: Registers = NO_REGISTERS,
) -> Made:
    """The exact membrane potential after its leak towards ``v_leak``."""
    rest, rule, shift = neuron.v_leak, neuron.leak, registers.get("leak_shift")
    if not rest or isinstance(rule, NoLeak | ConstantLeak):
        return leak(pipe, name, rule, v, random, shift)
    at = pipe.at(f"{name}_from_rest")
    distance = at.make(f"{name}_distance", at(v) - rest)
    left = leak(pipe, name, rule, distance, random, shift)
    at = pipe.at(f"{name}_to_rest")
    exact = at(left) + rest
    if never_outward(rule):  # between v and v_leak
        exact = exact[: max(len(v.line[0]), signed_bits(min(rest, 0), max(rest, 0)))].as_signed()
    return at.once(f"{name}_exact", exact)


def overflow(pipe: Pipeline, name: str, x: Made, bits: int, mode: Overflow) -> Made:
    """``x`` brought into ``bits`` signed bits by the named mode."""
    if mode == "wrap":
        return x.map(lambda value: arithmetic.wrap(value, bits))
    at = pipe.at(f"narrow{name}")
    return at.make(f"narrow{name}", arithmetic.overflow(at(x), bits, mode))


def narrow(pipe: Pipeline, name: str, neuron: NeuronParams, v: Made) -> Made:
    """``v`` brought into its range, and up to the floor where there is one."""
    v = overflow(pipe, name, v, neuron.state_bits, neuron.overflow)
    if neuron.v_floor is None:
        return v
    at = pipe.at(f"floor{name}")
    return at.make(f"floor{name}", Mux(at(v) < neuron.v_floor, neuron.v_floor, at(v)))


def change(pipe: Pipeline, neuron: NeuronParams, v: Made, exact: Made) -> Made:
    """The exact new potential where the change from ``v`` overflows by itself."""
    if not neuron.overflow_change:
        return exact
    at = pipe.at("change")
    changed = at.make("change", at(exact) - at(v))
    changed = overflow(pipe, "_change", changed, neuron.state_bits, neuron.overflow)
    at = pipe.at("changed")
    return at.once("changed", at(v) + at(changed))


@dataclass(frozen=True, eq=False)
class Turn:
    """Which part of a step it is, where events act one by one: ``begins``, what stands before
    ``integrate`` acts; ``ends``, what stands behind it does, and the bias. A whole step is both."""

    begins: Made
    ends: Made


def either(at: Stage, when: Made, yes: Made, no: Made) -> Value:
    """``yes`` where ``when`` holds, else ``no``; no logic where that is known."""
    condition = at(when)
    if isinstance(condition, Const):
        return at(yes if condition.value else no)
    return at(yes) if yes is no else Mux(condition, at(yes), at(no))


@dataclass(frozen=True, eq=False)
class Acting:
    """What a synapse gives: the current that ``acts`` on v in this step, its ``i_syn`` at the end
    of the step and as it is when it has ``received`` an event; and what acts without the bias."""

    acts: Made
    i_syn: Made
    received: Made
    unbiased: Made


def synapse(
    pipe: Pipeline, neuron: NeuronParams, i_syn: Made, current: Made, random: Made, turn: Turn,
    acted: Made,
) -> Acting:  # fmt: skip
    """The synapse in a step, or in a part of one; ``current`` has no bias yet, ``acted`` is what
    acts, where that was before."""

    def with_bias(i: Made) -> Made:
        at = pipe.at("bias")
        biased = at.once("with_bias", at(i) + neuron.bias)
        return at.once("with_bias", either(at, turn.ends, biased, i))

    past = neuron.bias_past_synapse
    if neuron.bias != past:
        current = with_bias(current)
    rule = neuron.synapse
    if not isinstance(rule, ExponentialSynapse):
        return Acting(current, i_syn, i_syn, current)

    def narrowed(stage: str, i_syn: Made) -> Made:
        mode = neuron.overflow_i_syn or neuron.overflow
        return overflow(pipe, f"_synapse_{stage}", i_syn, neuron.current_bits, mode)

    before = acting = received = i_syn
    for stage, following in zip_longest(rule.order, rule.order[1:]):
        if stage == "act":
            acting = i_syn
        elif stage == "integrate":
            at = pipe.at("synapse_integrate")
            exact = either(at, turn.begins, i_syn, before) + at(current)
            i_syn = received = narrowed(stage, at.make("i_syn_exact", exact))
        else:
            i_syn = leak(pipe, "synapse_leak", rule.leak, i_syn, random)
            summed = following == "integrate" and not neuron.per_event
            i_syn = i_syn if summed else narrowed(stage, i_syn)
    if acts_early(neuron):
        at = Stage(pipe, acting.stage)
        acting = at.once("acting", either(at, turn.begins, acting, acted))
    return Acting(with_bias(acting) if past else acting, i_syn, received, acting)


def acts_early(neuron: NeuronParams) -> bool:
    """Whether what acts on v at the end of a step is known before its events, which come one by
    one: it must be kept."""
    rule = neuron.synapse
    if not neuron.per_event or not isinstance(rule, ExponentialSynapse):
        return False
    return rule.order.index("act") < rule.order.index("integrate")


def receive(pipe: Pipeline, neuron: NeuronParams, v: Made, exact: Made, arrives: Made) -> Made:
    """The potential after an event, if one ``arrives``, of which ``exact`` is the sum."""
    u = narrow(pipe, "_received", neuron, exact)
    if not narrowing_moves(neuron):
        return u
    at = Stage(pipe, u.stage)
    return at.make("received", either(at, arrives, u, v))


def narrowing_moves(neuron: NeuronParams) -> bool:
    """Whether the state that a step leaves may be one that :func:`narrow` changes: below the floor,
    or the lowest one of a symmetric range."""
    floor, lowest = neuron.v_floor, neuron.overflow == "saturate_symmetric"
    set_apart = neuron.negative_threshold is not None or neuron.reset == "subtract"
    below = floor is not None and (set_apart or neuron.v_reset < floor)
    return below or (lowest and (set_apart or neuron.v_reset == neuron.state_range[0]))


def at_rest(
    pipe: Pipeline, neuron: NeuronParams, v: Made, leaked: Made | None, random: Made,
    registers: Registers = NO_REGISTERS,
) -> Made:  # fmt: skip
    """The potential after a step of rest that began with ``v``; ``mask`` has none of its own.

    ``leaked`` is what the leak leaves of v, where the step has it anyway.
    """
    if neuron.refractory_mode == "rest":
        return Made("v_leak", 0, [Const(neuron.v_leak, signed(neuron.state_bits))])
    if neuron.refractory_mode == "leak":
        left = leaked or leak_v(pipe, "rest_leak", neuron, v, random, registers)
        return narrow(pipe, "_rest", neuron, left)
    return v


def compare(
    at: Stage, neuron: NeuronParams, v: Made, threshold: Made, v_reset: Value | None = None
) -> tuple[Made, Made]:
    """(Whether v fires; what a reset leaves of it, exact): one subtraction."""
    reached = at.once("reached", arithmetic.reaches(neuron, at(v), at(threshold)))
    return reached, at.make("left", arithmetic.reset_exact(neuron, at(v), at(threshold), v_reset))


def fire_several(
    pipe: Pipeline, neuron: NeuronParams, v: Made, threshold: Made, resting: Made
) -> tuple[Made, Made]:
    """(The number of spikes; what their resets leave of v): a division.

    Each compare decides on some spikes, by :func:`~fxlif.cycles.pipeline.spike_counts`.
    """
    counts = []
    for operation, times in zip(compares(neuron), spike_counts(neuron), strict=True):
        at = pipe.at("multiples")
        one = at(threshold)
        taken = Const(one.value * times) if isinstance(one, Const) else one * times
        multiple = at.make(f"times_{times}", taken)
        at = pipe.at(operation)
        left = at.make("left", at(v) - at(multiple))
        # The sign of a difference, as a comparison that shares its carries with a subtraction also
        # asks whether all bits are 0, and everything waits for that.
        above = ~at(left)[-1] if neuron.compare == "ge" else (at(multiple) - at(v))[-1]
        reached = at.make("reached", above)
        fires = at.make("fires", at(reached) & ~at(resting))
        counts.append((fires, times))
        # Thresholds are positive: what is left where they are reached is between 0 and v.
        after = arithmetic.wrap(at(left), neuron.state_bits)
        v = at.make("after", Mux(at(fires), after, at(v)))
    at = pipe.at("reset")
    total = sum((Mux(at(fires), times, 0) for fires, times in counts), start=Const(0))
    return at.make("spikes", total[: neuron.spike_bits]), v


def adapt(pipe: Pipeline, neuron: NeuronParams, theta: Made, spikes: Made, random: Made) -> Made:
    """The new threshold offset: decayed, raised by each spike, saturating, never below 0."""
    rule = neuron.adaptation
    if rule is None:
        return theta
    decayed = leak(pipe, "theta_leak", rule.leak, theta, random)
    if neuron.max_spikes_per_step > 1:
        at = pipe.at("theta_rise")
        rise = at.once("theta_rise", at(spikes) * rule.increment)
        at = pipe.at("theta_raise")
        exact = at(decayed) + at(rise)
    else:  # raised beforehand, in case of a spike
        at = pipe.at("theta_raise")
        raised = at.once("theta_raised", at(decayed) + rule.increment)
        at = pipe.at("reset")
        exact = Mux(at(spikes), at(raised), at(decayed))
    return at.once("theta_next", arithmetic.clamp(exact, 0, neuron.theta_max))
