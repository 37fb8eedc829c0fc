"""What fired in an update, until it has left: no stage before it ever waits."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import AnyCore
from ...params.core import address_bits
from ..memory import ram
from .layouts import entry_layout


class SpikeQueue(wiring.Component):
    """``entries`` are those that were given with ``push``, in order, each 3 cycles later, or in the
    cycle after the one before it is taken. A reset empties it.

    It has room for an entry of every word of the population, and there must never be more: the next
    update starts when all of this one have been taken.
    """

    def __init__(self, core: AnyCore) -> None:
        self.core = core
        layout = entry_layout(core)
        super().__init__(
            {"push": In(1), "entry": In(layout), "entries": Out(stream.Signature(layout))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = address_bits(self.core.words)
        memory = ram(m, "queue", entry_layout(self.core), 1 << bits)
        write, read = memory.write_port(), memory.read_port()
        # One bit more than an address, so that a full queue is not an empty one.
        pushed = Signal(bits + 1)
        popped = Signal(bits + 1)
        following = Signal(bits + 1, init=1)  # behind the one that is fetched next
        waiting = Signal()  # there is one
        fetched = Signal()  # the memory has answered
        held = Signal()  # so has the register behind it
        fetch = Signal()
        move = Signal()
        m.d.comb += [
            write.en.eq(self.push),
            write.addr.eq(pushed[:bits]),
            write.data.eq(self.entry),
            move.eq(fetched & (~held | self.entries.ready)),
            fetch.eq(waiting & (~fetched | move)),
            read.en.eq(fetch),
            read.addr.eq(popped[:bits]),
            self.entries.valid.eq(held),
        ]
        with m.If(self.push):
            m.d.sync += [pushed.eq(pushed + 1), waiting.eq(1)]
        with m.Elif(fetch):
            m.d.sync += waiting.eq(pushed != following)
        with m.If(fetch):
            m.d.sync += [popped.eq(following), following.eq(following + 1)]
        m.d.sync += [
            fetched.eq(fetch | (fetched & ~move)),
            held.eq(move | (held & ~self.entries.ready)),
        ]
        entry = Signal(entry_layout(self.core), reset_less=True)
        with m.If(move):
            m.d.sync += entry.eq(read.data)
        m.d.comb += self.entries.payload.eq(entry)
        return m
