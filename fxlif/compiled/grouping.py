"""Small populations of equal neurons as one, for compiled code.

What a population costs beside its neurons, in every step and whenever a run begins or ends, is as
much as some hundred neurons cost. So the compiled engine sees a network in which those that obey
the same parameters in the same level of the order stand side by side as one, a group, and all
projections from one group to another as few tables. The user's network keeps its own names: state,
inputs and recordings are joined before a run and split after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..network.events import TICK, check, to_words
from ..network.external_input import ExternalInput
from ..network.projections import PlacedProjection
from ..network.state import NetworkState, first_state
from ..network.synapses import Synapses, row_starts
from ..network.writes import NO_ROOM, Change, Room, applied
from ..params.network import Graph, Population
from ..rule.step import NeuronState
from .jit import threaded
from .network_run import CompiledRun
from .plan import ExecutionPlan, is_full, levels_of

if TYPE_CHECKING:
    from ..network.model import Network
    from ..network.recording import Recording
    from .protocols import Taken

Ints = npt.NDArray[np.int64]

#: Neurons of a population above which its own cost does not matter.
MOST_NEURONS = 1024
#: Rows of synapses that reach all of more neurons than these are added at once where they stand
#: alone, which is faster than what a group saves.
WIDE = 64
#: Different delays of the projections between two groups above which each synapse has its own.
MOST_DELAYS = 4


class Block(NamedTuple):
    """Synapses within a larger table: those of a projection, its first source and first target."""

    synapses: Synapses
    source: int
    target: int


class GroupedNetwork:
    """What compiled code sees of a network: see the head of this file.

    ``groups``: by the name of its first member, the members of each group. The other attributes
    are those of :class:`fxlif.Network`; ``state`` counts between :meth:`load` and :meth:`store`.
    Where there is no group they are the network's own.
    """

    def __init__(self, network: Network, room: Room = NO_ROOM) -> None:
        self._network = network
        self.groups = _groups(network, room.populations)
        self.room = room
        self.graph, self.projections = network.graph, network.projections
        self.thresholds, self.synaptic_ranges = network.thresholds, network.synaptic_ranges
        self.state: NetworkState = network.state
        #: Of each group: the first neuron of each member, and the end.
        self._bounds = {
            name: row_starts(np.array([p.n for p in members]))
            for name, members in self.groups.items()
        }
        #: By population, or source: what it is part of, and its first neuron there.
        self._places = {name: (name, 0) for name in network.graph.sizes}
        if not self.groups:
            return
        for name, members in self.groups.items():
            for p, at in zip(members, self._bounds[name].tolist(), strict=False):
                self._places[p.name] = (name, at)
        self.graph = self._joined_graph()
        self.thresholds = dict(network.thresholds)
        self.synaptic_ranges = dict(network.synaptic_ranges)
        for name, members in self.groups.items():
            ends = [network.synaptic_ranges[p.name] for p in members]
            self.thresholds[name] = np.concatenate([network.thresholds[p.name] for p in members])
            self.synaptic_ranges[name] = min(low for low, _ in ends), max(high for _, high in ends)
        self.projections, self._numbers = self._joined_projections()
        own = frozenset(self._numbers.index(k) for k in room.weights)
        self.room = replace(room, weights=own)
        self.state = first_state(self.graph, self.projections)

    @property
    def step_count(self) -> int:
        """Steps since the last reset."""
        return self.state.step

    def _joined_graph(self) -> Graph:
        graph, places = self._network.graph, self._places
        populations = [
            # A copy: what was checked and warned of is not checked again.
            p.model_copy(update={"n": sum(m.n for m in self.groups[p.name]), "v_thresholds": None})
            if p.name in self.groups
            else p
            for p in graph.populations
            if places[p.name] == (p.name, 0)
        ]
        # The members of a group have one level: no projection without delay joins two of them, and
        # those of lower levels come first.
        levels = levels_of(graph, self._network.projections)
        order = sorted((p.name for p in populations), key=lambda name: levels[name])
        return Graph(graph.sources, tuple(populations), (), tuple(order), graph.promised)

    def _joined_projections(self) -> tuple[list[PlacedProjection], list[int]]:
        """The projections between groups, and the number of the first that each is made of."""
        tables: dict[Any, list[int]] = {}
        delays: dict[Any, set[int]] = {}
        pairs: Counter[Any] = Counter()
        known = self._network.projections
        for one in known:
            if isinstance(one.synapses.delays, int):
                delays.setdefault(self._ends(one), set()).add(one.synapses.delays)
        for k, one in enumerate(known):
            ends, delay = self._ends(one), one.synapses.delays
            key: Any = k
            if one.bits is None and not one.per_event and self.groups.keys() & set(ends[:2]):
                own = not isinstance(delay, int) or len(delays[ends]) > MOST_DELAYS
                key = (*ends, "own" if own else delay)
                # In a row of a table no target stands twice.
                pair = (key, one.projection.source, one.projection.target)
                key = (*key, pairs[pair])
                pairs[pair] += 1
            tables.setdefault(key, []).append(k)
        joined = [self._joined([known[k] for k in numbers]) for numbers in tables.values()]
        return joined, [numbers[0] for numbers in tables.values()]

    def _ends(self, one: PlacedProjection) -> tuple[str, str, int]:
        """The groups that a projection joins, and its shift."""
        projection = one.projection
        source, target = self._places[projection.source], self._places[projection.target]
        return source[0], target[0], projection.weight_shift

    def _joined(self, placed: list[PlacedProjection]) -> PlacedProjection:
        first, (source, target, _) = placed[0], self._ends(placed[0])
        if not self.groups.keys() & {source, target}:
            return first
        blocks = [
            Block(
                one.synapses,
                self._places[one.projection.source][1],
                self._places[one.projection.target][1],
            )
            for one in placed
        ]
        sizes = self.graph.sizes
        return PlacedProjection(
            first.projection.model_copy(update={"source": source, "target": target}),
            joined(blocks, sizes[source], sizes[target]),
            first.bits,
            first.per_event,
            first.most,
        )

    # --- what goes in and comes out -------------------------------------------------------------

    def load(self) -> None:
        """Take over the network's state."""
        whole, state = self._network.state, self.state
        if not self.groups:
            self.state = whole
            return
        state.step, state.history = whole.step, whole.history
        for name in state.neurons:
            if name not in self.groups:
                state.neurons[name] = whole.neurons[name]
                state.pending[name], state.lfsr[name] = whole.pending[name], whole.lfsr[name]
                continue
            members = [p.name for p in self.groups[name]]
            columns = zip(*(whole.neurons[member] for member in members), strict=True)
            state.neurons[name] = NeuronState(*map(np.concatenate, columns))
            depth = len(state.pending[name])
            rows = [self._in_rows(whole.pending[member], depth) for member in members]
            state.pending[name] = np.concatenate(rows, axis=1)
        for k, (number, columns_) in self._sums().items():
            state.sums[k][:, columns_] = whole.sums[number]
            state.saturated[k] = whole.saturated[number]

    def own(self, change: Change) -> Change:
        """A change of the network as one of what stands here."""
        if change.parameter != "weights" or not self.groups:
            return change
        return change._replace(part=self._numbers.index(int(change.part)))

    def store(self, written: Sequence[Change] = ()) -> None:
        """Give the state back to the network, and what was ``written`` since."""
        if written:
            applied(self._network, written)
        whole, state = self._network.state, self.state
        if not self.groups:
            return
        whole.step = state.step
        for name, neurons in state.neurons.items():
            if name not in self.groups:
                whole.neurons[name], whole.lfsr[name] = neurons, state.lfsr[name]
                continue
            arrays, pending = [*map(np.asarray, neurons)], state.pending[name]
            borders = pairwise(self._bounds[name].tolist())
            for p, border in zip(self.groups[name], borders, strict=True):
                mine, depth = slice(*border), len(whole.pending[p.name])
                whole.neurons[p.name] = NeuronState(*[x[mine] for x in arrays])
                whole.pending[p.name] = self._in_rows(pending[:, mine], depth)
        for k, (number, columns) in self._sums().items():
            whole.sums[number] = state.sums[k][:, columns].copy()
            whole.saturated[number] = state.saturated[k]

    def count_steps(self) -> None:
        """Have the network's count of steps follow."""
        self._network.state.step = self.state.step

    def _in_rows(self, pending: Ints, depth: int) -> Ints:
        """What is pending, in ``depth`` rows: as many of the next steps as both have."""
        if len(pending) == depth:
            return pending
        made = np.zeros((depth, pending.shape[1]), np.int64)
        steps = self.state.step + np.arange(min(depth, len(pending)))
        made[steps % depth] = pending[steps % len(pending)]
        return made

    def _sums(self) -> dict[int, tuple[int, slice]]:
        """Of each projection with accumulators: its number in the network, and where its own stand
        among those of the group."""
        found = {}
        for k in self.state.sums:
            projection = self._network.projections[self._numbers[k]].projection
            _, at = self._places[projection.target]
            n = self._network.graph.sizes[projection.target]
            found[k] = self._numbers[k], slice(at, at + n)
        return found

    def external(self, given: ExternalInput) -> ExternalInput:
        """The input of a run, the currents of a group as one array."""
        if not self.groups.keys() & {self._places[name][0] for name in given.currents}:
            return given
        made = ExternalInput(given.steps, given.events, given.unknown)
        for name in self.state.neurons:
            members = self.groups.get(name, [])
            if name in given.currents and not members:
                made.currents[name], made.ranges[name] = given.currents[name], given.ranges[name]
            if any(p.name in given.currents for p in members):
                arrays = [
                    given.currents[p.name]
                    if p.name in given.currents
                    else np.zeros((1, p.n), np.int8)
                    for p in members
                ]
                made.currents[name] = side_by_side(arrays)
                ends = [given.ranges.get(p.name, (0, 0)) for p in members]
                made.ranges[name] = min(low for low, _ in ends), max(high for _, high in ends)
        return made

    def taken(self, recording: Recording) -> Taken:
        """What a run gives to ``recording``, which knows no groups."""
        return SplitRecording(self, recording) if self.groups else recording

    def place_of(self, name: str) -> tuple[str, int]:
        """What a population or source is part of, and its first neuron there."""
        return self._places[name]

    def members_of(self, name: str) -> tuple[list[str], Ints, Ints] | None:
        """Of a group: the names of its members, of each neuron the first one of its member, and
        where the members begin and the last one ends."""
        if name not in self.groups:
            return None
        bounds = self._bounds[name]
        firsts = np.repeat(bounds[:-1], np.diff(bounds))
        return [p.name for p in self.groups[name]], firsts, bounds

    def split(self, name: str, stream: Ints) -> tuple[int, list[npt.NDArray[np.uint32]]]:
        """How many steps the stream of a group has, and the stream of each member as words."""
        bounds = self._bounds[name]
        lengths = np.zeros(len(bounds) - 1, np.int64)
        member_of = np.repeat(np.arange(len(lengths)), np.diff(bounds))
        steps = split_stream(stream, member_of, bounds, lengths, None)
        starts = row_starts(lengths + steps)
        words = np.full(starts[-1], to_words([TICK])[0])
        split_stream(stream, member_of, bounds, starts[:-1].copy(), words)
        return steps, [words[a:b] for a, b in pairwise(starts.tolist())]


