"""Words of spikes as events, lowest neuron first, and the TICK behind the last."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import AnyCore
from ..events import event_stream
from .layouts import at_least, entry_layout, named_nodes
from .weights import is_power_of_two


def any_below(m: Module, bits: list[Value]) -> list[Value]:
    """For each bit whether a lower one is set; the last of one more is whether any is."""
    if len(bits) == 1:
        return [Const(0, 1), bits[0]]
    half = len(bits) // 2
    *low, any_low = any_below(m, bits[:half])
    found = [*low, *(below | any_low for below in any_below(m, bits[half:]))]
    return named_nodes(m, "below", found, len(bits))


def lowest(bits: list[Value]) -> Value:
    """The number of the lowest bit that is set; that of the last one where none is."""
    if len(bits) == 1:
        return Const(0, 0)
    half = 1 << ((len(bits) - 1).bit_length() - 1)
    low, high = lowest(bits[:half]), lowest(bits[half:])
    in_low = Cat(bits[:half]).any()
    if len(low) == 0:  # what has no bits is no good Verilog
        return ~in_low
    return Cat(Mux(in_low, low, high)[: len(low)], ~in_low)


class Emitter(wiring.Component):
    """One event per cycle: an entry that is taken shows its first one from the next cycle on.

    The next entry is taken with the last event of the one before. ``done`` says that a TICK shows
    from the next cycle on. A neuron that fired several times in a step is sent as often.
    """

    def __init__(self, core: AnyCore) -> None:
        self.core = core
        #: What is left of the repeats of an event that is not sent again. Wide counts go down to 1:
        #: nothing is subtracted where they are chosen.
        self._no_more = int(core.neuron.fire_on == "event")
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
        fired = Cat(entry.spikes[lane].any() for lane in range(core.lanes))
        # The entry at the output: its lanes that are still to be sent, and whether a TICK is, too.
        valid = Signal()
        left = Signal(core.lanes)
        last = Signal()
        # Known a cycle before: it has one event left, or a spike and a TICK.
        only = Signal()
        tick_next = Signal()
        word = Signal.like(entry.word, name="word", reset_less=True)
        takes = Signal()
        sends = Signal()
        *below, some = any_below(m, list(left))
        rest = Signal(core.lanes)
        m.d.comb += rest.eq(Cat(bit & lower for bit, lower in zip(left, below, strict=True)))
        repeats = self._repeats(m, takes, sends, fired, rest)

        m.d.comb += [
            self.entries.ready.eq(~valid | (sends & only)),
            takes.eq(self.entries.valid & self.entries.ready),
            sends.eq(valid & out.ready & (repeats == self._no_more)),
            out.valid.eq(valid),
            out.payload.tick.eq(~some),
            out.payload.address.eq(self._address(word, left)),
        ]
        _, _, three, four = at_least(m, 4, [*left, last])
        with m.If(takes):
            m.d.sync += [valid.eq(1), left.eq(fired), last.eq(entry.last), word.eq(entry.word)]
            m.d.sync += [only.eq(entry.one), tick_next.eq(entry.one_and_tick)]
        with m.Elif(sends):
            m.d.sync += [valid.eq(~only), left.eq(rest)]
            m.d.sync += [only.eq(~three), tick_next.eq(last & three & ~four)]
        m.d.comb += self.done.eq((takes & entry.last & entry.one) | (sends & tick_next))
        with m.If(self.done):
            m.d.sync += word.eq(0)  # the address of a TICK
        return m

    def _address(self, word: Value, left: Value) -> Value:
        lanes = self.core.lanes
        # No lane is left of a TICK: the number is that of the last one, and must be 0.
        lane = Mux(left.any(), lowest(list(left)), 0) if lanes > 1 else Const(0, 0)
        return Cat(lane, word) if is_power_of_two(lanes) else word * lanes + lane

    def _repeats(self, m: Module, takes: Value, sends: Value, fired: Value, rest: Value) -> Value:
        """How often the event at the output is to be sent again, and ``_no_more``."""
        spikes, bits = self.entries.payload.spikes, self.core.spike_bits
        if bits == 1:
            return Const(self._no_more)
        counts = Signal.like(spikes.as_value(), name="counts", reset_less=True)
        repeats = Signal(bits)

        def of_lowest(lanes: Value, words: Value) -> Value:
            count: Value = Const(1)
            for lane in reversed(range(self.core.lanes)):
                count = Mux(lanes[lane], words.word_select(lane, bits), count)
            return count if self._no_more else count - 1

        with m.If(takes):
            m.d.sync += counts.eq(spikes.as_value())
            m.d.sync += repeats.eq(of_lowest(fired, spikes.as_value()))
        with m.Elif(sends):
            m.d.sync += repeats.eq(of_lowest(rest, counts))
        with m.Elif(self.events_out.valid & self.events_out.ready & (repeats != self._no_more)):
            m.d.sync += repeats.eq(repeats - 1)
        return repeats
