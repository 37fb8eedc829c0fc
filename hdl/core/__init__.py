"""The core: one in-order pipeline without stalls inside, built from parts.

``core`` wires them: ``issue`` sends words into the pipeline, ``totals`` adds weights up,
``neurons`` takes the step, ``queue`` holds what fired, ``emitter`` sends it out, ``counters`` count
what went wrong. ``layouts`` says what passes between them, :mod:`fxlif.cycles.pipeline` when.
"""
