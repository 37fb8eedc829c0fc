// A model of ECP5's multiplier for simulation, in place of the empty box that Yosys brings.
//
// Written from Lattice's description (FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP Usage Guide") and from
// how Yosys maps products to it (techlibs/lattice/dsp_map_18x18.v): 18 by 18 bits, each side signed
// or not, to 36, without a register on the way. Chains of multipliers, their third input and their
// registers are left out: the products of a cell that asks for a register are x.
module MULT18X18D #(
  parameter REG_INPUTA_CLK = "NONE",
  parameter REG_INPUTB_CLK = "NONE",
  parameter REG_INPUTC_CLK = "NONE",
  parameter REG_PIPELINE_CLK = "NONE",
  parameter REG_OUTPUT_CLK = "NONE"
) (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0, B17, B16,
  B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0, C17, C16, C15, C14, C13,
  C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
  P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire [17:0] a = {
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0
  };
  wire [17:0] b = {
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0
  };
  // A side without a sign has a bit more, which is 0.
  wire signed [18:0] whole_a = {SIGNEDA & A17, a};
  wire signed [18:0] whole_b = {SIGNEDB & B17, b};
  wire signed [37:0] product = whole_a * whole_b;
  localparam PLAIN = REG_INPUTA_CLK == "NONE" && REG_INPUTB_CLK == "NONE" &&
    REG_INPUTC_CLK == "NONE" && REG_PIPELINE_CLK == "NONE" && REG_OUTPUT_CLK == "NONE";
  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = PLAIN ? product[35:0] : 36'bx;
endmodule
