"""Cores that fxlif did not make: the correct ones pass, and every mistake is found.

Most of them run side by side in one simulator (see ``bench_many_duts``), on spikes and events
alone: a check that needs to see the state would be no use for a core that does not show it.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import bench_many_duts
import oracle
import pytest
from designs import CORES, FINE, PASSED, needs_icarus, random_driver
from foreign_neurons import FREE_RUNNING, MEALY, PIPELINED, neuron_map, powered
from pysim import component, interface_of, simulate

from fxlif import FxlifError, NetworkParams, NeuronParams
from fxlif.network import events
from fxlif.params.core import CoreParams
from fxlif.params.design import load, load_hardware
from fxlif.sim.bench.agents import RESET_MARK
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.dut.check import Difference, NeuronChecker, StreamChecker
from fxlif.sim.dut.complaints import MOST, complaints
from fxlif.sim.dut.map import DutMap, load_map
from fxlif.sim.dut.replay import is_foreign, replay_dut, replay_reasons
from fxlif.sim.dut.run import dut_failure_reasons, verify_dut
from fxlif.sim.dut.testbench import DutJob, dut_job
from fxlif.sim.examples import EXAMPLES, mistakes, source, write
from fxlif.sim.report.difference import difference_table
from fxlif.sim.stimulus.layer import first_layer
from fxlif.sim.tools import simulators
from fxlif.sim.tools.ports import read_ports, read_sources

HERE = Path(__file__).parent
CYCLES = {"neuron": 5000, "core": 12_000}


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    """A folder with the files of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES:
        write(folder, example)
    return folder


def raw_map(folder: Path, example: str) -> dict[str, Any]:
    return load_map(folder / f"{example}_map.toml").model_dump(exclude_none=True)


def bare(folder: Path, example: str) -> DutMap:
    """The map without any state: only what goes over the wires counts."""
    content = raw_map(folder, example)
    for key in ("state", "trace", "dropped"):
        content[example].pop(key, None)
    return DutMap.model_validate(content)


class Many:
    """Collects cores, each under a name of its own, and runs all of them in one simulator."""

    def __init__(self, examples: Path) -> None:
        self.examples = examples
        self.jobs: dict[str, DutJob] = {}
        self.sources: dict[str, dict[str, str]] = {}

    def add(self, name: str, params: NeuronParams | NetworkParams, text: str, dut_map: DutMap,
            *, top: str, **more: Any) -> None:  # fmt: skip
        """A core; its modules get names of their own."""
        for module in ("neuron", "core", top):
            text = text.replace(f"module {module} ", f"module {module}_{len(self.jobs)} ")
            text = text.replace(f"\n    {module} inner", f"\n    {module}_{len(self.jobs)} inner")
        own = {"dut.v": text}
        self.jobs[name] = dut_job(
            params, own, top=f"{top}_{len(self.jobs)}", dut_map=dut_map,
            **{"cycles": CYCLES["neuron" if dut_map.neuron else "core"], "seed": 1, **more},
        )  # fmt: skip
        self.sources[name] = own

    def run(self, folder: Path) -> dict[str, Report]:
        shutil.copy(self.examples / "core_weights.mem", folder)
        return bench_many_duts.simulate(self.jobs, self.sources, folder)


def passed(report: Report) -> bool:
    return dut_failure_reasons(PASSED, report) == []


@needs_icarus
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_mistake_is_found(example: str, examples: Path, tmp_path) -> None:
    """By the events alone, on registers that wake up as zeros."""
    many = Many(examples)
    rule = load_hardware(examples / f"{example}.toml")
    for mistake in (None, *mistakes(example)):
        text = powered(example, source(example, mistake))
        many.add(str(mistake), rule, text, bare(examples, example), top=example)
    reports = many.run(tmp_path)
    assert {name for name, report in reports.items() if passed(report)} == {"None"}
    assert len(reports) == len(mistakes(example)) + 1
    correct = reports["None"]
    assert correct.spikes > 100
    assert correct.resets > 2


# --- other shapes -------------------------------------------------------------------------------

#: No handshake anywhere, and a tick on a wire of its own.
STROBES = """
module strobes (input clk, input rst, input spike, input tick, input [7:0] where,
                output out_spike, output out_tick, output [3:0] out_where);
    wire valid;
    wire [3:0] data;
    core inner (.clk(clk), .rst_n(!rst), .in_valid(spike || tick), .in_ready(),
                .in_data({tick, where[2:0] | {3{|where[7:3]}}}),
                .out_valid(valid), .out_ready(1'b1), .out_data(data));
    assign out_spike = valid && !data[3];
    assign out_tick = valid && data[3];
    assign out_where = data[2:0];
endmodule
"""


