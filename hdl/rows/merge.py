"""The events of several populations as one stream."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...params.core import address_bits
from ..events import event_stream
from .layouts import lockstep_stream, numbers


class Merge(wiring.Component):
    """``events_out`` are the events of ``inputs``, step by step and within a step one input after
    the other; combinational.

    ``counts`` are the addresses of each; those of an input come behind those of the inputs before
    it. Of each step the TICK of the last input is sent; those of the others are taken without.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts
        members = {
            f"input_{k}": In(lockstep_stream(address_bits(count))) for k, count in enumerate(counts)
        }
        self._names = list(members)
        out = event_stream(address_bits(sum(counts)))
        super().__init__({**members, "events_out": Out(out)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        out = self.events_out
        select = Signal(numbers(len(self._counts)))
        firsts = accumulate(self._counts, initial=0)
        with m.Switch(select):
            for number, (name, first) in enumerate(zip(self._names, firsts, strict=False)):
                stream = getattr(self, name)
                last = number == len(self._counts) - 1
                tick = stream.payload.tick
                swallowed = Signal(name=f"swallowed_{number}")
                with m.Case(number):
                    m.d.comb += [
                        swallowed.eq(0 if last else tick),
                        out.valid.eq(stream.valid & ~swallowed),
                        out.payload.tick.eq(tick),
                        out.payload.address.eq(Mux(tick, 0, stream.payload.address + first)),
                        stream.ready.eq(out.ready | swallowed),
                    ]
                    with m.If(stream.valid & stream.ready & tick):
                        m.d.sync += select.eq(0 if last else number + 1)
        return m
