"""The command line. Heavy imports stay inside the commands: ``fxlif --help`` must be quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FxlifError
from ..progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    from ..network.events import Events
    from ..params.network import NetworkParams
    from ..sim.report.findings import Findings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Integer LIF neurons: one description, from it golden model, Verilog and a testbench that "
    "compares every state in every clock cycle.",
)

ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", help="Add the findings to report.html and junit.xml in this folder."),
]
Design = Annotated[Path, typer.Argument(help="A design file, .toml or .json.")]


class _Lines(Progress):
    """Each new thing that goes on, as a line on stderr."""

    def __init__(self, console: Console) -> None:
        self._console, self._shown = console, ""

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        if what != self._shown:
            self._console.print(f"fxlif: {what} ...", highlight=False, soft_wrap=True)
        self._shown = what


class _Bar(Progress):
    """A bar in a terminal that is drawn again and again."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None, count="")

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        count = f"{done:,}" if done else ""
        self._bar.update(self._task, description=what, completed=done, total=total, count=count)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """A line on stderr that says what goes on, how far it is and since when."""
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with RichProgress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar)


@app.command()
def verify(
    design: Annotated[
        Path | None, typer.Argument(help="A design file; without it, the shipped digits network.")
    ] = None,
    cycles: Annotated[int | None, typer.Option(min=1, help="Stop after so many cycles.")] = None,
    seed: Annotated[int, typer.Option(help="Of random stimulus and stalls.")] = 1,
    simulator: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    waves: Annotated[bool, typer.Option(help="Write a VCD (Icarus: FST) file.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep logs and waves here, and on a difference what replays it."),
    ] = None,
    until_covered: Annotated[
        bool, typer.Option("--until-covered", help="Go on until every reachable bin is hit.")
    ] = False,
    dut: Annotated[
        list[Path] | None,
        typer.Option(help="Verilog of a core that fxlif did not generate; may be given again."),
    ] = None,
    top: Annotated[str | None, typer.Option(help="With --dut: its top module.")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="With --dut: which port plays which part, .toml.")
    ] = None,
    report: ReportFolder = None,
) -> None:
    """Generate the Verilog, simulate it, compare every cycle with the golden model."""
    from ..digits import DESIGN
    from ..params.design import load_hardware
    from .checks import conclude, verify_foreign, without_dut

    if dut:
        if until_covered:
            raise FxlifError("--until-covered: found it with --dut, allowed without")
        verify_foreign(
            design, dut, top, mapping, simulator=simulator, cycles=cycles, seed=seed, waves=waves,
            out=out, report=report,
        )  # fmt: skip
        return
    without_dut(top, mapping)
    path = design or DESIGN
    hardware = load_hardware(path)
    need("fxlif.sim.verify", "sim")
    from ..sim.tools import simulators
    from ..sim.verify import verify as run

    simulators.find(simulator)  # refused before anything is computed or written
    if waves and out is None:
        out = Path("fxlif-waves")
    with progress_line() as progress:
        found = run(
            hardware, path, named=str(design or ""), simulator=simulator, cycles=cycles, seed=seed,
            waves=waves, out=out, until_covered=until_covered, progress=progress,
        )  # fmt: skip
    if until_covered:
        _coverage(found)
    conclude(found, report, "the hardware and the golden model agree in every checked cycle")


def _coverage(findings: Findings) -> None:
    """The bins per group, and why those that were not hit were not."""
    from rich.console import Console
    from rich.table import Table

    from ..sim.coverage.run import groups

    table = Table("group", "hit", "unreachable", "missing", title="coverage")
    for group in groups(findings.coverage):
        counts = (f"{group.hit} of {group.of}", len(group.unreachable), len(group.missing))
        table.add_row(group.name, *(str(count) if count else "" for count in counts))
    Console().print(table)
    for title, kind in (("unreachable", "unreachable"), ("MISSING", "missing")):
        for group in groups(findings.coverage):
            for each in getattr(group, kind):
                print(f"{title}: {each.group}: {each.name}: {each.why}")


