"""A first difference: what it is, and a table of it for people."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import NamedTuple

#: Signals that a table or a waveform shows at most.
MOST_SIGNALS = 24


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first cycle, and in it the first signal of ``width`` bits, that is not as expected.

    ``history``: what signals showed in that cycle and in up to ten before it; ``due``: what they
    had to show, None in a cycle in which nothing is promised; ``widths``: their bits. A recorded
    difference of an older version may lack the last two.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  (never changed)

    cycle: int
    signal: str
    width: int
    expected: int
    observed: int
    history: dict[str, list[int]]
    due: dict[str, list[int | None]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Cycle and signal in words."""
        return f"cycle {self.cycle}, signal {self.signal}"

    @property
    def cycles(self) -> range:
        """The cycles that ``history`` shows; the last is the first wrong one."""
        count = len(next(iter(self.history.values()), ()))
        return range(self.cycle - count + 1, self.cycle + 1)

    @property
    def signals(self) -> list[Shown]:
        """What the signals showed: first those that differ, then those that change, then others."""
        first = [*[None] * (len(self.cycles) - 1), self.expected]
        due = {self.signal: first, **self.due}
        shown = [
            Shown(
                name, self.widths.get(name, 1 if set(values) <= {0, 1} else 2), values,
                due.get(name, [None] * len(values)),
            )
            for name, values in self.history.items()
        ]  # fmt: skip
        return sorted(shown, key=lambda each: (not any(each.wrong), each.constant))


class Shown(NamedTuple):
    """A signal of ``width`` bits in some cycles: what it showed, and what it had to show."""

    name: str
    width: int
    observed: list[int]
    due: list[int | None]

    @property
    def wrong(self) -> list[bool]:
        """In which of the cycles it was not as expected."""
        return [
            due is not None and due != seen
            for due, seen in zip(self.due, self.observed, strict=True)
        ]

    @property
    def constant(self) -> bool:
        """Whether it showed the same in all of the cycles."""
        return len(set(self.observed)) == 1


def difference_table(first: Difference, columns: int | None = None) -> str:
    """The first wrong cycle, and what every signal showed in it and in the ten before it.

    ``columns``: the width of the terminal. The table then has as many of the last cycles as fit,
    and a row only for the signals that differ or change; None: all of it, however wide.
    """
    digits, mask = -(-first.width // 4), (1 << first.width) - 1
    told = [
        f"  {which} 0x{value & mask:0{digits}x} ({value})"
        for which, value in (("expected", first.expected), ("observed", first.observed))
    ]
    signals = first.signals
    rows = [each for each in signals if columns is None or any(each.wrong) or not each.constant]
    left = [f"{each.name} {each.observed[-1]}" for each in signals if each not in rows]
    more = rows[MOST_SIGNALS:] if columns else []
    lines = _columns(first, [each for each in rows if each not in more], columns)
    if left:
        lines += textwrap.wrap(
            f"the same in all these cycles: {', '.join(left)}", columns or 80,
            subsequent_indent="  ", break_on_hyphens=False,
        )  # fmt: skip
    if more:
        lines.append(f"and {len(more)} more signals that change")
    return "\n".join([f"first difference: {first.where}", *told, "", *lines])


def _columns(first: Difference, signals: list[Shown], columns: int | None) -> list[str]:
    """A column for each cycle, a row for what each signal showed, and one for what it had to show
    where it differs."""
    rows = [("cycle", list(map(str, first.cycles)))]
    for each in signals:
        rows.append((each.name, list(map(str, each.observed))))
        if any(each.wrong):
            rows.append(("  expected", ["-" if v is None else str(v) for v in each.due]))
    widths = [
        max(map(len, column)) + 2 for column in zip(*(cells for _, cells in rows), strict=True)
    ]
    label, start = max(len(name) for name, _ in rows), 0
    while columns is not None and label + sum(widths[start:]) > columns and start < len(widths) - 1:
        start += 1
    lines = [
        f"{name:<{label}}" + "".join(map(str.rjust, cells[start:], widths[start:]))
        for name, cells in rows
    ]
    if any(cells[k] == "-" for _, cells in rows for k in range(start, len(cells))):
        lines.append("(-: any value is right in this cycle)")
    return lines


__all__ = ["MOST_SIGNALS", "Difference", "Shown", "difference_table"]
