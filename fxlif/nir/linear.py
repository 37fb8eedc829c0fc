"""Linear nodes as sparse matrices: what a spike of each line before them adds behind them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..errors import FxlifError
from .graph import Floats, Node

Shape = tuple[int, ...]
#: scipy.sparse.csr_matrix
Csr = Any
#: More synapses than fit into memory come from shapes that were not meant.
MAX_SYNAPSES = 1 << 28


def scipy_sparse() -> Any:
    """The module ``scipy.sparse``, or an error that names the extra that brings it."""
    try:
        from scipy import sparse
    except ModuleNotFoundError:
        raise FxlifError.not_installed("scipy", "'fxlif[nir]'") from None
    return sparse


def linear_node(node: Node, shape: Shape) -> tuple[Csr, Floats | None, Shape]:
    """The matrix (n before, n behind) of a node whose input has ``shape``, its bias (n behind) or
    None, and the shape of its output.

    Raises:
        FxlifError: shapes that do not fit; a node that is not linear.
    """
    sparse = scipy_sparse()

    n = prod(shape)
    if node.kind in ("Input", "Output", "Flatten"):
        return sparse.identity(n, format="csr"), None, _flattened(node, shape)
    if node.kind in ("Affine", "Linear"):
        weight = node.numbers("weight")
        if weight.ndim != 2 or weight.shape[1] != n:
            found = f"{weight.shape}"
            raise FxlifError.must_be(
                f"{node.path}.weight", f"of shape (n, {n}), its input being {shape}",
                weight.shape, found=found,
            )  # fmt: skip
        bias = None
        if node.kind == "Affine":
            bias = _per_output(node, "bias", (len(weight),))
        return sparse.csr_matrix(weight.T), bias, (len(weight),)
    if node.kind == "Scale":
        return sparse.diags(_per_output(node, "scale", shape)).tocsr(), None, shape
    if node.kind in ("Conv1d", "Conv2d"):
        return _convolution(node, shape)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        return _pooling(node, shape)
    raise FxlifError.must_be(f"{node.path}.type", f"one of {', '.join(SUPPORTED)}", node.kind)


LINEAR = (
    "Input", "Output", "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d",
    "Flatten", "Delay",
)  # fmt: skip
NEURONS = ("LIF", "CubaLIF", "IF", "LI", "CubaLI", "Threshold")
SUPPORTED = (*LINEAR, *NEURONS)


def _per_output(node: Node, key: str, shape: Shape) -> Floats:
    """A field of one number for each of ``shape``, flat; a single number stands for all."""
    values = node.numbers(key)
    if values.size not in (1, prod(shape)):
        raise FxlifError.must_be(f"{node.path}.{key}", f"of shape {shape}", values.shape)
    return np.broadcast_to(values.ravel(), (prod(shape),))


def _flattened(node: Node, shape: Shape) -> Shape:
    if node.kind != "Flatten":
        return shape
    (start,), (end,) = node.integers("start_dim", 1, 1), node.integers("end_dim", 1, -1)
    start, end = (x + len(shape) if x < 0 else x for x in (start, end))
    # Some writers count the dimension of batches: what is left over is flat already.
    start, end = min(start, len(shape) - 1), min(end, len(shape) - 1)
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def _convolution(node: Node, shape: Shape) -> tuple[Csr, Floats, Shape]:
    weight = node.numbers("weight")
    axes = int(node.kind[4])
    if weight.ndim != axes + 2:
        raise FxlifError.must_be(f"{node.path}.weight", f"of {axes + 2} dimensions", weight.shape)
    (groups,) = node.integers("groups", 1, 1)
    outputs, each, *kernel = weight.shape
    inputs = each * groups
    if groups < 1 or outputs % groups or len(shape) != axes + 1 or shape[0] != inputs:
        key = f"{node.path}.weight"
        allowed = f"for an input of shape {shape}, in {groups} groups"
        raise FxlifError.must_be(key, allowed, weight.shape)
    if (
        node.fields.get("input_shape") is not None
        and node.integers("input_shape", axes) != shape[1:]
    ):
        given = node.integers("input_shape", axes)
        raise FxlifError.must_be(f"{node.path}.input_shape", f"{shape[1:]}, its input's", given)
    stride, dilation = node.integers("stride", axes, 1), node.integers("dilation", axes, 1)
    before, behind = _padding(node, kernel, stride, dilation)
    sizes = _sizes(node, shape[1:], kernel, stride, dilation, before, behind)
    # The channels that are joined: those of one group.
    per_group = outputs // groups
    c_out = np.repeat(np.arange(outputs), each)
    c_in = np.tile(np.arange(each), outputs) + c_out // per_group * each

    def parts() -> Iterator[tuple[Any, Any, Any]]:
        for offset in product(*map(range, kernel)):
            place = int(np.ravel_multi_index(offset, kernel))
            values = weight.reshape(outputs, each, -1)[:, :, place].ravel()
            steps = tuple(k * d for k, d in zip(offset, dilation, strict=True))
            source, target = _positions(shape[1:], sizes, stride, before, steps)
            yield (
                c_in[:, None] * prod(shape[1:]) + source,
                c_out[:, None] * prod(sizes) + target,
                np.broadcast_to(values[:, None], (values.size, source.size)),
            )

    matrix = _matrix(node, parts(), weight.size * prod(sizes), prod(shape), outputs * prod(sizes))
    bias = np.repeat(_per_output(node, "bias", (outputs,)), prod(sizes))
    return matrix, bias, (outputs, *sizes)


def _pooling(node: Node, shape: Shape) -> tuple[Csr, None, Shape]:
    if len(shape) != 3:
        raise FxlifError.must_be(node.path, "behind channels of two dimensions", shape)
    kernel = node.integers("kernel_size", 2)
    stride, padding = node.integers("stride", 2), node.integers("padding", 2, 0)
    sizes = _sizes(node, shape[1:], kernel, stride, (1, 1), padding, padding)
    # An average counts the zeros of the padding, as those of the frameworks do.
    value = 1.0 if node.kind == "SumPool2d" else 1.0 / prod(kernel)
    channel = np.arange(shape[0])[:, None]

    def parts() -> Iterator[tuple[Any, Any, Any]]:
        for offset in product(*map(range, kernel)):
            source, target = _positions(shape[1:], sizes, stride, padding, offset)
            rows = channel * prod(shape[1:]) + source
            yield rows, channel * prod(sizes) + target, np.full(rows.shape, value)

    count = shape[0] * prod(kernel) * prod(sizes)
    return (
        _matrix(node, parts(), count, prod(shape), shape[0] * prod(sizes)), None,
        (shape[0], *sizes),
    )  # fmt: skip


def _padding(node: Node, kernel: list[int], stride: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Zeros before and behind each dimension."""
    given = node.fields.get("padding")
    text = given.decode() if isinstance(given, bytes) else given
    if not isinstance(text, str):
        both = node.integers("padding", len(kernel), 0)
        return both, both
    if text == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if text != "same" or any(s != 1 for s in stride):
        allowed = "numbers, 'valid', or with a stride of 1 'same'"
        raise FxlifError.must_be(f"{node.path}.padding", allowed, text)
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)


