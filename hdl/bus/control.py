"""A design with its registers around it: what a host can ask, and when events are taken."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...cycles.latency import COUNTER_BITS
from ...host.registers import CONTROL, PORT_COUNTED, REGISTER_BITS, RegisterMap
from ...params.protocol import AnyCores
from ..events import event_stream
from .requests import request_signature


class Controlled(wiring.Component):
    """The ``inner`` design, whose registers answer at ``asked``.

    While it does not run, no event is taken, but a step that has begun, or whose first event is on
    offer already, is taken in to its TICK. An
    access to the window waits for nothing but the ports of an idle design, a few cycles. A soft
    reset lasts one cycle; the event on offer at the output is lost with all others inside.
    ``pulses`` are counted in the registers of their names; ``resets`` tells that all is reset.
    """

    def __init__(
        self, design: AnyCores, inner: Any, registers: RegisterMap, pulses: tuple[str, ...] = ()
    ) -> None:
        self.registers, self._inner, self._design, self._pulses = registers, inner, design, pulses
        super().__init__(
            {
                "events_in": In(event_stream(design.in_address_bits)),
                "events_out": Out(event_stream(design.out_address_bits)),
                "asked": In(request_signature(registers.address_bits)),
                "resets": Out(1),
                **{name: In(1) for name in pulses},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inner = self._inner
        m.submodules.design = ResetInserter(self.resets)(inner)
        running = Signal()
        idle = Signal()
        self._gate(m, running, idle)
        shown = self._counters(m)
        shown["control"] = running
        shown["status"] = Cat(running, idle)
        self._answer(m, shown, running, idle)
        return m

    def _gate(self, m: Module, running: Signal, idle: Signal) -> None:
        """Lets events in while the design runs, and up to the end of a step that has begun."""
        inside = Signal()  # a step has begun at the input
        opens = Signal()
        offered = Signal()  # an event on offer to the design, which stays there until it is taken
        under_way = Signal(REGISTER_BITS)  # steps taken and not yet sent
        to, out = self._inner.events_in, self._inner.events_out
        m.d.comb += [
            opens.eq((running | inside | offered) & ~self.resets),
            to.valid.eq(self.events_in.valid & opens),
            to.payload.eq(self.events_in.payload),
            self.events_in.ready.eq(to.ready & opens),
            self.events_out.valid.eq(out.valid & ~self.resets),
            self.events_out.payload.eq(out.payload),
            out.ready.eq(self.events_out.ready),
        ]
        taken = self.events_in.valid & self.events_in.ready
        sent = self.events_out.valid & self.events_out.ready
        m.d.sync += offered.eq(to.valid & ~to.ready)
        with m.If(taken):
            m.d.sync += inside.eq(~to.payload.tick)
        m.d.sync += under_way.eq(
            under_way + (taken & to.payload.tick) - (sent & out.payload.tick)
        )  # fmt: skip
        with m.If(self.resets):
            m.d.sync += [inside.eq(0), under_way.eq(0)]
        m.d.comb += idle.eq(~running & ~inside & ~offered & (under_way == 0))

    def _counters(self, m: Module) -> dict[str, Any]:
        """What each register that can be read shows."""
        given, sent = self.events_in, self.events_out
        taken, leaves = given.valid & given.ready, sent.valid & sent.ready
        happens = {
            "steps_in": taken & given.payload.tick,
            "steps_out": leaves & sent.payload.tick,
            "events_in": taken & ~given.payload.tick,
            "events_out": leaves & ~sent.payload.tick,
            "stalled": sent.valid & ~sent.ready,
            "waited": given.valid & ~given.ready,
            "refused": self.asked.response.valid & self.asked.response.ready
            & self.asked.response.p.error,
            **{name: getattr(self, name) for name in self._pulses},
        }  # fmt: skip
        shown: dict[str, Any] = {}
        for name, event in happens.items():
            counter = Signal(REGISTER_BITS, name=name)
            m.d.sync += counter.eq(counter + event)
            with m.If(self.resets):
                m.d.sync += counter.eq(0)
            shown[name] = counter
        cycles = Signal(2 * REGISTER_BITS)
        high = Signal(REGISTER_BITS)
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(self.resets):
            m.d.sync += cycles.eq(0)
        low = self.registers["cycles"].address
        request = self.asked.request
        with m.If(request.valid & request.ready & ~request.p.write & (request.p.address == low)):
            m.d.sync += high.eq(cycles[REGISTER_BITS:])
        shown["cycles"], shown["cycles_high"] = cycles[:REGISTER_BITS], high
        for k, signals in enumerate(self._design.signals):
            for name in ("dropped", "saturated"):
                shown[f"{name}_{k}"] = getattr(self._inner, getattr(signals, name))
        for name in PORT_COUNTED:
            if name in self._inner.signature.members:
                shown[name] = getattr(self._inner, name)
        return shown

    def _answer(self, m: Module, shown: dict[str, Any], running: Signal, idle: Signal) -> None:
        """Takes requests and answers them."""
        request, response = self.asked.request, self.asked.response
        resets = Signal()
        m.d.comb += self.resets.eq(resets)
        m.d.sync += resets.eq(0)
        with m.If(response.valid & response.ready):
            m.d.sync += response.valid.eq(0)
        answers = Signal()  # in this cycle: at the response in the next
        value = Signal(REGISTER_BITS)
        wrong = Signal()
        m.d.comb += wrong.eq(1)
        with m.If(answers):
            m.d.sync += [response.valid.eq(1), response.p.error.eq(wrong)]
            m.d.sync += response.p.data.eq(value)

        def access_register() -> None:
            with m.Switch(request.p.address):
                for each in self.registers.registers:
                    with m.Case(each.address):
                        m.d.comb += value.eq(shown[each.name] if each.value is None else each.value)
                        m.d.comb += wrong.eq(
                            request.p.write if each.access == "read" else ~request.p.whole
                        )
            control = self.registers["control"].address
            with m.If(request.p.write & request.p.whole & (request.p.address == control)):
                m.d.sync += [
                    running.eq(request.p.data[CONTROL["run"]]),
                    resets.eq(request.p.data[CONTROL["reset"]]),
                ]

        with m.FSM():
            with m.State("waits"):
                m.d.comb += request.ready.eq(~response.valid)
                with m.If(request.valid & request.ready):
                    if self.registers.window is None:
                        access_register()
                        m.d.comb += answers.eq(1)
                    else:
                        with m.If(request.p.address[-1]):
                            self._enter_window(m, answers, idle)
                        with m.Else():
                            access_register()
                            m.d.comb += answers.eq(1)
            if self.registers.window is not None:
                self._window(m, answers, value, wrong)

    def _enter_window(self, m: Module, answers: Signal, idle: Signal) -> None:
        """Passes an access to the window on to its port, if there is one and the design is idle."""
        request, inner = self.asked.request, self._inner
        offset = request.p.address[:-1]
        named = offset[2:]
        ports = {name: getattr(inner, name) for name in ("write", "read")
                 if name in inner.signature.members}  # fmt: skip
        bits = len(next(iter(ports.values())).p.address)
        fits = idle & (offset[:2] == 0) & (named[bits:] == 0)
        for port in ports.values():
            m.d.sync += port.p.address.eq(named)
        if "write" in ports:
            m.d.sync += inner.write.p.data.eq(request.p.data)
        with m.If(fits & request.p.write & request.p.whole & int("write" in ports)):
            if "write" in ports:
                m.d.sync += inner.write.valid.eq(1)
            m.next = "writes"
        with m.Elif(fits & ~request.p.write & int("read" in ports)):
            if "read" in ports:
                m.d.sync += inner.read.valid.eq(1)
            m.next = "reads"
        with m.Else():
            m.d.comb += answers.eq(1)

    def _window(self, m: Module, answers: Signal, value: Signal, wrong: Signal) -> None:
        """Waits for the port, and then for the answer to a read, or for the counter of what the
        port rejects."""
        inner = self._inner
        with m.State("reads"):
            if "read" in inner.signature.members:
                with m.If(inner.read.ready):
                    m.d.sync += inner.read.valid.eq(0)
                with m.If(inner.answer.valid):
                    m.d.comb += [answers.eq(1), value.eq(inner.answer.data)]
                    m.d.comb += wrong.eq(inner.answer.error)
                    m.next = "waits"
        if "write" not in inner.signature.members:
            with m.State("writes"):  # never entered
                m.next = "waits"
            return
        write = inner.write
        before = Signal(COUNTER_BITS)
        with m.State("writes"), m.If(write.ready):
            m.d.sync += [write.valid.eq(0), before.eq(self._inner.rejected)]
            m.next = "taken"
        with m.State("taken"):
            m.next = "counted"
        with m.State("counted"):
            m.d.comb += [answers.eq(1), wrong.eq(self._inner.rejected != before)]
            m.next = "waits"


def connected(m: Module, controlled: Controlled, events_in: Any, events_out: Any) -> None:
    """Joins the two event streams of a top to those of a controlled design."""
    connect(m, flipped(events_in), controlled.events_in)
    connect(m, controlled.events_out, flipped(events_out))
