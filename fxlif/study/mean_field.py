"""Simulations beside theory: the subjects ``mean_field``, one neuron, and ``balanced``, a network.

The neuron is that of :mod:`.neuron`: its membrane goes from 0 at rest to 1 at the threshold, back
to 0 by a spike, without refractory time; a step is 1 ms. ``mu`` and ``sigma`` are those of
:mod:`fxlif.theory`, in thresholds. The theory is that of the integers as they are, with the time
constant that their leak has and what its roundings add; that of the float neuron has the same
time constant and no roundings.

The network has excitatory and inhibitory neurons, four to one, each with synapses from a part
``epsilon`` of both populations, drawn at random, and Poisson input from outside. Names and values
are those of Brunel, J. Computational Neuroscience 8, 2000: V_th 20 mV, V_0 10 mV, tau_m 20 ms,
tau_r 2 ms; ``g`` is how much stronger inhibition is, ``eta`` the rate outside in units of that
which alone would bring the mean to the threshold. Delays are drawn from 1 ms to 3 ms.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import theory
from ..arrays import integer
from ..metrics import Accuracy, mean_accuracy
from ..network.model import Network
from ..params.network import NetworkParams, Population, Projection
from ..params.neuron import NeuronParams
from ..params.noise import GaussianNoise, PoissonNoise
from ..params.topology import FixedInDegree
from ..quantise.leak import kept
from ..quantise.neuron import StepNeuron
from .neuron.runs import float_run
from .neuron.subject import DEFAULTS as NEURON_DEFAULTS
from .neuron.subject import PARAMETERS, OneNeuron, by_name, nearest_leak
from .subject import Objective, Parameter, Subject, Value, refuse_others

#: Neurons of a simulation; its steps, those before them apart, are ``work`` / NEURONS.
NEURONS = 2048
#: How long it runs before spikes are counted, in time constants.
SETTLE = 20
HZ = 1000


def rate_of(counts: npt.NDArray[Any], steps: int) -> Accuracy:
    """Hz of neurons that spiked so often (n,) in so many ms: the mean, with its 95 % interval."""
    mean = float(counts.mean())
    half = 1.96 * float(counts.std()) / math.sqrt(len(counts))
    return Accuracy(*(HZ * x / steps for x in (mean, mean - half, mean + half)))


def integer_rate(
    neuron: NeuronParams, mean: float, deviation: float, *, steps: int, settle: int, seed: int
) -> Accuracy:
    """The rate of integer neurons whose current is discrete normal, in LSB."""
    noise = GaussianNoise(mean=mean, sigma=deviation, seed=seed)
    network = Network(
        NetworkParams(population=(Population(name="p", n=NEURONS, neuron=neuron, noise=(noise,)),))
    )
    network.run(settle)
    events = network.run(steps).spikes("p")
    return rate_of(np.bincount(events[events >= 0], minlength=NEURONS), steps)


def float_rate(
    decay: float, mean: float, deviation: float, *, steps: int, settle: int, seed: int
) -> Accuracy:
    """The same of float64 neurons whose current is normal, in thresholds."""
    currents = np.random.default_rng(seed).standard_normal((settle + steps, NEURONS), np.float32)
    currents *= np.float32(deviation)
    currents += np.float32(mean)
    return rate_of(float_run(currents, decay).spikes[settle:].sum(axis=0), steps)


def error_of(predicted: float, found: Accuracy) -> Accuracy:
    """By how many percent of the rate that was found the prediction is above it."""
    ends = (found.mean, found.high, found.low)
    return Accuracy(*(100 * (predicted / rate - 1) if rate > 0 else math.nan for rate in ends))


class MeanField(OneNeuron):
    """A neuron whose input, leak, rounding and width are varied; keys of its table as there."""

    parameters = PARAMETERS | by_name(
        Parameter(name="mu", title="mean of the input", unit="thresholds", low=-4, high=4,
                  fractional=True),
        Parameter(name="sigma", title="deviation of the input", unit="thresholds", low=0.01, high=2,
                  fractional=True),
    )  # fmt: skip
    objectives = by_name(
        Objective(name="error", title="theory above the integers", unit="%", direction="zero",
                  interval=True),
        Objective(name="rate", title="rate of the integers", unit="Hz", direction="maximize",
                  interval=True),
        Objective(name="theory", title="rate by theory", unit="Hz", direction="maximize"),
        Objective(name="float_error", title="theory above float64", unit="%", direction="zero",
                  interval=True),
        Objective(name="float_rate", title="rate in float64", unit="Hz", direction="maximize",
                  interval=True),
        Objective(name="float_theory", title="rate in float64 by theory", unit="Hz",
                  direction="maximize"),
        Objective(name="state_bits", title="width of v", unit="bits", direction="minimize"),
    )  # fmt: skip
    defaults: Mapping[str, Value] = {**NEURON_DEFAULTS, "mu": 0.9, "sigma": 0.3}

    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> dict[str, float]:
        """The objectives; see :class:`~fxlif.study.subject.Subject`."""
        given, neuron = self.all_values(values), self.neuron(values)
        decay = float(kept(neuron.leak))
        stepped = StepNeuron(decay=decay, v_threshold=1.0)
        mean, deviation = theory.noise_for(stepped, given["mu"], given["sigma"])
        unit = 1 / neuron.v_threshold
        run = {"steps": math.ceil(self.work / NEURONS), "seed": self.seed}
        run["settle"] = math.ceil(SETTLE * given["tau"])
        found = {"state_bits": float(neuron.state_bits)}
        ranges: dict[str, Accuracy] = {}
        if {"error", "rate", "theory"} & set(wanted):
            drive = theory.drive_of_integers(neuron, mean / unit, deviation / unit, unit=unit)
            found["theory"] = drive.rate
            ranges["rate"] = integer_rate(neuron, mean / unit, deviation / unit, **run)
            ranges["error"] = error_of(found["theory"], ranges["rate"])
        if {"float_error", "float_rate", "float_theory"} & set(wanted):
            found["float_theory"] = theory.drive_of(stepped, mean, deviation).rate
            ranges["float_rate"] = float_rate(decay, mean, deviation, **run)
            ranges["float_error"] = error_of(found["float_theory"], ranges["float_rate"])
        for name, range_ in ranges.items():
            found |= dict(zip(self.objectives[name].columns, range_, strict=True))
        return found


# --- the balanced network ------------------------------------------------------------------------

#: In mV and ms.
V_TH, V_0, TAU_M, TAU_R = 20.0, 10.0, 20.0, 2.0
DELAYS = (1.0, 3.0)
#: Before spikes of the network are counted, in ms; and in how many parts they are.
WARM_UP, PARTS = 300, 20
BALANCED: Mapping[str, Any] = {
    "g": 5.0, "eta": 2.0, "J": 0.1, "epsilon": 0.1, "n": 10_000, "dt": 0.5, "fractional_bits": 6,
}  # fmt: skip


class Balanced(NamedTuple):
    """The network in integers, what it is predicted to do, and the unit of v in mV."""

    design: NetworkParams
    predicted: theory.Rates
    unit: float


def balanced(
    *, g: float, eta: float, J: float, epsilon: float, n: int, dt: float, fractional_bits: int,
    seed: int = 1,
) -> Balanced:  # fmt: skip
    """The network; ``fractional_bits`` of v are below a weight of J.

    Raises:
        FxlifError: values that no integer network can have.
    """
    unit = J / (1 << fractional_bits)
    sizes = {"exc": n * 4 // 5, "inh": n - n * 4 // 5}
    degrees = {name: max(1, round(epsilon * size)) for name, size in sizes.items()}
    weights = {"exc": 1 << fractional_bits, "inh": -round(g * (1 << fractional_bits))}
    leak = nearest_leak("scale", math.exp(-dt / TAU_M), 16, "nearest_even").leak
    # v ranges over eight thresholds to either side.
    bits = 1 + round(8 * V_TH / unit).bit_length()
    neuron = NeuronParams(
        leak=leak, v_threshold=round(V_TH / unit), v_reset=round(V_0 / unit),
        refractory=round(TAU_R / dt), state_bits=bits, threshold_bits=bits, current_bits=bits,
        weight_bits=16,
    )  # fmt: skip
    tau_m = -dt / math.log(float(kept(leak)))
    # Of each of as many synapses from outside as there are excitatory ones, in Hz.
    outside = eta * V_TH / (J * degrees["exc"] * TAU_M) * HZ
    noise = PoissonNoise(outside * degrees["exc"] * dt / HZ, weights["exc"], seed=seed)
    shortest, longest = (round(delay / dt) for delay in DELAYS)
    design = NetworkParams(
        name="balanced",
        population=tuple(
            Population(name=name, n=size, neuron=neuron, noise=(noise,))
            for name, size in sizes.items()
        ),
        projection=tuple(
            Projection(
                source=source, target=target, delay=(shortest, longest),
                synapses=FixedInDegree(
                    indegree=degrees[source], weight=weights[source], seed=2 * k + j + seed
                ),
            )
            for k, source in enumerate(sizes)
            for j, target in enumerate(sizes)
        ),
    )  # fmt: skip
    row = [[weights[name] * unit for name in sizes]] * 2
    predicted = theory.network_rates(
        row, [[degrees[name] for name in sizes]] * 2, tau_m=tau_m, tau_r=TAU_R,
        V_th=(neuron.v_threshold - 0.5) * unit, V_0=neuron.v_reset * unit, dt=dt,
        J_ext=weights["exc"] * unit, K_ext=degrees["exc"], nu_ext=outside,
    )  # fmt: skip
    return Balanced(design, predicted, unit)


def simulated(
    network: Network, *, dt: float, time: float, settle: float = WARM_UP
) -> dict[str, Accuracy]:
    """Hz of each population over ``time`` ms, with the 95 % interval over parts of that time:
    neurons of one network do not fire independently of each other."""
    network.run(round(settle / dt))
    steps = max(1, round(time / dt / PARTS))
    sizes = network.graph.sizes
    rates: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(PARTS):
        record = network.run(steps)
        for name, n in sizes.items():
            count = np.count_nonzero(record.spikes(name) >= 0)
            rates[name].append(HZ * count / (n * steps * dt))
    return {name: mean_accuracy(values) for name, values in rates.items()}


class BalancedNetwork(Subject):
    """The network with any of its values. Keys of its table, both optional: ``seed`` of synapses
    and noise, and ``time``, how many ms are simulated."""

    parameters = by_name(
        Parameter(name="g", title="inhibition", low=0, high=100, fractional=True),
        Parameter(name="eta", title="rate outside", low=0, high=100, fractional=True),
        Parameter(name="J", title="weight", unit="mV", low=0.01, high=5, fractional=True),
        Parameter(name="epsilon", title="part of neurons connected", low=0.001, high=1,
                  fractional=True),
        Parameter(name="n", title="neurons", low=10, high=100_000),
        Parameter(name="dt", title="step", unit="ms", low=0.1, high=1, fractional=True),
        Parameter(name="fractional_bits", title="bits of v below a weight", unit="bits", low=0,
                  high=10),
    )  # fmt: skip
    objectives = by_name(
        Objective(name="error", title="theory above the integers", unit="%", direction="zero",
                  interval=True),
        Objective(name="rate", title="rate of the integers", unit="Hz", direction="maximize",
                  interval=True),
        Objective(name="theory", title="rate by theory", unit="Hz", direction="maximize"),
    )  # fmt: skip

    def __init__(self, table: Mapping[str, Any], folder: Path) -> None:
        refuse_others(table, ("seed", "time"))
        self.seed = integer("seed", table.get("seed", 1))
        self.time = integer("time", table.get("time", 2000), 100, 1 << 24)

    def made(self, values: Mapping[str, Value]) -> Balanced:
        """The network that the values make."""
        given: dict[str, Any] = {**BALANCED, **values}
        return balanced(**given, seed=self.seed)

    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> dict[str, float]:
        """The objectives, of the excitatory population."""
        made = self.made(values)
        found = {"theory": float(made.predicted.nu[0])}
        if {"error", "rate"} & set(wanted):
            dt = float({**BALANCED, **values}["dt"])
            rate = simulated(Network(made.design), dt=dt, time=self.time)["exc"]
            for name, range_ in {"rate": rate, "error": error_of(found["theory"], rate)}.items():
                found |= dict(zip(self.objectives[name].columns, range_, strict=True))
        return found
