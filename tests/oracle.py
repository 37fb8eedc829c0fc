"""An independent oracle for the integer leaky integrate-and-fire neuron.

Written straight from the normative page, docs/rule.md, in plain unbounded Python ints and exact
fractions: no numpy, no shift tricks and no code shared with the package. It reads
the plain fields of the parameter objects, never their computed properties, and derives every
range and width itself. It is meant to be read against the page and to be slow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxlif.params.core import CoreParams
    from fxlif.params.neuron import NeuronParams


@dataclass
class State:
    """What one neuron remembers between two steps."""

    v: int
    i_syn: int
    theta: int
    refractory: int


def initial(params: NeuronParams) -> State:
    """``v`` starts at ``v_reset``, everything else at 0."""
    return State(v=params.v_reset, i_syn=0, theta=0, refractory=0)


# --- random numbers (docs/rule.md#stochastic) ---------------------------------------------------


class Lfsr:
    """A Galois shift register to the right, as a list of bits, the lowest first."""

    def __init__(self, params: Any) -> None:
        self.taps = set(params.taps)
        self.bits = [params.seed // 2**place % 2 for place in range(params.bits)]

    def draw(self) -> int:
        """The state before the shift; then one shift."""
        value = sum(bit * 2**place for place, bit in enumerate(self.bits))
        out, *rest = self.bits
        self.bits = [
            (bit + out) % 2 if tap in self.taps else bit
            for tap, bit in enumerate([*rest, 0], start=1)
        ]
        return value


# --- rounding and leaks (docs/rule.md#rounding, docs/rule.md#leaks) -----------------------------


def round_quotient(numerator: int, denominator: int, mode: str, random: int = 0) -> int:
    """The exact quotient, rounded to an integer by the named mode."""
    exact = Fraction(numerator, denominator)
    if mode == "floor":
        return math.floor(exact)
    if mode == "toward_zero":
        return math.floor(exact) if exact >= 0 else math.ceil(exact)
    if mode == "away_from_zero":
        return math.ceil(exact) if exact >= 0 else math.floor(exact)
    if mode == "nearest_even":
        below = math.floor(exact)
        rest = exact - below
        if rest == Fraction(1, 2):
            return below if below % 2 == 0 else below + 1
        return below if rest < Fraction(1, 2) else below + 1
    if mode == "stochastic":  # a random number below the denominator, then the floor
        return math.floor(exact + Fraction(random % denominator, denominator))
    raise ValueError(f"rounding: {mode!r}")


def leak(rule: Any, x: int, random: int = 0) -> int:
    """What is left of ``x``, a distance from rest of any sign, after one step of the leak."""
    if rule.kind == "none":
        return x
    if rule.kind == "linear":
        return _towards_zero(x, rule.step)
    left = _rounded_leak(rule, x, random)
    if rule.minimum_step == 1 and left == x:
        return _towards_zero(x, 1)
    return left


def _towards_zero(x: int, distance: int) -> int:
    if x > 0:
        return max(x - distance, 0)
    return min(x + distance, 0)


def _rounded_leak(rule: Any, x: int, random: int) -> int:
    if rule.kind == "shift":
        return x - round_quotient(x, 2**rule.shift, rule.rounding, random)
    if rule.kind == "multi_shift":
        signs = rule.signs if rule.signs else [1] * len(rule.shifts)
        left = x
        for sign, shift in zip(signs, rule.shifts, strict=True):
            left -= sign * round_quotient(x, 2**shift, rule.rounding, random)
        return left
    if rule.kind == "scale":
        return round_quotient(x * rule.factor, 2**rule.shift, rule.rounding, random)
    raise ValueError(f"leak: {rule.kind!r}")


# --- one neuron, one step (docs/rule.md#step) ---------------------------------------------------


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _signed_limits(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def overflow(params: NeuronParams, value: int, bits: int) -> int:
    """``value`` brought into ``bits`` signed bits by the neuron's overflow rule."""
    low, high = _signed_limits(bits)
    if params.overflow == "saturate":
        return _clamp(value, low, high)
    if params.overflow == "wrap":
        return (value - low) % 2**bits + low
    raise ValueError(f"overflow: {params.overflow!r}")


