"""What a single registered neuron shows in each clock cycle, and random stimulus for it.

The twin of :mod:`fxlif.cycles.model` for :class:`fxlif.hdl.neuron.LIFNeuron`: a step at each clock
edge at which ``enable`` is high, reset to the initial state. Whole blocks of cycles, by compiled
code; import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

import numpy as np

from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from .compiled_steps import kernel_row
from .control import (
    CALL,
    STATE_AT,
    STATE_INITIAL,
    STATE_SIZE,
    Bools,
    Ints,
    call_kernel,
    load,
    njit,
    store,
)

# Columns of the inputs, one row per cycle.
RST, ENABLE, CURRENT = 0, 1, 2
INPUT_COLUMNS = 3
#: Cycles from reset to reset, phase by phase; 0: none.
RESETS = (0, 0, 0, 2048, 64)


@njit
def run_neuron(
    kernel: Ints, currents: Ints, fired: Bools, variables: int, inputs: Ints, shown: Ints
) -> None:
    """What each cycle shows before its clock edge: the state variables, then the spike."""
    for cycle in range(len(inputs)):
        for k in range(variables):
            shown[cycle, k] = load(kernel[STATE_AT + k], kernel[STATE_SIZE + k])
        shown[cycle, variables] = fired[0]
        if inputs[cycle, RST]:
            for k in range(variables):
                store(kernel[STATE_AT + k], kernel[STATE_SIZE + k], kernel[STATE_INITIAL + k])
            fired[0] = False
        elif inputs[cycle, ENABLE]:
            currents[0] = inputs[cycle, CURRENT]
            call_kernel(kernel[CALL:].ctypes.data)


class NeuronCycles:
    """One registered neuron from power-up on, with a current of ``input_bits`` bits."""

    def __init__(self, neuron: NeuronParams, input_bits: int) -> None:
        self.neuron = neuron
        self.variables = len(neuron.state_widths)
        self._limits = signed_range(input_bits)
        self._currents = np.zeros(1, dtype=np.int64)
        self._fired = np.zeros(1, dtype=np.bool_)
        threshold = np.array([neuron.v_threshold], dtype=np.int64)
        self._kernel, self._kept = kernel_row(
            neuron, threshold, self._limits, self._currents, self._fired
        )

    def run(self, inputs: Ints) -> Ints:
        """What is shown in each cycle, (cycles, state variables + 1), for inputs (cycles, 3)."""
        shown = np.empty((len(inputs), self.variables + 1), dtype=np.int64)
        run_neuron(self._kernel, self._currents, self._fired, self.variables, inputs, shown)
        return shown
