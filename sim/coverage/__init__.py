"""Functional coverage: which situations a design was in, and which it cannot be in."""
