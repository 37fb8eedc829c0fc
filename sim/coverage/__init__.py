"""Functional coverage: which situations a design was in, and which it cannot be in.

A bin is one situation, with a group and a name. ``neuron_bins`` declares those of one step of one
neuron, ``core_bins`` those of a step of a core, ``cycle_bins`` those of streams and control;
``counters`` counts them, ``coverage`` holds the counts of a design. ``until_covered`` runs random
stimulus until no bin is missing: each was hit, proved ``unreachable``, or waived (``waivers``).
"""

from typing import TYPE_CHECKING

from ...lazy import exports

if TYPE_CHECKING:
    from .coverage import Coverage as Coverage
    from .until_covered import cover as cover
    from .waivers import read_waivers as read_waivers

HOMES = {
    "Coverage": "coverage",
    "cover": "until_covered",
    "read_waivers": "waivers",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
