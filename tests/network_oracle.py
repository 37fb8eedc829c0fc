"""An independent oracle for networks, in plain Python ints: dicts, lists and queues.

Written from docs/rule.md#networks (and #events, #delays, #sources) and the parameters' docstrings.
It reads the plain fields of the parameter objects and shares no code with the package; only where
synapses or delays are drawn at random does it take the drawn table from the network under test.
One neuron's step is the one of ``oracle.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from hashlib import blake2b
from itertools import accumulate, count, pairwise
from typing import Any

import numpy as np
import oracle

WORD = 2**64
COUNTER = 2**32

Synapse = tuple[int, int, int]  # target, weight, delay


# --- random numbers -----------------------------------------------------------------------------


def scramble(word: int) -> int:
    """The output function of SplitMix64."""
    word = (word ^ word // 2**30) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ word // 2**27) * 0x94D049BB133111EB % WORD
    return word ^ word // 2**31


def splitmix64(state: int) -> Iterator[int]:
    """The sequence of Steele, Lea and Flood from ``state`` on."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) % WORD
        yield scramble(state)


def galois(lfsr: Any) -> Iterator[int]:
    """The states of a Galois register that shifts to the right, the seed first."""
    state = lfsr.seed
    while True:
        yield state
        state, out = divmod(state, 2)
        if out:
            for tap in lfsr.taps:
                state ^= 2 ** (tap - 1)


def exponential(x: Fraction) -> Fraction:
    """exp(x) to some 60 digits: the series at x / 2**k, squared k times."""
    halvings = max(0, int(abs(x)).bit_length() + 4)
    part, total = Fraction(1), Fraction(0)
    for n in count(1):
        total += part
        part = rounded(part * x / 2**halvings / n)
        if abs(part) < Fraction(1, 2**400):
            break
    for _ in range(halvings):
        total = rounded(total * total)
    return total


def rounded(x: Fraction) -> Fraction:
    return Fraction(round(x * 2**420), 2**420)


@cache
def shares(kind: str, mean: float, sigma: float) -> tuple[int, list[Fraction]]:
    """The lowest number that noise can draw, and how likely it and the following are, not yet
    divided by the sum of all."""
    mean = Fraction(mean)
    if kind == "poisson":
        likely = [exponential(-mean)]
        while len(likely) < mean + 40 or likely[-1] > Fraction(1, 10**35):
            likely.append(rounded(likely[-1] * mean / len(likely)))
        return 0, likely
    reach = int(14 * sigma) + 2
    numbers = range(int(mean) - reach, int(mean) + reach + 1)
    return numbers[0], [
        exponential(-((x - mean) ** 2) / (2 * Fraction(sigma) ** 2)) for x in numbers
    ]


@cache
def borders(kind: str, mean: float, sigma: float) -> tuple[int, list[int]]:
    """The lowest number, and of each the first word that draws a higher one."""
    first, likely = shares(kind, mean, sigma)
    whole = sum(likely)
    return first, [round(below * WORD / whole) for below in accumulate(likely)]


def noise_drawn(noise: Any, word: int) -> int:
    first, ends = borders(noise.kind, noise.mean, getattr(noise, "sigma", 0.0))
    return noise.weight * (first + next(k for k, end in enumerate(ends) if word < end))


# --- synapses -----------------------------------------------------------------------------------


def _listed(values: Any, count: int) -> list[int]:
    return [values] * count if isinstance(values, int) else values.tolist()


def from_table(table: Any) -> list[list[Synapse]]:
    """The rows of a table of the package's, which was drawn or given as such."""
    targets = table.targets.tolist()
    weights = _listed(table.weights, len(targets))
    delays = _listed(table.delays, len(targets))
    synapses = list(zip(targets, weights, delays, strict=True))
    ends = table.indptr.tolist()
    return [synapses[a:b] for a, b in pairwise(ends)]


def own_rows(projection: Any, n_pre: int, n_post: int) -> list[list[Synapse]] | None:
    """The rows of a projection in which nothing is drawn; else None."""
    given, delay = projection.synapses, projection.delay
    if given.kind == "dense":
        if given.delays is None and not isinstance(delay, int):
            return None
        return [
            [
                (j, int(weight), delay if given.delays is None else int(given.delays[i][j]))
                for j, weight in enumerate(given.weights[i])
                if weight != 0
            ]
            for i in range(n_pre)
        ]
    if not isinstance(delay, int):
        return None
    if given.kind == "sparse" and not given.own_delays:
        return [[(j, weight, delay) for j, weight, _ in row] for row in from_table(given.matrix)]
    if given.kind == "grid":
        return [grid_row(given, i, delay) for i in range(n_pre)]
    if given.kind == "all_to_all" and isinstance(given.weight, int):
        itself = given.autapses or projection.source != projection.target
        return [
            [(j, given.weight, delay) for j in range(n_post) if itself or i != j]
            for i in range(n_pre)
        ]
    if given.kind == "one_to_one" and isinstance(given.weight, int):
        return [[(i, given.weight, delay)] for i in range(n_pre)]
    return None


