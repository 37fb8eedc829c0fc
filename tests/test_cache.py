"""The build cache: an entry that is not whole is built again, and says so in one line."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from designs import needs_icarus

from fxlif import builds, caches
from fxlif.builds import MANIFEST, Recipe
from fxlif.errors import FxlifError
from fxlif.sim.tools import simulators, verilated

SOURCES = {"a.v": "module a(input clk, input stimulus, output response); "
                  "assign response = stimulus; endmodule\n"}  # fmt: skip
RECIPE = Recipe(kind="thing", tools={"tool": "1"}, inputs={"text": "x"}, used=("run",), native=True)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FXLIF_CACHE", str(tmp_path / "cache"))


def make(folder: Path) -> None:
    """An entry of two files, one of them run."""
    (folder / "run").write_text("what is run\n" * 100)
    (folder / "log").write_text("what was said\n")


def truncate(folder: Path) -> None:
    os.truncate(folder / "run", 100)


def empty(folder: Path) -> None:
    os.truncate(folder / "log", 0)


def delete(folder: Path) -> None:
    (folder / "log").unlink()


def change(folder: Path) -> None:
    """As a block of zeros after a crash: size and all the rest as it was."""
    content = bytearray((folder / "run").read_bytes())
    content[50:60] = bytes(10)
    (folder / "run").write_bytes(content)


def half_a_manifest(folder: Path) -> None:
    os.truncate(folder / MANIFEST, 50)


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def other_cpu(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "cpu": "another"}))


def file_in_its_place(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("")


DAMAGES = {
    truncate: "run has 100 bytes, not 1200", empty: "log has 0 bytes, not 14",
    delete: "log is missing", change: "run is not what was built",
    half_a_manifest: "manifest.json cannot be read", no_manifest: "manifest.json is missing",
    other_cpu: "manifest.json is that of another build",
    file_in_its_place: "manifest.json cannot be read",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_an_entry_that_is_not_whole_is_made_again(damage, capsys) -> None:
    folder = builds.entry(RECIPE, make)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert builds.entry(RECIPE, lambda folder: pytest.fail("whole, but made again")) == folder
    assert capsys.readouterr().err == ""
    damage(folder)
    assert builds.entry(RECIPE, make) == folder
    said = capsys.readouterr().err
    assert said == f"fxlif: {folder}: {DAMAGES[damage]}; building it again\n"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [*folder.parent.iterdir()] == [folder]
    assert builds.entry(RECIPE, lambda folder: pytest.fail("whole, but made again")) == folder


def test_the_manifest_says_what_it_was_made_from() -> None:
    said = json.loads((builds.entry(RECIPE, make) / MANIFEST).read_text())
    assert (said["tools"], said["cpu"]) == ({"tool": "1"}, builds.cpu())
    assert set(said["inputs"]) == {"text"}
    assert said["files"]["log"][0] == 14
    assert set(said["files"]) == {"run", "log"}


def test_another_cpu_is_another_entry(monkeypatch) -> None:
    here = RECIPE.folder()
    plain = Recipe(kind="thing", tools={}, inputs={}, used=())
    anywhere = plain.folder()
    monkeypatch.setattr(builds, "cpu", lambda: "another")
    assert replace(RECIPE).folder() != here
    assert replace(plain).folder() == anywhere


def test_a_build_that_fails_leaves_nothing(tmp_path) -> None:
    def interrupted(folder: Path) -> None:
        make(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builds.entry(RECIPE, interrupted)

    def full(folder: Path) -> None:
        make(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(FxlifError, match="No space left on device") as caught:
        builds.entry(RECIPE, full)
    assert caught.value.key == "FXLIF_CACHE"
    assert [*(tmp_path / "cache" / "builds").iterdir()] == []


def test_a_cache_that_is_a_file_is_one_line(tmp_path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(FxlifError) as caught:
        builds.entry(RECIPE, make)
    assert (caught.value.key, caught.value.value) == ("FXLIF_CACHE", str(tmp_path / "cache"))
    assert "\n" not in str(caught.value)


def test_without_a_home_the_cache_is_temporary(tmp_path, monkeypatch, capsys) -> None:
    """What every compiler that is called keeps goes there too, and one line says where."""
    monkeypatch.delenv("FXLIF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path))
    folder = caches.cache_folder()
    assert folder == tmp_path / f"fxlif-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(folder) in told
    assert all(path.startswith(str(folder)) for path in caches.tool_caches().values())
    assert caches.cache_folder() == folder
    assert capsys.readouterr().err == ""


def test_a_temporary_cache_is_nobody_elses(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("FXLIF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    (tmp_path / f"fxlif-{os.getuid()}").symlink_to(tmp_path)
    assert caches.cache_folder().name.startswith("fxlif-")
    assert caches.cache_folder() != tmp_path / f"fxlif-{os.getuid()}"


def test_with_a_home_yosys_keeps_its_own(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FXLIF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert caches.cache_folder() == tmp_path / "fxlif"
    assert caches.tool_caches() == {}


def test_two_at_once_make_one_entry() -> None:
    """One waits for the other, also where both find the same one broken."""
    truncate(builds.entry(RECIPE, make))
    calls = []

    def slowly(folder: Path) -> None:
        calls.append(folder)
        make(folder)
        time.sleep(0.1)

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: builds.entry(RECIPE, slowly), range(16)))
    assert len(calls) == 1
    (folder,) = made
    assert [*folder.parent.iterdir()] == [folder]
    assert builds.fault(folder, RECIPE) == ""


# --- what is built with the simulators ------------------------------------------------------------

#: Verilator and the compiler of the runtime are left out: they take minutes on a busy machine.
RUN_LIBRARY = """\
import ctypes, subprocess, sys
from fxlif.params.neuron import NeuronParams
from fxlif.sim.prove.run import prove
from fxlif.sim.tools import simulators, verilated

