"""Compiled steps for the cycle models, with the arrays that they read and write.

Import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiled.neuron_step import ARGUMENTS, STEPPED, element, state_type, step_loop
from ..params.core import CoreParams
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from ..rule.step import initial_state
from .control import VARIABLE, Bools, CompiledSteps, Ints, Records
from .latency import padded


def compiled_step(
    neuron: NeuronParams, thresholds: Ints, limits: tuple[int, int], currents: Ints, fired: Bools
) -> tuple[int, Records, list[Any]]:
    """A compiled step of ``len(currents)`` neurons whose currents are within ``limits``.

    Returns the address of its call, as :func:`fxlif.compiled.intrinsics.call_kernel` takes it, its
    state variables (n,) of :data:`~fxlif.cycles.control.VARIABLE`, and what must be kept as long as
    these addresses are used.
    """
    ends = int(thresholds.min()), int(thresholds.max())
    loop = step_loop(neuron, ends, currents.dtype, limits)
    start = initial_state(neuron, len(currents))
    arrays: dict[str, Any] = {
        name: getattr(start, name).astype(state_type(neuron, name)) for name in neuron.state_widths
    }
    variables = np.array(
        [(array.ctypes.data, array.itemsize, array[0]) for array in arrays.values()],
        dtype=VARIABLE,
    )
    arrays |= {
        "v_threshold": thresholds.astype(element(*ends)), "current": currents, "spike": fired,
    }  # fmt: skip
    call = [loop.address, 1, len(currents)]
    for name in ARGUMENTS:
        call.append(arrays[name].ctypes.data if name in arrays else 0)
        call += [0] if name in STEPPED else []
    words = np.array(call, dtype=np.int64)
    return words.ctypes.data, variables, [loop, words, *arrays.values()]


def compiled_steps(
    cores: Sequence[CoreParams], thresholds: Sequence[Ints]
) -> tuple[CompiledSteps, list[Any]]:
    """One compiled step per core, and what must be kept as long as they are used."""
    total = sum(padded(core) for core in cores)
    most = max(len(core.neuron.state_widths) for core in cores)
    steps = CompiledSteps(
        calls=np.zeros(len(cores), dtype=np.int64),
        variables=np.zeros((len(cores), most), dtype=VARIABLE),
        currents=np.zeros(total, dtype=np.int64),
        fired=np.zeros(total, dtype=np.bool_),
    )
    everything: list[Any] = []
    at = 0
    for k, (core, values) in enumerate(zip(cores, thresholds, strict=True)):
        here = slice(at, at + padded(core))
        low, high = (end << core.weight_shift for end in signed_range(core.accumulator_bits))
        steps.calls[k], variables, kept = compiled_step(
            core.neuron, values, (low, high), steps.currents[here], steps.fired[here]
        )
        steps.variables[k, : len(variables)] = variables
        everything += kept
        at = here.stop
    return steps, everything
