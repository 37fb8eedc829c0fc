"""The golden core: events in, events out, with no notion of a clock.

Its cycle-accurate twin, which also says *when*, is :mod:`fxlif.cycles`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import arithmetic
from .core_params import CoreParams
from .neuron import NeuronState, initial_state, step

#: Counters of dropped events and saturated additions have this width and wrap around.
COUNTER_BITS = 32
#: Read, add, write back: an event must not meet the same accumulator before it is written.
MIN_EVENT_CYCLES = 3
#: From the taking of a TICK to the first write-back: start, address, memory, step.
SWEEP_LATENCY = 4


def event_cycles(core: CoreParams) -> int:
    """Clock cycles for which one SPIKE occupies the input of the core.

    ``max(ceil(fan_out / lanes), 3)``, where the fan-out of an input is ``n_neurons``. A SPIKE
    with an address outside the core's inputs, and a TICK, take one cycle.
    """
    return max(core.words, MIN_EVENT_CYCLES)


def sweep_cycles(core: CoreParams, spikes: int) -> int:
    """Clock cycles from the taking of a TICK to the TICK at the output, never stalled.

    ``ceil(n_neurons / lanes) + spikes + 5``: one cycle per memory word, one per spike that
    is emitted. The next sweep starts at the earliest as many cycles after this one did, so a
    step of E spikes costs ``max(E * event_cycles + 1, sweep_cycles)`` in a steady state.
    """
    return core.words + spikes + SWEEP_LATENCY + 1


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


class Core:
    """The golden core: takes the events of a step, gives the neurons that spike.

    ``dropped`` counts events with an address outside the inputs, ``saturated`` the additions to
    an accumulator that did not fit (both modulo 2**32, as in hardware).
    """

    def __init__(self, params: CoreParams) -> None:
        self.params = params
        self._thresholds = np.array(params.thresholds, dtype=np.int64)
        # Worked out from all weights: once, not once an event.
        self._accumulator_bits = params.accumulator_bits
        self.reset()

    def reset(self) -> None:
        """Back to the initial state; the counters to 0."""
        self.state: NeuronState = initial_state(self.params.neuron, self.params.n_neurons)
        self.dropped = 0
        self.saturated = 0

    def _total(self, addresses: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The accumulators at the end of a step, by one event after the other where it matters."""
        params = self.params
        counts = np.bincount(addresses, minlength=params.n_inputs)
        if counts.max(initial=0) <= params.max_events_per_input:
            return np.asarray(counts @ params.weights, dtype=np.int64)
        total = np.zeros(params.n_neurons, dtype=np.int64)
        for address in addresses:
            total, clipped = arithmetic.accumulate(
                total, params.weights[address], self._accumulator_bits
            )
            self.saturated += int(clipped.sum())
        return total

    def step(self, addresses: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """One step: input addresses in arrival order, (events,) int64, give the neurons that
        spike in ascending order, (spikes,) int64."""
        params = self.params
        known = addresses[addresses < params.n_inputs]
        self.dropped = (self.dropped + len(addresses) - len(known)) % (1 << COUNTER_BITS)
        current = arithmetic.synaptic_current(
            self._total(known), params.weight_shift, params.neuron.bias
        )
        self.saturated %= 1 << COUNTER_BITS
        self.state, fire = step(params.neuron, self.state, current, self._thresholds)
        return np.flatnonzero(fire)
