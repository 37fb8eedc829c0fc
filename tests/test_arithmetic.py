"""Each rule on values computed by hand, as Python ints and as int64 arrays, and the oracle."""

import itertools

import numpy as np
import oracle
import pytest

from fxlif.params.base import FIXED_ROUNDINGS
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    Lfsr,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.rule import arithmetic
from fxlif.rule.lfsr import draws


def both(function, *values):
    """``function`` of ints (bools), after a check that arrays give the same, element by element."""
    plain = function(*values)
    assert type(plain) in (int, bool)
    array = function(*(np.array([value, value]) for value in values))
    assert array.dtype == (np.bool_ if type(plain) is bool else np.int64)
    assert array.tolist() == [plain, plain]
    return plain


# --- where --------------------------------------------------------------------------------------


def test_where():
    assert arithmetic.where(True, 1, 2) == 1
    assert arithmetic.where(False, 1, 2) == 2
    assert arithmetic.where(np.bool_(False), 1, 2) == 2
    assert arithmetic.where(np.array([True, False]), 1, np.array([3, 4])).tolist() == [1, 4]
    with pytest.raises(TypeError, match="conditions of type int"):
        arithmetic.where(1, 1, 2)


# --- rounding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "shift", "floor", "toward_zero", "away_from_zero", "nearest_even"),
    [
        (0, 0, 0, 0, 0, 0),
        (5, 0, 5, 5, 5, 5),
        (-5, 0, -5, -5, -5, -5),
        (0, 3, 0, 0, 0, 0),
        (1, 1, 0, 0, 1, 0),
        (-1, 1, -1, 0, -1, 0),
        (2, 1, 1, 1, 1, 1),
        (-2, 1, -1, -1, -1, -1),
        (3, 1, 1, 1, 2, 2),
        (-3, 1, -2, -1, -2, -2),
        (5, 1, 2, 2, 3, 2),
        (-5, 1, -3, -2, -3, -2),
        (1, 2, 0, 0, 1, 0),
        (-1, 2, -1, 0, -1, 0),
        (2, 2, 0, 0, 1, 0),
        (-2, 2, -1, 0, -1, 0),
        (3, 2, 0, 0, 1, 1),
        (-3, 2, -1, 0, -1, -1),
        (5, 2, 1, 1, 2, 1),
        (-5, 2, -2, -1, -2, -1),
        (6, 2, 1, 1, 2, 2),
        (-6, 2, -2, -1, -2, -2),
        (7, 2, 1, 1, 2, 2),
        (-7, 2, -2, -1, -2, -2),
        (10, 2, 2, 2, 3, 2),
        (-10, 2, -3, -2, -3, -2),
        (14, 2, 3, 3, 4, 4),
        (-14, 2, -4, -3, -4, -4),
        (15, 4, 0, 0, 1, 1),
        (-15, 4, -1, 0, -1, -1),
        (16, 4, 1, 1, 1, 1),
        (-16, 4, -1, -1, -1, -1),
        (17, 4, 1, 1, 2, 1),
        (-17, 4, -2, -1, -2, -1),
        (1, 31, 0, 0, 1, 0),
        (-1, 31, -1, 0, -1, 0),
        (1 << 30, 31, 0, 0, 1, 0),
        (-(1 << 30), 31, -1, 0, -1, 0),
        ((1 << 31) - 1, 31, 0, 0, 1, 1),
        (-(1 << 31) + 1, 31, -1, 0, -1, -1),
        (1 << 31, 31, 1, 1, 1, 1),
        (-(1 << 31), 31, -1, -1, -1, -1),
        (3 << 30, 31, 1, 1, 2, 2),
        (-(3 << 30), 31, -2, -1, -2, -2),
        ((1 << 32) - 1, 1, (1 << 31) - 1, (1 << 31) - 1, 1 << 31, 1 << 31),
        (-(1 << 32) + 1, 1, -(1 << 31), -(1 << 31) + 1, -(1 << 31), -(1 << 31)),
        ((1 << 48) - 1, 16, (1 << 32) - 1, (1 << 32) - 1, 1 << 32, 1 << 32),
        (-(1 << 48) + 1, 16, -(1 << 32), -(1 << 32) + 1, -(1 << 32), -(1 << 32)),
    ],
)
def test_round_shift(x, shift, floor, toward_zero, away_from_zero, nearest_even):
    ceiling = away_from_zero if x > 0 else toward_zero
    expected = {
        "floor": floor, "toward_zero": toward_zero, "away_from_zero": away_from_zero,
        "nearest_even": nearest_even, "ceiling": ceiling,
    }  # fmt: skip
    assert expected.keys() == set(FIXED_ROUNDINGS)
    for rounding, value in expected.items():
        found = both(lambda x, rounding=rounding: arithmetic.round_shift(x, shift, rounding), x)
        assert found == value, rounding


