"""Mutation of a foreign core: would its verification notice if it were wrong by one small thing?

``fxlif mutate DESIGN --dut FILE.v --top NAME --map MAP.toml``. Mutants are drawn from the netlist
that Yosys makes of the core; each is simulated under the drivers, oracle and scoreboard of
``fxlif verify --dut``, and killed by whatever that would report.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.run import FOLDER, JOB, PROGRESS, REPORT
from ..bench.wrapper import TOP
from ..dut.board import DutReport
from ..dut.job import DutJob
from ..dut.map import load_map
from ..dut.run import _files, dut_doubts
from ..report.findings import Check, Findings
from ..tools import simulators
from ..tools import solver as solvers
from ..tools.ports import read_sources
from ..tools.simulators import Results
from ..verify import DEFAULT_CYCLES
from .bench_foreign import MutantsJob
from .foreign_mutants import SHELL, Herd, SameSoFar, herd, same, side_by_side
from .run import SCORE

BENCH = "fxlif.sim.mutate.bench_foreign"
COUNT = 100
#: Cycles that nearly every mutant dies in; the others are given a whole verification.
FIRST_CYCLES = 4000
#: Of so many that are drawn more than asked for one may be none.
SPARE = 3
#: Cores in one simulation. Verilator takes seconds to build each of them.
LANES = {"icarus": 10, "verilator": 3}
#: Without a block of cycles in this time a mutant oscillates: a loop without a register.
HANG_S = 60.0
#: What cocotb says of a bench that ran to its end.
_RAN = Results(passed=1, failed=0, skipped=0, message="")


@dataclass(frozen=True, kw_only=True)
class Pen:
    """A build that holds all mutants, so many at once, and how each is verified."""

    made: Herd
    job: DutJob
    simulator: str
    lanes: int
    built: Path


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a verification saw of a mutant: None for ``report`` where it hung."""

    number: int
    cycles: int
    report: DutReport | None

    @property
    def differs(self) -> bool:
        """Whether something was wrong, however short the run."""
        return self.report is None or bool(self.report.mismatches or self.report.problems)

    @property
    def doubts(self) -> list[str]:
        """Why a whole run does not count as passed, as in ``fxlif verify --dut``."""
        return ["hangs"] if self.report is None else dut_doubts(_RAN, self.report)

    @property
    def cycle(self) -> int:
        """The first cycle that differs, or the last one."""
        if self.report is None:
            return 0
        return int(self.report.first["cycle"]) if self.report.first else self.report.cycles


class _HangsError(Exception):
    """No cycle passes any more."""


