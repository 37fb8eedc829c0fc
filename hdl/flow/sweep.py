"""A network with other counts of lanes on one device: a table, and what a plot draws."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import FxlifError
from ...params.network import NetworkParams
from ...progress import SILENT, Progress
from .measure import MEDIAN, OPERATIONS, SHARE, UPDATES, Measured, measure
from .targets import Table, Target
from .tools import DoesNotFitError

#: Of the speeds of a design those in its row of the table.
SPEEDS = (MEDIAN, UPDATES, OPERATIONS, SHARE)
#: What is plotted.
PANELS = ("LUT", MEDIAN, OPERATIONS)


def lanes_of(text: str) -> tuple[int, ...]:
    """The counts of lanes that ``--sweep`` names.

    Raises:
        FxlifError: a text of another form.
    """
    found = re.fullmatch(r"lanes=(\d{1,3}(?:,\d{1,3})*)", text)
    counts = tuple(dict.fromkeys(int(each) for each in found[1].split(","))) if found else ()
    if not counts or not all(1 <= count <= 256 for count in counts):
        raise FxlifError.must_be(
            "--sweep", "lanes= and counts of 1..256, as in lanes=1,2,4,8", text
        )
    return counts


def with_lanes(network: NetworkParams, *lanes: int) -> NetworkParams:
    """The network with these lanes of each core or population, or with one number for all, but no
    more than there are neurons.

    Raises:
        FxlifError: another count of numbers.
    """
    # Not by a copy: what depends on the lanes is validated.
    described = network.model_dump()
    tables = [*described["core"], *described["population"]]
    if len(lanes) == 1:
        lanes *= len(tables)
    if len(lanes) != len(tables):
        raise FxlifError.must_be("lanes", f"1 number or {len(tables)}", lanes)
    for table, count in zip(tables, lanes, strict=True):
        table["lanes"] = min(count, table["n_neurons"] if "n_neurons" in table else table["n"])
    return NetworkParams(**described)


def sweep(
    network: NetworkParams, target: Target, lanes: Sequence[int], *,
    seeds: Sequence[int] = (1, 2, 3), mhz: float | None = None, progress: Progress = SILENT,
) -> dict[int, Measured | DoesNotFitError]:  # fmt: skip
    """Lanes → what the network takes with so many, or that it does not fit.

    Raises:
        FxlifError: what the hardware cannot do; a tool is missing or fails.
    """
    found: dict[int, Measured | DoesNotFitError] = {}
    for count in lanes:
        point = with_lanes(network, count)
        try:
            found[count] = measure(point, target, seeds=seeds, mhz=mhz, progress=progress)
        except DoesNotFitError as error:
            found[count] = error
    return found


def table_of(name: str, points: Mapping[int, Measured | DoesNotFitError]) -> Table:
    """A row for each count of lanes."""
    columns = ("lanes", "LUT", "FF", "RAM", "DSP", "MHz", "M upd/s", "M syn/s", "% mem")
    rows = []
    for lanes, point in points.items():
        if isinstance(point, DoesNotFitError):
            rows.append((str(lanes), "no fit", *[""] * (len(columns) - 2)))
            continue
        used = [f"{point.figures.used.get(kind, 0):,}" for kind in ("LUT", "FF", "RAM", "DSP")]
        speeds = [f"{point.speed[name]:,.1f}" for name in SPEEDS] if point.speed else [""] * 4
        rows.append((str(lanes), *used, *speeds))
    return Table(name, columns, tuple(rows))


def drawn(points: Mapping[int, Measured | DoesNotFitError]) -> tuple[list[int], dict[str, Any]]:
    """The counts of lanes that fit, and for each panel of the plot what they reach."""
    fit = {lanes: point for lanes, point in points.items() if isinstance(point, Measured)}
    reached = [(point.figures.used["LUT"], *point.speed.values()) for point in fit.values()]
    names = ("LUT", *next((point.speed for point in fit.values()), ()))
    values = dict(zip(names, zip(*reached, strict=True), strict=False))
    return list(fit), {name: values[name] for name in PANELS if name in values}
