"""What sits at the other end of a design on a bus: a source and a sink of AXI4-Stream, and a host
on AXI4-Lite or Wishbone. Each holds back at random, and takes the liberties of its standard.

They drive a design in a simulator of Python's, and a netlist in Verilator's, where cocotb is not.
Under cocotb ``tests/test_bus_agents.py`` has those of cocotbext-axi and cocotbext-uart.
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
#: Channels of AXI4-Lite by which a read, and a write, is asked for.
CHANNELS = (("ar",), ("aw", "w"))


@dataclass
class Access:
    """A read, or a write of ``data``, at a byte address; then its answer.

    ``wait``: cycles without an access before it. ``beside``: it may begin while one of the other
    kind is under way, where the bus can have both. ``patience``: cycles after which the host gives
    it up, where the bus lets it. ``found``: what was read. ``good``: no error.
    """

    address: int
    data: int | None = None
    strobe: int = ALL_BYTES
    wait: int = 0
    beside: bool = False
    patience: int | None = None
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
    """Makes ``accesses``, in their order. ``going``: those under way, by whether they write."""

    def __init__(self, pins: Pins, accesses: Iterable[Access], rng: random.Random) -> None:
        self.pins, self.rng = pins, rng
        self._left = deque(accesses)
        self.going: dict[bool, deque[Access]] = {True: deque(), False: deque()}

    @property
    def busy(self) -> bool:
        """Whether any access is under way."""
        return any(self.going.values())

    @property
    def done(self) -> bool:
        """Whether every access has its answer."""
        return not self.busy and not self._left

    def more(self, accesses: Iterable[Access]) -> None:
        """Accesses behind those that are left."""
        self._left.extend(accesses)

    def free(self, writes: bool) -> bool:
        """Whether an access of this kind may begin."""
        return not self.busy

    def begin(self) -> Access | None:
        """The next access, if it is its time."""
        if not self._left:
            return None
        access = self._left[0]
        writes = access.data is not None
        if not self.free(writes) or (self.busy and not access.beside):
            return None
        if access.wait > 0:
            access.wait -= 1
            return None
        self.going[writes].append(self._left.popleft())
        return access

    def end(self, writes: bool, found: int, good: bool) -> None:
        """The oldest access of this kind has its answer."""
        access = self.going[writes].popleft()
        access.found, access.good, access.done = found, good, True


class LiteHost(_Host):
    """At ``bus``: address and data of a write come in any order, the answer may have to wait;
    a read and a write may be under way at once, and the next of either before its answer."""

    bus = "s_axi"

    def __init__(self, pins: Pins, accesses: Iterable[Access], rng: random.Random) -> None:
        super().__init__(pins, accesses, rng)
        self._waits: dict[str, int] = {}

    def free(self, writes: bool) -> bool:
        """Whether the channels of this kind are, and there is one answer to wait for at most."""
        return len(self.going[writes]) < 2 and not self._waits.keys() & CHANNELS[writes]

    def clock(self) -> None:
        """One cycle."""
        pins, bus = self.pins, self.bus
        for channel in ("aw", "w", "ar"):
            if pins[f"{bus}.{channel}valid"] and pins[f"{bus}.{channel}ready"]:
                del self._waits[channel]
        if pins[f"{bus}.bvalid"] and pins[f"{bus}.bready"]:
            self.end(True, 0, pins[f"{bus}.bresp"] == OKAY)
        if pins[f"{bus}.rvalid"] and pins[f"{bus}.rready"]:
            self.end(False, pins[f"{bus}.rdata"], pins[f"{bus}.rresp"] == OKAY)
        while (begun := self.begin()) is not None:
            for channel in CHANNELS[begun.data is not None]:
                self._waits[channel] = self.rng.choice([0, 0, 1, 5])
        for channel in self._waits:
            if self._waits[channel] > 0:
                self._waits[channel] -= 1
                continue
            access = self.going[channel != "ar"][-1]
            pins[f"{bus}.{channel}valid"] = 1
            if channel == "w":
                pins[f"{bus}.wdata"], pins[f"{bus}.wstrb"] = access.data or 0, access.strobe
            else:
                pins[f"{bus}.{channel}addr"] = access.address
        pins[f"{bus}.bready"] = self.rng.random() < 0.5
        pins[f"{bus}.rready"] = self.rng.random() < 0.5


class WishboneHost(_Host):
    """At ``wb``: classic cycles, some of which it gives up."""

    _waited = 0

    def clock(self) -> None:
        """One cycle."""
        pins = self.pins
        if self.begin() is not None:
            self._waited = 0
        elif pins["wb.cyc"] and (pins["wb.ack"] or pins["wb.err"]):
            self.end(bool(pins["wb.we"]), pins["wb.dat_r"], bool(pins["wb.ack"]))
            return
        for writes, going in self.going.items():
            if not going:
                continue
            (access,) = going
            if self._waited == access.patience:
                # A cycle without one: no answer is taken that comes in it.
                self.end(writes, 0, False)
                return
            self._waited += 1
            pins["wb.cyc"] = pins["wb.stb"] = 1
            pins["wb.adr"], pins["wb.sel"] = access.address, access.strobe
            pins["wb.we"] = writes
            pins["wb.dat_w"] = access.data or 0


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
