"""Counters of what was lost."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import COUNTER_BITS
from ...params.core import CoreParams


class Counters(wiring.Component):
    """``dropped`` counts the cycles with ``unknown``, 2 cycles later; ``saturated`` the lanes that
    are ``clipped``, 3 cycles later. Both wrap around."""

    def __init__(self, core: CoreParams) -> None:
        self.core = core
        super().__init__(
            {
                "unknown": In(1),
                "clipped": In(core.lanes),
                "dropped": Out(COUNTER_BITS),
                "saturated": Out(COUNTER_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        unknown = Signal(name="was_unknown")
        clipped = Signal(self.core.lanes, name="was_clipped")
        count = Signal(range(self.core.lanes + 1))
        m.d.sync += [
            unknown.eq(self.unknown),
            self.dropped.eq(self.dropped + unknown),
            clipped.eq(self.clipped),
            count.eq(sum(clipped)),
            self.saturated.eq(self.saturated + count),
        ]
        return m
