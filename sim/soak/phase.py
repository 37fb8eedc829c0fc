"""The bulk phase of ``fxlif verify``: a soak of a fixed length in one process, and its coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...cycles.control import NONE
from ...engines import can_compile
from ...errors import FxlifError
from ...params.protocol import AnyParams
from ...progress import Progress
from ..bench.outcome import COMPARED, never_fired
from ..bench.run import STIMULUS, get_job
from ..bench.scoreboard import Counts
from ..coverage.coverage import Coverage
from ..failure.difference import Left, leave_difference
from ..report.findings import Check, share_hit
from ..stimulus.lengths import NO_PLAN, Plan
from ..tools import simulators
from .bulk import Bulk
from .recorded import cover_run
from .segments import LENGTHS, parts_with, run_segment, sizes, target_of

NOTHING = Left("")
NAME = f"{COMPARED}, in bulk"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What a bulk phase found: its checks, what it counted, the coverage of it and of what came
    before (None where none is counted), how many segments it has beside the one of the lengths in
    its plan, and what a difference left."""

    checks: tuple[Check, ...] = ()
    counts: Counts = field(default_factory=Counts)
    coverage: Coverage | None = None
    segments: int = 0
    plan: Plan = NO_PLAN
    left: Left = NOTHING

    @property
    def figures(self) -> dict[str, int | float | str]:
        """Rows for people."""
        rows: dict[str, int | float | str] = {}
        if self.counts.cycles:
            seconds = self.checks[0].seconds
            rows = {"cycles checked": self.counts.cycles, **self.counts.figures,
                    **never_fired(self.counts), **self.plan.figures,
                    "cycles per second": round(self.counts.cycles / seconds)}  # fmt: skip
            rows = {f"in bulk: {name}": value for name, value in rows.items()}
        if self.coverage is not None:
            rows["coverage"] = share_hit(self.coverage.bins)
        return rows


def why_not() -> str:
    """Why no design can be run in bulk on this machine; empty where it can."""
    try:
        simulators.find("verilator")
    except FxlifError as error:
        return str(error)
    return "" if can_compile() else "numba: not installed or switched off"


def not_run(why: str) -> Phase:
    """No bulk phase, and why."""
    return Phase(checks=(Check(name=NAME, outcome="not_applicable", detail=f"not run: {why}"),))


def run_phase(
    params: AnyParams,
    before: Path,
    *,
    name: str,
    cycles: int,
    seed: int,
    out: Path,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress,
) -> Phase:
    """Run the segments of a soak of ``cycles`` cycles, one after the other.

    Args:
        before: the folder of a bench that ran the same design, whose coverage counts as well.
        out: the folder that a difference leaves.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed.
    """
    target = target_of(params, edit=edit, progress=progress)
    target, parts = parts_with(target, cycles)
    coverage, uncounted = _coverage_of(params, before, progress)
    counts, seconds, left, total = Counts(), 0.0, NOTHING, sum(parts.values())
    for number, size in parts.items():
        counted = coverage if number != LENGTHS else None
        if counted is not None:  # one of its own, since each segment begins at power-up
            counted = coverage = Coverage(params, counts=False, earlier=coverage)
        watch = _watch(counted, counts.cycles, total, progress)
        segment = run_segment(target, seed, number, size, watch)
        seconds += segment.seconds
        counts.add(segment.counts)
        if segment.wrong != NONE:
            left = leave_difference(target, seed, segment, out, name=name, progress=progress)
            break
    check = Check(
        name=NAME, seconds=seconds, outcome="failed" if left.told else "passed",
        detail=left.told or f"{counts.cycles:,} cycles, {counts.comparisons:,} comparisons",
    )  # fmt: skip
    return Phase(checks=(check, *uncounted), counts=counts, coverage=coverage, plan=target.plan,
                 segments=len(sizes(cycles)), left=left)  # fmt: skip


def _coverage_of(
    params: AnyParams, before: Path, progress: Progress
) -> tuple[Coverage | None, tuple[Check, ...]]:
    """The coverage of the bench that ran in the folder ``before``; else the check that says why
    none is counted."""
    try:
        coverage = Coverage(params, counts=False)
    except FxlifError as error:
        return None, (Check(name="coverage", outcome="not_applicable", detail=str(error)),)
    if (before / STIMULUS).exists():
        progress("coverage of the simulation", 0, None)
        cover_run(coverage, get_job(before).interface, before / STIMULUS)
    return coverage, ()


def _watch(
    coverage: Coverage | None, before: int, total: int, progress: Progress
) -> Callable[[Bulk], None]:
    """What is called after each block: counts it, and shows how far the phase is."""

    def watch(bulk: Bulk) -> None:
        done = before + bulk.counts.cycles
        if coverage is not None:
            bulk.cover(coverage)
        progress("checking in bulk", done, total)

    return watch
