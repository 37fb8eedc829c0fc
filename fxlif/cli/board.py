"""The commands for a design on a board, or on a simulated one: board run, board serve."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from .options import (
    DesignOrDigits,
    Report,
    Seed,
    load_or_digits,
    need,
    output_file,
    refuse_beside,
)
from .screen import conclude, showing_progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..network.writes import Write
    from ..params.protocol import AnyCores, Design
    from ..progress import Progress
    from ..sim.board.link import SimulatedLink


def _events_file(path: Path | None) -> Path | None:
    """The file of events to write; refused before anything else is done."""
    if path is not None:
        from ..network.events import check_suffix

        output_file(path)
        check_suffix(path)
    return path


Netlist = Annotated[
    bool, typer.Option("--netlist", help="After synthesis: the cells of the board's device.")
]


def board_run(
    design: DesignOrDigits = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="A simulated board, with the same frames.")
    ] = False,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --simulated: the top of this board, pin by pin."),
    ] = None,
    netlist: Netlist = False,
    port: Annotated[
        str | None, typer.Option(metavar="NAME", help="The serial port of a board.")
    ] = None,
    baud: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N",
            help="Bits a second at it; 115200. Of a simulated board, whose line is faster, too.",
        ),
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", help="Events in: .txt, .npz or .bin."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many steps of random events.")
    ] = None,
    states: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Compare states every N steps; 100 of a readable design."
        ),
    ] = None,
    writes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is written between steps, as for `fxlif run`: on the board and in the "
            "golden model.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Write the events that came out.",
                     callback=_events_file),
    ] = None,
    seed: Seed = 1,
    report: Report = None,
) -> None:  # fmt: skip
    """Stream events through a board, and compare what comes out with the golden model.

    The events are those of a file, of the design, or random ones. The counters of the board, which
    `fxlif verilog --bus serial` describes, are shown.
    """
    if simulated == (port is not None):
        allowed = "given with --simulated left out, or --simulated alone"
        raise FxlifError(f"--port: must be {allowed}", key="--port", value=port, allowed=allowed)
    if not simulated:
        refuse_beside("without --simulated", {"--board": board})
    if board is None:
        refuse_beside("without --board", {"--netlist": netlist})
        if simulated:
            refuse_beside("without --port or --board", {"--baud": baud})
    if input is not None:
        refuse_beside("beside --input", {"--steps": steps})
    params, name = load_or_digits(design)
    need("fxlif.sim.board.link" if simulated else "fxlif.sim.board.session", "sim")
    from ..digits import DESIGN
    from ..hdl.limits import supported, with_streams
    from ..network import events
    from ..sim.board.session import run_board, segments_of

    hardware = with_streams(supported(params))
    if states is not None and not any(core.readable for core in hardware.cores):
        raise FxlifError.must_be("--states", "left out of a design without readable", states)
    given = None if input is None else events.read(input)
    segments, labelled = segments_of(
        hardware, (design or DESIGN).parent, given=given, steps=steps, seed=seed
    )
    written = [] if writes is None else _written(writes, hardware, params, segments)
    with showing_progress() as progress:
        if simulated:
            with _simulated(hardware, board, baud, netlist, progress) as link:
                # Its time is not that of this machine: what gives up is the simulation.
                found, came = run_board(
                    hardware, link, segments, name=name, labelled=labelled, seconds=3600,
                    states=states, writes=written, progress=progress,
                )  # fmt: skip
        else:
            from ..host.device import seconds_at
            from ..host.serial import SerialLink

            assert port is not None
            rate = baud or 115_200
            with SerialLink(port, rate) as line:
                found, came = run_board(
                    hardware, line, segments, name=name, labelled=labelled,
                    seconds=seconds_at(rate), states=states, writes=written, progress=progress,
                )  # fmt: skip
    if not simulated and not found.passed and any(core.writable for core in hardware.cores):
        print(
            "fxlif: what was written to a board stays until it is configured again; this run "
            "expects the design's own weights and parameters at its start",
            file=sys.stderr,
        )
    if out is not None:
        events.write(out, came)
    conclude(found, "the board and the golden model agree in every event", report=report)


def _written(
    path: Path, hardware: AnyCores, params: Design, segments: Sequence[npt.NDArray[np.int64]]
) -> list[Write]:
    """The writes of a file in the names of the golden network, seen to be right."""
    from ..host.writing import Writer
    from ..network.events import TICK
    from ..network.writes import Write, read_writes
    from ..params.network import NetworkParams

    if not any(core.writable for core in hardware.cores):
        raise FxlifError.must_be("--writes", "left out of a design without writable", path)
    writer = Writer(hardware, params if isinstance(params, NetworkParams) else None)
    found = read_writes(path)
    try:
        writer.check(found, sum(int((segment == TICK).sum()) for segment in segments))
    except FxlifError as error:
        raise error.inside(path) from None
    return [Write(each.step, *writer.golden(*each[1:])) for each in found]


def board_serve(
    design: DesignOrDigits = None,
    board: Annotated[
        str | None, typer.Option(metavar="NAME", help="The top of this board, pin by pin.")
    ] = None,
    netlist: Netlist = False,
    baud: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --board: bits a second of its line."),
    ] = None,
) -> None:
    """Simulate a board behind a serial port, for any program that talks to one.

    The name of the port is printed; it stays until Ctrl-C.
    """
    if board is None:
        refuse_beside("without --board", {"--netlist": netlist, "--baud": baud})
    params, name = load_or_digits(design)
    need("fxlif.sim.board.link", "sim")
    from ..hdl.limits import supported, with_streams
    from ..sim.board.port import SimulatedPort

    hardware = with_streams(supported(params))
    with (
        showing_progress() as progress,
        _simulated(hardware, board, baud, netlist, progress) as link,
        SimulatedPort(link) as port,
        suppress(KeyboardInterrupt),
    ):
        print(f"{port.name}: {name} on a simulated board; Ctrl-C ends it", flush=True)
        while True:
            progress("clock cycles", link.cycles)
            port.serve(0.2)


def _simulated(
    hardware: AnyCores, board: str | None, baud: int | None, netlist: bool, progress: Progress
) -> SimulatedLink:
    """The line of a simulated board, built."""
    from ..sim.board.link import SimulatedLink, bit_cycles_of, board_hardware

    cycles = bit_cycles_of(board, baud)
    made = board_hardware(hardware, board, bit_cycles=cycles, netlist=netlist, progress=progress)
    progress("building the board with Verilator", 0, None)
    return SimulatedLink(made, bit_cycles=cycles)
