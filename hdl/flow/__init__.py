"""From Verilog to the figures of a device: synthesis, and place and route."""
