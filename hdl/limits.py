"""What the hardware cannot do, refused by name before anything is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from ..arrays import count_of
from ..errors import FxlifError
from ..network.topology import synapses_of
from ..params.core import CoreParams
from ..params.network import NetworkParams, Projection
from ..params.neuron import NeuronParams
from ..params.protocol import AnyParams
from ..params.sources import EventSource

#: A projection becomes a memory of n_pre x n_post weights, missing synapses included.
MAX_WEIGHTS = 1 << 24
#: Bits of memory in the largest device known here, which nothing can be larger than: 2,688 block
#: RAMs of 36 kbit and 1,280 UltraRAMs of 288 kbit (AMD DS890).
LARGEST_DEVICE, MOST_MEMORY_BITS = "AMD XCVU13P", 2_688 * 36_864 + 1_280 * 294_912


def supported(design: AnyParams) -> AnyParams:
    """What the hardware is made from: ``design``, or for a network :func:`chain_of` it.

    Raises:
        FxlifError: one line per obstacle: the key, what it must be in hardware, what it is.
    """
    if isinstance(design, NetworkParams):
        design = chain_of(design)
    else:
        (neuron,) = design.neurons
        _refuse(_choices("neuron." if design.cores else "", neuron))
    bits = sum(map(memory_bits, design.cores))
    if bits > MOST_MEMORY_BITS:
        allowed = f"{MOST_MEMORY_BITS:,} bits at most (the largest known device, {LARGEST_DEVICE})"
        raise FxlifError.must_be("memory", allowed, bits, found=f"{bits:,}")
    return design


def memory_bits(core: CoreParams) -> int:
    """Bits of the memories of a core: weights, sums, states, thresholds, the queue of spikes."""
    neuron = core.neuron
    summed = core.spike_bits if neuron.per_event else core.accumulator_bits
    of_neuron = summed + sum(neuron.state_widths.values()) + core.spike_bits
    if core.v_thresholds is not None:
        of_neuron += neuron.threshold_bits
    weights = core.n_inputs * neuron.weight_bits
    return (weights + of_neuron) * core.words * core.lanes


def chain_of(network: NetworkParams) -> NetworkParams:
    """The network as a chain of cores, which is what the hardware is.

    A chain of cores stays as it is. Populations are turned into cores where they stand in one line
    behind one event source, joined by projections without delay.

    Raises:
        FxlifError: one line per obstacle: the key, what it must be in hardware, what it is.
    """
    if network.core:
        _refuse(line for k, core in enumerate(network.core)
                for line in _choices(f"core[{k}].neuron.", core.neuron))  # fmt: skip
        return network
    _refuse(_obstacles(network))
    _refuse(_disorder(network))
    into = {projection.target: (k, projection) for k, projection in enumerate(network.projection)}
    cores = []
    for population in network.population:
        index, projection = into[population.name]
        n_pre = network.graph.sizes[projection.source]
        source = next((s for s in network.source if s.name == projection.source), None)
        events = network.graph.most_spikes.get(projection.source, 1)
        if isinstance(source, EventSource):
            events = source.max_events_per_input
        try:
            core = CoreParams(
                n_inputs=n_pre,
                n_neurons=population.n,
                neuron=population.neuron,
                weights=synapses_of(projection, n_pre, population.n).dense(),
                weight_shift=projection.weight_shift,
                v_thresholds=population.v_thresholds,
                max_events_per_input=events,
            )
        except FxlifError as error:
            raise error.inside(f"projection[{index}]: as a core") from None
        cores.append(core)
    return NetworkParams(name=network.name, core=tuple(cores), input=network.input)


def _refuse(obstacles: Iterator[FxlifError]) -> None:
    """Raise one error of all obstacles, if there are any; key, value, allowed are of the first."""
    found = list(obstacles)
    if found:
        first = found[0]
        lines = "\n".join(str(obstacle) for obstacle in found)
        raise FxlifError(lines, key=first.key, value=first.value, allowed=first.allowed)


#: Choices of the rule that the hardware has in one form only.
ONE_FORM = {"accumulate": "exact", "fire_on": "step"}


def _choices(key: str, neuron: NeuronParams) -> Iterator[FxlifError]:
    """The choices of a neuron that the hardware does not have, a line each."""
    for name, only in ONE_FORM.items():
        found = getattr(neuron, name)
        if found != only:
            yield FxlifError.must_be(f"{key}{name}", f"{only!r} in hardware", found)


def _obstacles(network: NetworkParams) -> Iterator[FxlifError]:
    """What keeps populations from being one chain of cores, a line each."""
    count = sum(isinstance(source, EventSource) for source in network.source)
    if count > 1 or not network.source:
        yield FxlifError.must_be(
            "source", "one event source in hardware", count, found=f"{count} of them"
        )
    for k, source in enumerate(network.source):
        if not isinstance(source, EventSource):
            yield FxlifError.must_be(f"source[{k}].kind", "'events' in hardware", source.kind)
    for k, projection in enumerate(network.projection):
        yield from _of_projection(f"projection[{k}]", projection, network)
    others = [p for p in network.projection if p.source != p.target]
    into = Counter(projection.target for projection in others)
    out_of = Counter(projection.source for projection in others)
    for key, parts in (("source", network.source), ("population", network.population)):
        for k, part in enumerate(parts):
            if out_of[part.name] > 1:
                yield FxlifError.must_be(
                    f"{key}[{k}]", f"the source of one projection in hardware ({part.name})",
                    out_of[part.name], found=f"of {out_of[part.name]}",
                )  # fmt: skip
    for k, population in enumerate(network.population):
        if into[population.name] != 1:
            yield FxlifError.must_be(
                f"population[{k}]", f"the target of one projection in hardware ({population.name})",
                into[population.name], found=f"of {into[population.name]}",
            )  # fmt: skip
        if population.noise:
            yield FxlifError.must_be(
                f"population[{k}].noise", "none in hardware", population.noise,
                found=count_of(len(population.noise), "kind"),
            )  # fmt: skip
        yield from _choices(f"population[{k}].neuron.", population.neuron)


def _disorder(network: NetworkParams) -> Iterator[FxlifError]:
    # What comes out is the last population of the list; in hardware it is the end of the chain.
    before = {projection.target: projection.source for projection in network.projection}
    listed = [population.name for population in network.population]
    for k, (first, second) in enumerate(pairwise(listed), start=1):
        if before[second] != first:
            yield FxlifError.must_be(
                f"population[{k}].name", f"listed after its source, {before[second]}, in hardware",
                second, found=f"{second} after {first}",
            )  # fmt: skip


def _of_projection(
    key: str, projection: Projection, network: NetworkParams
) -> Iterator[FxlifError]:
    low, high = projection.delay_range
    if projection.source == projection.target:
        yield FxlifError.must_be(
            f"{key}.target", "another than its source in hardware", projection.target
        )
    elif high:
        found = str(low) if low == high else f"{low}..{high}"
        yield FxlifError.must_be(f"{key}.delay", "0 in hardware", high, found=found)
    n_pre, n_post = (network.graph.sizes[n] for n in (projection.source, projection.target))
    if n_pre * n_post > MAX_WEIGHTS:
        allowed = f"of {MAX_WEIGHTS} weights at most in hardware, absent synapses included"
        yield FxlifError.must_be(key, allowed, n_pre * n_post, found=f"{n_pre} x {n_post}")