@pytest.mark.parametrize("rounding", FIXED_ROUNDINGS)
def test_round_shift_exhaustively(rounding):
    values = np.arange(-300, 301)
    for shift in range(9):
        expected = [oracle.round_quotient(x, 2**shift, rounding) for x in values.tolist()]
        assert arithmetic.round_shift(values, shift, rounding).tolist() == expected
        found = [arithmetic.round_shift(x, shift, rounding) for x in values.tolist()]
        assert found == expected


def test_stochastic_rounding_exhaustively():
    """Every x, shift and random number, those with bits above the shift too."""
    for shift in range(5):
        for random in range(2 ** (shift + 1)):
            values = np.arange(-40, 41)
            expected = [
                oracle.round_quotient(x, 2**shift, "stochastic", random) for x in values.tolist()
            ]
            found = arithmetic.round_shift(values, shift, "stochastic", random)
            assert found.tolist() == expected
            draws = np.full(len(values), random)
            found = arithmetic.round_shift(values, shift, "stochastic", draws)
            assert found.tolist() == expected
            assert [
                arithmetic.round_shift(x, shift, "stochastic", random) for x in values.tolist()
            ] == expected


@pytest.mark.parametrize(
    ("x", "random", "expected"),
    [
        (5, 0, 1), (5, 2, 1), (5, 3, 2), (5, 7, 2), (5, 4, 1), (4, 3, 1), (7, 0, 1), (7, 1, 2),
        (-5, 0, -2), (-5, 1, -1), (-5, 3, -1), (-4, 3, -1), (-1, 0, -1), (-1, 1, 0),
    ],
)  # fmt: skip
def test_stochastic_rounding_by_hand(x, random, expected):
    """Quarters: floor((x + the low two bits) / 4)."""
    found = both(lambda x, random: arithmetic.round_shift(x, 2, "stochastic", random), x, random)
    assert found == expected


@pytest.mark.parametrize("shift", [1, 4, 9, 16])
def test_stochastic_rounding_is_unbiased(shift):
    """Over a period of the default LFSR every draw but 0 comes once; 0 would round down."""
    random, _ = draws(Lfsr(), 1, 65535)
    for x in (-(2**shift) - 3, -1, 0, 1, 5, 2**shift - 1, 2**shift, 12345):
        total = int(arithmetic.round_shift(x, shift, "stochastic", random).sum())
        assert (total + (x >> shift)) * 2**shift == x * 65536


# --- leaks --------------------------------------------------------------------------------------


def shift2(rounding="floor", minimum_step=0):
    return ShiftLeak(shift=2, rounding=rounding, minimum_step=minimum_step)


def multi(shifts, signs=(), **choices):
    return MultiShiftLeak(shifts=shifts, signs=signs, **choices)


def scale(factor, shift, rounding="floor", minimum_step=0):
    return ScaleLeak(factor=factor, shift=shift, rounding=rounding, minimum_step=minimum_step)


def decay(factor, shift, rounding="floor", minimum_step=0):
    return DecayLeak(factor=factor, shift=shift, rounding=rounding, minimum_step=minimum_step)


