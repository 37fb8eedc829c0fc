"""The values of a cycle model's sweeps from compiled steps; import it only where they compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiled.neuron_step import ARGUMENTS, STEPPED, element, state_type, step_loop
from ..params.core import CoreParams
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from ..rule.step import initial_state
from . import control
from .control import Bools, Ints
from .latency import padded


def kernel_row(
    neuron: NeuronParams, thresholds: Ints, limits: tuple[int, int], currents: Ints, fired: Bools
) -> tuple[Ints, list[Any]]:
    """A compiled step of ``len(currents)`` neurons as a row of :mod:`fxlif.cycles.control`'s table
    of kernels, and what its addresses belong to. ``limits``: lowest and highest current."""
    ends = int(thresholds.min()), int(thresholds.max())
    loop = step_loop(neuron, ends, currents.dtype, limits)
    start = initial_state(neuron, len(currents))
    states = {
        name: getattr(start, name).astype(state_type(neuron, name)) for name in neuron.state_widths
    }
    row = np.zeros(control.CALL + 3 + len(ARGUMENTS) + len(STEPPED), dtype=np.int64)
    for k, (name, array) in enumerate(states.items()):
        row[control.STATE_AT + k] = array.ctypes.data
        row[control.STATE_SIZE + k] = array.itemsize
        row[control.STATE_INITIAL + k] = getattr(start, name)[0]
    arrays: dict[str, Any] = {
        **states, "v_threshold": thresholds.astype(element(*ends)),
        "current": currents, "spike": fired,
    }  # fmt: skip
    call = [loop.address, 1, len(currents)]
    for name in ARGUMENTS:
        call.append(arrays[name].ctypes.data if name in arrays else 0)
        call += [0] if name in STEPPED else []
    row[control.CALL :] = call
    return row, [loop, *arrays.values()]


class Kernels:
    """One compiled step per core, with the arrays that it reads and writes.

    ``tables``: what is called (cores, columns of :mod:`fxlif.cycles.control`), the currents and the
    spikes of all neurons, where a core's begin at its SPIKES_AT.
    """

    def __init__(self, cores: Sequence[CoreParams], thresholds: Sequence[Ints]) -> None:
        total = sum(padded(core) for core in cores)
        currents = np.zeros(total, dtype=np.int64)
        fired = np.zeros(total, dtype=np.bool_)
        rows = []
        self._kept: list[Any] = []  # what the addresses in the rows belong to
        at = 0
        for core, values in zip(cores, thresholds, strict=True):
            here = slice(at, at + padded(core))
            low, high = (end << core.weight_shift for end in signed_range(core.accumulator_bits))
            row, kept = kernel_row(core.neuron, values, (low, high), currents[here], fired[here])
            rows.append(row)
            self._kept += kept
            at = here.stop
        self.tables: tuple[Ints, Ints, Bools] = (np.stack(rows), currents, fired)
