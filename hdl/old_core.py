"""The time-multiplexed core. :mod:`fxlif.cycles.model` says what it does in which cycle."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..cycles.latency import COUNTER_BITS, event_cycles, padded_thresholds, padded_weights
from ..cycles.pipeline import STAGES
from ..cycles.signals import Inside, stage_valid, stage_word, step_name, totals_name
from ..params.core import CoreParams
from . import arithmetic
from .events import event_stream
from .neuron import LIFStep, initial_state, state_layout


def trace_signature(core: CoreParams) -> wiring.Signature:
    """Each write-back: which word, the new state and the spike of each of its lanes."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "index": Out(range(max(2, core.words))),
            "state": Out(data.ArrayLayout(state_layout(core.neuron), core.lanes)),
            "spike": Out(data.ArrayLayout(1, core.lanes)),
        }
    )


def core_members(core: CoreParams, *, trace: bool) -> dict[str, Any]:
    """The ports that belong to one core besides its two streams."""
    members: dict[str, Any] = {"dropped": Out(COUNTER_BITS), "saturated": Out(COUNTER_BITS)}
    if trace:
        members["trace"] = Out(trace_signature(core))
    return members


def weight_words(core: CoreParams) -> npt.NDArray[np.int64]:
    """The weight memory, (n_inputs * words, lanes): word-major, so that the next word of a row is
    ``n_inputs`` further and no multiplier is needed."""
    rows = padded_weights(core).reshape(core.n_inputs, core.words, core.lanes)
    return rows.transpose(1, 0, 2).reshape(-1, core.lanes)


def threshold_words(core: CoreParams) -> npt.NDArray[np.int64] | None:
    """The mantissas, (words, lanes), where each neuron has its own threshold."""
    if core.v_thresholds is None:
        return None
    mantissas = padded_thresholds(core) >> core.neuron.threshold_shift
    return mantissas.reshape(-1, core.lanes)


def _memory(
    m: Module, name: str, shape: Any, depth: int, init: npt.NDArray[np.int64] | None = None
) -> Memory:
    """A block memory; at least two words, since an address of no bits is no good Verilog."""
    rows = [] if init is None else init.tolist()
    m.submodules[name] = memory = Memory(shape=shape, depth=max(2, depth), init=rows)
    return memory


