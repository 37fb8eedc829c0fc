"""The words of synapses of a core of rows, and when the same sum is used again too soon to be read
from its memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...cycles.model import CoreTrace
from ...layout import RowCore
from .bins import Bools, Ints
from .cycle_bins import FLAG, Runs

#: A sum that is used again so many cycles later, or fewer, is not read from its memory.
AHEAD = 4
#: Stands for no sum.
NOTHING = -1


class RowWords:
    """What each word is, in the order in which the cycle model holds them.

    ``memory``, ``row``, ``slot`` within the row and ``length`` of the row, (words,); the row of a
    word that no row uses is -1. ``word`` of neurons, ``delay`` and ``weight`` of each lane, (words,
    lanes); a weight that can be written is 1 here, and 0 where no synapse is. ``places``
    (:func:`~fxlif.cycles.row_model.first_weights`): where each memory begins.
    """

    def __init__(self, core: RowCore, places: dict[int, int]) -> None:
        self.core = core
        self.first = min(places.values(), default=0)
        none = np.zeros((4, 0), dtype=np.int64)
        wide = np.zeros((3, 0, core.lanes), dtype=np.int64)
        narrow, lanes = [none], [wide]
        #: The number of the first word of each memory here.
        self.begins: dict[int, int] = {}
        for number in sorted(places, key=places.__getitem__):
            memory = core.memories[number].unrolled
            self.begins[number] = sum(len(words[0]) for words in narrow)
            each = np.full((4, memory.depth), -1)
            each[0], each[3] = number, 0
            rows = np.repeat(np.arange(memory.n_pre), memory.lengths)
            ends = np.cumsum(memory.lengths)
            slots = np.arange(len(rows)) - (ends - memory.lengths)[rows]
            each[1:, memory.starts[rows] + slots] = rows, slots, memory.lengths[rows]
            words = each[2][:, np.newaxis] if memory.words is None else memory.words
            delays = memory.delay + (0 if memory.delays is None else memory.delays)
            here = np.zeros((3, memory.depth, core.lanes), dtype=np.int64)
            here[0], here[1] = words, delays
            # What is written may be any: where a synapse is something is added.
            here[2] = memory.weights if memory.holds is None else memory.holds
            narrow.append(each)
            lanes.append(here)
        self.memory, self.row, self.slot, self.length = np.concatenate(narrow, axis=1)
        self.word, self.delay, self.weight = np.concatenate(lanes, axis=1)
        of = [memory.accumulator for memory in core.memories]
        self.accumulator = np.array([*of, 0])[self.memory]

    def sums(self, accumulator: int, words: Ints, base: Ints) -> Ints:
        """Which sum of an accumulator each lane of some words adds to in the slots ``base`` of the
        ring, (words, lanes); -1: none, or it adds nothing."""
        slots = self.core.accumulators[accumulator].slots
        slot = (base[:, np.newaxis] + self.delay[words]) & (slots - 1)
        adds = (self.weight[words] != 0) & (self.accumulator[words] == accumulator)[:, np.newaxis]
        return np.where(adds, slot * self.core.words + self.word[words], NOTHING)

    def ends(
        self, accumulator: int, memories: Sequence[int] | None = None
    ) -> tuple[list[Ints], list[Ints]]:
        """The sums, in slot 0 of the ring, of the first AHEAD words of rows, by word, and of the
        last ones, from the last on: (sums, 2) with the lane. Of these ``memories``; None: all."""
        used = np.flatnonzero(self.row >= 0)
        if memories is not None:
            used = used[np.isin(self.memory[used], memories)]
        sums = self.sums(accumulator, used, np.zeros(len(used), dtype=np.int64))
        lanes = np.broadcast_to(np.arange(self.core.lanes), sums.shape)
        pairs = np.stack([sums, lanes], axis=-1)

        def at(place: Ints, number: int) -> Ints:
            found = pairs[place == number].reshape(-1, 2)
            return np.unique(found[found[:, 0] != NOTHING], axis=0)

        slot, length = self.slot[used], self.length[used]
        starts = [at(slot, k) for k in range(AHEAD)]
        return starts, [at(length - 1 - slot, k) for k in range(AHEAD)]


class Before(NamedTuple):
    """What the cycles that come must know of those before."""

    adding: Bools
    issuing: Bools
    word: Ints
    base: Ints
    slot: Ints
    rst: Bools
    updates: int
    run: int


class RowCycles:
    """What a core of rows adds in some cycles, after those of ``before``.

    The arrays are (AHEAD + cycles,), with the last cycles of before: ``adding`` a ``word``, and
    ``issuing`` word ``slot`` of an update, with the ring at ``base``.
    """

    def __init__(
        self, words: RowWords, trace: CoreTrace, rst: Bools, before: RowCycles | None = None
    ) -> None:
        self.words, self.ends = words, trace.ends
        core = words.core
        adding = (trace.control & FLAG["adding"] != 0) & ~rst
        if core.neuron.per_event:  # an operation takes longer than its words
            adding &= trace.word != NOTHING
        issuing = (trace.control & FLAG["issuing"] != 0) & ~rst
        nothing = np.zeros(AHEAD, dtype=np.int64)
        last = before._last if before else Before(
            nothing != 0, nothing != 0, nothing, nothing, nothing, nothing == 0, 0, 0
        )  # fmt: skip
        runs = Runs(issuing, last.run)
        slot = runs.before
        through = np.cumsum(issuing & (slot == core.words - 1)) + last.updates
        updates = np.append(last.updates, through)
        # Counted from the last reset on.
        resets = np.maximum.accumulate(np.append(0, np.where(rst, through, 0)))
        since = updates - resets
        word = np.where(adding, (trace.word - words.first) // core.lanes, 0)
        now = (adding, issuing, word, since[:-1], slot, rst)
        self.adding: Bools
        self.rst: Bools
        self.adding, self.issuing, self.word, self.base, self.slot, self.rst = (
            np.concatenate(pair) for pair in zip(last[:6], now, strict=True)
        )
        tail = slice(-AHEAD, None)
        self._last: Before = Before(
            self.adding[tail], self.issuing[tail], self.word[tail], self.base[tail],
            self.slot[tail], self.rst[tail], int(since[-1]), runs.after,
        )  # fmt: skip
        self._cache: dict[int, tuple[Ints, Ints]] = {}

    @cached_property
    def added(self) -> Ints:
        """The words added in these cycles, in order."""
        words: Ints = self.word[AHEAD:][self.adding[AHEAD:]]
        return words

    @cached_property
    def seen(self) -> Ints:
        """Each of these words once."""
        return np.unique(self.added)

    @property
    def added_in(self) -> Ints:
        """The cycle in which each was added."""
        return np.flatnonzero(self.adding[AHEAD:])

    @property
    def added_base(self) -> Ints:
        """The slot of the ring in which each was added."""
        bases: Ints = self.base[AHEAD:][self.adding[AHEAD:]]
        return bases

    def met(self, accumulator: int, end: int) -> Bools:
        """Of the words added, which met this end of an accumulator in some lane."""
        ends = self.ends[self.adding[AHEAD:]]
        found: Bools = (ends & end != 0) & (self.words.accumulator[self.added] == accumulator)
        return found

    def _sums(self, accumulator: int) -> tuple[Ints, Ints]:
        """Which sums are added to, and taken, in each cycle: (cycles, lanes), (cycles, 1)."""
        if accumulator not in self._cache:
            core = self.words.core
            shape = len(self.adding), core.lanes
            added = np.full(shape, NOTHING)
            at = np.flatnonzero(self.adding)
            added[at] = self.words.sums(accumulator, self.word[at], self.base[at])
            ring = self.base & (core.accumulators[accumulator].slots - 1)
            taken = np.where(self.issuing, ring * core.words + self.slot, NOTHING)
            self._cache[accumulator] = added, taken[:, np.newaxis]
        return self._cache[accumulator]

    def again(self, accumulator: int, first: str, then: str, cycles: int) -> Bools:
        """In which cycles a sum is ``added`` to or ``taken`` that was so just ``cycles`` before."""
        sums = dict(zip(("added", "taken"), self._sums(accumulator), strict=True))
        now, earlier = sums[then][AHEAD:], sums[first][AHEAD - cycles : -cycles]
        same = ((now == earlier) & (now != NOTHING)).any(axis=1)
        count = len(same)
        for back in range(1, cycles + 1):
            same &= ~self.rst[AHEAD - back :][:count]
        found: Bools = same
        return found
