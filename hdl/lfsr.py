"""The random numbers of stochastic rounding, several at once (docs/rule.md#stochastic)."""

from __future__ import annotations

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..params.leaks import Lfsr
from ..rule.lfsr import columns, jump


def jumped(lfsr: Lfsr, state: Value, count: int) -> Value:
    """``state`` after ``count`` shifts: each bit the sum, modulo 2, of some bits of the state."""
    images = columns(lfsr, count)
    bits = []
    for number in range(lfsr.bits):
        parts = [state[bit] for bit, image in enumerate(images) if image >> number & 1]
        bits.append(reduce(xor, parts, Const(0)))
    return Cat(*bits)


class Draws(wiring.Component):
    """The draws of the neurons of a word, in the order of the index.

    ``draws`` are registers, which show those of the word that is next; after a cycle with
    ``advance`` they show those of the one behind it (latency 1). It is by as many shifts as a word
    has neurons, ``lanes``, and where ``last`` is set too, as the last word of ``n_neurons`` has.
    Reset brings back the seed. What ``repeats`` can be given the same draws again: those from the
    last word with ``first`` on come back behind a ``last`` one with ``again``.
    """

    def __init__(self, lfsr: Lfsr, lanes: int, n_neurons: int, *, repeats: bool = False) -> None:
        self.lfsr = lfsr
        self._lanes, self._repeats = lanes, repeats
        self._in_last_word = (n_neurons - 1) % lanes + 1
        super().__init__(
            {
                "advance": In(1),
                "last": In(1),
                **({"first": In(1), "again": In(1)} if repeats else {}),
                "draws": Out(
                    data.ArrayLayout(lfsr.bits, lanes),
                    init=[jump(lfsr, lfsr.seed, lane) for lane in range(lanes)],
                ),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for draw in self.draws:
            after = jumped(self.lfsr, draw, self._lanes)
            if self._in_last_word < self._lanes:
                after = Mux(self.last, jumped(self.lfsr, draw, self._in_last_word), after)
            if self._repeats:
                begun = Signal.like(draw, name="begun", reset_less=True)
                at_first = Mux(self.first, draw, begun)
                after = Mux(self.last & self.again, at_first, after)
                with m.If(self.advance):
                    m.d.sync += begun.eq(at_first)
            with m.If(self.advance):
                m.d.sync += draw.eq(after)
        return m
