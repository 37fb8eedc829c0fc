"""Noise: what is drawn has the distribution that was asked for, to its tails, and is always the
same. Engines, threads, chunks and restarts are compared with the oracle in test_networks.py."""

import math
from fractions import Fraction
from itertools import pairwise

import network_oracle
import numpy as np
import pytest

from fxlif import (
    FxlifError,
    GaussianNoise,
    Network,
    NetworkParams,
    NeuronParams,
    PoissonNoise,
    Population,
)
from fxlif.engines import can_compile
from fxlif.network.sources import noise, noise_table

each_engine = pytest.mark.parametrize("engine", ["numpy", *["compiled"] * can_compile()])


def probabilities(drawn):
    """(numbers, how likely the table draws each), exactly."""
    table = noise_table(drawn)
    ends = [0, *(int(last) + 1 for last in table.last), 2**64]
    likely = [Fraction(b - a, 2**64) for a, b in pairwise(ends)]
    return range(table.first, table.first + len(likely)), likely


def moments(drawn):
    numbers, likely = probabilities(drawn)
    mean = sum(x * p for x, p in zip(numbers, likely, strict=True))
    parts = [
        sum((x - mean) ** k * p for x, p in zip(numbers, likely, strict=True)) for k in (2, 3, 4)
    ]
    return [float(x) for x in (mean, *parts)]


@pytest.mark.parametrize("mean", [0.0, 1e-12, 0.01, 1.0, 7.3, 600.0])
def test_moments_of_poisson(mean):
    expected = [mean, mean, mean, mean * (1 + 3 * mean)]
    assert moments(PoissonNoise(mean, 5)) == pytest.approx(expected, rel=1e-9, abs=1e-18)


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (0.25, 1.5), (-1000.7, 20.0), (3e8, 97.0)])
def test_moments_of_gaussian(mean, sigma):
    found = moments(GaussianNoise(mean, sigma))
    assert found[0] == pytest.approx(mean, abs=1e-6)
    assert math.sqrt(found[1]) == pytest.approx(sigma, rel=1e-6)
    assert found[2] / sigma**3 == pytest.approx(0, abs=1e-5)
    assert found[3] / sigma**4 == pytest.approx(3, rel=1e-5)


@pytest.mark.parametrize("side", [-1, 1])
def test_tails_of_gaussian(side):
    """As those of the normal distribution to 6 sigma and, unlike those of 32-bit words, beyond."""
    sigma = 200.0
    numbers, likely = probabilities(GaussianNoise(0, sigma))
    for reach in (1, 2, 3, 4, 5, 6, 7, 8):
        beyond = sum(p for x, p in zip(numbers, likely, strict=True) if side * x >= reach * sigma)
        normal = math.erfc((reach - 0.5 / sigma) / math.sqrt(2)) / 2
        assert float(beyond) == pytest.approx(normal, rel=1e-3 if reach < 7 else 1e-2)


def test_tables_are_those_of_the_oracle():
    """Worked out another way, in fractions: the same 64 bits."""
    for drawn in (PoissonNoise(0.3, 1), PoissonNoise(90.5, 1), GaussianNoise(-7.7, 3.3)):
        first, ends = network_oracle.borders(drawn.kind, drawn.mean, getattr(drawn, "sigma", 0.0))
        table = noise_table(drawn)
        assert table.first == first + sum(end == 0 for end in ends)
        assert table.last.tolist() == [end - 1 for end in ends if 0 < end < 2**64]


@each_engine
def test_a_million_draws(engine):
    """A neuron without leak and threshold in reach adds up what is drawn for it."""
    n, steps = 1000, 1000
    neuron = NeuronParams(
        leak={"kind": "none"}, state_bits=32, threshold_bits=32, v_threshold=2**31 - 1
    )
    for k, (drawn, mean, variance) in enumerate(
        [(PoissonNoise(2.5, 4, seed=9), 10, 40), (GaussianNoise(-3.0, 30.0), -3, 900)]
    ):
        params = NetworkParams(population=[Population("p", n, neuron, noise=[drawn])])
        network = Network(params, engine=engine)
        few = steps if engine == "compiled" else 50
        network.run(few, currents={"p": 5})
        sums = network.states["p"].v - 5 * few
        assert sums.mean() / few == pytest.approx(mean, abs=5 * math.sqrt(variance / n / few)), k
        # The variance of n sums has a standard deviation of sqrt(2 / n) of itself.
        assert sums.var() / few == pytest.approx(variance, rel=5 * math.sqrt(2 / n)), k


