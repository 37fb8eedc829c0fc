"""Runs the generated Verilog and holds it against the golden model, cycle by cycle.

A package for each question: ``verify`` and ``bench``, ``soak``, ``prove``, ``coverage``,
``mutate``, ``dut`` for cores of others; ``stimulus`` and ``tools`` serve them, ``failure`` and
``report`` tell what was found.
"""

if __name__ != "fxlif.sim":
    raise ImportError("import fxlif.sim: under another name every class would exist twice")
