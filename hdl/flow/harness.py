"""Registers around a netlist, so that a design with more ports than pins can be placed.

Every input comes from a chain of flip-flops that is shifted in through one pin, and every output
goes into a flip-flop of its own, all of which are folded into one pin by a second chain:

    pin -> FF -> FF -> ... -> FF           output -> FF -+
            |     |           |                          |
          input input       input          FF -> XOR -> FF -> XOR -> FF ... -> pin

So no logic of the design can be left out, and no path into or out of it: a path from a port counts
for the clock as it would on a board with registers at its pins. It is added to the mapped netlist,
which therefore is the one of the bare design; what it takes is known exactly and is taken off the
figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .netlist import Bit, Cell, Netlist

PREFIX = "harness$"
#: Ports of the harness beside the clock.
SERIAL_IN, SERIAL_OUT = "serial_in", "serial_out"
_XOR = f"{0b0110:04b}" * 4


def _cell(kind: str, parameters: dict[str, str], inputs: dict[str, Bit], output: str) -> Cell:
    directions = dict.fromkeys(inputs, "input")
    return {
        "hide_name": 0, "type": kind, "parameters": parameters, "attributes": {},
        "port_directions": {**directions, output: "output"},
        "connections": {port: [bit] for port, bit in inputs.items()},
    }  # fmt: skip


def _flip_flop(family: str, clock: Bit, data: Bit) -> tuple[Cell, str]:
    if family == "ice40":
        return _cell("SB_DFF", {}, {"C": clock, "D": data}, "Q"), "Q"
    # A text that could be a number has a space behind it, in Yosys' JSON.
    parameters = {"CEMUX": "1 ", "CLKMUX": "CLK", "GSR": "DISABLED", "LSRMUX": "LSR",
                  "REGSET": "RESET", "SRMODE": "LSR_OVER_CE"}  # fmt: skip
    return _cell("TRELLIS_FF", parameters, {"CLK": clock, "DI": data, "LSR": "0"}, "Q"), "Q"


def _xor(family: str, first: Bit, second: Bit) -> tuple[Cell, str]:
    if family == "ice40":
        inputs: dict[str, Bit] = {"I0": first, "I1": second, "I2": "0", "I3": "0"}
        return _cell("SB_LUT4", {"LUT_INIT": _XOR}, inputs, "O"), "O"
    inputs = {"A": first, "B": second, "C": "0", "D": "0"}
    return _cell("LUT4", {"INIT": _XOR}, inputs, "Z"), "Z"


def add_harness(netlist: Netlist, family: str, clock: str = "clk") -> Counter[str]:
    """Put the registers around ``netlist``, in place; what they take, by kind of resource."""
    cells, nets = netlist.cells, netlist.new_nets()
    (tick,) = netlist.ports[clock]["bits"]
    taken: Counter[str] = Counter()

    def add(made: tuple[Cell, str], resource: str, output: Bit | None = None) -> Bit:
        cell, port = made
        bit = next(nets) if output is None else output
        cell["connections"][port] = [bit]
        cells[f"{PREFIX}{len(cells)}"] = cell
        taken[resource] += 1
        return bit

    def bits(direction: str) -> Iterator[Bit]:
        for name, port in netlist.ports.items():
            if port["direction"] == direction and name != clock:
                yield from port["bits"]

    pin: Bit = next(nets)
    before = pin
    for bit in bits("input"):
        before = add(_flip_flop(family, tick, before), "FF", bit)
    outputs = list(bits("output"))
    folded: Bit = "0"
    for bit in outputs:
        held = add(_flip_flop(family, tick, bit), "FF")
        folded = add(_xor(family, held, folded), "LUT")
        folded = add(_flip_flop(family, tick, folded), "FF")
    netlist.module["ports"] = {
        clock: netlist.ports[clock],
        SERIAL_IN: {"direction": "input", "bits": [pin]},
        SERIAL_OUT: {"direction": "output", "bits": [folded]},
    }
    return taken
