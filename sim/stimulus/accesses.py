"""Random writes to some cores while they run, and random reads of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cycles.access import AddressMap, as_register, is_single, value_range
from ...cycles.control import Ints, Records
from ...cycles.driver import ACCESS, AccessSource, Driver
from ...cycles.latency import AnyCore
from ...network.sources import GAMMA, mix, mix_all
from ...params.core import CoreParams, Writable
from ...rule.written import register_value
from .random import READ_AXIS, WRITE_AXIS

#: Cycles between two accesses: none, a few, or so many that steps pass undisturbed.
GAPS = (0, 0, 0, 0, 0, 3, 3, 10, 10, 40, 40, 200, 200, 400, 400, 2000)
#: No gap is longer than so many cycles for each access before it: a short run sees some.
SHARE = 8
#: Of so many accesses one goes to any address and one to what is hardly another; of so many writes
#: one has the lowest value, one the highest and one any; of so many accesses one goes to the first
#: row or neuron, and one to the last.
ANYWHERE, ANYTHING, ENDS = 8, 16, 8
#: Accesses that are drawn at a time, and at most so many numbers for each.
BATCH, NUMBERS = 256, 13
_WORD = (1 << 64) - 1


class RandomAccesses(ABC):
    """Writes to some cores or reads of them, from one seed and without end."""

    def __init__(self, cores: Sequence[AnyCore], seed: int, axis: int) -> None:
        self._cores, self._where = cores, AddressMap(cores)
        self._key, self._drawn = mix(mix(seed & _WORD) ^ axis), 0

    def take(self, least: int) -> Records:
        """At least the next ``least`` accesses: rows of :data:`fxlif.cycles.driver.ACCESS`.

        How many are taken at a time changes nothing about which they are.
        """
        return np.concatenate([self._batch() for _ in range(-(-least // BATCH))])

    def _batch(self) -> Records:
        counter = np.arange(1, BATCH * NUMBERS + 1, dtype=np.uint64) + np.uint64(self._drawn)
        words = mix_all(counter * np.uint64(GAMMA) + np.uint64(self._key))
        so_far = self._drawn // NUMBERS + np.arange(BATCH)
        self._drawn += len(words)
        self._numbers = iter((words >> np.uint64(33)).astype(np.int64).reshape(NUMBERS, BATCH))
        made = np.zeros(BATCH, dtype=ACCESS)
        made["gap"] = np.minimum(
            self.draw(1 + np.array(GAPS)[self.draw(len(GAPS))]), SHARE * so_far
        )
        self._fill(made)
        where = self._where
        strays, bit, other = self.draw(ANYWHERE), self.draw(max(1, where.address_bits)), self.any()
        hardly, anywhere = strays == 0, strays == 1
        made["address"][hardly] ^= 1 << bit[hardly]
        made["address"][anywhere] = other[anywhere]
        made["address"] &= (1 << where.address_bits) - 1
        return made

    @abstractmethod
    def _fill(self, made: Records) -> None:
        """Draw addresses of what is there, and data."""

    def any(self) -> Ints:
        """Any numbers, one for each of a batch."""
        return next(self._numbers)

    def draw(self, below: npt.ArrayLike) -> Ints:
        """Numbers in 0..below - 1 (below 2**31)."""
        drawn: Ints = self.any() * np.asarray(below) >> 31
        return drawn

    def place(self, count: Ints) -> Ints:
        """Numbers in 0..count - 1, the first and the last more often than others."""
        which = self.draw(ENDS)
        return np.where(which == 0, 0, np.where(which == 1, count - 1, self.draw(count)))


class RandomWrites(RandomAccesses):
    """Writes to some cores, from one seed and without end.

    Values are near those of the design, so that neurons go on firing, or any at all.
    """

    def __init__(self, cores: Sequence[AnyCore], seed: int) -> None:
        super().__init__(cores, seed, WRITE_AXIS)
        self._there = [(k, name) for k, core in enumerate(cores) for name in core.writable]
        self._values = [values_of(cores[k], name) for k, name in self._there]

    def _fill(self, made: Records) -> None:
        where = self._where
        address_of: Any = where.address  # of arrays too
        chosen = self.draw(len(self._there))
        rows, neurons = np.array([values.shape for values in self._values]).T
        row, neuron = self.place(rows[chosen]), self.place(neurons[chosen])
        how, swing, anything = self.draw(ANYTHING), self.any(), self.any()
        for number, (k, name) in enumerate(self._there):
            here = chosen == number
            low, high = value_range(self._cores[k], name)
            now = self._values[number][row[here], neuron[here]]
            near = np.maximum(1, np.abs(now) // 2)
            close = np.clip(now + swing[here] % (2 * near + 1) - near, low, high)
            value = np.choose(np.minimum(how[here], 3), [low, high, anything[here], close])
            # What lies above the bits of a value means nothing.
            own = where.data(k, name, -1)
            made["data"][here] = (value & own) | (anything[here] & ~own)
            made["address"][here] = address_of(k, name, neuron[here], row[here])
        made["data"] &= (1 << where.data_bits) - 1


class RandomReads(RandomAccesses):
    """Reads of some cores, from one seed and without end."""

    def __init__(self, cores: Sequence[AnyCore], seed: int) -> None:
        super().__init__(cores, seed, READ_AXIS)
        where = self._where
        #: Address of the first neuron of each item, and how many neurons.
        self._there = [(0, where.read_address(0, name), 1) for name in where.port_counts]
        for k, core in enumerate(cores):
            for name in where.items(core):
                count = core.n_neurons if name in core.neuron.state_widths else 1
                self._there.append((k, where.read_address(k, name), count))

    def _fill(self, made: Records) -> None:
        core, first, count = np.array(self._there)[self.draw(len(self._there))].T
        lanes = np.array([core.lanes for core in self._cores])[core]
        word, lane = np.divmod(self.place(count), lanes)
        made["address"] = first | word << self._where.lane_bits | lane


def random_accesses(
    cores: Sequence[AnyCore], seed: int, driver: Driver
) -> list[tuple[AccessSource, RandomAccesses]]:
    """The sources of a driver that what there is to write and to read needs, and what refills
    each."""
    made: list[tuple[AccessSource, RandomAccesses]] = []
    if any(core.writable for core in cores):
        made.append((driver.writes, RandomWrites(cores, seed)))
    if any(core.readable for core in cores):
        made.append((driver.reads, RandomReads(cores, seed)))
    return made


def values_of(core: AnyCore, name: Writable) -> Ints:
    """What can be written of a parameter, as it is in the design, (rows, places); of rows of
    synapses by the numbers of words and by lane, 0 where there is none."""
    if name == "weights":
        if isinstance(core, CoreParams):
            weights: Ints = core.weights.astype(np.int64)
            return weights
        found = np.zeros(core.weight_slots.shape, dtype=np.int64)
        for memory, first in zip(core.memories, core.first_words, strict=True):
            found[first : first + memory.depth] = memory.weights
        return found
    register = as_register(name)
    if register is not None:
        return np.array([[register_value(core.neuron, register)]])
    thresholds: Ints = np.array([core.thresholds], dtype=np.int64) >> core.neuron.threshold_shift
    return thresholds[:, :1] if is_single(core, name) else thresholds


def writes_of_all(cores: Sequence[AnyCore]) -> Records:
    """Writes of all values as they are in the design."""
    where = AddressMap(cores)
    rows = [
        (0, 0, where.address(k, name, place, row), where.data(k, name, int(value)))
        for k, core in enumerate(cores)
        for name in core.writable
        for (row, place), value in np.ndenumerate(values_of(core, name))
    ]
    return np.array(rows, dtype=ACCESS)


def random_writes(cores: Sequence[AnyCore], seed: int) -> Iterator[tuple[int, int, int]]:
    """Cycles to wait, address and data of each write, one by one and without end."""
    source = RandomWrites(cores, seed)
    while True:
        for write in source.take(1):
            yield int(write["gap"]), int(write["address"]), int(write["data"])


def random_reads(cores: Sequence[AnyCore], seed: int) -> Iterator[tuple[int, int]]:
    """Cycles to wait, and address of each read, one by one and without end."""
    source = RandomReads(cores, seed)
    while True:
        for read in source.take(1):
            yield int(read["gap"]), int(read["address"])
