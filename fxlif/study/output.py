"""What a study leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from ..errors import FxlifError
from ..files import make_folder
from ..params.design import save
from .spec import Plan
from .table import Row, Table


def write(plan: Plan, table: Table, folder: Path) -> Row | None:
    """Write table.csv, table.parquet, front.csv and, where hardware can be made of the subject,
    best/design.toml. Returns the row of the best design.

    Raises:
        FxlifError: the folder cannot be written.
    """
    make_folder(folder)
    table.write_csv(folder / "table.csv")
    table.write_parquet(folder / "table.parquet")
    table.front_alone().write_csv(folder / "front.csv")
    best = table.cheapest(plan.objectives[0].name, plan.spec.tolerance)
    if best is None:
        return None
    try:
        design = plan.subject.design(best.values)
    except FxlifError as error:
        raise error.inside(f"the best design, trial {best.trial}") from None
    if design is not None:
        make_folder(folder / "best")
        save(design, folder / "best" / "design.toml", inline=64)
    return best
