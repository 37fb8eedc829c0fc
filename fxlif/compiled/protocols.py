"""What compiled code takes a network, and a recording, to be."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..network.projections import PlacedProjection
from ..network.state import NetworkState
from ..params.network import Graph

Ints = npt.NDArray[np.int64]


class Emulated(Protocol):
    """What compiled code needs of a network: attributes of :class:`fxlif.Network`."""

    graph: Graph
    projections: list[PlacedProjection]
    thresholds: dict[str, Ints]
    synaptic_ranges: dict[str, tuple[int, int]]
    state: NetworkState

    @property
    def step_count(self) -> int: ...


class Taken(Protocol):
    """What takes down what a run does: a :class:`fxlif.Recording`, or what gives it to one."""

    @property
    def wanted_spikes(self) -> tuple[str, ...]: ...
    @property
    def wanted_states(self) -> tuple[tuple[str, str, Ints], ...]: ...
    def add_spikes(self, name: str, events: npt.NDArray[Any]) -> None: ...
    def add_states(self, population: str, variable: str, rows: npt.NDArray[Any]) -> None: ...
