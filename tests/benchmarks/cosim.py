"""Checked clock cycles per second of the cocotb testbench on a 64-neuron core.

Run it as ``python tests/benchmarks/cosim.py``; it prints one line per simulator that is installed,
with the median, the lowest and the highest of the repeats. Every cycle is compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from fxlif import CoreParams, FxlifError, NeuronParams
from fxlif.sim.toolchain import SIMULATORS
from fxlif.sim.verify import check, doubts


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
    reasons = doubts(results, report)
    if reasons or report is None:
        raise SystemExit(f"{simulator}: {reasons}")
    return report.cycles / report.seconds


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
        print(
            f"{simulator}: {statistics.median(rates):,.0f} checked cycles/s "
            f"({min(rates):,.0f}..{max(rates):,.0f}, {options.repeats} runs of "
            f"{options.cycles:,} cycles)"
        )


if __name__ == "__main__":
    main()
