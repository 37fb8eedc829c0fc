"""What a design does in a clock cycle, at most: by the latencies of :mod:`fxlif.cycles.latency`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cycles.latency import AnyCore, event_cycles, least_slots, row_cycles
from ...params.core import CoreParams
from ...params.protocol import AnyParams


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of all cores together, each busy in every cycle.

    ``updates``: neurons that take a step. ``operations``: synapses that spikes reach, while each
    address of every input spikes as often. ``bits``: those of the synapses' words that are read.
    """

    updates: float
    operations: float
    bits: float

    def share(self, memories: int, port: int) -> float:
        """The share of the peak memory bandwidth of a device with so many block ``memories``, of
        each of which ``port`` bits can be read in a cycle: bits / (memories * port)."""
        return self.bits / (memories * port)


def rates_of(design: AnyParams) -> Rates:
    """The rates of what the hardware is made from (:func:`fxlif.hdl.limits.supported`)."""
    if not design.cores:
        return Rates(updates=1.0, operations=0.0, bits=0.0)
    cores = [_rates(core) for core in design.cores]
    return Rates(
        updates=sum(each.updates for each in cores),
        operations=sum(each.operations for each in cores),
        bits=sum(each.bits for each in cores),
    )


def _rates(core: AnyCore) -> Rates:
    if isinstance(core, CoreParams):
        cycles = event_cycles(core)
        each = core.n_neurons / cycles
        bits = core.words * core.lanes * core.neuron.weight_bits / cycles
        return Rates(updates=each, operations=each, bits=bits)
    cycles = sum(int(row_cycles(core, k)[:-1].sum()) for k in range(len(core.inputs))) or 1
    synapses, bits = 0, 0
    for memory in core.memories:
        # A place in a word that holds no synapse holds weight 0. Rows may have the same words.
        before = np.append(0, np.count_nonzero(memory.weights, axis=1).cumsum())
        synapses += int((before[memory.starts + memory.lengths] - before[memory.starts]).sum())
        beside = 0 if memory.dense else memory.word_bits + memory.delay_bits
        bits += int(memory.lengths.sum()) * core.lanes * (memory.weight_bits + beside)
    updates = core.n_neurons / max(core.words, least_slots(core))
    return Rates(updates=updates, operations=synapses / cycles, bits=bits / cycles)
