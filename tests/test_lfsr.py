"""The random numbers of stochastic rounding, against plain loops and known periods."""

import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import lfsrs

from fxlif.params.leaks import Lfsr
from fxlif.rule.lfsr import columns, draws, jump, shift


def walk(lfsr, count):
    """``count`` states from the seed on, and the one after them, by the rule alone."""
    states = [lfsr.seed]
    for _ in range(count):
        states.append(shift(lfsr, states[-1]))
    return states[:count], states[count]


def test_by_hand():
    lfsr = Lfsr(bits=4, taps=(4, 3))
    assert lfsr.mask == 0b1100
    assert walk(lfsr, 5) == ([0b0001, 0b1100, 0b0110, 0b0011, 0b1101], 0b1010)
    default = Lfsr()
    assert (default.bits, default.taps, default.seed) == (16, (16, 15, 13, 4), 1)
    assert walk(default, 2) == ([1, 0xD008], 0x6804)


@pytest.mark.parametrize(
    ("lfsr", "period"),
    [
        (Lfsr(), 65535),
        (Lfsr(seed=54321), 65535),
        (Lfsr(bits=2, taps=(2, 1)), 3),
        (Lfsr(bits=8, taps=(8, 6, 5, 4)), 255),
        (Lfsr(bits=5, taps=(5, 3)), 31),
        (Lfsr(bits=6, taps=(6,)), 6),  # nothing but a rotation
        (Lfsr(bits=4, taps=(4, 2)), 6),
    ],
)
def test_period(lfsr, period):
    states, after = draws(lfsr, lfsr.seed, period)
    assert after == lfsr.seed
    assert len(set(states.tolist())) == period
    assert jump(lfsr, lfsr.seed, period) == lfsr.seed


def test_the_longest_default_is_maximal():
    """2**32 - 1 = 3 * 5 * 17 * 257 * 65537: maximal where no smaller jump comes back."""
    lfsr = Lfsr(bits=32, taps=(32, 22, 2, 1))
    period = 2**32 - 1
    assert jump(lfsr, 1, period) == 1
    assert all(jump(lfsr, 1, period // prime) != 1 for prime in (3, 5, 17, 257, 65537))


@given(lfsrs(), st.integers(0, 300))
def test_draws_are_the_rule(lfsr, count):
    states, after = walk(lfsr, count)
    found, found_after = draws(lfsr, lfsr.seed, count)
    assert found.dtype == "int64"
    assert (found.tolist(), found_after) == (states, after)
    assert jump(lfsr, lfsr.seed, count) == after
    independent = oracle.Lfsr(lfsr)
    assert states == [independent.draw() for _ in range(count)]


@given(lfsrs(), st.lists(st.integers(0, 70), max_size=5))
def test_draws_go_on_where_they_ended(lfsr, counts):
    state, found = lfsr.seed, []
    for count in counts:
        more, state = draws(lfsr, state, count)
        found += more.tolist()
    assert (found, state) == walk(lfsr, sum(counts))


@given(lfsrs(), st.integers(0, 2**70), st.integers(0, 2**70))
def test_jumps_add_up(lfsr, first, second):
    there = jump(lfsr, jump(lfsr, lfsr.seed, first), second)
    assert there == jump(lfsr, lfsr.seed, first + second)
    assert 0 < there < 2**lfsr.bits


@given(lfsrs(), st.integers(0, 2**40))
def test_columns(lfsr, count):
    found = columns(lfsr, count)
    assert found == tuple(jump(lfsr, 1 << bit, count) for bit in range(lfsr.bits))
    image = 0
    for bit, column in enumerate(found):
        image ^= column * (lfsr.seed >> bit & 1)
    assert image == jump(lfsr, lfsr.seed, count)
