// An example: random currents into the Verilog of NAME; what it shows is compared with what the C
// model says, in every cycle. How to build it stands in NAME.mk.
module NAME_example;
  import NAME_pkg::*;
  localparam int CURRENT_BITS = @CURRENT_BITS@, SPIKE_BITS = @SPIKE_BITS@, STATE_BITS = @STATE_BITS@;

  logic clk = 0, rst = 1, enable = 0;
  logic [CURRENT_BITS-1:0] current = 0;
  logic [SPIKE_BITS-1:0] spike;
  logic [STATE_BITS-1:0] state;
  always #5 clk = ~clk;

  \NAME dut (.clk, .rst, .enable, .current, .spike, .state);

  // xorshift32: the same numbers in every simulator.
  int unsigned drawn = @DRAWN@;
  function automatic int unsigned draw(input int unsigned below);
    drawn ^= drawn << 13;
    drawn ^= drawn >> 17;
    drawn ^= drawn << 5;
    return drawn % below;
  endfunction

  int cycles = 20000, cycle = 0, spikes = 0, wrong = 0;
  initial void'($value$plusargs("cycles=%d", cycles));

  task automatic compare(input string what, input longint found, input longint expected);
    if (found == expected) return;
    wrong++;
    if (wrong <= 10)
      $display("cycle %0d: %s: %0d, expected %0d", cycle, what, found, expected);
  endtask

  // What a clock edge meets: outputs, and the inputs that were set at the edge before.
  task automatic look();
    if (cycle > 0) begin
      compare("spike", longint'(spike), longint'(NAME_dpi_spike(0)));
      @STATE@
      if (spike != 0) spikes++;
    end
    NAME_dpi_clock(0, int'(rst), int'(enable), longint'($signed(current)));
  endtask

  task automatic drive();
    longint unsigned wide;
    rst <= cycle < 2 || draw(4096) == 0;
    enable <= draw(8) != 0;
    // Small ones mostly, more above 0 than below; the whole range now and then.
    wide = draw(16) == 0 ? {draw(1 << 31), draw(1 << 31)} << 1
                         : longint'(draw(@SPAN@)) - @BELOW@;
    current <= CURRENT_BITS'(wide);
  endtask

  always @(posedge clk) begin
    look();
    drive();
    cycle++;
    if (cycle == cycles) begin
      if (wrong != 0) $fatal(1, "FAILED: %0d differences", wrong);
      $display("PASSED: %0d cycles, %0d of them with spikes", cycles, spikes);
      $finish;
    end
  end
endmodule
