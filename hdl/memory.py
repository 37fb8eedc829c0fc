"""Memories of constants and of words that change, in the block memories of a device."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import (
    Cat,
    ClockSignal,
    Const,
    Elaboratable,
    Fragment,
    Instance,
    Module,
    Signal,
    Value,
    signed,
)
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..errors import FxlifError
from .interface import Image

#: Words of a block memory → bits of each: the shapes of 16 kbit, and of 18 where parity counts.
SHAPES = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}
#: The deepest of them; a longer memory consists of banks.
BANK_WORDS = max(SHAPES)
#: Shortest memory: an address of no bits is no good Verilog.
MIN_WORDS = 2
#: Most words that a line of Verilog each puts at 0: Yosys takes the square of their number, half a
#: minute for 16,384.
MOST_ZEROS = 1024
_ZEROS = re.compile(r"^  initial begin\n(?:    \w+\[\d+\] = \d+'[hd]0+;\n)+  end\n", re.M)
#: The Verilog modules of a memory of constants, one of which reads only where it is ``enabled``,
#: and of one that begins with an image: Amaranth's memories cannot read a file.
ROM, ENABLED_ROM, RAM = "fxlif_rom", "fxlif_enabled_rom", "fxlif_ram"


ROM_VERILOG = f"""
// Constants in block memory: data is word `address` one clock edge later. IMAGE has the words in
// hexadecimal, one a line; tools look for it in the folder in which they run, or behind
// FXLIF_FOLDER: an expression for a folder, with / at its end, and a comma.
`ifndef FXLIF_FOLDER
`define FXLIF_FOLDER
`endif
`ifndef FXLIF_ROM
`define FXLIF_ROM
module {ROM} #(parameter WIDTH = 1, parameter DEPTH = 2, parameter IMAGE = "") (
  input clk,
  input [$clog2(DEPTH)-1:0] address,
  output reg [WIDTH-1:0] data
);
  (* rom_style = "block", ram_style = "block" *)
  reg [WIDTH-1:0] words [0:DEPTH-1];
  // Yosys reads a module by itself before it knows the parameters.
  generate if (IMAGE != "") initial $readmemh({{`FXLIF_FOLDER IMAGE}}, words); endgenerate
  always @(posedge clk) data <= words[address];
