// An example: random events through the Verilog of NAME; what comes out is compared with what the
// C model says, event by event. How to build it stands in NAME.mk.
module NAME_example;
  import NAME_pkg::*;
  localparam int IN_BITS = @IN_BITS@, OUT_BITS = @OUT_BITS@, INPUTS = @INPUTS@;

  logic clk = 0, rst = 1;
  logic in_valid = 0, in_ready;
  logic [IN_BITS:0] in_payload = 0;  // {tick, address}
  logic out_valid, out_ready = 0;
  logic [OUT_BITS:0] out_payload;
  always #5 clk = ~clk;

  \NAME dut (
@WRITE_PORT@
      .clk, .rst,
      .events_in_valid(in_valid), .events_in_ready(in_ready), .events_in_payload(in_payload),
      .events_out_valid(out_valid), .events_out_ready(out_ready),
      .events_out_payload(out_payload)
  );

  // xorshift32: the same numbers in every simulator.
  int unsigned drawn = @DRAWN@;
  function automatic int unsigned draw(input int unsigned below);
    drawn ^= drawn << 13;
    drawn ^= drawn >> 17;
    drawn ^= drawn << 5;
    return drawn % below;
  endfunction

  int cycles = 20000, cycle = 0, stalled = 0, compared = 0, spikes = 0, wrong = 0;
  int waiting[$];  // answers of the C model that have not come out yet
  initial void'($value$plusargs("cycles=%d", cycles));

  task automatic fail(input string what, input int found, input int expected);
    wrong++;
    if (wrong <= 10)
      $display("cycle %0d: %s: %0d, expected %0d", cycle, what, found, expected);
  endtask

  // What a clock edge meets: outputs, and the inputs that were set at the edge before.
  task automatic look();
    int found, expected;
    @CYCLES_LOOK@
    if (rst) begin
      NAME_dpi_reset(0);
      waiting.delete();
      return;
    end
    if (out_valid && out_ready) begin
      found = out_payload[OUT_BITS] ? NAME_TICK : int'(out_payload[OUT_BITS-1:0]);
      if (waiting.size() == 0) fail("an event that the C model does not send", found, 0);
      else begin
        expected = waiting.pop_front();
        if (found != expected) fail("event out", found, expected);
        compared++;
        if (found != NAME_TICK) spikes++;
      end
    end
    if (in_valid && in_ready) begin
      if (in_payload[IN_BITS]) begin
        NAME_dpi_tick(0);
        do begin
          found = NAME_dpi_next_event(0);
          waiting.push_back(found);
        end while (found != NAME_TICK);
      end else if (NAME_dpi_push_event(0, int'(in_payload[IN_BITS-1:0])) < 0)
        fail("no room for an event (NAME_EVENTS)", 0, 0);
    end
  endtask

  task automatic drive();
    rst <= cycle < 3 || draw(4096) == 0;
    if (!in_valid || in_ready || rst) begin
      in_valid <= draw(8) != 0;
      if (draw(@EVENTS@) == 0) in_payload <= {1'b1, IN_BITS'(0)};
      else if (draw(64) == 0) in_payload <= {1'b0, IN_BITS'(draw(1 << IN_BITS))};
      else in_payload <= {1'b0, IN_BITS'(draw(INPUTS))};
    end
    if (stalled == 0 && draw(256) == 0) stalled = int'(draw(200));
    else if (stalled > 0) stalled--;
    out_ready <= stalled == 0 && draw(4) != 0;
  endtask

  always @(posedge clk) begin
    look();
    drive();
    cycle++;
    if (cycle == cycles) begin
      if (compared == 0) fail("no event came out", 0, 1);
      if (wrong != 0) $fatal(1, "FAILED: %0d differences", wrong);
      $display("PASSED: %0d events out, %0d of them spikes, in %0d cycles", compared, spikes, cycles);
      $finish;
    end
  end
endmodule
