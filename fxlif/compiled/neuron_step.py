"""The integer rule as compiled loops: the second golden model, written for vector units.

The rules have the names that they have in :mod:`fxlif.rule.arithmetic` and the same results, bit
for bit, but are written apart from it and without a choice per neuron: what a parameter decides is
decided when the loop is compiled (see :mod:`fxlif.compiled.expressions`). Import it only where
:func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from ..params.leaks import Leak, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from ..params.neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams
from ..params.quantise import signed_range
from .expressions import Array, Bit, CompiledLoop, Value, select, width


def _bias(x: Value, bits: int, rounding: str, random: Value) -> Value | int:
    """What is added before a floor to make it the named rounding, for the sign of ``x``."""
    ones = (1 << bits) - 1
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
    # Every leak but multi_shift leaves x between itself and 0.
    low, high = min(x.low, 0), max(x.high, 0)
    if isinstance(rule, LinearLeak):
        down = (x - rule.step).at_least(0)
        up = (x + rule.step).at_most(0)
        return select(x > 0, down, up).within(low, high)
    if isinstance(rule, ScaleLeak):
        leaked = scale(x, rule.factor, rule.shift, rule.rounding, random).within(low, high)
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


def overflow(x: Value, bits: int, mode: str) -> Value:
    """``x`` brought into ``bits`` signed bits by the named mode."""
    low, high = signed_range(bits)
    return x.at_least(low).at_most(high) if mode == "saturate" else x.wrapped(bits)


def synapse(neuron: NeuronParams, i_syn: Value, current: Value, random: Value) -> Value:
    """The synaptic current that acts in this step."""
    if isinstance(neuron.synapse, DeltaSynapse):
        return current
    if not isinstance(neuron.synapse, ExponentialSynapse):
        assert_never(neuron.synapse)
    total = leak(neuron.synapse.leak, i_syn, random) + current
    return overflow(total, neuron.current_bits, neuron.overflow)


def integrate(neuron: NeuronParams, v: Value, i: Value, random: Value) -> Value:
    """The membrane potential u after leak and input, before the threshold."""
    u = leak(neuron.leak, v - neuron.v_leak, random) + neuron.v_leak + i
    u = overflow(u, neuron.state_bits, neuron.overflow)
    return u if neuron.v_floor is None else u.at_least(neuron.v_floor)


def reaches(neuron: NeuronParams, u: Value, threshold: Value) -> Bit:
    """Whether ``u`` is at (``ge``) or above (``gt``) the effective threshold."""
    return u >= threshold if neuron.compare == "ge" else u > threshold


def reset(neuron: NeuronParams, u: Value, threshold: Value) -> Value:
    """The membrane potential after a spike at the effective ``threshold``."""
    if neuron.reset == "to_value":
        return Value(u.builder, neuron.v_reset, neuron.v_reset)
    return overflow(u - threshold, neuron.state_bits, neuron.overflow)


def adapt(rule: Adaptation, theta_max: int, theta: Value, fire: Bit, random: Value) -> Value:
    """The new threshold offset: decayed, raised by a spike, saturating, never below 0."""
    decayed = leak(rule.leak, theta, random)
    return select(fire, decayed + rule.increment, decayed).at_least(0).at_most(theta_max)


def step(neuron: NeuronParams, now: dict[str, Value]) -> dict[str, Value | Bit]:
    """One time step of the integer rule: the new values of what changes, and ``spike``."""
    zero = Value(now["v"].builder, 0, 0)
    random = now.get("random", zero)
    current = now["current"] + now.get("drive", zero) + neuron.bias
    i = synapse(neuron, now.get("i_syn", zero), current, random)
    u = integrate(neuron, now["v"], i, random)
    threshold = now["v_threshold"] + now.get("theta", zero)
    fire = reaches(neuron, u, threshold)
    new: dict[str, Value | Bit] = {}
    held = u
    if neuron.refractory:
        count = now["refractory"]
        resting = count > 0
        fire = fire & ~resting
        if neuron.refractory_mode == "clamp":
            held = select(resting, now["v"], u)
        rest = Value(u.builder, neuron.refractory, neuron.refractory)
        new["refractory"] = select(fire, rest, (count - 1).at_least(0))
    if neuron.adaptation is not None:
        new["theta"] = adapt(neuron.adaptation, neuron.theta_max, now["theta"], fire, random)
    if isinstance(neuron.synapse, ExponentialSynapse):
        new["i_syn"] = i
    return {"v": select(fire, reset(neuron, u, threshold), held), **new, "spike": fire}


# --- the compiled step --------------------------------------------------------------------------

#: The arguments of every compiled step after the numbers of steps and neurons, in this order.
ARGUMENTS = (
    "v", "i_syn", "theta", "refractory", "v_threshold", "random", "drive", "current", "spike",
)  # fmt: skip
#: Those that are followed by the distance from one step's row to the next.
STEPPED = ("random", "current", "spike")

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


def state_type(neuron: NeuronParams, variable: str) -> np.dtype[np.signedinteger]:
    """The machine integers that a state variable is kept in while a compiled step runs."""
    return element(*neuron.ranges[variable])


@lru_cache(maxsize=512)
def step_loop(
    neuron: NeuronParams,
    thresholds: Range,
    current: np.dtype[np.signedinteger],
    currents: Range,
    drives: Range = (0, 0),
    clear: bool = False,
) -> CompiledLoop:
    """The step of equal neurons over many neurons and steps, compiled once for equal parameters.

    ``thresholds``, ``currents``, ``drives``: lowest and highest of each. Thresholds that are all
    equal become part of the code, drives of 0 are not read. ``current`` is the type of the input's
    elements; with ``clear`` they are set to 0 once they are read. State variables have
    :func:`state_type`, thresholds and drives :func:`element`, random numbers 64 bits, spikes 8.
    """
    there = {
        name: Array(name, width(*neuron.ranges[name]), *neuron.ranges[name])
        for name in neuron.state_widths
    }
    if thresholds[0] != thresholds[1]:
        there["v_threshold"] = Array("v_threshold", width(*thresholds), *thresholds)
    if neuron.random_bits:
        draws = (0, (1 << neuron.lfsr.bits) - 1)
        there["random"] = Array("random", 64, *draws, stepped=True)
    if drives != (0, 0):
        there["drive"] = Array("drive", width(*drives), *drives)
    there["current"] = Array("current", 8 * current.itemsize, *currents, stepped=True)
    there["spike"] = Array("spike", 8, 0, 1, stepped=True)

    def body(now: dict[str, Value]) -> dict[str, Value | Bit]:
        builder = now["v"].builder
        now.setdefault("v_threshold", Value(builder, *thresholds))
        new = step(neuron, now)
        return new | {"current": Value(builder, 0, 0)} if clear else new

    return CompiledLoop(
        [there.get(name, Array(name, stepped=name in STEPPED)) for name in ARGUMENTS], body
    )