class LIFCore(wiring.Component):
    """``lanes`` neurons and synapses per clock; events in, events out.

    ``events_in`` and ``events_out`` are streams of events; ``dropped`` counts events with an
    unknown address, ``saturated`` the additions to an accumulator that did not fit. ``trace``, if
    asked for, shows each write-back. No output depends on an input within a cycle.
    """

    def __init__(self, params: CoreParams, *, trace: bool = False) -> None:
        self.params = params
        self._trace = trace
        super().__init__(
            {
                "events_in": In(event_stream(params.in_address_bits)),
                "events_out": Out(event_stream(params.out_address_bits)),
                **core_members(params, trace=trace),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.params
        word = range(max(2, core.words))
        last_word = core.words - 1

        # What both halves of the core look at.
        clearing = Signal(init=1, name=Inside.CLEARING)
        clear_word = Signal(word, name=Inside.CLEAR_WORD)
        pending = Signal(name=Inside.PENDING)  # a TICK was taken, its update has not started
        bank = Signal(name=Inside.BANK)  # the bank that is being integrated into
        over = Signal()  # no update under way
        start = Signal(name=Inside.START)
        m.d.comb += start.eq(pending & over)
        with m.If(start):
            m.d.sync += bank.eq(~bank)
        with m.If(clearing):
            m.d.sync += [clear_word.eq(clear_word + 1), clearing.eq(clear_word != last_word)]

        totals = self._totals(m, clearing, clear_word)
        self._integrate(m, totals, clearing, pending, bank, over, start)
        self._update(m, totals, clearing, clear_word, bank, over, start)
        return m

    # --- memories ---------------------------------------------------------------------------

    def _totals(self, m: Module, clearing: Value, clear_word: Value) -> list[tuple[Any, Any]]:
        """Two banks of accumulators: (read port, write port) each."""
        core = self.params
        shape = data.ArrayLayout(signed(core.accumulator_bits), core.lanes)
        ports = []
        for bank in (0, 1):
            memory = _memory(m, totals_name(bank), shape, core.words)
            read, write = memory.read_port(), memory.write_port()
            with m.If(clearing):
                m.d.comb += [write.en.eq(1), write.addr.eq(clear_word)]
            ports.append((read, write))
        return ports

    # --- integration ------------------------------------------------------------------------

    def _integrate(
        self, m: Module, totals: list[tuple[Any, Any]], clearing: Value, pending: Value,
        bank: Value, over: Value, start: Value,
    ) -> None:  # fmt: skip
        core = self.params
        bits = core.accumulator_bits
        event = self.events_in.payload
        active = Signal(name=Inside.ACTIVE)
        slot = Signal(range(event_cycles(core)), name=Inside.SLOT)
        last_slot = slot == event_cycles(core) - 1
        shape = data.ArrayLayout(signed(core.neuron.weight_bits), core.lanes)
        rows = weight_words(core)
        weights = _memory(m, Inside.WEIGHTS, shape, len(rows), rows).read_port()
        pointer = Signal.like(weights.addr)

        taken = Signal()
        known = Signal()
        m.d.comb += [
            self.events_in.ready.eq(~clearing & (~active | last_slot) & (~pending | over)),
            taken.eq(self.events_in.valid & self.events_in.ready),
            known.eq(event.address < core.n_inputs),
        ]
        with m.If(start):
            m.d.sync += pending.eq(0)
        with m.If(active):
            m.d.sync += [slot.eq(slot + 1), pointer.eq(pointer + core.n_inputs)]
            with m.If(last_slot):
                m.d.sync += active.eq(0)
        with m.If(taken & event.tick):
            m.d.sync += pending.eq(1)
        with m.Elif(taken & known):
            m.d.sync += [active.eq(1), slot.eq(0), pointer.eq(event.address)]
        with m.Elif(taken):
            m.d.sync += self.dropped.eq(self.dropped + 1)

        # Stage 1: address.
        reading = Signal()
        m.d.comb += [reading.eq(active & (slot < core.words)), weights.addr.eq(pointer)]
        m.d.comb += weights.en.eq(reading)
        for number, (read, _) in enumerate(totals):
            with m.If(bank == number):
                m.d.comb += [read.addr.eq(slot), read.en.eq(reading)]

        # Stage 2: the memories answer; one adder.
        adding = Signal(name=Inside.ADDING)
        adding_word = Signal(range(max(2, core.words)), name=Inside.ADDING_WORD)
        m.d.sync += [adding.eq(reading), adding_word.eq(slot)]
        total = data.View(
            totals[0][0].data.shape(),
            Mux(bank, totals[1][0].data.as_value(), totals[0][0].data.as_value()),
        )

        # Stage 3: write back.
        writing = Signal(name=Inside.WRITING)
        writing_bank = Signal(name=Inside.WRITING_BANK)
        writing_word = Signal.like(adding_word, name=Inside.WRITING_WORD)
        result = Signal(total.shape(), name=Inside.RESULT)
        clipped = Signal(core.lanes, name=Inside.CLIPPED)
        m.d.sync += [writing.eq(adding), writing_bank.eq(bank), writing_word.eq(adding_word)]
        for lane in range(core.lanes):
            summed, over_range = arithmetic.accumulate(total[lane], weights.data[lane], bits)
            with m.If(adding):
                m.d.sync += result[lane].eq(summed)
            m.d.sync += clipped[lane].eq(over_range & adding)
        m.d.sync += self.saturated.eq(self.saturated + sum(clipped))
        for number, (_, write) in enumerate(totals):
            with m.If(writing & (writing_bank == number)):
                m.d.comb += [write.en.eq(1), write.addr.eq(writing_word), write.data.eq(result)]

    # --- update -----------------------------------------------------------------------------

    def _update(
        self, m: Module, totals: list[tuple[Any, Any]], clearing: Value, clear_word: Value,
        bank: Value, over: Value, start: Value,
    ) -> None:  # fmt: skip
        core = self.params
        neuron = core.neuron
        word = range(max(2, core.words))
        last_word = core.words - 1
        state_word = data.ArrayLayout(state_layout(neuron), core.lanes)
        states = _memory(m, Inside.STATES, state_word, core.words)
        state_read, state_write = states.read_port(), states.write_port()
        mantissas = threshold_words(core)
        thresholds = None
        if mantissas is not None:
            shape = data.ArrayLayout(signed(neuron.threshold_bits), core.lanes)
            thresholds = _memory(m, Inside.THRESHOLDS, shape, core.words, mantissas).read_port()

        # One valid flag and one word number per stage; all stages move together.
        moving = Signal(name=Inside.MOVING)
        valid = {stage: Signal(name=stage_valid(stage)) for stage in STAGES}
        at = {stage: Signal(word, name=stage_word(stage)) for stage in STAGES}
        with m.If(moving):
            for before, stage in pairwise(STAGES):
                m.d.sync += [valid[stage].eq(valid[before]), at[stage].eq(at[before])]
            first = STAGES[0]
            m.d.sync += at[first].eq(at[first] + 1)
            with m.If(at[first] == last_word):
                m.d.sync += valid[first].eq(0)
            with m.If(start):
                m.d.sync += [valid[first].eq(1), at[first].eq(0)]

        # issue: address. The bank that is not integrated into belongs to the update.
        reading = moving & valid["issue"]
        m.d.comb += [state_read.addr.eq(at["issue"]), state_read.en.eq(reading)]
        if thresholds is not None:
            m.d.comb += [thresholds.addr.eq(at["issue"]), thresholds.en.eq(reading)]
        for number, (read, _) in enumerate(totals):
            with m.If(bank != number):
                m.d.comb += [read.addr.eq(at["issue"]), read.en.eq(reading)]

        # read: the memories answer.
        state = Signal(state_word)
        total = Signal(totals[0][0].data.shape())
        with m.If(moving & valid["read"]):
            m.d.sync += state.eq(state_read.data)
            m.d.sync += total.eq(
                Mux(bank, totals[0][0].data.as_value(), totals[1][0].data.as_value())
            )
        mantissa = None
        if thresholds is not None:
            mantissa = Signal(thresholds.data.shape())
            with m.If(moving & valid["read"]):
                m.d.sync += mantissa.eq(thresholds.data)

        # compute: one LIFStep per lane.
        written = Signal(state_word, name=Inside.WRITTEN)
        spike = Signal(core.lanes, name=Inside.SPIKE)
        for lane in range(core.lanes):
            current = arithmetic.synaptic_current(total[lane], core.weight_shift)
            step = LIFStep(neuron, input_bits=len(current), threshold_port=mantissa is not None)
            m.submodules[step_name(lane)] = step
            m.d.comb += [step.state.eq(state[lane]), step.current.eq(current)]
            if mantissa is not None:
                m.d.comb += step.threshold_mantissa.eq(mantissa[lane])
            # A lane that only fills up the last word never emits a spike.
            real = last_word * core.lanes + lane < core.n_neurons
            emits = step.spike if real else step.spike & (at["compute"] != last_word)
            with m.If(moving & valid["compute"]):
                m.d.sync += [written[lane].eq(step.next_state), spike[lane].eq(emits)]

        # write: back into the memories, and into the emitter.
        writing = moving & valid["write"]
        fresh = [initial_state(neuron)] * core.lanes
        m.d.comb += [
            state_write.en.eq(writing | clearing),
            state_write.addr.eq(Mux(clearing, clear_word, at["write"])),
            state_write.data.eq(Mux(clearing, state_word.const(fresh).as_value(), written)),
        ]
        for number, (_, write) in enumerate(totals):
            with m.If(writing & (bank != number)):
                m.d.comb += [write.en.eq(1), write.addr.eq(at["write"]), write.data.eq(0)]
        if self._trace:
            m.d.comb += [
                self.trace.valid.eq(writing),
                self.trace.index.eq(at["write"]),
                self.trace.state.eq(written),
                self.trace.spike.eq(spike),
            ]
        self._emit(m, moving, writing, at["write"] == last_word, spike, start)
        m.d.comb += over.eq(moving & ~Cat(*valid.values()).any())

    def _emit(
        self, m: Module, moving: Value, writing: Value, is_last: Value, spike: Value, start: Value
    ) -> None:
        """Spikes of one word, lowest lane first, then the TICK; the update waits meanwhile."""
        core = self.params
        waiting = Signal(core.lanes, name=Inside.WAITING)
        tick = Signal(name=Inside.TICK)
        base = Signal(unsigned(core.out_address_bits), name=Inside.BASE)
        next_base = Signal.like(base, name=Inside.NEXT_BASE)
        out = self.events_out
        lane = Signal(range(max(2, core.lanes)))
        for number in reversed(range(core.lanes)):
            with m.If(waiting[number]):
                m.d.comb += lane.eq(number)
        m.d.comb += [
            moving.eq(~(waiting.any() | tick)),
            out.valid.eq(~moving),
            out.payload.tick.eq(~waiting.any()),
            out.payload.address.eq(Mux(waiting.any(), base + lane, 0)),
        ]
        with m.If(writing):
            m.d.sync += [waiting.eq(spike), tick.eq(is_last)]
            m.d.sync += [base.eq(next_base), next_base.eq(next_base + core.lanes)]
        with m.If(start):
            m.d.sync += next_base.eq(0)
        with m.If(out.valid & out.ready):
            m.d.sync += waiting.eq(waiting & (waiting - 1))
            with m.If(~waiting.any()):
                m.d.sync += tick.eq(0)
