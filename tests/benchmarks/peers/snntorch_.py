"""snnTorch on the CPU, one thread: workloads A and B with ``Leaky``.

Its zero reset acts at the start of the next step, before the leak: the same spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Job, Ready, serve
from torch_ import simulate


def prepare(job: Job) -> Ready:
    import snntorch

    # No gradient is wanted, so the surrogate is left out: a plain comparison is faster.
    neuron = snntorch.Leaky(
        beta=15 / 16,
        # The nearest float32 below: Leaky fires above its threshold, the rule at it.
        threshold=float(np.nextafter(np.float32(job["threshold"]), np.float32(0))),
        reset_mechanism="zero",
        surrogate_disable=True,
    )

    def start(zeros: Any) -> Callable[[Any], Any]:
        v = zeros

        def step(current: Any) -> Any:
            nonlocal v
            spikes, v = neuron(current, v)
            return spikes

        return step

    run, note = simulate(job, start)
    return Ready(run, f"Leaky, {note}")


if __name__ == "__main__":
    serve(prepare, "snntorch", "torch", "numpy")
