"""Cocotb bench of many foreign cores side by side: a simulator takes longer to start than to run.

Each has its own stimulus and scoreboard, as in :mod:`fxlif.sim.dut.bench`.
"""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict
from pathlib import Path

import cocotb
from pydantic import TypeAdapter

from fxlif.sim.bench.agents import clocked
from fxlif.sim.bench.run import FOLDER, JOB, REPORT
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.bench.wrapper import TOP
from fxlif.sim.dut.adapters.wiring import PRESETS
from fxlif.sim.dut.testbench import DutJob, Testbench
from fxlif.sim.tools import simulators


class Lane:
    """One of the cores: its part of the packed ports, and what stands around it."""

    def __init__(self, job: DutJob, stimulus_at: int, response_at: int) -> None:
        self.bench = Testbench(job)
        self.stimulus_at, self.response_at = stimulus_at, response_at
        self.mask = (1 << job.interface.response_bits) - 1
        self.words: list[int] = []
        self.going = True

    def clock(self, response: int) -> int:
        word = response >> self.response_at & self.mask
        self.words.append(word)
        stimulus = self.bench.driver.clock(word) << self.stimulus_at
        seen = self.bench.report.cycles + len(self.words)
        if self.bench.driver.done or seen >= self.bench.cycles:
            self.take()
            self.going = False
        return stimulus

    def take(self) -> None:
        self.going = self.going and self.bench.board.take(self.words)
        self.words = []


class Lanes:
    """All of them as one driver."""

    def __init__(self, lanes: list[Lane]) -> None:
        self.lanes = lanes
        self.done = False

    def clock(self, response: int) -> int:
        stimulus = sum(lane.clock(response) for lane in self.lanes if lane.going)
        self.done = not any(lane.going for lane in self.lanes)
        return stimulus

    def take(self, words: list[int]) -> bool:
        for lane in self.lanes:
            if lane.going:
                lane.take()
        return not self.done


def simulate(
    jobs: dict[str, DutJob], sources: dict[str, dict[str, str]], folder: Path
) -> dict[str, Report]:
    """Run all jobs in one Icarus; module names of all sources must differ."""
    texts, instances = {}, []
    stimulus = response = 0
    for k, (name, job) in enumerate(jobs.items()):
        interface = job.interface
        wide, far = interface.stimulus_bits, interface.response_bits
        texts |= {f"{k}_{file}": text for file, text in sources[name].items()}
        wrapper = interface.wrapper.replace(f"module {TOP} (", f"module Bench{k} (")
        texts[f"{k}_bench.v"] = wrapper.replace(PRESETS, f"Presets{k}")
        given, shown = f"stimulus[{stimulus} +: {wide}]", f"response[{response} +: {far}]"
        instances.append(f"Bench{k} lane_{k} (.clk(clk), .stimulus({given}), .response({shown}));")
        stimulus, response = stimulus + wide, response + far
    texts["all.v"] = (
        f"module {TOP} (input clk, input [{stimulus - 1}:0] stimulus, "
        f"output [{response - 1}:0] response);\n" + "\n".join(instances) + "\nendmodule\n"
    )
    icarus = simulators.find("icarus")
    built = simulators.build(icarus, texts, top=TOP)
    (folder / JOB).write_bytes(pickle.dumps(jobs))
    results = simulators.run(
        icarus, built, top=TOP, module="bench_many_duts", folder=folder, seed=1,
        environment={FOLDER: str(folder)},
    )  # fmt: skip
    assert (results.passed, results.failed) == (1, 0), results
    return TypeAdapter(dict[str, Report]).validate_json((folder / REPORT).read_text())


@cocotb.test()
async def bench_many(dut) -> None:
    folder = Path(os.environ[FOLDER])
    jobs: dict[str, DutJob] = pickle.loads((folder / JOB).read_bytes())
    lanes, stimulus, response, first = {}, 0, 0, 0
    for name, job in jobs.items():
        lanes[name] = lane = Lane(job, stimulus, response)
        first |= lane.bench.first << stimulus
        stimulus += job.interface.stimulus_bits
        response += job.interface.response_bits
    driver = Lanes(list(lanes.values()))
    await clocked(dut, driver, driver.take, cycles=1 << 62, first=first, block=512)
    for lane in lanes.values():
        lane.bench.finish()
    reports = {name: asdict(lane.bench.report) for name, lane in lanes.items()}
    (folder / REPORT).write_text(json.dumps(reports))
