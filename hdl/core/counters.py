"""Counters of what was lost."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import COUNTER_BITS, AnyCore

#: Flags that are counted by one level of logic.
LANES_COUNTED = 4


def added_up(numbers: list[Value]) -> Value:
    """The sum of some numbers, by a tree."""
    if len(numbers) == 1:
        return numbers[0]
    half = len(numbers) // 2
    return added_up(numbers[:half]) + added_up(numbers[half:])


class Counters(wiring.Component):
    """``dropped`` counts the cycles with ``unknown``, 2 cycles later; ``saturated`` the lanes that
    are ``clipped``, 3 cycles later. Both wrap around."""

    def __init__(self, core: AnyCore) -> None:
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
        count = Signal(range(self.core.lanes + 1))
        # Counted by four lanes before the first register and all of them before the second.
        fours = []
        for first in range(0, self.core.lanes, LANES_COUNTED):
            flags = self.clipped[first : first + LANES_COUNTED]
            four = Signal(range(len(flags) + 1), name=f"clipped_{first}")
            m.d.sync += four.eq(sum(flags))
            fours.append(four)
        m.d.sync += [
            unknown.eq(self.unknown),
            self.dropped.eq(self.dropped + unknown),
            count.eq(added_up(fours)),
            self.saturated.eq(self.saturated + count),
        ]
        return m
