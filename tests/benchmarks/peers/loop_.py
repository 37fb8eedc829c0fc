"""The same work as one plain numba loop, written by hand for workload A or B alone.

Not a peer: it shows what this machine gives to a kernel that knows its one workload.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from harness import Job, Ready, Run, fingerprint, serve, timed

Array = np.ndarray[Any, Any]


def _independent(currents: Array, threshold: int, v: Array, spikes: Array) -> None:
    for step in range(currents.shape[0]):
        for index in range(currents.shape[1]):
            # numba widens int16 sums; each cast back keeps the loop on 16-bit lanes.
            u = np.int16(np.int16(v[index] - (v[index] >> 4)) + currents[step, index])
            fire = u >= np.int16(threshold)
            spikes[step, index] = fire
            v[index] = np.int16(0) if fire else u


def _balanced(
    steps: int, indptr: Array, targets: Array, weights: Array, drive: Array, threshold: int
) -> Array:
    n = drive.size
    spikes = np.zeros((steps, n), dtype=np.bool_)
    v = np.zeros(n, dtype=np.int32)
    current = drive.copy()
    for step in range(steps):
        for index in range(n):
            u = v[index] - (v[index] >> 4) + current[index]
            fire = u >= threshold
            spikes[step, index] = fire
            v[index] = 0 if fire else u
            current[index] = drive[index]
        for index in range(n):
            if spikes[step, index]:
                for k in range(indptr[index], indptr[index + 1]):
                    current[targets[k]] += weights[k]
    return spikes


_compiled: Any = {"A": numba.njit(_independent), "B": numba.njit(_balanced)}


def prepare(job: Job) -> Ready:
    compiled = _compiled[job["workload"]]
    if job["workload"] == "A":
        currents = np.load(job["input"])

        def work() -> Array:
            spikes = np.empty(currents.shape, dtype=np.bool_)
            v = np.zeros(currents.shape[1], dtype=np.int16)
            compiled(currents, job["threshold"], v, spikes)
            return spikes

        degree = None
    else:
        network = dict(np.load(job["network"]))  # the archive itself reads at every access
        narrow = [network[name].astype(np.int32) for name in ("targets", "weights", "drive")]

        def work() -> Array:
            spikes: Array = compiled(job["steps"], network["indptr"], *narrow, job["threshold"])
            return spikes

        degree = np.diff(network["indptr"])

    def run() -> Run:
        seconds, spikes = timed(work)

        def outcome() -> dict[str, int]:
            flat = np.flatnonzero(spikes)
            counts = {"spikes": flat.size, "fingerprint": fingerprint(flat)}
            if degree is not None:
                counts["events"] = int((spikes.sum(axis=0) * degree).sum())
            return counts

        return Run(seconds, outcome)

    return Ready(run, "int16, no saturation" if degree is None else "CSR by source, int32")


if __name__ == "__main__":
    serve(prepare, "numpy", "numba")
