"""Several figures of designs over one parameter of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .style import PALETTE, axes_of, figure_of, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def panels(
    x: Sequence[float], values: Mapping[str, Sequence[float]], xlabel: str, title: str = ""
) -> Figure:
    """A panel for each of ``values`` over ``x``, a scale of powers of two; each (k,)."""
    figure = figure_of(new_axes(2.6 * len(values), 2.6))
    figure.clear()
    for ax, (name, heights), colour in zip(
        figure.subplots(1, len(values), squeeze=False)[0], values.items(), PALETTE, strict=False
    ):
        axes_of(ax).plot(x, heights, marker="o", markersize=4, color=colour)
        ax.set_xscale("log", base=2)
        ax.set_xticks(x, [f"{each:g}" for each in x])
        ax.set(xlabel=xlabel, title=name)
        ax.set_ylim(bottom=0)
    if title:
        figure.suptitle(title)
    return figure
