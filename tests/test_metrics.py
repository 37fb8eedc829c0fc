"""Distances between two simulations, each held to its definition."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from designs import SEED

from fxlif import FxlifError, metrics


def pair(case, steps=60, n=6, rate=0.2):
    draw = np.random.default_rng([SEED, case])
    return [(draw.random((steps, n)) < rate).astype(int) for _ in range(2)]


def times(table, k):
    return [t for t, count in enumerate(table[:, k]) for _ in range(count)]


def test_counts_and_rates():
    a, b = pair(1)
    expected = [len(times(b, k)) - len(times(a, k)) for k in range(6)]
    assert metrics.count_error(a, b).tolist() == expected
    np.testing.assert_allclose(metrics.rate_error(a, b, dt=0.5), np.array(expected) / 30)


@pytest.mark.parametrize("cost", [0.1, 0.7, 3.0])
def test_victor_purpura_is_the_cheapest_way(cost):
    a, b = pair(2, steps=25)
    a[3, 0] = 2  # two spikes of one step
    found = metrics.victor_purpura(a, b, cost)
    for k in range(6):
        x, y = times(a, k), times(b, k)

        @cache
        def price(i, j, x=tuple(x), y=tuple(y)):
            if not i or not j:
                return i + j
            moved = price(i - 1, j - 1) + cost * abs(x[i - 1] - y[j - 1])
            return min(price(i - 1, j) + 1, price(i, j - 1) + 1, moved)

        assert found[k] == pytest.approx(price(len(x), len(y)))


def test_van_rossum_is_the_integral_of_the_filtered_difference():
    a, b = pair(3, steps=40)
    tau, fine = 4.0, 0.002
    grid = np.arange(0, 40 + 20 * tau, fine)
    found = metrics.van_rossum(a, b, tau)
    for k in range(6):
        wave = np.zeros_like(grid)
        for sign, table in ((1, a), (-1, b)):
            for t in times(table, k):
                wave[grid >= t] += sign * np.exp(-(grid[grid >= t] - t) / tau)
        assert found[k] == pytest.approx(math.sqrt((wave**2).sum() * fine / tau), rel=5e-3)
    one = np.zeros((9, 1), int)
    one[4] = 1
    assert metrics.van_rossum(one, 0 * one, tau).tolist() == [pytest.approx(math.sqrt(0.5))]


@pytest.mark.parametrize("window", [0, 1, 4])
def test_coincidence_pairs_as_many_as_can_be(window):
    a, b = pair(4, steps=14, rate=0.3)
    found = metrics.coincidence(a, b, window)
    for k in range(6):
        x, y = times(a, k), times(b, k)

        @cache
        def most(i, used, x=tuple(x), y=tuple(y)):
            if i == len(x):
                return 0
            free = [j for j in range(len(y)) if not used >> j & 1 and abs(x[i] - y[j]) <= window]
            return max([most(i + 1, used), *(1 + most(i + 1, used | 1 << j) for j in free)])

        both = len(x) + len(y)
        assert found[k] == pytest.approx(2 * most(0, 0) / both if both else 1)


def test_distances_of_pyspike():
    a, b = pair(5)
    for measure in (metrics.isi_distance, metrics.spike_distance):
        np.testing.assert_allclose(measure(a, a), 0, atol=1e-12)
        assert ((measure(a, b) > 0) & (measure(a, b) < 1)).all()
        near = a.copy()
        near[1:] = a[:-1]
        assert measure(a, near).mean() < measure(a, b).mean()
    # Regular trains of intervals 2 and 4: the ratio of the intervals is 1/2 everywhere between.
    regular = np.zeros((400, 2), int)
    regular[::2, 0] = regular[::4, 1] = 1
    found = metrics.isi_distance(regular[:, :1], regular[:, 1:])
    assert found[0] == pytest.approx(0.5, abs=0.01)


def test_without_pyspike_one_line_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspike", None)
    with pytest.raises(FxlifError, match=r"fxlif\[metrics\]"):
        metrics.isi_distance([[1]], [[1]])


def test_the_first_divergence_and_the_membrane_before_it():
    a, _ = pair(6)
    b = a.copy()
    assert metrics.first_divergence(a, b) is None
    b[17, 2] ^= 1
    b[30, 1] ^= 1
    assert metrics.first_divergence(a, b) == 17
    draw = np.random.default_rng(SEED)
    v = draw.normal(0, 10, (60, 6))
    u = v + 0.1
    u[17:] += 1e6
    found = metrics.membrane(v, u, a, b)
    assert found.steps == 17
    np.testing.assert_allclose(found.rmse, 0.1)
    power = (v[:17] ** 2).mean(axis=0)
    np.testing.assert_allclose(found.sqnr, 10 * np.log10(power / 0.01))
    assert np.isinf(metrics.membrane(v, v).sqnr).all()
    assert metrics.membrane(v, u, a, 1 - a).steps == 0


@pytest.mark.parametrize(("right", "of"), [(340, 360), (180, 360), (0, 20), (1, 20), (360, 360)])
@pytest.mark.parametrize(("confidence", "z"), [(0.95, 1.959964), (0.99, 2.575829)])
def test_the_ends_of_an_interval_are_z_deviations_from_what_was_seen(right, of, confidence, z):
    """Wilson's ends are those p for which the seen part lies z of their own deviations away."""
    mean, *ends = metrics.accuracy(right, of, confidence)
    assert mean == right / of
    for p in ends:
        assert abs(mean - p) == pytest.approx(z * math.sqrt(p * (1 - p) / of), abs=1e-6)
    assert ends[0] <= mean <= ends[1]


def test_the_mean_over_splits():
    values = np.random.default_rng(SEED).normal(0.9, 0.01, 20)
    mean, low, high = metrics.mean_accuracy(values)
    assert mean == pytest.approx(values.mean())
    error = values.std(ddof=1) / math.sqrt(20)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.15)


BAD = {
    "a": lambda: metrics.count_error([[0.5]], [[1]]),
    "b": lambda: metrics.count_error([[1]], [[1, 0]]),
    "tau": lambda: metrics.van_rossum([[1]], [[1]], 0),
    "cost": lambda: metrics.victor_purpura([[1]], [[1]], -1),
    "window": lambda: metrics.coincidence([[1]], [[1]], -1),
    "right": lambda: metrics.accuracy(5, 4),
    "confidence": lambda: metrics.accuracy(3, 4, 1.0),
    "each": lambda: metrics.mean_accuracy([0.5]),
    "found": lambda: metrics.membrane([[1.0]], [1.0]),
}


@pytest.mark.parametrize("key", BAD)
def test_a_mistake_is_one_line_that_names_it(key):
    with pytest.raises(FxlifError) as caught:
        BAD[key]()
    assert caught.value.key == key
    assert "\n" not in str(caught.value)
