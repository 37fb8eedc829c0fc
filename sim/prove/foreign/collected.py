"""Events that are collected as a vector for a step: what may hold of it and of the golden sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ...tools.solver import z3
from ..golden import widen
from .machine import Numbers
from .pieces import Fact, Piece, equal, signed_values

#: From a register to its values in some rows.
Column = Callable[[Any], Sequence[int]]


class Collected(NamedTuple):
    """A register of the core that holds how many events came of each input, input 0 lowest."""

    register: Any
    bits: int

    def fields(self) -> list[Piece]:
        """The bits of each input."""
        return [Piece(self.register, low, self.bits)
                for low in range(0, self.register.size(), self.bits)]  # fmt: skip

    def of(self, value: int) -> list[int]:
        """The numbers in a value of the register."""
        return [field.of(value) for field in self.fields()]


def collecting(registers: Sequence[Any], numbers: Numbers, column: Column) -> Iterator[Collected]:
    """The registers that were seen to hold the numbers of events, in rows at rest."""
    counts = _counted(numbers, column)
    if not counts or any(len(set(each)) == 1 for each in zip(*counts, strict=True)):
        return
    for register in registers:
        bits, rest = divmod(register.size(), len(numbers.counts))
        if not rest:
            found = Collected(register, bits)
            if [found.of(value) for value in column(register)] == counts:
                yield found


def of_collected(
    vector: Collected, numbers: Numbers, column: Column, *, rest: bool
) -> Iterator[Fact]:
    """What holds of a vector in some rows: that it holds the numbers of events, and the sums what
    these come to; but at ``rest``, that those before the last step are what it comes to."""
    shown = [vector.of(value) for value in column(vector.register)]
    for k, (count, field) in enumerate(zip(numbers.counts, vector.fields(), strict=True)):
        yield from equal(field, [each[k] for each in shown], count, list(column(count)))
    yield from _sums(numbers, numbers.sums, column, _counted(numbers, column), numbers.counts)
    if not rest:
        # Not to be put in the place of a sum: the vector may be known itself.
        fields = [field.term for field in vector.fields()]
        for fact in _sums(numbers, numbers.sums_before, column, shown, fields):
            yield Fact(fact.holds)


def _counted(numbers: Numbers, column: Column) -> list[list[int]]:
    """The events of each input, of each row."""
    columns = [column(count) for count in numbers.counts]
    return [list(row) for row in zip(*columns, strict=True)]


def _sums(
    numbers: Numbers, sums: Sequence[Any], column: Column, counted: Sequence[Sequence[int]],
    counts: Sequence[Any],
) -> Iterator[Fact]:  # fmt: skip
    """That sums are what the events that were counted come to, if they were."""
    for total, weights in zip(sums, numbers.weights, strict=True):
        come_to = [sum(w * many for w, many in zip(weights, each, strict=True))
                   for each in counted]  # fmt: skip
        if come_to == signed_values(column(total), total.size()):
            yield _come_to(total, weights, counts)


def _come_to(total: Any, weights: Sequence[int], counts: Sequence[Any]) -> Fact:
    most = sum(abs(weight) << many.size() for weight, many in zip(weights, counts, strict=True))
    wide = max(most.bit_length() + 1, total.size())
    made = z3.BitVecVal(0, wide)
    for weight, many in zip(weights, counts, strict=True):
        made = made + widen(many, wide, signed=False) * weight
    term = z3.Extract(total.size() - 1, 0, made)
    return Fact(widen(total, wide) == made, Piece(total, 0, total.size()), term)
