"""NEST, one thread: workloads A and B with ``iaf_psc_delta``.

NEST integrates exactly; tau_m and C_m are chosen so that its step of 1 ms is v * 15/16 + I.
The time is that of ``nest.Run``: building the network and ``nest.Prepare`` come before it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from harness import Job, Ready, Run, serve, timed

TAU = -1.0 / math.log(15 / 16)


def prepare(job: Job) -> Ready:
    import nest

    nest.set_verbosity("M_ERROR")
    n, threshold = job["n"], job["threshold"]
    if job["workload"] == "B":
        network = dict(np.load(job["network"]))
        drive = network["drive"]
        sources = np.repeat(np.arange(n), np.diff(network["indptr"])) + 1
        degree = np.diff(network["indptr"])
    else:
        network, drive, degree = {}, np.load(job["constant"]), None

    def build() -> Any:
        nest.ResetKernel()
        nest.set(resolution=1.0, local_num_threads=1, print_time=False)
        neuron = {
            "tau_m": TAU,
            # The input of a step acts with tau_m / C_m * (1 - 15/16), here 1.
            "C_m": TAU / 16,
            "E_L": 0.0,
            "V_th": float(threshold),
            "V_reset": 0.0,
            "V_m": 0.0,
            "t_ref": 0.0,
            "I_e": drive.astype(float),
        }
        group = nest.Create("iaf_psc_delta", n, params=neuron)
        recorder = nest.Create("spike_recorder", params={"record_to": "memory"})
        nest.Connect(group, recorder)
        if network:
            synapses = {
                "synapse_model": "static_synapse",
                "weight": network["weights"].astype(float),
                "delay": np.full(network["weights"].size, 1.0),
            }
            nest.Connect(sources, network["targets"].astype(int) + 1, "one_to_one", synapses)
        return recorder

    def run() -> Run:
        # Built anew for each run: nothing of the last one, such as spikes under way, is left.
        recorder = build()
        nest.Prepare()
        seconds, _ = timed(lambda: nest.Run(float(job["steps"])))
        nest.Cleanup()
        outcome = {"spikes": int(recorder.n_events)}
        if degree is not None:
            senders = np.asarray(recorder.events["senders"]) - 1
            outcome["events"] = int(degree[senders].sum())
        return Run(seconds, lambda: outcome)

    return Ready(run, "iaf_psc_delta, one thread, constant current per neuron")


if __name__ == "__main__":
    serve(prepare, "nest-simulator", "numpy")
