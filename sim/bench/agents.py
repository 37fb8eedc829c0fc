"""Agents: what drives a stream, what stalls it, and what watches, once per clock cycle.

An agent sees the packed response of a cycle as it stood before the clock edge and says what
the stimulus shows in the next cycle. It uses no simulator: :func:`clocked` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from .wrapper import Interface

#: Stands between two events: wait until every TICK has come out, then reset for one cycle.
RESET_MARK = -1


class Driver(Protocol):
    """Drives all inputs of a design."""

    @property
    def done(self) -> bool:
        """Whether it has nothing more to show."""

    def clock(self, response: int) -> int:
        """From the response of this cycle, the stimulus of the next."""


class WordDriver:
    """Shows given stimulus words one after the other."""

    def __init__(self, words: Iterable[int]) -> None:
        self._words = iter(words)
        self.done = False

    def clock(self, response: int) -> int:
        word = next(self._words, None)
        self.done = word is None
        return word or 0


class StreamDriver:
    """A source, a sink and the reset of a design with one event stream in and one out.

    ``events`` are packed payloads, and :data:`RESET_MARK`; when they are used up, every
    TICK is awaited, and the driver is done. ``idle``, ``stall`` and ``reset`` are any iterators of
    booleans or 0 and 1, one per cycle: hold back a new event, hold back ready, reset. An iterator
    that ends means "no more". An offered event stays until it is taken.
    """

    def __init__(
        self,
        interface: Interface,
        events: Iterable[int],
        *,
        idle: Iterable[int] = (),
        stall: Iterable[int] = (),
        reset: Iterable[int] = (),
    ) -> None:
        at = {name: field.offset for name, field in interface.response.items()}
        self._rst = 1 << at["rst"]
        self._valid = 1 << at["events_in.valid"]
        self._ready = 1 << at["events_out.ready"]
        self._payload_at = at["events_in.payload.address"]
        self._tick_in = self._valid | 1 << at["events_in.payload.tick"]
        self._tick_in |= 1 << at["events_in.ready"]
        self._taken = self._valid | 1 << at["events_in.ready"]
        self._tick_out = self._ready | 1 << at["events_out.valid"]
        self._tick_out |= 1 << at["events_out.payload.tick"]
        self._events: Iterator[int] = iter(events)
        self._idle, self._stall, self._reset = iter(idle), iter(stall), iter(reset)
        self._offer = 0  # the stimulus bits of the event on offer
        self._due = 0  # TICKs that are still inside
        self._draining: bool | None = None  # None: no; True: then reset; False: then done
        self.done = False

    def clock(self, response: int) -> int:
        if response & self._rst:
            self._due = 0
        else:
            if response & self._tick_out == self._tick_out:
                self._due -= 1
            if response & self._tick_in == self._tick_in:
                self._due += 1
        stimulus = 0 if next(self._stall, False) else self._ready
        if self._offer and response & self._taken == self._taken:
            self._offer = 0
        idle = next(self._idle, False)
        if not self._offer and self._draining is None and not idle:
            event = next(self._events, None)
            if event is None or event == RESET_MARK:
                self._draining = event is not None
            else:
                self._offer = self._valid | event << self._payload_at
        if self._draining is not None and self._due == 0:
            if self._draining:
                stimulus |= self._rst
                self._draining = None
            else:
                self.done = True
        if next(self._reset, False):
            stimulus |= self._rst
        return stimulus | self._offer


class AccessDriver:
    """A ``driver``, and beside it something that writes at the write port of the design, or reads
    at its read port: ``side``.

    ``accesses``: how many cycles to wait, then the address, and of a write the data, of each. One
    on offer stays until it is taken.
    """

    def __init__(
        self, driver: Driver, interface: Interface, side: str, accesses: Iterable[tuple[int, ...]]
    ) -> None:
        at = {name: field.offset for name, field in interface.response.items()}
        self._driver, self._accesses = driver, iter(accesses)
        self._valid = 1 << at[f"{side}.valid"]
        self._taken = self._valid | 1 << at[f"{side}.ready"]
        names = f"{side}.payload.address", f"{side}.payload.data"
        self._places = [at[name] for name in names if name in at]
        self._wait, self._next = self._drawn()
        self._offer = 0

    def _drawn(self) -> tuple[int, int]:
        """Cycles to wait, and the stimulus bits of the next access; none are no more of them."""
        wait, *numbers = next(self._accesses, (1 << 62,))
        shown = zip(self._places, numbers, strict=False)
        return wait, self._valid | sum(number << place for place, number in shown)

    @property
    def done(self) -> bool:
        """Whether the driver is."""
        return self._driver.done

    def clock(self, response: int) -> int:
        if self._offer and response & self._taken == self._taken:
            self._offer = 0
            self._wait, self._next = self._drawn()
        if not self._offer:
            if self._wait == 0:
                self._offer = self._next
            self._wait -= 1
        return self._driver.clock(response) | self._offer


async def clocked(
    dut: Any,
    driver: Driver,
    take: Callable[[list[int]], bool],
    *,
    cycles: int,
    first: int = 0,
    block: int = 8192,
) -> None:
    """Run ``driver`` on a wrapped design for up to ``cycles`` cycles or until it is done.

    ``first`` is the stimulus of the first cycle, before the driver has seen anything. The responses
    go to ``take`` in blocks; it says whether to go on.
    """
    import cocotb
    from cocotb.clock import Clock
    from cocotb.triggers import RisingEdge

    stimulus, response = dut.stimulus, dut.response
    now = shown = first
    stimulus.value = now
    # The simulator's own clock: a Python one would cost more than everything else here.
    Clock(dut.clk, 2, unit="ns", impl="gpi").start(start_high=False)
    edge = RisingEdge(dut.clk)
    # The text behind response.value: making cocotb's LogicArray of it would cost more than the
    # simulation of the cycle. An x or z in it ends the bench: int() refuses it.
    read = response._handle.get_signal_val_binstr
    words: list[int] = []
    clock = driver.clock
    seen = 0
    cocotb.log.info("checking up to %d cycles", cycles)
    while seen < cycles and not driver.done:
        for _ in range(min(block, cycles - seen)):
            await edge
            word = int(read(), 2)  # as it stood before the edge
            words.append(word)
            now = clock(word)
            if now != shown:
                stimulus.value = shown = now
            if driver.done:
                break
        seen += len(words)
        if not take(words):
            return
        words = []
