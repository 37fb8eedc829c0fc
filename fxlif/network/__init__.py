"""The golden network: synapses, sources, events, the numpy engine, and what a run records."""

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .model import Network as Network
    from .recording import Recording as Recording
    from .synapses import Synapses as Synapses

HOMES = {
    "Network": "model",
    "Recording": "recording",
    "Synapses": "synapses",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
