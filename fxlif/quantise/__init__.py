"""From a network in physical units, or as it was trained, to integers, and back (docs/quantise.md).

:class:`FloatNetwork` describes the network, :func:`quantise` makes the integers; what it returns,
a :class:`Quantised`, has the design, what its integers stand for, and every error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .accuracy import Compared as Compared
    from .accuracy import compare as compare
    from .convert import quantise as quantise
    from .leak import LeakCandidate as LeakCandidate
    from .leak import leaks_for as leaks_for
    from .network import FloatConnection as FloatConnection
    from .network import FloatGroup as FloatGroup
    from .network import FloatNetwork as FloatNetwork
    from .neuron import StepNeuron as StepNeuron
    from .result import Quantised as Quantised

HOMES = {
    "Compared": "accuracy",
    "FloatConnection": "network",
    "FloatGroup": "network",
    "FloatNetwork": "network",
    "LeakCandidate": "leak",
    "Quantised": "result",
    "StepNeuron": "neuron",
    "compare": "accuracy",
    "leaks_for": "leak",
    "quantise": "convert",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
