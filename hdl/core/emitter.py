"""Words of spikes as events, lowest neuron first, and the TICK behind the last."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...params.core import CoreParams
from ..events import event_stream
from .layouts import entry_layout


def several(bits: list[Value]) -> tuple[Value, Value]:
    """(whether any of some bits is set, whether more than one is): a tree, no carry chain."""
    if len(bits) == 1:
        return bits[0], Const(0, 1)
    half = len(bits) // 2
    any_low, several_low = several(bits[:half])
    any_high, several_high = several(bits[half:])
    return any_low | any_high, several_low | several_high | (any_low & any_high)


def one_hot_number(one_hot: Value) -> Value:
    """The number of the one bit that is set; 0 where none is."""
    width = max(1, (len(one_hot) - 1).bit_length())
    return Cat(
        Cat(bit for number, bit in enumerate(one_hot) if number >> place & 1).any()
        for place in range(width)
    )


class Emitter(wiring.Component):
    """One event per cycle: what an entry holds shows at ``events_out`` from the next cycle on.

    An entry is taken with its last event; ``done`` says that this is a TICK. A neuron that fired
    several times in a step is sent as often.
    """

    def __init__(self, core: CoreParams) -> None:
        self.core = core
        super().__init__(
            {
                "entries": In(stream.Signature(entry_layout(core))),
                "events_out": Out(event_stream(core.out_address_bits)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, entry, out = self.core, self.entries.payload, self.events_out
        fired = [entry.spikes[lane].any() for lane in range(core.lanes)]
        sent = Signal(core.lanes)  # lanes of this entry that have been sent
        left = Signal(core.lanes + 1)
        lowest = Signal(core.lanes + 1)
        more = Signal()
        moves = Signal()
        takes = Signal()
        m.d.comb += [
            left.eq(Cat(Cat(fired) & ~sent, entry.last)),
            lowest.eq(left & -left),
            more.eq(several(list(left))[1]),
            takes.eq(self.entries.valid & moves),
            self.entries.ready.eq(moves & ~more),
            self.done.eq(takes & ~more & entry.last),
        ]
        valid = Signal()
        tick = Signal()
        lane = Signal(core.lanes, reset_less=True)
        word = Signal.like(entry.word, name="word", reset_less=True)
        repeats = self._repeats(m, takes, lowest, valid)
        m.d.comb += [
            moves.eq(~valid | (out.ready & (repeats == 0))),
            out.valid.eq(valid),
            out.payload.tick.eq(tick),
            out.payload.address.eq(self._address(word, lane)),
        ]
        with m.If(moves):
            m.d.sync += [valid.eq(self.entries.valid), tick.eq(lowest[-1])]
            m.d.sync += [lane.eq(lowest[:-1]), word.eq(Mux(lowest[-1], 0, entry.word))]
        with m.If(takes):
            m.d.sync += sent.eq(Mux(more, sent | lowest[:-1], 0))
        return m

    def _address(self, word: Value, lane: Value) -> Value:
        lanes = self.core.lanes
        if lanes == 1:
            return word
        if lanes & (lanes - 1) == 0:
            return Cat(one_hot_number(lane), word)
        return word * lanes + one_hot_number(lane)

    def _repeats(self, m: Module, takes: Value, lowest: Value, valid: Value) -> Value:
        """How often the event at the output is still to be sent after this time."""
        spikes = self.entries.payload.spikes
        if self.core.neuron.max_spikes_per_step == 1:
            return Const(0)
        repeats = Signal(self.core.neuron.spike_bits)
        count = Const(0)
        for lane in range(self.core.lanes):
            count = count | Mux(lowest[lane], spikes[lane], 0)
        with m.If(takes):
            m.d.sync += repeats.eq(Mux(lowest[-1], 0, count - 1))
        with m.Elif(valid & self.events_out.ready & (repeats != 0)):
            m.d.sync += repeats.eq(repeats - 1)
        return repeats