def run(command, folder):
    if command[-1] == "-pthread":
        code = "char much[1 << 16] = {1}; void *design_new(void) { return much; }"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", verilated.LIBRARY, "-xc", "-"], cwd=folder,
                       input=code, text=True, check=True)
    elif "-o" in command:
        (folder / command[command.index("-o") + 1]).write_text("an object")

verilated.run_tool = simulators.run_tool = run
library = ctypes.CDLL(str(verilated.build({"a.v": sys.argv[1]}, top="a")))
library.design_new.restype = ctypes.c_void_p
print(bool(library.design_new()))
"""


def run_library() -> tuple[str, str]:
    """stdout and stderr of a process that builds a library and makes a design of it."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_LIBRARY, SOURCES["a.v"]], cwd=Path(__file__).parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout, done.stderr


def halve(pattern: str) -> None:
    """Cut the only file of the cache that matches in half."""
    (file,) = builds.cache_folder().rglob(pattern)
    os.truncate(file, file.stat().st_size // 2)


def test_a_truncated_library_is_no_bus_error() -> None:
    """Loading half a library ends a process by a bus error, which nothing can catch."""
    assert run_library() == ("True\n", "")
    halve("design.so")
    out, err = run_library()
    assert out == "True\n"
    assert err.count("\n") == 1
    assert "design.so has" in err
    assert run_library() == ("True\n", "")


OTHER = {"a.v": SOURCES["a.v"] + "// another design\n"}


@pytest.fixture
def compiler(monkeypatch) -> None:
    """A stand-in for what compiles the runtime and libraries: it takes no seconds."""

    def run(command, folder) -> None:
        if "-o" in command:
            (folder / command[command.index("-o") + 1]).write_text(" ".join(command))

    for module in (simulators, verilated):
        monkeypatch.setattr(module, "run_tool", run)


def test_a_truncated_object_is_no_linker_error(capsys, compiler) -> None:
    """The runtime that libraries are linked with."""
    verilated.build(SOURCES, top="a")
    halve("verilated.o")
    assert verilated.build(OTHER, top="a").exists()
    assert "verilated.o has" in capsys.readouterr().err


@needs_icarus
def test_a_truncated_simulation_is_built_again(capsys) -> None:
    found = simulators.find("icarus")
    folder = simulators.build(found, SOURCES, top="a")
    whole = (folder / "sim.vvp").stat().st_size
    halve("sim.vvp")
    assert simulators.build(found, SOURCES, top="a") == folder
    assert "sim.vvp has" in capsys.readouterr().err
    assert (folder / "sim.vvp").stat().st_size == whole


def test_truncated_files_of_verilator(capsys, monkeypatch, compiler) -> None:
    """The program, and the runtime that a second build is linked with; cocotb is a stand-in."""
    from cocotb_tools import runner

    def build(self, *, build_dir, hdl_toplevel, log_file, **more) -> None:
        log_file.write_text("")
        (build_dir / hdl_toplevel).write_text("program")
        assert (build_dir / "verilated_vpi.o").exists()

    monkeypatch.setattr(runner.Runner, "build", build)
    found = simulators.find("verilator")
    folder = simulators.build(found, SOURCES, top="a")
    assert {file.name for file in folder.iterdir()} == {"a", "a.v", "build.log", MANIFEST}
    halve("a")
    halve("verilated.o")
    assert simulators.build(found, SOURCES, top="a") == folder
    said = capsys.readouterr().err.splitlines()
    assert ["a has" in said[0], "verilated.o has" in said[1], len(said)] == [True, True, 2]


def test_compiled_code_that_cannot_be_kept_runs(tmp_path, monkeypatch):
    """The disk of the cache may be full."""
    from numba.core.caching import FunctionCache

    from fxlif.compiled.jit import njit

    tried = []

    def full(self, sig, data):
        tried.append(sig)
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("FXLIF_CACHE", str(tmp_path))
    monkeypatch.setattr(FunctionCache, "save_overload", full)

    @njit
    def twice(x: int) -> int:
        return 2 * x

    assert twice(21) == 42
    assert tried


def test_compiled_code_is_that_of_the_same_text_wherever_it_lies(tmp_path, monkeypatch):
    """Compiling takes seconds: another checkout, or the same version installed again, loads."""
    pytest.importorskip("numba")
    text = "from fxlif.compiled.jit import njit\n@njit\ndef times(x):\n    return 2 * x\n"

    def ran(folder, text):
        (tmp_path / folder / "part").mkdir(parents=True)
        file = tmp_path / folder / "part" / "times.py"
        file.write_text(text)
        spec = importlib.util.spec_from_file_location("times", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "times", module)
        spec.loader.exec_module(module)
        return module.times(21), sum(module.times.stats.cache_hits.values())

    assert ran("here", text) == (42, 0)
    assert ran("there", text) == (42, 1)
    assert ran("changed", text.replace("2", "3")) == (63, 0)
