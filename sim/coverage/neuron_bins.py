"""The bins of one step of one neuron: overflow, rounding, threshold, reset, refractory period, and
steps that come out otherwise than by another choice of the rule.

Each condition is written with operators and the functions of :mod:`fxlif.rule.arithmetic`, so that
it runs on int64 arrays, where it counts, and on bit-vectors, where a solver decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import assert_never

from ...params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from ...params.neuron import (
    DeltaSynapse,
    ExponentialSynapse,
    NeuronParams,
)
from ...rule import arithmetic
from ...rule.arithmetic import Number
from .bins import BEFORE_WRITES, BinRule, Key
from .other_choices import as_described, other_choices
from .step_values import Condition, StepValues, may_exceed
from .turns.narrowing import narrowed, overflows

#: A condition on the distance of a state variable from rest.
Test = Callable[[Number], Condition]
#: The same, of the draw as well.
RandomTest = Callable[[Number, Number], Condition]
#: Of a bin of a leak: its name, the condition, and why the parameters forbid it, if they do.
LeakBin = tuple[str, RandomTest, str]
NeuronBin = BinRule[StepValues]


def fires_key(prefix: str = "") -> Key:
    """The bin of a spike of any neuron of the core with this prefix."""
    return (f"{prefix}threshold", "fires")


def neuron_bins(neuron: NeuronParams, prefix: str = "") -> tuple[NeuronBin, ...]:
    """Every bin of one step of ``neuron``; ``prefix`` goes before the groups.

    Its registers may hold arrays of a value for each step, or terms
    (:func:`~fxlif.rule.written.with_values`): which bins there are does not depend on these.
    """
    bins = (
        *_potential(neuron),
        *_synapse(neuron),
        *_leaks(neuron),
        *_spike(neuron),
        *_spike_count(neuron),
        *_negative(neuron),
        *_refractory(neuron),
        *_theta(neuron),
        *_current(neuron),
        *(BinRule("choice", name, hit) for name, hit in other_choices(neuron)),
        *(
            BinRule("choice", f"{name}: not as {BEFORE_WRITES}", hit)
            for name, hit in as_described(neuron)
        ),
    )
    return tuple(
        replace(each, group=prefix + each.group,
                needs=each.needs and (prefix + each.needs[0], each.needs[1]))
        for each in bins
    )  # fmt: skip


# --- the membrane potential and the synaptic current --------------------------------------------


def _potential(neuron: NeuronParams) -> Iterator[NeuronBin]:
    held = StepValues.unless_held
    before, after = neuron.stages
    if neuron.sums_on_v:  # brought into its range by each event, and when it has leaked
        yield from narrowed("v after leak", neuron, _left)
        return
    never = "" if before else "order: nothing acts on v before fire"
    yield from narrowed("v", neuron, lambda s: s.told["exact u"], held, never)
    if after:
        yield from narrowed("v after fire", neuron, lambda s: s.told["exact v"], held)
    if neuron.refractory_mode == "leak" and may_exceed(neuron.rest_steps, 0):
        yield from narrowed(
            "v at rest", neuron, lambda s: arithmetic.leak_v(neuron, s.before.v, s.random),
            lambda s, condition: condition & s.resting,
        )  # fmt: skip
    if neuron.overflow_change:
        yield from overflows(
            "change of v", neuron.overflow, "overflow", neuron.state_bits,
            lambda s: s.told["change"], held,
        )  # fmt: skip


def _left(s: StepValues) -> Number:
    """What a leak that stands alone leaves of v, and the reset in it."""
    left = s.told["after leak"]
    return arithmetic.where(s.fire, s.after_reset, left) if s.neuron.reset_at == "leak" else left


def _synapse(neuron: NeuronParams) -> Iterator[NeuronBin]:
    match neuron.synapse:
        case DeltaSynapse():
            return
        case ExponentialSynapse():
            pass
        case _:
            assert_never(neuron.synapse)
    order, bits = neuron.synapse.order, neuron.current_bits
    own = neuron.overflow_i_syn
    mode, field = (own, "overflow_i_syn") if own else (neuron.overflow, "overflow")
    if not neuron.per_event:
        yield from overflows("i_syn", mode, field, bits, lambda s: s.told["i_syn after integrate"])
    if neuron.per_event or order[order.index("leak") + 1 :][:1] != ("integrate",):
        yield from overflows(
            "i_syn after leak", mode, field, bits, lambda s: s.told["i_syn after leak"]
        )
    yield NeuronBin("i_syn", "above 0", lambda s: s.told["i"] > 0)
    yield NeuronBin("i_syn", "below 0", lambda s: s.told["i"] < 0)
    past = neuron.bias_past_synapse
    yield NeuronBin(
        "i_syn",
        "acts without input",
        lambda s: s.unless_received(s.current == past) & (s.told["i"] != 0),
    )
    if order[-1] != "act":
        yield NeuronBin(
            "i_syn", "acts as another value than is stored", lambda s: s.told["i"] != s.after.i_syn
        )


# --- leaks --------------------------------------------------------------------------------------


def _leaks(neuron: NeuronParams) -> Iterator[NeuronBin]:
    """The bins of each leak: of v, of i_syn and of theta, which is never below 0."""
    distances: dict[str, Callable[[StepValues], Number]] = {
        "leak": lambda s: s.x,
        "synapse.leak": lambda s: s.told["i_syn before leak"],
        "adaptation.leak": lambda s: s.before.theta,
    }
    for key, rule in neuron.leaks.items():
        for name, test, impossible in _on_both_sides(rule):
            if key == "adaptation.leak" and name.endswith("x < 0"):
                impossible = impossible or "theta is never below 0"
            yield NeuronBin(key, name, _of_leak(key == "leak", distances[key], test), impossible)


def _of_leak(
    of_v: bool, distance: Callable[[StepValues], Number], test: RandomTest
) -> Callable[[StepValues], Condition]:
    """``test`` of the distance from rest; for v only in the steps whose leak is written."""

    def hit(s: StepValues) -> Condition:
        found = test(distance(s), s.random)
        return s.where_v_leaks(found) if of_v else found

    return hit


def _fixed(test: Test) -> RandomTest:
    return lambda x, random: test(x)


def _both(first: Test, second: RandomTest) -> RandomTest:
    return lambda x, random: first(x) & second(x, random)


def _on_both_sides(rule: Leak) -> Iterator[LeakBin]:
    yield "at rest", _fixed(lambda x: x == 0), ""
    if isinstance(rule, ConstantLeak):
        yield from _constant(rule.step)
        return
    for name, test, impossible in _moves(rule):
        yield f"{name}, x > 0", _both(lambda x: x > 0, test), impossible
        yield f"{name}, x < 0", _both(lambda x: x < 0, test), impossible


def _moves(rule: Leak) -> Iterator[LeakBin]:
    """What a leak does away from rest."""
    match rule:
        case NoLeak() | ConstantLeak():
            return
        case LinearLeak(step=k):
            still = "" if k else "step = 0"
            inside = still or ("" if k > 1 else "step = 1: no distance from rest is shorter")
            yield "moves by the whole step", _fixed(lambda x: (x > k) | (x < -k)), ""
            yield "lands on rest", _fixed(lambda x: (x == k) | (x == -k)), still
            yield "stops at rest", _fixed(lambda x: (x < k) & (x > -k)), inside
            return
        case ShiftLeak():
            yield from _rounding("", 1, rule.shift, rule.rounding)
        case MultiShiftLeak():
            for k, (_, shift) in enumerate(rule.terms):
                yield from _rounding(f"term {k}, ", 1, shift, rule.rounding)
        case ScaleLeak() | DecayLeak():
            yield from _rounding("", rule.factor, rule.shift, rule.rounding)
        case _:
            assert_never(rule)
    plain = rule.model_copy(update={"minimum_step": 0})
    for name, minimum in (("dead zone: changes nothing", 0), ("minimum step taken", 1)):
        why = "" if rule.minimum_step == minimum else f"minimum_step = {1 - minimum}"
        yield name, lambda x, random: arithmetic.leak(plain, x, random) == x, why


def _constant(k: int) -> Iterator[LeakBin]:
    """A step away from rest on one side, towards rest and beyond on the other."""
    still = "" if k else "step = 0"
    for side, sign in (("x > 0", 1), ("x < 0", -1)):
        distance = -k * sign  # how far towards rest
        away = "" if distance > 0 else f"step = {k}: away from rest"
        short = away or ("" if distance > 1 else f"step = {k}: no distance from rest is shorter")
        for name, test, why in (
            ("moves by the step", lambda x, sign=sign: x * sign > 0, still),
            ("lands on rest", lambda x, k=k: x == -k, away),
            ("crosses rest",
             lambda x, sign=sign, distance=distance: (x * sign > 0) & (x * sign < distance), short),
        ):  # fmt: skip
            yield f"{name}, {side}", _fixed(test), why


def _rounding(title: str, factor: int, shift: Number, rounding: str) -> Iterator[LeakBin]:
    """The remainder of ``x * factor >> shift``."""
    below_one, half = (1 << shift) - 1, (1 << shift) >> 1
    whole = "" if may_exceed(shift, 0) else "a shift by 0 bits rounds nothing"
    fine = "" if may_exceed(shift, 1) else "a shift by fewer than 2 bits has no remainder but a tie"

    def remainder(x: Number) -> Number:
        return (x * factor) & below_one

    def tie(x: Number, random: Number = 0) -> Condition:
        return (remainder(x) == half) & (half > 0)  # a shift that is written may be 0

    def odd(x: Number) -> Number:
        return (x * factor >> shift) & 1

    def drawn_up(x: Number, random: Number) -> Condition:
        return remainder(x) + (random & below_one) > below_one

    def drawn_down(x: Number, random: Number) -> Condition:
        return (remainder(x) != 0) & (remainder(x) + (random & below_one) <= below_one)

    yield f"{title}exact", _fixed(lambda x: remainder(x) == 0), ""
    if rounding == "stochastic":
        yield f"{title}rounded up by the draw", drawn_up, whole
        yield f"{title}rounded down by the draw", drawn_down, whole
        return
    yield (
        f"{title}rounded", _fixed(lambda x: (remainder(x) != 0) & (remainder(x) != half)),
        whole or fine,
    )  # fmt: skip
    if rounding == "nearest_even":
        below, above = _fixed(lambda x: odd(x) == 0), _fixed(lambda x: odd(x) == 1)
        yield f"{title}tie to the even quotient below", _both(tie, below), whole
        yield f"{title}tie to the one above", _both(tie, above), whole
    else:
        yield f"{title}tie", tie, whole


# --- threshold, reset, refractory period, theta, input ------------------------------------------


def _spike(neuron: NeuronParams) -> Iterator[NeuronBin]:
    """Threshold and reset."""
    if neuron.fire_on == "event":
        yield from _spikes_of_events()
        return

    def at(away: int) -> Callable[[StepValues], Condition]:
        return lambda s: s.unless_resting(s.u == s.threshold + away)

    for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
        yield NeuronBin("threshold", name, at(away))
    yield NeuronBin(*fires_key(), lambda s: s.fire)
    yield NeuronBin("threshold", "stays silent", lambda s: s.unless_resting(~s.reached))
    if neuron.max_spikes_per_step == 1:
        yield from _reset(neuron)


def _reset(neuron: NeuronParams) -> Iterator[NeuronBin]:
    yield NeuronBin(
        "reset", "leaves v at its threshold or above",
        lambda s: s.resets & arithmetic.reaches(neuron, s.after_reset, s.threshold),
    )  # fmt: skip
    high = neuron.state_range[1]
    why = "" if neuron.reset == "subtract" else "reset = to_value"
    if neuron.reset_at == "leak":
        why = why or "reset_at = leak: the difference is not brought into the range by itself"
    yield NeuronBin(
        "reset", "the difference overflows",
        lambda s: s.resets & (s.unreset - s.threshold > high), why,
    )  # fmt: skip
    if neuron.resets_late:
        yield NeuronBin("reset", "of the step before", lambda s: s.resets)
        yield NeuronBin("reset", "of the step before, and a spike", lambda s: s.resets & s.fire)


def _spikes_of_events() -> Iterator[NeuronBin]:
    """How many events of a step were spikes."""
    one = partial(NeuronBin, "spikes in a step")
    yield one("none", lambda s: s.told["spikes"] == 0)
    yield one("one", lambda s: s.told["spikes"] == 1, needs=fires_key())
    yield one("several", lambda s: s.told["spikes"] > 1, needs=fires_key())


def _spike_count(neuron: NeuronParams) -> Iterator[NeuronBin]:
    most = neuron.max_spikes_per_step
    if most == 1:
        return
    why = f"max_spikes_per_step = {most}"

    def count(s: StepValues) -> Number:
        return s.told["spikes"]

    def left(s: StepValues) -> Condition:
        *_, v = arithmetic.fire(neuron, s.told["u"], s.threshold)
        return s.fire & arithmetic.reaches(neuron, v, s.threshold)

    group = "spikes in a step"
    yield NeuronBin(group, "none", lambda s: s.unless_resting(~s.reached))
    yield NeuronBin(group, "one", lambda s: count(s) == 1)
    yield NeuronBin(group, "two", lambda s: count(s) == 2, "" if most > 2 else f"{why}: the most")
    yield NeuronBin(
        group, "more than two, not the most", lambda s: (count(s) > 2) & (count(s) < most),
        "" if most > 3 else f"{why}: no number lies between",
    )  # fmt: skip
    yield NeuronBin(group, "the most, and no more are due", lambda s: (count(s) == most) & ~left(s))
    yield NeuronBin(group, "the most, though more are due", left)


def _negative(neuron: NeuronParams) -> Iterator[NeuronBin]:
    limit = neuron.negative_threshold
    if limit is None:
        return

    def at(away: int) -> Callable[[StepValues], Condition]:
        return lambda s: s.unless_resting(s.told["u"] == limit + away)

    def below(s: StepValues) -> Condition:
        return s.unless_resting(s.told["u"] < limit)

    group = "negative threshold"
    for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
        yield NeuronBin(group, name, at(away))
    yield NeuronBin(group, "u below, no spike", lambda s: below(s) & ~s.fire)
    yield NeuronBin(group, "u below, a spike", lambda s: below(s) & s.fire)


def no_rest(neuron: NeuronParams) -> str:
    """Why a neuron never rests, if it does not."""
    if may_exceed(neuron.rest_steps, 0):
        return ""
    counted = neuron.refractory_count == "before" and neuron.refractory
    return f"refractory = {neuron.refractory}" + ", counted before" * bool(counted)


def _refractory(neuron: NeuronParams) -> Iterator[NeuronBin]:
    period, none = neuron.rest_steps, no_rest(neuron)
    middle = none or (
        "" if may_exceed(period, 2) else f"refractory = {period}: no count lies between"
    )
    tests: dict[str, Callable[[StepValues], Condition]] = {
        # A period that is written may have become shorter than what is left of it.
        "entered": lambda s: s.fire & (s.after.refractory > 0),
        "first step": lambda s: s.resting & (s.before.refractory == period),
        "a step between": lambda s: (s.before.refractory > 1) & (s.before.refractory < period),
        "last step": lambda s: s.before.refractory == 1,
        "input meanwhile": lambda s: s.resting & ~s.unless_received(s.current == 0),
        "a spike is held back": lambda s: s.resting & s.reached,
    }
    for name, hit in tests.items():
        yield NeuronBin("refractory", name, hit, middle if name == "a step between" else none)


def _theta(neuron: NeuronParams) -> Iterator[NeuronBin]:
    rule, top = neuron.adaptation, neuron.theta_max
    if rule is None:
        return

    def decayed(s: StepValues) -> Number:
        return arithmetic.leak(rule.leak, s.before.theta, s.random)

    def raised(s: StepValues) -> Number:
        spikes = s.told["spikes"] if neuron.counts_spikes else 1
        return decayed(s) + spikes * rule.increment

    def kept_back(s: StepValues) -> Condition:
        reached = arithmetic.reaches(neuron, s.u, s.stored_threshold)
        return s.unless_resting(~s.reached & reached)

    tests: dict[str, Callable[[StepValues], Condition]] = {
        "at the top": lambda s: s.before.theta == top,
        "raised from above 0": lambda s: s.fire & (s.before.theta > 0),
        "clamped at the top": lambda s: s.fire & (raised(s) > top),
        "clamped at 0": lambda s: ~s.fire & (decayed(s) < 0),
        "keeps a spike back": kept_back,
    }
    for name, hit in tests.items():
        yield NeuronBin("theta", name, hit)


def _current(neuron: NeuronParams) -> Iterator[NeuronBin]:
    if neuron.per_event:
        yield NeuronBin("event", "none in a step", lambda s: ~s.receives)
        yield NeuronBin("event", "several in a step", lambda s: s.receives_more)
        return
    yield NeuronBin("current", "zero", lambda s: s.current == 0)
    yield NeuronBin("current", "above 0", lambda s: s.current > 0)
    yield NeuronBin("current", "below 0", lambda s: s.current < 0)
    why = "" if neuron.bias else "bias = 0"
    yield NeuronBin("current", "the bias alone", lambda s: s.current == neuron.bias, why)
