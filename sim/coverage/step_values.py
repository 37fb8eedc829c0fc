"""The values of steps of a neuron, which the bins of a step look at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...params.neuron import NeuronParams
from ...rule import arithmetic
from ...rule.arithmetic import Number
from ...rule.step import NeuronState, step
from .turns.values import EventValues, Met, unlike

#: An array of bool, or a solver's condition.
Condition = Any


def may_exceed(number: Number, bound: int) -> bool:
    """Whether a number can be above ``bound``: an array or a term, which a register holds, can."""
    return not isinstance(number, int) or number > bound


class StepValues:
    """Steps of neurons and the values between in the rule, as the golden step tells them.

    ``before`` is a :class:`NeuronState` of (n,) int64 arrays or of bit-vectors; ``current`` the
    exact input with the bias; ``threshold`` the stored threshold, without theta; ``random`` the
    draws, where a rounding is stochastic. ``arrivals``: the events that act one by one, at neurons
    that are :class:`Met`.
    """

    def __init__(
        self, neuron: NeuronParams, before: NeuronState, current: Number, threshold: Number,
        random: Number = 0, arrivals: Sequence[tuple[Met, Any]] = (),
    ) -> None:  # fmt: skip
        self.neuron = neuron
        self.before = before
        self.current = current
        self.stored_threshold = threshold
        self.random, self.arrivals = random, arrivals

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the golden step notes, its new state ``after``, its ``spikes``, and of its events,
        where they act one by one, the values that they ``met``."""
        told: dict[str, Any] = {}
        told["after"], told["spikes"] = step(
            self.neuron, self.before, self.current, self.stored_threshold, self.random,
            self.arrivals, told.__setitem__,
        )  # fmt: skip
        told["met"] = [each.values for each, _ in self.arrivals]
        return told

    def differs(self, other: NeuronParams) -> Condition:
        """Where the step of an ``other`` neuron gives another state or other spikes."""
        after, found = step(
            other, self.before, self.current, self.stored_threshold, self.random, self.arrivals
        )
        return unlike((found, *after), (self.told["spikes"], *self.after))

    @property
    def events(self) -> EventValues:
        """The events of the steps, where they act one by one, and the last one of each, which is
        the bias."""
        told, neuron = self.told, self.neuron
        name = "exact last event" if neuron.sums_on_v else "i_syn after integrate"
        last = told[name]
        thresholds = np.broadcast_to(self.stored_threshold, last.shape)
        return EventValues(
            neuron,
            exact=np.concatenate([
                *(met + added for met, (_, added) in zip(told["met"], self.arrivals, strict=True)),
                last,
            ]),
            added=np.concatenate([
                *(added for _, added in self.arrivals), np.full(last.shape, neuron.bias),
            ]),
            threshold=np.concatenate([
                *(thresholds[each.neurons] for each, _ in self.arrivals), thresholds,
            ]),
            last=np.arange(sum(len(added) for _, added in self.arrivals) + len(last))
            >= sum(len(added) for _, added in self.arrivals),
        )  # fmt: skip

    @cached_property
    def _received(self) -> Number:
        """How many events came to each neuron one by one, without the last one."""
        return np.bincount(
            np.concatenate([np.zeros(0, dtype=np.int64), *(m.neurons for m, _ in self.arrivals)]),
            minlength=len(self.before.v),
        )

    @property
    def receives(self) -> Condition:
        """Whether events came one by one."""
        return self._received > 0

    def unless_received(self, condition: Condition) -> Condition:
        """``condition``, in the steps in which no event came by itself."""
        return ~self.receives & condition if self.neuron.per_event else condition

    @property
    def receives_more(self) -> Condition:
        """Whether more than one of them came."""
        return self._received > 1

    @cached_property
    def resting(self) -> Condition:
        return self.before.refractory > 0

    def unless_held(self, condition: Condition) -> Condition:
        """``condition``, in the steps whose u is written to v."""
        return (
            condition if self.neuron.refractory_mode == "mask" else self.unless_resting(condition)
        )

    def unless_resting(self, condition: Condition) -> Condition:
        """``condition``, in the steps in which the neuron may fire."""
        return condition & ~self.resting if may_exceed(self.neuron.rest_steps, 0) else condition

    @property
    def leaks_at_rest(self) -> bool:
        """Whether a step of rest is a leak of v and nothing else."""
        return self.neuron.refractory_mode == "leak" and may_exceed(self.neuron.rest_steps, 0)

    @cached_property
    def x(self) -> Number:
        """v's distance from rest where it leaks."""
        v = self.told["before leak"]
        if self.leaks_at_rest:
            v = arithmetic.where(self.resting, self.before.v, v)
        return v - self.neuron.v_leak

    def where_v_leaks(self, condition: Condition) -> Condition:
        """``condition``, in the steps whose leak is written to v."""
        return condition if self.leaks_at_rest else self.unless_held(condition)

    @cached_property
    def threshold(self) -> Number:
        """The effective threshold."""
        return self.stored_threshold + self.before.theta

    @cached_property
    def u(self) -> Number:
        """What is compared first."""
        u = self.told["u"]
        several = self.neuron.max_spikes_per_step > 1
        return arithmetic.negative(self.neuron, u) if several else u

    def _any(self, spikes: Any) -> Condition:
        return spikes > 0 if self.neuron.counts_spikes else spikes

    @cached_property
    def reached(self) -> Condition:
        """Whether u reaches the threshold, in steps of rest too."""
        return self._any(self.told["due"])

    @cached_property
    def fire(self) -> Condition:
        return self._any(self.told["spikes"])

    @property
    def after(self) -> NeuronState:
        """The new state."""
        state: NeuronState = self.told["after"]
        return state

    @cached_property
    def resets(self) -> Condition:
        """Whether the reset of a spike acts, of this step or of the one before."""
        if self.neuron.resets_late:
            return arithmetic.reaches(self.neuron, self.before.v, self.threshold)
        return self.fire

    @cached_property
    def unreset(self) -> Number:
        """The potential that a reset acts on."""
        if self.neuron.reset_at == "leak":
            return self.told["after leak"]
        return self.before.v if self.neuron.resets_late else self.u

    @cached_property
    def after_reset(self) -> Number:
        """v after a spike."""
        narrowed = self.neuron.reset_at != "leak"
        rule = arithmetic.reset if narrowed else arithmetic.reset_exact
        return rule(self.neuron, self.unreset, self.threshold)
