"""Bytes on a serial line: 8 bits, no parity, one stop bit."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

BYTE = 8
#: Fewest clock cycles a bit may take.
LEAST_CYCLES = 4


class Receiver(wiring.Component):
    """``byte`` is shown for one cycle with ``valid``. A byte without a stop bit is none.

    A bit takes ``cycles`` clock cycles and is looked at in its middle.
    """

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"rx": In(1, init=1), "byte": Out(BYTE), "valid": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        wait = Signal(range(self._cycles))
        left = Signal(range(BYTE + 3))  # bits still to come, start and stop bit included
        m.d.sync += self.valid.eq(0)
        with m.If(left == 0), m.If(~line):
            m.d.sync += [left.eq(BYTE + 2), wait.eq(self._cycles // 2 - 1)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self._cycles - 1), left.eq(left - 1)]
            with m.If(left == BYTE + 2), m.If(line):  # a short fall of the line, no start bit
                m.d.sync += left.eq(0)
            with m.Elif(left != 1):
                m.d.sync += self.byte.eq(Cat(self.byte[1:], line))
            with m.Else():
                m.d.sync += self.valid.eq(line)
        return m


class Transmitter(wiring.Component):
    """Sends ``bytes``; ``tx`` is high between two."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"bytes": In(stream.Signature(BYTE)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait = Signal(range(self._cycles))
        left = Signal(range(BYTE + 3))
        bits = Signal(BYTE + 1)
        m.d.comb += self.bytes.ready.eq(left == 0)
        with m.If(left == 0), m.If(self.bytes.valid):
            m.d.sync += [
                bits.eq(Cat(self.bytes.payload, Const(1))), self.tx.eq(0),
                left.eq(BYTE + 2), wait.eq(self._cycles - 1),
            ]  # fmt: skip
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [left.eq(left - 1), wait.eq(self._cycles - 1)]
            with m.If(left != 1):
                m.d.sync += [self.tx.eq(bits[0]), bits.eq(Cat(bits[1:], Const(1)))]
        return m
