"""Runs the generated Verilog and holds it against the golden model, cycle by cycle."""

if __name__ != "fxlif.sim":
    raise ImportError("import fxlif.sim: under another name every class would exist twice")
