"""Bulk co-simulation: the design as a shared library against the compiled cycle model."""
