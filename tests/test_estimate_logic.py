"""The logic that an estimate counts: what simplifies it changes no bit, and it is counted once."""

from __future__ import annotations

import random

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from fxlif.hdl.flow.logic.graph import FALSE, TRUE, Graph, Part, live, luts
from fxlif.hdl.flow.logic.reader import graph_of

#: Widths of the inputs: words with signs and without.
GIVEN = {"a": 5, "b": signed(5), "c": signed(3), "d": 4, "e": 1}

_FUNCTIONS = {
    "and": lambda a, b: a & b,
    "xor": lambda a, b: a ^ b,
    "choose": lambda by, yes, no: yes if by else no,
}


class Operators(wiring.Component):
    """Every operator that cores have, between words of several widths."""

    def __init__(self) -> None:
        inputs = {name: In(shape) for name, shape in GIVEN.items()}
        super().__init__({**inputs, "out": Out(512)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b, c, d, e = (getattr(self, name) for name in GIVEN)
        made = [
            a + d, b + c, a - d, b - c, a + b, c - a, b + 8, -c, a - 4, (a << 2) + (d << 1),
            (d << 2) - c, a * 4, b * c, a * c, c * 5, c * -3, a * d, b * -8, a * 0,
            a < d, a >= d, b < c, b > c, b <= c, a > b, c >= a, b < 0, b >= 0, a < 8, a > 3, a < 0,
            d <= 16, a < 5, b > -3, a == d, b != c, a == 7, d == d, (a & d) | c, a ^ b, ~c, a & 0,
            a.any(), b.all(), a.xor(), a.bool(), Mux(e, a, b), Mux(e, 1, 0), Mux(e, b, b),
            a << c[:2], a >> d[:3], b >> d[:2], a.bit_select(d[:2], 2), b.word_select(e, 2),
        ]  # fmt: skip
        nested = Signal(signed(6), init=-9)
        with m.If(e):
            m.d.comb += nested.eq(b)
            with m.Switch(d):
                with m.Case(1, "01--"):
                    m.d.comb += nested.eq(c)
                with m.Case(3):
                    m.d.comb += nested[2:4].eq(a)
                with m.Default():
                    m.d.comb += nested[0].eq(c[1])
        with m.Elif(a[0]):
            m.d.comb += nested.eq(~b)
        with m.If(c[2]):
            m.d.comb += nested[5].eq(1)
        # Bits of one word that go through each other.
        word = Signal(3)
        m.d.comb += [word[0].eq(e), word[1].eq(word[0] ^ a[1]), word[2].eq(word[1] & d[0])]
        all_bits = Cat(*made, nested, word)
        assert len(all_bits) <= 512
        m.d.comb += self.out.eq(all_bits)
        return m


def _number(bits: list[int], values: dict[int, int], sign: bool) -> int:
    ones = [values[bit >> 1] ^ (bit & 1) for bit in bits]
    return sum(bit << k for k, bit in enumerate(ones)) - (sign and ones[-1] << len(ones))


def _driven(part: Part, values: dict[int, int]) -> int:
    sign = part.kind != "u<"
    if part.kind == "alias" or part.kind == "loop":
        return _number(part.inputs[0], values, False)
    a, b = (_number(word, values, sign) for word in part.inputs)
    return {"+": a + b, "-": a - b, "*": a * b, "u<": a < b, "s<": a < b}[part.kind]


def _values(graph: Graph, inputs: int) -> dict[int, int]:
    """What each node is, where the port has these bits: until nothing changes any more."""
    values = dict.fromkeys(range(len(graph.fans)), 0)
    while True:
        before = dict(values)
        for number, part in enumerate(graph.parts):
            driven = inputs if part.kind == "port" else _driven(part, values)
            for k, bit in enumerate(part.outputs):
                assert graph.driver[bit >> 1] == number
                values[bit >> 1] = int(driven) >> k & 1
        for node, fans in enumerate(graph.fans):
            if fans:
                ones = [values[bit >> 1] ^ (bit & 1) for bit in fans]
                values[node] = _FUNCTIONS[graph.function[node]](*ones)
        if values == before:
            return values


def test_no_bit_changes_by_what_is_simplified():
    """Each operator of random words is what Amaranth's simulator makes of it."""
    component = Operators()
    graph, outputs = graph_of(component)
    assert {part.kind for part in graph.parts} >= {"port", "+", "-", "*", "u<", "s<", "loop"}
    rng = random.Random(1)
    drawn = [{name: rng.getrandbits(len(getattr(component, name))) for name in GIVEN}
             for _ in range(40)]  # fmt: skip
    simulated = []

    async def bench(ctx):
        for given in drawn:
            for name, value in given.items():
                ctx.set(Value.cast(getattr(component, name)).as_unsigned(), value)
            await ctx.delay(1e-6)
            simulated.append(ctx.get(component.out))

    bench_of = Simulator(component)
    bench_of.add_testbench(bench)
    bench_of.run()
    for given, wanted in zip(drawn, simulated, strict=True):
        inputs, at = 0, 2  # the first two numbers of a port are the constants'
        for name, value in given.items():
            inputs |= value << at
            at += len(getattr(component, name))
        values = _values(graph, inputs)
        for k, bit in enumerate(outputs):
            assert values[bit >> 1] ^ (bit & 1) == wanted >> k & 1, (k, given)


class Registers(wiring.Component):
    """A word of 3 bits through three registers of 8; two that are always the same; a constant."""

    def __init__(self) -> None:
        super().__init__({"a": In(signed(3)), "e": In(1), "out": Out(8), "same": Out(1),
                          "held": Out(8)})  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first, second, third, one, two, zero = (
            Signal(signed(8)), Signal(signed(8)), Signal(signed(8)), Signal(), Signal(), Signal()
        )  # fmt: skip
        m.d.sync += [first.eq(self.a), second.eq(first), one.eq(self.e), two.eq(self.e)]
        m.d.sync += zero.eq(0)
        with m.If(self.e):
            m.d.sync += third.eq(second)
        m.d.comb += [self.out.eq(third), self.same.eq(one ^ two), self.held.eq(zero)]
        return m


def test_registers_that_hold_the_same_are_one():
    graph, outputs = graph_of(Registers())
    reads, parts = live(graph, outputs)
    registers = [graph.parts[k] for k in parts if graph.parts[k].kind == "register"]
    # The bits of a sign are one bit, behind each register; nothing is left of the others.
    assert len(registers) == 3 * 3
    assert sum(len(part.inputs[1]) for part in registers) == 9  # reset
    assert sum(len(part.inputs[2]) for part in registers) == 3  # enabled
    assert luts(graph, reads) == 0


def test_luts_take_in_what_they_alone_read():
    graph = Graph()
    bits = graph.part("port", [], 8).outputs
    wide = graph.all(bits[:7])
    chosen = graph.choose(bits[7], wide, bits[0])
    for outputs, wanted in (([wide], 2), ([wide, chosen], 3), ([graph.any(bits[:4])], 1)):
        reads, _ = live(graph, outputs)
        assert luts(graph, reads) == wanted
    assert graph.both(bits[0], bits[0] ^ 1) == FALSE
    assert graph.either(bits[0], bits[0] ^ 1) == TRUE
    assert graph.differ(bits[1], bits[0]) == graph.differ(bits[0] ^ 1, bits[1]) ^ 1
