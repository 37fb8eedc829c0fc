"""The integer rule as hardware, in Amaranth, and the Verilog made from it."""

if __name__ != "fxlif.hdl":
    raise ImportError("import fxlif.hdl: under another name every class would exist twice")