def strobes_map(**spacing: int) -> DutMap:
    return DutMap.model_validate({
        "clock": "clk", "reset": {"port": "rst"},
        "core": {
            "broken_promise": False,
            "events_in": {"valid": "spike", "tick_strobe": "tick", "address": "where",
                          "spacing": {"spike": 6, "tick": 14, "reset": 8, **spacing}},
            "events_out": {"valid": "out_spike", "tick_strobe": "out_tick",
                           "address": "out_where[2:0]"},
        },
    })  # fmt: skip


@needs_icarus
def test_other_shapes_and_wrong_maps(examples: Path, tmp_path) -> None:
    """What a map can say, on cores of which it is true; and maps that are wrong by a little."""
    many = Many(examples)
    rule = load_hardware(examples / "neuron.toml")
    network = load(examples / "core.toml")
    neuron = powered("neuron", source("neuron"))
    core = powered("core", source("core"))

    mealy = {"enable": "en", "spike": "spike", "latency": 0, "between": "low"}
    with_v = {**mealy, "state": {"v": "v"}}
    many.add("combinational", rule, MEALY, neuron_map(neuron=with_v), top="mealy")
    anything = neuron_map(neuron={**mealy, "between": "any"})
    many.add("anything between", rule, MEALY, anything, top="mealy")
    many.add("not combinational", rule, MEALY, neuron_map(neuron={**mealy, "latency": 1}),
             top="mealy")  # fmt: skip

    pipeline = {"enable": "en", "valid": "done", "latency": 3, "between": "low",
                "state": {"v": "v"}}  # fmt: skip
    asynchronous = {"port": "rst", "synchronous": False}
    for name, change, reset in (
        ("pipelined", {}, asynchronous),
        ("a stage too few", {"latency": 2}, asynchronous),
        ("a stage too many", {"latency": 4}, asynchronous),
        ("state too early", {"state_latency": 2}, asynchronous),
        ("not held", {"between": "held"}, asynchronous),
        ("not synchronous", {}, {"port": "rst"}),
    ):
        dut_map = neuron_map(neuron={**pipeline, **change}, reset=reset)
        many.add(name, rule, neuron + PIPELINED, dut_map, top="pipelined")

    free = {"clock": "clk", "ties": {"bus[31:21]": 5, "bus[10:0]": 0, "test": 0},
            "neuron": {"current": "bus[20:11]", "spike": "seen[15]",
                       "state": {"v": "seen[9:0]"}}}  # fmt: skip
    awake = neuron.replace("v = 0;", "v = V_RESET;")
    many.add("free running", rule, awake + FREE_RUNNING, DutMap.model_validate(free),
             top="free_running")  # fmt: skip
    free["ties"]["test"] = 1
    many.add("held still", rule, awake + FREE_RUNNING, DutMap.model_validate(free),
             top="free_running")  # fmt: skip

    many.add("strobes", network, core + STROBES, strobes_map(), top="strobes")
    many.add("spikes too close", network, core + STROBES, strobes_map(spike=5), top="strobes")
    many.add("ticks too close", network, core + STROBES, strobes_map(tick=7), top="strobes")
    both = STROBES.replace("out_tick = valid && data[3]", "out_tick = valid")
    many.add("both strobes", network, core + both, strobes_map(), top="strobes")

    full = load_map(examples / "core_map.toml")
    swapped = full.model_dump(exclude_none=True)
    swapped["reset"]["active"] = "high"
    many.add("wrong polarity", network, core, DutMap.model_validate(swapped), top="core")
    many.add("every port", network, core, full, top="core")
    many.add("wrong trace", network, core.replace("trace_v     <= after", "trace_v <= now"), full,
             top="core")  # fmt: skip
    many.add("trace left out", network, core.replace("trace_valid <= 1", "trace_valid <= n != 0"),
             full, top="core")  # fmt: skip
    many.add("wrong counter", network, core.replace("dropped + 1", "dropped + 2"), full, top="core")
    many.add("as populations", as_populations(network), core, full, top="core")
    many.add("another rule", with_threshold(network, 119), core, full, top="core")
    stream = events.from_counts([[1, 0, 2, 0, 1, 0]] * 40)
    payloads = events.pack(stream, 3).tolist()
    given = [*payloads, RESET_MARK, *payloads]
    many.add("given events", network, core, full, top="core", events=given, cycles=1 << 40)
    silent = rule.model_copy(update={"v_threshold": 511, "compare": "gt"})
    never = neuron.replace("u >= THRESHOLD", "u > 511")
    many.add("never fires", silent, never, bare(examples, "neuron"), top="neuron")

    reports = many.run(tmp_path)
    right = {"combinational", "anything between", "pipelined", "free running", "strobes",
             "every port", "as populations", "given events"}  # fmt: skip
    assert {name for name, report in reports.items() if passed(report)} == right
    assert reports["given events"].steps == 80
    assert reports["given events"].resets == 2  # at power-up, and the one given
    assert reports["never fires"].mismatches == 0
    assert any("ever fired" in line for line in dut_failure_reasons(PASSED, reports["never fires"]))
    assert reports["wrong counter"].first.signal == "dropped"
    assert reports["wrong trace"].first.signal == "trace.v"
    assert reports["trace left out"].problems
    assert reports["every port"].signals["trace.v"][0] > 400


