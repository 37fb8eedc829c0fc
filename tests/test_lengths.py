"""Lengths from the constants of the Verilog under test: read, planned, shown exactly, and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from planted import EXAMPLES, FOREIGN, GENERATED, all_faults, params_of, path_of, verilog_of

from fxlif.cycles.control import IDLE, NONE, RESET, STALL, Bytes
from fxlif.engines import can_compile
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.params.design import load_hardware
from fxlif.sim.dut.map import load_map
from fxlif.sim.dut.run import read_files
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.failure.folder import replay
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.soak.run import soak
from fxlif.sim.soak.segments import BULK_CYCLES, LENGTHS, parts_with, plan_of, target_of
from fxlif.sim.stimulus import lengths
from fxlif.sim.stimulus.lengths import (
    ENTRY,
    FREE,
    FROM_VERILOG,
    GAP,
    HELD,
    LEAST,
    MOST,
    NO_PLAN,
    QUIET,
    SHARE,
    SHORTEST,
    SPIKE,
    STREAM_KINDS,
    TICK,
    Length,
    Plan,
    Seen,
    course,
    plan,
)
from fxlif.sim.tools import elaborated
from fxlif.sim.tools.constants import Constants, lengths_in
from fxlif.sim.tools.elaborated import elaborated_lengths
from fxlif.sim.tools.verilated import build

EXACT = [fault for fault in all_faults() if fault.kind == "after an exact length"]

COUNTER = "reg [11:0] n; always @(posedge clk) n <= n + 1'b1;"


@pytest.mark.parametrize(
    ("text", "named", "wraps"),
    [
        ("wire a = n == 3000;", {3000}, set()),
        ("wire a = 12'd3_000 != n;", {3000}, set()),
        ("wire a = n >= 16'h0bb8 && b;", {3000}, set()),
        ("wire a = $signed(n) < $signed(14'sd3000);", {3000}, set()),
        ("wire a = n <= 3000;", {3000}, set()),
        ("wire a = n - 3000 == 0;", {3000}, set()),
        ("always @(posedge clk) n <= 3000;", set(), set()),
        ("localparam LIMIT = 3 * 1000; wire a = n == LIMIT - 1;", {2999}, set()),
        ("module x #(parameter A = 700, B = A + 1) (); wire a = n == B; endmodule", {701}, set()),
        ("x #(.LIMIT(3000)) y (); module x #(parameter LIMIT = 1) (); wire a = n > LIMIT;",
         {3000}, set()),
        ("`define LIMIT 3000\nwire a = n == `LIMIT;", {3000}, set()),
        ("`define HIT (n == 3000)\nwire a = `HIT;", {3000}, set()),
        ("wire a = n == (1 << 12);", {4096}, set()),
        ("always @* case (n) 500, 12'd600: a = 1; default: a = 0; endcase", {500, 600}, set()),
        ("always @* if (b) case (n) 500: a = 1; endcase", {500}, set()),
        (COUNTER, set(), {4096}),
        ("reg [11:0] n; always @(posedge clk) n <= go ? 3000 : n - 1;", {3000, 1096}, {4096}),
        ("reg [11:0] n; wire [11:0] m; assign m = n - 12'h1;"
         "always @(posedge clk) n <= p; assign p = go ? 12'hbb8 : m; wire [11:0] p;",
         {3000, 1096}, {4096}),
        (COUNTER + "wire a = n[10];", set(), {4096, 1024}),
        (COUNTER + "wire a = n[11:3] == 100;", {800}, {4096}),
        # What is no length: comments, strings, memories, ranges, loops, values that nothing counts.
        ("// n == 3000\n/* n == 3000 */ initial $display(\"n == 3000\"); (* a = 3000 *) wire b;",
         set(), set()),
        ("reg [7:0] m [0:2999]; initial begin m[0] = n == 3000; for (;;) begin end end",
         set(), set()),
        ("integer i; always @* for (i = 0; i < 3000; i = i + 1) a[i] = 0;", set(), set()),
        ("assign v = sum > top ? 3000 : low; lut #(.INIT(16'hbeef)) x (.a(b));", set(), set()),
        ("reg [15:0] v; always @(posedge clk) v <= v + current;", set(), set()),
        ("wire a = n == 100; wire b = n == 200000;", set(), set()),
    ],
)  # fmt: skip
def test_constants_of_a_text(text: str, named: set[int], wraps: set[int]) -> None:
    text = text if "endmodule" in text else f"module top; {text} endmodule"
    found = lengths_in({"top.v": text, "image.mem": "n == 3000"}, LEAST, MOST)
    assert set(found.named) == named
    assert set(found.wraps) == wraps


ELABORATED = """
`define IS(n, c) ((n) == (c))
module counts #(parameter LIMIT = 5, parameter X = LIMIT * 3) (
    input clk, input rst, input signed [15:0] v, output hit, output set
);
    reg [15:0] n;
    reg [11:0] m;
    localparam LAST = (1 << $clog2(LIMIT)) - 7;
    always @(posedge clk) begin n <= rst ? 0 : n + 1; m <= m + 1; end
    assign hit = n == LAST || n == X || `IS(n, 3333) || n == {4'd0, 12'd3001} || v < -16'sd512;
    assign set = &m[11:10] & m[0] & v[9] & v[8];
