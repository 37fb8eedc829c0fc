"""Coverage of cores whose events act one by one: each event is a situation of its own.

- ``values``: what an event finds and leaves (:mod:`fxlif.sim.coverage.turns.values`).
- ``bins``: what is counted of it (:mod:`fxlif.sim.coverage.turns.bins`).
"""
