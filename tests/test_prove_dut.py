"""``fxlif prove --dut``: correct cores are proved, mistakes are found and shown in a simulator.

Nothing here is proved of itself: each shape that is proved stands beside one that is wrong by a
little, and is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cores_page import FILES
from designs import needs_icarus
from foreign_neurons import FREE_RUNNING, MEALY, PIPELINED, neuron_map, powered

from fxlif import FxlifError, NeuronParams
from fxlif.cli.options import Dut
from fxlif.params.design import load_hardware
from fxlif.sim.dut.map import DutMap, load_map
from fxlif.sim.dut.replay import load_dut, replay_dut
from fxlif.sim.dut.run import read_files
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.examples import mistakes, source, write
from fxlif.sim.prove.foreign.concrete import Runner
from fxlif.sim.prove.foreign.control import Control, Proof
from fxlif.sim.prove.foreign.core import RULES, core_machine
from fxlif.sim.prove.foreign.implied import implied_machine
from fxlif.sim.prove.foreign.inside import commands
from fxlif.sim.prove.foreign.neuron import neuron_machine
from fxlif.sim.prove.foreign.run import from_rest, prove_dut, single_core
from fxlif.sim.prove.foreign.search import Found, Search
from fxlif.sim.prove.foreign.source import Source, read
from fxlif.sim.report.findings import Check, Findings
from fxlif.sim.tools.ports import read_sources

MEALY_MAP = {"enable": "en", "spike": "spike", "latency": 0, "between": "low"}
PIPELINE = {"enable": "en", "valid": "done", "latency": 3, "between": "low", "state": {"v": "v"}}
ASYNCHRONOUS = {"port": "rst", "synchronous": False}
FREE = {
    "clock": "clk", "ties": {"bus[31:21]": 5, "bus[10:0]": 0, "test": 0},
    "neuron": {"current": "bus[20:11]", "spike": "seen[15]", "state": {"v": "seen[9:0]"}},
}  # fmt: skip
SCALED = """
module scaled (input clk, input rst, input en, input signed [15:0] cur,
               output reg fire, output reg signed [15:0] v);
    wire signed [31:0] product = v * $signed({1'b0, 12'd3900});
    wire signed [31:0] left = (product + (product < 0 ? 4095 : 0)) >>> 12;
    wire signed [31:0] exact = left + cur;
    wire signed [31:0] u = exact > 32767 ? 32767 : exact < -32768 ? -32768 : exact;
    always @(posedge clk)
        if (rst) begin v <= 0; fire <= 0; end
        else if (en) begin v <= u >= 1000 ? 0 : u; fire <= u >= 1000; end