endmodule
module top(input clk, input rst, input [15:0] v, output [3:0] a);
    counts #(2900) x (clk, rst, v, a[0], a[1]);
    counts #(.LIMIT(3100)) y (clk, rst, v, a[2], a[3]);
endmodule
"""


def test_constants_of_an_elaborated_text() -> None:
    """Macros with arguments, concatenations, $clog2, parameters of each instance, bits of a
    counter, and of nothing else; what is below zero is none."""
    assert not lengths_in({"top.v": ELABORATED}, LEAST, MOST).named
    found = elaborated_lengths({"top.v": ELABORATED}, LEAST, MOST, top="top")
    assert found == Constants((3001, 3073, 3333, 4089, 8700, 9300), (4096, 65536))


@pytest.mark.parametrize("cut", [300, 700])
def test_a_text_that_is_broken_off_is_read_as_far_as_it_goes(cut: int) -> None:
    assert lengths_in({"top.v": ELABORATED[:cut]}, LEAST, MOST).named == ()
    broken = COUNTER + f"wire hit = n == 3000; {ELABORATED[:cut]}"
    found = elaborated_lengths({"top.v": f"module top(); {broken}"}, LEAST, MOST, top="top")
    assert found.named == (3000,)


@pytest.mark.parametrize(
    "beside",
    [
        f"localparam [16383:0] TABLE = 16384'h{'f' * 4096}; localparam X = TABLE >> 8;",
        f"localparam [16383:0] TABLE = {'9' * 5000};",
        f"wire y = x == {' + '.join(['1'] * 3000)};",
        f"wire y = x == {'- ' * 5000}1;",
        "localparam N = 60'hFFFFFFFFFFFFFFF; reg [N-1:0] m; always @* m = m + 1 + 5000;",
        "\n \n" * 100_000,
    ],
    ids=["a table", "a decimal table", "a long sum", "many signs", "a wide counter", "empty lines"],
)  # fmt: skip
def test_what_is_too_large_is_passed_over(beside: str) -> None:
    """No error and no minutes: such a text took the whole verification with it."""
    text = f"module top(); {COUNTER} {beside} wire hit = n == 3000; endmodule"
    assert 3000 in lengths_in({"top.v": text}, LEAST, MOST).named


def test_the_foreign_examples_name_few() -> None:
    """What a right core of the usual kind adds to a run is little: its own ends, no more."""
    text = (EXAMPLES / "core.v").read_text(encoding="utf-8")
    assert lengths_in({"core.v": text}, LEAST, MOST) == Constants((511, 65535), (65536,))
    text = (EXAMPLES / "neuron.v").read_text(encoding="utf-8")
    assert lengths_in({"neuron.v": text}, LEAST, MOST) == Constants((511,))


def test_a_plan_takes_the_shortest_first_and_says_what_it_cuts() -> None:
    made = plan(Constants((3000, 40_000), (70_000,)), STREAM_KINDS, BULK_CYCLES)
    assert made.cycles <= BULK_CYCLES // SHARE
    wanted = {Length(3000 + by, kind) for by in (-1, 0, 1, 2) for kind in STREAM_KINDS}
    assert wanted <= set(made.lengths)
    assert made.lengths.count(Length(3000, SPIKE)) >= 2
    assert made.cut == (70_000,)
    assert str(made) == "3,000, 40,000, 70,000; no room for all of 70,000"
    many = Plan((Length(300, GAP),), tuple(range(300, 330)))
    assert str(many).endswith("318, 319, and 10 more")
    first = [each.cycles for each in made.lengths if each.kind == HELD][:4]
    assert first == [3000, 3001, 40_000, 40_001]
    assert plan(Constants(), STREAM_KINDS, BULK_CYCLES).lengths == ()


def test_a_run_that_is_too_short_says_that_it_has_no_lengths() -> None:
    found = Constants((3000,), (4096,))
    made = plan(found, STREAM_KINDS, SHORTEST - 1)
    assert made.lengths == ()
    told = "3,000, 4,096; not run: fewer than 10,000,000 cycles"
    assert made.figures == {FROM_VERILOG: told}
    assert plan(found, STREAM_KINDS, SHORTEST).lengths
    assert plan(Constants(), STREAM_KINDS, 1).figures == {}


def test_a_short_run_does_not_read_a_netlist(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"top.v": f"module top(); {COUNTER} wire hit = n == 3000; endmodule"}
    assert plan_of(text, STREAM_KINDS, SHORTEST - 1).constants == (3000, 4096)
    monkeypatch.setattr(elaborated, "LARGEST", 10)
    assert plan_of(text, STREAM_KINDS, SHORTEST - 1) == NO_PLAN
    assert plan_of(text, STREAM_KINDS, SHORTEST).constants == (3000, 4096)


class Stream:
    """A design that answers two spikes and a TICK to each step of three events, some cycles later,
    one event at a time."""

    def __init__(self) -> None:
        self.at = self.due = self.cycle = 0
        self.offered = False
        self.exposed, self.room = 0, 3
        self.out: list[int] = []
        self.rows: list[tuple[int, ...]] = []

    def __call__(self, flags: Bytes) -> Seen:
        first = len(self.rows)
        for flag in flags.tolist():
            self.offered = self.offered or not flag & IDLE
            tick, ready = self.at % 3 == 2, len(self.out) < self.room
            valid = bool(self.out) and self.cycle >= self.due
            address = self.out[0] if valid else 0
            taken = self.offered and ready
            self.rows.append((self.offered, taken, tick, valid, address == 99, address, flag))
            if valid and not flag & STALL:
                self.out.pop(0)
                self.due = self.cycle + 3
            if self.offered and ready:
                self.offered = False
                self.at += 1
                if tick:
                    self.out += [self.at % 7, 8 + self.at % 5, 99]
                    self.due = max(self.due, self.cycle + 40)
            if flag & RESET:
                self.at, self.out = 0, []
            self.cycle += 1
        table = np.array(self.rows[first:])
        offered, taken, ends, waits, ticks = (table[:, k] != 0 for k in range(5))
        return Seen(offered, taken, ends, waits, ticks, table[:, 5])

    def repeat(self, number: int) -> None:
        """The first event is one of a step: how long a TICK takes does not depend on it."""
        assert not self.offered
        self.at = number % 2

    def expose(self) -> None:
        assert not self.offered
        self.exposed += 1


def runs(bits: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where each run of ones begins, and how long it is."""
    steps = np.flatnonzero(np.diff(np.concatenate([[0], bits.astype(int), [0]])))
    return zip(steps[::2].tolist(), (steps[1::2] - steps[::2]).tolist(), strict=True)


