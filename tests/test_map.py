"""The forms of cores that a map knows: the pages' own cores pass, and mistakes in them are found.

The cores are those of docs/cores.md; a mistake is an edit of one.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import bench_many_duts
import pytest
from cores_page import FILES, PAGE
from designs import PASSED, needs_icarus

from fxlif import FxlifError, NetworkParams, NeuronParams
from fxlif.cycles.control import NONE
from fxlif.engines import can_compile
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.dut.core_map import CoreMap, InputMap, OutputMap, Spacing, StepMap, TraceMap
from fxlif.sim.dut.map import DutMap, NeuronMap, Reset, load_map
from fxlif.sim.dut.run import check_dut, dut_failure_reasons
from fxlif.sim.dut.testbench import DutJob, dut_job
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.tools.verilated import build

CORES = [name.removesuffix(".v") for name in FILES if name.endswith(".v") and name != "slow.v"]


def rule(**choices: Any) -> NetworkParams:
    core = {**tomllib.loads(FILES["rule.toml"])["core"][0], **choices}
    return NetworkParams.model_validate({"core": [core]})


def the_map(core: str, **changes: Any) -> DutMap:
    """The map of one of the page's cores; of a change, ``None`` leaves a key out."""
    content = tomllib.loads(FILES[f"{core}_map.toml"])
    for table, keys in changes.items():
        if table in ("reset", "clock", "ties", "initial"):
            content[table] = keys
            continue
        if table == "answer_within":
            content["core"][table] = keys
            continue
        merged = {**content["core"].get(table, {}), **(keys or {})}
        content["core"][table] = {key: value for key, value in merged.items() if value is not None}
        if keys is None:
            del content["core"][table]
    return DutMap.model_validate(content)


def edited(core: str, *edits: tuple[str, str]) -> str:
    text = FILES[f"{core}.v"]
    for find, put in edits:
        assert text.count(find) == 1, find
        text = text.replace(find, put)
    return text


class Many:
    """Collects cores, and runs all of them side by side in one Icarus."""

    def __init__(self) -> None:
        self.jobs: dict[str, DutJob] = {}
        self.sources: dict[str, dict[str, str]] = {}

    def add(self, name: str, core: str, text: str, dut_map: DutMap, *, cycles: int = 1000,
            design: NetworkParams | NeuronParams | None = None) -> None:  # fmt: skip
        top = f"{core}_{len(self.jobs)}"
        self.sources[name] = {"dut.v": text.replace(f"module {core} (", f"module {top} (")}
        self.jobs[name] = dut_job(design or rule(), self.sources[name], top=top, dut_map=dut_map,
                                  cycles=cycles, seed=1)  # fmt: skip

    def run(self, folder: Path) -> dict[str, Report]:
        return bench_many_duts.simulate(self.jobs, self.sources, folder)


def slow_map(**changes: Any) -> DutMap:
    content = tomllib.loads(FILES["slow_map.toml"])
    content["neuron"] |= changes
    return DutMap.model_validate(content)


def passed(report: Report) -> bool:
    return dut_failure_reasons(PASSED, report) == []


#: Falling, in ascending order and with a strobe behind its last spike.
DONE = (
    ("output idle,", "output done,"), ("reg [2:0] spikes;", "reg [2:0] spikes; reg runs;"),
    ("assign idle        = spikes == 0;",
     "wire idle = spikes == 0; assign done = runs && idle;"),
    ("spikes <= 0;\n            for", "spikes <= 0; runs <= 0;\n            for"),
    ("if (out_valid && out_ready)",
     "runs <= start || runs && !idle;\n            if (out_valid && out_ready)"),
    ("spikes[2] ? 2 : spikes[1] ? 1 : 0", "spikes[0] ? 0 : spikes[1] ? 1 : 2"),
)  # fmt: skip
DONE_MAP = {"step": {"idle": None, "done": "done"}, "events_out": {"order": None}}
#: The same in descending order, and with the strobe when the last spike is on offer.
ANY, ANY_MAP = DONE[:5], {"step": {"idle": None, "done": "done"}}
ANY_WITH = (
    *DONE[:2],
    (DONE[2][0],
     "wire idle = spikes == 0; assign done = runs && (spikes & (spikes - 1)) == 0;"),
    DONE[3], (DONE[4][0], f"runs <= start || runs && !done;\n            {DONE[4][0]}"),
)  # fmt: skip

