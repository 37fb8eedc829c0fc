"""Counting bins, block after block: of steps of neurons, of a core, of a lone neuron."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...cycles.access import NUMBERS, registers_of
from ...cycles.latency import AnyCore
from ...cycles.model import CoreTrace, Steps
from ...layout import HardwareNetwork
from ...params.core import CoreParams, Register
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from ...rule.written import register_value, with_values
from .access_bins import WriteCycles
from .bins import BEFORE_WRITES, BinCounts, BinRule, Bools, Ints, Key
from .core_bins import (
    EventBin,
    EventCollector,
    StepEvents,
    event_bins,
    event_hits,
    from_spikes,
    spike_bins,
)
from .cycle_bins import LENGTH_NAMES, Cycles, Runs, Source, classes, control_bins
from .neuron_bins import fires_key, neuron_bins, no_rest
from .row_bins import prefix_of, row_bins, row_control_bins
from .row_words import RowCycles, RowWords
from .step_values import StepValues
from .turns.bins import turn_bins
from .turns.values import met

#: Steps of single neurons that are looked at together: their arrays stay in the processor's cache.
CHUNK = 1 << 14
#: The resets before some updates (updates,), and how often each neuron fired (updates, neurons).
Spikes = tuple[Ints, Ints]
#: The same, and in between whether each neuron could not have fired in the next step before.
Rests = tuple[Ints, Bools, Bools]
RestsBin = BinRule[Rests]
#: Of words of rows.
WrittenBin = BinRule[Ints]


def again_key(prefix: str = "") -> Key:
    """The bin of two spikes of a neuron as close together as its refractory period allows."""
    return (f"{prefix}refractory", "fires again as soon as it may")


def _joined(first: Sequence[Any], second: Sequence[Any]) -> Any:
    """The arrays of ``first``, each followed by its counterpart of ``second``."""
    return tuple(map(np.concatenate, zip(first, second, strict=True)))


class StepCounter:
    """Counts the bins of the steps of ``n`` neurons that are updated together, whose ``registers``
    can be written."""

    def __init__(
        self, counts: BinCounts, neuron: NeuronParams, n: int, prefix: str = "",
        registers: Sequence[Register] = (),
    ) -> None:  # fmt: skip
        self._counts, self._neuron, self._n, self._prefix = counts, neuron, n, prefix
        self._registers = registers
        written = self._written(np.zeros((0, len(registers)), dtype=np.int64))
        # One that the parameters exclude need not even make sense for them.
        self._bins = [b for b in counts.declare(neuron_bins(written, prefix)) if not b.impossible]
        self._turns = [b for b in counts.declare(turn_bins(neuron, prefix)) if not b.impossible]
        again = RestsBin(*again_key(prefix), self._fires_again, needs=fires_key(prefix))
        self._again = counts.declare([again])
        none = np.zeros((0, n), dtype=np.bool_)
        self._last: Rests = np.zeros(0, dtype=np.int64), none, none

    def _written(self, values: Ints) -> NeuronParams:
        """The neuron with these values of its registers, (steps, registers), in steps of all."""
        each = np.repeat(values, self._n, axis=0)
        return with_values(self._neuron, dict(zip(self._registers, each.T, strict=True)))

    def take(
        self, before: NeuronState, current: Ints, threshold: Ints, fire: Ints | Bools, resets: Ints,
        random: Ints | None = None, arrivals: Sequence[Ints] = (), registers: Ints | None = None,
    ) -> None:  # fmt: skip
        """Count steps of every neuron, arrays (steps * n,); ``resets`` (steps,): how many there
        were before each; ``current``, ``threshold``, ``random`` as in :class:`StepValues`, None
        where no rounding is stochastic; ``arrivals`` as in :class:`~fxlif.cycles.model.Steps`;
        ``registers`` (steps, registers), where any can be written."""
        wanted = [rule for rule in self._bins if self._counts.wants(rule)]
        turns = [rule for rule in self._turns if self._counts.wants(rule)]
        whole = len(arrivals) or self._registers  # no step is cut
        some = max(1, CHUNK // self._n) * self._n if whole else CHUNK
        for at in range(0, len(fire), some) if wanted or turns else ():
            part = slice(at, at + some)
            state = NeuronState(*(values[part] for values in before))
            drawn = 0 if random is None else random[part]
            steps = slice(at // self._n, (at + some) // self._n)
            events, neuron, now = met(arrivals[steps]), self._neuron, wanted
            if registers is not None and self._registers:  # the same bins, of other values
                neuron, keys = self._written(registers[steps]), {rule.key for rule in wanted}
                now = [rule for rule in neuron_bins(neuron, self._prefix) if rule.key in keys]
            values = StepValues(neuron, state, current[part], threshold[part], drawn, events)
            self._counts.count(now, values)
            if turns:
                self._counts.count(turns, values.events)
        fired = np.asarray(fire).reshape(-1, self._n) != 0
        rested = np.asarray(before.refractory).reshape(-1, self._n) > 0
        self._counts.count(self._again, (resets, fired | rested, fired))

    def _fires_again(self, steps: Rests) -> Bools:
        resets, busy, fire = _joined(self._last, steps)
        self._last = resets[-1:], busy[-1:], fire[-1:]
        again: Bools = fire[1:] & busy[:-1] & (resets[1:] == resets[:-1])[:, None]
        return again


class Updates(NamedTuple):
    """Updates of a core: the ``cycle`` (updates,) in which each starts, how many ``resets`` there
    were before, the event bins that it hits, (updates, bins), and of every neuron v, i_syn, theta,
    refractory, current, threshold, draw and spikes, (updates, neurons, 8). ``arrivals`` (updates,)
    are the events that act one by one, as in :class:`~fxlif.cycles.model.Steps`; ``registers``
    (updates, registers) what those hold that can be written."""

    cycle: Ints
    resets: Ints
    events: Bools
    steps: Ints
    arrivals: Any
    registers: Ints


class UpdateCounter:
    """Counts the bins of the steps and the spikes of a core."""

    def __init__(
        self, counts: BinCounts, core: AnyCore, k: int, prefix: str,
        events: Iterable[EventBin] = (),
    ) -> None:  # fmt: skip
        self._core, self._counts, self._k = core, counts, k
        self._registers = registers_of(core)
        self._held = np.array(
            [register_value(core.neuron, name) for name in self._registers], dtype=np.int64
        )
        self._steps = StepCounter(counts, core.neuron, core.n_neurons, prefix, self._registers)
        self._thresholds = np.array(core.thresholds)
        self._events = counts.declare(events)
        self._other = counts.declare(
            [BinRule(f"{prefix}threshold", f"another than {BEFORE_WRITES}", self._other_threshold)]
            if "thresholds" in core.writable else []
        )  # fmt: skip
        self._spikes = counts.declare(spike_bins(core, prefix))
        none = np.zeros(0, dtype=np.int64)
        #: The update under way, if any.
        self._open = Updates(
            none, none, np.zeros((0, len(self._events)), dtype=np.bool_),
            np.zeros((0, core.n_neurons, 8), dtype=np.int64), np.zeros(0, dtype=object),
            np.zeros((0, len(self._registers)), dtype=np.int64),
        )  # fmt: skip
        self._resets = 0

    def _started(self, cycles: Cycles, trace: CoreTrace, writes: WriteCycles | None) -> Updates:
        """The updates that start in a block, without their events."""
        starts = np.flatnonzero(cycles.flags(self._k, "starting") & ~cycles.rst)
        of, n = trace.steps, self._core.n_neurons
        if len(of.fire) != len(starts) * n:
            raise ValueError(f"steps: must be {len(starts)} of {n} neurons")
        steps = np.stack([*of.before, of.current, of.threshold, of.random, of.fire], axis=-1)
        steps = steps.reshape(len(starts), n, 8)
        resets = self._resets + np.cumsum(cycles.rst)[starts]
        self._resets += int(np.count_nonzero(cycles.rst))
        arrivals = np.empty(len(starts), dtype=object)
        for number, each in enumerate(of.arrivals):
            arrivals[number] = each
        events = np.zeros((len(starts), 0), dtype=np.bool_)
        return Updates(starts, resets, events, steps, arrivals, self._held_in(starts, writes))

    def _other_threshold(self, thresholds: Ints) -> Bools:
        found: Bools = thresholds.reshape(-1, self._core.n_neurons) != self._thresholds
        return found

    def _held_in(self, starts: Ints, writes: WriteCycles | None) -> Ints:
        """What the registers hold in the updates that start in some cycles of a block, (updates,
        registers)."""
        found = np.tile(self._held, (len(starts), 1))
        if writes is None:
            return found
        for number, name in enumerate(self._registers):
            for cycle in np.flatnonzero(writes.of(self._k, NUMBERS[name])):
                self._held[number] = writes.value[cycle]
                found[np.searchsorted(starts, cycle) :, number] = writes.value[cycle]
        return found

    def _count_completed(self, trace: CoreTrace, started: Updates) -> None:
        """Only what was written back was compared: an update that a reset ends is not counted."""
        updates = Updates(*_joined(self._open, started))
        ends = np.flatnonzero(trace.valid & (trace.index == self._core.words - 1))
        done = np.searchsorted(updates.cycle, ends) - 1
        last = max(len(updates.cycle) - 1, done[-1] + 1 if len(done) else 0)
        self._open = Updates(
            updates.cycle[last:] * 0 - 1, updates.resets[last:], updates.events[last:],
            updates.steps[last:], updates.arrivals[last:], updates.registers[last:],
        )  # fmt: skip
        columns = updates.steps[done].reshape(-1, 8).T
        current, threshold, random, fire = columns[4:]
        before, resets = NeuronState(*columns[:4]), updates.resets[done]
        arrivals = updates.arrivals[done] if self._core.neuron.per_event else ()
        self._counts.count(self._other, threshold)
        registers = updates.registers[done]
        self._steps.take(before, current, threshold, fire, resets, random, arrivals, registers)
        for rule, count in zip(self._events, updates.events[done].sum(axis=0), strict=True):
            self._counts.add(rule, count)
        self._counts.count(self._spikes, fire.reshape(-1, self._core.n_neurons) != 0)


class CoreCounter(UpdateCounter):
    """Counts the bins of core ``k`` of a chain; ``before``: the core before it;
    ``last``: its output is that of the chain."""

    def __init__(
        self, counts: BinCounts, core: CoreParams, k: int, prefix: str, before: Source | None,
        *, last: bool,
    ) -> None:  # fmt: skip
        super().__init__(counts, core, k, prefix, event_bins(core, prefix, before))
        self._params = core
        self._cycles = counts.declare(control_bins(core, k, prefix, before, last=last))
        self._collector = EventCollector(core)
        self._weights = core.weights.astype(np.int64)
        #: Updates of the core before whose spikes have not come in.
        self._sent: Spikes = (
            np.zeros(0, dtype=np.int64), np.zeros((0, core.n_inputs), dtype=np.int64)
        )  # fmt: skip

    def take(
        self, cycles: Cycles, trace: CoreTrace, sent: Spikes | None, writes: WriteCycles | None
    ) -> Spikes:
        """Count a block; returns the spikes of its updates.

        ``sent``: those of the core before; None: the events are those of the chain's input.
        """
        self._counts.count(self._cycles, cycles)
        started = self._started(cycles, trace, writes)
        if sent is None:
            events = self._collector.take(cycles, started.cycle)
        else:
            events = from_spikes(self._received(sent, started.resets))
        found = self._hits(events, started.cycle, writes)
        self._count_completed(trace, started._replace(events=found))
        return started.resets, started.steps[:, :, 7]

    def _hits(self, events: StepEvents, starts: Ints, writes: WriteCycles | None) -> Bools:
        """In which of the updates that start in the cycles ``starts`` each bin of the events is
        hit, with the weights as they are written before each, (updates, bins)."""
        parts, first = [], 0
        written = (
            []
            if writes is None
            else np.flatnonzero(writes.of(self._k, NUMBERS["weights"])).tolist()
        )
        for cycle in [*written, None]:
            end = len(starts) if cycle is None else int(np.searchsorted(starts, cycle))
            if end > first or cycle is None:
                part = events.part(first, end)
                parts.append(
                    event_hits(self._counts, self._events, self._params, part, self._weights)
                )
                first = end
            if cycle is not None and writes is not None:
                named = writes.named
                self._weights[named.row[cycle], named.place[cycle]] = named.value[cycle]
        return np.concatenate(parts)

    def _received(self, sent: Spikes, resets: Ints) -> Ints:
        """The spikes that updates after so many ``resets`` receive: those of the updates of the
        core before, one by one, from each reset on."""
        made, fire = _joined(self._sent, sent)
        turn = np.arange(len(resets)) - np.searchsorted(resets, resets)
        at = np.searchsorted(made, resets) + turn
        if not np.array_equal(made[at], resets):
            raise ValueError("steps: an update without one of the core before")
        left = made == self._resets
        left[: at[-1] + 1 if len(at) else 0] = False
        self._sent = made[left], fire[left]
        received: Ints = fire[at]
        return received


class RowCounter(UpdateCounter):
    """Counts the bins of core ``k`` of a network of cores that read rows, whose memories begin at
    ``places`` (:func:`~fxlif.cycles.row_model.first_weights`)."""

    def __init__(
        self, counts: BinCounts, network: HardwareNetwork, k: int, places: dict[int, int]
    ) -> None:
        super().__init__(counts, network.cores[k], k, prefix_of(k))
        self._words = RowWords(network.cores[k], places)
        self._rows = counts.declare(row_bins(network, k, self._words))
        self._cycles = counts.declare(row_control_bins(network, k))
        self._last: RowCycles | None = None
        core = network.cores[k]
        self._changed = np.zeros(self._words.weight.shape, dtype=np.bool_)
        self._written = counts.declare(
            WrittenBin(f"{prefix_of(k)}projection[{memory.projection}]",
                       f"a word with another weight than {BEFORE_WRITES}",
                       partial(_in_memory, self._words, m))
            for m, memory in enumerate(core.memories) if memory.holds is not None and memory.longest
        )  # fmt: skip

    def take(self, cycles: Cycles, trace: CoreTrace, writes: WriteCycles | None) -> None:
        """Count a block."""
        self._counts.count(self._cycles, cycles)
        self._last = RowCycles(self._words, trace, cycles.rst, self._last)
        self._counts.count(self._rows, self._last)
        if writes is not None and self._written:
            self._counts.count(self._written, self._added_otherwise(self._last, writes))
        self._count_completed(trace, self._started(cycles, trace, writes))

    def _added_otherwise(self, rows: RowCycles, writes: WriteCycles) -> Ints:
        """The words added, in order, of which a weight is another one than it is described with."""
        core, found = self._words.core, []
        added, at, first = rows.added, rows.added_in, 0
        written = np.flatnonzero(writes.of(self._k, NUMBERS["weights"])).tolist()
        for cycle in [*written, None]:
            end = len(at) if cycle is None else int(np.searchsorted(at, cycle))
            some = added[first:end]
            found.append(some[self._changed[some].any(axis=1)])
            first = end
            if cycle is not None:
                number, lane = writes.named.row[cycle], writes.named.place[cycle]
                m = core.weight_slots[number, lane]
                word = number - core.first_words[m]
                changed = writes.named.value[cycle] != core.memories[m].weights[word, lane]
                self._changed[self._words.begins[m] + word, lane] = changed
        return np.concatenate(found)


def _in_memory(words: RowWords, number: int, numbers: Ints) -> Bools:
    found: Bools = words.memory[numbers] == number
    return found


@dataclass(frozen=True, kw_only=True)
class NeuronCycles:
    """Some cycles of a lone neuron: ``rst``, ``enable`` and ``resting`` (cycles,); for how long
    enable was low before each step, and reset high before each cycle without."""

    rst: Bools
    enable: Bools
    low_lengths: Ints
    reset_lengths: Ints
    resting: Bools


def _waited(k: int) -> Callable[[NeuronCycles], Bools]:
    return lambda c: classes(c.low_lengths) == k


class NeuronCounter:
    """Counts the bins of a lone neuron: its steps, its enable and its reset."""

    def __init__(self, counts: BinCounts, neuron: NeuronParams) -> None:
        self._counts = counts
        self._steps = StepCounter(counts, neuron, 1)
        self._bins = counts.declare([
            *(BinRule("enable", f"low for {name} cycles", _waited(k))
              for k, name in enumerate(LENGTH_NAMES)),
            BinRule("reset", "for 1 cycle", lambda c: c.reset_lengths == 1),
            BinRule("reset", "for longer", lambda c: c.reset_lengths > 1),
            BinRule("reset", "while enabled", lambda c: c.rst & c.enable),
            BinRule("reset", "while not enabled", lambda c: c.rst & ~c.enable),
            BinRule("reset", "while resting", lambda c: c.rst & c.resting, no_rest(neuron),
                    fires_key()),
        ])  # fmt: skip
        self._low = self._reset = self._resets = 0
        self._resting = False

    def take(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        """Count a block of cycles, and the steps of those with ``enable`` and without ``rst``."""
        taken = enable & ~rst
        if len(steps.fire) != np.count_nonzero(taken):
            raise ValueError(f"steps: must be {np.count_nonzero(taken)}, one per enabled cycle")
        resets = self._resets + np.cumsum(rst)
        self._steps.take(
            steps.before, steps.current, steps.threshold, steps.fire, resets[taken],
            np.broadcast_to(steps.random, steps.fire.shape),
        )  # fmt: skip
        low, held = Runs(~(enable | rst), self._low), Runs(rst, self._reset)
        # Whether it rests before each cycle: as after the last step, unless a reset came since.
        known = np.append(True, taken | rst)
        rests = np.append(self._resting, np.zeros(len(rst), dtype=np.bool_))
        rests[1:][taken] = steps.after.refractory > 0
        resting = rests[np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))]
        self._counts.count(self._bins, NeuronCycles(
            rst=rst, enable=enable, low_lengths=low.before[taken],
            reset_lengths=held.before[~rst], resting=resting[:-1],
        ))  # fmt: skip
        self._low, self._reset, self._resting = low.after, held.after, bool(resting[-1])
        self._resets += int(np.count_nonzero(rst))
