"""fxlif: a fixed-point emulator for neuromorphic hardware.

A bit-accurate integer LIF model is the golden reference for a hardware core that is generated
from the same parameters and checked against it in every clock cycle.
"""

from __future__ import annotations

from .lazy import exports

__version__ = "0.1.0"

# Not that of typing, whose import takes the most of this one: a Ctrl-C in it, before the command
# line could take it, would end in a traceback.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from . import metrics as metrics
    from . import nir as nir
    from . import plot as plot
    from . import profiles as profiles
    from . import quantise as quantise
    from . import theory as theory
    from .batch.items import item_seed as item_seed
    from .batch.recording import BatchRecording as BatchRecording
    from .core import Core as Core
    from .errors import FxlifError as FxlifError
    from .errors import FxlifWarning as FxlifWarning
    from .network.model import Network as Network
    from .network.recording import Recording as Recording
    from .network.synapses import Synapses as Synapses
    from .params.core import CoreParams as CoreParams
    from .params.design import load as load
    from .params.design import save as save
    from .params.leaks import ConstantLeak as ConstantLeak
    from .params.leaks import DecayLeak as DecayLeak
    from .params.leaks import Lfsr as Lfsr
    from .params.leaks import LinearLeak as LinearLeak
    from .params.leaks import MultiShiftLeak as MultiShiftLeak
    from .params.leaks import NoLeak as NoLeak
    from .params.leaks import ScaleLeak as ScaleLeak
    from .params.leaks import ShiftLeak as ShiftLeak
    from .params.network import NetworkParams as NetworkParams
    from .params.network import Population as Population
    from .params.network import Projection as Projection
    from .params.neuron import Adaptation as Adaptation
    from .params.neuron import DeltaSynapse as DeltaSynapse
    from .params.neuron import ExponentialSynapse as ExponentialSynapse
    from .params.neuron import NeuronParams as NeuronParams
    from .params.noise import GaussianNoise as GaussianNoise
    from .params.noise import PoissonNoise as PoissonNoise
    from .params.quantise import quantise_threshold as quantise_threshold
    from .params.sources import EventSource as EventSource
    from .params.sources import PoissonSource as PoissonSource
    from .params.sources import RegularSource as RegularSource
    from .params.topology import AllToAll as AllToAll
    from .params.topology import Dense as Dense
    from .params.topology import FixedInDegree as FixedInDegree
    from .params.topology import FixedProbability as FixedProbability
    from .params.topology import Grid as Grid
    from .params.topology import OneToOne as OneToOne
    from .params.topology import Sparse as Sparse
    from .population import LIFPopulation as LIFPopulation
    from .population import Recorder as Recorder
    from .reference import FloatGrid as FloatGrid
    from .reference import FloatNeuron as FloatNeuron
    from .reference import FloatPopulation as FloatPopulation
    from .reference import FloatState as FloatState
    from .rule.step import NeuronState as NeuronState

# Imported at first use: the command line answers --help without numpy and pydantic. A test holds
# this table against the imports above, which only type checkers and editors read.
HOMES = {
    "Adaptation": "params.neuron",
    "AllToAll": "params.topology",
    "BatchRecording": "batch.recording",
    "ConstantLeak": "params.leaks",
    "Core": "core",
    "CoreParams": "params.core",
    "DecayLeak": "params.leaks",
    "DeltaSynapse": "params.neuron",
    "Dense": "params.topology",
    "EventSource": "params.sources",
    "ExponentialSynapse": "params.neuron",
    "FixedInDegree": "params.topology",
    "FixedProbability": "params.topology",
    "FloatGrid": "reference",
    "FloatNeuron": "reference",
    "FloatPopulation": "reference",
    "FloatState": "reference",
    "FxlifError": "errors",
    "FxlifWarning": "errors",
    "GaussianNoise": "params.noise",
    "Grid": "params.topology",
    "LIFPopulation": "population",
    "Lfsr": "params.leaks",
    "LinearLeak": "params.leaks",
    "MultiShiftLeak": "params.leaks",
    "Network": "network.model",
    "NetworkParams": "params.network",
    "NeuronParams": "params.neuron",
    "NeuronState": "rule.step",
    "NoLeak": "params.leaks",
    "OneToOne": "params.topology",
    "PoissonNoise": "params.noise",
    "PoissonSource": "params.sources",
    "Population": "params.network",
    "Projection": "params.network",
    "Recorder": "population",
    "Recording": "network.recording",
    "RegularSource": "params.sources",
    "ScaleLeak": "params.leaks",
    "ShiftLeak": "params.leaks",
    "Sparse": "params.topology",
    "Synapses": "network.synapses",
    "item_seed": "batch.items",
    "load": "params.design",
    "quantise_threshold": "params.quantise",
    "save": "params.design",
}
PACKAGES = ("metrics", "nir", "plot", "profiles", "quantise", "theory")
__all__ = [*HOMES, *PACKAGES]
__getattr__, __dir__ = exports(__name__, HOMES, PACKAGES)
