"""One integer neuron against float64: the figures of the subject ``neuron``."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import fxlif
from fxlif.errors import FxlifError
from fxlif.quantise.leak import kept
from fxlif.study.neuron.runs import driven, float_run, integer_run, rate_error
from fxlif.study.neuron.subject import OneNeuron
from fxlif.study.subject import Objective, subject_of

SHORT = OneNeuron({"work": 1}, Path())


def found(**values):
    return SHORT.evaluate(values, list(SHORT.objectives))


def test_the_float_neuron_fires_when_its_equation_says():
    """v after k steps from 0 is I (1 - a^k) / (1 - a)."""
    decay, current = 0.9, 0.13
    run = float_run(np.full((40, 1), current), decay)
    period = math.ceil(math.log(1 - (1 - decay) / current) / math.log(decay))
    assert np.flatnonzero(run.spikes).tolist() == list(range(period - 1, 40, period))
    assert run.v[2, 0] == pytest.approx(current * (1 - decay**3) / (1 - decay))


def test_with_many_bits_the_integers_are_the_float_neuron():
    made = found(fractional_bits=24)
    assert made["rate_error"] == made["rate_error_low"] == made["rate_error_high"] == 0
    steps = len(driven(SHORT.all_values({})["tau"], 1, 1)[0].currents)
    assert made["divergence"] == steps  # never
    assert made["sqnr"] > 120
    assert made["tau_error"] == pytest.approx(0, abs=1e-9)


def test_rounding_up_or_down_shows_in_the_sign():
    """Each step of the floor takes half a unit too much of what is kept, or of what is lost."""
    down = found(fractional_bits=7, leak="scale", rounding="floor")
    up = found(fractional_bits=7, leak="shift", rounding="floor")
    near = found(fractional_bits=7)
    assert down["rate_error"] < -8
    assert up["rate_error"] > 8
    assert abs(near["rate_error"]) < 3
    assert near["divergence"] > 2 * down["divergence"]
    # 6.02 dB a bit.
    finer = found(fractional_bits=11)
    assert (finer["sqnr"] - near["sqnr"]) / 4 == pytest.approx(6.02, abs=0.5)


@pytest.mark.parametrize(
    ("leak", "adders", "tau", "used"),
    [("shift", 3, 15.4946, 1), ("multi_shift", 1, 15.4946, 1), ("multi_shift", 2, 20.8293, 2),
     ("scale", 3, 19.9758, 3)],
)  # fmt: skip
def test_the_nearest_leak_of_a_kind(leak: str, adders: int, tau: float, used: int):
    """The time constants of docs/quantise.md, for one of 20 steps."""
    values = {"tau": 20, "leak": leak, "adders": adders}
    one = SHORT.leak(values)
    assert one.tau == pytest.approx(tau, abs=1e-4)
    assert one.adders == used
    wanted = abs(-1 / math.log(float(kept(SHORT.neuron(values).leak))) - 20) / 20
    assert found(**values)["tau_error"] == pytest.approx(100 * wanted)


def test_the_numbers_are_those_of_their_definitions():
    error = rate_error(np.array([4, 6]), np.array([8, 12]))
    assert error == (1.0, 1.0, 1.0)
    assert math.isnan(rate_error(np.zeros(2), np.ones(2)).mean)
    low, middle, high = (
        Objective(name="x", title="x", direction=way).score(-3.0)
        for way in ("minimize", "zero", "maximize")
    )
    assert (low, middle, high) == (-3, 3, 3)
    assert Objective(name="x", title="x", direction="zero").score(math.nan) == math.inf


def test_an_evaluation_repeats():
    assert found(rounding="stochastic") == OneNeuron({"work": 1}, Path()).evaluate(
        {"rounding": "stochastic"}, list(SHORT.objectives)
    )


def test_the_design_is_the_neuron_that_was_evaluated():
    values = {"fractional_bits": 6, "rounding": "floor"}
    drive = driven(SHORT.all_values(values)["tau"], 1, 1)[2].currents[:, :1]
    run = integer_run(drive, SHORT.neuron(values))
    (core,) = SHORT.design(values).core
    for bits in (2, 6, 9, 24):
        (fine,) = SHORT.design({"fractional_bits": bits}).core
        assert fine.weights[0][0] << fine.weight_shift == fine.neuron.v_threshold // 4
    spikes = fxlif.LIFPopulation(1, core.neuron).run(np.rint(drive * 64).astype(np.int64))
    assert spikes.any()
    assert (spikes == run.spikes).all()


def test_an_unknown_key_says_so():
    with pytest.raises(FxlifError) as caught:
        subject_of({"kind": "neuron", "sed": 1}, Path())
    assert (caught.value.key, caught.value.value) == ("sed", "sed")
