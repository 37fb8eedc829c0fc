"""A core that reads rows of synapses. docs/hardware.md says what it does in which cycle."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect, flipped

from ...cycles.access import is_accessible
from ...layout.parts import RowCore
from .. import arithmetic
from ..core.core import add_output, core_members, show_read, show_written
from ..core.neurons import Neurons
from ..events import event_stream
from .front import Front, front_inputs
from .issue import RowIssue
from .synapses import Synapses
from .totals import RowTotals


class LIFRowCore(wiring.Component):
    """A population: events of several nodes in, one after the other, and events out.

    ``input_0``, ... are the streams that it reads, of ``address_bits`` each; the other ports are
    those of :class:`~fxlif.hdl.core.core.LIFCore`. No output depends on an input within a cycle.
    """

    def __init__(
        self, params: RowCore, address_bits: tuple[int, ...], *, trace: bool = False,
        counters: bool = True,
    ) -> None:  # fmt: skip
        self.params = params
        self._address_bits = address_bits
        self._options = {"trace": trace, "counters": counters}
        super().__init__(
            {
                **front_inputs(address_bits),
                "events_out": Out(event_stream(params.out_address_bits)),
                **core_members(params, trace=trace, counters=counters),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.params
        m.submodules.front = front = Front(core, self._address_bits)
        m.submodules.issue = issue = RowIssue(core)
        m.submodules.synapses = synapses = Synapses(core)
        operation = synapses.operation
        if is_accessible(core):
            m.d.comb += [
                front.hold.eq(self.access.hold),
                self.access.between.eq(front.rests & issue.rests),
            ]
        for name in front_inputs(self._address_bits):
            connect(m, flipped(getattr(self, name)), getattr(front, name))
        m.d.comb += [
            issue.held.eq(front.held),
            issue.lookup.eq(front.lookup),
            front.take.eq(issue.take),
            synapses.slot.eq(issue.slot),
        ]

        sums = []
        for number, accumulator in enumerate(core.accumulators):
            m.submodules[f"totals_{number}"] = totals = RowTotals(core, accumulator)
            m.d.comb += [
                totals.add.eq(operation.adds[number]),
                totals.update.eq(operation.update),
                totals.clear.eq(operation.clear),
                totals.words.eq(operation.words),
                totals.slots.eq(operation.slots),
                totals.weights.eq(synapses.weights),
            ]
            sums.append(totals)
        if core.neuron.per_event:  # events that act one by one are not summed
            currents: list[Value] = list(synapses.weights)
        else:
            currents = [self._current(sums, lane) for lane in range(core.lanes)]
        m.submodules.neurons = neurons = Neurons(core, max(map(len, currents)))
        m.d.comb += [
            neurons.operation.update.eq(operation.update),
            neurons.operation.clear.eq(operation.begin),
            neurons.operation.word.eq(operation.word),
            *(neurons.total[lane].eq(current) for lane, current in enumerate(currents)),
        ]
        if core.neuron.per_event:
            m.d.comb += neurons.operation.add.eq(operation.adds)
            m.d.comb += neurons.operation.begins.eq(operation.begins)
        if core.writable:
            m.d.comb += neurons.write.eq(self.access.write)
        if "weights" in core.writable:
            m.d.comb += synapses.write.eq(self.access.write)
        if core.readable:
            show_read(m, neurons, self, counters=self._options["counters"])
        queue, emitter = add_output(m, core, self.events_out)
        m.d.comb += issue.done.eq(emitter.done | neurons.cleared)
        # One accumulator at most is added to in a cycle.
        clipped: Value = Const(0)
        for totals in sums:
            clipped = clipped | totals.clipped
        show_written(m, neurons, queue, self, front.unknown, clipped, **self._options)
        return m

    def _current(self, sums: list[RowTotals], lane: int) -> Value:
        """What the sums of a lane are together, each shifted, as a signed number."""
        current: Value = Const(0, 1).as_signed()
        for k, totals in enumerate(sums):
            shifted = arithmetic.synaptic_current(totals.total[lane], totals.accumulator.shift)
            current = current + shifted if k else shifted
        return current
