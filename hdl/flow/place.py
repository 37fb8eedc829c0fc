"""Synthesis, place and route with several seeds, bitstreams: what a design takes on a device, and
how fast it is there."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import getsource
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from ...builds import Recipe, entry
from ...errors import FxlifError
from ...progress import SILENT, Progress
from ..interface import Image
from ..yosys.started import ready
from . import harness, names, netlist, output_registers, tools
from .harness import PREFIX, add_harness
from .names import aliases_of, by_part, signal_of
from .netlist import Netlist, needed
from .output_registers import merge_output_registers
from .targets import CALLED, Target, too_much
from .tools import DoesNotFitError, must_run

NETLIST, REPORT, FIGURES = "netlist.json", "report.json", "figures.json"
#: The clock of a design of one's own.
CLOCK = "clk"
#: What stands for a cell of the harness.
HARNESS = "(harness)"
#: What nextpnr writes for the tool that makes the bitstream of it.
CONFIG = "config.gz"
#: Memories of constants with so many words are in block memories: as logic they would cost more.
DEEP = 512
#: What is made depends on these files too.
_CODE = {m.__name__: getsource(m) for m in (harness, names, netlist, output_registers)}
#: Family → the option under which nextpnr writes a configuration, the suffix of constraints.
_CONFIGURATION = {"ecp5": ("--textcfg", "lpf"), "ice40": ("--asc", "pcf")}
#: Kind of resource → nextpnr's names of it, the first that the device has.
_REPORTED = {
    "LUT": ("TRELLIS_COMB", "ICESTORM_LC"),
    "FF": ("TRELLIS_FF",),
    "RAM": ("DP16KD", "ICESTORM_RAM"),
    "DSP": ("MULT18X18D", "ICESTORM_DSP"),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A piece of a path: ``ns`` of logic or wire, up to ``to``, a cell's port, which belongs to
    ``signal`` of the design."""

    ns: float
    what: str
    to: str
    signal: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One run of place and route: the clock's limit; the longest path, from its first cell, that of
    the signal ``source``."""

    seed: int
    mhz: float
    start: str
    source: str
    path: tuple[Step, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals on the path, from register to register."""
        on_it = [self.source, *(step.signal for step in self.path)]
        return tuple(name for k, name in enumerate(on_it) if k == 0 or on_it[k - 1] != name)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a design takes on a device, without the harness, and how fast it is there.

    ``used``: resource → count: of ECP5 ``LUT`` are nextpnr's TRELLIS_COMB, of iCE40 the logic cells
    (a LUT with a flip-flop), of which ``FF`` says how many have a flip-flop in use. ``merged``:
    flip-flops that became output registers of memories. ``parts``: component of the design → what
    its cells take after synthesis. ``reused``: how many of the runs of tools, one of synthesis and
    one for each seed, were taken from the cache.
    """

    target: str
    package: str
    used: Mapping[str, int]
    available: Mapping[str, int]
    merged: int
    parts: Mapping[str, Mapping[str, int]]
    runs: tuple[Placed, ...]
    reused: int = 0

    @property
    def mhz(self) -> float:
        """The median over the seeds."""
        return median(run.mhz for run in self.runs)

    @property
    def best(self) -> Placed:
        """The fastest of the seeds."""
        return max(self.runs, key=lambda run: run.mhz)

    @property
    def typical(self) -> Placed:
        """The seed that the median is of, or is next to."""
        return sorted(self.runs, key=lambda run: run.mhz)[len(self.runs) // 2]

    def described(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "mhz": self.mhz, "best_mhz": self.best.mhz}


def _kept(recipe: Recipe, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The folder of an entry of the cache, and whether it was there already."""
    made = []

    def making(folder: Path) -> None:
        made.append(folder)
        make(folder)

    return entry(recipe, making), not made


class Top(Protocol):
    """What is synthesised: a design's :class:`~fxlif.hdl.interface.Hardware`, or others' Verilog.
    ``top``: the module; ``files``: all that Yosys reads."""

    @property
    def name(self) -> str: ...

    @property
    def top(self) -> str: ...

    def files(self) -> dict[str, bytes]: ...


