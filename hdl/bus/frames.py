"""Frames on a serial line as hardware: see :mod:`fxlif.host.frames` for what they are."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import crc, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...host.frames import (
    CRC_BYTES,
    END,
    ESC,
    ESCAPED_END,
    ESCAPED_ESC,
    HEAD_BYTES,
    MOST_BYTES,
)
from .uart import BYTE

#: Bytes of the two buffers.
DEPTH = MOST_BYTES + CRC_BYTES


def held_members() -> dict[str, wiring.Member]:
    """What a receiver shows of the frame that it holds."""
    return {
        "full": Out(1), "taken": In(1), "length": Out(range(DEPTH + 1)),
        "address": In(range(DEPTH)), "data": Out(BYTE),
    }  # fmt: skip


def reply_members() -> dict[str, wiring.Member]:
    """How a sender is told what to send."""
    return {
        "put": In(1), "address": In(range(DEPTH)), "data": In(BYTE),
        "start": In(1), "length": In(range(DEPTH + 1)), "busy": Out(1),
    }  # fmt: skip


def buffer() -> Memory:
    """Bytes of a frame, in block memory."""
    return Memory(shape=BYTE, depth=DEPTH, init=[])


def checksum() -> crc.Processor:
    """The CRC of a frame, byte by byte."""
    return crc.Parameters(CRC32_ISO_HDLC, data_width=BYTE).create()


class FrameReceiver(wiring.Component):
    """Collects the bytes of a frame: ``full`` when a good one is there, of ``length`` bytes without
    its CRC, until ``taken``; ``data`` is byte ``address`` one cycle later.

    ``bad`` shows for a cycle that a frame was broken: a wrong CRC, an escape that is none, too long
    or too short, or come while the one before was still there.
    """

    def __init__(self) -> None:
        super().__init__({"byte": In(BYTE), "valid": In(1), "bad": Out(1), **held_members()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bytes = memory = buffer()
        m.submodules.crc = check = checksum()
        read, write = memory.read_port(), memory.write_port()
        count = Signal(range(DEPTH + 1))
        escaped = Signal()
        spoiled = Signal()
        stores = Signal()
        value = Signal(BYTE)
        m.d.comb += [
            read.addr.eq(self.address), self.data.eq(read.data), read.en.eq(1),
            write.addr.eq(count), write.data.eq(value), write.en.eq(stores),
            check.data.eq(value), check.valid.eq(stores), value.eq(self.byte),
        ]  # fmt: skip
        m.d.sync += self.bad.eq(0)
        with m.If(self.taken):
            m.d.sync += self.full.eq(0)
        with m.If(self.valid):
            with m.If(self.byte == END):
                m.d.comb += check.start.eq(1)
                m.d.sync += [count.eq(0), escaped.eq(0), spoiled.eq(0)]
                with m.If((count != 0) | escaped | spoiled):
                    whole = ~escaped & ~spoiled & (count >= HEAD_BYTES + CRC_BYTES)
                    with m.If(whole & check.match_detected):
                        m.d.sync += [self.full.eq(1), self.length.eq(count - CRC_BYTES)]
                    with m.Else():
                        m.d.sync += self.bad.eq(1)
            with m.Elif(self.full | (count == DEPTH)):
                m.d.sync += spoiled.eq(1)
            with m.Elif(escaped):
                m.d.sync += escaped.eq(0)
                m.d.comb += [value.eq(Mux(self.byte == ESCAPED_END, END, ESC)), stores.eq(1)]
                with m.If((self.byte != ESCAPED_END) & (self.byte != ESCAPED_ESC)):
                    m.d.sync += spoiled.eq(1)
            with m.Elif(self.byte == ESC):
                m.d.sync += escaped.eq(1)
            with m.Else():
                m.d.comb += stores.eq(1)
        with m.If(stores):
            m.d.sync += count.eq(count + 1)
        return m


class FrameSender(wiring.Component):
    """Sends the first ``length`` bytes of its buffer as a frame, from ``start`` on, while ``busy``;
    before that, ``put`` stores ``data`` at ``address``."""

    def __init__(self) -> None:
        super().__init__({"bytes": Out(stream.Signature(BYTE)), **reply_members()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bytes_ = memory = buffer()
        m.submodules.crc = check = checksum()
        read, write = memory.read_port(), memory.write_port()
        place = Signal(range(DEPTH + CRC_BYTES))
        escaped = Signal()
        m.d.comb += [
            write.addr.eq(self.address), write.data.eq(self.data), write.en.eq(self.put),
            read.addr.eq(place), read.en.eq(1), check.data.eq(read.data),
        ]  # fmt: skip
        left = Signal(range(CRC_BYTES + 1))
        rest = Array([check.crc.word_select(k, BYTE) for k in range(CRC_BYTES)])
        raw = Mux(left == CRC_BYTES, read.data, rest[left])
        byte = Signal(BYTE)
        m.d.comb += byte.eq(raw)
        ends = Signal()  # the END of the frame is on offer
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("waits"):
                m.d.comb += [self.busy.eq(0), check.start.eq(1)]
                m.d.sync += [place.eq(0), left.eq(CRC_BYTES), escaped.eq(0), ends.eq(0)]
                with m.If(self.start):
                    m.next = "begins"
            with m.State("begins"):
                m.d.comb += [self.bytes.valid.eq(1), self.bytes.payload.eq(END)]
                with m.If(self.bytes.ready):
                    m.next = "reads"
            with m.State("reads"):
                # The buffer's byte is there in the cycle after this one.
                m.next = "sends"
            with m.State("sends"):
                special = (byte == END) | (byte == ESC)
                m.d.comb += self.bytes.valid.eq(1)
                with m.If(ends):
                    m.d.comb += self.bytes.payload.eq(END)
                with m.Elif(escaped):
                    m.d.comb += self.bytes.payload.eq(
                        Mux(byte == END, ESCAPED_END, ESCAPED_ESC)
                    )  # fmt: skip
                with m.Else():
                    m.d.comb += self.bytes.payload.eq(Mux(special, ESC, byte))
                with m.If(self.bytes.ready):
                    with m.If(ends):
                        m.next = "waits"
                    with m.Elif(special & ~escaped):
                        m.d.sync += escaped.eq(1)
                    with m.Else():
                        m.d.sync += escaped.eq(0)
                        m.next = "reads"
                        with m.If(left == CRC_BYTES):
                            m.d.comb += check.valid.eq(1)
                            m.d.sync += place.eq(place + 1)
                            with m.If(place + 1 == self.length):
                                m.d.sync += left.eq(0)
                        with m.Elif(left == CRC_BYTES - 1):
                            m.d.sync += ends.eq(1)
                        with m.Else():
                            m.d.sync += left.eq(left + 1)
        return m
