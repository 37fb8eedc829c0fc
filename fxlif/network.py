"""The golden network: a chain of cores, events in, events out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .core import Core
from .events import TICK, Events, check, split_steps
from .params import NetworkParams


class Network:
    """A chain of golden cores. ``cores[k].state`` is the state of core k after the last step."""

    def __init__(self, params: NetworkParams) -> None:
        self.params = params
        self.cores = [Core(core) for core in params.core]

    def reset(self) -> None:
        """Every core back to its initial state."""
        for core in self.cores:
            core.reset()

    def run(self, events: Events, progress: Callable[[], None] = lambda: None) -> Events:
        """An event stream in, an event stream out, one TICK for each TICK.

        Spikes after the last TICK belong to a step that never ends and have no effect.
        ``progress`` is called after each step.
        """
        out: list[Events] = []
        tick = np.array([TICK], dtype=np.int64)
        for addresses in split_steps(check(events)):
            for core in self.cores:
                addresses = core.step(addresses)
            out += [addresses, tick]
            progress()
        return np.concatenate(out) if out else np.zeros(0, dtype=np.int64)
