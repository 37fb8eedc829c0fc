"""What a design costs, counted from its parameters: before any hardware is made of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Ints
from ..network.projections import PlacedProjection
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..params.topology import Dense
from ..quantise.leak import adders


def memory_bits(design: NetworkParams, projections: list[PlacedProjection]) -> int:
    """Bits that the design stores: weights, states, and thresholds where neurons have their own.

    Of a dense matrix every weight counts, zeros too, of any other the synapses that there are;
    their addresses do not.
    """
    bits = 0
    neurons = {p.name: p for p in design.graph.populations}
    for one in projections:
        given, synapses = one.projection.synapses, one.synapses
        dense = isinstance(given, Dense)
        weights = synapses.n_pre * synapses.n_post if dense else int(synapses.indptr[-1])
        bits += weights * neurons[one.projection.target].neuron.weight_bits
    for p in design.graph.populations:
        own = p.neuron.threshold_bits if p.v_thresholds is not None else 0
        bits += p.n * (sum(p.neuron.state_widths.values()) + own)
    return bits


def synaptic_operations(projections: list[PlacedProjection], spikes: Mapping[str, Ints]) -> int:
    """How many weights were added: for each spike those of its row, zeros of a dense one too.

    ``spikes``: how often each neuron of each source and population spiked, (n,).
    """
    total = 0
    for one in projections:
        synapses = one.synapses
        row = np.diff(synapses.indptr)
        if isinstance(one.projection.synapses, Dense):
            row = np.full(synapses.n_pre, synapses.n_post)
        total += int(row @ spikes[one.projection.source])
    return total


def step_adders(neuron: NeuronParams) -> int:
    """Adders and subtractors of one neuron's step: its leaks, the sum of current and v, the compare
    with the threshold, a reset that subtracts, and what a synapse and an adaptation add. Roundings
    and limits are not counted."""
    count = sum(adders(leak) for leak in neuron.leaks.values()) + 2
    count += neuron.reset == "subtract"
    count += neuron.bias != 0
    count += neuron.synapse_leak is not None
    # One raises theta, one adds it to the threshold.
    return count + (2 if neuron.adaptation is not None else 0)


def adders_of(design: NetworkParams) -> int:
    """The adders of a step, of one neuron of each population."""
    return sum(step_adders(p.neuron) for p in design.graph.populations)
