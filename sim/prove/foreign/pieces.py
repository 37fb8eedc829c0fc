"""Registers and bits of them, and that they are some number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...tools.solver import z3
from ..golden import widen
from ..netlist import label


class Piece(NamedTuple):
    """A register, or some bits of it."""

    register: Any
    low: int
    bits: int

    @property
    def term(self) -> Any:
        """Its bits."""
        if self.bits == self.register.size():
            return self.register
        return z3.Extract(self.low + self.bits - 1, self.low, self.register)

    @property
    def name(self) -> str:
        """Its name in the Verilog."""
        name = label(self.register).removeprefix("dut.")
        if self.bits == self.register.size():
            return name
        return f"{name}[{self.low + self.bits - 1}:{self.low}]"

    def of(self, value: int) -> int:
        """Its value, of that of the register."""
        return value >> self.low & (1 << self.bits) - 1


class Fact(NamedTuple):
    """What may hold, and the bits that ``term`` may stand for then; ``number``: of which they are
    the number."""

    holds: Any
    piece: Piece | None = None
    term: Any = None
    number: Any = None


def is_term(piece: Piece, term: Any) -> Fact:
    return Fact(piece.term == term, piece, term)


def constant(register: Any, value: int) -> Fact:
    return is_term(Piece(register, 0, register.size()), z3.BitVecVal(value, register.size()))


def signed_values(column: Sequence[int], bits: int) -> list[int]:
    top = 1 << bits - 1
    return [(value ^ top) - top for value in column]


def alike(bits: int, column: list[int], size: int, other: list[int]) -> Iterator[bool]:
    """Whether two columns are the same numbers: as signed ones, as unsigned ones."""
    if signed_values(column, bits) == signed_values(other, size):
        yield True
    elif bits != size and column == other:
        yield False


def equal(piece: Piece, column: list[int], term: Any, other: list[int]) -> Iterator[Fact]:
    """That bits are a number, if they were."""
    for signed in alike(piece.bits, column, term.size(), other):
        width = max(piece.bits, term.size())
        holds = widen(piece.term, width, signed=signed) == widen(term, width, signed=signed)
        as_wide = (widen(term, width, signed=signed) if term.size() <= piece.bits
                   else z3.Extract(piece.bits - 1, 0, term))  # fmt: skip
        yield Fact(holds, piece, as_wide, term)
