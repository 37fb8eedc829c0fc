"""The stationary rate of the leaky integrate-and-fire neuron, and of networks of it, from theory.

Times are in ms, potentials in mV, rates in Hz; names as in NNMT. The neuron is::

    tau_m dV/dt = -V + I    V reaches V_th: a spike, V rests at V_0 for tau_r
    delta synapse           I = mu + sigma sqrt(tau_m) xi(t)
    exponential synapse     tau_s dI/dt = -I + mu + sigma sqrt(tau_m) xi(t)

with white noise xi, <xi(t) xi(t')> = delta(t - t') (Fourcaud & Brunel, Neural Computation 14, 2002,
eq. 3.4). So ``sigma`` is that of the input: a membrane without threshold and with a delta synapse
has the standard deviation sigma / sqrt(2). The integral is NNMT's (Layer, Senk, Essink, van
Meegen, Bos & Helias, Frontiers in Neuroinformatics 16, 2022; ``pip install 'fxlif[theory]'``).
docs/theory.md has the equations, their sources, and how far simulations are from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .arrays import finite
from .errors import FxlifError
from .params.leaks import Leak
from .params.neuron import ExponentialSynapse, NeuronParams
from .profiles.profile import quantity
from .quantise.leak import kept
from .quantise.neuron import RULES, StepNeuron
from .rule import arithmetic

Floats = npt.NDArray[np.float64]
#: -zeta(1/2), of which both corrections of the boundaries are made.
ZETA = 1.4603545088095868
#: The mean overshoot of a Gaussian random walk over a far barrier, in steps' standard deviations:
#: 0.5826 (Chernoff, Annals of Mathematical Statistics 36, 1965; Siegmund, Advances in Applied
#: Probability 11, 1979; Broadie, Glasserman & Kou, Mathematical Finance 7, 1997).
OVERSHOOT = ZETA / math.sqrt(2 * math.pi)
#: Up to this tau_s / tau_m the first order in its root was measured (docs/theory.md).
MOST_TAU_S = 0.125
#: NNMT's quadrature finds no order for less noise than this part of V_th - V_0.
LEAST_SIGMA = 1 / 500


def firing_rate(
    mu: npt.ArrayLike, sigma: npt.ArrayLike, *, tau_m: float, V_th: float, V_0: float,
    tau_r: float = 0.0, tau_s: float = 0.0, dt: float = 0.0,
) -> Any:  # fmt: skip
    """Spikes per second of a neuron whose input has the mean ``mu`` and deviation ``sigma``.

    The mean first passage time of Siegert (Physical Review 81, 1951; Amit & Brunel, Cerebral Cortex
    7, 1997, eq. A7), between the boundaries of :func:`boundaries`.

    Args:
        mu: number or array, in mV from where V rests without input.
        sigma: the same, 0 or from (V_th - V_0) / 500 on; they broadcast.
        tau_m: ms, as all times.
        V_th: mV.
        V_0: below V_th; the reset.
        tau_r: 0 or more.
        tau_s: 0: a delta synapse; at most tau_m / 8.
        dt: 0: continuous time; else the step of a neuron that looks at V once in each.

    Returns:
        A number, or float64 of the common shape of ``mu`` and ``sigma``.

    Raises:
        FxlifError: values out of range; NNMT is not installed.
    """
    V_th, V_0 = quantity("V_th", V_th, -1e9, 1e9), quantity("V_0", V_0, -1e9, 1e9)
    if V_th <= V_0:
        raise FxlifError.must_be("V_0", f"below V_th = {V_th}", V_0)
    tau_m, tau_r = _time("tau_m", tau_m, positive=True), _time("tau_r", tau_r)
    means, deviations = np.broadcast_arrays(finite("mu", mu), finite("sigma", sigma))
    least = LEAST_SIGMA * (V_th - V_0)
    for wrong in deviations[(deviations != 0) & (deviations < least)].ravel()[:1]:
        raise FxlifError.must_be("sigma", f"0, or {least:.6g} or more", float(wrong))
    low, high = boundaries(deviations, tau_m=tau_m, tau_r=tau_r, tau_s=tau_s, dt=dt)
    rates = np.empty(means.shape)
    noisy = deviations > 0
    rates[~noisy] = _without_noise(means[~noisy], tau_m, tau_r, V_th, V_0)
    if noisy.any():
        rates[noisy] = _siegert()(
            mu=means[noisy], sigma=deviations[noisy], V_0_rel=V_0 + low[noisy],
            V_th_rel=V_th + high[noisy], tau_m=tau_m / 1000, tau_r=tau_r / 1000,
        )  # fmt: skip
    return rates[()]


def boundaries(
    sigma: npt.ArrayLike, *, tau_m: float, tau_r: float = 0.0, tau_s: float = 0.0, dt: float = 0.0
) -> tuple[Floats, Floats]:
    """By how much the lower and the upper end of Siegert's integral, V_0 and V_th, are shifted.

    A neuron that looks at V once in a step finds it above the threshold: with a delta synapse by
    0.5826 sigma sqrt(dt / tau_m) in the mean, which is added to V_th. The reset is exact: nothing
    is added to V_0.

    An exponential synapse keeps, at a spike, a current that is above its mean and will raise V:
    by sigma sqrt(tau_s / tau_m) |zeta(1/2)| / sqrt(2) in the mean (Fourcaud & Brunel 2002, after
    eq. 4.33), which is added to both, to V_0 as far as it outlasts tau_r. In steps, a being what
    the current keeps in one, sqrt(tau_s / dt) becomes sqrt(2) a / sqrt(1 - a**2), and the overshoot
    is that of a walk with correlated steps of deviation sigma sqrt(dt / tau_m (1 - a) / (1 + a)).
    For this walk we know no closed form: |zeta(1/2)| times a number that grows from 1 / sqrt(2 pi)
    (a = 0, independent steps) to 1/2 (a = 1, a straight crossing), here in proportion to a.

    Returns:
        mV, each of the shape of ``sigma``.
    """
    deviations = finite("sigma", sigma)
    tau_m, tau_s = _time("tau_m", tau_m, positive=True), _time("tau_s", tau_s)
    tau_r, dt = _time("tau_r", tau_r), _time("dt", dt)
    for name, value, most in (("tau_s", tau_s, MOST_TAU_S), ("dt", dt, 1.0)):
        if value > most * tau_m * (1 + 1e-9):
            raise FxlifError.must_be(name, f"at most {most:g} tau_m = {most * tau_m:g}", value)
    a = math.exp(-dt / tau_s) if tau_s else 0.0
    if not dt:
        memory, overshoot = math.sqrt(tau_s / 2), 0.0
    else:
        memory = math.sqrt(dt / (1 - a * a)) * a
        part = 1 / math.sqrt(2 * math.pi)
        overshoot = math.sqrt(dt * (1 - a) / (1 + a)) * (part + (0.5 - part) * a)
    unit = ZETA * deviations / math.sqrt(tau_m)
    outlasts = math.exp(-tau_r / tau_s) if tau_s else 0.0
    return unit * memory * outlasts, unit * (memory + overshoot)


class Drive(NamedTuple):
    """A neuron in steps and the noise that it is given, in the terms of :func:`firing_rate`."""

    mu: float
    sigma: float
    tau_m: float
    V_th: float
    V_0: float
    tau_r: float
    tau_s: float
    dt: float

    @property
    def rate(self) -> float:
        """:func:`firing_rate` of these, in Hz."""
        return float(firing_rate(**self._asdict()))


def drive_of(neuron: StepNeuron, mean: float, deviation: float) -> Drive:
    """What theory needs of a neuron whose summed weights have ``mean`` and ``deviation`` in a step.

    The steps have to be independent of each other. With a delta synapse V is then, but for the
    threshold, exactly the process of :func:`firing_rate` seen once in each ``dt``, with
    tau_m = -dt / log(decay), mu = gain * mean / (1 - decay) and
    sigma = gain * deviation * sqrt(2 / (1 - decay**2)); a synapse divides mean and deviation by
    1 - decay_syn. Potentials are counted from v_leak. For the integers take the neuron of
    :attr:`fxlif.quantise.Quantised.effective`, whose parameters are those after rounding.

    Raises:
        FxlifError: a neuron that the theory is not about: with adaptation, reset by subtraction or
            late, several spikes in a step, time constants that are 0 or infinite.
    """
    mean = quantity("mean", mean, -1e9, 1e9) + neuron.bias
    deviation = quantity("deviation", deviation, 0, 1e9)
    to_mean, to_deviation = _gains(neuron)
    tau_s = 0.0 if neuron.decay_syn is None else _tau("decay_syn", neuron.decay_syn, neuron.dt)
    return Drive(
        mu=to_mean * mean, sigma=to_deviation * deviation,
        tau_m=_tau("decay", neuron.decay, neuron.dt), V_th=neuron.v_threshold - neuron.v_leak,
        V_0=neuron.v_reset - neuron.v_leak, tau_r=neuron.refractory * neuron.dt, tau_s=tau_s,
        dt=neuron.dt,
    )  # fmt: skip


def drive_of_integers(
    neuron: NeuronParams, mean: float, deviation: float, *, unit: float = 1.0, dt: float = 1.0
) -> Drive:
    """What theory needs of an integer neuron; ``mean`` and ``deviation`` of its current in LSB.

    Beyond what the integers stand for (:func:`drive_of`) it has what they do:

    - v is an integer, so that v >= V_th is v > V_th - 1/2: as a continuous v the neuron has the
      threshold half an LSB lower, with ``compare`` gt half an LSB higher;
    - the roundings of a leak add a current, here with their mean and variance under the Gaussian of
      a v without spikes; of floor the mean is some half an LSB in each step.

    Args:
        unit: mV of the last bit of v.
        dt: ms of a step.

    Raises:
        FxlifError: as :func:`drive_of`; leaks that do not leave a part of v; another ``order`` than
            leak, integrate, fire; leaks that round at random.
    """
    if neuron.order != ("leak", "integrate", "fire"):
        raise FxlifError.must_be("order", "leak, integrate, fire for this theory", neuron.order)
    synapse = neuron.synapse if isinstance(neuron.synapse, ExponentialSynapse) else None
    below = 0.5 if neuron.compare == "ge" else -0.5
    rule: dict[str, Any] = {name: getattr(neuron, name) for name in RULES}
    stepped = StepNeuron(
        decay=float(kept(neuron.leak)), v_threshold=neuron.v_threshold - below,
        v_leak=neuron.v_leak, v_reset=neuron.v_reset, bias=neuron.bias, dt=dt,
        decay_syn=None if synapse is None else float(kept(synapse.leak)),
        refractory=neuron.refractory, rule=rule,
        threshold_increment=0.0 if neuron.adaptation is None else neuron.adaptation.increment,
        decay_threshold=None if neuron.adaptation is None else 0.0,
    )  # fmt: skip
    mean, deviation = quantity("mean", mean, -1e9, 1e9), quantity("deviation", deviation, 0, 1e9)
    if synapse is not None and stepped.decay_syn is not None:
        decay = stepped.decay_syn
        settled = (mean + stepped.bias) / (1 - decay)
        shift, noise = _rounding(synapse.leak, settled, deviation / math.sqrt(1 - decay**2))
        mean, deviation = mean + shift, math.hypot(deviation, noise)
    plain = drive_of(stepped, mean, deviation)
    shift, noise = _rounding(neuron.leak, plain.mu, plain.sigma / math.sqrt(2))
    # The leak of v rounds past the synapse.
    mu = plain.mu + shift / (1 - stepped.decay)
    sigma = math.hypot(plain.sigma, noise * math.sqrt(2 / (1 - stepped.decay**2)))
    return plain._replace(
        mu=mu * unit, sigma=sigma * unit, V_th=plain.V_th * unit, V_0=plain.V_0 * unit
    )


def _rounding(leak: Leak, mean: float, deviation: float) -> tuple[float, float]:
    """Mean and deviation of what the roundings of ``leak`` add to a Gaussian x."""
    if getattr(leak, "rounding", None) == "stochastic":
        raise FxlifError.must_be("rounding", "not stochastic for this theory", "stochastic")
    deviation = max(deviation, 1.0)
    x = np.unique(np.linspace(mean - 6 * deviation, mean + 6 * deviation, 1 << 16).astype(np.int64))
    weights = np.exp(-0.5 * ((x - mean) / deviation) ** 2)
    errors = arithmetic.leak(leak, x) - float(kept(leak)) * x
    average = float(np.average(errors, weights=weights))
    return average, math.sqrt(float(np.average((errors - average) ** 2, weights=weights)))


def noise_for(neuron: StepNeuron, mu: float, sigma: float) -> tuple[float, float]:
    """The mean and deviation of the summed weights of a step that give ``mu`` and ``sigma``: the
    inverse of :func:`drive_of`."""
    to_mean, to_deviation = _gains(neuron)
    return (
        quantity("mu", mu, -1e9, 1e9) / to_mean - neuron.bias,
        quantity("sigma", sigma, 0, 1e9) / to_deviation,
    )


def _gains(neuron: StepNeuron) -> tuple[float, float]:
    """What the mean and the deviation of a step's weights are multiplied by."""
    only = {"reset": "to_value", "reset_at": "compare", "max_spikes_per_step": 1}
    if neuron.refractory:
        only["refractory_mode"] = "clamp"
    for name, value in only.items():
        if neuron.rule.get(name, value) != value:
            raise FxlifError.must_be(name, f"{value} for this theory", neuron.rule[name])
    if neuron.decay_threshold is not None and neuron.threshold_increment:
        found = neuron.threshold_increment
        raise FxlifError.must_be("threshold_increment", "0 for this theory", found)
    _tau("decay", neuron.decay, neuron.dt)
    gain = neuron.gain
    if neuron.decay_syn is not None:
        _tau("decay_syn", neuron.decay_syn, neuron.dt)
        gain /= 1 - neuron.decay_syn
    return gain / (1 - neuron.decay), gain * math.sqrt(2 / (1 - neuron.decay**2))


