"""The HTML page of a study: one file that needs nothing outside it, filled from page.html."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from ...arrays import count_of
from ...errors import FxlifError
from ..subject import Objective, Subject
from ..table import Row, Table
from .figures import Figure, Points, is_number, lines, shown, titled
from .maps import heat_maps, trade_offs

#: The packages on which the numbers of a study may depend.
PACKAGES = ("fxlif", "numpy", "numba", "optuna")


def measured(row: Row, objective: Objective) -> str:
    """An objective of a row as text, with its interval, to the digit that the interval leaves."""
    value, *ends = (row.found.get(name) for name in objective.columns)
    known = [end for end in ends if end is not None and math.isfinite(end)]
    if value is None or not math.isfinite(value) or len(known) < 2 or known[0] >= known[1]:
        return shown(value)
    digits = max(0, -math.floor(math.log10((known[1] - known[0]) / 2)))
    low, high = (f"{end:.{digits}f}" for end in known)
    return f"{value:.{digits}f} ({low} to {high})"


def better(objective: Objective) -> str:
    """In words which way an objective is better."""
    words = {"minimize": "less is better", "maximize": "more is better"}
    limit = "" if objective.limit is None else f", limit {shown(objective.limit)}"
    return words.get(objective.direction, "nearer to 0 is better") + limit


def versions() -> dict[str, str]:
    """What the numbers of a study may depend on, by name."""
    made = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            continue
    return made


def sections_of(
    table: Table, subject: Subject | None = None, tolerance: float = 0.01
) -> dict[str, list[Figure]]:
    """All plots of a table, by the heading under which they stand.

    ``subject`` adds its own of chosen designs; ``tolerance`` is that of the cheapest one.
    """
    points = Points(table)
    pictures = subject.pictures(chosen(points, cheapest_of(points, tolerance))) if subject else ()
    return {
        "Against one parameter": list(lines(points)),
        "Over two parameters": list(heat_maps(points)),
        "Objectives against each other": list(trade_offs(points)),
        "Float beside integers": list(pictures),
    }


def cheapest_of(points: Points, tolerance: float) -> Row | None:
    """The cheapest design; None where no trial has a number in the first objective."""
    table = points.table
    return table.cheapest(table.objectives[0].name, tolerance) if points.best else None


def page(
    table: Table,
    sections: Mapping[str, Sequence[Figure]],
    *,
    tolerance: float = 0.01,
    verilog: str = "",
    command: str = "",
    facts: Mapping[str, str] | None = None,
) -> str:
    """The whole page as HTML.

    Args:
        table: of the study.
        sections: its plots, by heading.
        tolerance: by how much the cheapest design may miss the best first objective.
        verilog: the command that makes the Verilog of that design; empty where there is none.
        command: the one that makes the study.
        facts: more of how it was made, by name.

    Raises:
        FxlifError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        raise FxlifError.not_installed("jinja2", "'fxlif[study]'") from None
    points = Points(table)
    first = table.objectives[0]
    best = cheapest_of(points, tolerance)
    reasons = {row.trial: table.reason(row) for row in table.rows}
    failed = len(table.rows) - len(table.complete)
    beyond = len(table.complete) - len(table.feasible)
    seconds = sum(row.seconds for row in table.rows)
    told = {"time of all evaluations": f"{seconds:.3g} s"}
    told |= {**(facts or {}), "versions": " · ".join(f"{k} {v}" for k, v in versions().items())}
    unit = f" {first.unit}" if first.unit else ""
    verdict = f"The cheapest design within {tolerance:g}{unit} of the best {first.title}"
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("fxlif.study.report") / "page.html").read_text(encoding="utf-8")
    )
    return template.render(
        table=table, parameters=table.parameters, objectives=table.objectives, best=best,
        verdict=verdict if len(table.objectives) > 1 else f"The best {first.title}",
        front=table.front() if best else [], reasons=reasons,
        any_reason=any(reasons.values()), any_limit=bool(beyond), facts=told, sections=sections,
        counted=f"{count_of(len(table.rows), 'trial')}, {failed or 'none'} of which failed"
        f"{f' and {beyond} of which are beyond a limit' if beyond else ''}.",
        verilog=verilog, command=command, shown=shown, measured=measured, titled=titled,
        better=better, is_number=is_number,
        scales={one.name for one in points.varied if one.is_scale},
    )  # fmt: skip


def chosen(points: Points, cheapest: Row | None) -> dict[str, Row]:
    """By what they are called, the designs that are shown beside float: the best, the cheapest one
    near it, and the worst."""
    first = points.table.objectives[0]
    rows = [
        row for row in points.table.feasible if math.isfinite(first.score(row.found[first.name]))
    ]
    worst = max(rows, key=lambda row: first.score(row.found[first.name]), default=None)
    named = (("best", points.best), ("cheapest", cheapest), ("worst", worst))
    made: dict[str, Row] = {}
    for name, row in named:
        if row is not None and row not in made.values():
            made[name] = row
    return made
