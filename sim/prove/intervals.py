"""The golden rule on intervals: how wide must a number be that none of its values overflows?

The functions of :mod:`fxlif.rule.arithmetic` run here on (lowest, highest) pairs. Every operator
returns an interval that holds each result that is possible, and notes it; so all intermediate
values of the golden rule lie within what was noted, and a bit-vector of that width computes the
integers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...params.quantise import signed_bits
from ...rule.arithmetic import where


class Extent:
    """The lowest and the highest number that came up."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0

    def note(self, low: int, high: int) -> None:
        """Take in everything from ``low`` to ``high``."""
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def bits(self) -> int:
        """The width of a signed number that can be any of them."""
        return signed_bits(self.low, self.high)


class Truth:
    """A condition of which nothing is known."""

    def __init__(self, extent: Extent) -> None:
        self.extent = extent


class Interval:
    """All integers from ``low`` to ``high``, as an operand of the golden rule."""

    # Equality is a question here, so there is no hash; mypy knows neither form.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, low: int, high: int, extent: Extent) -> None:
        extent.note(low, high)
        self.low, self.high, self.extent = low, high, extent

    def _ends(self, other: Any) -> tuple[int, int]:
        if isinstance(other, Interval):
            return other.low, other.high
        self.extent.note(other, other)
        return other, other

    def _corners(self, other: Any, operator: Callable[[int, int], int]) -> Interval:
        # Sums, products and shifts are monotonic in each operand: the ends lie at corners.
        ends = [operator(a, b) for a in (self.low, self.high) for b in self._ends(other)]
        return Interval(min(ends), max(ends), self.extent)

    def __add__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a * b)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: b - a)

    def __rshift__(self, shift: int) -> Interval:
        return self._corners(shift, lambda a, b: a >> b)

    def __lshift__(self, shift: int) -> Interval:
        return self._corners(shift, lambda a, b: a << b)

    def __and__(self, mask: int) -> Interval:
        if mask < 0:
            raise ValueError(f"mask: found {mask}, allowed 0 or more")
        self._ends(mask)
        return Interval(0, mask, self.extent)

    def _compared(self, other: Any) -> Truth:
        self._ends(other)
        return Truth(self.extent)

    __lt__ = __le__ = __gt__ = __ge__ = _compared
    __eq__ = __ne__ = _compared  # type: ignore[assignment]


@where.register(Truth)
def _(condition: Truth, a: Any, b: Any) -> Any:
    """Either of the two: the smallest interval that holds both."""
    if isinstance(a, bool | Truth) or isinstance(b, bool | Truth):
        return condition
    ends = [(x.low, x.high) if isinstance(x, Interval) else (x, x) for x in (a, b)]
    return Interval(min(low for low, _ in ends), max(high for _, high in ends), condition.extent)
