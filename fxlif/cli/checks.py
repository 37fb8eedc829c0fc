"""The commands that answer with findings: prove, soak, mutate, and verify for a foreign core."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from .app import ReportFolder, app, need, progress_line, write_report

if TYPE_CHECKING:
    from ..params.network import NetworkParams
    from ..params.neuron import NeuronParams
    from ..sim.report.findings import Findings

Shipped = Annotated[
    Path | None, typer.Argument(help="A design file; without it, the shipped digits network.")
]
Seed = Annotated[int, typer.Option(help="Of all that is random.")]
Processes = Annotated[
    int | None, typer.Option(min=1, max=256, help="How many at once; without it, one per core.")
]
MARKS = {"passed": "ok", "failed": "FAILED", "unknown": "UNKNOWN", "not_applicable": "-"}


def _load(design: Path | None) -> tuple[NetworkParams | NeuronParams, str]:
    """A design and its name: a network's own, a neuron's file."""
    from ..digits import DESIGN
    from ..params.design import load_hardware
    from ..params.neuron import NeuronParams

    path = design or DESIGN
    found = load_hardware(path)
    return found, path.stem if isinstance(found, NeuronParams) else found.name


def without_dut(top: str | None, mapping: Path | None) -> None:
    """Raise for options that mean nothing without --dut."""
    for option, value in (("--top", top), ("--map", mapping)):
        if value is not None:
            raise FxlifError(f"{option}: found it without --dut, allowed with it")


def complete(design: Path | None, top: str | None, mapping: Path | None) -> tuple[str, Path]:
    """The top module and the map that --dut needs beside a design, or an error."""
    for option, value in (("DESIGN", design), ("--top", top), ("--map", mapping)):
        if value is None:
            raise FxlifError(f"{option}: missing, allowed with --dut: a value")
    assert top is not None
    assert mapping is not None
    return top, mapping


def conclude(findings: Findings, report: Path | None, passed: str) -> None:
    """Print what was found, add it to a report; exit code 1 unless all of it passed."""
    from rich.console import Console
    from rich.table import Table

    print(f"{findings.command} {findings.design}")
    for check in findings.checks:
        seconds = f"{check.seconds:6.1f} s" if check.seconds else " " * 8
        print(f"  {MARKS[check.outcome]:<7} {seconds}  {check.name}")
        for line in check.detail.splitlines():
            print(f"{'':19}{line}")
    if findings.figures:
        figures = Table(show_header=False)
        figures.add_column()
        figures.add_column(justify="right")
        for name, value in findings.figures.items():
            shown = value if isinstance(value, str) else f"{value:,}"
            figures.add_row(name, shown)
        if findings.seed is not None:
            figures.add_row("seed", str(findings.seed))
        Console().print(figures)
    write_report(report, findings)
    if findings.passed:
        print(f"PASSED: {passed}")
        return
    if findings.first is not None:
        from ..sim.report.difference import difference_table

        print(difference_table(findings.first))
    print(f"\nkept in {findings.folder}" if findings.folder else "")
    if findings.replay:
        print(f"replay: {findings.replay}")
    for reason in findings.reasons:
        print(f"FAILED: {reason}")
    raise typer.Exit(1)


@app.command()
def prove(
    design: Shipped = None,
    theorems: Annotated[
        str | None, typer.Option(help="Only these groups, separated by commas.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for each theorem.")] = 120.0,
    solver: Annotated[str, typer.Option(help="auto, bitwuzla or z3.")] = "auto",
    report: ReportFolder = None,
) -> None:
    """Prove the generated Verilog equal to the golden model, for every state and input."""
    params, name = _load(design)
    need("fxlif.sim.prove.run", "formal")
    from ..sim.prove.run import GROUPS
    from ..sim.prove.run import prove as run

    wanted = None if theorems is None else [part.strip() for part in theorems.split(",")]
    for group in wanted or ():
        if group not in GROUPS:
            raise FxlifError(f"--theorems: found {group!r}, allowed {', '.join(GROUPS)}")
    with progress_line() as progress:
        found = run(
            params, name=name, timeout_s=timeout, theorems=wanted, solver=solver, progress=progress
        )
    conclude(found, report, "every theorem holds")


@app.command()
def soak(
    design: Shipped = None,
    cycles: Annotated[
        float, typer.Option(min=1, help="At least so many clock cycles, such as 1e9.")
    ] = 1e8,
    seed: Seed = 1,
    processes: Processes = None,
    state: Annotated[
        Path | None, typer.Option(help="Keeps what is done; where it exists, go on from it.")
    ] = None,
    designs: Annotated[
        int | None, typer.Option(min=1, help="Draw so many random designs instead of one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="What a difference leaves.")] = None,
    report: ReportFolder = None,
) -> None:
    """Check many cycles of random stimulus, every output in every cycle, as a shared library."""
    if designs is not None and (design is not None or state is not None):
        raise FxlifError("--designs: found it with a design or --state, allowed alone")
    need("fxlif.sim.soak.run", "sim")
    from ..sim.tools import simulators

    simulators.find("verilator")  # refused before anything is computed or written
    if designs is not None:
        from ..sim.soak.run import soak_designs

        with progress_line() as progress:
            found = soak_designs(
                designs, seed=seed, cycles=int(cycles), processes=processes, out=out,
                progress=progress,
            )  # fmt: skip
    else:
        from ..sim.soak.run import soak as run

        params, name = _load(design)
        with progress_line() as progress:
            found = run(
                params, name=name, cycles=int(cycles), seed=seed, processes=processes, state=state,
                out=out, progress=progress,
            )  # fmt: skip
    conclude(found, report, "the hardware and the model agree in every checked cycle")


@app.command()
def mutate(
    design: Shipped = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Mutants that are some: 500, with --dut 100."),
    ] = None,
    seed: Seed = 1,
    cycles: Annotated[
        float | None,
        typer.Option(min=1, help="What a mutant that will not die is given: 2^23, with --dut 2e5."),
    ] = None,
    processes: Processes = None,
    dut: Annotated[
        list[Path] | None, typer.Option(help="Verilog of a core that fxlif did not generate.")
    ] = None,
    top: Annotated[str | None, typer.Option(help="With --dut: its top module.")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="With --dut: which port plays which part, .toml.")
    ] = None,
    report: ReportFolder = None,
) -> None:
    """Break the generated Verilog in many small ways: the verification must notice each."""
    if dut:
        mutate_foreign(
            design, dut, top, mapping, count=count, seed=seed, cycles=cycles, processes=processes,
            report=report,
        )  # fmt: skip
        return
    without_dut(top, mapping)
    params, name = _load(design)
    need("fxlif.sim.mutate.run", "formal")
    from ..sim.mutate.run import mutate as run
    from ..sim.tools import simulators

    simulators.find("verilator")
    with progress_line() as progress:
        found = run(
            params, name=name, count=count or 500, seed=seed, cycles=int(cycles or 1 << 23),
            processes=processes, progress=progress,
        )  # fmt: skip
    conclude(found, report, "the verification notices what is wrong")


def mutate_foreign(
    design: Path | None, sources: list[Path], top: str | None, mapping: Path | None, *,
    count: int | None, seed: int, cycles: float | None, processes: int | None,
    report: Path | None,
) -> None:  # fmt: skip
    """``fxlif mutate --dut``: would the verification of a foreign core notice a wrong one?"""
    top, mapping = complete(design, top, mapping)
    params, name = _load(design)
    need("fxlif.sim.dut.run", "sim")
    need("fxlif.sim.mutate.foreign_mutants", "formal")
    from ..sim.mutate.foreign import COUNT, mutate_dut
    from ..sim.verify import DEFAULT_CYCLES

    with progress_line() as progress:
        found = mutate_dut(
            params, name=name, sources=sources, top=top, mapping=mapping, count=count or COUNT,
            seed=seed, cycles=int(cycles or DEFAULT_CYCLES), processes=processes,
            progress=progress,
        )  # fmt: skip
    conclude(found, report, "the verification notices what is wrong")


def verify_foreign(
    design: Path | None, sources: list[Path], top: str | None, mapping: Path | None, *,
    simulator: str, cycles: int | None, seed: int, waves: bool, out: Path | None,
    report: Path | None,
) -> None:  # fmt: skip
    """``fxlif verify --dut``: a core that fxlif did not generate, against the same models."""
    top, mapping = complete(design, top, mapping)
    params, name = _load(design)
    need("fxlif.sim.dut.run", "sim")
    from ..sim.dut.run import verify_dut
    from ..sim.tools import simulators

    simulators.find(simulator)
    with progress_line() as progress:
        found = verify_dut(
            params, name=name, named=str(design), sources=sources, top=top, mapping=mapping,
            simulator=simulator,
            cycles=cycles, seed=seed, waves=waves, out=out, progress=progress,
        )  # fmt: skip
    conclude(found, report, "the core and the golden model agree in all that was compared")
