"""``fxlif prove --dut`` of cores whose events come as a vector: what is wrong by a little in one
state, behind one reset or after one step is never proved of runs of any length.

The core is small, so that a verdict takes seconds; what the cores of the page come to stands in
``test_prove_dut.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cores_page import FILES

from fxlif.params.design import load_hardware
from fxlif.sim.dut.map import load_map
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.prove.foreign.control import Control, Proof
from fxlif.sim.prove.foreign.core import RULES, core_machine
from fxlif.sim.prove.foreign.run import single_core
from fxlif.sim.prove.foreign.source import read

RULE = """
[[core]]
n_inputs = 2
n_neurons = 2
max_events_per_input = 1
weights = [[9, -7], [14, 11]]
[core.neuron]
leak = { kind = "shift", shift = 3 }
v_threshold = 20
reset = "subtract"
state_bits = 7
weight_bits = 6
"""
CORE = """
module frame (input clk, input rst_n, input start, input [1:0] inputs,
              output reg done, output reg [1:0] spikes, output [13:0] potentials);
    localparam [31:0] W = {8'd11, 8'd14, -8'sd7, 8'd9};
    reg signed [6:0] v [0:1];
    reg signed [9:0] u;
    integer i, n;
    assign potentials = {v[1], v[0]};
    always @(posedge clk or negedge rst_n)
        if (!rst_n) begin
            done <= 0; spikes <= 0;
            for (n = 0; n < 2; n = n + 1) v[n] <= 0;
        end else begin
            done   <= start;
            spikes <= 0;
            if (start)
                for (n = 0; n < 2; n = n + 1) begin
                    u = v[n] - (v[n] >>> 3);
                    for (i = 0; i < 2; i = i + 1)
                        if (inputs[i]) u = u + $signed(W[8 * (2 * i + n) +: 8]);
                    u = u > 63 ? 63 : u < -64 ? -64 : u;
                    spikes[n] <= u >= 20;
                    v[n]      <= u >= 20 ? u - 20 : u;
                end
        end
endmodule
"""
MAP = FILES["frame_map.toml"]
#: Nothing shows the states: they are known by what comes out of them.
SPIKES_ALONE = MAP[: MAP.index("[core.trace]")]


def has(text: str) -> tuple[str, str]:
    """The edit that puts more into the core."""
    return "integer i, n;", f"integer i, n; {text}"


def fires_not(when: str) -> tuple[str, str]:
    return "spikes[n] <= u >= 20;", f"spikes[n] <= u >= 20 && !({when});"


MISTAKES = {
    "a spike is lost where another fires": [fires_not("n == 1 && v[0] == 13 && v[1] == 12")],
    "the vector is cleared late": [("spikes <= 0;\n            if (start)",
                                    "if (!done || v[0] != 17) spikes <= 0;\n if (start)")],
    "the last vector is shown again": [
        has("reg [1:0] old;"), ("done   <= start;", "done <= start; if (done) old <= spikes;"),
        ("done <= 0; spikes", "done <= 0; old <= 0; spikes"),
        ("<= u >= 20;", "<= v[n] == 7 && inputs == 0 ? old[n] : u >= 20;"),
    ],
    "one value does not leak": [
        ("- (v[n] >>> 3)", "- (n == 1 && v[n] == -23 ? 0 : v[n] >>> 3)")],
    "after 2 ** 20 - 1 steps": [
        has("reg [19:0] t;"), ("done   <= start;", "done <= start; t <= t + start;"),
        ("done <= 0; spikes", "done <= 0; t <= 0; spikes"), ("u - 20 : u;", "u - 20 : &t ? 0 : u;"),
    ],
    "behind a reset within a step": [
        has("reg hit = 0, was = 0; always @(posedge clk) begin was <= start; "
            "if (!rst_n && was) hit <= 1; end"), fires_not("hit && v[0] == 5")],
    "behind a stall": [
        has("reg [2:0] k = 0; always @(posedge clk) k <= start ? 0 : k + (k != 7);"),
        fires_not("k == 6 && v[1] == 12")],
    "a vector that stays is taken twice": [
        ("if (start)\n", "if (start || done && inputs == 2 && v[0] == 9)\n")],
    "a weight of the next word": [("2 * i + n)", "2 * i + n + (i == 1 && n == 0 && v[1] == -17))")],
    "the weight of another neuron": [
        ("2 * i + n)", "2 * i + (v[0] == 0 && v[1] == 3 && n == 1 ? 0 : n))")],
    "one end, one off, which no run reaches": [
        ("u > 63 ? 63", "u > 63 ? (v[0] == 4 ? 62 : 63)")],
    "a word is not cleared by a reset behind a start": [
        has("reg was = 0; always @(posedge clk) was <= start;"),
        ("v[n] <= 0;", "v[n] <= n == 1 && was;")],
    "an x": [("<= u >= 20;", "<= u == 24 && v[0] == 1 ? 1'bx : u >= 20;")],
}  # fmt: skip


def proof_of(folder: Path, dut_map: str, *edits: tuple[str, str], seconds: float) -> Proof:
    """What is proved of the core with these edits, within so much processor time."""
    text = CORE
    for find, put in edits:
        assert text.count(find) == 1, find
        text = text.replace(find, put)
    for name, content in {"rule.toml": RULE, "map.toml": dut_map}.items():
        (folder / name).write_text(content)
    rule = load_hardware(folder / "rule.toml")
    job = dut_job(rule, {"frame.v": text}, top="frame", dut_map=load_map(folder / "map.toml"),
                  two_state=True)  # fmt: skip
    source = read(job, {})
    machine = core_machine(source, single_core(rule), rules=RULES, history=True)
    return Control(source=source, machine=machine, solver="bitwuzla", timeout_s=seconds).proof()


@pytest.mark.slow
@pytest.mark.parametrize(("dut_map", "ticks"), [(MAP, 12), (SPIKES_ALONE, 8)])
def test_a_small_core_is_proved_with_and_without_its_states(
    dut_map: str, ticks: int, tmp_path
) -> None:
    proof = proof_of(tmp_path, dut_map, seconds=120)
    assert proof.proved, (proof.broken, proof.why)
    assert not proof.stuck
    assert proof.longest == {"event": 1, "TICK": ticks}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_never_proved(mistake: str, tmp_path) -> None:
    """In some three times what the correct core takes. What is said holds from any state, so it is
    wrong of a mistake, too, that is in no run."""
    edits = MISTAKES[mistake]
    assert not proof_of(tmp_path, SPIKES_ALONE, *edits, seconds=15).proved
