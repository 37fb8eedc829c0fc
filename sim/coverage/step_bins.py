"""What may happen in one step of one neuron, as named conditions.

Each is written with operators and the functions of :mod:`fxlif.rule.arithmetic`, so that the same
condition counts on int64 arrays and is asked of a solver on bit-vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ...params.leaks import Leak as AnyLeak
from ...params.leaks import LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from ...params.neuron import ExponentialSynapse, NeuronParams
from ...params.quantise import signed_range
from ...rule import arithmetic
from ...rule.arithmetic import Number
from ...rule.step import NeuronState

#: An array of bool, or a solver's condition.
Condition = Any


class View:
    """Steps, and what the rule works out on its way through them; each value at most once.

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
        return arithmetic.synapse(self.neuron, self.before.i_syn, self.current)

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
        return arithmetic.integrate(self.neuron, self.before.v, self.i)

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


@dataclass(frozen=True)
class StepBin:
    """One thing that may happen. ``impossible`` says, where the parameters alone forbid it, why."""

    group: str
    name: str
    hit: Callable[[View], Condition]
    impossible: str = ""


def step_bins(neuron: NeuronParams) -> tuple[StepBin, ...]:
    """Every bin of one step of ``neuron``."""
    return (
        *_potential(neuron),
        *_synapse(neuron),
        *_leaks(neuron),
        *_threshold(neuron),
        *_reset(neuron),
        *_refractory(neuron),
        *_theta(neuron),
        *_current(neuron),
    )


# --- overflow -----------------------------------------------------------------------------------


def _overflow(
    group: str, neuron: NeuronParams, bits: int, exact: Callable[[View], Number],
    written: Callable[[View, Condition], Condition],
) -> Iterator[StepBin]:  # fmt: skip
    low, high = signed_range(bits)
    for mode, verb in (("saturate", "saturates"), ("wrap", "wraps")):
        why = "" if neuron.overflow == mode else f"overflow = {neuron.overflow}"
        yield StepBin(group, f"{verb} up", lambda w: written(w, exact(w) > high), why)
        yield StepBin(group, f"{verb} down", lambda w: written(w, exact(w) < low), why)


def _potential(neuron: NeuronParams) -> Iterator[StepBin]:
    yield from _overflow("v", neuron, neuron.state_bits, lambda w: w.exact_u, View.unless_held)
    absent = neuron.v_floor is None
    floor = neuron.state_range[0] if neuron.v_floor is None else neuron.v_floor
    yield StepBin(
        "v", "raised to v_floor",
        lambda w: w.unless_held(w.unfloored_u < floor),
        "no v_floor" if absent else "",
    )  # fmt: skip


def _synapse(neuron: NeuronParams) -> Iterator[StepBin]:
    if neuron.synapse.kind == "delta":
        return
    yield from _overflow(
        "i_syn", neuron, neuron.current_bits, lambda w: w.exact_i_syn, lambda w, c: c
    )
    yield StepBin("i_syn", "above 0", lambda w: w.i > 0)
    yield StepBin("i_syn", "below 0", lambda w: w.i < 0)
    yield StepBin("i_syn", "acts without input", lambda w: (w.current == 0) & (w.i != 0))


# --- leaks --------------------------------------------------------------------------------------


def _leaks(neuron: NeuronParams) -> Iterator[StepBin]:
    for key, rule in neuron.leaks.items():
        if key == "leak":
            yield from _Leak(key, rule, lambda w: w.x, View.unless_held, signed=True).bins()
        elif key == "synapse.leak":
            yield from _Leak(key, rule, lambda w: w.before.i_syn, _always, signed=True).bins()
        else:
            yield from _Leak(key, rule, lambda w: w.before.theta, _always, signed=False).bins()


def _always(_: View, condition: Condition) -> Condition:
    return condition


def _unmoved(rule: AnyLeak, x: Number) -> Condition:
    """Whether a leak leaves ``x`` as it is."""
    return arithmetic.leak(rule, x) == x


