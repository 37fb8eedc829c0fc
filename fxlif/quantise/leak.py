"""The cheapest leak that keeps a time constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, product
from typing import assert_never

from ..errors import FxlifError
from ..params.base import Rounding
from ..params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)

#: Kinds of leaks that keep a part of x.
KINDS = ("shift", "multi_shift", "scale")
#: A longer shift changes nothing in most states: what it takes away rounds to 0.
LONGEST_SHIFT = 20
#: A table of candidates leaves out those with a larger error in tau.
FAR_OFF = 0.5
#: Bits behind the point of the factor of a ``scale`` leak.
FACTOR_BITS = tuple(range(1, 17))


@dataclass(frozen=True, kw_only=True)
class LeakCandidate:
    """One leak that could stand for a decay.

    Attributes:
        leak: the leak.
        decay: what it leaves of x in a step, but for rounding.
        tau: the time constant that this stands for.
        error: its relative error in tau; 0 where both are infinite.
        adders: how many adders or subtractors it takes in hardware, rounding not counted.
        chosen: whether it is the one that was taken.
    """

    leak: Leak
    decay: float
    tau: float
    error: float
    adders: int
    chosen: bool = False


def kept(leak: Leak) -> Fraction:
    """What ``leak`` leaves of x in one step, but for rounding.

    Raises:
        FxlifError: a leak that does not leave a part of x.
    """
    if isinstance(leak, NoLeak):
        return Fraction(1)
    if isinstance(leak, ShiftLeak):
        return 1 - Fraction(1, 1 << leak.shift)
    if isinstance(leak, MultiShiftLeak):
        return 1 - sum((Fraction(sign, 1 << shift) for sign, shift in leak.terms), Fraction(0))
    if isinstance(leak, ScaleLeak):
        return Fraction(leak.factor, 1 << leak.shift)
    if isinstance(leak, DecayLeak):
        return 1 - Fraction(leak.factor, 1 << leak.shift)
    if isinstance(leak, LinearLeak | ConstantLeak):
        raise FxlifError.must_be("leak", "one that leaves a part of x", leak.kind)
    assert_never(leak)


def roundings(leak: Leak) -> int:
    """By how many LSB, at most, the leak differs from :func:`kept` times x: one for each rounding.

    A minimum step adds none: it acts where roundings have hidden all that was to be lost.
    """
    if isinstance(leak, NoLeak | LinearLeak | ConstantLeak):
        return 0
    return len(leak.shifts) if isinstance(leak, MultiShiftLeak) else 1


def signed_digits(x: int) -> int:
    """The fewest powers of 2, added or subtracted, that make ``x`` >= 0 (its non-adjacent form;
    Reitwiesner, "Binary arithmetic", Advances in Computers 1, 1960)."""
    return (x ^ (3 * x)).bit_count()


def adders(leak: Leak) -> int:
    """How many adders or subtractors the leak takes, a product by a constant in its cheapest form
    of shifts; rounding is not counted."""
    if isinstance(leak, NoLeak):
        return 0
    if isinstance(leak, ShiftLeak | LinearLeak | ConstantLeak):
        return 1
    if isinstance(leak, MultiShiftLeak):
        return len(leak.shifts)
    if isinstance(leak, ScaleLeak):
        return max(0, signed_digits(leak.factor) - 1)
    if isinstance(leak, DecayLeak):
        return signed_digits(leak.factor)
    assert_never(leak)


def leak_candidates(
    decay: float, *, rounding: Rounding = "floor", tau: Callable[[float], float] | None = None
) -> list[LeakCandidate]:
    """The nearest leak of each kind and number of adders, by adders and then by error.

    The arguments are those of :func:`leaks_for`.
    """
    tau = tau or (lambda left: math.inf if left >= 1 else -1 / math.log(left) if left > 0 else 0.0)
    wanted = tau(decay)
    best: dict[tuple[str, int], LeakCandidate] = {}
    for leak in _leaks(decay, rounding):
        left = kept(leak)
        if not 0 <= left <= 1:
            continue
        means = tau(float(left))
        off = 0.0 if means == wanted else math.inf
        if math.isfinite(means) and math.isfinite(wanted) and wanted > 0:
            off = abs(means - wanted) / wanted
        one = LeakCandidate(leak=leak, decay=float(left), tau=means, error=off, adders=adders(leak))
        # Of one kind and price the nearest; of scales, which differ in price, one of each.
        key = leak.kind, one.adders
        if key not in best or off < best[key].error:
            best[key] = one
    return sorted(best.values(), key=lambda one: (one.adders, one.error))


def leaks_for(
    decay: float,
    *,
    error: float,
    rounding: Rounding = "floor",
    tau: Callable[[float], float] | None = None,
    kind: str | None = None,
) -> list[LeakCandidate]:
    """The best leak of each kind for ``decay``, the chosen one marked.

    Of those whose time constant is within ``error`` (relative) it is the one with the fewest
    adders, of equals the nearest; where none is, the nearest.

    Args:
        decay: what is to be left of x after a step, 0..1.
        error: the largest relative error in tau.
        rounding: of the leak.
        tau: the time constant, in steps, that a decay stands for; left out, -1 / ln(decay).
        kind: one of :data:`KINDS`; None: all of them.
    """
    candidates = [
        one
        for one in leak_candidates(decay, rounding=rounding, tau=tau)
        if kind is None or one.leak.kind in (kind, "none")
    ]
    good = [one for one in candidates if one.error <= error]
    chosen = good[0] if good else min(candidates, key=lambda one: one.error)
    useful: list[LeakCandidate] = []
    for one in candidates:  # those far off, and dearer ones that are no better, explain nothing
        better = one.error < min([FAR_OFF, *(u.error for u in useful)])
        if better or one is chosen:
            useful.append(replace(one, chosen=one is chosen))
    return useful


def _leaks(decay: float, rounding: Rounding) -> Iterator[Leak]:
    """Candidates of every kind near ``decay``."""
    if decay == 1:
        yield NoLeak()
        return
    lost = 1 - decay
    for shift in range(LONGEST_SHIFT + 1):
        yield ShiftLeak(shift=shift, rounding=rounding)
    for count in (2, 3):
        yield from _several_shifts(lost, count, rounding)
    for bits in FACTOR_BITS:
        near = int(decay * (1 << bits))
        for factor in (near, near + 1):
            # An even factor is the same leak with a smaller shift.
            if factor % 2 and factor <= 1 << bits:
                yield ScaleLeak(factor=factor, shift=bits, rounding=rounding)
    if decay < 1 / (1 << LONGEST_SHIFT):
        yield ScaleLeak(factor=0, shift=0, rounding=rounding)


def _several_shifts(lost: float, count: int, rounding: Rounding) -> Iterator[Leak]:
    """The nearest sum of ``count`` different signed shifts to what is ``lost``."""
    shifts, signs = _nearest_shifts(lost, count)
    yield MultiShiftLeak(shifts=shifts, signs=signs, rounding=rounding)


@lru_cache(maxsize=256)
def _nearest_shifts(lost: float, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shifts and their signs; a study asks for the same ones again and again."""
    best: tuple[float, tuple[int, ...], tuple[int, ...]] | None = None
    for shifts in combinations(range(LONGEST_SHIFT + 1), count):
        for signs in product((1, -1), repeat=count - 1):
            terms = (1, *signs)
            total = sum(sign * 2.0**-shift for sign, shift in zip(terms, shifts, strict=True))
            if best is None or abs(total - lost) < best[0]:
                best = abs(total - lost), shifts, terms
    assert best is not None
    return best[1:]
