"""Constants that may be lengths of time as Verilator's front end has them: parameters, macros and
expressions of constants are values by then, of each instance its own."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..bench.wrapper import TOP
from .constants import Constants, lengths_in
from .simulators import find, prepared
from .sources import verilog_files

#: A node of the tree: its kind, its name, and lists of nodes.
Node = dict[str, Any]

_CONSTANT = re.compile(r"(\d+)'s?h([0-9a-f]+)")
_SIGNED = frozenset({"LTS", "LTES", "GTS", "GTES"})
_COMPARISONS = _SIGNED | {
    "EQ",
    "NEQ",
    "EQCASE",
    "NEQCASE",
    "EQWILD",
    "NEQWILD",
    "LT",
    "LTE",
    "GT",
    "GTE",
}
#: What asks for all bits of its parts, and what puts parts together.
_TOGETHER, _JOINED = frozenset({"AND", "LOGAND", "REDAND"}), "CONCAT"
_ASSIGNMENTS = frozenset({"ASSIGN", "ASSIGNDLY", "ASSIGNW"})
#: Characters of the longest text that is elaborated, which a netlist often exceeds; the seconds
#: that it may take.
LARGEST, SECONDS = 2_000_000, 60


def elaborated_lengths(
    sources: Mapping[str, str], least: int, most: int, *, top: str = TOP
) -> Constants:
    """The constants from ``least`` to ``most`` of :func:`~.constants.lengths_in`, and those of the
    elaborated text: what is compared with, labels, and the bits of a counter that are looked at
    together. Where the text cannot be elaborated it has the first ones alone."""
    found = lengths_in(sources, least, most)
    named = {value for value in _values_of(_tree(sources, top)) if least <= value <= most}
    named |= set(found.named)
    return Constants(tuple(sorted(named)), tuple(v for v in found.wraps if v not in named))


def is_large(sources: Mapping[str, str]) -> bool:
    """Whether the Verilog is longer than what is elaborated."""
    return sum(len(sources[name]) for name in verilog_files(sources)) > LARGEST


def _tree(sources: Mapping[str, str], top: str) -> Node:
    """What Verilator makes of some Verilog; an empty node where it makes nothing of it."""
    if is_large(sources):
        return {}
    names, verilator = verilog_files(sources), find("verilator")
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name, prepared(verilator, ""):
        folder = Path(name)
        for each in names:
            (folder / each).write_text(sources[each], encoding="utf-8")
        command = ["verilator", "--json-only", "--no-timing", "-Wno-fatal", "--top-module", top,
                   "--prefix", "V", "--Mdir", ".", *names]  # fmt: skip
        try:
            subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=SECONDS)
            tree: Node = json.loads((folder / "V.tree.json").read_text(encoding="utf-8"))
        except (subprocess.SubprocessError, OSError, ValueError, RecursionError):
            return {}
    return tree


def _inside(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [each for part in node.values() if isinstance(part, list)
                    for each in part if isinstance(each, dict)]  # fmt: skip


def _parts(node: Node, *names: str) -> Iterator[Node]:
    for name in names:
        yield from node.get(name, ())


def _values_of(tree: Node) -> Iterator[int]:
    """What something is compared with, labels of cases, and bits that are looked at together."""
    nodes = list(_inside(tree))
    counters, seen = set(_counters(nodes)), set[int]()
    for node in nodes:  # what is above comes first
        kind = node.get("type")
        if kind in _COMPARISONS:
            yield from _constants(_parts(node, "lhsp", "rhsp"), signed=kind in _SIGNED)
        elif kind == "CASEITEM":
            yield from _constants(_parts(node, "condsp"))
        elif kind in _TOGETHER and id(node) not in seen:
            yield from _bits(node, counters, seen)


def _constants(nodes: Iterable[Node], *, signed: bool = False) -> Iterator[int]:
    """The values of those that are constants; if ``signed``, of those that are not negative."""
    for node in nodes:
        found = _CONSTANT.fullmatch(node["name"]) if node.get("type") == "CONST" else None
        if found and not (signed and int(found[2], 16) >> (int(found[1]) - 1)):
            yield int(found[2], 16)


def _counters(nodes: list[Node]) -> Iterator[str]:
    """What is assigned itself and one more, or less."""
    for node in nodes:
        if node.get("type") in _ASSIGNMENTS:
            name = next(_parts(node, "lhsp"), {}).get("varp", "")
            for value in (each for part in _parts(node, "rhsp") for each in _inside(part)):
                if value.get("type") in ("ADD", "SUB"):
                    sides = [n for part in _parts(value, "lhsp", "rhsp") for n in _inside(part)]
                    if 1 in _constants(sides) and any(n.get("varp") == name for n in sides):
                        yield name


def _bits(node: Node, counters: set[str], seen: set[int]) -> Iterator[int]:
    """Of each counter of which single bits must be 1 at once, the lowest number that has them; the
    nodes that say so have then been ``seen``."""
    found: dict[str, int] = {}
    waiting = [node]
    while waiting:
        each = waiting.pop()
        kind = each.get("type")
        seen.add(id(each))
        if kind in _TOGETHER or kind == _JOINED:
            waiting += _parts(each, "lhsp", "rhsp")
        elif kind == "SEL":
            of, low = next(_parts(each, "fromp"), {}), next(_parts(each, "lsbp"), {})
            at = next(_constants([low]), None)
            if of.get("varp") in counters and at is not None:
                mask = ((1 << int(each["widthConst"])) - 1) << at
                found[of["varp"]] = found.get(of["varp"], 0) | mask
    yield from found.values()
