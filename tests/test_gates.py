"""What synthesis made of a design, in the same benches; and that they see what it did wrong."""

from __future__ import annotations

import json
import re

import pytest
from designs import SIMPLE, make

from fxlif.errors import FxlifError
from fxlif.hdl.flow import gates
from fxlif.hdl.flow.netlist import TAKES
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.verilog import generate
from fxlif.sim.soak.run import soak
from fxlif.sim.verify import check

CORE = make(4, 6, 2, SIMPLE)


@pytest.mark.parametrize("family", ["ecp5", "ice40"])
def test_every_cell_that_is_counted_has_a_model(family: str) -> None:
    models = gates.models_of(family)
    wanted = {"ecp5": ("LUT4", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD", "L6MUX21"),
              "ice40": ("SB_LUT4", "SB_CARRY", "SB_RAM40_4K", "SB_DFF", "SB_DFFESR")}  # fmt: skip
    assert set(wanted[family]) <= set(models)
    assert set(wanted[family]) & set(TAKES)
    assert all(text.startswith(f"module {name}") for name, text in models.items())
    if family == "ecp5":  # not the empty box that Yosys brings
        assert "INITVAL_3F" in models["DP16KD"]
        assert "always @(posedge" in models["DP16KD"]


@pytest.mark.slow  # synthesis, two builds by Verilator and one by Icarus
@pytest.mark.parametrize("name", ["ecp5-25k", "ice40-hx8k"])
def test_a_netlist_is_the_design_and_a_wrong_cell_is_found(name: str, tmp_path) -> None:
    text = gates.gate_level(generate(CORE, trace=True), target_of(name))
    options = {"name": "core", "cycles": 1 << 15, "processes": 1}
    assert soak(CORE, **options, edit=lambda verilog: text).passed
    icarus = tmp_path / "icarus"
    icarus.mkdir()
    results, report = check(
        CORE, folder=icarus, simulator="icarus", cycles=1000, edit=lambda verilog: text
    )
    assert results.passed == 1
    assert report.mismatches == 0 < report.spikes
    # A LUT that says the opposite of what it should.
    tables = list(re.finditer(r"\.(?:INIT|LUT_INIT)\(16'h([0-9a-f]{4})\)", text))
    assert len(tables) > 50
    for k in (len(tables) // 3, len(tables) // 2):
        start, end = tables[k].span(1)
        wrong = f"{text[:start]}{int(tables[k][1], 16) ^ 0xFFFF:04x}{text[end:]}"
        found = soak(
            CORE, **options, edit=lambda verilog, wrong=wrong: wrong, out=tmp_path / str(k)
        )
        assert not found.passed


@pytest.mark.slow
def test_the_digits_at_gate_level_classify_as_the_golden_model_does(run) -> None:
    ran = run("verify", "digits", "--netlist", "ice40-hx8k")
    assert ran.code == 0, ran.out + ran.err
    assert ran.out.count("96.39 %") == 3
    assert "ice40-hx8k" in ran.out


def test_a_cell_without_a_model_is_named(tmp_path) -> None:
    cell = {"type": "MULT18X18D", "connections": {}, "port_directions": {}}
    netlist = json.dumps({"modules": {"core": {"cells": {"product": cell}}}})
    with pytest.raises(FxlifError) as error:
        gates.as_verilog(netlist, gates.models_of("ecp5"), tmp_path)
    assert (error.value.key, error.value.value) == ("--netlist", "MULT18X18D")


def test_what_is_wrong_with_a_netlist_is_named(run) -> None:
    mistakes = {
        "no such device, 'ecp5-26k'; did you mean ecp5-25k?": "soak digits --netlist ecp5-26k",
        "--netlist: must be one of ecp5-25k": "verify digits --netlist xilinx-xc7",
        "--until-covered: must be left out": "verify digits --netlist ecp5-25k --until-covered",
        "--netlist: must be left out": "soak --designs 2 --netlist ecp5-25k",
    }
    for message, words in mistakes.items():
        ran = run(*words.split())
        assert ran.code == 2, words
        assert message in ran.err.splitlines()[-1]
