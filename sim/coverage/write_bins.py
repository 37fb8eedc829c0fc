"""The bins of what is written at run time: what, when, and what is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from ...cycles.access import NONE, NUMBERS, AddressMap, Writes, is_single, value_range
from ...cycles.access import inputs_of as rows_of
from ...cycles.latency import AnyCore
from ...cycles.model import CycleInputs, CycleOutputs
from ...params.core import Writable
from .bins import BinRule, Bools, Ints
from .cycle_bins import Cycles, Runs

#: Stands for no write.
NOT_TAKEN = -2


class WriteCycles:
    """Some cycles of the write port of a design, after those of ``before``."""

    def __init__(
        self, where: AddressMap, inputs: CycleInputs, outputs: CycleOutputs, cycles: Cycles,
        before: WriteCycles | None,
    ) -> None:  # fmt: skip
        self.cycles = cycles
        self.valid, self.ready = np.asarray(inputs.write_valid) != 0, outputs.write_ready
        self.where = where
        self.lane, self.word, self.row, _, self.core = where.fields(inputs.write_address)
        self.named: Writes = where.decode(inputs.write_address, inputs.write_data)
        #: Handed over, though in a cycle of a reset it is lost; and taken.
        self.handed = self.valid & self.ready
        self.taken = self.handed & ~cycles.rst
        self.to_nothing = self.taken & (self.named.core == NONE)
        self._waits: Runs = Runs(self.valid & ~self.ready, before._waits.after if before else 0)
        # The core of what was taken, two cycles before the first one and on.
        last = before._cores[-2:] if before else np.full(2, NOT_TAKEN)
        self._cores: Ints = np.append(last, np.where(self.taken, self.named.core, NOT_TAKEN))

    def of(self, core: int, name: Writable | None = None) -> Bools:
        """In which cycles a write to a core is taken, to one of its parameters if one is named."""
        found: Bools = self.taken & self.names(core)
        return found if name is None else found & (self.named.parameter == NUMBERS[name])

    def names(self, core: int) -> Bools:
        """In which cycles something of a core is named, by a valid write or not."""
        found: Bools = self.named.core == core
        return found

    @property
    def waited(self) -> Ints:
        """For how many cycles the write of each cycle has waited; for one, if it is taken at
        once."""
        return self._waits.before

    @property
    def back_to_back(self) -> Bools:
        """In which cycles a write is taken as soon as one can be behind another."""
        found: Bools = self.taken & (self._cores[:-2] != NOT_TAKEN)
        return found

    def just_taken(self, core: int) -> Bools:
        """In which cycles a write to a core was taken just before."""
        found: Bools = self._cores[1:-1] == core
        return found


WriteBin = BinRule[WriteCycles]


def write_bins(where: AddressMap, prefixes: Sequence[str]) -> Iterator[WriteBin]:
    """The bins of the writes to some cores, whose groups begin with ``prefixes``."""
    yield WriteBin("write", "back to back", lambda c: c.back_to_back)
    yield WriteBin(
        "write", "to nothing, in the cycle of a reset",
        lambda c: c.handed & c.cycles.rst & (c.named.core == NONE),
    )  # fmt: skip
    there = [k for k, core in enumerate(where.cores) if core.writable]
    bits = where.address_bits - where.core_at
    yield WriteBin(
        "write",
        "to nothing: another core",
        lambda c: c.to_nothing & ~np.isin(c.core, there),
        f"every number of {bits} bits is a core" if len(there) == 1 << bits else "",
    )
    for k in there:
        core, prefix = where.cores[k], prefixes[k]
        yield from _port_bins(k, f"{prefix}write", to_input=k == 0)
        for name in core.writable:
            yield from _place_bins(where, core, k, name, f"{prefix}write of {name}")


def _port_bins(k: int, group: str, *, to_input: bool) -> Iterator[WriteBin]:
    """When core ``k`` takes a write; ``to_input``: its events are those of the design."""

    def waits(*flags: str, but: Sequence[str] = ()) -> Callable[[WriteCycles], Bools]:
        return lambda c: (
            c.names(k) & c.valid & ~c.ready & (c.waited > 0) & c.cycles.flags(k, *flags, but=but)
        )

    yield WriteBin(group, "to another parameter, which is not there", lambda c: (
        c.to_nothing & (c.core == k)
        & ~np.isin(c.named.parameter, [NUMBERS[n] for n in c.where.cores[k].writable])
    ))  # fmt: skip
    yield WriteBin(group, "taken at once", lambda c: c.of(k) & (c.waited == 1))
    yield WriteBin(group, "taken after it waited", lambda c: c.of(k) & (c.waited > 1))
    yield WriteBin(group, "waits while a step has begun", waits(but=["pending", "updating"]))
    yield WriteBin(group, "waits behind a TICK that waits", waits("pending"))
    yield WriteBin(group, "waits for an update or a clear", waits("updating"))
    yield WriteBin(group, "in the cycle of a reset", lambda c: (
        c.handed & c.cycles.rst & c.names(k)
    ))  # fmt: skip
    yield WriteBin(group, "in the cycle before a reset", lambda c: c.cycles.rst & c.just_taken(k))
    if to_input:
        yield WriteBin(group, "taken while an event waits", lambda c: (
            c.of(k) & c.cycles.valid & ~c.cycles.in_ready
        ))  # fmt: skip


def _place_bins(
    where: AddressMap, core: AnyCore, k: int, name: Writable, group: str
) -> Iterator[WriteBin]:
    """Where a parameter of core ``k`` is written, and what."""
    rows = rows_of(core) if name == "weights" else 1
    single = is_single(core, name)
    words, lanes = (1, 1) if single else (core.words, core.lanes)
    low, high = value_range(core, name)
    one = partial(WriteBin, group)

    def when(hit: Callable[[WriteCycles], Bools]) -> Callable[[WriteCycles], Bools]:
        return lambda c: c.of(k, name) & hit(c)

    def nothing(hit: Callable[[WriteCycles], Bools]) -> Callable[[WriteCycles], Bools]:
        named = NUMBERS[name]
        return lambda c: c.to_nothing & (c.core == k) & (c.named.parameter == named) & hit(c)

    yield one("the lowest value", when(lambda c: c.named.value == low))
    yield one("the highest value", when(lambda c: c.named.value == high))
    for what, count, bits in (
        ("row", rows, where.row_bits), ("word", words, where.word_bits),
        ("lane", lanes, where.lane_bits),
    ):  # fmt: skip
        if count > 1:
            yield one(f"the first {what}", when(_is(what, 0)))
            yield one(f"the last {what}", when(_is(what, count - 1)))
        full = f"every number of {bits} bits is a {what}" if count == 1 << bits else ""
        yield one(f"to nothing: another {what}", nothing(_beyond(what, count)), full)
    last = core.n_neurons - (core.words - 1) * core.lanes
    if not single and last < lanes:
        yield one("to nothing: a lane of the last word without a neuron", nothing(
            lambda c: (c.word == words - 1) & (c.lane >= last) & (c.lane < lanes)
        ))  # fmt: skip


def _is(what: str, number: int) -> Callable[[WriteCycles], Bools]:
    return lambda c: getattr(c, what) == number


def _beyond(what: str, count: int) -> Callable[[WriteCycles], Bools]:
    return lambda c: getattr(c, what) >= count
