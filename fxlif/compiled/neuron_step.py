"""The integer rule as compiled loops: the second golden model, written for vector units.

The rules have the names that they have in :mod:`fxlif.rule.arithmetic` and the same results, bit
for bit, but are written apart from it and without a choice per neuron: what a parameter decides is
decided when the loop is compiled (see :mod:`fxlif.compiled.expressions`). Import it only where
:func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt

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
from .expressions import Array, Bit, CompiledLoop, Value, select, width

#: What acts one after the other, by name.
Stages = tuple[str, ...]
#: How much of a step: all of it, or what acts before events arrive one by one, or from then on.
Part = Literal["whole", "before", "after"]


def _bias(x: Value, bits: int, rounding: str, random: Value) -> Value | int:
    """What is added before a floor to make it the named rounding, for the sign of ``x``."""
    ones = (1 << bits) - 1
    if rounding == "ceiling":
        return ones
    if rounding == "toward_zero":
        return (x >> 63) & ones
    if rounding == "away_from_zero":
        return ((x * -1) >> 63) & ones
    if rounding == "stochastic":
        return random & ones
    return 0


def _to_even(floor: Value, rest: Value, bits: int) -> Value:
    """The nearest integer to ``floor + rest / 2**bits``, of two the even one."""
    half = 1 << (bits - 1)
    up = (rest > half) | (rest.equals(half) & (floor & 1).equals(1))
    return select(up, floor + 1, floor)


def round_shift(x: Value, bits: int, rounding: str, random: Value) -> Value:
    """x / 2**bits, rounded by name."""
    if bits == 0:
        return x
    if rounding == "nearest_even":
        return _to_even(x >> bits, x & ((1 << bits) - 1), bits)
    return (x + _bias(x, bits, rounding, random)) >> bits


def scale(x: Value, factor: int, bits: int, rounding: str, random: Value) -> Value:
    """x * factor / 2**bits, rounded by name.

    In halves: x = high * 2**bits + low, so that no product is wider than it must be; the product
    has the sign of x, or is 0, where every bias is without effect.
    """
    if bits == 0:
        return x * factor
    whole = (x >> bits) * factor
    low = (x & ((1 << bits) - 1)) * factor
    if rounding == "nearest_even":
        return _to_even(whole + (low >> bits), low & ((1 << bits) - 1), bits)
    return whole + ((low + _bias(x, bits, rounding, random)) >> bits)


def leak(rule: Leak, x: Value, random: Value) -> Value:
    """What is left of ``x``, the distance from rest, after one step of the leak ``rule``."""
    if isinstance(rule, NoLeak):
        return x
    # Every leak but constant and multi_shift leaves x between itself and 0.
    low, high = min(x.low, 0), max(x.high, 0)
    if isinstance(rule, LinearLeak):
        down = (x - rule.step).at_least(0)
        up = (x + rule.step).at_most(0)
        return select(x > 0, down, up).within(low, high)
    if isinstance(rule, ConstantLeak):
        return x + rule.step
    if isinstance(rule, ScaleLeak):
        leaked = scale(x, rule.factor, rule.shift, rule.rounding, random).within(low, high)
    elif isinstance(rule, DecayLeak):
        lost = scale(x, rule.factor, rule.shift, rule.rounding, random)
        leaked = (x - lost.within(low, high)).within(low, high)
    elif isinstance(rule, MultiShiftLeak):
        leaked = x
        for sign, bits in rule.terms:
            term = round_shift(x, bits, rule.rounding, random)
            leaked = leaked - term if sign > 0 else leaked + term
    elif isinstance(rule, ShiftLeak):
        leaked = x - round_shift(x, rule.shift, rule.rounding, random)
        leaked = leaked.within(low, high)
    else:
        assert_never(rule)
    if not rule.minimum_step:
        return leaked
    # One towards 0: minus the sign of x.
    stepped = select(x > 0, x - 1, select(x < 0, x + 1, x))
    return select(leaked.equals(x), stepped, leaked)


def overflow(x: Value, bits: int, mode: Overflow) -> Value:
    """``x`` brought into ``bits`` signed bits by the named mode."""
    low, high = signed_range(bits)
    if mode == "wrap":
        return x.wrapped(bits)
    return x.at_least(-high if mode == "saturate_symmetric" else low).at_most(high)


def narrow_i_syn(neuron: NeuronParams, i_syn: Value) -> Value:
    """``i_syn`` brought into its range."""
    return overflow(i_syn, neuron.current_bits, neuron.overflow_i_syn or neuron.overflow)


def narrow(neuron: NeuronParams, v: Value) -> Value:
    """``v`` brought into its range, and up to the floor where there is one."""
    v = overflow(v, neuron.state_bits, neuron.overflow)
    return v if neuron.v_floor is None else v.at_least(neuron.v_floor)


def synapse(
    neuron: NeuronParams, stages: Stages, i_syn: Value, current: Value, random: Value
) -> tuple[Value, Value]:
    """(the current that acts on v in this step, the new ``i_syn``) after ``stages``."""
    rule = neuron.synapse
    if not isinstance(rule, ExponentialSynapse):
        return current, i_syn
    acting = i_syn
    for stage, following in zip_longest(stages, stages[1:]):
        if stage == "act":
            acting = i_syn
        elif stage == "integrate":
            i_syn = narrow_i_syn(neuron, i_syn + (current - neuron.bias_past_synapse))
        else:
            i_syn = leak(rule.leak, i_syn, random)
            if following != "integrate" or neuron.accumulate == "per_event":
                i_syn = narrow_i_syn(neuron, i_syn)
    return acting, i_syn


def leak_v(neuron: NeuronParams, v: Value, random: Value) -> Value:
    """The exact membrane potential after its leak towards ``v_leak``."""
    return leak(neuron.leak, v - neuron.v_leak, random) + neuron.v_leak


def change(neuron: NeuronParams, v: Value, exact: Value) -> Value:
    """The exact new potential where the change from ``v`` overflows by itself."""
    if not neuron.overflow_change:
        return exact
    return v + overflow(exact - v, neuron.state_bits, neuron.overflow)


def reaches(neuron: NeuronParams, u: Value, threshold: Value) -> Bit:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset_exact(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The exact membrane potential after a spike at the effective ``threshold``."""
    if neuron.reset == "to_value":
        return Value(u.builder, neuron.v_reset, neuron.v_reset)
    return u - threshold


