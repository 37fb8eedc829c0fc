"""The sums of a step: an accumulator for each neuron, and an adder for each lane."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.pipeline import INTEGRATION_STAGES
from ...params.core import CoreParams
from .. import arithmetic
from ..memory import ram
from .layouts import line, operation_layout


class Totals(wiring.Component):
    """Adds the ``weights`` to the accumulators of the operation's word, or puts these at 0.

    The accumulators of a word that is in stage ``issue`` are at ``total`` in stage ``register``,
    when its weights must be at ``weights``; the sum is written at the end of stage ``sum``, when
    ``clipped`` says of which lanes it did not fit. The same word may follow after as many cycles as
    there are stages. Of what is on its way at a reset nothing is written or ``clipped``.
    """

    def __init__(self, core: CoreParams) -> None:
        self.core = core
        super().__init__(
            {
                "operation": In(operation_layout(core)),
                "weights": In(data.ArrayLayout(signed(core.neuron.weight_bits), core.lanes)),
                "total": Out(data.ArrayLayout(signed(core.accumulator_bits), core.lanes)),
                "clipped": Out(core.lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, bits = self.core, self.core.accumulator_bits
        memory = ram(m, "totals", self.total.shape(), core.words)
        read, write = memory.read_port(), memory.write_port()
        register = INTEGRATION_STAGES.index("register")
        adding = line(m, self.operation.add, register, "add")[-1]
        used = self.operation.add | self.operation.update | self.operation.clear
        total = Signal(self.total.shape(), reset_less=True)
        m.d.comb += [read.addr.eq(self.operation.word), self.total.eq(total)]
        m.d.sync += total.eq(read.data)

        written = INTEGRATION_STAGES.index("sum")
        m.d.comb += [
            write.en.eq(line(m, used, written, "used")[-1]),
            write.addr.eq(line(m, self.operation.word, written, "word", is_data=True)[-1]),
        ]
        for lane in range(core.lanes):
            # A reset clears it: what did not fit before would be counted after.
            exact = Signal(signed(bits + 1), name=f"sum_{lane}")
            m.d.sync += exact.eq(Mux(adding, total[lane] + self.weights[lane], 0))
            m.d.comb += [
                write.data[lane].eq(arithmetic.saturate(exact, bits)),
                self.clipped[lane].eq(~arithmetic.fits(exact, bits)),
            ]
        return m
