"""Cocotb bench of a top with a serial line that others drive, cocotbext-uart, while fxlif's own
host runs at its other end.

``FXLIF_DESIGN`` is the design's file; what was counted goes into the folder in which it runs.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import RisingEdge, Timer
from cocotbext.uart import UartSink, UartSource

from fxlif.network.events import TICK
from fxlif.params.design import load_hardware
from fxlif.sim.board.session import run_board

PERIOD_NS = 10
#: Clock cycles of a bit on the line.
BIT_CYCLES = 4
#: Bits for which a silent board is listened to.
SILENT_BITS = 8000
STEPS = 30


def drawn(rng: random.Random, steps: int, n: int) -> list[int]:
    """Events of so many steps."""
    found: list[int] = []
    for _ in range(steps):
        found += [*(i for i in range(n) if rng.random() < 0.5), TICK]
    return found


async def begin(dut) -> None:
    """Clock, and a reset."""
    Clock(dut.clk, PERIOD_NS, unit="ns").start()
    dut.rst.value = 1
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


class Line:
    """A serial line as :class:`~fxlif.host.device.Link`, for a program beside the simulation."""

    def __init__(self, dut, rng: random.Random) -> None:
        baud = 1_000_000_000 // (PERIOD_NS * BIT_CYCLES)
        self._source, self._sink = UartSource(dut.rx, baud=baud), UartSink(dut.tx, baud=baud)
        self._rng = rng

    @resume
    async def write(self, data: bytes) -> None:
        for byte in data:
            if self._rng.random() < 0.1:
                await Timer(self._rng.randrange(1, 40) * PERIOD_NS, "ns")
            await self._source.write(bytes([byte]))
            await self._source.wait()

    @resume
    async def read(self, seconds: float) -> bytes:
        for _ in range(SILENT_BITS):
            if not self._sink.empty():
                break
            await Timer(PERIOD_NS * BIT_CYCLES, "ns")
        return bytes(self._sink.read_nowait())


@cocotb.test()
async def bench_uart(dut) -> None:
    design = load_hardware(Path(os.environ["FXLIF_DESIGN"]))
    rng = random.Random(6)
    line = Line(dut, rng)
    await begin(dut)
    segments = [np.array(drawn(rng, STEPS, design.n_inputs)) for _ in range(2)]

    @bridge
    def host() -> dict[str, int | float | str]:
        found, _ = run_board(design, line, segments, name="line", seconds=3600, states=STEPS)
        assert found.passed, found.reasons
        return found.figures

    Path("found.json").write_text(json.dumps(await host()))
