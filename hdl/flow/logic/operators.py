"""The operators of words, as bits and as parts with carries."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import FALSE, TRUE, Bit, Graph, Word

_REDUCED = {"r|": Graph.any, "b": Graph.any, "r&": Graph.all}
_BITWISE = {"&": Graph.both, "|": Graph.either, "^": Graph.differ}


def operated(graph: Graph, operator: str, words: Sequence[Word]) -> Word:
    """What an operator of Amaranth's netlist makes of words."""
    first = words[0]
    if operator == "~":
        return [bit ^ 1 for bit in first]
    if operator in _REDUCED:
        return [_REDUCED[operator](graph, first)]
    if operator in _BITWISE:
        return [_BITWISE[operator](graph, a, b) for a, b in zip(*words, strict=True)]
    if operator == "m":
        return graph.chosen(first[0], words[1], words[2])
    if operator == "r^":
        return [_parity(graph, first)]
    if operator in ("==", "!="):
        same = graph.all(graph.differ(a, b) ^ 1 for a, b in zip(*words, strict=True))
        return [same ^ (operator == "!=")]
    if operator == "-" and len(words) == 1:
        return _added(graph, "-", [FALSE] * len(first), first)
    if operator in ("+", "-"):
        return _added(graph, operator, *words)
    if operator == "*":
        return _multiplied(graph, *words)
    if operator in ("<<", "u>>", "s>>"):
        return _shift(graph, operator, *words)
    return [_compared(graph, operator, *words)]


def _parity(graph: Graph, bits: Word) -> Bit:
    found = FALSE
    for bit in bits:
        found = graph.differ(found, bit)
    return found


def extent(word: Sequence[Bit]) -> int:
    """The bits of a signed word without those that repeat its sign."""
    size = len(word)
    while size > 1 and word[size - 2] == word[-1]:
        size -= 1
    return size


def _added(graph: Graph, operator: str, a: Word, b: Word) -> Word:
    """A sum, or a difference; its bits below the first that changes are those of ``a``."""
    width, low = len(a), 0
    while low < width and (b[low] == FALSE or (operator == "+" and a[low] == FALSE)):
        low += 1
    below = [x if y == FALSE else y for x, y in zip(a[:low], b[:low], strict=True)]
    a, b = a[low:], b[low:]
    if not a:
        return below
    positive = operator == "+" and a[-1] == b[-1] == FALSE
    size = min(len(a), max(extent(a), extent(b)) + 1 - positive)
    key = sorted((a[:size], b[:size])) if operator == "+" else [a[:size], b[:size]]
    made = graph.once(operator, key, size).outputs
    rest = FALSE if positive else made[-1]
    return [*below, *made, *[rest] * (len(a) - size)]


def _compared(graph: Graph, operator: str, a: Word, b: Word) -> Bit:
    """A comparison, all as a < b."""
    signed, operator = operator[0] == "s", operator[1:]
    if operator in (">", "<="):
        a, b = b, a
    inverted = operator in (">=", "<=")
    if signed:
        size = max(extent(a), extent(b))
        a, b = a[:size], b[:size]
        if all(bit == FALSE for bit in b):
            return a[-1] ^ inverted
    else:
        while len(a) > 1 and a[-1] == b[-1]:
            a, b = a[:-1], b[:-1]
    if not signed and all(bit <= TRUE for bit in b):
        value = sum(bit << k for k, bit in enumerate(b))
        if value & (value - 1) == 0:  # less than a power of two, or never
            low = value.bit_length() - 1
            return (graph.any(a[low:]) ^ 1 if value else FALSE) ^ inverted
    return graph.once("s<" if signed else "u<", [a, b], 1).outputs[0] ^ inverted


def _multiplied(graph: Graph, a: Word, b: Word) -> Word:
    width = len(a)
    a, b = sorted((a[: extent(a)], b[: extent(b)]))
    for value, other in ((a, b), (b, a)):
        if TRUE not in value[-1:] and all(bit <= TRUE for bit in value) and value.count(TRUE) < 2:
            moved = [FALSE] * value.index(TRUE) + other if TRUE in value else [FALSE]
            return [*moved, *[moved[-1]] * width][:width]
    made = graph.once("*", [a, b], min(width, len(a) + len(b))).outputs
    return [*made, *[made[-1]] * (width - len(made))]


def _shift(graph: Graph, operator: str, word: Word, by: Word) -> Word:
    if operator == "<<":
        return shifted(graph, word[::-1], by, 1, FALSE, len(word))[::-1]
    fill = word[-1] if operator == "s>>" else FALSE
    return shifted(graph, word, by, 1, fill, len(word))


def shifted(graph: Graph, word: Word, by: Word, stride: int, fill: Bit, width: int) -> Word:
    """``width`` bits of a word, from ``stride`` times ``by``; above it are ``fill``."""
    found = [*word, *[fill] * (width - len(word))]
    for k in range(len(by) - 1, -1, -1):
        step = stride << k
        moved = [*found[step:], *[fill] * min(step, len(found))]
        found = graph.chosen(by[k], moved, found)
    return found[:width]
