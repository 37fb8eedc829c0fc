"""The cycle-accurate model of a network of nodes: cores that add rows of synapses, regular sources,
and the streams between them.

The control is the plain integer code of :mod:`fxlif.cycles.rows`, all else as in
:mod:`fxlif.cycles.model`. What a core does (the hardware must do the same):

- **Front.** It reads its inputs one after the other, each up to its TICK; a SPIKE takes a cycle for
  each memory of the input, in which its row is looked up there. Two stages hold what was looked up;
  behind the TICK of the last input comes an update. The first step after a reset has no spikes of
  the step before: the inputs that bring such are passed over.
- **Issue.** One operation after the other passes the pipeline, a word a cycle, none of which ever
  stands still: the words of a row, those of an update, those of a clear. A row without words takes
  no cycle. An update waits until the one before it, or the clear, is over.
- **Sums.** Each accumulator is a ring of slots, one for each step to come. An update uses those of
  its step and sets them to 0; the ring moves on when its last word has been issued. Where events
  act one by one there are none: each word of a row changes the state, and an operation takes
  :func:`~fxlif.cycles.latency.least_slots` at least.
- Queue and emitter are those of a chain.

An event moves when all consumers of its node are ready for it. Several outputs are sent one after
the other in each step, with one TICK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..layout import HardwareNetwork, RowCore, RowMemory
from ..params.protocol import Design
from ..params.quantise import signed_range
from . import rows
from .chain import no_access
from .control import NONE, Block, Driven, Ints, Records, Tables, fill
from .latency import ROW_STAGES, clear_cycles, least_slots, padded
from .model import CycleModel, DesignModel
from .pipeline import write_distance
from .rows import ROW_FLAGS, Graph, run_graph

#: Ends of totals that never leave their range.
EXACT = -(1 << 62), (1 << 62) - 1


def model_of(design: Design | HardwareNetwork, *, engine: str = "numpy") -> DesignModel:
    """The cycle-accurate model of a core, a chain of cores or a network of nodes.

    ``engine``: see :class:`~fxlif.cycles.model.DesignModel`.
    """
    if isinstance(design, HardwareNetwork):
        return RowModel(design, engine=engine)
    return CycleModel(design.cores, engine=engine)


def table(kind: np.dtype[np.void], facts: Sequence[tuple[int, ...]]) -> Records:
    """A table of records, one for each of ``facts``."""
    return np.array([*facts], dtype=kind)


class RowModel(DesignModel):
    """The cycle-accurate model of a network of nodes."""

    control_flags = ROW_FLAGS

    def __init__(self, network: HardwareNetwork, *, engine: str = "numpy") -> None:
        self.network = network
        cores = network.cores
        config: Records = np.zeros(len(cores), dtype=rows.ROW_CORE)
        after_reset: Records = np.zeros(len(cores), dtype=rows.ROW_CONTROL)
        made = _Tables()
        currents = []
        for k, (core, places) in enumerate(zip(cores, first_weights(cores), strict=True)):
            fill(config, k, {
                "write_distance": ROW_STAGES + write_distance(core.neuron),
                "clear_slots": clear_cycles(core) + 1, "least_slots": least_slots(core),
                "clear_from": (core.slots - 1) << core.word_bits,
                "ring_mask": core.slots - 1, "node": 1 + len(network.regular) + k,
                "n_events": core.n_events, "first_input": core.first_input,
                "inputs": len(core.inputs), "inputs_at": len(made.inputs),
                "accumulators": len(core.accumulators), "accumulators_at": len(made.accumulators),
            })  # fmt: skip
            fill(after_reset, k, {
                "length": config[k]["clear_slots"], "input": core.first_input, "waiting": NONE,
                "looked_up": NONE, "age": NONE if core.slots > 1 else 0,
            })  # fmt: skip
            made.add(core, places)
            currents.append(current_range(core))
        tables = Tables(
            config=config, after_reset=after_reset, weights=made.weights(), totals=made.totals,
            currents=currents,
        )  # fmt: skip
        super().__init__(cores, tables, engine=engine)
        self._graph = made.graph(network, self._arrived)
        self._no_access = no_access()
        if self.port is not None:
            self.port.weights = [
                [
                    self._chain.weights[places[m] : places[m] + memory.weights.size]
                    for m, memory in enumerate(core.memories)
                ]
                for core, places in zip(cores, first_weights(cores), strict=True)
            ]

    @property
    def graph(self) -> Graph:
        """What joins the cores."""
        return self._graph

    def _taken(self, k: int) -> Ints:
        config = self._config[k]
        currents = np.zeros(config["words"] * config["lanes"], dtype=np.int64)
        now = self._chain.control[k]
        rows.sum_totals(self._chain.totals, currents, self._graph, config, now)
        return currents

    def _advance(self, block: Block, cycle: int, driven: Driven | None) -> int:
        access = self._no_access if self.port is None else self.port.access
        return run_graph(block, self._chain, self._graph, cycle, driven, self._steps, access)


def current_range(core: RowCore) -> tuple[int, int]:
    """The lowest and the highest current that all sums together bring a neuron."""
    ends = [signed_range(sums.bits + sums.shift) for sums in core.accumulators]
    return sum(low for low, _ in ends), sum(high for _, high in ends)


def first_weights(cores: Sequence[RowCore]) -> list[dict[int, int]]:
    """By core and number of a memory, where its weights begin among those of all cores."""
    found: list[dict[int, int]] = []
    place = 0
    for core in cores:
        found.append({})
        for each in core.inputs:
            for number in each.memories:
                found[-1][number] = place
                place += core.memories[number].unrolled.weights.size
    return found


class _Tables:
    """The tables of all cores, core after core."""

    def __init__(self) -> None:
        self.inputs: list[tuple[int, ...]] = []
        self.memories: list[tuple[int, ...]] = []
        self.rows: list[Records] = []
        self.accumulators: list[tuple[int, ...]] = []
        self.totals = 0
        self._weights: list[Ints] = [np.zeros(0, dtype=np.int64)]
        self._targets: list[Ints] = [np.zeros(0, dtype=np.int64)]
        self._rows_at = 0

    def add(self, core: RowCore, places: Mapping[int, int]) -> None:
        size = padded(core)
        # Where there are none, rows belong to one that nothing is added to.
        first = len(self.accumulators)
        for sums in core.accumulators:
            low, high = signed_range(sums.bits) if sums.saturates else EXACT
            ring = sums.slots * size
            self.accumulators.append(
                (self.totals, ring, size, sums.slots - 1, low, high, sums.shift)
            )
            self.totals += ring
        for each in core.inputs:
            parts = max(1, len(each.memories))
            here = each.node, each.backward, len(each.memories), len(self.memories), parts
            self.inputs.append(here)
            for number in each.memories:
                self._add_memory(core, core.memories[number].unrolled, first, places[number])

    def _add_memory(
        self, core: RowCore, memory: RowMemory, accumulators_at: int, place: int
    ) -> None:
        lanes = core.lanes
        self.memories.append((memory.first, memory.n_pre, self._rows_at))
        found: Records = np.zeros(memory.n_pre, dtype=rows.ROW)
        found["weights_at"] = place + memory.starts * lanes
        found["length"] = memory.lengths
        found["accumulator"] = accumulators_at + memory.accumulator
        self.rows.append(found)
        self._rows_at += len(found)
        weights = memory.weights << memory.weight_shift
        words = memory.words
        if words is None:  # rows of all words, one after the other
            words = (np.arange(len(weights)) % core.words)[:, np.newaxis]
        delays = memory.delay + (0 if memory.delays is None else memory.delays)
        targets = delays * padded(core) + words * lanes + np.arange(lanes)
        self._weights.append(weights.ravel())
        self._targets.append(np.broadcast_to(targets, weights.shape).ravel())

    def weights(self) -> Ints:
        """The weights of all memories, shifted, flat."""
        return np.concatenate(self._weights)

    def graph(self, network: HardwareNetwork, arrived: Ints) -> Graph:
        """All that is not the cores' own."""
        nodes: Records = np.zeros(1 + len(network.regular) + len(network.cores), dtype=rows.NODE)
        for number in range(len(nodes)):
            nodes[number]["consumers"] = len(network.consumers(number))
        outputs, address = [], 0
        for k in network.outputs:
            node = 1 + len(network.regular) + k
            nodes[node]["consumers"] += 1
            outputs.append((node, address))
            address += network.cores[k].n_neurons
        regular: list[tuple[int, ...]] = []
        phases = [np.zeros(0, dtype=np.int64)]
        indices = phases.copy()
        for number, source in enumerate(network.regular, start=1):
            order = np.argsort(source.phases, kind="stable")
            at = sum(len(each) for each in phases)
            regular.append((number, source.n, source.interval, at, 0, 0, 0))
            phases.append(source.phases[order])
            indices.append(order)
        return Graph(
            inputs=table(rows.ROW_INPUT, self.inputs),
            memories=table(rows.ROW_MEMORY, self.memories),
            rows=np.concatenate([np.zeros(0, dtype=rows.ROW), *self.rows]),
            accumulators=table(rows.ACCUMULATOR, self.accumulators),
            targets=np.concatenate(self._targets),
            nodes=nodes,
            regular=table(rows.REGULAR, regular),
            phases=np.concatenate(phases),
            indices=np.concatenate(indices),
            outputs=table(rows.OUTPUT, outputs),
            turn=np.zeros(1, dtype=np.int64),
            arrived=arrived,
        )
