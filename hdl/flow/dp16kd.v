// A model of ECP5's block memory for simulation, in place of the empty box that Yosys brings.
//
// Written from Lattice's description (FPGA-TN-02204, "ECP5 and ECP5-5G Memory User Guide") and from
// how Yosys maps memories to it (techlibs/lattice/brams_map_16kd.v). 18,432 bits in 2,048 bytes of
// nine; widths 1, 2 and 4 leave each ninth bit out. An address always counts bits of width 1, from
// AD*13 down; what a width does not need of it stands at the low end, where widths 18 and 36 have
// their byte enables. Width 36 takes both ports: port A writes {DIB, DIA}, port B reads
// {DOB, DOA}; the narrower widths then read from DOB.
//
// A read answers one clock edge later; with REGMODE "OUTREG" a register follows, which OCE enables.
// RST clears both. On reset a port does not write.
//
// Where both ports touch the same bits in one cycle and one of them writes, what the other reads
// is x: the memory promises nothing. For that both ports have one clock here. Chip selects other
// than Yosys', which are all 0, and mixed resets are left out: such a model stops at time 0.
module DP16KD #(
  parameter DATA_WIDTH_A = 18,
  parameter DATA_WIDTH_B = 18,
  parameter REGMODE_A = "NOREG",
  parameter REGMODE_B = "NOREG",
  parameter RESETMODE = "SYNC",
  parameter ASYNC_RESET_RELEASE = "SYNC",
  parameter CSDECODE_A = "0b000",
  parameter CSDECODE_B = "0b000",
  parameter WRITEMODE_A = "NORMAL",
  parameter WRITEMODE_B = "NORMAL",
  parameter CLKAMUX = "CLKA",
  parameter CLKBMUX = "CLKB",
  parameter GSR = "ENABLED",
  parameter INIT_DATA = "STATIC",
  parameter [319:0] INITVAL_00 = 320'd0,
  parameter [319:0] INITVAL_01 = 320'd0,
  parameter [319:0] INITVAL_02 = 320'd0,
  parameter [319:0] INITVAL_03 = 320'd0,
  parameter [319:0] INITVAL_04 = 320'd0,
  parameter [319:0] INITVAL_05 = 320'd0,
  parameter [319:0] INITVAL_06 = 320'd0,
  parameter [319:0] INITVAL_07 = 320'd0,
  parameter [319:0] INITVAL_08 = 320'd0,
  parameter [319:0] INITVAL_09 = 320'd0,
  parameter [319:0] INITVAL_0A = 320'd0,
  parameter [319:0] INITVAL_0B = 320'd0,
  parameter [319:0] INITVAL_0C = 320'd0,
  parameter [319:0] INITVAL_0D = 320'd0,
  parameter [319:0] INITVAL_0E = 320'd0,
  parameter [319:0] INITVAL_0F = 320'd0,
  parameter [319:0] INITVAL_10 = 320'd0,
  parameter [319:0] INITVAL_11 = 320'd0,
  parameter [319:0] INITVAL_12 = 320'd0,
  parameter [319:0] INITVAL_13 = 320'd0,
  parameter [319:0] INITVAL_14 = 320'd0,
  parameter [319:0] INITVAL_15 = 320'd0,
  parameter [319:0] INITVAL_16 = 320'd0,
  parameter [319:0] INITVAL_17 = 320'd0,
  parameter [319:0] INITVAL_18 = 320'd0,
  parameter [319:0] INITVAL_19 = 320'd0,
  parameter [319:0] INITVAL_1A = 320'd0,
  parameter [319:0] INITVAL_1B = 320'd0,
  parameter [319:0] INITVAL_1C = 320'd0,
  parameter [319:0] INITVAL_1D = 320'd0,
  parameter [319:0] INITVAL_1E = 320'd0,
  parameter [319:0] INITVAL_1F = 320'd0,
  parameter [319:0] INITVAL_20 = 320'd0,
  parameter [319:0] INITVAL_21 = 320'd0,
  parameter [319:0] INITVAL_22 = 320'd0,
  parameter [319:0] INITVAL_23 = 320'd0,
  parameter [319:0] INITVAL_24 = 320'd0,
  parameter [319:0] INITVAL_25 = 320'd0,
  parameter [319:0] INITVAL_26 = 320'd0,
  parameter [319:0] INITVAL_27 = 320'd0,
  parameter [319:0] INITVAL_28 = 320'd0,
  parameter [319:0] INITVAL_29 = 320'd0,
  parameter [319:0] INITVAL_2A = 320'd0,
  parameter [319:0] INITVAL_2B = 320'd0,
  parameter [319:0] INITVAL_2C = 320'd0,
  parameter [319:0] INITVAL_2D = 320'd0,
  parameter [319:0] INITVAL_2E = 320'd0,
  parameter [319:0] INITVAL_2F = 320'd0,
  parameter [319:0] INITVAL_30 = 320'd0,
  parameter [319:0] INITVAL_31 = 320'd0,
  parameter [319:0] INITVAL_32 = 320'd0,
  parameter [319:0] INITVAL_33 = 320'd0,
  parameter [319:0] INITVAL_34 = 320'd0,
  parameter [319:0] INITVAL_35 = 320'd0,
  parameter [319:0] INITVAL_36 = 320'd0,
  parameter [319:0] INITVAL_37 = 320'd0,
  parameter [319:0] INITVAL_38 = 320'd0,
  parameter [319:0] INITVAL_39 = 320'd0,
  parameter [319:0] INITVAL_3A = 320'd0,
  parameter [319:0] INITVAL_3B = 320'd0,
  parameter [319:0] INITVAL_3C = 320'd0,
  parameter [319:0] INITVAL_3D = 320'd0,
  parameter [319:0] INITVAL_3E = 320'd0,
  parameter [319:0] INITVAL_3F = 320'd0
) (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
  DIA4, DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
  DOA4, DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
  DIB4, DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
  DOB4, DOB3, DOB2, DOB1, DOB0
);
  localparam WIDE = DATA_WIDTH_A == 36 || DATA_WIDTH_B == 36;
  initial begin
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") begin
      $display("DP16KD: no model of CSDECODE_A %s, CSDECODE_B %s", CSDECODE_A, CSDECODE_B);
      $finish;
    end
  end

  reg [8:0] bytes [0:2047];
  integer k;
  // A slice of INITVAL has 16 words of 18 bits, 20 apart.
  task load(input integer slice, input [319:0] value);
    for (k = 0; k < 32; k = k + 1) bytes[32 * slice + k] = value[20 * (k / 2) + 9 * (k % 2) +: 9];
  endtask
  initial begin
    load(0, INITVAL_00); load(1, INITVAL_01); load(2, INITVAL_02);
    load(3, INITVAL_03); load(4, INITVAL_04); load(5, INITVAL_05);
    load(6, INITVAL_06); load(7, INITVAL_07); load(8, INITVAL_08);
    load(9, INITVAL_09); load(10, INITVAL_0A); load(11, INITVAL_0B);
    load(12, INITVAL_0C); load(13, INITVAL_0D); load(14, INITVAL_0E);
    load(15, INITVAL_0F); load(16, INITVAL_10); load(17, INITVAL_11);
    load(18, INITVAL_12); load(19, INITVAL_13); load(20, INITVAL_14);
    load(21, INITVAL_15); load(22, INITVAL_16); load(23, INITVAL_17);
    load(24, INITVAL_18); load(25, INITVAL_19); load(26, INITVAL_1A);
    load(27, INITVAL_1B); load(28, INITVAL_1C); load(29, INITVAL_1D);
    load(30, INITVAL_1E); load(31, INITVAL_1F); load(32, INITVAL_20);
    load(33, INITVAL_21); load(34, INITVAL_22); load(35, INITVAL_23);
    load(36, INITVAL_24); load(37, INITVAL_25); load(38, INITVAL_26);
    load(39, INITVAL_27); load(40, INITVAL_28); load(41, INITVAL_29);
    load(42, INITVAL_2A); load(43, INITVAL_2B); load(44, INITVAL_2C);
    load(45, INITVAL_2D); load(46, INITVAL_2E); load(47, INITVAL_2F);
    load(48, INITVAL_30); load(49, INITVAL_31); load(50, INITVAL_32);
    load(51, INITVAL_33); load(52, INITVAL_34); load(53, INITVAL_35);
    load(54, INITVAL_36); load(55, INITVAL_37); load(56, INITVAL_38);
    load(57, INITVAL_39); load(58, INITVAL_3A); load(59, INITVAL_3B);
    load(60, INITVAL_3C); load(61, INITVAL_3D); load(62, INITVAL_3E);
    load(63, INITVAL_3F);
  end

  wire clk_a = CLKAMUX == "INV" ? ~CLKA : CLKA;
  wire clk_b = CLKBMUX == "INV" ? ~CLKB : CLKB;

  wire [13:0] ad_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
  ADA1, ADA0};
  wire [17:0] di_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
  DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [13:0] ad_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
  ADB1, ADB0};
  wire [17:0] di_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
  DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};

  // How many of the address' low bits a width does not use.
  function integer unused(input integer width);
    unused = width == 36 ? 5 : width == 18 ? 4 : width == 9 ? 3 : width == 4 ? 2 : width == 2;
  endfunction

  // What stands at an address, in the low bits.
  function [35:0] at(input integer width, input [13:0] ad);
    case (width)
      36: at = {bytes[{ad[13:5], 2'd3}], bytes[{ad[13:5], 2'd2}],
                bytes[{ad[13:5], 2'd1}], bytes[{ad[13:5], 2'd0}]};
      18: at = {18'd0, bytes[{ad[13:4], 1'b1}], bytes[{ad[13:4], 1'b0}]};
      9: at = {27'd0, bytes[ad[13:3]]};
      4: at = {32'd0, bytes[ad[13:3]][4 * ad[2] +: 4]};
      2: at = {34'd0, bytes[ad[13:3]][2 * ad[2:1] +: 2]};
      default: at = {35'd0, bytes[ad[13:3]][ad[2:0]]};
    endcase
  endfunction

  task store(input integer width, input [13:0] ad, input [35:0] value);
    case (width)
      36: for (k = 0; k < 4; k = k + 1) if (ad[k]) bytes[{ad[13:5], k[1:0]}] <= value[9 * k +: 9];
      18: for (k = 0; k < 2; k = k + 1) if (ad[k]) bytes[{ad[13:4], k[0]}] <= value[9 * k +: 9];
      9: bytes[ad[13:3]] <= value[8:0];
      4: bytes[ad[13:3]][4 * ad[2] +: 4] <= value[3:0];
      2: bytes[ad[13:3]][2 * ad[2:1] +: 2] <= value[1:0];
      default: bytes[ad[13:3]][ad[2:0]] <= value[0];
    endcase
  endtask

  // What stands there after a write, for WRITETHROUGH.
  function [35:0] after(input integer width, input [13:0] ad, input [35:0] value);
    begin
      after = at(width, ad);
      if (width == 18) begin
        if (ad[0]) after[8:0] = value[8:0];
        if (ad[1]) after[17:9] = value[17:9];
      end else after = value & ((36'd1 << width) - 36'd1);
    end
  endfunction

  localparam SHARED = unused(DATA_WIDTH_A) > unused(DATA_WIDTH_B)
                      ? unused(DATA_WIDTH_A) : unused(DATA_WIDTH_B);
  wire same = (ad_a >> SHARED) == (ad_b >> SHARED);
  // Widths 18 and 36 write the bytes that are enabled: with none of them they read.
  wire any_a = DATA_WIDTH_A == 36 ? |ad_a[3:0] : DATA_WIDTH_A == 18 ? |ad_a[1:0] : 1'b1;
  wire any_b = DATA_WIDTH_B == 18 ? |ad_b[1:0] : 1'b1;
  wire writes_a = CEA && WEA && any_a && !RSTA;
  wire writes_b = CEB && WEB && any_b && !RSTB && !WIDE;

  reg [35:0] latch_a = 36'd0, latch_b = 36'd0;  // behind the array
  reg [35:0] held_a = 36'd0, held_b = 36'd0;    // the output registers

  wire [35:0] given_a = WIDE ? {di_b, di_a} : {18'd0, di_a};
  always @(posedge clk_a) begin
    if (writes_a) store(DATA_WIDTH_A, ad_a, given_a);
    if (CEA) begin
      if (!writes_a) latch_a <= writes_b && same ? 36'bx : at(DATA_WIDTH_A, ad_a);
      else if (WRITEMODE_A == "WRITETHROUGH") latch_a <= after(DATA_WIDTH_A, ad_a, given_a);
      else if (WRITEMODE_A == "READBEFOREWRITE") latch_a <= at(DATA_WIDTH_A, ad_a);
    end
    if (OCEA) held_a <= latch_a;
    if (RSTA && RESETMODE == "SYNC") begin
      latch_a <= 36'd0;
      held_a <= 36'd0;
    end
  end
  always @(posedge RSTA) if (RESETMODE != "SYNC") begin
    latch_a <= 36'd0;
    held_a <= 36'd0;
  end

  wire [35:0] given_b = {18'd0, di_b};
  always @(posedge clk_b) begin
    if (writes_b) store(DATA_WIDTH_B, ad_b, given_b);
    if (CEB) begin
      if (!writes_b) latch_b <= writes_a && same ? 36'bx : at(DATA_WIDTH_B, ad_b);
      else if (WRITEMODE_B == "WRITETHROUGH") latch_b <= after(DATA_WIDTH_B, ad_b, given_b);
      else if (WRITEMODE_B == "READBEFOREWRITE") latch_b <= at(DATA_WIDTH_B, ad_b);
    end
    if (OCEB) held_b <= latch_b;
    if (RSTB && RESETMODE == "SYNC") begin
      latch_b <= 36'd0;
      held_b <= 36'd0;
    end
  end
  always @(posedge RSTB) if (RESETMODE != "SYNC") begin
    latch_b <= 36'd0;
    held_b <= 36'd0;
  end

  // The register of the low half of a word of 36 bits: port A's enable, port B's clock.
  reg [17:0] low = 18'd0;
  always @(posedge clk_b) if (RSTB && RESETMODE == "SYNC") low <= 18'd0;
    else if (OCEA) low <= latch_b[17:0];
  wire halves = DATA_WIDTH_B == 36;
  wire [17:0] out_a = halves ? (REGMODE_A == "OUTREG" ? low : latch_b[17:0])
                             : (REGMODE_A == "OUTREG" ? held_a[17:0] : latch_a[17:0]);
  wire [35:0] shown_b = REGMODE_B == "OUTREG" ? held_b : latch_b;
  wire [17:0] out_b = halves ? shown_b[35:18] : shown_b[17:0];
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
  DOA4, DOA3, DOA2, DOA1, DOA0} = out_a;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
  DOB4, DOB3, DOB2, DOB1, DOB0} = out_b;
endmodule
