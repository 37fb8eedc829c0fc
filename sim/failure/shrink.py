"""From a failure to a few events: what a stimulus does not need is left out and made smaller.

A stimulus is plain data. The caller brings the question, ``fails``: one that runs a Verilated
library or a model answers thousands of times a second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ...cycles.control import IDLE, RESET, STALL
from ...cycles.driver import ACCESS, Driver
from ...errors import FxlifError
from ...network.events import TICK
from ...params.protocol import AnyCores
from ..stimulus.accesses import random_reads, random_writes
from ..stimulus.durations import durations

T = TypeVar("T")
AXES = ("idle", "stall", "reset")
#: Drawn at most: events, cycles of each axis, and the last cycle of an axis.
MOST_EVENTS, MOST_HELD, HORIZON = 40, 12, 100


class Write(NamedTuple):
    """A write among the events, on offer from when those before it were taken and ``gap`` cycles
    later; those behind it do not wait."""

    address: int
    data: int
    gap: int = 0


class Read(NamedTuple):
    """A read, likewise; those of the other port do not wait for it."""

    address: int
    gap: int = 0


#: What is done to a design: an event, or an access between two.
Event = int | Write | Read


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What is done to a core or a network of cores from power-up on.

    ``events``: addresses and TICK (:mod:`fxlif.network.events`), offered one after the other, each
    until it is taken, and writes and reads. ``idle``, ``stall``, ``reset``: the cycles, in order,
    in which no new event is offered, the output is not ready, the reset is held.
    """

    events: tuple[Event, ...] = ()
    idle: tuple[int, ...] = ()
    stall: tuple[int, ...] = ()
    reset: tuple[int, ...] = ()

    @property
    def held(self) -> tuple[int, ...]:
        """The cycles of all axes, one after the other."""
        return *self.idle, *self.stall, *self.reset

    @property
    def size(self) -> tuple[int, ...]:
        """What is smaller is simpler: the number of things, then how late and how large."""
        count, late = len(self.events) + len(self.held), sum(self.held)
        addresses = [event for event in self.events if event != TICK and isinstance(event, int)]
        late += self.waits
        numbers = sum(sum(event) for event in self.events if not isinstance(event, int))
        return count, len(self.events), late, len(addresses), sum(addresses) + numbers - self.waits

    @property
    def waits(self) -> int:
        """The cycles that accesses wait, together."""
        return sum(event.gap for event in self.events if not isinstance(event, int))

    def packed(self, address_bits: int) -> npt.NDArray[np.int64]:
        """The events as payloads: an address, or the bit above the address."""
        plain = [event for event in self.events if isinstance(event, int)]
        events = np.array(plain, dtype=np.int64)
        return np.where(events == TICK, 1 << address_bits, events)

    def driver(self, address_bits: int) -> Driver:
        """What shows events, writes and reads to a model."""
        made = Driver(address_bits)
        made.refill(self.packed(address_bits))
        writes, reads, after = [], [], 0
        for event in self.events:
            if isinstance(event, Write):
                writes.append((after, event.gap, event.address, event.data))
            elif isinstance(event, Read):
                reads.append((after, event.gap, event.address, 0))
            else:
                after += 1
        made.writes.refill(np.array(writes, dtype=ACCESS))
        made.reads.refill(np.array(reads, dtype=ACCESS))
        return made

    def flags(self, cycles: int) -> npt.NDArray[np.uint8]:
        """IDLE, STALL and RESET of :mod:`fxlif.cycles.control` per cycle: (cycles,)."""
        flags = np.zeros(cycles, dtype=np.uint8)
        for axis, bit in zip(AXES, (IDLE, STALL, RESET), strict=True):
            held = np.array(getattr(self, axis), dtype=np.int64)
            flags[held[held < cycles]] |= bit
        return flags

    def cycles(self, design: AnyCores) -> int:
        """After so many cycles all that is offered has come out of ``design``, at the latest."""
        ticks = sum(event == TICK for event in self.events)
        longest = durations(design)
        last = max(self.held, default=0) + self.waits
        given = len(self.events) * longest.event + (ticks + 1) * longest.step
        return last + len(self.held) + longest.clear * (len(self.reset) + 1) + given


