"""Runs a generated component in Amaranth's own simulator, with the agents and the scoreboard of
the cocotb benches: no Verilog, no compiler, and faults can be planted in Python."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from fxlif.hdl.interface import Hardware
from fxlif.hdl.verilog import component_of, ports_of
from fxlif.params.core import CoreParams
from fxlif.params.network import NetworkParams
from fxlif.params.neuron import NeuronParams
from fxlif.sim.bench.agents import Driver
from fxlif.sim.bench.wrapper import Interface, wrap

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
    from amaranth.hdl import Cat, ClockDomain, Module, Signal

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
