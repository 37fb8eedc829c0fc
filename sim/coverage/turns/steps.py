"""One part of a step whose events act one by one, for any values: what a solver is asked about."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ....params.neuron import NeuronParams
from ....rule.arithmetic import where
from ....rule.step import NeuronState, step
from ...prove.turns.step import Cut, Turn, summed, turn
from ..step_values import Condition, StepValues
from .values import EventValues, unlike


class TurnValues(StepValues):
    """A part of a step (:class:`~fxlif.sim.prove.turns.step.Turn`) from the state that it finds.

    What is asked of a step holds where the part ``ends`` it; what is asked of an event, of its
    :attr:`events`, of every part. ``spikes``: how often all events of the step fired, any number.
    """

    def __init__(self, neuron: NeuronParams, state: NeuronState, now: Turn, spikes: Any) -> None:
        name = summed(neuron)
        found = getattr(state, name)
        before = state._replace(**{name: where(now.begins, found, now.first)})
        super().__init__(neuron, before, neuron.bias, now.threshold, now.random)
        self.state, self.now, self._spikes = state, now, spikes
        first = self._cut(found)[0]
        self._found = where(now.begins, first.began, found)

    def _cut(self, found: Any) -> tuple[Cut, dict[str, Any]]:
        """The step with one event, which finds what the last one does; and what it tells."""
        at, told = Cut(found, found), dict[str, Any]()
        told["after"], told["spikes"] = step(
            self.neuron, self.before, self.current, self.stored_threshold, self.random,
            [(at, self.now.added)], told.__setitem__,
        )  # fmt: skip
        return at, told

    @cached_property
    def told(self) -> dict[str, Any]:
        _, told = self._cut(self._found)
        return told | ({"spikes": self._spikes} if self.neuron.fire_on == "event" else {})

    def differs(self, other: NeuronParams) -> Condition:
        """Where the part would be another one: a step of parts that are alike is the same."""
        own, its = (turn(neuron, self.state, self.now) for neuron in (self.neuron, other))
        return unlike((its[1], *its[0]), (own[1], *own[0]))

    @property
    def events(self) -> EventValues:
        """The event, or the last one of the step."""
        now, sums_on_v = self.now, self.neuron.sums_on_v
        last = self.told["exact last event" if sums_on_v else "i_syn after integrate"]
        return EventValues(
            self.neuron, exact=where(now.ends, last, self._found + now.added),
            added=where(now.ends, self.neuron.bias, now.added), threshold=now.threshold,
            last=now.ends,
        )  # fmt: skip

    @property
    def receives(self) -> Condition:
        """Whether events came before."""
        return ~self.now.begins

    @property
    def receives_more(self) -> Condition:
        """Whether more than one may have come before."""
        return ~self.now.begins
