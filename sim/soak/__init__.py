"""Bulk co-simulation: the design as a library against the compiled cycle model.

``run`` is ``fxlif soak``, in ``segments`` of blocks; ``bulk`` runs cores,
``bulk_neuron`` a lone neuron, ``compare`` what they show. ``phase`` is that of ``fxlif verify``;
``random_design`` draws designs.
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .run import soak as soak
    from .run import soak_designs as soak_designs

HOMES = {
    "soak": "run",
    "soak_designs": "run",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