def test_engines_and_threads_draw_the_same():
    """Two populations, one with two entries that fill its currents, the other with none."""
    neuron = NeuronParams(
        leak={"kind": "none"}, state_bits=32, v_threshold=20_000, reset="subtract"
    )
    loud = [GaussianNoise(3.0, 100.0, weight=300), PoissonNoise(4.0, -70, seed=5)]
    params = NetworkParams(
        population=[Population("quiet", 70, neuron), Population("loud", 150, neuron, noise=loud)]
    )
    found = []
    for engine, threads in [("numpy", 1), *[("compiled", k) for k in (1, 2, 3) if can_compile()]]:
        network = Network(params, engine=engine)
        for steps in (1, 5, 14):
            network.run(steps, currents={"quiet": 900}, threads=threads)
        states = network.states
        found.append([states[name].v.tolist() for name in ("quiet", "loud")])
    assert all(each == found[0] for each in found)
    assert len(set(found[0][0])) == 1
    assert len(set(found[0][1])) > 100


def test_tails_as_drawn():
    """Four million numbers: as many beyond 3 and 4 sigma as there must be, on both sides."""
    population = Population("p", 100_000, noise=[GaussianNoise(0, 50.0)])
    numbers = np.concatenate([noise(population, step) for step in range(40)])
    for reach, spare in ((3, 5), (4, 5)):
        expected = len(numbers) * math.erfc((reach - 0.01) / math.sqrt(2)) / 2
        for side in (-1, 1):
            count = np.count_nonzero(side * numbers >= reach * 50)
            assert abs(count - expected) < spare * math.sqrt(expected)


def test_nothing_is_drawn_twice():
    """Other populations, entries, seeds and steps draw other numbers."""

    def drawn(name="p", seeds=(1,), step=0):
        entries = [GaussianNoise(0, 4096.0, seed=seed) for seed in seeds]
        return noise(Population(name, 2000, noise=entries), step)

    first = drawn()
    assert np.array_equal(first, drawn())
    second_entry = drawn(seeds=(1, 1)) - first
    others = [drawn("q"), drawn(seeds=(2,)), drawn(step=1), drawn(step=2**40), second_entry]
    for k, one in enumerate([first, *others]):
        for other in others[k:]:
            if one is not other:
                assert abs(np.corrcoef(one, other)[0, 1]) < 0.12
        assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.12


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: PoissonNoise(-0.1, 1), "mean: must be 0.0 or more, not -0.1"),
        (lambda: PoissonNoise(1e5, 1), "mean: must be 10000.0 or less, not 100000.0"),
        (lambda: PoissonNoise(float("nan"), 1), "mean: must be"),
        (lambda: GaussianNoise(0, 0.5), "sigma: must be 1.0 or more, not 0.5"),
        (lambda: GaussianNoise(0, 5000), "sigma: must be 4096.0 or less, not 5000"),
        (lambda: GaussianNoise(0, 9.0, weight=1.5), "weight: must be an integer"),
        (lambda: Population("p", 3, noise=[{"kind": "pink"}]), "noise[0]"),
    ],
)
def test_mistakes(made, message):
    with pytest.raises(FxlifError) as raised:
        made()
    assert message in str(raised.value)


def test_noise_beyond_48_bits_is_refused():
    far = [GaussianNoise(2e9, 4096.0, weight=2**17)]
    with pytest.raises(FxlifError, match=r"p\.noise\[0\]: must be such that the current into p"):
        Network(NetworkParams(population=[Population("p", 3, noise=far)]))
