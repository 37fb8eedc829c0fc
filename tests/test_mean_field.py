"""The subjects ``mean_field`` and ``balanced``: simulations beside theory."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from fxlif.errors import FxlifError
from fxlif.study.mean_field import MeanField, balanced
from fxlif.study.subject import subject_of

WANTED = ("error", "rate", "theory", "float_error", "float_rate", "float_theory")
#: Thresholds: rates from 5 to 50 Hz, at 20 ms and 1 ms.
PLANE = list(product((0.3, 0.6, 0.9, 1.2, 1.5), (0.14, 0.2, 0.3, 0.5)))


def test_one_point_of_the_plane():
    subject = subject_of({"kind": "mean_field", "work": 1 << 21}, Path())
    made = subject.evaluate({"mu": 0.9, "sigma": 0.3, "fractional_bits": 8}, WANTED)
    for kind in ("", "float_"):
        rate, expected = made[f"{kind}rate"], made[f"{kind}theory"]
        assert 0 < made[f"{kind}rate_high"] - rate < 0.01 * rate
        assert made[f"{kind}error"] == pytest.approx(100 * (expected / rate - 1))
        assert expected == pytest.approx(rate, rel=0.02)
        low, high = made[f"{kind}error_low"], made[f"{kind}error_high"]
        assert low < made[f"{kind}error"] < high
    assert made["state_bits"] == 12
    again = subject.evaluate({"mu": 0.9, "sigma": 0.3, "fractional_bits": 8}, ["error"])
    assert again["rate"] == made["rate"]
    assert "float_rate" not in again


def test_theory_knows_what_roundings_do():
    """A floor takes half a unit in each step: some 13 % of this rate, at 8 bits."""
    subject = MeanField({"work": 1 << 21}, Path())
    values = {"mu": 0.7, "sigma": 0.3, "fractional_bits": 8, "leak": "scale"}
    exact = subject.evaluate(values, ["error"])
    floored = subject.evaluate({**values, "rounding": "floor"}, ["error"])
    assert floored["rate"] < 0.9 * exact["rate"]
    assert abs(floored["error"]) < 2
    assert abs(exact["error"]) < 2


def test_noise_below_a_unit_is_refused():
    with pytest.raises(FxlifError) as caught:
        MeanField({}, Path()).evaluate({"sigma": 0.01, "fractional_bits": 4}, ["error"])
    assert "sigma" in caught.value.key


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["floor", "nearest_even"])
@pytest.mark.parametrize("leak", ["shift", "scale"])
@pytest.mark.parametrize("bits", [8, 12])
def test_the_plane_within_2_percent(bits, leak, rounding):
    subject = MeanField({}, Path())
    wrong = {}
    for mu, sigma in PLANE:
        values = {"mu": mu, "sigma": sigma, "leak": leak, "rounding": rounding, "tau": 20}
        made = subject.evaluate({**values, "fractional_bits": bits}, WANTED)
        for kind in ("", "float_"):
            rate, error = made[f"{kind}rate"], made[f"{kind}error"]
            spread = (made[f"{kind}rate_high"] - rate) / 1.96 / rate if rate else 0
            if 5 <= rate <= 50 and not (abs(error) < 2 and spread < 0.005):
                wrong[kind, mu, sigma] = rate, error, spread
    assert wrong == {}


def test_balanced_network_fires_as_predicted():
    subject = subject_of({"kind": "balanced", "time": 300}, Path())
    made = subject.evaluate({"n": 2000, "J": 0.3}, ["error"])
    assert made["theory"] == pytest.approx(made["rate"], rel=0.06)
    assert made["rate_low"] < made["rate"] < made["rate_high"]
    assert made["error"] == pytest.approx(100 * (made["theory"] / made["rate"] - 1))
    # Without its inhibition it fires more than twice as often, and theory says so too.
    free = subject.evaluate({"n": 2000, "J": 0.3, "g": 0.0}, ["theory"])
    assert free["theory"] > 2 * made["theory"]
    assert "rate" not in free


def test_balanced_network_is_brunels():
    values = {"g": 5.0, "eta": 2.0, "J": 0.1, "epsilon": 0.1, "n": 10_000, "dt": 0.5}
    made = balanced(**values, fractional_bits=6)
    sizes = [population.n for population in made.design.population]
    assert sizes == [8000, 2000]
    degrees = [projection.synapses.indegree for projection in made.design.projection]
    assert degrees == [800, 800, 200, 200]
    neuron = made.design.population[0].neuron
    assert neuron.v_threshold * made.unit == pytest.approx(20)
    assert neuron.v_reset * made.unit == pytest.approx(10)
    assert neuron.refractory * 0.5 == 2
    # 2 V_th / (J tau_m) of events a ms from outside.
    (noise,) = made.design.population[0].noise
    assert noise.mean == pytest.approx(2 * 20 / (0.1 * 20) * 0.5)
