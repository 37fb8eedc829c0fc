"""Theory against its published form, its limits, exact solutions, and simulations."""

from __future__ import annotations

import math
import sys
from functools import partial

import numpy as np
import pytest
from designs import SEED

from fxlif import (
    ExponentialSynapse,
    FloatNeuron,
    FxlifError,
    GaussianNoise,
    Network,
    NetworkParams,
    NeuronParams,
    PoissonNoise,
    Population,
    ScaleLeak,
    ShiftLeak,
    theory,
)
from fxlif.quantise import FloatConnection, FloatGroup, FloatNetwork, StepNeuron, quantise
from fxlif.quantise.leak import kept
from fxlif.rule.arithmetic import leak as golden_leak

NEURON = {"tau_m": 20.0, "tau_r": 2.0, "V_th": 15.0, "V_0": 0.0}
#: (mu, sigma) in mV, from some 2 to some 45 Hz.
POINTS = [(0, 10), (5, 7), (10, 5), (13, 2), (16, 1), (17, 7), (20, 2), (20, 10)]


def reference_rate(mu, sigma, tau_m, tau_r, V_th, V_0):
    """Amit & Brunel 1997, eq. A7, as it stands there."""
    from scipy.integrate import quad  # a quarter of a second for every process that collects
    from scipy.special import erfc

    ends = (V_0 - mu) / sigma, (V_th - mu) / sigma
    integral = quad(lambda u: math.exp(u * u) * erfc(-u), *ends, epsabs=0, epsrel=1e-10)[0]
    return 1000 / (tau_r + tau_m * math.sqrt(math.pi) * integral)


def exact_in_steps(mu, sigma, dt, tau_m, tau_r, V_th, V_0, nodes=500):
    """Hz of a neuron seen once in each ``dt``: its mean number of steps to the threshold, from the
    integral equation T(v) = 1 + integral of p(u | v) T(u) du below V_th (Nystrom)."""
    decay = math.exp(-dt / tau_m)
    deviation = sigma * math.sqrt((1 - decay**2) / 2)
    low = min(mu, V_0) - 6 * sigma
    x, w = np.polynomial.legendre.leggauss(nodes)
    x, w = (V_th - low) / 2 * x + (V_th + low) / 2, (V_th - low) / 2 * w

    def onto(v):
        z = (x - mu - decay * (np.atleast_1d(v)[:, None] - mu)) / deviation
        return np.exp(-z * z / 2) * w / (deviation * math.sqrt(2 * math.pi))

    steps = np.linalg.solve(np.eye(nodes) - onto(x), np.ones(nodes))
    return float(1000 / (dt * (1 + onto(V_0)[0] @ steps) + tau_r))


def exact_of_integers(neuron, mean, deviation, dt=1.0):
    """Hz of an integer neuron under a discrete normal current: its Markov chain, solved."""
    decay = float(kept(neuron.leak))
    low = min(mean / (1 - decay), neuron.v_reset) - 6 * deviation / math.sqrt(1 - decay**2)
    v = np.arange(int(low), neuron.v_threshold)

    def onto(start):
        z = (v - golden_leak(neuron.leak, start)[:, None] - mean) / deviation
        return np.exp(-z * z / 2) / (deviation * math.sqrt(2 * math.pi))

    steps = np.linalg.solve(np.eye(len(v)) - onto(v), np.ones(len(v)))
    first = 1 + onto(np.array([neuron.v_reset]))[0] @ steps
    return float(1000 / dt / (first + neuron.refractory))


def integer_neuron(leak, bits=8, **choices):
    """V_th is 2**bits; the unit of v in mV."""
    width = bits + 5
    choices.setdefault("refractory", 2)
    neuron = NeuronParams(
        leak=leak, v_threshold=1 << bits, state_bits=width, threshold_bits=width,
        current_bits=width, **choices,
    )  # fmt: skip
    return neuron, NEURON["V_th"] / (1 << bits)


