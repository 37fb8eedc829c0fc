"""The bins of what is written and read at run time: what, when, and what is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...cycles.access import (
    DESIGN,
    NONE,
    NUMBERS,
    READ_NUMBERS,
    AddressMap,
    Reads,
    Writes,
    bits_range,
    is_single,
    value_range,
    weight_words,
)
from ...cycles.access import inputs_of as rows_of
from ...cycles.latency import READ_CYCLES, AnyCore
from ...cycles.model import CycleInputs, CycleOutputs
from ...layout import RowCore
from ...params.core import Writable
from .bins import BinRule, Bools, Ints
from .cycle_bins import Cycles, Runs

#: Stands for nothing that was taken.
NOT_TAKEN = -3


class AccessCycles:
    """Some cycles of the write or the read port of a design, after those of ``before``.

    ``valid``, ``ready``, ``address`` (cycles,): what the port shows; ``named``: what is there.
    """

    def __init__(
        self, where: AddressMap, valid: Bools, ready: Bools, address: Ints, named: Writes | Reads,
        cycles: Cycles, before: AccessCycles | None,
    ) -> None:  # fmt: skip
        self.cycles, self.where = cycles, where
        self.valid, self.ready = valid, ready
        self.lane, self.word, self.row, self.item, self.core = where.fields(address)
        self.found = named.core
        #: Handed over, though in a cycle of a reset it is lost; and taken.
        self.handed = self.valid & self.ready
        self.taken = self.handed & ~cycles.rst
        self.to_nothing = self.taken & (self.found == NONE)
        self._waits: Runs = Runs(self.valid & ~self.ready, before._waits.after if before else 0)
        # The core of what was taken, some cycles before the first one and on, and resets.
        last = before._cores[-READ_CYCLES:] if before else np.full(READ_CYCLES, NOT_TAKEN)
        self._cores: Ints = np.append(last, np.where(self.taken, self.found, NOT_TAKEN))
        resets = before._resets[-READ_CYCLES:] if before else np.zeros(READ_CYCLES, dtype=np.bool_)
        self._resets: Bools = np.append(resets, cycles.rst)

    def of(self, core: int, item: int | None = None) -> Bools:
        """In which cycles an access to a core is taken, to one of its items if one is named."""
        found: Bools = self.taken & self.names(core)
        return found if item is None else found & (self.item == item)

    def names(self, core: int) -> Bools:
        """In which cycles something of a core is named, by a valid access or not."""
        found: Bools = self.found == core
        return found

    @property
    def waited(self) -> Ints:
        """For how many cycles the access of each cycle has waited; for one, if it is taken at
        once."""
        return self._waits.before

    @property
    def back_to_back(self) -> Bools:
        """In which cycles an access is taken as soon as one can be behind another."""
        found: Bools = self.taken & (self._ago(2) != NOT_TAKEN)
        return found

    def just_taken(self, core: int, ago: int = 1) -> Bools:
        """In which cycles an access to a core was taken just before, or so many cycles ago, with no
        reset in between."""
        found: Bools = self._ago(ago) == core
        for between in range(1, ago):
            found &= ~self._resets[READ_CYCLES - between :][: len(found)]
        return found

    def _ago(self, cycles: int) -> Ints:
        return self._cores[READ_CYCLES - cycles :][: len(self.taken)]


class WriteCycles(AccessCycles):
    """Some cycles of the write port."""

    def __init__(
        self, where: AddressMap, inputs: CycleInputs, outputs: CycleOutputs, cycles: Cycles,
        before: WriteCycles | None,
    ) -> None:  # fmt: skip
        self.named = where.decode(inputs.write_address, inputs.write_data)
        self._data: Ints = np.asarray(inputs.write_data, dtype=np.int64)
        valid, address = np.asarray(inputs.write_valid) != 0, np.asarray(inputs.write_address)
        super().__init__(where, valid, outputs.write_ready, address, self.named, cycles, before)

    @property
    def value(self) -> Ints:
        """What is written."""
        return self.named.value

    def to_no_value(self, core: int, parameter: Writable) -> Bools:
        """In which cycles a write to a parameter of a core is taken that cannot be what it says."""
        of = self.where.cores[core]
        (least, most), (low, high) = bits_range(of, parameter), value_range(of, parameter)
        value = ((self._data - least) & (most - least)) + least
        found: Bools = self.to_nothing & (self.core == core) & (self.item == NUMBERS[parameter])
        return found & ((value < low) | (value > high))

    def to_no_synapse(self, core: int) -> Bools:
        """In which cycles a write is taken to a slot of a row that holds none."""
        found: Bools = self.to_nothing & (self.named.waits == core)
        return found


class ReadCycles(AccessCycles):
    """Some cycles of the read port; ``writes``: those of the write port, if there is one."""

    def __init__(
        self, where: AddressMap, inputs: CycleInputs, outputs: CycleOutputs, cycles: Cycles,
        before: ReadCycles | None, writes: WriteCycles | None,
    ) -> None:  # fmt: skip
        address = np.asarray(inputs.read_address)
        named = where.decode_reads(address)
        valid = np.asarray(inputs.read_valid) != 0
        super().__init__(where, valid, outputs.read_ready, address, named, cycles, before)
        self.writes = writes
        last = before._stepped if before else [False] * len(cycles.control)
        stepped = [self._since_reset(k, carried) for k, carried in enumerate(last)]
        self._stepped: list[bool] = [bool(each[-1]) for each in stepped]
        #: By core, whether it has begun a step since the last reset, before each cycle.
        self.stepped: list[Bools] = [each[:-1] for each in stepped]

    def _since_reset(self, k: int, carried: bool) -> Bools:
        starts = self.cycles.flags(k, "starting")
        known = np.append(True, starts | self.cycles.rst)
        values = np.append(carried, starts & ~self.cycles.rst)
        at = np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))
        found: Bools = values[at]
        return found


#: Of cycles of either port.
AccessBin = BinRule[Any]


class Place(NamedTuple):
    """An item of a core: its group, its number, and how many rows, words and lanes it has; of the
    last word so many are neurons, all where there is one."""

    group: str
    item: int
    rows: int = 1
    words: int = 1
    lanes: int = 1
    last: int = 1


def write_bins(where: AddressMap, prefixes: Sequence[str]) -> Iterator[AccessBin]:
    """The bins of the writes to some cores, whose groups begin with ``prefixes``."""
    there = [k for k, core in enumerate(where.cores) if core.writable]
    yield from _general_bins(where, "write", "to", there)
    for k in there:
        core, group = where.cores[k], f"{prefixes[k]}write"
        items = [NUMBERS[name] for name in core.writable]
        yield from _port_bins(k, group, "to another parameter", items)
        for name in core.writable:
            one = partial(AccessBin, f"{group} of {name}")
            low, high = value_range(core, name)
            yield one("the lowest value", partial(_writes, k, NUMBERS[name], low))
            yield one("the highest value", partial(_writes, k, NUMBERS[name], high))
            yield one(
                "a value between", partial(_writes_between, k, NUMBERS[name], low, high),
                "" if high - low > 1 else "there is none",
            )  # fmt: skip
            if (low, high) != bits_range(core, name):
                yield one("to nothing: no value of it", partial(_to_no_value, k, name))
            if name == "weights" and isinstance(core, RowCore):
                yield from _row_bins(where, core, k, f"{group} of {name}")
            else:
                place = _place(f"{group} of {name}", core, NUMBERS[name], is_single(core, name))
                rows = rows_of(core) if name == "weights" else 1
                yield from _place_bins(where, k, place._replace(rows=rows), "to")


def read_bins(where: AddressMap, prefixes: Sequence[str]) -> Iterator[AccessBin]:
    """The bins of the reads of some cores, whose groups begin with ``prefixes``."""
    there = [k for k, core in enumerate(where.cores) if core.readable]
    yield from _general_bins(where, "read", "of", there)
    counts = [READ_NUMBERS[name] for name in where.port_counts]
    for name in where.port_counts:
        yield AccessBin("read", f"of {name}", partial(_taken, DESIGN, READ_NUMBERS[name]))
    yield AccessBin(
        "read", "of nothing: a counter of the design at another place",
        lambda c: c.to_nothing & (c.core == 0) & np.isin(c.item, counts),
        "" if where.item_at else "there is one place",
    )  # fmt: skip
    if any(core.writable for core in where.cores):
        yield AccessBin("read", "taken with a write", lambda c: c.taken & c.writes.taken)
    for k in there:
        core, group = where.cores[k], f"{prefixes[k]}read"
        items = [READ_NUMBERS[name] for name in where.items(core)]
        # A counter of the design is at another place.
        known = [*items, *(counts if k == 0 else ())]
        yield from _port_bins(k, group, "of another item", known)
        yield from _answer_bins(k, group)
        for name in where.items(core):
            single = name not in core.neuron.state_widths
            place = _place(f"{group} of {name}", core, READ_NUMBERS[name], single)
            yield from _place_bins(where, k, place, "of")


def _general_bins(
    where: AddressMap, group: str, to: str, there: Sequence[int]
) -> Iterator[AccessBin]:
    """What is no core's."""
    bits = where.address_bits - where.core_at
    yield AccessBin(group, "back to back", lambda c: c.back_to_back)
    yield AccessBin(
        group, f"{to} nothing, in the cycle of a reset",
        lambda c: c.handed & c.cycles.rst & (c.found == NONE),
    )  # fmt: skip
    yield AccessBin(
        group, f"{to} nothing: another core", lambda c: c.to_nothing & ~np.isin(c.core, there),
        f"every number of {bits} bits is a core" if len(there) == 1 << bits else "",
    )  # fmt: skip


