// The stimulus of stimulus.mem, a word per clock cycle, on the wrapped design; waves to waves.vcd.
// iverilog -g2012 -s FxlifWaves -o waves.vvp design.v bench.v waves.v && vvp -n waves.vvp
`timescale 1ns/1ps
module FxlifWaves;
  localparam CYCLES = 167, START = 0;
  reg clk;
  reg [4:0] words [0:CYCLES-1];
  reg [4:0] stimulus;
  wire [85:0] response;
  integer cycle;
  FxlifBench bench (.clk(clk), .stimulus(stimulus), .response(response));
  initial begin
    clk = 0;
    cycle = 0;
    $readmemh("stimulus.mem", words);
    stimulus = words[0];
    $dumpfile("waves.vcd");
    if (START == 0) $dumpvars(0, FxlifWaves);
    while (cycle < CYCLES) begin
      #1 clk = 1;
      // Well after the edge: simulators do not agree on what happens at the same time.
      #0.1 cycle = cycle + 1;
      stimulus = words[cycle < CYCLES ? cycle : CYCLES - 1];
      #0.9 clk = 0;
      if (cycle == START && START != 0) $dumpvars(0, FxlifWaves);
    end
    $finish;
  end
endmodule
