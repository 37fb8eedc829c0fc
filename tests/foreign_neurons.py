"""Neurons of other shapes than the example, and their maps."""

from __future__ import annotations

from typing import Any

from fxlif.sim.dut.map import DutMap

#: Registers as an FPGA wakes up with them: nothing is to be found only because of an x.
POWER_UP = {
    "neuron": "initial begin spike = 0; v = 0; refractory = 0; end\n",
    "core": "integer k; initial begin state = 0; n = 0; row = 0; trace_valid = 0; dropped = 0;\n"
    "for (k = 0; k < NEURONS; k = k + 1) begin v[k] = 0; sums[k] = 0; end end\n",
}

MEALY = """
module mealy (input clk, input rst, input en, input signed [11:0] cur,
              output spike, output reg signed [15:0] v);
    initial v = -20;
    reg [1:0] rest = 0;
    wire signed [16:0] exact = v - (v >>> 3) + cur;
    wire signed [16:0] u = exact > 511 ? 511 : exact < -512 ? -512 : exact;
    assign spike = en && rest == 0 && u >= 100;
    always @(posedge clk)
        if (rst) begin v <= -20; rest <= 0; end
        else if (en) begin
            v <= spike ? -20 : rest != 0 ? v : u;
            rest <= spike ? 3 : rest != 0 ? rest - 1 : 0;
        end
endmodule
"""
PIPELINED = """
module pipelined (input clk, input rst, input en, input [9:0] cur,
                  output reg fire, output reg done, output reg [9:0] v);
    reg go, went;
    reg [9:0] held;
    wire spike;
    wire [9:0] inner_v;
    neuron inner (.clk(clk), .rst_n(!rst), .enable(go), .current(held), .spike(spike), .v(inner_v));
    always @(posedge clk or posedge rst)
        if (rst) begin go <= 0; held <= 0; fire <= 0; done <= 0; went <= 0; v <= -20; end
        else begin
            go <= en; held <= cur; went <= go; done <= went; v <= inner_v;
            fire <= spike && went;
        end
endmodule
"""
FREE_RUNNING = """
module free_running (input clk, input [31:0] bus, input test, output [15:0] seen);
    reg power_up = 0;
    always @(posedge clk) power_up <= 1;
    neuron inner (.clk(clk), .rst_n(1'b1), .enable(!test), .current(bus[20:11]),
                  .spike(seen[15]), .v(seen[9:0]), .refractory());
    assign seen[14:10] = 0;
endmodule
"""


def powered(example: str, text: str) -> str:
    return text.replace("endmodule", POWER_UP[example] + "endmodule")


def neuron_map(**choices: Any) -> DutMap:
    parts = {"current": "cur", "spike": "fire", **choices.pop("neuron", {})}
    return DutMap.model_validate({"clock": "clk", "reset": {"port": "rst"}, "neuron": parts,
                                  **choices})  # fmt: skip