def grid_row(given: Any, i: int, delay: int) -> list[Synapse]:
    rows, columns = given.shape
    kernel = [[int(weight) for weight in line] for line in given.kernel]
    r, c = divmod(i, columns)
    found = []
    for dr, line in enumerate(kernel, start=-(len(kernel) // 2)):
        for dc, weight in enumerate(line, start=-(len(line) // 2)):
            row, column = r + dr, c + dc
            inside = 0 <= row < rows and 0 <= column < columns
            if weight and (inside or given.edges == "periodic"):
                found.append((row % rows * columns + column % columns, weight, delay))
    return sorted(found)


# --- the network --------------------------------------------------------------------------------


@dataclass
class Step:
    """What one step did."""

    spikes: dict[str, list[int]]
    states: dict[str, list[oracle.State]]
    dropped: dict[str, int]
    saturated: list[int]


@dataclass
class Bounds:
    low: int
    high: int


@dataclass
class Oracle:
    """A network of populations; ``network`` is asked for its drawn synapses alone."""

    params: Any
    network: Any
    time: int = 0
    rows: list[list[list[Synapse]]] = field(default_factory=list)
    bounds: list[Bounds | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = {p.name: p.n for p in (*self.params.source, *self.params.population)}
        for k, projection in enumerate(self.params.projection):
            ends = self.sizes[projection.source], self.sizes[projection.target]
            mine = own_rows(projection, *ends)
            self.rows.append(from_table(network_rows(self.network, k)) if mine is None else mine)
            self.bounds.append(self._bounds(projection, self.rows[-1]))
        self.states = {
            p.name: [oracle.initial(p.neuron) for _ in range(p.n)] for p in self.params.population
        }
        self.most = self._most_spikes()
        self.registers = {p.name: galois(p.neuron.lfsr) for p in self.params.population}
        self.keys = {
            s.name: splitmix64(scramble(s.seed)) for s in self.params.source if s.kind == "poisson"
        }
        self.noise = {
            (p.name, k): splitmix64(_number_of(f"{p.name} {k} {noise.seed}"))
            for p in self.params.population
            for k, noise in enumerate(p.noise)
        }
        self.dropped = {s.name: 0 for s in self.params.source if s.kind == "events"}
        self.saturated = [0] * len(self.params.projection)
        # By projection: (step of arrival, neuron) -> weights in the order in which they were sent.
        self.events: list[dict[tuple[int, int], list[int]]] = [
            defaultdict(list) for _ in self.params.projection
        ]
        # By projection: (step of arrival, neuron) -> sum of weights.
        self.arriving: list[dict[tuple[int, int], int]] = [
            defaultdict(int) for _ in self.params.projection
        ]

    def _bounds(self, projection: Any, rows: list[list[Synapse]]) -> Bounds | None:
        """What an accumulator can hold whose source may break its promise."""
        source = next((s for s in self.params.source if s.name == projection.source), None)
        if source is None or source.kind != "events" or self._one_by_one(projection):
            return None
        target = self._population(projection.target)
        into = {j: [0, 0] for j in range(target.n)}
        for row in rows:
            for j, weight, _ in row:
                into[j][weight > 0] += weight * source.max_events_per_input
        lowest = min(low for low, _ in into.values())
        highest = max(high for _, high in into.values())
        half = 2 ** (target.neuron.weight_bits - 1)
        while lowest < -half or highest > half - 1:
            half *= 2
        return Bounds(-half, half - 1)

    def _most_spikes(self) -> dict[str, int]:
        """How often a neuron of each population is sent in a step at most (rule.md, per event)."""
        found = {s.name: getattr(s, "max_events_per_input", 1) for s in self.params.source}

        def sent(name: str) -> int:
            if name in found:
                return found[name]
            later = self._population(name).neuron
            return 65535 if later.fire_on == "event" else later.max_spikes_per_step

        waiting = list(self.params.population)
        while waiting:
            for population in waiting:
                into = [p for p in self.params.projection if p.target == population.name]
                before = {p.source for p in into if p.delay_range[0] == 0}
                if before <= set(found):
                    break
            waiting.remove(population)
            most = population.neuron.max_spikes_per_step
            if population.neuron.fire_on == "event":
                events = 1 + sum(self.sizes[p.source] * sent(p.source) for p in into)
                most = min(2 ** len(f"{events:b}") - 1, 65535)
            found[population.name] = most
        return found

    def _population(self, name: str) -> Any:
        return next(p for p in self.params.population if p.name == name)

    def _one_by_one(self, projection: Any) -> bool:
        """Whether the target does not sum its events."""
        return self._population(projection.target).neuron.accumulate == "per_event"

    def step(self, events: dict[str, list[int]], currents: dict[str, list[int]]) -> Step:
        """One step, with the addresses that came and the external current of each neuron."""
        spikes: dict[str, list[int]] = {}
        for source in self.params.source:
            spikes[source.name] = self._source(source, events)
            self._send(source.name, spikes[source.name])
        for population in self.params.population:
            self._settle(population.name, spikes, currents)
        self.time += 1
        return Step(
            spikes,
            {name: list(states) for name, states in self.states.items()},
            dict(self.dropped),
            list(self.saturated),
        )

    def _source(self, source: Any, events: dict[str, list[int]]) -> list[int]:
        if source.kind == "poisson":
            # round() on the exact number: half to even.
            below = round(Fraction(source.probability) * 2**32)
            words = splitmix64(next(self.keys[source.name]))
            return [i for i in range(source.n) if next(words) // 2**32 < below]
        if source.kind == "regular":
            phases = source.phases
            if phases is None:
                draw = np.random.Generator(np.random.PCG64(source.seed))
                phases = draw.integers(0, source.interval, source.n).tolist()
            return [i for i in range(source.n) if (self.time - phases[i]) % source.interval == 0]
        given = events.get(source.name, [])
        known = [address for address in given if address < source.n]
        lost = self.dropped[source.name] + len(given) - len(known)
        self.dropped[source.name] = lost % COUNTER
        return known

    def _settle(
        self, name: str, spikes: dict[str, list[int]], currents: dict[str, list[int]]
    ) -> None:
        """The step of a population, after those that reach it without delay."""
        if name in spikes:
            return
        for projection, rows in zip(self.params.projection, self.rows, strict=True):
            at_once = any(delay == 0 for row in rows for _, _, delay in row)
            if projection.target == name and at_once:
                self._settle(projection.source, spikes, currents)
        population = self._population(name)
        totals = list(currents.get(name, [0] * population.n))
        arrivals: list[list[int]] = [[] for _ in range(population.n)]
        for k, projection in enumerate(self.params.projection):
            if projection.target != name:
                continue
            for neuron in range(population.n):
                arrived = self.arriving[k].pop((self.time, neuron), 0)
                totals[neuron] += arrived * 2**projection.weight_shift
                arrivals[neuron] += [
                    weight * 2**projection.weight_shift
                    for weight in self.events[k].pop((self.time, neuron), [])
                ]
        for k, noise in enumerate(population.noise):
            words = splitmix64(next(self.noise[name, k]))
            for neuron in range(population.n):
                totals[neuron] += noise_drawn(noise, next(words))
        fired = []
        for neuron in range(population.n):
            threshold = population.v_thresholds[neuron] if population.v_thresholds else None
            self.states[name][neuron], count = oracle.step(
                population.neuron,
                self.states[name][neuron],
                totals[neuron],
                threshold,
                next(self.registers[name]),
                arrivals[neuron],
            )
            fired += [neuron] * min(count, self.most[name])
        spikes[name] = fired
        self._send(name, fired)

    def _send(self, name: str, spiking: list[int]) -> None:
        for k, projection in enumerate(self.params.projection):
            if projection.source != name:
                continue
            for spike in spiking:
                for target, weight, delay in self.rows[k][spike]:
                    self._arrive(k, (self.time + delay, target), weight)

    def _arrive(self, k: int, place: tuple[int, int], weight: int) -> None:
        if self._one_by_one(self.params.projection[k]):
            self.events[k][place].append(weight)
            return
        exact = self.arriving[k][place] + weight
        bounds = self.bounds[k]
        total = exact if bounds is None else max(bounds.low, min(exact, bounds.high))
        if total != exact:
            self.saturated[k] = (self.saturated[k] + 1) % COUNTER
        self.arriving[k][place] = total


def _number_of(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def network_rows(network: Any, k: int) -> Any:
    return network.synapses(k)


def run(
    params: Any,
    network: Any,
    steps: int,
    events: dict[str, list[list[int]]],
    currents: dict[str, list[list[int]]],
) -> list[Step]:
    """All steps; ``events`` and ``currents`` step by step."""
    model = Oracle(params, network)
    return [
        model.step(
            {name: given[t] for name, given in events.items()},
            {name: given[t] for name, given in currents.items()},
        )
        for t in range(steps)
    ]
