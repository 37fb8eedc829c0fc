"""A netlist that Yosys wrote as JSON, mapped to the cells of a device."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Number of a net, or a constant: "0", "1", "x".
Bit = int | str
Cell = dict[str, Any]

#: Type of a cell → of which kind it takes how many. A carry cell of ECP5 is two LUTs; memories of
#: Xilinx' count in halves, of 18 kbit.
TAKES: dict[str, Mapping[str, int]] = {
    "LUT4": {"LUT": 1},
    "CCU2C": {"LUT": 2},
    "TRELLIS_DPR16X4": {"LUT": 4},
    "TRELLIS_FF": {"FF": 1},
    "DP16KD": {"RAM": 1},
    "PDPW16KD": {"RAM": 1},
    "MULT18X18D": {"DSP": 1},
    "SB_LUT4": {"LUT": 1},
    "SB_RAM40_4K": {"RAM": 1},
    "SB_MAC16": {"DSP": 1},
    **{f"LUT{inputs}": {"LUT": 1} for inputs in range(1, 7)},
    "SRL16E": {"LUT": 1},
    "SRLC32E": {"LUT": 1},
    **{memory: {"LUT": 2} for memory in ("RAM32X1D", "RAM64X1D")},
    **{memory: {"LUT": 4} for memory in ("RAM32M", "RAM64M")},
    **{flip_flop: {"FF": 1} for flip_flop in ("FDRE", "FDSE", "FDCE", "FDPE")},
    "RAMB18E1": {"RAM": 1},
    "RAMB36E1": {"RAM": 2},
    "DSP48E1": {"DSP": 1},
}


@dataclass
class Netlist:
    """One flat module.

    ``module`` is the JSON of the module itself, changed in place; ``creator`` what wrote it.
    """

    name: str
    module: dict[str, Any]
    creator: str = ""

    @classmethod
    def read(cls, text: str, top: str) -> Netlist:
        """The module ``top`` of the JSON ``text``."""
        whole = json.loads(text)
        return cls(top, whole["modules"][top], whole.get("creator", ""))

    def text(self) -> str:
        """As Yosys and nextpnr read it."""
        attributes = self.module.setdefault("attributes", {})
        attributes["top"] = f"{1:032b}"
        return json.dumps({"creator": self.creator, "modules": {self.name: self.module}})

    def write(self, file: Path) -> None:
        """Write :meth:`text`."""
        file.write_text(self.text(), encoding="utf-8")

    @property
    def cells(self) -> dict[str, Cell]:
        """Name → cell."""
        cells: dict[str, Cell] = self.module["cells"]
        return cells

    @property
    def ports(self) -> dict[str, dict[str, Any]]:
        """Name → port: ``direction``, ``bits``."""
        ports: dict[str, dict[str, Any]] = self.module["ports"]
        return ports

    def readers(self) -> dict[Bit, list[tuple[str, str]]]:
        """Net → the (cell, port) pairs that read it; ("", port) for an output of the module."""
        found: dict[Bit, list[tuple[str, str]]] = defaultdict(list)
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] != "output":
                    for bit in bits:
                        found[bit].append((name, port))
        for port, shown in self.ports.items():
            if shown["direction"] != "input":
                for bit in shown["bits"]:
                    found[bit].append(("", port))
        return found

    def new_nets(self) -> Iterator[int]:
        """Numbers that no net has."""
        used = [bit for cell in self.cells.values() for bits in cell["connections"].values()
                for bit in bits if isinstance(bit, int)]  # fmt: skip
        ports = [
            bit for port in self.ports.values() for bit in port["bits"] if isinstance(bit, int)
        ]
        number = max([1, *used, *ports])
        while True:
            number += 1
            yield number


def taken_by(kind: str) -> Mapping[str, int]:
    """Of which resources a cell of this type takes how many."""
    if kind.startswith("SB_DFF"):
        return {"FF": 1}
    return TAKES.get(kind, {})


def needed(netlist: Netlist) -> Counter[str]:
    """Kind of resource → how many the netlist's cells take, at least."""
    found: Counter[str] = Counter()
    for cell in netlist.cells.values():
        found.update(taken_by(cell["type"]))
    return found
