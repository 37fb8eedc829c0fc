"""The golden step of one neuron, and a population of equal neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .errors import FxlifError
from .params.neuron import MAX_CURRENT_BITS
from .params.quantise import signed_range

if TYPE_CHECKING:
    pass


def signed_array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.signedinteger]:
    """``values`` as signed integers, without a copy where they are; else an error: fxlif never
    rounds or wraps an input silently."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise FxlifError(f"{name}: found rows of different lengths, allowed integers") from None
    if array.dtype.kind not in "biu":
        raise FxlifError(f"{name}: found dtype {array.dtype}, allowed integers")
    # Beyond this, sums inside the rule could leave int64, and numpy would wrap them silently.
    low, high = signed_range(MAX_CURRENT_BITS)
    wide = array.dtype.itemsize > 4
    if wide and array.size and (int(array.min()) < low or int(array.max()) > high):
        worst = max(int(array.max()), int(array.min()), key=abs)
        raise FxlifError(f"{name}: found {worst}, allowed {low}..{high}")
    # numpy would make floats of uint64 and a signed type; the values were seen to fit int64.
    kind = np.dtype(np.int64) if wide else np.promote_types(array.dtype, np.int8)
    return array.astype(kind.newbyteorder("="), copy=False)


def integer_array(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
    """``values`` as int64, checked as :func:`signed_array` does."""
    return signed_array(values, name).astype(np.int64)


def check_output(out: object, shape: tuple[int, ...]) -> None:
    """Raise unless compiled code may write bools of this shape to ``out``."""
    if not isinstance(out, np.ndarray):
        raise FxlifError(f"out: found {type(out).__name__}, allowed an array of bool")
    if out.dtype != np.bool_ or out.shape != shape:
        raise FxlifError(
            f"out: found {out.dtype} of shape {out.shape}, allowed bool of shape {shape}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise FxlifError("out: found a strided or read-only array, allowed a C-contiguous one")
