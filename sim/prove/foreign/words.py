"""Reads at an address that no word of a memory has: x in Verilog, another word to Yosys.

A write there does nothing, to Yosys too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....errors import FxlifError

_MEMORY = re.compile(r"^  memory (?:width \d+ |size (\d+) |offset (-?\d+) )+(\S+)$", re.M)
_READ = re.compile(r"^  cell \$memrd(?:_v2)? (\S+)\n.*?^  end\n", re.M | re.S)
_PART = re.compile(r"^    (?:parameter(?: signed)?|connect) \\(\w+) (.*)$", re.M)


def shown_within(rtlil: str) -> str:
    """A flat module as Yosys writes it, each of whose memories shows x beyond its words.

    Raises:
        FxlifError: a memory whose words are counted from below 0.
    """
    words = dict(_words(rtlil))
    return _READ.sub(lambda cell: _guarded(cell, words), rtlil)


def _words(rtlil: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Of each memory the address of its first word, and how many it has."""
    for memory in _MEMORY.finditer(rtlil):
        size, first, name = int(memory[1] or 0), int(memory[2] or 0), memory[3]
        if first < 0:
            raise FxlifError.must_be(
                f"memory {name.removeprefix(chr(92)).removeprefix('dut.')}",
                "counted from 0 or more, in a proof", first,
            )  # fmt: skip
        yield name, (first, size)


def _guarded(cell: re.Match[str], words: dict[str, tuple[int, int]]) -> str:
    """A port that reads, and what shows its word where it has one."""
    text, name = cell[0], cell[1]
    has = dict(_PART.findall(text))
    first, size = words[has["MEMID"][1:-1].replace("\\\\", "\\")]
    bits, address = int(has["ABITS"]), has["ADDR"]
    if first == 0 and 1 << bits <= size:
        return text
    width, word = int(has["WIDTH"]), f"{name}_word"
    known = [f"{name}_{part}" for part in ("above", "below", "known")]
    made = [f"  wire width {width} {word}\n", *(f"  wire {wire}\n" for wire in known)]
    made.append(text.replace(f"connect \\DATA {has['DATA']}\n", f"connect \\DATA {word}\n"))
    for kind, number, wire in (("$ge", first, known[0]), ("$lt", first + size, known[1])):
        beside = max(bits, number.bit_length())
        made.append(_binary(kind, (address, bits), (f"{beside}'{number:0{beside}b}", beside), wire))
    made.append(_binary("$and", (known[0], 1), (known[1], 1), known[2]))
    made.append(f"  cell $mux {name}_shown\n    parameter \\WIDTH {width}\n"
                f"    connect \\A {width}'{'x' * width}\n    connect \\B {word}\n"
                f"    connect \\S {known[2]}\n    connect \\Y {has['DATA']}\n  end\n")  # fmt: skip
    return "".join(made)


def _binary(kind: str, a: tuple[str, int], b: tuple[str, int], made: str) -> str:
    """A cell of two signals without a sign, with their bits, that makes one bit."""
    lines = [f"  cell {kind} {made}_cell", "    parameter \\Y_WIDTH 1"]
    for pin, (signal, bits) in (("A", a), ("B", b)):
        lines += [f"    parameter \\{pin}_SIGNED 0", f"    parameter \\{pin}_WIDTH {bits}",
                  f"    connect \\{pin} {signal}"]  # fmt: skip
    return "\n".join([*lines, f"    connect \\Y {made}", "  end", ""])
