"""What was observed and what was expected around a cycle, as a table for people."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .scoreboard import Expected
from .wrapper import Cycles, Interface


class Trace:
    """All fields of the cycles ``start`` to before ``stop``, with what the models expected.

    A watch of a :class:`~fxlif.sim.bench.scoreboard.Scoreboard`.
    """

    def __init__(self, interface: Interface, start: int, stop: int) -> None:
        self._names = list(interface.response)
        self._given = set(interface.stimulus)
        self._start, self.stop = start, stop
        self._rows: list[dict[str, int]] = []

    @property
    def wanted(self) -> bool:
        """Whether there is any cycle to watch."""
        return self.stop > self._start

    def add(self, start: int, cycles: Cycles, items: Sequence[Expected]) -> None:
        """Take from a block, whose first cycle is ``start``, what is watched of it."""
        low = max(self._start - start, 0)
        high = min(self.stop - start, len(cycles.words))
        if low >= high:
            return
        window = slice(low, high)
        seen = {name: cycles.take(name, window).tolist() for name in self._names}
        rows = [
            {"cycle": start + low + k, **{name: seen[name][k] for name in self._names}}
            for k in range(high - low)
        ]
        for item in items:
            at = np.arange(len(cycles.words)) if item.where is None else np.flatnonzero(item.where)
            for k in np.flatnonzero((at >= low) & (at < high)):
                row, key = rows[int(at[k]) - low], f"{item.signal} expected"
                # Two models may speak of one signal: the one that is contradicted is shown.
                if row.get(key, row[item.signal]) == row[item.signal]:
                    row[key] = int(item.values[k])
        self._rows += rows

    def write(self, path: Path) -> None:
        """A line per cycle. An input is a column, an output two: observed and expected, the latter
        empty where nothing is promised. ``differs`` names the outputs that differ."""
        columns = ["cycle", "differs"]
        for name in self._names:
            columns += [name] if name in self._given else [name, f"{name} expected"]
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            table.writeheader()
            for row in self._rows:
                wrong = [n for n in self._names if row.get(f"{n} expected", row[n]) != row[n]]
                table.writerow({**row, "differs": " ".join(wrong)})
