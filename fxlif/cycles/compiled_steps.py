"""Compiled steps for the cycle models, with the arrays that they read and write.

Import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..compiled.neuron_step import STEP_CALL, element, set_argument, state_type, step_loop
from ..params.neuron import NeuronParams
from ..rule.step import initial_state
from .access import threshold_ends
from .control import VARIABLE, Bytes, CompiledSteps, Ints, Records
from .event_step import EventStep
from .latency import AnyCore, padded


def compiled_step(
    neuron: NeuronParams,
    thresholds: Ints,
    limits: tuple[int, int],
    currents: Ints,
    spikes: Bytes,
    random: Ints | None = None,
    ends: tuple[int, int] | None = None,
) -> tuple[Records, Records, list[Any]]:
    """A compiled step of ``len(currents)`` neurons whose currents are within ``limits``; with
    ``random`` numbers where stochastic rounding reads such. ``ends``: lowest and highest threshold,
    where they may become others than they are.

    Returns its call, (1,) of :data:`~fxlif.compiled.neuron_step.STEP_CALL`, its state variables
    (n,) of :data:`~fxlif.cycles.control.VARIABLE`, and what must be kept as long as the addresses
    in them are used, the thresholds first.
    """
    ends = ends or _ends(thresholds)
    loop = step_loop(neuron, ends, currents.dtype, limits)
    start = initial_state(neuron, len(currents))
    state: dict[str, Any] = {
        name: getattr(start, name).astype(state_type(neuron, name)) for name in neuron.state_widths
    }
    variables = np.array(
        [(array.ctypes.data, array.itemsize, array[0]) for array in state.values()],
        dtype=VARIABLE,
    )
    arrays: dict[str, Any] = {
        "v_threshold": thresholds.astype(element(*ends)), **state,
        "current": currents, "spike": spikes,
    }  # fmt: skip
    if random is not None:
        arrays["random"] = random
    call = np.zeros(1, STEP_CALL)
    call["function"] = loop.address
    for name, array in arrays.items():
        set_argument(call, name, array)
    return call, variables, [*arrays.values(), loop]


def _ends(thresholds: Ints) -> tuple[int, int]:
    return int(thresholds.min()), int(thresholds.max())


def compiled_steps(
    cores: Sequence[AnyCore],
    thresholds: Sequence[Ints],
    limits: Sequence[tuple[int, int]],
) -> tuple[CompiledSteps, dict[int, EventStep], list[npt.NDArray[Any]], list[Any]]:
    """One compiled step per core, whose currents are within ``limits``, or by its number, where
    events act one by one; the thresholds that each reads, and what must be kept as long as they are
    used."""
    total = sum(padded(core) for core in cores)
    most = max(len(core.neuron.state_widths) for core in cores)
    steps = CompiledSteps(
        calls=np.zeros(len(cores), dtype=STEP_CALL),
        variables=np.zeros((len(cores), most), dtype=VARIABLE),
        currents=np.zeros(total, dtype=np.int64),
        random=np.zeros(total, dtype=np.int64),
        fired=np.zeros(total, dtype=np.uint8),
    )
    everything: list[Any] = []
    events: dict[int, EventStep] = {}
    compared: list[npt.NDArray[Any]] = []
    at = 0
    for k, (core, values, ends) in enumerate(zip(cores, thresholds, limits, strict=True)):
        here = slice(at, at + padded(core))
        at = here.stop
        if core.neuron.per_event:
            events[k] = EventStep(core.neuron, values, _ends(values))
            compared.append(events[k].compared)
            continue
        call, variables, kept = compiled_step(
            core.neuron, values, ends, steps.currents[here], steps.fired[here],
            steps.random[here], threshold_ends(core),
        )  # fmt: skip
        compared.append(kept[0])
        steps.calls[k] = call[0]
        steps.variables[k, : len(variables)] = variables
        everything += kept
    return steps, events, compared, everything
