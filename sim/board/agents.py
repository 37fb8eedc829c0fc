"""What sits at the other end of a design on a bus: a source and a sink of AXI4-Stream, and a host
on AXI4-Lite or Wishbone. Each holds back at random, and takes the liberties of its standard.

They are own ones: cocotbext-axi 0.1.28 and cocotbext-uart do not run under cocotb 2.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...hdl.bus.lite import OKAY
from ...host.registers import STEP
from ...network.events import TICK
from ..bench.wrapper import Interface

ALL_BYTES = (1 << STEP) - 1


@dataclass
class Access:
    """A read, or a write of ``data``, at a byte address; then its answer.

    ``wait``: cycles without an access before it. ``found``: what was read. ``good``: no error.
    """

    address: int
    data: int | None = None
    strobe: int = ALL_BYTES
    wait: int = 0
    found: int = 0
    good: bool = False
    done: bool = field(default=False, compare=False)


class Pins:
    """The fields of the response of this cycle, and the stimulus of the next one."""

    def __init__(self, interface: Interface) -> None:
        self._response, self._stimulus = interface.response, interface.stimulus
        self._word = self.shown = 0

    def begin(self, word: int) -> None:
        """A new cycle, all of whose stimulus is 0."""
        self._word, self.shown = word, 0

    def __getitem__(self, name: str) -> int:
        """What a port shows in this cycle."""
        at = self._response[name]
        return self._word >> at.offset & ((1 << at.width) - 1)

    def __setitem__(self, name: str, value: int) -> None:
        """What a port is to show in the next cycle."""
        at = self._stimulus[name]
        self.shown |= (value & ((1 << at.width) - 1)) << at.offset


class StreamAgent:
    """Sends ``events`` to ``s_axis`` and takes those of ``m_axis``, holding back at these rates.

    ``came``: the events that came out; ``wrong``: beats at the output that broke the protocol.
    ``beats``: (data, last) of beats that are no events, sent before the events.
    """

    def __init__(
        self, pins: Pins, events: Iterable[int], rng: random.Random, *, idle: float = 0.3,
        stall: float = 0.3, beats: Iterable[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        self._pins, self._rng, self._idle, self._stall = pins, rng, idle, stall
        self._beats = deque([*beats, *((0, 1) if e == TICK else (e, 0) for e in events)])
        self._offer: tuple[int, int] | None = None
        self._held: tuple[int, int] | None = None
        self.came: list[int] = []
        self.wrong: list[str] = []

    @property
    def sent(self) -> bool:
        """Whether every beat was taken."""
        return self._offer is None and not self._beats

    def clock(self, reset: bool = False) -> None:
        """``reset``: the design is reset in this cycle, which may take back what it offered."""
        pins = self._pins
        if pins["s_axis.tvalid"] and pins["s_axis.tready"]:
            self._offer = None
        shown = (pins["m_axis.tdata"], pins["m_axis.tlast"])
        if (
            self._held is not None
            and not reset
            and (not pins["m_axis.tvalid"] or shown != self._held)
        ):
            self.wrong.append(f"{self._held} was offered, not taken, and then {shown}")
        self._held = None
        if pins["m_axis.tvalid"]:
            if pins["m_axis.tready"]:
                self.came.append(TICK if shown[1] else shown[0])
            else:
                self._held = shown
        if self._offer is None and self._beats and self._rng.random() >= self._idle:
            self._offer = self._beats.popleft()
        if self._offer is not None:
            pins["s_axis.tvalid"] = 1
            pins["s_axis.tdata"], pins["s_axis.tlast"] = self._offer
        pins["m_axis.tready"] = self._rng.random() >= self._stall


class _Host:
    """Makes ``accesses`` one by one, in their order."""

    def __init__(self, pins: Pins, accesses: Iterable[Access], rng: random.Random) -> None:
        self.pins, self.rng = pins, rng
        self._left = deque(accesses)
        self.now: Access | None = None

    @property
    def done(self) -> bool:
        """Whether every access has its answer."""
        return self.now is None and not self._left

    def more(self, accesses: Iterable[Access]) -> None:
        """Accesses behind those that are left."""
        self._left.extend(accesses)

    def begin(self) -> Access | None:
        """The next access, if it is its time."""
        if self.now is None and self._left:
            if self._left[0].wait > 0:
                self._left[0].wait -= 1
            else:
                self.now = self._left.popleft()
                return self.now
        return None

    def end(self, found: int, good: bool) -> None:
        """The access has its answer."""
        assert self.now is not None
        self.now.found, self.now.good, self.now.done = found, good, True
        self.now = None


class LiteHost(_Host):
    """At ``s_axi``: address and data of a write come in any order, and the answer may have to
    wait."""

    def __init__(self, pins: Pins, accesses: Iterable[Access], rng: random.Random) -> None:
        super().__init__(pins, accesses, rng)
        self._waits: dict[str, int] = {}

    def clock(self) -> None:
        """One cycle."""
        pins = self.pins
        for channel in ("aw", "w", "ar"):
            if pins[f"s_axi.{channel}valid"] and pins[f"s_axi.{channel}ready"]:
                del self._waits[channel]
        if pins["s_axi.bvalid"] and pins["s_axi.bready"]:
            self.end(0, pins["s_axi.bresp"] == OKAY)
        if pins["s_axi.rvalid"] and pins["s_axi.rready"]:
            self.end(pins["s_axi.rdata"], pins["s_axi.rresp"] == OKAY)
        begun = self.begin()
        if begun is not None:
            channels = ("ar",) if begun.data is None else ("aw", "w")
            self._waits = {channel: self.rng.choice([0, 0, 1, 5]) for channel in channels}
        now = self.now
        for channel in self._waits if now is not None else ():
            assert now is not None
            if self._waits[channel] > 0:
                self._waits[channel] -= 1
                continue
            pins[f"s_axi.{channel}valid"] = 1
            if channel == "w":
                pins["s_axi.wdata"], pins["s_axi.wstrb"] = now.data or 0, now.strobe
            else:
                pins[f"s_axi.{channel}addr"] = now.address
        pins["s_axi.bready"] = self.rng.random() < 0.5
        pins["s_axi.rready"] = self.rng.random() < 0.5


class WishboneHost(_Host):
    """At ``wb``: classic cycles."""

    def clock(self) -> None:
        """One cycle."""
        pins = self.pins
        if pins["wb.cyc"] and (pins["wb.ack"] or pins["wb.err"]):
            self.end(pins["wb.dat_r"], bool(pins["wb.ack"]))
            return
        self.begin()
        if self.now is not None:
            pins["wb.cyc"] = pins["wb.stb"] = 1
            pins["wb.adr"], pins["wb.sel"] = self.now.address, self.now.strobe
            pins["wb.we"] = self.now.data is not None
            pins["wb.dat_w"] = self.now.data or 0


class BusDriver:
    """Drives a whole top, for a bench that goes cycle by cycle (:mod:`fxlif.sim.bench.agents`)."""

    def __init__(self, pins: Pins, stream: StreamAgent, host: LiteHost | WishboneHost) -> None:
        self.pins, self.stream, self.host = pins, stream, host
        self.done = False

    def clock(self, response: int) -> int:
        """From the response of this cycle, the stimulus of the next."""
        self.pins.begin(response)
        self.stream.clock()
        self.host.clock()
        return self.pins.shown