def _sizes(
    node: Node, size: Shape, kernel: Any, stride: Shape, dilation: Shape, before: Shape,
    behind: Shape,
) -> Shape:  # fmt: skip
    """The output's dimensions (docs.pytorch.org, Conv2d)."""
    for key, values, least in (("stride", stride, 1), ("dilation", dilation, 1),
                               ("padding", before, 0), ("kernel", kernel, 1)):  # fmt: skip
        if min(values) < least:
            raise FxlifError.must_be(f"{node.path}.{key}", f"{least} or more", min(values))
    made = tuple(
        (n + b + e - d * (k - 1) - 1) // s + 1
        for n, b, e, d, k, s in zip(size, before, behind, dilation, kernel, stride, strict=True)
    )
    if min(made) < 1:
        raise FxlifError.must_be(node.path, "with a kernel that fits its input", size)
    return made


def _positions(
    size: Shape, made: Shape, stride: Shape, before: Shape, offset: Shape
) -> tuple[Any, Any]:
    """For one offset of a kernel, the flat places of input and output that it joins."""
    targets = np.indices(made).reshape(len(made), -1)
    column = (len(made), 1)
    sources = targets * np.reshape(stride, column) + np.reshape(offset, column)
    sources = sources - np.reshape(before, column)
    inside = ((sources >= 0) & (sources < np.reshape(size, column))).all(axis=0)
    return (
        np.ravel_multi_index(tuple(sources[:, inside]), size),
        np.flatnonzero(inside),
    )


def _matrix(node: Node, parts: Iterator[Any], count: int, n: int, m: int) -> Csr:
    sparse = scipy_sparse()

    if count > MAX_SYNAPSES:
        raise FxlifError.must_be(node.path, f"of {MAX_SYNAPSES} synapses at most", count)
    rows, columns, values = (
        np.concatenate([np.ravel(x) for x in column]) for column in zip(*parts, strict=True)
    )
    return sparse.coo_matrix((values, (rows, columns)), shape=(n, m)).tocsr()
