"""Runs a generated component in Amaranth's own simulator, with the agents and the scoreboard of
the cocotb benches: no Verilog, no compiler, and faults can be planted in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Cat, ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from fxlif.hdl.interface import Hardware
from fxlif.hdl.verilog import component_of, ports_of
from fxlif.params.core import CoreParams
from fxlif.params.network import NetworkParams
from fxlif.params.neuron import NeuronParams
from fxlif.sim.bench.agents import Driver
from fxlif.sim.bench.wrapper import Interface, wrap

Row = tuple[int, ...]
Params = NeuronParams | CoreParams | NetworkParams


def component(params: Params) -> wiring.Component:
    return component_of(params, trace=True)


def interface_of(dut: wiring.Component) -> Interface:
    hardware = Hardware(name="dut", verilog="", ports=ports_of(dut), sidecar={}, arrays={})
    return wrap(hardware)


#: Cycles that are compared at once: an odd number, so that models go on where they stopped.
BLOCK = 97


def simulate(
    dut: wiring.Component,
    driver: Driver,
    cycles: int,
    take: Callable[[list[int]], bool] = lambda block: True,
) -> list[int]:
    """The packed responses of ``cycles`` clock cycles, or until the driver is done or ``take``,
    which is given them block by block, says that it has seen enough."""
    top = Module()
    top.domains.sync = domain = ClockDomain("sync")
    top.submodules.dut = dut
    inputs, outputs = [domain.rst], []
    for _path, member, value in dut.signature.flatten(dut):
        (inputs if member.flow is wiring.In else outputs).append(Value.cast(value))
    # One access each in a cycle: every access of a testbench is dear, and each one that sets lets
    # the whole design settle.
    stimulus = Signal(len(Cat(inputs)))
    response = Signal(len(Cat(inputs, outputs)))
    top.d.comb += [Cat(inputs).eq(stimulus), response.eq(Cat(inputs, outputs))]
    words: list[int] = []

    async def process(ctx):  # type: ignore[no-untyped-def]
        for _ in range(cycles):
            word = ctx.get(response)
            words.append(word)
            if len(words) % BLOCK == 0 and not take(words[-BLOCK:]):
                return
            shown = driver.clock(word)
            if driver.done:
                return
            await ctx.tick()
            ctx.set(stimulus, shown)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    if len(words) % BLOCK:
        take(words[len(words) // BLOCK * BLOCK :])
    return words


def clocked(
    part: wiring.Component, inputs: Sequence[Value], outputs: Sequence[Value], rows: Sequence[Row]
) -> list[Row]:
    """What the outputs show in each cycle, with a row at the inputs in it: the reset, then these.

    One access each in a cycle, since each one that sets lets the whole part settle.
    """
    top = Module()
    top.domains.sync = domain = ClockDomain("sync")
    top.submodules.part = part
    driven = [domain.rst, *inputs]
    given, shown = Signal(len(Cat(driven))), Signal(len(Cat(outputs)))
    top.d.comb += [Cat(driven).eq(given), shown.eq(Cat(outputs))]
    found = []

    async def clock(ctx) -> None:  # type: ignore[no-untyped-def]
        for row in rows:
            word = 0
            for value, signal in zip(reversed(row), reversed(driven), strict=True):
                word = word << len(signal) | (value & ((1 << len(signal)) - 1))
            ctx.set(given, word)
            word = ctx.get(shown)
            values = []
            for signal in outputs:
                value, word = word & ((1 << len(signal)) - 1), word >> len(signal)
                negative = signal.shape().signed and value >> (len(signal) - 1)
                values.append(value - (1 << len(signal)) if negative else value)
            found.append(tuple(values))
            await ctx.tick()

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(clock)
    simulator.run()
    return found
