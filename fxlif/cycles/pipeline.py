"""The pipelines of a core, stage by stage: where their depth is written, once.

Hardware, cycle model, coverage, mutation and proof compute from the tuples below. Whoever adds a
stage to the update names it here, builds it in :mod:`fxlif.hdl.core`, and changes the test of the
formulas in :mod:`fxlif.cycles.latency`.
"""

from __future__ import annotations

#: What happens to a word of neurons in an update, one clock cycle each, first to last: its address
#: goes to the memories, they answer, the step is computed, the result is written back.
STAGES = ("issue", "read", "compute", "write")
#: How many cycles each stage is behind the first.
DISTANCE = {stage: distance for distance, stage in enumerate(STAGES)}
#: How many cycles the write-back is behind the first stage.
WRITE_DISTANCE = DISTANCE["write"]

#: What happens to a word of weights in the integration of an event.
INTEGRATION_STAGES = ("read", "add", "write")

if len(STAGES) - 1 != WRITE_DISTANCE:
    raise ImportError("fxlif.cycles.pipeline: STAGES must end with the write-back")


def update_moves(words: int) -> int:
    """How often the pipeline moves from the start of an update to its last write-back."""
    return words + WRITE_DISTANCE
