"""The plots of a study's table: objectives against parameters, over two of them, and each other.

Each is small, so that it is readable on a telephone and three stand side by side on a screen.
"""

from __future__ import annotations

import base64
import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from ...plot.style import MARKERS, PALETTE, axes_of, integers_only
from ..subject import Objective, Parameter, Value
from ..table import Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches; 346 pixels, which fit beside the margins of a telephone of 400.
SIZE = (3.6, 2.9)
#: Lines of one plot and panels of one map, at most, and plots of each kind.
MOST_LINES, MOST_PANELS, MOST_OBJECTIVES = 6, 6, 4
#: A parameter of this name repeats an evaluation: its values are averaged over.
REPEAT = "seed"


class Figure(NamedTuple):
    """A plot as SVG, with what it shows in words."""

    title: str
    caption: str
    svg: bytes

    @property
    def image(self) -> str:
        """The plot as an address that stands inside a page."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()

    @property
    def file(self) -> str:
        """The name of its file."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:80] + ".svg"


def svg_of(ax: Axes) -> bytes:
    """The figure of ``ax`` as SVG, letters as shapes, the same for the same data."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "fxlif"}):
        canvas: Any = ax.figure
        canvas.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def titled(one: Parameter | Objective) -> str:
    """Title and unit, as they stand at an axis."""
    return f"{one.title} ({one.unit})" if one.unit else one.title


def shown(value: object) -> str:
    """A value of a table as text; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "no number" if math.isnan(value) else f"{value:.5g}"
    return str(value)


def is_number(value: object) -> bool:
    """Whether a value has a place on a scale."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Varied:
    """A parameter that has two values or more in a table, in their order."""

    parameter: Parameter
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """The parameter's."""
        return self.parameter.name

    @property
    def is_scale(self) -> bool:
        """Whether its values are numbers."""
        return all(map(is_number, self.values))


