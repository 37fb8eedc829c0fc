"""What a design does with given input: the ranges of its states, and its spikes beside float's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..batch.recording import BatchRecording
from ..network.model import Network
from ..network.recording import Recording
from ..params.network import NetworkParams

Counts = npt.NDArray[np.int64]
#: The field that is the width of a variable.
WIDTH_OF = {"v": "state_bits", "i_syn": "current_bits", "theta": "theta_bits"}


def _run(
    design: NetworkParams, spikes: Mapping[str, npt.ArrayLike], recording: Recording
) -> BatchRecording:
    """The run of all samples: ``spikes`` are (steps, n) of one, or (steps, samples, n)."""
    events = {}
    for name, counts in spikes.items():
        array = np.asarray(counts)
        events[name] = array[np.newaxis] if array.ndim == 2 else array.swapaxes(0, 1)
    samples = len(next(iter(events.values()), (0,)))
    return Network(design).run(events=events, record=recording, batch=samples)


def spike_counts(design: NetworkParams, spikes: Mapping[str, npt.ArrayLike]) -> dict[str, Counts]:
    """The spikes of every population from those of the inputs, each (steps, n) counts, or
    (steps, samples, n)."""
    found = _run(design, spikes, Recording())
    one = np.ndim(next(iter(spikes.values()))) == 2
    made = {}
    for population in design.graph.populations:
        counts = found.dense(population.name).astype(np.int64)
        made[population.name] = counts[0] if one else counts.swapaxes(0, 1)
    return made


def behaviour(
    design: NetworkParams,
    spikes: Mapping[str, npt.ArrayLike],
    wanted: Mapping[str, Counts],
) -> float:
    """How far the design is from ``wanted``: the differences in how often each neuron spikes, as a
    part of all wanted spikes."""
    found = spike_counts(design, spikes)
    apart = sum(int(np.abs(found[n].sum(0) - wanted[n].sum(0)).sum()) for n in wanted)
    return apart / max(1, sum(int(counts.sum()) for counts in wanted.values()))


def recorded_ranges(
    design: NetworkParams, spikes: Mapping[str, npt.ArrayLike]
) -> dict[str, dict[str, tuple[int, int]]]:
    """By population and width, the lowest and highest value that needed it."""
    states = {
        p.name: [name for name in WIDTH_OF if name in p.neuron.state_widths]
        for p in design.population
    }
    found = _run(design, spikes, Recording(states=states))
    ranges: dict[str, dict[str, tuple[int, int]]] = {}
    for name, variables in states.items():
        ranges[name] = {}
        for variable in variables:
            values = found.states(name, variable)
            ends = int(values.min(initial=0)), int(values.max(initial=0))
            ranges[name][WIDTH_OF[variable]] = ends
    return ranges


def saturations(design: NetworkParams, spikes: Mapping[str, npt.ArrayLike]) -> dict[str, int]:
    """By population, how often a neuron's v stood at an end of its range after a step."""
    found = _run(design, spikes, Recording(states={p.name: ["v"] for p in design.population}))
    counts = {}
    for population in design.population:
        v, (low, high) = found.states(population.name, "v"), population.neuron.ranges["v"]
        counts[population.name] = int(((v == low) | (v == high)).sum())
    return counts
