"""The command that brings a design to an FPGA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Design, Report, must_not_be_design, need, output_folder
from .screen import conclude, showing_progress

if TYPE_CHECKING:
    from ..hdl.flow.measure import Measured, Table
    from ..sim.report.findings import Check


def fpga(
    design: Design,
    target: Annotated[
        str,
        typer.Option(metavar="NAME", help="ecp5-25k, ecp5-85k, ice40-up5k or ice40-hx8k."),
    ],
    freq: Annotated[
        float | None,
        typer.Option(
            min=1, max=1000, metavar="MHZ", help="The clock that must be reached; else the highest."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=99, metavar="N", help="How many runs of place and route.")
    ] = 3,
    keep_slow: Annotated[
        bool, typer.Option("--keep-slow", help="A bitstream even where --freq is not reached.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="DIR", callback=output_folder,
            help="The folder for bitstream, constraints, Verilog, and the report as JSON and "
            "Markdown.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report: Report = None,
) -> None:  # fmt: skip
    """Bring a design to an FPGA.

    Synthesis, place and route by open tools: resources, clock, critical path, bitstream.
    """
    from ..hdl.flow.targets import target_of
    from ..params.design import load_hardware
    from ..params.network import NetworkParams

    device = target_of(target)
    params = load_hardware(design)
    name = params.name if isinstance(params, NetworkParams) else design.stem
    need("fxlif.hdl.verilog", "fpga")
    from ..hdl.flow.measure import measure
    from ..hdl.flow.place import DoesNotFitError
    from ..sim.report.findings import Check, Findings

    found = None
    files: dict[str, bytes] = {}
    checks: list[Check] = []
    with showing_progress() as progress:
        try:
            found = measure(params, device, seeds=range(1, seeds + 1), mhz=freq, progress=progress)
            checks = _checks(found)
            if out is not None:
                files = found.files(progress, bitstream=found.met or keep_slow)
                for each in files:
                    must_not_be_design(out / each, design)
        except DoesNotFitError as error:
            checks = [Check(name="it fits", outcome="failed", detail=str(error))]
    if out is not None and found is not None:
        from ..files import whole_folder

        with whole_folder(out) as folder:
            for each, content in files.items():
                (folder / each).write_bytes(content)
    findings = Findings(
        command="fpga", design=name, digest=params.digest(), checks=tuple(checks),
        figures={} if found is None else {k: round(v, 2) for k, v in found.speed.items()},
        versions={} if found is None else found.versions,
    )  # fmt: skip
    if as_json:
        made = {"checks": [[c.name, c.outcome, c.detail] for c in checks]}
        print(json.dumps({**(found.described() if found else {"design": name}), **made}, indent=1))
        raise typer.Exit(not findings.passed)
    if found is not None:
        for table in found.tables():
            _show(table)
        for note in (*found.notes, *(str(out / each) for each in files if out)):
            print(note)
    conclude(findings, "the design fits", report=report)


def _checks(found: Measured) -> list[Check]:
    from ..sim.report.findings import Check

    if not found.target.placed:
        return [Check(name="it can be mapped", outcome="passed")]
    checks = [Check(name="it fits", outcome="passed")]
    if found.mhz is not None:
        runs = found.figures.runs
        checks.append(
            Check(
                name=f"a clock of {found.mhz:g} MHz", outcome="passed" if found.met else "failed",
                detail=f"{found.figures.best.mhz:.1f} MHz is the best of {len(runs)} runs",
            )
        )  # fmt: skip
    return checks


def _show(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left")
    for k, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if k else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    Console().print(shown)