def with_threshold(network: NetworkParams, value: int) -> NetworkParams:
    core = network.core[0]
    neuron = core.neuron.model_copy(update={"v_threshold": value})
    return NetworkParams.chain(core.model_copy(update={"neuron": neuron}))


def as_populations(network: NetworkParams) -> NetworkParams:
    """The same rule, written with populations."""
    core = network.core[0]
    return NetworkParams.model_validate({
        "source": [{"kind": "events", "name": "in", "n": core.n_inputs,
                    "max_events_per_input": core.max_events_per_input}],
        "population": [{"name": "out", "n": core.n_neurons, "neuron": core.neuron}],
        "projection": [{"source": "in", "target": "out", "delay": 0,
                        "synapses": {"kind": "dense", "weights": core.weights}}],
    })  # fmt: skip


@needs_icarus
@pytest.mark.parametrize("example", EXAMPLES)
def test_unknown_values_are_found(example: str, examples: Path, tmp_path) -> None:
    """Registers that no reset reaches: the first difference says that they are unknown."""
    mistake = {"neuron": "refractory_not_reset", "core": "state_not_reset"}[example]
    many = Many(examples)
    rule = load_hardware(examples / f"{example}.toml")
    many.add("x", rule, source(example, mistake), bare(examples, example), top=example)
    if example == "core":  # an address that is unknown where another one than 0 is due
        text = source("core").replace(
            "1 << OUT_BITS : {1'b0, n}", "8 : n == 2 ? 4'bxz10 : {1'b0, n}"
        )
        many.add("z", rule, text, bare(examples, example), top=example)
    reports = many.run(tmp_path)
    assert all(report.first.signal.endswith(".unknown") for report in reports.values())


# --- the whole way ------------------------------------------------------------------------------


def verified(folder: Path, example: str, **more: Any):
    return verify_dut(
        load_hardware(folder / f"{example}.toml"), name=f"{example}.toml",
        sources=[folder / f"{example}.v"], top=example, mapping=folder / f"{example}_map.toml",
        **{"simulator": "icarus", "cycles": CYCLES[example], "seed": 4, **more},
    )  # fmt: skip


@needs_icarus
def test_findings_of_a_correct_core(examples: Path, tmp_path) -> None:
    seen = []
    found = verified(examples, "core", out=tmp_path, progress=lambda *what: seen.append(what[0]))
    assert found.passed, found.reasons
    outcomes = {check.name: check.outcome for check in found.checks}
    assert outcomes["events_out.payload.address"] == "passed"
    assert outcomes["trace.v"] == "passed"
    assert outcomes["saturated"] == "not_applicable"
    assert outcomes["broken_promise"] == "not_applicable"
    assert found.figures["spikes"] > 100
    bins = {(each.group, each.name): each for each in found.coverage}
    assert bins["threshold", "fires"].count == found.figures["spikes"]
    assert bins["v", "wraps up"].reachable is False
    assert sum(each.hit for each in found.coverage) > 20
    assert "simulating" in seen
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"core_weights.mem", "simulation.log"}  # what it reads, what it said


@needs_icarus
def test_a_core_that_complains_is_failed_for_that_alone(examples: Path, tmp_path) -> None:
    """Beside a TICK this core shows an unknown address, which means nothing."""
    shutil.copytree(examples, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "core.v").read_text()
    edited = text.replace("1 << OUT_BITS", "{1'b1, {OUT_BITS{1'bx}}}").replace(
        "endmodule", 'always @(posedge clk) if (state == TICK) $warning("tick");\nendmodule'
    )
    assert edited.count("'bx") == 1
    (tmp_path / "core.v").write_text(edited)
    found = verified(tmp_path, "core", cycles=2000, out=tmp_path / "out")
    (reason,) = found.reasons
    line = edited[: edited.index("$warning")].count("\n") + 1
    assert reason.startswith(f"the run: the design says $warning at core.v:{line}: tick (")
    assert [check.name for check in found.checks if check.outcome == "failed"] == ["the run"]
    again = replay_dut(tmp_path / "out")
    assert f"the run: {again.reasons[0]}" == reason
    assert again.reproduced