class Rates(NamedTuple):
    """Of each population: the rate in Hz, and mean and deviation of its input in mV."""

    nu: Floats
    mu: Floats
    sigma: Floats


def network_rates(
    J: npt.ArrayLike, K: npt.ArrayLike, *, tau_m: float, V_th: float, V_0: float,
    tau_r: float = 0.0, tau_s: float = 0.0, dt: float = 0.0,
    J_ext: npt.ArrayLike = 0.0, K_ext: npt.ArrayLike = 0.0, nu_ext: npt.ArrayLike = 0.0,
    mu_ext: npt.ArrayLike = 0.0,
) -> Rates:  # fmt: skip
    """The stationary rates of populations that drive each other, by fixed point.

    The input of each is taken as Gaussian white noise (Brunel, J. Computational Neuroscience 8,
    2000; Fourcaud & Brunel 2002, eq. 3.4), summed over sources and the populations outside::

        mu = mu_ext + tau_m sum K J nu    sigma**2 = tau_m sum K J**2 nu

    Found is the fixed point that the rates reach from silence under dnu/ds = -nu + firing_rate:
    one that is stable under that equation; delays do not enter.

    Args:
        J: (targets, sources) weights in mV, by how much a spike moves V (of an exponential synapse
            in all); K: the same, how many synapses each neuron has.
        tau_m: this and the next as in :func:`firing_rate`, alike for all populations.
        J_ext: (targets, sources outside), or one number; K_ext: the same.
        nu_ext: (sources outside,) their rates in Hz, Poisson.
        mu_ext: (targets,) a constant input in mV, or one number.

    Raises:
        FxlifError: shapes that do not fit, values out of range; rates that settle nowhere; NNMT is
            not installed.
    """
    weights, degrees = _matrix("J", J), _matrix("K", K)
    n = len(weights)
    outside = np.atleast_1d(finite("nu_ext", nu_ext))
    if weights.shape != (n, n):
        raise FxlifError.must_be("J", "square", J, found=f"of shape {weights.shape}")
    shapes: dict[str, tuple[npt.ArrayLike, tuple[int, ...]]]
    shapes = {"K": (degrees, (n, n)), "J_ext": (J_ext, (n, len(outside)))}
    shapes |= {"K_ext": (K_ext, (n, len(outside))), "mu_ext": (mu_ext, (n,))}
    fitted = {name: _of_shape(name, value, shape) for name, (value, shape) in shapes.items()}
    for name in ("K", "K_ext", "nu_ext"):
        values = outside if name == "nu_ext" else fitted[name]
        for wrong in values[values < 0].ravel()[:1]:
            raise FxlifError.must_be(name, "0 or more", float(wrong))
    solve = _nnmt("_solvers")._firing_rate_integration
    neuron = {"tau_m": tau_m, "V_th": V_th, "V_0": V_0, "tau_r": tau_r, "tau_s": tau_s, "dt": dt}
    firing_rate(0.0, 0.0, **neuron)  # Refuses what is out of range before the first step.
    seconds = tau_m / 1000
    J_, K_, J_x, K_x = weights, fitted["K"], fitted["J_ext"], fitted["K_ext"]

    def mean(nu: Floats, K: Floats) -> Floats:
        return np.asarray(fitted["mu_ext"] + seconds * (K * J_ @ nu + K_x * J_x @ outside))

    def deviation(nu: Floats, K: Floats, least: float = 0.0) -> Floats:
        # The solver's trial rates may be below 0.
        square = K * J_**2 @ np.maximum(nu, 0.0) + K_x * J_x**2 @ outside
        return np.asarray(np.maximum(np.sqrt(seconds * square), least))

    # Silent populations have no noise at all: as much as NNMT's quadrature takes stands for none.
    least = LEAST_SIGMA * (V_th - V_0)
    inputs = {
        "mu": {"func": mean, "params": {"K": K_}},
        "sigma": {"func": deviation, "params": {"K": K_, "least": least}},
    }
    try:
        with np.errstate(all="ignore"):
            nu = np.asarray(solve(firing_rate, neuron, inputs))
    except (RuntimeError, AssertionError):
        raise FxlifError.must_be("J", "such that the rates settle", J, found="these") from None
    return Rates(nu, mean(nu, K_), deviation(nu, K_))


