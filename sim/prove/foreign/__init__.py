"""Proofs about Verilog that fxlif did not make, in its wrapper: ``fxlif prove DESIGN --dut``.

``source`` reads it as a transition system. Beside it runs what it is held against, as a machine of
the same kind: ``neuron`` and ``core`` are the references of :mod:`fxlif.sim.dut.reference` on
bit-vectors. ``search`` proves that both agree in every cycle, by k-induction, or in every run of so
many cycles; ``control`` proves a core for runs of any length, at each state of its control, by the
``facts`` that random runs suggest; ``shown`` shows a counterexample to a simulator and leaves its
folder.
"""
