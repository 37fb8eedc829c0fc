"""Plain names for Verilog: no escaped identifiers, no double underscores."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: A string, a comment, a number with its base, an escaped identifier with the space that ends it,
#: or any other word: of these only identifiers are renamed.
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/'
    r"|'s?[bdho][0-9a-fxzA-F?_]+|\\(\S+)[ \n]|([A-Za-z_][\w$]*)",
    re.S,
)
_MODULE = re.compile(r"^module (?:\\(\S+) |(\w+))", re.M)


def plain(name: str) -> str:
    """What a name is called: ``events_in__payload.address`` is events_in_payload_address.

    Different names may become one; :func:`plain_names` tells them apart.
    """
    joined = re.sub(r"[\W_$]+", "_", name).strip("_") or "n"
    return f"n{joined}" if joined[0].isdigit() else joined


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_]\w*", name) is not None and "__" not in name


def _chosen(names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Each of the names → a plain one of its own that is not among those taken, which grow."""
    chosen = {}
    for name in names:
        wanted = found = plain(name)
        number = 1
        while found in taken:
            number += 1
            found = f"{wanted}_{number}"
        taken.add(found)
        chosen[name] = found
    return chosen


def plain_names(verilog: str, top: str, ports: Iterable[str]) -> str:
    """The same Verilog with plain names.

    The module ``top`` keeps its name, which is the user's. Its ``ports``, as they are called in the
    text, and the modules are called as :func:`plain` says; what else would be called so steps
    aside.
    """
    escaped: dict[str, None] = {}
    words: dict[str, None] = {}
    for match in _TOKEN.finditer(verilog):
        if match[1] is not None:
            escaped[match[1]] = None
        elif match[2] is not None:
            words[match[2]] = None
    modules = dict.fromkeys(match[1] or match[2] for match in _MODULE.finditer(verilog))
    modules.pop(top, None)
    renamed = _chosen((name for name in modules if not _is_plain(name)), {top, *modules})
    shown = dict.fromkeys(ports)
    renamed |= _chosen((name for name in shown if name not in renamed), set())
    # A plain identifier is escaped where it is a word of the language.
    language = {name for name in escaped if _is_plain(name)}
    odd = language | {name for name in [*escaped, *words] if not _is_plain(name)}
    theirs = {renamed[name] for name in shown}
    odd |= {name for name in words if name in theirs and name not in shown}
    odd -= {top, *renamed}
    taken = ({*escaped, *words} - (odd - language)) | set(renamed.values())
    renamed |= _chosen((name for name in [*escaped, *words] if name in odd), taken)

    def replaced(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None or name not in renamed:
            return match[0]
        if match[1] is None:
            return name if name in language else renamed[name]
        # The space that ended the identifier is only needed before a word.
        after = verilog[match.end() : match.end() + 1]
        space = match[0][-1] if match[0][-1] == "\n" or after.isalnum() or after == "_" else ""
        return renamed[name] + space

    return _TOKEN.sub(replaced, verilog)
