"""Why a bin of the coverage was not hit: shown to be unreachable, or how far one got."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from .counter import Coverage
from .state_space import (
    Bounds,
    Population,
    Symbolic,
    TooMany,
    enumerate_steps,
    invariant,
    of_core,
    of_neuron,
)
from .step_bins import StepBin, View, step_bins
from .tally import AGAIN, FIRES, Key

Verdict = tuple[bool | None, str]


def settle(coverage: Coverage, *, seconds: float = 60.0, progress: Progress = SILENT) -> None:
    """Look for a reason for every bin that was not hit, and note it in ``coverage.verdicts``.

    First by walking through all steps of a neuron, where they are few, then by asking a solver
    whether any step from a state in a proved interval does what the bin counts. A broken promise
    of ``max_events_per_input`` is among the inputs: a stimulus may break it. Where ``seconds`` run
    out, bins stay as they are.

    Raises:
        FxlifError: z3 is not installed.
    """
    deadline = time.monotonic() + seconds
    if isinstance(coverage.params, NeuronParams):
        _settle(coverage, "", of_neuron(coverage.params), deadline)
        return
    before = ""
    for k, (prefix, core) in enumerate(zip(coverage.prefixes, coverage.cores, strict=True)):
        progress("reachability", k, len(coverage.cores))
        silent = k > 0 and coverage.verdict((f"{before}{FIRES[0]}", FIRES[1]))[0] is False
        population = of_core(core, chained=k > 0, silent=silent)
        _settle(coverage, prefix, population, deadline)
        fires = next(b for b in step_bins(core.neuron) if (b.group, b.name) == FIRES)
        for name, number in (("of the first neuron", 0), ("of the last neuron", -1)):
            key = (f"{prefix}spikes", name)
            if key in _missing(coverage):
                alone = replace(population, drives=(population.drives[number],))
                coverage.verdicts |= Questions(alone, {key: fires}, deadline).answers()
        before = prefix
    progress("reachability", len(coverage.cores), len(coverage.cores))


def _missing(coverage: Coverage) -> set[Key]:
    return {(each.group, each.name) for each in coverage.missing}


def _settle(coverage: Coverage, prefix: str, population: Population, deadline: float) -> None:
    missing = _missing(coverage)
    asked = {(prefix + b.group, b.name): b for b in step_bins(population.neuron)}
    again = (f"{prefix}{AGAIN[0]}", AGAIN[1])
    coverage.verdicts |= Questions(
        population,
        {key: each for key, each in asked.items() if key in missing},
        deadline,
        again=again if again in missing else None,
    ).answers()


@dataclass(frozen=True)
class Questions:
    """Bins of one population that were not hit."""

    population: Population
    bins: Mapping[Key, StepBin]
    deadline: float
    #: The bin of two spikes as close together as may be, if it was not hit.
    again: Key | None = None

    def answers(self) -> dict[Key, Verdict]:
        """What could be shown, for those of which something could."""
        found: dict[Key, Verdict] = {}
        if self.bins:
            found |= self._by_walking()
        left = {key: each for key, each in self.bins.items() if key not in found}
        if (left or self.again) and self._left > 0:
            found |= self._by_solver(left)
        return found

    @property
    def _left(self) -> float:
        return self.deadline - time.monotonic()

    def _by_walking(self) -> dict[Key, Verdict]:
        open_bins = dict(self.bins)
        found: dict[Key, Verdict] = {}
        steps = 0
        try:
            for before, current, threshold in enumerate_steps(self.population, self.deadline):
                view = View(self.population.neuron, before, current, threshold)
                steps += len(current)
                for key, each in list(open_bins.items()):
                    hit = np.flatnonzero(each.hit(view))
                    if len(hit):
                        del open_bins[key]
                        at = int(hit[0])
                        state = {name: int(getattr(before, name)[at]) for name in self._names}
                        found[key] = self._possible(state, int(current[at]), int(threshold[at]))
                if not open_bins or self._left <= 0:
                    break
        except TooMany:
            return found if self.population.free else {}
        if self._left <= 0:
            return found
        why = f"none of all {steps} steps that a neuron can take does this"
        return found | dict.fromkeys(open_bins, (False, why))

    @property
    def _names(self) -> list[str]:
        return list(self.population.neuron.state_widths)

    def _possible(self, state: Mapping[str, int], current: int, threshold: int) -> Verdict:
        told = ", ".join(f"{name} = {value}" for name, value in state.items())
        step_text = f"the step from {told} with current = {current}, threshold = {threshold}"
        if self.population.free:
            return True, f"not hit; {step_text} does this, and events can lead to it"
        return None, f"not hit; {step_text} would do this, if spikes of the core before allow it"

    def _by_solver(self, bins: Mapping[Key, StepBin]) -> dict[Key, Verdict]:
        symbolic = Symbolic(self.population, self.deadline)
        bounds = invariant(symbolic)
        frame = (symbolic.within(bounds), symbolic.drive(self.population.distinct))
        where = _told(bounds, self.population)
        view = View(self.population.neuron, symbolic.before, symbolic.current, symbolic.threshold)
        conditions = {key: (each.hit(view),) for key, each in bins.items()}
        if self.again is not None:
            conditions[self.again] = _again(symbolic, bounds, self.deadline)
        return {
            key: self._ask(symbolic, (*frame, *condition), where)
            for key, condition in conditions.items()
        }

    def _ask(self, symbolic: Symbolic, conditions: tuple[Any, ...], where: str) -> Verdict:
        result, model = symbolic.ask(*conditions)
        if result == "unsat":
            return False, f"proved by {symbolic.solver}: no step from {where} does this"
        if result == "unknown":
            return None, "not hit; the solver was given no more time"
        told = ", ".join(f"{n} = {v}" for n, v in model.items() if not n.startswith("next "))
        return None, f"not hit; a step would from {told}, which may not be reachable"


def _told(bounds: Bounds, population: Population) -> str:
    states = [f"{name} in {low}..{high}" for name, (low, high) in bounds.items()]
    low, high = population.currents
    return f"{', '.join(states)} with a current in {low}..{high}"


def _again(symbolic: Symbolic, bounds: Bounds, deadline: float) -> tuple[Any, ...]:
    """A spike, and another one in the first step in which there may be one."""
    neuron = symbolic.population.neuron
    second = Symbolic(symbolic.population, deadline, suffix=" later")
    held = {name: getattr(symbolic.after, name) for name in bounds}
    if neuron.refractory:
        # The steps between are left out: all but v may have changed to anything within bounds.
        held = {"refractory": 0}
        if neuron.refractory_mode == "clamp":
            held["v"] = symbolic.after.v
    same = [getattr(second.before, name) == value for name, value in held.items()]
    same.append(second.threshold == symbolic.threshold)
    return (
        symbolic.fire, second.fire, *same, second.within(bounds),
        second.drive(symbolic.population.distinct),
    )  # fmt: skip