def simulated(neuron, noise, steps, n=500, settle=300):
    """Hz of ``n`` integer neurons with a step of 1 ms, and the standard error of their mean."""
    network = Network(NetworkParams(population=[Population("p", n, neuron, noise=noise)]))
    network.run(settle)
    events = network.run(steps).spikes("p")
    counts = np.bincount(events[events >= 0], minlength=n)
    return 1000 * counts.mean() / steps, 1000 * counts.std() / math.sqrt(n) / steps


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_is_the_published_integral(mu, sigma):
    expected = reference_rate(mu, sigma, **NEURON)
    assert theory.firing_rate(mu, sigma, **NEURON) == pytest.approx(expected, rel=1e-8)


def test_published_constants():
    # Broadie, Glasserman & Kou 1997; Fourcaud & Brunel 2002, whose alpha is sqrt(2) |zeta(1/2)|.
    assert pytest.approx(0.5826, abs=5e-5) == theory.OVERSHOOT
    low, high = theory.boundaries(1.0, tau_m=20, tau_s=2)
    assert low == high == pytest.approx(math.sqrt(2) * 1.4603545 / 2 * math.sqrt(0.1))


def test_exponential_synapse_is_nnmts_in_continuous_time():
    from nnmt.lif import exp

    found = theory.firing_rate(12, 4, tau_m=20, V_th=15, V_0=0, tau_s=1)
    expected = exp._firing_rates_for_given_input(12.0, 4.0, 0.0, 15.0, 0.02, 0.0, 0.001)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("g", "eta", "expected"), [(6, 4, 55.8), (5, 2, 38.0), (4.5, 0.9, 6.5)])
def test_network_is_brunels(g, eta, expected):
    """The theory's column of Table 1 of Brunel 2000, to its last digit."""
    J, K = [[0.1, -0.1 * g]] * 2, [[1000, 250]] * 2
    outside = {"J_ext": 0.1, "K_ext": 1000, "nu_ext": 10.0 * eta}
    found = theory.network_rates(J, K, tau_m=20, tau_r=2, V_th=20, V_0=10, **outside)
    assert found.nu == pytest.approx([expected] * 2, abs=0.051)


def test_limits():
    rate = partial(theory.firing_rate, **NEURON)
    exact = FloatNeuron(tau_mem=20, r=1, v_leak=0, v_threshold=15, v_reset=0, t_refractory=2)
    assert rate([10, 15, 20, 40], 0).tolist() == exact.firing_rate([10, 15, 20, 40]).tolist()
    assert rate(20, 0.05) == pytest.approx(rate(20, 0), rel=1e-4)
    # Everything shifted, or in another unit, is the same neuron.
    shifted = theory.firing_rate(10 - 65, 5, tau_m=20, tau_r=2, V_th=15 - 65, V_0=-65, dt=1)
    assert shifted == pytest.approx(rate(10, 5, dt=1), rel=1e-12)
    scaled = theory.firing_rate(10e3, 5e3, tau_m=20, tau_r=2, V_th=15e3, V_0=0, dt=1)
    assert scaled == pytest.approx(rate(10, 5, dt=1), rel=1e-12)
    # Short steps are none, short synapses too.
    assert rate(10, 5, dt=1e-9) == pytest.approx(rate(10, 5), rel=1e-4)
    assert rate(10, 5, dt=1, tau_s=1e-3) == pytest.approx(rate(10, 5, dt=1), rel=1e-12)
    assert rate(10, 5, dt=1e-9, tau_s=1) == pytest.approx(rate(10, 5, tau_s=1), rel=1e-4)
    assert rate([[10], [12]], [3, 4, 5]).shape == (2, 3)


@pytest.mark.parametrize(("mu", "sigma"), POINTS)
def test_a_neuron_in_steps_within_2_percent(mu, sigma):
    found = theory.firing_rate(mu, sigma, **NEURON, dt=1)
    expected = exact_in_steps(mu, sigma, 1.0, **NEURON)
    assert found == pytest.approx(expected, rel=0.012)
    uncorrected = theory.firing_rate(mu, sigma, **NEURON)
    assert uncorrected > 1.025 * expected


