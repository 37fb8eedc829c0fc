"""Where what is written to a golden network goes at the write port of its design."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..cycles.access import AddressMap
from ..cycles.latency import AnyCore
from ..layout import RowCore, golden_of
from ..network.model import Network
from ..network.writes import Write, changes_of, must_be_writable
from ..params.network import NetworkParams
from ..params.protocol import AnyCores


class Writer:
    """The write port of ``design``: its golden ``network``, and the addresses of its parameters.

    ``described``: the network as its user wrote it, whose names are known too where the hardware
    is a chain of cores.
    """

    def __init__(self, design: AnyCores, described: NetworkParams | None = None) -> None:
        self._where = AddressMap(design.cores)
        self._network = Network(golden_of(design), engine="numpy")
        cores: Sequence[AnyCore] = design.cores
        self._core = {core_name(core, k): k for k, core in enumerate(cores)}
        self._called: dict[str | int, str] = {}
        if described is not None and described.population and isinstance(design, NetworkParams):
            self._called = _along_the_chain(described)

    def check(self, writes: Iterable[Write], steps: int) -> None:
        """Raise where one of the writes to a run of so many steps is not right."""
        rows = [Write(each.step, *self.golden(*each[1:])) for each in writes]
        changes_of(self._network, rows, steps)

    def golden(self, population: str | int, *rest: Any) -> tuple[Any, ...]:
        """The same write in the names of the golden network."""
        return (self._called.get(population, population), *rest)

    def port(
        self, population: str | int, parameter: str, value: int, at: Any = None
    ) -> tuple[int, int]:
        """Address and data of a write, which is as for :meth:`fxlif.Network.write`.

        Raises:
            FxlifError: there is no such thing, or it is not ``writable``.
        """
        change = must_be_writable(self._network, self.golden(population, parameter, value, at))
        name, row, neuron, stored = change.parameter, 0, 0, change.value
        if name == "weights":
            k = int(change.part)
            core = self._core[self._network.projections[k].projection.target]
            pre, post, addresses = self._where.synapses(k)
            if len(addresses):
                here = np.flatnonzero((pre == at[0]) & (post == at[1]))
                return int(addresses[here[0]]), self._where.data(core, name, stored)
            row, neuron = at
        else:
            core = self._core[str(change.part)]
            neuron = change.place or 0
        if name == "thresholds":
            stored >>= self._where.cores[core].neuron.threshold_shift
        address = self._where.address(core, name, neuron, row)
        return address, self._where.data(core, name, stored)


def core_name(core: AnyCore, k: int) -> str:
    """What the golden network calls core ``k`` of a design."""
    return core.name if isinstance(core, RowCore) else f"core_{k}"


def _along_the_chain(network: NetworkParams) -> dict[str | int, str]:
    """Population and projection → the core that it became, of a network that is a chain."""
    called: dict[str | int, str] = {name: f"core_{k}" for k, name in enumerate(network.graph.order)}
    targets = (projection.target for projection in network.projection)
    return called | {number: called[target] for number, target in enumerate(targets)}