MAX = (1 << 32) - 1  # The largest distance from rest: 32-bit ends apart.


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (NoLeak(), {0: 0, 1: 1, -1: -1, MAX: MAX, -MAX: -MAX}),
        # The dead zone: 1, 2, 3 stay, negative values reach 0.
        (shift2(), {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 7: 6, 8: 6}),
        (shift2(), {-1: 0, -2: -1, -3: -2, -4: -3, -5: -3, -8: -6}),
        (shift2("toward_zero"), {0: 0, 3: 3, 4: 3, 7: 6, -1: -1, -3: -3, -4: -3, -5: -4}),
        (shift2("away_from_zero"), {0: 0, 1: 0, 3: 2, 4: 3, 5: 3, -1: 0, -3: -2, -4: -3, -5: -3}),
        (shift2("nearest_even"), {0: 0, 1: 1, 2: 2, 3: 2, 4: 3, 6: 4, 10: 8, 14: 10}),
        (shift2("nearest_even"), {-1: -1, -2: -2, -3: -2, -4: -3, -6: -4, -10: -8, -14: -10}),
        (shift2(minimum_step=1), {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 8: 6, -1: 0, -2: -1, -5: -3}),
        (shift2("toward_zero", 1), {0: 0, 1: 0, 3: 2, 4: 3, -1: 0, -3: -2, -4: -3, -5: -4}),
        (shift2("away_from_zero", 1), {0: 0, 1: 0, 3: 2, 5: 3, -1: 0, -5: -3}),
        (shift2("nearest_even", 1), {0: 0, 1: 0, 2: 1, 3: 2, 6: 4, -1: 0, -2: -1, -3: -2}),
        (ShiftLeak(shift=0), {0: 0, 1: 0, -1: 0, MAX: 0, -MAX: 0}),
        (ShiftLeak(shift=0, minimum_step=1), {0: 0, 1: 0, -1: 0}),
        (ShiftLeak(shift=31), {0: 0, 1: 1, (1 << 31) - 1: (1 << 31) - 1, 1 << 31: (1 << 31) - 1}),
        (ShiftLeak(shift=31), {-1: 0, -(1 << 31): -(1 << 31) + 1, MAX: MAX - 1, -MAX: -MAX + 2}),
        (ShiftLeak(), {0: 0, 15: 15, 16: 15, 17: 16, 32: 30, -1: 0, -16: -15, -17: -15}),
        (multi((2, 3)), {0: 0, 64: 40, 7: 6, 8: 5, -64: -40, -8: -5}),
        # Each term is rounded on its own: here the floors carry -1 over 0.
        (multi((2, 3)), {1: 1, 3: 3, -1: 1, -3: -1}),
        (multi((2, 3), rounding="toward_zero"), {-1: -1, -3: -3, -7: -6, -8: -5}),
        (multi((2, 3), (1, -1)), {64: 56, 8: 7, 7: 6, -1: -1, -8: -7, -64: -56}),
        (multi((2, 3), (-1, 1)), {64: 72, 8: 9, 7: 8, -1: -1, -8: -9}),
        (multi((1,), (-1,)), {4: 6, 1: 1, -1: -2, -4: -6}),
        (multi((1, 1), (1, -1)), {0: 0, 5: 5, -5: -5}),
        (multi((1, 1), (1, -1), minimum_step=1), {0: 0, 1: 0, 5: 4, -1: 0, -5: -4}),
        (multi((2, 3), minimum_step=1), {0: 0, 1: 0, 3: 2, 4: 3, -1: 1}),
        (multi((0,) * 8), {3: -21, -3: 21, MAX: -7 * MAX}),
        (multi((0,) * 8, (-1,) * 8), {3: 27, -3: -27, -MAX: -9 * MAX}),
        (scale(3, 2), {0: 0, 1: 0, 3: 2, 4: 3, 5: 3, -1: -1, -2: -2, -3: -3, -4: -3, -5: -4}),
        (scale(3, 2, "toward_zero"), {1: 0, 5: 3, -1: 0, -2: -1, -3: -2, -5: -3}),
        (scale(3, 2, "away_from_zero"), {1: 1, 2: 2, 3: 3, 4: 3, 5: 4, -1: -1, -4: -3, -5: -4}),
        (scale(3, 2, "nearest_even"), {1: 1, 2: 2, 3: 2, 5: 4, 6: 4, -1: -1, -2: -2, -3: -2}),
        (scale(3, 2, minimum_step=1), {0: 0, 1: 0, 3: 2, -1: 0, -2: -1, -3: -2, -4: -3}),
        (scale(3, 2, "away_from_zero", 1), {1: 0, 2: 1, 3: 2, 4: 3, -1: 0, -3: -2, -4: -3}),
        (scale(2048, 12, "toward_zero"), {5: 2, -5: -2, 1: 0, -1: 0}),
        (scale(2048, 12, "nearest_even"), {5: 2, 7: 4, -5: -2, -7: -4, 1: 0, 3: 2}),
        (scale(4096, 12), {0: 0, 7: 7, -7: -7, MAX: MAX}),
        (scale(4096, 12, minimum_step=1), {0: 0, 7: 6, -7: -6, MAX: MAX - 1}),
        (scale(0, 12), {0: 0, 7: 0, -7: 0, -MAX: 0}),
        (scale(1, 0), {7: 7, -7: -7}),
        (scale(1 << 16, 16), {MAX: MAX, -MAX: -MAX}),
        (scale(65535, 16), {MAX: MAX - 65536, -MAX: 65535 - MAX, 1: 0, -1: -1}),
        (LinearLeak(step=3), {0: 0, 1: 0, 2: 0, 3: 0, 4: 1, -1: 0, -2: 0, -3: 0, -4: -1}),
        (LinearLeak(step=0), {0: 0, 5: 5, -5: -5}),
        (LinearLeak(step=1), {0: 0, 1: 0, 2: 1, -1: 0, -2: -1}),
        (LinearLeak(step=(1 << 31) - 1), {(1 << 31) - 1: 0, 1 << 31: 1, -(1 << 31): -1, 5: 0}),
        (shift2("ceiling"), {0: 0, 1: 0, 3: 2, 4: 3, 5: 3, -1: -1, -3: -3, -4: -3, -5: -4}),
        (scale(3, 2, "ceiling"), {1: 1, 2: 2, 3: 3, 5: 4, -1: 0, -2: -1, -3: -2, -5: -3}),
        # A decay takes away what a scale of the same factor leaves.
        (decay(1, 2), {0: 0, 1: 1, 3: 3, 4: 3, 5: 4, -1: 0, -4: -3, -5: -3}),
        (decay(3, 2), {1: 1, 2: 1, 3: 1, 4: 1, 5: 2, -1: 0, -2: 0, -3: 0, -4: -1, -5: -1}),
        (decay(3, 2, "ceiling"), {1: 0, 2: 0, 3: 0, 5: 1, -1: -1, -2: -1, -5: -2}),
        (decay(1, 2, minimum_step=1), {0: 0, 1: 0, 3: 2, 4: 3, -1: 0, -5: -3}),
        (decay(0, 12), {7: 7, -MAX: -MAX}),
        (decay(4096, 12), {7: 0, -7: 0, MAX: 0}),
        (decay(1, 12), {MAX: MAX - 1048575, -MAX: 1048576 - MAX}),
        # A constant leak does not stop at 0.
        (ConstantLeak(step=3), {0: 3, 1: 4, -1: 2, -5: -2}),
        (ConstantLeak(step=-3), {0: -3, 5: 2, -1: -4}),
        (ConstantLeak(step=0), {0: 0, 5: 5, -5: -5}),
    ],
)
def test_leak(rule, expected):
    found = {x: both(lambda x: arithmetic.leak(rule, x), x) for x in expected}
    assert found == expected