class Mean(NamedTuple):
    """An objective over repeats: the mean, and the ends of its interval or of the repeats."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Points:
    """The complete rows of a table, and how they are cut."""

    table: Table

    @cached_property
    def varied(self) -> list[Varied]:
        """The parameters that were varied, but for repeats."""
        made = []
        for parameter in self.table.parameters:
            seen = {
                row.values[parameter.name]
                for row in self.table.rows
                if parameter.name in row.values
            }
            # Choices in their own order, numbers in theirs.
            order = parameter.choices or tuple(sorted(seen, key=lambda v: (str(type(v)), v)))
            values = tuple(value for value in order if value in seen)
            if len(values) > 1 and parameter.name != REPEAT:
                made.append(Varied(parameter, values))
        return made

    @cached_property
    def best(self) -> Row | None:
        """The row within the limits whose first objective is best."""
        first = self.table.objectives[0]
        scored = [
            (first.score(row.found.get(first.name, math.nan)), row.trial, row)
            for row in self.table.feasible
        ]
        good = [each for each in scored if math.isfinite(each[0])]
        return min(good)[2] if good else None

    def at(self, where: Mapping[str, Value]) -> list[Row]:
        """The complete rows with these values."""
        return [
            row for row in self.table.complete
            if all(row.values.get(name) == value for name, value in where.items())
        ]  # fmt: skip

    def fixed(self, *free: Varied) -> dict[str, Value]:
        """The values of the best row in all parameters but ``free``."""
        if self.best is None:
            return {}
        names = {one.name for one in free}
        return {
            one.name: self.best.values[one.name] for one in self.varied if one.name not in names
        }

    def series(self, *but: Varied) -> Varied | None:
        """The parameter whose values are told apart by colour: one without a scale before one with,
        and the one that moves the first objective most."""
        others = [one for one in self.varied if one not in but and len(one.values) <= MOST_LINES]
        return min(others, key=lambda one: (one.is_scale, -self.effect(one)), default=None)

    def effect(self, of: Varied) -> float:
        """How far the means of the first objective, one for each value, lie apart."""
        first = self.table.objectives[0]
        means = [mean_of(self.at({of.name: value}), first) for value in of.values]
        known = [mean.value for mean in means if mean is not None]
        return max(known) - min(known) if known else 0.0

    def is_cost(self, objective: Objective) -> bool:
        """Whether an objective is the same whatever one of the parameters is, as what a width costs
        is: its plot would say no more than the others."""
        for one in self.varied:
            found: dict[tuple[tuple[str, Value], ...], set[float | None]] = {}
            for row in self.table.complete:
                rest = tuple(sorted((k, v) for k, v in row.values.items() if k != one.name))
                found.setdefault(rest, set()).add(row.found.get(objective.name))
            if len(found) < len(self.table.complete) and all(len(v) == 1 for v in found.values()):
                return True
        return False

    def said(self, fixed: Mapping[str, Value]) -> str:
        """In words what is fixed."""
        titles = {one.name: one.parameter.title for one in self.varied}
        parts = [f"{titles[name]} {shown(value)}" for name, value in fixed.items()]
        return f" As in the best design: {', '.join(parts)}." if parts else ""

    @property
    def repeats(self) -> str:
        """In words what a band is."""
        many = any(REPEAT in row.values for row in self.table.rows)
        return "lowest and highest seed" if many else "95 % interval"


def mean_of(rows: Sequence[Row], objective: Objective) -> Mean | None:
    """The objective of rows that differ in their repeat alone; None where none has a number."""
    values = [row.found.get(objective.name, math.nan) for row in rows]
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return None
    middle = float(np.mean(values))
    if len(values) > 1:
        return Mean(middle, min(values), max(values))
    ends = [rows[0].found.get(name, math.nan) for name in objective.columns[1:]] or [math.nan] * 2
    return Mean(middle, *ends)


def lines(points: Points) -> Iterator[Figure]:
    """Each objective against each of two parameters that have a scale, with its intervals."""
    scales = sorted(
        (one for one in points.varied if one.is_scale), key=lambda one: -len(one.values)
    )
    for objective in shown_of(points):
        for x in scales[:2]:
            yield from _against(points, objective, x)


def shown_of(points: Points) -> list[Objective]:
    """The first objective, and those that are no mere cost."""
    first, *others = points.table.objectives
    return [first, *(one for one in others if not points.is_cost(one))][:MOST_OBJECTIVES]


def _against(points: Points, objective: Objective, x: Varied) -> Iterator[Figure]:
    series = points.series(x)
    fixed = points.fixed(*(one for one in (x, series) if one))
    ax = axes_of(None, *SIZE)
    drawn, count = 0, len(series.values) if series else 1
    for k, value in enumerate(series.values if series else [None]):
        where = {**fixed, **({series.name: value} if series and value is not None else {})}
        found = [(v, mean_of(points.at({**where, x.name: v}), objective)) for v in x.values]
        known = [(v, mean) for v, mean in found if mean is not None]
        if not known:
            continue
        at = np.array([v for v, _ in known], float)
        middle, low, high = np.array([mean for _, mean in known]).T
        color, drawn = PALETTE[k % len(PALETTE)], drawn + len(known)
        ax.plot(
            at,
            middle,
            color=color,
            marker=MARKERS[k],
            # Of lines that lie on each other those below stand out at both sides.
            markersize=3 + 0.5 * (count - 1 - k),
            linewidth=1.2 + 0.6 * (count - 1 - k),
            label=shown(value),
        )
        ax.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    caption = f"Band: {points.repeats}." if objective.interval or "seed" in points.repeats else ""
    caption += points.said(fixed)
    if drawn < 2 or drawn * 2 < len(x.values):  # what a search leaves lies on no line
        ax = axes_of(None, *SIZE)
        rows = [
            row
            for row in points.table.complete
            if math.isfinite(row.found.get(objective.name, math.nan))
        ]
        if len(rows) < 2:
            return
        ax.plot(
            [row.values[x.name] for row in rows],
            [row.found[objective.name] for row in rows],
            "o",
            color=PALETTE[0],
            markersize=3,
            alpha=0.6,
        )
        caption, series = "Every trial, whatever its other parameters.", None
    label(ax, titled(x.parameter), titled(objective))
    show_limit(ax, "y", objective)
    scale_for(
        ax, objective, [row.found.get(objective.name, math.nan) for row in points.table.complete]
    )
    if series:
        below(ax, series.parameter.title)
    numbers = [v for v in x.values if isinstance(v, int | float)]
    wide = len(numbers) > 2 and 0 < 20 * numbers[0] <= numbers[-1]
    if wide:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
    if wide or min(np.diff(numbers)) * 12 >= numbers[-1] - numbers[0]:
        ax.set_xticks(numbers, [shown(v) for v in numbers])
    elif all(isinstance(v, int) for v in x.values):
        integers_only(ax.xaxis)
    yield Figure(f"{objective.title} against {x.parameter.title}", caption.strip(), svg_of(ax))


def show_limit(ax: Axes, axis: Literal["x", "y"], objective: Objective) -> None:
    """A dashed line at the limit of an objective, if it has one and nothing else becomes small for
    it: what a device has may be a thousand times what designs take."""
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    if objective.limit is not None and 2 * low - high <= objective.limit <= 2 * high - low:
        line = ax.axvline if axis == "x" else ax.axhline
        line(objective.limit, color="0.5", linewidth=0.9, linestyle="--", zorder=0)


def label(ax: Axes, x: str, y: str) -> None:
    """Titles of both axes, broken where they are longer than the axis."""
    ax.set(xlabel=textwrap.fill(x, 42), ylabel=textwrap.fill(y, 22))


def scale_for(ax: Axes, objective: Objective, values: Sequence[float]) -> None:
    """A scale on which errors of several decades can be told apart."""
    sizes = np.array([abs(v) for v in values if math.isfinite(v) and v])
    if objective.direction == "zero":
        ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    if objective.direction == "maximize" or not len(sizes) or sizes.max() < 30 * np.median(sizes):
        return
    near = 10.0 ** math.floor(math.log10(np.percentile(sizes, 25)))
    ax.set_yscale("symlog", linthresh=near, linscale=0.5)
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")


def drop_legend(ax: Axes) -> None:
    """Take away the legend that a plot has inside or above its axes."""
    if legend := ax.get_legend():
        legend.remove()


def below(ax: Axes, title: str = "") -> None:
    """A legend below the axes, as wide as they are."""
    texts = ax.get_legend_handles_labels()[1]
    widest = max(map(len, texts), default=0)
    ax.figure.legend(
        loc="outside lower left", title=title, ncols=max(1, min(4, 40 // (widest + 6))),
        frameon=False, fontsize="small", title_fontsize="small", alignment="left",
        handlelength=1.4, columnspacing=1.2,
    )  # fmt: skip