def _taken(k: int, item: int, c: AccessCycles) -> Bools:
    return c.of(k, item)


def _writes(k: int, item: int, value: int, c: WriteCycles) -> Bools:
    found: Bools = c.of(k, item) & (c.value == value)
    return found


def _to_no_value(k: int, parameter: Writable, c: WriteCycles) -> Bools:
    return c.to_no_value(k, parameter)


def _writes_between(k: int, item: int, low: int, high: int, c: WriteCycles) -> Bools:
    found: Bools = c.of(k, item) & (c.value > low) & (c.value < high)
    return found


def _place(group: str, core: AnyCore, item: int, single: bool) -> Place:
    """An item of each neuron of a core, or a single one."""
    if single:
        return Place(group, item)
    last = core.n_neurons - (core.words - 1) * core.lanes
    return Place(group, item, 1, core.words, core.lanes, last)


def _port_bins(k: int, group: str, other: str, items: Sequence[int]) -> Iterator[AccessBin]:
    """When core ``k``, which has these ``items``, takes an access; the events of the first core
    are those of the design."""

    def waits(*flags: str, but: Sequence[str] = ()) -> Callable[[AccessCycles], Bools]:
        return lambda c: (
            c.names(k) & c.valid & ~c.ready & (c.waited > 0) & c.cycles.flags(k, *flags, but=but)
        )

    yield AccessBin(group, f"{other}, which is not there", lambda c: (
        c.to_nothing & (c.core == k) & ~np.isin(c.item, items)
    ))  # fmt: skip
    yield AccessBin(group, "taken at once", lambda c: c.of(k) & (c.waited == 1))
    yield AccessBin(group, "taken after it waited", lambda c: c.of(k) & (c.waited > 1))
    yield AccessBin(group, "waits while a step has begun", waits(but=["pending", "updating"]))
    yield AccessBin(group, "waits behind a TICK that waits", waits("pending"))
    yield AccessBin(group, "waits for an update or a clear", waits("updating"))
    yield AccessBin(
        group, "in the cycle of a reset", lambda c: c.handed & c.cycles.rst & c.names(k)
    )
    yield AccessBin(group, "in the cycle before a reset", lambda c: c.cycles.rst & c.just_taken(k))
    if k == 0:
        yield AccessBin(group, "taken while an event waits", lambda c: (
            c.of(k) & c.cycles.valid & ~c.cycles.in_ready
        ))  # fmt: skip


