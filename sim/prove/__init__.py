"""Theorems about the delivered Verilog, each with its solver, mode and time."""
