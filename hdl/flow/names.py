"""The design's own names for what tools call after the cells that they made."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from .netlist import Bit, Netlist, taken_by

TOP = "(top)"
#: Yosys calls a mapped cell after a net at one of its ports: NET_CELL_PORT, and so on for the cells
#: behind it; nextpnr adds what it packed the cell into.
_MADE = re.compile(
    r"_(?:TRELLIS_\w+?|LUT\d|PFUMX|L6MUX21|CCU2C|MULT18X18D|SB_[A-Z0-9]+|FD[A-Z]E|CARRY4|MUXF\d)"
    r"_.*|_(?:LC|DFFLC)$|\$.*"
)
#: What holds components: a core, and what a board puts around a design.
_CORE = re.compile(r"core(_\d+)?|serial|control|design")
#: A component beside a signal of its name has a number in the Verilog.
_NUMBER_OF_TOOL = re.compile(r"\b(weights|design)_\d+\b")
_NUMBERED = re.compile(r"n\d+(_\d+)?")


def signal_of(cell: str, aliases: Mapping[str, str]) -> str:
    """The signal that a cell is called after; ``aliases``: those of :func:`aliases_of`."""
    signal = _MADE.sub("", cell) or cell
    return aliases.get(signal, signal)


def part_of(signal: str) -> str:
    """The component that a signal stands in: ``core_0.totals``, ``emitter``, or ``(top)``.

    That of a core, where there are several; what lies inside a component belongs to it.
    """
    *path, _ = _NUMBER_OF_TOOL.sub(r"\1", signal).split(".")
    inside = next((k for k, part in enumerate(path) if not _CORE.fullmatch(part)), len(path))
    return ".".join(path[: inside + 1]) or TOP


def aliases_of(netlist: Netlist) -> dict[str, str]:
    """Signal that is called after a port at the top or of a core, or has no name → its name in the
    component that it belongs to."""
    names: dict[Bit, list[str]] = defaultdict(list)
    nets = netlist.module.get("netnames", {})
    for name, net in nets.items():
        if not net.get("hide_name") and not _MADE.search(name):
            for bit in net["bits"]:
                names[bit].append(name)
    found = {}
    for name, net in nets.items():
        named, part = not _unnamed(name), part_of(name)
        inside = part != TOP and not _CORE.fullmatch(part.rpartition(".")[2])
        if inside and named:
            continue
        around = "" if part == TOP else f"{name.rpartition('.')[0]}."
        others = [each for bit in net["bits"][:1] for each in names[bit] if each.startswith(around)]
        best = min(others, key=lambda each: (_unnamed(each), -each.count(".")), default=name)
        if best != name:
            found[name] = best
    return found


def _unnamed(name: str) -> bool:
    """Whether a signal is an expression that the design gave no name."""
    return _NUMBERED.fullmatch(name.rpartition(".")[2]) is not None


def by_part(netlist: Netlist, aliases: Mapping[str, str]) -> dict[str, Counter[str]]:
    """What the cells of each component take.

    Optimisation moves logic over borders and names it by what it drives: an estimate, whose sum is
    exact.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, cell in netlist.cells.items():
        takes = taken_by(cell["type"])
        if takes:
            found[part_of(signal_of(name, aliases))].update(takes)
    return dict(sorted(found.items()))
