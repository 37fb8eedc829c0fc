"""A chain of cores as Verilog, under random stalls and resets, and the neuron by itself."""

from __future__ import annotations

import numpy as np
import pytest
from designs import CORES, LONG, QUICK, RICH, SIMPLE, make

from fxlif import NetworkParams, NeuronParams, load, save
from fxlif.network import events as event_files
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.verify import check, verify


@pytest.mark.parametrize(
    ("simulator", "cycles"),
    [(QUICK, 4000), pytest.param("verilator", 60_000, marks=pytest.mark.slow)],
)
def test_chain_of_three(simulator: str, cycles: int, tmp_path) -> None:
    network = NetworkParams.chain(
        CORES["a lane to spare"], make(10, 6, 3, RICH), make(6, 5, 5, SIMPLE), name="three"
    )
    results, report = check(network, folder=tmp_path, cycles=cycles, seed=5, simulator=simulator)
    assert report is not None
    assert failure_reasons(results, report) == []
    assert report.spikes == sum(map(sum, report.fired)) > cycles // 20
    # What was on its way at a reset never came out.
    assert (np.array(report.fired[-1]) >= np.sum(report.counts, axis=0)).all()
    assert report.events_out > 0


def test_design_with_an_event_file(tmp_path) -> None:
    """Read from a file, streamed through the hardware: what comes out is the golden answer."""
    core = make(4, 5, 2, SIMPLE)
    draw = np.random.default_rng(3)
    stream = event_files.from_counts(draw.random((200, 4)) < 0.5)
    event_files.write(tmp_path / "events.bin", stream)
    network = NetworkParams(
        name="filed", core=(core,), input={"kind": "events", "file": "events.bin"}
    )
    save(network, tmp_path / "design.toml")
    verdict = verify(
        load(tmp_path / "design.toml"), tmp_path / "design.toml", simulator=QUICK, bulk=0
    )
    assert verdict.reasons == []
    assert verdict.figures["steps"] == 200
    assert verdict.figures["events in"] == len(stream)
    assert verdict.folder == ""  # a passed check leaves nothing behind


NEURONS = [
    RICH,
    NeuronParams(refractory=1, compare="gt"),
    # Its theta is unsigned throughout: Verilator once refused the Verilog for that.
    NeuronParams(adaptation={"increment": 3, "leak": {"kind": "none"}}, theta_bits=6),
]


@pytest.mark.parametrize(
    ("neuron", "simulator"),
    [
        (NEURONS[0], QUICK),
        (NEURONS[2], "verilator"),
        *(pytest.param(each, "verilator", marks=pytest.mark.slow) for each in NEURONS[:2]),
    ],
    ids=["rich", "adaptive", "rich, Verilator", "gt, Verilator"],
)
def test_registered_neuron(neuron: NeuronParams, simulator: str, tmp_path) -> None:
    cycles = 15_000 if LONG else 5000
    results, report = check(neuron, folder=tmp_path, cycles=cycles, seed=2, simulator=simulator)
    assert report is not None
    assert failure_reasons(results, report) == []
    assert report.cycles == cycles
    assert report.spikes > 100