#: Other maps of the page's cores, and edits that make them true.
VARIANTS: dict[str, tuple[str, tuple[tuple[str, str], ...], dict[str, Any]]] = {
    "active low": (
        "aer",
        (("if (!in_req) in_ack <= 0;", "if (in_req) in_ack <= 1;"),
         ("if (in_req && !in_ack) begin\n                    in_ack <= 1;",
          "if (!in_req && in_ack) begin\n                    in_ack <= 0;"),
         ("state <= WAIT; in_ack <= 0; out_req <= 0;", "state <= WAIT; in_ack <= 1; out_req <= 1;"),
         ("begin out_req <= 1; state <= SEND; end", "begin out_req <= 0; state <= SEND; end"),
         ("if (out_ack) begin out_req <= 0;", "if (!out_ack) begin out_req <= 1;"),
         ("if (!out_ack) begin n", "if (out_ack) begin n")),
        {"events_in": {"active": "low"}, "events_out": {"active": "low"}},
    ),
    "clock enable": ("frame", (), {"step": {"done": None, "cycles": 1}}),
    "every clock": (
        "frame", (("input start, ", ""), ("done   <= start;", "done <= 1;"),
                  ("            if (start)\n", "            if (1)\n")),
        {"step": {"start": None, "done": None, "clock": True, "cycles": 1},
         "events_out": {"between": "held"}}),
    "held": ("frame", (("            spikes <= 0;\n            if", "            if"),),
             {"events_out": {"between": "held"}}),
    "counts": (
        "frame",
        (("input [3:0] inputs", "input [7:0] inputs"),
         ("if (inputs[i]) u = u + $signed(W",
          "u = u + $signed({1'b0, inputs[2 * i +: 2]}) * $signed(W")),
        {},
    ),
    "busy": ("falling", (("output idle", "output busy"),
                         ("assign idle        = spikes == 0;",
                          "wire idle = spikes == 0; assign busy = !idle;")),
             {"step": {"idle": None, "busy": "busy"}}),
    "quiet": ("falling", (), {"step": {"idle": None, "quiet": 3}}),
    "rests where nothing is offered": (
        "falling",
        (("input start, output idle,", "output idle, input in_tick,"),
         ("assign idle        = spikes == 0;",
          "wire start = in_valid && in_ready && in_tick;\n"
          "    assign idle        = spikes == 0 && !in_valid;"),
         ("= idle && !start;", "= spikes == 0;"),
         ("assign out_valid   = !idle;", "assign out_valid   = spikes != 0;")),
        {"step": {"start": None}, "events_in": {"tick": "in_tick"}},
    ),
    "counts on valid to stay": (
        "pairs", (("reg [1:0] left;", "reg [1:0] left; reg was;"),
                  ("left <= 0; out_valid <= 0;", "left <= 0; was <= 0; out_valid <= 0;"),
                  ("out_valid <= left == 1;",
                   "was <= in_valid && !in_ready; if (was && !in_valid) sums[0] <= 50;\n"
                   "            out_valid <= left == 1;")), {}),
    "done behind the spikes": ("falling", DONE, DONE_MAP),
    "done with the last spike": (
        "falling", (*DONE[:2], (DONE[2][0], "wire idle = spikes == 0; assign done = runs && "
                                "(spikes & (spikes - 1)) == 0;"),
                    DONE[3], (DONE[4][0], "runs <= start || runs && !done;\n"
                              "            if (out_valid && out_ready)"), DONE[5]), DONE_MAP),
    "done behind spikes in any order": ("falling", ANY, ANY_MAP),
    "done with the last spike in any order": ("falling", ANY_WITH, ANY_MAP),
    "soon stuck": ("falling", (), {"answer_within": 10}),
    "inner signals": ("pairs", (("output reg shown, output reg group, output reg [19:0] potentials",
                                 "output unused"),
                                ("reg [1:0] left;",
                                 "reg [1:0] left; reg shown; reg group; reg [19:0] potentials;")),
                      {"trace": {"valid": ".shown", "index": ".group", "v": ".potentials[19:0]"}}),
    "vector with ready": ("pairs", (("output reg out_valid,",
                                     "output reg out_valid, input out_ready,"),
                                    ("assign in_ready = left == 0;",
                                     "assign in_ready = left == 0 && !out_valid;"),
                                    ("out_valid <= left == 1;",
                                     "out_valid <= left == 1 || out_valid && !out_ready;")),
                          {"events_out": {"ready": "out_ready"}}),
    "two clocks for a step": (
        "frame", (("if (!rst_n) begin\n", "if (!rst_n) begin go <= 0; "),
                  ("done   <= start;", "go <= start; done <= go;"),
                  ("            if (start)\n", "            if (go)\n"),
                  ("reg signed [12:0] u;", "reg signed [12:0] u; reg go;")), {}),
    "late states": ("frame", (), {"trace": {"settle": 7}}),
    "other than it says itself": (
        "frame", (("reg signed [12:0] u;", "reg signed [12:0] u; reg [3:0] by; initial by = 1;"),
                  ("(v[n] >>> 3)", "(v[n] >>> by)")), {"initial": {".by": 3}}),
    "states later than the end": ("frame", (), {"trace": {"settle": 700}}),
    "reset once": ("frame", (("negedge rst_n)\n        if (!rst_n) begin",
                              "negedge rst_n)\n        if (!rst_n && v[0] === 10'bx) begin"),),
                   {"reset": {"port": "rst_n", "active": "low", "once": True}}),
    "reset through flip-flops": (
        "aer", (("    always @(posedge clk)\n        if (rst) begin",
                 "    reg r0, r1; always @(posedge clk) begin r0 <= rst; r1 <= r0; end\n"
                 "    always @(posedge clk)\n        if (r1) begin"),),
        {"reset": {"port": "rst", "cycles": 2, "after": 2}},
    ),
}  # fmt: skip

