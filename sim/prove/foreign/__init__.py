"""Proofs about Verilog that fxlif did not make, in its wrapper: ``fxlif prove DESIGN --dut``.

``source`` reads it as a transition system. Beside it runs what it is held against, as a machine of
the same kind: ``neuron`` and ``core`` are the references of :mod:`fxlif.sim.dut.reference` on
bit-vectors. ``search`` proves that both agree in every cycle, by k-induction, or in every run of so
many cycles; ``shown`` shows a counterexample to a simulator and leaves its folder.
"""