def synthesise(
    top: Top, target: Target, *, merge: bool = True, bare: bool = False, clock: str = CLOCK,
    progress: Progress = SILENT,
) -> tuple[Path, bool]:  # fmt: skip
    """The folder with the netlist and a file of what was done to it; whether it was in the cache.

    ``merge``: whether registers behind the block memories of ECP5 become part of them. ``bare``:
    whether the ports are those of a board; else they stand behind the registers of the harness,
    at the ``clock``.

    Raises:
        FxlifError: a tool is missing, Yosys cannot read the design, or it has no such clock.
    """
    # The sidecar names versions and times; a netlist depends on what Yosys reads alone.
    sources = {name: content for name, content in top.files().items()
               if not name.endswith((".json", ".npy", ".npz"))}  # fmt: skip
    texts = {name: content.decode() for name, content in sources.items()}
    asked = [target.family, target.options, top.top, merge, bare]
    options = json.dumps(asked if clock == CLOCK else [*asked, clock])
    recipe = Recipe(
        kind="synthesis", tools={"yosys": tools.version_of("yosys")},
        inputs={"options": options, **_CODE, **texts}, used=(NETLIST, FIGURES),
    )  # fmt: skip

    def make(folder: Path) -> None:
        ready(progress)
        progress(f"{top.name}: synthesis for {target.family}")
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        verilog = " ".join(name for name in sources if name.endswith((".v", ".sv")))
        command = f"synth_{target.family} {target.options} -top {top.top}"
        # Cells are called after nets, as the scripts of the other families do at their end.
        named = "" if target.placed else "autoname; "
        script = f"read_verilog -sv {verilog}; {command}; {named}write_json mapped.json"
        must_run("yosys", ["-q", "-p", script], folder, what="map the design")
        mapped = Netlist.read((folder / "mapped.json").read_text(), top.top)
        if not bare and clock not in mapped.ports:
            raise FxlifError.unknown("--clock", f"port of {top.top}", clock, mapped.ports)
        merged = merge_output_registers(mapped) if merge and target.family == "ecp5" else 0
        aliases, takes = aliases_of(mapped), needed(mapped)
        parts = by_part(mapped, aliases)
        around = {} if bare or not target.placed else add_harness(mapped, target.family, clock)
        mapped.write(folder / NETLIST)
        (folder / FIGURES).write_text(
            json.dumps({"merged": merged, "parts": parts, "needed": takes, "harness": around,
                        "aliases": aliases})
        )  # fmt: skip
        for name in ("mapped.json", *sources):
            (folder / name).unlink()

    return _kept(recipe, make)


def place(
    top: Top, target: Target, *, seeds: Sequence[int] = (1, 2, 3), mhz: float | None = None,
    package: str | None = None, merge: bool = True, constraints: str = "", clock: str = CLOCK,
    progress: Progress = SILENT,
) -> Figures:  # fmt: skip
    """Synthesis, then place and route once for each of ``seeds``.

    ``top`` is any design with one ``clock``, or with others that are data to it. ``constraints``:
    where its ports are, in the device's own form (:func:`constraints_of` makes that of a clock);
    without them the ports stand behind the registers of the harness. ``mhz``: what is asked for;
    None: more than can be reached.
    What was made before, from the same sources by the same tools, is taken from the cache.

    Raises:
        DoesNotFitError: which resource, by how much.
        FxlifError: a tool is missing or fails.
    """
    package = target.package(package)
    tools.versions(target.tools)
    folder, cached = synthesise(
        top, target, merge=merge, bare=bool(constraints), clock=clock, progress=progress
    )
    made = json.loads((folder / FIGURES).read_text())
    check_fits(made["needed"], target)
    if not target.placed:
        return Figures(
            target=target.name, package=package, used=made["needed"], available={}, merged=0,
            parts=made["parts"], runs=(), reused=int(cached),
        )  # fmt: skip
    text = (folder / NETLIST).read_text()
    reports, reused = {}, int(cached)
    for number, seed in enumerate(seeds, start=1):

        def say(number: int = number) -> None:
            progress(f"{top.name}: place and route, {number} of {len(seeds)}")

        work, cached = placed_by(target, text, seed, mhz, package, constraints, say)
        reports[seed] = json.loads((work / REPORT).read_text())
        if not constraints:
            reports[seed]["fmax"] = _of_clock(reports[seed]["fmax"], clock)
        reused += cached
    return figures_of(target, package, made, reports, reused)