def write_report(folder: Path | None, findings: Findings) -> None:
    """Add findings to a report folder, if one was named."""
    if folder is None:
        return
    from ..sim.report.write import write

    page, _ = write(folder, findings)
    print(f"report: {page}")


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="What a failure left.")],
    simulator: Annotated[
        str | None, typer.Option(help="verilator or icarus; by default the one that saw it.")
    ] = None,
    regenerate: Annotated[
        bool, typer.Option(help="Not the Verilog of the folder, but that of its design today.")
    ] = False,
    waves: Annotated[bool, typer.Option(help="Write FOLDER/replay.vcd, from power-up on.")] = False,
) -> None:
    """Show a failure again: exit code 1 if it differs, 0 if nothing does."""
    need("fxlif.sim.failure.folder", "sim")
    from ..sim.failure.folder import replay as run
    from ..sim.report.difference import difference_table

    with progress_line() as progress:
        done = run(
            folder, simulator=simulator, regenerate=regenerate, waves=waves, progress=progress
        )
    if done.waves is not None:
        print(f"waves: {done.waves}")
    recorded = done.failure.note.first
    before = f"cycle {recorded.cycle}, signal {recorded.signal}" if recorded else "no difference"
    if not done.reasons:
        which = "the Verilog of today" if regenerate else "the Verilog of the folder"
        print(f"PASSED: nothing differs in {done.report.cycles:,} cycles; recorded was {before}")
        print(f"({which} on {done.simulator})")
        return
    if done.report.first is not None:
        print(difference_table(done.report.first))
    if done.reproduced:
        print(f"\nREPRODUCED: {before}, as recorded")
    else:
        print(f"\nFAILED: {done.reasons[0].splitlines()[0]}; recorded was {before}")
    raise typer.Exit(1)


def need(module: str, extra: str) -> None:
    """An absent package is one line that names the extra, not a traceback."""
    from importlib import import_module

    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "fxlif":
            raise
        raise FxlifError(
            f"{error.name}: not installed, allowed after: pip install 'fxlif[{extra}]'"
        ) from None


@app.command()
def verilog(
    design: Design,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    trace: Annotated[bool, typer.Option(help="With the ports that show each write-back.")] = False,
    bench_cycles: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Length of the self-checking bench; by default 20,000, more for a large core. "
            "0: no bench.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bench's stimulus.")] = 1,
) -> None:
    """Write the Verilog, its memory images, a JSON sidecar that describes them, and a
    self-checking bench that any Verilog simulator runs without Python."""
    from ..files import whole_folder
    from ..params.design import load_hardware

    params = load_hardware(design)
    need("fxlif.hdl.verilog", "hdl")
    from ..hdl.limits import supported
    from ..hdl.verilog import generate
    from ..sim.portable.testbench import bench_of, with_bench

    hardware = supported(params)  # refused before anything is written
    with whole_folder(out) as folder:
        with progress_line() as progress:
            progress("generating Verilog", 0, None)
            made = generate(hardware, trace=trace)
            files = made.files()
            if bench_cycles != 0:
                progress("golden model for the bench", 0, None)
                bench = bench_of(hardware, made, cycles=bench_cycles, seed=seed)
                files = with_bench(made, bench)
        for name, text in files.items():
            if (out / name).resolve() == design.resolve():
                raise FxlifError(f"{out / name}: found the design itself, allowed another -o")
            (folder / name).write_text(text)
    for name in files:
        print(out / name)
    if bench_cycles != 0 and not bench.spikes:
        print(
            f"fxlif: the bench shows no spike in {bench.cycles:,} cycles and says little; more "
            "--bench-cycles or another --seed may help",
            file=sys.stderr,
        )


