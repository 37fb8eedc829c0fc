"""Waits, gaps and resets of exactly the lengths that the Verilog under test names.

A sweep cannot go far: all lengths to n take n * n / 2 cycles. What goes wrong after exactly 3,000
cycles has the number 3,000 in it, and a test of that length alone takes some 3,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import NamedTuple, Protocol

import numpy as np

from ...cycles.control import IDLE, NONE, RESET, STALL, Bools, Bytes, Ints
from ..tools.constants import Constants

#: From and to which constant they are taken; below, a sweep has them all.
LEAST, MOST = 257, 100_000
#: Which lengths belong to a constant: what counts may begin or end some cycles later.
FIRST, SECOND = (0, 1), (-1, 2)
NAMED, WRAPS = ((True, FIRST), (True, SECOND)), ((False, FIRST), (False, SECOND))
#: In which order those come of constants that stand in the Verilog (True) and of widths of counters
#: (False), which many a right design has. They come more than once, since each time they meet
#: another event, or another state.
ORDER = (*NAMED * 2, WRAPS[0], *NAMED * 4, *WRAPS[1:], *WRAPS * 2)
#: In the first of these an event waits at the input too, the same ones for each length.
ENTERED = 5
#: What they take of a run of so many cycles, at most: one in so many; a shorter run has none.
SHARE, SHORTEST = 5, 10**7
#: What is done for so long: the reset is held; a spike, or a TICK, waits at the output; nothing
#: is offered; nothing is offered and nothing comes out, behind a TICK; an event waits at the input.
HELD, SPIKE, TICK, GAP, QUIET, ENTRY = "reset", "spike", "TICK", "gap", "quiet", "entry"
#: Of those, what can be done to a design with streams, and to a neuron; and those that need a
#: reset.
STREAM_KINDS: tuple[str, ...] = (HELD, SPIKE, TICK, GAP, QUIET, ENTRY)
RESETTING = frozenset({HELD, ENTRY})
NEURON_KINDS: tuple[str, ...] = (HELD, GAP)
#: Cycles at full speed behind each; those of a look at what waits; how many looks there are at
#: most; what is counted for all of these beside a length.
FREE, LOOK, LOOKS, BESIDE = 256, 32, 64, 1024
#: Cycles in which all queues of a design are filled.
BACKED = 512
#: After so many looks without anything a design is taken to be at rest.
RESTS = 4
#: How long the reset is held before events are repeated; cycles in which they then fill all queues,
#: the last of which, so many, none is taken; how many times others are tried.
RESETS, SETTLED, FILLED, TRIED = 4, 2048, 512, 8
#: No more events come in these cycles, and in those until one is taken.
REPEATED = SETTLED + LOOK
#: From which quarter of the addresses a spike is to wait, in turn; so many others go by before any
#: does.
PARTS, PASSED = (1, 3, 0, 2), 24
#: Cycles that are asked for at a time, at most, and idle ones behind a reset, fewer than these.
AT_ONCE, BEHIND = 1 << 14, 32
#: So many constants are told, at most, in the row of this name.
TOLD, FROM_VERILOG = 20, "lengths from the Verilog"


class Length(NamedTuple):
    """Something that is to last for exactly so many cycles."""

    cycles: int
    kind: str


class Plan(NamedTuple):
    """Lengths in their order, none in a short run; the constants that they belong to, and those of
    them for some of whose lengths there was no room."""

    lengths: tuple[Length, ...] = ()
    constants: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    @property
    def cycles(self) -> int:
        """How many it takes, about."""
        longest = max((each.cycles for each in self.lengths), default=0)
        return 2 * (longest + FREE) + sum(each.cycles + BESIDE for each in self.lengths)

    @property
    def figures(self) -> dict[str, str]:
        """A row for people: which constants; none where there are none."""
        return {FROM_VERILOG: str(self)} if self.constants else {}

    def __str__(self) -> str:
        told, cut = _told(self.constants), _told(self.cut)
        if self.constants and not self.lengths:
            return f"{told}; not run: fewer than {SHORTEST:,} cycles"
        return f"{told}; no room for all of {cut}" if cut else told


def _told(constants: Sequence[int]) -> str:
    more = [f"and {len(constants) - TOLD:,} more"] if len(constants) > TOLD else []
    return ", ".join([*(f"{each:,}" for each in constants[:TOLD]), *more])


NO_PLAN = Plan()


def plan(found: Constants, kinds: Sequence[str], cycles: int) -> Plan:
    """The lengths of the constants that were ``found``, the shortest first, for a run of so many
    ``cycles``; those of widths behind the others."""
    room, longest, used = cycles // SHARE if cycles >= SHORTEST else 0, 0, 0
    made, cut, seen = list[Length](), set[int](), set[int]()
    for turn, (named, around) in enumerate(ORDER):
        now = [kind for kind in kinds if kind != ENTRY or turn < ENTERED]
        constants = found.named if named else found.wraps
        lengths = {c + by: c for c in sorted(constants, reverse=True) for by in around}
        more = list[Length]()
        for length, kind in product(sorted(lengths), now):
            if used + length + BESIDE + 2 * (max(longest, length) + FREE) <= room:
                more.append(Length(length, kind))
                longest, used = max(longest, length), used + length + BESIDE
            elif length not in seen:
                cut.add(lengths[length])
        seen |= lengths.keys()
        # Between the resets a network has time to come to life.
        made += sorted(more, key=lambda each: (each.kind != HELD) + (each.kind == ENTRY))
    return Plan(tuple(made), tuple(sorted({*found.named, *found.wraps})), tuple(sorted(cut)))


class Seen(NamedTuple):
    """What the streams showed, cycle by cycle: whether something was offered at the input, whether
    that was taken, and whether it was a TICK; whether at the output, whether that was one, and its
    address. (cycles,) each."""

    offered: Bools
    taken: Bools
    ends: Bools
    waits: Bools
    tick: Bools
    address: Ints


def offered_alone(offered: Bools) -> Seen:
    """What there is to see of a design without streams."""
    nothing = np.zeros(len(offered), dtype=np.bool_)
    return Seen(offered, nothing, nothing, nothing, nothing, nothing.astype(np.int64))


class Source(Protocol):
    """Where the events of a design with streams come from."""

    def repeat(self, number: int) -> None:
        """Let the events of this number come next, the same each time, :data:`REPEATED` of them;
        none is on offer."""

    def expose(self) -> None:
        """Let steps come next, where such are known, that end near a threshold: if an event of
        theirs is lost, other neurons fire. None is on offer."""


Course = Generator[Bytes, Seen, None]


def course(lengths: Sequence[Length], source: Source | None = None) -> Course:
    """The flags of :mod:`fxlif.cycles.control`, some cycles at a time, that bring each of the
    ``lengths``: it is sent what was seen in them. ``source``: None of a design without streams.

    Before them come, from power-up on and once more behind a reset, as many cycles at full speed as
    the longest has; in each that is one of the lengths much is there to come out.
    """
    for first in (0, RESET | IDLE):
        yield from _parts(_since(sorted({each.cycles for each in lengths}), first))
    spikes, entries = _Spikes(), _Entries()
    for number, (cycles, kind) in enumerate(lengths):
        if kind == HELD:
            yield from _for(cycles, RESET | IDLE)
            yield from _for(number % BEHIND, IDLE)
        elif kind == GAP:
            yield from _idle(cycles, quiet=False)
        elif kind == QUIET:
            yield from _end_step()
            yield from _idle(cycles, quiet=True)
            if source is not None:
                source.expose()
        elif kind == ENTRY:
            if source is not None:
                yield from _enter(cycles, source, entries)
        else:
            yield from _wait(cycles, spikes if kind == SPIKE else None)
        yield from _for(FREE, 0)


def _since(cycles: Sequence[int], first: int) -> Bytes:
    """Flags up to the last of these ``cycles``, ``first`` in their first: before each, and the one
    behind it, a stall, so that much comes out from then on."""
    flags = np.zeros(cycles[-1] + FREE, dtype=np.uint8)
    for before, cycle in pairwise((0, *cycles)):
        if cycle - before > LOOK:  # else the stall before is one of this cycle too
            flags[max(0, cycle - BACKED) : cycle + 1 + (first > 0)] = STALL
    flags[0] = first
    return flags


def _parts(flags: Bytes) -> Course:
    for at in range(0, len(flags), AT_ONCE):
        yield flags[at : at + AT_ONCE].copy()


def _for(cycles: int, flags: int) -> Course:
    return _parts(np.full(max(0, cycles), flags, dtype=np.uint8))


@dataclass
class _Spikes:
    """How often a spike has waited for each length, and the highest address that any had."""

    waits: Counter[int] = field(default_factory=Counter)
    highest: int = 0

    def part(self, cycles: int) -> int:
        """From which quarter of the addresses the next one shall be that waits for so long."""
        self.waits[cycles] += 1
        return PARTS[self.waits[cycles] % len(PARTS)]

    def is_from(self, part: int, address: int) -> bool:
        """Whether an address is of that part."""
        self.highest = max(self.highest, address)
        return address * len(PARTS) // (self.highest + 1) == part


def _wait(cycles: int, spikes: _Spikes | None) -> Course:
    """Let a spike, or where ``spikes`` is None a TICK, wait at the output for exactly so many
    cycles, if one comes; a spike from a part of the addresses that is due, if one comes soon."""
    part = spikes.part(cycles) if spikes else NONE
    waited = passed = 0
    for _ in range(LOOKS):
        seen = yield from _look(STALL)
        waited = _lasting(seen.waits)
        if waited and bool(seen.tick[-1]) is (spikes is None):
            passed += 1
            if not spikes or spikes.is_from(part, int(seen.address[-1])) or passed > PASSED:
                break
        if waited:
            yield from _for(1, 0)
            waited = 0
    yield from _for(cycles - waited, STALL)


@dataclass
class _Entries:
    """How often an event has waited at the input for each length; and of the events with a number,
    by whether it is a TICK that comes to wait there: the number, how many cycles behind a reset it
    begins to wait, and how many after the end of a stall it is taken."""

    waits: Counter[int] = field(default_factory=Counter)
    known: tuple[list[_Entry], list[_Entry]] = field(default_factory=lambda: ([], []))
    tried: int = 0


_Entry = tuple[int, int, int]


def _enter(cycles: int, source: Source, entries: _Entries) -> Course:
    """Let an event wait at the input for exactly so many cycles, in turn a spike and a TICK.

    It waits while the output is stalled and all queues are full, and some cycles more: since when,
    and how many more, the same events show behind another reset.
    """
    turn, tick = divmod(entries.waits[cycles], 2)
    entries.waits[cycles] += 1
    while len(entries.known[tick]) <= turn and entries.tried < TRIED:
        yield from _try(source, entries)
    known = entries.known[tick] or entries.known[not tick]
    if known:
        number, begins, behind = known[turn % len(known)]
        yield from _repeat(source, number)
        yield from _for(begins + cycles - behind, STALL)


def _try(source: Source, entries: _Entries) -> Course:
    """Find out what comes of the next events. Where none waits, no others are tried."""
    number, entries.tried = entries.tried, entries.tried + 1
    yield from _repeat(source, number)
    seen = yield np.full(SETTLED, STALL, dtype=np.uint8)
    waited = _lasting(seen.offered & ~seen.taken)
    if waited < FILLED or not seen.waits[-1]:
        entries.tried = TRIED
        return
    behind = yield from _until_taken()
    if behind != NONE:
        entries.known[bool(seen.ends[-1])].append((number, SETTLED - waited, behind))


def _repeat(source: Source, number: int) -> Course:
    """Reset the design, and let the events with a number come."""
    yield from _idle(LOOK, quiet=True)
    yield from _for(RESETS, RESET | IDLE)
    source.repeat(number)


def _until_taken() -> Generator[Bytes, Seen, int]:
    """Let all come out: after how many cycles the event at the input is taken, else NONE."""
    for look in range(LOOKS):
        seen = yield from _look(0)
        if seen.taken.any():
            return look * LOOK + int(seen.taken.argmax())
    return NONE


def _end_step() -> Course:
    """Offer no more once a TICK was."""
    for _ in range(LOOKS):
        seen = yield from _look(IDLE)
        offered = np.flatnonzero(seen.offered)
        if len(offered) and seen.ends[offered[-1]] and offered[-1] < LOOK - 1:
            return
        yield from _for(1, 0)


def _idle(cycles: int, *, quiet: bool) -> Course:
    """Offer nothing for exactly so many cycles, of which nothing comes out in any if ``quiet``."""
    lasted = 0
    for _ in range(LOOKS):
        # What has been quiet for some looks is at rest.
        more = cycles - lasted if lasted > (RESTS * LOOK if quiet else 0) else LOOK
        seen = yield np.full(min(more, AT_ONCE), IDLE, dtype=np.uint8)
        still = ~(seen.offered | seen.waits) if quiet else ~seen.offered
        lasted = lasted + len(still) if still.all() else _lasting(still)
        if lasted >= cycles:
            return
    yield from _for(cycles - lasted, IDLE)


def _look(flags: int) -> Generator[Bytes, Seen, Seen]:
    return (yield np.full(LOOK, flags, dtype=np.uint8))


def _lasting(bits: Bools) -> int:
    """How many of the last cycles in a row had it."""
    others = np.flatnonzero(~bits)
    return len(bits) - 1 - int(others[-1]) if len(others) else len(bits)