class SplitRecording:
    """Takes what the groups did, and gives each member's part to a recording."""

    def __init__(self, grouped: GroupedNetwork, recording: Recording) -> None:
        self._grouped, self._recording = grouped, recording
        spikes = (grouped.place_of(name)[0] for name in recording.wanted_spikes)
        self.wanted_spikes = tuple(dict.fromkeys(spikes))
        #: By group and variable, what of the recording it holds, and their neurons in the group.
        self._watched: dict[tuple[str, str], list[tuple[str, Ints]]] = {}
        for population, variable, neurons in recording.wanted_states:
            group, at = grouped.place_of(population)
            self._watched.setdefault((group, variable), []).append((population, neurons + at))

    @property
    def wanted_states(self) -> tuple[tuple[str, str, Ints], ...]:
        """As :attr:`fxlif.Recording.wanted_states`."""
        return tuple(
            (group, variable, np.concatenate([neurons for _, neurons in members]))
            for (group, variable), members in self._watched.items()
        )

    def add_spikes(self, name: str, events: npt.NDArray[Any]) -> None:
        """As :meth:`fxlif.Recording.add_spikes`."""
        members = self._grouped.groups.get(name)
        if members is None:
            self._recording.add_spikes(name, events)
            return
        wanted = set(self._recording.wanted_spikes)
        stream = check(events, self._grouped.graph.sizes[name])
        steps, streams = self._grouped.split(name, stream)
        for p, words in zip(members, streams, strict=True):
            if p.name in wanted:
                self._recording.add_words(p.name, words, steps)

    def add_states(self, population: str, variable: str, rows: npt.NDArray[Any]) -> None:
        """As :meth:`fxlif.Recording.add_states`."""
        at = 0
        for name, neurons in self._watched[population, variable]:
            self._recording.add_states(name, variable, rows[:, at : at + len(neurons)])
            at += len(neurons)


