"""Proofs that what synthesis made of a design does what its Verilog does."""
