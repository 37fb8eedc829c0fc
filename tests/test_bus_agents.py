"""The tops on a bus between agents that others wrote, who read the standards by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from designs import ON_A_BUS, needs_icarus

from fxlif.hdl.bus.serial import SerialTop
from fxlif.hdl.bus.tops import AxiTop
from fxlif.hdl.verilog import converted
from fxlif.params.design import save
from fxlif.sim.tools import simulators
from fxlif.sim.tools.sources import put

pytestmark = [needs_icarus, pytest.mark.slow]  # a bench in Python, cycle by cycle


def ran(bench: str, text: str, images: dict, folder: Path) -> dict[str, int]:
    """What a bench counted, which must pass on a top called ``small_top``."""
    save(ON_A_BUS, folder / "design.json")
    texts = {file: image.text for file, image in images.items()}
    put(texts, folder)
    icarus = simulators.find("icarus")
    built = simulators.build(icarus, {"top.v": text, **texts}, top="small_top")
    results = simulators.run(
        icarus, built, top="small_top", module=bench, folder=folder, seed=1,
        environment={"FXLIF_DESIGN": str(folder / "design.json")},
    )  # fmt: skip
    assert (results.passed, results.failed) == (1, 0), results.message
    found: dict[str, int] = json.loads((folder / "found.json").read_text())
    return found


def test_axi_between_agents_of_others(tmp_path: Path) -> None:
    found = ran("bench_bus_axi", *converted(AxiTop(ON_A_BUS, "small"), "small_top"), tmp_path)
    assert found["steps_in"] == found["steps_out"] == 60
    assert found["refused"] == 5
    assert min(found["stalled"], found["waited"], found["spikes"]) > 20


def test_the_serial_line_of_others(tmp_path: Path) -> None:
    from bench_bus_uart import BIT_CYCLES

    top = SerialTop(ON_A_BUS, ON_A_BUS.kind, bit_cycles=BIT_CYCLES)
    found = ran("bench_bus_uart", *converted(top, "small_top"), tmp_path)
    assert found["steps"] == 60
    assert found["events_out"] > 20
    assert found["bad_frames"] == found["requests sent again"] == 0
