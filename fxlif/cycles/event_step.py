"""The compiled step of a core whose neurons take their events one by one.

Import it only where :func:`fxlif.engines.compiled` says that it can be.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..compiled.intrinsics import call_step
from ..compiled.jit import njit
from ..compiled.neuron_step import (
    STEP_CALL,
    Part,
    acts_before,
    element,
    received,
    set_argument,
    state_type,
    step_loop,
)
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from .control import Bytes, Ints


class Facts(NamedTuple):
    """How the variable that takes events does so: the ends of its range, half of it where it wraps,
    else 0, and the floor; whether an event ``fires``, ``beyond`` the threshold (0 or 1), and what
    then becomes of it."""

    low: int
    high: int
    half: int
    floor: int
    fires: int
    beyond: int
    subtracts: int
    v_reset: int


def facts_of(neuron: NeuronParams) -> Facts:
    """Those of a neuron."""
    on_v = neuron.sums_on_v
    overflow = neuron.overflow if on_v else neuron.overflow_i_syn or neuron.overflow
    bits = neuron.state_bits if on_v else neuron.current_bits
    low, high = signed_range(bits)
    low = -high if overflow == "saturate_symmetric" else low
    return Facts(
        low=low, high=high, half=1 << (bits - 1) if overflow == "wrap" else 0,
        floor=neuron.v_floor if on_v and neuron.v_floor is not None else low,
        fires=int(neuron.fire_on == "event"), beyond=int(neuron.compare == "gt"),
        subtracts=int(neuron.reset == "subtract"), v_reset=neuron.v_reset,
    )  # fmt: skip


@njit
def _act(
    calls: Any, facts: Facts, weights: Ints, places: Ints, shift: int, values: Any,
    thresholds: Ints, counts: Ints,
) -> None:  # fmt: skip
    """One step: what is done before its events, each row of ``weights`` from one of the ``places``
    on, and what is done behind them. ``counts`` the events that were spikes."""
    n = len(values)
    low, high, half, floor, fires, beyond, subtracts, v_reset = facts
    bottom, mask = max(low, floor), 2 * half - 1
    if calls[0]["function"]:
        call_step(calls[0], 0, n, 0, 0)
    counts[:] = 0
    for place in places:
        for k in range(n):
            weight = weights[place + k] << shift
            if weight == 0:  # no synapse
                continue
            v = np.int64(values[k]) + weight
            v = max(((v + half) & mask) - half, floor) if half else max(min(v, high), bottom)
            if fires and v >= thresholds[k] + beyond:
                counts[k] += 1
                v = v - thresholds[k]
                v = ((v + half) & mask) - half if half else max(min(v, high), low)
                v = v if subtracts else v_reset
            values[k] = v
    call_step(calls[1], 0, n, 0, 0)


class EventStep:
    """The steps of equal neurons, from the state after reset on, with thresholds within ``ends``.

    ``state``: each state variable, (n,).
    """

    def __init__(self, neuron: NeuronParams, thresholds: Ints, ends: tuple[int, int]) -> None:
        n = len(thresholds)
        self.neuron = neuron
        self.state: dict[str, npt.NDArray[Any]] = {
            name: np.zeros(n, dtype=state_type(neuron, name, "after"))
            for name in neuron.state_widths
        }
        #: The thresholds that are compared with at the end of a step.
        self.compared: npt.NDArray[Any] = thresholds.astype(element(*ends))
        self._random = np.zeros(n, dtype=np.int64)
        self._fired: Bytes = np.zeros(n, dtype=np.uint8)
        self._counts = np.zeros(n, dtype=np.int64)
        currents = np.zeros(n, dtype=np.int64)
        self._calls = np.zeros(2, STEP_CALL)
        arrays: dict[str, Any] = {
            "v_threshold": self.compared, **self.state, "current": currents, "spike": self._fired,
            "random": self._random,
        }  # fmt: skip
        self._kept: list[Any] = [currents]
        parts: list[tuple[int, Part]] = [(1, "after")]
        for number, part in [(0, "before"), *parts] if acts_before(neuron) else parts:
            loop = step_loop(neuron, ends, currents.dtype, (0, 0), part=part)
            self._kept.append(loop)
            self._calls[number]["function"] = loop.address
            for name, array in arrays.items():
                set_argument(self._calls[number], name, array)
        self._facts = facts_of(neuron)
        self._taking = self.state[received(neuron) or "v"]

    def reset(self, v: int) -> None:
        """Back to the state after a reset, which begins with ``v``."""
        for name, values in self.state.items():
            values[:] = v if name == "v" else 0

    def step(
        self, weights: Ints, places: Ints, shift: int, thresholds: Ints, random: Any
    ) -> Ints:  # fmt: skip
        """One step with the events whose rows of ``weights`` begin at the ``places``: how often
        each neuron spikes."""
        self._random[:] = random
        _act(self._calls, self._facts, weights, places, shift, self._taking, thresholds,
             self._counts)  # fmt: skip
        return self._counts + self._fired
