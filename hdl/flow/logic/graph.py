"""Logic of single bits, which simplifies while it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: A bit: twice the number of its node, and 1 more where it is inverted; node 0 is constant.
Bit = int
Word = list[Bit]
FALSE, TRUE = 0, 1
#: Inputs of a LUT.
LUT_INPUTS = 4


@dataclass(slots=True)
class Part:
    """What is no mere logic: an operator with carries, a register, a memory, a port.

    ``kind``: what it is called; ``inputs``, ``outputs``: its words;
    ``depth``: the words of a memory.
    """

    kind: str
    inputs: list[Word]
    outputs: Word
    depth: int = 0


class Graph:
    """Nodes: AND and XOR of two bits, choices between two by a third; and those that parts drive.

    What is constant, or is there already, makes no node.
    """

    def __init__(self) -> None:
        #: The bits that a node is made of; none of those that a part drives.
        self.fans: list[tuple[Bit, ...]] = [()]
        #: Node that no part drives → "and", "xor" or "choose".
        self.function: dict[int, str] = {}
        self.parts: list[Part] = []
        #: Node → the part that drives it.
        self.driver: dict[int, int] = {}
        self._known: dict[tuple[object, ...], Bit] = {}

    def part(self, kind: str, inputs: Iterable[Word], width: int) -> Part:
        """A new part that drives so many bits."""
        first = len(self.fans)
        self.fans.extend(() for _ in range(width))
        self.driver.update(dict.fromkeys(range(first, first + width), len(self.parts)))
        made = Part(kind, list(inputs), [2 * (first + k) for k in range(width)])
        self.parts.append(made)
        return made

    def once(self, kind: str, inputs: Sequence[Word], width: int) -> Part:
        """The part of this kind with these inputs, which is made if there is none."""
        key = (kind, *map(tuple, inputs))
        if key not in self._known:
            self._known[key] = len(self.parts)
            self.part(kind, inputs, width)
        return self.parts[self._known[key]]

    def _node(self, function: str, *fans: Bit) -> Bit:
        key = (function, *fans)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = 2 * len(self.fans)
            self.function[len(self.fans)] = function
            self.fans.append(fans)
        return found

    def both(self, a: Bit, b: Bit) -> Bit:
        """AND."""
        if a > b:
            a, b = b, a
        if a == FALSE or a ^ b == 1:
            return FALSE
        return b if a in (TRUE, b) else self._node("and", a, b)

    def either(self, a: Bit, b: Bit) -> Bit:
        """OR."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: Bit, b: Bit) -> Bit:
        """XOR."""
        inverted = (a ^ b) & 1
        a, b = sorted((a & ~1, b & ~1))
        if a == b:
            return inverted
        return (b if a == FALSE else self._node("xor", a, b)) ^ inverted

    def choose(self, by: Bit, yes: Bit, no: Bit) -> Bit:
        """``yes`` where ``by`` is set, else ``no``."""
        if by <= TRUE or yes == no:
            return yes if by == TRUE else no
        if yes <= TRUE and no <= TRUE:
            return by ^ no
        return (
            self._node("choose", by ^ 1, no, yes) if by & 1 else self._node("choose", by, yes, no)
        )

    def all(self, bits: Iterable[Bit]) -> Bit:
        """AND of them all; one by one, which fills LUTs."""
        found = TRUE
        for bit in bits:
            found = self.both(found, bit)
        return found

    def any(self, bits: Iterable[Bit]) -> Bit:
        """OR of them all."""
        return self.all(bit ^ 1 for bit in bits) ^ 1

    def chosen(self, by: Bit, yes: Sequence[Bit], no: Sequence[Bit]) -> Word:
        """Choices between the bits of two words."""
        return [self.choose(by, a, b) for a, b in zip(yes, no, strict=True)]


def live(graph: Graph, roots: Iterable[Bit]) -> tuple[dict[int, int], set[int]]:
    """Node → how often it is read, and the parts, that the bits ``roots`` are made of."""
    reads: dict[int, int] = {}
    parts: set[int] = set()
    fans, driver = graph.fans, graph.driver
    waiting = [bit >> 1 for bit in roots]
    while waiting:
        node = waiting.pop()
        if node in reads:
            reads[node] += 1
            continue
        reads[node] = 1
        if fans[node]:
            waiting.extend([bit >> 1 for bit in fans[node]])
        elif node in driver and driver[node] not in parts:
            parts.add(driver[node])
            for word in graph.parts[driver[node]].inputs:
                waiting.extend([bit >> 1 for bit in word])
    reads.pop(0, None)
    return reads, parts


def luts(graph: Graph, reads: dict[int, int]) -> int:
    """How many LUTs these nodes take: each takes in the nodes that it alone reads, for as long as
    that leaves it inputs enough."""
    fans = graph.fans
    within: dict[int, set[int]] = {}
    count = 0
    for node in sorted(reads):
        if not fans[node]:
            continue
        inputs = {bit >> 1 for bit in fans[node]} - {0}
        for each in sorted(inputs, key=lambda each: len(within.get(each, ()))):
            if reads[each] == 1 and each in within:
                larger = (inputs - {each}) | within[each]
                if len(larger) <= LUT_INPUTS:
                    inputs = larger
                    count -= 1
        within[node] = inputs
        count += 1
    return count