@pytest.mark.parametrize("rounding", ["floor", "nearest_even"])
@pytest.mark.parametrize("leak", [ShiftLeak, partial(ScaleLeak, factor=243, shift=8)])
def test_integers_of_8_fractional_bits_within_2_percent(leak, rounding):
    neuron, unit = integer_neuron(leak(rounding=rounding))
    decay = float(kept(neuron.leak))
    for mu, sigma in POINTS:
        mean = mu * (1 - decay) / unit
        deviation = sigma * math.sqrt((1 - decay**2) / 2) / unit
        found = theory.drive_of_integers(neuron, mean, deviation, unit=unit)
        expected = exact_of_integers(neuron, mean, deviation)
        assert found.rate == pytest.approx(expected, rel=0.02 if expected > 5 else 0.05)


def test_an_integer_threshold_is_half_a_unit_lower():
    neuron, unit = integer_neuron(ShiftLeak(rounding="nearest_even"), bits=6)
    above = neuron.model_copy(update={"compare": "gt", "v_threshold": neuron.v_threshold - 1})
    mean, deviation = 10 / 16 / unit, 5 * math.sqrt((1 - (15 / 16) ** 2) / 2) / unit
    found = theory.drive_of_integers(neuron, mean, deviation, unit=unit)
    assert found == theory.drive_of_integers(above, mean, deviation, unit=unit)


@pytest.mark.parametrize(("mu", "sigma"), [(10, 5), (20, 2)])
def test_compiled_network_meets_theory(mu, sigma):
    neuron, unit = integer_neuron(ShiftLeak(shift=4, rounding="floor"))
    stepped = StepNeuron(decay=15 / 16, v_threshold=15.0)
    mean, deviation = (x / unit for x in theory.noise_for(stepped, mu, sigma))
    noise = [GaussianNoise(mean=mean, sigma=deviation, seed=SEED)]
    rate, error = simulated(neuron, noise, 8000)
    assert error < 0.005 * rate
    found = theory.drive_of_integers(neuron, mean, deviation, unit=unit)
    assert found.rate == pytest.approx(rate, rel=0.02)


def poisson_drive(mu, sigma, weight=0.1):
    """A neuron with excitatory and inhibitory Poisson input, quantised; its noise in integers."""
    neuron = StepNeuron.of(
        FloatNeuron(tau_mem=20, r=1, v_leak=0, v_threshold=15, v_reset=0, t_refractory=2)
    )
    mean, deviation = theory.noise_for(neuron, mu, sigma)
    both, more = deviation**2 / weight**2, mean / weight
    means = (both + more) / 2, (both - more) / 2
    names = ("exc", "inh")
    network = FloatNetwork(
        inputs=dict.fromkeys(names, 1), events=dict.fromkeys(names, 20),
        groups=[FloatGroup(name="p", n=1, neuron=neuron)],
        connections=[
            FloatConnection(source=name, target="p", weights=[[w]])
            for name, w in zip(names, (weight, -weight), strict=True)
        ],
    )  # fmt: skip
    made = quantise(network, rounding="nearest_even")
    weights = [int(p.synapses.weights[0][0]) << p.weight_shift for p in made.design.projection]
    noise = [PoissonNoise(m, w, seed=SEED) for m, w in zip(means, weights, strict=True)]
    ints = made.design.population[0].neuron
    total = sum(m * w for m, w in zip(means, weights, strict=True))
    spread = math.sqrt(sum(m * w * w for m, w in zip(means, weights, strict=True)))
    return ints, noise, theory.drive_of_integers(ints, total, spread, unit=made.units["p"])


@pytest.mark.parametrize(("mu", "sigma"), [(12, 3)])
def test_poisson_drive_within_5_percent(mu, sigma):
    neuron, noise, drive = poisson_drive(mu, sigma)
    rate, error = simulated(neuron, noise, 8000)
    assert error < 0.005 * rate
    assert drive.rate == pytest.approx(rate, rel=0.05)


