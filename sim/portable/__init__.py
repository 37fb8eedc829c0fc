"""The self-checking bench in plain Verilog, which needs neither Python nor cocotb."""
