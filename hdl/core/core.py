"""The time-multiplexed core. :mod:`fxlif.cycles.model` says what it does in which cycle."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, Mux, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...cycles.access import COUNTS, is_accessible
from ...cycles.latency import COUNTER_BITS, AnyCore
from ...params.core import CoreParams
from ..events import event_stream
from ..memory import Rom
from ..neuron import state_layout
from .answer import Answer
from .counters import Counters
from .emitter import Emitter
from .issue import Issue
from .layouts import answer_shape, read_layout, spikes_layout, word_range, write_layout
from .neurons import Neurons
from .queue import SpikeQueue
from .totals import Totals
from .weights import weight_place, weight_words


def trace_signature(core: AnyCore) -> wiring.Signature:
    """Each write-back: which word, the new state and the spikes of each of its lanes."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "index": Out(word_range(core)),
            "state": Out(data.ArrayLayout(state_layout(core.neuron), core.lanes)),
            "spike": Out(spikes_layout(core)),
        }
    )


def access_signature(core: AnyCore) -> wiring.Signature:
    """How the ports for access reach a core: ``write`` says what is written at the clock edge,
    ``read`` what is read, ``answer`` shows it 3 cycles later; ``hold`` says that something is to be
    written or read, which is done only ``between`` two steps."""
    members: dict[str, Any] = {"hold": Out(1), "between": In(1)}
    if core.writable:
        members["write"] = Out(write_layout(core))
    if core.readable:
        members |= {"read": Out(read_layout(core)), "answer": In(answer_shape(core))}
    return wiring.Signature(members)


def core_members(core: AnyCore, *, trace: bool, counters: bool = True) -> dict[str, Any]:
    """The ports that belong to one core besides its two streams."""
    members: dict[str, Any] = {name: Out(COUNTER_BITS) for name in COUNTS if counters}
    if trace:
        members["trace"] = Out(trace_signature(core))
    if is_accessible(core):
        members["access"] = In(access_signature(core))
    return members


def add_output(m: Module, core: AnyCore, events_out: Any) -> tuple[SpikeQueue, Emitter]:
    """Builds the queue and the emitter of a core, which feed its stream ``events_out``."""
    m.submodules.queue = queue = SpikeQueue(core)
    m.submodules.emitter = emitter = Emitter(core)
    connect(m, queue.entries, emitter.entries)
    connect(m, emitter.events_out, flipped(events_out))
    return queue, emitter


def show_written(
    m: Module, neurons: Neurons, queue: SpikeQueue, ports: Any, unknown: Value, clipped: Value, *,
    trace: bool, counters: bool,
) -> None:  # fmt: skip
    """Brings what neurons write into the queue and, if asked for, to the trace of the ``ports``;
    builds the counters, if asked for."""
    core, written = neurons.core, neurons.written
    m.d.comb += [
        queue.push.eq(written.valid & written.some),
        queue.entry.last.eq(written.last),
        queue.entry.one.eq(written.one),
        queue.entry.one_and_tick.eq(written.one_and_tick),
        queue.entry.word.eq(written.word),
        queue.entry.spikes.eq(written.spikes),
    ]
    if counters:
        m.submodules.counters = counting = Counters(core)
        m.d.comb += [
            counting.unknown.eq(unknown),
            counting.clipped.eq(clipped),
            ports.dropped.eq(counting.dropped),
            ports.saturated.eq(counting.saturated),
        ]
    if trace:
        m.d.comb += [
            ports.trace.valid.eq(written.valid),
            ports.trace.index.eq(written.word),
            ports.trace.state.eq(written.state),
            ports.trace.spike.eq(written.spikes),
        ]


def show_read(m: Module, neurons: Neurons, ports: Any, *, counters: bool) -> None:
    """Answers what is read of a core at the ``access`` of its ``ports``."""
    read = ports.access.read
    m.submodules.answer = answer = Answer(neurons.core, counters=counters)
    m.d.comb += [
        neurons.read.eq(read),
        answer.read.eq(read),
        answer.state.eq(neurons.state),
        ports.access.answer.eq(answer.answer),
    ]
    for name in COUNTS if counters else ():
        m.d.comb += getattr(answer, name).eq(getattr(ports, name))


class LIFCore(wiring.Component):
    """``lanes`` neurons and synapses per clock; events in, events out.

    ``events_in`` and ``events_out`` are streams of events; ``dropped`` counts events with an
    unknown address, ``saturated`` the additions to an accumulator that did not fit, unless
    ``counters`` are left out. ``trace``, if asked for, shows each write-back. No output depends on
    an input within a cycle. Where something can be written or read, ``access`` is for
    :class:`fxlif.hdl.access.Accessible`, and the one input that ``events_in.ready`` depends on.
    """

    def __init__(self, params: CoreParams, *, trace: bool = False, counters: bool = True) -> None:
        self.params = params
        self._options = {"trace": trace, "counters": counters}
        super().__init__(
            {
                "events_in": In(event_stream(params.in_address_bits)),
                "events_out": Out(event_stream(params.out_address_bits)),
                **core_members(params, trace=trace, counters=counters),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.params
        m.submodules.issue = issue = Issue(core)
        m.submodules.weights = weights = Rom(
            "weights", weight_words(core), core.neuron.weight_bits,
            writable="weights" in core.writable,
        )  # fmt: skip
        # Events that act one by one are not summed.
        totals = None if core.neuron.per_event else Totals(core)
        if totals is not None:
            m.submodules.totals = totals
        bits = core.neuron.weight_bits if totals is None else core.accumulator_bits
        m.submodules.neurons = neurons = Neurons(core, bits, core.weight_shift)
        connect(m, flipped(self.events_in), issue.events_in)
        queue, emitter = add_output(m, core, self.events_out)
        m.d.comb += [
            issue.done.eq(emitter.done | neurons.cleared),
            weights.address.eq(issue.weight_address),
        ]
        if is_accessible(core):
            m.d.comb += [
                issue.hold.eq(self.access.hold),
                self.access.between.eq(issue.between),
            ]
        if core.writable:
            m.d.comb += neurons.write.eq(self.access.write)
        if core.readable:
            show_read(m, neurons, self, counters=self._options["counters"])
        if "weights" in core.writable:
            given = self.access.write
            m.d.comb += [
                weights.write.eq(Mux(given.weights, Const(1) << given.lane, 0)),
                weights.place.eq(weight_place(core, given.row, given.word)),
                weights.value.eq(given.value),
            ]
        if totals is not None:
            m.d.comb += totals.operation.eq(issue.operation)
            m.d.comb += totals.weights.eq(weights.data)
        m.d.comb += [
            neurons.operation.eq(issue.operation),
            neurons.total.eq(weights.data if totals is None else totals.total),
        ]
        clipped = Const(0) if totals is None else totals.clipped
        show_written(m, neurons, queue, self, issue.unknown, clipped, **self._options)
        return m