def exponential_drive(ratio, mu, sigma, rounding="nearest_even", refractory=2):
    """An integer neuron of 20 ms with a synapse of ``ratio`` times that, its noise, its theory."""
    decay_syn = round(256 * math.exp(-0.05 / ratio))
    neuron, unit = integer_neuron(
        ScaleLeak(factor=243, shift=8, rounding=rounding), bits=10, refractory=refractory,
        synapse=ExponentialSynapse(ScaleLeak(factor=decay_syn, shift=8, rounding=rounding)),
    )  # fmt: skip
    stepped = StepNeuron(decay=243 / 256, decay_syn=decay_syn / 256, v_threshold=15.0)
    mean, deviation = (x / unit for x in theory.noise_for(stepped, mu, sigma))
    noise = [GaussianNoise(mean=mean, sigma=deviation, seed=SEED)]
    return neuron, noise, theory.drive_of_integers(neuron, mean, deviation, unit=unit)


@pytest.mark.parametrize(
    ("ratio", "mu", "sigma", "bound"), [(0.1, 10, 5, 0.05), (0.05, 20, 7, 0.025)]
)
def test_exponential_synapse(ratio, mu, sigma, bound):
    """The second would fire 4 % more often if all of the current outlasted the refractory time."""
    neuron, noise, drive = exponential_drive(ratio, mu, sigma, "floor")
    rate, error = simulated(neuron, noise, 8000, n=1000)
    assert error < 0.005 * rate
    assert drive.rate == pytest.approx(rate, rel=bound)
    # With a delta synapse it would be another.
    assert drive._replace(tau_s=0.0).rate > 1.05 * rate


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "bound"), [(0.02, 0.02), (0.05, 0.03), (0.1, 0.05)])
@pytest.mark.parametrize("refractory", [0, 2, 5])
def test_plane_with_exponential_synapses(ratio, bound, refractory):
    for mu in (5, 10, 13, 16, 20):
        for sigma in (2, 5, 7, 10):
            neuron, noise, drive = exponential_drive(ratio, mu, sigma, refractory=refractory)
            if drive.rate > 5:
                rate, error = simulated(neuron, noise, 16_000, n=2000)
                print(f"{ratio} {refractory} {mu} {sigma} {rate:.2f} {drive.rate / rate - 1:+.2%}")
                assert error < 0.005 * rate
                assert drive.rate == pytest.approx(rate, rel=bound)


@pytest.mark.slow
def test_plane_with_poisson_drive_within_5_percent():
    for mu in (8, 10, 12, 14, 16, 20):
        for sigma in (1.5, 2, 3, 5, 7):
            neuron, noise, drive = poisson_drive(mu, sigma)
            if drive.rate > 5:
                rate, error = simulated(neuron, noise, 16_000, n=1000)
                print(f"{mu} {sigma} {rate:.2f} {drive.rate / rate - 1:+.2%}")
                assert error < 0.005 * rate
                assert drive.rate == pytest.approx(rate, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0])
def test_plane_in_steps_within_2_percent(dt):
    """Up to one spike in 20 steps; the error grows with the part of an interval that a step is."""
    worst = 0.0
    for mu in (0, 5, 10, 13, 15, 17, 20, 25):
        for sigma in (1, 2, 3, 5, 7, 10, 15):
            expected = exact_in_steps(mu, sigma, dt, **NEURON, nodes=900 if dt < 0.5 else 500)
            if 5 <= expected <= 50:
                found = theory.firing_rate(mu, sigma, **NEURON, dt=dt)
                worst = max(worst, abs(found / expected - 1))
    print(f"{dt} {worst:.2%}")
    assert worst < 0.02


def test_noise_for_is_the_inverse_of_drive_of():
    neuron = StepNeuron.of(FloatNeuron(tau_mem=20, tau_syn=2, dt=0.5), current=0.3)
    drive = theory.drive_of(neuron, *theory.noise_for(neuron, 9.0, 4.0))
    assert (drive.mu, drive.sigma) == pytest.approx((9, 4))
    assert (drive.tau_m, drive.tau_s, drive.V_th, drive.V_0) == pytest.approx((20, 2, 15, 0))


