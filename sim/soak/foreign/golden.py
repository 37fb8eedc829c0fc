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
from ....rule.step import NeuronState
from ...dut.coverage import CoreSteps
from .walk import Answers


class Golden:
    """The golden network from reset on, in compiled code.

    Args:
        variables: the state variables that are asked for, of the last population.
        saturated: whether the total of saturated additions is asked for after each step.
        covered: whether its steps are kept, for the coverage of a single core.
    """

    def __init__(
        self, params: NetworkParams, *, variables: Sequence[str] = (), saturated: bool = False,
        covered: bool = False,
    ) -> None:  # fmt: skip
        self.network = Network(params, engine="compiled")
        self._last = self.network.graph.populations[-1]
        self._variables, self._count = tuple(variables), saturated
        #: The events of the step under way.
        self.pending = np.zeros(0, dtype=np.int64)
        #: How often each neuron fired, of every population.
        self.fired = {p.name: np.zeros(p.n, dtype=np.int64) for p in params.graph.populations}
        self._covered, self._resets = covered, 0
        self._taken: list[CoreSteps] = []
        recorded = self._last.neuron.state_widths if covered else self._variables
        self._recorded = {self._last.name: tuple(recorded)} if recorded else None

    def answer(self, events: Ints, cuts: Ints) -> Answers:
        """The answers to the next ``events`` (count,), with a reset before each of ``cuts``."""
        parts = []
        for k, part in enumerate(np.split(events, cuts)):
            if k:
                self.network.reset()
                self._resets += 1
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
        first = NeuronState(*map(np.array, network.states[name])) if self._covered else None
        record = Recording(list(self.fired), self._recorded)
        network.run(events=events, record=record)
        after = sum(network.saturated)
        if kept is not None and after != before:
            # In which step is not recorded: it is asked for in halves.
            network.state = kept
            middle = np.flatnonzero(events == TICK)[steps // 2 - 1] + 1
            halves = self._run(events[:middle]), self._run(events[middle:])
            return Answers(*(np.concatenate(both) for both in zip(*halves, strict=True)))
        states = [record.states(name, variable) for variable in self._variables]
        if first is not None:
            self._taken.append(self._steps(events, first, record))
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

    def covered(self) -> CoreSteps:
        """The steps that were kept since this was last asked."""
        none = np.zeros(0, dtype=np.int64)
        table = np.zeros((0, self._last.n), dtype=np.int64)
        empty = CoreSteps(none, NeuronState(*[table] * 4), table != 0, none)
        taken, self._taken = [empty, *self._taken], []
        columns = zip(*(each.before for each in taken), strict=True)
        return CoreSteps(
            np.concatenate([each.events for each in taken]),
            NeuronState(*map(np.concatenate, columns)),
            np.concatenate([each.fired for each in taken]),
            np.concatenate([each.resets for each in taken]),
        )

    def _steps(self, events: Ints, first: NeuronState, record: Recording) -> CoreSteps:
        """Whole steps that began in the state ``first``, as they were recorded."""
        name, out = self._last.name, record.spikes(self._last.name)
        ticks = out == TICK
        steps = int(np.count_nonzero(ticks))
        fired = np.zeros((steps, self._last.n), dtype=np.bool_)
        fired[np.cumsum(ticks)[~ticks], out[~ticks]] = True
        before = []
        for variable, start in first._asdict().items():
            column = np.tile(np.asarray(start, dtype=np.int64), (steps, 1))
            if variable in self._last.neuron.state_widths:
                column[1:] = record.states(name, variable)[:-1]
            before.append(column)
        return CoreSteps(events, NeuronState(*before), fired, np.full(steps, self._resets))
