"""Which bins that were not hit can be proved unreachable."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...layout import HardwareNetwork
from ...params.core import CoreParams
from ...progress import SILENT, Progress
from .bins import Key
from .counters import again_key
from .coverage import Coverage
from .invariant import Bounds, Neurons, SymbolicStep, invariant
from .neuron_bins import NeuronBin, fires_key, neuron_bins
from .synapses import most_spikes

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
        _ask(coverage, Neurons.of_neuron(neuron), neuron_bins(neuron), again_key(), deadline)
        return
    design, spikes = coverage.design, None
    nodes = list(most_spikes(design)) if isinstance(design, HardwareNetwork) else []
    for k, (prefix, core) in enumerate(zip(coverage.prefixes, coverage.cores, strict=True)):
        progress("reachability", k, len(coverage.cores))
        if isinstance(core, CoreParams):
            neurons = Neurons.of_core(core, spikes=spikes)
        else:
            neurons = Neurons.of_rows(core, nodes)
        bins = neuron_bins(core.neuron, prefix)
        _ask(coverage, neurons, bins, again_key(prefix), deadline)
        fires = next(each for each in bins if each.key == fires_key(prefix))
        for name, number in (("of the first neuron", 0), ("of the last neuron", -1)):
            alone = replace(neurons, inputs=(neurons.inputs[number],))
            of_one = replace(fires, group=f"{prefix}spikes", name=name)
            _ask(coverage, alone, [of_one], None, deadline)
        silent = coverage.reachable(fires.key)[0] is False
        spikes = 0 if silent else core.neuron.max_spikes_per_step
        if isinstance(design, HardwareNetwork):
            nodes[design.node_of(k)] = spikes
    progress("reachability", len(coverage.cores), len(coverage.cores))


def _ask(
    coverage: Coverage, neurons: Neurons, bins: Iterable[NeuronBin], again: Key | None,
    deadline: float,
) -> None:  # fmt: skip
    """Ask for those of ``bins`` that are missing, and for ``again``, two spikes in a row."""
    missing = {(each.group, each.name) for each in coverage.missing}
    wanted = [each for each in bins if each.key in missing]
    if not wanted and again not in missing:
        return
    symbolic = SymbolicStep(neurons, deadline)
    bounds = invariant(symbolic)
    conditions = {each.key: [each.hit(symbolic.values)] for each in wanted}
    if again is not None and again in missing:
        conditions[again] = _fires_again(symbolic, bounds, deadline)
    low, high = neurons.currents
    states = ", ".join(f"{name} in {first}..{last}" for name, (first, last) in bounds.items())
    where = f"{states} with a current in {low}..{high}"
    first = SymbolicStep(neurons, deadline, suffix=" earlier")
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
    if neuron.rest_steps:
        # The steps between are left out: all but v may have changed to anything within bounds.
        held = {"refractory": 0}
        if neuron.refractory_mode == "clamp":
            held["v"] = symbolic.after.v
        elif neuron.refractory_mode == "rest":
            held["v"] = neuron.v_leak
    equal = [getattr(second.before, name) == value for name, value in held.items()]
    equal.append(second.stays(symbolic))
    return [symbolic.fire, second.fire, *equal, second.within(bounds), second.inputs()]
