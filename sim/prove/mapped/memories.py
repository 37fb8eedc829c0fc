"""The block memories of the devices, as a proof sees them: ports, and where a word lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ....hdl.flow.netlist import Cell

#: A pin: the name of the cell's port, the bit of it.
Pin = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Port:
    """One way to the words of a memory cell, with the edge of its clock.

    Attributes:
        clock: the clock's pin.
        address: pins of the address of a word, lowest first.
        data: position in the word → pin.
        enable: pins that must all be 1.
        kept: position → a pin that must be 0 for that bit to be written.
        strobes: position → a pin that must be 1 for that bit to be written.
        held: position → the enable of an output register behind the bit.
        place: address of a word, position → which bit of the cell.
    """

    clock: Pin
    address: tuple[Pin, ...]
    data: Mapping[int, Pin]
    enable: tuple[Pin, ...]
    place: Callable[[int, int], int]
    kept: Mapping[int, Pin] = field(default_factory=dict)
    strobes: Mapping[int, Pin] = field(default_factory=dict)
    held: Mapping[int, Pin] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory cell: what reads and what writes it, and its bits at power-up, by number.

    ``zero`` are pins that must be 0 all the time, else it is not as described here.
    """

    reads: tuple[Port, ...]
    writes: tuple[Port, ...]
    bits: int
    zero: tuple[Pin, ...] = ()


def memory_of(cell: Cell) -> Memory:
    """What a memory cell of a netlist does.

    Raises:
        ValueError: it is used in a way that is not described here.
    """
    return _OF[cell["type"]](cell)


def _number(cell: Cell, parameter: str, default: int) -> int:
    return int(cell["parameters"].get(parameter, f"{default:b}"), 2)


def _text(cell: Cell, parameter: str, default: str) -> str:
    return str(cell["parameters"].get(parameter, default)).rstrip()


def _words(cell: Cell, parameters: list[str]) -> list[int]:
    """Values of parameters of bits; what is x is 0."""
    found = (cell["parameters"].get(parameter, "0") for parameter in parameters)
    return [int(value.replace("x", "0"), 2) for value in found]


def _constant(cell: Cell, pin: Pin) -> bool:
    """Whether a pin is 0, or open, in the netlist."""
    bits = cell["connections"].get(pin[0], [])
    return len(bits) <= pin[1] or bits[pin[1]] in ("0", "x")


def _dp16kd(cell: Cell) -> Memory:
    """ECP5's, as ``hdl/flow/dp16kd.v`` has it, from Lattice's FPGA-TN-02204."""
    widths = {side: _number(cell, f"DATA_WIDTH_{side}", 18) for side in "AB"}
    wide = 36 in widths.values()
    if wide and set(widths.values()) != {36}:
        raise ValueError(f"widths {widths['A']} and {widths['B']}")
    reads, writes = [], []
    zero = [(f"CS{side}{k}", 0) for side in "AB" for k in range(3)] + [("WEB", 0)] * wide
    for side, width in widths.items():
        clocked = (f"CLK{side}", 0)
        if _constant(cell, clocked):
            continue
        for pin in (f"{of}{side}" for of in ("CLK", "CE", "OCE", "WE", "RST")):
            if _text(cell, f"{pin}MUX", pin) != pin:
                raise ValueError(f"{pin} is inverted, or constant")
        if _text(cell, f"CSDECODE_{side}", "0b000") != "0b000":
            raise ValueError(f"CSDECODE_{side}")
        zero.append((f"RST{side}", 0))
        used = cell["connections"]
        sides = "AB" if wide else side
        bits = {
            18 * k + p: (f"{of}{p}", 0)
            for k, of in enumerate(sides) for p in range(min(width, 18))
        }  # fmt: skip
        first = {1: 0, 2: 1, 4: 2, 9: 3, 18: 4, 36: 5}[width]
        address = tuple((f"AD{side}{k}", 0) for k in range(first, 14))
        writing = not _constant(cell, (f"WE{side}", 0)) and not (wide and side == "B")
        if writing:
            writes.append(Port(
                clock=clocked, address=address, enable=((f"CE{side}", 0), (f"WE{side}", 0)),
                data={p: (f"DI{pin}", k) for p, (pin, k) in bits.items()}, place=_place(width),
                strobes={p: (f"AD{side}{p // 9}", 0) for p in bits} if width > 9 else {},
            ))  # fmt: skip
        answers = {p: (f"DO{pin}", k) for p, (pin, k) in bits.items() if used.get(f"DO{pin}")}
        if answers and not writing and not (wide and side == "A"):
            modes = {of: _text(cell, f"REGMODE_{of}", "NOREG") for of in sides}
            held = {p: (f"OCE{pin[0]}", 0) for p, (pin, _) in bits.items()
                    if modes[pin[0]] == "OUTREG"}  # fmt: skip
            reads.append(Port(
                clock=clocked, address=address, enable=((f"CE{side}", 0),), data=answers,
                place=_place(width), held=held,
            ))  # fmt: skip
    rows = _words(cell, [f"INITVAL_{k:02X}" for k in range(64)])
    bits_at_first = 0
    for row, value in enumerate(rows):
        for word in range(16):
            bits_at_first |= (value >> 20 * word & 0x3FFFF) << (row * 16 + word) * 18
    return Memory(
        reads=tuple(reads), writes=tuple(writes), bits=bits_at_first, zero=tuple(zero)
    )  # fmt: skip


