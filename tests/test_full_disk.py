"""A disk that takes nothing more is one line, and SIGTERM leaves no temporary files behind."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from designs import CORES, PASSED

from fxlif import FxlifError, NetworkParams, save
from fxlif.sim.bench import simulation
from fxlif.sim.tools import simulators
from fxlif.sim.tools.simulators import read_results
from fxlif.sim.verify import check

cli = importlib.import_module("fxlif.cli.app")  # where the package has its function
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
SMALL = NetworkParams.chain(CORES["one neuron"], name="small")
#: A command that makes a temporary folder and waits in it.
WAITING = """
import sys, tempfile, time
import importlib
app = importlib.import_module('fxlif.cli.app')
def command(standalone_mode):
    with tempfile.TemporaryDirectory(dir=sys.argv[1]):
        print("there", flush=True)
        time.sleep(60)
app._command = lambda: command
app.main()
"""
#: Runs commands in a process in which no file may be longer than some bytes.
LIMITED = """
import resource, sys
from fxlif.cli.app import main
sys.dont_write_bytecode = True  # half a file of it would stay
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
sys.argv[1:] = sys.argv[1].split()
main()
"""
COMMANDS = (
    "init out", "export design.toml -o out.nir", "export-c design.toml -o out",
    "run design.toml --steps 400 -o out.txt", "run design.toml --steps 1 -o r --state out.npz",
    "import good.nir --convention exact --dt 1e-3 -o out",
)  # fmt: skip


def test_what_nobody_foresaw_of_a_full_disk_is_one_line(monkeypatch, capsys) -> None:
    def command(standalone_mode: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some/file")

    monkeypatch.setattr(cli, "_command", lambda: command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == "fxlif: some/file: cannot be written (No space left on device)\n"


def test_sigterm_leaves_no_temporary_folder(tmp_path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING, str(tmp_path)],
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def unbuilt(monkeypatch) -> None:
    """A simulator that is there, and does nothing."""
    monkeypatch.setattr(
        simulators, "find", lambda name: simulators.Simulator(name=name, version="0")
    )
    monkeypatch.setattr(simulators, "build", lambda *these, **those: Path())
    monkeypatch.setattr(simulators, "run", lambda *these, **those: PASSED)


@pytest.mark.usefixtures("unbuilt")
def test_a_simulation_on_a_full_disk_is_no_verdict(tmp_path, monkeypatch) -> None:
    """Neither where its job cannot be left, nor where it cannot leave its report."""
    said = f"{tmp_path}: cannot be written (No space left on device)"

    def refusal() -> str:
        with pytest.raises(FxlifError) as caught:
            check(SMALL, folder=tmp_path)
        return str(caught.value)

    assert check(SMALL, folder=tmp_path) == (PASSED, None)
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage(9, 9, 0))
        assert refusal() == said

    def put_job(folder: Path, job: object) -> None:
        raise FULL

    monkeypatch.setattr(simulation, "put_job", put_job)
    assert refusal() == said


def test_half_a_file_of_results_is_none(tmp_path) -> None:
    (tmp_path / "results.xml").write_text("<testsuites><testsuite>")
    assert read_results(tmp_path / "results.xml").message == "the simulator left no results"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda text: text.partition(" ")[0])
def test_a_command_that_cannot_write_leaves_nothing_and_one_line(command: str, tmp_path) -> None:
    from fxlif.nir.exporting import write

    save(SMALL, tmp_path / "design.toml")
    write(SMALL, tmp_path / "good.nir")
    before = sorted(tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", LIMITED, command], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if not line.endswith(" ...")]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert "out" in lines[0]
    assert "File too large" in lines[0]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path not in before]
    left = [path for path in left if path.relative_to(tmp_path).parts[0] != "r"]
    assert left == []
