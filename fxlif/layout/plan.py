"""From a network to its hardware: nodes, the order of inputs, accumulators, rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ..network.projections import PlacedProjection, placed, synaptic_range
from ..network.sources import phases
from ..network.synapses import Synapses
from ..params.network import Graph, NetworkParams, Population
from ..params.quantise import signed_bits
from ..params.sources import EventSource, RegularSource
from .parts import Accumulator, HardwareNetwork, Input, RegularNode, RowCore, RowMemory
from .rows import Forms, Shape, fill, held, shapes


@dataclass(frozen=True, eq=False)
class Edge:
    """Projection ``number`` on its way from ``node`` to a core; ``first`` is the address of its
    first row in the node's stream. ``backward``: its spikes of a step are read in the next one."""

    number: int
    placed: PlacedProjection
    shape: Shape
    node: int
    first: int
    backward: bool

    @property
    def synapses(self) -> Synapses:
        """Its table."""
        return self.placed.synapses

    @property
    def turn(self) -> tuple[bool, int]:
        """What the order in which a core reads its inputs goes by."""
        return not self.backward, self.node

    @property
    def shift(self) -> int:
        """The left shift of its weights."""
        return self.placed.projection.weight_shift

    def later(self, delay: int) -> int:
        """Steps from the one in which the core reads a spike to its effect, for a delay."""
        return max(0, delay - self.backward)  # a table without synapses has delay 0


#: What the counter of a row's words holds.
LONGEST_ROW = (1 << 16) - 1


