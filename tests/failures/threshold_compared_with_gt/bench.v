module FxlifBench (
  input clk,
  input [4:0] stimulus,
  output [85:0] response
);
  assign response[4:0] = stimulus;
  \threshold dut (
    .clk(clk),
    .rst(stimulus[0 +: 1]),
    .events_in__payload(stimulus[1 +: 2]),
    .events_in__valid(stimulus[3 +: 1]),
    .events_out__ready(stimulus[4 +: 1]),
    .events_in__ready(response[5 +: 1]),
    .events_out__payload(response[6 +: 2]),
    .events_out__valid(response[8 +: 1]),
    .dropped_0(response[9 +: 32]),
    .saturated_0(response[41 +: 32]),
    .trace_0__valid(response[73 +: 1]),
    .trace_0__index(response[74 +: 1]),
    .trace_0__state(response[75 +: 10]),
    .trace_0__spike(response[85 +: 1])
  );
endmodule
