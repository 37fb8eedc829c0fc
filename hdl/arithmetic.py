"""The rule (docs/rule.md) as Amaranth expressions, name by name as :mod:`fxlif.rule.arithmetic`.

Written separately from the golden rule on purpose. Amaranth's sums and shifts are exact
(a sum grows a bit); only :func:`saturate`, :func:`wrap`, :func:`clamp` and what is made of them
narrow. What a function uses more than once should be a signal: an expression is repeated in the
Verilog wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
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
from ..params.neuron import ExponentialSynapse, NeuronParams, Overflow
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


def saturate_symmetric(x: Value, bits: int) -> Value:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits without its lowest."""
    low, high = signed_range(bits)
    x = saturate(x, bits)
    # One value is left that is out of range.
    return Mux(x == low, Const(-high, signed(bits)), x) if len(x) >= bits else x


def overflow(x: Value, bits: int, mode: Overflow) -> Value:
    """``x`` brought into ``bits`` signed bits by the named mode."""
    if mode == "saturate":
        return saturate(x, bits)
    if mode == "saturate_symmetric":
        return saturate_symmetric(x, bits)
    if mode == "wrap":
        return wrap(x, bits)
    assert_never(mode)


def synaptic_current(total: Value, weight_shift: int, bias: int) -> Value:
    """The current of a step from the accumulated weights."""
    shifted = Cat(Const(0, weight_shift), total).as_signed()
    return shifted + bias if bias else shifted


def synapse(neuron: NeuronParams, i_syn: Value, current: Value) -> tuple[Value, Value]:
    """(the current that acts on v in this step, the new ``i_syn``)."""
    rule = neuron.synapse
    if not isinstance(rule, ExponentialSynapse):
        return current, i_syn
    past = neuron.bias_past_synapse
    acting = i_syn
    for stage, following in zip_longest(rule.order, rule.order[1:]):
        if stage == "act":
            acting = i_syn
        elif stage == "integrate":
            i_syn = narrow_i_syn(neuron, i_syn + (current - past if past else current))
        elif following == "integrate":
            i_syn = leak(rule.leak, i_syn)
        else:
            i_syn = narrow_i_syn(neuron, leak(rule.leak, i_syn))
    return acting, i_syn


def narrow_i_syn(neuron: NeuronParams, i_syn: Value) -> Value:
    """``i_syn`` brought into its range."""
    return overflow(i_syn, neuron.current_bits, neuron.overflow_i_syn or neuron.overflow)


def narrow(neuron: NeuronParams, v: Value) -> Value:
    """``v`` brought into its range, and up to the floor where there is one."""
    v = overflow(v, neuron.state_bits, neuron.overflow)
    return v if neuron.v_floor is None else Mux(v < neuron.v_floor, neuron.v_floor, v)


def leak_v(neuron: NeuronParams, v: Value) -> Value:
    """The exact membrane potential after its leak towards ``v_leak``."""
    rest = neuron.v_leak
    return leak(neuron.leak, v - rest) + rest if rest else leak(neuron.leak, v)


def at_rest(neuron: NeuronParams, v: Value) -> Value:
    """The potential after a step of rest that began with ``v``; ``mask`` has none of its own."""
    if neuron.refractory_mode == "rest":
        return Const(neuron.v_leak, signed(neuron.state_bits))
    if neuron.refractory_mode == "leak":
        return narrow(neuron, leak_v(neuron, v))
    return v


def change(neuron: NeuronParams, v: Value, exact: Value) -> Value:
    """The exact new potential where the change from ``v`` overflows by itself."""
    if not neuron.overflow_change:
        return exact
    return v + overflow(exact - v, neuron.state_bits, neuron.overflow)


def reaches(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset_exact(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The exact membrane potential after a spike at the effective ``threshold``."""
    if neuron.reset == "to_value":
        return Const(neuron.v_reset, signed(neuron.state_bits))
    return u - threshold


def reset(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The membrane potential after a spike at the effective ``threshold``, in its range."""
    exact = reset_exact(neuron, u, threshold)
    if neuron.reset == "subtract":
        return overflow(exact, neuron.state_bits, neuron.overflow)
    return exact  # also where v_reset is the value that saturate_symmetric excludes


def negative(neuron: NeuronParams, u: Value) -> Value:
    """``u`` after the reset below ``negative_threshold``, where there is one."""
    limit, bits = neuron.negative_threshold, neuron.state_bits
    if limit is None:
        return u
    if neuron.negative_reset == "floor":
        after: Value = Const(limit, signed(bits))
    elif neuron.negative_reset == "mirror":
        after = Const(-neuron.v_reset, signed(bits))
    elif neuron.negative_reset == "subtract":
        after = wrap(u - limit, bits)  # both below 0, so nothing is lost
    else:
        assert_never(neuron.negative_reset)
    return Mux(u < limit, after, u)


def fire(neuron: NeuronParams, u: Value, threshold: Value, times: int = 1) -> tuple[Value, Value]:
    """(whether ``u`` fires, and ``times`` times; the potential after the resets of the compare).

    For a neuron of several spikes :func:`spike_counts` says which ``times`` to ask for.
    """
    if neuron.max_spikes_per_step > 1:
        constant = isinstance(threshold, Const)
        taken = Const(threshold.value * times) if constant else threshold * times
        # Thresholds are positive: what is left where they are reached lies between 0 and u.
        return reaches(neuron, u, taken), wrap(u - taken, neuron.state_bits)
    after = reset(neuron, u, threshold) if neuron.reset_at == "compare" else u
    return reaches(neuron, u, threshold), after


def spike_counts(neuron: NeuronParams) -> Iterator[int]:
    """How many spikes each stage of the compare decides on, all of them or none.

    A division, bit by bit: where the thresholds of a stage are reached, they are subtracted. Each
    stage has half of what is left, rounded up, so that together they make every number up to
    ``max_spikes_per_step``.
    """
    left = neuron.max_spikes_per_step
    while left:
        times = (left + 1) // 2
        yield times
        left -= times


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
