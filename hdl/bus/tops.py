"""The tops: a design whose events are AXI4-Stream, with registers on AXI4-Lite or Wishbone."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...host.registers import RegisterMap, register_map
from ...params.protocol import AnyCores
from ..verilog import component_of
from .control import Controlled
from .lite import AxiLite, Wishbone

#: Bits of a byte: the widths of AXI4-Stream are multiples of it.
BYTE = 8
#: What the tops count beside the registers that all have.
MALFORMED = "malformed"


def axis_members(address_bits: int) -> dict[str, wiring.Member]:
    """The ports of a stream's transmitter (AMBA AXI-Stream, ARM IHI 0051): a SPIKE is its address,
    a TICK a beat with ``tlast`` and 0."""
    width = -(-address_bits // BYTE) * BYTE
    return {"tdata": Out(width), "tlast": Out(1), "tvalid": Out(1), "tready": In(1)}


class _OnBus(wiring.Component):
    """``s_axis`` and ``m_axis`` are the events in and out; ``bus`` has the registers.

    A beat in whose address does not fit into the design's is swallowed and counted (register
    ``malformed``); one that fits and names no input is one of the ``dropped`` of its core.
    """

    #: How the ports of the bus begin, and what turns it into requests.
    prefix: str
    adapter: type[AxiLite | Wishbone]

    def __init__(self, design: AnyCores, name: str) -> None:
        self.registers: RegisterMap = register_map(design, name, stream=True)
        self._design = design
        self._slave: Any = self.adapter(self.registers.address_bits)
        super().__init__(
            {
                "s_axis": In(wiring.Signature(axis_members(design.in_address_bits))),
                "m_axis": Out(wiring.Signature(axis_members(design.out_address_bits))),
                self.prefix: Out(self._slave.signature.members["bus"].signature),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inner = component_of(self._design)
        m.submodules.control = control = Controlled(
            self._design, inner, self.registers, (MALFORMED,)
        )
        m.submodules.slave = slave = self._slave
        connect(m, flipped(getattr(self, self.prefix)), slave.bus)
        connect(m, slave.asks, control.asked)
        to, out = control.events_in, control.events_out
        bits = self._design.in_address_bits
        fits = self.s_axis.tlast | (self.s_axis.tdata[bits:] == 0)
        m.d.comb += [
            to.valid.eq(self.s_axis.tvalid & fits),
            to.p.tick.eq(self.s_axis.tlast),
            to.p.address.eq(Mux(self.s_axis.tlast, 0, self.s_axis.tdata)),
            self.s_axis.tready.eq(Mux(fits, to.ready, 1)),
            getattr(control, MALFORMED).eq(self.s_axis.tvalid & ~fits),
            self.m_axis.tvalid.eq(out.valid),
            self.m_axis.tlast.eq(out.p.tick),
            self.m_axis.tdata.eq(Mux(out.p.tick, 0, Cat(out.p.address))),
            out.ready.eq(self.m_axis.tready),
        ]
        return m


class AxiTop(_OnBus):
    """The registers are on AXI4-Lite, ``s_axi``."""

    prefix = "s_axi"
    adapter = AxiLite


class WishboneTop(_OnBus):
    """The registers are on Wishbone, ``wb``."""

    prefix = "wb"
    adapter = Wishbone
