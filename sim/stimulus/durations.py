"""How long a design takes at most, if all that it does is done one after the other."""

from __future__ import annotations

from typing import NamedTuple

from ...cycles.latency import clear_cycles, cleared_cycles, event_cycles, update_cycles
from ...layout import HardwareNetwork
from ...params.protocol import AnyCores

#: A clear is to be a small part of what happens between two resets: of so many cycles for a word.
CLEARS = 16
#: Cycles that an event may wait in the stages before an issue, and in those of a regular source.
WAITS = 4


class Durations(NamedTuple):
    """Cycles of an event; of the updates of a step, with every spike that they may bring; and from
    a reset until all words are cleared."""

    event: int
    step: int
    clear: int


def durations(design: AnyCores) -> Durations:
    """The durations of a core or a network."""
    event = max(map(event_cycles, design.cores))
    step = 0
    if isinstance(design, HardwareNetwork):
        event += WAITS
        step = sum(node.n + 1 for node in design.regular) * event
    for core in design.cores:
        spikes = core.n_neurons * core.neuron.max_spikes_per_step
        step += update_cycles(core, spikes) + spikes * event
    return Durations(event, step, max(map(cleared_cycles, design.cores)))


def largest_words(design: AnyCores) -> int:
    """Words of the largest core, by which lengths of runs are measured; a clear of a long ring of
    sums counts as many as it delays."""
    return max(max(core.words, clear_cycles(core) // CLEARS) for core in design.cores)
