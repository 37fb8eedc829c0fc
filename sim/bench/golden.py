"""The golden network of a design, which knows no clock: one event stream in, one out."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt

from ...layout import golden_of
from ...network.events import TICK
from ...network.model import Network
from ...network.recording import Recording
from ...params.protocol import AnyCores
from ..stimulus.layer import first_addresses

Ints = npt.NDArray[np.int64]


class GoldenStream:
    """What the events of a design are, step by step, by its golden network.

    The addresses of all event sources follow each other in the stream in, in their order; those of
    the outputs in the stream out, in the order in which they are updated, a TICK a step for all.
    """

    def __init__(self, design: AnyCores, *, engine: str = "auto") -> None:
        network = golden_of(design)
        self.network = Network(network, engine=engine)
        graph = self.network.graph
        self._first = first_addresses(graph)
        self._outputs = {name: graph.sizes[name] for name in network.output_names}

    def copy(self) -> GoldenStream:
        """One that goes on from here, and leaves this one as it is."""
        made = copy.copy(self)
        made.network = copy.copy(self.network)
        made.network.state = copy.deepcopy(self.network.state)
        return made

    def reset(self) -> None:
        """Back to step 0."""
        self.network.reset()

    def stream(self, events: Ints) -> Ints:
        """The events out for the events in; what comes behind the last TICK has no effect."""
        record, ticks = Recording(list(self._outputs)), events == TICK
        given = {}
        for name, first in self._first.items():
            here = ticks | (events >= first) & (events < first + self.network.graph.sizes[name])
            given[name] = np.where(ticks, TICK, events - first)[here]
        self.network.run(int(np.count_nonzero(ticks)), events=given, record=record)
        first = 0
        parts: list[Ints] = []
        steps: list[Ints] = []
        for name, n in self._outputs.items():
            out = record.spikes(name)
            ends = out == TICK
            # The last output's ticks are those of all.
            here = ~ends if len(parts) < len(self._outputs) - 1 else np.ones_like(ends)
            parts.append(np.where(ends, TICK, out + first)[here])
            steps.append((np.cumsum(ends) - ends)[here])
            first += n
        order = np.argsort(np.concatenate(steps), kind="stable")
        return np.concatenate(parts)[order]
