"""Which bins that were not hit can be proved unreachable."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...layout import HardwareNetwork
from ...params.core import CoreParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ...rule.written import with_values
from .bins import BinRule, Key
from .counters import again_key
from .coverage import Coverage
from .invariant import Bounds, Neurons, SymbolicStep, SymbolicTurn, invariant
from .neuron_bins import fires_key, neuron_bins
from .step_values import may_exceed
from .synapses import most_spikes, most_spikes_of
from .turns.bins import turn_bins

Answer = tuple[bool | None, str]


def prove_unreachable(
    coverage: Coverage, *, seconds: float = 60.0, progress: Progress = SILENT
) -> None:
    """Ask a solver for every missing bin of the neurons' steps whether any step hits it.

    The step begins in a state of a proved :func:`~fxlif.sim.coverage.invariant.invariant`; its
    input is any that the weights allow, also where more events come than ``max_events_per_input``
    promises. The answers are left in ``coverage.answers``; after ``seconds`` no more is asked.

    Raises:
        FxlifError: z3 is not installed.
    """
    deadline = time.monotonic() + seconds
    if not coverage.cores:
        (neuron,) = coverage.params.neurons
        _ask(coverage, Neurons.of_neuron(neuron), _bins, again_key(), deadline)
        return
    design, spikes = coverage.design, None
    nodes = list(most_spikes(design)) if isinstance(design, HardwareNetwork) else []
    for k, (prefix, core) in enumerate(zip(coverage.prefixes, coverage.cores, strict=True)):
        progress("reachability", k, len(coverage.cores))
        if isinstance(core, CoreParams):
            of = Neurons.of_events if core.neuron.per_event else Neurons.of_core
            neurons = of(core, spikes=spikes)
        else:
            neurons = Neurons.of_rows(core, nodes)
        bins = partial(_bins, prefix=prefix)
        _ask(coverage, neurons, bins, again_key(prefix), deadline)
        fires = fires_key(prefix)
        for name, number in (("of the first neuron", 0), ("of the last neuron", -1)):
            alone = replace(neurons, inputs=(neurons.inputs[number],))
            spikes_of_one = partial(_renamed, bins, fires, (f"{prefix}spikes", name))
            _ask(coverage, alone, spikes_of_one, None, deadline)
        silent = coverage.reachable(fires)[0] is False
        spikes = 0 if silent else most_spikes_of(core)
        if isinstance(design, HardwareNetwork):
            nodes[design.node_of(k)] = spikes
    progress("reachability", len(coverage.cores), len(coverage.cores))


#: Bins of steps, and those of events that act one by one; those of a neuron.
Bins = Sequence[Sequence[BinRule[Any]]]
BinsOf = Callable[[NeuronParams], Bins]


def _bins(neuron: NeuronParams, prefix: str = "") -> Bins:
    return neuron_bins(neuron, prefix), turn_bins(neuron, prefix)


def _renamed(bins: BinsOf, key: Key, other: Key, neuron: NeuronParams) -> Bins:
    """The bin ``key`` alone, as the ``other`` one."""
    group, name = other
    return [[replace(each, group=group, name=name) for each in rules if each.key == key]
            for rules in bins(neuron)]  # fmt: skip


def _ask(
    coverage: Coverage, neurons: Neurons, bins: BinsOf, again: Key | None, deadline: float
) -> None:
    """Ask for those of ``bins`` that are missing, and for ``again``, two spikes in a row."""
    missing = {(each.group, each.name) for each in coverage.missing}
    made = SymbolicStep
    if neurons.neuron.per_event:  # between two spikes may come any number of events
        made, again = SymbolicTurn, None
    none = np.zeros(0, dtype=np.int64)
    anything = with_values(neurons.neuron, dict.fromkeys(neurons.registers, none))
    if (
        not (missing & {each.key for rules in bins(anything) for each in rules})
        and again not in missing
    ):
        return
    symbolic = made(neurons, deadline)
    of_steps, of_events = (
        [each for each in rules if each.key in missing] for rules in bins(symbolic.values.neuron)
    )
    bounds = invariant(symbolic)
    conditions = {each.key: [*symbolic.whole(each), each.hit(symbolic.values)]
                  for each in of_steps}  # fmt: skip
    if of_events:
        events = symbolic.values.events
        conditions |= {each.key: [each.hit(events)] for each in of_events}
    if again is not None and again in missing:
        conditions[again] = _fires_again(symbolic, bounds, deadline)
    low, high = neurons.currents
    states = ", ".join(f"{name} in {first}..{last}" for name, (first, last) in bounds.items())
    what = "an event" if neurons.neuron.per_event else "a current"
    where = f"{states} with {what} in {low}..{high}"
    first = made(neurons, deadline, suffix=" earlier")
    after_another = (first.within(bounds), first.inputs(), symbolic.follows(first))
    for key, condition in conditions.items():
        steps = (symbolic.within(bounds), symbolic.inputs(), *condition)
        result, model = symbolic.ask(*steps)
        proved = f"proved by {symbolic.solver}"
        if result == "sat":  # perhaps from a state that no step leads to
            result, model = symbolic.ask(*steps, *after_another)
            proved += " over two steps"
        coverage.answers[key] = _told(result, model, proved, where)


def _told(result: str, model: dict[str, int], proved: str, where: str) -> Answer:
    if result == "unsat":
        return False, f"{proved}: no step from {where} does this"
    if result == "unknown":
        return None, "not hit; the solver was given no more time"
    told = ", ".join(f"{n} = {v}" for n, v in model.items() if not n.startswith("next "))
    return None, f"not hit; a step would from {told}, which may not be reachable"


def _fires_again(symbolic: SymbolicStep, bounds: Bounds, deadline: float) -> list[Any]:
    """A spike, and another one in the first step in which there may be one."""
    neuron = symbolic.neurons.neuron
    second = SymbolicStep(symbolic.neurons, deadline, suffix=" later")
    held = {name: getattr(symbolic.after, name) for name in neuron.state_widths}
    if may_exceed(neuron.rest_steps, 0):
        # The steps between are left out: all but v may have changed to anything within bounds.
        held = {"refractory": 0}
        if neuron.refractory_mode == "clamp":
            held["v"] = symbolic.after.v
        elif neuron.refractory_mode == "rest" and "refractory" not in symbolic.registers:
            held["v"] = neuron.v_leak  # it may be that there are no steps between
    equal = [getattr(second.before, name) == value for name, value in held.items()]
    equal.append(second.stays(symbolic))
    return [symbolic.fire, second.fire, *equal, second.within(bounds), second.inputs()]