def test_dead_zone():
    """floor: 0 < x < 2**s never decays, negative x reaches 0; minimum_step ends the dead zone."""
    for shift in range(1, 8):
        plain, stepped = (ShiftLeak(shift=shift, minimum_step=minimum) for minimum in (0, 1))
        for x in range(1, 2**shift):
            assert arithmetic.leak(plain, x) == x
            assert arithmetic.leak(stepped, x) == x - 1
            x = -x
            for _ in range(2**shift):
                x = arithmetic.leak(plain, x)
            assert x == 0


SMALL_LEAKS = [
    NoLeak(),
    *(LinearLeak(step=step) for step in range(5)),
    *(ConstantLeak(step=step) for step in range(-2, 3)),
    *(
        rule
        for rounding, minimum in itertools.product(FIXED_ROUNDINGS, (0, 1))
        for rule in (
            *(ShiftLeak(shift=s, rounding=rounding, minimum_step=minimum) for s in range(7)),
            multi((1, 3), (), rounding=rounding, minimum_step=minimum),
            multi((1, 3), (1, -1), rounding=rounding, minimum_step=minimum),
            multi((2, 2, 4), (-1, 1, 1), rounding=rounding, minimum_step=minimum),
            *(scale(factor, 3, rounding, minimum) for factor in range(9)),
            *(decay(factor, 3, rounding, minimum) for factor in range(9)),
        )
    ),
]


