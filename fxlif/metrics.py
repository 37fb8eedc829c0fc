"""How far two simulations of one network are apart: spikes, membranes, classes.

Spikes are counts or booleans (steps, n), as :meth:`fxlif.quantise.FloatNetwork.run` and
:func:`fxlif.network.events.to_counts` give them; each measure says one number per neuron, (n,).
The ISI and the SPIKE distance are PySpike's, of the extra ``metrics``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .arrays import Ints, integer, integers
from .errors import FxlifError, short

Floats = npt.NDArray[np.float64]


def _numbers(key: str, given: npt.ArrayLike) -> Floats:
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise FxlifError.must_be(key, "numbers", given, found=short(given)) from None


def _pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Both as (steps, n) int64 counts of one shape."""
    tables = []
    for name, given in (("a", a), ("b", b)):
        table = integers(name, given, shape="(steps, n)", booleans=True).astype(np.int64)
        if table.ndim != 2:
            raise FxlifError.must_be(name, "of shape (steps, n)", given, found=str(table.shape))
        if table.size and table.min() < 0:
            raise FxlifError.must_be(name, "counts of 0 or more", int(table.min()))
        tables.append(table)
    if tables[0].shape != tables[1].shape:
        raise FxlifError.must_be(
            "b", f"of shape {tables[0].shape}, as a", b, found=str(tables[1].shape)
        )
    return tables[0], tables[1]


def _trains(a: npt.ArrayLike, b: npt.ArrayLike) -> Iterator[tuple[Floats, Floats]]:
    """Of each neuron the times of its spikes in both, in steps, as often as it spikes there."""
    steps = np.arange(len(np.asarray(a)), dtype=np.float64)
    first, second = _pair(a, b)
    for x, y in zip(first.T, second.T, strict=True):
        yield np.repeat(steps, x), np.repeat(steps, y)


def _positive(key: str, value: float) -> float:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise FxlifError.must_be(key, "a number above 0", value)
    return float(value)


# --- how often ----------------------------------------------------------------------------------


def count_error(a: npt.ArrayLike, b: npt.ArrayLike) -> Ints:
    """How many spikes ``b`` has more than ``a``, (n,) int64."""
    first, second = _pair(a, b)
    difference: Ints = second.sum(axis=0) - first.sum(axis=0)
    return difference


def rate_error(a: npt.ArrayLike, b: npt.ArrayLike, dt: float = 1.0) -> Floats:
    """By how much the rate of ``b`` is above that of ``a``, (n,), in spikes per unit of ``dt``."""
    steps = len(_pair(a, b)[0])
    return count_error(a, b) / (_positive("dt", dt) * max(1, steps))


# --- when ---------------------------------------------------------------------------------------


