"""The copy loop: the same bytes in and out as workload A or C, and nothing else.

It reads the (steps, n) currents and writes one bool per element; no simulator that takes dense
input and returns dense spikes can be faster than memory lets this be.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from harness import Job, Ready, Run, serve, timed

Array = np.ndarray[Any, Any]


def _copy(source: Array, target: Array) -> None:
    # One comparison per element: a bool has to be made from the int16 somehow.
    for index in range(source.size):
        target[index] = source[index] > 0


_compiled: Any = numba.njit(nogil=True)(_copy)


def _copy_on(threads: int, source: Array, target: Array) -> None:
    """Each thread its share: whether memory itself has more to give to two."""
    if threads == 1:
        _compiled(source, target)
        return
    ends = [source.size * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        shares = [slice(*pair) for pair in itertools.pairwise(ends)]
        list(pool.map(lambda share: _compiled(source[share], target[share]), shares))


def prepare(job: Job) -> Ready:
    currents = np.load(job["input"])
    flat = currents.reshape(-1)
    kept = np.empty(currents.shape, dtype=np.bool_)

    def fresh() -> Array:
        # By numpy, like the arrays of fxlif: it asks for huge pages, numba's allocator does not.
        target = np.empty(currents.shape, dtype=np.bool_)
        _copy_on(job["threads"], flat, target.reshape(-1))
        return target

    def preallocated() -> Array:
        _copy_on(job["threads"], flat, kept.reshape(-1))
        return kept

    work = preallocated if job.get("form") == "preallocated" else fresh

    def run() -> Run:
        # The outcome keeps the result alive until the time is taken, as a user's code would.
        seconds, result = timed(work)
        return Run(seconds, lambda: {"copied": int(result.size)})

    note = "output allocated once" if work is preallocated else "output allocated in each run"
    return Ready(run, note)


if __name__ == "__main__":
    serve(prepare, "numpy", "numba")