@dataclass(frozen=True)
class _Leak:
    """One leak of a neuron: of what, and in which steps its result is used."""

    key: str
    rule: AnyLeak
    x: Callable[[View], Number]
    used: Callable[[View, Condition], Condition]
    signed: bool

    def bins(self) -> Iterator[StepBin]:
        rule = self.rule
        yield self._bin("at rest", lambda x: x == 0)
        if isinstance(rule, NoLeak):
            return
        if isinstance(rule, LinearLeak):
            yield from self._linear(rule)
            return
        for title, factor, shift in self._terms():
            yield from self._rounding(title, factor, shift)
        plain = rule.model_copy(update={"minimum_step": 0})
        for name, wanted, why in (
            ("dead zone: changes nothing", 0, "minimum_step = 1"),
            ("minimum step taken", 1, "minimum_step = 0"),
        ):
            why = "" if rule.minimum_step == wanted else why
            yield from self._signs(name, partial(_unmoved, plain), why)

    def _terms(self) -> Iterator[tuple[str, int, int]]:
        """What is rounded: a title, by which factor x is multiplied first, how many bits go."""
        rule = self.rule
        if isinstance(rule, ShiftLeak):
            yield "", 1, rule.shift
        elif isinstance(rule, MultiShiftLeak):
            for k, (_, shift) in enumerate(rule.terms):
                yield f"term {k}, ", 1, shift
        elif isinstance(rule, ScaleLeak):
            yield "", rule.factor, rule.shift

    def _rounding(self, title: str, factor: int, shift: int) -> Iterator[StepBin]:
        below_one, half = (1 << shift) - 1, (1 << shift) >> 1
        whole = "" if shift else "a shift by 0 bits rounds nothing"
        fine = "" if shift > 1 else "a shift by fewer than 2 bits has no remainder but a tie"

        def remainder(x: Number) -> Number:
            return (x * factor) & below_one

        yield from self._signs(f"{title}exact", lambda x: remainder(x) == 0)
        yield from self._signs(
            f"{title}rounded", lambda x: (remainder(x) != 0) & (remainder(x) != half),
            whole or fine,
        )  # fmt: skip
        if getattr(self.rule, "rounding", "") != "nearest_even":
            yield from self._signs(f"{title}tie", lambda x: remainder(x) == half, whole)
            return

        def tie(last: int) -> Callable[[Number], Condition]:
            """The quotient below the tie ends in this bit."""
            return lambda x: (remainder(x) == half) & (((x * factor >> shift) & 1) == last)

        yield from self._signs(f"{title}tie to the even quotient below", tie(0), whole)
        yield from self._signs(f"{title}tie to the one above", tie(1), whole)

    def _linear(self, rule: LinearLeak) -> Iterator[StepBin]:
        k = rule.step
        still = "" if k else "step = 0"
        yield from self._signs("moves by the whole step", lambda x: (x > k) | (x < -k))
        yield from self._signs("lands on rest", lambda x: (x == k) | (x == -k), still)
        inside = still or ("" if k > 1 else "step = 1: no distance from rest is shorter")
        yield from self._signs("stops at rest", lambda x: (x < k) & (x > -k), inside)

    def _signs(
        self, name: str, condition: Callable[[Number], Condition], impossible: str = ""
    ) -> Iterator[StepBin]:
        """``condition`` above and below rest."""
        never = "" if self.signed else "theta is never below 0"
        yield self._bin(f"{name}, x > 0", lambda x: (x > 0) & condition(x), impossible)
        yield self._bin(f"{name}, x < 0", lambda x: (x < 0) & condition(x), impossible or never)

    def _bin(
        self, name: str, condition: Callable[[Number], Condition], impossible: str = ""
    ) -> StepBin:
        x, used = self.x, self.used
        return StepBin(self.key, name, lambda w: used(w, condition(x(w))), impossible)


# --- threshold, reset, rest ---------------------------------------------------------------------


def _threshold(neuron: NeuronParams) -> Iterator[StepBin]:
    def at(away: int) -> Callable[[View], Condition]:
        return lambda w: w.unless_resting(w.u == w.threshold + away)

    for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
        yield StepBin("threshold", name, at(away))
    yield StepBin("threshold", "fires", lambda w: w.fire)
    yield StepBin("threshold", "stays silent", lambda w: w.unless_resting(~w.reached))


def _reset(neuron: NeuronParams) -> Iterator[StepBin]:
    yield StepBin(
        "reset", "leaves v at its threshold or above",
        lambda w: w.fire & arithmetic.reaches(neuron, w.after_reset, w.threshold),
    )  # fmt: skip
    high = neuron.state_range[1]
    why = "" if neuron.reset == "subtract" else "reset = to_value"
    yield StepBin(
        "reset", "the difference overflows", lambda w: w.fire & (w.u - w.threshold > high), why
    )


def _refractory(neuron: NeuronParams) -> Iterator[StepBin]:
    period = neuron.refractory
    none = "" if period else "refractory = 0"
    middle = none or ("" if period > 2 else f"refractory = {period}: no count lies between")
    yield StepBin("refractory", "entered", lambda w: w.fire, none)
    yield StepBin("refractory", "first step", lambda w: w.before.refractory == period, none)
    yield StepBin(
        "refractory", "a step between",
        lambda w: (w.before.refractory > 1) & (w.before.refractory < period), middle,
    )  # fmt: skip
    yield StepBin("refractory", "last step", lambda w: w.before.refractory == 1, none)
    yield StepBin("refractory", "input meanwhile", lambda w: w.resting & (w.current != 0), none)
    yield StepBin("refractory", "a spike is held back", lambda w: w.resting & w.reached, none)


# --- theta and the input ------------------------------------------------------------------------


def _theta(neuron: NeuronParams) -> Iterator[StepBin]:
    rule = neuron.adaptation
    if rule is None:
        return
    top = neuron.theta_max

    def decayed(w: View) -> Number:
        return arithmetic.leak(rule.leak, w.before.theta)

    yield StepBin("theta", "at the top", lambda w: w.before.theta == top)
    yield StepBin("theta", "raised from above 0", lambda w: w.fire & (w.before.theta > 0))
    yield StepBin(
        "theta", "clamped at the top", lambda w: w.fire & (decayed(w) + rule.increment > top)
    )
    yield StepBin("theta", "clamped at 0", lambda w: ~w.fire & (decayed(w) < 0))
    yield StepBin(
        "theta", "keeps a spike back",
        lambda w: w.unless_resting(
            ~w.reached & arithmetic.reaches(neuron, w.u, w.stored_threshold)
        ),
    )  # fmt: skip


def _current(neuron: NeuronParams) -> Iterator[StepBin]:
    yield StepBin("current", "zero", lambda w: w.current == 0)
    yield StepBin("current", "above 0", lambda w: w.current > 0)
    yield StepBin("current", "below 0", lambda w: w.current < 0)
    yield StepBin(
        "current", "the bias alone", lambda w: w.current == neuron.bias,
        "" if neuron.bias else "bias = 0",
    )  # fmt: skip
