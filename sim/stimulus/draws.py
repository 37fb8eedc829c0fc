"""Random numbers and lengths for compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...compiled.jit import njit
from ...network.sources import GAMMA, MIX_1, MIX_2, mix

Words = npt.NDArray[np.uint64]

_GAMMA, _MIX_1, _MIX_2 = np.uint64(GAMMA), np.uint64(MIX_1), np.uint64(MIX_2)
_2, _27, _30, _31 = (np.uint64(n) for n in (2, 27, 30, 31))


def generator(seed: int, axis: int) -> Words:
    """The state of a generator of its own for an axis of a stimulus, (1,)."""
    return np.array([mix(mix(seed) ^ axis)], dtype=np.uint64)


@njit
def next_word(state: Words) -> Any:
    """The next 62 bits of a SplitMix64 sequence."""
    state[0] += _GAMMA
    x = state[0]
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return np.int64((x ^ (x >> _31)) >> _2)


@njit
def draw(state: Words, below: int) -> Any:
    """The next number in 0..below - 1 (below 2**31)."""
    return (next_word(state) >> 31) * below >> 31


@njit
def tail(state: Words, first: int, most: int) -> int:
    """A length from ``first`` on that doubles as often as a coin shows heads, at most ``most``.

    A length of n or more has a chance of about ``first / n``.
    """
    word = next_word(state)
    length = first
    while word & 1 and length < most:
        word >>= 1
        length <<= 1
    length += draw(state, length)
    return int(min(length, max(most, 1)))