def shown(kinds: Sequence[str]) -> Stream:
    """What lengths of these kinds show, four times each."""
    design = Stream()
    run(design, [Length(cycles, kind) for cycles in (300, 701) for kind in kinds] * 4)
    return design


def run(design: Stream, lengths: list[Length]) -> None:
    """Show a design some lengths."""
    running = course(lengths, design)
    flags = next(running, None)
    while flags is not None:
        try:
            flags = running.send(design(flags))
        except StopIteration:
            return


def test_every_length_is_shown_exactly() -> None:
    design = shown([kind for kind in STREAM_KINDS if kind != ENTRY])
    # Behind the cycles from power-up and from a reset on.
    offered, _, _, waits, ticks, address, flag = np.array(design.rows[2 * (701 + FREE) :]).T
    long = {name: [(at, n) for at, n in runs(bits) if n >= 250] for name, bits in {
        HELD: flag & RESET != 0, SPIKE: waits & ~ticks & (flag & STALL != 0),
        TICK: waits & ticks & (flag & STALL != 0), GAP: offered == 0,
        QUIET: (offered == 0) & (waits == 0),
    }.items()}  # fmt: skip
    for kind in (HELD, SPIKE, TICK):
        assert sorted(n for _, n in long[kind]) == [300] * 4 + [701] * 4, kind
    # In a gap nothing comes out after a while, and what is quiet is a gap that began before.
    for kind in (GAP, QUIET):
        assert {300, 701} <= {n for _, n in long[kind]}, kind
        assert [n for _, n in long[kind]].count(701) >= 4, kind
    assert design.exposed == 8
    held = {int(address[at]) for at, _ in long[SPIKE]}
    assert min(held) < 7 <= max(held)