@dataclass(frozen=True, eq=False)
class Plan:
    """A network whose synapses are drawn, and for each projection the forms that they may take."""

    network: NetworkParams
    tables: tuple[PlacedProjection, ...]
    forms: tuple[Forms, ...]

    @property
    def chosen(self) -> tuple[Shape, ...]:
        """The form of each projection."""
        return tuple(each.chosen for each in self.forms)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The projections between nodes."""
        graph = self.network.graph
        events = [source for source in graph.sources if isinstance(source, EventSource)]
        ends = list(accumulate(source.n for source in events))
        first = {source.name: end - source.n for source, end in zip(events, ends, strict=True)}
        nodes = dict.fromkeys(first, 0) | {
            name: k
            for k, name in enumerate([*(r.name for r in joined_sources(graph)), *graph.order], 1)
        }
        return tuple(
            Edge(k, table, shape, nodes[p.source], first.get(p.source, 0),
                 nodes[p.source] >= nodes[p.target])
            for k, (p, table, shape) in enumerate(
                zip(graph.projections, self.tables, self.chosen, strict=True))
        )  # fmt: skip


def joined_sources(graph: Graph) -> list[RegularSource]:
    """The regular sources that have a projection, which are nodes."""
    joined = {projection.source for projection in graph.projections}
    return [s for s in graph.sources if isinstance(s, RegularSource) and s.name in joined]


def planned(network: NetworkParams) -> Plan:
    """The plan of ``network``, of which no memory is filled yet.

    Raises:
        FxlifError: synapses that do not fit in memory, sums beyond 48 bits.
    """
    graph = network.graph
    tables = tuple(placed(graph))
    populations = {population.name: population for population in graph.populations}
    targets = [populations[each.projection.target] for each in tables]
    for population in graph.populations:
        synaptic_range(population, list(tables))
    return Plan(
        network,
        tables,
        tuple(
            shapes(each.synapses, target.lanes, _written_bits(target), summed=not each.per_event)
            for each, target in zip(tables, targets, strict=True)
        ),
    )


def _written_bits(target: Population) -> int | None:
    """The bits of a weight into a population where it can be written; None where it cannot."""
    return target.neuron.weight_bits if "weights" in target.writable else None


def hardware_network(network: NetworkParams) -> HardwareNetwork:
    """``network`` as nodes joined by streams; see :mod:`fxlif.layout.parts`.

    What no hardware can do is refused by :func:`fxlif.hdl.limits.supported`, not here.

    Raises:
        FxlifError: as :func:`planned`.
    """
    return filled(planned(network))


def filled(plan: Plan) -> HardwareNetwork:
    """The hardware of a plan: :func:`hardware_network` in its second half."""
    graph = plan.network.graph
    regular = tuple(
        RegularNode(source.name, source.n, source.interval, phases(source))
        for source in joined_sources(graph)
    )
    n_events = sum(source.n for source in graph.sources if isinstance(source, EventSource))
    cores = tuple(
        _core(
            population,
            [edge for edge in plan.edges if edge.placed.projection.target == population.name],
            len(regular), n_events, graph.most_spikes[population.name].bit_length(),
        )
        for population in sorted(graph.populations, key=lambda p: graph.order.index(p.name))
    )  # fmt: skip
    outputs = tuple(map(graph.order.index, plan.network.output_names))
    return HardwareNetwork(plan.network, regular, cores, outputs)


def _core(
    population: Population, edges: list[Edge], n_regular: int, n_events: int, spike_bits: int
) -> RowCore:
    saturating = [edge for edge in edges if edge.placed.bits is not None]
    exact = [edge for edge in edges if edge.placed.bits is None]
    groups = [*([edge] for edge in saturating), *([exact] if exact else [])]
    writes = "weights" in population.writable
    if population.neuron.per_event:
        accumulators: tuple[Accumulator, ...] = ()
        memories = tuple(_memory(edge, 0, 0, writes) for edge in edges)
    else:
        accumulators = tuple(map(_accumulator, groups))
        into = {edge.number: k for k, group in enumerate(groups) for edge in group}
        memories = tuple(
            _memory(edge, into[edge.number], accumulators[into[edge.number]].shift, writes)
            for edge in edges
        )
    return RowCore(
        name=population.name,
        n_neurons=population.n,
        neuron=population.neuron,
        lanes=population.lanes,
        v_thresholds=population.v_thresholds,
        inputs=_inputs(edges, n_regular, waits=bool(population.writable) or population.readable),
        memories=memories,
        accumulators=accumulators,
        n_events=n_events,
        spike_bits=spike_bits,
        writable=population.writable,
        readable=population.readable,
    )


def _inputs(edges: list[Edge], n_regular: int, *, waits: bool) -> tuple[Input, ...]:
    """The inputs in reading order: backward ones, then forward ones, each by node number.

    A core that neither the input nor a population paces within the step reads the input as well. So
    does one that ``waits`` between two steps, if it would begin with a regular source: that goes on
    by itself.
    """
    numbers: dict[tuple[bool, int], list[int]] = {}
    for k, edge in enumerate(edges):
        numbers.setdefault(edge.turn, []).append(k)
    paced = [not 1 <= node <= n_regular for forward, node in sorted(numbers) if forward]
    if not any(paced) or (waits and not paced[0]):
        numbers[True, 0] = []
    return tuple(
        Input(node, not forward, tuple(memories))
        for (forward, node), memories in sorted(numbers.items())
    )


def _accumulator(edges: list[Edge]) -> Accumulator:
    """The sums of one projection from an event source, or of all others together."""
    shift = min(edge.shift for edge in edges)
    slots = 1 << max(edge.later(edge.synapses.max_delay) for edge in edges).bit_length()
    bits = edges[0].placed.bits
    if bits is not None:
        return Accumulator(bits, slots, shift, saturates=True)
    ranges = [[end << (edge.shift - shift) for end in edge.placed.sum_range] for edge in edges]
    low, high = map(sum, zip(*ranges, strict=True))
    return Accumulator(signed_bits(low, high), slots, shift, saturates=False)


def _memory(edge: Edge, accumulator: int, shift: int, writes: bool) -> RowMemory:
    shape = edge.shape
    starts, weights, words, delays = fill(edge.synapses, shape)
    return RowMemory(
        projection=edge.number,
        accumulator=accumulator,
        first=edge.first,
        n_pre=edge.synapses.n_pre,
        dense=shape.dense,
        delay=edge.later(edge.synapses.min_delay),
        weight_bits=shape.weight_bits,
        weight_shift=edge.shift - shift,
        starts=starts,
        lengths=shape.lengths,
        weights=weights,
        words=words,
        word_bits=shape.word_bits,
        delays=delays,
        delay_bits=shape.delay_bits,
        offsets=shape.offsets,
        offset_bits=shape.offset_bits,
        holds=held(edge.synapses, shape, starts) if writes else None,
    )
