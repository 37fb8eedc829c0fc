"""The random numbers of stochastic rounding: one state of an LFSR after the other, and jumps.

A shift is linear over GF(2): a state's successor after any number of shifts is the sum, modulo 2,
of those of its bits. So runs of states come from doubling what is there, and a jump over
2**k shifts is a jump over 2**(k - 1), done twice.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from ..params.leaks import Lfsr


def shift(lfsr: Lfsr, state: int) -> int:
    """The state after ``state``: the rule."""
    return (state >> 1) ^ (lfsr.mask if state & 1 else 0)


def columns(lfsr: Lfsr, count: int) -> tuple[int, ...]:
    """The states to which ``count`` shifts bring 1, 2, 4, ..., one for each bit of a state.

    The XOR of those that belong to the bits of any state is that state after ``count`` shifts.
    """
    return tuple(jump(lfsr, 1 << bit, count) for bit in range(lfsr.bits))


def jump(lfsr: Lfsr, state: int, count: int) -> int:
    """``state`` after ``count`` shifts; the time goes with the logarithm of ``count``."""
    for exponent in range(count.bit_length()):
        if count >> exponent & 1:
            state = _image(_power(lfsr.mask, lfsr.bits, exponent), state)
    return state


def draws(lfsr: Lfsr, state: int, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """``count`` states from ``state`` itself on, (count,), and the state after them."""
    states = np.empty(count, np.int64)
    states[:1] = state
    done = 1
    while done < count:
        tables = _tables(lfsr.mask, lfsr.bits, done.bit_length() - 1)
        known = states[: min(done, count - done)]
        fresh = states[done : done + len(known)]
        fresh[:] = tables[0][known & 255]
        for byte, table in enumerate(tables[1:], start=1):
            fresh ^= table[known >> 8 * byte & 255]
        done += len(known)
    return states, shift(lfsr, int(states[-1])) if count else state


def _image(power: tuple[int, ...], state: int) -> int:
    image = 0
    for bit, column in enumerate(power):
        if state >> bit & 1:
            image ^= column
    return image


@cache
def _power(mask: int, bits: int, exponent: int) -> tuple[int, ...]:
    """The columns of 2**exponent shifts."""
    if not exponent:
        return (mask, *(1 << bit for bit in range(bits - 1)))
    half = _power(mask, bits, exponent - 1)
    return tuple(_image(half, column) for column in half)


@cache
def _tables(mask: int, bits: int, exponent: int) -> tuple[npt.NDArray[np.int64], ...]:
    """What 2**exponent shifts make of each value of each byte of a state."""
    power = _power(mask, bits, exponent)
    tables = []
    for first in range(0, bits, 8):
        table = np.zeros(1, np.int64)
        for column in power[first : first + 8]:
            table = np.concatenate([table, table ^ column])
        tables.append(table)
    return tuple(tables)
