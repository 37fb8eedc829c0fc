"""What the flip-flops of a netlist are that have lost their names.

Yosys turns a register round that begins at 1 where flip-flops begin at 0, and then may leave out
the net that had its name. Such a flip-flop depends on what its register depends on: by that the
registers are ordered, and the solver is asked of one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ....progress import Progress
from ...tools.solver import z3
from ..netlist import conjuncts, constants, substituted
from .relation import Meaning, Relation

#: How many registers are tried for a flip-flop, each as it is and turned round. In the shipped
#: designs the right one is among the first four.
TRIED = 32
#: How often flip-flops are gone through that depend on each other.
ROUNDS = 4


def leaves(term: Any) -> set[str]:
    """The names of the free constants of a term."""
    return {str(leaf) for leaf in constants([term])}


class Unnamed:
    """The flip-flops of which ``relation`` knows nothing; ``holds`` says of a formula whether it is
    true in every state of the Verilog, ``begins`` whether it may be at power-up."""

    def __init__(
        self, relation: Relation, holds: Callable[[Any], bool], begins: Callable[[Any], bool]
    ) -> None:
        self._relation, self._holds, self._begins = relation, holds, begins
        self._left = list(relation.left())
        self._later = substituted([each.term for each in self._left], relation.gold.clocked)
        self._about = [
            leaves(after) - leaves(each.term)
            for each, after in zip(self._left, self._later, strict=True)
        ]
        self._at_first = [(part, leaves(part)) for part in conjuncts(relation.gate.at_first)]

    def find(self, progress: Progress) -> list[str]:
        """Add to the relation what is found; the names of the flip-flops of which nothing is.

        Where some depend on each other, each is looked for while the others are taken for what they
        are most like; in the end those are added that hold together.
        """
        guesses: dict[str, Meaning] = {}
        sure: list[str] = []
        for _ in range(ROUNDS):
            before, sure = dict(guesses), []
            for name in self._relation.unnamed:
                progress(f"looking for what {name} is", 0, None)
                others = {each: m for each, m in guesses.items() if each != name}
                meaning, same = self._best(name, others)
                guesses |= {name: meaning} if meaning else {}
                sure += [name] if same else []
            if guesses == before:
                break
        while wrong := [name for name in sure if not self._fits(name, sure, guesses)]:
            sure = [name for name in sure if name not in wrong]
        for name in sure:
            self._relation.add(self._bit(name), guesses[name])
        return self._relation.unnamed

    def _bit(self, name: str) -> Any:
        return self._relation.gate.registers[name]

    def _then(self, name: str, others: dict[str, Meaning]) -> Any:
        """The next state of a flip-flop, the others being what they are taken for."""
        known = self._relation.all_of([self._relation.gate.next[name]])
        pairs = [(self._bit(other), meaning.term) for other, meaning in others.items()]
        return substituted(known, pairs)[0]

    def _fits(self, name: str, sure: Sequence[str], guesses: dict[str, Meaning]) -> bool:
        meaning = guesses[name]
        others = {each: guesses[each] for each in sure if each != name}
        number = self._left.index(meaning)
        return self._same(name, self._then(name, others), number)

    def _best(self, name: str, others: dict[str, Meaning]) -> tuple[Meaning | None, bool]:
        """The likeliest that it may be at power-up, and whether it has its next states too."""
        then = self._then(name, others)
        first = None
        for number in self._likely(leaves(then) - {name}):
            meaning = self._left[number]
            if self._may_begin(name, meaning):
                if self._same(name, then, number):
                    return meaning, True
                first = first or meaning
        return first, False

    def _likely(self, about: set[str]) -> Iterator[int]:
        """The numbers of those that are left, most alike in what they depend on first."""

        def alike(number: int) -> float:
            other = self._about[number]
            return len(about & other) / max(len(about | other), 1)

        yield from sorted(range(len(self._left)), key=alike, reverse=True)[: 2 * TRIED]

    def _same(self, name: str, then: Any, number: int) -> bool:
        after = z3.substitute(then, (self._bit(name), self._left[number].term))
        return self._holds(after == self._later[number])

    def _may_begin(self, name: str, meaning: Meaning) -> bool:
        parts = [part for part, about in self._at_first if name in about]
        begin = z3.substitute(z3.And(*parts), (self._bit(name), meaning.term))
        return self._begins(self._relation.of(begin))
