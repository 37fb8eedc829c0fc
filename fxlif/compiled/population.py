"""Equal neurons without synapses over many steps, in compiled code.

:mod:`fxlif.compiled.network_run` does the same for whole networks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import share_out
from ..params.neuron import NeuronParams
from ..params.quantise import signed_bits, signed_range
from ..rule.lfsr import draws
from ..rule.step import NeuronState
from .neuron_step import ARGUMENTS, STEPPED, address, element, state_type, step_loop

#: About a tenth of a second: how long Ctrl-C waits.
CHUNK_WORK = 1 << 28
#: Random numbers are made beforehand, so many at a time.
RANDOM_CHUNK_WORK = 1 << 22


class CompiledPopulation:
    """The compiled step of one population, for any number of runs."""

    def __init__(self, neuron: NeuronParams, thresholds: npt.NDArray[np.int64]) -> None:
        self._neuron = neuron
        self._ends = int(thresholds.min()), int(thresholds.max())
        self._thresholds = np.ascontiguousarray(thresholds, element(*self._ends))
        self._kinds = {name: state_type(neuron, name) for name in neuron.state_widths}
        self._random = neuron.random_bits > 0

    def run(
        self,
        state: NeuronState,
        currents: npt.NDArray[np.signedinteger],
        lfsr_state: int,
        *,
        threads: int = 1,
        record: Callable[[NeuronState], None] | None = None,
        out: npt.NDArray[np.bool_] | npt.NDArray[np.uint8],
    ) -> tuple[NeuronState, int]:
        """All steps of ``currents``, (steps, n): new state, LFSR's state; spikes to ``out``.

        ``out`` (steps, n) has elements of a byte. ``record`` is called with the state after each
        step.
        """
        steps, n = currents.shape
        currents = np.ascontiguousarray(currents)
        loop = step_loop(self._neuron, self._ends, currents.dtype, _limits(currents))
        arrays: dict[str, npt.NDArray[Any]] = {
            name: getattr(state, name).astype(kind) for name, kind in self._kinds.items()
        }
        arrays["v_threshold"] = self._thresholds
        chunk = max(1, (RANDOM_CHUNK_WORK if self._random else CHUNK_WORK) // n)
        if record is not None:
            chunk = 1
        shares = [(a, b) for a, b in itertools.pairwise(share_out(n, threads)) if b > a]
        with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
            for start in range(0, steps, chunk):
                count = min(chunk, steps - start)
                if self._random:
                    arrays["random"], lfsr_state = draws(self._neuron.lfsr, lfsr_state, count * n)
                arrays["current"], arrays["spike"] = currents[start:], out[start:]
                work = [[count, b - a, *_pointers(arrays, a, n)] for a, b in shares]
                others = [pool.submit(loop.call, *arguments) for arguments in work[1:] if pool]
                loop.call(*work[0])
                for other in others:
                    other.result()
                if record is not None:
                    record(_state(state, arrays))
        return _state(state, arrays), lfsr_state


def _limits(currents: npt.NDArray[np.signedinteger]) -> tuple[int, int]:
    """What the currents may be: all of a narrow type, of a wide one what is there."""
    if currents.itemsize <= 2:
        return signed_range(8 * currents.itemsize)
    if not currents.size:
        return -1, 0
    return signed_range(signed_bits(int(currents.min()), int(currents.max())))


def _pointers(arrays: dict[str, npt.NDArray[Any]], first: int, n: int) -> list[int | None]:
    """The arguments of a compiled step that begins at the neuron ``first`` of ``n``."""
    passed: list[int | None] = []
    for name in ARGUMENTS:
        array = arrays.get(name)
        passed.append(None if array is None else address(array) + first * array.itemsize)
        if name in STEPPED:
            passed.append(n)
    return passed


def _state(before: NeuronState, arrays: dict[str, npt.NDArray[Any]]) -> NeuronState:
    return NeuronState(
        **{
            name: arrays[name].astype(np.int64) if name in arrays else getattr(before, name)
            for name in NeuronState._fields
        }
    )
