"""Cocotb bench of a foreign core inside its wrapper."""

from __future__ import annotations

import os
import time
from io import RawIOBase
from pathlib import Path
from typing import Any

import cocotb

from ..bench.agents import Driver, clocked
from ..bench.run import FOLDER, STIMULUS, get_job, put_progress, put_report
from ..tools.simulators import PID
from ..tools.words import to_bytes
from .testbench import DutJob, Testbench


class Noted:
    """A driver that notes what it shows in a file: words of so many bits."""

    def __init__(self, driver: Driver, file: RawIOBase, bits: int) -> None:
        self._driver, self._file, self._bits = driver, file, bits

    @property
    def done(self) -> bool:
        """Whether the driver is."""
        return self._driver.done

    def note(self, word: int) -> None:
        """Note one word."""
        self._file.write(to_bytes([word], self._bits))

    def clock(self, response: int) -> int:
        word = self._driver.clock(response)
        self.note(word)
        return word


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
    # Unbuffered: the core may end the simulation in any cycle.
    with (folder / STIMULUS).open("wb", buffering=0) as shown:
        driver = Noted(bench.driver, shown, job.interface.stimulus_bits)
        driver.note(bench.first)
        await clocked(dut, driver, take, cycles=bench.cycles, first=bench.first, block=2048)
    bench.report.seconds = time.perf_counter() - started
    bench.finish()
    put_report(folder, bench.report)
