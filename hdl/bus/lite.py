"""AXI4-Lite (AMBA AXI, ARM IHI 0022, chapter B1) and Wishbone (B4, classic cycles) as requests."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...host.registers import REGISTER_BITS, STEP
from .requests import request_signature

#: The responses of AXI.
OKAY, SLVERR = 0b00, 0b10


def axi_lite_members(address_bits: int) -> dict[str, wiring.Member]:
    """The ports of a subordinate, by their names in the standard."""
    return {
        "awaddr": In(address_bits), "awprot": In(3), "awvalid": In(1), "awready": Out(1),
        "wdata": In(REGISTER_BITS), "wstrb": In(STEP), "wvalid": In(1), "wready": Out(1),
        "bresp": Out(2), "bvalid": Out(1), "bready": In(1),
        "araddr": In(address_bits), "arprot": In(3), "arvalid": In(1), "arready": Out(1),
        "rdata": Out(REGISTER_BITS), "rresp": Out(2), "rvalid": Out(1), "rready": In(1),
    }  # fmt: skip


class AxiLite(wiring.Component):
    """Turns ``bus`` into requests at ``asks``.

    Address and data of a write are taken in any order. Reads and writes that wait together take
    turns. No output depends on an input within a cycle.
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__(
            {
                "bus": Out(wiring.Signature(axi_lite_members(address_bits))),
                "asks": Out(request_signature(address_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, request, response = self.bus, self.asks.request, self.asks.response
        where = Signal.like(bus.awaddr, name="where", reset_less=True)
        what = Signal.like(bus.wdata, name="what", reset_less=True)
        whole = Signal(reset_less=True)
        read_from = Signal.like(bus.araddr, name="read_from", reset_less=True)
        has_where = Signal()
        has_what = Signal()
        has_read = Signal()
        asked = Signal()  # a request is under way: of a write, if `writing`
        writing = Signal()
        m.d.comb += [bus.awready.eq(~has_where), bus.wready.eq(~has_what)]
        m.d.comb += bus.arready.eq(~has_read)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [where.eq(bus.awaddr), has_where.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [what.eq(bus.wdata), whole.eq(bus.wstrb.all()), has_what.eq(1)]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [read_from.eq(bus.araddr), has_read.eq(1)]

        can_write = has_where & has_what & ~bus.bvalid
        can_read = has_read & ~bus.rvalid
        with m.If(~asked & (can_write | can_read)):
            # Who was not served last comes first.
            m.d.sync += [asked.eq(1), writing.eq(can_write & ~(can_read & writing))]
            m.d.sync += request.valid.eq(1)
        with m.If(request.valid & request.ready):
            m.d.sync += request.valid.eq(0)
        m.d.comb += [
            request.p.address.eq(Mux(writing, where, read_from)),
            request.p.write.eq(writing),
            request.p.whole.eq(~writing | whole),
            request.p.data.eq(what),
            response.ready.eq(asked),
        ]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(asked & response.valid):
            m.d.sync += asked.eq(0)
            answer = Mux(response.p.error, SLVERR, OKAY)
            with m.If(writing):
                m.d.sync += [bus.bvalid.eq(1), bus.bresp.eq(answer)]
                m.d.sync += [has_where.eq(0), has_what.eq(0)]
            with m.Else():
                m.d.sync += [bus.rvalid.eq(1), bus.rresp.eq(answer), has_read.eq(0)]
                m.d.sync += bus.rdata.eq(response.p.data)
        return m


class Wishbone(wiring.Component):
    """Turns classic cycles at ``bus`` into requests at ``asks``: byte addresses, 32-bit data,
    ``err`` for an error. A cycle that the host gives up is carried out all the same, and answered
    to nobody."""

    def __init__(self, address_bits: int) -> None:
        super().__init__(
            {
                "bus": Out(
                    wiring.Signature(
                        {
                            "adr": In(address_bits), "dat_w": In(REGISTER_BITS), "sel": In(STEP),
                            "cyc": In(1), "stb": In(1), "we": In(1),
                            "dat_r": Out(REGISTER_BITS), "ack": Out(1), "err": Out(1),
                        }
                    )
                ),
                "asks": Out(request_signature(address_bits)),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, request, response = self.bus, self.asks.request, self.asks.response
        asked = Signal()
        given_up = Signal()
        answers = bus.ack | bus.err
        m.d.comb += response.ready.eq(1)
        m.d.sync += [bus.ack.eq(0), bus.err.eq(0)]
        with m.If(~asked & ~answers & bus.cyc & bus.stb):
            m.d.sync += [
                asked.eq(1), given_up.eq(0), request.valid.eq(1), request.p.address.eq(bus.adr),
                request.p.write.eq(bus.we), request.p.whole.eq(~bus.we | bus.sel.all()),
                request.p.data.eq(bus.dat_w),
            ]  # fmt: skip
        with m.If(asked & ~(bus.cyc & bus.stb)):
            m.d.sync += given_up.eq(1)
        with m.If(request.valid & request.ready):
            m.d.sync += request.valid.eq(0)
        with m.If(asked & response.valid):
            stays = bus.cyc & bus.stb & ~given_up
            m.d.sync += [
                asked.eq(0), bus.dat_r.eq(response.p.data),
                bus.ack.eq(stays & ~response.p.error), bus.err.eq(stays & response.p.error),
            ]  # fmt: skip
        return m
