"""How a core is laid out in time: its latencies and the words of its memories.

What it computes is said by :class:`fxlif.network.model.Core`, with no notion of a clock; what it
shows in each cycle by :mod:`fxlif.cycles.model`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..params.core import CoreParams
from .pipeline import WRITE_DISTANCE

#: Counters of dropped events and saturated additions have this width and wrap around.
COUNTER_BITS = 32
#: An event must not meet an accumulator before the event ahead has been written back.
MIN_EVENT_CYCLES = 3
#: From the taking of a TICK to the first write-back: one cycle to start, then the stages before it.
UPDATE_LATENCY = 1 + WRITE_DISTANCE


def event_cycles(core: CoreParams) -> int:
    """Clock cycles for which one SPIKE occupies the input of the core.

    ``max(ceil(fan_out / lanes), 3)``, where the fan-out of an input is ``n_neurons``. A SPIKE
    with an address outside the core's inputs, and a TICK, take one cycle.
    """
    return max(core.words, MIN_EVENT_CYCLES)


def update_cycles(core: CoreParams, spikes: int) -> int:
    """Clock cycles from the taking of a TICK to the TICK at the output, never stalled.

    ``ceil(n_neurons / lanes) + spikes + UPDATE_LATENCY + 1``: one cycle per memory word, one per
    spike that is emitted, and one for the TICK. The next update starts at the earliest as many
    cycles after this one did, so a step of E spikes costs ``max(E * event_cycles + 1,
    update_cycles)`` in a steady state.
    """
    return core.words + spikes + UPDATE_LATENCY + 1


def clear_cycles(core: CoreParams) -> int:
    """Clock cycles after a reset until the first event can be taken: one per memory word."""
    return core.words


def padded(core: CoreParams) -> int:
    """Neurons including those that only fill up the last word; they never emit a spike."""
    return core.words * core.lanes


def padded_thresholds(core: CoreParams) -> npt.NDArray[np.int64]:
    """The thresholds of all lanes of all words; a filler has the neuron's own. Shape (padded,)."""
    fillers = padded(core) - core.n_neurons
    return np.array(core.thresholds + (core.neuron.v_threshold,) * fillers, dtype=np.int64)


def padded_weights(core: CoreParams) -> npt.NDArray[np.int64]:
    """The weights of all lanes of all words; a filler's are 0. Shape (n_inputs, padded)."""
    return np.pad(core.weights, ((0, 0), (0, padded(core) - core.n_neurons)))
