"""The images of memories in every flow: one that is changed is noticed, one missing is refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from designs import make, needs_icarus

from fxlif import CoreParams, FxlifError, NeuronParams
from fxlif.hdl.memory import without_zeros
from fxlif.hdl.verilog import generate
from fxlif.sim.bench.run import Job
from fxlif.sim.bench.simulation import simulate, wrapped
from fxlif.sim.failure.folder import replay
from fxlif.sim.failure.narrow import first_difference
from fxlif.sim.mutate.mutants import draw
from fxlif.sim.portable.testbench import bench_of, commands, with_bench
from fxlif.sim.prove.netlist import Netlist
from fxlif.sim.soak.segments import bulk_of
from fxlif.sim.tools import simulators, verilated
from fxlif.sim.tools.ports import read_sources
from fxlif.sim.tools.sources import check_images

CORE = make(3, 4, 2, NeuronParams(v_threshold=60, state_bits=10), v_thresholds=(60, 50, 90, 70))
WEIGHTS, THRESHOLDS = "lif_core_weights_0.mem", "lif_core_thresholds_0.mem"


def changed(text: str) -> str:
    """An image with all bits other than they were."""
    words = [int(line, 16) for line in text.splitlines()]
    mask, digits = (1 << max(words).bit_length()) - 1, text.index("\n")
    return "".join(f"{word ^ mask:0{digits}x}\n" for word in words)


@pytest.fixture(scope="module")
def sources():
    return wrapped(CORE)


def job_of(sources, edit=lambda files: None) -> Job:
    interface, files = sources
    files = dict(files)
    edit(files)
    return Job(params=CORE, interface=interface, sources=files, cycles=1500, seed=1)


def change(name: str):
    def edit(files):
        files[name] = changed(files[name])

    return edit


def test_the_images_of_a_core(sources):
    assert [*sources[1]] == ["design.v", "bench.v", WEIGHTS, THRESHOLDS]


# --- every flow -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("simulator", "differs"),
    [pytest.param("icarus", True, marks=needs_icarus), ("verilator", False)],
)
def test_under_cocotb(sources, simulator, differs, tmp_path):
    """Icarus with the right images: the next test. Without any, Verilator's would differ."""
    edit = change(WEIGHTS) if differs else lambda files: None
    _, report = simulate(job_of(sources, edit), simulators.find(simulator), folder=tmp_path)
    assert (report.first is not None) is differs
    assert not list(tmp_path.glob("*.mem"))  # of no use once it is over


@needs_icarus
def test_no_memory_need_begin_with_zeros(sources, tmp_path):
    """What is in them at power-up, an x here, reaches nothing."""

    def edit(files):
        files["design.v"] = without_zeros(files["design.v"], most=0)
        assert len(re.findall(r"reg \[\d+:0\] \w+ \[\d+:0\];", files["design.v"])) == 3
        assert "initial begin" not in files["design.v"]

    _, report = simulate(job_of(sources, edit), simulators.find("icarus"), folder=tmp_path)
    assert report.first is None
    assert report.cycles == 1500


def test_a_large_population_has_no_line_per_word():
    core = CoreParams(n_inputs=2, n_neurons=1500, weights=np.zeros((2, 1500), dtype=int))
    assert "initial begin" not in generate(core).verilog
    assert "initial begin" in generate(CORE).verilog


def test_a_quarter_of_a_million_weights_are_made_in_seconds():
    """Processor time, that of Yosys too: 1 s. A line of Verilog for each word took 6 to 8."""
    weights = np.random.default_rng(1).integers(-128, 128, (1024, 256))
    core = CoreParams(n_inputs=1024, n_neurons=256, lanes=8, weights=weights)
    before = os.times()
    hardware = generate(core)
    after = os.times()
    assert sum(after[:4]) - sum(before[:4]) < 5
    assert len(hardware.verilog) < 300_000
    assert sum(image.depth * image.width for image in hardware.images.values()) == weights.size * 8


