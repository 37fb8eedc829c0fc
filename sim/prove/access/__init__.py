"""Proofs of what is written and read at run time, by ``fxlif prove``: ``ports`` are the two ports
beside their text, ``writes`` proves them and the memories behind the write port, ``reads`` what
answers; ``registers`` says what steps find in registers that are written. When a core may be
written and read is a theorem of its own (:mod:`fxlif.sim.prove.composition`,
:mod:`fxlif.sim.prove.row.composition`).
"""
