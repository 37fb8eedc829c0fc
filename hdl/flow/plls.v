// Models of the PLLs for simulation: cells that Yosys knows by their ports alone.
//
// A simulation has one clock, so what comes out is what goes in, whatever the dividers say: that
// these make the board's frequency is for the tests of the boards. Until LOCK rises, some cycles
// after power-up, the clock runs too, as it does on a device.
module FxlifLock #(parameter CYCLES = 16) (input clk, output locked);
  integer cycles = 0;
  assign locked = cycles == CYCLES;
  always @(posedge clk) if (cycles != CYCLES) cycles <= cycles + 1;
endmodule

module EHXPLLL #(
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 8, CLKOP_CPHASE = 0,
  parameter CLKOP_ENABLE = "ENABLED", FEEDBK_PATH = "CLKOP"
) (input CLKI, CLKFB, RST, STDBY, output CLKOP, LOCK);
  assign CLKOP = CLKI;
  FxlifLock lock(.clk(CLKI), .locked(LOCK));
endmodule

module SB_PLL40_CORE #(
  parameter FEEDBACK_PATH = "SIMPLE", DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0
) (input REFERENCECLK, RESETB, BYPASS, output PLLOUTCORE, LOCK);
  assign PLLOUTCORE = REFERENCECLK;
  FxlifLock lock(.clk(REFERENCECLK), .locked(LOCK));
endmodule
