"""How all plots look: axes, colours, the scale of time, and lines too long to be drawn whole."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import finite, of_type
from ..errors import FxlifError

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("matplotlib"):
        raise
    raise FxlifError.not_installed("matplotlib", "'fxlif[plot]'") from None

Reals = npt.NDArray[Any]

#: Colours that people of every colour vision tell apart: Okabe and Ito, "Color Universal Design"
#: (2008), in the order in which lines take them; its yellow, faint on white, is left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = PALETTE
GREY, PALE = "0.45", "0.85"
MARKERS = "osD^vP*"
#: A longer line is drawn by the extremes of parts of it.
MOST_POINTS = 20_000


def figure_of(axes: Axes) -> Figure:
    """The whole figure that ``axes`` are in."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def png_of(axes: Axes) -> bytes:
    """The figure of ``axes`` as a notebook shows it."""
    file = io.BytesIO()
    figure_of(axes).savefig(file, format="png", dpi=100)
    return file.getvalue()


class NotebookAxes(Axes):
    """Axes of a figure of their own, which a notebook shows at the end of a cell."""

    def _repr_png_(self) -> bytes:
        return png_of(self)


def new_axes(width: float = 6.4, height: float = 3.2) -> Axes:
    """The axes of a new figure, of so many inches."""
    axes: Axes = Figure((width, height), layout="constrained").add_subplot(axes_class=NotebookAxes)
    return axes


def axes_of(ax: Axes | None, width: float = 6.4, height: float = 3.2) -> Axes:
    """``ax``, or those of a new figure, without the frame's upper and right side."""
    if ax is None:
        ax = new_axes(width, height)
    of_type("ax", ax, Axes, "Axes of matplotlib, or None")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def time_scale(dt: float | None) -> tuple[float, str]:
    """How long a step is on the axis of time, and that axis's label.

    Raises:
        FxlifError: ``dt`` is no number of ms above 0.
    """
    if dt is None:
        return 1.0, "time (steps)"
    length = finite("dt", dt)
    if length.ndim or length <= 0:
        raise FxlifError.must_be("dt", "the ms of a step, a number above 0", dt)
    return float(length), "time (ms)"


def integers_only(axis: Any) -> None:
    """Let an axis have no ticks between integers."""
    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def legend(ax: Axes) -> None:
    """A legend above the axes, where it hides nothing, in as few lines as their width takes."""
    labels = ax.get_legend_handles_labels()[1]
    room = ax.get_window_extent().width * 72 / figure_of(ax).dpi
    columns = next(
        (count for count in range(len(labels), 1, -1) if _width(labels, count) <= room), 1
    )
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, ncols=columns, frameon=False,
        fontsize="small", handlelength=1.4, columnspacing=1.2,
    )  # fmt: skip


def _width(labels: list[str], columns: int) -> float:
    """About how many points wide the legend is: letters of 5 points, and what is between them."""
    parts = np.array_split(labels, columns)
    return sum(5 * max(map(len, part)) + 30 for part in parts)


def thin(values: Reals) -> tuple[npt.NDArray[np.int64], int]:
    """Which of ``values`` (k,) to draw: their places, and of how many each part shows two.

    All of them, of parts of 1, unless there are more than :data:`MOST_POINTS`: then the lowest and
    the highest of each part, so that no spike of a line is lost.
    """
    count = len(values)
    if count <= MOST_POINTS:
        return np.arange(count), 1
    part = -(-2 * count // MOST_POINTS)
    whole = count // part * part
    rows = values[:whole].reshape(-1, part)
    ends = np.stack([rows.argmin(axis=1), rows.argmax(axis=1)], axis=1)
    ends += np.arange(len(rows))[:, np.newaxis] * part
    return np.unique(np.append(ends, np.arange(whole, count))), part


def line(ax: Axes, times: Reals, values: Reals, label: str = "", **style: Any) -> None:
    """Draw a line, one too long to be drawn whole by its extremes, as its label then says."""
    places, part = thin(values)
    if part > 1 and label:
        label = f"{label} (lowest and highest of {part:,} steps)"
    # A single point is no line.
    marker = "o" if len(values) == 1 else ""
    ax.plot(times[places], values[places], label=label, marker=marker, **style)