def step(
    params: NeuronParams,
    state: State,
    current: int,
    threshold: int | None = None,
    random: int = 0,
) -> tuple[State, bool]:
    """One time step: the new state and whether the neuron fires.

    ``current`` is the exact sum of the weights, already shifted, without the bias;
    ``random`` the draw of this neuron in this step.
    """
    if threshold is None:
        threshold = params.v_threshold
    i_syn, i = _synapse(params, state.i_syn, current + params.bias, random)
    resting = state.refractory > 0
    if resting and params.refractory_mode == "clamp":
        v, fire = state.v, False
    else:
        v = _integrate(params, state.v, i, random)
        effective = threshold + state.theta
        fire = not resting and _reaches(params, v, effective)
        if fire:
            v = _reset(params, v, effective)
    counted = state.refractory - 1 if resting else 0
    refractory = params.refractory if fire else counted
    theta = _adapt(params, state.theta, fire, random)
    return State(v=v, i_syn=i_syn, theta=theta, refractory=refractory), fire


def _synapse(params: NeuronParams, i_syn: int, current: int, random: int) -> tuple[int, int]:
    """The new synaptic current and what acts on ``v`` in this step."""
    if params.synapse.kind == "delta":
        return 0, current
    if params.synapse.kind == "exponential":
        decayed = leak(params.synapse.leak, i_syn, random)
        i_syn = overflow(params, decayed + current, params.current_bits)
        return i_syn, i_syn
    raise ValueError(f"synapse: {params.synapse.kind!r}")


def _integrate(params: NeuronParams, v: int, i: int, random: int) -> int:
    """``u`` of the page: exact up to the one overflow, then the floor."""
    leaked = leak(params.leak, v - params.v_leak, random)
    u = overflow(params, leaked + params.v_leak + i, params.state_bits)
    return u if params.v_floor is None else max(u, params.v_floor)


def _reaches(params: NeuronParams, u: int, effective: int) -> bool:
    if params.compare == "ge":
        return u >= effective
    if params.compare == "gt":
        return u > effective
    raise ValueError(f"compare: {params.compare!r}")


def _reset(params: NeuronParams, u: int, effective: int) -> int:
    if params.reset == "to_value":
        return params.v_reset
    if params.reset == "subtract":
        return overflow(params, u - effective, params.state_bits)
    raise ValueError(f"reset: {params.reset!r}")


def _adapt(params: NeuronParams, theta: int, fire: bool, random: int) -> int:
    """Theta is unsigned and saturates at both ends, whatever the overflow rule."""
    if params.adaptation is None:
        return 0
    decayed = leak(params.adaptation.leak, theta, random)
    raised = decayed + (params.adaptation.increment if fire else 0)
    return _clamp(raised, 0, 2**params.theta_bits - 1)


# --- a population (sections 1, 4 and 5) ---------------------------------------------------------


def _accumulator_limits(core: CoreParams) -> tuple[int, int]:
    """The range of the accumulator, wide enough for every step that keeps the promise."""
    lowest, highest = 0, 0
    for neuron in range(core.n_neurons):
        into = [int(core.weights[source][neuron]) for source in range(core.n_inputs)]
        lowest = min(lowest, sum(w for w in into if w < 0) * core.max_events_per_input)
        highest = max(highest, sum(w for w in into if w > 0) * core.max_events_per_input)
    bits = core.neuron.weight_bits
    low, high = _signed_limits(bits)
    while lowest < low or highest > high:
        bits += 1
        low, high = _signed_limits(bits)
    return low, high


def accumulate(core: CoreParams, addresses: list[int]) -> tuple[list[int], int, int]:
    """One step's sums before the weight shift, additions that saturated, events dropped."""
    low, high = _accumulator_limits(core)
    sums = [0] * core.n_neurons
    saturated = 0
    dropped = 0
    for address in addresses:
        if address >= core.n_inputs:
            dropped += 1
            continue
        for neuron in range(core.n_neurons):
            exact = sums[neuron] + int(core.weights[address][neuron])
            sums[neuron] = _clamp(exact, low, high)
            if sums[neuron] != exact:
                saturated += 1
    return sums, saturated, dropped


def run_core(core: CoreParams, steps: list[list[int]]) -> list[list[int]]:
    """For each step's input addresses, the neurons that spike, ascending."""
    states = [initial(core.neuron) for _ in range(core.n_neurons)]
    lfsr = Lfsr(core.neuron.lfsr)
    spikes: list[list[int]] = []
    for addresses in steps:
        sums, _, _ = accumulate(core, addresses)
        fired: list[int] = []
        for neuron in range(core.n_neurons):
            threshold = None if core.v_thresholds is None else core.v_thresholds[neuron]
            current = sums[neuron] * 2**core.weight_shift
            random = lfsr.draw()
            states[neuron], fire = step(core.neuron, states[neuron], current, threshold, random)
            if fire:
                fired.append(neuron)
        spikes.append(fired)
    return spikes
