"""The values of events that act one by one, which the bins of an event look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ....params.neuron import NeuronParams
from ....rule import arithmetic
from ....rule.arithmetic import Number, changed, taken
from ..bins import Ints


class Met:
    """Some ``neurons`` that an event arrives at, (n,) of their numbers; the golden step leaves in
    ``values`` what the event finds there in the variable that it is added to."""

    def __init__(self, neurons: Ints) -> None:
        self.neurons = neurons
        self.values: Any = None


@taken.register(Met)
def _(targets: Met, values: Any, *others: Any) -> tuple[Any, ...]:
    found = taken(targets.neurons, values, *others)
    targets.values = found[0]
    return found


@changed.register(Met)
def _(targets: Met, values: Any, new: Any) -> Any:
    return changed(targets.neurons, values, new)


def met(steps: Sequence[Ints]) -> list[tuple[Met, Ints]]:
    """The arrivals of steps of all neurons of a core, one step behind the other: of each step what
    its events add, (events, neurons), 0 where it is none. Events of the same number go together."""
    found = []
    for k in range(max((len(events) for events in steps), default=0)):
        at, added = [], []
        for step, events in enumerate(steps):
            if k < len(events):
                here = np.flatnonzero(events[k])
                at.append(here + step * events.shape[1])
                added.append(events[k, here])
        found.append((Met(np.concatenate(at)), np.concatenate(added)))
    return found


def unlike(first: Iterable[Any], second: Iterable[Any]) -> Any:
    """Where any of the values is another one."""
    differ = [one != other for one, other in zip(first, second, strict=True)]
    result = differ[0]
    for each in differ[1:]:
        result = result | each
    return result


class EventValues:
    """Events that act one by one: (n,) int64 arrays, or bit-vectors.

    ``exact``: the variable with what is ``added``, before its overflow; ``threshold``: the stored
    one; ``last``: it is the last of its step, the bias.
    """

    def __init__(
        self, neuron: NeuronParams, *, exact: Number, added: Number, threshold: Number, last: Any
    ) -> None:
        self.neuron, self.exact, self.added = neuron, exact, added
        self.threshold, self.last = threshold, last

    @cached_property
    def there(self) -> Any:
        """Whether there is such an event: an addition of 0 is none, where v is not compared but at
        its end the last one is."""
        moves = self.added != 0
        return moves if self.neuron.fire_on == "event" else moves | self.last

    @cached_property
    def u(self) -> Number:
        """What is compared."""
        return arithmetic.narrow(self.neuron, self.exact)

    @cached_property
    def fires(self) -> Any:
        """Whether the event is a spike."""
        return self.there & arithmetic.reaches(self.neuron, self.u, self.threshold)

    @cached_property
    def after_reset(self) -> Number:
        """v after a spike."""
        return arithmetic.reset(self.neuron, self.u, self.threshold)