def reset(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The membrane potential after a spike at the effective ``threshold``, in its range."""
    exact = reset_exact(neuron, u, threshold)
    if neuron.reset == "subtract":
        return overflow(exact, neuron.state_bits, neuron.overflow)
    return exact  # also where v_reset is the value that saturate_symmetric excludes


def negative(neuron: NeuronParams, u: Value) -> Value:
    """``u`` after the reset below ``negative_threshold``, where there is one."""
    limit = neuron.negative_threshold
    if limit is None:
        return u
    after = {
        "floor": Value(u.builder, limit, limit),
        "mirror": Value(u.builder, -neuron.v_reset, -neuron.v_reset),
        # Only a u below the limit is moved, and not beyond 0.
        "subtract": (u - limit).within(*neuron.state_range),
    }[neuron.negative_reset]
    return select(u < limit, after, u)


def fire(neuron: NeuronParams, u: Value, threshold: Value) -> tuple[Value | Bit, Value]:
    """(spikes of a step, the potential after the resets that act at the compare)."""
    if neuron.max_spikes_per_step > 1:
        v = negative(neuron, u)
        count = Value(u.builder, 0, 0)
        for number in range(1, neuron.max_spikes_per_step + 1):
            again = reaches(neuron, v, threshold)
            count = select(again, Value(u.builder, number, number), count)
            # Thresholds are positive, and subtracted only where they were reached.
            v = select(again, (v - threshold).within(*neuron.state_range), v)
        return count, v
    spike = reaches(neuron, u, threshold)
    after = reset(neuron, u, threshold) if neuron.reset_at == "compare" else u
    return spike, select(spike, after, negative(neuron, u))


def adapt(neuron: NeuronParams, theta: Value, spikes: Value | Bit, random: Value) -> Value:
    """The new threshold offset: decayed, raised by each spike, saturating, never below 0."""
    rule = neuron.adaptation
    if rule is None:
        return theta
    decayed = leak(rule.leak, theta, random)
    if isinstance(spikes, Bit):
        raised = select(spikes, decayed + rule.increment, decayed)
    else:
        raised = decayed + spikes * rule.increment
    return raised.at_least(0).at_most(neuron.theta_max)


@dataclass(frozen=True)
class _Given:
    """What acts on v in a step, and what is drawn and compared in it."""

    i: Value
    threshold: Value
    random: Value


def advance(
    neuron: NeuronParams, stages: Stages, v: Value, given: _Given, spiked: Bit | None
) -> Value:
    """The potential after ``stages``, in its range; where it ``spiked`` the leak resets it too."""
    if not stages:
        return v
    exact = v
    for stage in stages:
        if stage == "leak":
            exact = leak_v(neuron, exact, given.random)
            if spiked is not None:
                exact = select(spiked, reset_exact(neuron, exact, given.threshold), exact)
        else:
            exact = exact + given.i
        exact = narrow(neuron, exact) if neuron.sums_on_v else exact
    return narrow(neuron, change(neuron, v, exact))


def at_rest(neuron: NeuronParams, v: Value, random: Value) -> Value:
    """The potential after a step of rest that began with ``v``."""
    if neuron.refractory_mode == "clamp":
        return v
    if neuron.refractory_mode == "rest":
        return Value(v.builder, neuron.v_leak, neuron.v_leak)
    return narrow(neuron, leak_v(neuron, v, random))


def until_compare(
    neuron: NeuronParams, before: Stages, v: Value, given: _Given
) -> tuple[Value | Bit, Value, Value]:
    """(spikes, the potential that was compared, the potential after resets at the compare)."""
    spiked = reaches(neuron, v, given.threshold) if neuron.resets_late else None
    if spiked is not None and neuron.reset_at == "next_step":
        v, spiked = select(spiked, reset(neuron, v, given.threshold), v), None
    if neuron.fire_on == "event":  # integrate is the last stage
        u = advance(neuron, before[:-1], v, given, spiked)
        spikes, after = fire(neuron, narrow(neuron, u + given.i), given.threshold)
        nothing = given.i.equals(0)
        return as_bit(spikes) & ~nothing, u, select(nothing, u, after)
    u = advance(neuron, before, v, given, spiked)
    spikes, after = fire(neuron, u, given.threshold)
    return spikes, u, after


def as_bit(spikes: Value | Bit) -> Bit:
    """Whether there is a spike."""
    return spikes if isinstance(spikes, Bit) else spikes > 0


def received(neuron: NeuronParams) -> str | None:
    """The state variable that takes events one by one, if one does."""
    if neuron.accumulate == "exact":
        return None
    return "v" if neuron.sums_on_v else "i_syn"


def stages_of(order: Stages, part: Part) -> Stages:
    """What of ``order`` acts in a part of the step."""
    if part == "whole":
        return order
    at = order.index("integrate")
    return order[:at] if part == "before" else order[at:]


def acts_before(neuron: NeuronParams) -> bool:
    """Whether anything acts in a step before events arrive."""
    order = neuron.order if neuron.sums_on_v else getattr(neuron.synapse, "order", ("integrate",))
    return bool(stages_of(order, "before"))


def step(
    neuron: NeuronParams, now: dict[str, Value], part: Part = "whole"
) -> dict[str, Value | Bit]:
    """One time step of the integer rule, or a part of it: the new values of what changes, and
    ``spike``."""
    zero = Value(now["v"].builder, 0, 0)
    random = now.get("random", zero)
    current = now.get("current", zero) + now.get("drive", zero) + neuron.bias
    new: dict[str, Value | Bit] = {}
    i = current
    before, after = neuron.stages
    if isinstance(neuron.synapse, ExponentialSynapse):
        stages = stages_of(neuron.synapse.order, part)
        i, new["i_syn"] = synapse(neuron, stages, now["i_syn"], current, random)
        if "act" not in stages:
            return new
        i = i + neuron.bias_past_synapse
    elif part != "whole":
        before = stages_of(before, part)
    given = _Given(i, now["v_threshold"] + now.get("theta", zero), random)
    if neuron.sums_on_v and part == "before":
        return {"v": advance(neuron, before, now["v"], given, None)}
    spikes, u, v = until_compare(neuron, before, now["v"], given)
    resting = None
    if neuron.refractory_bits:
        count = now["refractory"]
        resting = count > 0
        spikes = spikes & ~resting if isinstance(spikes, Bit) else select(resting, zero, spikes)
        v = select(resting, u, v)
        period = Value(u.builder, neuron.rest_steps, neuron.rest_steps)
        new["refractory"] = select(as_bit(spikes), period, (count - 1).at_least(0))
    v = advance(neuron, after, v, given, as_bit(spikes) if neuron.reset_at == "leak" else None)
    if resting is not None and neuron.refractory_mode != "mask":
        v = select(resting, at_rest(neuron, now["v"], random), v)
    if neuron.adaptation is not None:
        new["theta"] = adapt(neuron, now["theta"], spikes, random)
    return {"v": v, **new, "spike": spikes}


# --- the compiled step --------------------------------------------------------------------------

#: The arguments of every compiled step after the numbers of steps and neurons, in this order.
ARGUMENTS = (
    "v", "i_syn", "theta", "refractory", "v_threshold", "random", "drive", "current", "spike",
)  # fmt: skip
#: Those that are followed by the distance from one step's row to the next.
STEPPED = ("random", "drive", "current", "spike")

_PLACE = [("address", np.int64), ("item_size", np.int64)]
#: How compiled code finds a compiled step and all its arguments: where each begins, the bytes of
#: an element, and of the stepped ones the elements to the next step's row. Code that is kept on
#: disk is kept for one layout of this record, and so for one ARGUMENTS and STEPPED.
STEP_CALL = np.dtype([
    ("function", np.int64),
    *((name, [*_PLACE, ("row", np.int64)] if name in STEPPED else _PLACE) for name in ARGUMENTS),
], align=True)  # fmt: skip


#: Not typed: numpy names no buffer before Python 3.12.
_NOTHING: Any = ctypes.c_char * 0


def address(values: npt.NDArray[Any]) -> int:
    """Where a contiguous array begins; numpy's ``values.ctypes.data`` takes four times as long."""
    if not values.flags.writeable:
        return values.ctypes.data
    return ctypes.addressof(_NOTHING.from_buffer(values))


def set_argument(call: np.void | npt.NDArray[np.void], name: str, values: npt.NDArray[Any]) -> None:
    """Write where a single step finds an argument into a record of :data:`STEP_CALL`."""
    place = call[name]
    place["address"], place["item_size"] = address(values), values.itemsize


Range = tuple[int, int]


def element(low: int, high: int) -> np.dtype[np.signedinteger]:
    """The machine integers that hold ``low``..``high``."""
    return np.dtype(f"i{width(low, high) // 8}")


def state_type(
    neuron: NeuronParams, variable: str, part: Part = "whole"
) -> np.dtype[np.signedinteger]:
    """The machine integers that a state variable is kept in while a compiled step runs.

    One that takes events between the parts of a step has 32 bits: one loop serves all neurons.
    """
    if part != "whole" and variable == received(neuron):
        return np.dtype(np.int32)
    return element(*neuron.ranges[variable])


@lru_cache(maxsize=512)
def step_loop(
    neuron: NeuronParams,
    thresholds: Range,
    current: np.dtype[np.signedinteger],
    currents: Range,
    drive: np.dtype[Any] | None = None,
    drives: Range = (0, 0),
    clear: bool = False,
    part: Part = "whole",
) -> CompiledLoop:
    """The step of equal neurons, or a ``part`` of it, over many neurons and steps, compiled once
    for equal parameters.

    ``thresholds``, ``currents``, ``drives``: lowest and highest of each. Thresholds that are all
    equal become part of the code. ``current`` is the type of the input's elements; with ``clear``
    they are set to 0 once they are read. ``drive`` is the type of what is added to the input, where
    there is such. State variables have :func:`state_type`, thresholds :func:`element`, random
    numbers 64 bits, spikes 8.
    """
    there = {
        name: Array(name, 8 * state_type(neuron, name, part).itemsize, *neuron.ranges[name])
        for name in neuron.state_widths
    }
    if thresholds[0] != thresholds[1]:
        there["v_threshold"] = Array("v_threshold", width(*thresholds), *thresholds)
    if neuron.random_bits:
        draws = (0, (1 << neuron.lfsr.bits) - 1)
        there["random"] = Array("random", 64, *draws, stepped=True)
    if part != "before":
        if drive is not None:
            there["drive"] = Array("drive", 8 * drive.itemsize, *drives, stepped=True)
        there["current"] = Array("current", 8 * current.itemsize, *currents, stepped=True)
    there["spike"] = Array("spike", 8, 0, neuron.max_spikes_per_step, stepped=True)

    def body(now: dict[str, Value]) -> dict[str, Value | Bit]:
        builder = now["v"].builder
        now.setdefault("v_threshold", Value(builder, *thresholds))
        new = step(neuron, now, part)
        return new | {"current": Value(builder, 0, 0)} if clear and part != "before" else new

    return CompiledLoop(
        [there.get(name, Array(name, stepped=name in STEPPED)) for name in ARGUMENTS], body
    )
