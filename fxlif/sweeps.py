"""The values of a cycle model's sweeps from compiled steps; import it only where they compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import control
from .control import Bools, Ints
from .core import padded
from .core_params import CoreParams
from .kernels import ARGUMENTS, STEPPED, element, state_type, step_loop
from .neuron import initial_state
from .quantise import signed_range


class Kernels:
    """One compiled step per core, with the arrays that it reads and writes.

    ``tables``: what is called (cores, columns of :mod:`fxlif.control`), the currents and the spikes
    of all neurons, where a core's begin at its SPIKES_AT.
    """

    def __init__(self, cores: Sequence[CoreParams], thresholds: Sequence[Ints]) -> None:
        total = sum(padded(core) for core in cores)
        currents = np.zeros(total, dtype=np.int64)
        fired = np.zeros(total, dtype=np.bool_)
        self._kept: list[Any] = []  # what the addresses in the table belong to
        words = control.CALL + 3 + len(ARGUMENTS) + len(STEPPED)
        table = np.zeros((len(cores), words), dtype=np.int64)
        at = 0
        for row, core, values in zip(table, cores, thresholds, strict=True):
            end = at + padded(core)
            self._fill(row, core, values, currents[at:end], fired[at:end])
            at = end
        self.tables: tuple[Ints, Ints, Bools] = (table, currents, fired)

    def _fill(
        self, row: Ints, core: CoreParams, thresholds: Ints, currents: Ints, fired: Bools
    ) -> None:
        neuron, size = core.neuron, len(currents)
        ends = int(thresholds.min()), int(thresholds.max())
        low, high = (end << core.weight_shift for end in signed_range(core.accumulator_bits))
        loop = step_loop(neuron, ends, currents.dtype, (low, high))
        start = initial_state(neuron, size)
        arrays: dict[str, Any] = {
            name: getattr(start, name).astype(state_type(neuron, name))
            for name in neuron.state_widths
        }
        for k, (name, array) in enumerate(arrays.items()):
            row[control.STATE_AT + k] = array.ctypes.data
            row[control.STATE_SIZE + k] = array.itemsize
            row[control.STATE_INITIAL + k] = getattr(start, name)[0]
        arrays["v_threshold"] = thresholds.astype(element(*ends))
        arrays |= {"current": currents, "spike": fired}
        call = [loop.address, 1, size]
        for name in ARGUMENTS:
            call.append(arrays[name].ctypes.data if name in arrays else 0)
            call += [0] if name in STEPPED else []
        row[control.CALL :] = call
        self._kept += [loop, *arrays.values()]
