"""Spikes: which neuron in which step, and how many in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import count_of, integer
from .data import Spikes, Window, spikes_of
from .style import BLUE, axes_of, figure_of, integers_only, time_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More spikes are drawn as a picture of their density.
MOST_MARKS = 20_000
#: Columns and rows of that picture, at most.
PICTURE = (1200, 400)
#: Most points of a rate whose bins nobody chose.
MOST_BINS = 200


def raster(
    data: Any,
    name: str | None = None,
    *,
    item: int | None = None,
    steps: Window | None = None,
    dt: float | None = None,
    color: str = BLUE,
    ax: Axes | None = None,
) -> Axes:
    """A raster: a mark for each spike, at its step and its neuron.

    More than 20,000 spikes become a picture, the darker the more spikes fall on a pixel; a line
    above the axes says so.

    Args:
        data: a Recording or BatchRecording, an event stream, or spikes (steps, n), counts or
            booleans.
        name: of the population, where a recording has several.
        item: which of a batch.
        steps: the first step to draw and the one behind the last.
        dt: ms of a step; without it the axis has steps.

    Raises:
        FxlifError: no such data, population, item or steps, or no step at all.

    Example:
        >>> from fxlif.plot import raster
        >>> ax = raster([[1, 0], [0, 1], [0, 0]])
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('time (steps)', 'neuron')
    """
    spikes = spikes_of(data, name, item=item, steps=steps)
    length, label = time_scale(dt)
    ax = axes_of(ax)
    ax.set(xlabel=label, ylabel="neuron")
    # Half a step and half a neuron around what there is, so that no mark is cut off.
    left, right = ((end - 0.5) * length for end in (spikes.first, spikes.last))
    if len(spikes.step) > MOST_MARKS:
        _picture(ax, spikes, length, color)
    else:
        height = ax.get_window_extent().height * 72 / figure_of(ax).dpi
        ax.plot(
            spikes.step * length, spikes.neuron, linestyle="none", marker="|", color=color,
            markersize=min(8.0, max(1.5, 0.8 * height / spikes.n)), markeredgewidth=1.0,
        )  # fmt: skip
    ax.set_xlim(left, right)
    ax.set_ylim(-0.5, spikes.n - 0.5)
    if dt is None:
        integers_only(ax.xaxis)
    integers_only(ax.yaxis)
    return ax


def _picture(ax: Axes, spikes: Spikes, length: float, color: str) -> None:
    """The spikes as an image whose pixels have equally many steps and neurons, the last apart."""
    from matplotlib.colors import LinearSegmentedColormap

    steps = spikes.last - spikes.first
    wide, high = (-(-size // most) for size, most in zip((steps, spikes.n), PICTURE, strict=True))
    columns, rows = -(-steps // wide), -(-spikes.n // high)
    places = spikes.neuron // high * columns + (spikes.step - spikes.first) // wide
    counts = np.bincount(places, minlength=rows * columns).reshape(rows, columns)
    shades = LinearSegmentedColormap.from_list("spikes", ["0.88", color])
    left, top = (spikes.first - 0.5) * length, rows * high - 0.5
    ax.imshow(
        np.ma.masked_equal(counts, 0), cmap=shades, vmin=0,
        # One pixel where all fire at once must not make the others pale.
        vmax=float(np.percentile(counts[counts > 0], 99)), interpolation="nearest",
        aspect="auto", origin="lower", extent=(left, left + columns * wide * length, -0.5, top),
    )  # fmt: skip
    ax.set_title(
        f"{len(spikes.step):,} spikes, {wide:,} steps of {high:,} neurons a pixel",
        loc="right", fontsize="small", color="0.3",
    )  # fmt: skip


def rate(
    data: Any,
    name: str | None = None,
    *,
    window: int | None = None,
    item: int | None = None,
    steps: Window | None = None,
    dt: float | None = None,
    color: str = BLUE,
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The rate of a population: spikes per neuron and step, or Hz where ``dt`` is given.

    Args:
        window: steps of a bin, which the label names; None: as many as make some 200 bins.

    The others, and errors, are those of :func:`raster`.
    """
    spikes = spikes_of(data, name, item=item, steps=steps)
    count = spikes.last - spikes.first
    bin_ = -(-count // MOST_BINS) if window is None else integer("window", window, 1)
    length, time = time_scale(dt)
    edges = np.append(np.arange(spikes.first, spikes.last, bin_), spikes.last)
    found = np.bincount((spikes.step - spikes.first) // bin_, minlength=len(edges) - 1)
    rates = found / (spikes.n * np.diff(edges))
    ax = axes_of(ax)
    ax.stairs(
        rates if dt is None else rates * 1000 / length, edges * length, color=color,
        label=label, linewidth=1.2, baseline=None,
    )  # fmt: skip
    unit = "spikes per step" if dt is None else "Hz"
    ax.set(xlabel=time, ylabel=f"rate of a neuron ({unit}),\nbins of {count_of(bin_, 'step')}")
    ax.set_xlim(edges[0] * length, edges[-1] * length)
    ax.set_ylim(bottom=0)
    if dt is None:
        integers_only(ax.xaxis)
    return ax
