module FxlifBench (
  input clk,
  input [4:0] stimulus,
  output [85:0] response
);
  assign response[4:0] = stimulus;
  wire [1:0] SHOWN_1;
  assign response[6 +: 2] = response[8 +: 1] === 1'b0 && (^SHOWN_1) === 1'bx ? 2'd0 : SHOWN_1;
  wire [0:0] SHOWN_6;
  assign response[74 +: 1] = response[73 +: 1] === 1'b0 && (^SHOWN_6) === 1'bx ? 1'd0 : SHOWN_6;
  wire [9:0] SHOWN_7;
  assign response[75 +: 10] = response[73 +: 1] === 1'b0 && (^SHOWN_7) === 1'bx ? 10'd0 : SHOWN_7;
  wire [0:0] SHOWN_8;
  assign response[85 +: 1] = response[73 +: 1] === 1'b0 && (^SHOWN_8) === 1'bx ? 1'd0 : SHOWN_8;
  \threshold dut (
    .clk(clk),
    .rst(stimulus[0 +: 1]),
    .events_in_payload(stimulus[1 +: 2]),
    .events_in_valid(stimulus[3 +: 1]),
    .events_out_ready(stimulus[4 +: 1]),
    .events_in_ready(response[5 +: 1]),
    .events_out_payload(SHOWN_1),
    .events_out_valid(response[8 +: 1]),
    .dropped_0(response[9 +: 32]),
    .saturated_0(response[41 +: 32]),
    .trace_0_valid(response[73 +: 1]),
    .trace_0_index(SHOWN_6),
    .trace_0_state(SHOWN_7),
    .trace_0_spike(SHOWN_8)
  );
endmodule