def test_stochastic_leak_exhaustively():
    """All terms of a leak round by the low bits of one draw."""
    values = np.arange(-40, 41)
    rules = [
        *(ShiftLeak(shift=s, rounding="stochastic", minimum_step=m) for s in (0, 1, 3)
          for m in (0, 1)),
        multi((1, 3), (), rounding="stochastic"),
        multi((2, 2, 4), (-1, 1, 1), rounding="stochastic", minimum_step=1),
        *(scale(factor, 3, "stochastic") for factor in range(9)),
        *(decay(factor, 3, "stochastic") for factor in range(9)),
    ]  # fmt: skip
    for rule, random in itertools.product(rules, range(32)):
        expected = [oracle.leak(rule, x, random) for x in values.tolist()]
        assert arithmetic.leak(rule, values, random).tolist() == expected, rule
    assert both(lambda x, random: arithmetic.leak(rules[6], x, random), 10, 5) == 10 - 5 - 1
    assert both(lambda x, random: arithmetic.leak(rules[6], x, random), 11, 5) == 11 - 6 - 2


def test_leak_exhaustively():
    values = np.arange(-130, 131)
    for rule in SMALL_LEAKS:
        expected = [oracle.leak(rule, x) for x in values.tolist()]
        assert arithmetic.leak(rule, values).tolist() == expected, rule
        assert [arithmetic.leak(rule, x) for x in values.tolist()] == expected, rule


# --- narrowing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "bits", "saturated", "wrapped"),
    [
        (0, 4, 0, 0),
        (1, 4, 1, 1),
        (-1, 4, -1, -1),
        (7, 4, 7, 7),
        (8, 4, 7, -8),
        (9, 4, 7, -7),
        (15, 4, 7, -1),
        (16, 4, 7, 0),
        (23, 4, 7, 7),
        (24, 4, 7, -8),
        (-8, 4, -8, -8),
        (-9, 4, -8, 7),
        (-16, 4, -8, 0),
        (-17, 4, -8, -1),
        (-24, 4, -8, -8),
        (-25, 4, -8, 7),
        (0, 1, 0, 0),
        (1, 1, 0, -1),
        (-1, 1, -1, -1),
        (-2, 1, -1, 0),
        (32767, 16, 32767, 32767),
        (32768, 16, 32767, -32768),
        (-32768, 16, -32768, -32768),
        (-32769, 16, -32768, 32767),
        ((1 << 31) - 1, 32, (1 << 31) - 1, (1 << 31) - 1),
        (1 << 31, 32, (1 << 31) - 1, -(1 << 31)),
        (-(1 << 31), 32, -(1 << 31), -(1 << 31)),
        (-(1 << 31) - 1, 32, -(1 << 31), (1 << 31) - 1),
        ((1 << 48) - 1, 32, (1 << 31) - 1, -1),
        (-(1 << 48), 32, -(1 << 31), 0),
    ],
)
def test_overflow(x, bits, saturated, wrapped):
    assert both(lambda x: arithmetic.saturate(x, bits), x) == saturated
    assert both(lambda x: arithmetic.wrap(x, bits), x) == wrapped
    assert both(lambda x: arithmetic.overflow(x, bits, "saturate"), x) == saturated
    assert both(lambda x: arithmetic.overflow(x, bits, "wrap"), x) == wrapped
    symmetric = -(2 ** (bits - 1) - 1) if saturated == -(2 ** (bits - 1)) else saturated
    assert both(lambda x: arithmetic.overflow(x, bits, "saturate_symmetric"), x) == symmetric


