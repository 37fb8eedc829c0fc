"""Theorems about the generated Verilog, for every state and every input (``fxlif prove``).

Yosys reads the Verilog, z3 or Bitwuzla answers, and what does not hold is shown by a counterexample
in a simulator. :func:`fxlif.sim.prove.run.prove` is the way in; it needs the extra ``formal``.

What is proved:

- ``step``: the step module and the registers of a single neuron do the golden step.
- ``sums``: weights, overflow, adders, and the way of a sum into the step and back into memory.
- ``streams``: the handshake of every stream.
- ``events``: no event is lost or invented; by induction over ``core_claims`` (what a core does,
  beside a specification) and ``core_invariants`` (what makes that inductive).

What they stand on:

- ``run``: the groups of theorems, and the findings.
- ``prover``: what a theorem is, and how it is settled.
- ``netlist``: a module of Verilog as a transition system in z3 terms.
- ``induction``: induction over such a system, and runs of it.
- ``golden``: the golden rule on bit-vectors, and how wide they must be.
- ``lemmas``: equal terms inside golden rule and hardware, so that products need not be compared.
- ``counterexample``: one in words, and in a simulator.
"""
