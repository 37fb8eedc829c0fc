"""What the cocotb benches share: the job they are given and the report that they leave."""

from __future__ import annotations

import json
import os
import pickle
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...cycles.access import access_inputs
from ...files import cannot, make_folder, whole_file
from ...params.protocol import AnyCores, AnyParams
from ..stimulus.accesses import random_reads, random_writes
from ..stimulus.random import IDLE_AXIS, STALL_AXIS, held_back, random_events, resets, spacing_of
from ..tools.simulators import PID, RESULTS
from ..tools.words import to_bytes
from .agents import AccessDriver, Driver, StreamDriver, WordDriver, clocked
from .models import model_of
from .scoreboard import Report, Scoreboard
from .trace import Trace
from .wrapper import Interface

#: Names the folder in which a bench finds its job and leaves its report.
FOLDER = "FXLIF_BENCH_FOLDER"
JOB, REPORT, PROGRESS = "job.pickle", "report.json", "progress"
#: The stimulus of every cycle as the design saw it (see :mod:`fxlif.sim.tools.words`).
STIMULUS = "stimulus.bin"
#: What a bench and its parent tell each other: of no use once it is over.
PASSING = (JOB, REPORT, PROGRESS, PID, RESULTS, STIMULUS)
#: What was observed and expected in the cycles that a job watches.
TRACE = "trace.csv"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to check: the parameters, the wrapped design, how long, and with which stimulus.

    ``events`` are packed payloads and :data:`~fxlif.sim.bench.agents.RESET_MARK` marks; None means
    random ones, with random resets. Source and sink hold back at random. ``words`` are packed
    stimulus words, one per cycle from power-up on, shown to their end instead of all that.
    ``watch``: the cycles, from one to before the other, to write to :data:`TRACE`. ``sources``:
    file name → the Verilog that is built, wrapper included.
    """

    params: AnyParams
    interface: Interface
    cycles: int
    seed: int
    events: list[int] | None = None
    words: list[int] | None = None
    watch: tuple[int, int] = (0, 0)
    sources: dict[str, str] = field(default_factory=dict)


def working_folder(out: Path | None) -> Path:
    """The folder for logs and results, ``out`` or a new one, without what an earlier run left.

    Raises:
        FxlifError: it cannot be made or written.
    """
    if out is None:
        try:
            return Path(tempfile.mkdtemp(prefix="fxlif-")).resolve()
        except OSError as error:
            raise cannot("made", "a temporary folder (TMPDIR)", error) from None
    make_folder(out)
    try:
        clear(out)
    except OSError as error:
        raise cannot("written", out, error) from None
    return out.resolve()


def clear(folder: Path) -> None:
    """Remove what a bench and its parent told each other, and leave logs and waves."""
    for passing in PASSING:
        (folder / passing).unlink(missing_ok=True)


def put_job(folder: Path, job: Job) -> None:
    """Leave a job where the bench will look for it."""
    (folder / JOB).write_bytes(pickle.dumps(job))


def get_job(folder: Path) -> Job:
    """The job that :func:`put_job` left."""
    job: Job = pickle.loads((folder / JOB).read_bytes())
    return job


def get_report(folder: Path) -> Report | None:
    """The report of a bench; None where it left none."""
    try:
        return Report.from_json((folder / REPORT).read_text())
    except FileNotFoundError:
        return None


def put_report(folder: Path, report: Report) -> None:
    """Leave a report; the cocotb test fails where it tells of a mistake."""
    with whole_file(folder / REPORT) as temporary:
        temporary.write_text(json.dumps(asdict(report)))
    if report.first is not None:
        where = report.first.where
        raise AssertionError(f"{report.mismatches} mismatches, the first in {where}")
    assert not report.problems, report.problems[0]


def put_progress(folder: Path, cycles: int, starter: int) -> None:
    """Leave how many cycles are checked; ends this process where the one that started it,
    ``starter``, is gone: its next run may use the folder already."""
    if os.getppid() != starter:
        os._exit(1)
    (folder / PROGRESS).write_text(str(cycles))


def get_progress(folder: Path) -> int:
    """Cycles checked so far."""
    try:
        return int((folder / PROGRESS).read_text())
    except (FileNotFoundError, ValueError):
        return 0


async def run_bench(dut: Any, make_driver: Callable[[Job], Driver]) -> None:
    """Run the job of this process on ``dut``; fails on any difference."""
    folder = Path(os.environ[FOLDER])
    starter = os.getppid()
    (folder / PID).write_text(str(os.getpid()))
    job = get_job(folder)
    report = Report()
    # Made before the clock starts, so that compilation does not count as simulation.
    trace = Trace(job.interface, *job.watch)
    board = Scoreboard(job.interface, model_of(job.params, report), report, watch=trace.add)
    driver = make_driver(job) if job.words is None else WordDriver(job.words[1:])
    first = 0 if job.words is None else job.words[0]
    cycles = job.cycles if job.words is None else len(job.words)

    def take(words: list[int]) -> bool:
        shown.write(to_bytes(words, job.interface.stimulus_bits))
        went_well = board.take(words)
        put_progress(folder, report.cycles, starter)
        return went_well or job.words is not None

    started = time.perf_counter()
    with (folder / STIMULUS).open("wb") as shown:
        await clocked(dut, driver, take, cycles=cycles, first=first)
    report.seconds = time.perf_counter() - started
    if trace.wanted:
        trace.write(folder / TRACE)
    put_report(folder, report)


def rng(seed: int, axis: str) -> random.Random:
    """The generator of one axis of the stimulus."""
    return random.Random(f"{seed}:{axis}")


def stream_driver(job: Job, params: AnyCores) -> Driver:
    """The source and sink of a core or a network, as the job asks for them."""
    events: Iterable[int] | None = job.events
    reset: Iterable[int] = ()
    if events is None:
        events = random_events(params, job.seed)
        reset = resets(job.seed, spacing_of(params))
    idle, stall = held_back(job.seed, IDLE_AXIS), held_back(job.seed, STALL_AXIS)
    driver = StreamDriver(job.interface, events, idle=idle, stall=stall, reset=reset)
    return driver if job.events is not None else with_accesses(driver, job, params)


def with_accesses(driver: Driver, job: Job, params: AnyCores) -> Driver:
    """A driver, and random writes and reads beside it, where the design has ports for such."""
    inputs = access_inputs(params.cores)
    if "write_valid" in inputs:
        writes = random_writes(params.cores, job.seed)
        driver = AccessDriver(driver, job.interface, "write", writes)
    if "read_valid" in inputs:
        driver = AccessDriver(driver, job.interface, "read", random_reads(params.cores, job.seed))
    return driver
