"""Cocotb bench of a foreign core inside its wrapper."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import cocotb

from ..bench.agents import clocked
from ..bench.run import FOLDER, get_job, put_progress, put_report
from ..tools.simulators import PID
from .testbench import DutJob, Testbench


@cocotb.test()
async def bench_dut(dut: Any) -> None:
    """Every mapped output against the golden model."""
    folder = Path(os.environ[FOLDER])
    starter = os.getppid()
    (folder / PID).write_text(str(os.getpid()))
    job = get_job(folder)
    assert isinstance(job, DutJob)
    bench = Testbench(job)

    def take(words: list[int]) -> bool:
        went_well = bench.board.take(words)
        put_progress(folder, bench.report.cycles, starter)
        return went_well

    started = time.perf_counter()
    await clocked(dut, bench.driver, take, cycles=bench.cycles, first=bench.first, block=2048)
    bench.report.seconds = time.perf_counter() - started
    bench.finish()
    put_report(folder, bench.report)
