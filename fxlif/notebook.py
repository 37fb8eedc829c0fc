"""Tables: as text, and in HTML what the ``_repr_html_`` of objects returns to a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

#: More rows are counted, not shown.
MOST_ROWS = 60


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in HTML with a line above it; numbers stand to the right. Everything is escaped."""
    # It loads the names of all characters, which import fxlif need not wait for.
    from html import escape

    def line(tag: str, cells: Iterable[object]) -> str:
        shown = ""
        for cell in cells:
            number = isinstance(cell, int) and not isinstance(cell, bool)
            side, text = ("right", f"{cell:,}") if number else ("left", str(cell))
            shown += f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
        return f"<tr>{shown}</tr>"

    rows = iter(rows)
    lines = [line("th", header), *(line("td", row) for row in islice(rows, MOST_ROWS))]
    if more := sum(1 for _ in rows):
        lines.append(line("td", [f"{more:,} more"]))
    return f"<div><code>{escape(title)}</code><table>{''.join(lines)}</table></div>"


def text_table(rows: Iterable[Sequence[str]], left: int = 2) -> str:
    """Rows in columns: the first ``left`` to the left, the others, of numbers, to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
