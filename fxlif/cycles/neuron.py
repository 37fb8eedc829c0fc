"""What a single registered neuron shows in each clock cycle.

The twin of :mod:`fxlif.cycles.model` for :class:`fxlif.hdl.neuron.LIFNeuron`: a step at each clock
edge at which ``enable`` is high, reset to the initial state. Whole blocks of cycles, by compiled
code; import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

import numpy as np

from ..compiled.jit import njit
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from .compiled_steps import compiled_step
from .control import Bytes, Ints, Records, call_step, load, record, reset_variable

#: What the inputs show, one row per cycle.
NEURON_INPUT = record("rst", "enable", "current")


@njit
def run_neuron(
    call: Records, variables: Records, currents: Ints, spikes: Bytes, random: Ints, lfsr: Ints,
    inputs: Records, shown: Ints, draws: Ints,
) -> None:  # fmt: skip
    """What each cycle shows before its clock edge, the state variables and then the spikes; and
    the draw that a step takes in it. ``lfsr`` is (mask, seed)."""
    mask, seed = lfsr
    for cycle in range(len(inputs)):
        draws[cycle] = random[0]
        for k in range(len(variables)):
            shown[cycle, k] = load(variables[k]["address"], variables[k]["item_size"])
        shown[cycle, len(variables)] = spikes[0]
        if inputs[cycle]["rst"]:
            for k in range(len(variables)):
                reset_variable(variables[k], 1)
            spikes[0] = 0
            random[0] = seed
        elif inputs[cycle]["enable"]:
            currents[0] = inputs[cycle]["current"]
            call_step(call[0], 0, 1, 0, 0)
            random[0] = (random[0] >> 1) ^ (mask if random[0] & 1 else 0)


class NeuronCycles:
    """One registered neuron from power-up on, with a current of ``input_bits`` bits."""

    def __init__(self, neuron: NeuronParams, input_bits: int) -> None:
        self.neuron = neuron
        self._currents = np.zeros(1, dtype=np.int64)
        self._spikes = np.zeros(1, dtype=np.uint8)
        lfsr = neuron.lfsr
        self._random = np.array([lfsr.seed])
        self._lfsr = np.array([lfsr.mask, lfsr.seed])
        #: The draw that each cycle of the last run had to offer, (cycles,).
        self.draws = np.zeros(0, dtype=np.int64)
        threshold = np.array([neuron.v_threshold], dtype=np.int64)
        self._call, self._variables, self._kept = compiled_step(
            neuron, threshold, signed_range(input_bits), self._currents, self._spikes, self._random
        )

    def run(self, inputs: Records) -> Ints:
        """What is shown in each cycle, (cycles, state variables + 1); ``inputs`` (cycles,) of
        :data:`NEURON_INPUT`."""
        shown = np.empty((len(inputs), len(self._variables) + 1), dtype=np.int64)
        self.draws = np.empty(len(inputs), dtype=np.int64)
        run_neuron(
            self._call, self._variables, self._currents, self._spikes, self._random, self._lfsr,
            inputs, shown, self.draws,
        )  # fmt: skip
        return shown
