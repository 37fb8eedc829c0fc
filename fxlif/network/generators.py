"""Topologies that are generated: regular ones, ones drawn from a generator, and sheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers, one_of, within
from ..errors import FxlifError
from .synapses import (
    CHUNK,
    INT32,
    MAX_NEURONS,
    Spec,
    Synapses,
    chunks,
    draw,
    pair,
    row_starts,
    wrong_shape,
)

#: (indptr, targets) as in :class:`Synapses`.
Topology = tuple[Ints, npt.NDArray[np.int32]]


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
    integer("n", n, 1, MAX_NEURONS)
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
        raise FxlifError.must_be("probability", "0..1", probability)
    counts = np.zeros(n_pre, np.int64)
    found: list[npt.NDArray[np.int32]] = []
    for pairs in bernoulli(n_pre * width, float(probability), rng):
        sources, targets = _split(pairs, width, counts)
        if not autapses:
            targets += targets >= sources
        found.append(targets)
    return row_starts(counts), np.concatenate([np.zeros(0, np.int32), *found])


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
    k = integer("indegree", indegree, 0, n_sources)
    # Pairs as row-major indices: sorting them is the way from target-major to source-major.
    pairs = np.empty((n_post, k), np.int64)
    for part in chunks(n_post, k):
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
    for part in chunks(len(flat)):
        targets[part] = _split(flat[part], n_post, counts)[1]
    return row_starts(counts), targets


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
    rows, columns = pair("shape", shape, "two numbers of neurons (rows, columns)")
    n = integer("shape[0]", rows, 1, MAX_NEURONS) * integer("shape[1]", columns, 1, MAX_NEURONS)
    integer("shape (rows * columns)", n, 1, MAX_NEURONS)
    weights = within("kernel", integers("kernel", kernel), *INT32)
    if weights.ndim != 2 or not all(size % 2 for size in weights.shape):
        raise wrong_shape("kernel", weights, "odd x odd")
    one_of("edges", edges, ("open", "periodic"))
    height, width = weights.shape
    if edges == "periodic" and (height > rows or width > columns):
        raise wrong_shape("kernel", weights, f"{(rows, columns)} at most, on that periodic sheet")
    down, right = np.nonzero(weights)
    weights = weights[down, right].astype(np.int32)
    down, right = down - height // 2, right - width // 2
    counts = np.zeros(n, np.int64)
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    for part in chunks(n, len(weights)):
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
    return Synapses(
        n, n, row_starts(counts), targets, sent, draw(delay, len(targets), rng, "delay")
    )


def bernoulli(total: int, probability: float, rng: np.random.Generator) -> Iterator[Ints]:
    """Those of 0..total-1 that come out of one throw each, ascending, in chunks."""
    if not probability:
        return
    last = -1
    while last < total - 1:
        left = total - 1 - last
        expected = probability * left
        # Rarely too few, never many too many; with every gap cut to left + 1, the sum of a
        # chunk, at most total * size, stays within int64.
        size = min(int(expected + 6 * expected**0.5) + 16, CHUNK, (1 << 62) // (left + 1))
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


def _split(pairs: Ints, width: int, counts: Ints) -> tuple[Ints, npt.NDArray[np.int32]]:
    """Sources and targets of ascending row-major indices, the former counted into ``counts``."""
    sources = pairs // width
    if len(sources):
        first = int(sources[0])
        fresh = np.bincount(sources - first)
        counts[first : first + len(fresh)] += fresh
    return sources, (pairs - sources * width).astype(np.int32)


def _width(n_pre: int, n_post: int, autapses: bool) -> int:
    """How many neurons a source can reach."""
    integer("n_pre", n_pre, 1, MAX_NEURONS)
    integer("n_post", n_post, 1, MAX_NEURONS)
    if autapses:
        return n_post
    if n_pre != n_post:
        found = f"False between {n_pre} and {n_post} neurons"
        raise FxlifError.must_be("autapses", "True, or within one population", False, found=found)
    return n_post - 1
