"""The sums of a core of rows: for each neuron one in each slot of the ring; a bank a lane."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...layout.parts import Accumulator, RowCore
from .. import arithmetic
from ..core.layouts import line
from ..memory import ram
from .layouts import added_shape, ring_bits


class RowTotals(wiring.Component):
    """Adds the ``weights`` to the sums of an accumulator at one address for each lane (``add``),
    or puts these at 0 (``update``, ``clear``).

    The address (``words``, ``slots``) comes a cycle before ``add``, ``update`` or ``clear``. Sums
    are at ``total``, and what is added must be at ``weights``, two cycles after these: a register
    lies between a memory's own and the adder, since memories may lie far from it. The sum is
    written at the end of the next cycle, when ``clipped`` says of which lanes it did not fit. The
    same address may come in every cycle: what is on its way to the memory, 1 to 4 cycles ahead,
    goes in front of what the memory answers. So nobody looks at what a memory shows of a word that
    is written in the same cycle. Of what is on its way at a reset nothing is written or
    ``clipped``.
    """

    def __init__(self, core: RowCore, accumulator: Accumulator) -> None:
        self.core, self.accumulator = core, accumulator
        lanes = core.lanes
        super().__init__(
            {
                "add": In(1),
                "update": In(1),
                "clear": In(1),
                "words": In(data.ArrayLayout(core.word_bits, lanes)),
                "slots": In(data.ArrayLayout(ring_bits(core), lanes)),
                "weights": In(data.ArrayLayout(added_shape(core), lanes)),
                "total": Out(data.ArrayLayout(signed(accumulator.bits), lanes)),
                "clipped": Out(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        *_, adding = line(m, self.add, 2, "add")
        used = line(m, self.add | self.update | self.clear, 4, "used")
        for lane in range(self.core.lanes):
            self._bank(m, lane, adding, used)
        return m

    def _bank(self, m: Module, lane: int, adding: Value, used: list[Value]) -> None:
        core, bits = self.core, self.accumulator.bits
        slot = self.slots[lane][: (self.accumulator.slots - 1).bit_length()]
        address = line(m, Cat(self.words[lane], slot), 5, f"address_{lane}", is_data=True)
        depth = self.accumulator.slots << core.word_bits
        memory = ram(m, f"bank_{lane}", signed(bits), depth)
        read, write = memory.read_port(), memory.write_port()
        answer = Signal(signed(bits), name=f"answer_{lane}", reset_less=True)
        m.d.comb += read.addr.eq(address[0])
        m.d.sync += answer.eq(read.data)

        # What was added in the cycle before; in the one before that.
        exact = Signal(signed(bits + self.accumulator.saturates), name=f"sum_{lane}")
        done = Signal(signed(bits), name=f"done_{lane}")
        written = Signal(signed(bits), name=f"written_{lane}", reset_less=True)
        m.d.comb += done.eq(arithmetic.saturate(exact, bits))
        m.d.sync += written.eq(done)

        # Addresses are compared before the memory's answer is there. Of those that come 3 and 4
        # cycles ahead the sum is kept, that of the one 2 cycles ahead is there with the answer, and
        # that of the one before when it is added.
        two, three, four = (used[n] & (address[1] == address[n + 1]) for n in (2, 3, 4))
        of_one = Signal(name=f"of_one_{lane}")
        of_two = Signal(name=f"of_two_{lane}")
        of_more = Signal(name=f"of_more_{lane}")
        three_ahead = Signal(name=f"three_ahead_{lane}")
        earlier = Signal(signed(bits), name=f"earlier_{lane}", reset_less=True)
        arrived = Signal(signed(bits), name=f"arrived_{lane}", reset_less=True)
        m.d.comb += three_ahead.eq(three)
        m.d.sync += [
            of_one.eq(used[2] & (address[2] == address[3])),
            of_two.eq(two),
            of_more.eq(three_ahead | four),
            earlier.eq(Mux(three_ahead, done, written)),
            arrived.eq(Mux(of_two, done, Mux(of_more, earlier, answer))),
        ]
        m.d.comb += self.total[lane].eq(Mux(of_one, done, arrived))
        m.d.sync += exact.eq(Mux(adding, self.total[lane] + self.weights[lane], 0))

        m.d.comb += [write.en.eq(used[3]), write.addr.eq(address[4]), write.data.eq(done)]
        if self.accumulator.saturates:
            m.d.comb += self.clipped[lane].eq(~arithmetic.fits(exact, bits))