def _without_noise(mu: Floats, tau_m: float, tau_r: float, V_th: float, V_0: float) -> Floats:
    """Hz under a constant input: 0 up to the threshold."""
    gap = np.where(mu > V_th, mu - V_th, np.inf)
    time = tau_r + tau_m * np.log1p((V_th - V_0) / gap)
    return np.where(mu > V_th, 1000 / np.where(time > 0, time, np.inf), 0.0)


def _siegert() -> Callable[..., Any]:
    """NNMT's integral; in its documentation among the functions for given parameters."""
    function: Callable[..., Any] = _nnmt("lif").delta._firing_rates_for_given_input
    return function


def _nnmt(part: str) -> Any:
    try:
        import nnmt
    except ModuleNotFoundError:
        raise FxlifError.not_installed("nnmt", "'fxlif[theory]'") from None
    return getattr(nnmt, part)


def _time(name: str, value: float, *, positive: bool = False) -> float:
    number = quantity(name, value, 0, 1e9)
    if positive and not number:
        raise FxlifError.must_be(name, "more than 0", value)
    return number


def _tau(name: str, decay: float, dt: float) -> float:
    """The time constant of a decay by exp(-dt / tau)."""
    if not 0 < decay < 1:
        raise FxlifError.must_be(name, "more than 0 and less than 1", decay)
    return -dt / math.log(decay)


def _matrix(name: str, values: npt.ArrayLike) -> Floats:
    made = finite(name, values)
    if made.ndim != 2 or not made.size:
        raise FxlifError.must_be(name, "a matrix", values, found=f"of shape {made.shape}")
    return made


def _of_shape(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    made = finite(name, values)
    if made.shape not in ((), shape):
        raise FxlifError.must_be(name, f"one number or {shape}", values, found=str(made.shape))
    return np.broadcast_to(made, shape)
