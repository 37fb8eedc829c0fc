"""Integer values of known range as text of C99, one assignment for each operation.

The rule of :mod:`fxlif.rule` runs on them as it runs on integers, and leaves the statements that
compute the same. Every operation is carried out in the narrowest type that holds its exact result:
nothing overflows, and no negative number is shifted.
"""

from __future__ import annotations

from typing import Any

from ..errors import FxlifError
from ..params.quantise import signed_bits
from ..rule.arithmetic import changed, clamp, taken, where

WIDTHS = (16, 32, 64)


def width(low: int, high: int) -> int:
    """Bits of the narrowest type of :data:`WIDTHS` that holds both.

    Raises:
        FxlifError: none does.
    """
    bits = signed_bits(min(low, 0), max(high, 0))
    for allowed in WIDTHS:
        if bits <= allowed:
            return allowed
    raise FxlifError.must_be(
        "neuron", "one whose values between stay within 64 bits, in C", f"{low}..{high}"
    )


def c_type(low: int, high: int) -> str:
    """The C type of a value in between."""
    return f"int{width(low, high)}_t"


def stored_type(low: int, high: int) -> str:
    """The narrowest C type that an array may keep such values in: of 8 bits too."""
    return "int8_t" if low >= -128 and high <= 127 else c_type(low, high)


def literal(value: int) -> str:
    """An integer of C99."""
    if -(1 << 31) < value < 1 << 31:
        return str(value) if value >= 0 else f"({value})"
    if value == -(1 << 63):
        return "(-INT64_C(9223372036854775807) - 1)"
    return f"INT64_C({value})" if value >= 0 else f"(-INT64_C({-value}))"


class Condition:
    """A truth value in C: its text, and where it compares ``value`` by ``operator`` with the number
    ``limit``, what it does."""

    def __init__(
        self, lines: Lines, code: str, operator: str = "", value: Value | None = None,
        limit: int = 0,
    ) -> None:  # fmt: skip
        self.lines, self.code = lines, code
        self.operator, self.value, self.limit = operator, value, limit