def test_a_stimulus_that_was_cut_owes_nothing_at_its_end() -> None:
    """A mended core was said to fail: in the last cycles it had taken what it had not answered."""
    failed = simulators.Results(passed=0, failed=1, skipped=0, message="5 are still owed")
    report = Report(cycles=65, comparisons=300, problems=["5 are still owed"])
    assert replay_reasons(failed, report, cycles=65, whole=False) == []
    assert "5 are still owed" in replay_reasons(failed, report, cycles=65, whole=True)
    report.problems = []
    (reason,) = replay_reasons(failed, report, cycles=65, whole=False)
    assert reason.startswith("the bench failed")
    passed = replace(failed, passed=1, failed=0)
    (reason,) = replay_reasons(passed, report, cycles=66, whole=False)
    assert reason == "65 cycles were checked, 66 expected"


LOGS = {
    "icarus": """\
WARNING: /a b/core.v:3: $readmemh(core.mem): Not enough words in the file
ERROR: /a b/core.v:7: wrong
       Time: 1 Scope: FxlifBench.dut
ERROR: /a b/core.v:7: wrong
FATAL: core.v:9: over
WARNING: core.v:9:\x20
** VVP Stop(0) **
     1.00ns WARNING  cocotb.regression                  something else
""",
    "verilator": """\
[4] %Error: core.v:7: Assertion failed in FxlifBench.dut: wrong
%Error: /a b/core.v:7: Verilog $stop
[5] %Warning: core.v:8: FxlifBench.dut: strange: 1
%Warning: core.mem:0: $readmem file not found
""",
    "stopped": "%Error: /a b/core.v:7: Verilog $stop\n",
    "many": "".join(f"ERROR: core.v:{k}: x\n" for k in range(MOST + 2)),
}
COMPLAINTS = {
    "icarus": (
        "the design says $error at core.v:7: wrong (2 times)",
        "the design says $fatal at core.v:9: over", "the design says $warning at core.v:9",
        "the design calls $stop",
    ),
    "verilator": (
        "the design says $error at core.v:7: wrong",
        "the design says $warning at core.v:8: strange: 1",
    ),
    "stopped": ("the design calls $stop at core.v:7",),
    "many": (
        *(f"the design says $error at core.v:{k}: x" for k in range(MOST)),
        "the design complains of 2 more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_complaints_in_a_log(name: str, tmp_path) -> None:
    log = tmp_path / "log"
    assert complaints(log) == ()
    log.write_text(LOGS[name])
    assert complaints(log) == COMPLAINTS[name]


@needs_icarus
def test_findings_of_a_mistake_and_its_replay(examples: Path, tmp_path) -> None:
    write(tmp_path, "neuron", "truncation")
    found = verified(tmp_path, "neuron", out=tmp_path / "out")
    assert not found.passed
    failed = {check.name: check.detail for check in found.checks if check.outcome == "failed"}
    assert "mismatches" in failed["the run"]
    assert "port v: cycle" in failed["state.v"]
    assert found.first is not None
    assert {"current", "state.v"} <= set(found.first.history)  # the cycles before
    assert found.folder == str(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.txt", "design.toml", "failure.json", "fxlif_bench.v", "neuron.v", "simulation.log",
        "stimulus.mem", "waves.v", "waves.vcd",
    ]  # fmt: skip
    assert found.replay == f"fxlif replay {tmp_path / 'out'}"
    readme = (tmp_path / "out" / "README.txt").read_text()
    assert difference_table(found.first, 80) in readme
    (check,) = [line for line in readme.splitlines() if line.startswith("    fxlif verify neuron")]
    words = check.split()
    assert words[3:5] == ["--dut", str(tmp_path / "neuron.v")]
    short = int(words[words.index("--cycles") + 1])
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert is_foreign(moved)
    shown = replay_dut(moved)
    assert shown.reproduced
    assert shown.findings.first == found.first
    assert shown.report.cycles == found.first.cycle + 21 == short + 1


@needs_icarus
@pytest.mark.slow  # five simulations each
@pytest.mark.parametrize(
    ("example", "mistake", "other", "simulator", "seed"),
    [
        ("neuron", "truncation", "greater_than", "icarus", 4),
        ("core", "last_synapse", "early_tick", "verilator", 1),
    ],
)
def test_a_replay_says_whether_it_is_mended(
    example: str, mistake: str, other: str, simulator: str, seed: int, examples: Path, tmp_path
) -> None:
    write(tmp_path, example, mistake)
    verified(tmp_path, example, simulator=simulator, seed=seed, out=tmp_path / "out")
    folder = tmp_path / "out"
    assert replay_dut(folder, waves=True).reproduced
    assert "$enddefinitions" in (folder / "replay.vcd").read_text()
    # Mended, nothing differs; wrong in another way, it is not what was recorded.
    shutil.copy(examples / f"{example}.v", folder)
    mended = replay_dut(folder)
    assert (mended.reasons, mended.reproduced, mended.findings.passed) == ([], False, True)
    write(folder, example, other)
    shown = replay_dut(folder)
    assert (shown.reasons == [], shown.reproduced) == (False, False)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_verilator(example: str, examples: Path, tmp_path) -> None:
    """The same on two-valued registers, through the whole way: some 10 s for each build."""
    for mistake in (None, *mistakes(example)):
        write(tmp_path, example, mistake)
        found = verified(tmp_path, example, simulator="verilator", out=tmp_path / "out")
        assert found.passed is (mistake is None), mistake


@needs_icarus
@pytest.mark.parametrize("mistake", [None, "early_tick"])
def test_own_cocotb_test(mistake: str | None, examples: Path, tmp_path) -> None:
    """The checker in a user's own bench, without map and wrapper."""
    icarus = simulators.find("icarus")
    shutil.copy(examples / "core_weights.mem", tmp_path)
    built = simulators.build(icarus, {"core.v": source("core", mistake)}, top="core")
    results = simulators.run(
        icarus, built, top="core", module="bench_own_dut", folder=tmp_path, seed=1,
        environment={"DESIGN": str(examples / "core.toml"), "FOUND": str(tmp_path / "found")},
    )  # fmt: skip
    steps, spikes, comparisons = map(int, (tmp_path / "found").read_text().split())
    if mistake is None:
        assert (results.passed, results.failed) == (1, 0), results
        assert min(steps, spikes) > 30
        assert comparisons > 500
    else:
        assert (results.passed, results.failed) == (0, 1)
        assert "event out: expected spike" in results.message


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (FINE, None),
        (replace(FINE, unchecked_cycles=3), "nothing was compared in 3"),
        (replace(FINE, steps=0), "no step"),
        (replace(FINE, comparisons=0), "nothing was compared"),
        (replace(FINE, spikes=0), "ever fired"),
        (replace(FINE, mismatches=2), "2 mismatches"),
    ],
)
def test_reasons(report, reason: str | None) -> None:
    content = {**vars(report), "steps": report.steps if reason == "no step" else 5}
    found = dut_failure_reasons(PASSED, Report(**content))
    assert found == [] if reason is None else any(reason in line for line in found)
    excused = Report(**{**content, "excused": 3})
    if reason is not None and "in 3" in reason:
        assert dut_failure_reasons(PASSED, excused) == []