def _answer_bins(k: int, group: str) -> Iterator[AccessBin]:
    """When core ``k`` answers, and what of: the state after a reset, and that of a step."""
    yield AccessBin(group, "a reset in the cycle before the answer", lambda c: (
        c.cycles.rst & c.just_taken(k, READ_CYCLES - 1)
    ))  # fmt: skip
    yield AccessBin(group, "a reset in the cycle of the answer", lambda c: (
        c.cycles.rst & c.just_taken(k, READ_CYCLES)
    ))  # fmt: skip
    yield AccessBin(group, "before the first step", lambda c: c.of(k) & ~c.stepped[k])
    yield AccessBin(group, "behind a step", lambda c: c.of(k) & c.stepped[k])


def _place_bins(where: AddressMap, k: int, place: Place, to: str) -> Iterator[AccessBin]:
    """Where an item of core ``k`` is."""
    group, item, *counts, last = place

    def nothing(hit: Callable[[AccessCycles], Bools]) -> Callable[[AccessCycles], Bools]:
        return lambda c: c.to_nothing & (c.core == k) & (c.item == item) & hit(c)

    widths = where.row_bits, where.word_bits, where.lane_bits
    for what, count, bits in zip(("row", "word", "lane"), counts, widths, strict=True):
        if count > 1:
            yield AccessBin(group, f"the first {what}", partial(_at, k, item, what, 0))
            yield AccessBin(group, f"the last {what}", partial(_at, k, item, what, count - 1))
        full = f"every number of {bits} bits is a {what}" if count == 1 << bits else ""
        yield AccessBin(group, f"{to} nothing: another {what}", nothing(_beyond(what, count)), full)
    if last < place.lanes:
        name = f"{to} nothing: a lane of the last word without a neuron"
        yield AccessBin(group, name, nothing(
            lambda c: (c.word == place.words - 1) & (c.lane >= last) & (c.lane < place.lanes)
        ))  # fmt: skip


