"""How a network lies in hardware: nodes joined by streams, rows of synapses in memories.

:func:`~fxlif.layout.plan.hardware_network` makes a :class:`~fxlif.layout.parts.HardwareNetwork` of
a network; the hardware, the cycle model and the benches read it.
"""

from .golden import golden_of
from .parts import Accumulator, HardwareNetwork, Input, RegularNode, RowCore, RowMemory
from .plan import hardware_network

__all__ = [
    "Accumulator",
    "HardwareNetwork",
    "Input",
    "RegularNode",
    "RowCore",
    "RowMemory",
    "golden_of",
    "hardware_network",
]
