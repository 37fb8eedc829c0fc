"""What the cocotb benches share: the job they are given and the report that they leave."""

from __future__ import annotations

import json
import os
import pickle
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core_params import CoreParams
from ..files import whole_file
from ..network_params import NetworkParams
from ..params import NeuronParams
from .agents import Driver, StreamDriver, clocked
from .interface import Interface
from .scoreboard import Model, Report, Scoreboard, StreamModel
from .stimulus import random_events, resets, stalls
from .toolchain import PID

#: Names the folder in which a bench finds its job and leaves its report.
FOLDER = "FXLIF_BENCH_FOLDER"
JOB, REPORT, PROGRESS = "job.pickle", "report.json", "progress"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to check: the parameters, the wrapped design, how long, and with which stimulus.

    ``events`` are packed payloads and :data:`~fxlif.sim.agents.RESET` marks; None means random
    ones, with random resets. Source and sink hold back at random.
    """

    params: NeuronParams | CoreParams | NetworkParams
    interface: Interface
    cycles: int
    seed: int
    events: list[int] | None = None


def put_job(folder: Path, job: Job) -> None:
    """Leave a job where the bench will look for it."""
    (folder / JOB).write_bytes(pickle.dumps(job))


def get_report(folder: Path) -> Report | None:
    """The report of a bench; None where it left none."""
    try:
        return Report(**json.loads((folder / REPORT).read_text()))
    except FileNotFoundError:
        return None


def get_progress(folder: Path) -> int:
    """Cycles checked so far."""
    try:
        return int((folder / PROGRESS).read_text())
    except (FileNotFoundError, ValueError):
        return 0


async def run_bench(
    dut: Any,
    make_driver: Callable[[Job], Driver],
    make_model: Callable[[Job, Report], Model],
) -> None:
    """Run the job of this process on ``dut``; fails on any difference."""
    folder = Path(os.environ[FOLDER])
    (folder / PID).write_text(str(os.getpid()))
    job: Job = pickle.loads((folder / JOB).read_bytes())
    report = Report()
    # Made before the clock starts, so that compilation does not count as simulation.
    board = Scoreboard(job.interface, make_model(job, report), report)
    driver = make_driver(job)

    def take(words: list[int]) -> bool:
        went_well = board.take(words)
        (folder / PROGRESS).write_text(str(report.cycles))
        return went_well

    started = time.perf_counter()
    await clocked(dut, driver, take, cycles=job.cycles)
    report.seconds = time.perf_counter() - started
    with whole_file(folder / REPORT) as temporary:
        temporary.write_text(json.dumps(asdict(report)))
    assert report.mismatches == 0, f"{report.mismatches} mismatches, first: {report.first}"


def rng(seed: int, axis: str) -> random.Random:
    """The generator of one axis of the stimulus."""
    return random.Random(f"{seed}:{axis}")


def stream_driver(job: Job) -> Driver:
    """The source and sink of a core or a network, as the job asks for them."""
    assert not isinstance(job.params, NeuronParams)
    core = job.params.core[0] if isinstance(job.params, NetworkParams) else job.params
    events: Iterable[int] | None = job.events
    reset: Iterable[bool] = ()
    if events is None:
        events = random_events(core, rng(job.seed, "events"))
        reset = resets(rng(job.seed, "reset"), every=max(2000, 20 * core.words))
    idle, stall = stalls(rng(job.seed, "idle")), stalls(rng(job.seed, "stall"))
    return StreamDriver(job.interface, events, idle=idle, stall=stall, reset=reset)


def stream_model(job: Job, report: Report) -> Model:
    """The model of a core or a network."""
    assert not isinstance(job.params, NeuronParams)
    return StreamModel(job.params, report)
