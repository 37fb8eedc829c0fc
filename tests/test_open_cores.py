"""Open cores from a folder of the user's: nothing of them is kept here but their maps, in docs.

``FXLIF_OPEN_CORES`` names the folder; see docs/cores.md for what it holds.
"""

from __future__ import annotations

import os
import random
import re
import tomllib
from pathlib import Path

import pytest
from cores_page import FILES

from fxlif import EventSource, NetworkParams, NeuronParams, profiles
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.dut.map import DutMap
from fxlif.sim.dut.run import check_dut, dut_failure_reasons
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.tools.ports import read_sources

FOLDER = os.environ.get("FXLIF_OPEN_CORES", "")
pytestmark = pytest.mark.slow


def sources(*names: str) -> dict[str, str]:
    """The Verilog of a core; skips where the user has none."""
    if not FOLDER:
        pytest.skip("FXLIF_OPEN_CORES names no folder with the files of open cores")
    found = sorted(path for name in names for path in Path(FOLDER).glob(name))
    if not found:
        pytest.skip(f"there is no {', '.join(names)} in FXLIF_OPEN_CORES")
    return read_sources(found)


def map_of(name: str, edit: tuple[str, str] = ("", "")) -> DutMap:
    return DutMap.model_validate(tomllib.loads(FILES[f"{name}_map.toml"].replace(*edit)))


def run(
    params: NetworkParams | NeuronParams, texts: dict[str, str], top: str, dut_map: DutMap,
    folder: Path, *, files: dict[str, str], simulator: str = "verilator", cycles: int = 20_000,
) -> tuple[list[str], Report]:  # fmt: skip
    """Why it failed, and what was seen."""
    job = dut_job(params, texts, top=top, dut_map=dut_map, two_state=simulator == "verilator",
                  cycles=cycles)  # fmt: skip
    contents = {name: text.encode() for name, text in files.items()}
    results, report = check_dut(job, folder=folder, files=contents, simulator=simulator)
    assert report is not None
    return dut_failure_reasons(results, report), report


def lines(values: list[int], digits: int) -> str:
    return "\n".join(f"{value & (1 << 4 * digits) - 1:0{digits}x}" for value in values) + "\n"


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
@pytest.mark.parametrize("mistake", ["", "spike_out ? 8'd0 :", "param_leak_str});"])
def test_open_core_tinyodin(mistake: str, simulator: str, tmp_path) -> None:
    texts = sources("tinyODIN/*.v")
    draw, n, leak, threshold = random.Random(3), 16, 3, 12
    weights = [[draw.randint(-4, 7) for _ in range(n)] for _ in range(n)]
    chip = profiles.tinyodin(param_leak_str=leak, param_thr=threshold)
    network = NetworkParams(
        source=[EventSource(name="in", n=n, max_events_per_input=12)],
        population=[chip.population("out", n=n)],
        projection=[chip.projection("in", "out", weights, delay=0)],
    )
    words = [0] * 8192
    for j, row in enumerate(weights):
        for k, weight in enumerate(row):
            words[j * 32 + k // 8] |= (weight & 15) << 4 * (k % 8)
    neurons = [leak << 24 | threshold << 12] * n + [1 << 31] * (256 - n)
    files = {"synapses.mem": lines(words, 8), "neurons.mem": lines(neurons, 8)}
    if mistake:
        assert mistake in texts["lif_neuron.v"]
        put = {
            "spike_out ? 8'd0 :": "spike_out ? 8'd1 :",
            "param_leak_str});": "param_leak_str} ^ 12'd1);",
        }
        texts["lif_neuron.v"] = texts["lif_neuron.v"].replace(mistake, put[mistake])
    reasons, report = run(network, texts, "tinyODIN", map_of("tinyodin"), tmp_path, files=files,
                          simulator=simulator)  # fmt: skip
    assert bool(reasons) == bool(mistake), reasons
    assert mistake or report.spikes > 50


@pytest.mark.parametrize("lowest", [0, -5000])
@pytest.mark.parametrize("automatic", [True, False])
def test_open_core_snn_core(automatic: bool, lowest: int, tmp_path) -> None:
    """Its locals keep their values, and it rounds negative potentials down by a half too much."""
    texts = sources("snn_core/snn_core.sv")
    text = texts["snn_core.sv"].replace("/* verilator public_flat */", "")
    if automatic:
        text = re.sub(
            r"(?m)^( *)(logic signed \[\d+:0\] (?:\w+_local|bias)\b)", r"\1automatic \2", text
        )
    draw, f, n = random.Random(5), 6, 5
    weights = [[draw.randint(lowest, 7000) for _ in range(n)] for _ in range(f)]
    thresholds = [draw.randint(9000, 20000) for _ in range(n)]
    leak = {"kind": "scale", "factor": 15474, "shift": 14, "rounding": "nearest_even"}
    network = NetworkParams.model_validate({"core": [{
        "n_inputs": f, "n_neurons": n, "weights": weights, "v_thresholds": thresholds,
        "max_events_per_input": 1,
        "neuron": {"leak": leak, "v_threshold": 9000, "refractory": 2, "refractory_mode": "mask",
                   "state_bits": 16, "weight_bits": 16},
    }]})  # fmt: skip
    files = {"weights.mem": lines([w for row in weights for w in row], 4),
             "thresholds.mem": lines(thresholds, 4)}  # fmt: skip
    reasons, report = run(network, {"snn_core.sv": text}, "snn_core", map_of("snn_core"), tmp_path,
                          files=files)  # fmt: skip
    assert bool(reasons) == (not automatic or lowest < 0), reasons
    assert reasons or report.spikes > 500


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
@pytest.mark.parametrize("bits", [4, 8])
def test_open_core_if_neuron(bits: int, simulator: str, tmp_path) -> None:
    """Its potential wraps where the current has all its bits."""
    texts = sources("if_neuron/if_neuron.v")
    neuron = NeuronParams(leak={"kind": "none"}, v_threshold=230, refractory=1, state_bits=10)
    dut_map = map_of("if_neuron")
    if bits == 8:
        assert dut_map.neuron is not None
        whole = dut_map.neuron.model_copy(update={"current": "current"})
        dut_map = dut_map.model_copy(update={"ties": {}, "neuron": whole})
    reasons, report = run(neuron, texts, "if_neuron", dut_map, tmp_path, files={},
                          simulator=simulator)  # fmt: skip
    assert bool(reasons) == (bits == 8), reasons
    assert reasons or report.spikes > 300
