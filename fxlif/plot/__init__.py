"""Plots of recordings, neurons, weights and studies, with matplotlib (docs/plots.md).

Each function draws into the Axes that it is given, or into a figure of its own, and returns the
Axes; nothing of pyplot is used. Needs the extra ``plot``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .curves import f_i_curve as f_i_curve
    from .curves import histogram as histogram
    from .figures import overview as overview
    from .figures import save as save
    from .leaks import leak_step as leak_step
    from .membrane import compare as compare
    from .membrane import trace as trace
    from .objectives import front as front
    from .objectives import pareto as pareto
    from .sheet import grid as grid
    from .spikes import raster as raster
    from .spikes import rate as rate

HOMES = {
    "compare": "membrane",
    "f_i_curve": "curves",
    "front": "objectives",
    "grid": "sheet",
    "histogram": "curves",
    "leak_step": "leaks",
    "overview": "figures",
    "pareto": "objectives",
    "raster": "spikes",
    "rate": "spikes",
    "save": "figures",
    "trace": "membrane",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
