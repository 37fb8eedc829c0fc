"""What describes a neuron, a core and a network: frozen objects, validated when they are made.

The golden model, the hardware, the testbench and the proof all read them; no width, shift or
threshold is written anywhere else. :mod:`~fxlif.params.design` reads and writes them as files.
"""

from .core import CoreParams
from .leaks import Leak, Lfsr, LinearLeak, MultiShiftLeak, NoLeak, ScaleLeak, ShiftLeak
from .network import NetworkParams, Population, Projection
from .neuron import Adaptation, DeltaSynapse, ExponentialSynapse, NeuronParams

__all__ = [
    "Adaptation",
    "CoreParams",
    "DeltaSynapse",
    "ExponentialSynapse",
    "Leak",
    "Lfsr",
    "LinearLeak",
    "MultiShiftLeak",
    "NetworkParams",
    "NeuronParams",
    "NoLeak",
    "Population",
    "Projection",
    "ScaleLeak",
    "ShiftLeak",
]
