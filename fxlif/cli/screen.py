"""What a command shows: progress while it works, and its findings at the end."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from ..errors import FxlifError
from ..progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    from ..sim.report.findings import Bin, Findings

#: What stands before a check on screen, by its outcome.
MARKS = {"passed": "ok", "failed": "FAILED", "unknown": "UNKNOWN", "not_applicable": "-"}


class LineProgress(Progress):
    """A line on stderr for each new thing that goes on, where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console, self._shown = console, ""

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        if what != self._shown:
            self._console.print(f"fxlif: {what} ...", highlight=False, soft_wrap=True)
        self._shown = what


class BarProgress(Progress):
    """A bar in a terminal: what goes on, how far it is and since when."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None, count="")

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        count = f"{done:,}" if done else ""
        self._bar.update(self._task, description=what, completed=done, total=total, count=count)


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """A progress on stderr that is wiped away at the end: a bar in a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    console = Console(stderr=True)
    if not console.is_terminal:
        yield LineProgress(console)
        return
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # what the others leave to the text
    columns = (
        SpinnerColumn(), TextColumn("{task.description}", table_column=rest),
        BarColumn(bar_width=12), TextColumn("{task.fields[count]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with RichProgress(*columns, console=console, transient=True, expand=True) as bar:
        yield BarProgress(bar)


def conclude(
    findings: Findings,
    passed: str,
    *,
    report: Path | None = None,
    failed: str = "",
    bins: Literal["", "groups", "each"] = "groups",
) -> None:
    """Print the checks, the figures and the verdict, and add them to a report folder.

    Args:
        passed: what ``PASSED:`` says, behind the limits of the findings.
        report: the report folder, None for none.
        failed: the last line of findings that did not pass, in place of one line for each reason.
        bins: what to print of the coverage: nothing, a table of its groups, or beside it why each
            bin that was not hit cannot or need not be.

    Raises:
        typer.Exit: with code 1, unless the findings passed; with 2, if they did and the report
            cannot be written, which hides no verdict.
    """
    lost = False
    # What has no command that shows its failure alone is run again as it was.
    if not findings.replay and Path(sys.argv[0]).name == "fxlif":
        findings = replace(findings, replay=shlex.join(["fxlif", *sys.argv[1:]]))
    print(f"{findings.command} {findings.design}")
    for check in findings.checks:
        seconds = f"{check.seconds:6.1f} s" if check.seconds else " " * 8
        _print(f"  {MARKS[check.outcome]:<7} {seconds}  {check.name}", 20)
        for line in check.detail.splitlines():
            _print(f"{'':20}{line}".rstrip(), 20)
    _print_figures(findings)
    if bins:
        _print_coverage(findings.coverage, bins == "each")
    if report is not None:
        from ..sim.report.write import write

        try:
            page, _ = write(report, findings)
            print(f"report: {page}")
        except FxlifError as error:
            print(f"fxlif: {error}", file=sys.stderr)
            lost = True
    if findings.passed:
        print(f"PASSED{f', {findings.limits}' if findings.limits else ''}: {passed}")
        if lost:
            raise typer.Exit(2)
        return
    if findings.first is not None:
        from ..sim.report.difference import difference_table

        print(difference_table(findings.first, shutil.get_terminal_size().columns))
    print(f"\nkept in {findings.folder}" if findings.folder else "")
    if findings.replay:
        print(f"replay: {findings.replay}")
    for line in [failed] if failed else [f"FAILED: {reason}" for reason in findings.reasons]:
        _print(line, 8)
    raise typer.Exit(1)


def _print(line: str, indent: int) -> None:
    """Print a line; in a terminal where it is too long, break it between words, and go on below
    with so many blanks before it. Elsewhere a line stays one, for those who search in it."""
    if sys.stdout.isatty():
        line = textwrap.fill(
            line, shutil.get_terminal_size().columns, subsequent_indent=" " * indent,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    print(line)


def _print_figures(findings: Findings) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = dict(findings.figures)
    if findings.seed is not None:
        rows["seed"] = str(findings.seed)
    if not rows:
        return
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows.items():
        table.add_row(name, value if isinstance(value, str) else f"{value:,}")
    Console().print(table)


def _print_coverage(bins: tuple[Bin, ...], list_bins: bool) -> None:
    """A table of the groups of bins; a line for each that cannot or need not be hit."""
    from rich.console import Console
    from rich.table import Table

    from ..sim.report.findings import groups

    if not bins:
        return
    found = groups(bins)
    table = Table("group", "hit", "unreachable", "waived", "missing", title="coverage")
    for group in found:
        others = (len(group.unreachable), len(group.waived), len(group.missing))
        counts = (f"{group.hit} of {group.of}", *(str(count) if count else "" for count in others))
        table.add_row(group.name, *counts)
    Console().print(table)
    for each in bins if list_bins else ():
        if each.unreachable:
            _print(f"unreachable: {each.group}: {each.name}: {each.why}", 4)
        elif each.waived:
            _print(f"waived: {each.group}: {each.name}: {each.waiver}", 4)
