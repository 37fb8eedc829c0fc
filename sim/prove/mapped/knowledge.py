"""What synthesis may know of the Verilog's registers and tables, beyond their names.

All of it are guesses about the registers, for others to prove, but for the :class:`Tables`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ...tools.solver import decide, z3
from ..netlist import Netlist, bits, constants, label, substituted, subterms
from .gate import bits_of

#: Address → which bits have a value at power-up, and the values.
Contents = Mapping[int, tuple[int, int]]
#: How often the partition of :func:`equal_bits` is refined at most: 52 times of recurrent. What is
#: still wrong then would be disproved later, a few guesses at a time.
ROUNDS = 100
_BIT = (z3.BitVecVal(0, 1), z3.BitVecVal(1, 1))


class Tables:
    """The memories of constants of the Verilog ``gold``, whose ``contents`` are by their names.

    A bit that is the same in all words of a memory, or equal to a lower bit in all of them, is so
    in every answer: where weights are small, their upper bits are the sign. A word to which the
    Verilog gives no value may be any, so one that makes it so; but of the bits in ``stored``, which
    lie in cells, none is taken for another.
    """

    def __init__(
        self, gold: Netlist, contents: Mapping[str, Contents],
        stored: Mapping[str, Collection[int]],
    ) -> None:  # fmt: skip
        #: Number of a memory's term → the memory, which holds the number; bit → bit or constant.
        self._of: dict[int, tuple[Any, dict[int, int | Any]]] = {}
        for name, words in contents.items():
            array = gold[name]
            if gold.next.get(array, array).eq(array):
                same = _same(list(words.values()), array, stored.get(name, ()))
                self._of[array.get_id()] = array, same

    def plain(self, word: Any) -> Any:
        """A word that is read, its bits those of :meth:`facts`; as it is, if there are none."""
        _, same = self._of.get(word.arg(0).get_id(), (None, {}))
        if not same:
            return word
        of = [z3.Extract(k, k, word) for k in range(word.size())]
        parts = [of[to] if isinstance(to := same.get(k, k), int) else to for k in range(len(of))]
        return z3.Concat(*reversed(parts)) if len(parts) > 1 else parts[0]

    def facts(self, formulas: Iterable[Any]) -> Iterator[Any]:
        """What is so of the words that some formulas read."""
        for word in filter(z3.is_select, subterms(formulas)):
            plain = self.plain(word)
            if not plain.eq(word):
                yield word == plain


def _same(
    words: list[tuple[int, int]], array: Any, stored: Collection[int]
) -> dict[int, int | Any]:  # fmt: skip
    """Bit of the words → the bit or the constant that it is in all of them."""
    columns: dict[int, tuple[int, ...]] = {}
    for bit in range(array.sort().range().size()):
        if all(mask >> bit & 1 for mask, _ in words):
            columns[bit] = tuple(value >> bit & 1 for _, value in words)
    found: dict[int, int | Any] = {}
    first: dict[tuple[int, ...], int] = {}
    for bit in sorted(columns, key=lambda bit: (bit not in stored, bit)):
        column = columns[bit]
        if bit in stored:
            first.setdefault(column, bit)
        elif len(set(column)) == 1:
            found[bit] = _BIT[column[0]]
        elif first.setdefault(column, bit) != bit:
            found[bit] = first[column]
    return found


class Related:
    """Facts, of which some matter for a formula."""

    def __init__(self, facts: Iterable[Any]) -> None:
        self._facts = [(fact, {leaf.get_id() for leaf in constants([fact])}) for fact in facts]

    def __call__(self, formulas: Iterable[Any]) -> list[Any]:
        """The facts about constants of the formulas, and about those in the facts found so: as long
        as all can hold at once, the others say nothing of the formulas."""
        found: list[Any] = []
        known, rest = {leaf.get_id() for leaf in constants(formulas)}, self._facts
        while more := [pair for pair in rest if not known.isdisjoint(pair[1])]:
            rest = [pair for pair in rest if known.isdisjoint(pair[1])]
            for fact, about in more:
                found.append(fact)
                known |= about
        return found


def chosen(gold: Netlist, first: Iterable[Any], named: Iterable[Any]) -> list[Any]:
    """What the registers hold at power-up to which the Verilog gives no value there, of which
    ``first`` says nothing: the constant that one of the facts ``named`` says of a bit, else 0."""
    given = {str(leaf) for leaf in constants(first)}
    known = {}
    for fact in filter(z3.is_eq, named):
        for bit, value in (fact.children(), fact.children()[::-1]):
            if z3.is_bv_value(value):
                known[bit.sexpr()] = fact
    return [
        known.get(bit.sexpr(), bit == 0)
        for register in gold.next if not z3.is_array(register) and str(register) not in given
        for bit in bits_of(bits(register))
    ]  # fmt: skip


def equal_bits(
    gold: Netlist, tables: Tables, begin: list[Any], *, solver: str, timeout_s: float
) -> dict[str, Any]:
    """Bits of registers that are constant, or take the same value at every edge, as far as their
    terms show it, from the first state ``begin``: the coarsest partition in which the bits of one
    part do, after :data:`ROUNDS` rounds."""
    registers = [leaf for leaf in gold.next if not z3.is_array(leaf)]
    every = {leaf: bits_of(bits(leaf)) for leaf in registers}
    own = {f"{label(leaf)}[{k}]": bit for leaf in registers for k, bit in enumerate(every[leaf])}
    at_first = decide(begin, solver=solver, timeout_s=timeout_s, values=own).model
    is_now = {name: _BIT[at_first[name]] for name in own} if at_first else own
    for _ in range(ROUNDS):
        names, pairs = iter(is_now), []
        for leaf in registers:
            of = [is_now[next(names)] for _ in every[leaf]]
            whole = z3.Concat(*reversed(of)) if len(of) > 1 else of[0]
            pairs.append((leaf, whole == 1 if z3.is_bool(leaf) else whole))
        after = substituted([bits(gold.next[leaf]) for leaf in registers], pairs)
        words = list(filter(z3.is_select, subterms(after)))
        after = substituted(after, [(word, tables.plain(word)) for word in words])
        then = dict(zip(own, (bit for term in after for bit in bits_of(term)), strict=True))
        parts: dict[tuple[int, int], list[str]] = defaultdict(list)
        for name, bit in then.items():
            parts[is_now[name].get_id(), bit.get_id()].append(name)
        split: dict[str, Any] = {}
        for part in parts.values():
            value = is_now[part[0]]
            stays = z3.is_bv_value(value) and value.eq(then[part[0]])
            split |= dict.fromkeys(part, value if stays else own[part[0]])
        if all(split[name].eq(is_now[name]) for name in own):
            break
        is_now = {name: split[name] for name in own}
    return {f"{name} = {is_now[name]}": own[name] == is_now[name]
            for name in own if not is_now[name].eq(own[name])}  # fmt: skip
