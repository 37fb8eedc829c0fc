"""Seeded random stimulus for a core, made in whole blocks by compiled code.

Like steps come in phases, and so do idling, backpressure and resets, each an axis of its own with
a generator of its own: crossed, they reach corners that no single rate does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...cycles.control import IDLE, RESET, STALL, Bytes, Ints, njit
from ...network.sources import GAMMA, MIX_1, MIX_2, mix
from ...params.core import CoreParams
from ...params.quantise import signed_range

Words = npt.NDArray[np.uint64]

#: One phase of an axis lasts this many cycles, so many phases with one rate of resets an epoch.
PHASE, EPOCH = 512, 64
#: How often an axis holds back, phase by phase, of 256: never, rarely, evenly, nearly always.
RATES = (0, 26, 128, 230)
#: Cycles from reset to reset, epoch by epoch; 0: none, so that slow things come to their end.
RESETS = (0, 0, 8192, 512)
#: Most inputs of a step, how often each, and most events more of one input than it may have.
MOST, REPEATS, EXCESS = 24, 8, 12
#: Most events that shall make an accumulator saturate.
FLOOD_EVENTS = 600
#: The steps of a phase, and how many there are.
SILENT, SPARSE, ANY, EXCITE, INHIBIT, UNKNOWN, REPEATED, FLOOD = 0, 1, 2, 3, 4, 5, 6, 7
KINDS = (SILENT, SPARSE, ANY, ANY, EXCITE, EXCITE, EXCITE, INHIBIT, UNKNOWN, REPEATED, FLOOD)
LENGTHS = (1, 2, 8, 40)

_GAMMA, _MIX_1, _MIX_2 = np.uint64(GAMMA), np.uint64(MIX_1), np.uint64(MIX_2)
_2, _27, _30, _31 = (np.uint64(n) for n in (2, 27, 30, 31))


@njit
def next_word(state: Words) -> Any:
    """The next 62 bits of a SplitMix64 sequence."""
    state[0] += _GAMMA
    x = state[0]
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return np.int64((x ^ (x >> _31)) >> _2)


@njit
def draw(state: Words, below: int) -> Any:
    """The next number in 0..below - 1 (below 2**31)."""
    return (next_word(state) >> 31) * below >> 31


@njit
def fill_flags(
    state: Words, clock: Ints, rates: Ints, resets: Ints, phase: int, epoch: int, flags: Bytes
) -> None:
    """Idling, backpressure and resets of whole phases of cycles.

    ``clock``: cycles until the next epoch, the cycles from reset to reset of this one, and for how
    many cycles more a reset lasts.
    """
    idle = stall = 0
    for cycle in range(len(flags)):
        if cycle % phase == 0:
            idle, stall = rates[draw(state, len(rates))], rates[draw(state, len(rates))]
            if clock[0] <= 0:
                clock[0], clock[1] = epoch, resets[draw(state, len(resets))]
            clock[0] -= phase
        word = next_word(state)
        flag = IDLE if word & 255 < idle else 0
        if (word >> 8) & 255 < stall:
            flag |= STALL
        if clock[1] and clock[2] == 0 and (word >> 16) % clock[1] == 0:
            clock[2] = 3 if word >> 60 == 0 else 1
        if clock[2]:
            clock[2] -= 1
            flag |= RESET
        flags[cycle] = flag


@njit
def fill_events(
    state: Words, kinds: Ints, lengths: Ints, favourites: Ints, counts: Ints, floods: Ints,
    n_inputs: int, address_bits: int, promised: int, most: int, repeats: int, excess: int,
    longest: int, events: Ints,
) -> int:  # fmt: skip
    """Whole steps of packed events, until ``events`` has no room for ``longest`` more: how many.

    ``favourites`` (2, n_neurons, most): the inputs that push a neuron up, or down, strongest
    first; ``counts`` (2, n_neurons) of them; ``floods`` (2, n_neurons) events of the first one
    saturate the accumulator.
    """
    often = min(promised, repeats)
    filled = 0
    while True:
        kind = kinds[draw(state, len(kinds))]
        steps = lengths[draw(state, len(lengths))]
        for _ in range(1 if kind == FLOOD else steps):
            if filled + longest > len(events):
                return filled
            side, neuron = draw(state, 2), draw(state, counts.shape[1])
            if kind == SPARSE:
                for _ in range(draw(state, 3)):
                    events[filled] = draw(state, n_inputs)
                    filled += 1
            elif kind == ANY:
                for _ in range(draw(state, min(n_inputs, most) + 1)):
                    events[filled] = draw(state, n_inputs)
                    filled += 1
            elif kind in (EXCITE, INHIBIT):
                side = 0 if kind == EXCITE else 1
                for k in range(counts[side, neuron]):
                    for _ in range(often):
                        events[filled] = favourites[side, neuron, k]
                        filled += 1
            elif kind == UNKNOWN:
                for _ in range(1 + draw(state, 4)):
                    events[filled] = draw(state, 1 << address_bits)
                    filled += 1
            elif kind == REPEATED:
                address = draw(state, n_inputs)
                for _ in range(promised + 1 + draw(state, excess)):
                    events[filled] = address
                    filled += 1
            elif kind == FLOOD and counts[side, neuron]:
                for _ in range(floods[side, neuron] + draw(state, excess)):
                    events[filled] = favourites[side, neuron, 0]
                    filled += 1
            events[filled] = 1 << address_bits
            filled += 1


class RandomStimulus:
    """Flags and events for a core's :class:`fxlif.cycles.model.Driver`, from one seed."""

    def __init__(self, core: CoreParams, seed: int) -> None:
        self._core = core
        self._flags = np.array([mix(seed)], dtype=np.uint64)
        self._clock = np.zeros(3, dtype=np.int64)
        self._events = np.array([mix(mix(seed) ^ 1)], dtype=np.uint64)
        most = min(MOST, max(1, core.n_inputs // 4))
        signed = np.stack([core.weights.T, -core.weights.T]).astype(np.int64)
        order = np.argsort(-signed, axis=2, kind="stable")[:, :, :most]
        best = np.take_along_axis(signed, order, axis=2)
        counts = (best > 0).sum(axis=2)
        ends = np.array([[1], [-1]]) * np.array(signed_range(core.accumulator_bits)[::-1])[:, None]
        needed = -(-ends // np.maximum(best[:, :, 0], 1)) + 1
        self._favourites, self._counts = order, counts
        self._floods = np.where(needed <= FLOOD_EVENTS, needed, 0)
        self._longest = (
            int(max(most * REPEATS, core.max_events_per_input, FLOOD_EVENTS)) + EXCESS + 2
        )

    def flags(self, cycles: int) -> Bytes:
        """The flags of the next ``cycles`` cycles, (cycles,) uint8, a multiple of PHASE."""
        flags = np.zeros(cycles, dtype=np.uint8)
        # What takes long in a core takes longer in a larger one.
        scale = max(1, self._core.words // 8)
        rates, resets = np.array(RATES), np.array(RESETS) * scale
        with np.errstate(over="ignore"):  # SplitMix64 counts modulo 2**64
            fill_flags(self._flags, self._clock, rates, resets, PHASE, EPOCH * PHASE * scale, flags)
        return flags

    def events(self, least: int) -> Ints:
        """At least ``least`` packed events, whole steps of them.

        Which ones depends on how many are asked for at a time: what does not fit is drawn anew.
        """
        events = np.zeros(least + 2 * self._longest, dtype=np.int64)
        core = self._core
        with np.errstate(over="ignore"):
            filled = fill_events(
                self._events, np.array(KINDS), np.array(LENGTHS),
                self._favourites, self._counts, self._floods,
                core.n_inputs, core.in_address_bits, core.max_events_per_input,
                MOST, REPEATS, EXCESS, self._longest, events,
            )  # fmt: skip
        return events[:filled]
