"""What the hardware cannot do, refused by name before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, starmap

import numpy as np

from ..arrays import count_of
from ..errors import FxlifError
from ..layout import HardwareNetwork, RowCore
from ..layout.plan import LONGEST_ROW, Edge, Plan, filled, planned
from ..network.projections import PlacedProjection
from ..network.topology import expected_count, synapses_of
from ..params.core import CoreParams, address_bits
from ..params.network import NetworkParams, Projection
from ..params.neuron import NeuronParams
from ..params.protocol import AnyCores, AnyParams
from ..params.quantise import signed_bits
from ..params.sources import EventSource, PoissonSource
from ..params.topology import Dense, Grid, Sparse, bounds

#: Bits of memory in the largest device known here, which nothing can be larger than: 2,688 block
#: RAMs of 36 kbit and 1,280 UltraRAMs of 288 kbit (AMD DS890).
LARGEST_DEVICE, MOST_MEMORY_BITS = "AMD XCVU13P", 2_688 * 36_864 + 1_280 * 294_912


def supported(design: AnyParams) -> AnyParams:
    """What the hardware is made from: ``design``, or of a network :func:`hardware_of` it.

    Raises:
        FxlifError: one line per obstacle: the key, what it must be in hardware, what it is.
    """
    if isinstance(design, HardwareNetwork):
        return design
    if isinstance(design, NetworkParams):
        design = hardware_of(design)
    _check_memory(total_bits(design))
    return design


def _check_memory(bits: int) -> None:
    if bits > MOST_MEMORY_BITS:
        allowed = f"{MOST_MEMORY_BITS:,} bits at most (the largest known device, {LARGEST_DEVICE})"
        raise FxlifError.must_be("memory", allowed, bits, found=f"{bits:,}")


def sums_its_events(design: AnyParams, check: str) -> None:
    """Refuse what a ``check`` does not know yet: events that act one by one.

    Raises:
        FxlifError: a neuron that takes them so.
    """
    for neuron in design.neurons:
        if neuron.per_event:
            raise FxlifError.must_be("accumulate", f"'exact' in {check}", neuron.accumulate)


def total_bits(design: AnyParams) -> int:
    """Bits of the memories of all cores of a design that :func:`supported` has passed."""
    cores: tuple[CoreParams | RowCore, ...] = design.cores
    return sum(map(memory_bits, cores))


def memory_bits(core: CoreParams | RowCore) -> int:
    """Bits of the memories of a core: weights and where they lie, sums, states, thresholds, the
    queue of spikes."""
    neuron = core.neuron
    of_neuron = sum(neuron.state_widths.values()) + core.spike_bits
    if neuron.per_event:  # counts of spikes stand where others have sums
        of_neuron += core.spike_bits
    if core.v_thresholds is not None:
        of_neuron += neuron.threshold_bits
    bits = core.words * core.lanes * of_neuron
    if isinstance(core, CoreParams):
        weights = core.n_inputs * neuron.weight_bits
        summed = 0 if neuron.per_event else core.accumulator_bits
        return bits + (weights + summed) * core.words * core.lanes
    for memory in core.memories:
        slots = memory.depth * core.lanes
        beside = memory.word_bits + memory.delay_bits + (memory.holds is not None)
        bits += slots * (memory.weight_bits + beside)
    rings = sum(each.bits * each.slots for each in core.accumulators)
    deepest = max((memory.depth for memory in core.memories), default=1)
    longest = max((memory.longest for memory in core.memories), default=0)
    row = address_bits(deepest) + longest.bit_length() + core.offset_bits
    return bits + core.rows * row + (rings << core.word_bits) * core.lanes


def hardware_of(network: NetworkParams) -> NetworkParams | HardwareNetwork:
    """The network as a chain of cores, or as nodes joined by streams.

    A chain of cores stays as it is. Populations are one where they stand in one line without delay
    behind an event source, and each projection is smaller or faster as a matrix (docs/hardware.md).

    Raises:
        FxlifError: one line per obstacle: the key, what it must be in hardware, what it is.
    """
    if network.core:
        return chain_of(network)
    _refuse(_obstacles(network))
    _check_memory(sum(_drawn_bits(network, each) for each in network.projection))
    plan = planned(network)
    _check_memory(sum(shape.bits for shape in plan.chosen))
    _refuse(_zeros(plan))
    dense = all(shape.dense for shape in plan.chosen) and all(map(_is_matrix, plan.tables))
    if _in_line(network) and dense:
        return chain_of(network)
    _refuse([*_out_of_turn(plan), *_long_rows(plan), *_never_at_rest(network)])
    return filled(plan)


def _is_matrix(placed: PlacedProjection) -> bool:
    """Whether a core can hold the synapses: where weights can be written, each is one there."""
    synapses = placed.synapses
    return placed.ends is None or synapses.count == synapses.n_pre * synapses.n_post


def _in_line(network: NetworkParams) -> bool:
    """Whether the populations are a chain behind one event source, its end the only output."""
    line = [*(source.name for source in network.source), *network.graph.order]
    joins = sorted((each.source, each.target) for each in network.projection)
    return (
        [source.kind for source in network.source] == ["events"]
        and joins == sorted(pairwise(line))
        and all(each.delay_range == (0, 0) for each in network.projection)
        and network.output_names == (line[-1],)
    )


def chain_of(network: NetworkParams) -> NetworkParams:
    """The network as a chain of cores: itself, or its populations, which stand in one line behind
    an event source.

    A core is promised as many events of an input as a neuron of the core before it may send in a
    step.

    Raises:
        FxlifError: one line per obstacle: the key, what it must be in hardware, what it is.
    """
    if network.core:
        promised = (network.core[0], *starmap(_promised, pairwise(network.core)))
        return (
            network if promised == network.core else network.model_copy(update={"core": promised})
        )
    _refuse(_obstacles(network))
    if not _in_line(network):
        allowed = (
            "a chain of cores: one event source, populations in one line, one projection with "
            "delay 0 into each, the last of them the output"
        )
        raise FxlifError.must_be("network", allowed, network, found="another graph")
    _check_memory(sum(_matrix_bits(network, each) for each in network.projection))
    (source,) = (each for each in network.source if isinstance(each, EventSource))
    n_inputs, events = source.n, source.max_events_per_input
    into = {projection.target: (k, projection) for k, projection in enumerate(network.projection)}
    populations = {population.name: population for population in network.population}
    cores = []
    for name in network.graph.order:
        index, projection = into[name]
        population = populations[name]
        try:
            core = CoreParams(
                n_inputs=n_inputs,
                n_neurons=population.n,
                neuron=population.neuron,
                weights=synapses_of(projection, n_inputs, population.n).dense(),
                weight_shift=projection.weight_shift,
                v_thresholds=population.v_thresholds,
                max_events_per_input=events,
                lanes=population.lanes,
                writable=population.writable,
                readable=population.readable,
            )
        except FxlifError as error:
            raise error.inside(f"projection[{index}]: as a core") from None
        cores.append(core)
        n_inputs, events = population.n, network.graph.most_spikes[name]
    return NetworkParams(name=network.name, core=tuple(cores), input=network.input)


def _drawn_bits(network: NetworkParams, projection: Projection) -> int:
    """Bits of the weights of a projection before they are drawn, about and at least; 0 of those
    that are given."""
    given, sizes = projection.synapses, network.graph.sizes
    if isinstance(given, Dense | Sparse | Grid):
        return 0
    low, high = bounds(given.weight)
    count = expected_count(projection, sizes[projection.source], sizes[projection.target])
    return count * signed_bits(min(low, 0), max(high, 0))


def _matrix_bits(network: NetworkParams, projection: Projection) -> int:
    """Bits of all weights of a projection, absent synapses included."""
    sizes = network.graph.sizes
    (target,) = (each for each in network.population if each.name == projection.target)
    return sizes[projection.source] * target.n * target.neuron.weight_bits


def _promised(before: CoreParams, core: CoreParams) -> CoreParams:
    """``core``, promised as many events of an input as ``before`` sends at most."""
    most = before.neuron.max_spikes_per_step
    if core.neuron.per_event or core.max_events_per_input >= most:
        return core
    return CoreParams(**dict(core) | {"max_events_per_input": most})


def _refuse(obstacles: Iterable[FxlifError]) -> None:
    """Raise one error of all obstacles, if there are any; key, value, allowed are of the first."""
    found = list(obstacles)
    if found:
        first = found[0]
        lines = "\n".join(str(obstacle) for obstacle in found)
        raise FxlifError(lines, key=first.key, value=first.value, allowed=first.allowed)


def _obstacles(network: NetworkParams) -> Iterator[FxlifError]:
    """What no hardware has, a line each."""
    for k, source in enumerate(network.source):
        if isinstance(source, PoissonSource):
            allowed = "'events' or 'regular' in hardware"
            yield FxlifError.must_be(f"source[{k}].kind", allowed, source.kind)
    for k, population in enumerate(network.population):
        if population.noise:
            yield FxlifError.must_be(
                f"population[{k}].noise", "none in hardware", population.noise,
                found=count_of(len(population.noise), "kind"),
            )  # fmt: skip


def _zeros(plan: Plan) -> Iterator[FxlifError]:
    """The synapses with a weight of 0 that are events all the same, a line a projection: a memory
    of weights has no others than such as are none."""
    neurons = {population.name: population.neuron for population in plan.network.population}
    for k, each in enumerate(plan.tables):
        zeros = each.synapses.count - np.count_nonzero(
            np.broadcast_to(each.synapses.weights, each.synapses.count)
        )
        target = each.projection.target
        if zeros and neurons[target].sums_on_v:
            allowed = f"without weights of 0 in hardware ({target} takes its events one by one)"
            yield FxlifError.must_be(f"projection[{k}]", allowed, zeros, found=f"{zeros:,} of them")


def _out_of_turn(plan: Plan) -> Iterator[FxlifError]:
    """Where events that act one by one would come in another order than the golden network's, a
    line each: a core reads its inputs one after the other, and keeps no event for later."""
    before: dict[str, Edge] = {}
    for edge in plan.edges:
        if not edge.placed.per_event:
            continue
        ends, key = edge.placed.projection, f"projection[{edge.number}]"
        because = f"in hardware ({ends.target} takes its events one by one"
        low, high = edge.synapses.min_delay, edge.synapses.max_delay
        if edge.later(high):
            where = "not before" if edge.backward else "before"
            allowed = f"{edge.backward:d} {because}, and {ends.source} acts {where} it)"
            found = f"{low}" if low == high else f"{low}..{high}"
            yield FxlifError.must_be(f"{key}.delay", allowed, (low, high), found=found)
        last = before.get(ends.target, edge)
        other = f"projection[{last.number}]"
        if last is not edge and edge.turn == last.turn:
            source = "event sources" if edge.node == 0 else ends.source
            allowed = f"the only one from {source} to {ends.target} {because})"
            yield FxlifError.must_be(key, allowed, edge.number, found=f"one beside {other}")
        elif edge.turn < last.turn:
            allowed = f"before {other} {because}, and those of {ends.source} first)"
            yield FxlifError.must_be(key, allowed, edge.number, found="behind it")
        before[ends.target] = edge


def _never_at_rest(network: NetworkParams) -> Iterator[FxlifError]:
    """The populations whose state cannot be read between two steps, a line each: events of the step
    before that come from behind have changed it already."""
    for k, population in enumerate(network.population):
        if population.readable and population.neuron.per_event:
            allowed = "false in hardware that is no chain of cores, where events act one by one"
            yield FxlifError.must_be(f"population[{k}].readable", allowed, population.readable)


def _long_rows(plan: Plan) -> Iterator[FxlifError]:
    for k, shape in enumerate(plan.chosen):
        longest = int(shape.lengths.max())
        if longest > LONGEST_ROW:
            allowed = (
                f"of rows of {LONGEST_ROW:,} words at most in hardware (lanes = {shape.lanes} of "
                f"{plan.network.projection[k].target})"
            )
            yield FxlifError.must_be(f"projection[{k}]", allowed, longest, found=f"{longest:,}")


def with_streams(design: AnyParams) -> AnyCores:
    """``design``, if it has a stream of events in and one out.

    Raises:
        FxlifError: it is a neuron alone.
    """
    if isinstance(design, NeuronParams):
        raise FxlifError.must_be("DESIGN", "a network or a core", None, found="a neuron alone")
    return design
