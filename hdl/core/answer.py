"""What is read of a core between two of its steps."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.access import COUNTS, READ_NUMBERS
from ...cycles.latency import COUNTER_BITS, AnyCore
from ..neuron import state_layout
from .layouts import answer_shape, read_layout


class Answer(wiring.Component):
    """Chooses what is ``read``: ``answer`` shows it 3 cycles later, one before it the ``state`` of
    the word must show. A counter counts as it is with ``read``; without ``counters`` there is none.
    """

    def __init__(self, core: AnyCore, *, counters: bool) -> None:
        self.core = core
        self._counts = COUNTS if counters else ()
        members: dict[str, Any] = {
            "read": In(read_layout(core)),
            "state": In(data.ArrayLayout(state_layout(core.neuron), core.lanes)),
            "answer": Out(answer_shape(core)),
            **{name: In(COUNTER_BITS) for name in self._counts},
        }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        read = self.read
        lane = Signal.like(read.lane, name="lane", reset_less=True)
        item = Signal.like(read.item, name="item", reset_less=True)
        count = Signal(COUNTER_BITS, reset_less=True)
        answer = Signal(self.answer.shape(), name="chosen", reset_less=True)
        m.d.comb += self.answer.eq(answer)
        with m.If(read.valid):
            m.d.sync += [lane.eq(read.lane), item.eq(read.item)]
            if self._counts:
                is_saturated = read.item == READ_NUMBERS["saturated"]
                m.d.sync += count.eq(Mux(is_saturated, self.saturated, self.dropped))
        state = self.state[lane]
        with m.Switch(item):
            for name in self.core.neuron.state_widths:
                with m.Case(READ_NUMBERS[name]):
                    m.d.sync += answer.eq(getattr(state, name))
            if self._counts:
                with m.Default():
                    m.d.sync += answer.eq(count)
        return m
