"""A study's objectives over two of its parameters, and against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.ticker import NullLocator

from ...plot import pareto
from ...plot.style import axes_of, integers_only, new_axes
from ..subject import Objective
from .figures import (
    MOST_OBJECTIVES,
    SIZE,
    Figure,
    Points,
    Varied,
    below,
    drop_legend,
    label,
    mean_of,
    show_limit,
    shown,
    shown_of,
    svg_of,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Cells that still have room for their number.
MOST_NUMBERS = 6


def heat_maps(points: Points) -> Iterator[Figure]:
    """The first two objectives over the two parameters of most values, a panel for each value of a
    third."""
    if len(points.varied) < 2:
        return
    order = sorted(points.varied, key=lambda one: (not one.is_scale, -len(one.values)))
    x, y = order[:2]
    panels = points.series(x, y)
    fixed = points.fixed(*(one for one in (x, y, panels) if one))
    for objective in shown_of(points)[:2]:
        made = []
        for value in panels.values if panels else [None]:
            where = {**fixed, **({panels.name: value} if panels and value is not None else {})}
            cells = np.full((len(y.values), len(x.values)), np.nan)
            for row, column in np.ndindex(*cells.shape):
                mean = mean_of(
                    points.at({**where, x.name: x.values[column], y.name: y.values[row]}), objective
                )
                cells[row, column] = math.nan if mean is None else mean.value
            made.append((value, cells))
        known = np.concatenate([cells[np.isfinite(cells)] for _, cells in made])
        if len(known) * 3 < sum(cells.size for _, cells in made) or len(known) < 4:
            continue
        for value, cells in made:
            extra = f", {panels.parameter.title} {shown(value)}" if panels else ""
            caption = f"A cross: the trial failed or gave no number.{points.said(fixed)}"
            missing = np.isnan(cells).any()
            yield Figure(
                f"{objective.title}{extra}",
                (caption if missing else points.said(fixed)).strip(),
                svg_of(_map(objective, x, y, cells, known)),
            )


def _map(objective: Objective, x: Varied, y: Varied, cells: Any, known: Any) -> Axes:
    from matplotlib import colors

    ax = axes_of(None, *SIZE)
    look: dict[str, Any]
    if objective.direction == "zero":
        most = float(np.abs(known).max()) or 1.0
        # Three decades of either sign, and all that is nearer to 0.
        near = 10.0 ** (math.ceil(math.log10(most)) - 3)
        look = {"cmap": "RdBu_r", "norm": colors.SymLogNorm(near, 0.5, -most, most)}
    else:
        low, high = float(known.min()), float(known.max())
        look = {"cmap": "cividis", "norm": colors.Normalize(low, high if high > low else low + 1)}
    image = ax.imshow(cells, aspect="auto", origin="lower", interpolation="nearest", **look)
    for axis, one in ((ax.xaxis, x), (ax.yaxis, y)):
        every = -(-len(one.values) // 10)
        axis.set_ticks(range(0, len(one.values), every), [shown(v) for v in one.values[::every]])
    label(ax, titled(x.parameter), titled(y.parameter))
    for row, column in np.argwhere(np.isnan(cells)):
        ax.plot(column, row, "x", color="0.5", markersize=4)
    if max(cells.shape) <= MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(cells):
            if not math.isnan(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
                ax.text(
                    column,
                    row,
                    f"{value:.3g}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else "black",
                )
    bar = ax.figure.colorbar(image, label=objective.unit)
    if objective.direction == "zero":
        decades = [near * 10**k for k in range(4) if near * 10**k <= most]
        bar.set_ticks([*(-x for x in decades), 0, *decades])
        bar.ax.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
    return ax


def trade_offs(points: Points) -> Iterator[Figure]:
    """The first objective against each other one, with the Pareto front of the two."""
    first, *others = points.table.objectives
    series = points.series()
    for other in others[:MOST_OBJECTIVES]:
        rows = [
            row for row in points.table.complete
            if all(math.isfinite(row.found.get(one.name, math.nan)) for one in (first, other))
        ]  # fmt: skip
        if len({row.found[other.name] for row in rows}) < 2:
            continue
        ax = new_axes(*SIZE)
        size = [abs if one.direction == "zero" else float for one in (other, first)]
        pareto(
            [size[0](row.found[other.name]) for row in rows],
            [size[1](row.found[first.name]) for row in rows],
            directions=(way(other), way(first)),
            groups=[shown(row.values.get(series.name)) for row in rows] if series else None, ax=ax,
        )  # fmt: skip
        label(ax, absolute(other), absolute(first))
        show_limit(ax, "x", other)
        show_limit(ax, "y", first)
        drop_legend(ax)
        below(ax, series.parameter.title if series else "")
        for axis, one in (("x", other), ("y", first)):
            values = np.abs([row.found[one.name] for row in rows])
            if (values % 1 == 0).all():
                integers_only(getattr(ax, f"{axis}axis"))
            if one.direction != "maximize" and values.max() > 100 * np.median(values) > 0:
                ax.set(**{f"{axis}scale": "symlog"})
        yield Figure(
            f"{first.title} and {other.title}",
            "A point for each trial; the line joins those that no other is better than in both.",
            svg_of(ax),
        )


def way(one: Objective) -> Literal["min", "max"]:
    """Which end of an objective's size is best."""
    return "max" if one.direction == "maximize" else "min"


def absolute(one: Objective) -> str:
    """The title of the size of an objective."""
    return (
        f"|{one.title}|" + (f" ({one.unit})" if one.unit else "")
        if one.direction == "zero"
        else titled(one)
    )