@pytest.mark.parametrize(
    ("x", "low", "high", "expected"),
    [
        (0, 0, 15, 0),
        (15, 0, 15, 15),
        (16, 0, 15, 15),
        (-1, 0, 15, 0),
        (3, 3, 3, 3),
        (4, 3, 3, 3),
        (2, 3, 3, 3),
        (1 << 40, 0, (1 << 32) - 1, (1 << 32) - 1),
    ],
)
def test_clamp(x, low, high, expected):
    assert both(lambda x: arithmetic.clamp(x, low, high), x) == expected


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "weight_shift", "bias", "expected"),
    [
        (0, 0, 0, 0),
        (0, 5, -7, -7),
        (3, 2, 1, 13),
        (-3, 2, 1, -11),
        (1, 16, 0, 65536),
        (-1, 16, -1, -65537),
        ((1 << 31) - 1, 16, 0, (1 << 47) - (1 << 16)),
        (-(1 << 31), 16, -(1 << 31), -(1 << 47) - (1 << 31)),
    ],
)
def test_synaptic_current(total, weight_shift, bias, expected):
    """The weights are shifted, the bias is not."""
    found = both(lambda total: arithmetic.synaptic_current(total, weight_shift, bias), total)
    assert found == expected


@pytest.mark.parametrize(
    ("total", "weight", "expected"),
    [
        (0, 0, (0, False)),
        (6, 1, (7, False)),
        (7, 0, (7, False)),
        (7, 1, (7, True)),
        (7, 7, (7, True)),
        (-7, -1, (-8, False)),
        (-8, -1, (-8, True)),
        (-8, 7, (-1, False)),
        (7, -8, (-1, False)),
    ],
)
def test_accumulate(total, weight, expected):
    assert arithmetic.accumulate(total, weight, 4) == expected
    totals, clipped = arithmetic.accumulate(np.array([total, 0]), np.array([weight, 1]), 4)
    assert (totals.tolist(), clipped.tolist()) == ([expected[0], 1], [expected[1], False])


DELTA = NeuronParams(current_bits=4)
SLOW = NeuronParams(current_bits=4, synapse=ExponentialSynapse(leak=ShiftLeak(shift=1)))
SLOW_WRAP = SLOW.model_copy(update={"overflow": "wrap"})


@pytest.mark.parametrize(
    ("neuron", "i_syn", "current", "expected"),
    [
        (DELTA, 0, 100, 100),
        (DELTA, 0, -100, -100),
        (SLOW, 0, 0, 0),
        (SLOW, 0, 7, 7),
        (SLOW, 7, 0, 4),
        (SLOW, 7, 3, 7),
        (SLOW, 7, 4, 7),
        (SLOW_WRAP, 7, 3, 7),
        (SLOW_WRAP, 7, 4, -8),
        (SLOW, 0, 100, 7),
        (SLOW, 1, 0, 1),
        (SLOW, -1, 0, 0),
        (SLOW, -8, -4, -8),
        (SLOW, -8, -5, -8),
        (SLOW_WRAP, -8, -4, -8),
        (SLOW_WRAP, -8, -5, 7),
        (SLOW, -8, 100, 7),
    ],
)
def test_synapse(neuron, i_syn, current, expected):
    assert both(lambda i, c: arithmetic.synapse(neuron, i, c)[0], i_syn, current) == expected


# --- membrane -----------------------------------------------------------------------------------


def small(**choices):
    return NeuronParams(
        **{"state_bits": 4, "threshold_bits": 4, "v_threshold": 5, "leak": NoLeak()} | choices
    )


HALF = ShiftLeak(shift=1)


@pytest.mark.parametrize(
    ("choices", "v", "i", "expected"),
    [
        ({}, 0, 0, 0),
        ({}, 3, 4, 7),
        ({}, 3, 5, 7),
        ({"overflow": "wrap"}, 3, 5, -8),
        ({}, -3, -5, -8),
        ({}, -3, -6, -8),
        ({"overflow": "wrap"}, -3, -6, 7),
        ({}, 0, 1 << 47, 7),
        ({"overflow": "wrap"}, 0, (1 << 47) + 3, 3),
        # Leak first, then input; one overflow, after both.
        ({"leak": HALF}, 6, 1, 4),
        ({"leak": HALF}, -1, 0, 0),
        ({"leak": HALF}, 7, -4, 0),
        ({"leak": MultiShiftLeak(shifts=(0,), signs=(-1,))}, 7, -8, 6),
        # The leak pulls towards v_leak.
        ({"leak": HALF, "v_leak": 2}, 6, 0, 4),
        ({"leak": HALF, "v_leak": 2}, 2, 0, 2),
        ({"leak": HALF, "v_leak": 2}, -4, 0, -1),
        ({"leak": HALF, "v_leak": -8}, 7, 0, 0),
        ({"leak": ShiftLeak(shift=0), "v_leak": 2}, -8, 1, 3),
        ({"leak": LinearLeak(step=4), "v_leak": 2}, 5, 0, 2),
        # The floor comes after the overflow.
        ({"v_floor": -2}, -2, 0, -2),
        ({"v_floor": -2}, -2, -1, -2),
        ({"v_floor": -2}, -1, 0, -1),
        ({"v_floor": -2}, 3, 0, 3),
        ({"v_floor": -2, "overflow": "wrap"}, 7, 1, -2),
        ({"v_floor": -2, "overflow": "wrap"}, -2, -7, 7),
        ({"v_floor": 3}, 0, 0, 3),
    ],
)
def test_integrate(choices, v, i, expected):
    neuron = small(**choices)

    def integrate(v, i):
        return arithmetic.narrow(neuron, arithmetic.leak_v(neuron, v) + i)

    assert both(integrate, v, i) == expected


