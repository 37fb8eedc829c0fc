"""From the numbers that were asked for to the integers that the hardware can store."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import FxlifError, short


def signed_range(bits: int) -> tuple[int, int]:
    """Lowest and highest value of a two's complement number of ``bits`` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def signed_bits(low: int, high: int) -> int:
    """The fewest bits of a two's complement number that holds both ``low`` and ``high``."""
    return 1 + max(high.bit_length(), (~low).bit_length() if low < 0 else 0)


def accumulator_bits(low: int, high: int, *, events: int, weight_bits: int) -> int:
    """Width of the sum of weights of one step, exact for every step that keeps the promise.

    ``low`` and ``high`` are the sums of all negative and of all positive weights into a neuron,
    ``events`` how often one input may spike. Never narrower than a weight: a single event always
    adds exactly.
    """
    return max(signed_bits(low * events, high * events), weight_bits)


#: The spikes of a step are counted by no more bits.
MOST_COUNT_BITS = 16


def count_bits(events: int) -> int:
    """Width of the count of a neuron's spikes of one step, where each of at most ``events`` may be
    one (docs/rule.md#per-event)."""
    return min(events.bit_length(), MOST_COUNT_BITS)


@dataclass(frozen=True, kw_only=True)
class QuantisedThreshold:
    """What became of a threshold: ``stored == mantissa << shift``, ``error == stored - asked``."""

    asked: float
    mantissa: int
    shift: int
    stored: int

    @property
    def error(self) -> float:
        """How far the stored threshold is from the one that was asked for."""
        return self.stored - self.asked


def quantise_threshold(
    asked: float, *, threshold_bits: int, shift: int = 0, name: str = "v_threshold"
) -> QuantisedThreshold:
    """The storable threshold nearest to ``asked`` (docs/rule.md#thresholds; ties to even).

    ``asked`` is in units of the membrane potential's least significant bit. A threshold beyond
    the range of a signed mantissa of ``threshold_bits`` bits is an error, never clipped: a
    clipped threshold would change when a neuron fires without saying so. ``name`` stands in the
    error.

    Example:
        >>> quantise_threshold(100, threshold_bits=8, shift=3).stored
        96
    """
    low, high = signed_range(threshold_bits)
    # The range first: it keeps infinities, NaN and huge integers away from the division.
    if not (low - 1) << shift < asked < (high + 1) << shift:
        mantissa = high + 1
    else:
        mantissa = round(Fraction(asked) / (1 << shift))
    if not low <= mantissa <= high:
        raise FxlifError.must_be(
            name, f"{low << shift}..{high << shift} (threshold_bits = {threshold_bits}, "
            f"threshold_shift = {shift})", asked, found=short(asked),
        )  # fmt: skip
    return QuantisedThreshold(asked=asked, mantissa=mantissa, shift=shift, stored=mantissa << shift)


def fit_weights(
    weights: npt.ArrayLike, *, weight_bits: int, clip: bool = False, name: str = "weights"
) -> npt.NDArray[np.int64]:
    """``weights`` as int64, each checked to fit a signed integer of ``weight_bits`` bits.

    ``clip`` brings what does not fit to the nearest end of the range instead of raising a
    :class:`FxlifError` that names the first offending entry.
    """
    try:
        # Entries as they are: numpy would make one type of 1 and True, of 1 and 2**63.
        array = weights if isinstance(weights, np.ndarray) else np.array(weights, dtype=object)
    except ValueError:
        raise _no_matrix(name, weights, "rows of different lengths") from None
    if array.ndim == 0:
        raise _no_matrix(name, weights, short(weights))
    if array.dtype == object:
        _check_integers(name, array)
    elif array.dtype.kind not in "iu":
        raise FxlifError.must_be(name, "integers", weights, found=f"dtype {array.dtype}")
    low, high = signed_range(weight_bits)
    # Compared before the cast: what is above the range of int64 would wrap into it.
    wrong = np.argwhere((array < low) | (array > high))
    if clip:
        array = np.clip(array, low, high)
    elif len(wrong):
        at, key = _entry(name, wrong[0])
        allowed = f"{low}..{high} (weight_bits = {weight_bits})"
        raise FxlifError.must_be(key, allowed, int(array[at]))
    fitted: npt.NDArray[np.int64] = array.astype(np.int64)
    return fitted


def _no_matrix(name: str, weights: object, found: str) -> FxlifError:
    return FxlifError.must_be(name, "a matrix of integers", weights, found=found)


def _entry(name: str, index: npt.NDArray[np.int64]) -> tuple[tuple[int, ...], str]:
    at = tuple(int(i) for i in index)
    return at, f"{name}[{', '.join(map(str, at))}]"


def _check_integers(name: str, array: npt.NDArray[np.object_]) -> None:
    """Raise at the first entry that is no integer; True is none, a list is a ragged row."""
    integer = np.frompyfunc(
        lambda x: isinstance(x, int | np.integer) and not isinstance(x, bool), 1, 1
    )
    wrong = np.argwhere(~integer(array).astype(bool))
    if len(wrong):
        at, key = _entry(name, wrong[0])
        if isinstance(array[at], list | tuple):
            raise _no_matrix(name, array[at], "rows of different lengths")
        raise FxlifError.must_be(key, "an integer", array[at])