class GroupedRun:
    """The engine of one run of a network in groups."""

    def __init__(self, grouped: GroupedNetwork, plan: ExecutionPlan, given: ExternalInput) -> None:
        self._grouped = grouped
        self._written: list[Change] = []
        grouped.load()
        self._run = CompiledRun(grouped, plan, grouped.external(given) if grouped.groups else given)

    def write(self, changes: Sequence[Change]) -> None:
        """Write before the next step."""
        for change in changes:
            self._run.write(self._grouped.own(change))
        self._written += changes

    def advance(self, start: int, steps: int, recording: Recording) -> None:
        """Steps ``start`` to ``start + steps`` of the run."""
        self._run.advance(start, steps, self._grouped.taken(recording))
        self._grouped.count_steps()

    def close(self) -> None:
        """Bring the network's state up to date."""
        self._run.close()
        self._grouped.store(self._written)


def _groups(network: Network, apart: Collection[str]) -> dict[str, list[Population]]:
    """The populations that stand as one, by the name of the first.

    Not those that are to stay ``apart``, nor those with noise or random numbers, of which each
    population draws its own; nor those that take events one by one or send them to such, which
    depend on the order of the projections.
    """
    levels = levels_of(network.graph, network.projections)
    apart = set(apart)
    for one in network.projections:
        if one.per_event or (is_full(one) and one.synapses.n_post > WIDE):
            apart |= {one.projection.source, one.projection.target}
    alike: dict[tuple[int, str], list[Population]] = {}
    for p in network.graph.populations:
        if p.n > MOST_NEURONS or p.name in apart or p.neuron.random_bits or p.noise:
            continue
        if p.neuron.accumulate == "exact":
            neuron = p.neuron.model_dump_json(exclude={"v_threshold"})
            alike.setdefault((levels[p.name], neuron), []).append(p)
    return {members[0].name: members for members in alike.values() if len(members) > 1}