#: By mistake: the core, the edits that make it, and the signal that shows it first, if one must.
MISTAKES: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "acknowledge without request": (
        "aer",
        (("if (!in_req) in_ack <= 0;", "if (!in_req) in_ack <= state == SENT;"),),
        "",
    ),
    "acknowledge goes down first": (
        "aer",
        (("if (!in_req) in_ack <= 0;", "in_ack <= 0;"),),
        "events_in.unasked",
    ),
    "taken twice while the request is up": (
        "aer",
        (
            (
                "if (in_req && !in_ack) begin\n                    in_ack <= 1;",
                "if (in_req) begin\n                    in_ack <= 1;",
            ),
        ),
        "",
    ),
    "acknowledged and forgotten": (
        "aer",
        (
            (
                "if (!in_req) in_ack <= 0;",
                "if (!in_req) in_ack <= 0; else if (state == SEND) in_ack <= 1;",
            ),
        ),
        "",
    ),
    "does not wait for the acknowledge to go down": (
        "aer",
        (("SENT: if (!out_ack) begin", "SENT: begin"),),
        "events_out.early",
    ),
    "request goes down first": (
        "aer",
        (("SEND: if (out_ack) begin", "SEND: begin"),),
        "events_out.valid",
    ),
    "the next request after a time of its own": (
        "aer",
        (
            ("SENT: if (!out_ack) begin", "SENT: if (t != 5) t <= t + 1; else begin t <= 0;"),
            ("reg [1:0] state, n;", "reg [1:0] state, n; reg [2:0] t = 0;"),
        ),
        "events_out.early",
    ),
    "acknowledges for a time of its own": (
        "aer",
        (
            ("if (!in_req) in_ack <= 0;", "t <= in_ack ? t + 1 : 0; if (t == 6) in_ack <= 0;"),
            ("reg [1:0] state, n;", "reg [1:0] state, n; reg [2:0] t = 0;"),
        ),
        "events_in.unasked",
    ),
    "the address is read behind the request": (
        "aer",
        (
            ("reg [1:0] state, n;", "reg [2:0] state; reg [1:0] n;"),
            (
                "in_ack <= 1;\n                    n      <= 0;",
                "in_ack <= 1; state <= 4; end\n                4: if (!in_req) begin\n"
                "                    state <= WAIT; n <= 0;",
            ),
        ),
        "",
    ),
    "the address moves behind the acknowledge": (
        "aer",
        (
            (
                "SEND: if (out_ack) begin",
                "SEND: if (out_ack && out_data[1:0] == n) out_data <= ~out_data; "
                "else if (out_ack) begin",
            ),
        ),
        "events_out.moved",
    ),
    "a word of the memory is not reset": (
        "aer",
        (
            (
                "k < 4; k = k + 1) begin v[k] <= 0; sums",
                "k < 4; k = k + 1) begin if (k != 1 || v[1] === 10'bx) v[k] <= 0; sums",
            ),
        ),
        "",
    ),
    "a word of the memory is wrong": (
        "aer",
        (("v[n] <= fire ? u - 100 : u", "v[n] <= fire ? u - 100 : u ^ (n == 2 && u > 40)"),),
        "trace.v",
    ),
    "done comes twice": (
        "frame",
        (("done   <= start;", "done <= start || done && spikes != 0;"),),
        "events_out.lost",
    ),
    "done without a start": (
        "frame",
        (("done   <= start;", "done <= start || inputs == 15;"),),
        "events_out.lost",
    ),
    "done is missing at times": (
        "frame",
        (("done   <= start;", "done <= start && inputs != 6;"),),
        "events_out.between",
    ),
    "the vector glitches": (
        "frame",
        (("            spikes <= 0;\n            if", "            if"),),
        "events_out.between",
    ),
    "a bit of the vector in another place": (
        "frame",
        (("spikes[n] <=", "spikes[2 - n] <="),),
        "events_out.payload.address",
    ),
    "a lane of the states crossed": (
        "pairs",
        (("potentials[10 * (k % 2) +: 10]", "potentials[10 * (1 - k % 2) +: 10]"),),
        "trace.v",
    ),
    "a group of states left out": (
        "pairs",
        (("shown     <= left != 0;", "shown <= left == 2;"),),
        "",
    ),
    "a group of states twice": (
        "pairs",
        (("shown     <= left != 0;", "shown <= left != 0 || out_valid && spikes == 7;"),),
        "trace.valid",
    ),
    "the strobe of the vector lasts": (
        "pairs",
        (("out_valid <= left == 1;", "out_valid <= left == 1 || out_valid && spikes != 0;"),),
        "events_out.lost",
    ),
    "a group that there is not": (
        "pairs",
        (
            ("output reg group", "output reg [1:0] group"),
            ("shown     <= left != 0;", "shown     <= left != 0 || out_valid;"),
            (
                "left == 1;\n            if (left",
                "left == 0 ? 2 : left == 1;\n            if (left",
            ),
        ),
        "trace.valid",
    ),
    "a vector that does not wait for ready": (
        "pairs",
        (("output reg out_valid,", "output reg out_valid, input out_ready,"),),
        "events_out.withdrawn",
    ),
    "a spike withdrawn under a stall": (
        "falling",
        (
            (
                "assign out_valid   = !idle;",
                "reg hides = 0; always @(posedge clk) hides <= out_valid && !out_ready;\n"
                "    assign out_valid   = !idle && !hides;",
            ),
        ),
        "events_out.withdrawn",
    ),
    "another spike under a stall": (
        "falling",
        (
            (
                "reg [2:0] spikes;",
                "reg [2:0] spikes; reg turn = 0; always @(posedge clk) turn <= !turn;",
            ),
            ("spikes[2] ? 2 :", "turn && spikes[0] ? 0 : spikes[2] ? 2 :"),
        ),
        "events_out.withdrawn",
    ),
    "a spike lost under a stall": (
        "falling",
        (("if (out_valid && out_ready)", "if (out_valid && (out_ready || spikes == 5))"),),
        "",
    ),
    "a spike after the end": (
        "falling",
        (("assign idle        = spikes == 0;", "assign idle = spikes == 0 || spikes == 1;"),),
        "",
    ),
    "done before the last spike": (
        "falling",
        (
            *DONE[:4],
            (DONE[4][0], f"runs <= start;\n            {DONE[4][0]}"),
            DONE[5],
            ("done = runs && idle;", "done = runs;"),
        ),
        "events_out.late",
    ),
    "done before the last spike in any order": (
        "falling",
        (*ANY[:2], (DONE[2][0], "wire idle = spikes == 0; assign done = runs;"), *ANY[3:]),
        "events_out.lost",
    ),
    "done twice beside a spike in any order": (
        "falling",
        (
            *ANY_WITH[:4],
            (
                DONE[4][0],
                "runs <= start || runs && !idle;\n            if (out_valid && out_ready)",
            ),
        ),
        "events_out.lost",
    ),
    "a spike lost in any order": (
        "falling",
        (*ANY, ("spikes[k] <= u >= 100;", "spikes[k] <= u >= 100 && !(k == 1 && u > 130);")),
        "events_out.payload.address",
    ),
    "a counter that ends early": (
        "strobes",
        (("unknown + (unknown != 255)", "unknown + (unknown != 3)"),),
        "dropped",
    ),
    "two lanes saturate and count as one": (
        "strobes",
        (("total = total + 1", "total = limited + 1"),),
        "saturated",
    ),
    "a neuron that there is not": (
        "falling",
        (
            ("spikes[2] ? 2 :", "spikes[2] ? (spikes[1] ? 3 : 2) :"),
            ("spikes[out_address] <= 0", "spikes[out_address == 3 ? 2 : out_address] <= 0"),
        ),
        "events_out.stray",
    ),
}