endmodule
"""


@pytest.fixture(scope="module")
def rule(tmp_path_factory) -> NeuronParams:
    """What the example of a neuron follows."""
    found = load_hardware(write(tmp_path_factory.mktemp("rule"), "neuron")["neuron.toml"])
    assert isinstance(found, NeuronParams)
    return found


def searched(rule: NeuronParams, text: str, dut_map: DutMap, top: str, *, depth: int = 8) -> Found:
    job = dut_job(rule, {"dut.v": text}, top=top, dut_map=dut_map, two_state=True)
    core = read(job, {})
    return Search(source=core, machine=neuron_machine(core, rule), depth=depth, most=5,
                  solver="bitwuzla", timeout_s=60).found()  # fmt: skip


def proved(folder: Path, mistake: str | None = None, *, inside: str = "", **more: Any) -> Findings:
    """What is said of the example; the state variable ``inside`` is read inside it."""
    files = write(folder, "neuron", mistake)
    text = files["neuron_map.toml"].read_text()
    changed = text.replace(f'{inside} = "{inside}"', f'{inside} = ".{inside}[7:0]"')
    assert (changed != text) == bool(inside)
    files["neuron_map.toml"].write_text(changed)
    dut = Dut([files["neuron.v"]], "neuron", files["neuron_map.toml"])
    params = load_hardware(files["neuron.toml"])
    return prove_dut(params, dut, name="neuron", out=folder / "out", **more)


def test_a_correct_neuron_is_proved(tmp_path) -> None:
    found = proved(tmp_path, inside="refractory")
    assert found.passed, found.reasons
    details = {check.name: check.detail for check in found.checks}
    for signal in ("spike", "state.v", "state.refractory"):
        assert "induction over 1 cycle" in details[signal]
    assert not (tmp_path / "out").exists()


@needs_icarus
def test_a_difference_is_shown_in_a_simulator_and_kept(tmp_path) -> None:
    found = proved(tmp_path, "no_lower_limit")
    assert not found.passed
    checks = {check.name: check for check in found.checks}
    assert checks["state.v"].outcome == "failed"
    assert "confirmed by icarus: cycle 2" in checks["simulation of the run of 3 cycles"].detail
    assert found.first is not None
    assert found.first.cycle == 2
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"README.txt", "stimulus.mem", "waves.vcd", "neuron.v"} <= left
    assert "first difference: cycle 2" in (tmp_path / "out" / "README.txt").read_text()
    assert found.replay == f"fxlif replay {tmp_path / 'out'}"
    note, job, files = load_dut(tmp_path / "out")
    assert (note.first, job.cycles, files) == (found.first, 3, {})


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("mistake", mistakes("neuron"))
def test_every_mistake_of_a_neuron_is_found(mistake: str, tmp_path) -> None:
    found = proved(tmp_path, mistake)
    (shown,) = (check for check in found.checks if check.name.startswith("simulation"))
    assert shown.detail.startswith("confirmed by icarus"), shown.detail
    assert replay_dut(tmp_path / "out").reproduced


@needs_icarus
@pytest.mark.slow
def test_a_neuron_that_wraps_at_its_upper_end_is_found(tmp_path, rule) -> None:
    text = source("neuron").replace("HIGHEST ? HIGHEST", "HIGHEST ? $signed(exact[WIDTH-1:0])")
    files = write(tmp_path, "neuron")
    assert text != files["neuron.v"].read_text()
    files["neuron.v"].write_text(text)
    dut = Dut([files["neuron.v"]], "neuron", files["neuron_map.toml"])
    found = prove_dut(rule, dut, name="neuron", out=tmp_path / "out")
    assert any("confirmed by icarus" in check.detail for check in found.checks)


#: Name → Verilog, top, map.
RIGHT: dict[str, tuple[str, str, DutMap]] = {
    # Its registers are behind the outputs by a stage, and the refractory counter is hidden.
    "pipelined": (source("neuron") + PIPELINED, "pipelined",
                  neuron_map(neuron=PIPELINE, reset=ASYNCHRONOUS)),
    # No state at all is shown: the proof finds the registers that hold it.
    "combinational": (MEALY, "mealy", neuron_map(neuron=MEALY_MAP)),
    "free running": (
        powered("neuron", source("neuron")).replace("v = 0;", "v = V_RESET;") + FREE_RUNNING,
        "free_running", DutMap.model_validate(FREE),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_hidden_registers_are_found_and_what_they_do_is_proved(name: str, rule) -> None:
    text, top, dut_map = RIGHT[name]
    found = searched(rule, text, dut_map, top)
    assert found.difference is None
    assert {"spike"} <= found.proved.keys()
    assert not found.late
    assert all(found.met.values())
    # The same core with a threshold that is one too high somewhere inside.
    assert text.count("u >= 100") + text.count("u >= THRESHOLD") == 1
    wrong = text.replace("u >= 100", "u > 100").replace("u >= THRESHOLD", "u > THRESHOLD")
    broken = searched(rule, wrong, dut_map, top)
    assert broken.difference is not None
    assert "spike" in broken.difference.broken
    assert not broken.proved.keys() & set(broken.difference.broken)


@pytest.mark.slow
@pytest.mark.parametrize("change", [
    {"latency": 2}, {"latency": 4}, {"state_latency": 2}, {"between": "held"}, {"reset": "rst"},
])  # fmt: skip
def test_a_map_that_is_wrong_by_a_little_is_no_proof(change: dict[str, Any], rule) -> None:
    reset = ASYNCHRONOUS
    if change.pop("reset", None):
        reset = {"port": "rst"}
    dut_map = neuron_map(neuron={**PIPELINE, **change}, reset=reset)
    found = searched(rule, RIGHT["pipelined"][0], dut_map, "pipelined")
    assert found.difference is not None


@pytest.mark.slow
@pytest.mark.parametrize("state", [{"v": "v"}, {}])
def test_a_neuron_that_multiplies(state: dict[str, str]) -> None:
    rule = NeuronParams.model_validate({
        "leak": {"kind": "scale", "factor": 3900, "shift": 12, "rounding": "toward_zero"},
        "v_threshold": 1000, "state_bits": 16,
    })  # fmt: skip
    dut_map = neuron_map(neuron={"enable": "en", "state": state})
    found = searched(rule, SCALED, dut_map, "scaled")
    assert found.proved.keys() == {"spike"} | {f"state.{name}" for name in state}
    wrong = searched(rule, SCALED.replace("? -32768", "? exact"), dut_map, "scaled")
    assert wrong.difference is not None


@pytest.mark.slow
def test_what_is_not_inductive_is_never_green(tmp_path, rule) -> None:
    """A neuron that takes no step after 2^20 clocks: no search comes so far, and nothing proves
    what does not hold."""
    lazy = source("neuron").replace("wire resting", (
        "reg [20:0] age;\n"
        "    always @(posedge clk or negedge rst_n)\n"
        "        if (!rst_n) age <= 0; else if (!age[20]) age <= age + 1;\n"
        "    wire resting"
    )).replace("else if (enable)", "else if (enable && !age[20])")  # fmt: skip
    files = write(tmp_path, "neuron")
    files["neuron.v"].write_text(lazy)
    dut = Dut([files["neuron.v"]], "neuron", files["neuron_map.toml"])
    found = prove_dut(rule, dut, name="lazy", depth=4)
    assert not found.passed
    outcomes = {check.name: check for check in found.checks}
    assert outcomes["state.v"].outcome == "unknown"
    assert "no run of 4 cycles from power-up breaks it" in outcomes["state.v"].detail
    assert found.folder == ""


REFUSED = """
module refused (input clk, input clk2, input rst, input en, input signed [9:0] cur,
                output fire, output reg [9:0] v, output reg other);
    reg late, hold;
    assign fire = late ^ hold ^ other;
    always @(posedge clk) v <= cur;
    always @(posedge clk2) late <= en;
    always @(negedge clk) other <= en;
    always @* if (en) hold = cur[0];
