"""Checked clock cycles per second on a 64-neuron core, by cocotb and by bulk co-simulation.

Run it as ``python tests/benchmarks/cosim.py``; it prints one line per simulator that is installed,
and one for the shared library on one core of the machine, with the median, the lowest and the
highest of the repeats. Every output is compared in every cycle.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from fxlif import CoreParams, FxlifError, NeuronParams
from fxlif.cycles.control import NONE
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.soak.segments import Target, run_segment, target_of
from fxlif.sim.tools.simulators import SIMULATORS
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


def measure_library(target: Target, cycles: int, seed: int) -> float:
    """Checked cycles per second of one segment; an unclean run is an error."""
    started = time.perf_counter()
    segment = run_segment(target, seed, 0, cycles)
    if segment.wrong != NONE or not segment.counts.spikes:
        raise SystemExit(f"library: cycle {segment.wrong} differs, or nothing fired")
    return segment.counts.cycles / (time.perf_counter() - started)


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
    target = target_of(core())
    run_segment(target, 0, 0, 1)  # compiles
    cycles = 40 * options.cycles
    rates = [measure_library(target, cycles, seed) for seed in range(options.repeats)]
    show("library", rates, cycles)


if __name__ == "__main__":
    main()