def test_an_event_waits_at_the_input_for_every_length_exactly() -> None:
    rows = np.array(shown([ENTRY]).rows[2 * (701 + FREE) :])
    offered, taken, _, _, _, _, flag = rows.T
    waits = (offered != 0) & (taken == 0) & (flag & RESET == 0)
    # Those that are longer find out since when one waits.
    assert Counter(n for _, n in runs(waits) if 250 < n < 1000) == {300: 4, 701: 4}


def test_what_never_blocks_its_input_costs_no_more_than_some_looks() -> None:
    design = Stream()
    design.room = 1 << 30
    run(design, [Length(300, ENTRY)] * 2)
    assert len(design.rows) < 2 * (300 + FREE) + 2 * 4096


def target(fault_of: str, verilog: str) -> ForeignTarget:
    """A foreign core with other Verilog."""
    mapping = path_of(fault_of, "_map.toml")
    dut_map, top = load_map(mapping), path_of(fault_of, ".v").stem
    job = dut_job(params_of(fault_of), {"dut.v": verilog}, top=top, dut_map=dut_map, two_state=True)
    return ForeignTarget(job=job, library=build(job.sources), files=read_files(dut_map, mapping))


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("fault", EXACT, ids=lambda fault: f"{fault.of}-{fault.name}")
def test_a_fault_after_an_exact_length_is_found(fault) -> None:
    if fault.of in FOREIGN:
        made, parts = parts_with(target(fault.of, fault(verilog_of(fault.of))), BULK_CYCLES)
    else:
        made, parts = parts_with(target_of(params_of(fault.of), edit=fault), BULK_CYCLES)
    found = made.run(1, LENGTHS, parts[LENGTHS])
    assert found.wrong != NONE


#: How a core may say that it has been idle for so many cycles, and how many.
TOLD_OTHERWISE = {
    "bits": ("(idle[11] & idle[9] & ~|{idle[15:12], idle[10], idle[8:0]})", 2560),
    "a reduction": ("(&{idle[11], idle[9]} && ~|{idle[15:12], idle[10], idle[8:0]})", 2560),
    "a macro": ("`SAME(idle, 2750)", 2750),
    "a concatenation": ("idle == {4'd0, 12'd2750}", 2750),
    "an expression": ("idle == 3 * $clog2(4096) * 75 + 50", 2750),
}


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("form", TOLD_OTHERWISE)
def test_a_length_that_only_elaboration_shows_is_found(form: str) -> None:
    (fault,) = (each for each in EXACT if each.name == "gap_of_exactly_2750_loses_an_event")
    condition, length = TOLD_OTHERWISE[form]
    verilog = "`define SAME(n, c) ((n) == (c))\n" + fault(verilog_of("wide"))
    verilog = verilog.replace("`define GAP 2750", "").replace("idle != `GAP", f"!({condition})")
    assert condition in verilog
    made, parts = parts_with(target("wide", verilog), BULK_CYCLES)
    assert length in made.plan.constants
    assert made.run(1, LENGTHS, parts[LENGTHS]).wrong != NONE


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
@pytest.mark.parametrize("design", ["serial", "wide"])
def test_a_right_core_passes_its_own_lengths(design: str) -> None:
    made, parts = parts_with(target(design, verilog_of(design)), BULK_CYCLES)
    found = made.run(1, LENGTHS, parts[LENGTHS])
    assert (found.wrong, found.reasons) == (NONE, ())
    assert found.counts.cycles > parts[LENGTHS] // 2


@pytest.mark.slow
@pytest.mark.parametrize("design", [*GENERATED, "digits", "recurrent"])
def test_what_fxlif_generates_names_no_length(design: str) -> None:
    if design in GENERATED:
        params = params_of(design)
    else:
        package = Path(__file__).parents[1] / "fxlif" / design
        params = supported(load_hardware(package / "design.toml"))
    text = generate(params, trace=params.kind != "neuron").verilog
    assert lengths_in({"design.v": text}, LEAST, MOST) == Constants()


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
def test_a_difference_of_such_a_length_is_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "SHORTEST", 1 << 18)
    (fault,) = (each for each in EXACT if each.name == "tick_twice_after_exactly_6000")
    found = soak(
        params_of("chain"), name="chain", cycles=1 << 18, processes=1, edit=fault,
        state=tmp_path / "state.json", out=tmp_path / "out",
    )  # fmt: skip
    assert not found.passed
    assert found.figures[FROM_VERILOG].startswith("6,000")
    assert "the lengths from the Verilog, cycle" in found.checks[0].detail
    assert replay(tmp_path / "out").reproduced