def _simulate(pen: Pen, numbers: tuple[int, ...], cycles: int) -> list[Seen]:
    """One simulation of at most ``pen.lanes`` mutants."""
    folder = Path(tempfile.mkdtemp(prefix="fxlif-"))
    try:
        job = MutantsJob(
            job=replace(pen.job, cycles=cycles), numbers=numbers, lanes=pen.lanes,
            width=pen.made.width,
        )  # fmt: skip
        (folder / JOB).write_bytes(pickle.dumps(job))
        last, since = "", time.monotonic()

        def waiting() -> None:
            nonlocal last, since
            file = folder / PROGRESS
            shown = file.read_text() if file.exists() else ""
            if shown != last:
                last, since = shown, time.monotonic()
            elif time.monotonic() - since > HANG_S:
                raise _HangsError

        results = simulators.run(
            simulators.find(pen.simulator), pen.built, top=TOP, module=BENCH, folder=folder,
            seed=pen.job.seed, environment={FOLDER: str(folder)}, waiting=waiting,
        )  # fmt: skip
        if (results.passed, results.failed) != (1, 0) or not (folder / REPORT).exists():
            raise FxlifError(f"{pen.simulator}: the bench of the mutants failed: {results.message}")
        reports = json.loads((folder / REPORT).read_text())
        return [
            Seen(number=number, cycles=cycles, report=DutReport(**report))
            for number, report in zip(numbers, reports, strict=True)
        ]
    except _HangsError:
        if len(numbers) == 1:
            return [Seen(number=numbers[0], cycles=cycles, report=None)]
        return [seen for number in numbers for seen in _simulate(pen, (number,), cycles)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_mutants(
    pen: Pen, numbers: Sequence[int], cycles: int, processes: int
) -> Iterator[Seen]:  # fmt: skip
    """What a verification of ``cycles`` cycles sees of each mutant; 0 is the core itself."""
    most = -(-len(numbers) // processes) if numbers else 1
    size = max(1, min(pen.lanes, most))
    batches = [tuple(numbers[at : at + size]) for at in range(0, len(numbers), size)]
    if processes == 1 or len(batches) < 2:
        for batch in batches:
            yield from _simulate(pen, batch, cycles)
        return
    context = get_context("spawn")  # each simulator needs an environment of its own
    with ProcessPoolExecutor(min(processes, len(batches)), context) as pool:
        jobs = [pool.submit(_simulate, pen, batch, cycles) for batch in batches]
        try:
            for job in jobs:
                yield from job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def default_simulator() -> str:
    """Icarus where it is installed, since it builds in a second; else Verilator."""
    return "icarus" if shutil.which("iverilog") else "verilator"


def pen_of(made: Herd, job: DutJob, simulator: str) -> Pen:
    """Build all mutants, side by side.

    Raises:
        FxlifError: the simulator is not installed, or does not accept the netlist.
    """
    lanes = min(LANES[simulator], len(made.texts) + 1)
    texts = {f"{SHELL}.v": made.verilog, "lane.v": made.lane, "all.v": side_by_side(made, lanes)}
    built = simulators.build(simulators.find(simulator), texts, top=TOP)
    return Pen(made=made, job=job, simulator=simulator, lanes=lanes, built=built)


def mutate_text(
    params: NeuronParams | NetworkParams,
    made: Herd,
    *,
    name: str,
    count: int = COUNT,
    seed: int = 1,
    cycles: int = DEFAULT_CYCLES,
    events: list[int] | None = None,
    processes: int | None = None,
    simulator: str | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Verify each of the mutants ``made``; :func:`mutate_dut` says the rest.

    ``events``: packed payloads for a core in place of random ones.
    """
    started = time.perf_counter()
    workers = processes or os.cpu_count() or 1
    chosen = simulator or default_simulator()
    progress(f"building the mutants with {chosen}", 0, None)
    job = DutJob(params=params, wrapped=made.wrapped, dut_map=made.dut_map, cycles=cycles,
                 seed=seed, events=events)  # fmt: skip
    pen = pen_of(made, job, chosen)
    seen: dict[int, Seen] = {}
    everyone = list(range(1, len(made.texts) + 1))
    first = min(FIRST_CYCLES, cycles)
    for found in run_mutants(pen, everyone, first, workers):
        seen[found.number] = found
        progress("running mutants", len(seen), len(everyone))
    alive = [number for number in everyone if not seen[number].differs]
    judge, equivalent, unasked = _equivalent(made, alive, solvers.choose(solver), progress)
    # The core itself is verified beside its survivors, and as long.
    alive = [number for number in alive if number not in equivalent]
    whole: dict[int, Seen] = {}
    for found in run_mutants(pen, [0, *alive], cycles, workers):
        whole[found.number] = found
        progress("running the survivors for longer", len(whole), len(alive) + 1)
    unharmed = whole[0].doubts
    # What is said of the core itself as well, such as that nothing fired, kills no mutant.
    left = [n for n in alive if set(whole[n].doubts) <= set(unharmed)]
    if judge is not None:
        progress("asking which of them nobody could see", 0, len(left))
        equivalent |= {n for n in left if judge.unseen(n)}
    real = [number for number in everyone if number not in equivalent][:count]
    survivors = [n for n in left if n in real]
    killed = [n for n in real if n not in survivors]
    deaths = sorted((whole.get(n) or seen[n]).cycle for n in killed)
    score = len(killed) / len(real) if real else 0.0
    lines = [f"{len(killed)} of {len(real)} killed", *unasked]
    lines += [f"mutant {n}: {made.texts[n - 1]}" for n in survivors]
    seconds = time.perf_counter() - started
    checks = (
        Check(
            name="the netlist without a mutant agrees with the model",
            outcome="failed" if unharmed else "passed", detail="\n".join(unharmed),
        ),
        Check(
            name=f"{SCORE:.0%} of the netlist's mutants are killed", seconds=seconds,
            outcome="passed" if real and score >= SCORE else "failed", detail="\n".join(lines),
        ),
    )  # fmt: skip
    return Findings(
        command="mutate", design=name, digest=params.digest(), seed=seed, checks=checks,
        figures={
            "simulator": chosen, "mutants drawn": len(everyone),
            "equivalent, proved": len(equivalent), "not equivalent, counted": len(real),
            "killed": len(killed), "survivors": len(survivors),
            "score, per cent": round(100 * score, 2),
            "cycles until killed, median": deaths[len(deaths) // 2] if deaths else 0,
            "cycles until killed, most": deaths[-1] if deaths else 0,
            "cycles a survivor was given": cycles, "processes": workers,
            "seconds": round(seconds, 1),
        },
    )  # fmt: skip


def _equivalent(
    made: Herd, alive: Sequence[int], solver: str, progress: Progress
) -> tuple[SameSoFar | None, set[int], list[str]]:
    """Which of the mutants are none, and why that could not be asked."""
    what = "asking which survivors are mutants at all"
    if not alive:
        return None, set(), []
    progress(what, 0, len(alive))
    try:
        judge = same(made, solver=solver)
    except FxlifError as error:  # then all of them count, and the score can only be too low
        return None, set(), [f"not asked which are equivalent: {error}"]
    found = set()
    for done, number in enumerate(alive):
        if judge.equivalent(number):
            found.add(number)
        progress(what, done + 1, len(alive))
    return judge, found, []


def mutate_dut(
    params: NeuronParams | NetworkParams,
    *,
    name: str,
    sources: Sequence[Path],
    top: str,
    mapping: Path,
    count: int = COUNT,
    seed: int = 1,
    cycles: int = DEFAULT_CYCLES,
    processes: int | None = None,
    simulator: str | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Draw mutants of the module ``top`` of the Verilog files ``sources``, and verify each.

    Args:
        params: the rule that the core follows.
        mapping: the map of its ports; outputs that it does not name are not compared, and logic
            that only they show gets no mutants.
        count: mutants that count; those that are provably none do not.
        cycles: what a mutant that survives the first cycles is given, as ``fxlif verify --dut``
            gives the core.
        processes: how many run at once; None: one per core.
        simulator: None: Icarus where it is installed, else Verilator.

    Returns:
        Passed if the core itself passes and :data:`~fxlif.sim.mutate.run.SCORE` of its mutants do
        not.

    Raises:
        FxlifError: a file that cannot be read, a map that does not fit, Verilog that Yosys does not
            take, a tool that is not installed.
    """
    solvers.choose(solver)
    simulators.find(simulator or default_simulator())
    dut_map = load_map(mapping)
    files: Mapping[str, bytes] = dict(_files(dut_map, mapping))
    texts = read_sources(sources)
    progress("drawing mutants with Yosys (45 s the first time)", 0, None)
    made = herd(
        params, texts, top=top, dut_map=dut_map, files=files, map_file=str(mapping),
        count=count + count // SPARE + 1, seed=seed,
    )  # fmt: skip
    return mutate_text(
        params, made, name=name, count=count, seed=seed, cycles=cycles, processes=processes,
        simulator=simulator, solver=solver, progress=progress,
    )  # fmt: skip
