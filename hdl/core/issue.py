"""The head of the pipeline: which word of which operation enters it in each cycle."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.access import is_accessible
from ...cycles.latency import event_cycles
from ...params.core import CoreParams
from ..events import event_stream
from .layouts import operation_layout, slot_range
from .weights import weight_address, weight_depth


class Issue(wiring.Component):
    """Turns events into operations, each of which occupies ``event_cycles`` slots.

    ``operation`` is the slot that is in the pipeline's first stage, ``weight_address`` where the
    weights of an addition lie. An event that is taken shows there in the next cycle, word 0 first;
    the next one can be taken in the last slot. A TICK waits until the update before it is ``done``,
    shows 2 cycles after that, and keeps the input waiting; ``unknown`` says that an event with an
    address beyond the inputs is taken. After a reset, from the first cycle on, all words are
    cleared, and ``done`` says when they are.

    Where something of the core can be written or read, ``between`` says that it is between two
    steps: no event of the next one is taken, and nothing of the last one is under way. ``hold``
    then keeps it there: no event is taken.
    """

    def __init__(self, core: CoreParams) -> None:
        self.core = core
        members: dict[str, Any] = {
            "events_in": In(event_stream(core.in_address_bits)),
            "done": In(1),
            "operation": Out(operation_layout(core)),
            "weight_address": Out(range(max(2, weight_depth(core)))),
            "unknown": Out(1),
        }
        if is_accessible(core):
            members |= {"hold": In(1), "between": Out(1)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, event = self.core, self.events_in.payload
        adding = Signal()
        clearing = Signal(init=1)
        stepping = Signal()
        slot = Signal(slot_range(core))
        pending = Signal()  # a TICK was taken, its update has not started
        updating = Signal(init=1)  # an update or the clearing is under way
        free = Signal()  # nothing is under way, or only its last slot
        taken = Signal()
        known = Signal()
        adds = Signal()
        start = Signal()
        ready = free & ~pending
        if is_accessible(core):
            begun = Signal()  # an event of the step was taken
            m.d.sync += begun.eq(Mux(taken, ~event.tick, begun))
            m.d.comb += self.between.eq(~begun & ~pending & ~updating)
            ready = ready & ~(self.hold & ~begun)
        m.d.comb += [
            self.events_in.ready.eq(ready),
            taken.eq(self.events_in.valid & self.events_in.ready),
            known.eq(event.address < core.n_inputs),
            adds.eq(taken & ~event.tick & known),
            start.eq(~updating & (pending | (taken & event.tick))),
            self.unknown.eq(taken & ~event.tick & ~known),
        ]
        with m.If(free):
            m.d.sync += [slot.eq(0), clearing.eq(0), stepping.eq(start), adding.eq(adds)]
            m.d.sync += free.eq(~(start | adds))
        with m.Else():
            m.d.sync += [slot.eq(slot + 1), free.eq(slot == event_cycles(core) - 2)]
        with m.If(start):
            m.d.sync += [pending.eq(0), updating.eq(1)]
        with m.Else():
            with m.If(taken & event.tick):
                m.d.sync += pending.eq(1)
            with m.If(self.done):
                m.d.sync += updating.eq(0)

        if core.neuron.per_event:
            added_to = Signal()  # the step has begun
            begins = Signal()
            with m.If(adds | start):
                m.d.sync += [added_to.eq(adds), begins.eq(~added_to)]
            m.d.comb += self.operation.begins.eq(begins)
        within = slot < core.words  # the other slots only keep the distance
        m.d.comb += [
            self.operation.word.eq(slot),
            self.operation.add.eq(adding & within),
            self.operation.update.eq(stepping & within),
            self.operation.clear.eq(clearing & within),
            self.weight_address.eq(weight_address(m, core, event.address, adds, slot)),
        ]
        return m