def placed_by(
    target: Target, text: str, seed: int, mhz: float | None, package: str, constraints: str,
    say: Callable[[], None],
) -> tuple[Path, bool]:  # fmt: skip
    """The folder with the report and the configuration of one run; whether it was in the cache."""
    tool = f"nextpnr-{target.family}"
    option, suffix = _CONFIGURATION[target.family]
    arguments = [
        f"--{target.device}", "--package", package, "--freq", f"{mhz or target.target_mhz:g}",
        "--timing-allow-fail", "--seed", str(seed), "--report", REPORT, option, "config", "-q",
    ]  # fmt: skip
    if constraints:
        arguments += [f"--{suffix}", f"top.{suffix}", f"--{suffix}-allow-unconstrained"]
    recipe = Recipe(
        kind="place", tools={tool: tools.version_of(tool)}, used=(REPORT, CONFIG),
        inputs={"arguments": " ".join(arguments), "netlist": text, "constraints": constraints},
    )  # fmt: skip

    def make(work: Path) -> None:
        say()
        (work / NETLIST).write_text(text)
        (work / f"top.{suffix}").write_text(constraints)
        must_run(tool, ["--json", NETLIST, *arguments], work, what="place the design")
        (work / CONFIG).write_bytes(gzip.compress((work / "config").read_bytes(), mtime=0))
        for name in (NETLIST, "config", f"top.{suffix}"):
            (work / name).unlink()

    return _kept(recipe, make)


def check_fits(takes: Mapping[str, int], target: Target) -> None:
    """Raise unless the device has what the netlist takes.

    Raises:
        DoesNotFitError: the first resource of which there is too little, and by how much.
    """
    for kind, missing in too_much(takes, target).items():
        allowed = f"a device with {takes[kind]:,} {CALLED[kind]} or more, for this design"
        found = f"{target.name}, which has {target.resources[kind]:,} ({missing:,} too few)"
        raise DoesNotFitError.must_be("target", allowed, target.name, found=found)


def can_hold(bits: int, target: Target) -> bool:
    """Whether memories of so many bits may be in the device; synthesis drops those that are
    constant, seldom as many as half."""
    return target.memory_bits is None or bits <= 2 * target.memory_bits


def check_memory(bits: int, target: Target) -> None:
    """Raise where memories of so many bits cannot be in the device.

    Raises:
        DoesNotFitError: how many bits there are.
    """
    if not can_hold(bits, target):
        allowed = f"a device with memory for {bits:,} bits, for this design"
        found = f"{target.name}, whose block memories and LUTs hold {target.memory_bits:,}"
        raise DoesNotFitError.must_be("target", allowed, target.name, found=found)


