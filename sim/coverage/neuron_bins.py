"""The bins of one step of one neuron: overflow, rounding, threshold, reset, refractory period.

Each condition is written with operators and the functions of :mod:`fxlif.rule.arithmetic`, so that
it runs on int64 arrays, where it counts, and on bit-vectors, where a solver decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, assert_never

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
from ...params.neuron import DeltaSynapse, ExponentialSynapse, NeuronParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ...rule.arithmetic import Number
from ...rule.step import NeuronState
from .bins import BinRule, Key

#: An array of bool, or a solver's condition.
Condition = Any
#: A condition on the distance of a state variable from rest.
Test = Callable[[Number], Condition]
#: Of a bin of a leak: its name, the condition, and why the parameters forbid it, if they do.
LeakBin = tuple[str, Test, str]


class StepValues:
    """Steps of neurons and the values between in the rule, each worked out at most once.

    ``before`` is a :class:`NeuronState` of (n,) int64 arrays or of bit-vectors; ``current`` the
    exact input with the bias; ``threshold`` the stored threshold, without theta.
    """

    def __init__(
        self, neuron: NeuronParams, before: NeuronState, current: Number, threshold: Number
    ) -> None:
        self.neuron = neuron
        self.before = before
        self.current = current
        self.stored_threshold = threshold

    @cached_property
    def resting(self) -> Condition:
        return self.before.refractory > 0

    def unless_held(self, condition: Condition) -> Condition:
        """``condition``, in the steps whose u is written to v."""
        neuron = self.neuron
        if neuron.refractory and neuron.refractory_mode == "clamp":
            return condition & ~self.resting
        return condition

    def unless_resting(self, condition: Condition) -> Condition:
        """``condition``, in the steps in which the neuron may fire."""
        return condition & ~self.resting if self.neuron.refractory else condition

    @cached_property
    def exact_i_syn(self) -> Number:
        """The new synaptic current of an exponential synapse, before overflow."""
        synapse = self.neuron.synapse
        assert isinstance(synapse, ExponentialSynapse)
        return arithmetic.leak(synapse.leak, self.before.i_syn) + self.current

    @cached_property
    def i(self) -> Number:
        acting, _ = arithmetic.synapse(self.neuron, self.before.i_syn, self.current)
        return acting

    @cached_property
    def x(self) -> Number:
        """v's distance from rest."""
        return self.before.v - self.neuron.v_leak

    @cached_property
    def exact_u(self) -> Number:
        """u before overflow."""
        return arithmetic.leak(self.neuron.leak, self.x) + self.neuron.v_leak + self.i

    @cached_property
    def unfloored_u(self) -> Number:
        """u after overflow, before v_floor."""
        return arithmetic.overflow(self.exact_u, self.neuron.state_bits, self.neuron.overflow)

    @cached_property
    def u(self) -> Number:
        return arithmetic.narrow(self.neuron, self.exact_u)

    @cached_property
    def threshold(self) -> Number:
        """The effective threshold."""
        return self.stored_threshold + self.before.theta

    @cached_property
    def reached(self) -> Condition:
        return arithmetic.reaches(self.neuron, self.u, self.threshold)

    @cached_property
    def fire(self) -> Condition:
        return self.unless_resting(self.reached)

    @cached_property
    def after_reset(self) -> Number:
        """v after a spike."""
        return arithmetic.reset(self.neuron, self.u, self.threshold)


NeuronBin = BinRule[StepValues]


def fires_key(prefix: str = "") -> Key:
    """The bin of a spike of any neuron of the core with this prefix."""
    return (f"{prefix}threshold", "fires")


def neuron_bins(neuron: NeuronParams, prefix: str = "") -> tuple[NeuronBin, ...]:
    """Every bin of one step of ``neuron``; ``prefix`` goes before the groups."""
    bins = (
        *_potential(neuron),
        *_synapse(neuron),
        *_leaks(neuron),
        *_spike(neuron),
        *_refractory(neuron),
        *_theta(neuron),
        *_current(neuron),
    )
    return tuple(replace(each, group=prefix + each.group) for each in bins)


# --- the membrane potential and the synaptic current --------------------------------------------


