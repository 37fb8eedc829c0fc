"""Cocotb bench of a top on AXI between agents that others wrote, cocotbext-axi.

``FXLIF_DESIGN`` is the design's file; what was counted goes into the folder in which it runs.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import cocotb
import numpy as np
from bench_bus_uart import begin, drawn
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from fxlif.cycles.access import AddressMap
from fxlif.host.registers import STEP, register_map
from fxlif.network.events import TICK
from fxlif.params.design import load_hardware
from fxlif.sim.bench.golden import GoldenStream

STEPS = 30


def pauses(rng: random.Random) -> Iterator[bool]:
    """Whether an agent holds back, cycle by cycle."""
    while True:
        yield rng.random() < 0.4


class AxiHost:
    """A top on AXI between agents that pause at random."""

    def __init__(self, dut, rng: random.Random) -> None:
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)
        both = self.lite.write_if, self.lite.read_if
        channels = [both[0].aw_channel, both[0].w_channel, both[0].b_channel, both[1].ar_channel,
                    both[1].r_channel, self.source, self.sink]  # fmt: skip
        for channel in channels:
            channel.set_pause_generator(pauses(rng))

    async def read(self, address: int) -> tuple[int, bool]:
        """What is read, and whether there was no error."""
        came = await self.lite.read(address, STEP)
        return int.from_bytes(came.data, "little"), came.resp == AxiResp.OKAY

    async def write(self, address: int, value: int, size: int = STEP) -> AxiResp:
        """The response."""
        return (await self.lite.write(address, value.to_bytes(size, "little"))).resp

    async def stream(self, events: list[int]) -> list[int]:
        """What comes out while these events go in."""
        step: list[int] = []
        for event in events:
            if event != TICK:
                step.append(event)
                continue
            await self.source.send(AxiStreamFrame(bytes([*step, 0])))
            step = []
        came: list[int] = []
        for _ in range(events.count(TICK)):
            frame = await self.sink.recv()
            assert frame.tdata[-1] == 0, "a TICK has tdata = 0"
            came += [*frame.tdata[:-1], TICK]
        return came


@cocotb.test()
async def bench_axi(dut) -> None:
    design = load_hardware(Path(os.environ["FXLIF_DESIGN"]))
    where, golden = AddressMap(design.cores), GoldenStream(design)
    registers = register_map(design, design.name, stream=True)
    control, window = registers["control"].address, registers.window or 0
    rng = random.Random(5)
    host = AxiHost(dut, rng)
    await begin(dut)
    for register in registers.registers:
        found, good = await host.read(register.address)
        assert good, register.name
        assert register.value in (None, found), register.name
    assert await host.write(control, 1) == AxiResp.OKAY
    first, second = (drawn(rng, STEPS, design.n_inputs) for _ in range(2))
    came = await host.stream(first)
    assert came == golden.stream(np.array(first)).tolist()
    # While it runs; a constant; half a word; no register.
    refused = [(window, 1), (registers["magic"].address, 1), (0x7C, 0)]
    for address, value in refused:
        assert await host.write(address, value) == AxiResp.SLVERR
    assert await host.write(control, 0, size=2) == AxiResp.SLVERR
    assert await host.read(window) == (0, False)
    assert await host.write(control, 0) == AxiResp.OKAY
    names = [population.name for population in golden.network.graph.populations]
    for row in range(design.cores[0].n_inputs):
        address = window + STEP * where.address(0, "weights", row % 4, row)
        weight = rng.randrange(-8, 8)
        data = where.data(0, "weights", weight)
        assert await host.write(address, data) == AxiResp.OKAY
        golden.network.write(names[0], "weights", weight, (row, row % 4))
    states = []
    for neuron in range(design.cores[1].n_neurons):
        found, good = await host.read(window + STEP * where.read_address(1, "v", neuron))
        assert good
        states.append((found ^ 1 << 31) - (1 << 31))
    assert states == golden.network.states[names[1]].v.tolist()
    assert await host.write(control, 1) == AxiResp.OKAY
    assert await host.stream(second) == golden.stream(np.array(second)).tolist()
    counted = {name: (await host.read(registers[name].address))[0]
               for name in ("steps_in", "steps_out", "refused", "stalled", "waited")}  # fmt: skip
    counted["spikes"] = sum(event != TICK for event in came)
    Path("found.json").write_text(json.dumps(counted))
