"""The parts of a network in hardware: what a core stores, what it reads, and which node feeds it.

Node 0 is the input, then come the regular sources that have a projection, then the cores, one for
each population, in the order in which they act within a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import Ints
from ..network.synapses import row_starts
from ..params.core import Writable, address_bits
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..params.protocol import CoreSignals


@dataclass(frozen=True)
class Accumulator:
    """Sums of weights, one for each neuron and each of the steps that are still to come.

    ``slots``, a power of two, are the steps of the ring. The sum, shifted left by ``shift``, is
    part of the neuron's current. One that ``saturates`` clamps each addition to its ``bits``; the
    others are wide enough for every step.
    """

    bits: int
    slots: int
    shift: int
    saturates: bool


@dataclass(frozen=True, eq=False)
class RowMemory:
    """The synapses of one projection as rows of words, one row for each neuron of its source.

    ``projection`` is its number in the network's list, ``accumulator`` that of the sums it adds
    to, if there are any. The addresses ``first`` to ``first + n_pre - 1`` of the stream that the
    core reads are its rows: ``starts`` and ``lengths``, (n_pre,) int64, in words. Each lane of a
    word holds one synapse. ``dense``: word k of a row acts on word k of the neurons, and a row has
    as many words as the core. Otherwise ``words`` holds the word number of each synapse, and
    ``delays`` how many steps later than ``delay`` it acts; both (depth, lanes) int64, ``delays`` is
    None where all are 0. A lane that has no synapse left in a row holds weight 0 at word 0.
    ``weights``, (depth, lanes) int64 of ``weight_bits`` signed bits, are shifted left by
    ``weight_shift`` before they are added. Where they can be written ``holds``, (depth, lanes),
    says which are those of a synapse; else it is None.

    Equal rows may have the same words. With ``offsets``, (n_pre,) int64 of ``offset_bits``, word
    numbers count from that of their row, modulo ``1 << offset_bits``. ``word_bits`` of a word
    number are stored.
    """

    projection: int
    accumulator: int
    first: int
    n_pre: int
    dense: bool
    delay: int
    weight_bits: int
    weight_shift: int
    starts: Ints
    lengths: Ints
    weights: Ints
    words: Ints | None
    word_bits: int
    delays: Ints | None
    delay_bits: int
    offsets: Ints | None
    offset_bits: int
    holds: npt.NDArray[np.bool_] | None = None

    @cached_property
    def unrolled(self) -> RowMemory:
        """The same synapses without offsets, where each row has words of its own."""
        if self.offsets is None or self.words is None:
            return self
        row = np.repeat(np.arange(self.n_pre), self.lengths)
        starts = row_starts(self.lengths)[:-1]
        place = self.starts[row] + np.arange(len(row)) - starts[row]
        words = self.words[place] + self.offsets[row, np.newaxis] & (1 << self.offset_bits) - 1
        return replace(
            self, starts=starts, weights=self.weights[place], words=words,
            word_bits=self.offset_bits, offsets=None, offset_bits=0,
            delays=None if self.delays is None else self.delays[place],
        )  # fmt: skip

    @property
    def depth(self) -> int:
        """Words of the memory."""
        return len(self.weights)

    @property
    def reach(self) -> int:
        """The least power of two that holds its words."""
        return 1 << (self.depth - 1).bit_length()

    @cached_property
    def synapses(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Source, target, word and lane of each synapse, where weights can be written; (count,)."""
        assert self.holds is not None
        word, lane = np.nonzero(self.holds)
        pre = np.repeat(np.arange(self.n_pre), self.lengths)[word]
        of = word - self.starts[pre] if self.words is None else self.words[word, lane]
        return pre, of * self.holds.shape[1] + lane, word, lane

    @property
    def longest(self) -> int:
        """Words of the longest row."""
        return int(self.lengths.max())


