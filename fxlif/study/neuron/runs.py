"""One integer neuron and the same neuron in float64 under the same currents.

Their membrane goes from 0 at rest to 1 at the threshold, back to 0 by a spike, without refractory
time. In float64 a step is v = decay * v + current; the integers count v and the current, rounded to
the nearest, in units of the threshold's last bit. The currents are Gaussian.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ... import metrics
from ...params.neuron import NeuronParams
from ...population import LIFPopulation, Recorder

#: Mean and standard deviation of the membrane, in thresholds, that each drive would give without
#: spikes; with a decay of 15/16, or 15.5 steps, a neuron fires 7, 19 and 43 times in 1000 steps.
DRIVES = {"slow": (0.6, 0.25), "middle": (0.9, 0.2), "fast": (1.3, 0.15)}
#: Time constants that a run lasts, and its steps of neurons, over all drives.
LENGTH, WORK = 64, 12 << 20
#: How many neurons of each drive are looked at step by step.
PROBES = 64
#: Bits of v above its point: three, and the sign. No drive takes v beyond 8 thresholds.
ABOVE = 4


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
