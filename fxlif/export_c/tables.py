"""Constant tables in C, and lines of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .expressions import stored_type


def table(name: str, values: npt.ArrayLike, kind: str | None = None) -> str:
    """A constant array of integers, (n,), in the narrowest type or in one of a given ``kind``."""
    array = np.asarray(values).ravel()
    if not array.size:
        array = np.zeros(1, np.int64)  # C knows no empty array
    kind = kind or stored_type(int(array.min()), int(array.max()))
    words = [f"{kind[:-2].upper()}_C({x})" if "64" in kind else str(x) for x in array.tolist()]
    lines = [", ".join(words[k : k + 16]) for k in range(0, len(words), 16)]
    return f"static const {kind} {name}[{array.size}] = {{\n  " + ",\n  ".join(lines) + "\n};\n"


def joined(*parts: str | Iterable[str]) -> str:
    """Lines of C as one text."""
    made: list[str] = []
    for part in parts:
        made += [part] if isinstance(part, str) else part
    return "\n".join(made) + "\n"