#: Mistakes that are seen with another map. States keep one away: no event goes in until they are
#: looked at.
OTHER_MAPS: dict[str, dict[str, Any]] = {
    "acknowledged and forgotten": {"trace": None},
    "done before the last spike": DONE_MAP,
    **{
        f"{name} in any order": ANY_MAP
        for name in ("done before the last spike", "done twice beside a spike", "a spike lost")
    },
    "a vector that does not wait for ready": {"events_out": {"ready": "out_ready"}},
}


def variant(name: str) -> tuple[str, str, DutMap, NetworkParams]:
    """Name of the core, its text and map, and the rule."""
    core, edits, changes = VARIANTS[name]
    design = rule(max_events_per_input=3) if name == "counts" else rule()
    return core, edited(core, *edits), the_map(core, **changes), design


@needs_icarus
def test_cores_of_all_forms_and_their_mistakes(tmp_path) -> None:
    many = Many()
    for core in CORES:
        many.add(core, core, FILES[f"{core}.v"], the_map(core))
    for name in VARIANTS:
        core, text, dut_map, design = variant(name)
        many.add(name, core, text, dut_map, design=design)
    for name, (core, edits, _) in MISTAKES.items():
        dut_map = the_map(core, **OTHER_MAPS.get(name, {}))
        # A stall must meet one vector of spikes, which is rare.
        cycles = 5000 if name == "a spike lost under a stall" else 1000
        many.add(name, core, edited(core, *edits), dut_map, cycles=cycles)
    neuron = rule().core[0].neuron
    many.add("slow", "slow", FILES["slow.v"], slow_map(), design=neuron)
    many.add("enabled too often", "slow", FILES["slow.v"], slow_map(spacing=2), design=neuron)
    unsigned = edited("slow", ("signed [9:0] current", "[9:0] current"),
                      ("+ current;", "+ $signed({1'b0, current});"))  # fmt: skip
    narrow = {"current": "current[5:0]"}
    for name, changes in (("unsigned", {"unsigned": True}), ("with a sign", {})):
        many.add(name, "slow", unsigned, slow_map(**narrow, **changes).model_copy(
            update={"ties": {"current[9:6]": 0}}), design=neuron)  # fmt: skip
    many.add("a slow mistake", "slow", edited("slow", ("u >= 100;", "u > 100;")), slow_map(),
             design=neuron)  # fmt: skip
    reports = many.run(tmp_path)
    right = {*CORES, *VARIANTS, "slow", "unsigned"}
    assert {name for name, report in reports.items() if passed(report)} == right
    for name, (*_, signal) in MISTAKES.items():
        first = reports[name].first
        assert not signal or (first is not None and first.signal == signal), name
    assert reports["slow"].steps > 150
    for name in right - {"slow", "unsigned", "states later than the end"}:
        assert reports[name].spikes > 10, name
        assert reports[name].signals["trace.v"][0] > 20, name


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
@pytest.mark.parametrize("name", [*CORES, *VARIANTS, *MISTAKES])
def test_both_simulators(name: str, simulator: str, tmp_path) -> None:
    """In the simulator alone, and long enough for stalls of a thousand cycles."""
    design = rule()
    if name in VARIANTS:
        core, text, dut_map, design = variant(name)
    else:
        core, edits, _ = MISTAKES.get(name, (name, (), ""))
        text, dut_map = edited(core, *edits), the_map(core, **OTHER_MAPS.get(name, {}))
    two_state = simulator == "verilator"
    job = dut_job(design, {"dut.v": text}, top=core, dut_map=dut_map, two_state=two_state,
                  cycles=30_000, seed=2)  # fmt: skip
    results, report = check_dut(job, folder=tmp_path, simulator=simulator)
    reasons = dut_failure_reasons(results, report)
    assert bool(reasons) == (name in MISTAKES), reasons


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("name", [name for name in (*VARIANTS, *MISTAKES) if "any order" in name])
def test_any_order_with_done_in_bulk(name: str) -> None:
    core, edits, _ = VARIANTS[name] if name in VARIANTS else MISTAKES[name]
    job = dut_job(rule(), {"dut.v": edited(core, *edits)}, top=core,
                  dut_map=the_map(core, **ANY_MAP), two_state=True)  # fmt: skip
    target = ForeignTarget(job=job, library=build(job.sources), files={})
    found = target.run(1, 0, 1 << 20)
    assert (found.wrong == NONE and not found.reasons) is (name in VARIANTS)


