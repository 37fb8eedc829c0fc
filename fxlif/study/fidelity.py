"""What a study of a network measures: how right it is, how near to float, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import metrics
from ..arrays import Ints
from ..errors import FxlifError
from ..network.projections import PlacedProjection
from ..params.network import NetworkParams
from .costs import adders_of, memory_bits, synaptic_operations
from .subject import Objective

#: A spike has a partner in the other train where one is so many steps away, at most.
WINDOW = 1
#: In steps: how far :func:`fxlif.metrics.van_rossum` sees.
TAU = 4.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What integers and float network did with the same samples.

    Attributes:
        design: the integers.
        projections: their synapses.
        wanted: the output spikes of the float network, (steps, samples, n).
        made: those of the integers.
        labels: the neuron that should spike most, (samples,); None where nobody has said it.
        spikes: how often each neuron and input line spiked, over all samples, (n,) by name.
    """

    design: NetworkParams
    projections: list[PlacedProjection]
    wanted: Ints
    made: Ints
    labels: Ints | None
    spikes: dict[str, Ints]

    @property
    def samples(self) -> int:
        """How many there are."""
        return int(self.made.shape[1])


Measure = Callable[[Seen], float | metrics.Accuracy]


def accuracy(seen: Seen) -> metrics.Accuracy:
    """The share of samples whose class is the label."""
    if seen.labels is None:
        raise FxlifError.must_be("accuracy", "measured of samples with labels", "accuracy")
    right = int((metrics.classes(seen.made.sum(axis=0)) == seen.labels).sum())
    return metrics.accuracy(right, seen.samples)


def same_class(seen: Seen) -> metrics.Accuracy:
    """The share of samples that both networks put into one class."""
    wanted, made = (metrics.classes(x.sum(axis=0)) for x in (seen.wanted, seen.made))
    return metrics.accuracy(int((wanted == made).sum()), seen.samples)


def same_trains(seen: Seen) -> metrics.Accuracy:
    """The share of samples whose output spikes are the same in every step."""
    same = int((seen.wanted == seen.made).all(axis=(0, 2)).sum())
    return metrics.accuracy(same, seen.samples)


def rate_error(seen: Seen) -> float:
    """By which part of float's output spikes the integers have more."""
    wanted = int(seen.wanted.sum())
    return (int(seen.made.sum()) - wanted) / max(1, wanted)


def count_error(seen: Seen) -> float:
    """By how many spikes an output neuron is off in a sample, on average."""
    return float(np.abs(seen.made.sum(axis=0) - seen.wanted.sum(axis=0)).mean())


def first_divergence(seen: Seen) -> float:
    """How many steps of a sample are the same from the first on, on average."""
    other = (seen.wanted != seen.made).any(axis=2)
    return float(np.where(other.any(axis=0), other.argmax(axis=0), len(other)).mean())


def of_trains(measure: Callable[[Any, Any], Any], same: float) -> Measure:
    """The mean over samples and output neurons of one of :mod:`fxlif.metrics`, which is ``same``
    for equal trains."""

    def mean(seen: Seen) -> float:
        wanted, made = (x.reshape(len(x), -1) for x in (seen.wanted, seen.made))
        other = np.flatnonzero((wanted != made).any(axis=0))
        if not other.size:
            return same
        apart = float(np.sum(measure(wanted[:, other], made[:, other])))
        trains = int(wanted.shape[1])
        return (apart + same * (trains - int(other.size))) / trains

    return mean


def operations(seen: Seen) -> float:
    """How many weights are added in a step, on average."""
    steps = len(seen.made) * seen.samples
    return synaptic_operations(seen.projections, seen.spikes) / steps


def _share(name: str, title: str) -> Objective:
    return Objective(name=name, title=title, direction="maximize", interval=True)


def _less(name: str, title: str, unit: str = "") -> Objective:
    return Objective(name=name, title=title, direction="minimize", unit=unit)


#: Each objective, and how it is measured.
MEASURES: list[tuple[Objective, Measure]] = [
    (_share("accuracy", "accuracy"), accuracy),
    (_share("same_class", "samples of the same class as float"), same_class),
    (_share("same_trains", "samples with the same output spikes as float"), same_trains),
    (Objective(name="rate_error", title="relative rate error", direction="zero"), rate_error),
    (_less("count_error", "error of the spike count", "spikes"), count_error),
    (
        Objective(
            name="first_divergence", title="steps before the first other spike",
            direction="maximize", unit="steps",
        ),
        first_divergence,
    ),
    (
        Objective(name="coincidence", title="coincident spikes", direction="maximize"),
        of_trains(lambda a, b: metrics.coincidence(a, b, WINDOW), 1.0),
    ),
    (_less("isi_distance", "ISI distance"), of_trains(metrics.isi_distance, 0.0)),
    (_less("spike_distance", "SPIKE distance"), of_trains(metrics.spike_distance, 0.0)),
    (
        _less("van_rossum", "van Rossum distance"),
        of_trains(lambda a, b: metrics.van_rossum(a, b, TAU), 0.0),
    ),
    (_less("memory_bits", "memory", "bit"), lambda s: memory_bits(s.design, s.projections)),
    (_less("synaptic_operations", "synaptic operations per step"), operations),
    (_less("adders", "adders of the step"), lambda s: adders_of(s.design)),
]  # fmt: skip
