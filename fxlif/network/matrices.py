"""Synapses that are given: a matrix, a sparse one of scipy's, or a file of one."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers, within
from ..errors import FxlifError
from ..files import read_arrays
from .synapses import (
    INT32,
    MAX_DELAY,
    MAX_NEURONS,
    Spec,
    Synapses,
    draw,
    pair,
    row_starts,
    wrong_shape,
)


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
    matrix = within("weights", integers("weights", weights), *INT32)
    n_pre, n_post = _shape("weights", matrix.shape, shape)
    present = matrix != 0
    sources, targets = np.nonzero(present)
    if delays is None:
        chosen = draw(delay, len(targets), rng, "delay")
    else:
        steps = integers("delays", delays)
        if steps.shape != matrix.shape:
            raise wrong_shape("delays", steps, str(matrix.shape))
        chosen = within("delays", np.where(present, steps, 0), 0, MAX_DELAY)[present]
    indptr = row_starts(np.bincount(sources, minlength=n_pre))
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
            found = type(matrix).__name__
            raise FxlifError.must_be(
                "matrix", "a CSR matrix or one with tocsr()", matrix, found=found
            )
        if delays is not None:
            found = f"beside {type(matrix).__name__}"
            raise FxlifError.must_be(
                "delays", "beside a CSR matrix: call tocsr()", delays, found=found
            )
        matrix = matrix.tocsr()
    arrays = {name: getattr(matrix, name) for name in parts[1:]}
    if delays is not None:
        arrays["delays"] = delays
    copies = {name: integers(name, values).copy() for name, values in arrays.items()}
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
    arrays = read_arrays(path, required, ("delays",))
    kind = arrays.pop("format").tolist()
    if kind not in (b"csr", "csr"):
        raise FxlifError.must_be(f"{path}: format", "b'csr': save matrix.tocsr()", kind)
    found = arrays.pop("shape").tolist()
    try:
        return _csr(found, arrays, shape, delay, rng)
    except FxlifError as error:
        raise error.inside(path) from None


def _csr(
    found: Any,
    arrays: dict[str, npt.NDArray[Any]],
    shape: tuple[int, int] | None,
    delay: Spec,
    rng: np.random.Generator | None,
) -> Synapses:
    """Check what came as CSR and bring its rows into order."""
    n_pre, n_post = _shape("matrix", found, shape)
    columns = {name: integers(name, values) for name, values in arrays.items()}
    starts = within("indptr", columns.pop("indptr"), 0, (1 << 63) - 1).astype(np.int64)
    if starts.shape != (n_pre + 1,):
        raise wrong_shape("indptr", starts, f"({n_pre + 1},)")
    if starts[0]:
        raise FxlifError.must_be("indptr[0]", "0", int(starts[0]))
    for at in np.flatnonzero(starts[1:] < starts[:-1])[:1] + 1:
        raise FxlifError.must_be(f"indptr[{at}]", f"{starts[at - 1]} or more", int(starts[at]))
    count = int(starts[-1])
    for name, column in columns.items():
        if column.shape != (count,):
            raise wrong_shape(name, column, f"({count},) (last of indptr)")
    targets = within("indices", columns["indices"], 0, n_post - 1, " (the neurons that exist)")
    targets = targets.astype(np.int32, copy=False)
    weights = within("data", columns["data"], *INT32)
    steps = columns.get("delays")
    if steps is not None:
        within("delays", steps, 0, MAX_DELAY)
    if not ascending(starts, targets):
        pairs = np.repeat(np.arange(n_pre) * n_post, np.diff(starts))
        pairs += targets
        order = pairs.argsort()
        pairs = pairs[order]
        for pair in pairs[1:][pairs[1:] == pairs[:-1]][:1]:
            source, target = divmod(int(pair), n_post)
            raise FxlifError.must_be(
                "matrix", "without a pair that is there twice: call sum_duplicates()",
                (source, target), found=f"with source {source}, target {target} twice",
            )  # fmt: skip
        targets, weights = targets[order], weights[order]
        steps = steps if steps is None else steps[order]
    chosen = draw(delay, count, rng, "delay") if steps is None else steps
    return Synapses(n_pre, n_post, starts, targets, weights, chosen)


def ascending(indptr: Ints, targets: npt.NDArray[np.int32]) -> bool:
    """Whether the targets of every row ascend strictly."""
    above = targets[1:] > targets[:-1]
    firsts = indptr[(indptr > 0) & (indptr < len(targets))]
    above[firsts - 1] = True
    return bool(above.all())


def _shape(key: str, found: Any, asked: tuple[int, int] | None) -> tuple[int, int]:
    sizes = pair(key, found, "of shape (n_pre, n_post)")
    n_pre, n_post = (integer(f"{key}.shape", size, 1, MAX_NEURONS) for size in sizes)
    if asked is not None and (n_pre, n_post) != tuple(asked):
        allowed = f"of shape {tuple(asked)} (n_pre, n_post)"
        raise FxlifError.must_be(key, allowed, (n_pre, n_post))
    return n_pre, n_post
