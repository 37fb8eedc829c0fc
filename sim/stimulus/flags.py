"""Idle gaps, stalls and resets, cycle by cycle: runs of drawn lengths, in phases of like ones.

Each axis has a generator of its own and remembers where it is, so that neither the other axes nor
how many cycles are asked for at a time change what it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiled.jit import njit
from ...cycles.control import RESET, Bytes, Ints, record
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
            for k in range(length):
                if (now["cycle"] + k) % rates.EPOCH < rates.EPOCH - rates.SPRINT:
                    flags[at + k] |= bit
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
                turn = now["cycle"] // rates.LONG_RESETS
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