endmodule
`endif
"""
RAM_VERILOG = f"""
// As {ROM}, and `write` stores write_data: a read in the same cycle answers with anything.
`ifndef FXLIF_FOLDER
`define FXLIF_FOLDER
`endif
`ifndef FXLIF_RAM
`define FXLIF_RAM
module {RAM} #(parameter WIDTH = 1, parameter DEPTH = 2, parameter IMAGE = "") (
  input clk,
  input [$clog2(DEPTH)-1:0] address,
  output reg [WIDTH-1:0] data,
  input write,
  input [$clog2(DEPTH)-1:0] write_address,
  input [WIDTH-1:0] write_data
);
  (* ram_style = "block", no_rw_check *)
  reg [WIDTH-1:0] words [0:DEPTH-1];
  generate if (IMAGE != "") initial $readmemh({{`FXLIF_FOLDER IMAGE}}, words); endgenerate
  always @(posedge clk) begin
    if (write) words[write_address] <= write_data;
    data <= words[address];
  end
endmodule
`endif
"""


def _enabled(verilog: str) -> str:
    """The same module with an enable of the read."""
    for old, new in (
        ("one clock edge later.", "one clock edge later, if enabled."),
        ("FXLIF_ROM", "FXLIF_ENABLED_ROM"),
        (ROM, ENABLED_ROM),
        ("  input clk,", "  input clk,\n  input enable,"),
        ("data <=", "if (enable) data <="),
    ):
        verilog = verilog.replace(old, new)
    return verilog


#: Name of a module → its text.
MEMORIES = {ROM: ROM_VERILOG, ENABLED_ROM: _enabled(ROM_VERILOG), RAM: RAM_VERILOG}
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True)
class Images:
    """Collects the images of a design while it is elaborated: the ``platform`` of a conversion to
    Verilog. Without one, memories of constants are Amaranth's own, which its simulator knows."""

    prefix: str
    files: dict[str, Image] = field(default_factory=dict)

    def within(self, name: str) -> Images:
        """The same collection, for a part of the design whose images are called after it."""
        return Images(f"{self.prefix}_{name}", self.files)

    def add(self, name: str, image: Image) -> str:
        """The file name of an image.

        Raises:
            FxlifError: there is another image of this name.
        """
        file = f"{self.prefix}_{name}.mem"
        if self.files.setdefault(file, image) != image:
            raise FxlifError(f"{file}: must be one image, not two", key=file, allowed="one image")
        return file


class _Within(Elaboratable):
    def __init__(self, part: Elaboratable, name: str) -> None:
        self._part, self._name = part, name

    def elaborate(self, platform: Any) -> Fragment:
        place = platform.within(self._name) if isinstance(platform, Images) else platform
        return Fragment.get(self._part, place)


def within(part: Elaboratable, name: str) -> Elaboratable:
    """The same ``part`` of a design, with images that are called after its ``name``."""
    return _Within(part, name)


def as_bits(rows: npt.NDArray[np.int64], bits: int) -> npt.NDArray[np.uint8]:
    """The bits of each row, lowest lane and lowest bit first, (rows, lanes * bits)."""
    depth, lanes = rows.shape
    found = np.empty((depth, lanes, bits), dtype=np.uint8)
    for bit in range(bits):
        found[:, :, bit] = rows >> bit & 1
    return found.reshape(depth, lanes * bits)


def hexadecimal(bits: npt.NDArray[np.uint8]) -> str:
    """The text of an image: a word for each row of bits, lowest first, (words, width)."""
    depth, width = bits.shape
    digits = -(-width // 4)
    padded = np.zeros((depth, digits * 4), dtype=np.uint8)
    padded[:, :width] = bits
    nibbles = padded.reshape(depth, digits, 4) @ np.array([1, 2, 4, 8], dtype=np.uint8)
    text = np.full((depth, digits + 1), ord("\n"), dtype=np.uint8)
    text[:, :digits] = _DIGITS[nibbles[:, ::-1]]
    return text.tobytes().decode("ascii")


def slice_width(depth: int) -> int:
    """How many bits of each word one block memory holds, if the memory has ``depth`` words."""
    return next(width for words, width in SHAPES.items() if depth <= words)


class Rom(wiring.Component):
    """``rows`` of constants, (depth, lanes) int64 of ``bits`` bits each: ``data`` is row
    ``address`` two clock cycles later, one for the memory's own read register and one for the
    output register that block memories have.

    Each word is cut into slices as wide as a block memory of this depth, so that nothing stands
    behind it; over :data:`BANK_WORDS` words it has banks with output registers of their own, of
    which one is chosen behind them. ``name`` is what its images are called. Two banks where one is
    hardly more than half full, 4,096 words and the rest of 4,908, were tried: 91 block memories of
    ECP5 instead of 120, but 109 MHz instead of 141 (1,000 neurons, 8 lanes, one seed each).

    ``enabled``: the memory reads in cycles with ``fetch`` only, and its output register takes what
    was read in those with ``move``.

    With ``writable`` the rows are what it begins with: in each cycle ``value`` goes to the lanes of
    row ``place`` that ``write`` names, a bit each. A reset leaves them.
    """

    def __init__(
        self, name: str, rows: npt.NDArray[np.int64], bits: int, *, enabled: bool = False,
        writable: bool = False,
    ) -> None:  # fmt: skip
        self._name, self._bits, self._enabled, self._writable = name, bits, enabled, writable
        short = max(0, MIN_WORDS - len(rows))
        self._rows = np.pad(np.asarray(rows, dtype=np.int64), ((0, short), (0, 0)))
        depth, lanes = self._rows.shape
        members: dict[str, Any] = {
            "address": In(range(depth)),
            "data": Out(data.ArrayLayout(signed(bits), lanes)),
        }
        if enabled:
            members |= {"fetch": In(1), "move": In(1)}
        if writable:
            members |= {"write": In(lanes), "place": In(range(depth)), "value": In(bits)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def when(enable: str) -> AbstractContextManager[None]:
            return m.If(getattr(self, enable)) if self._enabled else nullcontext()

        contents = as_bits(self._rows, self._bits)
        starts = range(0, len(contents), BANK_WORDS)
        banks = []
        for number, start in enumerate(starts):
            bank = contents[start : start + BANK_WORDS]
            name = self._name if len(starts) == 1 else f"{self._name}_{number}"
            # A register that a reset does not clear can be the memory's own.
            answer = Signal(bank.shape[1], name=f"bank_{number}", reset_less=True)
            read = self._bank(m, platform, name, bank, number)
            with when("move"):
                m.d.sync += answer.eq(read)
            banks.append(answer)
        if len(banks) == 1:
            m.d.comb += self.data.eq(banks[0])
            return m
        selected = self.address >> (BANK_WORDS.bit_length() - 1)
        reading = Signal(len(selected), reset_less=True)
        chosen = Signal(len(selected), reset_less=True)
        with when("fetch"):
            m.d.sync += reading.eq(selected)
        with when("move"):
            m.d.sync += chosen.eq(reading)
        with m.Switch(chosen):
            for number, answer in enumerate(banks):
                with m.Case(number):
                    m.d.comb += self.data.eq(answer)
        return m

    def _bank(
        self, m: Module, platform: object, name: str, contents: npt.NDArray[np.uint8], bank: int
    ) -> Value:
        """What the slices of one bank answer."""
        depth, width = contents.shape
        if depth < MIN_WORDS:
            contents = np.pad(contents, ((0, MIN_WORDS - depth), (0, 0)))
            depth = MIN_WORDS
        step = slice_width(depth)
        address = self.address[: (depth - 1).bit_length()]
        # What is written to one lane leaves the slices of the others alone.
        part_width = self._bits if self._writable else width
        slices = [
            (start, min(start + step, first + part_width))
            for first in range(0, width, part_width)
            for start in range(first, first + part_width, step)
        ]
        answers = []
        for number, (start, stop) in enumerate(slices):
            bits = contents[:, start:stop]
            part = f"{name}_{number}"
            write, place, value = self._write_of(start, stop, bank, address)
            if isinstance(platform, Images):
                image = Image(hexadecimal(bits), *bits.shape)
                answer = Signal(image.width, name=f"{part}_data")
                module = ROM
                ports: dict[str, Any] = {"i_address": address, "o_data": answer}
                if self._enabled:
                    module = ENABLED_ROM
                    ports["i_enable"] = self.fetch
                elif self._writable:
                    module = RAM
                    ports |= {"i_write": write, "i_write_address": place, "i_write_data": value}
                m.submodules[part] = Instance(
                    module, p_WIDTH=image.width, p_DEPTH=depth,
                    p_IMAGE=platform.add(part, image), i_clk=ClockSignal(), **ports,
                )  # fmt: skip
                answers.append(answer)
            else:
                powers = 1 << np.arange(bits.shape[1], dtype=np.int64)
                memory = Memory(shape=bits.shape[1], depth=depth, init=(bits @ powers).tolist())
                m.submodules[part] = memory
                read = memory.read_port()
                m.d.comb += read.addr.eq(address)
                if self._enabled:
                    m.d.comb += read.en.eq(self.fetch)
                if self._writable:
                    port = memory.write_port()
                    m.d.comb += [port.en.eq(write), port.addr.eq(place), port.data.eq(value)]
                answers.append(read.data)
        return Cat(*answers)

    def _write_of(
        self, start: int, stop: int, bank: int, address: Value
    ) -> tuple[Value, Value, Value]:
        """Whether a slice of a bank is written, where, and what."""
        if not self._writable:
            return Const(0), Const(0), Const(0)
        lane, first = divmod(start, self._bits)
        here = self.write[lane]
        if len(self._rows) > BANK_WORDS:
            here = here & (self.place >> (BANK_WORDS.bit_length() - 1) == bank)
        return here, self.place[: len(address)], self.value[first : first + stop - start]


def ram(m: Module, name: str, shape: Any, depth: int) -> Memory:
    """A block memory of ``depth`` words, at least two; a reset leaves it. At power-up they are
    zeros, or anything where there are more than :data:`MOST_ZEROS`: a core clears its memories
    before it looks at what they hold.

    ``no_rw_check``: no read shows a word that is written in the same cycle, or nobody looks at what
    it shows. A core's words are read again :data:`~fxlif.cycles.pipeline.EVENT_DISTANCE` cycles
    after an earlier read or later, and are written before; where they may be read earlier
    (:class:`~fxlif.hdl.rows.totals.RowTotals`), what is on its way goes in front. So tools need not
    build what tells the old word from the new.
    """
    memory = Memory(
        shape=shape, depth=max(MIN_WORDS, depth), init=[],
        attrs={"ram_style": "block", "no_rw_check": 1},
    )  # fmt: skip
    m.submodules[name] = memory
    return memory


def without_zeros(verilog: str, most: int = MOST_ZEROS) -> str:
    """The same Verilog, where a memory of more than ``most`` words does not begin with zeros."""

    def shortened(match: re.Match[str]) -> str:
        return "" if match[0].count("\n") - 2 > most else match[0]

    return _ZEROS.sub(shortened, verilog)
