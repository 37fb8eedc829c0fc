"""Checks of the numbers and arrays that a user gives: nothing is rounded or wrapped silently.

Every function returns what it was given in one form, or raises a :class:`FxlifError` whose key is
the name that the caller passes.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import FxlifError, short

Ints = npt.NDArray[np.int64]
T = TypeVar("T")


def one_of(key: str, value: object, allowed: Collection[str]) -> None:
    """Raise unless ``value`` is one of the texts ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        raise FxlifError.must_be(key, ", ".join(allowed), value)


def of_type(key: str, value: object, kind: type[T], allowed: str) -> T:
    """``value``, or an error that it must be ``allowed`` where it is no ``kind``."""
    if not isinstance(value, kind):
        raise FxlifError.must_be(key, allowed, value, found=short(value))
    return value


def integer(key: str, value: Any, low: int = 0, high: int | None = None, *, what: str = "") -> int:
    """``value`` as a Python int from ``low`` to ``high``, or an error; True is no integer.

    ``what`` describes the number in the error: "a number of steps, ".
    """
    allowed = what + (f"{low} or more" if high is None else f"{low}..{high}")
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise FxlifError.must_be(key, f"an integer, {allowed}", value, found=short(value))
    if number < low or (high is not None and number > high):
        raise FxlifError.must_be(key, allowed, value, found=short(value))
    return number


def count_of(count: int, thing: str) -> str:
    """As in "1 neuron" and "4,000 neurons"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def integers(
    key: str, values: npt.ArrayLike, *, shape: str = "", booleans: bool = False
) -> npt.NDArray[Any]:
    """``values`` as an array of integers of any dtype; an empty list is one, too.

    ``shape``, such as "(steps, n)", names the dimensions that it must have. ``booleans`` takes
    arrays of bool as well.
    """
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        raise FxlifError.must_be(
            key, "integers", values, found="rows of different lengths"
        ) from None
    if shape and array.ndim != len(shape.strip("(),").split(",")):
        raise FxlifError.must_be(key, f"of shape {shape}", values, found=str(array.shape))
    # An empty list has no integers to be told by.
    if array.size and array.dtype.kind not in ("iub" if booleans else "iu"):
        raise FxlifError.must_be(key, "integers", values, found=f"dtype {array.dtype}")
    return array


def finite(key: str, values: Any) -> npt.NDArray[np.float64]:
    """``values`` as float64, or an error that names the first that is no finite number."""
    try:
        array = np.asarray(values)
    except ValueError:
        found = "rows of different lengths"
        raise FxlifError.must_be(key, "numbers", values, found=found) from None
    if array.dtype.kind not in "iuf":
        found = f"of dtype {array.dtype}" if array.ndim else short(values)
        raise FxlifError.must_be(key, "numbers", values, found=found)
    array = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        raise FxlifError.must_be(f"{key}{list(at) if at else ''}", "finite", float(array[at]))
    return array


def within(
    key: str,
    array: npt.NDArray[Any],
    low: int,
    high: int,
    why: str = "",
    ends: tuple[int, int] | None = None,
) -> npt.NDArray[Any]:
    """``array``, or an error that names an entry outside ``low``..``high``, and ``why``.

    ``ends``: the lowest and the highest entry, where the caller has found them already.
    """
    if not array.size:
        return array
    lowest, highest = ends or (int(array.min()), int(array.max()))
    if low <= lowest and highest <= high:
        return array
    for worst in (array.argmin(), array.argmax()):
        at = np.unravel_index(worst, array.shape)
        if not low <= int(array[at]) <= high:
            place = f"[{', '.join(map(str, at))}]" if at else ""
            raise FxlifError.must_be(f"{key}{place}", f"{low}..{high}{why}", int(array[at]))
    return array


def signed_array(
    key: str, values: npt.ArrayLike, bits: int, why: str = ""
) -> npt.NDArray[np.signedinteger]:
    """``values``, integers or booleans, as signed integers that fit ``bits`` bits.

    No copy where they are that already; no look at each where their type fits by itself. The caller
    chooses ``bits`` so that no sum leaves int64: numpy would wrap it silently. ``why`` ends the
    error.
    """
    array = integers(key, values, booleans=True)
    if array.dtype.kind not in "iub":  # empty: integers all the same
        array = array.astype(np.int64)
    own_bits = 8 * array.dtype.itemsize + (array.dtype.kind == "u")
    if own_bits > bits and array.dtype.kind != "b":
        within(key, array, -(1 << (bits - 1)), (1 << (bits - 1)) - 1, why)
    # numpy would make floats of uint64 and a signed type; the values were seen to fit int64.
    wide = array.dtype.itemsize > 4
    kind = np.dtype(np.int64) if wide else np.promote_types(array.dtype, np.int8)
    return array.astype(kind.newbyteorder("="), copy=False)


def check_output(out: object, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    """Raise unless compiled code may write elements of ``kind``, in this shape, to ``out``."""
    allowed = f"a C-contiguous, writable array of {kind} of shape {shape}"
    if not isinstance(out, np.ndarray):
        raise FxlifError.must_be("out", allowed, out, found=type(out).__name__)
    if out.dtype != kind or out.shape != shape:
        found = f"{out.dtype} of shape {out.shape}"
    elif not (out.flags.c_contiguous and out.flags.writeable):
        found = "a strided or read-only one"
    else:
        return
    raise FxlifError.must_be("out", allowed, out, found=found)
