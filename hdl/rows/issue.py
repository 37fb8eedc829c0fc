"""The first stage of the pipeline: which word of which row enters it in each cycle."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.access import is_accessible
from ...cycles.latency import clear_cycles, least_slots
from ...layout.parts import RowCore
from .layouts import longest, lookup_layout, ring_bits, slot_layout


def clear_slots(core: RowCore) -> int:
    """Cycles for which the clearing after a reset occupies the pipeline."""
    return clear_cycles(core) + 1


class RowIssue(wiring.Component):
    """Takes what is ``held`` and sends its words into the pipeline, one in each cycle.

    The first ``slot`` shows in the cycle after ``take``, the next lookup can be taken in that of
    the last one. A row without words is taken and shows nothing. An update waits until the one
    before it is ``done``. The ring's slot moves on behind an update. After a reset, from the first
    cycle on, all sums and neurons are cleared, and ``done`` says when they are. Where events act
    one by one, the slots that only keep the distance show nothing. Where something of the core can
    be written or read, ``rests`` says that nothing is under way here, and no update.
    """

    def __init__(self, core: RowCore) -> None:
        self.core = core
        members: dict[str, Any] = {
            "held": In(1),
            "lookup": In(lookup_layout(core)),
            "take": Out(1),
            "done": In(1),
            "slot": Out(slot_layout(core)),
        }
        if is_accessible(core):
            members["rests"] = Out(1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, lookup = self.core, self.lookup
        adding = Signal()
        stepping = Signal()
        clearing = Signal(init=1)
        updating = Signal(init=1)  # an update or the clearing is under way
        free = Signal()  # nothing is in this stage, or only the last word of it
        first, least = clear_slots(core), least_slots(core)
        most = max(first, longest(core), core.words, least)
        left = Signal(range(most + 1), init=first)
        memory = Signal.like(self.slot.memory, name="memory", reset_less=True)
        pointer = Signal.like(self.slot.pointer, name="pointer", reset_less=True)
        count = Signal.like(self.slot.count, name="count")
        if core.offset_bits:
            offset = Signal(core.offset_bits, reset_less=True)
            with m.If(free):
                m.d.sync += offset.eq(lookup.offset)
            m.d.comb += self.slot.offset.eq(offset)
        base = Signal(ring_bits(core))
        slots = Signal.like(left, name="slots", init=0)
        starts = Signal()
        length = Mux(lookup.update, core.words, lookup.length)
        adds = self.take & ~lookup.update & lookup.length.any()
        add, update = adding, stepping
        if core.neuron.per_event:
            length = max(core.words, least)
            add, update = (shown & (count < core.words) for shown in (adding, stepping))
        m.d.comb += [
            self.take.eq(self.held & free & ~(lookup.update & updating)),
            slots.eq(length),
            starts.eq(self.take & lookup.update),
        ]
        if core.neuron.per_event:
            added_to = Signal()  # the step has begun
            begins = Signal()
            with m.If(adds | starts):
                m.d.sync += [added_to.eq(adds), begins.eq(~added_to)]
            m.d.comb += self.slot.begins.eq(begins)
        with m.If(free):
            m.d.sync += [
                clearing.eq(0),
                stepping.eq(starts),
                adding.eq(adds),
                free.eq(~self.take | (slots <= 1)),
                left.eq(slots),
                memory.eq(lookup.memory),
                pointer.eq(lookup.start),
                count.eq(0),
            ]
        with m.Else():
            m.d.sync += [
                free.eq(left == 2),
                left.eq(left - 1),
                pointer.eq(pointer + 1),
                count.eq(count + 1),
            ]
        with m.If(starts):
            m.d.sync += updating.eq(1)
        with m.Elif(self.done):
            m.d.sync += updating.eq(0)
        if is_accessible(core):
            m.d.comb += self.rests.eq(~adding & ~updating)
        if core.slots > 1:
            with m.If(stepping & free):
                m.d.sync += base.eq(base + 1)
        m.d.comb += [
            self.slot.add.eq(add),
            self.slot.update.eq(update),
            self.slot.clear.eq(clearing),
            self.slot.memory.eq(memory),
            self.slot.pointer.eq(pointer),
            self.slot.count.eq(count),
            self.slot.base.eq(base),
        ]
        return m
