"""Which states a neuron of a design can be in: each of them, or intervals that hold them all.

Two ways to the same question. :func:`enumerate_steps` walks through every state and every input of
a small neuron. :func:`invariant` guesses an interval for each state variable and lets a solver
prove that no step leads out of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...params.core import CoreParams
from ...params.neuron import NeuronParams
from ...params.quantise import signed_bits, signed_range
from ...rule import arithmetic
from ...rule.step import NeuronState, initial_state, step

Ints = npt.NDArray[np.int64]
Bounds = dict[str, tuple[int, int]]

#: Steps that are walked through at most, and at a time.
MOST_STEPS = 1 << 21
CHUNK = 1 << 16
#: Sums that are told apart; beyond, only their ends are known.
MOST_SUMS = 1 << 12
#: Rounds of growing an interval: with numbers alone, and with a counterexample of the solver's.
GROWTH, ROUNDS = 2000, 20
#: For one question to the solver.
QUESTION_S = 5.0


@dataclass(frozen=True)
class Drive:
    """What one neuron is compared with and what its weights can add up to in a step.

    ``sums``: every sum, in order, or None where only ``low`` and ``high`` are known.
    """

    threshold: int
    low: int
    high: int
    sums: Ints | None = None

    def some(self) -> Iterator[int]:
        """The ends and what lies next to 0."""
        yield from {self.low, self.high, *(n for n in (-1, 0, 1) if self.low <= n <= self.high)}


@dataclass(frozen=True)
class Population:
    """Neurons of one kind, each with its drive; ``free``: any sequence of sums can be sent."""

    neuron: NeuronParams
    weight_shift: int
    drives: tuple[Drive, ...]
    free: bool

    def current(self, total: Any) -> Any:
        """The input of a step from the sum of its weights."""
        return arithmetic.synaptic_current(total, self.weight_shift, self.neuron.bias)

    @property
    def distinct(self) -> list[Drive]:
        """The drives without repetition."""
        found = {
            (d.threshold, d.low, d.high, None if d.sums is None else d.sums.tobytes()): d
            for d in self.drives
        }
        return list(found.values())

    @property
    def currents(self) -> tuple[int, int]:
        """The lowest and the highest input of a step."""
        low, high = min(d.low for d in self.drives), max(d.high for d in self.drives)
        return int(self.current(low)), int(self.current(high))


def of_neuron(neuron: NeuronParams) -> Population:
    """A lone neuron, whose port brings any current of its width."""
    low, high = signed_range(neuron.current_bits)
    sums = np.arange(low, high + 1) if high - low < MOST_SUMS else None
    return Population(neuron, 0, (Drive(neuron.v_threshold, low, high, sums),), free=True)


def of_core(core: CoreParams, *, chained: bool, silent: bool = False) -> Population:
    """The neurons of a core. ``chained``: its inputs are the neurons of another core, each of which
    spikes at most once in a step, or never (``silent``)."""
    drives = []
    for threshold, weights in zip(core.thresholds, core.weights.T, strict=True):
        sums: Ints | None
        if silent:
            sums, low, high = np.zeros(1, dtype=np.int64), 0, 0
        elif chained:
            low, high = int(weights[weights < 0].sum()), int(weights[weights > 0].sum())
            sums = _subset_sums(weights, low, high) if high - low < MOST_SUMS else None
        else:
            low, high = signed_range(core.accumulator_bits)
            sums = _any_sums(weights, low, high) if high - low < MOST_SUMS else None
            # Towards an end that no weight points to, there is no way.
            low, high = low if weights.min() < 0 else 0, high if weights.max() > 0 else 0
        drives.append(Drive(threshold, low, high, sums))
    return Population(core.neuron, core.weight_shift, tuple(drives), free=not chained)


def _subset_sums(weights: Ints, low: int, high: int) -> Ints:
    """What any of the weights, each once, add up to, in order."""
    found = np.zeros(high - low + 1, dtype=np.bool_)
    found[-low] = True
    for weight in weights[weights != 0].tolist():
        moved = np.zeros_like(found)
        if weight > 0:
            moved[weight:] = found[:-weight]
        else:
            moved[:weight] = found[-weight:]
        found |= moved
    return np.flatnonzero(found) + low


def _any_sums(weights: Ints, low: int, high: int) -> Ints:
    """What any events, however many, add up to in an accumulator of low..high, in order."""
    steps = np.unique(weights)
    found = np.zeros(high - low + 1, dtype=np.bool_)
    fresh = np.array([0])
    while len(fresh):
        found[fresh - low] = True
        fresh = _distinct(np.clip(fresh[:, None] + steps, low, high).ravel())
        fresh = fresh[~found[fresh - low]]
    return np.flatnonzero(found) + low


# --- every state --------------------------------------------------------------------------------


def enumerate_steps(
    population: Population, deadline: float
) -> Iterator[tuple[NeuronState, Ints, Ints]]:
    """Every step that a neuron can take: (states, currents, thresholds), arrays of equal length.

    Raises:
        TooMany: more than there is time for until ``deadline`` (:func:`time.monotonic`), or not
            every sum is known.
    """
    taken = 0
    for drive in population.distinct:
        if drive.sums is None:
            raise TooMany
        currents = np.asarray(population.current(drive.sums))
        for states in _reachable(population.neuron, currents, drive.threshold, deadline):
            taken += len(states.v) * len(currents)
            if taken > MOST_STEPS:
                raise TooMany
            for at in range(0, len(states.v), max(1, CHUNK // len(currents))):
                part = slice(at, at + max(1, CHUNK // len(currents)))
                count = len(states.v[part])
                before = NeuronState(*(np.repeat(x[part], len(currents)) for x in states))
                given = np.tile(currents, count)
                yield before, given, np.full(len(given), drive.threshold)


class TooMany(Exception):
    """More steps than there is time for."""


def _reachable(
    neuron: NeuronParams, currents: Ints, threshold: int, deadline: float
) -> Iterator[NeuronState]:
    """The states after reset, then those that are new after one more step, and so on."""
    widths = [high - low + 1 for low, high in neuron.ranges.values()]
    if np.prod([float(width) for width in widths]) > 2.0**62:
        raise TooMany
    seen = np.zeros(0, dtype=np.int64)
    fresh = initial_state(neuron, 1)
    while len(fresh.v):
        if len(fresh.v) * len(currents) > MOST_STEPS:
            raise TooMany
        seen = _distinct(np.concatenate([seen, _pack(neuron, fresh)]))
        yield fresh
        found = [np.zeros(0, dtype=np.int64)]
        rows = max(1, CHUNK // len(currents))
        for at in range(0, len(fresh.v), rows):
            before = NeuronState(*(x[at : at + rows, None] for x in fresh))
            after, _ = step(neuron, before, currents[None, :], threshold)
            found.append(_distinct(_pack(neuron, after).ravel()))
            if time.monotonic() > deadline:
                raise TooMany
        made = _distinct(np.concatenate(found))
        known = seen[np.minimum(np.searchsorted(seen, made), len(seen) - 1)]
        fresh = _unpack(neuron, made[known != made])


def _distinct(values: Ints) -> Ints:
    """In order, each once. (numpy's own hashes, which takes several times as long here.)"""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _pack(neuron: NeuronParams, state: NeuronState) -> Ints:
    packed: Any = 0
    for name, (low, high) in neuron.ranges.items():
        packed = packed * (high - low + 1) + (getattr(state, name) - low)
    return np.asarray(packed)


def _unpack(neuron: NeuronParams, packed: Any) -> NeuronState:
    values: dict[str, Ints] = {}
    for name, (low, high) in reversed(neuron.ranges.items()):
        packed, rest = np.divmod(packed, high - low + 1)
        values[name] = rest + low
    return NeuronState(**values)


# --- intervals ----------------------------------------------------------------------------------


def _one_of(conditions: Iterable[Any]) -> Any:
    """Any of them holds. SMT-LIB knows no disjunction of a single condition."""
    import z3

    listed = list(conditions)
    return z3.Or(*listed) if len(listed) > 1 else listed[0]


class Symbolic:
    """One step of any neuron of a population, as terms of a solver.

    At ``deadline`` (:func:`time.monotonic`) its questions stop being answered. ``suffix`` tells the
    names of its constants from those of another step.
    """

    def __init__(self, population: Population, deadline: float, suffix: str = "") -> None:
        import z3  # after the solver's own words about a package that is missing

        from ..prove import bitvectors
        from ..tools.solver import choose

        neuron = population.neuron
        bits = max(signed_bits(end, end) for end in population.currents)
        # Two bits more than the golden rule needs: conditions look one below and one above.
        width = 2 + bitvectors.golden_width(neuron, bits, threshold_port=True)
        self.population, self.width, self._z3 = population, width, z3
        self.solver, self._deadline = choose("auto"), deadline
        names = neuron.state_widths
        self.before = NeuronState(
            *(z3.BitVec(n + suffix, width) if n in names else z3.BitVecVal(0, width)
              for n in NeuronState._fields)
        )  # fmt: skip
        self.total = z3.BitVec(f"sum{suffix}", width)
        self.threshold = z3.BitVec(f"threshold{suffix}", width)
        self.current = population.current(self.total)
        self.after, self.fire = step(neuron, self.before, self.current, self.threshold)

    def drive(self, drives: list[Drive]) -> Any:
        """The threshold and the sum belong to one of ``drives``."""
        z3 = self._z3
        ends = {(d.threshold, d.low, d.high) for d in drives}
        return _one_of(
            z3.And(self.threshold == t, self.total >= low, self.total <= high)
            for t, low, high in sorted(ends)
        )

    def within(self, bounds: Mapping[str, tuple[int, int]]) -> Any:
        """The state before the step lies in ``bounds``."""
        z3 = self._z3
        ends = [
            end
            for name, (low, high) in bounds.items()
            for end in (getattr(self.before, name) >= low, getattr(self.before, name) <= high)
        ]
        return z3.And(*ends)

    def outside(self, bounds: Mapping[str, tuple[int, int]]) -> Any:
        """A variable after the step lies outside its ``bounds``."""
        z3 = self._z3
        after = {name: getattr(self.after, name) for name in bounds}
        return _one_of(
            z3.Or(after[name] < low, after[name] > high) for name, (low, high) in bounds.items()
        )

    def ask(self, *conditions: Any) -> tuple[str, dict[str, int]]:
        """Whether a step has all ``conditions``: (result, the step's state and input)."""
        from ..tools.solver import decide

        seconds = min(QUESTION_S, self._deadline - time.monotonic())
        values = {name: getattr(self.before, name) for name in self.population.neuron.state_widths}
        values |= {"current": self.current, "threshold": self.threshold}
        values |= {f"next {n}": getattr(self.after, n) for n in self.population.neuron.state_widths}
        answer = decide(conditions, solver=self.solver, timeout_s=seconds, values=values)
        half = 1 << (self.width - 1)
        return answer.result, {n: (v + half) % (2 * half) - half for n, v in answer.model.items()}


def invariant(symbolic: Symbolic) -> Bounds:
    """An interval for each state variable that holds it in every reachable state: proved, or the
    whole range of the variable where no proof was found."""
    population = symbolic.population
    neuron = population.neuron
    whole = {name: neuron.ranges[name] for name in neuron.state_widths}
    start = initial_state(neuron, 1)
    bounds = {name: (int(getattr(start, name)[0]),) * 2 for name in whole}
    for _ in range(ROUNDS):
        bounds = _grow(population, bounds)
        part = {name: ends for name, ends in bounds.items() if ends != whole[name]}
        if not part:
            return bounds
        result, found = symbolic.ask(
            symbolic.within(bounds), symbolic.drive(population.distinct), symbolic.outside(part)
        )
        if result == "unsat":
            return bounds
        if result == "unknown":
            break
        for name in part:
            bounds[name] = _include(population, bounds, name, found[f"next {name}"])
    return whole


def _include(population: Population, bounds: Bounds, name: str, value: int) -> tuple[int, int]:
    """``bounds`` of a variable widened to ``value``, and from there to the next natural end: the
    range's, or for v just below the highest threshold."""
    low, high = bounds[name]
    whole_low, whole_high = population.neuron.ranges[name]
    ends = {whole_high}
    if name == "v":
        top = max(d.threshold for d in population.drives) + bounds.get("theta", (0, 0))[1]
        ends |= {top - 1, top}
    if value > high:
        high = min(end for end in ends if end >= value)
    if value < low:
        low = max(whole_low, min(value, 2 * low))
    return low, high


def _grow(population: Population, bounds: Bounds) -> Bounds:
    """``bounds`` after many steps from their corners."""
    neuron = population.neuron
    drives = population.distinct
    # Those that push hardest, and those that are easiest and hardest to fire.
    chosen = {
        pick(range(len(drives)), key=key)
        for pick in (min, max)
        for key in (lambda k: drives[k].low, lambda k: drives[k].high,
                    lambda k: drives[k].threshold)
    }  # fmt: skip
    inputs = [
        (int(population.current(total)), drives[k].threshold)
        for k in chosen
        for total in drives[k].some()
    ]
    currents, thresholds = np.array(inputs).T
    for _ in range(GROWTH):
        corners = [_corners(neuron, bounds, name) for name in NeuronState._fields]
        grid = np.meshgrid(*corners, np.arange(len(inputs)), indexing="ij")
        *state, given = (part.ravel() for part in grid)
        after, _ = step(neuron, NeuronState(*state), currents[given], thresholds[given])
        wider = {
            name: (min(low, int(getattr(after, name).min())),
                   max(high, int(getattr(after, name).max())))
            for name, (low, high) in bounds.items()
        }  # fmt: skip
        if wider == bounds:
            return bounds
        grows = [name for name in bounds if wider[name] != bounds[name]]
        bounds = wider
    return {name: neuron.ranges[name] if name in grows else bounds[name] for name in bounds}


def _corners(neuron: NeuronParams, bounds: Bounds, name: str) -> list[int]:
    if name not in bounds:
        return [0]
    low, high = bounds[name]
    rest = neuron.v_leak if name == "v" else 0
    inner = (rest - 1, rest, rest + 1)
    return sorted({low, high, *(value for value in inner if low <= value <= high)})
