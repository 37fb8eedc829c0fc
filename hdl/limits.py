"""What the hardware cannot do, refused by name before anything is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from pydantic import ValidationError

from ..errors import FxlifError
from ..network.topology import synapses_of
from ..params.core import CoreParams
from ..params.leaks import Leak, LinearLeak, NoLeak
from ..params.network import EventSource, NetworkParams, Projection
from ..params.neuron import NeuronParams

#: A projection becomes a memory of n_pre x n_post weights, missing synapses included.
MAX_WEIGHTS = 1 << 24


def supported(
    params: NeuronParams | CoreParams | NetworkParams,
) -> NeuronParams | CoreParams | NetworkParams:
    """What the hardware is made from: ``params``, or for a network :func:`chain_of` it.

    Raises:
        FxlifError: one line per obstacle: the key, what was found, what the hardware allows.
    """
    if isinstance(params, NetworkParams):
        return chain_of(params)
    neuron = params.neuron if isinstance(params, CoreParams) else params
    _refuse(_random("neuron." if isinstance(params, CoreParams) else "", neuron))
    return params


def chain_of(network: NetworkParams) -> NetworkParams:
    """The network as a chain of cores, which is what the hardware is.

    A chain of cores stays as it is. Populations are turned into cores where they stand in one line
    behind one event source, joined by projections without delay.

    Raises:
        FxlifError: one line per obstacle: the key, what was found, what the hardware allows.
    """
    if network.core:
        _refuse(line for k, core in enumerate(network.core)
                for line in _random(f"core[{k}].neuron.", core.neuron))  # fmt: skip
        return network
    _refuse(_obstacles(network))
    _refuse(_disorder(network))
    into = {projection.target: (k, projection) for k, projection in enumerate(network.projection)}
    cores = []
    for population in network.population:
        index, projection = into[population.name]
        n_pre = network.graph.sizes[projection.source]
        source = next((s for s in network.source if s.name == projection.source), None)
        events = source.max_events_per_input if isinstance(source, EventSource) else 1
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
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise FxlifError(f"projection[{index}]: as a core, {message}") from None
        cores.append(core)
    return NetworkParams(name=network.name, core=tuple(cores), input=network.input)


def _refuse(lines: Iterator[str]) -> None:
    found = "\n".join(lines)
    if found:
        raise FxlifError(found)


def _random(key: str, neuron: NeuronParams) -> Iterator[str]:
    for name, rule in neuron.leaks.items():
        if _rounding(rule) == "stochastic":
            yield (
                f"{key}{name}.rounding: found 'stochastic', allowed in hardware 'floor', "
                "'toward_zero', 'away_from_zero', 'nearest_even'"
            )


def _rounding(rule: Leak) -> str | None:
    return None if isinstance(rule, NoLeak | LinearLeak) else rule.rounding


def _obstacles(network: NetworkParams) -> Iterator[str]:
    """What keeps populations from being one chain of cores, a line each."""
    count = sum(isinstance(source, EventSource) for source in network.source)
    if count > 1 or not network.source:
        yield f"source: found {count} event sources, allowed in hardware 1"
    for k, source in enumerate(network.source):
        if not isinstance(source, EventSource):
            yield f"source[{k}].kind: found {source.kind!r}, allowed in hardware 'events'"
    for k, projection in enumerate(network.projection):
        yield from _of_projection(f"projection[{k}]", projection, network)
    others = [p for p in network.projection if p.source != p.target]
    into = Counter(projection.target for projection in others)
    out_of = Counter(projection.source for projection in others)
    for key, parts in (("source", network.source), ("population", network.population)):
        for k, part in enumerate(parts):
            if out_of[part.name] > 1:
                yield (
                    f"{key}[{k}]: found {out_of[part.name]} projections out of {part.name}, "
                    "allowed in hardware 1"
                )
    for k, population in enumerate(network.population):
        if into[population.name] != 1:
            yield (
                f"population[{k}]: found {into[population.name]} projections into "
                f"{population.name}, allowed in hardware 1"
            )
        yield from _random(f"population[{k}].neuron.", population.neuron)


def _disorder(network: NetworkParams) -> Iterator[str]:
    # What comes out is the last population of the list; in hardware it is the end of the chain.
    before = {projection.target: projection.source for projection in network.projection}
    listed = [population.name for population in network.population]
    for k, (first, second) in enumerate(pairwise(listed), start=1):
        if before[second] != first:
            yield (
                f"population[{k}].name: found {second} after {first}, "
                f"allowed in hardware after its source, {before[second]}"
            )


def _of_projection(key: str, projection: Projection, network: NetworkParams) -> Iterator[str]:
    low, high = projection.delay_range
    if projection.source == projection.target:
        yield f"{key}.target: found its source, {projection.target}, allowed in hardware another"
    elif high:
        found = low if low == high else f"{low}..{high}"
        yield f"{key}.delay: found {found}, allowed in hardware 0"
    n_pre, n_post = (network.graph.sizes[n] for n in (projection.source, projection.target))
    if n_pre * n_post > MAX_WEIGHTS:
        yield (
            f"{key}: found {n_pre} x {n_post} neurons, "
            f"allowed in hardware {MAX_WEIGHTS} weights, absent synapses included"
        )
