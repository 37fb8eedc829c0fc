"""fxlif: a fixed-point emulator for neuromorphic hardware.

A bit-accurate integer LIF model is the golden reference for a hardware core that is generated
from the same parameters and checked against it in every clock cycle.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .errors import FxlifError as FxlifError
    from .network.model import Core as Core
    from .network.model import Network as Network
    from .network.recording import Recording as Recording
    from .network.synapses import Synapses as Synapses
    from .params.core import CoreParams as CoreParams
    from .params.design import load as load
    from .params.design import save as save
    from .params.leaks import Lfsr as Lfsr
    from .params.network import AllToAll as AllToAll
    from .params.network import Dense as Dense
    from .params.network import EventSource as EventSource
    from .params.network import FixedInDegree as FixedInDegree
    from .params.network import FixedProbability as FixedProbability
    from .params.network import Grid as Grid
    from .params.network import NetworkParams as NetworkParams
    from .params.network import OneToOne as OneToOne
    from .params.network import PoissonSource as PoissonSource
    from .params.network import Population as Population
    from .params.network import Projection as Projection
    from .params.network import RegularSource as RegularSource
    from .params.network import Sparse as Sparse
    from .params.neuron import NeuronParams as NeuronParams
    from .params.quantise import quantise_threshold as quantise_threshold
    from .population import LIFPopulation as LIFPopulation
    from .population import Recorder as Recorder
    from .reference import FloatGrid as FloatGrid
    from .reference import FloatNeuron as FloatNeuron
    from .reference import FloatPopulation as FloatPopulation
    from .reference import FloatState as FloatState
    from .rule.step import NeuronState as NeuronState

# Imported at first use: the command line answers --help without numpy and pydantic.
_HOMES = {
    "AllToAll": "params.network",
    "Core": "network.model",
    "CoreParams": "params.core",
    "Dense": "params.network",
    "EventSource": "params.network",
    "FixedInDegree": "params.network",
    "FixedProbability": "params.network",
    "FloatGrid": "reference",
    "FloatNeuron": "reference",
    "FloatPopulation": "reference",
    "FloatState": "reference",
    "FxlifError": "errors",
    "Grid": "params.network",
    "LIFPopulation": "population",
    "Lfsr": "params.leaks",
    "Network": "network.model",
    "NetworkParams": "params.network",
    "NeuronParams": "params.neuron",
    "NeuronState": "rule.step",
    "OneToOne": "params.network",
    "PoissonSource": "params.network",
    "Population": "params.network",
    "Projection": "params.network",
    "Recorder": "population",
    "Recording": "network.recording",
    "RegularSource": "params.network",
    "Sparse": "params.network",
    "Synapses": "network.synapses",
    "load": "params.design",
    "quantise_threshold": "params.quantise",
    "save": "params.design",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fxlif' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