def test_what_is_owed_at_the_end_is_a_reason() -> None:
    report = Report(**{**vars(FINE), "steps": 1, "problems": ["events out: 2 are owed"]})
    assert dut_failure_reasons(PASSED, report) == ["events out: 2 are owed"]
    assert dut_failure_reasons(PASSED, None) == ["the bench left no report"]


# --- what a user gets wrong ---------------------------------------------------------------------


def refused(folder: Path, example: str, edit: tuple[str, str], **more: Any) -> str:
    """The one line that an edit of an example's map is refused with."""
    path = folder / f"{example}_map.toml"
    text = path.read_text()
    assert text.count(edit[0]) >= 1
    path.write_text(text.replace(*edit, 1))
    with pytest.raises(FxlifError) as caught:
        verified(folder, example, **more)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}: ") or "map" not in line
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("example", "edit", "line"),
    [
        ("neuron", ('"spike"', '"fire"'), "neuron.spike: must be one of the outputs of neuron "
         "(spike, v[9:0], refractory[7:0]), not 'fire'"),
        ("neuron", ('"spike"', '"v[9:8]"'), "neuron.spike: must be of 1 bit, not 'v[9:8]' of 2"),
        ("neuron", ('spike = "spike"', 'spike = "v[10]"'),
         "neuron.spike: must be bits of v[9:0], not 'v[10]'"),
        ("neuron", ('v = "v"', 'v = "refractory"'), "neuron.state.v: must be of 10 to 62 bits (the "
         "rule's v has 10), not 'refractory' of 8"),
        ("neuron", ('v = "v"', 'theta = "v"'), "neuron.state.theta: must be left out: the state of "
         "this neuron is v, refractory, not 'v'"),
        ("neuron", ('enable = "enable"\n', ""), "ties: a constant is missing for enable, which no "
         "other key names"),
        ("neuron", ('"enable"', '"rst_n"'),
         "neuron.enable: must be an input that no other key names, not 'rst_n'"),
        ("neuron", ('enable = "enable"', 'enable = "spike"'), "neuron.enable: must be one of the "
         "inputs of neuron (clk, rst_n, enable, current[9:0]), not 'spike'"),
        ("neuron", ("latency = 1", "latency = 0"),
         "neuron.between: must be 'low' or 'any' with latency 0, not 'held'"),
        ("neuron", ('"low"', '"down"'), "reset.active: must be 'high' or 'low', not 'down'"),
        ("neuron", ("SHIFT = 3", "SHIFT = 3.5"), "parameters.SHIFT: must be an integer or text, "
         "not 3.5"),
        ("neuron", ('clock = "clk"', 'clock = "v[9:0]"'),
         "clock: must be a whole port, not 'v[9:0]'"),
        ("neuron", ("[neuron]", "[neurons]"), "neurons: no such parameter; did you mean "
         "neuron? There are clock, core, files, initial, neuron, parameters, reset, ties"),
        ("core", ('tick = "in_data[3]"\n', ""), "core.events_in.tick: one of tick and "
         "tick_strobe must be given, not neither"),
        ("core", ('ready = "in_ready"\n', ""), "core.events_in.ready: one of ready and "
         "spacing must be given, not neither"),
        ("core", ('"in_data[2:0]"', '"in_data[1:0]"'), "core.events_in.address: must be of "
         "3 to 30 bits (the inputs need 3), not 'in_data[1:0]' of 2"),
        ("core", ('"in_data[2:0]"', '"in_data[0:2]"'), "core.events_in.address: must be "
         "a range with the higher bit first, not 'in_data[0:2]'"),
        ("core", ('files = ["core_weights.mem"]', 'files = ["none.mem"]'), "files[0]: must be a "
         "file beside the map, not 'none.mem' (No such file or directory)"),
        ("core", ("SHIFT = 3", "SHIFTS = 3"),
         "parameters.SHIFTS: must be a parameter of module 'core', not 'SHIFTS'"),
    ],
)  # fmt: skip
def test_a_wrong_map_is_one_line(example: str, edit, line: str, tmp_path) -> None:
    write(tmp_path, example)
    found = refused(tmp_path, example, edit)
    assert found == line


