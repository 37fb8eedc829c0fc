"""Synthesis, and place and route with several seeds: what a design takes, and how fast it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import getsource
from pathlib import Path
from statistics import median
from typing import Any

from ...builds import Recipe, entry
from ...errors import FxlifError
from ...progress import SILENT, Progress
from ..interface import Hardware
from . import harness, netlist, output_registers, tools
from .harness import PREFIX, add_harness
from .netlist import Netlist, by_part, needed
from .output_registers import merge_output_registers
from .targets import Target

NETLIST, REPORT, FIGURES = "netlist.json", "report.json", "figures.json"
#: What is made depends on these files too.
_CODE = {module.__name__: getsource(module) for module in (harness, netlist, output_registers)}
#: Kind of resource → nextpnr's names of it, the first that the device has.
_REPORTED = {
    "LUT": ("TRELLIS_COMB", "ICESTORM_LC"),
    "FF": ("TRELLIS_FF",),
    "RAM": ("DP16KD", "ICESTORM_RAM"),
    "DSP": ("MULT18X18D", "ICESTORM_DSP"),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A piece of a path: ``ns`` of logic or wire, up to ``to``, a cell's port."""

    ns: float
    what: str
    to: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One run of place and route: the clock's limit, and the longest path, from its first cell."""

    seed: int
    mhz: float
    start: str
    path: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a design takes on a device, without the harness, and how fast it is there.

    ``used``: resource → count: of ECP5 ``LUT`` are nextpnr's TRELLIS_COMB, of iCE40 the logic cells
    (a LUT with a flip-flop), of which ``FF`` says how many have a flip-flop in use. ``merged``:
    flip-flops that became output registers of memories. ``parts``: part of the design → what its
    cells take after synthesis.
    """

    target: str
    package: str
    used: Mapping[str, int]
    available: Mapping[str, int]
    merged: int
    parts: Mapping[str, Mapping[str, int]]
    runs: tuple[Placed, ...]

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


def synthesise(
    hardware: Hardware, target: Target, *, merge: bool = True, progress: Progress = SILENT
) -> Path:
    """The folder with the netlist, in its harness, and a file of what was done to it.

    ``merge``: whether registers behind the block memories of ECP5 become part of them.

    Raises:
        FxlifError: a tool is missing, or Yosys cannot read the design.
    """
    # The sidecar names versions and times; a netlist depends on what Yosys reads alone.
    sources = {name: content for name, content in hardware.files().items()
               if not name.endswith((".json", ".npy", ".npz"))}  # fmt: skip
    texts = {name: content.decode() for name, content in sources.items()}
    options = json.dumps([target.family, hardware.top, merge])
    recipe = Recipe(
        kind="synthesis", tools={"yosys": tools.version_of("yosys")},
        inputs={"options": options, **_CODE, **texts}, used=(NETLIST,),
    )  # fmt: skip

    def make(folder: Path) -> None:
        progress(f"{hardware.name}: synthesis for {target.family}")
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        verilog = " ".join(name for name in sources if name.endswith((".v", ".sv")))
        command = f"synth_{target.family} -top {hardware.top} -json mapped.json"
        script = f"read_verilog -sv {verilog}; {command}"
        done = tools.run_tool("yosys", ["-q", "-p", script], folder)
        if done.returncode:
            reason = tools.error_of(done.stderr)
            raise FxlifError(f"yosys: cannot map the design ({reason})", key="yosys", value=reason)
        mapped = Netlist.read((folder / "mapped.json").read_text(), hardware.top)
        merged = merge_output_registers(mapped) if merge and target.family == "ecp5" else 0
        parts, takes = by_part(mapped), needed(mapped)
        around = add_harness(mapped, target.family)
        mapped.write(folder / NETLIST)
        (folder / FIGURES).write_text(
            json.dumps({"merged": merged, "parts": parts, "needed": takes, "harness": around})
        )
        for name in ("mapped.json", *sources):
            (folder / name).unlink()

    return entry(recipe, make)


def place(
    hardware: Hardware, target: Target, *, seeds: Sequence[int] = (1, 2, 3),
    package: str | None = None, merge: bool = True, progress: Progress = SILENT,
) -> Figures:  # fmt: skip
    """Synthesis, then place and route once for each of ``seeds``.

    What was made before, from the same sources by the same tools, is taken from the cache.

    Raises:
        FxlifError: a tool is missing or fails, or the design does not fit: which resource, by how
            much.
    """
    package = target.package(package)
    tool = f"nextpnr-{target.family}"
    versions = {tool: tools.version_of(tool)}
    folder = synthesise(hardware, target, merge=merge, progress=progress)
    made = json.loads((folder / FIGURES).read_text())
    check_fits(made["needed"], target)
    text = (folder / NETLIST).read_text()
    reports = []
    for number, seed in enumerate(seeds):
        arguments = [
            f"--{target.device}", "--package", package, "--freq", str(target.target_mhz),
            "--timing-allow-fail", "--seed", str(seed), "--report", REPORT, "-q",
        ]  # fmt: skip
        recipe = Recipe(
            kind="place", tools=versions,
            inputs={"arguments": " ".join(arguments), "netlist": text}, used=(REPORT,),
        )  # fmt: skip

        def make(work: Path, given: Sequence[str] = arguments, number: int = number) -> None:
            progress(f"{hardware.name}: place and route", number, len(seeds))
            (work / NETLIST).write_text(text)
            done = tools.run_tool(tool, ["--json", NETLIST, *given], work)
            if done.returncode or not (work / REPORT).exists():
                reason = tools.error_of(done.stderr)
                message = f"{tool}: cannot place the design ({reason})"
                raise FxlifError(message, key=tool, value=reason)
            (work / NETLIST).unlink()

        reports.append(json.loads((entry(recipe, make) / REPORT).read_text()))
    return figures_of(target, package, made, dict(zip(seeds, reports, strict=True)))


def check_fits(takes: Mapping[str, int], target: Target) -> None:
    """Raise unless the device has what the netlist takes.

    Raises:
        FxlifError: the first resource of which there is too little, and by how much.
    """
    names = {"LUT": "LUTs", "FF": "flip-flops", "RAM": "block memories", "DSP": "multipliers"}
    for kind, name in names.items():
        there, wanted = target.resources[kind], takes.get(kind, 0)
        if wanted > there:
            allowed = f"a device with {wanted:,} {name} or more, for this design"
            found = f"{target.name}, which has {there:,} ({wanted - there:,} too few)"
            raise FxlifError.must_be("target", allowed, target.name, found=found)


def figures_of(
    target: Target, package: str, made: Mapping[str, Any], reports: Mapping[int, Mapping[str, Any]]
) -> Figures:
    """The figures from nextpnr's ``reports``, by seed, and from what synthesis said."""
    first = next(iter(reports.values()))["utilization"]
    used: Counter[str] = Counter()
    available = {}
    for kind, names in _REPORTED.items():
        row = next((first[name] for name in names if name in first), None)
        if row is not None:
            used[kind], available[kind] = row["used"], row["available"]
    if target.family == "ice40":
        # Every cell of the harness that has a LUT has its flip-flop in it.
        used["LUT"] -= made["harness"]["FF"]
        used["FF"] = made["needed"].get("FF", 0)
    else:
        used.subtract(made["harness"])
    return Figures(
        target=target.name, package=package, used=dict(used), available=available,
        merged=made["merged"], parts=made["parts"],
        runs=tuple(_placed(seed, report) for seed, report in reports.items()),
    )  # fmt: skip


def _placed(seed: int, report: Mapping[str, Any]) -> Placed:
    """The slowest clock, of one; its longest path."""
    clocks = report["fmax"]
    clock = min(clocks, key=lambda name: clocks[name]["achieved"])
    paths = (p for p in report["critical_paths"] if clock in p["from"] and clock in p["to"])
    path: list[dict[str, Any]] = next(paths, {"path": []})["path"]
    steps = tuple(Step(ns=round(s["delay"], 3), what=s["type"], to=_pin(s["to"])) for s in path)
    start = _pin(path[0]["from"]) if path else ""
    return Placed(seed=seed, mhz=round(clocks[clock]["achieved"], 2), start=start, path=steps)


def _pin(end: Mapping[str, Any]) -> str:
    cell = str(end["cell"])
    return f"{'(harness)' if cell.startswith(PREFIX) else cell}.{end['port']}"
