"""Synapses of one projection: a sparse table by source, and the topologies that fill it.

What is drawn comes from a ``numpy.random.Generator`` alone: the same generator, seeded alike,
makes the same arrays. Two versions of numpy may draw differently; :meth:`Synapses.digest` tells
whether two tables are the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import FxlifError

MAX_DELAY = 63

#: ``weight`` or ``delay`` of generated synapses: one int, or (low, high), both ends included.
Spec = int | tuple[int, int]
#: (indptr, targets) as in :class:`Synapses`.
Topology = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]

_INT32 = (-(1 << 31), (1 << 31) - 1)
_MAX_NEURONS = _INT32[1]
# Entries handled at once. It bounds the temporary arrays, it keeps the float sums of
# weight_bounds exact (2**22 * 2**31 == 2**53), and what a seed draws depends on it: to change it
# is to change the networks that exist.
_CHUNK = 1 << 22


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
    indptr: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int16] | npt.NDArray[np.int32] | int
    delays: npt.NDArray[np.uint8] | int

    def __post_init__(self) -> None:
        n_pre = _whole(self.n_pre, "n_pre", 1, _MAX_NEURONS)
        n_post = _whole(self.n_post, "n_post", 1, _MAX_NEURONS)
        indptr = _integers(self.indptr, "indptr")
        targets = _integers(self.targets, "targets")
        if indptr.shape != (n_pre + 1,):
            raise FxlifError(f"indptr: found shape {indptr.shape}, allowed ({n_pre + 1},)")
        if targets.shape != (indptr[-1],):
            raise FxlifError(
                f"targets: found shape {targets.shape}, allowed ({indptr[-1]},) (last of indptr)"
            )
        fields = {
            "n_pre": n_pre,
            "n_post": n_post,
            "indptr": _frozen(indptr, np.int64),
            "targets": _frozen(targets, np.int32),
            "weights": _values(self.weights, "weights", len(targets), _INT32, (np.int16, np.int32)),
            "delays": _values(self.delays, "delays", len(targets), (0, MAX_DELAY), (np.uint8,)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def count(self) -> int:
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
        for part in _parts(self.count):
            targets = self.targets[part]
            weights = self.weights if isinstance(self.weights, int) else self.weights[part]
            for total, signed in zip(
                sums, (np.minimum(weights, 0), np.maximum(weights, 0)), strict=True
            ):
                addends = np.broadcast_to(signed, targets.shape)
                # bincount adds in float64: one chunk stays within 2**53, so that it is exact.
                total += np.bincount(targets, addends, self.n_post).astype(np.int64)
        return int(sums[0].min()), int(sums[1].max())

    def dense(self) -> npt.NDArray[np.int64]:
        """The weights as a matrix (n_pre, n_post) int64, 0 where there is no synapse."""
        matrix = np.zeros((self.n_pre, self.n_post), np.int64)
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


# --- generated topologies -----------------------------------------------------------------------


def all_to_all(n_pre: int, n_post: int, autapses: bool = True) -> Topology:
    """Every source to every target; without ``autapses`` no neuron i to neuron i.

    Returns (indptr, targets) as in :class:`Synapses`.

    Raises:
        FxlifError: a size that is no number of neurons; no autapses between unequal sizes.
    """
    width = _width(n_pre, n_post, autapses)
    targets = np.empty((n_pre, width), np.int32)
    targets[:] = np.arange(width, dtype=np.int32)
    if not autapses:
        for source, row in enumerate(targets):
            row[source:] += 1
    return np.arange(n_pre + 1, dtype=np.int64) * width, targets.reshape(-1)


def one_to_one(n: int) -> Topology:
    """Neuron i to neuron i. Returns (indptr, targets) as in :class:`Synapses`.

    Raises:
        FxlifError: ``n`` is no number of neurons.
    """
    _whole(n, "n", 1, _MAX_NEURONS)
    return np.arange(n + 1, dtype=np.int64), np.arange(n, dtype=np.int32)


def fixed_probability(
    n_pre: int, n_post: int, probability: float, rng: np.random.Generator, autapses: bool = True
) -> Topology:
    """Every pair with ``probability``, independently; without ``autapses`` no neuron to itself.

    Returns (indptr, targets) as in :class:`Synapses`. Time and memory go with the synapses that
    come out, not with the pairs.

    Raises:
        FxlifError: a probability outside 0..1; sizes as in :func:`all_to_all`.
    """
    width = _width(n_pre, n_post, autapses)
    number = isinstance(probability, int | float | np.integer | np.floating)
    if isinstance(probability, bool) or not number or not 0 <= probability <= 1:
        raise FxlifError(f"probability: found {probability!r}, allowed 0..1")
    counts = np.zeros(n_pre, np.int64)
    found: list[npt.NDArray[np.int32]] = []
    for pairs in _bernoulli(n_pre * width, float(probability), rng):
        sources, targets = _split(pairs, width, counts)
        if not autapses:
            targets += targets >= sources
        found.append(targets)
    return _indptr(counts), np.concatenate([np.zeros(0, np.int32), *found])


def fixed_indegree(
    n_pre: int, n_post: int, indegree: int, rng: np.random.Generator, autapses: bool = True
) -> Topology:
    """``indegree`` different sources for every target, each such choice equally likely.

    Without ``autapses`` no neuron is its own source. Returns (indptr, targets) as in
    :class:`Synapses`. Takes some 13 bytes per synapse while it works, 4 of them for the result.

    Raises:
        FxlifError: an indegree outside 0..n_pre (n_pre - 1 without autapses); sizes as in
            :func:`all_to_all`.
    """
    _width(n_pre, n_post, autapses)
    n_sources = n_pre if autapses else n_pre - 1
    k = _whole(indegree, "indegree", 0, n_sources)
    # Pairs as row-major indices: sorting them is the way from target-major to source-major.
    pairs = np.empty((n_post, k), np.int64)
    for part in _parts(n_post, k):
        targets = np.arange(part.start, part.stop)[:, np.newaxis]
        sources = _subsets(len(targets), k, n_sources, rng)
        if not autapses:
            sources += sources >= targets
        np.multiply(sources, n_post, out=pairs[part], dtype=np.int64)
        pairs[part] += targets
    flat = pairs.reshape(-1)
    flat.sort()
    counts = np.zeros(n_pre, np.int64)
    targets = np.empty(len(flat), np.int32)
    for part in _parts(len(flat)):
        targets[part] = _split(flat[part], n_post, counts)[1]
    return _indptr(counts), targets


def grid(
    shape: tuple[int, int],
    kernel: npt.ArrayLike,
    edges: Literal["open", "periodic"] = "open",
    *,
    delay: Spec = 1,
    rng: np.random.Generator | None = None,
) -> Synapses:
    """A sheet of ``shape`` (rows, columns) connected to itself by the same kernel everywhere.

    The kernel is indexed from source to target: with ``kernel`` (2 h + 1, 2 w + 1) integers, the
    neuron at (r, c), whose index is r * columns + c, reaches the one at (r + dr, c + dc) with
    weight ``kernel[h + dr, w + dc]``. What arrives is ``scipy.signal.convolve2d(spikes, kernel,
    "same")``; a convolution layer of a neural network, which correlates, has its kernel turned by
    180 degrees against this one. A 0 in the kernel makes no synapse. ``edges``: "open" drops what
    falls off the sheet, "periodic" brings it back on the other side. ``delay`` as in :func:`draw`.

    Raises:
        FxlifError: a sheet or a kernel of another shape, a kernel of even size, no integers, other
            edges, a kernel larger than a periodic sheet (it would reach a neuron twice).
    """
    rows, columns = _pair(shape, "shape", "two numbers of neurons (rows, columns)")
    n = _whole(rows, "shape[0]", 1, _MAX_NEURONS) * _whole(columns, "shape[1]", 1, _MAX_NEURONS)
    _whole(n, "shape (rows * columns)", 1, _MAX_NEURONS)
    weights = _within(_integers(kernel, "kernel"), "kernel", _INT32)
    if weights.ndim != 2 or not all(size % 2 for size in weights.shape):
        raise FxlifError(f"kernel: found shape {weights.shape}, allowed two odd sizes")
    if edges not in ("open", "periodic"):
        raise FxlifError(f"edges: found {edges!r}, allowed 'open', 'periodic'")
    height, width = weights.shape
    if edges == "periodic" and (height > rows or width > columns):
        raise FxlifError(
            f"kernel: found shape {(height, width)}, allowed at most {(rows, columns)} "
            "on a periodic sheet of that shape"
        )
    down, right = np.nonzero(weights)
    weights = weights[down, right].astype(np.int32)
    down, right = down - height // 2, right - width // 2
    counts = np.zeros(n, np.int64)
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    for part in _parts(n, len(weights)):
        r, c = np.divmod(np.arange(part.start, part.stop)[:, np.newaxis], columns)
        r, c = r + down, c + right
        sent = np.broadcast_to(weights, r.shape)
        if edges == "open":
            # The kernel's row-major order is the order of the targets.
            on_sheet = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
            counts[part] = on_sheet.sum(axis=1)
            targets = (r * columns + c)[on_sheet]
            sent = sent[on_sheet]
        else:
            targets = r % rows * columns + c % columns
            order = targets.argsort(axis=1)
            counts[part] = len(weights)
            targets = np.take_along_axis(targets, order, axis=1).reshape(-1)
            sent = np.take_along_axis(sent, order, axis=1).reshape(-1)
        found.append((targets.astype(np.int32), sent))
    targets, sent = (np.concatenate(column) for column in zip(*found, strict=True))
    return Synapses(n, n, _indptr(counts), targets, sent, draw(delay, len(targets), rng, "delay"))


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
    allowed = _INT32 if kind == "weight" else (0, MAX_DELAY)
    if not isinstance(spec, tuple | list):
        return _whole(spec, kind, *allowed)
    low, high = (
        _whole(end, kind, *allowed) for end in _pair(spec, kind, "an integer or (low, high)")
    )
    if low > high:
        raise FxlifError(f"{kind}: found {(low, high)}, allowed (low, high) with low <= high")
    if low == high:
        return low
    if rng is None:
        raise FxlifError(f"rng: found None, allowed a numpy Generator to draw a {kind} with")
    dtypes = (np.int16, np.int32) if kind == "weight" else (np.uint8,)
    return rng.integers(low, high, count, dtype=_narrowest(low, high, dtypes), endpoint=True)


# --- tables that are given ----------------------------------------------------------------------


def from_dense(
    weights: npt.ArrayLike,
    delays: npt.ArrayLike | None = None,
    *,
    shape: tuple[int, int] | None = None,
    delay: Spec = 1,
    rng: np.random.Generator | None = None,
) -> Synapses:
    """``weights`` (n_pre, n_post) integers; a 0 is no synapse.

    ``delays`` (n_pre, n_post) integers 0..63, read only where there is a synapse; without it
    ``delay``, as in :func:`draw`. ``shape`` (n_pre, n_post), if given, is checked.

    Raises:
        FxlifError: another shape, no integers, a weight beyond int32, a delay outside 0..63.
    """
    matrix = _within(_integers(weights, "weights"), "weights", _INT32)
    n_pre, n_post = _shape(matrix.shape, shape, "weights")
    present = matrix != 0
    sources, targets = np.nonzero(present)
    if delays is None:
        chosen = draw(delay, len(targets), rng, "delay")
    else:
        steps = _integers(delays, "delays")
        if steps.shape != matrix.shape:
            raise FxlifError(f"delays: found shape {steps.shape}, allowed {matrix.shape}")
        chosen = _within(np.where(present, steps, 0), "delays", (0, MAX_DELAY))[present]
    indptr = _indptr(np.bincount(sources, minlength=n_pre))
    return Synapses(n_pre, n_post, indptr, targets.astype(np.int32), matrix[present], chosen)


def from_csr(
    matrix: Any,
    delays: npt.ArrayLike | None = None,
    *,
    shape: tuple[int, int] | None = None,
    delay: Spec = 1,
    rng: np.random.Generator | None = None,
) -> Synapses:
    """A sparse matrix (n_pre, n_post) of integers: every stored entry is a synapse, zeros too.

    ``matrix`` is anything with the ``shape``, ``indptr``, ``indices`` and ``data`` of scipy's CSR
    form, rows in any inner order, or with a ``tocsr()`` that makes one. ``delays`` (n,) integers
    0..63 are aligned with ``matrix.data``, so only a CSR matrix can have them; without them
    ``delay``, as in :func:`draw`. ``shape`` (n_pre, n_post), if given, is checked. Everything is
    copied.

    Raises:
        FxlifError: not such a matrix, another shape, lengths that do not fit, an index of a neuron
            that does not exist, a pair that is there twice, no integers, a weight beyond int32, a
            delay outside 0..63.
    """
    parts = ("shape", "indptr", "indices", "data")
    # CSC and BSR matrices have the same attributes and mean something else.
    if getattr(matrix, "format", "csr") != "csr" or not all(hasattr(matrix, x) for x in parts):
        if not hasattr(matrix, "tocsr"):
            raise FxlifError(
                f"matrix: found {type(matrix).__name__}, allowed a CSR matrix or one with tocsr()"
            )
        if delays is not None:
            raise FxlifError(
                f"delays: found together with {type(matrix).__name__}, allowed with a CSR matrix: "
                "call tocsr()"
            )
        matrix = matrix.tocsr()
    arrays = {name: getattr(matrix, name) for name in parts[1:]}
    if delays is not None:
        arrays["delays"] = delays
    copies = {name: _integers(values, name).copy() for name, values in arrays.items()}
    return _csr(matrix.shape, copies, shape, delay, rng)


def load_npz(
    path: str | os.PathLike[str],
    *,
    shape: tuple[int, int] | None = None,
    delay: Spec = 1,
    rng: np.random.Generator | None = None,
) -> Synapses:
    """A file of ``scipy.sparse.save_npz`` in CSR form, read without scipy; as :func:`from_csr`.

    An array ``delays`` in the file, aligned with ``data``, takes the place of ``delay``.

    Raises:
        FxlifError: no such file, not an archive, another format, or as :func:`from_csr`; the
            message begins with the path.
    """
    required = ("format", "shape", "indptr", "indices", "data")
    arrays = _load(path, (*required, "delays"))
    missing = [name for name in required if name not in arrays]
    if missing:
        raise FxlifError(
            f"{path}: found no array {missing[0]!r}, allowed a file of scipy.sparse.save_npz"
        )
    kind = arrays.pop("format").tolist()
    if kind not in (b"csr", "csr"):
        raise FxlifError(f"{path}: found format {kind!r}, allowed b'csr': save matrix.tocsr()")
    found = arrays.pop("shape").tolist()
    try:
        return _csr(found, arrays, shape, delay, rng)
    except FxlifError as error:
        raise FxlifError(f"{path}: {error}") from None


def _load(path: str | os.PathLike[str], names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {}
        with loaded:
            return {name: loaded[name] for name in names if name in loaded.files}
    except FileNotFoundError:
        raise FxlifError(f"{path}: found no such file, allowed an .npz file") from None
    except Exception as error:  # whatever numpy, zipfile and zlib make of a broken file
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise FxlifError(f"{path}: found no readable file, allowed an .npz file ({what})") from None


def _csr(
    found: Any,
    arrays: dict[str, npt.NDArray[Any]],
    shape: tuple[int, int] | None,
    delay: Spec,
    rng: np.random.Generator | None,
) -> Synapses:
    """Check what came as CSR and bring its rows into order."""
    n_pre, n_post = _shape(found, shape, "matrix")
    columns = {name: _integers(values, name) for name, values in arrays.items()}
    starts = _within(columns.pop("indptr"), "indptr", (0, (1 << 63) - 1)).astype(np.int64)
    if starts.shape != (n_pre + 1,):
        raise FxlifError(f"indptr: found shape {starts.shape}, allowed ({n_pre + 1},)")
    if starts[0]:
        raise FxlifError(f"indptr[0]: found {starts[0]}, allowed 0")
    for at in np.flatnonzero(starts[1:] < starts[:-1])[:1] + 1:
        raise FxlifError(
            f"indptr[{at}]: found {starts[at]} after {starts[at - 1]}, allowed ascending values"
        )
    count = int(starts[-1])
    for name, column in columns.items():
        if column.shape != (count,):
            raise FxlifError(
                f"{name}: found shape {column.shape}, allowed ({count},) (last of indptr)"
            )
    hint = ": a projection to a neuron that does not exist"
    targets = _within(columns["indices"], "indices", (0, n_post - 1), hint)
    targets = targets.astype(np.int32, copy=False)
    weights = _within(columns["data"], "data", _INT32)
    steps = columns.get("delays")
    if steps is not None:
        _within(steps, "delays", (0, MAX_DELAY))
    if not _ascending(starts, targets):
        pairs = np.repeat(np.arange(n_pre) * n_post, np.diff(starts))
        pairs += targets
        order = pairs.argsort()
        pairs = pairs[order]
        for pair in pairs[1:][pairs[1:] == pairs[:-1]][:1]:
            source, target = divmod(int(pair), n_post)
            raise FxlifError(
                f"matrix: found the pair (source {source}, target {target}) twice, "
                "allowed once: call sum_duplicates()"
            )
        targets, weights = targets[order], weights[order]
        steps = steps if steps is None else steps[order]
    chosen = draw(delay, count, rng, "delay") if steps is None else steps
    return Synapses(n_pre, n_post, starts, targets, weights, chosen)


def _ascending(indptr: npt.NDArray[np.int64], targets: npt.NDArray[np.int32]) -> bool:
    """Whether the targets of every row ascend strictly."""
    above = targets[1:] > targets[:-1]
    firsts = indptr[(indptr > 0) & (indptr < len(targets))]
    above[firsts - 1] = True
    return bool(above.all())


# --- drawing ------------------------------------------------------------------------------------


def _bernoulli(
    total: int, probability: float, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Those of 0..total-1 that come out of one throw each, ascending, in chunks."""
    if not probability:
        return
    last = -1
    while last < total - 1:
        left = total - 1 - last
        expected = probability * left
        # Rarely too few, never many too many; with every gap cut to left + 1, the sum of a
        # chunk, at most total * size, stays within int64.
        size = min(int(expected + 6 * expected**0.5) + 16, _CHUNK, (1 << 62) // (left + 1))
        gaps = rng.geometric(probability, size)
        np.minimum(gaps, left + 1, out=gaps)
        hits = gaps.cumsum(out=gaps)
        hits += last
        last = int(hits[-1])
        yield hits if last < total else hits[: np.searchsorted(hits, total)]


def _subsets(rows: int, k: int, n: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """``rows`` independent uniform k-subsets of 0..n-1, (rows, k)."""
    if 2 * k > n:  # what is left out is the smaller set to draw
        kept = np.ones((rows, n), np.bool_)
        np.put_along_axis(kept, _subsets(rows, n - k, n, rng), False, axis=1)
        return np.nonzero(kept)[1].reshape(rows, k)
    drawn = rng.integers(0, n, (rows, k), dtype=np.int32)
    # Only repeats are drawn again. That is fair: which entries those are depends on which are
    # equal, not on their values, so that no value, and no k-subset, is preferred to another.
    pending = np.arange(rows)
    while len(pending):
        part = drawn[pending]
        part.sort(axis=1)
        repeats = part[:, 1:] == part[:, :-1]
        part[:, 1:][repeats] = rng.integers(0, n, np.count_nonzero(repeats), dtype=np.int32)
        drawn[pending] = part
        pending = pending[repeats.any(axis=1)]
    return drawn


def _split(
    pairs: npt.NDArray[np.int64], width: int, counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Sources and targets of ascending row-major indices, the former counted into ``counts``."""
    sources = pairs // width
    if len(sources):
        first = int(sources[0])
        fresh = np.bincount(sources - first)
        counts[first : first + len(fresh)] += fresh
    return sources, (pairs - sources * width).astype(np.int32)


def _indptr(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def _parts(rows: int, width: int = 1) -> Iterator[slice]:
    """Slices of 0..rows-1, each of some _CHUNK entries where a row has ``width``."""
    size = max(1, _CHUNK // max(1, width))
    for first in range(0, rows, size):
        yield slice(first, min(first + size, rows))


# --- checks -------------------------------------------------------------------------------------


def _whole(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise FxlifError(f"{name}: found {value!r}, allowed an integer {low}..{high}")
    if not low <= value <= high:
        raise FxlifError(f"{name}: found {value}, allowed {low}..{high}")
    return int(value)


def _pair(value: Any, name: str, allowed: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise FxlifError(f"{name}: found {value!r}, allowed {allowed}")
    return value[0], value[1]


def _shape(found: Any, asked: tuple[int, int] | None, name: str) -> tuple[int, int]:
    sizes = _pair(found, name, "a shape (n_pre, n_post)")
    n_pre, n_post = (_whole(size, f"{name}.shape", 1, _MAX_NEURONS) for size in sizes)
    if asked is not None and (n_pre, n_post) != tuple(asked):
        raise FxlifError(
            f"{name}: found shape {(n_pre, n_post)}, allowed {tuple(asked)} (n_pre, n_post)"
        )
    return n_pre, n_post


def _width(n_pre: int, n_post: int, autapses: bool) -> int:
    """How many neurons a source can reach."""
    _whole(n_pre, "n_pre", 1, _MAX_NEURONS)
    _whole(n_post, "n_post", 1, _MAX_NEURONS)
    if autapses:
        return n_post
    if n_pre != n_post:
        raise FxlifError(
            f"autapses: found False between {n_pre} and {n_post} neurons, "
            "allowed within one population"
        )
    return n_post - 1


def _integers(values: Any, name: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise FxlifError(f"{name}: found rows of different lengths, allowed integers") from None
    # An empty list has no integers to be told by.
    if array.dtype.kind not in "iu" and array.size:
        raise FxlifError(f"{name}: found dtype {array.dtype}, allowed integers")
    return array


def _within(
    array: npt.NDArray[Any], name: str, allowed: tuple[int, int], hint: str = ""
) -> npt.NDArray[Any]:
    """``array``, or an error that names its worst entry."""
    low, high = allowed
    if not array.size:
        return array
    for worst in (array.argmin(), array.argmax()):
        at = np.unravel_index(worst, array.shape)
        if not low <= int(array[at]) <= high:
            place = f"[{', '.join(map(str, at))}]" if at else ""
            raise FxlifError(f"{name}{place}: found {array[at]}, allowed {low}..{high}{hint}")
    return array


def _values(
    values: Any, name: str, count: int, allowed: tuple[int, int], dtypes: tuple[type, ...]
) -> npt.NDArray[Any] | int:
    """Weights or delays in the one form of :class:`Synapses`."""
    array = _within(_integers(values, name), name, allowed)
    if array.shape not in ((), (count,)):
        raise FxlifError(f"{name}: found shape {array.shape}, allowed one integer or ({count},)")
    if not count:
        return 0
    low, high = int(array.min()), int(array.max())
    return low if low == high else _frozen(array, _narrowest(low, high, dtypes))


def _narrowest(low: int, high: int, dtypes: tuple[type, ...]) -> type:
    return next(x for x in dtypes if np.iinfo(x).min <= low and high <= np.iinfo(x).max)


def _frozen(array: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    # A view: the caller's own array stays writable.
    array = np.ascontiguousarray(array, dtype).view()
    array.setflags(write=False)
    return array
