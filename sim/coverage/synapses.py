"""The synapses that a core of rows holds, one by one, and what they bring to its neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...cycles.latency import AnyCore
from ...layout import HardwareNetwork, RowCore, RowMemory
from ...params.quantise import signed_range
from .bins import Ints

#: Wherever the ends of a sum are not known: over all sums that there are.
ANY = 1 << 40


@dataclass(frozen=True)
class Synapses:
    """The synapses of a memory, row after row: arrays (synapses,).

    ``row`` and ``neuron`` that each joins, ``weight`` as it is added, and the ``delay`` in steps.
    ``slot``: which of the words of its row holds it.
    """

    row: Ints
    slot: Ints
    neuron: Ints
    weight: Ints
    delay: Ints


def synapses_in(core: RowCore, memory: RowMemory) -> Synapses:
    """What the rows of a memory add: what weighs nothing, and fills a word, is left out. A weight
    that can be written counts as 1."""
    memory = memory.unrolled
    if memory.holds is not None:
        memory = replace(memory, weights=memory.holds.astype(np.int64))
    row = np.repeat(np.arange(memory.n_pre), memory.lengths)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(memory.lengths) - memory.lengths,
                                           memory.lengths)  # fmt: skip
    place = memory.starts[row] + slot
    word = slot[:, np.newaxis] if memory.words is None else memory.words[place]
    neuron = word * core.lanes + np.arange(core.lanes)
    weights = memory.weights[place] << memory.weight_shift
    delays = memory.delay + (0 if memory.delays is None else memory.delays[place])
    at, lane = np.nonzero((weights != 0) & (neuron < core.n_neurons))
    return Synapses(
        row=row[at], slot=slot[at], neuron=neuron[at, lane], weight=weights[at, lane],
        delay=np.broadcast_to(delays, weights.shape)[at, lane] if np.ndim(delays) else
        np.full(len(at), delays),
    )  # fmt: skip


def most_spikes_of(core: AnyCore) -> int:
    """How often a neuron of a core spikes in a step at most."""
    if core.neuron.fire_on == "event":
        return (1 << core.spike_bits) - 1
    return core.neuron.max_spikes_per_step


def most_spikes(network: HardwareNetwork) -> tuple[int | None, ...]:
    """How often a neuron of each node spikes in a step at most; None: any number of times."""
    populations = map(most_spikes_of, network.cores)
    return (None, *(1 for _ in network.regular), *populations)


def _weights(core: RowCore, memory: RowMemory) -> tuple[Ints, Ints, Ints]:
    """Of each synapse of a memory its neuron, and the lowest and the highest weight that it can
    have, 0 among them: where weights are written, any."""
    known = synapses_in(core, memory)
    low = high = known.weight
    if memory.holds is not None:
        low, high = (known.weight * end for end in signed_range(memory.weight_bits))
    return known.neuron, np.minimum(low, 0), np.maximum(high, 0)


def sum_ranges(core: RowCore, spikes: Sequence[int | None]) -> list[tuple[Ints, Ints]]:
    """For each accumulator of a core the lowest and the highest sum of each neuron in a step, two
    arrays (n_neurons,); ``spikes`` by node, as :func:`most_spikes`."""
    found = [(np.zeros(core.n_neurons, dtype=np.int64), np.zeros(core.n_neurons, dtype=np.int64))
             for _ in core.accumulators]  # fmt: skip
    for each in core.inputs:
        times = spikes[each.node]
        for number in each.memories:
            memory = core.memories[number]
            neuron, *weights = _weights(core, memory)
            low, high = (np.sign(end) * ANY if times is None else end * times for end in weights)
            down, up = found[memory.accumulator]
            np.add.at(down, neuron, low)
            np.add.at(up, neuron, high)
    ends = (signed_range(sums.bits) for sums in core.accumulators)
    return [(np.maximum(low, down), np.minimum(high, up))
            for (down, up), (low, high) in zip(found, ends, strict=True)]  # fmt: skip


def current_ranges(core: RowCore, spikes: Sequence[int | None]) -> tuple[Ints, Ints]:
    """The lowest and the highest current, without the bias, of each neuron in a step."""
    low, high = np.zeros((2, core.n_neurons), dtype=np.int64)
    for sums, (down, up) in zip(core.accumulators, sum_ranges(core, spikes), strict=True):
        low, high = low + (down << sums.shift), high + (up << sums.shift)
    return low, high


def weight_ranges(core: RowCore, spikes: Sequence[int | None]) -> tuple[Ints, Ints]:
    """The lowest and the highest weight that one event brings each neuron, 0 among them."""
    low, high = np.zeros((2, core.n_neurons), dtype=np.int64)
    for each in core.inputs:
        for number in each.memories if spikes[each.node] != 0 else ():
            neuron, lowest, highest = _weights(core, core.memories[number])
            np.minimum.at(low, neuron, lowest)
            np.maximum.at(high, neuron, highest)
    return low, high
