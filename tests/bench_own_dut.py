"""A cocotb test as a user would write it: own stimulus and handles, fxlif's checker beside."""

from __future__ import annotations

import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from fxlif import load
from fxlif.sim.dut_check import StreamChecker

CYCLES = 1200


async def feed(dut) -> None:
    """An event now and then, whatever the sink does."""
    draw = random.Random(1)
    dut.in_valid.value = 0
    while True:
        if not (dut.in_valid.value == 1 and dut.in_ready.value == 0):
            dut.in_valid.value = draw.random() < 0.7
            tick = draw.random() < 0.2
            dut.in_data.value = 1 << 3 if tick else draw.randrange(6)
        dut.out_ready.value = draw.random() < 0.5
        await RisingEdge(dut.clk)


@cocotb.test()
async def bench_own(dut) -> None:
    checker = StreamChecker(load(os.environ["DESIGN"]))
    dut.rst_n.value = 0
    Clock(dut.clk, 2, unit="ns").start()
    cocotb.start_soon(feed(dut))
    try:
        for cycle in range(CYCLES):
            await RisingEdge(dut.clk)
            into, out = dut.in_data.value, dut.out_data.value
            checker.clock(
                rst=dut.rst_n.value == 0,
                in_valid=dut.in_valid.value, in_ready=dut.in_ready.value,
                in_address=into[2:0].to_unsigned() if into.is_resolvable else 0,
                in_tick=into[3],
                out_valid=dut.out_valid.value, out_ready=dut.out_ready.value,
                out_address=out[2:0].to_unsigned() if out.is_resolvable else 0, out_tick=out[3],
            )  # fmt: skip
            dut.rst_n.value = int(cycle > 2)
    finally:
        found = f"{checker.steps} {checker.spikes} {checker.comparisons}"
        Path(os.environ["FOUND"]).write_text(found)
