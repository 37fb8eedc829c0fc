"""Runs what synthesis made of a component, cycle by cycle, with the drivers of :mod:`pysim`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from amaranth.lib import wiring

from fxlif.hdl.flow.gates import gate_level
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.interface import Hardware
from fxlif.hdl.verilog import converted, ports_of
from fxlif.sim.bench.agents import Driver
from fxlif.sim.bench.wrapper import wrap
from fxlif.sim.tools import verilated
from fxlif.sim.tools.verilated import VerilatedDesign, build
from fxlif.sim.tools.words import as_ints, as_rows

_TABLE = re.compile(r"\.(?:LUT_)?INIT\(16'h([0-9a-f]{4})\)")


@contextmanager
def compiled_quickly() -> Iterator[None]:
    """Within it, no simulator is optimised: to compile a netlist so takes minutes, to run it here
    seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verilated, "FAST", ("-O0",))
        yield


def wrong_lut(text: str, where: float) -> str:
    """A netlist one of whose LUTs says the opposite: that at this part of the way through."""
    tables = list(_TABLE.finditer(text))
    start, end = tables[int(where * len(tables))].span(1)
    return f"{text[:start]}{int(text[start:end], 16) ^ 0xFFFF:04x}{text[end:]}"


def simulate_netlist(
    dut: wiring.Component, target: str, driver: Driver, cycles: int, fault: float | None = None
) -> None:
    """A reset, then ``cycles`` clock cycles, or until the driver is done."""
    text, images = converted(dut, "mapped")
    hardware = Hardware(name="mapped", verilog=text, ports=ports_of(dut), sidecar={}, arrays={},
                        images=images)  # fmt: skip
    interface = wrap(hardware)
    mapped = gate_level(hardware, target_of(target))
    mapped = mapped if fault is None else wrong_lut(mapped, fault)
    sources = {"mapped.v": mapped, "bench.v": interface.wrapper, **hardware.image_texts}
    with compiled_quickly(), VerilatedDesign(build(sources), interface) as design:
        shown = 1 << interface.stimulus["rst"].offset
        for _ in range(cycles):
            (word,) = as_ints(design.run(as_rows([shown], interface.stimulus_bits)))
            shown = driver.clock(word)
            if driver.done:
                return
