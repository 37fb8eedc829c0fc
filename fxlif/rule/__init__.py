"""The rule of one neuron (docs/rule.md): its arithmetic, its random numbers, and one whole step.

Written to be read, and to run on Python ints, on int64 arrays and on a solver's bit-vectors alike.
"""

from .step import NeuronState, initial_state, step

__all__ = ["NeuronState", "initial_state", "step"]
