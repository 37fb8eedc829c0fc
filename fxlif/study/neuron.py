"""One integer neuron against the same neuron in float64: the subject ``neuron``.

Both get the same Gaussian currents and their membrane goes from 0 at rest to 1 at the threshold,
back to 0 by a spike, without refractory time. In float64 a step is v = decay * v + current; the
integers count v and the current, rounded to the nearest, in units of 2**-fractional_bits.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..arrays import integer
from ..errors import FxlifError
from ..params.base import ROUNDINGS, Rounding
from ..params.core import CoreParams
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..population import LIFPopulation
from ..quantise.leak import LeakCandidate, leak_candidates
from ..recorder import Recorder
from .subject import Objective, Parameter, Subject, Value

#: Mean and standard deviation of the membrane, in thresholds, that each drive would give without
#: spikes; with a decay of 15/16, or 15.5 steps, a neuron fires 7, 19 and 43 times in 1000 steps.
DRIVES = {"slow": (0.6, 0.25), "middle": (0.9, 0.2), "fast": (1.3, 0.15)}
#: Time constants that a run lasts, and its steps of neurons, over all drives.
LENGTH, WORK = 64, 12 << 20
#: How many neurons of each drive are looked at step by step.
PROBES = 64
#: Bits of v above its point: three, and the sign. No drive takes v beyond 8 thresholds.
ABOVE = 4
KINDS = ("shift", "multi_shift", "scale")
Named = TypeVar("Named", Parameter, Objective)


class Run(NamedTuple):
    """Spikes (steps, n), and v after each step in thresholds."""

    spikes: npt.NDArray[np.bool_]
    v: npt.NDArray[np.float64]


class Drive(NamedTuple):
    """Currents (steps, n) in thresholds, float32, and the spikes of the float neuron under them."""

    currents: npt.NDArray[np.float32]
    spikes: npt.NDArray[np.bool_]


def float_run(currents: npt.NDArray[Any], decay: float) -> Run:
    """The float64 neurons under ``currents`` (steps, n)."""
    made = Run(np.empty(currents.shape, np.bool_), np.empty(currents.shape))
    v = np.zeros(currents.shape[1])
    for t, current in enumerate(currents):
        v = decay * v + current
        np.greater_equal(v, 1.0, out=made.spikes[t])
        v[made.spikes[t]] = 0.0
        made.v[t] = v
    return made


def integer_run(currents: npt.NDArray[Any], neuron: NeuronParams, *, record: bool = True) -> Run:
    """The integer neurons under the same ``currents``; without ``record`` v is empty."""
    one = neuron.v_threshold
    given = np.rint(np.multiply(currents, one, dtype=np.float32)).astype(np.int32)
    recorder = Recorder(*(["v"] if record else []))
    spikes = LIFPopulation(currents.shape[1], neuron).run(given, recorder, threads=1)
    v = recorder["v"] / one if record else np.empty((0, currents.shape[1]))
    return Run(np.asarray(spikes, np.bool_), v)


@lru_cache(maxsize=4)
def driven(tau: float, seed: int, work: int) -> tuple[Drive, ...]:
    """What the neurons get, drive after drive: independent in each neuron and step."""
    decay, steps = decay_of(tau), math.ceil(LENGTH * tau)
    n = max(PROBES, work // (len(DRIVES) * steps))
    made = []
    for k, (mean, deviation) in enumerate(DRIVES.values()):
        currents = np.random.default_rng([seed, k]).standard_normal((steps, n), np.float32)
        currents *= np.float32(deviation * math.sqrt(1 - decay * decay))
        currents += np.float32(mean * (1 - decay))
        made.append(Drive(currents, float_run(currents, decay)[0]))
    return tuple(made)


def decay_of(tau: float) -> float:
    """What is left of v after a step, of a time constant in steps."""
    return math.exp(-1 / tau)


@lru_cache
def nearest_leak(kind: str, decay: float, most: int, rounding: Rounding) -> LeakCandidate:
    """The leak nearest to ``decay`` of a kind and at most ``most`` adders.

    One shift is also the shortest of several; shifts alone make no other product than ``scale``.
    """
    kinds = ("shift", "multi_shift") if kind == "multi_shift" else (kind,)
    candidates = leak_candidates(decay, rounding=rounding)
    good = [one for one in candidates if one.leak.kind in kinds and one.adders <= most]
    return min(good, key=lambda one: (one.error, one.adders))


def rate_error(wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> metrics.Accuracy:
    """By what part of the spikes counted in ``wanted`` (n,) there are more in ``found``, all
    neurons together, with the 95 % interval of a ratio of sums over independent neurons.

    Cochran, Sampling Techniques, 1977, section 6.3.
    """
    spikes, more = float(wanted.sum()), found.astype(np.float64) - wanted
    if not spikes:
        return metrics.Accuracy(math.nan, math.nan, math.nan)
    ratio = float(more.sum()) / spikes
    half = 1.96 * math.sqrt(float(((more - ratio * wanted) ** 2).sum())) / spikes
    return metrics.Accuracy(ratio, ratio - half, ratio + half)


def by_name(*all_: Named) -> dict[str, Named]:
    """Parameters or objectives by their name."""
    return {one.name: one for one in all_}


PARAMETERS = by_name(
    Parameter(name="tau", title="time constant", unit="steps", low=1, high=1000, fractional=True),
    Parameter(name="leak", title="leak", choices=KINDS),
    Parameter(name="adders", title="adders at most", low=1, high=8),
    Parameter(name="rounding", title="rounding", choices=ROUNDINGS),
    Parameter(name="minimum_step", title="smallest step of the leak", unit="LSB", low=0, high=1),
    Parameter(name="fractional_bits", title="fractional bits of v", unit="bits", low=2, high=24),
)
#: The time constant is that of a shift by 4, which every kind of leak has without an error.
DEFAULTS: Mapping[str, Value] = {
    "tau": -1 / math.log(15 / 16), "leak": "shift", "adders": 3, "rounding": "nearest_even",
    "minimum_step": 0, "fractional_bits": 12,
}  # fmt: skip
OBJECTIVES = by_name(
    Objective(name="rate_error", title="rate error", unit="%", direction="zero", interval=True),
    Objective(name="tau_error", title="error of the time constant", unit="%", direction="minimize"),
    Objective(
        name="divergence", title="median of the first steps with another spike", unit="steps",
        direction="maximize",
    ),
    Objective(name="sqnr", title="signal to noise of v", unit="dB", direction="maximize"),
    Objective(name="adders_used", title="adders of the leak", direction="minimize"),
    Objective(name="state_bits", title="width of v", unit="bits", direction="minimize"),
)  # fmt: skip


class OneNeuron(Subject):
    """A neuron whose time constant, leak, rounding and width are varied.

    Keys of its table, both optional: ``seed`` of the currents, and ``work``, how many steps of
    neurons are compared.
    """

    parameters = PARAMETERS
    objectives = OBJECTIVES

    def __init__(self, table: Mapping[str, Any], folder: Path) -> None:
        known = ("seed", "work")
        for key in table:
            if key not in known:
                raise FxlifError.unknown(key, "key", key, known)
        self.seed = integer("seed", table.get("seed", 1))
        self.work = integer("work", table.get("work", WORK), 1, 1 << 28)

    def all_values(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """The value of every parameter."""
        return {**DEFAULTS, **values}

    def leak(self, values: Mapping[str, Value]) -> LeakCandidate:
        """The leak that the values choose, and what it costs."""
        given = self.all_values(values)
        decay = decay_of(given["tau"])
        one = nearest_leak(given["leak"], decay, given["adders"], given["rounding"])
        leak = one.leak.model_copy(update={"minimum_step": given["minimum_step"]})
        return replace(one, leak=leak)

    def neuron(self, values: Mapping[str, Value]) -> NeuronParams:
        """The integer neuron that the values make."""
        bits = self.all_values(values)["fractional_bits"]
        width = bits + ABOVE
        return NeuronParams(
            leak=self.leak(values).leak, v_threshold=1 << bits, state_bits=width,
            threshold_bits=width, current_bits=width,
        )  # fmt: skip

    def design(self, values: Mapping[str, Value]) -> NetworkParams | None:
        """A core of one such neuron; a spike of its one input adds 1 to v."""
        core = CoreParams(n_inputs=1, n_neurons=1, weights=((1,),), neuron=self.neuron(values))
        return NetworkParams(name="neuron", core=(core,))

    def evaluate(self, values: Mapping[str, Value], wanted: Collection[str]) -> dict[str, float]:
        """The objectives; see :class:`~fxlif.study.subject.Subject`."""
        neuron, leak = self.neuron(values), self.leak(values)
        drives = driven(float(self.all_values(values)["tau"]), self.seed, self.work)
        found = {
            "tau_error": 100 * leak.error,
            "adders_used": leak.adders,
            "state_bits": neuron.state_bits,
        }
        if "rate_error" in wanted:
            counts = [
                integer_run(drive.currents, neuron, record=False).spikes.sum(axis=0)
                for drive in drives
            ]
            due = [drive.spikes.sum(axis=0) for drive in drives]
            error = rate_error(np.concatenate(due), np.concatenate(counts))
            for end, value in zip(("", "_low", "_high"), error, strict=True):
                found[f"rate_error{end}"] = 100 * value
        if {"divergence", "sqnr"} & set(wanted):
            found |= self.step_by_step(drives, neuron, decay_of(self.all_values(values)["tau"]))
        return found

    def step_by_step(
        self, drives: tuple[Drive, ...], neuron: NeuronParams, decay: float
    ) -> dict[str, float]:
        """``divergence`` and ``sqnr``, the mean over neurons, of the first neurons of each drive.

        A neuron that never differs counts as one that does after the last step; one that differs
        in the first step has no noise to be measured, nor has one without any.
        """
        first, noise = [], []
        for drive in drives:
            currents = drive.currents[:, :PROBES]
            exact, found = float_run(currents, decay), integer_run(currents, neuron)
            for k in range(PROBES):
                own = [
                    array[:, k : k + 1] for array in (exact.v, found.v, exact.spikes, found.spikes)
                ]
                at = metrics.first_divergence(own[2], own[3])
                first.append(len(currents) if at is None else at)
                noise.append(float(metrics.membrane(*own).sqnr[0]))
        known = [ratio for ratio in noise if math.isfinite(ratio)]
        return {
            "divergence": float(np.median(first)),
            "sqnr": float(np.mean(known)) if known else math.nan,
        }
