"""The serial line of a simulated board."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
import numpy.typing as npt

from ...errors import FxlifError
from ...hdl.bus.boards import board_of, board_top
from ...hdl.bus.serial import SerialTop
from ...hdl.bus.uart import LEAST_CYCLES
from ...hdl.flow.gates import gate_level, own_models, used_models
from ...hdl.interface import Hardware
from ...hdl.verilog import converted, name_of, ports_of
from ...host.device import LINE_BITS
from ...params.protocol import AnyCores
from ...progress import SILENT, Progress
from ..bench.wrapper import Cycles, Interface, wrap
from ..tools.verilated import VerilatedDesign, build
from ..tools.words import row_size

#: Clock cycles of a bit on the simulated line: as few as the receiver can do with.
BIT_CYCLES = LEAST_CYCLES
#: Clock cycles after which the reset of a board is over.
POWER_UP = 64
#: Cycles that are simulated at once.
BLOCK = 2048
#: Bits of the line after which a silent board has nothing to say: three times the longest answer.
WAITED_BITS = 4 * BLOCK
Levels = npt.NDArray[np.uint8]


def bit_cycles_of(board: str | None, baud: int | None) -> int:
    """Clock cycles of a bit at so many bits a second of a ``board``; None: as few as can be.

    Raises:
        FxlifError: there is no such board, or its line cannot be so fast.
    """
    if board is None or baud is None:
        return BIT_CYCLES
    cycles = board_of(board).bit_cycles(baud)
    if cycles < LEAST_CYCLES:
        allowed = f"slow enough for {LEAST_CYCLES} clock cycles a bit or more"
        raise FxlifError.must_be("--baud", allowed, baud)
    return cycles


def board_hardware(
    design: AnyCores, board: str | None = None, *, bit_cycles: int = BIT_CYCLES,
    netlist: bool = False, progress: Progress = SILENT,
) -> Hardware:  # fmt: skip
    """The top with the serial line, or that of a ``board``, as Verilog: with ``netlist`` the cells
    of its device. PLLs are models whose output is their input (``hdl/flow/plls.v``).

    Raises:
        FxlifError: there is no such board; a tool that makes the netlist is missing or fails.
    """
    if board is not None:
        on = board_of(board)
        hardware = board_top(on, design, name_of(design), bit_cycles=bit_cycles)
        if netlist:
            return replace(hardware, verilog=gate_level(hardware, on.target, progress))
        models = used_models(hardware.verilog, own_models())
        return replace(hardware, verilog="\n\n".join([hardware.verilog, *models.values()]))
    top = SerialTop(design, design.kind, bit_cycles=bit_cycles)
    text, images = converted(top, "board")
    return Hardware(
        name="board", verilog=text, ports=ports_of(top), sidecar={}, arrays={}, images=images
    )


def levels(data: bytes, bit_cycles: int = BIT_CYCLES) -> Levels:
    """What a line shows in each clock cycle while some bytes are sent one behind the other."""
    bits = np.ones((len(data), LINE_BITS), dtype=np.uint8)
    bits[:, 0] = 0
    raw = np.frombuffer(data, dtype=np.uint8)[:, None]
    bits[:, 1:-1] = np.unpackbits(raw, axis=1, bitorder="little")
    return np.repeat(bits.ravel(), bit_cycles)


class LineReader:
    """Finds the bytes on a line that is shown cycle by cycle, over the borders of blocks."""

    def __init__(self, bit_cycles: int = BIT_CYCLES) -> None:
        self._bit_cycles = bit_cycles
        self._held: Levels = np.zeros(0, dtype=np.uint8)

    def feed(self, line: Levels) -> bytes:
        """The bytes that end in these cycles."""
        line = np.concatenate([self._held, line])
        length = LINE_BITS * self._bit_cycles
        middles = self._bit_cycles // 2 + self._bit_cycles * np.arange(LINE_BITS)
        found = bytearray()
        at = 0
        falls = np.flatnonzero(line == 0)
        while (k := int(np.searchsorted(falls, at))) < len(falls):
            at = int(falls[k])
            if at + length > len(line):
                break
            bits = line[at + middles]
            found += np.packbits(bits[1:-1], bitorder="little").tobytes()
            at += length - self._bit_cycles // 2
        else:
            at = len(line)
        self._held = line[at:]
        return bytes(found)


class SimulatedLink:
    """The line of a simulated board, from power-up to the end of its ``with`` block.

    The board's time goes on only while somebody reads: what it does is the same in every run.
    ``hardware``: a top with ``rx`` and ``tx``.
    """

    def __init__(self, hardware: Hardware, *, bit_cycles: int = BIT_CYCLES) -> None:
        interface: Interface = wrap(hardware)
        sources = {"board.v": hardware.verilog, "bench.v": interface.wrapper}
        self._interface = interface
        self._design = VerilatedDesign(build({**sources, **hardware.image_texts}), interface)
        self._bit_cycles = bit_cycles
        self._reader = LineReader(bit_cycles)
        self._sent = b""
        #: Clock cycles so far.
        self.cycles = 0
        self._idle(1, rst=1)
        self._idle(POWER_UP)

    def _idle(self, cycles: int, rst: int = 0) -> None:
        self._clock(np.ones(cycles, dtype=np.uint8), rst)

    def _clock(self, rx: Levels, rst: int = 0) -> Levels:
        """What ``tx`` shows while ``rx`` is shown."""
        fields = self._interface.stimulus
        rows = np.zeros((len(rx), row_size(self._interface.stimulus_bits)), dtype=np.uint64)
        rows[:, 0] = rx.astype(np.uint64) << np.uint64(fields["rx"].offset)
        if "rst" in fields:
            rows[:, 0] |= np.uint64(rst << fields["rst"].offset)
        response = self._design.run(rows)
        self.cycles += len(rx)
        self._last = Cycles(self._interface.response, response)
        return self._last["tx"].astype(np.uint8)

    def shown(self, name: str) -> int:
        """What an output of the board showed in the last cycle."""
        return int(self._last[name][-1])

    def write(self, data: bytes) -> None:
        """Send some bytes, once somebody reads."""
        self._sent += data

    def read(self, seconds: float) -> bytes:
        """What comes while all that was written is sent, and a while longer if that is nothing."""
        rx = levels(self._sent, self._bit_cycles)
        self._sent = b""
        found = b""
        for first in range(0, len(rx), BLOCK):
            found += self._reader.feed(self._clock(rx[first : first + BLOCK]))
        waited = 0
        while not found and waited < WAITED_BITS * self._bit_cycles:
            found += self._reader.feed(self._clock(np.ones(BLOCK, dtype=np.uint8)))
            waited += BLOCK
        return found

    def __enter__(self) -> Self:
        self._design.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._design.__exit__(*problem)