@pytest.mark.parametrize("image", [WEIGHTS, THRESHOLDS])
def test_in_the_library(sources, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the user's folder, which has no images
    rows = bulk_of(CORE, sources[0], 1).stimulus()[:3000]
    for edit, differs in ((lambda files: None, False), (change(image), True)):
        library = verilated.build(job_of(sources, edit).sources)
        first = first_difference(library, CORE, sources[0], rows)
        assert (first is not None) is differs


def test_in_proofs():
    hardware = generate(CORE)
    found = {}
    for text in (hardware.image_texts[WEIGHTS], changed(hardware.image_texts[WEIGHTS])):
        images = {**hardware.image_texts, WEIGHTS: text}
        net = Netlist(hardware.verilog, hardware.top, images=images, contents=True)
        found[text] = set(re.findall(r"#x[0-9a-f]+|#b[01]+", str(net.init.sexpr())))
    first, second = found.values()
    assert first != second


def test_in_mutants():
    hardware = generate(CORE)
    texts = []
    for edit in (str, changed):
        images = {**hardware.image_texts, WEIGHTS: edit(hardware.image_texts[WEIGHTS])}
        drawn = draw({"design.v": hardware.verilog, **images}, top=hardware.top, count=1, seed=1)
        texts.append(drawn.verilog)
    assert texts[0] != texts[1]


@needs_icarus
def test_in_the_portable_bench(tmp_path):
    hardware = generate(CORE)
    files = with_bench(hardware, bench_of(CORE, hardware, cycles=1500))
    for edit, verdict in ((str, "PASSED"), (changed, "FAILED")):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        (tmp_path / WEIGHTS).write_text(edit(files[WEIGHTS].decode()))
        for command in commands(hardware.name)["icarus"]:
            done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1].startswith(verdict)


# --- an image that is missing ---------------------------------------------------------------------


def lose(files) -> None:
    del files[THRESHOLDS]


FLOWS = {
    "icarus": lambda files: simulators.build(simulators.find("icarus"), files, top="FxlifBench"),
    "verilator": lambda files: simulators.build(
        simulators.find("verilator"), files, top="FxlifBench"
    ),
    "library": verilated.build,
    "proof": lambda files: Netlist(
        files["design.v"], "lif_core", images={WEIGHTS: files[WEIGHTS]}, contents=True
    ),
    "mutants": lambda files: draw(files, top="FxlifBench", count=1, seed=1),
}


@pytest.mark.parametrize(
    "flow", [pytest.param(flow, marks=needs_icarus) if flow == "icarus" else flow for flow in FLOWS]
)
def test_a_missing_image_is_refused(sources, flow):
    with pytest.raises(FxlifError) as caught:
        FLOWS[flow](job_of(sources, lose).sources)
    assert str(caught.value) == (
        f"{THRESHOLDS}: must be beside design.v, which reads it, not missing"
    )


def test_a_failure_folder_without_an_image_is_refused(tmp_path):
    kept = Path(__file__).parent / "failures" / "threshold_compared_with_gt"
    folder = shutil.copytree(kept, tmp_path / "f")
    (image,) = folder.glob("*weights*.mem")
    image.unlink()
    with pytest.raises(FxlifError, match=re.escape(f"{image}: ")):
        replay(folder)


def test_the_users_own_check_of_our_verilog_finds_the_images(tmp_path):
    """They lie beside the Verilog, or beside the map."""
    (tmp_path / "map").mkdir()
    for name, content in generate(CORE).files().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / THRESHOLDS).rename(tmp_path / "map" / THRESHOLDS)
    file = tmp_path / "lif_core.v"
    found = read_sources([file], tmp_path / "map")
    assert [*found] == ["lif_core.v", THRESHOLDS, WEIGHTS]
    check_images(found)
    with pytest.raises(FxlifError) as caught:
        check_images(read_sources([file]))
    assert caught.value.key == THRESHOLDS