def test_network_is_a_fixed_point():
    J, K = np.array([[0.1, -0.5]] * 2), np.array([[800, 200], [800, 200]])
    outside = {"J_ext": 0.1, "K_ext": 800, "nu_ext": 14.0}
    found = theory.network_rates(J, K, **NEURON, **outside, dt=0.5)
    mu = 0.02 * (K * J @ found.nu + 800 * 0.1 * 14)
    sigma = np.sqrt(0.02 * (K * J**2 @ found.nu + 800 * 0.01 * 14))
    assert found.mu == pytest.approx(mu)
    assert found.sigma == pytest.approx(sigma)
    assert found.nu == pytest.approx(theory.firing_rate(mu, sigma, **NEURON, dt=0.5), rel=1e-6)
    assert found.nu[0] == found.nu[1] > 1
    alone = theory.network_rates(0 * J, K, **NEURON, **outside, dt=0.5)
    free = theory.firing_rate(0.02 * 1120, math.sqrt(0.02 * 112), **NEURON, dt=0.5)
    assert alone.nu == pytest.approx([free, free])


@pytest.mark.parametrize(
    ("change", "key", "allowed"),
    [
        ({"sigma": -1}, "sigma", "0, or 0.03 or more"),
        ({"sigma": 0.01}, "sigma", "0, or 0.03 or more"),
        ({"mu": math.nan}, "mu", "finite"),
        ({"tau_m": 0}, "tau_m", "more than 0"),
        ({"tau_s": 3}, "tau_s", "at most 0.125 tau_m = 2.5"),
        ({"dt": 30}, "dt", "at most 1 tau_m = 20"),
        ({"V_0": 15}, "V_0", "below V_th = 15.0"),
    ],
)
def test_what_is_refused(change, key, allowed):
    with pytest.raises(FxlifError) as caught:
        theory.firing_rate(**{"mu": 10, "sigma": 5, **NEURON, **change})
    assert (caught.value.key, caught.value.allowed) == (key, allowed)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"J": [[0.1, 0.1]]}, "J"),
        ({"J": 0.1}, "J"),
        ({"K": [[-1]]}, "K"),
        ({"K_ext": -1}, "K_ext"),
        ({"nu_ext": -1}, "nu_ext"),
        ({"mu_ext": [1, 2]}, "mu_ext"),
        ({"tau_m": "long"}, "tau_m"),
        ({"dt": 30}, "dt"),
    ],
)
def test_networks_that_are_refused(change, key):
    with pytest.raises(FxlifError) as caught:
        theory.network_rates(**{"J": [[0.1]], "K": [[10]], **NEURON, "mu_ext": 20, **change})
    assert caught.value.key == key


def test_a_silent_network_has_no_rate():
    found = theory.network_rates([[-0.1]], [[1000]], **NEURON, mu_ext=10)
    assert (found.nu[0], found.mu[0], found.sigma[0]) == (0, 10, 0)


@pytest.mark.parametrize(
    ("neuron", "key"),
    [
        ({"reset": "subtract"}, "reset"),
        ({"reset_at": "leak"}, "reset_at"),
        ({"refractory": 2, "refractory_mode": "mask"}, "refractory_mode"),
        ({"order": ("integrate", "leak", "fire")}, "order"),
        ({"leak": ShiftLeak(rounding="stochastic")}, "rounding"),
    ],
)
def test_neurons_that_theory_is_not_about(neuron, key):
    with pytest.raises(FxlifError) as caught:
        theory.drive_of_integers(NeuronParams(**neuron), 1.0, 5.0)
    assert caught.value.key == key


def test_without_nnmt_one_line_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nnmt", None)
    with pytest.raises(FxlifError) as caught:
        theory.firing_rate(10, 5, **NEURON)
    assert str(caught.value) == "nnmt: not installed; pip install 'fxlif[theory]' brings it"
