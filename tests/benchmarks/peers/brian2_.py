"""Brian2, C++ standalone on one thread: workloads A and B.

The time is that of the run loop as the generated program reports it: no code generation, no
compilation, no start of the program, no files.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from harness import Job, Ready, Run, serve

# The whole step in one state update; forward Euler at 1 ms is exactly v * (1 - 1/16) + I.
CONSTANT = "dv/dt = (-v/16 + I)/ms : 1\nI : 1 (constant)"
LOOKUP = "dv/dt = (-v/16 + currents(t, i))/ms : 1"


def prepare(job: Job) -> Ready:
    import brian2 as b2

    folder = tempfile.mkdtemp(dir=job["scratch"])
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    form = job.get("form", "")
    precision = np.float32 if "float32" in form else np.float64
    b2.prefs.core.default_float_dtype = precision
    b2.defaultclock.dt = 1 * b2.ms
    namespace: dict[str, Any] = {}
    degree = None
    if job["workload"] == "A" and form == "input array":
        namespace["currents"] = b2.TimedArray(np.load(job["input"]).astype(float), dt=1 * b2.ms)
    if job["workload"] == "B" and form == "input array":
        rows = np.tile(np.load(job["network"])["drive"].astype(float), (job["steps"], 1))
        namespace["currents"] = b2.TimedArray(rows, dt=1 * b2.ms)
    group = b2.NeuronGroup(
        job["n"],
        LOOKUP if namespace else CONSTANT,
        threshold=f"v >= {job['threshold']}",
        reset="v = 0",
        method="euler",
        namespace=namespace,
    )
    monitor = b2.SpikeMonitor(group)
    parts: list[Any] = [group, monitor]
    if job["workload"] == "A" and not namespace:
        group.I = np.load(job["constant"]).astype(float)
    if job["workload"] == "B":
        network = np.load(job["network"])
        if not namespace:
            group.I = network["drive"].astype(float)
        degree = np.diff(network["indptr"])
        # The array of currents beside what was fastest without it: one weight in the code.
        constant = "constant" in form or bool(namespace)
        parts += _synapses(b2, group, network, constant=constant)
    simulation = b2.Network(*parts)
    simulation.run(job["steps"] * b2.ms)
    b2.device.build(directory=folder, run=False, with_output=False)

    def run() -> Run:
        b2.device.run(with_output=False)
        counts = np.asarray(monitor.count[:])
        outcome = {"spikes": int(counts.sum())}
        if degree is not None:
            outcome["events"] = int((counts * degree).sum())
        return Run(float(b2.device._last_run_time), lambda: outcome)

    what = "input array by TimedArray" if namespace else "constant current per neuron"
    return Ready(run, f"C++ standalone, one thread, {np.dtype(precision).name}, {what}")


def _synapses(b2: Any, group: Any, network: Any, *, constant: bool) -> list[Any]:
    """The given connections; ``constant``: one weight in the code, no array of them to read.

    The pathway runs right after the state update, so what it takes are the spikes of the step
    before: one step of delay, added undecayed and before the threshold, as in the integer rule.
    (A ``delay`` of 1 ms would deliver after the threshold, so the neuron would see it a step
    later and decayed once. It was measured: it takes the same time.)
    """
    sources = np.repeat(np.arange(len(group)), np.diff(network["indptr"]))
    weights = network["weights"]
    made = []
    for weight in np.unique(weights) if constant else (None,):
        chosen = slice(None) if weight is None else weights == weight
        synapses = b2.Synapses(
            group,
            group,
            "" if constant else "w : 1 (constant)",
            on_pre=f"v_post += {weight}" if constant else "v_post += w",
        )
        synapses.connect(i=sources[chosen], j=network["targets"][chosen])
        if not constant:
            synapses.w = weights.astype(float)
        synapses.pre.when = "after_groups"
        made.append(synapses)
    return made


if __name__ == "__main__":
    serve(prepare, "brian2", "numpy", "cython")
