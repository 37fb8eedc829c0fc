"""Checked clock cycles per second on a 64-neuron core, by cocotb and by bulk co-simulation.

Run it as ``python tests/benchmarks/cosim.py``; it prints one line per simulator that is installed,
and two for the shared library on one core of the machine, of fxlif's own core and of a foreign one
(``fxlif soak --dut``), with the median, the lowest and the highest of the repeats. Every output is
compared in every cycle. Of the library the time is that of the processor.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from fxlif import CoreParams, FxlifError, NetworkParams, NeuronParams
from fxlif.cycles.control import NONE
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.dut.map import DutMap
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.examples import source
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.soak.segments import Target, target_of
from fxlif.sim.tools.simulators import SIMULATORS
from fxlif.sim.tools.verilated import build
from fxlif.sim.verify import check


def core() -> CoreParams:
    """64 neurons, 64 inputs, one lane, random weights."""
    weights = np.random.default_rng(64).integers(-50, 80, (64, 64))
    neuron = NeuronParams(v_threshold=200, refractory=2)
    return CoreParams(n_inputs=64, n_neurons=64, neuron=neuron, weights=weights)


def measure(simulator: str, cycles: int, seed: int) -> float:
    """Checked cycles per second of one run; an unclean run is an error."""
    with tempfile.TemporaryDirectory() as folder:
        results, report = check(
            core(), folder=Path(folder), simulator=simulator, cycles=cycles, seed=seed
        )
    reasons = failure_reasons(results, report)
    if reasons or report is None:
        raise SystemExit(f"{simulator}: {reasons}")
    return report.cycles / report.seconds


def foreign() -> ForeignTarget:
    """The hand-written core of ``fxlif init --example core`` with 64 neurons and 64 inputs."""
    weights = np.random.default_rng(64).integers(-50, 80, (64, 64))
    neuron = NeuronParams(
        v_threshold=200, leak={"kind": "shift", "shift": 3}, reset="subtract", state_bits=12
    )
    rule = CoreParams(n_inputs=64, n_neurons=64, neuron=neuron, weights=weights)
    sizes = {"INPUTS": 64, "IN_BITS": 7, "NEURONS": 64, "OUT_BITS": 6, "WIDTH": 12}
    dut_map = DutMap.model_validate({
        "clock": "clk", "reset": {"port": "rst_n", "active": "low"},
        "parameters": {**sizes, "THRESHOLD": 200, "SUM_BITS": 24},
        "core": {
            "dropped": "dropped", "broken_promise": False,
            "events_in": {"valid": "in_valid", "ready": "in_ready", "address": "in_data[6:0]",
                          "tick": "in_data[7]"},
            "events_out": {"valid": "out_valid", "ready": "out_ready", "address": "out_data[5:0]",
                           "tick": "out_data[6]"},
            "trace": {"valid": "trace_valid", "index": "trace_index", "v": "trace_v"},
        },
    })  # fmt: skip
    text = source("core").replace("reg [7:0]          row;", "reg [11:0] row;")
    job = dut_job(
        NetworkParams.chain(rule), {"core.v": text}, top="core", dut_map=dut_map, two_state=True
    )
    image = "\n".join(f"{weight & 255:02x}" for weight in weights.ravel().tolist())
    files = {"core_weights.mem": image.encode()}
    return ForeignTarget(job=job, library=build(job.sources), files=files)


def measure_library(target: Target | ForeignTarget, cycles: int, seed: int) -> float:
    """Checked cycles per second of one segment; an unclean run is an error."""
    started = time.process_time()
    segment = target.run(seed, 0, cycles)
    if segment.wrong != NONE or not segment.counts.spikes:
        raise SystemExit(f"library: cycle {segment.wrong} differs, or nothing fired")
    return segment.counts.cycles / (time.process_time() - started)


def show(name: str, rates: list[float], cycles: int) -> None:
    """One line of output."""
    print(
        f"{name}: {statistics.median(rates):,.0f} checked cycles/s "
        f"({min(rates):,.0f}..{max(rates):,.0f}, {len(rates)} runs of {cycles:,} cycles)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for simulator in SIMULATORS:
        try:
            rates = [measure(simulator, options.cycles, seed) for seed in range(options.repeats)]
        except FxlifError as error:
            print(f"{simulator}: not measured ({error})")
            continue
        show(simulator, rates, options.cycles)
    cycles = 40 * options.cycles
    for name, target in (("library", target_of(core())), ("library, foreign core", foreign())):
        target.run(0, 0, 1)  # compiles
        rates = [measure_library(target, cycles, seed) for seed in range(options.repeats)]
        show(name, rates, cycles)


if __name__ == "__main__":
    main()