def _place(width: int) -> Callable[[int, int], int]:
    """Where bits lie in ECP5's bytes of nine: widths 1, 2 and 4 leave the ninth out."""
    in_byte = max(8 // width, 1)

    def place(address: int, position: int) -> int:
        if width >= 9:
            return address * width + position
        return address // in_byte * 9 + address % in_byte * width + position

    return place


def _sb_ram40(cell: Cell) -> Memory:
    """iCE40's, as Yosys' model has it: 256 rows of 16 bits; of narrower words, the upper bits of
    the address say which of the neighbours in a row."""

    def way(of: str, mode: int, enable: tuple[Pin, ...], *, masked: bool = False) -> Port:
        # Yosys' order of the address: its lowest bits are the highest of the pins, turned round.
        unused, neighbours = 3 - mode, 1 << mode
        address = [(f"{of}ADDR", 10 - k if k < 3 else k - 3) for k in range(unused, 11)]
        at = {0: 0, 1: 0, 2: 1, 3: 3}[mode]
        data = {p: (f"{of}DATA", p * neighbours + at) for p in range(16 // neighbours)}

        def place(word: int, position: int) -> int:
            row, low = word >> mode, word & (neighbours - 1)
            column = int(f"{low:0{mode}b}"[::-1], 2) if mode else 0
            return row * 16 + position * neighbours + column

        return Port(
            clock=(f"{of}CLK", 0), address=tuple(address), data=data, enable=enable, place=place,
            kept={p: ("MASK", p) for p in data} if masked and mode == 0 else {},
        )  # fmt: skip

    reads, writes = [], []
    if not _constant(cell, ("RCLK", 0)):
        reads.append(way("R", _number(cell, "READ_MODE", 0), (("RCLKE", 0), ("RE", 0))))
    if not _constant(cell, ("WCLK", 0)):
        mode = _number(cell, "WRITE_MODE", 0)
        writes.append(way("W", mode, (("WCLKE", 0), ("WE", 0)), masked=True))
    rows = _words(cell, [f"INIT_{k:X}" for k in range(16)])
    return Memory(
        reads=tuple(reads), writes=tuple(writes),
        bits=sum(value << 256 * k for k, value in enumerate(rows)),
    )  # fmt: skip


_OF: dict[str, Callable[[Cell], Memory]] = {"DP16KD": _dp16kd, "SB_RAM40_4K": _sb_ram40}
MEMORIES = frozenset(_OF)