class Question:
    """Asks whether stimuli fail, each at most once, and remembers the simplest that did.

    When ``max_calls`` calls, or ``seconds``, are spent, everything else passes.
    """

    def __init__(
        self, fails: Callable[[Stimulus], bool], max_calls: int, seconds: float | None
    ) -> None:
        self._fails = fails
        self._known: dict[Stimulus, bool] = {}
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self.max_calls = max_calls
        self.best: Stimulus | None = None

    @property
    def calls(self) -> int:
        return len(self._known)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be asked."""
        late = self._deadline is not None and time.monotonic() > self._deadline
        return late or self.calls >= self.max_calls

    def __call__(self, stimulus: Stimulus) -> bool:
        if stimulus not in self._known:
            # Whether there is a failure at all is asked in any case.
            if self._known and self.spent:
                return False
            self._known[stimulus] = bool(self._fails(stimulus))
        failed = self._known[stimulus]
        if failed and (self.best is None or stimulus.size < self.best.size):
            self.best = stimulus
        return failed


def drawn(design: AnyCores, draw: random.Random, most_events: int = MOST_EVENTS) -> Stimulus:
    """A short random stimulus for ``design``, unknown addresses among it."""
    tick_rate = draw.choice((0.1, 0.3, 0.6))
    events: list[Event] = [
        TICK if draw.random() < tick_rate else draw.randrange(1 << design.in_address_bits)
        for _ in range(draw.randrange(most_events + 1))
    ]
    accesses: list[Event] = []
    if any(core.writable for core in design.cores):
        writes = random_writes(design.cores, draw.getrandbits(32))
        for _, address, data in islice(writes, draw.choice((0, 1, 3, 10))):
            accesses.append(Write(address, data, _gap(draw)))
    if any(core.readable for core in design.cores):
        reads = random_reads(design.cores, draw.getrandbits(32))
        for _, address in islice(reads, draw.choice((0, 1, 3, 10))):
            accesses.append(Read(address, _gap(draw)))
    for access in accesses:
        events.insert(draw.randint(0, len(events)), access)

    def held() -> tuple[int, ...]:
        most = draw.choice((0, 0, 2, MOST_HELD))
        return tuple(sorted({draw.randrange(HORIZON + 1) for _ in range(most)}))

    return Stimulus(events=tuple(events), idle=held(), stall=held(), reset=held())


def _gap(draw: random.Random) -> int:
    return draw.choice((0, 0, 1, 2, draw.randrange(HORIZON)))


def search(
    fails: Callable[[Stimulus], bool],
    design: AnyCores,
    *,
    max_calls: int = 5000,
    seconds: float | None = None,
) -> Stimulus | None:
    """A short stimulus of ``design`` that fails, or None where none was found.

    The same one each time, unless ``seconds`` cut the search short.
    """
    question, draw = Question(fails, max_calls, seconds), random.Random(0)
    for _ in range(max(1, max_calls // 2)):
        if question(drawn(design, draw)):
            return _polish(question)
        if question.spent:
            break
    return None


def shrink(
    fails: Callable[[Stimulus], bool],
    start: Stimulus,
    *,
    max_calls: int = 5000,
    seconds: float | None = None,
) -> Stimulus:
    """A simpler stimulus than ``start`` that fails too, as a rule of a few events.

    The same one each time, unless ``seconds`` cut the search short.

    Raises:
        FxlifError: ``start`` does not fail.
    """
    question = Question(fails, max_calls, seconds)
    if not question(start):
        raise FxlifError.must_be("start", "a stimulus that fails", start, found="one that passes")
    _reduce(question)
    return _polish(question)


def _polish(question: Question) -> Stimulus:
    """Leave out and lower what can be, until nothing more can be."""
    assert question.best is not None  # asked only after a failure
    best = None
    while best != question.best and not question.spent:
        best = question.best
        _reduce(question)
        _lower(question)
        _leave_pairs(question)
        _leave_and_move(question)
    return question.best


# --- leaving out --------------------------------------------------------------------------------


def _reduce(question: Question) -> None:
    """Leave out whole axes, then the end of the events, then whatever else can be left out."""
    best = question.best
    assert best is not None  # asked only after a failure
    for axis in AXES:
        if getattr(best, axis) and question(replace(best, **{axis: ()})):
            best = replace(best, **{axis: ()})
    best = replace(best, events=_shortest(best, question))
    for part in ("events", "reset", "stall", "idle"):
        kept = _ddmin(getattr(best, part), _asks(question, best, part))
        best = replace(best, **{part: kept})


def _lower(question: Question) -> None:
    """Make addresses smaller, and cycles earlier, one by one: first at once, then by halves."""
    for part in ("events", *AXES):
        k = 0
        while question.best is not None and k < len(values := getattr(question.best, part)):
            best, value = question.best, values[k]
            if not isinstance(value, int):
                _lower_access(question, k, value)
                k += 1
                continue
            low = 0
            while low < value and value != TICK:
                tried = (*values[:k], low, *values[k + 1 :])
                if part != "events":
                    tried = tuple(sorted(set(tried)))
                if question(replace(best, **{part: tried})):
                    break
                low = (low + value + 1) // 2
            k += 1


def _lower_access(question: Question, k: int, access: Write | Read) -> None:
    """Make the numbers of an access, the ``k``-th event, smaller: 0, or by halves."""
    for part in access._fields:
        low, value = 0, getattr(access, part)
        while low < value:
            best, tried = question.best, access._replace(**{part: low})
            assert best is not None
            if question(replace(best, events=(*best.events[:k], tried, *best.events[k + 1 :]))):
                access = tried
                break
            low = (low + value + 1) // 2


def _leave_pairs(question: Question) -> None:
    """Leave out two events that only together are not needed, as an event and its TICK are."""
    best = question.best
    assert best is not None
    if len(best.events) > MOST_EVENTS:
        return
    for first in range(len(best.events)):
        for second in range(first + 1, len(best.events)):
            kept = (*best.events[:first], *best.events[first + 1 : second],
                    *best.events[second + 1 :])  # fmt: skip
            if question(replace(best, events=kept)):
                return


def _leave_and_move(question: Question) -> None:
    """Leave out an event and hold back earlier: what follows the event is earlier without it."""
    best = question.best
    assert best is not None
    if len(best.events) > MOST_EVENTS:
        return
    for first in range(len(best.events)):
        for by in range(1, min(max(best.held, default=0), HORIZON) + 1):
            axes = {axis: tuple(c - by for c in getattr(best, axis) if c >= by) for axis in AXES}
            events = best.events[:first] + best.events[first + 1 :]
            if question(replace(best, events=events, **axes)):
                return


def _asks(question: Question, best: Stimulus, part: str) -> Callable[[tuple[Any, ...]], bool]:
    return lambda values: question(replace(best, **{part: values}))


def _shortest(best: Stimulus, question: Question) -> tuple[Event, ...]:
    """The shortest beginning of the events that fails, if longer ones do."""
    low, high = 0, len(best.events)
    while low < high:
        middle = (low + high) // 2
        if question(replace(best, events=best.events[:middle])):
            high = middle
        else:
            low = middle + 1
    return best.events[:high]


def _ddmin(values: tuple[T, ...], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of ``values`` of which no single one can be left out (Zeller's delta debugging)."""
    size = max(1, len(values) // 2)
    while values:
        shorter = next((rest for rest in _without(values, size) if fails(rest)), None)
        if shorter is not None:
            values = shorter
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return values


def _without(values: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    """``values`` without one run of ``size`` of them; the last run first, since what comes after
    a failure is never needed."""
    for at in reversed(range(0, len(values), size)):
        yield values[:at] + values[at + size :]