def _overflow(
    group: str, neuron: NeuronParams, bits: int, exact: Callable[[StepValues], Number],
    written: Callable[[StepValues, Condition], Condition] = lambda s, condition: condition,
) -> Iterator[NeuronBin]:  # fmt: skip
    low, high = signed_range(bits)
    for mode, verb in (("saturate", "saturates"), ("wrap", "wraps")):
        why = "" if neuron.overflow == mode else f"overflow = {neuron.overflow}"
        yield NeuronBin(group, f"{verb} up", lambda s: written(s, exact(s) > high), why)
        yield NeuronBin(group, f"{verb} down", lambda s: written(s, exact(s) < low), why)


def _potential(neuron: NeuronParams) -> Iterator[NeuronBin]:
    held = StepValues.unless_held
    yield from _overflow("v", neuron, neuron.state_bits, lambda s: s.exact_u, held)
    floor, why = (0, "no v_floor") if neuron.v_floor is None else (neuron.v_floor, "")
    yield NeuronBin("v", "raised to v_floor", lambda s: held(s, s.unfloored_u < floor), why)


def _synapse(neuron: NeuronParams) -> Iterator[NeuronBin]:
    match neuron.synapse:
        case DeltaSynapse():
            return
        case ExponentialSynapse():
            yield from _overflow("i_syn", neuron, neuron.current_bits, lambda s: s.exact_i_syn)
            yield NeuronBin("i_syn", "above 0", lambda s: s.i > 0)
            yield NeuronBin("i_syn", "below 0", lambda s: s.i < 0)
            yield NeuronBin("i_syn", "acts without input", lambda s: (s.current == 0) & (s.i != 0))
        case _:
            assert_never(neuron.synapse)


# --- leaks --------------------------------------------------------------------------------------


def _leaks(neuron: NeuronParams) -> Iterator[NeuronBin]:
    """The bins of each leak: of v, of i_syn and of theta, which is never below 0."""
    distances: dict[str, Callable[[StepValues], Number]] = {
        "leak": lambda s: s.x,
        "synapse.leak": lambda s: s.before.i_syn,
        "adaptation.leak": lambda s: s.before.theta,
    }
    for key, rule in neuron.leaks.items():
        for name, test, impossible in _on_both_sides(rule):
            if key == "adaptation.leak" and name.endswith("x < 0"):
                impossible = impossible or "theta is never below 0"
            yield NeuronBin(key, name, _of_leak(key == "leak", distances[key], test), impossible)


def _of_leak(
    of_v: bool, distance: Callable[[StepValues], Number], test: Test
) -> Callable[[StepValues], Condition]:
    """``test`` of the distance from rest; for v only in the steps whose u is written."""
    return lambda s: s.unless_held(test(distance(s))) if of_v else test(distance(s))


def _both(first: Test, second: Test) -> Test:
    return lambda x: first(x) & second(x)


def _on_both_sides(rule: Leak) -> Iterator[LeakBin]:
    yield "at rest", lambda x: x == 0, ""
    for name, test, impossible in _moves(rule):
        yield f"{name}, x > 0", _both(lambda x: x > 0, test), impossible
        yield f"{name}, x < 0", _both(lambda x: x < 0, test), impossible


def _moves(rule: Leak) -> Iterator[LeakBin]:
    """What a leak does away from rest."""
    match rule:
        case NoLeak():
            return
        case LinearLeak(step=k):
            still = "" if k else "step = 0"
            inside = still or ("" if k > 1 else "step = 1: no distance from rest is shorter")
            yield "moves by the whole step", lambda x: (x > k) | (x < -k), ""
            yield "lands on rest", lambda x: (x == k) | (x == -k), still
            yield "stops at rest", lambda x: (x < k) & (x > -k), inside
            return
        case ShiftLeak():
            yield from _rounding("", 1, rule.shift, rule.rounding)
        case MultiShiftLeak():
            for k, (_, shift) in enumerate(rule.terms):
                yield from _rounding(f"term {k}, ", 1, shift, rule.rounding)
        case ConstantLeak(step=k):
            yield "moves by the step", lambda x: x != 0, "" if k else "step = 0"
            return
        case ScaleLeak() | DecayLeak():
            yield from _rounding("", rule.factor, rule.shift, rule.rounding)
        case _:
            assert_never(rule)
    plain = rule.model_copy(update={"minimum_step": 0})
    for name, minimum in (("dead zone: changes nothing", 0), ("minimum step taken", 1)):
        why = "" if rule.minimum_step == minimum else f"minimum_step = {1 - minimum}"
        yield name, lambda x: arithmetic.leak(plain, x) == x, why