@app.command()
def run(
    design: Design,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="Events out: .txt, .npz or .bin; or a folder for all."),
    ],
    input: Annotated[
        Path | None, typer.Option("--input", help="Events in: .txt, .npz or .bin.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=0, help="How many; without it, those of the input.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Go on from this saved state, .npz.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Save the last state here, .npz.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Default: as pays.")] = None,
) -> None:
    """Run the golden model alone: the events of the last population to a file, or what every
    population spikes to a folder."""
    from ..network import events
    from ..network.model import Network
    from ..network.recording import Recording
    from ..params.design import load

    network = load(design)
    stream = None if input is None else _events_for(design, network, input)
    if stream is None and steps is None:
        raise FxlifError("--steps: found neither it nor --input, allowed one of them")
    if out.suffix and out.suffix not in events.SUFFIXES and not out.is_dir():
        allowed = ", ".join(events.SUFFIXES)
        raise FxlifError(f"{out}: found suffix {out.suffix!r}, allowed {allowed}, or a folder")
    for path in (out, state):
        if path is not None and not path.parent.is_dir():
            raise FxlifError(f"{path}: found no folder {path.parent}, allowed an existing folder")
    golden = Network(network)
    if start is not None:
        golden.restore(start)
    last = network.graph.populations[-1].name
    record = Recording(folder=out) if out.suffix not in events.SUFFIXES else Recording([last])
    with progress_line() as progress:
        golden.run(
            steps, events=stream, record=record, threads=threads,
            progress=lambda done, total: progress("golden model", done, total),
        )  # fmt: skip
    record.close()
    if out.suffix in events.SUFFIXES:
        events.write(out, record.spikes(last))
    if state is not None:
        golden.save(state)
    taken = "" if stream is None else f", {int((stream != events.TICK).sum()):,} spikes in"
    lost = sum(golden.dropped.values())
    dropped = f", {lost:,} dropped" if lost else ""
    given = sum(int(record.counts(name).sum()) for name in record.wanted_spikes)
    print(f"{out}: {record.steps:,} steps{taken}{dropped}, {given:,} out")


def _events_for(design: Path, network: NetworkParams, path: Path) -> Events:
    """The events of a file, whose addresses a network can take."""
    from ..network import events
    from ..params.core import address_bits
    from ..params.network import EventSource

    inputs = [source for source in network.graph.sources if isinstance(source, EventSource)]
    if len(inputs) != 1:
        raise FxlifError(
            f"{design}: source: found {len(inputs)} event sources, allowed 1 with --input"
        )
    bits = network.core[0].in_address_bits if network.core else address_bits(inputs[0].n)
    stream = events.read(path)
    try:
        return events.check(stream, 1 << bits)
    except FxlifError as error:
        raise FxlifError(f"{path}: {error}") from None


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Made if it is not there.")],
    example: Annotated[
        str | None,
        typer.Option(help="neuron or core: hand-written Verilog with its rule and map."),
    ] = None,
    mistake: Annotated[
        str | None, typer.Option(help="With --example: a classic mistake in the Verilog.")
    ] = None,
) -> None:
    """Write a commented design.toml to start from; or an example for verify --dut."""
    from importlib.resources import files

    from ..files import whole_file, whole_folder

    if example is not None:
        need("fxlif.sim.examples", "sim")
        from ..sim import examples

        with whole_folder(folder) as made:
            names = examples.write(made, example, mistake)
        for name in names:
            print(folder / name)
        return
    if mistake is not None:
        raise FxlifError("--mistake: found it without --example, allowed with it")
    target = folder / "design.toml"
    if os.path.lexists(target):
        raise FxlifError(f"{target}: found a file, allowed: a folder without design.toml")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FxlifError(f"{folder}: cannot be made ({error.strerror})") from None
    with whole_file(target) as temporary:
        temporary.write_text(files("fxlif").joinpath("template.toml").read_text())
    print(target)


def main() -> None:
    """Entry point: a user's mistake is one line and exit code 2."""
    try:
        app()
    except FxlifError as error:
        for line in str(error).splitlines():
            print(f"fxlif: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
