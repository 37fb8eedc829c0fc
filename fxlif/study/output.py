"""What a study leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from ..errors import FxlifError
from ..files import make_folder, whole_file
from ..params.design import save
from ..params.network import NetworkParams
from .report.page import page, sections_of
from .spec import Plan
from .table import Row, Table

PAGE = "page.html"


def write(plan: Plan, table: Table, folder: Path, *, command: str = "") -> Row | None:
    """Write table.csv, table.parquet, front.csv, page.html, its plots and, where hardware can be
    made of the subject, best/design.toml. Returns the row of the best design.

    ``command`` makes the study; the page names it.

    Raises:
        FxlifError: the folder cannot be written.
    """
    make_folder(folder)
    table.write_csv(folder / "table.csv")
    table.write_parquet(folder / "table.parquet")
    table.front_alone().write_csv(folder / "front.csv")
    best = table.cheapest(plan.objectives[0].name, plan.spec.tolerance)
    design = None if best is None else _design(plan, best)
    if design is not None:
        make_folder(folder / "best")
        save(design, folder / "best" / "design.toml", inline=64)
    sections = sections_of(table, plan.subject, plan.spec.tolerance)
    make_folder(folder / "plots")
    for figure in (figure for figures in sections.values() for figure in figures):
        with whole_file(folder / "plots" / figure.file) as temporary:
            temporary.write_bytes(figure.svg)
    text = page(
        table, sections, tolerance=plan.spec.tolerance, command=command,
        verilog="fxlif verilog best/design.toml -o best" if design else "",
        facts={"search": plan.spec.search, "seed of the search": str(plan.spec.seed)},
    )  # fmt: skip
    with whole_file(folder / PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return best


def _design(plan: Plan, best: Row) -> NetworkParams | None:
    try:
        return plan.subject.design(best.values)
    except FxlifError as error:
        raise error.inside(f"the best design, trial {best.trial}") from None
