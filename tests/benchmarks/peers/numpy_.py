"""The straight numpy step of each workload, as anyone would write it. No fxlif in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Job, Ready, Run, fingerprint, serve, timed

Array = np.ndarray[Any, Any]


def outcome(spikes: Array) -> dict[str, int]:
    """What (steps, n) bool spikes amount to."""
    flat = np.flatnonzero(spikes)
    return {"spikes": flat.size, "fingerprint": fingerprint(flat)}


def _run(work: Callable[[], Array]) -> Callable[[], Run]:
    def run() -> Run:
        seconds, spikes = timed(work)
        return Run(seconds, lambda: outcome(spikes))

    return run


def independent(job: Job) -> Ready:
    """Workload A; int32 and in place, which is the fastest that numpy does without tricks."""
    currents = np.load(job["input"])
    threshold = job["threshold"]

    def work() -> Array:
        spikes = np.empty(currents.shape, dtype=np.bool_)
        v = np.zeros(currents.shape[1], dtype=np.int32)
        for current, fire in zip(currents, spikes, strict=True):
            v -= v >> 4
            v += current
            np.greater_equal(v, threshold, out=fire)
            v[fire] = 0
        return spikes

    return Ready(_run(work), "int32, in place")


def balanced(job: Job) -> Ready:
    """Workload B, the synapses by a scipy CSR matrix times the spikes of the step before."""
    from scipy.sparse import csr_array

    network = np.load(job["network"])
    n, steps, threshold = job["n"], job["steps"], job["threshold"]
    parts = network["weights"], network["targets"], network["indptr"]
    into = csr_array(parts, shape=(n, n), dtype=np.int32).T.tocsr()
    degree = np.diff(network["indptr"])
    drive = network["drive"].astype(np.int32)

    def work() -> Array:
        spikes = np.empty((steps, n), dtype=np.bool_)
        v = np.zeros(n, dtype=np.int32)
        fire = np.zeros(n, dtype=np.bool_)
        for step in range(steps):
            v -= v >> 4
            v += drive + into @ fire.astype(np.int32)
            fire = v >= threshold
            v[fire] = 0
            spikes[step] = fire
        return spikes

    def run() -> Run:
        seconds, spikes = timed(work)
        events = int((spikes.sum(axis=0) * degree).sum())
        return Run(seconds, lambda: {"events": events, **outcome(spikes)})

    return Ready(run, "scipy CSR times the spikes of a step")


def current_based(job: Job) -> Ready:
    """Workload C in int64; the decays round toward zero, as the chip does."""
    currents = np.load(job["input"])
    threshold = job["threshold"]
    keep_i, keep_v = 4096 - job["decay_i"], 4096 - job["decay_v"]

    def decay(x: Array, factor: int) -> Array:
        product = x * factor
        return np.where(product < 0, -(-product >> 12), product >> 12)

    def work() -> Array:
        spikes = np.empty(currents.shape, dtype=np.bool_)
        i = np.zeros(currents.shape[1], dtype=np.int64)
        v = np.zeros(currents.shape[1], dtype=np.int64)
        for step, current in enumerate(currents):
            i = decay(i, keep_i) + current
            v = decay(v, keep_v) + i
            fire = v >= threshold
            v[fire] = 0
            spikes[step] = fire
        return spikes

    return Ready(_run(work), "int64")


def prepare(job: Job) -> Ready:
    return {"A": independent, "B": balanced, "C": current_based}[job["workload"]](job)


if __name__ == "__main__":
    serve(prepare, "numpy", "scipy")