class Value:
    """An exact integer between ``low`` and ``high``, in a variable of C called ``code``."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, lines: Lines, code: str, low: int, high: int) -> None:
        self.lines, self.code, self.low, self.high = lines, code, low, high
        #: Of ``x >> s``: (x, s). Of the greater of x and a number: (x, the number).
        self.shift_of: tuple[Value, int] | None = None
        self.greater_of: tuple[Value, int] | None = None

    @property
    def bits(self) -> int:
        """Bits of its type."""
        return width(self.low, self.high)

    def _ends(self) -> tuple[int, int]:
        return self.low, self.high

    def _made(self, operator: str, left: Any, right: Any, low: int, high: int) -> Any:
        """``left operator right``, which lies between ``low`` and ``high``."""
        if low == high:
            return low
        bits = width(low, high)
        inside = max([bits, *(x.bits for x in (left, right) if isinstance(x, Value))])
        text = f"{_as(left, inside)} {operator} {_as(right, inside)}"
        return self.lines.let(f"(int{bits}_t)({text})", low, high)

    def __add__(self, other: Value | int) -> Any:
        if _is(other, 0):
            return self
        low, high = _ends(other)
        return self._made("+", self, other, self.low + low, self.high + high)

    __radd__ = __add__

    def __sub__(self, other: Value | int) -> Any:
        if other is self:
            return 0
        if _is(other, 0):
            return self
        low, high = self.low - _ends(other)[1], self.high - _ends(other)[0]
        if isinstance(other, Value) and other.shift_of and other.shift_of[0] is self:
            # What is left of x does not fall as x grows.
            s = other.shift_of[1]
            low, high = self.low - (self.low >> s), self.high - (self.high >> s)
        return self._made("-", self, other, low, high)

    def __rsub__(self, other: int) -> Any:
        return self._made("-", other, self, other - self.high, other - self.low)

    def __mul__(self, factor: int) -> Any:
        ends = self.low * factor, self.high * factor
        return self if factor == 1 else self._made("*", self, factor, min(ends), max(ends))

    __rmul__ = __mul__

    def __and__(self, mask: Value | int) -> Any:
        # A mask of low ones; types of intN_t are in two's complement.
        most = _ends(mask)[1]
        if isinstance(mask, int) and self.low >= 0 and self.high <= mask:
            return self
        return self._made("&", self, mask, 0, most)

    def __rand__(self, other: int) -> Any:
        return self._made("&", other, self, 0, min(other, self.high)) if other else 0

    def __rlshift__(self, one: int) -> Any:
        """A natural number times the power of two that this one tells."""
        low, high = one << self.low, one << self.high
        bits = width(low, high)
        return self.lines.let(f"(int{bits}_t)(INT64_C({one}) << {self.code})", low, high)

    def _shifted_by(self, count: Value) -> Any:
        low = min(self.low >> count.low, self.low >> count.high)
        high = max(self.high >> count.low, self.high >> count.high)
        bits = max(32, self.bits)
        x, s = _as(self, bits), count.code
        # No negative number is shifted: -1 - x is its complement.
        text = f"({x} < 0) ? -1 - ((-1 - {x}) >> {s}) : {x} >> {s}"
        return self.lines.let(f"({c_type(low, high)})({text})", low, high)

    def __rshift__(self, count: Value | int) -> Any:
        if isinstance(count, Value):
            return self._shifted_by(count)
        if not count:
            return self
        low, high = self.low >> count, self.high >> count
        if low == high:
            return low
        raised = max(0, -low) << count  # makes it a natural number, as it is shifted in C
        bits = next((w for w in WIDTHS if w >= self.bits and self.high + raised < 1 << w), 0)
        if not bits:
            raise FxlifError.must_be(
                "neuron", "one whose values between stay within 64 bits, in C", f">> {count}"
            )
        unsigned = f"(uint{bits}_t){self.code}"
        if raised:
            unsigned = f"(uint{bits}_t)({unsigned} + UINT{bits}_C({raised}))"
        kind = c_type(low, high + (raised >> count))
        text = f"({kind})({unsigned} >> {count})" + (f" - {raised >> count}" if raised else "")
        made = self.lines.let(f"({c_type(low, high)})({text})", low, high)
        made.shift_of = (self, count)
        return made

    def _compared(self, operator: str, other: Value | int) -> Any:
        known = _known(operator, self._ends(), _ends(other))
        if known is not None:
            return known
        inside = max(self.bits, other.bits if isinstance(other, Value) else width(other, other))
        text = f"{_as(self, inside)} {operator} {_as(other, inside)}"
        if isinstance(other, Value):
            return Condition(self.lines, text)
        return Condition(self.lines, text, operator, self, other)

    def __lt__(self, other: Value | int) -> Any:
        return self._compared("<", other)

    def __gt__(self, other: Value | int) -> Any:
        return self._compared(">", other)

    def __le__(self, other: Value | int) -> Any:
        return self._compared("<=", other)

    def __ge__(self, other: Value | int) -> Any:
        return self._compared(">=", other)

    def __eq__(self, other: Any) -> Any:
        return True if other is self else self._compared("==", other)

    def __ne__(self, other: Any) -> Any:
        return False if other is self else self._compared("!=", other)


def _is(value: Value | int, number: int) -> bool:
    return isinstance(value, int) and value == number


def _ends(value: Value | int) -> tuple[int, int]:
    return (value.low, value.high) if isinstance(value, Value) else (value, value)


def _as(value: Value | int, bits: int) -> str:
    if isinstance(value, int):
        return literal(value)
    return value.code if value.bits == bits else f"(int{bits}_t){value.code}"


def _known(operator: str, left: tuple[int, int], right: tuple[int, int]) -> bool | None:
    """Whether a comparison holds, where the ranges tell."""
    (low, high), (other_low, other_high) = left, right
    apart = high < other_low or other_high < low
    if operator == "<":
        return True if high < other_low else False if low >= other_high else None
    if operator == ">":
        return True if low > other_high else False if high <= other_low else None
    if operator == "<=":
        return True if high <= other_low else False if low > other_high else None
    if operator == ">=":
        return True if low >= other_high else False if high < other_low else None
    if apart:
        return operator == "!="
    return operator == "==" if low == high == other_low == other_high else None


class Lines:
    """Statements of C, one after the other."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def name(self) -> str:
        """A name that is not taken."""
        self._count += 1
        return f"x{self._count}"

    def let(self, code: str, low: int, high: int) -> Value:
        """A variable with the value of an expression."""
        name = self.name()
        self.lines.append(f"const {c_type(low, high)} {name} = {code};")
        return Value(self, name, low, high)


