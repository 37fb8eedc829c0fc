"""The integer rule of one neuron and its leaks, one pure function per rule.

Every function is written with ``+ - * >> << &``, comparisons and one :func:`where`, so that the
same code runs on Python ints and on int64 arrays, and can run on the bit-vectors of a solver once
:func:`where` is taught that type. Inputs and results are exact: nothing narrows but the
functions whose job it is (:func:`saturate`, :func:`wrap`, :func:`overflow`).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, assert_never

import numpy as np

from ..params.base import Rounding
from ..params.leaks import Leak, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from ..params.neuron import Adaptation, NeuronParams
from ..params.quantise import signed_range

#: A Python int, an int64 array, or anything else with integer operators.
Number = Any


@singledispatch
def where(condition: Any, a: Number, b: Number) -> Number:
    """``a`` where the condition holds, ``b`` elsewhere."""
    raise TypeError(f"where() does not know conditions of type {type(condition).__name__}")


@where.register(bool)
def _(condition: bool, a: Number, b: Number) -> Number:
    return a if condition else b


@where.register(np.ndarray)
@where.register(np.bool_)
def _(condition: np.ndarray, a: Number, b: Number) -> Number:
    return np.where(condition, a, b)


def round_shift(x: Number, shift: int, rounding: Rounding, random: Number = 0) -> Number:
    """x / 2**shift, rounded by name (docs/rule.md#rounding); ``floor`` is the arithmetic shift.

    ``stochastic`` adds the low ``shift`` bits of ``random`` first.
    """
    if shift == 0:
        return x
    below_one = (1 << shift) - 1
    if rounding == "floor":
        return x >> shift
    if rounding == "toward_zero":
        return where(x < 0, x + below_one, x) >> shift
    if rounding == "away_from_zero":
        return where(x > 0, x + below_one, x) >> shift
    if rounding == "stochastic":
        return (x + (random & below_one)) >> shift
    if rounding == "nearest_even":  # a tie goes up only where the quotient's last bit is 1
        return (x + ((below_one >> 1) + ((x >> shift) & 1))) >> shift
    assert_never(rounding)


def _towards_rest(x: Number, leaked: Number, minimum_step: int) -> Number:
    """With ``minimum_step`` 1, a leak that changed nothing moves x by 1 towards 0."""
    if not minimum_step:
        return leaked
    stepped = where(x > 0, x - 1, where(x < 0, x + 1, x))
    return where(leaked == x, stepped, leaked)


def leak(rule: Leak, x: Number, random: Number = 0) -> Number:
    """What is left of ``x``, the distance from rest, after one step of a leak (docs/rule.md#leaks).

    ``random`` is the draw of this neuron and step: all that is rounded stochastically shares it.
    """
    if isinstance(rule, NoLeak):
        return x
    if isinstance(rule, LinearLeak):
        return where(x > rule.step, x - rule.step, where(x < -rule.step, x + rule.step, x - x))
    if isinstance(rule, ShiftLeak):
        leaked = x - round_shift(x, rule.shift, rule.rounding, random)
    elif isinstance(rule, MultiShiftLeak):
        leaked = x
        for sign, shift in rule.terms:
            term = round_shift(x, shift, rule.rounding, random)
            leaked = leaked - term if sign > 0 else leaked + term
    elif isinstance(rule, ScaleLeak):
        leaked = round_shift(x * rule.factor, rule.shift, rule.rounding, random)
    else:
        assert_never(rule)
    return _towards_rest(x, leaked, rule.minimum_step)


def clamp(x: Number, low: int, high: int) -> Number:
    """The value nearest to ``x`` in ``low``..``high``."""
    return where(x > high, high, where(x < low, low, x))


def saturate(x: Number, bits: int) -> Number:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits."""
    return clamp(x, *signed_range(bits))


def wrap(x: Number, bits: int) -> Number:
    """``x`` in two's complement on ``bits`` bits."""
    half = 1 << (bits - 1)
    return ((x + half) & ((1 << bits) - 1)) - half


def overflow(x: Number, bits: int, mode: str) -> Number:
    """``x`` brought into ``bits`` signed bits by the named mode (docs/rule.md#overflow)."""
    return saturate(x, bits) if mode == "saturate" else wrap(x, bits)


def synaptic_current(total: Number, weight_shift: int, bias: int) -> Number:
    """The current of a step from the accumulated weights."""
    return (total << weight_shift) + bias


def synapse(neuron: NeuronParams, i_syn: Number, current: Number, random: Number = 0) -> Number:
    """The synaptic current that acts in this step, and the new ``i_syn`` of an exponential one."""
    if neuron.synapse_leak is None:
        return current
    decayed = leak(neuron.synapse_leak, i_syn, random)
    return overflow(decayed + current, neuron.current_bits, neuron.overflow)


def integrate(neuron: NeuronParams, v: Number, i: Number, random: Number = 0) -> Number:
    """The membrane potential u after leak and input, before the threshold."""
    u = leak(neuron.leak, v - neuron.v_leak, random) + neuron.v_leak + i
    u = overflow(u, neuron.state_bits, neuron.overflow)
    if neuron.v_floor is not None:
        u = where(u < neuron.v_floor, neuron.v_floor, u)
    return u


def reaches(neuron: NeuronParams, u: Number, threshold: Number) -> Number:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset(neuron: NeuronParams, u: Number, threshold: Number) -> Number:
    """The membrane potential after a spike at the effective ``threshold``."""
    if neuron.reset == "to_value":
        return u - u + neuron.v_reset
    return overflow(u - threshold, neuron.state_bits, neuron.overflow)


def adapt(
    rule: Adaptation, theta_max: int, theta: Number, fire: Number, random: Number = 0
) -> Number:
    """The new threshold offset: decayed, raised by a spike, saturating, never below 0."""
    decayed = leak(rule.leak, theta, random)
    return clamp(where(fire, decayed + rule.increment, decayed), 0, theta_max)


def accumulate(total: Number, weight: Number, bits: int) -> tuple[Number, Number]:
    """One event's weight added to the sum of a step: (new sum, whether it saturated)."""
    exact = total + weight
    narrow = saturate(exact, bits)
    return narrow, narrow != exact
