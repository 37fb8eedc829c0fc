"""What a design is made of: LUTs that no carries run through, the bits of its operators, registers
and memories, as they are when its logic is simplified, and before anything is mapped."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

from ...params.protocol import AnyParams
from ..verilog import component_of
from .logic.graph import FALSE, TRUE, Graph, Part, Word, live, luts
from .logic.operators import extent
from .logic.reader import graph_of

#: Adders of so few bits are LUTs like any other logic, as Yosys maps them for ECP5 (for iCE40 those
#: of 2 bits).
NARROW = 4
#: Two words that are compared, or of which one is subtracted from the other.
Pair = tuple[tuple[int, ...], tuple[int, ...]]


def features_of(design: AnyParams) -> tuple[Counter[str], list[tuple[int, int]]]:
    """Name → how many, of what becomes logic and registers, and ``one`` for each core; the depth
    and width of each memory.

    ``lut``: LUTs of mere logic. ``add``, ``compare``, ``constant``: the bits of sums, and of
    comparisons with what changes and with constants; ``chain``: one for each sum of so many bits
    that it has a carry chain; those that have none are ``narrow``. ``beyond``: the bits that one
    side of a comparison has more than the other. ``shared``: the bits of comparisons of what also
    is subtracted. ``multiply``: the sums of bits that a product is made of.
    ``unread``: the bits of registers but for as many as memories read.

    ``design``: what the hardware is made from (:func:`fxlif.hdl.limits.supported`).
    """
    collects = gc.isenabled()
    gc.disable()  # it took a third of the time, again and again through a netlist that is in use
    try:
        graph, outputs = graph_of(component_of(design))
        return _counted(graph, outputs, max(1, len(design.cores)))
    finally:
        if collects:
            gc.enable()


def _counted(graph: Graph, outputs: Word, cores: int) -> tuple[Counter[str], list[tuple[int, int]]]:
    reads, numbers = live(graph, outputs)
    parts = [graph.parts[number] for number in sorted(numbers)]
    bits = Counter({"one": cores, "lut": luts(graph, reads)})
    memories = []
    subtracted = {
        (tuple(a), tuple(b)) for part in parts if part.kind == "-" for a, b in _pairs(part)
    }
    for part in parts:
        if part.kind == "read":
            memories.append((part.depth, len(part.outputs)))
            bits["read"] += len(part.outputs)
        elif part.kind == "register":
            bits["register"] += 1
            bits["reset"] += len(part.inputs[1])
            bits["enabled"] += len(part.inputs[2])
        elif part.kind in ("+", "-"):
            used = [k for k, bit in enumerate(part.outputs, start=1) if bit >> 1 in reads]
            bits["add" if used[-1] > NARROW else "narrow"] += used[-1]
            bits["chain"] += used[-1] > NARROW
        elif part.kind == "*":
            a, b = part.inputs
            bits["multiply"] += min(_set(a) * len(b), _set(b) * len(a))
        elif part.kind in ("u<", "s<"):
            for name, count in _compared(part, subtracted):
                bits[name] += count
    # The registers behind memories become part of them on some devices.
    bits["unread"] = max(0, bits["register"] - bits["read"])
    return bits, memories


def _pairs(part: Part) -> Iterator[Pair]:
    """What a difference subtracts from what, with its signs and without."""
    a, b = part.inputs
    for size in range(max(extent(a), extent(b)), len(a) + 1):
        yield tuple(a[:size]), tuple(b[:size])
        yield tuple(b[:size]), tuple(a[:size])


def _set(word: Word) -> int:
    """How many bits of a word may be set."""
    return sum(bit != FALSE for bit in word)


def _compared(part: Part, subtracted: set[Pair]) -> Iterator[tuple[str, int]]:
    """What a comparison counts as."""
    a, b = part.inputs
    if len(a) <= NARROW:
        yield "narrow", len(a)
    elif (tuple(a), tuple(b)) in subtracted:
        yield "shared", len(a)
    elif any(all(bit <= TRUE for bit in word) for word in part.inputs):
        yield "constant", len(a)
    else:
        size = extent if part.kind == "s<" else _length
        common = min(size(a), size(b))
        yield "compare", common
        yield "beyond", len(a) - common


def _length(word: Word) -> int:
    """The bits of an unsigned word without zeros in front."""
    return max((k for k, bit in enumerate(word, start=1) if bit != FALSE), default=0)
