"""Differences that come late: a stimulus of millions of cycles is run by compiled code alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from ...cycles.access import access_inputs
from ...cycles.control import NONE, Block
from ...cycles.model import CycleInputs
from ...cycles.row_model import model_of
from ...cycles.signals import INPUT_PORTS
from ...params.neuron import NeuronParams
from ...params.protocol import AnyCores, AnyParams
from ..bench.models import Offers, expected_of_cores
from ..bench.scoreboard import Expected, Report, Scoreboard
from ..bench.trace import Trace
from ..bench.wrapper import Cycles, Interface
from ..report.difference import Difference
from ..soak.compare import Comparison, Packed
from ..tools.verilated import VerilatedDesign
from ..tools.words import as_ints

#: Cycles that are compared at a time.
BLOCK = 1 << 14


class Follower(ABC):
    """A compiled model that goes along with a stimulus, block by block, from power-up on."""

    @abstractmethod
    def show(self, shown: Cycles) -> None:
        """Run the next block."""

    @abstractmethod
    def wrong(self, response: Packed) -> int:
        """The first cycle of that block in which the response differs, or NONE."""

    @abstractmethod
    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        """Run the next block: what the outputs must show."""


class StreamFollower(Follower):
    """Of a core or a network of cores."""

    def __init__(self, design: AnyCores, interface: Interface) -> None:
        self._design = design
        self._model = model_of(design, engine="compiled")
        self._comparison = Comparison(design, interface)
        self._ports = INPUT_PORTS | access_inputs(design.cores)
        self._offers = Offers()
        self._block: Block | None = None

    def _inputs(self, shown: Cycles) -> CycleInputs:
        return CycleInputs(**{field: shown[port] for field, port in self._ports.items()})

    def show(self, shown: Cycles) -> None:
        self._block = self._model.show(self._inputs(shown))

    def wrong(self, response: Packed) -> int:
        assert self._block is not None
        return self._comparison.check(self._block, response, self._model.port)

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        made = self._offers.held(cycles, self._model.run(self._inputs(cycles)))
        return expected_of_cores(self._design, made)


class NeuronFollower(Follower):
    """Of a lone neuron."""

    def __init__(self, neuron: NeuronParams, interface: Interface) -> None:
        from ...cycles.neuron import NEURON_INPUT  # both need numba
        from ..soak.bulk_neuron import NeuronBulk

        self._inputs = NEURON_INPUT.names or ()
        self._bulk = NeuronBulk(neuron, interface, seed=1)
        self._names = [*(f"state.{name}" for name in neuron.state_widths), "spike"]

    def show(self, shown: Cycles) -> None:
        self._bulk.show({name: shown[name] for name in self._inputs})

    def wrong(self, response: Packed) -> int:
        return self._bulk.check(response)

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        self.show(cycles)
        return [Expected(n, self._bulk.shown[:-1, k]) for k, n in enumerate(self._names)]


def follower(params: AnyParams, interface: Interface) -> Follower:
    """The follower of a design."""
    if isinstance(params, NeuronParams):
        return NeuronFollower(params, interface)
    return StreamFollower(params, interface)


def first_wrong(library: Path, params: AnyParams, interface: Interface, rows: Packed) -> int:
    """The first cycle in which the Verilated design differs from its cycle model under the packed
    stimulus ``rows`` (cycles, words), or NONE."""
    model = follower(params, interface)
    with VerilatedDesign(library, interface) as design:
        for at in range(0, len(rows), BLOCK):
            part = rows[at : at + BLOCK]
            model.show(Cycles(interface.stimulus, part))
            found = model.wrong(design.run(part))
            if found != NONE:
                return at + found
    return NONE


def difference_at(
    library: Path, params: AnyParams, interface: Interface, rows: Packed, cycle: int, trace: Trace
) -> Difference | None:
    """The difference in the ``cycle`` in which the stimulus ``rows`` first shows one, from what a
    scoreboard sees of the last cycles alone; fills the ``trace``."""
    model, whole = follower(params, interface), max(0, cycle // BLOCK - 1) * BLOCK
    board = Scoreboard(interface, model, Report(cycles=whole), watch=trace.add)
    with VerilatedDesign(library, interface) as design:
        for at in range(0, whole, BLOCK):
            part = rows[at : at + BLOCK]
            design.run(part)
            model.show(Cycles(interface.stimulus, part))
        for at in range(whole, len(rows), BLOCK):
            board.take(as_ints(design.run(rows[at : at + BLOCK])))
    return board.report.first
