"""The steps of a float network, in float64: what the integers are compared with.

It follows docs/rule.md in the order of what happens in a step; no value is rounded, none overflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..arrays import integers
from ..errors import FxlifError
from .neuron import StepNeuron

if TYPE_CHECKING:
    from .network import FloatGroup, FloatNetwork, Floats

Counts = npt.NDArray[np.int64]
#: Rules that only the integers follow so far.
DEFAULTS = {"order": ("leak", "integrate", "fire"), "refractory_count": "after"}


@dataclass
class GroupState:
    """What a group keeps between two steps, each (n,)."""

    v: Floats
    i: Floats
    raised: Floats  # of the threshold, by spikes
    resting: Counts  # steps of rest left


def first_state(group: FloatGroup) -> GroupState:
    """At reset, everything but v at 0."""
    v = np.full(group.n, group.neuron.v_reset)
    return GroupState(v, np.zeros(group.n), np.zeros(group.n), np.zeros(group.n, np.int64))


def spikes_of(neuron: StepNeuron, v: Floats, threshold: Floats) -> Counts:
    """How often each neuron reaches its threshold."""
    reached = v >= threshold if neuron.rule.get("compare", "ge") == "ge" else v > threshold
    most = neuron.rule.get("max_spikes_per_step", 1)
    if most == 1:
        return reached.astype(np.int64)
    # The quotient counts v == k * threshold as a spike, "gt" does not.
    times = np.floor(v / threshold)
    if neuron.rule.get("compare", "ge") == "gt":
        times = np.ceil(v / threshold) - 1
    return np.where(reached, np.clip(times, 1, most), 0).astype(np.int64)


def step(group: FloatGroup, state: GroupState, arrived: Floats) -> tuple[GroupState, Counts]:
    """One step: the new state and the spikes, given the summed weights that arrived, (n,) or
    (samples, n)."""
    neuron = group.neuron
    threshold = group.thresholds + state.raised
    # Potentials from v_leak on, as the integers have them: a subtracted threshold is this distance.
    v, threshold = state.v - neuron.v_leak, threshold - neuron.v_leak
    shifted_reset = neuron.v_reset - neuron.v_leak
    late = neuron.rule.get("reset_at", "compare")
    subtracts = neuron.rule.get("reset", "to_value") == "subtract"
    before = spikes_of(neuron, v, threshold) if late != "compare" else None

    def reset(v: Floats, spikes: Counts) -> Floats:
        if subtracts:
            return v - spikes * threshold
        return np.where(spikes > 0, shifted_reset, v)

    if late == "next_step" and before is not None:
        v = reset(v, before)
    resting = state.resting > 0
    kept = v
    v = neuron.decay * v
    if late == "leak" and before is not None:
        v = reset(v, before)
    i, acting = _synapse(neuron, state.i, arrived + group.biases)
    v = v + neuron.gain * acting
    spikes = np.where(resting, 0, spikes_of(neuron, v, threshold))
    after = reset(v, spikes) if late == "compare" else v
    mode = neuron.rule.get("refractory_mode", "clamp")
    rest = {
        "clamp": kept, "mask": v, "rest": np.zeros_like(v), "leak": neuron.decay * kept,
    }[mode]  # fmt: skip
    raised = state.raised
    if neuron.decay_threshold is not None:
        raised = neuron.decay_threshold * raised + neuron.threshold_increment * spikes
    left = np.where(spikes > 0, neuron.refractory, np.maximum(state.resting - 1, 0))
    return GroupState(np.where(resting, rest, after) + neuron.v_leak, i, raised, left), spikes


def _synapse(neuron: StepNeuron, i: Floats, arrived: Floats) -> tuple[Floats, Floats]:
    """The current afterwards, and what of it acts on v (docs/rule.md#synapse)."""
    if neuron.decay_syn is None:
        return i, arrived
    acting = i
    for stage in neuron.synapse_order:
        if stage == "leak":
            i = neuron.decay_syn * i
        elif stage == "integrate":
            i = i + arrived
        else:
            acting = i
    return i, acting


def simulate(network: FloatNetwork, spikes: Mapping[str, npt.ArrayLike]) -> dict[str, Counts]:
    """The spikes of every group from those of the inputs, each (steps, n) counts, or
    (steps, samples, n): samples are runs of their own.

    Raises:
        FxlifError: inputs that are missing, or of other shapes; rules that are not simulated.
    """
    given = _inputs(network, spikes)
    groups = {group.name: group for group in network.groups}
    for group in network.groups:
        for key, only in DEFAULTS.items():
            if group.neuron.rule.get(key, only) != only:
                found = group.neuron.rule[key]
                raise FxlifError.must_be(f"{group.name}.{key}", f"{only} in float", found)
    outer = next(iter(given.values())).shape[:-1]
    made = {name: np.zeros((*outer, group.n), np.int64) for name, group in groups.items()}
    seen = {**given, **made}
    states = {name: first_state(group) for name, group in groups.items()}
    into = {name: network.into(name) for name in groups}
    for t in range(outer[0]):
        for name in network.order:
            arrived = np.zeros((*outer[1:], groups[name].n))
            for one in into[name]:
                if t >= one.delay:
                    arrived += seen[one.source][t - one.delay] @ one.weights
            states[name], made[name][t] = step(groups[name], states[name], arrived)
    return made


def _inputs(network: FloatNetwork, spikes: Mapping[str, npt.ArrayLike]) -> dict[str, Counts]:
    given: dict[str, Counts] = {}
    for name, n in network.inputs.items():
        if name not in spikes:
            raise FxlifError.must_be("spikes", f"of every input, also {name}", list(spikes))
        array = integers(f"spikes[{name!r}]", spikes[name], booleans=True)
        if array.ndim not in (2, 3) or array.shape[-1] != n:
            allowed = f"of shape (steps, {n}) or (steps, samples, {n})"
            raise FxlifError.must_be(f"spikes[{name!r}]", allowed, spikes, found=str(array.shape))
        given[name] = array.astype(np.int64)
    lengths = {name: array.shape[:-1] for name, array in given.items()}
    if len(set(lengths.values())) != 1:
        allowed = "of as many steps and samples for each input"
        raise FxlifError.must_be("spikes", allowed, lengths)
    return given