def joined(blocks: Sequence[Block], n_pre: int, n_post: int) -> Synapses:
    """One table of all blocks, between so many sources and targets."""
    counts = np.zeros(n_pre, np.int64)
    for block in blocks:
        counts[block.source : block.source + block.synapses.n_pre] += np.diff(block.synapses.indptr)
    indptr = row_starts(counts)
    filled = indptr[:-1].copy()
    targets, weights = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.int32)
    delays = np.empty(indptr[-1], np.uint8)
    # In this order, so that the targets of each row ascend.
    for block in sorted(blocks, key=lambda block: block.target):
        synapses, lengths = block.synapses, np.diff(block.synapses.indptr)
        rows = filled[block.source : block.source + synapses.n_pre]
        places = np.repeat(rows - synapses.indptr[:-1], lengths) + np.arange(synapses.count)
        targets[places] = synapses.targets + block.target
        weights[places], delays[places] = synapses.weights, synapses.delays
        rows += lengths
    return Synapses(n_pre, n_post, indptr, targets, weights, delays)


def side_by_side(currents: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Currents (1, n) or (steps, n) of some populations as those of one."""
    steps = max(len(each) for each in currents)
    # Together uint64 and signed integers would be floats; no current has more than 48 bits.
    wide = any(each.dtype == np.uint64 for each in currents)
    return np.concatenate(
        [
            each if len(each) == steps else np.broadcast_to(each, (steps, each.shape[1]))
            for each in currents
        ],
        axis=1,
        dtype=np.int64 if wide else None,
        casting="unsafe" if wide else "same_kind",
    )


@threaded
def split_stream(stream: Any, member_of: Any, bounds: Any, at: Any, words: Any) -> int:
    """How many steps the stream of a group has; ``at`` goes up by the spikes of each member.

    Where there are ``words`` these are written to the members' streams, which begin at ``at``,
    and stand between the TICKs there.
    """
    steps = 0
    for k in range(len(stream)):
        entry = stream[k]
        if entry == TICK:
            steps += 1
        else:
            member = member_of[entry]
            if words is not None:
                words[at[member] + steps] = entry - bounds[member]
            at[member] += 1
    return steps
