"""Proofs of what is written at run time, by ``fxlif prove``: ``writes`` is the write port and the
memories behind it. When a core may be written is a theorem of its own
(:mod:`fxlif.sim.prove.composition`).
"""