def test_design_and_map_of_different_kinds(examples: Path) -> None:
    with pytest.raises(
        FxlifError, match=r"core_map\.toml: must be a map of a neuron, .* not 'core'"
    ):
        verify_dut(load_hardware(examples / "neuron.toml"), name="n",
                   sources=[examples / "core.v"], top="core",
                   mapping=examples / "core_map.toml")  # fmt: skip


def test_verilog_that_cannot_be_used(examples: Path, tmp_path) -> None:
    good = {"a.v": "module a (input clk, output [3:0] b); endmodule"}
    assert {str(port) for port in read_ports(good, "a", {}).values()} == {"clk", "b[3:0]"}
    wide = {"a.v": "module a #(parameter W = 1) (input [2*W:0] b); endmodule"}
    assert read_ports(wide, "a", {"W": 5})["b"].width == 11
    for text, top, message in (
        (good["a.v"], "b", "top: must be a module of a.v: a, not 'b'"),
        ("module a (input clk;", "a", "a.v: not accepted by Verilator"),
        (
            "module a (input b [3:0]); endmodule",
            "a",
            "a: port b: must be bits .* not UNPACKARRAYDTYPE",
        ),
        (
            "module a (input [0:3] b); endmodule",
            "a",
            r"a: port b: must be of a range .* not \[0:3\]",
        ),
    ):
        with pytest.raises(FxlifError, match=message) as caught:
            read_ports({"a.v": text}, top, {})
        assert "\n" not in str(caught.value)
    with pytest.raises(FxlifError, match=r"must be a file of Verilog \(\.v, \.sv\), not '\.vhd'"):
        read_sources([tmp_path / "a.vhd"])
    with pytest.raises(FxlifError, match=r"none\.v: no such file"):
        read_sources([tmp_path / "none.v"])
    (tmp_path / "a.v").write_text('`include "b.vh"\nmodule a; endmodule\n')
    (tmp_path / "b.vh").write_text("// included\n")
    assert read_sources([tmp_path / "a.v"])["a.v"].startswith("// included")
    (tmp_path / "b.vh").write_text('`include "b.vh"\n')
    with pytest.raises(FxlifError, match="must not be included by itself"):
        read_sources([tmp_path / "a.v"])


