"""Proofs of cores whose events act one by one: each takes its part of the step.

- ``step``: the golden step, cut at its events (:mod:`fxlif.sim.prove.turns.step`).
- ``datapath``: what is kept of a step between its events: counts of spikes, what acts at its end,
  the draws that it began with (:mod:`fxlif.sim.prove.turns.neurons`).
- ``events``: each event brings the weights of its row, none overtakes another, and the first of a
  step begins it (:mod:`fxlif.sim.prove.turns.core`); of a core that reads rows
  :mod:`fxlif.sim.prove.turns.rows`, with the contracts of :mod:`fxlif.sim.prove.row`.
"""
