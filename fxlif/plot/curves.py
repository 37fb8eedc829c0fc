"""Rate against current, and weights before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import finite, integer
from ..batch.recording import BatchRecording
from ..errors import FxlifError
from .data import one_dimension, one_name
from .style import BLACK, BLUE, MARKERS, PALETTE, axes_of, legend, time_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
#: Bars of a histogram, at most.
MOST_BARS = 60
DASHES = ("-", "--", ":")


def _curves(given: Any) -> dict[str, Any]:
    """By label; a single one has none."""
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {"": given}


def _key(key: str, label: str) -> str:
    return f"{key}[{label!r}]" if label else key


def f_i_curve(
    currents: npt.ArrayLike,
    rates: Any,
    *,
    theory: Any = None,
    name: str | None = None,
    dt: float | None = None,
    current_unit: str = "LSB",
    rate_unit: str = "spikes per step",
    ax: Axes | None = None,
) -> Axes:
    """The f-I curve: the rate of a neuron against the constant current into it.

    Args:
        currents: (k,) in ``current_unit``.
        rates: (k,) in ``rate_unit``, or several such by their label; or a BatchRecording of k
            items, one for each current, whose mean rate of all neurons is taken.
        theory: (k,) in ``rate_unit``, drawn as a line; or several by their label.
        name: of the population, where a BatchRecording has several.
        dt: ms of a step; the rates of a BatchRecording are then in Hz.

    Raises:
        FxlifError: other shapes, no finite numbers, an unknown population.
    """
    x = one_dimension("currents", currents)
    if isinstance(rates, BatchRecording):
        counts = rates.counts(one_name(name, rates.selection.spikes))
        found = counts.mean(axis=1) / max(1, rates.steps)
        if dt is not None:
            found, rate_unit = found * 1000 / time_scale(dt)[0], "Hz"
        rates = found
    ax = axes_of(ax, 4.8, 3.2)
    for at, (label, given) in enumerate(_curves(theory).items()):
        ax.plot(
            x, one_dimension(_key("theory", label), given, len(x)), color=BLACK, linewidth=1,
            linestyle=DASHES[at % len(DASHES)], label=label or "theory",
        )  # fmt: skip
    for at, (label, given) in enumerate(_curves(rates).items()):
        # Later ones are smaller, so that equal rates are all seen.
        ax.plot(
            x, one_dimension(_key("rates", label), given, len(x)), color=PALETTE[at % len(PALETTE)],
            marker=MARKERS[at % len(MARKERS)], markersize=max(3.0, 6.5 - 2 * at),
            linewidth=1.2 if theory is None else 0,
            label=label or ("" if theory is None else "simulated"),
        )  # fmt: skip
    ax.set(xlabel=f"current ({current_unit})", ylabel=f"rate ({rate_unit})")
    ax.set_ylim(bottom=0)
    if ax.get_legend_handles_labels()[1]:
        legend(ax)
    return ax


def histogram(
    before: npt.ArrayLike,
    after: npt.ArrayLike | None = None,
    *,
    unit: str = "LSB",
    bins: int | None = None,
    labels: tuple[str, str] = ("before", "after"),
    ax: Axes | None = None,
) -> Axes:
    """A histogram of weights, and of what quantisation has made of them, with the same bins.

    Args:
        before: numbers of any shape.
        after: the same weights after, in the same unit. The bins are then whole steps of their
            grid, so that none holds more grid points than another.
        bins: how many; None: 60 at most.

    Raises:
        FxlifError: none, or no finite numbers.
    """
    first = finite("before", before).ravel()
    second = None if after is None else finite("after", after).ravel()
    for key, values in (("before", first), ("after", second)):
        if values is not None and not values.size:
            raise FxlifError.must_be(key, "one number or more", [], found="none")
    edges = _edges(first, second, MOST_BARS if bins is None else integer("bins", bins, 1))
    ax = axes_of(ax, 4.8, 3.0)
    counts, _ = np.histogram(first, edges)
    ax.stairs(counts, edges, fill=True, color="0.75", label=labels[0])
    if second is not None:
        counts, _ = np.histogram(second, edges)
        ax.stairs(counts, edges, color=BLUE, linewidth=1.3, label=labels[1])
        legend(ax)
    ax.set(xlabel=f"weight ({unit})", ylabel="synapses")
    ax.set_xlim(edges[0], edges[-1])
    return ax


def _edges(first: Floats, second: Floats | None, bins: int) -> Floats:
    """The edges of the bins: between points of the grid that the quantised weights lie on."""
    both = first if second is None else np.concatenate([first, second])
    low, high = float(both.min()), float(both.max())
    points = np.unique(first if second is None else second)
    gaps = np.diff(points)
    gaps = gaps[gaps > 1e-6 * max(high - low, 1e-300)]
    # Weights that nothing has quantised have no grid; integers have.
    on_grid = len(gaps) and np.allclose(gaps / gaps.min(), np.round(gaps / gaps.min()), atol=1e-3)
    if not on_grid or low == high:
        return np.histogram_bin_edges(both, bins).astype(np.float64)
    grid = float(gaps.min())
    origin = float(points[0]) - grid / 2
    start = np.floor((low - origin) / grid)
    levels = int(np.ceil((high - origin) / grid - start))
    wide = -(-levels // bins)
    edges: Floats = origin + grid * (start + wide * np.arange(-(-levels // wide) + 1))
    return edges
