"""Many wrong cores in one library: a file that it reads when it starts says which of them it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fxlif.params.design import load_hardware
from fxlif.sim.dut.map import DutMap, load_map
from fxlif.sim.dut.run import read_files
from fxlif.sim.dut.testbench import dut_job
from fxlif.sim.examples import source, write
from fxlif.sim.soak.foreign.segments import ForeignTarget
from fxlif.sim.tools.verilated import build

WHICH = "which.mem"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The ports of an example: inputs and outputs with their widths, and its parameters."""

    given: dict[str, int]
    shown: dict[str, int]
    parameters: tuple[str, ...]


SHAPES = {
    "core": Shape(
        given={"clk": 1, "rst_n": 1, "in_valid": 1, "in_data": 4, "out_ready": 1},
        shown={"in_ready": 1, "out_valid": 1, "out_data": 4, "dropped": 16, "trace_valid": 1,
               "trace_index": 3, "trace_v": 10},
        parameters=("THRESHOLD", "SHIFT", "WEIGHTS"),
    ),
    "neuron": Shape(
        given={"clk": 1, "rst_n": 1, "enable": 1, "current": 10},
        shown={"spike": 1, "v": 10, "refractory": 8},
        parameters=("THRESHOLD", "V_RESET", "SHIFT", "REFRACTORY"),
    ),
}  # fmt: skip
#: What comes out of the core waits in a FIFO of 16, and the core does not wait for it.
OVERFLOW = """
module core_overflow #(parameter THRESHOLD = 0, SHIFT = 0, WEIGHTS = "") (
    input clk, input rst_n, input in_valid, output in_ready, input [3:0] in_data,
    output out_valid, input out_ready, output [3:0] out_data, output [15:0] dropped,
    output trace_valid, output [2:0] trace_index, output signed [9:0] trace_v
);
    wire valid;
    wire [3:0] data;
    reg [3:0] fifo [0:15];
    reg [4:0] head = 0, tail = 0;
    wire full = tail - head == 5'd16;
    core_right #(.WEIGHTS(WEIGHTS)) inner (
        .clk(clk), .rst_n(rst_n), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(valid), .out_ready(1'b1), .out_data(data), .dropped(dropped),
        .trace_valid(trace_valid), .trace_index(trace_index), .trace_v(trace_v));
    assign out_valid = head != tail;
    assign out_data = fifo[head[3:0]];
    always @(posedge clk)
        if (!rst_n) begin head <= 0; tail <= 0; end
        else begin
            if (valid && !full) begin fifo[tail[3:0]] <= data; tail <= tail + 1; end
            if (out_valid && out_ready) head <= head + 1;
        end
endmodule
"""
#: What a core says or does that is right else.
SAID = {
    "error": '$error("not so");', "warning": '$warning("hm");', "fatal": '$fatal(1, "no");',
    "stop": "$stop;", "finish": "$finish;",
}  # fmt: skip


def module(example: str, kind: str) -> str:
    """The module of one kind of core: right, wrong by a mistake, or that overflows."""
    if kind == "overflow":
        return OVERFLOW
    text = source(example, None if kind == "right" else kind)
    return text.replace(f"module {example} ", f"module {example}_{kind} ")


def many(example: str, kinds: Iterable[str]) -> str:
    """Verilog of an example that is one of ``kinds``, "right" among them, by the file WHICH."""
    shape = SHAPES[example]
    texts, body, cases = [], [], ["default: ;"]
    for number, kind in enumerate(kinds):
        if kind in SAID:
            body.append(f"always @(posedge clk) if (which[0] == {number} && rst_n) {SAID[kind]}")
            continue
        texts.append(module(example, kind))
        body += [f"wire [{width - 1}:0] {name}_{number};" for name, width in shape.shown.items()]
        ports = [f".{name}({name})" for name in shape.given]
        ports += [f".{name}({name}_{number})" for name in shape.shown]
        given = ", ".join(f".{name}({name})" for name in shape.parameters)
        body.append(f"{example}_{kind} #({given}) dut_{number} ({', '.join(ports)});")
        if kind == "right":
            right = number
        cases.append(f"{number}: begin {_assigned(shape, number)} end")
    ports = [f"input [{width - 1}:0] {name}" for name, width in shape.given.items()]
    ports += [f"output reg [{width - 1}:0] {name}" for name, width in shape.shown.items()]
    head = ", ".join(f"{name} = 0" for name in shape.parameters)
    lines = ["reg [7:0] which [0:0];", f'initial $readmemh("{WHICH}", which);', *body,
             f"always @* begin {_assigned(shape, right)} case (which[0])", *cases,
             "endcase end"]  # fmt: skip
    return "\n".join([
        *texts, f"module {example} #(parameter {head}) (", ",\n".join(ports), ");", *lines,
        "endmodule", "",
    ])  # fmt: skip


def _assigned(shape: Shape, number: int) -> str:
    return " ".join(f"{name} = {name}_{number};" for name in shape.shown)


class Cores:
    """The library of some kinds of an example, as targets of a soak."""

    def __init__(self, example: str, kinds: Iterable[str], folder: Path) -> None:
        self.kinds = list(kinds)
        write(folder, example)
        mapping = folder / f"{example}_map.toml"
        self.map: DutMap = load_map(mapping)
        job = dut_job(
            load_hardware(folder / f"{example}.toml"), {"dut.v": many(example, self.kinds)},
            top=example, dut_map=self.map, two_state=True,
        )  # fmt: skip
        self._target = ForeignTarget(
            job=job, library=build(job.sources), files=read_files(self.map, mapping)
        )

    def target(self, kind: str) -> ForeignTarget:
        """The core of one kind."""
        number = f"{self.kinds.index(kind):02x}".encode()
        return replace(self._target, files={**self._target.files, WHICH: number})
