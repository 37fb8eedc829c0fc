"""The cycles around a first difference as a drawing: SVG that stands inside a page.

It has no colours of its own but those that the page's style gives its classes, so that it can be
read in light and dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from .difference import MOST_SIGNALS, Difference, Shown

#: Pixels: a cycle, a row, the numbers of the cycles above them, and a letter of the names.
CYCLE, ROW, HEAD, LETTER = 56, 28, 26, 7.3
#: The levels of a signal below the top of its row, and what a bus takes to change.
HIGH, LOW, SLOPE = 6, 22, 4
#: Letters that fit into a cycle.
FIT = 7
Values = Sequence[int | None]


def waveform(first: Difference) -> str:
    """The clock, the signals that differ with what they had to show, and those that change.

    Two drawings beside each other, the names and the waves; where both do not fit, the waves scroll
    and show their end first, where the difference is.
    """
    shown = [each for each in first.signals if any(each.wrong) or not each.constant]
    rows = [row for each in shown[:MOST_SIGNALS] for row in _rows(each)]
    letters = max(map(len, ["clock", *(row.name for row in rows)]))
    width, height = CYCLE * len(first.cycles), HEAD + ROW * (len(rows) + 1) + 4
    names = [_name("clock", "", HEAD)]
    names += [_name(row.name, row.kind, HEAD + ROW * k) for k, row in enumerate(rows, start=1)]
    waves = [f'<rect class="at" x="{width - CYCLE}" y="0" width="{CYCLE}" height="{height}"/>']
    for k, cycle in enumerate(first.cycles):
        x = CYCLE * k
        kind = "bad" if cycle == first.cycle else ""
        waves.append(f'<path class="grid" d="M{x} {HEAD - 6}V{height}"/>')
        waves.append(
            f'<text class="{kind}" x="{x + CYCLE // 2}" y="15" text-anchor="middle">{cycle}</text>'
        )
    clock = "".join(f"V{HEAD + HIGH}h{CYCLE // 2}V{HEAD + LOW}h{CYCLE // 2}" for _ in first.cycles)
    waves.append(f'<path d="M0 {HEAD + LOW}{clock}"/>')
    for k, row in enumerate(rows, start=1):
        top = HEAD + ROW * k
        waves += [
            f'<rect class="wrong" x="{CYCLE * at}" y="{top}" width="{CYCLE}" height="{ROW}"/>'
            for at in row.wrong
        ]
        waves += _bit(row.values, top) if row.width == 1 else _bus(row.values, top)
    told = escape(f"waveform up to {first.where}")
    return "\n".join(
        [
            '<div class="wave">', *_svg(names, round(LETTER * letters) + 12, height, "signals"),
            '<div class="last">', *_svg(waves, width, height, told), "</div></div>",
        ]
    )  # fmt: skip


class Row(NamedTuple):
    """A row of the drawing; ``wrong``: the cycles in which it differs."""

    name: str
    kind: str
    width: int
    values: Values
    wrong: list[int]


def _rows(each: Shown) -> Iterator[Row]:
    wrong = [at for at, bad in enumerate(each.wrong) if bad]
    yield Row(each.name, "bad" if wrong else "", each.width, each.observed, wrong)
    if wrong:
        yield Row("  expected", "", each.width, each.due, wrong)


def _svg(parts: list[str], width: int, height: int, told: str) -> list[str]:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return [f'<svg {size} role="img" aria-label="{told}">', *parts, "</svg>"]


def _name(name: str, kind: str, top: int) -> str:
    indent = LETTER * (len(name) - len(name.lstrip()))
    return f'<text class="{kind}" x="{indent:g}" y="{top + 18}">{escape(name.strip())}</text>'


def _runs(values: Values) -> Iterator[tuple[int, int, int | None]]:
    """Where each run of equal values begins, where it ends, and the value."""
    at = 0
    for value, run in groupby(values):
        end = at + len(list(run))
        yield at, end, value
        at = end


def _bit(values: Values, top: int) -> Iterator[str]:
    path, before = "", None
    for begin, end, value in _runs(values):
        x, stop = CYCLE * begin, CYCLE * end
        if value is None:
            yield _open(x, stop, top)
        else:
            y = top + (HIGH if value else LOW)
            path += f"V{y}H{stop}" if before is not None else f"M{x} {y}H{stop}"
        before = value
    yield f'<path d="{path}"/>' if path else ""


def _bus(values: Values, top: int) -> Iterator[str]:
    high, middle, low = top + HIGH - 2, top + (HIGH + LOW) // 2, top + LOW + 2
    for begin, end, value in _runs(values):
        x, stop = CYCLE * begin, CYCLE * end
        if value is None:
            yield _open(x, stop, top)
            continue
        yield (
            f'<path d="M{x} {middle}L{x + SLOPE} {high}H{stop - SLOPE}L{stop} {middle}'
            f'L{stop - SLOPE} {low}H{x + SLOPE}Z"/>'
        )
        text = str(value)
        if len(text) > FIT * (end - begin):
            text = text[: FIT * (end - begin) - 1] + "…"
        at = (x + stop) // 2
        yield (
            f'<text x="{at}" y="{middle + 4}" text-anchor="middle">{text}'
            f"<title>{value}</title></text>"
        )


def _open(x: int, stop: int, top: int) -> str:
    """Cycles in which any value is right."""
    return f'<path class="any" d="M{x + 2} {top + (HIGH + LOW) // 2}H{stop - 2}"/>'
