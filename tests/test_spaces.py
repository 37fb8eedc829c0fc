"""White space in the paths of caches, temporary folders and the environment itself."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fxlif.errors import FxlifError
from fxlif.sim.tools import simulators, spaces

BENCH = """\
module bench;
  reg [7:0] image [0:0];
  initial begin
    $readmemh("image.mem", image);
    $display("image %0d", image[0]);
    $finish;
  end
endmodule
"""
EMPTY = "module empty(input clk); endmodule\n"


@pytest.fixture
def spaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name: the current one, of the cache and of temporary files."""
    folder = tmp_path / "sp ace"
    for name in ("cache", "temporary"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setenv("FXLIF_CACHE", str(folder / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(folder / "temporary"))
    monkeypatch.chdir(folder)
    return folder


def test_files_are_made_elsewhere_and_kept(spaced: Path, tmp_path: Path) -> None:
    with spaces.unspaced(tmp_path) as same:
        assert same == tmp_path
    link = tmp_path / "link"  # make goes by the true path
    link.symlink_to(spaced)
    with spaces.unspaced(link) as other:
        assert not spaces.spaced(other)
        (other / "folder").mkdir()
        (other / "folder" / "file").write_text("x")
    assert not other.exists()
    assert (spaced / "folder" / "file").read_text() == "x"


def test_no_folder_without_a_space(spaced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FxlifError) as caught, spaces.temporary():
        pass
    assert caught.value.key == "TMPDIR"
    assert caught.value.value == str(spaced / "temporary")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verilator's runtime as it was compiled for other tests."""
    found = simulators.find("verilator")
    cocotbs = simulators.runtime(found, simulators.RUNTIME)
    alone = simulators.runtime(found, simulators.STANDALONE_RUNTIME, simulators.STANDALONE)
    monkeypatch.setattr(
        simulators, "runtime", lambda *given: alone if simulators.STANDALONE in given else cocotbs
    )


def link(source: str, place: str) -> str:
    """Another name of a file, if the folders lie on one file system; else a copy."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)
    return place


def test_an_environment_in_such_a_folder(runtime: None, spaced: Path) -> None:
    """Verilator's own script and makefiles look where they themselves lie."""
    found = simulators.find("verilator")
    assert found.path is not None
    shutil.copytree(found.path.parent, spaced / "verilator", copy_function=link)
    found = replace(found, path=spaced / "verilator" / "bin")
    before = dict(os.environ)
    built = simulators.build(found, {"empty.v": EMPTY}, top="empty")
    assert built.is_relative_to(spaced)
    assert os.access(built / "empty", os.X_OK)
    said = simulators.run_standalone(
        found, {"bench.v": BENCH, "image.mem": "2a\n"}, top="bench", folder=spaced
    )
    assert "image 42" in said
    assert dict(os.environ) == before
