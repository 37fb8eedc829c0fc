"""The shipped recurrent network with delays (docs/networks.md#recurrent)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..network.events import Events

#: Its design file; its input lies beside it.
DESIGN = Path(__file__).with_name("design.toml")
#: Steps and inputs of that, and how likely an input spikes in a step.
STEPS, INPUTS, PROBABILITY = 1000, 32, 0.03


def input_events() -> Events:
    """What ``events.bin`` beside the design holds, drawn again."""
    import numpy as np

    from ..network.events import from_counts

    return from_counts(np.random.default_rng(2026).random((STEPS, INPUTS)) < PROBABILITY)
