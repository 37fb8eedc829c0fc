"""What a page shows of networks beside float: rasters of the output, and the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ...arrays import Ints
from ...plot import histogram, raster
from ...plot.style import new_axes
from .figures import SIZE, Figure, below, drop_legend, svg_of

#: How many samples a raster shows, one after the other, in this many steps at most.
SAMPLES, STEPS = 12, 400
Floats = npt.NDArray[np.float64]


def of_networks(
    wanted: Ints, made: Mapping[str, Ints], weights: Mapping[str, tuple[Floats, Floats]]
) -> Iterator[Figure]:
    """Rasters of the first samples, and what became of the weights.

    Args:
        wanted: the output spikes of the float network, (steps, samples, n).
        made: those of each design, by what it is called.
        weights: of each design all weights in float and what they are in integers, in one unit.
    """
    yield _raster("Output of float", wanted, None)
    for name, spikes in made.items():
        yield _raster(f"Output of the {name}", spikes, wanted)
    for name, (before, after) in weights.items():
        ax = histogram(before, after, unit="of float", labels=("float", name), ax=new_axes(*SIZE))
        drop_legend(ax)
        below(ax)
        yield Figure(f"Weights of the {name}", "A bar for each integer weight.", svg_of(ax))


def _raster(title: str, spikes: Ints, wanted: Ints | None) -> Figure:
    count = max(1, min(SAMPLES, spikes.shape[1], STEPS // max(1, len(spikes))))
    ax = raster(_in_a_row(spikes, count), ax=new_axes(*SIZE))
    for k in range(1, count):
        ax.axvline(k * len(spikes) - 0.5, color="0.85", linewidth=0.8, zorder=0)
    caption = f"The first {count} samples, one after the other."
    if wanted is not None:
        same = (spikes[:, :count] == wanted[:, :count]).all(axis=(0, 2)).sum()
        caption += f" In {same} of them every spike is that of float."
    return Figure(title, caption, svg_of(ax))


def _in_a_row(spikes: Ints, count: int) -> Ints:
    """The first samples as one train, (count * steps, n)."""
    made: Ints = spikes[:, :count].swapaxes(0, 1).reshape(-1, spikes.shape[2])
    return made