endmodule
"""


def test_what_no_proof_takes_is_refused_by_name(rule, tmp_path) -> None:
    dut_map = neuron_map(neuron={"enable": "en"}, ties={"clk2": 0})
    with pytest.raises(FxlifError) as refused:
        searched(rule, REFUSED, dut_map, "refused")
    alone = "a proof takes the rising edge of the map's clock alone"
    assert {str(mistake) for mistake in refused.value.mistakes} == {
        "hold: is a latch; a proof takes registers alone",
        f"late: is clocked by the rising edge of clk2; {alone}",
        f"other: is clocked by the falling edge of clk; {alone}",
    }
    files = write(tmp_path, "neuron")
    text = files["neuron.v"].read_text().replace("input  wire                    enable,",
                                                 "input wire enable, inout wire pad,")  # fmt: skip
    files["neuron.v"].write_text(text)
    dut = Dut([files["neuron.v"]], "neuron", files["neuron_map.toml"])
    with pytest.raises(FxlifError, match="port pad: must be an input or an output, in a proof"):
        prove_dut(rule, dut, name="neuron")
    noisy = NeuronParams.model_validate(
        {
            "leak": {"kind": "shift", "shift": 3, "rounding": "stochastic"},
            "refractory": 3,
            "state_bits": 10,
        }
    )
    files = write(tmp_path, "neuron")
    with pytest.raises(FxlifError, match="rounding: must be one without random numbers"):
        prove_dut(noisy, dut, name="neuron")


# --- cores --------------------------------------------------------------------------------------


def proved_core(folder: Path, mistake: str | None = None, **more: Any) -> Findings:
    files = write(folder, "core", mistake)
    dut = Dut([files["core.v"]], "core", files["core_map.toml"])
    params = load_hardware(files["core.toml"])
    return prove_dut(params, dut, name="core", out=folder / "out", **more)


ANY_STATE = ("from any state: event", "from any state: TICK")


@pytest.mark.slow
def test_a_core_is_proved_for_every_run_and_from_any_state(tmp_path) -> None:
    found = proved_core(tmp_path)
    assert found.passed, found.reasons
    checks = {check.name: check for check in found.checks}
    for name in (
        "nothing is offered that no TICK asked for", "what is offered stays until it is taken",
        "spikes of a step in ascending order, each once", "no deadlock", "events_out.valid",
        "events_out.payload.tick", "events_out.payload.address", "dropped", "trace.valid",
        "trace.v",
    ):  # fmt: skip
        assert "induction over 1 cycle: every run" in checks[name].detail
    for name, cycles in zip(ANY_STATE, (6, 12), strict=True):
        assert "v of 4 in v[4]" in checks[name].detail
        assert "sum 0 in sums[0]" in checks[name].detail
        assert f"at rest again within {cycles} cycles" in checks[name].detail
    assert checks["no livelock"].outcome == "passed"


def control_of(
    folder: Path, files: dict[str, str], top: str, suppose: Callable[[Source], Any] | None = None
) -> Proof:
    """What is proved of runs of any length of a core of these files, and what more is supposed."""
    for name, content in files.items():
        (folder / name).write_text(content)
    params = load_hardware(folder / "rule.toml")
    job = dut_job(params, read_sources([folder / f"{top}.v"], folder), top=top,
                  dut_map=load_map(folder / "map.toml"), two_state=True)  # fmt: skip
    core = read(job, read_files(job.dut_map, folder / "map.toml"))
    machine = core_machine(core, single_core(params), rules=RULES, history=True)
    machine.given += [suppose(core)] if suppose else []
    return Control(source=core, machine=machine, solver="bitwuzla", timeout_s=300).proof()


def of_example(folder: Path, find: str = "", put: str = "") -> Proof:
    made = {name: path.read_text() for name, path in write(folder, "core").items()}
    assert not find or made["core.v"].count(find) == 1
    made |= {"core.v": made["core.v"].replace(find, put), "rule.toml": made["core.toml"],
             "map.toml": made["core_map.toml"]}  # fmt: skip
    return control_of(folder, made, "core")


@pytest.mark.slow
@pytest.mark.parametrize(("find", "put", "lost"), [
    (": exact;", ": (exact == 439 && n == 0 && v[1] == -301) ? 438 : exact;", "v[0]"),
    ("u >= THRESHOLD", "(u >= THRESHOLD && u != 500)", "v[0]"),
    ("exact > HIGHEST ? HIGHEST", "exact > 900 && v[2] == 77 ? $signed(exact[WIDTH-1:0]) : "
                                  "exact > HIGHEST ? HIGHEST", "v["),
    ("sums[n] <= sums[n] +", "if (v[3] != 17 || row != 10) sums[n] <= sums[n] +", "sums["),
    ("v[n]        <= after;", "v[n]        <= n == 4 && sums[4] == 77 ? now : after;", "v[4]"),
])  # fmt: skip
def test_a_mistake_of_one_state_is_never_green(find: str, put: str, lost: str, tmp_path) -> None:
    """Random runs do not show it, and no run of 17 cycles does."""
    proof = of_example(tmp_path, find, put)
    assert not proof.proved
    assert proof.broken
    assert proof.lost.startswith(lost)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", mistakes("core"))
def test_every_mistake_of_a_core_breaks_the_induction(mistake: str, tmp_path) -> None:
    """Without the random runs that find them first."""
    edit = mistakes("core")[mistake]
    assert not of_example(tmp_path, edit.find, edit.put).proved


@pytest.mark.slow
def test_what_a_promise_keeps_is_so_in_random_runs(tmp_path) -> None:
    """The limits of the sums are supposed in a proof: arithmetic says that they hold."""
    files = write(tmp_path, "core")
    params = load_hardware(files["core.toml"])
    job = dut_job(params, read_sources([files["core.v"]], tmp_path), top="core",
                  dut_map=load_map(files["core_map.toml"]), two_state=True)  # fmt: skip
    core = read(job, read_files(job.dut_map, files["core_map.toml"]))
    plain = core_machine(core, single_core(params))
    kept = core_machine(core, single_core(params), history=True)
    more = kept.given[len(plain.given) :]
    assert len(more) == 2 * 5
    kept.given = plain.given
    kept.claims = {str(number): each for number, each in enumerate(more)}
    assert Runner(core, kept).runs(8, 250).difference is None


@needs_icarus
@pytest.mark.parametrize("mistake", [
    "early_tick", *(pytest.param(each, marks=pytest.mark.slow)
                    for each in mistakes("core") if each != "early_tick"),
])  # fmt: skip
def test_every_mistake_of_a_core_is_found(mistake: str, tmp_path) -> None:
    """By random runs, before a solver is asked."""
    found = proved_core(tmp_path, mistake)
    (shown,) = (check for check in found.checks if check.name.startswith("simulation"))
    assert shown.detail.startswith("confirmed by icarus"), shown.detail
    assert found.folder
    if mistake in ("stuck", "wrap"):
        assert replay_dut(tmp_path / "out").reproduced


@needs_icarus
@pytest.mark.slow
def test_an_event_that_is_lost_when_a_core_is_full_is_found(tmp_path) -> None:
    """In the last clock of a row it takes an event, and forgets it."""
    files = write(tmp_path, "core")
    text = source("core").replace(
        "in_ready  = state == IDLE;", "in_ready  = state == IDLE || state == ADD && last;"
    )
    assert text != source("core")
    files["core.v"].write_text(text)
    dut = Dut([files["core.v"]], "core", files["core_map.toml"])
    found = prove_dut(load_hardware(files["core.toml"]), dut, name="core", out=tmp_path / "out",
                      timeout_s=600)  # fmt: skip
    assert [check.outcome for check in found.checks if check.outcome == "failed"]


#: A neuron behind an event stream, which is never stuck while its clock counts.
SMALL = """
module little (input clk, input rst, input iv, output ir, input ia, input it,
              output ov, input taken, output ot, output oa);
    reg [1:0] sum = 0;
    reg busy = 0, spike = 0, now = 0;
    wire fire = sum == 3;
    assign ir = !busy, ov = busy, ot = !spike, oa = ov ? 1'b0 : now;
    always @(posedge clk) begin
        now <= !now;
        if (rst) begin sum <= 0; busy <= 0; spike <= 0; end
        else if (iv && ir && it) begin busy <= 1; spike <= fire; sum <= 0; end
        else if (iv && ir && !ia) sum <= sum == 3 ? 3 : sum + 1;
        else if (ov && taken) begin busy <= spike; spike <= 0; end
    end
