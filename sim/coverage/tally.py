"""Counting the bins of one population and of one core, block after block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cycles.model import CoreTrace, Steps
from ...params.core import CoreParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from .event_bins import SpikeBin, StepEvents, event_bins, from_spikes, hits, spike_bins
from .step_bins import View, step_bins
from .stream_bins import FLAG, SWEEPING, Bools, CycleBin, CycleView, Ints, control_bins

#: Steps of single neurons that are looked at together: their arrays stay in the cache.
CHUNK = 1 << 14
Key = tuple[str, str]
#: Group, without the prefix of a core, and name of the bins that others are about.
FIRES: Key = ("threshold", "fires")
AGAIN: Key = ("refractory", "fires again as soon as it may")


@dataclass(frozen=True)
class Rule:
    """A bin before it is counted: ``impossible`` says why the parameters alone forbid it; where
    ``needs`` names another bin, this one cannot be hit without that one."""

    key: Key
    impossible: str = ""
    needs: Key | None = None


class Tally:
    """How often each bin was hit. With ``counts`` False, as often as its goal is enough."""

    def __init__(self, *, counts: bool, goal: int) -> None:
        self.counts, self.goal = counts, goal
        self.rules: dict[Key, Rule] = {}
        self.hits: dict[Key, int] = {}

    def declare(
        self, group: str, name: str, impossible: str = "", needs: Key | None = None
    ) -> None:
        """Add a bin."""
        key = (group, name)
        self.rules[key] = Rule(key, impossible, None if needs == key else needs)
        self.hits[key] = 0

    def wants(self, group: str, name: str) -> bool:
        """Whether it is of use to look at a bin."""
        key = (group, name)
        return self.counts or (self.hits[key] < self.goal and not self.rules[key].impossible)

    def add(self, group: str, name: str, count: Any) -> None:
        """Count hits of a bin."""
        self.hits[group, name] += int(count)


class SweepTally:
    """The steps of one population, in order: rows of ``n`` neurons."""

    def __init__(self, tally: Tally, neuron: NeuronParams, n: int, prefix: str) -> None:
        self._tally, self._neuron, self._n, self._prefix = tally, neuron, n, prefix
        declared = step_bins(neuron)
        # One that the parameters exclude need not even make sense for them.
        self._bins = tuple(each for each in declared if not each.impossible)
        self.fires = (prefix + FIRES[0], FIRES[1])
        self._again = (prefix + AGAIN[0], AGAIN[1])
        for each in declared:
            tally.declare(prefix + each.group, each.name, each.impossible)
        tally.declare(*self._again, needs=self.fires)
        self._fired = np.zeros((0, n), dtype=np.bool_)
        self._epochs = np.zeros(0, dtype=np.int64)

    def take(self, steps: Steps, epochs: Ints) -> None:
        """Steps of ``len(epochs)`` rows; a row's epoch is the number of resets before it."""
        wanted = [b for b in self._bins if self._tally.wants(self._prefix + b.group, b.name)]
        for at in range(0, len(steps.fire), CHUNK) if wanted else ():
            part = slice(at, at + CHUNK)
            before = NeuronState(*(np.asarray(values)[part] for values in steps.before))
            view = View(self._neuron, before, steps.current[part], steps.threshold[part])
            for each in wanted:
                count = np.count_nonzero(each.hit(view))
                self._tally.add(self._prefix + each.group, each.name, count)
        self._take_fires(steps.fire.reshape(-1, self._n), epochs)

    def _take_fires(self, fire: Bools, epochs: Ints) -> None:
        if not self._tally.wants(*self._again):
            return
        gap = self._neuron.refractory + 1
        fire = np.concatenate([self._fired, fire])
        epochs = np.concatenate([self._epochs, epochs])
        same = epochs[gap:] == epochs[:-gap]
        self._tally.add(*self._again, np.count_nonzero(fire[gap:] & fire[:-gap] & same[:, None]))
        self._fired, self._epochs = fire[-gap:], epochs[-gap:]


