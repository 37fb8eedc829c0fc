"""fxlif: a fixed-point emulator for neuromorphic hardware.

A bit-accurate integer LIF model is the golden reference for a hardware core that is generated
from the same parameters and checked against it in every clock cycle.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .connect import Synapses as Synapses
    from .core_params import CoreParams as CoreParams
    from .design import load as load
    from .design import save as save
    from .errors import FxlifError as FxlifError
    from .network import Core as Core
    from .network import Network as Network
    from .network_params import AllToAll as AllToAll
    from .network_params import Dense as Dense
    from .network_params import EventSource as EventSource
    from .network_params import FixedInDegree as FixedInDegree
    from .network_params import FixedProbability as FixedProbability
    from .network_params import Grid as Grid
    from .network_params import NetworkParams as NetworkParams
    from .network_params import OneToOne as OneToOne
    from .network_params import PoissonSource as PoissonSource
    from .network_params import Population as Population
    from .network_params import Projection as Projection
    from .network_params import RegularSource as RegularSource
    from .network_params import Sparse as Sparse
    from .neuron import LIFPopulation as LIFPopulation
    from .neuron import NeuronState as NeuronState
    from .neuron import Recorder as Recorder
    from .params import Lfsr as Lfsr
    from .params import NeuronParams as NeuronParams
    from .quantise import quantise_threshold as quantise_threshold
    from .recording import Recording as Recording
    from .reference import FloatGrid as FloatGrid
    from .reference import FloatNeuron as FloatNeuron
    from .reference import FloatPopulation as FloatPopulation
    from .reference import FloatState as FloatState

# Imported at first use: the command line answers --help without numpy and pydantic.
_HOMES = {
    "AllToAll": "network_params",
    "Core": "network",
    "CoreParams": "core_params",
    "Dense": "network_params",
    "EventSource": "network_params",
    "FixedInDegree": "network_params",
    "FixedProbability": "network_params",
    "FloatGrid": "reference",
    "FloatNeuron": "reference",
    "FloatPopulation": "reference",
    "FloatState": "reference",
    "FxlifError": "errors",
    "Grid": "network_params",
    "LIFPopulation": "neuron",
    "Lfsr": "params",
    "Network": "network",
    "NetworkParams": "network_params",
    "NeuronParams": "params",
    "NeuronState": "neuron",
    "OneToOne": "network_params",
    "PoissonSource": "network_params",
    "Population": "network_params",
    "Projection": "network_params",
    "Recorder": "neuron",
    "Recording": "recording",
    "RegularSource": "network_params",
    "Sparse": "network_params",
    "Synapses": "connect",
    "load": "design",
    "quantise_threshold": "quantise",
    "save": "design",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fxlif' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
