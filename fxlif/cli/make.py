"""The commands that make something from a design, or a design: verilog, run, init."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from .options import (
    Design,
    Seed,
    must_not_be_design,
    need,
    output_file,
    output_folder,
    refuse_beside,
)
from .plot import Trace, picture, to_record, traces_of
from .screen import showing_progress

if TYPE_CHECKING:
    from ..network.events import Events
    from ..network.model import Network
    from ..network.writes import Write
    from ..params.network import NetworkParams
    from ..params.protocol import AnyParams


def verilog(
    design: Design,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="DIR", help="The folder to write to.", callback=output_folder
        ),
    ],
    trace: Annotated[bool, typer.Option(help="With the ports that show each write-back.")] = False,
    counters: Annotated[
        bool, typer.Option(help="With the counters of dropped and of saturated events.")
    ] = True,
    bench_cycles: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Length of the self-checking bench; by default 20,000, more for a large core. "
            "0: no bench.",
        ),
    ] = None,
    seed: Seed = 1,
    bus: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With a top on axi, wishbone or serial, and no bench."),
    ] = None,
    bit_cycles: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --bus serial: clock cycles of a bit on the line."),
    ] = None,
) -> None:
    """Write the Verilog, and a bench beside it.

    The bench checks itself; a description in JSON refers to both. Of a network that is no chain of
    cores, a line for each projection says how its synapses lie in memory. On a bus, its registers
    are written as a table, for C, Python and JSON.
    """
    from ..files import whole_folder
    from ..params.design import load_hardware

    params = load_hardware(design)
    need("fxlif.hdl.verilog", "hdl")
    from ..hdl.limits import supported
    from ..hdl.verilog import generate
    from ..layout import HardwareNetwork
    from ..layout.packing import packing
    from ..layout.plan import planned
    from ..sim.portable.testbench import bench_of, with_bench

    hardware = supported(params)  # refused before anything is written
    if bus is not None:
        refuse_beside("with --bus", {"--trace": trace, "--no-counters": not counters,
                                     "--bench-cycles": bench_cycles})  # fmt: skip
        _on_bus(hardware, bus, bit_cycles, design, out)
        return
    refuse_beside("without --bus", {"--bit-cycles": bit_cycles})
    with whole_folder(out) as folder:
        with showing_progress() as progress:
            progress("generating Verilog", 0, None)
            made = generate(hardware, trace=trace, counters=counters)
            files = made.files()
            if bench_cycles != 0:
                progress("golden model for the bench", 0, None)
                bench = bench_of(hardware, made, cycles=bench_cycles, seed=seed)
                files = with_bench(made, bench)
        for name, content in files.items():
            must_not_be_design(out / name, design)
            (folder / name).write_bytes(content)
    for name in files:
        print(out / name)
    _tell_of_escape(made.name, made.verilog)
    if isinstance(hardware, HardwareNetwork):
        for each in packing(planned(hardware.network)):
            print(each)
    if bench_cycles != 0 and not bench.spikes:
        print(
            f"fxlif: the bench shows no spike in {bench.cycles:,} cycles and says little; more "
            "--bench-cycles or another --seed may help",
            file=sys.stderr,
        )


def _tell_of_escape(name: str, text: str) -> None:
    """Say that the module of a design is called as a word of the language."""
    if f"module \\{name} " in text:
        print(
            f"fxlif: {name!r} is a word of Verilog: its module is \\{name} with a space behind it, "
            "which not every tool takes; another name of the network is safer",
            file=sys.stderr,
        )


def _on_bus(hardware: AnyParams, bus: str, bit_cycles: int | None, design: Path, out: Path) -> None:
    from ..files import whole_folder
    from ..hdl.bus.files import bus_files
    from ..hdl.limits import with_streams
    from ..hdl.verilog import name_of

    cores = with_streams(hardware)
    name = name_of(cores)
    with whole_folder(out) as folder, showing_progress() as progress:
        progress("generating Verilog", 0, None)
        made = bus_files(cores, bus, name, bit_cycles=bit_cycles)
        for file, content in made.items():
            must_not_be_design(out / file, design)
            (folder / file).write_bytes(content)
    _tell_of_escape(name, made[f"{name}.v"].decode())
    for file in made:
        print(out / file)


def run(
    design: Design,
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            help="Events out: .txt, .npz or .bin; or a folder for all.",
        ),
    ],
    input: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Events in: .txt (first line: # fxlif events 1), .npz or .bin.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="How many; without it, those of the input."),
    ] = None,
    writes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is written between steps, .txt (first line: # fxlif writes 1).",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Go on from this saved state, .npz."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the last state here, .npz.", callback=output_file),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, metavar="N", help="Default: as many as pay.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw it here, .png or .svg.", callback=picture),
    ] = None,
    trace: Trace = None,
) -> None:
    """Run the golden model alone.

    Its events go to a file, or the spikes of all populations, and the traces, to a folder.
    """
    from ..arrays import count_of
    from ..files import growing_folder
    from ..network import events
    from ..network.model import Network
    from ..network.recording import Recording
    from ..network.state import npz_path
    from ..network.tracks import make_room
    from ..params.design import load

    if out.suffix and out.suffix not in events.SUFFIXES and not out.is_dir():
        allowed = f"a folder or a file with suffix {', '.join(events.SUFFIXES)}"
        raise FxlifError.must_be(str(out), allowed, out.suffix)
    (output_file if out.suffix in events.SUFFIXES else output_folder)(out)
    if state is not None:
        refuse_beside("with --state, of a network as it is described", {"--writes": writes})
        npz_path(state)
    network = load(design)
    stream = None if input is None else _events_for(design, network, input)
    if stream is None and steps is None:
        raise FxlifError(
            "--steps: must be given, or else --input", key="--steps", allowed="a number"
        )
    to_file = out.suffix in events.SUFFIXES
    if to_file and plot is None:
        refuse_beside("with a file of events and no --plot", {"--trace": trace or None})
    total = int((stream == events.TICK).sum()) if steps is None and stream is not None else steps
    if plot is not None and not total:
        raise FxlifError.must_be("--plot", "left out of a run of no steps", str(plot))
    traces = traces_of(trace or [])
    states, neurons = to_record(traces, network)
    golden = Network(network)
    written = _writes_for(golden, writes, total or 0)
    if start is not None:
        golden.restore(start)
    last = network.graph.populations[-1].name
    if not to_file:
        make_room(out)
    place = nullcontext() if to_file else growing_folder(out)
    with place as folder, showing_progress() as progress:
        spikes = [last] if to_file and plot is None else None
        record = Recording(spikes, states, neurons, folder)
        golden.run(
            steps, events=stream, record=record, threads=threads, writes=written,
            progress=lambda done, total: progress("golden model", done, total),
        )  # fmt: skip
        record.close()
        shown = [last] if to_file else record.wanted_spikes
        given = sum(int(record.counts(name).sum()) for name in shown)
        if plot is not None:
            from ..plot.figures import overview, save

            progress("plot", 0, None)
            figure = overview(record, traces=traces, design=network)
    if to_file:
        events.write(out, record.spikes(last))
    if state is not None:
        golden.save(state)
    if plot is not None:
        save(figure, plot)
    taken = "" if stream is None else f", {int((stream != events.TICK).sum()):,} spikes in"
    lost = sum(golden.dropped.values())
    dropped = f", {lost:,} dropped" if lost else ""
    wrote = f", {count_of(len(written), 'write')}" if written else ""
    print(f"{out}: {record.steps:,} steps{taken}{wrote}{dropped}, {given:,} out")


def _events_for(design: Path, network: NetworkParams, path: Path) -> Events:
    """The events of a file; FxlifError where an address is none of the network's one input."""
    from ..network import events
    from ..params.core import address_bits
    from ..params.sources import EventSource

    inputs = [source for source in network.graph.sources if isinstance(source, EventSource)]
    if len(inputs) != 1:
        raise FxlifError.must_be(
            f"{design}: source", "one event source, with --input", len(inputs),
            found=f"{len(inputs)} event sources",
        )  # fmt: skip
    bits = network.core[0].in_address_bits if network.core else address_bits(inputs[0].n)
    stream = events.read(path)
    try:
        return events.check(stream, 1 << bits)
    except FxlifError as error:
        raise FxlifError(
            f"{path}: {error}", key=f"{path}: {error.key}", value=error.value,
            allowed=error.allowed,
        ) from None  # fmt: skip


