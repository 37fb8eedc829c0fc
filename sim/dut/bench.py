"""Cocotb bench of a foreign core inside its wrapper."""

from __future__ import annotations

import json
import os
import pickle
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb

from ...files import whole_file
from ...params.neuron import NeuronParams
from ..bench.agents import clocked
from ..bench.run import FOLDER, JOB, PROGRESS, REPORT
from ..bench.scoreboard import Scoreboard
from ..tools.simulators import PID
from .scoreboard import DutReport, SignalCounts
from .testbench import DutJob, make_driver, make_model


@cocotb.test()
async def bench_dut(dut: Any) -> None:
    """Every mapped output against the golden model."""
    folder = Path(os.environ[FOLDER])
    (folder / PID).write_text(str(os.getpid()))
    job: DutJob = pickle.loads((folder / JOB).read_bytes())
    report = DutReport()
    model = make_model(job, report)
    board = Scoreboard(job.wrapped.interface, SignalCounts(model, report), report)
    driver = make_driver(job)
    reset = job.dut_map.reset is not None

    def take(words: list[int]) -> bool:
        went_well = board.take(words)
        (folder / PROGRESS).write_text(str(report.cycles))
        return went_well

    # A neuron's stimulus has no end; a core's has one, and a core that is stuck is a mismatch.
    endless = isinstance(job.params, NeuronParams)
    started = time.perf_counter()
    await clocked(
        dut, driver, take, cycles=job.cycles if endless else 1 << 62,
        first=(1 << job.wrapped.interface.stimulus["rst"].offset) if reset else 0, block=2048,
    )  # fmt: skip
    report.seconds = time.perf_counter() - started
    if report.mismatches == 0:
        report.problems = model.finish()
    report.bins = [asdict(each) for each in model.bins]
    with whole_file(folder / REPORT) as temporary:
        temporary.write_text(json.dumps(asdict(report)))
    if report.first is not None:
        where = f"cycle {report.first['cycle']}, signal {report.first['signal']}"
        raise AssertionError(f"{report.mismatches} mismatches, the first in {where}")
    assert report.mismatches == 0, f"{report.mismatches} mismatches"
    assert not report.problems, report.problems[0]
