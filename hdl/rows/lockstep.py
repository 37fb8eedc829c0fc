"""One stream of events for several readers, all of whom take each event in the same cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..events import event_stream
from .layouts import lockstep_stream


class Lockstep(wiring.Component):
    """``events`` at each of ``readers``; combinational.

    Nothing is stored, and nothing waits for ever: number the streams of a network by step and then
    by node. What a node sends in a step needs streams of lower number only (its inputs of this step
    and backward ones of the step before), and every reader takes its inputs in the order of these
    numbers. So of all streams that are not through, the lowest one moves: its node is done with all
    it needs, and none of its readers waits for another stream. A core takes in what it needs for an
    update while its queue holds all spikes of the one before.
    """

    def __init__(self, address_bits: int, readers: int) -> None:
        self._count = readers
        super().__init__(
            {
                "events": In(event_stream(address_bits)),
                "readers": Out(lockstep_stream(address_bits)).array(readers),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ready = [reader.ready for reader in self.readers]
        m.d.comb += self.events.ready.eq(Cat(ready).all())
        for number, reader in enumerate(self.readers):
            others = ready[:number] + ready[number + 1 :]
            m.d.comb += [
                reader.shown.eq(self.events.valid),
                reader.valid.eq(self.events.valid & Cat(others).all()),
                reader.payload.eq(self.events.payload),
            ]
        return m
