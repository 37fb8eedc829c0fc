"""Runs the tools that the yowasp wheels bring: Yosys, nextpnr and those that write bitstreams."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ...caches import tool_caches
from ...errors import FxlifError
from ..yosys import started as yosys

#: Each tool but Yosys in a process of its own: it writes to stdout, and a run that hangs can be
#: ended. On Linux it dies with the one that started it (prctl's PR_SET_PDEATHSIG), however that
#: ends.
_PROGRAM = (
    "import ctypes, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 9); "
    "from {0} import run_{1}; sys.exit(run_{1}(sys.argv[1:]))"
)


#: What another tool's package brings too.
_BROUGHT_BY = {
    "ecppack": "nextpnr-ecp5", "ecpunpack": "nextpnr-ecp5",
    "icepack": "nextpnr-ice40", "iceunpack": "nextpnr-ice40",
}  # fmt: skip
#: What nextpnr says where a design fits by the numbers of its cells and yet has no place.
_NO_ROOM = re.compile(
    r"[Nn]o (?:more )?[Bb]els|[Uu]nable to (?:find|place)|[Ff]ailed to (?:expand|place)"
)


class ToolDiedError(FxlifError):
    """A tool ended, and not for what it was given."""


class DoesNotFitError(FxlifError):
    """The design takes more than the device has."""


def wheel_of(tool: str) -> str:
    """The package that brings ``tool``: ``yosys``, ``nextpnr-ecp5``, ``icepack``, ..."""
    return f"yowasp-{_BROUGHT_BY.get(tool, tool)}"


def version_of(tool: str, extra: str = "fpga") -> str:
    """The version of the package that brings ``tool``.

    Raises:
        FxlifError: it is not installed; ``extra`` of fxlif brings it.
    """
    package = wheel_of(tool)
    if find_spec(package.replace("-", "_")) is None:
        raise FxlifError.not_installed(package, f"'fxlif[{extra}]'")
    return version(package)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Tool → version, of those named.

    Raises:
        FxlifError: the first that is not installed.
    """
    return {tool: version_of(tool) for tool in names}


def run_tool(
    tool: str,
    arguments: Sequence[str],
    folder: Path,
    *,
    what: str = "end",
    extra: str = "fpga",
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``tool`` in ``folder``; what it said and how it ended is the caller's to judge.

    Raises:
        FxlifError: it is not installed (``extra`` of fxlif brings it), or did not do ``what`` it
            should within ``timeout_s``.
    """
    version_of(tool, extra)
    module = wheel_of(tool).replace("-", "_")
    program = _PROGRAM.format(module, tool.replace("-", "_"))
    try:
        # It is killed where this run is broken off, and removes nothing.
        with tempfile.TemporaryDirectory(prefix="fxlif-") as temporary:
            if tool == "yosys":
                return yosys.run(arguments, folder, Path(temporary), timeout_s)
            return subprocess.run(
                [sys.executable, "-c", program, *arguments],
                cwd=folder, env={**os.environ, **tool_caches(), "TMPDIR": temporary},
                capture_output=True, text=True, timeout=timeout_s, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        message = f"{tool}: did not {what} within {timeout_s:.0f} s"
        raise FxlifError(message, key=tool, value=timeout_s) from None


def must_run(
    tool: str, arguments: Sequence[str], folder: Path, *, what: str, extra: str = "fpga",
    timeout_s: float | None = None,
) -> None:  # fmt: skip
    """Run ``tool`` in ``folder``; ``what`` it cannot do goes into the error.

    Raises:
        DoesNotFitError: it finds no place for what it is given.
        ToolDiedError: it ends without a word on what it was given, as where the disk is full.
        FxlifError: as :func:`run_tool`, or it fails otherwise.
    """
    done = run_tool(tool, arguments, folder, what=what, extra=extra, timeout_s=timeout_s)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        # The line that tells what is wrong; without one the tool itself is at its end.
        wrong = [line for line in said if "ERROR" in line]
        kind = FxlifError if wrong else ToolDiedError
        reason = (wrong or said[-1:] or [f"exit code {done.returncode}"])[0]
        if _NO_ROOM.search(reason):
            kind = DoesNotFitError
        raise kind(f"{tool}: cannot {what} ({reason})", key=tool, value=reason)
