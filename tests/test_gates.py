"""What synthesis made of a design, in the same benches; and that they see what it did wrong."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from designs import SIMPLE, make, needs_icarus

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


def pins(port: str, width: int, name: str) -> str:
    return ", ".join(f".{port}{k}({name}[{k}])" for k in range(width))


@needs_icarus
@pytest.mark.parametrize("more", ["", '.REG_OUTPUT_CLK("CLK0")'], ids=["plain", "registered"])
def test_the_model_of_the_multiplier(more: str, tmp_path) -> None:
    """Both ends of both signs, and some between; x where it would have a register."""
    ends = [0, 1, 5, (1 << 17) - 1, 1 << 17, (1 << 17) + 77, (1 << 18) - 1]
    asked = [(a, b, sa, sb) for a in ends for b in ends for sa in (0, 1) for sb in (0, 1)]
    rows = "".join(
        f'a = {a}; b = {b}; sa = {sa}; sb = {sb}; #1 $display("%b", p);\n' for a, b, sa, sb in asked
    )
    (tmp_path / "bench.v").write_text(
        "module bench; reg [17:0] a, b; reg sa, sb; wire [35:0] p;\n"
        f"MULT18X18D #({more}) dut (.SIGNEDA(sa), .SIGNEDB(sb), {pins('A', 18, 'a')}, "
        f"{pins('B', 18, 'b')}, {pins('P', 36, 'p')});\ninitial begin\n{rows}end endmodule\n"
        + gates.own_models()["MULT18X18D"]
    )
    subprocess.run(["iverilog", "-g2012", "-o", "b", "bench.v"], cwd=tmp_path, check=True)
    said = subprocess.run(["vvp", "b"], cwd=tmp_path, check=True, capture_output=True, text=True)

    def value(bits: int, signed: int) -> int:
        return bits - (signed and bits >> 17) * (1 << 18)

    products = [value(a, sa) * value(b, sb) % (1 << 36) for a, b, sa, sb in asked]
    wanted = ["x" * 36 if more else f"{product:036b}" for product in products]
    assert said.stdout.split() == wanted


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
@pytest.mark.parametrize("name", ["ecp5-25k", "ice40-hx8k"])
def test_the_digits_at_gate_level_classify_as_the_golden_model_does(name: str, run) -> None:
    ran = run("verify", "digits", "--netlist", name, "--quick")
    assert ran.code == 0, ran.out + ran.err
    assert ran.out.count("96.39 %") == 3
    assert name in ran.out


def test_a_cell_without_a_model_is_named(tmp_path) -> None:
    cell = {"type": "ALU54B", "connections": {}, "port_directions": {}}
    netlist = json.dumps({"modules": {"core": {"cells": {"product": cell}}}})
    with pytest.raises(FxlifError) as error:
        gates.as_verilog(netlist, gates.models_of("ecp5"), tmp_path)
    assert (error.value.key, error.value.value) == ("--netlist", "ALU54B")


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
