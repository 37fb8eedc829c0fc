"""Synapses of one projection: a sparse table by source.

What is drawn comes from a ``numpy.random.Generator`` alone: the same generator, seeded alike,
makes the same arrays. Two versions of numpy may draw differently; :meth:`Synapses.digest` tells
whether two tables are the same. Tables come from :mod:`~fxlif.network.generators` and
:mod:`~fxlif.network.matrices`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, count_of, integer, integers, within
from ..errors import FxlifError
from ..memory import must_fit

MAX_DELAY = 63

#: ``weight`` or ``delay`` of generated synapses: one int, or (low, high), both ends included.
Spec = int | tuple[int, int]

INT32 = (-(1 << 31), (1 << 31) - 1)
MAX_NEURONS = INT32[1]
WEIGHT_TYPES = (np.int16, np.int32)
# Entries handled at once. It bounds the temporary arrays, it keeps the float sums of
# weight_bounds exact (2**22 * 2**31 == 2**53), and what a seed draws depends on it: to change it
# is to change the networks that exist.
CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Synapses:
    """A table of synapses: rows by source, ascending; within a row by target, ascending.

    The synapses of source i are entries ``indptr[i]`` to ``indptr[i + 1]`` (excluded) of
    ``targets``, ``weights`` and ``delays``. No pair (source, target) is there twice. One set of
    synapses has one form only: weights (or delays) that are all equal are kept as a plain int, 0
    where there is no synapse; others have the narrowest dtype below.

    ``indptr`` (n_pre + 1,) int64, ``targets`` (count,) int32, ``weights`` int or (count,) int16 or
    int32, ``delays`` (steps, 0..63) int or (count,) uint8. Arrays are read-only, and taken over
    without a copy where their dtype allows. Lengths, weights and delays are checked here; the
    order and range of ``targets`` are up to the functions of this module.

    Raises:
        FxlifError: a wrong length, no integers, a weight beyond int32, a delay outside 0..63.
    """

    n_pre: int
    n_post: int
    indptr: Ints
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int16] | npt.NDArray[np.int32] | int
    delays: npt.NDArray[np.uint8] | int

    def __post_init__(self) -> None:
        n_pre = integer("n_pre", self.n_pre, 1, MAX_NEURONS)
        n_post = integer("n_post", self.n_post, 1, MAX_NEURONS)
        indptr = integers("indptr", self.indptr)
        targets = integers("targets", self.targets)
        if indptr.shape != (n_pre + 1,):
            raise wrong_shape("indptr", indptr, f"({n_pre + 1},)")
        if targets.shape != (indptr[-1],):
            raise wrong_shape("targets", targets, f"({indptr[-1]},) (last of indptr)")
        fields = {
            "n_pre": n_pre,
            "n_post": n_post,
            "indptr": _frozen(indptr, np.int64),
            "targets": _frozen(targets, np.int32),
            "weights": _values("weights", self.weights, len(targets), INT32, WEIGHT_TYPES),
            "delays": _values("delays", self.delays, len(targets), (0, MAX_DELAY), (np.uint8,)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        synapses, targets = count_of(self.count, "synapse"), count_of(self.n_post, "neuron")
        return f"<Synapses: {synapses}, {self.n_pre:,} to {targets}>"

    @property
    def count(self) -> int:
        """How many synapses there are."""
        return len(self.targets)

    @property
    def min_delay(self) -> int:
        """The shortest delay in steps; 0 without synapses."""
        return int(np.min(self.delays))

    @property
    def max_delay(self) -> int:
        """The longest delay in steps; 0 without synapses."""
        return int(np.max(self.delays))

    def weight_bounds(self) -> tuple[int, int]:
        """(lowest sum of the negative weights into one target, highest of the positive ones).

        Exact; the first is at most 0, the second at least 0. What one spike of every source can
        add to a target lies between them.
        """
        sums = np.zeros((2, self.n_post), np.int64)
        for part in chunks(self.count):
            targets = self.targets[part]
            weights = self.weights if isinstance(self.weights, int) else self.weights[part]
            for total, signed in zip(
                sums, (np.minimum(weights, 0), np.maximum(weights, 0)), strict=True
            ):
                addends = np.broadcast_to(signed, targets.shape)
                # bincount adds in float64: one chunk stays within 2**53, so that it is exact.
                total += np.bincount(targets, addends, self.n_post).astype(np.int64)
        return int(sums[0].min()), int(sums[1].max())

    def most_into_one(self) -> int:
        """How many synapses the neuron has that has the most."""
        return int(np.bincount(self.targets, minlength=1).max())

    def place(self, pre: int, post: int) -> int | None:
        """The entry of the synapse from ``pre`` to ``post``; None where there is none."""
        row = self.targets[self.indptr[pre] : self.indptr[pre + 1]]
        at = int(np.searchsorted(row, post))
        found = at < len(row) and row[at] == post
        return int(self.indptr[pre]) + at if found else None

    def dense(self) -> Ints:
        """The weights as a matrix (n_pre, n_post) int64, 0 where there is no synapse."""
        shape = (self.n_pre, self.n_post)
        must_fit("synapses", 8 * self.n_pre * self.n_post, f"a matrix {shape}")
        matrix = np.zeros(shape, np.int64)
        matrix[np.repeat(np.arange(self.n_pre), np.diff(self.indptr)), self.targets] = self.weights
        return matrix

    def digest(self) -> str:
        """BLAKE2b of the table, in hexadecimal: equal for equal synapses, on every machine."""
        digest = hashlib.blake2b()
        columns = (self.indptr, self.targets, self.weights, self.delays)
        for value in (self.n_pre, self.n_post, *columns):
            if isinstance(value, int):
                digest.update(f"{value};".encode())
            else:
                little = value.dtype.newbyteorder("<")
                digest.update(f"{little.str}{value.shape};".encode())
                digest.update(value.astype(little, copy=False).data)
        return digest.hexdigest()


def draw(
    spec: Spec,
    count: int,
    rng: np.random.Generator | None,
    kind: Literal["weight", "delay"] = "weight",
) -> Any:
    """``count`` weights or delays: an int stays an int, (low, high) is drawn uniformly.

    Both ends are included. Returns an int, or (count,) int16 or int32 (a weight), uint8 (a delay).

    Raises:
        FxlifError: neither of the two forms, low above high, beyond int32 (a weight) or 0..63 (a
            delay), no generator to draw with.
    """
    allowed = INT32 if kind == "weight" else (0, MAX_DELAY)
    if not isinstance(spec, tuple | list):
        return integer(kind, spec, *allowed)
    low, high = (
        integer(kind, end, *allowed) for end in pair(kind, spec, "an integer or (low, high)")
    )
    if low > high:
        raise FxlifError.must_be(kind, "(low, high) with low <= high", (low, high))
    if low == high:
        return low
    if rng is None:
        raise FxlifError.must_be("rng", f"a numpy Generator to draw a {kind} with", None)
    dtypes = WEIGHT_TYPES if kind == "weight" else (np.uint8,)
    return rng.integers(low, high, count, dtype=narrowest(low, high, dtypes), endpoint=True)


def row_starts(counts: Ints) -> Ints:
    """The ``indptr`` of rows with ``counts`` entries."""
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def chunks(rows: int, width: int = 1) -> Iterator[slice]:
    """Slices of 0..rows-1, each of some CHUNK entries where a row has ``width``."""
    size = max(1, CHUNK // max(1, width))
    for first in range(0, rows, size):
        yield slice(first, min(first + size, rows))


def wrong_shape(key: str, array: npt.NDArray[Any], allowed: str) -> FxlifError:
    """The error of an array of another shape than ``allowed`` says."""
    return FxlifError.must_be(key, f"of shape {allowed}", array.shape)


def pair(key: str, value: Any, allowed: str) -> tuple[Any, Any]:
    """The two entries of ``value``, or an error."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise FxlifError.must_be(key, allowed, value)
    return value[0], value[1]


def _values(
    key: str, values: Any, count: int, allowed: tuple[int, int], dtypes: tuple[type, ...]
) -> npt.NDArray[Any] | int:
    """Weights or delays in the one form of :class:`Synapses`."""
    array = within(key, integers(key, values), *allowed)
    if array.shape not in ((), (count,)):
        raise FxlifError.must_be(
            key, f"one integer or ({count},)", values, found=f"shape {array.shape}"
        )
    if not count:
        return 0
    low, high = int(array.min()), int(array.max())
    return low if low == high else _frozen(array, narrowest(low, high, dtypes))


def narrowest(low: int, high: int, dtypes: tuple[type, ...]) -> type:
    """The first of ``dtypes`` that holds ``low``..``high``."""
    return next(x for x in dtypes if np.iinfo(x).min <= low and high <= np.iinfo(x).max)


def _frozen(array: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    # A view: the caller's own array stays writable.
    array = np.ascontiguousarray(array, dtype).view()
    array.setflags(write=False)
    return array
