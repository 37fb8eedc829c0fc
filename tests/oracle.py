"""An independent oracle for the integer leaky integrate-and-fire neuron.

Written straight from the normative page, docs/rule.md, in plain unbounded Python ints: no numpy,
no shift tricks and no code shared with the package. It reads the plain fields of the parameter
objects, never their computed properties, and derives every range and width itself. It is meant to
be read against the page and to be slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    below, rest = divmod(numerator, denominator)  # exact = below + rest / denominator
    above = below + (rest > 0)
    if mode == "floor":
        return below
    if mode == "ceiling":
        return above
    if mode == "toward_zero":
        return below if numerator >= 0 else above
    if mode == "away_from_zero":
        return above if numerator >= 0 else below
    if mode == "nearest_even":
        if 2 * rest == denominator:
            return below if below % 2 == 0 else above
        return below if 2 * rest < denominator else above
    if mode == "stochastic":  # a random number below the denominator, then the floor
        return (numerator + random % denominator) // denominator
    raise ValueError(f"rounding: {mode!r}")


def leak(rule: Any, x: int, random: int = 0) -> int:
    """What is left of ``x``, a distance from rest of any sign, after one step of the leak."""
    if rule.kind == "none":
        return x
    if rule.kind == "linear":
        return _towards_zero(x, rule.step)
    if rule.kind == "constant":
        return x + rule.step
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
    if rule.kind == "decay":
        return x - round_quotient(x * rule.factor, 2**rule.shift, rule.rounding, random)
    raise ValueError(f"leak: {rule.kind!r}")


# --- one neuron, one step (docs/rule.md#step) ---------------------------------------------------


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _signed_limits(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def overflow(mode: str, value: int, bits: int) -> int:
    """``value`` brought into ``bits`` signed bits by the named rule."""
    low, high = _signed_limits(bits)
    if mode == "saturate":
        return _clamp(value, low, high)
    if mode == "saturate_symmetric":
        return _clamp(value, -high, high)
    if mode == "wrap":
        return (value - low) % 2**bits + low
    raise ValueError(f"overflow: {mode!r}")


def step(
    params: NeuronParams,
    state: State,
    current: int,
    threshold: int | None = None,
    random: int = 0,
    events: Sequence[int] = (),
) -> tuple[State, int]:
    """One time step: the new state and how often the neuron spikes.

    ``events`` are the weights that arrive, shifted, in order of arrival; ``current`` is what comes
    besides, without the bias; ``random`` the draw of this neuron in this step.
    """
    if threshold is None:
        threshold = params.v_threshold
    effective = threshold + state.theta
    rest = current + params.bias
    if params.accumulate == "exact":
        arrivals = [sum(events) + rest]
    elif params.accumulate == "per_event":
        arrivals = [*events, rest]
        if params.fire_on == "event" and rest == 0:
            arrivals.pop()
    else:
        raise ValueError(f"accumulate: {params.accumulate!r}")
    i_syn = 0
    if params.synapse.kind == "exponential":
        if params.bias_at == "v":  # it passes the synapse by
            arrivals[-1] -= params.bias
        i_syn, acting = _synapse(params, state.i_syn, arrivals, random)
        arrivals = [acting + params.bias if params.bias_at == "v" else acting]
    elif params.synapse.kind != "delta":
        raise ValueError(f"synapse: {params.synapse.kind!r}")
    resting = state.refractory > 0
    if resting and params.refractory_mode != "mask":
        v, spikes = _at_rest(params, state.v, random), 0
    else:
        v, spikes = _membrane(params, state.v, arrivals, effective, resting, random)
    if spikes:
        # What is left of the period, of which the step of the spike may be the first.
        before = params.refractory_count == "before"
        refractory = max(params.refractory - 1, 0) if before else params.refractory
    else:
        refractory = max(state.refractory - 1, 0)
    theta = _adapt(params, state.theta, spikes, random)
    return State(v=v, i_syn=i_syn, theta=theta, refractory=refractory), spikes


def _synapse(
    params: NeuronParams, i_syn: int, arrivals: Sequence[int], random: int
) -> tuple[int, int]:
    """The new synaptic current and what acts on ``v`` in this step (docs/rule.md#synapse)."""
    mode = params.overflow if params.overflow_i_syn is None else params.overflow_i_syn
    acting = 0
    for stage, following in _with_following(params.synapse.order):
        if stage == "leak":
            i_syn = leak(params.synapse.leak, i_syn, random)
            if following != "integrate" or params.accumulate == "per_event":
                i_syn = overflow(mode, i_syn, params.current_bits)
        elif stage == "integrate":
            for weight in arrivals:
                i_syn = overflow(mode, i_syn + weight, params.current_bits)
        elif stage == "act":
            acting = i_syn
        else:
            raise ValueError(f"synapse.order: {stage!r}")
    return i_syn, acting


def _with_following(stages: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each stage and the one after it."""
    return zip(stages, [*stages[1:], None], strict=True)


def _membrane(
    params: NeuronParams,
    v: int,
    arrivals: Sequence[int],
    effective: int,
    resting: bool,
    random: int,
) -> tuple[int, int]:
    """v after its three stages, and the spikes (docs/rule.md#order, #reset, #per-event)."""
    stages = list(params.order)
    on_v = params.accumulate == "per_event" and params.synapse.kind == "delta"
    spikes = 0
    reset_at_leak = False  # the reset of a spike that acts at the leak to come
    if params.reset_at == "next_step" and _reaches(params, v, effective):
        v = _reset(params, v, effective)
    if params.reset_at == "leak" and stages.index("leak") < stages.index("fire"):
        reset_at_leak = _reaches(params, v, effective)
    start = v
    for stage, following in _with_following(stages):
        if stage == "leak":
            v = _leak_v(params, v, random)
            if reset_at_leak:
                v = params.v_reset if params.reset == "to_value" else v - effective
        elif stage == "integrate":
            for arrival in arrivals:
                v += arrival
                if on_v:
                    v = _narrow(params, v)
                if params.fire_on == "event" and _reaches(params, v, effective):
                    v = _reset(params, v, effective)
                    spikes += 1
            if on_v:  # each event has narrowed it
                continue
        elif stage == "fire":
            if params.fire_on == "event" or resting:
                continue
            v, spikes = _fire(params, v, effective)
            reset_at_leak = params.reset_at == "leak" and spikes > 0
            continue
        else:
            raise ValueError(f"order: {stage!r}")
        if following in ("fire", None):
            if params.overflow_change:
                v = start + overflow(params.overflow, v - start, params.state_bits)
            v = _narrow(params, v)
        elif following == "integrate" and on_v:
            v = _narrow(params, v)
    return v, spikes


def _fire(params: NeuronParams, v: int, effective: int) -> tuple[int, int]:
    """The compare of a step: v, reset where that is the place, and the number of spikes."""
    negative = params.negative_threshold
    if params.max_spikes_per_step > 1:
        if negative is not None and v < negative:
            v = _negative(params, v)
        spikes = 0
        while spikes < params.max_spikes_per_step and _reaches(params, v, effective):
            v = _reset(params, v, effective)
            spikes += 1
        return v, spikes
    if _reaches(params, v, effective):
        return (_reset(params, v, effective) if params.reset_at == "compare" else v), 1
    if negative is not None and v < negative:
        v = _negative(params, v)
    return v, 0


def _negative(params: NeuronParams, v: int) -> int:
    """What becomes of a v below the negative threshold."""
    if params.negative_reset == "floor":
        return params.negative_threshold
    if params.negative_reset == "mirror":
        return -params.v_reset
    if params.negative_reset == "subtract":
        return v - params.negative_threshold
    raise ValueError(f"negative_reset: {params.negative_reset!r}")


def _at_rest(params: NeuronParams, v: int, random: int) -> int:
    """v after a step of rest in which it takes no input (docs/rule.md#refractory)."""
    if params.refractory_mode == "clamp":
        return v
    if params.refractory_mode == "rest":
        return params.v_leak
    if params.refractory_mode == "leak":
        return _narrow(params, _leak_v(params, v, random))
    raise ValueError(f"refractory_mode: {params.refractory_mode!r}")


def _leak_v(params: NeuronParams, v: int, random: int) -> int:
    return leak(params.leak, v - params.v_leak, random) + params.v_leak


def _narrow(params: NeuronParams, v: int) -> int:
    """The overflow, then the floor."""
    v = overflow(params.overflow, v, params.state_bits)
    return v if params.v_floor is None else max(v, params.v_floor)


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
        return overflow(params.overflow, u - effective, params.state_bits)
    raise ValueError(f"reset: {params.reset!r}")


def _adapt(params: NeuronParams, theta: int, spikes: int, random: int) -> int:
    """Theta is unsigned and saturates at both ends, whatever the overflow rule."""
    if params.adaptation is None:
        return 0
    decayed = leak(params.adaptation.leak, theta, random)
    return _clamp(decayed + params.adaptation.increment * spikes, 0, 2**params.theta_bits - 1)


# --- a population (sections 1, 4 and 5) ---------------------------------------------------------


def accumulator_limits(core: CoreParams) -> tuple[int, int]:
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
    low, high = accumulator_limits(core)
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


def core_steps(core: CoreParams, steps: list[list[int]]) -> Iterator[tuple[list[int], list[State]]]:
    """For each step's input addresses, the neurons that spike, ascending, each as often as it
    does; and the states of all after it."""
    states = [initial(core.neuron) for _ in range(core.n_neurons)]
    lfsr = Lfsr(core.neuron.lfsr)
    for addresses in steps:
        sums, _, _ = accumulate(core, addresses)
        fired: list[int] = []
        for neuron in range(core.n_neurons):
            threshold = None if core.v_thresholds is None else core.v_thresholds[neuron]
            random = lfsr.draw()
            state, current = states[neuron], sums[neuron] * 2**core.weight_shift
            states[neuron], count = step(core.neuron, state, current, threshold, random)
            fired += [neuron] * count
        yield fired, list(states)


def run_core(core: CoreParams, steps: list[list[int]]) -> list[list[int]]:
    """The spikes of :func:`core_steps`."""
    return [fired for fired, _ in core_steps(core, steps)]
