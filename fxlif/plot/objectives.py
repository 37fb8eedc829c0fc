"""The points of a study in two objectives, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, one_of
from ..errors import FxlifError
from .data import one_dimension
from .style import BLACK, MARKERS, PALETTE, axes_of, figure_of, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Direction = Literal["min", "max"]


def front(
    x: npt.ArrayLike, y: npt.ArrayLike, directions: tuple[Direction, Direction] = ("min", "max")
) -> Ints:
    """The Pareto front: the places, in order of ``x``, of the points that no other equals in one
    objective and betters in the other, or betters in both; of equal points the first. (front,).

    Args:
        x: (k,) one objective.
        y: (k,) the other.
        directions: whether the lowest or the highest of each is best.

    Raises:
        FxlifError: other shapes or directions, no finite numbers.

    Example:
        >>> from fxlif.plot import front
        >>> front([1, 2, 2, 3], [5, 5, 9, 8])
        array([0, 2])
    """
    for direction in directions:
        one_of("directions", direction, ("min", "max"))
    a = one_dimension("x", x)
    b = one_dimension("y", y, len(a))
    cost, other = (v if d == "min" else -v for v, d in zip((a, b), directions, strict=True))
    order = np.lexsort((other, cost))
    best = np.minimum.accumulate(other[order])
    found: Ints = order[np.concatenate([[True], best[1:] < best[:-1]])]
    ordered: Ints = found[np.argsort(a[found])]
    return ordered


def pareto(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    directions: tuple[Direction, Direction] = ("min", "max"),
    low: npt.ArrayLike | None = None,
    high: npt.ArrayLike | None = None,
    groups: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    titles: tuple[str, str] = ("cost", "quality"),
    ax: Axes | None = None,
) -> Axes:
    """The points of a study in two objectives, those of the Pareto front ringed and joined.

    Args:
        x: (k,) one objective, in most studies a cost.
        y: (k,) the other.
        directions: whether the lowest or the highest of each is best.
        low: (k,) the lower end of the interval of ``y``, with ``high``.
        high: (k,) its upper end.
        groups: (k,) names; each has a colour and a marker of its own.
        labels: (k,) texts, of which those of the front are written where there is room.
        titles: of the two axes, with their units.

    Raises:
        FxlifError: other shapes or directions, no finite numbers.
    """
    a = one_dimension("x", x)
    b = one_dimension("y", y, len(a))
    best = front(a, b, directions)
    for key, given in (("groups", groups), ("labels", labels)):
        if given is not None and len(given) != len(a):
            raise FxlifError.must_be(key, f"of {len(a)} texts", given, found=f"of {len(given)}")
    ax = axes_of(ax, 5.2, 3.6)
    if low is not None and high is not None:
        ends = (b - one_dimension("low", low, len(a)), one_dimension("high", high, len(a)) - b)
        ax.errorbar(a, b, np.maximum(ends, 0), fmt="none", ecolor="0.75", elinewidth=0.8, zorder=1)
    named = ["points"] * len(a) if groups is None else list(groups)
    for at, each in enumerate(dict.fromkeys(named)):
        mine = [place for place, name in enumerate(named) if name == each]
        ax.plot(
            a[mine], b[mine], MARKERS[at % len(MARKERS)], color=PALETTE[at % len(PALETTE)],
            markersize=4, markeredgewidth=0, label=each,
        )  # fmt: skip
    ax.plot(
        a[best], b[best], color=BLACK, linewidth=0.9, marker="o", markersize=8,
        markerfacecolor="none", markeredgewidth=0.9, label="Pareto front",
        # Around what is no better than a point of the front.
        drawstyle="steps-post" if directions[0] == "min" else "steps-pre",
    )  # fmt: skip
    ax.set(xlabel=titles[0], ylabel=titles[1])
    ax.margins(0.1)
    legend(ax)
    if labels is not None:
        ax.autoscale_view()
        _write(ax, a[best], b[best], [str(labels[place]) for place in best], directions)
    return ax


def _write(
    ax: Axes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], texts: list[str],
    directions: tuple[Direction, Direction],
) -> None:  # fmt: skip
    """Write each text where no point is better, unless one before it stands there."""
    points = figure_of(ax).dpi / 72
    left, up = (-1 if directions[0] == "min" else 1), (1 if directions[1] == "max" else -1)
    taken: list[tuple[float, float, float]] = []
    for at, text in enumerate(texts):
        px, py = ax.transData.transform((x[at], y[at]))
        width = (5.2 * len(text) + 8) * points
        side = left if ax.bbox.x0 < px + left * width < ax.bbox.x1 else -left
        start = px - width if side < 0 else px
        if any(s < start + width and start < e and abs(py - h) < 10 * points for s, e, h in taken):
            continue
        taken.append((start, start + width, py))
        ax.annotate(
            text, (x[at], y[at]), (5 * side, 5 * up), textcoords="offset points",
            fontsize="small", ha="right" if side < 0 else "left", va="bottom" if up > 0 else "top",
        )  # fmt: skip