def test_every_key_of_a_map_stands_on_the_page() -> None:
    models = [DutMap, NeuronMap, Reset, CoreMap, InputMap, OutputMap, StepMap, TraceMap, Spacing]
    keys = {key for model in models for key in model.model_fields}
    shown = set(re.findall(r"[`\[.{ ](\w+)(?:`|\]| = )|^(\w+) = ", PAGE, re.M))
    assert keys - {name for pair in shown for name in pair} == set()


# --- maps that are refused ----------------------------------------------------------------------

AER, FRAME = ("aer", FILES["aer_map.toml"]), ("frame", FILES["frame_map.toml"])
REFUSED: dict[str, tuple[tuple[str, str], tuple[str, str], str]] = {
    "two clocks": (AER, ('clock = "clk"', 'clock = ["clk", "clk_out"]'), r"clock: must be one port "
                   r"\(fxlif drives a single clock, .*\), not \['clk', 'clk_out'\]"),
    "both forms": (AER, ('request = "in_req"', 'request = "in_req"\nvalid = "in_req"'),
                   "core.events_in.valid: one of valid and request must be given, not both"),
    "no acknowledge": (AER, ('acknowledge = "in_ack"\n', ""),
                       "core.events_in.acknowledge: must be given beside request, not None"),
    "ready too": (AER, ('request = "out_req"', 'request = "out_req"\nready = "out_ack"'),
                             "core.events_out.ready: must be left out, beside a request, not .*"),
    "order": (AER, ('request = "out_req"', 'request = "out_req"\norder = "any"'),
              "core.events_out.order: must be 'ascending' without a step, not 'any'"),
    "not inside": (AER, ('".v[{n}][9:0]"', '".nothing[{n}][9:0]"'),
                   r"core.trace.v: must be a signal in\w+ aer \(.*nothing.*\), not 'nothing.*"),
    "too few bits inside": (AER, ('".v[{n}][9:0]"', '".v[{n}][8:0]"'),
                            r"core.trace.v: must be of 10 to 62 bits .*, not '.*' of 9"),
    "a number for a port": (AER, ('tick = "in_data[2]"', 'tick = ".in_data[2]"'),
                            r"core.events_in.tick: must be one of the inputs of aer .*"),
    "an address too large": (AER, ('tick = "in_data[2]"', 'tick = "in_data[2]"\ntick_address = 4'),
                             "core.events_in.tick_address: must be a number of 2 bits, not 4"),
    "no step": (FRAME, ('[core.step]\nstart = "start"\ndone = "done"\n', ""),
                "core.step.start: must be given, with a vector in, not None"),
    "ends": (FRAME, ('done = "done"', 'done = "done"\ncycles = 1'),
             "core.step.done: one of done, cycles and quiet must be given, not done and cycles"),
    "a tick beside a step": (FRAME, ('vector = "spikes"', 'valid = "done"\naddress = "spikes"\n'
                                     'tick = "done"'),
                             "core.events_out.(between|tick): must be left out.*"),
    "lanes": (FRAME, ('v = "potentials"', 'lanes = 2\nv = "potentials"'),
              "core.trace.lanes: must be 3, all neurons, without index, not 2"),
    "a neuron's state beside an index": (
        ("pairs", FILES["pairs_map.toml"]), ('v = "potentials"', 'v = ".v[{n}][9:0]"'),
        r"core.trace.index: must be left out, beside \{n\}, not 'group'"),
    "no file": (FRAME, ("[core.step]", '[initial]\n".v" = "v.mem"\n[core.step]'),
                "initial..v: must be a number, or one of files, not 'v.mem'"),
    "what no vector holds": (FRAME, ("[core.step]", "[core]\nbroken_promise = true\n[core.step]"),
                             "core.broken_promise: must be false, with a vector in, not True"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_map_is_one_line(name: str, tmp_path) -> None:
    (core, text), edit, line = REFUSED[name]
    assert text.count(edit[0]) == 1
    (tmp_path / "map.toml").write_text(text.replace(*edit))
    with pytest.raises(FxlifError) as caught:
        dut_job(rule(), {"dut.v": FILES[f"{core}.v"]}, top=core,
                dut_map=load_map(tmp_path / "map.toml"), map_file="map.toml")  # fmt: skip
    (found,) = str(caught.value).splitlines()
    assert re.fullmatch(rf".*map\.toml: {line}", found), found


def test_what_a_core_has_and_a_map_leaves_out() -> None:
    """An input like a second clock is said to be one; counts need bits enough."""
    text = FILES["frame.v"].replace("input start", "input start, input clk_io")
    with pytest.raises(
        FxlifError, match=r"clk_io looks like a second clock: fxlif drives a single"
    ):
        dut_job(rule(), {"dut.v": text}, top="frame", dut_map=the_map("frame"))
    with pytest.raises(
        FxlifError, match=r"core.events_in.vector: must be wide enough for 3 events"
    ):
        dut_job(rule(max_events_per_input=3), {"dut.v": FILES["frame.v"]}, top="frame",
                dut_map=the_map("frame"))  # fmt: skip
    tied = the_map("frame", ties={"clk_io": 0})
    assert dut_job(rule(), {"dut.v": text}, top="frame", dut_map=tied).interface.compared
