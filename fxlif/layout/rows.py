"""The synapses of one projection as rows of words: which form is cheaper, and the rows themselves.

Neuron i of a population with L lanes is lane i % L of word i // L. In the dense form word k of a
row holds the weights into word k of the neurons, absent synapses included. In the sparse form each
lane has a word number of its own; a row is as long as its fullest lane.

Equal rows are stored once. In the shared form so are those that are equal but for a shift by whole
words: word numbers count from an offset that each row has, modulo a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from ..arrays import Ints
from ..memory import must_fit
from ..network.synapses import Synapses, row_starts
from ..params.core import address_bits
from ..params.quantise import signed_bits


@dataclass(frozen=True, eq=False)
class Shape:
    """The size of a memory of rows, before it is filled.

    ``lengths`` (n_pre,) int64: words of each row. ``word_bits`` and ``delay_bits`` are stored
    beside each weight, 0 where they are not. ``owners`` (n_pre,) int64: the row whose words each
    row uses, the first that is equal. ``offsets`` (n_pre,) int64 of ``offset_bits``: what is added
    to the word numbers of each row; None: nothing.
    """

    dense: bool
    lanes: int
    lengths: Ints
    weight_bits: int
    word_bits: int
    delay_bits: int
    owners: Ints
    offsets: Ints | None = None
    offset_bits: int = 0

    @property
    def stored(self) -> npt.NDArray[np.bool_]:
        """Which rows have words of their own, (n_pre,)."""
        own: npt.NDArray[np.bool_] = self.owners == np.arange(len(self.owners))
        return own

    @property
    def depth(self) -> int:
        """Words of the memory, at least 1."""
        return max(1, int(self.lengths[self.stored].sum()))

    @property
    def slots(self) -> int:
        """Places for synapses."""
        return self.depth * self.lanes

    @property
    def table_bits(self) -> int:
        """Bits of the table that says where each row begins, how long it is, and its offset."""
        longest = int(self.lengths.max())
        entry = address_bits(self.depth) + longest.bit_length() + self.offset_bits
        return len(self.lengths) * entry

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


@dataclass(frozen=True, eq=False)
class Forms:
    """The forms of one projection: ``dense`` is None where its delays differ, ``shared`` where no
    two rows are equal but for a shift by whole words. Where events act one by one there is the
    dense form alone: each of them is a step of all lanes of a word."""

    sparse: Shape | None
    dense: Shape | None
    shared: Shape | None

    @property
    def named(self) -> dict[str, Shape]:
        """The forms that there are, by their names; of a tie the first is taken."""
        forms = {"dense": self.dense, "sparse": self.sparse, "sparse, shared": self.shared}
        return {name: form for name, form in forms.items() if form is not None}

    @property
    def cheapest(self) -> str:
        """The name of the form with the smallest product of memory bits and cycles per spike."""
        named = self.named
        return min(named, key=lambda name: named[name].cost)

    @property
    def chosen(self) -> Shape:
        """The cheapest form."""
        return self.named[self.cheapest]


def weight_bits_of(synapses: Synapses) -> int:
    """The fewest signed bits that hold every weight, and the 0 of an absent synapse."""
    weights = np.atleast_1d(synapses.weights)
    return signed_bits(int(min(0, weights.min(initial=0))), int(max(0, weights.max(initial=0))))


def dense_shape(synapses: Synapses, lanes: int) -> Shape:
    """The memory of ``synapses`` in the dense form; their delays must be equal."""
    words = -(-synapses.n_post // lanes)
    lengths = np.full(synapses.n_pre, words, np.int64)
    owners = _owners(synapses, synapses.targets)
    return Shape(True, lanes, lengths, weight_bits_of(synapses), 0, 0, owners)


def sparse_shape(synapses: Synapses, lanes: int) -> Shape:
    """The memory of ``synapses`` in the sparse form."""
    must_fit("lanes", 8 * synapses.n_pre * lanes, f"{synapses.n_pre:,} rows of {lanes} lanes")
    lengths = _counts(synapses, lanes).max(axis=1)
    words = -(-synapses.n_post // lanes)
    spread = synapses.max_delay - synapses.min_delay
    weight_bits = weight_bits_of(synapses)
    return Shape(
        False, lanes, lengths, weight_bits, address_bits(words), spread.bit_length(),
        _owners(synapses, synapses.targets),
    )  # fmt: skip


def shared_shape(synapses: Synapses, sparse: Shape) -> Shape | None:
    """The memory of ``synapses`` in the shared form, from the sparse one; None where no more rows
    are equal than there."""
    lanes, bits = sparse.lanes, sparse.word_bits
    offsets = _offsets(synapses, lanes, bits)
    relative = _relative(synapses, lanes, bits, offsets)
    owners = _owners(synapses, relative)
    if (owners == sparse.owners).all():
        return None
    reach = address_bits(int(relative.max(initial=0)) // lanes + 1)
    return replace(sparse, word_bits=reach, owners=owners, offsets=offsets, offset_bits=bits)


def shapes(
    synapses: Synapses, lanes: int, weight_bits: int | None = None, *, summed: bool = True
) -> Forms:
    """The forms that the memory of ``synapses`` may take. With ``weight_bits`` they can be written
    and become any of so many bits: each row has words of its own. ``summed``: its events do not act
    one by one."""
    if not summed:
        return Forms(None, dense_shape(synapses, lanes), None)
    one_delay = synapses.min_delay == synapses.max_delay
    sparse = sparse_shape(synapses, lanes)
    dense = dense_shape(synapses, lanes) if one_delay else None
    if weight_bits is None:
        return Forms(sparse, dense, shared_shape(synapses, sparse))
    own, bits = np.arange(synapses.n_pre), weight_bits
    sparse = replace(sparse, owners=own, weight_bits=bits)
    return Forms(sparse, dense and replace(dense, owners=own, weight_bits=bits), None)


def fill(synapses: Synapses, shape: Shape) -> tuple[Ints, Ints, Ints | None, Ints | None]:
    """The rows: where each starts (n_pre,), then weights, words and delays (depth, lanes) int64.

    Words are None in the dense form, delays where they do not differ; those are counted from the
    shortest one, and words from the row's offset. A lane's synapses ascend by delay, then by word.
    """
    own = row_starts(np.where(shape.stored, shape.lengths, 0))[:-1]
    # Where a row without words would begin may lie behind the last word: no address.
    starts = np.where(shape.lengths, own[shape.owners], 0)
    targets: Ints = synapses.targets.astype(np.int64)
    if shape.offsets is not None:
        targets = _relative(synapses, shape.lanes, shape.offset_bits, shape.offsets)
    # The first of equal rows is written for all of them.
    rows = _rows(synapses)
    kept = shape.stored[rows]
    given, late = (
        np.broadcast_to(each, len(rows))[kept].astype(np.int64)
        for each in (synapses.weights, synapses.delays)
    )
    late -= synapses.min_delay
    rows, lane, word = rows[kept], targets[kept] % shape.lanes, targets[kept] // shape.lanes
    weights = np.zeros((shape.depth, shape.lanes), np.int64)
    if shape.dense:
        weights[starts[rows] + word, lane] = given
        return starts, weights, None, None
    order = np.lexsort((word, late, lane, rows))
    group = (rows * shape.lanes + lane)[order]
    # The place of each among the synapses of its row and lane, which stand side by side now.
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    place = np.arange(len(group)) - np.repeat(begins, np.diff(begins, append=len(group)))
    at = starts[rows[order]] + place, lane[order]
    words, delays = np.zeros_like(weights), np.zeros_like(weights)
    weights[at] = given[order]
    words[at], delays[at] = word[order], late[order]
    return starts, weights, words, delays if shape.delay_bits else None


def held(synapses: Synapses, shape: Shape, starts: Ints) -> npt.NDArray[np.bool_]:
    """Which slots of the rows that begin at ``starts`` hold a synapse, (depth, lanes)."""
    found = np.zeros((shape.depth, shape.lanes), np.bool_)
    rows = _rows(synapses)
    if shape.dense:
        found[starts[rows] + synapses.targets // shape.lanes, synapses.targets % shape.lanes] = True
        return found
    # The synapses of a lane stand at its beginning in each row.
    count = np.repeat(_counts(synapses, shape.lanes), shape.lengths, axis=0)
    place = np.arange(len(count)) - np.repeat(starts, shape.lengths)
    found[: len(count)] = place[:, np.newaxis] < count
    return found


def _counts(synapses: Synapses, lanes: int) -> Ints:
    """How many synapses of each row are in each lane, (n_pre, lanes)."""
    group = _rows(synapses) * lanes + synapses.targets % lanes
    counts = np.bincount(group, minlength=synapses.n_pre * lanes)
    return counts.reshape(synapses.n_pre, lanes).astype(np.int64)


def _rows(synapses: Synapses) -> Ints:
    """The source of each synapse, (count,) int64."""
    return np.repeat(np.arange(synapses.n_pre), np.diff(synapses.indptr))


def _offsets(synapses: Synapses, lanes: int, bits: int) -> Ints:
    """By row the word from which on, modulo ``1 << bits``, its words lie in the fewest; 0 of a row
    without synapses."""
    rows, word = _rows(synapses), synapses.targets.astype(np.int64) // lanes
    starts, counts = synapses.indptr[:-1], np.diff(synapses.indptr)
    some = np.flatnonzero(counts)
    following = np.append(word[1:], 0)
    ends = synapses.indptr[1:][some] - 1
    following[ends] = word[starts[some]] + (1 << bits)
    # The widest gap; of several the first.
    place = np.arange(len(rows)) - starts[rows]
    ranked = (following - word) * (counts[rows] + 1) + counts[rows] - place
    offsets = np.zeros(synapses.n_pre, np.int64)
    if len(some):
        widest = np.maximum.reduceat(ranked, starts[some])
        place = counts[some] - widest % (counts[some] + 1)
        offsets[some] = following[starts[some] + place] & ((1 << bits) - 1)
    return offsets


def _relative(synapses: Synapses, lanes: int, bits: int, offsets: Ints) -> Ints:
    """The targets, their words counted from the offset of their row, modulo ``1 << bits``."""
    shifted = synapses.targets - offsets[_rows(synapses)] * lanes
    found: Ints = shifted % (lanes << bits)
    return found


def _owners(synapses: Synapses, targets: npt.NDArray[np.integer]) -> Ints:
    """By row the first one that has the same ``targets``, weights and delays."""
    order = np.lexsort((targets, _rows(synapses)))
    columns = [
        each[order].astype(np.int32)
        for each in (targets, synapses.weights, synapses.delays)
        if isinstance(each, np.ndarray)
    ]
    table = np.ascontiguousarray(np.stack(columns, axis=1))
    found: dict[bytes, int] = {}
    owners = np.arange(synapses.n_pre)
    for row in range(synapses.n_pre):
        content = table[synapses.indptr[row] : synapses.indptr[row + 1]]
        owners[row] = found.setdefault(blake2b(content.data, digest_size=16).digest(), row)
    return owners