@where.register(Condition)
def _(condition: Condition, a: Any, b: Any) -> Any:
    if a is b or (isinstance(a, int) and isinstance(b, int) and a == b):
        return a
    if isinstance(a, bool | Condition) and isinstance(b, bool | Condition):
        return _truth(condition, a, b)
    return _chosen(condition, a, b)


def _truth(condition: Condition, a: Any, b: Any) -> Condition:
    def text(each: Any) -> str:
        return f"({each.code})" if isinstance(each, Condition) else str(int(each))

    if a is False:
        return Condition(condition.lines, f"!({condition.code}) && {text(b)}")
    return Condition(condition.lines, f"({condition.code}) ? {text(a)} : {text(b)}")


#: What holds where a comparison does not.
_OTHERWISE = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}


def _chosen(condition: Condition, a: Any, b: Any) -> Any:
    """``a`` where a condition holds, ``b`` elsewhere; the range is what each may then be."""
    first = _where_holds(a, condition.operator, condition)
    second = _where_holds(b, _OTHERWISE.get(condition.operator, ""), condition)
    low, high = min(first[0], second[0]), max(first[1], second[1])
    if low == high:
        return low
    bits = width(low, high)
    inside = max([bits, *(x.bits for x in (a, b) if isinstance(x, Value))])
    text = f"({condition.code}) ? {_as(a, inside)} : {_as(b, inside)}"
    made = condition.lines.let(f"(int{bits}_t)({text})", low, high)
    raises = condition.operator == "<" and _is(a, condition.limit)
    if raises and isinstance(b, Value) and b is condition.value:
        made.greater_of = (b, condition.limit)
    return made


def _where_holds(value: Any, operator: str, condition: Condition) -> tuple[int, int]:
    """What ``value`` lies between where the compared one stands to the limit as ``operator`` says:
    if it is that one, or the greater of it and a number."""
    low, high = _ends(value)
    if not isinstance(value, Value) or condition.value is None:
        return low, high
    limit = condition.limit
    if value is condition.value:
        if operator in (">", ">="):
            low = max(low, limit + (operator == ">"))
        if operator in ("<", "<="):
            high = min(high, limit - (operator == "<"))
    elif value.greater_of and value.greater_of[0] is condition.value and operator in ("<", "<="):
        high = min(high, max(value.greater_of[1], limit - (operator == "<")))
    return low, high


class Event:
    """Stands in the rule for the events that a neuron takes one by one, so that what is done with
    one of them is written once.

    ``ranges``: of v or i_syn, and of the count of spikes. Afterwards ``before`` holds the
    statements that act before the first event, ``taking`` what each of these is then; ``body`` what
    one event does to them, ``new`` what they are behind it.
    """

    def __init__(self, lines: Lines, *ranges: tuple[int, int]) -> None:
        self.lines, self.ranges = lines, ranges
        self.before: list[str] = []
        self.body: list[str] = []
        self.taking: list[Any] = []
        self.new: list[Any] = []


#: What events change, as variables of C.
TAKING = ("taking", "count")


@taken.register(Event)
def _(event: Event, values: Any, *others: Any) -> tuple[Any, ...]:
    event.taking = [values, *others[:1]]
    event.before, event.lines.lines = event.lines.lines, []
    made = [
        Value(event.lines, name, *ends)
        for name, ends, _ in zip(TAKING, event.ranges, event.taking, strict=False)
    ]
    return (*made, *others[1:])


@changed.register(Event)
def _(event: Event, values: Any, new: Any) -> Any:
    # The spikes change before v, where both do; their count ends somewhere.
    place = len(event.taking) - len(event.new) - 1
    if place:
        new = clamp(new, *event.ranges[place])
    event.new.insert(0, new)
    if not place:
        event.body, event.lines.lines = event.lines.lines, []
    return Value(event.lines, TAKING[place], *event.ranges[place])
