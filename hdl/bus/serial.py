"""The top that needs four pins: all that a host asks comes in frames on a serial line."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect

from ...host.frames import HEAD_BYTES, MOST_BYTES, Kind, Status, event_bytes
from ...host.registers import LINE, RegisterMap, register_map
from ...params.protocol import AnyCores
from ..events import event_layout, event_stream
from ..verilog import component_of
from .control import Controlled
from .frames import DEPTH, FrameReceiver, FrameSender, held_members, reply_members
from .requests import request_signature
from .uart import BYTE, Receiver, Transmitter

#: Events that wait at the input and at the output of the design.
QUEUED = 64
#: Bytes of an address or a value of a register.
WORD = 4


class Executor(wiring.Component):
    """Carries out the frame that a receiver holds, and leaves the answer with a sender.

    ``answered`` shows for a cycle that an answer begins to leave. Bytes are taken one after the
    other, two cycles each: the line is much slower.
    """

    def __init__(self, design: AnyCores, address_bits: int) -> None:
        self._in_bits, self._out_bits = design.in_address_bits, design.out_address_bits
        self._address_bits = address_bits
        super().__init__(
            {
                "frame": In(wiring.Signature(held_members())),
                "reply": In(wiring.Signature(reply_members())),
                "asks": Out(request_signature(address_bits)),
                "events_in": Out(event_stream(self._in_bits)),
                "events_out": In(event_stream(self._out_bits)),
                "answered": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        frame, reply = self.frame, self.reply
        request, response = self.asks.request, self.asks.response
        place = Signal(range(DEPTH + 1))  # the next byte of the frame
        out = Signal(range(DEPTH + 1))  # the next byte of the answer
        word = Signal(2 * WORD * BYTE)  # bytes of the frame, the last one highest
        left = Signal(range(2 * WORD + 1))  # bytes that it still wants, or that are to be put
        number = Signal(BYTE)
        known = Signal()  # `number` is that of the last request
        status = Signal(Status)
        kind = Signal(Kind)
        count = Signal(BYTE)  # writes done, events taken
        rest = Signal.like(place)
        m.d.comb += [
            rest.eq(frame.length - place),
            frame.address.eq(place), reply.address.eq(out), reply.length.eq(out),
            request.p.whole.eq(1), request.p.write.eq(kind == Kind.WRITE),
        ]  # fmt: skip
        first = word[-2 * WORD * BYTE : -WORD * BYTE]
        last = word[-WORD * BYTE :]
        m.d.comb += request.p.address.eq(Mux(kind == Kind.WRITE, first, last))
        m.d.comb += request.p.data.eq(last)
        high = Mux(kind == Kind.WRITE, first, last)[self._address_bits :]

        def gather(size: int, then: str) -> None:
            """Collects so many bytes into the high end of ``word``, or ends the frame."""
            with m.If(rest == 0):
                m.next = "ends"
            with m.Elif(rest < size):
                end(Status.MALFORMED)
            with m.Else():
                m.d.sync += left.eq(size)
                m.next = f"reads, {then}"

        def end(how: Status) -> None:
            m.d.sync += status.eq(how)
            m.next = "ends"

        def collecting(then: str) -> None:
            with m.State(f"reads, {then}"):
                m.d.sync += place.eq(place + 1)
                m.next = f"reads on, {then}"
            with m.State(f"reads on, {then}"):
                m.d.sync += [word.eq(Cat(word[BYTE:], frame.data)), left.eq(left - 1)]
                m.next = f"reads, {then}"
                with m.If(left == 1):
                    m.next = then

        def put(value: Value | int) -> None:
            m.d.comb += [reply.put.eq(1), reply.data.eq(value)]
            m.d.sync += out.eq(out + 1)

        in_bytes, out_bytes = event_bytes(self._in_bits), event_bytes(self._out_bits)
        event = word[-in_bytes * BYTE :]
        going = data.View(event_layout(self._in_bits), Signal(self._in_bits + 1, name="going"))
        m.d.comb += [
            going.tick.eq(event[-1]),
            going.address.eq(Mux(event[-1], 0, event)),
            self.events_in.payload.eq(going),
        ]
        leaving = self.events_out.p
        shown = Cat(leaving.address)
        sent = Signal(out_bytes * BYTE)
        m.d.comb += sent.eq(Mux(leaving.tick, 1 << (out_bytes * BYTE - 1), shown))

        with m.FSM():
            with m.State("waits"):
                m.d.sync += [place.eq(0), left.eq(HEAD_BYTES)]
                with m.If(frame.full & ~reply.busy):
                    m.next = "reads, begins"
            collecting("begins")
            with m.State("begins"):
                asked, its = word[-BYTE:], word[-2 * BYTE : -BYTE]
                m.d.sync += [number.eq(its), known.eq(asked != Kind.SYNC), status.eq(Status.OK)]
                # A kind that is none has neither a count nor events in its answer.
                m.d.sync += kind.eq(Mux(asked > max(Kind), Kind.SYNC, asked))
                with m.If((asked != Kind.SYNC) & known & (its == number)):
                    m.next = "answers"  # what the buffer still has
                with m.Else():
                    m.d.sync += [out.eq(HEAD_BYTES), count.eq(0)]
                    m.next = "chooses"
                    with m.If(asked > max(Kind)):
                        end(Status.MALFORMED)
            with m.State("chooses"), m.Switch(kind):
                with m.Case(Kind.SYNC):
                    m.d.sync += status.eq(Mux(rest == 0, Status.OK, Status.MALFORMED))
                    m.next = "ends"
                with m.Case(Kind.READ):
                    gather(WORD, "asks")
                with m.Case(Kind.WRITE):
                    gather(2 * WORD, "asks")
                with m.Case(Kind.EVENTS):
                    gather(in_bytes, "pushes")
            collecting("asks")
            with m.State("asks"):
                with m.If(high != 0):
                    end(Status.REFUSED)
                with m.Else():
                    m.d.comb += request.valid.eq(1)
                    with m.If(request.ready):
                        m.next = "is told"
            with m.State("is told"):
                m.d.comb += response.ready.eq(1)
                m.d.sync += left.eq(WORD)
                with m.If(response.valid):
                    m.d.sync += word.eq(response.p.data)
                    with m.If(response.p.error):
                        end(Status.REFUSED)
                    with m.Elif(kind == Kind.READ):
                        m.next = "puts"
                    with m.Else():
                        m.d.sync += count.eq(count + 1)
                        m.next = "chooses"
            with m.State("puts"):
                put(word[:BYTE])
                m.d.sync += [word.eq(word >> BYTE), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "chooses"
            collecting("pushes")
            with m.State("pushes"):
                with m.If(~event[-1] & (event[self._in_bits :] != 0)):
                    end(Status.MALFORMED)
                with m.Else():
                    m.d.comb += self.events_in.valid.eq(1)
                    with m.If(self.events_in.ready):
                        m.d.sync += count.eq(count + 1)
                        m.next = "chooses"
                    with m.Else():  # no room
                        m.next = "ends"
            with m.State("ends"):
                with m.If((kind == Kind.WRITE) | (kind == Kind.EVENTS)):
                    put(count)
                m.next = "takes"
            with m.State("takes"):
                room = out <= MOST_BYTES - out_bytes
                m.d.sync += [word.eq(sent), left.eq(out_bytes)]
                with m.If((kind == Kind.EVENTS) & self.events_out.valid & room):
                    m.d.comb += self.events_out.ready.eq(1)
                    m.next = "puts an event"
                with m.Else():
                    m.d.sync += left.eq(0)
                    m.next = "heads"
            with m.State("puts an event"):
                put(word[:BYTE])
                m.d.sync += [word.eq(word >> BYTE), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "takes"
            with m.State("heads"):
                m.d.comb += [reply.put.eq(1), reply.address.eq(left)]
                m.d.comb += reply.data.eq(Mux(left == 0, number, status))
                m.d.sync += left.eq(1)
                with m.If(left == 1):
                    m.next = "answers"
            with m.State("answers"):
                m.d.comb += [reply.start.eq(1), frame.taken.eq(1), self.answered.eq(1)]
                m.next = "waits"
        return m


class SerialTop(wiring.Component):
    """``rx`` and ``tx`` are the serial line, ``bit_cycles`` clock cycles a bit; ``spiked`` shows
    for a cycle that a SPIKE comes out of the design, of the address ``spike``."""

    def __init__(self, design: AnyCores, name: str, *, bit_cycles: int) -> None:
        self.registers: RegisterMap = register_map(design, name, line=True)
        self._design, self._bit_cycles = design, bit_cycles
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1),
                "spiked": Out(1),
                "spike": Out(design.out_address_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.control = control = Controlled(
            design, component_of(design), self.registers, tuple(LINE)
        )
        m.submodules.uart_rx = hears = Receiver(self._bit_cycles)
        m.submodules.uart_tx = says = Transmitter(self._bit_cycles)
        m.submodules.receiver = receiver = FrameReceiver()
        m.submodules.sender = sender = FrameSender()
        m.submodules.executor = executor = Executor(design, self.registers.address_bits)
        m.d.comb += [
            hears.rx.eq(self.rx), self.tx.eq(says.tx),
            receiver.byte.eq(hears.byte), receiver.valid.eq(hears.valid),
            control.frames.eq(executor.answered), control.bad_frames.eq(receiver.bad),
        ]  # fmt: skip
        both: list[tuple[Any, Any, dict[str, wiring.Member]]] = [
            (executor.frame, receiver, held_members()), (executor.reply, sender, reply_members()),
        ]  # fmt: skip
        for mine, its, members in both:
            for name, member in members.items():
                to, of = (mine, its) if member.flow is Out else (its, mine)
                m.d.comb += getattr(to, name).eq(getattr(of, name))
        connect(m, sender.bytes, says.bytes)
        connect(m, executor.asks, control.asked)
        self._queue(m, "queue_in", executor.events_in, control.events_in, control.resets)
        self._queue(m, "queue_out", control.events_out, executor.events_out, control.resets)
        leaves = control.events_out.valid & control.events_out.ready
        m.d.comb += self.spiked.eq(leaves & ~control.events_out.p.tick)
        m.d.comb += self.spike.eq(control.events_out.p.address)
        return m

    def _queue(self, m: Module, name: str, source: Any, sink: Any, resets: Value) -> None:
        """Events between two streams, none of which stays over a reset."""
        payload = Value.cast(source.payload)
        queue = SyncFIFOBuffered(width=len(payload), depth=QUEUED)
        m.submodules[name] = ResetInserter(resets)(queue)
        m.d.comb += [
            queue.w_data.eq(payload), queue.w_en.eq(source.valid), source.ready.eq(queue.w_rdy),
            Value.cast(sink.payload).eq(queue.r_data), sink.valid.eq(queue.r_rdy),
            queue.r_en.eq(sink.ready),
        ]  # fmt: skip
