"""Runs Yosys in a process that is started once, and stays for what comes next.

Python, its packages and Yosys take a fifth of a second of the processor to load, and where Yosys
was never run on a machine, a minute to be compiled. Each run begins from nothing, as one in a
process of its own; one that takes too long, or is broken off, is ended with the process.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...caches import tool_caches
from ...progress import SILENT, Progress

FIRST = (
    "starting Yosys for the first time on this machine, which takes one to two minutes of "
    "processor time"
)
_own = threading.local()


def start() -> None:
    """Begin to load Yosys, beside what is done before it is needed."""
    _process()


def ready(progress: Progress = SILENT) -> None:
    """Wait until Yosys is loaded; where it never was on this machine, ``progress`` is told."""
    _process().ready(progress)


def run(
    arguments: Sequence[str], folder: Path, temporary: Path, timeout_s: float | None
) -> subprocess.CompletedProcess[str]:
    """Run Yosys in ``folder``; its own files go to ``temporary``.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was ended.
    """
    command = ["yosys", *arguments]
    request = {"arguments": list(arguments), "folder": str(folder.resolve()),
               "temporary": str(temporary)}  # fmt: skip
    code, out, err = _process().asked(request, command, timeout_s)
    return subprocess.CompletedProcess(command, code, out, err)


def _process() -> _Process:
    """This thread's process of Yosys: it ends with the thread that started it."""
    found: _Process | None = getattr(_own, "process", None)
    # One of before a fork is the parent's.
    if found is None or found.of != os.getpid() or not found.lives:
        found = _own.process = _Process()
    return found


class _Process:
    """A process of :mod:`fxlif.hdl.yosys.loaded`."""

    def __init__(self) -> None:
        self.of, self._loaded = os.getpid(), False
        program = Path(__file__).with_name("loaded.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(program)], env={**os.environ, **tool_caches()},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._end = weakref.finalize(self, _ended, self._process, os.getpid())

    @property
    def lives(self) -> bool:
        """Whether it is there to be asked."""
        return self._process.poll() is None

    def ready(self, progress: Progress = SILENT) -> None:
        """Wait until it has loaded Yosys, or died."""
        while not self._loaded:
            said = self._read(None)
            if said == "cold":
                progress(FIRST, 0, None)
            self._loaded = said != "cold"

    def asked(
        self, request: dict[str, Any], command: list[str], timeout_s: float | None
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a run."""
        try:
            self.ready()  # a time limit is for the work
            until = None if timeout_s is None else time.monotonic() + timeout_s
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._read(until)
        except BrokenPipeError:
            answer = None
        except TimeoutError:
            self._end()
            raise subprocess.TimeoutExpired(command, timeout_s or 0) from None
        except BaseException:
            self._end()
            raise
        if answer is None:
            _, err = self._process.communicate()
            return self._process.returncode or 1, "", err.decode(errors="replace")
        return answer["code"], answer["out"], answer["err"]

    def _read(self, until: float | None) -> Any:
        """What it says next; None where it has died."""
        stdout = self._process.stdout
        assert stdout is not None
        if until is not None:
            with selectors.DefaultSelector() as selector:
                selector.register(stdout, selectors.EVENT_READ)
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
        line = stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None


def _ended(process: subprocess.Popen[bytes], of: int) -> None:
    """End a process of this one, and take leave of it."""
    if os.getpid() == of:
        process.kill()
        process.communicate()
