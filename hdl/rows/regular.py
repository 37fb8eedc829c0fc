"""A source that spikes at fixed intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from ...layout.parts import RegularNode
from ...params.core import address_bits
from ..events import event_stream
from ..memory import Rom


def entries(source: RegularNode) -> npt.NDArray[np.int64]:
    """What spikes in an interval, in order: (n, 1), the address, above it the step."""
    order = np.argsort(source.phases, kind="stable")
    return (order | source.phases[order] << address_bits(source.n)).reshape(-1, 1)


class RegularEvents(wiring.Component):
    """The spikes of a regular source and the TICK of each step, as fast as they are taken.

    A spike is followed by a cycle in which nothing comes, and so is the TICK of an interval's last
    step; and nothing comes in the first two cycles after a reset.
    """

    def __init__(self, source: RegularNode) -> None:
        self.source = source
        super().__init__({"events_out": Out(event_stream(address_bits(source.n)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n, interval, out = self.source.n, self.source.interval, self.events_out
        table, bits = entries(self.source), address_bits(n)
        m.submodules.entries = memory = Rom(
            "entries", table, bits + address_bits(interval), enabled=True
        )
        # Of the entry that is next; of the one behind it, which the memory reads. Behind the last
        # one the first comes.
        number = Signal(range(n + 1))
        following = Signal(range(n + 1), init=1)
        step = Signal(range(max(2, interval)))
        fresh = Signal()  # the entry is there
        begun = Signal()  # after a reset the memory has not read the first one
        entry = Signal(len(memory.data[0]))
        moves = Signal()
        spikes = Signal()
        wraps = Signal()
        m.d.comb += [
            memory.address.eq(following),
            memory.fetch.eq(1),
            memory.move.eq(~fresh),
            entry.eq(Mux(begun, memory.data[0], int(table[0, 0]))),
            moves.eq(fresh & (~out.valid | out.ready)),
            spikes.eq((number != n) & (entry[bits:] == step)),
            wraps.eq(step == interval - 1),
        ]
        with m.If(moves):
            m.d.sync += [
                out.valid.eq(1),
                out.payload.tick.eq(~spikes),
                out.payload.address.eq(Mux(spikes, entry[:bits], 0)),
            ]
            with m.If(spikes):
                m.d.sync += [
                    number.eq(number + 1), fresh.eq(0), begun.eq(1),
                    following.eq(Mux(following == n, 0, following + 1)),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += step.eq(Mux(wraps, 0, step + 1))
                with m.If(wraps):
                    m.d.sync += [number.eq(0), following.eq(1), fresh.eq(0)]
        with m.Else():
            m.d.sync += fresh.eq(1)
            with m.If(out.ready):
                m.d.sync += out.valid.eq(0)
        return m
