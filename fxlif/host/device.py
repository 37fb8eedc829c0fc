"""A design behind a serial line, as an object of Python."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..cycles.access import SIGNED, AddressMap
from ..cycles.latency import AnyCore
from ..errors import FxlifError
from ..network.events import TICK, Events, check
from ..params.protocol import AnyCores
from .frames import (
    CRC_BYTES,
    HEAD_BYTES,
    MOST_BYTES,
    MOST_PAYLOAD,
    Decoder,
    Frame,
    Kind,
    Status,
    event_bytes,
)
from .registers import CONTROL, REGISTER_BITS, STATUS, STEP, RegisterMap, register_map
from .writing import Writer, core_name

Ints = npt.NDArray[np.int64]
#: Seconds that an answer may take before the request is sent again.
ANSWER_SECONDS = 0.5
#: Bits of a byte on the line, start and stop bit included.
LINE_BITS = 10
#: How often a request is sent: to a board of which nothing was heard yet, and to one that is there.
FIRST_TRIES, TRIES = 6, 30
#: How often a design that was stopped is asked whether it stands still.
MOST_ASKED = 10_000
#: Seconds after which a design that moves no event is stuck.
STUCK_SECONDS = 10.0


def seconds_at(baud: int) -> float:
    """Seconds that an answer may take at so many bits a second: the longest frame twice, with all
    its bytes escaped, comes on top of what a fast line may take."""
    bits = 2 * LINE_BITS * (MOST_BYTES + CRC_BYTES + 2)
    return ANSWER_SECONDS + 2 * bits / baud


class Link(Protocol):
    """A serial line. Both calls raise FxlifError when it is gone."""

    def write(self, data: bytes) -> None:
        """Send some bytes."""

    def read(self, seconds: float) -> bytes:
        """What has come, at least a byte, or nothing after so long."""


class Device:
    """A design on a board, behind ``link``.

    Raises:
        FxlifError: nobody answers, or it is another design; in each method, an access that is
            refused, and a line that is gone.
    """

    def __init__(self, link: Link, design: AnyCores, *, seconds: float = ANSWER_SECONDS) -> None:
        self.design = design
        self.registers: RegisterMap = register_map(design, design.kind, line=True)
        self._link, self._seconds = link, seconds
        self._decoder = Decoder()
        self._number = 0
        self._writer: Writer | None = None
        #: How often a request was sent again.
        self.repeated = 0
        self._in, self._out = (
            event_bytes(bits) for bits in (design.in_address_bits, design.out_address_bits)
        )
        self._ask(Kind.SYNC, b"")
        for register in self.registers.registers:
            if register.value is not None and (found := self.read(register.name)) != register.value:
                raise FxlifError.must_be(
                    register.name, f"0x{register.value:08X}, as this design has it", found,
                    found=f"0x{found:08X}",
                )  # fmt: skip

    def _ask(self, kind: Kind, payload: bytes) -> tuple[Status, bytes]:
        """The status and the payload of the answer to one request."""
        self._number = (self._number + 1) % 256
        frame = Frame(self._number, kind, payload)
        tries = FIRST_TRIES if kind == Kind.SYNC else TRIES
        for attempt in range(tries):
            self.repeated += attempt > 0
            self._link.write(frame.encoded())
            ends = time.monotonic() + self._seconds
            while (left := ends - time.monotonic()) > 0:
                data = self._link.read(left)
                for answer in self._decoder.feed(data):
                    if answer.number == frame.number and answer.kind in list(Status):
                        return Status(answer.kind), answer.payload
                if not data:
                    break
        raise FxlifError(
            f"the board: no answer to {tries} requests of {self._seconds} s each; is the design on"
            " it, and the rate the one that it was made for?",
            key="the board", allowed="an answer",
        )  # fmt: skip

    def read_address(self, address: int) -> int:
        """The 32 bits at a byte address."""
        (value,) = self.read_all([address])
        return value

    def read_all(self, addresses: Iterable[int]) -> list[int]:
        """The 32 bits each at some byte addresses."""
        left, found = list(addresses), b""
        most = MOST_PAYLOAD // STEP
        while left:
            some, left = left[:most], left[most:]
            status, answer = self._ask(
                Kind.READ, b"".join(address.to_bytes(STEP, "little") for address in some)
            )
            if status != Status.OK:
                key = f"0x{some[len(answer) // STEP]:X}"
                raise FxlifError(f"{key}: cannot be read now", key=key)
            found += answer
        values: list[int] = np.frombuffer(found, dtype="<u4").tolist()
        return values

    def write_address(self, address: int, value: int) -> None:
        """Write 32 bits at a byte address."""
        self.write_all([(address, value)])

    def write_all(self, writes: Iterable[tuple[int, int]]) -> None:
        """Write 32 bits each at some byte addresses, in this order, up to one that is refused."""
        left = list(writes)
        most = MOST_PAYLOAD // 8
        while left:
            some, left = left[:most], left[most:]
            payload = b"".join([(address % (1 << 32)).to_bytes(4, "little")
                                + (value % (1 << 32)).to_bytes(4, "little")
                                for address, value in some])  # fmt: skip
            status, answer = self._ask(Kind.WRITE, payload)
            if status != Status.OK:
                key = f"0x{some[answer[0]][0]:X}"
                raise FxlifError(
                    f"{key}: cannot be written now; nothing there has changed", key=key
                )  # fmt: skip

    def read(self, name: str) -> int:
        """What a register says."""
        return self.read_address(self._address(name))

    def write(self, name: str, value: int) -> None:
        """Write a register."""
        self.write_address(self._address(name), value)

    def _address(self, name: str) -> int:
        names = [register.name for register in self.registers.registers]
        if name not in names:
            raise FxlifError.unknown("register", "register", name, names)
        return self.registers[name].address

    def start(self) -> None:
        """Let events in."""
        self.write("control", 1 << CONTROL["run"])

    def stop(self) -> None:
        """Let no step begin; one that has begun waits for its TICK."""
        self.write("control", 0)

    def reset(self) -> None:
        """Bring all states and counters to their start; what was written stays. The design stands
        still."""
        self.write("control", 1 << CONTROL["reset"])

    @property
    def idle(self) -> bool:
        """Whether the design stands still between two steps, so that its window can be used."""
        return bool(self.read("status") >> STATUS["idle"] & 1)

    def rest(self) -> None:
        """Stop, and wait until it stands still between two steps."""
        self.stop()
        if not any(self.idle for _ in range(MOST_ASKED)):
            raise FxlifError("the board: is stopped, and never between two steps",
                             key="the board", allowed="idle")  # fmt: skip

    def load(self, writes: Iterable[tuple[Any, ...]]) -> None:
        """Write parameters, in rows (population, parameter, value, at) as for
        :meth:`fxlif.Network.write`, while it is idle. The cores of a chain are ``core_0`` and so
        on. All rows are looked at before any is written."""
        writer = self._writer = self._writer or Writer(self.design)
        self.write_port([writer.port(*row) for row in writes])

    def states(self) -> dict[str, dict[str, Ints]]:
        """Of what is readable the state variables, (n,) each, while it is idle: by population, or
        by core of a chain, ``core_0`` and so on. Of wider ones the low 32 bits."""
        cores: Sequence[AnyCore] = self.design.cores
        where, found = AddressMap(cores), dict[str, dict[str, Ints]]()
        for k, core in enumerate(cores):
            if not core.readable:
                continue
            here = found[core_name(core, k)] = {}
            for name in core.neuron.state_widths:
                asked = [where.read_address(k, name, neuron) for neuron in range(core.n_neurons)]
                words = np.array(self.read_port(asked), dtype=np.uint32)
                kind = np.int32 if name in SIGNED else np.uint32
                here[name] = words.astype(kind).astype(np.int64)
        return found

    def write_port(self, writes: Iterable[tuple[int, int]]) -> None:
        """Write at addresses of the design's write port (:mod:`fxlif.cycles.access`), while it is
        idle."""
        if self.registers.window is None:
            raise FxlifError("the design: nothing of it can be written", key="writable",
                             allowed="a design with writable")  # fmt: skip
        window = self.registers.window
        self.write_all((window + STEP * address, value) for address, value in writes)

    def read_port(self, addresses: Iterable[int]) -> list[int]:
        """What the design's read port says at some addresses, while it is idle: 32 bits each,
        which below 0 are two's complement."""
        if self.registers.window is None:
            raise FxlifError("the design: nothing of it can be read", key="readable",
                             allowed="a design with readable")  # fmt: skip
        window = self.registers.window
        return self.read_all(window + STEP * address for address in addresses)

    def counters(self) -> dict[str, int]:
        """All that the design counts, by name."""
        names = [register.name for register in self.registers.registers if register.value is None]
        found = {name: self.read(name) for name in names if name not in ("control", "status")}
        found["cycles"] += found.pop("cycles_high") << REGISTER_BITS
        return found

    def exchange(self, events: Sequence[int]) -> tuple[int, list[int]]:
        """Offer some events, TICK or an address each, as many as a frame holds: how many of them
        were taken, and events that have come out."""
        most = (MOST_PAYLOAD - HEAD_BYTES) // self._in
        some: list[int] = check(events[:most], self.design.n_inputs).tolist()
        payload = b"".join([self._sent(event) for event in some])
        status, answer = self._ask(Kind.EVENTS, payload)
        if status != Status.OK:
            raise FxlifError("events: one of them is no event of this design", key="events")
        out = [answer[k : k + self._out] for k in range(1, len(answer), self._out)]
        return answer[0], [self._came(each) for each in out]

    def stream(self, events: npt.ArrayLike) -> Iterator[Events]:
        """The events that come out while ``events`` go in, (count,) int64 at a time, up to the TICK
        that answers the last one that goes in. The design must run, and be idle before."""
        given: list[int] = check(events, self.design.n_inputs).tolist()
        ticks = given.count(TICK)
        at = 0
        ends = None
        while ticks > 0 or at < len(given):
            taken, out = self.exchange(given[at:])
            at += taken
            ticks -= out.count(TICK)
            if out:
                yield np.array(out, dtype=np.int64)
            now = time.monotonic()
            ends = now + STUCK_SECONDS if taken or out or ends is None else ends
            if now > ends:
                raise FxlifError(
                    f"the board: took no event and sent none for {STUCK_SECONDS} s, with "
                    f"{len(given) - at} events and {ticks} steps to go; does it run?",
                    key="the board", allowed="events",
                )  # fmt: skip

    def _sent(self, event: int) -> bytes:
        high = 1 << (8 * self._in - 1)
        return (high if event == TICK else event).to_bytes(self._in, "little")

    def _came(self, data: bytes) -> int:
        value = int.from_bytes(data, "little")
        return TICK if value >> (8 * self._out - 1) else value