def _writes_for(golden: Network, path: Path | None, steps: int) -> list[Write]:
    """The writes of a file to the network of a run of so many steps."""
    from ..network.writes import changes_of, read_writes

    if path is None:
        return []
    found = read_writes(path)
    try:
        changes_of(golden, found, steps)
    except FxlifError as error:
        raise error.inside(path) from None
    return found


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Made if it is not there.", callback=output_folder),
    ],
    example: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="euler, refractory, grid, population, rate: a script that draws; neuron, core: "
            "hand-written Verilog with its rule and map.",
        ),
    ] = None,
    mistake: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --example: a classic mistake in the Verilog."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The neuron of a chip or framework: loihi, xylo, snntorch..."
        ),
    ] = None,
) -> None:
    """Write a design.toml to start from.

    With a comment on each line; or an example.
    """
    from importlib.resources import files

    from ..files import whole_folder

    if example is not None:
        refuse_beside("with --example", {"--profile": profile})
        from .. import examples
        from ..sim import examples as verilog

        known = {**examples.EXAMPLES, **verilog.EXAMPLES}
        if example not in known:
            raise FxlifError.unknown("--example", "example", example, known)
        if example in examples.EXAMPLES:
            refuse_beside(f"with --example {example}", {"--mistake": mistake})
        with whole_folder(folder) as made:
            if example in examples.EXAMPLES:
                examples.write(made, example)
            else:
                verilog.write(made, example, mistake)
            names = known[example]
        for name in names:
            print(folder / name)
        return
    refuse_beside("without --example", {"--mistake": mistake})
    if profile is None:
        text = files("fxlif").joinpath("template.toml").read_text()
    else:
        from ..profiles.template import design_of

        text = design_of(profile)
    target = folder / "design.toml"
    if os.path.lexists(target):
        raise FxlifError(
            f"{target}: exists already, and is kept as it is", key=str(target),
            allowed="a folder without design.toml",
        )  # fmt: skip
    with whole_folder(folder) as made:
        (made / target.name).write_text(text)
    print(target)