def test_more_than_one_source_of_events(examples: Path) -> None:
    network = as_populations(load(examples / "core.toml"))
    twice = network.model_copy(update={"source": (
        *network.source, network.source[0].model_copy(update={"name": "more"}))})  # fmt: skip
    with pytest.raises(FxlifError, match="source: must be a single event source"):
        dut_job(twice, {"core.v": source("core")}, top="core",
                dut_map=load_map(examples / "core_map.toml"))  # fmt: skip


def test_first_layer_is_the_core_itself(examples: Path) -> None:
    network = load(examples / "core.toml")
    for written in (network, as_populations(network)):
        assert (first_layer(written).weights == network.core[0].weights).all()
        assert first_layer(written, 7).in_address_bits == 7


def test_examples_that_are_not_there(tmp_path) -> None:
    with pytest.raises(FxlifError) as refused:
        write(tmp_path, "synapse")
    assert (refused.value.key, refused.value.value) == ("example", "synapse")
    assert refused.value.allowed == "neuron or core"
    with pytest.raises(FxlifError) as refused:
        source("neuron", "none")
    assert (refused.value.key, refused.value.value) == ("mistake", "none")
    assert "greater_than" in refused.value.allowed
    with pytest.raises(FxlifError, match="no such file"):
        load_map(tmp_path / "map.toml")


# --- the checkers, without a simulator ----------------------------------------------------------

RULE = NeuronParams(
    v_threshold=60, refractory=2, state_bits=9, bias=3, adaptation={"increment": 5},
    synapse={"kind": "exponential", "leak": {"kind": "shift", "shift": 2}},
)  # fmt: skip


def neuron_run(checker: NeuronChecker, latency: int, wrong: str = "") -> int:
    """A neuron in plain Python, by the oracle; from cycle 300 on ``wrong`` is off by one."""
    draw = random.Random(3)
    state, spike = oracle.initial(RULE), False
    shown = [(state, spike)] * latency
    for cycle in range(600):
        rst, enable = int(draw.random() < 0.01), draw.random() < 0.8
        current = draw.randint(-30, 60)
        seen, fired = shown[-latency]
        observed = {"spike": int(fired), "v": seen.v, "i_syn": seen.i_syn, "theta": seen.theta,
                    "refractory": seen.refractory}  # fmt: skip
        if wrong and cycle >= 300:
            observed[wrong] = 1 - observed[wrong] if wrong == "spike" else observed[wrong] + 1
        checker.clock(rst=rst, enable=enable, current=current, **observed)
        if rst:
            state, spike = oracle.initial(RULE), False
            shown = [(state, spike)] * latency
            continue
        if enable:
            state, spike = oracle.step(RULE, state, current, RULE.v_threshold)
        shown = [*shown, (state, spike)][-latency:]
    return checker.comparisons


@pytest.mark.parametrize("latency", [1, 2, 5])
def test_neuron_checker(latency: int) -> None:
    checker = NeuronChecker(RULE, latency=latency, known_at_power_up=True)
    assert neuron_run(checker, latency) == 5 * 600
    assert checker.spikes > 20
    late = NeuronChecker(RULE, latency=latency + 1, known_at_power_up=True)
    with pytest.raises(Difference):
        neuron_run(late, latency)


def test_neuron_checker_counts_spikes() -> None:
    rule = NeuronParams(
        v_threshold=10, max_spikes_per_step=6, reset="subtract", leak={"kind": "none"}
    )
    checker = NeuronChecker(rule, known_at_power_up=True)
    checker.clock(current=35, spike=0, v=0)
    checker.clock(current=90, spike=3, v=5)
    checker.clock(current=0, spike=6, v=35)
    assert checker.spikes == 3 + 6 + 3
    with pytest.raises(Difference, match="cycle 3: spike: expected 3, observed 1"):
        checker.clock(current=0, spike=1, v=5)


@pytest.mark.parametrize("wrong", ["spike", "v", "i_syn", "theta", "refractory"])
def test_neuron_checker_names_the_first_difference(wrong: str) -> None:
    with pytest.raises(Difference, match=f"cycle 300: {wrong}: expected") as caught:
        neuron_run(NeuronChecker(RULE, known_at_power_up=True), 1, wrong)
    assert (caught.value.cycle, caught.value.signal) == (300, wrong)