class CoreTally:
    """One core of a chain."""

    def __init__(
        self, tally: Tally, cores: Sequence[CoreParams], k: int, prefix: str,
        before: CoreTally | None,
    ) -> None:  # fmt: skip
        self.core = core = cores[k]
        self.prefix = prefix
        self._tally = tally
        self._sweeps = SweepTally(tally, core.neuron, core.n_neurons, prefix)
        fires = self._sweeps.fires
        self._events = event_bins(core, chained=k > 0, prefix=prefix)
        self._spikes = spike_bins(core, prefix)
        self._cycles = tuple(control_bins(cores, k, prefix))
        self._before = before
        for event in self._events:
            tally.declare(event.group, event.name, event.impossible, self._source(event.name))
        others: tuple[SpikeBin | CycleBin, ...] = (*self._spikes, *self._cycles)
        for each in others:
            tally.declare(each.group, each.name, each.impossible, fires if each.spikes else None)
        # Of the sweep under way: its steps, its events' bins, its epoch.
        self._open: tuple[Steps, Bools, Ints] | None = None
        self._epoch = 0
        self._last_key = -1
        self._is_last = k == len(cores) - 1
        #: Sweeps that the core after this one has not started: their keys and spikes.
        self.made: tuple[Ints, Bools] = (
            np.zeros(0, dtype=np.int64), np.zeros((0, core.n_neurons), dtype=np.bool_),
        )  # fmt: skip

    def _source(self, name: str) -> Key | None:
        """The bin of the core before without which there are no such events."""
        if self._before is None or name == "none in a step":
            return None
        if name == "of the last input":
            return (f"{self._before.prefix}spikes", "of the last neuron")
        return self._before.fires

    @property
    def fires(self) -> Key:
        """The bin of a spike of any neuron."""
        return self._sweeps.fires

    def starts(self, rst: Bools, trace: CoreTrace) -> Ints:
        """The cycles in which a sweep starts."""
        idle = (trace.control & (FLAG["pending"] | SWEEPING)) == FLAG["pending"]
        return np.flatnonzero(idle & ~rst)

    def take(
        self, view: CycleView, trace: CoreTrace, starts: Ints, window: StepEvents | None
    ) -> None:
        """Count a block; its input events come from ``window`` or from the core before."""
        n = self.core.n_neurons
        if len(trace.steps.fire) != len(starts) * n:
            raise ValueError(
                f"steps: found {len(trace.steps.fire)}, allowed {len(starts)} sweeps of {n}"
            )
        for each in self._cycles:
            if self._tally.wants(each.group, each.name):
                self._tally.add(each.group, each.name, each.count(view))
        epochs = self._epoch + np.cumsum(view.rst)[starts]
        keys = self._keys(epochs)
        if not self._is_last:
            fire = trace.steps.fire.reshape(-1, n)
            self.made = (
                np.concatenate([self.made[0], keys]), np.concatenate([self.made[1], fire]),
            )  # fmt: skip
        now = self._epoch + int(np.count_nonzero(view.rst))
        wanted = [b for b in self._events if self._tally.wants(b.group, b.name)]
        events = window if window is not None else self._received(keys, now)
        found = np.zeros((len(starts), len(self._events)), dtype=np.bool_)
        found[:, [self._events.index(b) for b in wanted]] = hits(wanted, self.core, events)
        self._take_completed(trace, starts, epochs, found)
        self._epoch = now

    def _keys(self, epochs: Ints) -> Ints:
        """Numbers for sweeps that are equal from core to core: epoch and place within it."""
        at = np.arange(len(epochs))
        fresh = np.ones(len(epochs), dtype=np.bool_)
        fresh[1:] = epochs[1:] != epochs[:-1]
        if len(epochs):
            fresh[0] = epochs[0] != self._last_key >> 32
        base = np.maximum.accumulate(np.where(fresh, at, -1 - (self._last_key & 0xFFFFFFFF)))
        keys = (epochs << 32) + at - base
        if len(keys):
            self._last_key = int(keys[-1])
        return keys

    def _received(self, keys: Ints, epoch: int) -> StepEvents:
        before = self._before
        assert before is not None  # only the first core has a window
        theirs, fire = before.made
        at = np.searchsorted(theirs, keys)
        if not np.array_equal(theirs[at], keys):
            raise ValueError("steps: a sweep without one of the core before")
        last = keys[-1] if len(keys) else -1
        kept = (theirs > last) & (theirs >> 32 == epoch)
        before.made = (theirs[kept], fire[kept])
        return from_spikes(fire[at])

    def _take_completed(self, trace: CoreTrace, starts: Ints, epochs: Ints, found: Bools) -> None:
        """Only what was written back was compared, so a sweep that a reset ends is not counted."""
        n = self.core.n_neurons
        steps, cycles = trace.steps, starts
        if self._open is not None:
            steps = _join(self._open[0], steps)
            found = np.concatenate([self._open[1], found])
            epochs = np.concatenate([self._open[2], epochs])
            cycles = np.concatenate([[-1], starts])
        ends = np.flatnonzero(trace.valid & (trace.index == self.core.words - 1))
        done = np.searchsorted(cycles, ends) - 1
        if len(cycles):
            complete = bool(len(done)) and done[-1] == len(cycles) - 1
            last = slice(len(cycles) - 1, None)
            self._open = None if complete else (_rows(steps, last, n), found[last], epochs[last])
        whole = steps if len(done) == len(cycles) else _rows(steps, done, n)
        self._sweeps.take(whole, epochs[done])
        for each, count in zip(self._events, found[done].sum(axis=0), strict=True):
            self._tally.add(each.group, each.name, count)
        fire = whole.fire.reshape(-1, n)
        for spike in self._spikes:
            if self._tally.wants(spike.group, spike.name):
                self._tally.add(spike.group, spike.name, np.count_nonzero(spike.hit(fire)))


def _rows(steps: Steps, rows: Any, n: int) -> Steps:
    """Some sweeps of ``n`` neurons each, copied: a model may use its arrays again."""

    def pick(values: Any) -> Any:
        return values.reshape(-1, n)[rows].flatten()

    return Steps(
        before=NeuronState(*map(pick, steps.before)), current=pick(steps.current),
        threshold=pick(steps.threshold), after=NeuronState(*map(pick, steps.after)),
        fire=pick(steps.fire),
    )  # fmt: skip


def _join(a: Steps, b: Steps) -> Steps:
    def both(x: NeuronState, y: NeuronState) -> NeuronState:
        return NeuronState(*(np.concatenate(pair) for pair in zip(x, y, strict=True)))

    return Steps(
        before=both(a.before, b.before), current=np.concatenate([a.current, b.current]),
        threshold=np.concatenate([a.threshold, b.threshold]), after=both(a.after, b.after),
        fire=np.concatenate([a.fire, b.fire]),
    )  # fmt: skip