def check_images(images: Mapping[str, Image], target: Target) -> None:
    """Raise where the memories of constants alone, by file name, take more block memories than the
    device has.

    Raises:
        DoesNotFitError: how many they take at least.
    """
    if not target.resources:
        return
    of_block = target.memory_bits_of(1)
    deep = [each for each in images.values() if each.depth >= DEEP]
    # Columns are counted only where it may matter.
    if sum(each.depth * each.width for each in deep) <= target.resources["RAM"] * of_block:
        return
    bits = [each.columns() * each.depth for each in deep]
    filled = sum(each for each in bits if each >= of_block)  # what is smaller may become logic
    check_fits({"RAM": -(-filled // of_block)}, target)


def figures_of(
    target: Target, package: str, made: Mapping[str, Any],
    reports: Mapping[int, Mapping[str, Any]], reused: int = 0,
) -> Figures:  # fmt: skip
    """The figures from nextpnr's ``reports``, by seed, and from what synthesis said."""
    used, available = _used(target, made, next(iter(reports.values()))["utilization"])
    return Figures(
        target=target.name, package=package, used=used, available=available,
        merged=made["merged"], parts=made["parts"], reused=reused,
        runs=tuple(_placed(seed, report, made["aliases"]) for seed, report in reports.items()),
    )  # fmt: skip


def _used(
    target: Target, made: Mapping[str, Any], utilization: Mapping[str, Any]
) -> tuple[dict[str, int], dict[str, int]]:
    """What the design takes without the harness, of how much."""
    used: Counter[str] = Counter()
    available = {}
    for kind, theirs in _REPORTED.items():
        row = next((utilization[name] for name in theirs if name in utilization), None)
        if row is not None:
            used[kind], available[kind] = row["used"], row["available"]
    if target.family == "ice40":
        # Every cell of the harness that has a LUT has its flip-flop in it.
        used["LUT"] -= made["harness"].get("FF", 0)
        used["FF"] = made["needed"].get("FF", 0)
    else:
        used.subtract(made["harness"])
    return dict(used), available


def taken(top: Top, target: Target, progress: Progress = SILENT) -> dict[str, int]:
    """Resource → count of what a design takes once nextpnr has packed its cells; nothing is placed.

    Raises:
        DoesNotFitError: which resource, by how much.
        FxlifError: a tool is missing or fails.
    """
    folder, _ = synthesise(top, target, progress=progress)
    made = json.loads((folder / FIGURES).read_text())
    check_fits(made["needed"], target)
    if not target.placed:
        return dict(made["needed"])
    tool, text = f"nextpnr-{target.family}", (folder / NETLIST).read_text()
    arguments = [f"--{target.device}", "--package", target.package(), "--pack-only", "-q",
                 "--json", NETLIST, "--report", REPORT]  # fmt: skip
    recipe = Recipe(
        kind="pack", tools={tool: tools.version_of(tool)}, used=(REPORT,),
        inputs={"arguments": " ".join(arguments), "netlist": text},
    )  # fmt: skip

    def make(work: Path) -> None:
        (work / NETLIST).write_text(text)
        must_run(tool, arguments, work, what="pack the design")
        (work / NETLIST).unlink()

    report = json.loads((entry(recipe, make) / REPORT).read_text())
    return _used(target, made, report["utilization"])[0]


def _of_clock(reached: dict[str, Any], clock: str) -> dict[str, Any]:
    """Of the clocks that nextpnr names after nets, the one of that name, if there is one."""
    own = {name: limit for name, limit in reached.items() if clock in re.split(r"\W|\$", name)}
    return own or reached


def _placed(seed: int, report: Mapping[str, Any], aliases: Mapping[str, str]) -> Placed:
    """The slowest clock, of one; its longest path."""
    clocks = report["fmax"]
    clock = min(clocks, key=lambda name: clocks[name]["achieved"])
    paths = (p for p in report["critical_paths"] if clock in p["from"] and clock in p["to"])
    path: list[dict[str, Any]] = next(paths, {"path": []})["path"]
    steps = tuple(
        Step(
            ns=round(s["delay"], 3), what=s["type"], to=_pin(s["to"]), signal=_of(s["to"], aliases)
        )
        for s in path
    )
    start, source = (_pin(path[0]["from"]), _of(path[0]["from"], aliases)) if path else ("", "")
    mhz = round(clocks[clock]["achieved"], 2)
    return Placed(seed=seed, mhz=mhz, start=start, source=source, path=steps)


def _cell(end: Mapping[str, Any]) -> str:
    cell = str(end["cell"])
    return HARNESS if cell.startswith(PREFIX) else cell


def _pin(end: Mapping[str, Any]) -> str:
    return f"{_cell(end)}.{end['port']}"


def _of(end: Mapping[str, Any], aliases: Mapping[str, str]) -> str:
    return signal_of(_cell(end), aliases)
