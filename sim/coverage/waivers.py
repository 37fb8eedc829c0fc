"""Waivers: bins that need not be hit, each with a reason, in a TOML file.

[[waiver]]
group = "core[0].v"
name = "saturates down"
reason = "the pixels are never negative"
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

from ...errors import FxlifError
from .bins import Key

FIELDS = ("group", "name", "reason")


def read_waivers(path: Path, known: Collection[Key]) -> dict[Key, str]:
    """The reason of each waived bin.

    Args:
        known: the bins of the design.

    Raises:
        FxlifError: the file cannot be read, is of another form, or names a bin twice or one that
            the design does not have.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FxlifError(f"{path}: cannot be read ({error})", key=str(path)) from None
    rows = content.get("waiver")
    if set(content) != {"waiver"} or not isinstance(rows, list):
        raise FxlifError.must_be(str(path), "tables [[waiver]]", sorted(content))
    found: dict[Key, str] = {}
    for k, row in enumerate(rows):
        where = f"{path}: waiver[{k}]"
        if not isinstance(row, dict) or set(row) != set(FIELDS):
            raise FxlifError.must_be(where, f"a table of {', '.join(FIELDS)}", row)
        for field in FIELDS:
            if not isinstance(row[field], str) or not row[field].strip():
                raise FxlifError.must_be(f"{where}.{field}", "text", row[field])
        key = (row["group"], row["name"])
        if key not in known or key in found:
            allowed = "a bin that no other waiver names" if key in found else "a bin of the design"
            raise FxlifError.must_be(where, allowed, ": ".join(key))
        found[key] = row["reason"]
    return found
