"""What the golden network answers to the events that a foreign core took, a block at a time."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from ....cycles.control import Ints
from ....network.events import TICK
from ....network.model import Network
from ....network.recording import Recording
from ....params.network import NetworkParams
from .walk import Answers


class Golden:
    """The golden network from reset on, in compiled code.

    Args:
        variables: the state variables that are asked for, of the last population.
        saturated: whether the total of saturated additions is asked for after each step.
    """

    def __init__(
        self, params: NetworkParams, *, variables: Sequence[str] = (), saturated: bool = False
    ) -> None:
        self.network = Network(params, engine="compiled")
        self._last = self.network.graph.populations[-1]
        self._variables, self._count = tuple(variables), saturated
        #: The events of the step under way.
        self.pending = np.zeros(0, dtype=np.int64)
        #: How often each neuron fired, of every population.
        self.fired = {p.name: np.zeros(p.n, dtype=np.int64) for p in params.graph.populations}

    def answer(self, events: Ints, cuts: Ints) -> Answers:
        """The answers to the next ``events`` (count,), with a reset before each of ``cuts``."""
        parts = []
        for k, part in enumerate(np.split(events, cuts)):
            if k:
                self.network.reset()
            else:
                part = np.concatenate([self.pending, part])
            ticks = np.flatnonzero(part == TICK)
            whole = int(ticks[-1]) + 1 if len(ticks) else 0
            self.pending = part[whole:]
            if whole:
                parts.append(self._run(part[:whole]))
        if not parts:
            return self._nothing()
        answers = Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return answers._replace(ends=np.flatnonzero(answers.events == TICK) + 1)

    def _nothing(self) -> Answers:
        empty = np.zeros(0, dtype=np.int64)
        states = np.zeros((0, len(self._variables), self._last.n), dtype=np.int64)
        return Answers(empty, empty, states, empty, empty)

    def _run(self, events: Ints) -> Answers:
        """The answers to whole steps, without where they end."""
        network, name = self.network, self._last.name
        steps = int(np.count_nonzero(events == TICK))
        before = sum(network.saturated)
        kept = copy.deepcopy(network.state) if self._count and steps > 1 else None
        record = Recording(list(self.fired), {name: self._variables} if self._variables else None)
        network.run(events=events, record=record)
        after = sum(network.saturated)
        if kept is not None and after != before:
            # In which step is not recorded: it is asked for in halves.
            network.state = kept
            middle = np.flatnonzero(events == TICK)[steps // 2 - 1] + 1
            halves = self._run(events[:middle]), self._run(events[middle:])
            return Answers(*(np.concatenate(both) for both in zip(*halves, strict=True)))
        states = [record.states(name, variable) for variable in self._variables]
        spikes = np.zeros(steps, dtype=np.int64)
        for each, fired in self.fired.items():
            out = record.spikes(each)
            fired += np.bincount(out[out != TICK], minlength=len(fired))
            spikes += np.diff(np.flatnonzero(out == TICK), prepend=-1) - 1
        return Answers(
            events=record.spikes(name), ends=np.zeros(0, dtype=np.int64),
            states=np.stack(states, axis=1).astype(np.int64) if states
            else np.zeros((steps, 0, self._last.n), dtype=np.int64),
            saturated=np.full(steps, after, dtype=np.int64), spikes=spikes,
        )  # fmt: skip
