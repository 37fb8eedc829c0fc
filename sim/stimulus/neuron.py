"""What a single registered neuron shows in each clock cycle, and random stimulus for it.

The twin of :mod:`fxlif.cycles.model` for :class:`fxlif.hdl.neuron.LIFNeuron`: a step at each clock
edge at which ``enable`` is high, reset to the initial state. Whole blocks of cycles, by compiled
code; import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

import numpy as np

from ...cycles.control import (
    Ints,
    njit,
)
from ...cycles.neuron import CURRENT, ENABLE, INPUT_COLUMNS, RESETS, RST
from ...network.sources import mix
from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from .compiled import PHASE, RATES, Words, draw, next_word


@njit
def fill_inputs(
    state: Words, rates: Ints, resets: Ints, phase: int, threshold: int, low: int, high: int,
    inputs: Ints,
) -> None:  # fmt: skip
    """Phases of like currents: small ones around the threshold, a constant one, any, the ends."""
    idle = often = kind = constant = hold = 0
    for cycle in range(len(inputs)):
        if cycle % phase == 0:
            idle, often = rates[draw(state, len(rates))], resets[draw(state, len(resets))]
            kind, constant = draw(state, 4), draw(state, threshold + 1) - threshold // 4
        word = next_word(state)
        choice, part = word & 15, (word >> 4) & ((1 << 30) - 1)
        if kind == 1:
            current = constant
        elif choice < 9:
            current = ((part * (threshold + 1)) >> 30) * 5 // 4 - threshold // 4
        elif choice == 9:
            current = threshold - 1 + ((part * 3) >> 30)
        elif choice == 10:
            current = 0
        elif choice == 11 or kind == 2:
            current = low + ((part * (high - low + 1)) >> 30)
        elif kind == 3:
            current = low if choice < 14 else high
        else:
            current = ((part * (threshold + 1)) >> 30) >> (part & 15)
        if often and hold == 0 and (word >> 34) % often == 0:
            hold = 1 + (word & 1)
        inputs[cycle, RST] = hold > 0
        hold -= hold > 0
        inputs[cycle, ENABLE] = (word >> 50) & 255 >= idle
        inputs[cycle, CURRENT] = min(max(current, low), high)


class NeuronStimulus:
    """Random inputs of a neuron, from one seed."""

    def __init__(self, neuron: NeuronParams, input_bits: int, seed: int) -> None:
        self._state = np.array([mix(seed)], dtype=np.uint64)
        self._limits = signed_range(input_bits)
        self._threshold = min(abs(neuron.v_threshold) + 1, self._limits[1])

    def inputs(self, cycles: int) -> Ints:
        """The inputs of the next ``cycles`` cycles, (cycles, 3), in whole phases."""
        inputs = np.empty((cycles, INPUT_COLUMNS), dtype=np.int64)
        rates, resets = np.array(RATES), np.array(RESETS)
        fill_inputs(
            self._state, rates, resets, PHASE, self._threshold, *self._limits, inputs
        )  # fmt: skip
        return inputs
