"""Random stimulus until every reachable bin of the functional coverage was hit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...cycles.control import NONE
from ...errors import FxlifError
from ...progress import SILENT, Progress
from ..failure.difference import leave_difference
from ..report.findings import Bin, Check, Findings
from ..soak.bulk import BLOCK, Counts
from ..soak.segments import AnyParams, Segment, Target, blocks, seed_of, target_of
from .bins import Key
from .coverage import Coverage
from .unreachable import prove_unreachable

#: Cycles after which bins that are still missing are given up.
LIMIT_CYCLES = 20_000_000
#: The block from which on the stimulus is aimed, if bins are missing by then.
AIM = 16
#: Why bins are missing is asked after so many blocks, and so long as this finds no new bin:
#: a share of the blocks that were run.
FIRST_ASKED, PATIENCE = 64, 0.5
PROOF_SECONDS = 60.0

COMPARED = "every output in every cycle"
COVERED = "every reachable bin was hit"
WAIVERS = "every waiver is of a bin that is not hit"


@dataclass
class Run:
    """What a run towards full coverage saw; ``unasked``: why no solver could be asked, if so."""

    segment: Segment
    unasked: str = ""


def run(
    target: Target, coverage: Coverage, *, seed: int, limit_cycles: int, progress: Progress
) -> Run:
    """Run the first segment until nothing is missing, it differs, or the limit is reached."""
    started = time.process_time()
    last = -(-limit_cycles // BLOCK)
    counts, asked, unasked = Counts(), False, ""
    wrong, missing, newest = NONE, coverage.missing, 0
    for number, (bulk, _, found) in enumerate(
        blocks(target, seed_of(seed, 0), last * BLOCK, AIM), start=1
    ):
        counts = bulk.counts
        if found != NONE:
            wrong = (number - 1) * BLOCK + found
            break
        bulk.cover(coverage)
        before, missing = len(missing), coverage.missing
        newest = number if len(missing) < before else newest
        progress(f"covering, {len(missing)} bins missing", counts.cycles, None)
        waited = number >= FIRST_ASKED and number - newest >= PATIENCE * number
        if missing and not asked and (waited or number == last):
            asked, unasked = True, _prove(coverage, progress)
            missing = coverage.missing
        if not missing:
            break
    segment = Segment(
        number=0, wrong=wrong, counts=counts, aim=AIM, seconds=time.process_time() - started
    )
    return Run(segment=segment, unasked=unasked)


def _prove(coverage: Coverage, progress: Progress) -> str:
    """Ask which missing bins are unreachable; returns why that cannot be asked, if so."""
    progress("asking which bins can be reached", 0, None)
    try:
        prove_unreachable(coverage, seconds=PROOF_SECONDS)
    except FxlifError as error:  # what is missing is told all the same
        return str(error)
    return ""


def cover(
    params: AnyParams,
    *,
    name: str,
    seed: int = 1,
    limit_cycles: int = LIMIT_CYCLES,
    out: Path | None = None,
    waivers: Mapping[Key, str] | None = None,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = SILENT,
) -> Findings:
    """Check random cycles, every output in every one, until every reachable bin was hit.

    Args:
        limit_cycles: at most so many cycles, in whole blocks; what is then missing has failed.
        out: the folder that a difference leaves; None: ``fxlif-failure-<name>-<seed>``.
        waivers: bins that need not be hit, with the reasons; one that was hit is a finding.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed.
    """
    started = time.perf_counter()
    target = target_of(params, edit=edit, progress=progress)
    coverage = Coverage(target.params, counts=False)
    coverage.waivers = waivers or {}
    ran = run(target, coverage, seed=seed, limit_cycles=limit_cycles, progress=progress)
    segment, counts = ran.segment, ran.segment.counts
    differs = segment.wrong != NONE
    where, replay = "", ""
    if differs:
        folder = out or Path(f"fxlif-failure-{name}-{seed}")
        where, replay = leave_difference(
            target, seed, segment, folder, name=name, progress=progress
        )
    compared = Check(
        name=COMPARED, seconds=segment.seconds, outcome="failed" if differs else "passed",
        detail=where or f"{counts.cycles:,} cycles, {counts.comparisons:,} comparisons",
    )  # fmt: skip
    bins = coverage.bins
    return Findings(
        command="cover", design=name, digest=target.params.digest(), seed=seed, replay=replay,
        checks=(compared, covered(bins, counts.cycles, cut=differs, unasked=ran.unasked),
                *(stale_waivers(bins) if waivers else ())),
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
    if not left and any(each.hit for each in bins):
        hit, waived = sum(each.hit for each in bins), sum(each.waived for each in bins)
        told = f"{hit} bins hit, {len(bins) - hit - waived} shown to be unreachable"
        return Check(
            name=COVERED, outcome="passed", detail=told + f", {waived} waived" * bool(waived)
        )
    short = [f"{unasked}; without it nobody knows which bins are reachable"] if unasked else []
    told = f"{len(left)} bins missing after {cycles:,} cycles" if left else "no bin was hit"
    return Check(
        name=COVERED,
        outcome="unknown" if cut else "failed",
        detail="\n".join([told, *left, *short]),
    )


def stale_waivers(bins: tuple[Bin, ...]) -> tuple[Check]:
    """Whether a waived bin was hit, so that its waiver must go."""
    hit = [f"{each.group}: {each.name}: hit, though waived" for each in bins
           if each.waiver and each.count]  # fmt: skip
    return (Check(name=WAIVERS, outcome="failed" if hit else "passed", detail="\n".join(hit)),)
