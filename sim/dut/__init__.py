"""Any core against the golden model: Verilog that fxlif did not make, and a map of its ports."""
