"""The loop over time that the two torch peers share: same input, same recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Job, Run, timed

#: From zeros (n,) to the step: currents of a step in, its spikes (0. or 1.) out.
Start = Callable[[Any], Callable[[Any], Any]]


def simulate(job: Job, start: Start, gain: float = 1.0) -> tuple[Callable[[], Run], str]:
    """(the run of the workload, what form it has); ``gain`` scales currents and weights."""
    import torch

    torch.set_num_threads(1)
    # Scaled and turned into floats before the clock starts, like every peer's input.
    n, steps = job["n"], job["steps"]
    if job["workload"] == "A":
        currents = torch.from_numpy(np.load(job["input"]).astype(np.float32) * gain)

        def independent() -> Any:
            step = start(torch.zeros(n))
            spikes = torch.empty((steps, n), dtype=torch.bool)
            for index in range(steps):
                spikes[index] = step(currents[index])
            return spikes

        return _measured(independent), "float32, input array"

    network = np.load(job["network"])
    drive = torch.from_numpy(network["drive"].astype(np.float32) * gain)
    degree = np.diff(network["indptr"])
    # Sum of the dense rows of those that fired: of torch's ways the fastest on a CPU. A
    # product with a sparse matrix reads every synapse in each step, this only those used.
    dense = np.zeros((n, n), dtype=np.float32)
    dense[np.repeat(np.arange(n), degree), network["targets"]] = network["weights"] * gain
    weights = torch.from_numpy(dense)

    def balanced() -> Any:
        step = start(torch.zeros(n))
        spikes = torch.empty((steps, n), dtype=torch.bool)
        current = drive
        for index in range(steps):
            spikes[index] = step(current)
            rows = weights.index_select(0, spikes[index].nonzero()[:, 0])
            current = drive + rows.sum(0)
        return spikes

    return _measured(balanced, degree), "float32, rows of a dense matrix"


def _measured(work: Callable[[], Any], degree: Any = None) -> Callable[[], Run]:
    import torch

    def run() -> Run:
        with torch.inference_mode():
            seconds, spikes = timed(work)
        fired = spikes.sum(0).numpy()
        outcome = {"spikes": int(fired.sum())}
        if degree is not None:
            outcome["events"] = int((fired * degree).sum())
        return Run(seconds, lambda: outcome)

    return run