def _row_bins(where: AddressMap, core: RowCore, k: int, group: str) -> Iterator[AccessBin]:
    """Where weights of rows are written, by the numbers of words."""
    slots, item = core.weight_slots, NUMBERS["weights"]

    def is_number(end: int, c: WriteCycles) -> Bools:
        found: Bools = c.of(k, item) & ((c.row << where.word_bits | c.word) == end)
        return found

    for m, memory in enumerate(core.memories):
        numbers = np.flatnonzero((slots == m).any(axis=1))
        if len(numbers):
            ends = ("first", numbers[0]), ("last", numbers[-1])
            for name, end in ends[: len(numbers)]:
                told = f"the {name} word of projection[{memory.projection}]"
                yield AccessBin(group, told, partial(is_number, end))
    lanes = np.flatnonzero((slots >= 0).any(axis=0))
    for name, lane in (("first", lanes.min(initial=0)), ("last", lanes.max(initial=0))):
        if len(lanes) > 1:
            yield AccessBin(group, f"the {name} lane", partial(_at, k, item, "lane", lane))
    yield AccessBin(
        group, "to nothing: a slot without a synapse", lambda c: c.to_no_synapse(k),
        "" if (slots < 0).any() or weight_words(core) & (weight_words(core) - 1)
        else "each slot holds a synapse",
    )  # fmt: skip


def _at(k: int, item: int, what: str, number: int, c: AccessCycles) -> Bools:
    found: Bools = c.of(k, item) & (getattr(c, what) == number)
    return found


def _beyond(what: str, count: int) -> Callable[[AccessCycles], Bools]:
    return lambda c: getattr(c, what) >= count
