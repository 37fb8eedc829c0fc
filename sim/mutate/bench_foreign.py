"""Cocotb bench of many mutants of a foreign core side by side: a simulator takes longer to start
than a mutant takes to be found.

Each has a core, a stimulus and a scoreboard of its own, as in :mod:`fxlif.sim.dut.bench`.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cocotb

from ...files import whole_file
from ...params.neuron import NeuronParams
from ..bench.agents import clocked
from ..bench.run import FOLDER, JOB, PROGRESS, REPORT
from ..bench.scoreboard import Scoreboard
from ..dut.board import DutReport, Tally
from ..dut.job import DutJob, make_board, make_driver
from ..tools.simulators import PID

BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class MutantsJob:
    """The mutants ``numbers``, one to a lane; ``width``: the bits that choose in each lane."""

    job: DutJob
    numbers: tuple[int, ...]
    lanes: int
    width: int


class Lane:
    """One of them: its part of the packed ports, and what stands around it."""

    def __init__(self, job: DutJob, number: int, place: int, width: int) -> None:
        interface = job.wrapped.interface
        self._job, self.report = job, DutReport()
        self.model = make_board(job, self.report)
        self._board = Scoreboard(interface, Tally(self.model, self.report), self.report)
        self._driver = make_driver(job)
        self._stimulus_at = place * (interface.stimulus_bits + width)
        self._response_at = place * interface.response_bits
        self._mask = (1 << interface.response_bits) - 1
        self._chosen = number << interface.stimulus_bits
        self._words: list[int] = []
        self._endless = isinstance(job.params, NeuronParams)
        reset = job.dut_map.reset is not None
        first = int(reset) << interface.stimulus["rst"].offset
        self.first = (first | self._chosen) << self._stimulus_at
        self._last = self.first
        self.going = True

    def clock(self, response: int) -> int:
        """From the response of all lanes in this cycle, this one's stimulus of the next."""
        if not self.going:
            return self._last
        word = response >> self._response_at & self._mask
        self._words.append(word)
        self._last = (self._driver.clock(word) | self._chosen) << self._stimulus_at
        seen = self.report.cycles + len(self._words)
        if self._driver.done or (self._endless and seen >= self._job.cycles):
            self.take()
            self.going = False
        return self._last

    def take(self) -> None:
        """Compare what was seen since the last time."""
        if self.going and self._words:
            self.going = self._board.take(self._words)
            self._words = []


class Lanes:
    """All of them as one driver."""

    def __init__(self, lanes: Sequence[Lane], progress: Path) -> None:
        self._lanes, self._progress = lanes, progress
        self._cycles = 0
        self.done = False

    def clock(self, response: int) -> int:
        """From the response of a cycle, the stimulus of the next."""
        stimulus = 0
        for lane in self._lanes:
            stimulus |= lane.clock(response)
        self.done = not any(lane.going for lane in self._lanes)
        return stimulus

    def take(self, words: list[int]) -> bool:
        """A block is over; whether to go on."""
        self._cycles += len(words)
        for lane in self._lanes:
            lane.take()
        self._progress.write_text(str(self._cycles))
        return any(lane.going for lane in self._lanes)


@cocotb.test()
async def bench_dut_mutants(dut: Any) -> None:
    """Every mutant until it differs, or to its end."""
    folder = Path(os.environ[FOLDER])
    (folder / PID).write_text(str(os.getpid()))
    given: MutantsJob = pickle.loads((folder / JOB).read_bytes())
    lanes = [Lane(given.job, n, k, given.width) for k, n in enumerate(given.numbers)]
    driver = Lanes(lanes, folder / PROGRESS)
    first = sum(lane.first for lane in lanes)
    await clocked(dut, driver, driver.take, cycles=1 << 62, first=first, block=BLOCK)
    for lane in lanes:
        if lane.report.mismatches == 0:
            lane.report.problems = lane.model.finish()
    with whole_file(folder / REPORT) as temporary:
        temporary.write_text(json.dumps([asdict(lane.report) for lane in lanes]))