def _pyspike(name: str, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    try:
        import pyspike
    except ModuleNotFoundError:
        raise FxlifError.not_installed("pyspike", "'fxlif[metrics]'") from None
    edges = (0.0, float(max(1, len(np.asarray(a)))))
    measure = getattr(pyspike, name)
    # PySpike knows no two spikes at one time.
    trains = [
        [pyspike.SpikeTrain(np.unique(times), edges) for times in pair] for pair in _trains(a, b)
    ]
    return np.array([float(measure(*pair)) for pair in trains])


def isi_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """How far the instantaneous intervals between spikes are apart, (n,), 0..1.

    Kreuz, Haas, Morelli, Abarbanel, Politi, J. Neuroscience Methods 165 (2007). Several spikes of
    one step are one.
    """
    return _pyspike("isi_distance", a, b)


def spike_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """How far the times of nearby spikes are apart, as a part of the intervals around them, (n,).

    Kreuz, Chicharro, Houghton, Andrzejak, Mormann, J. Neurophysiology 109 (2013). Several spikes
    of one step are one.
    """
    return _pyspike("spike_distance", a, b)


def van_rossum(a: npt.ArrayLike, b: npt.ArrayLike, tau: float) -> Floats:
    """The distance of the spikes filtered by exp(-t / tau), ``tau`` in steps, (n,).

    It is sqrt(sum over all pairs of exp(-|t - u| / tau) / 2), pairs of one train positive and those
    across negative: a single spike more is 1 / sqrt(2). Van Rossum, Neural Computation 13 (2001);
    this form Houghton, Kreuz, Network 23 (2012), and two trains of one spike that are far apart are
    at 1.
    """
    tau = _positive("tau", tau)
    found = []
    for x, y in _trains(a, b):
        times = np.concatenate([x, y])
        signs = np.concatenate([np.ones(len(x)), -np.ones(len(y))])
        order = np.argsort(times, kind="stable")
        times, signs = times[order], signs[order]
        # What all spikes before left, falling: sum over earlier j of s_j exp(-(t_i - t_j) / tau).
        left, crossed = 0.0, 0.0
        fallen = np.exp(-np.diff(times, prepend=times[:1]) / tau)
        for sign, part in zip(signs, fallen, strict=True):
            left *= part
            crossed += sign * left
            left += sign
        found.append(math.sqrt(max(0.0, len(times) / 2 + crossed)))
    return np.array(found)


def victor_purpura(a: npt.ArrayLike, b: npt.ArrayLike, cost: float) -> Floats:
    """The least price of making one train the other, (n,): 1 for a spike that is added or taken
    away, ``cost`` for each step by which one is moved.

    Victor, Purpura, J. Neurophysiology 76 (1996).
    """
    cost = _positive("cost", cost)
    return np.array([_edit(x, y, cost) for x, y in _trains(a, b)])


def _edit(x: Floats, y: Floats, cost: float) -> float:
    """The price, row after row of the usual table; what a row adds from its left is a running
    minimum."""
    places = np.arange(len(y) + 1, dtype=np.float64)
    row = places.copy()
    for k, time in enumerate(x, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + cost * np.abs(y - time))
        # row[j] = min over i <= j of (best[i] + j - i), best[0] being all spikes taken away.
        row = np.minimum.accumulate(np.concatenate([[k], best]) - places) + places
    return float(row[-1])


def coincidence(a: npt.ArrayLike, b: npt.ArrayLike, window: int) -> Floats:
    """The part of all spikes that have a partner in the other train at most ``window`` steps away,
    each partner once, (n,), 0..1; 1 where neither spikes.

    2 * partners / (spikes of a + spikes of b): Kistler, Gerstner, van Hemmen, Neural Computation 9
    (1997), without its term for chance.
    """
    window = integer("window", window, 0)
    found = []
    for x, y in _trains(a, b):
        pairs = i = j = 0
        # The earliest free partner is never worse than a later one.
        while i < len(x) and j < len(y):
            if abs(x[i] - y[j]) <= window:
                pairs, i, j = pairs + 1, i + 1, j + 1
            elif x[i] < y[j]:
                i += 1
            else:
                j += 1
        both = len(x) + len(y)
        found.append(2 * pairs / both if both else 1.0)
    return np.array(found)


def first_divergence(a: npt.ArrayLike, b: npt.ArrayLike) -> int | None:
    """The first step in which any neuron's spikes differ; None where none do."""
    first, second = _pair(a, b)
    wrong = np.flatnonzero((first != second).any(axis=1))
    return int(wrong[0]) if len(wrong) else None


# --- the membrane -------------------------------------------------------------------------------


class Membrane(NamedTuple):
    """How far two potentials are apart up to the first step in which spikes differ, each (n,).

    ``rmse``: root mean squared error, in their unit. ``sqnr``: signal to quantisation noise in dB;
    inf without any. ``steps``: how many steps were compared.
    """

    rmse: Floats
    sqnr: Floats
    steps: int


def membrane(
    wanted: npt.ArrayLike, found: npt.ArrayLike, spikes_a: Any = None, spikes_b: Any = None
) -> Membrane:
    """How far ``found`` (steps, n) is from ``wanted``, up to the first difference of the spikes.

    Beyond it the two are different runs, and their distance says nothing about precision. Without
    spikes all steps are compared.

    Raises:
        FxlifError: other shapes.
    """
    v, u = _numbers("wanted", wanted), _numbers("found", found)
    if v.ndim != 2 or v.shape != u.shape:
        raise FxlifError.must_be("found", f"of shape (steps, n), {v.shape}", u.shape)
    steps: int | None = None
    if spikes_a is not None and spikes_b is not None:
        steps = first_divergence(spikes_a, spikes_b)
    steps = len(v) if steps is None else steps
    v, u = v[:steps], u[:steps]
    if not steps:
        nothing = np.full(v.shape[1], np.nan)
        return Membrane(nothing, nothing.copy(), 0)
    noise, signal = np.mean((u - v) ** 2, axis=0), np.mean(v**2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sqnr = np.where(noise == 0, np.inf, 10 * np.log10(signal / noise))
    return Membrane(np.sqrt(noise), sqnr, steps)


# --- classes ------------------------------------------------------------------------------------


def classes(counts: npt.ArrayLike) -> Ints:
    """The class of each sample, (samples,) int64, from how often each output neuron has spiked in
    it, (samples, n): the one with the most spikes, the lowest index among equals."""
    found: Ints = np.asarray(counts).argmax(axis=1)
    return found


class Accuracy(NamedTuple):
    """A part that was right, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def accuracy(right: int, of: int, confidence: float = 0.95) -> Accuracy:
    """``right`` of ``of``, with Wilson's interval (J. Am. Statistical Association 22, 1927)."""
    of = integer("of", of, 1)
    right = integer("right", right, 0, of)
    z = _deviations(confidence)
    mean = right / of
    centre = (mean + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(mean * (1 - mean) / of + z * z / (4 * of * of))
    # At 0 and 1 rounding may put an end a last bit beyond the mean.
    return Accuracy(mean, max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half)))


def mean_accuracy(each: npt.ArrayLike, confidence: float = 0.95) -> Accuracy:
    """The mean over repeated splits, with an interval by bootstrap of the repeats.

    10,000 draws with a fixed seed, percentiles: Efron, Tibshirani, An Introduction to the
    Bootstrap, 1993.
    """
    values = _numbers("each", each)
    if values.ndim != 1 or len(values) < 2:
        raise FxlifError.must_be("each", "two or more accuracies", each)
    _deviations(confidence)
    draws = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [50 * (1 - confidence), 50 * (1 + confidence)])
    return Accuracy(float(values.mean()), float(low), float(high))


def _deviations(confidence: float) -> float:
    if not isinstance(confidence, float) or not 0 < confidence < 1:
        raise FxlifError.must_be("confidence", "a number above 0 and below 1", confidence)
    return NormalDist().inv_cdf((1 + confidence) / 2)
