"""The integer rule of one neuron and its leaks, one pure function per rule.

Every function is written with ``+ - * >> << &``, comparisons and one :func:`where`, so that the
same code runs on Python ints and on int64 arrays, and can run on the bit-vectors of a solver once
:func:`where` is taught that type. Inputs and results are exact: nothing narrows but the
functions whose job it is (:func:`saturate`, :func:`wrap`, :func:`overflow`, :func:`narrow`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any, assert_never

import numpy as np

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
from ..params.quantise import signed_range

#: A Python int, an int64 array, or anything else with integer operators.
Number = Any
#: Told the name of a value inside a step, and the value.
Note = Callable[[str, Number], None]


def untold(name: str, value: Number) -> None:
    """Nothing: nobody is told."""


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
    if isinstance(shift, int) and shift == 0:
        return x
    below_one = (1 << shift) - 1
    if rounding == "floor":
        return x >> shift
    if rounding == "ceiling":
        return (x + below_one) >> shift
    if rounding == "toward_zero":
        return where(x < 0, x + below_one, x) >> shift
    if rounding == "away_from_zero":
        return where(x > 0, x + below_one, x) >> shift
    if rounding == "stochastic":
        return (x + (random & below_one)) >> shift
    if rounding == "nearest_even":  # a tie goes up only where the quotient's last bit is 1
        return (x + ((below_one >> 1) + ((x >> shift) & (1 & below_one)))) >> shift
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
    if isinstance(rule, ConstantLeak):
        return x + rule.step
    if isinstance(rule, ShiftLeak):
        leaked = x - round_shift(x, rule.shift, rule.rounding, random)
    elif isinstance(rule, MultiShiftLeak):
        leaked = x
        for sign, shift in rule.terms:
            term = round_shift(x, shift, rule.rounding, random)
            leaked = leaked - term if sign > 0 else leaked + term
    elif isinstance(rule, ScaleLeak):
        leaked = round_shift(x * rule.factor, rule.shift, rule.rounding, random)
    elif isinstance(rule, DecayLeak):
        leaked = x - round_shift(x * rule.factor, rule.shift, rule.rounding, random)
    else:
        assert_never(rule)
    return _towards_rest(x, leaked, rule.minimum_step)


def clamp(x: Number, low: int, high: int) -> Number:
    """The value nearest to ``x`` in ``low``..``high``."""
    return where(x > high, high, where(x < low, low, x))


def saturate(x: Number, bits: int) -> Number:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits."""
    return clamp(x, *signed_range(bits))


def saturate_symmetric(x: Number, bits: int) -> Number:
    """``x`` brought to the nearest end of the signed range of ``bits`` bits without its lowest."""
    _, high = signed_range(bits)
    return clamp(x, -high, high)


def wrap(x: Number, bits: int) -> Number:
    """``x`` in two's complement on ``bits`` bits."""
    half = 1 << (bits - 1)
    return ((x + half) & ((1 << bits) - 1)) - half


def overflow(x: Number, bits: int, mode: Overflow) -> Number:
    """``x`` brought into ``bits`` signed bits by the named mode (docs/rule.md#overflow)."""
    if mode == "saturate":
        return saturate(x, bits)
    if mode == "saturate_symmetric":
        return saturate_symmetric(x, bits)
    if mode == "wrap":
        return wrap(x, bits)
    assert_never(mode)


def synaptic_current(total: Number, weight_shift: int, bias: int) -> Number:
    """The current of a step from the accumulated weights."""
    return (total << weight_shift) + bias


#: Events at some neurons, in order: (their indices, each once, or what else says which of them,
#: :func:`taken`; what is added to each).
Arrivals = Sequence[tuple[Any, Any]]


def synapse(
    neuron: NeuronParams,
    i_syn: Number,
    current: Number,
    random: Number = 0,
    arrivals: Arrivals = (),
    note: Note = untold,
) -> tuple[Number, Number]:
    """(the current that acts on v in this step, the new ``i_syn``), docs/rule.md#synapse.

    ``arrivals`` are added one by one before ``current`` (docs/rule.md#per-event), which includes
    the bias: what of it passes the synapse by is in neither result. ``note`` is told
    ``i_syn`` before its leak and, exact, before its overflows.
    """
    if not isinstance(neuron.synapse, ExponentialSynapse):
        return current, i_syn
    acting, order = i_syn, neuron.synapse.order
    for number, stage in enumerate(order):
        if stage == "act":
            acting = i_syn
        elif stage == "integrate":
            for targets, added in arrivals:
                (before,) = taken(targets, i_syn)
                i_syn = changed(targets, i_syn, narrow_i_syn(neuron, before + added))
            i_syn = i_syn + (current - neuron.bias_past_synapse)
            note("i_syn after integrate", i_syn)
            i_syn = narrow_i_syn(neuron, i_syn)
        else:
            note("i_syn before leak", i_syn)
            i_syn = leak(neuron.synapse.leak, i_syn, random)
            summed = neuron.accumulate == "exact" and order[number + 1 :][:1] == ("integrate",)
            if not summed:
                note("i_syn after leak", i_syn)
                i_syn = narrow_i_syn(neuron, i_syn)
    return acting, i_syn


