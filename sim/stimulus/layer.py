"""What the inputs of a design act on, as one core: which inputs excite whom."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from ...layout import HardwareNetwork
from ...network.topology import synapses_of
from ...params.core import CoreParams
from ...params.network import Graph, NetworkParams
from ...params.neuron import NeuronParams
from ...params.protocol import AnyCores
from ...params.sources import EventSource
from . import rates

#: Most weights that stimulus is chosen by: of more targets, some are left out.
MOST_WEIGHTS = 1 << 22
#: Most events of an input in a step: with weights of 16 bits no sum has more than 48.
MOST_EVENTS = 1 << 12


def layer_of(design: AnyCores) -> CoreParams:
    """The first core of a chain, or :func:`first_layer` of another network."""
    if isinstance(design, HardwareNetwork):
        return first_layer(design.golden, design.in_address_bits)
    return design.cores[0]


def missing(design: AnyCores) -> set[int]:
    """The kinds of steps that a design has no inputs for."""
    return set() if design.n_inputs else rates.STEPS.keys() - {rates.SILENT, rates.UNKNOWN}


def first_addresses(graph: Graph) -> dict[str, int]:
    """The first address of each event source in the stream of all of them."""
    sources = [source for source in graph.sources if isinstance(source, EventSource)]
    ends = accumulate(source.n for source in sources)
    return {source.name: end - source.n for source, end in zip(sources, ends, strict=True)}


def first_layer(network: NetworkParams, address_bits: int | None = None) -> CoreParams:
    """The event sources of a network one after the other, and all that they act on: a target for
    each neuron and projection. A network without event sources has one input that excites nobody.
    """
    graph = network.graph
    sources = [source for source in graph.sources if isinstance(source, EventSource)]
    first, n_inputs = first_addresses(graph), sum(source.n for source in sources)
    onto = [p for p in graph.projections if p.source in first]
    every = -(-n_inputs * sum(graph.sizes[p.target] for p in onto) // MOST_WEIGHTS)
    columns = [np.zeros((max(1, n_inputs), 0 if onto else 1), dtype=np.int64)]
    for p in onto:
        n_pre, n_post = graph.sizes[p.source], graph.sizes[p.target]
        weights = synapses_of(p, n_pre, n_post).dense()[:, :: max(1, every)]
        block = np.zeros((n_inputs, weights.shape[1]), dtype=np.int64)
        block[first[p.source] : first[p.source] + n_pre] = weights
        columns.append(block)
    weights = np.hstack(columns)
    most = max((source.max_events_per_input for source in sources), default=1)
    return CoreParams(
        n_inputs=len(weights), n_neurons=weights.shape[1], weights=weights,
        neuron=NeuronParams(weight_bits=16), clip_weights=True,
        max_events_per_input=min(most, MOST_EVENTS),
        input_address_bits=address_bits,
    )  # fmt: skip
