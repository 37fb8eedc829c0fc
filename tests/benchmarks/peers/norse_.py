"""norse on the CPU, one thread: workloads A and B with ``lif_box``, its neuron without synapses.

``lif`` itself filters the input by a synaptic current and would be other work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Job, Ready, serve
from torch_ import simulate


def prepare(job: Job) -> Ready:
    import torch
    from norse.torch.functional.lif_box import (
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )

    # The nearest float32 below: norse fires above its threshold, the rule at it.
    threshold = float(np.nextafter(np.float32(job["threshold"]), np.float32(0)))
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.as_tensor(1 / 16),
        v_leak=torch.as_tensor(0.0),
        v_th=torch.as_tensor(threshold),
        v_reset=torch.as_tensor(0.0),
    )

    def start(zeros: Any) -> Callable[[Any], Any]:
        state = LIFBoxFeedForwardState(v=zeros)

        def step(current: Any) -> Any:
            nonlocal state
            spikes, state = lif_box_feed_forward_step(current, state, parameters, dt=1.0)
            return spikes

        return step

    # norse multiplies the input by dt / tau, so it is given 16 times the current.
    run, note = simulate(job, start, gain=16.0)
    return Ready(run, f"lif_box, {note}")


if __name__ == "__main__":
    serve(prepare, "norse", "torch", "numpy")
