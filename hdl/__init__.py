"""The integer rule as hardware, in Amaranth, and the Verilog made from it.

``arithmetic`` has the rule on Amaranth's values, ``neuron`` one step, ``core`` a population with
its parts, ``memory`` their memories and images, ``network`` a chain of cores, ``events`` their
streams. ``limits`` refuses what cannot be hardware; ``verilog`` generates the files with the plain
names of ``names``, whose ports ``interface`` describes.
"""

if __name__ != "fxlif.hdl":
    raise ImportError("import fxlif.hdl: under another name every class would exist twice")

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .core.core import LIFCore as LIFCore
    from .interface import Hardware as Hardware
    from .limits import supported as supported
    from .network import LIFNetwork as LIFNetwork
    from .neuron import LIFNeuron as LIFNeuron
    from .verilog import generate as generate

HOMES = {
    "Hardware": "interface",
    "LIFCore": "core.core",
    "LIFNetwork": "network",
    "LIFNeuron": "neuron",
    "generate": "verilog",
    "supported": "limits",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