@dataclass(frozen=True)
class Input:
    """A stream that a core reads: of which ``node``, and the numbers of the ``memories`` that hold
    its rows; none where the node only sets the pace.

    ``backward``: the spikes of a step are read in the next one.
    """

    node: int
    backward: bool
    memories: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RowCore:
    """A population as hardware.

    ``inputs`` are in the order in which they are read in each step. ``n_events`` counts the
    addresses of the input node that belong to a source; ``spike_bits`` is the width of the number
    of spikes of a neuron in one step. Where events act one by one there are no ``accumulators``.
    """

    name: str
    n_neurons: int
    neuron: NeuronParams
    lanes: int
    v_thresholds: tuple[int, ...] | None
    inputs: tuple[Input, ...]
    memories: tuple[RowMemory, ...]
    accumulators: tuple[Accumulator, ...]
    n_events: int
    spike_bits: int
    writable: tuple[Writable, ...] = ()
    readable: bool = False

    @property
    def words(self) -> int:
        """Memory words that hold one value per neuron, ``lanes`` values to the word."""
        return -(-self.n_neurons // self.lanes)

    @property
    def word_bits(self) -> int:
        """Width of the number of a word, at least 1."""
        return address_bits(self.words)

    @property
    def out_address_bits(self) -> int:
        """Width of an output event's address."""
        return address_bits(self.n_neurons)

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The threshold of each neuron."""
        return self.v_thresholds or (self.neuron.v_threshold,) * self.n_neurons

    @property
    def first_input(self) -> int:
        """The number of the first input that is read after a reset: the first forward one."""
        return sum(each.backward for each in self.inputs)

    @property
    def slots(self) -> int:
        """Steps of the longest ring of sums."""
        return max((each.slots for each in self.accumulators), default=1)

    @property
    def row_starts(self) -> tuple[int, ...]:
        """By memory, where its rows begin in the core's table of rows."""
        return tuple(accumulate((memory.n_pre for memory in self.memories), initial=0))[:-1]

    @cached_property
    def first_words(self) -> tuple[int, ...]:
        """By memory, the number that its first word has where weights are written.

        Each begins at a multiple of the power of two that holds its words, the longest first: its
        number and the place of a word in it are bits of the word's number.
        """
        found = [0] * len(self.memories)
        first = 0
        for number in sorted(range(len(found)), key=lambda k: -self.memories[k].reach):
            found[number] = first
            first += self.memories[number].reach
        return tuple(found)

    @cached_property
    def weight_slots(self) -> Ints:
        """By these numbers and lane, which memory holds a synapse there; -1 where none does. Shape
        (numbers, lanes)."""
        found = np.full((sum(memory.reach for memory in self.memories), self.lanes), -1)
        for number, (memory, first) in enumerate(zip(self.memories, self.first_words, strict=True)):
            assert memory.holds is not None
            found[first : first + memory.depth][memory.holds] = number
        return found

    @property
    def offset_bits(self) -> int:
        """Width of the offset of a row in the core's table; 0 where no rows have one."""
        return max((memory.offset_bits for memory in self.memories), default=0)

    @property
    def rows(self) -> int:
        """Entries of the core's table of rows."""
        return sum(memory.n_pre for memory in self.memories)


@dataclass(frozen=True, eq=False)
class RegularNode:
    """A source whose neuron i spikes in every step t with (t - phases[i]) divisible by
    ``interval``; ``phases`` (n,) int64."""

    name: str
    n: int
    interval: int
    phases: Ints


@dataclass(frozen=True, eq=False)
class HardwareNetwork:
    """``network`` as nodes that send streams of events to each other.

    ``outputs`` are the numbers of the cores whose events leave, ascending.
    """

    kind: ClassVar[Literal["network"]] = "network"
    network: NetworkParams
    regular: tuple[RegularNode, ...]
    cores: tuple[RowCore, ...]
    outputs: tuple[int, ...]

    def node_of(self, core: int) -> int:
        """The node number of a core."""
        return 1 + len(self.regular) + core

    def consumers(self, node: int) -> tuple[tuple[int, int], ...]:
        """Who reads the stream of ``node``: (number of the core, number of its input)."""
        return self._consumers.get(node, ())

    @cached_property
    def _consumers(self) -> dict[int, tuple[tuple[int, int], ...]]:
        found: dict[int, tuple[tuple[int, int], ...]] = {}
        for k, core in enumerate(self.cores):
            for i, each in enumerate(core.inputs):
                found[each.node] = (*found.get(each.node, ()), (k, i))
        return found

    @property
    def name(self) -> str:
        """Of the network and its Verilog module."""
        return self.network.name

    @property
    def neurons(self) -> tuple[NeuronParams, ...]:
        """The neuron of each core."""
        return tuple(core.neuron for core in self.cores)

    @property
    def signals(self) -> tuple[CoreSignals, ...]:
        """The names of what each core shows."""
        return tuple(CoreSignals(k) for k in range(len(self.cores)))

    @property
    def golden(self) -> NetworkParams:
        """The network whose golden model says what comes out."""
        return self.network

    @property
    def n_inputs(self) -> int:
        """Addresses of the input that belong to a source."""
        return self.network.n_inputs

    @property
    def in_address_bits(self) -> int:
        """Width of an input event's address."""
        return self.network.in_address_bits

    @property
    def n_outputs(self) -> int:
        """Neurons of all output populations together."""
        return self.network.n_outputs

    @property
    def out_address_bits(self) -> int:
        """Width of an output event's address."""
        return self.network.out_address_bits

    def described(self) -> dict[str, Any]:
        """What shapes the hardware, as JSON values."""
        return self.network.described()

    def digest(self) -> str:
        """SHA-256 of what shapes the hardware, as hexadecimal text."""
        return self.network.digest()
