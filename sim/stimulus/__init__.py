"""Seeded random stimulus: stalls, gaps, resets, and steps of input events."""
