"""fxlif: a fixed-point emulator for neuromorphic hardware.

A bit-accurate integer LIF model is the golden reference for a hardware core that is generated
from the same parameters and checked against it in every clock cycle.
"""

from __future__ import annotations

from .core import Core
from .design import load, save
from .errors import FxlifError
from .network import Network
from .neuron import LIFPopulation, NeuronState, Recorder
from .params import CoreParams, NetworkParams, NeuronParams
from .quantise import quantise_threshold

__version__ = "0.1.0"

__all__ = [
    "Core",
    "CoreParams",
    "FxlifError",
    "LIFPopulation",
    "Network",
    "NetworkParams",
    "NeuronParams",
    "NeuronState",
    "Recorder",
    "load",
    "quantise_threshold",
    "save",
]
