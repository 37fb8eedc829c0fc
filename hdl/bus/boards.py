"""Boards: a design behind the serial line of one, with its oscillator's PLL and its LEDs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from amaranth.hdl import ClockDomain, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...errors import FxlifError
from ...params.protocol import AnyCores
from ..flow.targets import Target, target_of
from ..interface import Field, Hardware, Port
from ..verilog import converted
from .serial import SerialTop

#: Bits a second of the serial line.
BAUD = 115_200
#: Clock cycles with a reset after the PLL has locked.
RESET_CYCLES = 15
#: Clock cycles for which an LED shows a spike: between one and two times as many.
LED_CYCLES = 1 << 20
Pin = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Pll:
    """How an oscillator's clock becomes ``mhz``: by a cell of the device, its input and output for
    the clock, and its parameters and attributes. Without a cell it is the oscillator's."""

    mhz: int
    cell: str = ""
    clock_in: str = ""
    clock_out: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board of amaranth-boards: the class ``platform`` of its ``module``.

    ``design``: a shipped one that fits and reaches the clock of ``pll``. ``oscillator``, MHz.
    """

    name: str
    module: str
    platform: str
    target_name: str
    package: str
    oscillator: int
    pll: Pll
    leds: int
    design: str

    @property
    def target(self) -> Target:
        """The device on it."""
        return target_of(self.target_name)

    @cached_property
    def _resources(self) -> dict[tuple[str, int], Any]:
        try:
            module = import_module(f"amaranth_boards.{self.module}")
        except ImportError:
            raise FxlifError.not_installed("amaranth-boards", "'.[fpga]'") from None
        found: dict[tuple[str, int], Any] = getattr(module, self.platform)().resources
        return found

    def _pins(self) -> Iterator[tuple[str, Any, Any]]:
        """Port, its pins and what describes their electrical side."""
        clock = self._resources[(f"clk{self.oscillator}", 0)]
        yield "clk", clock.ios[0], clock
        uart = self._resources[("uart", 0)]
        for each in uart.ios:
            if each.name in ("rx", "tx"):
                yield each.name, each.ios[0], uart
        for number in range(self.leds):
            led = self._resources[("led", number)]
            yield f"leds[{number}]" if self.leds > 1 else "leds", led.ios[0], led

    def bit_cycles(self, baud: int = BAUD) -> int:
        """Clock cycles of a bit on its serial line."""
        return round(self.pll.mhz * 1e6 / baud)

    @property
    def low_leds(self) -> bool:
        """Whether an LED shines while its pin is low."""
        return bool(self.leds) and bool(self._resources[("led", 0)].ios[0].invert)

    @property
    def suffix(self) -> str:
        """That of the file of its constraints."""
        return "lpf" if self.target.family == "ecp5" else "pcf"

    def constraints(self) -> str:
        """Where the ports are, and the oscillator's clock, in the form of the device's tools."""
        lines = []
        if self.target.family == "ecp5":
            lines.append(f'FREQUENCY PORT "clk" {self.oscillator} MHZ;')
            for port, pins, resource in self._pins():
                lines.append(f'LOCATE COMP "{port}" SITE "{pins.names[0]}";')
                settings = " ".join(f"{key}={value}" for key, value in resource.attrs.items())
                lines.append(f'IOBUF PORT "{port}" {settings};')
        else:
            lines.append(f"set_frequency clk {self.oscillator}")
            lines += [f"set_io {port} {pins.names[0]}" for port, pins, _ in self._pins()]
        return "\n".join([*lines, ""])


def _ecp5_pll(divider: int, mhz: int, feedback: int) -> Pll:
    """VCO = oscillator x ``feedback`` x ``divider``, 400 to 800 MHz (Lattice FPGA-TN-02200)."""
    return Pll(cell="EHXPLLL", clock_in="CLKI", clock_out="CLKOP", mhz=mhz, parameters={
        "p_CLKI_DIV": 1, "p_CLKFB_DIV": feedback, "p_CLKOP_DIV": divider,
        "p_CLKOP_ENABLE": "ENABLED", "p_CLKOP_CPHASE": divider // 2, "p_FEEDBK_PATH": "CLKOP",
        # Charge pump and loop filter, which are 0 where nothing says so: those of Lattice's tools.
        "a_ICP_CURRENT": "12", "a_LPF_RESISTOR": "8", "a_MFG_ENABLE_FILTEROPAMP": "1",
        "a_MFG_GMCREF_SEL": "2",
    })  # fmt: skip


def _ice40_pll(divq: int, mhz: int) -> Pll:
    """12 MHz x 64 / 2^``divq``, 16 to 275 MHz; the VCO runs at 768 MHz (Lattice FPGA-TN-02052)."""
    return Pll(cell="SB_PLL40_CORE", clock_in="REFERENCECLK", clock_out="PLLOUTCORE", mhz=mhz,
               parameters={
        "p_FEEDBACK_PATH": "SIMPLE", "p_DIVR": 0, "p_DIVF": 63, "p_DIVQ": divq,
        "p_FILTER_RANGE": 1,
    })  # fmt: skip


#: Name → board.
BOARDS = {
    board.name: board
    for board in (
        Board(name="ulx3s", module="ulx3s", platform="ULX3S_85F_Platform", target_name="ecp5-85k",
              package="CABGA381", oscillator=25, pll=_ecp5_pll(12, 50, 2), leds=8,
              design="digits"),
        Board(name="ulx3s-25f", module="ulx3s", platform="ULX3S_25F_Platform",
              target_name="ecp5-25k", package="CABGA381", oscillator=25,
              pll=_ecp5_pll(12, 50, 2), leds=8, design="digits"),
        Board(name="colorlight-5a-75b", module="colorlight_5a75b_r7_0",
              platform="Colorlight_5A75B_R70Platform", target_name="ecp5-25k",
              package="CABGA256", oscillator=25, pll=_ecp5_pll(12, 50, 2), leds=0,
              design="digits"),
        Board(name="icebreaker", module="icebreaker", platform="ICEBreakerPlatform",
              target_name="ice40-up5k", package="sg48", oscillator=12,
              pll=Pll(mhz=12), leds=2, design="digits_2bit"),
        Board(name="hx8k-evn", module="ice40_hx8k_b_evn", platform="ICE40HX8KBEVNPlatform",
              target_name="ice40-hx8k", package="ct256", oscillator=12,
              pll=_ice40_pll(4, 48), leds=8, design="digits_4bit"),
    )
}  # fmt: skip


def board_of(name: str) -> Board:
    """The board of this name.

    Raises:
        FxlifError: there is none.
    """
    if name not in BOARDS:
        raise FxlifError.unknown("--board", "board", name, BOARDS)
    return BOARDS[name]


class BoardTop(wiring.Component):
    """``clk`` is the oscillator, ``rx`` and ``tx`` the serial line, which has ``bit_cycles`` clock
    cycles a bit; LED k shines when a spike comes out whose address is k modulo the LEDs."""

    def __init__(self, board: Board, design: AnyCores, name: str, *, bit_cycles: int) -> None:
        self.board = board
        self.serial = SerialTop(design, name, bit_cycles=bit_cycles)
        leds = {"leds": Out(board.leds)} if board.leds else {}
        super().__init__({"clk": In(1), "rx": In(1, init=1), "tx": Out(1), **leds})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain("sync")
        m.domains.boot = boot = ClockDomain("boot", reset_less=True)
        locked = Signal()
        m.d.comb += [sync.clk.eq(boot.clk)]
        if self.board.pll.cell:
            m.submodules.pll = self._pll(boot.clk, locked)
        else:
            m.d.comb += [boot.clk.eq(self.clk), locked.eq(1)]
        booted = Signal(range(RESET_CYCLES + 1))
        with m.If(~locked):
            m.d.boot += booted.eq(0)
        with m.Elif(booted != RESET_CYCLES):
            m.d.boot += booted.eq(booted + 1)
        m.d.comb += sync.rst.eq(booted != RESET_CYCLES)
        m.submodules.serial = serial = self.serial
        m.d.comb += [serial.rx.eq(self.rx), self.tx.eq(serial.tx)]
        if self.board.leds:
            self._leds(m)
        return m

    def _pll(self, clock: Signal, locked: Signal) -> Instance:
        pll = self.board.pll
        if self.board.target.family == "ecp5":
            more = {"i_CLKFB": clock, "i_RST": Const(0), "i_STDBY": Const(0)}
        else:
            more = {"i_RESETB": Const(1), "i_BYPASS": Const(0)}
        ends = {f"i_{pll.clock_in}": self.clk, f"o_{pll.clock_out}": clock, "o_LOCK": locked}
        return Instance(pll.cell, **ends, **more, **pll.parameters)

    def _leds(self, m: Module) -> None:
        slow = Signal(range(LED_CYCLES))
        turn = Signal()
        m.d.sync += [slow.eq(slow + 1), turn.eq(slow == 0)]
        shown = Signal(self.board.leds)
        for number in range(self.board.leds):
            left = Signal(2, name=f"left_{number}")
            here = self.serial.spiked & (self.serial.spike % self.board.leds == number)
            with m.If(here):
                m.d.sync += left.eq(2)
            with m.Elif(turn & (left != 0)):
                m.d.sync += left.eq(left - 1)
            m.d.comb += shown[number].eq(left != 0)
        m.d.comb += self.leds.eq(Mux(Const(int(self.board.low_leds)), ~shown, shown))


def board_top(
    board: Board, design: AnyCores, name: str, *, bit_cycles: int | None = None
) -> Hardware:
    """The top of a design on a board, as Verilog; see :class:`BoardTop`. A bit takes as many cycles
    as on the board where nothing else is said."""
    cycles = bit_cycles or board.bit_cycles()
    top = BoardTop(board, design, name, bit_cycles=cycles)
    text, images = converted(top, name)
    widths = {"clk": 1, "rx": 1, "tx": 1, **({"leds": board.leds} if board.leds else {})}
    ports = tuple(
        Port(name=port, direction="in" if port in ("clk", "rx") else "out", width=width,
             fields=(Field(name=port, offset=0, width=width),))
        for port, width in widths.items()
    )  # fmt: skip
    return Hardware(name=name, verilog=text, ports=ports, sidecar={}, arrays={}, images=images)
