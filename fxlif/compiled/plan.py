"""A network's steps in compiled code, on the state of :class:`fxlif.network.model.Network`.

One compiled function carries out many steps of a whole network
(:mod:`fxlif.compiled.network_loop`): it calls the compiled step of each population
(:mod:`fxlif.compiled.neuron_step`), lists who spikes, and adds up the rows of their synapses. With
several threads each owns a range of the neurons of every population and all that arrives there, so
that nothing is added by two; they meet once per level of the order of populations.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cycles.latency import COUNTER_BITS
from ..engines import share_out
from ..network.sources import limit, phases, step_key
from ..params.network import EventSource, PoissonSource, RegularSource
from ..params.quantise import signed_bits, signed_range
from ..rule.lfsr import columns, jump
from ..rule.step import NeuronState
from . import network_loop
from .intrinsics import ADDRESS, POINTERS, SIZES
from .network_loop import (
    DRIVE_ROWS,
    EVENTS,
    FIRST_LINK,
    GIVEN,
    KIND,
    LAST_LINK,
    LEVEL_ENDS,
    LFSR_MASK,
    LIMIT,
    LINK_COLUMNS,
    NONE,
    OUT,
    PART_COLUMNS,
    PENDING,
    PERIOD,
    PHASES,
    POISSON,
    POPULATION,
    RANDOM,
    REGULAR,
    SIZE,
    SPIKES,
    SUMS,
    WATCH_COLUMNS,
)
from .neuron_step import ARGUMENTS, element, state_type, step_loop

if TYPE_CHECKING:
    from ..network.model import ExternalInput, Network, PlacedProjection
    from ..network.recording import Recording
    from ..network.synapses import Synapses
    from .expressions import Loop

Ints = npt.NDArray[np.int64]


def _offsets(lengths: list[int]) -> list[int]:
    """Where each of some stretches begins in the array that holds them all, and where it ends."""
    ends: list[int] = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
    return ends


class Plan:
    """What stays the same from run to run of one network on so many threads."""

    def __init__(self, network: Network, threads: int) -> None:
        self.threads = threads
        graph = network.graph
        levels = {source.name: 0 for source in graph.sources}
        for name in graph.order:
            before = [
                levels[link.projection.source]
                for link in network.projections
                if link.projection.target == name
                and link.synapses.min_delay == 0
                and link.synapses.count
            ]
            levels[name] = max(before, default=-1) + 1
        everything = {part.name: part for part in (*graph.sources, *graph.populations)}
        self.names = sorted(everything, key=lambda name: levels[name])
        self.places = {name: p for p, name in enumerate(self.names)}
        self.parts = np.zeros((len(self.names), PART_COLUMNS), np.int64)
        sizes = [everything[name].n for name in self.names]
        self.spikes_at = _offsets(sizes)
        #: By thread, the first neuron of each part; and its size.
        self.ranges = np.array([share_out(n, threads) for n in sizes], dtype=np.int64).T.copy()
        for p, name in enumerate(self.names):
            last = p + 1 == len(self.names) or levels[self.names[p + 1]] > levels[name]
            self.parts[p, [SIZE, SPIKES, LEVEL_ENDS]] = sizes[p], self.spikes_at[p], last
        #: All populations stand side by side in each row of what is pending.
        widths = [p.n for p in graph.populations]
        self.pending_at = dict(
            zip([p.name for p in graph.populations], _offsets(widths), strict=False)
        )
        self.width = sum(widths)
        self.depth = max([1, *(link.depth for link in network.projections if link.bits is None)])
        for name, at in self.pending_at.items():
            self.parts[self.places[name], PENDING] = at
        self._join(network.projections)

    def _join(self, links: list[PlacedProjection]) -> None:
        """The tables of all synapses, one after the other, those of a bundle as one."""
        row_weights = [None if _is_full(link) else _row_weights(link.synapses) for link in links]
        bundles = self._bundles(links, row_weights)
        #: The first link of each bundle.
        self.order = [bundle[0] for bundle in bundles]
        self.links = np.zeros((len(bundles), LINK_COLUMNS), np.int64)
        for p, name in enumerate(self.names):
            mine = [k for k, first in enumerate(self.order) if _source(links[first]) == name]
            self.parts[p, [FIRST_LINK, LAST_LINK]] = (mine[0], mine[-1] + 1) if mine else (0, 0)
        counts = [sum(links[k].synapses.count for k in bundle) for bundle in bundles]
        full = [_is_full(links[first]) for first in self.order]
        even = [row_weights[first] for first in self.order]
        rows = [links[first].synapses.n_pre for first in self.order]
        cuts_at = _offsets([(self.threads + 1) * n for n in rows])
        targets_at = _offsets([0 if f else n for n, f in zip(counts, full, strict=True)])
        weights_at = _offsets(
            [n if e is None else len(e) for n, e in zip(counts, even, strict=True)]
        )
        apart = [links[first] for first in self.order]
        sums_at = _offsets([0 if k.bits is None else k.depth * k.synapses.n_post for k in apart])
        self.sums_length = sums_at[-1]
        highest = self.width * max(
            [
                1,
                *(
                    k.synapses.max_delay + 1
                    for k in apart
                    if not isinstance(k.synapses.delays, int)
                ),
            ]
        )
        codes_type = (
            np.uint16 if highest <= 1 << 16 else np.int32 if highest < 1 << 31 else np.int64
        )
        self.targets = np.empty(targets_at[-1], codes_type)
        self.weights = np.empty(weights_at[-1], np.int16)
        self.cuts = np.empty(cuts_at[-1], np.int64)
        for k, (bundle, link) in enumerate(zip(bundles, apart, strict=True)):
            synapses, target = link.synapses, link.projection.target
            low, high = (0, 0) if link.bits is None else signed_range(link.bits)
            self.links[k] = (
                self.places[target], cuts_at[k], targets_at[k],
                weights_at[k],
                even[k] is not None, link.projection.weight_shift,
                synapses.delays if isinstance(synapses.delays, int) else NONE,
                NONE if link.bits is None else sums_at[k], link.depth, low, high, rows[k],
                synapses.n_post if full[k] else 0, self.pending_at[target],
            )  # fmt: skip
            cuts = self.cuts[cuts_at[k] : cuts_at[k + 1]].reshape(self.threads + 1, rows[k])
            starts: Ints = np.sum([links[j].synapses.indptr for j in bundle], axis=0)
            cuts[0], cuts[-1] = starts[:-1], starts[1:]
            if self.threads > 1:
                bounds = self.ranges[1:-1, self.places[target]]
                network_loop.row_cuts(synapses.indptr, synapses.targets, bounds, cuts[1:-1])
            values: Any = synapses.weights if even[k] is None else even[k]
            self.weights[weights_at[k] : weights_at[k + 1]] = values
            if not full[k]:
                codes = self.targets[targets_at[k] : targets_at[k + 1]]
                self._fill([links[j] for j in bundle], starts, codes)

    def _bundles(
        self, links: list[PlacedProjection], row_weights: list[npt.NDArray[np.int16] | None]
    ) -> list[list[int]]:
        """Links that are one table: from one source, with one delay and the same row weights.

        Each row that a spike looks up costs as much as a dozen synapses. With several threads a
        row must be in the order of its targets' owners, and links stay apart.
        """
        bundles: dict[Any, list[int]] = {}
        for k, (link, weights) in enumerate(zip(links, row_weights, strict=True)):
            delays = link.synapses.delays
            alike = weights is not None and isinstance(delays, int) and link.bits is None
            key: Any = k
            if self.threads == 1 and alike and weights is not None:
                key = (_source(link), weights.tobytes(), delays, link.projection.weight_shift)
            bundles.setdefault(key, []).append(k)
        return sorted(bundles.values(), key=lambda ks: self.places[_source(links[ks[0]])])

    def _fill(self, links: list[PlacedProjection], starts: Ints, codes: npt.NDArray[Any]) -> None:
        """Write the targets of some links into one table whose rows begin at ``starts``."""
        filled = starts[:-1].copy()
        for link in links:
            synapses, target = link.synapses, link.projection.target
            # Within accumulators of its own a link has rows of its own width.
            width, at = self.width, self.pending_at[target]
            if link.bits is not None:
                width, at = synapses.n_post, 0
            values: Any = synapses.targets
            if at:
                values = values + at
            if not isinstance(synapses.delays, int):
                values = values + synapses.delays.astype(codes.dtype) * codes.dtype.type(width)
            if len(links) == 1:
                codes[:] = values
                return
            lengths = np.diff(synapses.indptr)
            places = np.repeat(filled - synapses.indptr[:-1], lengths) + np.arange(synapses.count)
            codes[places] = values
            filled += lengths


def _row_weights(synapses: Synapses) -> npt.NDArray[np.int16] | None:
    """The weight of each row, where all synapses of a row have the same."""
    if isinstance(synapses.weights, int):
        return np.full(synapses.n_pre, synapses.weights, np.int16)
    lengths = np.diff(synapses.indptr)
    weights = np.zeros(synapses.n_pre, np.int16)
    weights[lengths > 0] = synapses.weights[synapses.indptr[:-1][lengths > 0]]
    even = all(
        np.array_equal(np.repeat(weights[a:b], lengths[a:b]), synapses.weights[i:j])
        for a, b, i, j in _some_rows(synapses)
    )
    return weights if even else None


def _some_rows(synapses: Synapses) -> Iterator[tuple[int, int, int, int]]:
    """All rows, a few thousand at a time, and their synapses: little memory, an early end."""
    for first in range(0, synapses.n_pre, 4096):
        last = min(first + 4096, synapses.n_pre)
        yield first, last, int(synapses.indptr[first]), int(synapses.indptr[last])


def _source(link: PlacedProjection) -> str:
    return link.projection.source


def _is_full(link: PlacedProjection) -> bool:
    """Whether every neuron reaches every other, after the same delay."""
    synapses = link.synapses
    full = synapses.count == synapses.n_pre * synapses.n_post
    return full and link.bits is None and isinstance(synapses.delays, int)


class Fused:
    """The engine of one run: the network's state in narrow arrays, until it is closed."""

    def __init__(self, network: Network, plan: Plan, drive: ExternalInput) -> None:
        self._network, self._plan, self._drive = network, plan, drive
        self._parts = plan.parts.copy()
        state = network.state
        self._populations = {p.name: p for p in network.graph.populations}
        self._given = [s.name for s in network.graph.sources if isinstance(s, EventSource)]
        self._rows = {  # external currents that change from step to step
            name: array for name, array in drive.currents.items() if len(array) > 1
        }
        # What the compiled code reads or calls by address must live as long as it does.
        self._loops: list[Loop] = []
        self._held: dict[tuple[str, str], npt.NDArray[Any]] = {}
        self._spikes = np.zeros(plan.spikes_at[-1], np.uint8)
        self._lists = np.zeros(2 * plan.spikes_at[-1], np.int32)
        self._random = np.zeros(plan.spikes_at[-1], np.int64)
        self._registers = np.zeros((plan.threads, len(plan.names)), np.int64)
        self._skips = np.zeros((plan.threads, len(plan.names), 32), np.int64)
        self._limits = {name: self._limit(name) for name in self._populations}
        ends = [end for limits in self._limits.values() for end in limits]
        self._pending = np.zeros((plan.depth, plan.width), element(min(ends), max(ends)))
        for name, pending in state.pending.items():
            for own, shared in self._rows_of(name, len(pending)):
                self._columns(name)[shared] = pending[own]
        self._sums = np.zeros(plan.sums_length, np.int64)
        for k, original in enumerate(plan.order):
            if original in state.sums:
                sums = state.sums[original].ravel()
                at = plan.links[k, SUMS]
                self._sums[at : at + len(sums)] = sums
        for name in self._populations:
            self._prepare(name)
        phases_of: list[Ints] = []
        for source in network.graph.sources:
            part = self._parts[plan.places[source.name]]
            if isinstance(source, PoissonSource):
                part[[KIND, LIMIT]] = POISSON, limit(source)
            elif isinstance(source, RegularSource):
                part[[KIND, PERIOD, PHASES]] = (
                    REGULAR,
                    source.interval,
                    sum(len(known) for known in phases_of),
                )
                phases_of.append(phases(source))
            else:
                part[[KIND, EVENTS]] = GIVEN, self._given.index(source.name)
        self._phases = np.concatenate([*phases_of, np.zeros(0, np.int64)])
        self._makes_spikes = len(self._given) < len(network.graph.sources)
        self._counter = np.zeros(16, np.int64)
        self._saturated = np.zeros((plan.threads, len(plan.links)), np.int64)
        self._out = np.zeros(0, np.int32)
        self._pool = ThreadPoolExecutor(plan.threads - 1) if plan.threads > 1 else None

    def _columns(self, name: str) -> npt.NDArray[Any]:
        """What is pending for one population, (depth, n)."""
        at = self._plan.pending_at[name]
        return self._pending[:, at : at + self._populations[name].n]

    def _rows_of(self, name: str, depth: int) -> list[tuple[int, int]]:
        """The rows of what is pending for a population: its own, and the one they share."""
        now = self._network.step_count
        return [(t % depth, t % self._plan.depth) for t in range(now, now + depth)]

    def _limit(self, name: str) -> tuple[int, int]:
        """Lowest and highest of what arrives at a population in one step, but for a constant."""
        low, high = self._network.synaptic_ranges[name]
        rows = self._rows.get(name)
        if rows is not None and rows.size:
            low, high = low + min(int(rows.min()), 0), high + max(int(rows.max()), 0)
        return signed_range(signed_bits(low, high))

    def _hold(self, name: str, argument: str, values: npt.NDArray[Any]) -> None:
        values = np.ascontiguousarray(values)
        self._held[name, argument] = values
        column = ARGUMENTS.index(argument)
        part = self._parts[self._plan.places[name]]
        part[[POINTERS + column, SIZES + column]] = values.ctypes.data, values.itemsize

    def _prepare(self, name: str) -> None:
        """The compiled step of a population, and the arrays that it works on."""
        network, plan, state = self._network, self._plan, self._network.state
        population = self._populations[name]
        neuron, place = population.neuron, plan.places[name]
        part = self._parts[place]
        part[[KIND, DRIVE_ROWS]] = POPULATION, NONE
        for variable in neuron.state_widths:
            values = getattr(state.neurons[name], variable)
            self._hold(name, variable, values.astype(state_type(neuron, variable)))
        thresholds = network.thresholds[name]
        ends = int(thresholds.min()), int(thresholds.max())
        self._hold(name, "v_threshold", thresholds.astype(element(*ends)))
        constant = self._drive.currents.get(name, np.zeros((1, population.n), np.int64))
        drives = (0, 0)
        if name not in self._rows:
            low, high = int(constant.min()), int(constant.max())
            drives = (0, 0) if low == high == 0 else signed_range(signed_bits(low, high))
            self._hold(name, "drive", constant[0].astype(element(*drives)))
        at = plan.spikes_at[place]
        self._hold(name, "spike", self._spikes[at : at + population.n])
        self._hold(name, "current", self._pending)
        if neuron.random_bits:
            self._hold(name, "random", self._random[at : at + population.n])
            part[[LFSR_MASK, RANDOM]] = neuron.lfsr.mask, at
            for thread in range(plan.threads):
                first, last = plan.ranges[thread : thread + 2, place].tolist()
                self._registers[thread, place] = jump(neuron.lfsr, state.lfsr[name], first)
                skip = columns(neuron.lfsr, population.n - (last - first))
                self._skips[thread, place, : len(skip)] = skip
        loop = step_loop(neuron, ends, self._pending.dtype, self._limits[name], drives, clear=True)
        self._loops.append(loop)
        part[ADDRESS] = loop.address

    def advance(self, start: int, steps: int, recording: Recording) -> None:
        """Steps ``start`` to ``start + steps`` of the run."""
        plan, parts = self._plan, self._parts
        now = self._network.step_count
        events, event_ends = self._events(start, steps)
        self._make_room(recording.wanted_spikes, steps, event_ends)
        watches, watched, seen = self._watches(recording, steps)
        keys = np.zeros((len(plan.names), steps), np.uint64)
        poisson = [s for s in self._network.graph.sources if isinstance(s, PoissonSource)]
        for source in poisson:
            keys[plan.places[source.name]] = [
                step_key(source.seed, now + step) for step in range(steps)
            ]
        drives_at, drives = 0, []
        for name, rows in self._rows.items():
            parts[plan.places[name], DRIVE_ROWS] = drives_at
            drives.append(rows[start : start + steps].astype(np.int64).ravel())
            drives_at += len(drives[-1])
        lengths = np.zeros(len(plan.names), np.int64)
        counts = np.zeros((2, plan.threads, len(plan.names)), np.int64)
        random = any(p.neuron.random_bits for p in self._populations.values())
        more = (np.concatenate([*drives, np.zeros(0, np.int64)]), watches, watched, seen)
        # Few groups: each that is None or not makes another function to compile.
        arguments = (
            self._counter.ctypes.data, now, steps, plan.depth, plan.width,
            parts, plan.ranges, plan.links, plan.cuts, plan.targets, plan.weights,
            self._pending.ravel(), self._spikes, self._lists, counts, self._out, lengths,
            *((self._sums, self._saturated) if plan.sums_length else (None, None)),
            *((keys, self._phases) if self._makes_spikes else (None, None)),
            *((self._random, self._registers, self._skips) if random else (None, None, None)),
            *((events, event_ends) if self._given else (None, None)),
            *(more if drives or len(watches) else (None,) * len(more)),
        )  # fmt: skip
        self._run(arguments)
        self._network.state.step += steps
        for name in recording.wanted_spikes:
            place = plan.places[name]
            at = parts[place, OUT]
            recording.add_spikes(name, self._out[at : at + lengths[place]])
        for w, (population, variable, neurons) in enumerate(recording.wanted_states):
            at, size = watches[w, 5], steps * len(neurons)
            rows = seen[at : at + size].reshape(steps, len(neurons))
            recording.add_states(population, variable, rows)

    def _run(self, arguments: tuple[Any, ...]) -> None:
        if self._pool is None:
            network_loop.run_steps(0, *arguments)
            return
        # Compiled, or loaded, before the threads wait for each other.
        no_steps = list(arguments)
        no_steps[2] = 0
        network_loop.run_steps(0, *no_steps)
        others = [
            self._pool.submit(network_loop.run_steps, thread, *arguments)
            for thread in range(1, self._plan.threads)
        ]
        try:
            network_loop.run_steps(0, *arguments)
        finally:
            for other in others:
                other.result()

    def _events(self, start: int, steps: int) -> tuple[npt.NDArray[np.int32], Ints]:
        """The given events of a chunk, and where each step of each source begins and ends."""
        ends = np.zeros((len(self._given), steps + 1), np.int64)
        taken: list[Ints] = []
        for k, name in enumerate(self._given):
            mine = self._drive.events.get(name, [])[start : start + steps]
            before = sum(map(len, taken))
            ends[k, : len(mine) + 1] = before + np.concatenate(
                [[0], np.cumsum([len(step) for step in mine], dtype=np.int64)]
            )
            ends[k, len(mine) + 1 :] = ends[k, len(mine)]
            taken += mine
        return np.concatenate([*taken, np.zeros(0, np.int64)]).astype(np.int32), ends

    def _make_room(self, names: tuple[str, ...], steps: int, event_ends: Ints) -> None:
        """Room for all spikes that could come; memory that is not written is not used."""
        self._parts[:, OUT] = NONE
        at = 0
        for name in names:
            part = self._parts[self._plan.places[name]]
            part[OUT] = at
            if part[KIND] == GIVEN:
                at += int(event_ends[part[EVENTS], -1] - event_ends[part[EVENTS], 0]) + steps
            else:
                at += steps * (int(part[SIZE]) + 1)
        if len(self._out) < at:
            self._out = np.empty(at, np.int32)

    def _watches(self, recording: Recording, steps: int) -> tuple[Ints, Ints, Ints]:
        """The watched variables: part, address, size of an element, stretch of ``watched``,
        where their rows begin, and how long one is; the watched neurons with their columns."""
        table = np.zeros((len(recording.wanted_states), WATCH_COLUMNS), np.int64)
        watched: list[Ints] = [np.zeros((0, 2), np.int64)]
        row_at = 0
        for w, (population, variable, neurons) in enumerate(recording.wanted_states):
            begin = sum(map(len, watched))
            held = self._held.get((population, variable))
            if held is None:  # a variable that these neurons do not have stays 0
                table[w] = NONE, 0, 0, begin, begin, row_at, len(neurons)
            else:
                table[w] = (
                    self._plan.places[population], held.ctypes.data, held.itemsize,
                    begin, begin + len(neurons), row_at, len(neurons),
                )  # fmt: skip
                columns_ = np.arange(len(neurons))
                watched.append(np.stack([neurons, columns_], axis=1).astype(np.int64))
            row_at += steps * len(neurons)
        return table, np.concatenate(watched), np.zeros(row_at, np.int64)

    def close(self) -> None:
        """Bring the network's state up to date."""
        if self._pool is not None:
            self._pool.shutdown()
        plan, state = self._plan, self._network.state
        for name, population in self._populations.items():
            old = state.neurons[name]
            state.neurons[name] = NeuronState(
                **{
                    variable: self._held[name, variable].astype(np.int64)
                    if (name, variable) in self._held
                    else getattr(old, variable)
                    for variable in NeuronState._fields
                }
            )
            for own, shared in self._rows_of(name, len(state.pending[name])):
                state.pending[name][own] = self._columns(name)[shared]
            if population.neuron.random_bits:
                state.lfsr[name] = int(self._registers[0, plan.places[name]])
        for k, original in enumerate(plan.order):
            if original in state.sums:
                at = plan.links[k, SUMS]
                sums = state.sums[original]
                sums[:] = self._sums[at : at + sums.size].reshape(sums.shape)
            clipped = int(self._saturated[:, k].sum())
            state.saturated[original] = (state.saturated[original] + clipped) % (1 << COUNTER_BITS)
