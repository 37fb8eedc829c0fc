"""A first difference: what it is, and a table of it for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first cycle, and in it the first signal of ``width`` bits, that is not as expected.

    ``history``: what every signal showed in that cycle and in up to ten before it.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  (never changed)

    cycle: int
    signal: str
    width: int
    expected: int
    observed: int
    history: dict[str, list[int]]

    @property
    def where(self) -> str:
        """Cycle and signal in words."""
        return f"cycle {self.cycle}, signal {self.signal}"


def difference_table(first: Difference) -> str:
    """The first wrong cycle, and what every signal showed in it and in the ten before it."""
    digits, mask = -(-first.width // 4), (1 << first.width) - 1
    told = [
        f"  {which} 0x{value & mask:0{digits}x} ({value})"
        for which, value in (("expected", first.expected), ("observed", first.observed))
    ]
    lines = [f"first difference: {first.where}", *told, ""]
    return "\n".join([*lines, *history_lines(first.cycle, first.history)])


def history_lines(cycle: int, history: Mapping[str, list[int]]) -> list[str]:
    """A column for each cycle up to ``cycle``, a row for each signal of ``history``."""
    width = max(map(len, history))
    count = len(next(iter(history.values())))
    rows = {"": range(cycle - count + 1, cycle + 1), **history}
    return [f"{name:<{width}}" + "".join(f"{v:>9}" for v in row) for name, row in rows.items()]


__all__ = ["Difference", "difference_table", "history_lines"]
