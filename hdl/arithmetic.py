"""The rule (docs/rule.md) as Amaranth expressions, name by name as :mod:`fxlif.rule.arithmetic`.

Written separately from the golden rule on purpose. Amaranth's sums and shifts are exact
(a sum grows a bit); only :func:`saturate`, :func:`wrap`, :func:`clamp` and what is made of them
narrow. What a function uses more than once should be a signal: an expression is repeated in the
Verilog wherever it stands.
"""

from __future__ import annotations

from typing import assert_never

from amaranth.hdl import Cat, Const, Mux, Value, ValueLike, signed

from ..params.base import Rounding
from ..params.neuron import NeuronParams, Overflow
from ..params.quantise import signed_bits, signed_range


def as_signed(x: Value) -> Value:
    """``x`` as a signed number of the same value."""
    return x if x.shape().signed else Cat(x, Const(0, 1)).as_signed()


def round_shift(x: Value, shift: int, rounding: Rounding, random: ValueLike = 0) -> Value:
    """x / 2**shift, rounded by name: the quotient, plus one where the rounding asks for it.

    ``stochastic`` adds the low ``shift`` bits of ``random`` first.
    """
    if shift == 0:
        return x
    x = as_signed(x)
    if rounding == "stochastic":
        return (x + Value.cast(random)[:shift]) >> shift
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


def round_shift_by(x: Value, shift: Value, rounding: Rounding, random: ValueLike = 0) -> Value:
    """As :func:`round_shift`, by a ``shift`` that is not known beforehand."""
    reach = 1 << len(shift)  # bring in sign bits, so that a remainder can be cut out
    x = as_signed(x)
    x = Cat(x, x[-1].replicate(max(0, reach - len(x)))).as_signed()
    ones = ~(Const(-1, signed(reach)) << shift)[:reach]
    if rounding == "stochastic":
        return (x + (Value.cast(random) & ones)) >> shift
    quotient, remainder = x >> shift, x[:reach] & ones
    above_half, half = (remainder & (ones >> 1)).any(), (remainder & ~(ones >> 1)).any()
    one = {
        "floor": Const(0), "ceiling": remainder.any(), "toward_zero": x[-1] & remainder.any(),
        "away_from_zero": ~x[-1] & remainder.any(),
        "nearest_even": half & (above_half | quotient[0]),
    }  # fmt: skip
    return quotient + one[rounding]


def clamp(x: Value, low: int, high: int) -> Value:
    """The value nearest to ``x`` in ``low``..``high``, as wide as the range needs."""
    if low == 0 and high & high + 1 == 0:  # no carry chain
        bits = high.bit_length()
        beyond = Mux(x[bits:].any(), high, x[:bits])
        return Mux(x[-1], 0, beyond) if x.shape().signed else beyond
    x = as_signed(x)
    kept = x[: signed_bits(low, high)].as_signed()
    return Mux(x > high, high, Mux(x < low, low, kept))


def fits(x: Value, bits: int) -> Value:
    """Whether a signed ``x`` is in the range of ``bits`` bits: no carry chain."""
    beyond = x[bits - 1 :]  # copies of the sign where x fits
    return beyond.all() | ~beyond.any()


def saturate(x: Value, bits: int) -> Value:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits."""
    x = as_signed(x)
    if len(x) <= bits:
        return x
    low, high = signed_range(bits)
    return Mux(fits(x, bits), x[:bits].as_signed(), Mux(x[-1], low, high))


def wrap(x: Value, bits: int) -> Value:
    """``x`` in two's complement on ``bits`` bits."""
    x = as_signed(x)
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


def synaptic_current(total: Value, weight_shift: int) -> Value:
    """The current of a step from the accumulated weights; the step adds the bias."""
    return Cat(Const(0, weight_shift), total).as_signed()


def reaches(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset_exact(
    neuron: NeuronParams, u: Value, threshold: Value, v_reset: Value | None = None
) -> Value:
    """The exact membrane potential after a spike at the effective ``threshold``; ``v_reset`` where
    that can be written."""
    if neuron.reset == "to_value":
        return Const(neuron.v_reset, signed(neuron.state_bits)) if v_reset is None else v_reset
    return u - threshold


def reset(neuron: NeuronParams, exact: Value) -> Value:
    """The membrane potential after a spike, in its range, from :func:`reset_exact`."""
    if neuron.reset == "subtract":
        return overflow(exact, neuron.state_bits, neuron.overflow)
    return exact  # also where v_reset is the value that saturate_symmetric excludes


def negative(neuron: NeuronParams, u: Value, v_reset: Value | None = None) -> Value:
    """What the reset below ``negative_threshold`` makes of ``u``; ``v_reset`` where that can be
    written."""
    limit, bits = neuron.negative_threshold, neuron.state_bits
    if limit is None:
        return u
    if neuron.negative_reset == "floor":
        return Const(limit, signed(bits))
    if neuron.negative_reset == "mirror":
        if v_reset is not None:
            return wrap(-v_reset, bits)  # never the lowest value
        return Const(-neuron.v_reset, signed(bits))
    if neuron.negative_reset == "subtract":
        return wrap(u - limit, bits)  # both below 0, so nothing is lost
    assert_never(neuron.negative_reset)