endmodule
"""
SMALL_RULE = """
name = "small"
[[core]]
n_inputs = 1
n_neurons = 1
max_events_per_input = 3
weights = [[1]]
[core.neuron]
leak = { kind = "shift", shift = 0 }
v_threshold = 3
reset = "to_value"
state_bits = 4
weight_bits = 2
"""
SMALL_MAP = """
clock = "clk"
{reset}
[core]
broken_promise = false
events_in = {{ valid = "iv", ready = "ir", address = "ia", tick = "it" }}
events_out = {{ valid = "ov", ready = "taken", address = "oa", tick = "ot" }}
"""
RESETS = {
    "none": "ties = { rst = 0 }", "short": 'reset = { port = "rst" }',
    "long": 'reset = { port = "rst", cycles = 3 }', "once": 'reset = { port = "rst", once = true }',
}  # fmt: skip


@needs_icarus
@pytest.mark.parametrize(
    ("kind", "text"),
    [("none", SMALL.replace("== 3;", "== 2;"))]
    + [
        pytest.param(kind, text, marks=pytest.mark.slow)
        for kind in RESETS
        for text in (SMALL, SMALL.replace("== 3;", "== 2;"))
        if (kind, text == SMALL) != ("none", False)
    ],
)
def test_cores_with_each_kind_of_reset(kind: str, text: str, tmp_path) -> None:
    for name, content in {"small.v": text, "small.toml": SMALL_RULE,
                          "map.toml": SMALL_MAP.format(reset=RESETS[kind])}.items():  # fmt: skip
        (tmp_path / name).write_text(content)
    dut = Dut([tmp_path / "small.v"], "little", tmp_path / "map.toml")
    found = prove_dut(load_hardware(tmp_path / "small.toml"), dut, name="small", depth=11,
                      out=tmp_path / "out")  # fmt: skip
    assert found.passed == (text == SMALL), found.reasons
    checks = {check.name: check for check in found.checks}
    assert checks["broken_promise"].detail == "supposed not to come: the map says so"
    if found.passed:
        assert "induction over 1 cycle" in checks["events_out.payload.tick"].detail
        assert [checks[name].outcome for name in ANY_STATE] == ["passed", "passed"]
        assert checks["no livelock"].outcome == "passed"


@pytest.mark.parametrize(("find", "put"), [
    ("", ""), ("sum == 3 ? 3 : sum + 1", "sum == 3 ? 3 : sum + 1 + (now && sum == 1)"),
])  # fmt: skip
def test_a_small_core_is_proved_for_every_run(find: str, put: str, tmp_path) -> None:
    assert not find or SMALL.count(find) == 1
    files = {"little.v": SMALL.replace(find, put), "rule.toml": SMALL_RULE,
             "map.toml": SMALL_MAP.format(reset=RESETS["short"])}  # fmt: skip
    proof = control_of(tmp_path, files, "little")
    assert proof.proved == (not find)
    if proof.proved:
        assert proof.held == {"sum 0": "sum"}
        assert proof.longest == {"event": 1, "TICK": 3}
    else:
        assert "events_out.payload.tick" in proof.broken


@pytest.mark.slow
@pytest.mark.parametrize("never", ["dut.busy", "dut.spike"])
def test_what_contradicts_itself_proves_nothing(never: str, tmp_path) -> None:
    """With no input where it offers something, whatever it offers would be right."""
    files = {"little.v": SMALL, "rule.toml": SMALL_RULE,
             "map.toml": SMALL_MAP.format(reset=RESETS["short"])}  # fmt: skip
    proof = control_of(tmp_path, files, "little", lambda core: core.net[never] == 0)
    assert not proof.proved
    assert proof.why.startswith("what is supposed contradicts itself where ")
    assert f"{never.removeprefix('dut.')} = 1" in proof.why


HANGS = {
    "a reset while it offers something": [("ir = !busy,", "ir = !busy && !hang,"),
                                          ("if (rst) begin", "if (rst) begin hang <= busy;")],
    "a stall": [("ir = !busy,", "ir = !busy && !hang,"),
                ("if (rst) begin",
                 "if (ov && !taken && spike) hang <= 1; if (rst) begin hang <= 0;")],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("behind", HANGS)
def test_a_core_that_takes_nothing_any_more_is_not_free_of_livelock(behind: str, tmp_path) -> None:
    """Its clock goes on counting, and no run without stalls and resets leads there."""
    text = SMALL.replace("reg busy = 0,", "reg hang = 0, busy = 0,")
    for find, put in HANGS[behind]:
        assert text.count(find) == 1
        text = text.replace(find, put)
    files = {"little.v": text, "rule.toml": SMALL_RULE,
             "map.toml": SMALL_MAP.format(reset=RESETS["short"])}  # fmt: skip
    proof = control_of(tmp_path, files, "little")
    assert "hang = 1" in proof.stuck
    assert [check.outcome for check in from_rest(proof, "") if check.name == "no livelock"] == [
        "unknown"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [
    "reg e; always @(posedge clk or posedge rst) if (rst) e <= 1'bx; else e <= e;",
    "reg m [0:3]; initial m[0] = 0; wire e = m[1];",
    "wire [2:0] bits = 0; wire e = bits[{1'b1, sum}];",
])  # fmt: skip
def test_an_x_is_not_read_as_0(unknown: str, tmp_path) -> None:
    text = SMALL.replace("wire fire = sum == 3;", f"{unknown} wire fire = (sum == 3) ^ e;")
    files = {"little.v": text, "rule.toml": SMALL_RULE,
             "map.toml": SMALL_MAP.format(reset=RESETS["short"])}  # fmt: skip
    assert not control_of(tmp_path, files, "little").proved


CLEARED = "integer k; initial for (k = {low}; k <= {high}; k = k + 1) m[k] = 0;"
#: What reads and writes a memory of zeros, and whether it shows nothing but its words.
WORDS = {
    "reads its words": ("reg m [0:2]", 0, 2, "wire e = sum < 3 && m[sum];", True),
    "reads another word": ("reg m [0:2]", 0, 2, "wire e = m[sum];", False),
    "reads a word far above": ("reg m [0:3]", 0, 3, "wire e = m[{8'd1, sum}];", False),
    "reads from its first address on": ("reg m [4:7]", 4, 7, "wire e = m[{1'b1, sum}];", True),
    "reads below its first address": ("reg m [2:5]", 2, 5, "wire e = m[sum];", False),
    "writes beyond its words": (
        "reg m [0:3]", 0, 3, "always @(posedge clk) m[{1'b1, sum}] <= 1; wire e = m[sum];", True),
    "writes below its first address": (
        "reg m [4:7]", 4, 7, "always @(posedge clk) m[sum] <= 1; wire e = m[5];", True),
    "writes its words": (
        "reg m [0:3]", 0, 3, "always @(posedge clk) m[{now, sum}] <= 1; wire e = m[sum];", False),
}  # fmt: skip


@pytest.mark.slow
def test_a_large_memory_is_searched_cycle_by_cycle_and_shows_nothing_beyond_its_words(
    tmp_path,
) -> None:
    for more, outcome in (("1", "passed"), ("128", "failed")):
        used = f"reg m [0:511]; {CLEARED.format(low=0, high=511)} wire e = m[{{8'd{more}, sum}}];"
        text = SMALL.replace("wire fire = sum == 3;", f"{used} wire fire = (sum == 3) ^ e;")
        mapping = SMALL_MAP.format(reset=RESETS["short"])
        for name, content in (("small.v", text), ("small.toml", SMALL_RULE), ("map.toml", mapping)):
            (tmp_path / name).write_text(content)
        dut = Dut([tmp_path / "small.v"], "little", tmp_path / "map.toml")
        found = prove_dut(load_hardware(tmp_path / "small.toml"), dut, name="small", depth=11,
                          out=tmp_path / "out")  # fmt: skip
        checks = {check.name: check for check in found.checks}
        assert checks["events_out.payload.tick"].outcome == outcome
        assert "the memory m has more than 256 words" in checks["from any state"].detail


@pytest.mark.slow
@pytest.mark.parametrize("does", WORDS)
def test_a_word_that_a_memory_does_not_have_is_no_other_one(does: str, tmp_path) -> None:
    memory, low, high, used, proved = WORDS[does]
    more = f"{memory}; {CLEARED.format(low=low, high=high)} {used}"
    text = SMALL.replace("wire fire = sum == 3;", f"{more} wire fire = (sum == 3) ^ e;")
    files = {"little.v": text, "rule.toml": SMALL_RULE,
             "map.toml": SMALL_MAP.format(reset=RESETS["short"])}  # fmt: skip
    assert control_of(tmp_path, files, "little").proved == proved


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize(("name", "right", "wrong"), [
    ("frame", "<= u >= 100;", "<= u > 100;"), ("pairs", "left <= 2", "left <= 1"),
])  # fmt: skip
def test_mistakes_behind_adapters_are_found(name: str, right: str, wrong: str, tmp_path) -> None:
    """A step for each frame, a vector of spikes, several neurons at once."""
    text = FILES[f"{name}.v"]
    assert text.count(right) == 1
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
    (tmp_path / f"{name}.v").write_text(text.replace(right, wrong))
    dut = Dut([tmp_path / f"{name}.v"], name, tmp_path / f"{name}_map.toml")
    found = prove_dut(load_hardware(tmp_path / "rule.toml"), dut, name=name, out=tmp_path / "out")
    assert any("confirmed by icarus" in check.detail for check in found.checks)


def of_page(folder: Path, name: str, *edits: tuple[str, str]) -> Dut:
    """A core of docs/cores.md."""
    text = FILES[f"{name}.v"]
    for find, put in edits:
        assert text.count(find) == 1, find
        text = text.replace(find, put)
    for file, content in (FILES | {f"{name}.v": text}).items():
        (folder / file).write_text(content)
    return Dut([folder / f"{name}.v"], name, folder / f"{name}_map.toml")


@pytest.mark.slow
def test_steps_with_a_vector_of_events_are_proved(tmp_path) -> None:
    dut = of_page(tmp_path, "frame")
    found = prove_dut(load_hardware(tmp_path / "rule.toml"), dut, name="frame", timeout_s=600)
    assert found.passed, found.reasons
    checks = {check.name: check for check in found.checks}
    open_ = [name for name, check in checks.items() if check.outcome != "passed"]
    assert open_ == ["dropped", "saturated", "unknown_addresses", "broken_promise"]
    for name in ANY_STATE:
        assert "the sums those of the events that it holds" in checks[name].detail
        assert "events of input 3 in fxlifcollect_0.vector[3:3]" in checks[name].detail
    for name in ("events_out.lost", "spikes of a step in ascending order, each once", "trace.v"):
        assert "induction over 1 cycle: every run" in checks[name].detail
    assert "TICK: at rest again within 15 cycles" in checks["no livelock"].detail


@pytest.mark.slow
@pytest.mark.parametrize("edits", [
    (("<= u >= 100;", "<= u > 100;"),),
    (("done   <= start;", "done <= start || done && spikes != 0;"),),
    (("spikes[n] <= u", "spikes[v[0] == 93 ? 2 - n : n] <= u"),),
    (("if (inputs[i]) u", "if (inputs[i] && !(i == 2 && n == 0 && v[2] == -77)) u"),),
    (("integer i, n;", "integer i, n; reg [19:0] t = 0; always @(posedge clk) t <= t + 1;"),
     ("<= u >= 100;", "<= u >= 100 && t != 20'hfffff;")),
])  # fmt: skip
def test_a_mistake_of_one_state_behind_a_vector_is_never_green(
    edits: tuple[tuple[str, str], ...], tmp_path
) -> None:
    dut = of_page(tmp_path, "frame", *edits)
    made = {name: (tmp_path / name).read_text() for name in ("frame.v", "rule.toml")}
    assert not control_of(tmp_path, {**made, "map.toml": dut.mapping.read_text()}, "frame").proved


@pytest.mark.slow
@pytest.mark.parametrize("name", ["frame", "pairs"])
def test_the_rules_of_the_streams_follow_from_what_comes_out(name: str, tmp_path) -> None:
    dut = of_page(tmp_path, name)
    rule = load_hardware(tmp_path / "rule.toml")
    core, texts = single_core(rule), read_sources(dut.sources, tmp_path)
    job = dut_job(rule, texts, top=name, dut_map=load_map(dut.mapping),
                  two_state=True)  # fmt: skip
    wrapped = read(job, {})

    def implied(without: str = "") -> set[str]:
        proved = core_machine(wrapped, core, rules=RULES, history=True)
        proved.claims = {each: claim for each, claim in proved.claims.items() if each != without}
        machine = implied_machine(wrapped, core, proved)
        search = Search(source=wrapped, machine=machine, depth=1, most=1, solver="bitwuzla",
                        timeout_s=120)  # fmt: skip
        return machine.claims.keys() - search.found().proved.keys()

    assert implied() == set()
    assert "nothing is offered that no TICK asked for" in implied("events_out.payload.tick")
    assert implied("events_out.payload.address") == {
        "spikes of a step in ascending order, each once"
    }


def inner(folder: Path, *edits: tuple[str, str], more: str = "") -> Dut:
    """The example with its states read inside, and ``more`` at the start of its map."""
    files = write(folder, "core")
    text = source("core")
    for find, put in edits:
        assert text.count(find) == 1, find
        text = text.replace(find, put)
    files["core.v"].write_text(text)
    head, _, _ = files["core_map.toml"].read_text().partition("[core.trace]")
    head = head.replace("[core]", f"{more}\n[core]")
    files["core_map.toml"].write_text(f'{head}[core.trace]\nv = ".v[{{n}}][9:0]"\n')
    return Dut([files["core.v"]], "core", files["core_map.toml"])


def of_inner(folder: Path, dut: Dut, **more: Any) -> dict[str, Check]:
    found = prove_dut(load_hardware(folder / "core.toml"), dut, name="core", out=folder / "out",
                      **more)  # fmt: skip
    return {check.name: check for check in found.checks}


#: Edits of what only its states show at once, and of what its memory of weights holds.
STATE = ("v[n]        <= after;", "v[n] <= n == 1 ? 0 : after;")
NO_WEIGHTS = ("initial $readmemh(WEIGHTS, weights);", "")
WEIGHTS = '[initial]\n".weights" = "core_weights.mem"\n".state" = 1'


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("edits", [(STATE,), (STATE, NO_WEIGHTS)])
def test_a_mistake_in_a_memory_inside_is_found(edits: tuple[tuple[str, str], ...],
                                               tmp_path) -> None:  # fmt: skip
    more = WEIGHTS if NO_WEIGHTS in edits else ""
    checks = of_inner(tmp_path, inner(tmp_path, *edits, more=more))
    assert "from power-up breaks it" in checks["trace.v"].detail
    (shown,) = (check for name, check in checks.items() if name.startswith("simulation"))
    assert shown.detail.startswith("confirmed by icarus"), shown.detail
    assert "trace.v" in shown.detail


@pytest.mark.slow
@pytest.mark.parametrize("edits", [(), (NO_WEIGHTS,)])
def test_what_stands_in_memories_inside_is_proved(edits: tuple[tuple[str, str], ...],
                                                  tmp_path) -> None:  # fmt: skip
    more = WEIGHTS if edits else ""
    checks = of_inner(tmp_path, inner(tmp_path, *edits, more=more))
    open_ = [name for name, check in checks.items() if check.outcome != "passed"]
    assert open_ == ["saturated", "broken_promise"]  # without a port, and kept from the core
    assert "induction over 1 cycle: every run" in checks["trace.v"].detail
    assert "v of 4 in v[4]" in checks[ANY_STATE[1]].detail


@pytest.mark.slow
@pytest.mark.parametrize(("find", "put"), [
    ("u >= THRESHOLD", "(u >= THRESHOLD && u != 500)"),
    ("v[n]        <= after;", "v[n]        <= n == 4 && sums[4] == 77 ? now : after;"),
])  # fmt: skip
def test_a_mistake_of_one_state_in_a_memory_inside_is_never_green(find: str, put: str,
                                                                  tmp_path) -> None:  # fmt: skip
    dut = inner(tmp_path, (find, put))
    made = {"core.v": (tmp_path / "core.v").read_text(), "map.toml": dut.mapping.read_text(),
            "rule.toml": (tmp_path / "core.toml").read_text()}  # fmt: skip
    assert control_of(tmp_path, made, "core").broken


def test_what_yosys_does_not_find_inside_is_refused_by_its_key(tmp_path) -> None:
    dut = inner(tmp_path, more='[initial]\n".weights" = 3\n".state" = "core_weights.mem"\n')
    texts, dut_map = read_sources(dut.sources, tmp_path), load_map(dut.mapping)
    job = dut_job(load_hardware(tmp_path / "core.toml"), texts, top="core", dut_map=dut_map)
    files = {"core_weights.mem": b"@1 1f // one\n"}
    memories = {"dut.weights": {"width": 8, "size": 30, "start_offset": 0}}
    nets = {"dut.state": {"bits": [1, 2, 3]}, "dut.v[0]": {"bits": [1] * 10, "offset": 1},
            "dut.v[1]": {"bits": [1] * 9}}  # fmt: skip
    with pytest.raises(FxlifError) as refused:
        commands(job, {"netnames": nets, "memories": memories}, files)
    must = "must be a register with a number, or a memory with a file, in a proof"
    said = [str(mistake) for mistake in refused.value.mistakes]
    assert said[:4] == [
        f"initial..weights: {must}, not 'weights'", f"initial..state: {must}, not 'state'",
        "core.trace.v: must be a signal whose bits are [N:0], in a proof, not 'v[0][9:0]'",
        "core.trace.v: must be bits of one of 9, in a proof, not 'v[1][9:0]'",
    ]  # fmt: skip
    assert said[4].startswith("core.trace.v: must be a signal inside the core as Yosys names it")
    short = job.dut_map.model_copy(update={"initial": {".weights": "core_weights.mem"}})
    with pytest.raises(FxlifError, match=r"initial\.\.weights: must be a file of 30 words"):
        commands(replace(job, dut_map=short), {"netnames": nets, "memories": memories}, files)


@pytest.mark.slow
@pytest.mark.parametrize("edge", ["negedge clk", "posedge in_valid"])
def test_the_clock_of_a_memory_beside_one_that_is_named_is_looked_at(edge: str, tmp_path) -> None:
    late = f"reg [2:0] late [0:7]; always @({edge}) late[n] <= n; wire last = late[0][0] ^ n"
    dut = inner(tmp_path, ("wire               last    = n", late))
    with pytest.raises(FxlifError, match=r"late: is clocked by the \w+ edge of"):
        of_inner(tmp_path, dut)


def test_more_than_one_core_is_refused(tmp_path) -> None:
    files = write(tmp_path, "core")
    text = files["core.toml"].read_text()
    second = text[text.index("[[core]]") :].replace("n_inputs = 6", "n_inputs = 5")
    second = second.replace("    [11, -14, 39, -20, -42],\n", "")
    files["core.toml"].write_text(text + second)
    dut = Dut([files["core.v"]], "core", files["core_map.toml"])
    with pytest.raises(FxlifError, match="must be a single core, in a proof with --dut"):
        prove_dut(load_hardware(files["core.toml"]), dut, name="core")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["strobes", "aer"])
def test_only_an_answer_that_can_wait_is_asked_to(name: str, tmp_path) -> None:
    """Without a ready an event lasts one cycle: to wait for one that waits would never be green."""
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
    rule, dut_map = load_hardware(tmp_path / "rule.toml"), load_map(tmp_path / f"{name}_map.toml")
    job = dut_job(rule, {"dut.v": FILES[f"{name}.v"]}, top=name, dut_map=dut_map, two_state=True)
    machine = core_machine(read(job, {}), single_core(rule))
    assert ("an answer has to wait" in machine.meets) == (name == "aer")
