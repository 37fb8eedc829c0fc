"""What a design is made of: the bits of its operators, registers and memories, as they are when
Yosys has simplified the netlist that Amaranth writes, and before anything is mapped.

That Yosys is the one that writes the Verilog; it knows no device.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

from amaranth.back import rtlil

from ...params.protocol import AnyParams
from ..limits import total_bits
from ..memory import ENABLED_ROM, RAM, ROM, Images
from ..verilog import component_of
from ..yosys import builtin
from .netlist import Cell, Netlist

#: How the built-in Yosys simplifies; it must not take long.
_SCRIPT = """read_rtlil <<end_of_design
{}
end_of_design
hierarchy -top top
proc -norom
flatten
wreduce
memory_collect
opt_mem
opt -full
clean
write_json
"""
#: Cells → the name under which their bits are counted.
_KINDS = {
    **dict.fromkeys(("$add", "$sub", "$neg", "$alu"), "add"),
    **dict.fromkeys(("$lt", "$le", "$gt", "$ge"), "compare"),
    **dict.fromkeys(("$eq", "$ne", "$eqx", "$nex"), "equal"),
    **dict.fromkeys(("$and", "$or", "$xor", "$xnor", "$not"), "gate"),
    **dict.fromkeys(("$mux", "$pmux", "$bmux"), "mux"),
    **dict.fromkeys(("$shl", "$shr", "$sshl", "$sshr", "$shift", "$shiftx"), "shift"),
    **dict.fromkeys(("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce"), "register"),
}
#: Adders of so few bits are LUTs like any other logic, as Yosys maps them for ECP5 (for iCE40 those
#: of 2 bits).
NARROW = 4
#: Bits of memories that are many.
LARGE_BITS = 1 << 18
_OF_MEMORY = (ROM, ENABLED_ROM, RAM, "$mem_v2")


def features_of(design: AnyParams) -> tuple[Counter[str], list[tuple[int, int]]]:
    """Name → bits, of what becomes logic and registers, and ``one`` for each core; the depth and
    width of each memory.

    ``chain``: one for each adder or comparison with a carry chain; those that have none are
    ``narrow``. ``beyond``: the bits that one side of a comparison has more than the other.
    ``unread``: the bits of registers but for as many as memories read.

    ``design``: what the hardware is made from (:func:`fxlif.hdl.limits.supported`).

    Raises:
        FxlifError: the built-in Yosys fails.
    """
    bits = Counter({"one": max(1, len(design.cores))})
    memories = []
    for cell in _simplified(design).cells.values():
        kind = cell["type"]
        if kind in _OF_MEMORY:
            depth = _number(cell, "SIZE" if kind == "$mem_v2" else "DEPTH")
            memories.append((depth, _number(cell, "WIDTH")))
            bits["read"] += _number(cell, "WIDTH")
        for name, count in _logic(cell):
            bits[name] += count
    # The registers behind memories become part of them on some devices.
    bits["unread"] = max(0, bits["register"] - bits["read"])
    return bits, memories


def _simplified(design: AnyParams) -> Netlist:
    """The netlist of a design as Yosys simplifies it, which loads while Amaranth writes it."""
    builtin.start()
    out = builtin.run(_SCRIPT.format(_written(design)))
    return Netlist.read(out[out.index("{") :], "top")


def _written(design: AnyParams) -> str:
    """What Amaranth writes of a design, as RTLIL."""
    # Amaranth takes long for the words of a memory, of which large ones have all bits anyway.
    large = total_bits(design) > LARGE_BITS
    platform = Images("top") if large else None
    collects = gc.isenabled()
    gc.disable()  # it took a third of the time, again and again through a netlist that is in use
    try:
        text = rtlil.convert(component_of(design), name="top", emit_src=False, platform=platform)
    finally:
        if collects:
            gc.enable()
    return str(text)


def _number(cell: Cell, parameter: str) -> int:
    value = cell["parameters"].get(parameter, 0)
    return value if isinstance(value, int) else int(value, 2)


def _logic(cell: Cell) -> Iterator[tuple[str, int]]:
    """What a cell counts as."""
    kind = cell["type"]
    a, b, y, width = (_number(cell, name) for name in ("A_WIDTH", "B_WIDTH", "Y_WIDTH", "WIDTH"))
    if kind == "$mul":
        yield "multiply", min(a * b, y * min(a, b))
    elif kind.startswith(("$reduce", "$logic")):
        yield "reduce", a + b
    elif kind in _KINDS:
        name = _KINDS[kind]
        many = {"shift": a * b, "compare": max(a, b), "equal": max(a, b), "mux": width}
        if kind == "$pmux":
            width *= _number(cell, "S_WIDTH")
        bits = many.get(name, width or y) if kind != "$pmux" else width
        if name in ("add", "compare"):
            if bits <= NARROW:
                name = "narrow"
            else:
                yield "chain", 1
        if name == "compare":
            yield "beyond", bits - min(a, b)
            bits = min(a, b)
        yield name, bits
        if kind in ("$sdff", "$sdffe", "$sdffce"):
            yield "reset", width
        if kind in ("$dffe", "$sdffe", "$sdffce"):
            yield "enabled", width
