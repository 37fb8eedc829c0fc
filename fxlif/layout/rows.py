"""The synapses of one projection as rows of words: which form is cheaper, and the rows themselves.

Neuron i of a population with L lanes is lane i % L of word i // L. In the dense form word k of a
row holds the weights into word k of the neurons, absent synapses included. In the sparse form each
lane has a word number of its own; a row is as long as its fullest lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Ints
from ..memory import must_fit
from ..network.synapses import Synapses, row_starts
from ..params.core import address_bits
from ..params.quantise import signed_bits


@dataclass(frozen=True, eq=False)
class Shape:
    """The size of a memory of rows, before it is filled.

    ``lengths`` (n_pre,) int64: words of each row. ``word_bits`` and ``delay_bits`` are stored
    beside each weight, 0 where they are not.
    """

    dense: bool
    lanes: int
    lengths: Ints
    weight_bits: int
    word_bits: int
    delay_bits: int

    @property
    def depth(self) -> int:
        """Words of the memory, at least 1."""
        return max(1, int(self.lengths.sum()))

    @property
    def slots(self) -> int:
        """Places for synapses."""
        return self.depth * self.lanes

    @property
    def table_bits(self) -> int:
        """Bits of the table that says where each row begins and how long it is."""
        longest = int(self.lengths.max())
        return len(self.lengths) * (address_bits(self.depth) + longest.bit_length())

    @property
    def bits(self) -> int:
        """Bits of memory, the table of rows included."""
        return self.slots * (self.weight_bits + self.word_bits + self.delay_bits) + self.table_bits

    @property
    def cycles(self) -> float:
        """Mean cycles of a spike, each source neuron alike; a row without synapses takes one."""
        return float(np.maximum(self.lengths, 1).mean())

    @property
    def cost(self) -> float:
        """What the choice of a form minimises."""
        return self.bits * self.cycles


def weight_bits_of(synapses: Synapses) -> int:
    """The fewest signed bits that hold every weight, and the 0 of an absent synapse."""
    weights = np.atleast_1d(synapses.weights)
    return signed_bits(int(min(0, weights.min(initial=0))), int(max(0, weights.max(initial=0))))


def dense_shape(synapses: Synapses, lanes: int) -> Shape:
    """The memory of ``synapses`` in the dense form; their delays must be equal."""
    words = -(-synapses.n_post // lanes)
    lengths = np.full(synapses.n_pre, words, np.int64)
    return Shape(True, lanes, lengths, weight_bits_of(synapses), 0, 0)


def sparse_shape(synapses: Synapses, lanes: int) -> Shape:
    """The memory of ``synapses`` in the sparse form."""
    must_fit("lanes", 8 * synapses.n_pre * lanes, f"{synapses.n_pre:,} rows of {lanes} lanes")
    group = _rows(synapses) * lanes + synapses.targets % lanes
    counts = np.bincount(group, minlength=synapses.n_pre * lanes)
    lengths = counts.reshape(synapses.n_pre, lanes).max(axis=1).astype(np.int64)
    words = -(-synapses.n_post // lanes)
    spread = synapses.max_delay - synapses.min_delay
    weight_bits = weight_bits_of(synapses)
    return Shape(False, lanes, lengths, weight_bits, address_bits(words), spread.bit_length())


def shapes(synapses: Synapses, lanes: int) -> tuple[Shape, Shape | None]:
    """The memory of ``synapses`` in the sparse and in the dense form; None where delays differ."""
    one_delay = synapses.min_delay == synapses.max_delay
    return sparse_shape(synapses, lanes), dense_shape(synapses, lanes) if one_delay else None


def cheaper(sparse: Shape, dense: Shape | None) -> Shape:
    """The form with the smaller product of memory bits and cycles per spike; a tie is dense."""
    return sparse if dense is None or sparse.cost < dense.cost else dense


def fill(synapses: Synapses, shape: Shape) -> tuple[Ints, Ints, Ints | None, Ints | None]:
    """The rows: where each starts (n_pre,), then weights, words and delays (depth, lanes) int64.

    Words are None in the dense form, delays where they do not differ; those are counted from the
    shortest one. A lane's synapses ascend by delay, then by word.
    """
    starts = row_starts(shape.lengths)[:-1]
    rows, lane = _rows(synapses), synapses.targets % shape.lanes
    word = synapses.targets // shape.lanes
    weights = np.zeros((shape.depth, shape.lanes), np.int64)
    if shape.dense:
        weights[starts[rows] + word, lane] = synapses.weights
        return starts, weights, None, None
    late = np.broadcast_to(synapses.delays, len(rows)).astype(np.int64) - synapses.min_delay
    order = np.lexsort((word, late, lane, rows))
    group = (rows * shape.lanes + lane)[order]
    # The place of each among the synapses of its row and lane, which stand side by side now.
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    place = np.arange(len(group)) - np.repeat(begins, np.diff(begins, append=len(group)))
    at = starts[rows[order]] + place, lane[order]
    words, delays = np.zeros_like(weights), np.zeros_like(weights)
    weights[at] = np.broadcast_to(synapses.weights, len(rows))[order]
    words[at], delays[at] = word[order], late[order]
    return starts, weights, words, delays if shape.delay_bits else None


def _rows(synapses: Synapses) -> Ints:
    """The source of each synapse, (count,) int64."""
    return np.repeat(np.arange(synapses.n_pre), np.diff(synapses.indptr))
