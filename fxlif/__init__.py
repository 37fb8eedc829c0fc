"""fxlif: a fixed-point emulator for neuromorphic hardware.

A bit-accurate integer LIF model is the golden reference for a hardware core that is generated
from the same parameters and checked against it in every clock cycle.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .core import Core as Core
    from .design import load as load
    from .design import save as save
    from .errors import FxlifError as FxlifError
    from .network import Network as Network
    from .neuron import LIFPopulation as LIFPopulation
    from .neuron import NeuronState as NeuronState
    from .neuron import Recorder as Recorder
    from .params import CoreParams as CoreParams
    from .params import NetworkParams as NetworkParams
    from .params import NeuronParams as NeuronParams
    from .quantise import quantise_threshold as quantise_threshold

# Imported at first use: the command line answers --help without numpy and pydantic.
_HOMES = {
    "Core": "core",
    "CoreParams": "params",
    "FxlifError": "errors",
    "LIFPopulation": "neuron",
    "Network": "network",
    "NetworkParams": "params",
    "NeuronParams": "params",
    "NeuronState": "neuron",
    "Recorder": "neuron",
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
