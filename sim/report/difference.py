"""A first difference as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def difference_table(first: Mapping[str, Any]) -> str:
    """The first wrong cycle, and what every signal showed in it and in the ten before it.

    ``first`` is what :class:`~fxlif.sim.bench.scoreboard.Report` keeps.
    """
    digits, mask = -(-first["width"] // 4), (1 << first["width"]) - 1
    told = [
        f"  {which} 0x{first[which] & mask:0{digits}x} ({first[which]})"
        for which in ("expected", "observed")
    ]
    where = f"first difference: cycle {first['cycle']}, signal {first['signal']}"
    return "\n".join([where, *told, "", *history_lines(first["cycle"], first["history"])])


def history_lines(cycle: int, history: Mapping[str, list[int]]) -> list[str]:
    """A column for each cycle up to ``cycle``, a row for each signal of ``history``."""
    width = max(map(len, history))
    count = len(next(iter(history.values())))
    rows = {"": range(cycle - count + 1, cycle + 1), **history}
    return [f"{name:<{width}}" + "".join(f"{v:>9}" for v in row) for name, row in rows.items()]


__all__ = ["difference_table", "history_lines"]
