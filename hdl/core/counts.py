"""How often each neuron fired in a step, of those that fire on each event."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import AnyCore
from ..memory import ram
from .layouts import spikes_layout, word_range

#: How many cycles the ``fired`` of a word are behind its ``word``.
COUNTED_AFTER = 2


class SpikeCounts(wiring.Component):
    """Adds the lanes that ``fired`` to the counts of their word, or, where it ``begins`` a step,
    counts from 0; a count that is full stays so.

    ``word`` comes 2 cycles before the rest of it, and ``counts`` one cycle behind, when ``stored``
    must say whether there is one, and ``stored_word`` which.
    """

    def __init__(self, core: AnyCore) -> None:
        self.core = core
        super().__init__(
            {
                "word": In(word_range(core)),
                "begins": In(1),
                "fired": In(core.lanes),
                "some": Out(core.lanes),
                "counts": Out(spikes_layout(core)),
                "stored": In(1),
                "stored_word": In(word_range(core)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, layout = self.core, self.counts.shape()
        memory = ram(m, "counts", layout, core.words)
        read, write = memory.read_port(), memory.write_port()
        before = Signal(layout, reset_less=True)
        counts = Signal(layout, reset_less=True)
        m.d.sync += before.eq(read.data)
        m.d.comb += [
            read.addr.eq(self.word),
            write.en.eq(self.stored),
            write.addr.eq(self.stored_word),
            write.data.eq(counts),
            self.counts.eq(counts),
        ]
        for lane in range(core.lanes):
            begun = Mux(self.begins, 0, before[lane])
            full = begun.all()
            m.d.sync += counts[lane].eq(begun + (self.fired[lane] & ~full))
            m.d.comb += self.some[lane].eq(self.fired[lane] | begun.any())
        return m