def test_neuron_checker_before_reset_and_unknown_names() -> None:
    checker = NeuronChecker(RULE)
    checker.clock(current=0, spike="x")
    assert checker.comparisons == 0
    checker.clock(rst=1, current="x", spike="x")
    with pytest.raises(Difference, match="cycle 2: spike: expected 0, observed x"):
        checker.clock(current=0, spike="x")
    with pytest.raises(TypeError, match="fire: must be one of spike, valid, v,"):
        checker.clock(current=0, fire=0)


CORE: CoreParams = CORES["a lane to spare"]


@pytest.fixture(scope="module")
def core_cycles() -> list[dict[str, int]]:
    """Cycles of fxlif's own core in Amaranth's simulator, with stalls and resets."""
    dut = component(CORE)
    interface = interface_of(dut)
    cycles = interface.decode(simulate(dut, random_driver(CORE, interface, 5), 4000))
    names = {
        "rst": "rst", "in_valid": "events_in.valid", "in_ready": "events_in.ready",
        "in_address": "events_in.payload.address", "in_tick": "events_in.payload.tick",
        "out_valid": "events_out.valid", "out_ready": "events_out.ready",
        "out_address": "events_out.payload.address", "out_tick": "events_out.payload.tick",
    }  # fmt: skip
    columns = {key: cycles[name].tolist() for key, name in names.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def stream_run(rows: list[dict[str, int]], **more: Any) -> StreamChecker:
    checker = StreamChecker(CORE, known_at_power_up=True, **more)
    for row in rows:
        checker.clock(**row)
    return checker


def test_stream_checker(core_cycles) -> None:
    checker = stream_run(core_cycles)
    assert checker.steps > 50
    assert checker.spikes > 50
    assert checker.comparisons > 1000


def edited(rows: list[dict[str, int]], at: int, **values: int) -> list[dict[str, int]]:
    return [*rows[:at], {**rows[at], **values}, *rows[at + 1 :]]


def first(rows: list[dict[str, int]], **wanted: int) -> int:
    """The first cycle after the 300th in which these signals have these values."""
    return next(k for k, row in enumerate(rows) if k > 300 and not row["rst"]
                and all(row[name] == value for name, value in wanted.items()))  # fmt: skip


def test_stream_checker_finds_what_breaks_the_contract(core_cycles) -> None:
    rows = core_cycles
    spike = first(rows, out_valid=1, out_ready=1, out_tick=0)
    tick = first(rows, out_valid=1, out_ready=1, out_tick=1)
    held = first(rows, out_valid=1, out_ready=0)
    quiet = max(k for k in range(tick) if rows[k]["out_valid"] and rows[k]["out_tick"]) + 1
    for at, change, message in (
        (spike, {"out_valid": 0}, "event out|out_valid|events out"),  # lost
        (spike, {"out_address": rows[spike]["out_address"] ^ 1}, "event out: expected spike"),
        (spike, {"out_tick": 1}, "event out: expected spike .*, observed TICK"),
        (tick, {"out_tick": 0}, "event out: expected TICK, observed spike"),
        (held + 1, {"out_valid": 0}, "out_valid: expected .*, observed no event"),
        (quiet, {"out_valid": 1}, "expected no event|expected TICK|expected spike"),  # invented
    ):
        with pytest.raises(Difference, match=message):
            stream_run(edited(rows, at, **change)).finish()


def test_stream_checker_and_silence(core_cycles) -> None:
    """A core that stops answering, and one that stops taking: found while it runs."""
    silent = {"out_valid": 0, "out_ready": 1, "rst": 0}
    mute = [{**row, **silent, "in_ready": row["in_ready"] if at < 200 else 0}
            for at, row in enumerate(core_cycles)]  # fmt: skip
    with pytest.raises(Difference, match="out_valid: expected"):
        stream_run(mute, patience=40)
    with pytest.raises(Difference, match="events out: expected"):
        stream_run(mute[:200]).finish()
    deaf = [{**row, "in_valid": 1, "in_ready": 0, "out_valid": 0, "rst": 0} for row in core_cycles]
    with pytest.raises(Difference, match="in_ready: expected 1, observed 0"):
        stream_run(deaf, patience=100)


def test_an_answer_before_its_question_is_not_owed() -> None:
    """In the cycle of the TICK at the earliest."""
    checker = StreamChecker(CORE, known_at_power_up=True)
    idle = {"in_valid": 0, "in_address": 0, "in_tick": 0, "out_address": 0, "out_tick": 1}
    checker.clock(**{**idle, "in_valid": 1, "in_tick": 1}, out_valid=1)
    with pytest.raises(Difference, match="expected no event, observed TICK"):
        checker.clock(**idle, out_valid=1)
