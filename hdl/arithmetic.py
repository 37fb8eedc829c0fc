"""The rule (docs/rule.md) as Amaranth expressions, name by name as :mod:`fxlif.rule.arithmetic`.

Written separately from the golden rule on purpose. Amaranth's sums and shifts are exact
(a sum grows a bit); only :func:`saturate`, :func:`wrap` and :func:`clamp` narrow.
"""

from __future__ import annotations

from typing import assert_never

from amaranth.hdl import Cat, Const, Mux, Value, signed

from ..errors import FxlifError
from ..params.base import Rounding
from ..params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from ..params.neuron import DeltaSynapse, ExponentialSynapse, NeuronParams
from ..params.quantise import signed_bits, signed_range


def _as_signed(x: Value) -> Value:
    """``x`` as a signed number of the same value."""
    return x if x.shape().signed else Cat(x, Const(0, 1)).as_signed()


def round_shift(x: Value, shift: int, rounding: Rounding) -> Value:
    """x / 2**shift, rounded by name: the quotient, plus one where the rounding asks for it."""
    if rounding == "stochastic":
        raise FxlifError.must_be("rounding", "any other in hardware", rounding)
    if shift == 0:
        return x
    x = _as_signed(x)
    negative = x[-1]
    if len(x) <= shift:  # bring in sign bits, so that a quotient can be cut out
        x = Cat(x, negative.replicate(shift + 1 - len(x)))
    remainder, quotient = x[:shift], x[shift:].as_signed()
    inexact = remainder.any()
    if rounding == "floor":
        return quotient
    if rounding == "ceiling":
        return quotient + inexact
    if rounding == "toward_zero":
        return quotient + (negative & inexact)
    if rounding == "away_from_zero":
        return quotient + (~negative & inexact)
    if rounding == "nearest_even":
        half = remainder[-1]
        beyond_half = half & remainder[:-1].any()
        tie_to_odd = half & quotient[0]
        return quotient + (beyond_half | tie_to_odd)
    assert_never(rounding)


def leak(rule: Leak, x: Value) -> Value:
    """What is left of ``x``, the distance from rest, after one step of the leak ``rule``."""
    if isinstance(rule, NoLeak):
        return x
    if isinstance(rule, LinearLeak):
        rest = Mux(x < -rule.step, x + rule.step, 0)
        return Mux(x > rule.step, x - rule.step, rest)
    if isinstance(rule, ConstantLeak):
        return x + rule.step
    if isinstance(rule, ShiftLeak):
        leaked = x - round_shift(x, rule.shift, rule.rounding)
    elif isinstance(rule, MultiShiftLeak):
        leaked = x
        for sign, shift in rule.terms:
            term = round_shift(x, shift, rule.rounding)
            leaked = leaked - term if sign > 0 else leaked + term
    elif isinstance(rule, ScaleLeak):
        leaked = round_shift(x * rule.factor, rule.shift, rule.rounding)
    elif isinstance(rule, DecayLeak):
        leaked = x - round_shift(x * rule.factor, rule.shift, rule.rounding)
    else:
        assert_never(rule)
    if not rule.minimum_step:
        return leaked
    towards_rest = Mux(_as_signed(x)[-1], 1, -1)
    return Mux((leaked == x) & x.any(), x + towards_rest, leaked)


def clamp(x: Value, low: int, high: int) -> Value:
    """The value nearest to ``x`` in ``low``..``high``, as wide as the range needs."""
    x = _as_signed(x)
    kept = x[: signed_bits(low, high)].as_signed()
    return Mux(x > high, high, Mux(x < low, low, kept))


def fits(x: Value, bits: int) -> Value:
    """Whether a signed ``x`` is in the range of ``bits`` bits: no carry chain."""
    beyond = x[bits - 1 :]  # copies of the sign where x fits
    return beyond.all() | ~beyond.any()


def saturate(x: Value, bits: int) -> Value:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits."""
    x = _as_signed(x)
    if len(x) <= bits:
        return x
    low, high = signed_range(bits)
    return Mux(fits(x, bits), x[:bits].as_signed(), Mux(x[-1], low, high))


def wrap(x: Value, bits: int) -> Value:
    """``x`` in two's complement on ``bits`` bits."""
    x = _as_signed(x)
    return x if len(x) <= bits else x[:bits].as_signed()


def overflow(x: Value, bits: int, mode: str) -> Value:
    """``x`` brought into ``bits`` signed bits by the named mode."""
    return saturate(x, bits) if mode == "saturate" else wrap(x, bits)


def synaptic_current(total: Value, weight_shift: int, bias: int) -> Value:
    """The current of a step from the accumulated weights."""
    shifted = Cat(Const(0, weight_shift), total).as_signed()
    return shifted + bias if bias else shifted


def synapse(neuron: NeuronParams, i_syn: Value, current: Value) -> Value:
    """The synaptic current that acts in this step, and the new ``i_syn`` of an exponential one."""
    if isinstance(neuron.synapse, DeltaSynapse):
        return current
    if isinstance(neuron.synapse, ExponentialSynapse):
        total = leak(neuron.synapse.leak, i_syn) + current
        return overflow(total, neuron.current_bits, neuron.overflow)
    assert_never(neuron.synapse)


def integrate(neuron: NeuronParams, v: Value, i: Value) -> Value:
    """The membrane potential u after leak and input, before the threshold."""
    distance = v - neuron.v_leak if neuron.v_leak else v
    u = leak(neuron.leak, distance) + i
    u = overflow(u + neuron.v_leak if neuron.v_leak else u, neuron.state_bits, neuron.overflow)
    if neuron.v_floor is not None:
        u = Mux(u < neuron.v_floor, neuron.v_floor, u)
    return u


def reaches(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The membrane potential after a spike at the effective ``threshold``."""
    if neuron.reset == "to_value":
        return Const(neuron.v_reset, signed(neuron.state_bits))
    return overflow(u - threshold, neuron.state_bits, neuron.overflow)


def adapt(neuron: NeuronParams, theta: Value, spikes: Value) -> Value:
    """The new threshold offset: decayed, raised by each spike, saturating, never below 0."""
    rule = neuron.adaptation
    if rule is None:
        return theta
    raised = spikes * rule.increment if len(spikes) > 1 else Mux(spikes, rule.increment, 0)
    return clamp(leak(rule.leak, theta) + raised, 0, neuron.theta_max)


def accumulate(total: Value, weight: Value, bits: int) -> tuple[Value, Value]:
    """One event's weight added to the sum of a step: (new sum, whether it saturated)."""
    exact = total + weight
    return saturate(exact, bits), ~fits(exact, bits)
