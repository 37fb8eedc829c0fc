"""Seeded random stimulus: stalls, gaps, resets, and steps of input events.

``random`` draws that of a core from the table ``rates``, with ``events`` and ``flags``; ``neuron``
that of a lone neuron; ``aimed`` makes events that push a neuron where chance does not.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .neuron import NeuronStimulus as NeuronStimulus
    from .random import RandomStimulus as RandomStimulus

HOMES = {
    "NeuronStimulus": "neuron",
    "RandomStimulus": "random",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