@pytest.mark.parametrize("threshold", [-(1 << 47), -9, -1, 0, 1, 64, 1 << 47])
@pytest.mark.parametrize(
    ("compare", "below", "at", "above"), [("ge", False, True, True), ("gt", False, False, True)]
)
def test_reaches(compare, below, at, above, threshold):
    neuron = NeuronParams(compare=compare)
    for u, expected in ((threshold - 1, below), (threshold, at), (threshold + 1, above)):
        found = both(lambda u, t: arithmetic.reaches(neuron, u, t), u, threshold)
        assert found is expected


@pytest.mark.parametrize(
    ("choices", "u", "threshold", "expected"),
    [
        ({}, 7, 5, 0),
        ({"v_reset": 3}, 7, 5, 3),
        ({"v_reset": -8}, 7, 5, -8),
        ({"reset": "subtract"}, 7, 5, 2),
        ({"reset": "subtract"}, 5, 5, 0),
        ({"reset": "subtract", "v_reset": 3}, 7, 5, 2),
        # No floor after the reset, but the overflow rule.
        ({"reset": "subtract", "v_floor": 0}, -4, -8, 4),
        ({"reset": "subtract"}, 7, -8, 7),
        ({"reset": "subtract", "overflow": "wrap"}, 7, -8, -1),
        ({"reset": "subtract"}, 1, -7, 7),
        ({"reset": "subtract", "overflow": "wrap"}, 1, -7, -8),
    ],
)
def test_reset(choices, u, threshold, expected):
    neuron = small(**choices)
    assert both(lambda u, t: arithmetic.reset(neuron, u, t), u, threshold) == expected


@pytest.mark.parametrize(
    ("rule", "theta", "fire", "expected"),
    [
        (Adaptation(increment=3, leak=NoLeak()), 0, False, 0),
        (Adaptation(increment=3, leak=NoLeak()), 0, True, 3),
        (Adaptation(increment=3, leak=NoLeak()), 12, True, 15),
        (Adaptation(increment=3, leak=NoLeak()), 13, True, 15),
        (Adaptation(increment=15, leak=NoLeak()), 15, True, 15),
        (Adaptation(increment=0, leak=NoLeak()), 7, True, 7),
        # Decay first, then the increment.
        (Adaptation(increment=3, leak=HALF), 15, False, 8),
        (Adaptation(increment=3, leak=HALF), 15, True, 11),
        (Adaptation(increment=3, leak=HALF), 1, False, 1),
        (Adaptation(increment=3, leak=LinearLeak(step=4)), 3, False, 0),
        # A leak that overshoots never takes theta below 0; one that grows saturates.
        (Adaptation(increment=3, leak=multi((0, 0))), 7, False, 0),
        (Adaptation(increment=9, leak=multi((0, 0))), 7, True, 2),
        (Adaptation(increment=3, leak=multi((0, 0))), 7, True, 0),
        (Adaptation(increment=0, leak=multi((0,), (-1,))), 7, False, 14),
        (Adaptation(increment=0, leak=multi((0,), (-1,))), 8, False, 15),
    ],
)
def test_adapt(rule, theta, fire, expected):
    neuron = NeuronParams(adaptation=rule, theta_bits=4)
    assert both(lambda t, f: arithmetic.adapt(neuron, t, f), theta, fire) == expected
