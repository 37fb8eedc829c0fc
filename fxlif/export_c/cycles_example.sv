// And cycle by cycle: what the streams show.
if (cycle > 0) begin
  if (int'(in_ready) != NAME_dpi_in_ready(0))
    fail("events_in_ready", int'(in_ready), NAME_dpi_in_ready(0));
  if (int'(out_valid) != NAME_dpi_out_valid(0))
    fail("events_out_valid", int'(out_valid), NAME_dpi_out_valid(0));
  if (out_valid && int'(out_payload[OUT_BITS]) != NAME_dpi_out_tick(0))
    fail("tick", int'(out_payload[OUT_BITS]), NAME_dpi_out_tick(0));
  if (out_valid && !out_payload[OUT_BITS]
      && int'(out_payload[OUT_BITS-1:0]) != NAME_dpi_out_address(0))
    fail("address", int'(out_payload[OUT_BITS-1:0]), NAME_dpi_out_address(0));
end
NAME_dpi_cycles_clock(0, int'(rst), int'(in_valid), int'(in_payload[IN_BITS-1:0]),
                      int'(in_payload[IN_BITS]), int'(out_ready));
