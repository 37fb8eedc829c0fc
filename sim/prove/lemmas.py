"""Where golden rule and hardware compute the same number on the way, prove that first.

Two products of different widths are hard to compare through all that comes after them. So each term
inside the golden result that seems to equal one inside the hardware, by its values at some points,
is proved equal to it, from the inside out; the hardware's term then takes its place. Nothing is
assumed: what is not proved stays as it was.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from ..tools.solver import decide, z3
from .golden import widen
from .netlist import constants, subterms

POINTS = 24
#: Longest time for one pair of terms.
PAIR_S = 5.0


def values_at_points(terms: Sequence[Any], seed: int = 1) -> list[tuple[int, ...]]:
    """The signed value of each bit-vector term at the same random points, corners among them."""
    draw = random.Random(seed)
    leaves = constants(terms)
    together = z3.Function("together", *(term.sort() for term in terms), z3.BoolSort())(*terms)
    columns = []
    for _ in range(POINTS):
        pairs = []
        for leaf in leaves:
            bits = 1 if z3.is_bool(leaf) else leaf.size()
            low = 1 << (bits - 1)
            value = draw.choice([0, 1, low - 1, low, 2 * low - 1, *[draw.randrange(2 * low)] * 3])
            pairs.append((leaf, z3.BoolVal(bool(value)) if z3.is_bool(leaf)
                          else z3.BitVecVal(value, bits)))  # fmt: skip
        point = z3.simplify(z3.substitute(together, *pairs))
        columns.append([value.as_signed_long() for value in point.children()])
    return list(zip(*columns, strict=True))


def with_lemmas(
    golden: Sequence[Any], hardware: Sequence[Any], *, solver: str, timeout_s: float
) -> tuple[list[Any], int]:
    """The golden terms with the hardware's inside where they were proved equal; how many were."""
    deadline = time.perf_counter() + timeout_s
    ours = subterms(golden)
    theirs = [t for t in subterms(hardware) if z3.is_bv(t) and not z3.is_bv_value(t)]
    compared = [t for t in ours if z3.is_bv(t) and not z3.is_bv_value(t)]
    values = values_at_points([*compared, *theirs])
    at_points = {t.get_id(): v for t, v in zip(compared, values, strict=False)}
    like: dict[tuple[int, ...], list[Any]] = {}
    for term, row in zip(theirs, values[len(compared) :], strict=True):
        like.setdefault(row, []).append(term)
    made: dict[int, Any] = {}
    lemmas = 0
    for term in ours:
        parts = [made[part.get_id()] for part in term.children()]
        rebuilt = term.decl()(*parts) if parts else term
        for other in like.get(at_points.get(term.get_id(), ()), [])[:3]:
            left = min(PAIR_S, deadline - time.perf_counter())
            if not parts or other.size() > rebuilt.size() or left <= 0:
                continue
            wide = widen(other, rebuilt.size())
            if decide([rebuilt != wide], solver=solver, timeout_s=left).result == "unsat":
                rebuilt, lemmas = wide, lemmas + 1
                break
        made[term.get_id()] = rebuilt
    return [made[term.get_id()] for term in golden], lemmas
