"""A network's steps in numpy, one pure rule after the other: the reference, meant to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, assert_never

import numpy as np
import numpy.typing as npt

from ..arrays import Ints
from ..cycles.latency import COUNTER_BITS
from ..params.sources import EventSource, PoissonSource, RegularSource, Source
from ..rule import arithmetic
from ..rule.lfsr import draws
from ..rule.step import step
from . import sources
from .events import TICK
from .external_input import ExternalInput
from .projections import PlacedProjection
from .synapses import Synapses
from .writes import Change, applied

if TYPE_CHECKING:
    from .model import Network
    from .recording import Recording


class Engine(Protocol):
    """Carries out steps on a network's state, which is up to date after :meth:`close`."""

    def write(self, changes: Sequence[Change]) -> None: ...
    def advance(self, start: int, steps: int, recording: Recording) -> None: ...
    def close(self) -> None: ...


class NumpyEngine:
    """The steps of one run on the state of ``network``, with the external input ``given``."""

    def __init__(self, network: Network, given: ExternalInput) -> None:
        self._network, self._given = network, given
        self._populations = {p.name: p for p in network.graph.populations}
        self._phases = {
            s.name: sources.phases(s) for s in network.graph.sources if isinstance(s, RegularSource)
        }

    def write(self, changes: Sequence[Change]) -> None:
        """Write before the next step."""
        if changes:
            applied(self._network, changes)
            self._populations = {p.name: p for p in self._network.graph.populations}

    def advance(self, start: int, steps: int, recording: Recording) -> None:
        spikes: dict[str, list[Ints]] = {name: [] for name in recording.wanted_spikes}
        watched: list[tuple[str, str, Ints, list[Ints]]] = [
            (p, v, neurons, []) for p, v, neurons in recording.wanted_states
        ]
        tick = np.array([TICK])
        for row in range(start, start + steps):
            fired = self.step(row)
            for name, taken in spikes.items():
                taken += [fired[name], tick]
            for population, variable, neurons, rows in watched:
                rows.append(getattr(self._network.states[population], variable)[neurons])
        for name, taken in spikes.items():
            recording.add_spikes(name, np.concatenate(taken))
        for population, variable, _, rows in watched:
            recording.add_states(population, variable, np.array(rows))

    def close(self) -> None:
        pass

    def step(self, row: int) -> dict[str, Ints]:
        """One step, the ``row``-th of this run: who spikes, by source and population."""
        network, state = self._network, self._network.state
        fired: dict[str, Ints] = {}
        for source in network.graph.sources:
            fired[source.name] = self._spikes_of(source, row)
            self._deliver(source.name, fired[source.name])
        populations = self._populations
        for name in network.graph.order:
            neuron = populations[name].neuron
            random: Any = 0
            if neuron.random_bits:
                random, state.lfsr[name] = draws(neuron.lfsr, state.lfsr[name], populations[name].n)
            state.neurons[name], fire = step(
                neuron, state.neurons[name], self._current(name, row) + neuron.bias,
                network.thresholds[name], random, self._arrivals(name, fired),
            )  # fmt: skip
            # The count of those that fire on events saturates.
            count = np.minimum(fire.astype(np.int64), network.graph.most_spikes[name])
            fired[name] = np.repeat(np.arange(populations[name].n), count)
            self._deliver(name, fired[name])
        for name, past in state.history.items():
            state.history[name] = [*past[1:], fired[name]]
        state.step += 1
        return fired

    def _spikes_of(self, source: Source, row: int) -> Ints:
        now = self._network.step_count
        if isinstance(source, PoissonSource):
            return sources.poisson(source, now)
        if isinstance(source, RegularSource):
            return np.flatnonzero(now % source.interval == self._phases[source.name])
        if isinstance(source, EventSource):
            given = self._given.events.get(source.name)
            return given[row] if given else np.zeros(0, np.int64)
        assert_never(source)

    def _current(self, name: str, row: int) -> Ints:
        """What arrives at a population in this step, which is then no longer pending."""
        state = self._network.state
        pending = state.pending[name]
        slot = state.step % len(pending)
        current: Ints = pending[slot].copy()
        pending[slot] = 0
        for k, sums in state.sums.items():
            projection = self._network.projections[k].projection
            if projection.target == name:
                slot = state.step % len(sums)
                current += arithmetic.synaptic_current(sums[slot], projection.weight_shift, 0)
                sums[slot] = 0
        current += sources.noise(self._populations[name], state.step)
        external = self._given.currents.get(name)
        if external is not None:
            current += external[row if len(external) > 1 else 0].astype(np.int64)
        return current

    def _arrivals(self, name: str, fired: dict[str, Ints]) -> list[tuple[Ints, Ints]]:
        """The events that a population takes one by one in this step, in order of arrival."""
        arrivals: list[tuple[Ints, Ints]] = []
        for placed in self._network.projections:
            projection, synapses = placed.projection, placed.synapses
            if projection.target != name or not placed.per_event or not synapses.count:
                continue
            for delay in range(synapses.max_delay, synapses.min_delay - 1, -1):
                past = self._network.state.history
                spikes = past[projection.source][-delay] if delay else fired[projection.source]
                for row in _rows(synapses, spikes):
                    entries = row[_of(synapses.delays, row) == delay]
                    weights = _of(synapses.weights, entries)
                    added = arithmetic.synaptic_current(weights, projection.weight_shift, 0)
                    if len(entries):
                        arrivals.append((synapses.targets[entries].astype(np.int64), added))
        return arrivals

    def _deliver(self, source: str, spikes: Ints) -> None:
        for k, placed in enumerate(self._network.projections):
            if placed.projection.source != source or placed.per_event:
                continue
            if placed.bits is None:
                self._add(placed, spikes)
            else:
                self._accumulate(k, placed, placed.bits, spikes)

    def _add(self, placed: PlacedProjection, spikes: Ints) -> None:
        """The weights of all spikes at once: their sum is exact in every order."""
        state, synapses = self._network.state, placed.synapses
        pending = state.pending[placed.projection.target]
        entries = np.concatenate([*_rows(synapses, spikes), np.zeros(0, np.int64)])
        slots = (state.step + _of(synapses.delays, entries)) % len(pending)
        weights = _of(synapses.weights, entries)
        np.add.at(
            pending, (slots, synapses.targets[entries]),
            arithmetic.synaptic_current(weights, placed.projection.weight_shift, 0),
        )  # fmt: skip

    def _accumulate(self, k: int, placed: PlacedProjection, bits: int, spikes: Ints) -> None:
        """Event after event, in arrival order, on an accumulator that saturates."""
        state, synapses = self._network.state, placed.synapses
        sums = state.sums[k]
        for entries in _rows(synapses, spikes):
            place = (
                (state.step + _of(synapses.delays, entries)) % len(sums),
                synapses.targets[entries],
            )
            sums[place], clipped = arithmetic.accumulate(
                sums[place], _of(synapses.weights, entries), bits
            )
            state.saturated[k] = (state.saturated[k] + int(clipped.sum())) % (1 << COUNTER_BITS)


def _rows(synapses: Synapses, spikes: Ints) -> list[Ints]:
    """The entries of the synapses of each spike."""
    first, last = synapses.indptr[spikes], synapses.indptr[spikes + 1]
    return [np.arange(a, b) for a, b in zip(first, last, strict=True)]


def _of(values: npt.NDArray[Any] | int, entries: Ints) -> Ints:
    """The values of some synapses, where one may stand for all; delays as int64."""
    taken = np.empty(entries.shape, np.int64)
    taken[:] = values if isinstance(values, int) else values[entries]
    return taken