def _rounding(title: str, factor: int, shift: int, rounding: str) -> Iterator[LeakBin]:
    """The remainder of ``x * factor >> shift``."""
    below_one, half = (1 << shift) - 1, (1 << shift) >> 1
    whole = "" if shift else "a shift by 0 bits rounds nothing"
    fine = "" if shift > 1 else "a shift by fewer than 2 bits has no remainder but a tie"

    def remainder(x: Number) -> Number:
        return (x * factor) & below_one

    def tie(x: Number) -> Condition:
        return remainder(x) == half

    def odd(x: Number) -> Number:
        return (x * factor >> shift) & 1

    yield f"{title}exact", lambda x: remainder(x) == 0, ""
    yield f"{title}rounded", lambda x: (remainder(x) != 0) & (remainder(x) != half), whole or fine
    if rounding == "nearest_even":
        yield f"{title}tie to the even quotient below", _both(tie, lambda x: odd(x) == 0), whole
        yield f"{title}tie to the one above", _both(tie, lambda x: odd(x) == 1), whole
    else:
        yield f"{title}tie", tie, whole


# --- threshold, reset, refractory period, theta, input ------------------------------------------


def _spike(neuron: NeuronParams) -> Iterator[NeuronBin]:
    """Threshold and reset."""

    def at(away: int) -> Callable[[StepValues], Condition]:
        return lambda s: s.unless_resting(s.u == s.threshold + away)

    for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
        yield NeuronBin("threshold", name, at(away))
    yield NeuronBin(*fires_key(), lambda s: s.fire)
    yield NeuronBin("threshold", "stays silent", lambda s: s.unless_resting(~s.reached))
    yield NeuronBin(
        "reset", "leaves v at its threshold or above",
        lambda s: s.fire & arithmetic.reaches(neuron, s.after_reset, s.threshold),
    )  # fmt: skip
    high = neuron.state_range[1]
    why = "" if neuron.reset == "subtract" else "reset = to_value"
    yield NeuronBin(
        "reset", "the difference overflows", lambda s: s.fire & (s.u - s.threshold > high), why
    )


def _refractory(neuron: NeuronParams) -> Iterator[NeuronBin]:
    period = neuron.refractory
    none = "" if period else "refractory = 0"
    middle = none or ("" if period > 2 else f"refractory = {period}: no count lies between")
    tests: dict[str, Callable[[StepValues], Condition]] = {
        "entered": lambda s: s.fire,
        "first step": lambda s: s.before.refractory == period,
        "a step between": lambda s: (s.before.refractory > 1) & (s.before.refractory < period),
        "last step": lambda s: s.before.refractory == 1,
        "input meanwhile": lambda s: s.resting & (s.current != 0),
        "a spike is held back": lambda s: s.resting & s.reached,
    }
    for name, hit in tests.items():
        yield NeuronBin("refractory", name, hit, middle if name == "a step between" else none)


def _theta(neuron: NeuronParams) -> Iterator[NeuronBin]:
    rule, top = neuron.adaptation, neuron.theta_max
    if rule is None:
        return

    def decayed(s: StepValues) -> Number:
        return arithmetic.leak(rule.leak, s.before.theta)

    def kept_back(s: StepValues) -> Condition:
        reached = arithmetic.reaches(neuron, s.u, s.stored_threshold)
        return s.unless_resting(~s.reached & reached)

    tests: dict[str, Callable[[StepValues], Condition]] = {
        "at the top": lambda s: s.before.theta == top,
        "raised from above 0": lambda s: s.fire & (s.before.theta > 0),
        "clamped at the top": lambda s: s.fire & (decayed(s) + rule.increment > top),
        "clamped at 0": lambda s: ~s.fire & (decayed(s) < 0),
        "keeps a spike back": kept_back,
    }
    for name, hit in tests.items():
        yield NeuronBin("theta", name, hit)


def _current(neuron: NeuronParams) -> Iterator[NeuronBin]:
    yield NeuronBin("current", "zero", lambda s: s.current == 0)
    yield NeuronBin("current", "above 0", lambda s: s.current > 0)
    yield NeuronBin("current", "below 0", lambda s: s.current < 0)
    why = "" if neuron.bias else "bias = 0"
    yield NeuronBin("current", "the bias alone", lambda s: s.current == neuron.bias, why)
