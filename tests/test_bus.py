"""A design on a bus: the events are those of the golden network, registers say what they should,
and nothing that a host or a line does wrong has an effect."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from designs import ON_A_BUS, SIMPLE, make, needs_icarus
from gatesim import compiled_quickly, simulate_netlist, wrong_lut
from pysim import clocked, interface_of, simulate

import fxlif
from fxlif import (
    AllToAll,
    EventSource,
    FxlifError,
    NetworkParams,
    Population,
    Projection,
    Sparse,
)
from fxlif.cycles.access import AddressMap
from fxlif.hdl.bus.boards import BAUD, BOARDS
from fxlif.hdl.bus.control import Controlled
from fxlif.hdl.bus.files import register_files
from fxlif.hdl.bus.lite import AxiLite
from fxlif.hdl.bus.tops import AxiTop, WishboneTop
from fxlif.hdl.bus.uart import Receiver, Transmitter
from fxlif.hdl.flow.place import NETLIST, REPORT, placed_by, synthesise
from fxlif.hdl.flow.targets import target_of
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import component_of, converted
from fxlif.host.device import Device
from fxlif.host.frames import END, ESC, MOST_BYTES, Decoder, Frame, Kind, Status
from fxlif.host.registers import MAGIC, STEP, register_map
from fxlif.host.serial import SerialLink
from fxlif.network.events import TICK
from fxlif.params.design import save
from fxlif.sim.bench.golden import GoldenStream
from fxlif.sim.board.agents import Access, BusDriver, LiteHost, Pins, StreamAgent, WishboneHost
from fxlif.sim.board.link import LineReader, SimulatedLink, board_hardware, levels
from fxlif.sim.board.port import SimulatedPort
from fxlif.sim.board.session import blocks, run_board

#: A line takes hundreds of cycles for a byte.
pytestmark = pytest.mark.usefixtures("fast_libraries")
DESIGN = ON_A_BUS
WHERE = AddressMap(DESIGN.cores)
MAP = register_map(DESIGN, "small", stream=True)
CONSTANTS = [register for register in MAP.registers if register.value is not None]
WINDOW = MAP.window or 0


def random_stream(rng: random.Random, steps: int, n: int = 5) -> list[int]:
    found = []
    for _ in range(steps):
        inputs = [i for i in range(n) if rng.random() < 0.5]
        found += [*rng.sample(inputs, len(inputs)), TICK]
    return found


class Scenario(BusDriver):
    """Goes from phase to phase: each, a generator, does something and waits while it yields."""

    def __init__(self, dut, host, phases: Callable[[Scenario], Iterator[None]], seed: int = 1):
        rng = random.Random(seed)
        pins = Pins(interface_of(dut))
        super().__init__(pins, StreamAgent(pins, (), rng), host(pins, (), rng))
        self.rng, self._phases = rng, phases(self)

    def clock(self, response: int) -> int:
        shown = super().clock(response)
        if next(self._phases, self) is self:
            self.done = True
        return shown

    def do(self, *accesses: Access) -> Iterator[None]:
        self.host.more(accesses)
        while not self.host.done:
            yield

    def read(self, name: str) -> Iterator[int | None]:
        access = Access(MAP[name].address)
        yield from self.do(access)
        assert access.good
        self.found = access.found

    def send(self, events: list[int]) -> Iterator[None]:
        """Sends events, and waits until the last of their TICKs has come out."""
        self.stream = StreamAgent(self.pins, events, self.rng)
        while self.stream.came.count(TICK) < events.count(TICK):
            yield


def value(name: str) -> int:
    return MAP[name].address


WRONG = {
    "a constant is written": Access(value("magic"), 1),
    "a counter is written": Access(value("steps_in"), 1),
    "half a word": Access(value("control"), 1, strobe=0b0011),
    "no register": Access(0x7C),
    "no word": Access(value("control") + 2, 1),
    "behind the last register": Access(WINDOW - STEP),
    "half a word of the window": Access(WINDOW, 1, strobe=0b0111),
    "no word of the window": Access(WINDOW + 1, 1),
    "nothing there": Access(WINDOW + STEP * WHERE.address(0, "weights", row=4, neuron=5) + 8, 1),
    "the last address": Access((1 << MAP.address_bits) - STEP, 1),
}


BUSES = [(AxiTop, LiteHost), (WishboneTop, WishboneHost)]


@pytest.mark.parametrize(("top", "host"), BUSES)
def test_events_registers_and_window_of_a_top_on_a_bus(top, host) -> None:
    check_bus(top, host, simulate)


@pytest.mark.slow  # synthesis, and five builds by Verilator
@pytest.mark.parametrize("target", ["ice40-hx8k", "ecp5-25k"])
@pytest.mark.parametrize(("top", "host"), BUSES)
def test_what_synthesis_makes_of_a_top_on_a_bus(top, host, target: str) -> None:
    def on_gates(dut, driver, cycles, fault=None):
        simulate_netlist(dut, target, driver, cycles, fault)

    def finds(where: float) -> bool:
        try:
            check_bus(top, host, partial(on_gates, fault=where))
        except AssertionError:
            return True
        return False

    check_bus(top, host, on_gates)
    # Some LUTs show only in what this scenario does not do, as in counters near their end.
    assert sum(map(finds, (0.25, 0.4, 0.6, 0.75))) >= 3


def check_bus(top, host, simulated: Callable[..., object]) -> None:
    """What a top does in a scenario, that ``simulated`` goes through with it."""
    golden = GoldenStream(DESIGN)
    first, second = random_stream(random.Random(1), 12), random_stream(random.Random(2), 12)
    rng = np.random.default_rng(3)
    writes = [(core, int(row), int(neuron), int(weight))
              for core, rows, n in ((0, 5, 6), (1, 6, 7))
              for row, neuron, weight in zip(rng.permutation(rows), rng.permutation(n)[:rows],
                                             rng.integers(-8, 8, rows), strict=True)]  # fmt: skip
    came, stalled, read = [], [], []

    def phases(it: Scenario) -> Iterator[None]:
        for register in CONSTANTS:
            yield from it.read(register.name)
            assert it.found == register.value, register.name
        # Not running: nothing goes in.
        it.stream = StreamAgent(it.pins, [0, TICK], it.rng)
        for _ in range(40):
            yield
        assert not it.stream.sent
        yield from it.do(Access(value("control"), 0b10))  # a reset alone
        yield from it.do(Access(value("control"), 1))
        while it.stream.came.count(TICK) < 1:
            yield
        yield from it.do(Access(value("control"), 0b11))  # all of it is forgotten
        yield from it.send(first)
        came.append(it.stream.came)
        stalled.extend(it.stream.wrong)
        busy = Access(WINDOW, 1)  # while it runs
        yield from it.do(busy, *WRONG.values(), Access(value("control"), 0))
        assert not busy.good
        yield from it.read("status")
        assert it.found == 0b10
        wrong = list(WRONG.values())
        yield from it.do(*wrong)
        for name, access in WRONG.items():
            assert not access.good, name
        states = [Access(WINDOW + STEP * WHERE.read_address(1, "v", neuron)) for neuron in range(7)]
        unreadable = Access(WINDOW + STEP * WHERE.read_address(0, "v"))
        yield from it.do(*states, unreadable)
        assert all(access.good for access in states)
        read.extend((access.found ^ 1 << 31) - (1 << 31) for access in states)
        assert not unreadable.good
        # Reads wait together with writes where the bus can have both; some accesses are given up
        # where the host may, and of those the writes are carried out all the same.
        accesses, reads = [], []
        for core, row, neuron, weight in writes:
            register = it.rng.choice(CONSTANTS)
            read_too = Access(register.address, beside=True, wait=it.rng.randrange(4))
            reads.append((register, read_too))
            accesses.append(
                Access(WINDOW + STEP * WHERE.address(core, "weights", neuron, row),
                       WHERE.data(core, "weights", weight), beside=True,
                       patience=it.rng.choice([None, 1, 2, 3]))
            )  # fmt: skip
            for each in it.rng.sample([accesses[-1], read_too], 2):
                it.host.more([each])
            if it.rng.random() < 0.3:
                it.host.more(
                    [Access(it.rng.choice(CONSTANTS).address, patience=it.rng.choice([1, 2]))]
                )
        yield from it.do(Access(value("control"), 1))
        assert all(access.good and access.found == register.value for register, access in reads)
        left = [access for access in accesses if not access.good]
        assert bool(left) == (host is WishboneHost)
        assert all(access.patience for access in left)
        yield from it.send(second)
        came.append(it.stream.came)
        stalled.extend(it.stream.wrong)
        # Stopped within a step: its end is still taken, and the window waits for it.
        it.stream = StreamAgent(it.pins, [0, 1], it.rng)
        while not it.stream.sent:
            yield
        inside = [Access(WINDOW, 1), Access(WINDOW + STEP * WHERE.read_address(1, "v"))]
        yield from it.do(Access(value("control"), 0), *inside)
        assert not any(access.good for access in inside)
        yield from it.read("status")
        assert it.found == 0
        yield from it.send([2, TICK])
        while it.found != 0b10:
            yield from it.read("status")
        yield from it.do(Access(value("control"), 1))
        # Beats with an address that does not fit are swallowed, an unknown one is dropped.
        it.stream = StreamAgent(it.pins, [7, TICK], it.rng, beats=[(0x10, 0), (0xF0, 0)])
        while not it.stream.came:
            yield
        counted = {"steps_in": 26, "steps_out": 26, "malformed": 2, "dropped_0": 1,
                   "refused": 4 + 2 * len(WRONG), "rejected": 2, "read_errors": 1,
                   "events_in": len(first) + len(second) - 24 + 4}  # fmt: skip
        for name, expected in counted.items():
            yield from it.read(name)
            assert it.found == expected, name
        yield from it.read("cycles")
        low = it.found
        yield from it.read("cycles")
        assert it.found > low

    dut = top(DESIGN, "small")
    scenario = Scenario(dut, host, phases)
    simulated(dut, scenario, 20_000)
    assert scenario.done
    assert stalled == []

    names = [population.name for population in golden.network.graph.populations]
    assert came[0] == golden.stream(np.array(first)).tolist()
    assert read == golden.network.states[names[1]].v.tolist()
    assert any(read)
    for core, row, neuron, weight in writes:
        golden.network.write(names[core], "weights", weight, (row, neuron))
    assert came[1] == golden.stream(np.array(second)).tolist()


class Registers(BusDriver):
    """A memory of words behind a bus, which takes its time; the host at the other end."""

    def __init__(self, dut: AxiLite, accesses: list[Access], seed: int) -> None:
        self.pins, self.rng = Pins(interface_of(dut)), random.Random(seed)
        self.host, self.words = LiteHost(self.pins, accesses, self.rng), {}
        self.host.bus = "bus"
        self.answers: deque[tuple[int, int]] = deque()
        self.read: list[int] = []
        self.done = False

    def clock(self, response: int) -> int:
        pins = self.pins
        pins.begin(response)
        self.host.clock()
        at, answered = "asks.request", "asks.response"
        if pins[f"{at}.valid"] and pins[f"{at}.ready"]:
            address, data = pins[f"{at}.payload.address"], pins[f"{at}.payload.data"]
            good = address < 128 and pins[f"{at}.payload.whole"]
            self.answers.append((self.words.get(address, 0), 1 - good))
            if not pins[f"{at}.payload.write"]:
                self.read.append(self.words.get(address, 0))
            elif good:
                self.words[address] = data
        if pins[f"{answered}.valid"] and pins[f"{answered}.ready"]:
            self.answers.popleft()
        pins[f"{at}.ready"] = self.rng.random() < 0.5
        if self.answers and self.rng.random() < 0.5:
            pins[f"{answered}.valid"] = 1
            (pins[f"{answered}.payload.data"], pins[f"{answered}.payload.error"]) = self.answers[0]
        self.done = self.host.done
        return pins.shown


@pytest.mark.parametrize(
    "faults", [(), pytest.param((0.2, 0.4, 0.6, 0.8), marks=pytest.mark.slow)], ids=["", "faults"]
)
def test_the_registers_of_a_bus_after_synthesis(faults: tuple[float, ...]) -> None:
    def run(fault: float | None) -> None:
        rng = random.Random(8)
        accesses = [
            Access(4 * rng.randrange(64), rng.choice([None, rng.getrandbits(32)]),
                   rng.choice([15, 15, 15, 3]), beside=bool(k % 8), wait=rng.choice([0, 0, 3]))
            for k in range(400)
        ]  # fmt: skip
        dut = AxiLite(8)
        driver = Registers(dut, accesses, 5)
        simulate_netlist(dut, "ice40-hx8k", driver, 40_000, fault)
        assert driver.done
        assert all(each.good == (each.address < 128 and (each.data is None or each.strobe == 15))
                   for each in accesses)  # fmt: skip
        assert [each.found for each in accesses if each.data is None] == driver.read
        last = {each.address: each.data for each in accesses if each.good and each.data is not None}
        assert driver.words == last

    run(None)
    for where in faults:
        with pytest.raises((AssertionError, KeyError)):
            run(where)


# --- the serial line ----------------------------------------------------------------------------


class Messy:
    """A line that loses, doubles, garbles and invents bytes, each at a rate."""

    def __init__(self, link, rate: float, seed: int) -> None:
        self._link, self._rate, self._rng = link, rate, random.Random(seed)

    def _messed(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            drawn = int(self._rng.random() / self._rate) if self._rate else 4
            other = self._rng.randrange(256)
            out += bytes({0: [], 1: [byte, byte], 2: [other], 3: [byte, other]}.get(drawn, [byte]))
        return bytes(out)

    def write(self, data: bytes) -> None:
        self._link.write(self._messed(data))

    def read(self, seconds: float) -> bytes:
        data = b""
        while not data:
            came = self._link.read(seconds)
            if not came:
                break
            data = self._messed(came)
        return data


@pytest.fixture(scope="module")
def board():
    """That of a board: its PLL, its reset and its LEDs are around all that is asked."""
    return board_hardware(DESIGN, "ulx3s")


def test_a_board_equals_the_golden_network_over_a_line_that_loses_bytes(board) -> None:
    with SimulatedLink(board) as link:
        for rate, seed in ((0.0, 1), (0.002, 3)):
            segments = [np.array(random_stream(random.Random(seed), 110)) for _ in range(2)]
            messy = Messy(link, rate, seed)
            found, out = run_board(DESIGN, messy, segments, name="small", seconds=600)
            assert found.passed, found.reasons
            assert found.checks[-1].detail == f"{4 * 4 * 7} values read between steps"
            assert out.tolist().count(TICK) == 220
            assert (found.figures["requests sent again"] > 0) == (rate > 0)


class OneFault:
    """A line on which one byte, to the board or from it, is lost, doubled or another one."""

    #: What becomes of it.
    HOWS: tuple[Callable[[int], list[int]], ...] = (
        lambda byte: [], lambda byte: [byte, byte], lambda byte: [byte ^ 1],
        lambda byte: [END], lambda byte: [ESC],
    )  # fmt: skip

    def __init__(self, link) -> None:
        self._link = link
        self.arm(0, False, self.HOWS[0])
        self.hit = True

    def arm(self, place: int, back: bool, how: Callable[[int], list[int]]) -> None:
        self._left, self._back, self._how, self.hit = place, back, how, False

    def _messed(self, data: bytes, back: bool) -> bytes:
        if self.hit or back != self._back:
            return data
        if len(data) <= self._left:
            self._left -= len(data)
            return data
        self.hit = True
        at = self._left
        return data[:at] + bytes(self._how(data[at])) + data[at + 1 :]

    def write(self, data: bytes) -> None:
        self._link.write(self._messed(data, False))

    def read(self, seconds: float) -> bytes:
        while data := self._link.read(seconds):
            if messed := self._messed(data, True):
                return messed
        return b""


@pytest.mark.slow
def test_a_fault_at_any_byte_costs_a_frame_and_nothing_else(board) -> None:
    """A weight is written, read back by what it does to the events of a step, in four frames."""
    rng = random.Random(12)
    golden = GoldenStream(DESIGN)
    name = golden.network.graph.populations[0].name
    sent, faults = 0, 0
    with SimulatedLink(board) as link:
        line = OneFault(link)
        device = Device(line, DESIGN, seconds=600)
        for back in (False, True):
            for how in OneFault.HOWS:
                for place in itertools.count():
                    line.arm(place, back, how)
                    before = device.repeated
                    row, neuron, weight = rng.randrange(5), rng.randrange(6), rng.randrange(-8, 8)
                    address = WHERE.address(0, "weights", neuron, row)
                    device.stop()
                    device.write_port([(address, WHERE.data(0, "weights", weight))])
                    device.start()
                    golden.network.write(name, "weights", weight, (row, neuron))
                    events = np.array([*rng.sample(range(5), 3), TICK])
                    came = np.concatenate(list(device.stream(events)))
                    assert came.tolist() == golden.stream(events).tolist(), (place, back)
                    sent += 1
                    if not line.hit:
                        break
                    faults += 1
                    assert device.repeated - before <= 2, (place, back)
                assert place > 40
        counted = device.counters()
    assert (counted["steps_in"], counted["events_in"], counted["refused"]) == (sent, 3 * sent, 0)
    assert faults / 3 < counted["bad_frames"] < 2 * faults


def test_a_slow_line_is_waited_for_as_many_bits_as_a_fast_one(board) -> None:
    longest = 2 * MOST_BYTES * 10
    with SimulatedLink(board, bit_cycles=20) as link:
        before = link.cycles
        assert link.read(1) == b""
        assert link.cycles - before >= 3 * longest * 20


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_any_bytes_do_no_harm_and_the_next_frame_is_answered(board, count: int) -> None:
    rng = random.Random(4)
    with SimulatedLink(board) as link:
        device = Device(link, DESIGN)
        device.start()
        sent = 0
        while sent < count:
            some = bytes(rng.choice((END, ESC, 0xDC, 0xDD, rng.randrange(256)))
                         for _ in range(rng.randrange(1, 700)))  # fmt: skip
            link.write(some)
            sent += len(some)
        link.write(Frame(9, 1, bytes(MOST_BYTES)).encoded())  # too long
        assert list(Decoder().feed(link.read(1))) == []
        malformed = {"no such request": Frame(9, 79, b""), "half a write": Frame(10, 2, bytes(7)),
                     "no event of this design": Frame(11, 3, bytes([0x77]))}  # fmt: skip
        for name, frame in malformed.items():
            link.write(frame.encoded())
            (answer,) = Decoder().feed(link.read(1))
            assert (answer.number, answer.kind) == (frame.number, Status.MALFORMED), name
            assert len(answer.payload) == (frame.kind in (Kind.WRITE, Kind.EVENTS)), name
        # Numbers begin anew with a new host: none is that of its first frame.
        for frame in (Frame(9, Kind.SYNC, b""), Frame(9, Kind.READ, bytes(4))):
            link.write(frame.encoded())
            (answer,) = Decoder().feed(link.read(1))
        assert int.from_bytes(answer.payload, "little") == MAGIC
        device = Device(link, DESIGN)
        counted = device.counters()
        assert counted["events_in"] == counted["steps_in"] == counted["refused"] == 0
        assert counted["bad_frames"] > 100
        assert not device.idle  # it still runs
        out = np.concatenate(list(device.stream([0, 1, TICK])))
        assert out.tolist()[-1] == TICK


def test_a_board_writes_weights_only_while_it_is_idle_and_names_what_it_refuses(board) -> None:
    golden = GoldenStream(DESIGN)
    events = np.array(random_stream(random.Random(6), 20))
    with SimulatedLink(board) as link:
        device = Device(link, DESIGN)
        writes = [(WHERE.address(0, "weights", neuron, row), WHERE.data(0, "weights", 7))
                  for row in range(5) for neuron in range(6)]  # fmt: skip
        device.start()
        with pytest.raises(FxlifError, match="cannot be written now"):
            device.write_port(writes)
        device.stop()
        device.write_port(writes)
        with pytest.raises(FxlifError) as refused:
            device.write_port([writes[0], (WHERE.address(0, "weights", 5, 4) + 2, 1)])
        assert refused.value.key.startswith("0x")
        device.start()
        found = np.concatenate(list(device.stream(events)))
    for row in range(5):
        for neuron in range(6):
            golden.network.write(golden.network.graph.populations[0].name, "weights", 7,
                                 (row, neuron))  # fmt: skip
    assert found.tolist() == golden.stream(events).tolist()


def test_another_design_on_the_board_is_named(board) -> None:
    other = DESIGN.model_copy(update={"name": "other", "core": DESIGN.core[:1]})
    with SimulatedLink(board) as link, pytest.raises(FxlifError) as wrong:
        Device(link, other)
    assert wrong.value.key == "hash_0"

    class Dead:
        def write(self, data: bytes) -> None: ...

        def read(self, seconds: float) -> bytes:
            return b""

    with pytest.raises(FxlifError, match="no answer"):
        Device(Dead(), DESIGN)


def test_a_wrong_event_of_a_board_is_found(board) -> None:
    events = [np.array(random_stream(random.Random(7), 130))]
    with SimulatedLink(board) as link:
        real = Device.stream

        def lies(self, block):
            for some in real(self, block):
                yield np.where(some == 3, 4, some)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Device, "stream", lies)
            found, _ = run_board(DESIGN, link, events, name="small")
    assert not found.passed
    assert "a spike of 3 expected, a spike of 4 came" in found.reasons[0]


def test_a_wrong_state_of_a_board_is_found_and_named(board) -> None:
    events = [np.array(random_stream(random.Random(7), 30))]
    where = WHERE.read_address(1, "theta", 3)
    with SimulatedLink(board) as link:
        real = Device.read_port

        def lies(self, addresses):
            wrong = self.counters()["steps_in"] > 15
            came = zip(addresses, real(self, addresses), strict=True)
            return [value + (wrong and at == where) for at, value in came]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Device, "read_port", lies)
            found, _ = run_board(DESIGN, link, events, name="small", states=10)
    assert [check.outcome for check in found.checks] == [
        "passed", "passed", "not_applicable", "failed",
    ]  # fmt: skip
    assert re.search(r"after step 19: theta of neuron 3 of core_1: (\d+) expected",
                     found.reasons[0])  # fmt: skip


@pytest.mark.parametrize(("cycles", "rate"), [(4, 1.01), (4, 0.99), (5, 1.02), (16, 0.98)])
def test_bytes_on_the_line_are_those_that_were_sent_at_a_slightly_wrong_rate(
    cycles: int, rate: float
) -> None:
    rng = random.Random(cycles)
    data = bytes(rng.randrange(256) for _ in range(20))
    line = np.concatenate([np.ones(3, dtype=np.uint8), levels(data, cycles),
                           np.ones(3 * cycles, dtype=np.uint8)])  # fmt: skip
    # Somewhat too slow or fast, as an oscillator may be; a short fall of the line is no byte.
    line = line[(np.arange(int(len(line) * rate)) / rate).astype(int)]
    line = np.concatenate([np.ones(9, dtype=np.uint8), [0], np.ones(20 * cycles, dtype=np.uint8),
                           line])  # fmt: skip
    receiver = Receiver(cycles)
    shown = clocked(receiver, [receiver.rx], [receiver.valid, receiver.byte],
                    [(0, int(level)) for level in line])  # fmt: skip
    assert bytes(byte for valid, byte in shown if valid) == data

    sender = Transmitter(cycles)
    left, rows = list(data), []
    given = [sender.bytes.valid, sender.bytes.payload]
    for byte in left:
        rows += [(0, 1, byte)] * (10 * cycles + 1)
    shown = clocked(sender, given, [sender.tx], rows)
    found = LineReader(cycles).feed(np.array([row[0] for row in shown], dtype=np.uint8))
    assert found.startswith(data[:10])


def test_frames_are_found_between_any_bytes() -> None:
    rng = random.Random(8)
    decoder, stream, sent = Decoder(), b"", []
    for number in range(50):
        payload = bytes(rng.choice((END, ESC, 0xDC, 0xDD, 1)) for _ in range(rng.randrange(20)))
        frame = Frame(number, rng.randrange(4), payload)
        sent.append(frame)
        stream += frame.encoded()
        stream += bytes(rng.randrange(256) for _ in range(rng.choice((0, 0, 3)))) + bytes([END])
    found = [
        frame for at in range(0, len(stream), 7) for frame in decoder.feed(stream[at : at + 7])
    ]
    assert found == sent
    assert decoder.bad > 5


# --- the map ------------------------------------------------------------------------------------


def test_the_map_says_the_same_as_a_table_a_header_and_a_class(tmp_path) -> None:
    addresses = {register.name: register.address for register in MAP.registers}
    assert len(set(addresses.values())) == len(addresses)
    assert all(address % STEP == 0 and address < WINDOW for address in addresses.values())
    table = MAP.markdown()
    assert all(f"| 0x{at:03X} | `{name}` |" in table for name, at in addresses.items())
    scope: dict = {}
    exec(MAP.python_class(), scope)
    registers = scope["SmallRegisters"]
    assert {name: getattr(registers, name.upper()) for name in addresses} == addresses
    assert registers.WINDOW == WINDOW
    assert (registers.MAGIC_VALUE, registers.BIT_RUN, registers.BIT_IDLE) == (MAGIC, 0, 1)
    program = '#include <stdio.h>\n#include "small.h"\nint main(void) {\n'
    for name in addresses:
        program += f'  printf("{name} %u\\n", SMALL_{name.upper()});\n'
    program += '  printf("magic_value %u\\n", SMALL_MAGIC_VALUE);\n}\n'
    (tmp_path / "small.h").write_text(MAP.c_header())
    (tmp_path / "main.c").write_text(program)
    subprocess.run(["g++", "-Wall", "-Werror", "-x", "c++", "main.c", "-o", "main"], cwd=tmp_path,
                   check=True)  # fmt: skip
    said = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = dict(line.split() for line in said.stdout.splitlines())
    assert found == {**{name: str(at) for name, at in addresses.items()}, "magic_value": str(MAGIC)}


def test_the_map_says_what_lies_where_in_the_window() -> None:
    """Else weights and states cannot be addressed from the files of a bus alone."""
    said = json.loads(register_files(DESIGN, MAP, {"bus": "axi"})["small_registers.json"])
    assert said["writes"] == WHERE.described()["writes"]
    (states,) = [each for each in said["reads"]["ranges"]
                 if (each["core"], each["item"]) == (1, "v")]  # fmt: skip
    assert states["address"] == WHERE.read_address(1, "v")


def test_blocks_are_whole_steps_and_all_of_them() -> None:
    events = np.array([*random_stream(random.Random(9), 250), 3, 3])
    parts = blocks(events)
    assert all(part[-1] == TICK for part in parts)
    assert np.concatenate(parts).tolist() == events[:-2].tolist()
    assert blocks(np.array([1, 2])) == []
    # Of a second segment: two writes before it, one at its begin, one in it, one behind it.
    cut = blocks(events, 100, [-7, -4, 0, 3, 10**6])
    assert np.array_equal(np.concatenate(cut), np.concatenate(parts))
    assert np.count_nonzero(cut[0] == TICK) == 3


@needs_icarus
@pytest.mark.parametrize("bus", ["axi", "wishbone", "serial"])
def test_verilog_on_a_bus_is_whole_verilog_and_says_what_its_registers_are(bus, run, tmp_path):
    options = ["--bit-cycles", "8"] if bus == "serial" else []
    ran = run("verilog", "digits_2bit", "-o", "out", "--bus", bus, *options)
    assert ran.code == 0, ran.err
    name = "digits_2bit"
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{name}.v", f"{name}.core", f"{name}_registers.h", f"{name}_registers.py"} <= files
    assert (f"{name}_package.tcl" in files) == (bus == "axi")
    said = json.loads((tmp_path / "out" / f"{name}_registers.json").read_text())
    assert said["bus"] == bus
    assert "[-1:0]" not in (tmp_path / "out" / f"{name}.v").read_text()
    for file in listed_for_fusesoc(tmp_path / "out", name):  # all that a simulator needs
        (tmp_path / file).write_bytes((tmp_path / "out" / file).read_bytes())
    subprocess.run(["iverilog", "-g2005", "-s", name, "-o", "sim", f"{name}.v"], check=True)
    said = subprocess.run(["vvp", "sim"], check=True, capture_output=True, text=True)
    assert said.stdout + said.stderr == ""


def listed_for_fusesoc(folder: Path, name: str) -> list[str]:
    """The files that a core description of FuseSoC gives to a tool, after its CAPI2: of the Verilog
    it is said that it is, of the others under which name it is read."""
    first, *_ = text = (folder / f"{name}.core").read_text().splitlines()
    assert first == "CAPI=2:"
    core = yaml.safe_load("\n".join(text[1:]))
    assert re.fullmatch(r"\w+:\w+:\w+:\d+\.\d+\.\d+", core["name"])
    target = core["targets"]["default"]
    assert target["toplevel"] == name
    files = [file for each in target["filesets"] for file in core["filesets"][each]["files"]]
    assert files[0] == {f"{name}.v": {"file_type": "verilogSource"}}
    for (file, about), *more in (each.items() for each in files[1:]):
        assert (about, more) == ({"file_type": "user", "copyto": file}, [])
    return [file for each in files for file in each]


def test_what_is_wrong_with_a_bus_or_a_board_is_named(run, tmp_path) -> None:
    mistakes = {
        "--bus: no such bus, 'axy'; did you mean axi?": "verilog digits -o out --bus axy",
        "--bit-cycles: must be given with --bus serial": "verilog digits -o out --bus serial",
        "must be 4 or more, not 3": "verilog digits -o out --bus serial --bit-cycles 3",
        "--bit-cycles: must be left out": "verilog digits -o out --bit-cycles 8",
        "--trace: must be left out with --bus": "verilog digits -o out --bus axi --trace",
        "a neuron alone": "verilog neuron.toml -o out --bus axi",
        "--port: must be given with": "board run digits",
        "--baud: must be left out": "board run digits --simulated --baud 9600",
        "--board: no such board, 'ulx3'; did": "board run digits --simulated --board ulx3",
        "--board: must be left out": "board run digits --port nowhere --board ulx3s",
        "--netlist: must be left out": "board run digits --simulated --netlist",
        "must be slow enough for": "board run digits --simulated --board ulx3s --baud 20000000",
        "--states: must be left out": "board run digits --port nowhere --states 9",
        "--board: no such board, 'hx8k'; did": "fpga digits --board hx8k",
        "--freq: must be left out with --board": "fpga digits --board ulx3s --freq 90",
        "--target: must be given": "fpga digits",
        "nowhere: cannot be opened": "board run digits --port nowhere",
        "o.foo: suffix: must be .txt": "board run digits --port nowhere -o o.foo",
        "--netlist: must be left out without --board": "board serve digits --netlist",
        "no such board, 'ulx4s'; did you mean ulx3s": "board serve digits --board ulx4s",
    }
    (tmp_path / "neuron.toml").write_text("[neuron]\n")
    for message, words in mistakes.items():
        ran = run(*words.split())
        assert ran.code == 2, words
        assert message in ran.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


# --- boards -------------------------------------------------------------------------------------


def test_the_leds_of_a_board_show_spikes(board) -> None:
    events = [np.array(random_stream(random.Random(11), 120))]
    with SimulatedLink(board) as link:
        found, out = run_board(DESIGN, link, events, name="small")
        assert found.passed, found.reasons
        addresses = set(out[out != TICK].tolist())
        assert 1 < len(addresses) < 8  # one of the LEDs at least is dark
        lit = link.shown("leds")
        assert {k for k in range(8) if lit >> k & 1} == addresses


def test_the_command_runs_a_board(board, run, tmp_path) -> None:
    save(DESIGN, tmp_path / "network.json")
    options = ("--steps", 20, "--states", 8, "-o", "out.txt")
    ran = run("board", "run", "network.json", "--simulated", "--board", "ulx3s", *options)
    assert ran.code == 0, ran.err
    assert f"{3 * 4 * 7} values read" in ran.out
    assert (tmp_path / "out.txt").read_text().count("tick") == 20


def test_a_program_at_a_serial_port_finds_the_simulated_board(board, run, tmp_path) -> None:
    save(DESIGN, tmp_path / "network.json")
    words = ("board", "run", "network.json", "--steps", 5, "--port")
    ended = threading.Event()
    with SimulatedLink(board) as link, SimulatedPort(link) as port:

        def serve() -> None:
            while not ended.is_set():
                port.serve(0.02)

        server = threading.Thread(target=serve)
        server.start()
        try:
            ran = run(*words, port.name)
            assert ran.code == 0, ran.out + ran.err
            assert "values read between steps" in ran.out
            assert "what was written to a board stays" not in ran.err
            with SerialLink(port.name, BAUD) as line:
                device = Device(line, DESIGN)
                device.rest()
                device.load([("core_0", "weights", 0, (at, neuron))
                             for at in range(DESIGN.cores[0].n_inputs)
                             for neuron in range(DESIGN.cores[0].n_neurons)])  # fmt: skip
            ran = run("board", "run", "network.json", "--steps", 40, "--port", port.name)
            assert ran.code == 1
            assert "what was written to a board stays" in ran.err
            with SerialLink(port.name, BAUD):
                ran = run(*words, port.name)
            assert (ran.code, f"{port.name}: is in use by another" in ran.mistake) == (2, True)
        finally:
            ended.set()
            server.join()
        left = SerialLink(port.name, BAUD)
    with left, pytest.raises(FxlifError, match=f"{port.name}: cannot be read"):
        left.read(0.1)
    assert f"{port.name}: cannot be opened" in run(*words, port.name).mistake


@contextmanager
def served(*words: str) -> Iterator[tuple[str, str]]:
    """The port of a ``board serve`` in a process of its own, and what it says of it."""
    command = [sys.executable, "-c", "from fxlif.cli import main; main()", "board", "serve"]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            name, _, said = process.stdout.readline().partition(": ")
            yield name, said
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait() == 0


@pytest.mark.slow  # a build by Verilator, in a process of its own
def test_any_program_talks_to_a_served_board() -> None:
    frame = bytes([7, Kind.READ, *bytes(4)])
    frame += zlib.crc32(frame).to_bytes(4, "little")
    with served("digits_2bit", "--board", "icebreaker") as (name, said):
        assert said.startswith("digits_2bit on a simulated board")
        line = os.open(name, os.O_RDWR | os.O_NOCTTY)
        os.write(line, bytes([END, *frame, END]))
        came = b""
        while came.count(END) < 2:
            came += os.read(line, 100)
        os.close(line)
    body = came.strip(bytes([END]))
    assert body[:2] == bytes([7, Status.OK])
    assert int.from_bytes(body[2:6], "little") == MAGIC
    assert zlib.crc32(body[:-4]).to_bytes(4, "little") == body[-4:]


@pytest.mark.parametrize("name", BOARDS)
def test_the_pins_of_a_board_are_its_own_and_its_clock_can_be_made(name: str) -> None:
    board = BOARDS[name]
    text = board.constraints()
    words = {"ecp5": r'LOCATE COMP "(\S+)" SITE "(\w+)"', "ice40": r"set_io (\S+) (\w+)"}
    pins = dict(re.findall(words[board.target.family], text))
    assert {"clk", "rx", "tx"} <= set(pins)
    assert len(set(pins.values())) == len(pins) == 3 + board.leds
    assert board.package in board.target.packages
    given = board.pll.parameters
    if not board.pll.cell:
        made = board.oscillator
    elif board.target.family == "ecp5":
        made = board.oscillator * given["p_CLKFB_DIV"]
        assert 400 <= made * given["p_CLKOP_DIV"] <= 800
        assert all(given[f"a_{name}"] != "0" for name in ("ICP_CURRENT", "LPF_RESISTOR"))
    else:
        vco = board.oscillator * (given["p_DIVF"] + 1) / (given["p_DIVR"] + 1)
        assert 533 <= vco <= 1066
        made = vco / 2 ** given["p_DIVQ"]
        assert 16 <= made <= 275
    assert made == board.pll.mhz
    assert board.pll.mhz * 1e6 / BAUD >= 4  # cycles a bit


#: The netlist, and with the line of the board the very one that is placed on it.
WAYS = {"": (), "netlist": ("--netlist", "--steps", 50),
        "placed": ("--netlist", "--baud", BAUD, "--steps", 8)}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BOARDS)
def test_each_board_runs_its_design_through_its_pins(name: str, way: str, run) -> None:
    ran = run("board", "run", BOARDS[name].design, "--simulated", "--board", name, *WAYS[way])
    assert ran.code == 0, ran.out + ran.err
    assert "PASSED" in ran.out


@pytest.mark.slow  # synthesis, and five builds by Verilator
@pytest.mark.parametrize("name", ["ulx3s", "hx8k-evn"])
def test_a_wrong_cell_of_a_board_is_found(name: str) -> None:
    hardware = board_hardware(DESIGN, name, netlist=True)
    events = [np.array(random_stream(random.Random(13), 150)) for _ in range(2)]
    with compiled_quickly(), SimulatedLink(hardware) as link:
        found, _ = run_board(DESIGN, link, events, name="small", states=20)
    assert found.passed, found.reasons

    def finds(where: float) -> bool:
        wrong = replace(hardware, verilog=wrong_lut(hardware.verilog, where))
        with compiled_quickly(), SimulatedLink(wrong) as link:
            try:
                found, _ = run_board(DESIGN, link, events, name="small", states=20, seconds=5)
            except FxlifError:
                return True  # nobody answers, or not as this design does
        return not found.passed

    # Some LUTs show only in what this session does not do, as in counters near their end.
    assert sum(map(finds, (0.25, 0.4, 0.6, 0.75))) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", BOARDS)
def test_each_board_has_a_bitstream_of_its_design(name: str, run, tmp_path) -> None:
    ran = run("fpga", BOARDS[name].design, "--board", name, "--seeds", "1", "-o", "out")
    assert ran.code == 0, ran.out + ran.err
    files = {path.suffix: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert files[BOARDS[name].target.bitstream] > 10_000
    assert {f".{BOARDS[name].suffix}", ".h", ".md", ".py"} <= set(files)


@pytest.mark.slow  # synthesis, place and route
@pytest.mark.parametrize("name", ["ecp5-25k", "ice40-hx8k"])
def test_a_serial_top_is_placed_without_a_board(name: str) -> None:
    """Its pins are wherever the tool puts them: there are few enough."""
    target, hardware = target_of(name), board_hardware(DESIGN)
    folder, _ = synthesise(hardware, target, bare=True)
    netlist = (folder / NETLIST).read_text()
    work, _ = placed_by(target, netlist, 1, None, target.package(), "", lambda: None)
    ports = json.loads(netlist)["modules"][hardware.top]["ports"]
    pins = sum(len(port["bits"]) for port in ports.values())
    used = json.loads((work / REPORT).read_text())["utilization"]
    assert sum(used[kind]["used"] for kind in ("TRELLIS_IO", "SB_IO") if kind in used) == pins
    assert {"clk", "rst", "rx", "tx"} < set(ports)
    assert pins <= 40


#: Those of the page's commands that build with Verilator, prove, or place and route.
LONG_ONES = ("verify", "prove", "soak", "--board", "board run")


def page() -> str:
    return (Path(fxlif.__file__).parent / "docs" / "boards.md").read_text()


def commands_of_the_page() -> list[str]:
    section = page().split("## From a network to a board")[1].split("\n## ")[0]
    return re.findall(r"^    (.+)$", section, flags=re.M)


def test_the_page_goes_from_a_network_to_a_board_in_ten_commands(run) -> None:
    commands = commands_of_the_page()
    assert len(commands) == 10
    for command in commands[1:-1]:
        if not any(word in command for word in LONG_ONES):
            assert run(*command.split()[1:]).code == 0, command
    ran = run(*commands[-1].split()[1:])
    assert ran.code == 2
    assert "/dev/ttyUSB0: cannot be opened" in ran.err


@pytest.mark.slow
def test_every_command_of_that_page_runs(run, tmp_path) -> None:
    for command in commands_of_the_page()[1:-1]:
        ran = run(*command.split()[1:])
        assert ran.code == 0, (command, ran.out, ran.err)
    assert list((tmp_path / "board").glob("*.bit"))
    # The last one, at what the page says stands in for the board.
    serve = re.search(r"`fxlif board serve (mine.+?)`", page())[1]
    with served(*serve.split()) as (port, _):
        ran = run(*commands_of_the_page()[-1].replace("/dev/ttyUSB0", port).split()[1:])
        assert ran.code == 0, (ran.out, ran.err)
        assert "PASSED" in ran.out


@pytest.mark.parametrize("more", [{"readable": True}, {"writable": ("thresholds",)}, {}])
def test_a_top_has_the_window_that_its_design_has(more: dict) -> None:
    core = make(2, 3, 2, SIMPLE, **more)
    text, _ = converted(AxiTop(core, "small"), "small")
    registers = register_map(core, "small")
    assert (registers.window is not None) == bool(more)
    assert "module small" in text
    names = {register.name for register in registers.registers}
    assert ("read_errors" in names, "rejected" in names) == ("readable" in more, "writable" in more)


def test_more_addresses_than_a_bus_has_are_refused() -> None:
    wide = NetworkParams.chain(
        make(1 << 13, 2, 1, SIMPLE, writable=("weights",)),
        make(2, 1 << 14, 1, SIMPLE, writable=("weights",)),
    )
    with pytest.raises(FxlifError, match="29 address bits"):
        register_map(wide, "wide")


def test_what_is_on_offer_when_a_network_is_stopped_still_goes_in() -> None:
    """Or else a core that has looked at it already would never be between two steps again."""
    synapses = Sparse({"shape": [3, 3], "indptr": [0, 2, 3, 5], "indices": [0, 2, 1, 0, 1],
                       "data": [30, 0, 25, 20, -9]})  # fmt: skip
    design = supported(NetworkParams(
        name="tiny", source=[EventSource("touch", 3)],
        population=[Population("near", 3, SIMPLE, lanes=2, readable=True)],
        projection=[Projection("touch", "near", synapses, delay=0),
                    Projection("touch", "near", AllToAll(3), delay=0),
                    Projection("near", "near", synapses, delay=1)],
    ))  # fmt: skip
    registers = register_map(design, "tiny")
    where = AddressMap(design.cores)

    control, read = registers["control"].address, where.read_address(0, "v")
    asks = [(control, 1), (control, 0), ((registers.window or 0) + STEP * read, None)]
    answers: list[int] = []

    class Host:
        """Asks one after the other; the first event comes in the cycle in which it stops."""

        done = False

        def __init__(self, pins: Pins) -> None:
            self.pins, self.cycle, self.left = pins, 0, list(asks)
            self.asked = self.offers = self.taken = False

        def clock(self, response: int) -> int:
            pins = self.pins
            pins.begin(response)
            self.cycle += 1
            if pins["asked.response.valid"]:
                answers.append(pins["asked.response.payload.error"])
                self.asked = False
            if pins["asked.request.valid"] and pins["asked.request.ready"]:
                self.left.pop(0)
                self.asked = True
            pins["asked.response.ready"] = pins["events_out.ready"] = 1
            if self.left and not self.asked and self.cycle > 60:
                address, data = self.left[0]
                pins["asked.request.valid"], pins["asked.request.payload.address"] = 1, address
                pins["asked.request.payload.write"] = data is not None
                pins["asked.request.payload.whole"] = 1
                pins["asked.request.payload.data"] = data or 0
            # Register by register: the second is asked in the cycle that it is shown.
            self.taken |= bool(pins["events_in.valid"] and pins["events_in.ready"])
            self.offers |= len(self.left) == 2 and not self.asked and self.cycle > 60
            pins["events_in.valid"] = self.offers and not self.taken
            self.done = len(answers) == len(asks)
            return pins.shown

    dut = Controlled(design, component_of(design), registers)
    host = Host(Pins(interface_of(dut)))
    simulate(dut, host, 1000)
    assert host.done
    assert answers == [0, 0, 1]  # the event is in: the window waits for the end of its step
