"""A design on a device: what it takes, how fast it is, and what that makes of the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...host.registers import register_map
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..bus.boards import BAUD, Board, board_top
from ..bus.files import register_files
from ..interface import Hardware
from ..limits import supported, total_bits, with_streams
from ..verilog import generate, name_of
from . import tools
from .bitstream import Bitstream, packed
from .peers import Peer
from .place import Figures, Placed, check_images, check_memory, place
from .rates import Rates, rates_of
from .targets import Table, Target, resources

NOT_PLACED = (
    "nothing is placed: resources are those of the cells that Yosys maps to, before packing; the "
    "clock is Vivado's to say"
)
HARNESS = (
    "no board: every port but clk stands behind a shift register, which is taken off the figures; "
    "a bitstream shows that the design fits and how fast it is, and runs no network"
)


#: What is reached, with its unit.
MEDIAN, BEST = "MHz, median of the seeds", "MHz, best of the seeds"
UPDATES, OPERATIONS = "neuron updates, M/s", "synaptic operations, M/s"
READ, SHARE = "synapses read, Gbit/s", "% of the device's memory bandwidth"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One design on one device.

    ``versions``: tool → version. ``mhz``: the clock that was asked for; None: the highest.
    ``board``: the one whose top it is; None: the ports are behind the harness. ``beside``: file
    name → text of what belongs to the top, its registers. ``peer``: whose figures stand beside its
    own.
    """

    name: str
    digest: str
    lanes: tuple[int, ...]
    target: Target
    hardware: Hardware
    figures: Figures
    rates: Rates
    versions: dict[str, str]
    mhz: float | None = None
    board: Board | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    peer: Peer | None = None

    @property
    def met(self) -> bool:
        """Whether the best of the seeds reaches the clock that was asked for, where it is known."""
        runs = self.figures.runs
        return self.mhz is None or not runs or self.figures.best.mhz >= self.mhz

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said beside the figures."""
        runs, reused = len(self.figures.runs) + 1, self.figures.reused
        cached = f"{reused} of {runs} runs of the tools were taken from the cache"
        if self.board is not None:
            return (on_board(self.board), cached)
        return (HARNESS if self.target.placed else NOT_PLACED, cached)

    @property
    def speed(self) -> dict[str, float]:
        """Name → what the design reaches at the median of the seeds; empty if nothing is placed."""
        if not self.target.placed:
            return {}
        # A board's clock is that of its PLL, however fast the design could be.
        mhz = self.figures.mhz if self.board is None else self.board.pll.mhz
        blocks = self.target.resources["RAM"]
        return {
            MEDIAN: self.figures.mhz,
            BEST: self.figures.best.mhz,
            UPDATES: self.rates.updates * mhz,
            OPERATIONS: self.rates.operations * mhz,
            READ: self.rates.bits * mhz / 1000,
            SHARE: 100 * self.rates.share(blocks, self.target.memory_port),
        }

    def tables(self) -> Iterator[Table]:
        """Resources, in all and by component, and the critical path."""
        figures, names = self.figures, self.target.called
        where = f"{self.target.part} {figures.package}".rstrip()
        yield resources(f"{self.name} on {where}", figures.used, self.target)
        parts = tuple(
            (part, *(f"{takes.get(kind, 0) or ''}" for kind in names))
            for part, takes in figures.parts.items()
        )
        yield Table("by component, after synthesis", ("component", *names), parts)
        if self.target.placed:
            run = self.figures.typical
            title = f"critical path, {1000 / run.mhz:.2f} ns, seed {run.seed}"
            yield Table(title, ("signal", "ns logic", "ns wire"), tuple(_along(run)))
        if self.peer is not None:
            used, speed = (figures.used.get(kind, 0) for kind in ("LUT", "FF", "RAM")), self.speed
            reached = f"{speed[MEDIAN]:.1f}", f"{speed[OPERATIONS]:,.0f}"
            row = (self.name, *(f"{count:,}" for count in used), *reached)
            columns = ("", *(names[kind] for kind in ("LUT", "FF", "RAM")), "MHz", "M syn. op./s")
            yield Table(f"beside {self.peer.name}", columns, (row, self.peer.row))

    def described(self) -> dict[str, Any]:
        """As JSON values."""
        figures = self.figures
        return {
            "design": self.name, "digest": self.digest, "lanes": list(self.lanes),
            "target": self.target.name, "part": self.target.part, "package": figures.package,
            "tools": self.versions, "notes": list(self.notes),
            "used": dict(figures.used), "available": dict(figures.available),
            "merged": figures.merged,
            "components": {part: dict(takes) for part, takes in figures.parts.items()},
            "runs": [{**asdict(run), "signals": run.signals} for run in figures.runs],
            "asked_mhz": self.mhz, "met": self.met if figures.runs else None,
            "per_cycle": asdict(self.rates), "speed": self.speed,
            **({} if self.peer is None else {"beside": asdict(self.peer)}),
        }  # fmt: skip

    def markdown(self) -> str:
        """The same for people."""
        rows = tuple((name, f"{value:,.2f}") for name, value in self.speed.items())
        tables = [*self.tables(), *([Table("speed", ("", "reached"), rows)] if rows else [])]
        notes = "\n".join(f"- {note}" for note in self.notes)
        versions = ", ".join(f"{tool} {version}" for tool, version in self.versions.items())
        head = f"# {self.name} on {self.target.name}\n\n{notes}\n- {versions}\n\n"
        return head + "\n".join(table.markdown() for table in tables)

    def bitstream(self, progress: Progress = SILENT) -> Bitstream:
        """That of the best of the seeds."""
        package, constraints = pins_of(self.board)
        return packed(
            self.hardware, self.target, self.figures.best.seed, mhz=self.mhz, progress=progress,
            package=package, constraints=constraints,
        )  # fmt: skip

    def files(self, bitstream: Bitstream | None) -> dict[str, bytes]:
        """File name → content: Verilog, constraints, registers on a board, the report as JSON and
        Markdown, and the ``bitstream`` if there is one."""
        target, name = self.target, self.name
        texts = target.constraints(name, self.mhz)
        if self.board is not None:
            texts = {f"{name}.{self.board.suffix}": self.board.constraints()}
        texts |= reports(name, self.described(), self.markdown())
        made = self.hardware.files(self.beside)
        made |= {file: text.encode() for file, text in texts.items()}
        if bitstream is not None:
            made[f"{name}{target.bitstream}"] = bitstream.content
        return made


def reports(name: str, described: dict[str, Any], markdown: str) -> dict[str, str]:
    """File name → text of the report on ``name``, as JSON and Markdown."""
    return {
        f"{name}_fpga.json": json.dumps(described, indent=1) + "\n",
        f"{name}_fpga.md": markdown,
    }


def on_board(board: Board) -> str:
    """What has to be said of a design on a board."""
    return (
        f"the top for the board {board.name}: a UART at {BAUD:,} bits a second, the clock of its "
        f"PLL at {board.pll.mhz} MHz, which must be reached"
    )


def pins_of(board: Board | None) -> tuple[str | None, str]:
    """Package and constraints, as :func:`~fxlif.hdl.flow.place.place` takes them."""
    return (None, "") if board is None else (board.package, board.constraints())


def measure(
    params: AnyParams, target: Target, *, seeds: Sequence[int] = (1, 2, 3),
    mhz: float | None = None, board: Board | None = None, merge: bool = True,
    progress: Progress = SILENT,
) -> Measured:  # fmt: skip
    """What a design takes and how fast it is on a device, with counters, without trace; see
    :func:`~fxlif.hdl.flow.place.place`. ``board``: with the top of that one, and its clock.

    Raises:
        DoesNotFitError: which resource, by how much.
        FxlifError: what the hardware cannot do; a tool is missing or fails.
    """
    versions = tools.versions(target.tools)  # refused before anything is made
    design = supported(params)
    # Before minutes of synthesis.
    check_memory(total_bits(design), target)
    beside: dict[str, str] = {}
    if board is None:
        hardware = generate(design)
    else:
        cores = with_streams(design)
        name = name_of(cores)
        hardware, mhz = board_top(board, cores, name), board.pll.mhz
        registers = register_map(cores, name, line=True)
        beside = register_files(cores, registers, {"board": board.name})
    check_images(hardware.images, target)
    package, constraints = pins_of(board)
    figures = place(
        hardware, target, seeds=seeds, mhz=mhz, package=package, merge=merge,
        constraints=constraints, progress=progress,
    )  # fmt: skip
    return Measured(
        name=hardware.name, digest=params.digest(), target=target, hardware=hardware,
        lanes=tuple(core.lanes for core in design.cores), figures=figures, rates=rates_of(design),
        versions=versions, mhz=mhz, board=board, beside=beside,
    )  # fmt: skip


def _along(run: Placed) -> Iterator[tuple[str, str, str]]:
    """The signals on the path, each with what it adds: ns in cells and ns on wires."""
    spent: list[tuple[str, list[float]]] = []
    for step in run.path:
        if not spent or spent[-1][0] != step.signal:
            spent.append((step.signal, [0.0, 0.0]))
        spent[-1][1][step.what == "routing"] += step.ns
    if spent and spent[0][0] != run.source:
        spent.insert(0, (run.source, [0.0, 0.0]))
    for name, (logic, wire) in spent:
        yield name, f"{logic:.2f}", f"{wire:.2f}"
