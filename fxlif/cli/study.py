"""The command of studies."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from ..files import make_folder
from .options import Cluster, Processes, output_folder, refuse_beside
from .screen import showing_progress

if TYPE_CHECKING:
    from ..study.spec import Plan
    from ..study.table import Row, Table


def study(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY.toml",
            help="What to study, or the name of a study that ships.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="DIR", help="The folder to write to.", callback=output_folder
        ),
    ],
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The database that keeps the trials; without it, DIR/study.db. Those who name the "
            "same share the work.",
        ),
    ] = None,
    processes: Processes = None,
    cluster: Cluster = None,
) -> None:
    """Evaluate designs: accuracy against cost.

    What was broken off goes on where it was when it is called again.
    """
    if cluster is not None:
        refuse_beside("with --cluster", {"--processes": processes})
    for package in ("optuna", "pyarrow", "jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise FxlifError.not_installed(package, "'fxlif[study]'")
    from ..study.engine import run
    from ..study.spec import load_plan, study_file
    from ..study.storage import hidden, url_of
    from ..workers import workers

    plan = load_plan(study_file(file))
    make_folder(out)
    url = storage or url_of(out / "study.db")
    again = command_line(sys.argv[1:], url)
    try:
        with showing_progress() as progress:
            table = run(plan, url, workers(processes=processes, cluster=cluster), progress)
    except KeyboardInterrupt:
        print(f"fxlif: stopped; what has ended is kept in {hidden(url)}; to go on: {again}",
              file=sys.stderr)  # fmt: skip
        raise
    from ..study.output import write

    _show(plan, table, write(plan, table, out, command=again), out)


def command_line(words: Sequence[str], url: str) -> str:
    """The command of these words, without the password of a database: it is shown, and stands in
    the page."""
    from ..study.storage import hidden

    return shlex.join(["fxlif", *(word.replace(url, hidden(url)) for word in words)])


def _show(plan: Plan, table: Table, best: Row | None, out: Path) -> None:
    from ..study.output import PAGE

    failed = len(table.rows) - len(table.complete)
    front = len(table.front())
    beyond = len(table.complete) - len(table.feasible)
    print(f"{table.name}: {len(table.complete)} trials complete, {failed} failed, "
          + f"{beyond} beyond a limit, " * bool(beyond)
          + f"{front} on the Pareto front; {out / PAGE}")  # fmt: skip
    if best is None:
        reason = table.reason(table.rows[0]) if table.rows else "there are none"
        what = "complete and within the limits" if table.complete else "complete"
        print(f"no trial is {what}: {reason}")
        raise typer.Exit(1)
    values = ", ".join(f"{name} = {value}" for name, value in best.values.items())
    numbers = ", ".join(f"{one.title} {best.found[one.name]:.6g} {one.unit}".rstrip()
                        for one in plan.objectives)  # fmt: skip
    first = plan.objectives[0]
    print(f"cheapest within {plan.spec.tolerance:g} of the best {first.title}: {values}: {numbers}")
    design = out / "best" / "design.toml"
    if design.exists():
        print(f"its Verilog: fxlif verilog {shlex.quote(str(design))} -o {out / 'best'}")