@singledispatch
def taken(targets: Any, values: Any, *others: Number) -> tuple[Any, ...]:
    """Of ``values``, and of others or of one for all, those of the ``targets`` of an event."""
    return (values[targets], *(np.broadcast_to(each, values.shape)[targets] for each in others))


@singledispatch
def changed(targets: Any, values: Any, new: Any) -> Any:
    """A copy of ``values`` with ``new`` ones at the ``targets`` of an event."""
    values = values.copy()
    values[targets] = new
    return values


def narrow_i_syn(neuron: NeuronParams, i_syn: Number) -> Number:
    """``i_syn`` brought into its range."""
    return overflow(i_syn, neuron.current_bits, neuron.overflow_i_syn or neuron.overflow)


def narrow(neuron: NeuronParams, v: Number) -> Number:
    """``v`` brought into its range, and up to the floor where there is one."""
    v = overflow(v, neuron.state_bits, neuron.overflow)
    return v if neuron.v_floor is None else where(v < neuron.v_floor, neuron.v_floor, v)


def event(
    neuron: NeuronParams, v: Number, added: Number, threshold: Number
) -> tuple[Number, Number]:
    """(spikes, v) of one event that is added to v (docs/rule.md#per-event)."""
    u = narrow(neuron, v + added)
    return fire(neuron, u, threshold) if neuron.fire_on == "event" else (u != u, u)


def leak_v(neuron: NeuronParams, v: Number, random: Number = 0) -> Number:
    """The exact membrane potential after its leak towards ``v_leak``."""
    return leak(neuron.leak, v - neuron.v_leak, random) + neuron.v_leak


def at_rest(neuron: NeuronParams, v: Number, random: Number = 0) -> Number:
    """The potential after a step of rest that began with ``v`` (docs/rule.md#refractory)."""
    if neuron.refractory_mode == "clamp":
        return v
    if neuron.refractory_mode == "rest":
        return v - v + neuron.v_leak
    if neuron.refractory_mode == "leak":
        return narrow(neuron, leak_v(neuron, v, random))
    raise FxlifError.must_be("refractory_mode", "clamp, rest or leak", neuron.refractory_mode)


def change(neuron: NeuronParams, v: Number, exact: Number) -> Number:
    """The exact new potential where the change from ``v`` overflows by itself."""
    if not neuron.overflow_change:
        return exact
    return v + overflow(exact - v, neuron.state_bits, neuron.overflow)


def reaches(neuron: NeuronParams, u: Number, threshold: Number) -> Number:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset_exact(neuron: NeuronParams, u: Number, threshold: Number) -> Number:
    """The exact membrane potential after a spike at the effective ``threshold``."""
    return u - u + neuron.v_reset if neuron.reset == "to_value" else u - threshold


def reset(neuron: NeuronParams, u: Number, threshold: Number) -> Number:
    """The membrane potential after a spike at the effective ``threshold``, in its range."""
    if neuron.reset == "to_value":
        return reset_exact(neuron, u, threshold)
    return overflow(reset_exact(neuron, u, threshold), neuron.state_bits, neuron.overflow)


def negative(neuron: NeuronParams, u: Number) -> Number:
    """``u`` after the reset below ``negative_threshold``, where there is one."""
    limit = neuron.negative_threshold
    if limit is None:
        return u
    if neuron.negative_reset == "floor":
        after = u - u + limit
    elif neuron.negative_reset == "mirror":
        after = u - u - neuron.v_reset
    elif neuron.negative_reset == "subtract":
        after = u - limit
    else:
        assert_never(neuron.negative_reset)
    return where(u < limit, after, u)


def fire(neuron: NeuronParams, u: Number, threshold: Number) -> tuple[Number, Number]:
    """(spikes of a step, the potential after the resets that act at the compare).

    The spikes are a truth value, or a number of them where ``max_spikes_per_step`` > 1.
    """
    if neuron.max_spikes_per_step > 1:
        count = u - u
        v = negative(neuron, u)
        for _ in range(neuron.max_spikes_per_step):
            again = reaches(neuron, v, threshold)
            count = where(again, count + 1, count)
            v = where(again, v - threshold, v)
        return count, v
    spike = reaches(neuron, u, threshold)
    after = reset(neuron, u, threshold) if neuron.reset_at == "compare" else u
    return spike, where(spike, after, negative(neuron, u))


def adapt(neuron: NeuronParams, theta: Number, spikes: Number, random: Number = 0) -> Number:
    """The new threshold offset: decayed, raised by each spike, saturating, never below 0."""
    rule = neuron.adaptation
    if rule is None:
        return theta
    decayed = leak(rule.leak, theta, random)
    if neuron.counts_spikes:
        raised = decayed + spikes * rule.increment
    else:
        raised = where(spikes, decayed + rule.increment, decayed)
    return clamp(raised, 0, neuron.theta_max)


def accumulate(total: Number, weight: Number, bits: int) -> tuple[Number, Number]:
    """One event's weight added to the sum of a step: (new sum, whether it saturated)."""
    exact = total + weight
    narrow = saturate(exact, bits)
    return narrow, narrow != exact
