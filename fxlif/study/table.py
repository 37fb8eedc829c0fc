"""What a study found: a table with one row for each trial, and what is best in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import FxlifError
from ..files import whole_file
from .subject import Objective, Parameter, Value

#: The columns before those of the parameters.
FIRST = ("trial", "state", "reason", "seconds")
State = Literal["complete", "failed"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One trial that has ended: ``values`` by parameter, ``found`` by column of an objective.

    ``reason``: of a failed one why, in one line; ``seconds``: its evaluation took.
    """

    trial: int
    state: State
    values: Mapping[str, Value]
    found: Mapping[str, float]
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Table:
    """The trials of the study ``name`` in their order, with what was varied and measured."""

    name: str
    parameters: tuple[Parameter, ...]
    objectives: tuple[Objective, ...]
    rows: tuple[Row, ...]

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        made = [*FIRST, *(one.name for one in self.parameters)]
        return made + [name for one in self.objectives for name in one.columns]

    @property
    def complete(self) -> list[Row]:
        """The rows whose trial did not fail."""
        return [row for row in self.rows if row.state == "complete"]

    @property
    def feasible(self) -> list[Row]:
        """The complete rows that are within all limits."""
        return [row for row in self.complete if not self.beyond(row)]

    def beyond(self, row: Row) -> str:
        """Which limits a complete row is beyond, in words; empty where none."""
        return "; ".join(
            f"{one.name}: {row.found[one.name]:.6g} is beyond its limit, {one.limit:g}"
            for one in self.objectives
            if one.limit is not None and one.beyond(row.found[one.name])
        )

    def reason(self, row: Row) -> str:
        """Why a row cannot be chosen; empty where it can."""
        return row.reason if row.state == "failed" else self.beyond(row)

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row as a mapping of all columns; None where a failed trial has no number."""
        for row in self.rows:
            first = (row.trial, row.state, self.reason(row), row.seconds)
            whole = {**dict(zip(FIRST, first, strict=True)), **row.values, **row.found}
            yield {name: whole.get(name) for name in self.columns}

    def front(self) -> list[Row]:
        """The Pareto front: of the rows within the limits those than which no other is better in
        one objective and as good in the rest."""
        scored = [(row, self._scores(row)) for row in self.feasible]
        return [
            row
            for row, own in scored
            if not any(
                all(a <= b for a, b in zip(other, own, strict=True)) and other != own
                for _, other in scored
            )
        ]

    def front_alone(self) -> Table:
        """The table with the rows of the :meth:`front` alone."""
        return replace(self, rows=tuple(self.front()))

    def _scores(self, row: Row) -> tuple[float, ...]:
        """The objectives, less is better."""
        return tuple(one.score(row.found[one.name]) for one in self.objectives)

    def cheapest(self, of: str, within: float) -> Row | None:
        """Of the rows within the limits whose first objective ``of`` is at most ``within`` worse
        than the best, the one that is best in the others, the second objective first; None where
        there is none."""
        scored = [(self._scores(row), row) for row in self.feasible]
        if not scored:
            return None
        k = [one.name for one in self.objectives].index(of)
        limit = min(scores[k] for scores, _ in scored) + within
        good = [pair for pair in scored if pair[0][k] <= limit]
        return min(good, key=lambda pair: (pair[0][:k] + pair[0][k + 1 :], pair[0][k]))[1]

    def write_csv(self, path: Path) -> None:
        """Write the table as CSV, whole or not at all; empty where there is no number."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records())
        with whole_file(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8", newline="")

    def write_parquet(self, path: Path) -> None:
        """Write the table as Parquet, whole or not at all.

        Raises:
            FxlifError: pyarrow is not installed.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError:
            raise FxlifError.not_installed("pyarrow", "'fxlif[study]'") from None
        records = list(self.records())
        columns = {name: [record[name] for record in records] for name in self.columns}
        with whole_file(path) as temporary:
            pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
