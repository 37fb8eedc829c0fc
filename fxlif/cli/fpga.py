"""The command that brings a design to an FPGA."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FxlifError
from .options import Design, Report, must_not_be_design, need, output_folder, refuse_beside
from .screen import conclude, showing_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..hdl.flow.bitstream import Bitstream
    from ..hdl.flow.measure import Measured
    from ..hdl.flow.peers import Foreign, Peer
    from ..hdl.flow.targets import Table
    from ..hdl.flow.tools import DoesNotFitError
    from ..params.network import NetworkParams
    from ..params.neuron import NeuronParams
    from ..progress import Progress
    from ..sim.report.findings import Check


def fpga(
    design: Design,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="ecp5-25k, ecp5-85k, ice40-up5k, ice40-hx8k or xilinx-xc7."
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The top for a board, with a UART: ulx3s, ulx3s-25f, colorlight-5a-75b, "
            "icebreaker or hx8k-evn.",
        ),
    ] = None,
    freq: Annotated[
        float | None,
        typer.Option(
            min=1, max=1000, metavar="MHZ", help="The clock that must be reached; else the highest."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=99, metavar="N", help="How many runs of place and route.")
    ] = 3,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="lanes=N,N", help="A table over lanes, and with --out a plot; no bitstream."
        ),
    ] = None,
    estimated: Annotated[
        bool, typer.Option("--estimate", help="What it takes, in a second, without these tools.")
    ] = False,
    beside: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Other hardware's published figures: tinyodin; or its Verilog, a file or a "
            "folder, built by the same tools.",
        ),
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --beside PATH: the module; else the file's name."),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --beside PATH: the module's clock; else clk."),
    ] = None,
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

    if (target is None) == (board is None):
        allowed = "given with --board left out, or --board alone"
        raise FxlifError(f"--target: must be {allowed}", key="--target", value=target,
                         allowed=allowed)  # fmt: skip
    if board is not None:
        refuse_beside("with --board", {"--sweep": sweep, "--freq": freq})
        need("fxlif.hdl.bus.boards", "fpga")
        from ..hdl.bus.boards import board_of

        on = board_of(board)
        device = on.target
    else:
        assert target is not None
        on, device = None, target_of(target)
    params = load_hardware(design)
    name = params.name if isinstance(params, NetworkParams) else design.stem
    need("fxlif.hdl.verilog", "fpga")
    if estimated:
        others = {
            "--board": board,
            "--freq": freq,
            "--sweep": sweep,
            "--beside": beside,
            "--top": top,
            "--clock": clock,
            "--keep-slow": keep_slow,
            "--out": out,
        }
        refuse_beside("with --estimate", {**others, "--report": report})
        _estimate(params, name, device, as_json)
    from ..hdl.flow.measure import measure
    from ..hdl.flow.peers import Foreign, built
    from ..hdl.flow.tools import DoesNotFitError
    from ..sim.report.findings import Check, Findings

    other = None if beside is None else _other(beside, top, clock or "clk", device)
    if not isinstance(other, Foreign):
        refuse_beside("without --beside PATH", {"--top": top, "--clock": clock})
    asked: dict[str, Any] = {"seeds": range(1, seeds + 1), "mhz": freq}
    files: dict[str, bytes] = {}
    figure: Figure | None = None
    found: Measured | None = None
    with showing_progress() as progress:
        if sweep is not None:
            refuse_beside("with --sweep", {"--keep-slow": keep_slow, "--beside": beside})
            if not isinstance(params, NetworkParams):
                raise FxlifError.must_be("--sweep", "left out of a single neuron", sweep)
            tables, checks, described, files, figure = _swept(
                params, device, sweep, asked, progress, out is not None
            )
        else:
            if isinstance(
                other, Foreign
            ):  # first: one's own takes long, and then its mistakes wait
                other = built(other, device, asked["seeds"], progress)
            try:
                found = measure(params, device, **asked, board=on, progress=progress)
            except DoesNotFitError as error:
                detail = "\n".join([str(error), *_advice(params, device, progress)])
                tables, checks = [], [Check(name="it fits", outcome="failed", detail=detail)]
                described = {"design": name, "target": device.name}
            else:
                found = replace(found, peer=other)
                tables, checks, described = [*found.tables()], _checks(found), found.described()
                if out is not None:
                    made = None
                    if device.placed and (found.met or keep_slow):
                        made = found.bitstream(progress)
                        checks.append(_read_back(made))
                    files = found.files(made)
    if out is not None and files:
        from ..files import whole_folder

        for each in files:
            must_not_be_design(out / each, design)
        with whole_folder(out) as folder:
            for each, content in files.items():
                (folder / each).write_bytes(content)
            if figure is not None:
                from ..plot.figures import save

                save(figure, folder / f"{name}_lanes.svg")
        old = out / f"{name}{device.bitstream}"
        if sweep is None and device.placed and old.name not in files and old.is_file():
            old.unlink()  # of what the files beside it were before
            print(f"fxlif: {old}: removed; it was of an earlier run", file=sys.stderr)
    findings = Findings(
        command="fpga", design=name, digest=params.digest(), checks=tuple(checks),
        figures={} if found is None else {k: round(v, 2) for k, v in found.speed.items()},
    )  # fmt: skip
    if as_json:
        described["checks"] = [[each.name, each.outcome, each.detail] for each in checks]
        print(json.dumps(described, indent=1))
        raise typer.Exit(not findings.passed)
    for table in tables:
        _show(table)
    for note in found.notes if found else ():
        print(note)
    if out is not None:
        for each in [*files, *([f"{name}_lanes.svg"] if figure is not None else [])]:
            print(out / each)
    said = "the design fits" if device.placed else "the design can be mapped; not placed"
    conclude(findings, said, report=report)


def _other(beside: str, top: str | None, clock: str, device: Any) -> Peer | Foreign:
    """What stands beside a design: Verilog that there is, or hardware whose figures are known."""
    from ..hdl.flow.peers import foreign, peer_of

    path = Path(beside)
    if not path.exists():
        return peer_of(beside, device)
    if not device.placed:
        allowed = f"left out with {device.name}, which nothing here places"
        raise FxlifError.must_be("--beside", allowed, beside)
    return foreign(path, top or path.stem, clock)


def _estimate(params: NetworkParams | NeuronParams, name: str, device: Any, as_json: bool) -> None:
    """Shows what a design takes by the estimate, and ends the command: with code 1 if it does not
    fit."""
    from ..hdl.flow.estimate import estimate, model_of
    from ..hdl.flow.targets import CALLED, resources, too_much
    from ..hdl.limits import supported
    from ..params.neuron import NeuronParams

    model = model_of(device)
    with showing_progress() as progress:
        progress(f"{name}: estimate")
        found = estimate(supported(params), device)
        missing = too_much(found, device)
        advice = _advice(params, device, progress) if missing else []
    note = model.said
    if isinstance(params, NeuronParams):
        note += "; there was no single neuron among them all"
    if as_json:
        described = {"design": name, "target": device.name, "estimate": found, "too_few": missing}
        print(json.dumps({**described, "advice": advice, "note": note}, indent=1))
    else:
        _show(resources(f"{name} on {device.part}, estimated", found, device))
        print(note)
        for kind, count in missing.items():
            print(f"does not fit: {count:,} {CALLED[kind]} too few")
        for line in advice:
            print(line)
    raise typer.Exit(bool(missing))


def _advice(params: NetworkParams | NeuronParams, device: Any, progress: Progress) -> list[str]:
    """A line of what would fit; none of a single neuron."""
    from ..hdl.flow.advice import what_would_fit
    from ..params.network import NetworkParams

    if not isinstance(params, NetworkParams):
        return []
    found = list(what_would_fit(params, device, progress))
    return [f"by the estimate these would fit: {'; '.join(found)}" if found else "by the estimate "
            "neither fewer lanes nor fewer bits of a weight would make it fit"]  # fmt: skip


def _checks(found: Measured) -> list[Check]:
    """What a design had to do, and whether it does."""
    from ..sim.report.findings import Check

    checks = [Check(name="it fits", outcome="passed")]
    runs = found.figures.runs
    if not runs:
        checks = [Check(name="it can be mapped", outcome="passed")]
        if found.mhz is not None:
            detail = "not known: nothing is placed, and the clock is Vivado's to say"
            name = f"a clock of {found.mhz:g} MHz"
            checks.append(Check(name=name, outcome="not_applicable", detail=detail))
        return checks
    if found.mhz is not None:
        checks.append(
            Check(
                name=f"a clock of {found.mhz:g} MHz", outcome="passed" if found.met else "failed",
                detail=f"{found.figures.best.mhz:.1f} MHz is the best of {len(runs)} runs",
            )
        )  # fmt: skip
    return checks


def _read_back(made: Bitstream) -> Check:
    """Whether what is in a bitstream is what was placed."""
    from ..sim.report.findings import Check

    said = made.wrong or [f"{count:,} {what}" for what, count in made.compared.items()]
    return Check(
        name="the bitstream, read back, has what was placed",
        outcome="failed" if made.wrong else "passed", detail="; ".join(said),
    )  # fmt: skip


def _swept(
    network: NetworkParams, device: Any, text: str, asked: Mapping[str, Any], progress: Progress,
    plotted: bool,
) -> tuple[list[Table], list[Check], dict[str, Any], dict[str, bytes], Figure | None]:  # fmt: skip
    """The table of a sweep, whether each point fits, all as JSON values, the files of it, and the
    plot."""
    from ..hdl.flow.measure import HARNESS, Measured, reports
    from ..hdl.flow.sweep import drawn, lanes_of, sweep, table_of
    from ..sim.report.findings import Check

    lanes = lanes_of(text)
    if plotted:
        need("matplotlib", "plot")
    points = sweep(network, device, lanes, **asked, progress=progress)
    table = table_of(f"{network.name} on {device.name}", points)
    # What is asked is which fit: one that does not is no failure, unless none does.
    checks = [
        Check(name=f"lanes = {count}", outcome="passed")
        if isinstance(point, Measured) and point.met
        else Check(name=f"lanes = {count}", outcome="not_applicable", detail=_why(point))
        for count, point in points.items()
    ]
    described = {
        "design": network.name, "target": device.name, "notes": [HARNESS],
        "lanes": {count: point.described() if isinstance(point, Measured) else str(point)
                  for count, point in points.items()},
    }  # fmt: skip
    texts = reports(network.name, described, f"{table.markdown()}\n{HARNESS}\n")
    files = {name: content.encode() for name, content in texts.items()}
    x, values = drawn(points)
    figure = None
    if plotted and x:
        from ..plot.sweep import panels

        figure = panels(x, values, "lanes", f"{network.name} on {device.name}")
    return [table], checks, described, files, figure


def _why(point: Measured | DoesNotFitError) -> str:
    """Why a point of a sweep is none that can be had."""
    best = getattr(point, "figures", None)
    return str(point) if best is None else f"{best.best.mhz:.1f} MHz is the best of its runs"


def _show(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left")
    for k, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if k else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    Console().print(shown)
