"""Packed words of one per cycle: as bytes on their way out of a simulation, as text to keep.

The text is what ``$readmemh`` reads: one hexadecimal word a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import FxlifError
from ...files import cannot
from ...hdl.interface import Field, Port

#: Packed words, one per cycle: Python ints, or (cycles, n) uint64 with the low 64 bits first.
Words = Sequence[int] | npt.NDArray[np.uint64]


def starts(ports: Sequence[Port], start: int = 0) -> list[int]:
    """The first bit of each of ``ports``, packed one after the other from bit ``start`` on, and
    the bit at which they end."""
    return list(accumulate((port.width for port in ports), initial=start))


def fields_of(ports: Sequence[Port], start: int = 0) -> dict[str, Field]:
    """The numbers of ``ports`` by name, each where it stands in the packed word."""
    return {
        field.name: replace(field, offset=at + field.offset)
        for port, at in zip(ports, starts(ports, start), strict=False)
        for field in port.fields
    }


def pack(fields: Mapping[str, Field], columns: Mapping[str, npt.NDArray[Any]]) -> list[int]:
    """One word per cycle of all ``fields``, whose numbers are the ``columns``, (cycles,) each."""
    words = [0] * len(next(iter(columns.values())))
    for name, field in fields.items():
        at, mask = field.offset, (1 << field.width) - 1
        values = columns[name].tolist()
        words = [word | (value & mask) << at for word, value in zip(words, values, strict=True)]
    return words


def row_size(bits: int) -> int:
    """64-bit words of a row of :func:`as_rows`, the spare one among them."""
    return -(-bits // 64) + 1


def as_ints(words: Words) -> list[int]:
    """Packed words as Python ints, one per cycle."""
    if not isinstance(words, np.ndarray):
        return [int(word) for word in words]
    table = words.reshape(len(words), -1)
    size = table.shape[1] * 8
    raw = np.ascontiguousarray(table, dtype="<u8").tobytes()
    return from_bytes(raw, size * 8)


def as_rows(words: Sequence[int], bits: int) -> npt.NDArray[np.uint64]:
    """Packed words of ``bits`` bits as (cycles, n) uint64, the low 64 bits first. The last column
    is 0: a field that crosses into the next word always has a next one."""
    size = row_size(bits) * 8
    # Of bytes it could only be read, which compiled code takes for another type: a form of its own.
    raw = bytearray().join([word.to_bytes(size, "little") for word in words])
    return np.frombuffer(raw, "<u8").reshape(len(words), -1)


def to_bytes(words: Sequence[int], bits: int) -> bytes:
    """The low ``bits`` of each word, in as many whole bytes as they need."""
    size, mask = -(-bits // 8), (1 << bits) - 1
    return b"".join([(word & mask).to_bytes(size, "little") for word in words])


def from_bytes(raw: bytes, bits: int) -> list[int]:
    """The words that :func:`to_bytes` wrote; half a word at the end is left out."""
    size = -(-bits // 8)
    ends = range(size, len(raw) + 1, size)
    return [int.from_bytes(raw[end - size : end], "little") for end in ends]


def to_text(words: Sequence[int], bits: int) -> str:
    """The text of a ``.mem`` file."""
    digits = -(-bits // 4)
    return "".join([f"{word:0{digits}x}\n" for word in words])


def read_text(path: Path, bits: int) -> list[int]:
    """The words of a ``.mem`` file of ours: no comments, no addresses.

    Raises:
        FxlifError: the file and the line that is not such a word.
    """
    words = []
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None
    for number, line in enumerate(lines, start=1):
        try:
            word = int(line, 16)
        except ValueError:
            word = -1
        if not 0 <= word < 1 << bits:
            allowed = f"{bits} bits in hexadecimal"
            raise FxlifError.must_be(f"{path}: line {number}", allowed, line[:40])
        words.append(word)
    if not words:
        raise FxlifError.must_be(str(path), "1 word or more", 0, found="none")
    return words


def repack(words: Sequence[int], old: dict[str, Field], new: dict[str, Field]) -> list[int]:
    """The same numbers in another layout: each field of ``old`` moves to where ``new`` has it.

    Raises:
        FxlifError: the fields, or their widths, are not the same.
    """
    if old == new:
        return list(words)
    widths, wanted = ({name: f.width for name, f in fields.items()} for fields in (old, new))
    if widths != wanted:
        raise FxlifError.must_be("stimulus", f"of the design's fields, {wanted}", widths)
    moves = [(f.offset, (1 << f.width) - 1, new[name].offset) for name, f in old.items()]
    return [sum((word >> at & mask) << to for at, mask, to in moves) for word in words]
