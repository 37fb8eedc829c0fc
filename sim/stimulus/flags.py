"""Idle gaps, stalls and resets, cycle by cycle: runs of drawn lengths, in phases of like ones.

Each axis has a generator of its own and remembers where it is, so that neither the other axes nor
how many cycles are asked for at a time change what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np

from ...compiled.jit import njit
from ...cycles.control import IDLE, RESET, STALL, Bytes, Ints, record
from . import rates
from .draws import Words, draw, generator, tail

#: Where an axis is: the cycle, how many cycles its phase and its run go on, the mode of the phase
#: (of resets, how many were long), and whether the run holds back (of resets, whether it does not).
AXIS = record("cycle", "phase", "run", "mode", "held")
_PHASES, _RESET_LENGTHS = np.array(rates.PHASES), np.array(rates.RESET_LENGTHS)
_HELD_RESETS = np.array(rates.HELD_RESETS)


@njit
def _mark(flags: Bytes, at: int, length: int, bit: int) -> None:
    for cycle in range(at, at + length):
        flags[cycle] |= bit


@njit
def fill_held(
    random: Words, axis: Any, modes: Ints, held_runs: Ints, free_runs: Ints, phases: Ints, bit: int,
    flags: Bytes,
) -> None:  # fmt: skip
    """Add ``bit`` to the ``flags`` (cycles,) of the cycles in which an agent holds back."""
    now, at = axis[0], 0
    while at < len(flags):
        if now["run"] == 0:
            if now["phase"] <= 0:
                now["mode"] = modes[draw(random, len(modes))]
                now["phase"] = phases[draw(random, len(phases))]
            now["held"] ^= 1
            held, free = held_runs[now["mode"]], free_runs[now["mode"]]
            length = (held if now["held"] else free)[draw(random, held.shape[0])]
            if length == 0:
                continue
            if held[0] == 0 or free[0] == 0:
                now["phase"] = 0  # a single run
            if length < 0:
                length = tail(random, -length, min(rates.LONGEST, now["cycle"] >> rates.SHARE))
            now["run"] = length
        length = min(now["run"], len(flags) - at)
        if now["held"]:
            _mark(flags, at, length, bit)
        at += length
        now["run"] -= length
        now["phase"] -= length
        now["cycle"] += length


@njit
def fill_resets(
    random: Words, axis: Any, spacing: int, lengths: Ints, bit: int, flags: Bytes
) -> None:
    """Add ``bit`` to the ``flags`` (cycles,): tails from ``spacing`` cycles on between resets,
    and in the end some that are shorter; now and then a long reset."""
    now, at = axis[0], 0
    while at < len(flags):
        if now["run"] == 0:
            now["held"] ^= 1
            if not now["held"]:
                now["run"] = lengths[draw(random, len(lengths))]
                turn = now["cycle"] // rates.LONG_RESETS - 1
                if turn > now["mode"]:
                    now["run"] = _HELD_RESETS[(turn - 1) % len(_HELD_RESETS)]
                    now["mode"] = turn
            else:
                if now["cycle"] < rates.LATE_CYCLES or draw(random, rates.SOON):
                    now["run"] = tail(random, spacing, max(spacing, now["cycle"]))
                else:
                    now["run"] = 1 + draw(random, spacing)
                rest = rates.EPOCH - now["cycle"] % rates.EPOCH
                if now["cycle"] % rates.EPOCH + now["run"] > rates.LIVELY:
                    now["run"] = rest
            continue
        length = min(now["run"], len(flags) - at)
        if not now["held"]:
            _mark(flags, at, length, bit)
        at += length
        now["run"] -= length
        now["cycle"] += length


class HoldBack:
    """One axis of hold-backs, from one seed: ``axis`` tells apart those of a stimulus."""

    def __init__(self, seed: int, axis: int, bit: int = 1) -> None:
        self._random, self._axis, self._bit = generator(seed, axis), np.zeros(1, AXIS), bit

    def add(self, flags: Bytes) -> Bytes:
        """Mark the next cycles, ``flags`` (cycles,), in which nothing is offered or taken."""
        with np.errstate(over="ignore"):  # SplitMix64 counts modulo 2**64
            fill_held(
                self._random, self._axis, rates.MODES, rates.HELD_RUNS, rates.FREE_RUNS, _PHASES,
                self._bit, flags,
            )  # fmt: skip
        return flags


class Resets:
    """Resets, from one seed: on average a few times ``spacing`` cycles apart."""

    def __init__(
        self, seed: int, axis: int, spacing: int = rates.RESET_SPACING, bit: int = RESET
    ) -> None:
        self._random, self._axis = generator(seed, axis), np.zeros(1, AXIS)
        self._spacing, self._bit = spacing, bit

    def add(self, flags: Bytes) -> Bytes:
        """Mark the next cycles, ``flags`` (cycles,), in which the reset is held."""
        with np.errstate(over="ignore"):
            fill_resets(self._random, self._axis, self._spacing, _RESET_LENGTHS, self._bit, flags)
        return flags


def sweep(part: int, bit: int) -> Bytes:
    """Cycles in which an agent holds back for every length once, with one cycle between: what goes
    wrong after a wait of exactly so many cycles, chance hardly meets.

    ``part`` 0 has all lengths up to 2,048, each further one those that follow, in as many cycles.
    Before them comes one hold-back of the longest length. What waits at an output is not always
    there at once: there the shorter lengths come more than once.
    """
    first, last = _swept_lengths(rates.SWEEP, part)
    ends = (*rates.AGAIN, last) if bit == STALL and not part else (last,)
    lengths = np.array([rates.LONGEST, *(n for end in ends for n in range(first + 1, end + 1))])
    flags = np.full(int(lengths.sum()) + len(lengths), bit, dtype=np.uint8)
    flags[np.cumsum(lengths + 1) - 1] = 0
    return flags


def reset_sweep(part: int) -> Bytes:
    """Cycles in which the reset is held for every length once, with steps between.

    ``part`` 0 has all lengths up to 1,024, each further one those that follow, in as many cycles.
    The first event behind a reset comes at once, or after each number of idle cycles in turn.
    """
    first, last = _swept_lengths(rates.RESET_SWEEP, part)
    held = np.arange(first + 1, last + 1)
    idle = held % rates.RESET_IDLE
    # Half of them find the core at rest, so that no event waits through the reset.
    rest = np.where(held // rates.RESET_IDLE % 2, rates.RESET_IDLE, 0)
    lengths = np.stack([held, idle, rates.RESET_GAP - idle - rest, rest], axis=1)
    shown = np.array([RESET | IDLE, IDLE, 0, IDLE], dtype=np.uint8)
    return np.repeat(np.tile(shown, len(held)), lengths.ravel())


def _swept_lengths(cycles: int, part: int) -> tuple[int, int]:
    """Behind which length a part of a sweep of so many cycles begins, and its last one."""
    return isqrt(2 * cycles * part), isqrt(2 * cycles * (part + 1))


class Flags:
    """What some axes of a stimulus show together, and once a sweep in their place.

    ``swept``: the bits that are swept, one in each segment of a run; in every second one, behind a
    sweep of resets.
    """

    def __init__(
        self, axes: Sequence[HoldBack | Resets], swept: Sequence[int], segment: int
    ) -> None:
        self._axes, self._at = axes, 0
        self._swept, self._segment = swept, segment
        self._start = rates.SWEEPS[min(segment, 1)]
        self._sweep: Bytes = np.zeros(0, dtype=np.uint8)
        #: Whether a sweep began in the cycles that were taken last, and whether one is under way.
        self.begins = self.sweeping = False

    def take(self, cycles: int) -> Bytes:
        """The flags of the next cycles: (cycles,)."""
        flags = np.zeros(cycles, dtype=np.uint8)
        before = min(cycles, max(0, self._start - self._at))
        self._draw(flags[:before])
        self.begins = self._at <= self._start < self._at + cycles
        if self.begins:
            part, which = divmod(self._segment, len(self._swept))
            self._sweep = sweep(part, self._swept[which])
            if self._segment % 2:
                self._sweep = np.concatenate([reset_sweep(self._segment // 2), self._sweep])
        swept = self._sweep[: cycles - before]
        flags[before : before + len(swept)] = swept
        self._sweep = self._sweep[len(swept) :]
        self.sweeping = len(swept) > 0
        self._draw(flags[before + len(swept) :])
        self._at += cycles
        return flags

    def _draw(self, flags: Bytes) -> None:
        if len(flags):
            for axis in self._axes:
                axis.add(flags)
