"""Merges the register behind a block memory of ECP5 into the memory's own output register.

Yosys maps a memory to a DP16KD with ``REGMODE_A = REGMODE_B = "NOREG"`` and leaves the register
that follows in flip-flops. In the memory it costs no logic, and its clock-to-output delay is a
sixth (Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory User Guide", has the memory; Yosys' issue
5814 the timing).

A port is merged only where nothing changes that can be seen:

* every output bit that is used goes to the data input of one flip-flop and nowhere else, and no
  output of the module is driven by it;
* all these flip-flops have the clock of the port, on the same edge, the same clock enable or none,
  no set or reset (that of a DP16KD also clears the latch before the register), and start as 0, as
  the memory's register does;
* the port itself has no reset in use.

Where a port of 36 bits is read, both ports give a half of the word: both are merged or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .netlist import Bit, Cell, Netlist

WIDTH = 18


@dataclass(frozen=True)
class _Register:
    """The flip-flops behind one port, by the output pin that drives them, and their enable."""

    flip_flops: dict[str, str]
    enable: Bit


def merge_output_registers(netlist: Netlist) -> int:
    """Merge what can be merged, in place; how many flip-flops that saved."""
    readers = netlist.readers()
    saved = 0
    for cell in list(netlist.cells.values()):
        if cell["type"] != "DP16KD":
            continue
        for half in _halves(cell):
            found = [_behind(netlist, readers, cell, port, half) for port in half]
            registers = [register for register in found if register is not None]
            if len(registers) < len(half) or not any(r.flip_flops for r in registers):
                continue
            # A half of the word that nothing reads has no enable of its own.
            enables = {r.enable for r in registers if r.flip_flops}
            if len(enables) > 1:
                continue
            (enable,) = enables
            for port, register in zip(half, registers, strict=True):
                saved += _merge(netlist, cell, port, register, enable)
    return saved


def _number(cell: Cell, parameter: str) -> int:
    return int(cell["parameters"][parameter], 2)


def _halves(cell: Cell) -> list[str]:
    """The ports that are read through together: "AB" where a port of 36 bits is read."""
    wide = _number(cell, "DATA_WIDTH_A") > WIDTH or _number(cell, "DATA_WIDTH_B") > WIDTH
    return ["AB"] if wide else ["A", "B"]


def _pin(cell: Cell, name: str) -> Bit | None:
    bits: list[Bit] = cell["connections"].get(name) or [""]
    return bits[0] or None


def _behind(
    netlist: Netlist, readers: dict[Bit, list[tuple[str, str]]], cell: Cell, port: str, half: str
) -> _Register | None:
    """The register that takes all that ``port`` gives; None where there is no such."""
    # Both halves of a word of 36 bits leave with the clock of the port that reads, B.
    clocked = "B" if len(half) > 1 else port
    clock = _pin(cell, f"CLK{clocked}")
    inverted = _text(cell, f"CLK{clocked}MUX", f"CLK{clocked}") == "INV"
    if _pin(cell, f"RST{clocked}") not in ("0", None):
        return None
    if _text(cell, f"REGMODE_{port}", "NOREG") != "NOREG":
        return None
    found: dict[str, str] = {}
    enables: set[Bit] = set()
    for index in range(WIDTH):
        name = f"DO{port}{index}"
        bit = _pin(cell, name)
        if bit is None or bit not in readers:
            continue
        if len(readers[bit]) != 1:
            return None
        ((owner, pin),) = readers[bit]
        follower = netlist.cells.get(owner)
        if follower is None or follower["type"] != "TRELLIS_FF" or pin != "DI":
            return None
        if not _plain(follower, clock, inverted):
            return None
        found[name] = owner
        enables.add(_enable(follower))
    if len(enables) > 1:
        return None
    return _Register(found, enables.pop() if enables else "1")


def _text(cell: Cell, parameter: str, default: str) -> str:
    value: Any = cell["parameters"].get(parameter, default)
    # Yosys writes a text that could be a number with a space behind it.
    return str(value).rstrip()


def _plain(flip_flop: Cell, clock: Bit | None, inverted: bool) -> bool:
    """Whether it does what the memory's own register would do."""
    return (
        _pin(flip_flop, "CLK") == clock
        and (_text(flip_flop, "CLKMUX", "CLK") == "INV") == inverted
        and _pin(flip_flop, "LSR") in ("0", None)
        and _text(flip_flop, "LSRMUX", "LSR") == "LSR"
        and _text(flip_flop, "REGSET", "RESET") == "RESET"
        and _text(flip_flop, "CEMUX", "1") in ("1", "CE")
        and _pin(flip_flop, "M") in ("0", "x", None)
    )


def _enable(flip_flop: Cell) -> Bit:
    if _text(flip_flop, "CEMUX", "1") == "1":
        return "1"
    return _pin(flip_flop, "CE") or "1"


def _merge(netlist: Netlist, cell: Cell, port: str, register: _Register, enable: Bit) -> int:
    cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
    cell["connections"][f"OCE{port}"] = [enable]
    for name, owner in register.flip_flops.items():
        cell["connections"][name] = netlist.cells.pop(owner)["connections"]["Q"]
    return len(register.flip_flops)
