"""Counting bins, block after block: of steps of neurons, of a core, of a lone neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ...cycles.model import CoreTrace, Steps
from ...params.core import CoreParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from .bins import BinCounts, BinRule, Bools, Ints, Key
from .core_bins import StepEvents, event_bins, event_hits, from_spikes, spike_bins
from .cycle_bins import FLAG, LENGTH_NAMES, UPDATING, Cycles, classes, control_bins, runs_before
from .neuron_bins import StepValues, fires_key, neuron_bins

#: Steps of single neurons that are looked at together: their arrays stay in the processor's cache.
CHUNK = 1 << 14


def again_key(prefix: str = "") -> Key:
    """The bin of two spikes of a neuron as close together as its refractory period allows."""
    return (f"{prefix}refractory", "fires again as soon as it may")


class StepCounter:
    """Counts the bins of the steps of ``n`` neurons that are updated together."""

    def __init__(self, counts: BinCounts, neuron: NeuronParams, n: int, prefix: str = "") -> None:
        self._counts, self._neuron, self._n = counts, neuron, n
        # One that the parameters exclude need not even make sense for them.
        self._bins = [b for b in counts.declare(neuron_bins(neuron, prefix)) if not b.impossible]
        self._again = again_key(prefix)
        again: BinRule[Any] = BinRule(*self._again, self._fires_again, needs=fires_key(prefix))
        counts.declare([again])
        self._fired = np.zeros((0, n), dtype=np.bool_)
        self._resets = np.zeros(0, dtype=np.int64)

    def take(self, steps: Steps, resets: Ints) -> None:
        """Count ``len(resets)`` steps of every neuron, each with the number of resets before it."""
        wanted = self._counts.wanted(self._bins)
        for at in range(0, len(steps.fire), CHUNK) if wanted else ():
            part = slice(at, at + CHUNK)
            before = NeuronState(*(np.asarray(values)[part] for values in steps.before))
            values = StepValues(self._neuron, before, steps.current[part], steps.threshold[part])
            self._counts.count(wanted, values)
        if self._counts.wants(self._again):
            fire = steps.fire.reshape(-1, self._n)
            self._counts.add(self._again, np.count_nonzero(self._fires_again((fire, resets))))

    def _fires_again(self, steps: tuple[Bools, Ints]) -> Bools:
        gap = self._neuron.refractory + 1
        fire = np.concatenate([self._fired, steps[0]])
        resets = np.concatenate([self._resets, steps[1]])
        self._fired, self._resets = fire[-gap:], resets[-gap:]
        unbroken = resets[gap:] == resets[:-gap]
        again: Bools = fire[gap:] & fire[:-gap] & unbroken[:, None]
        return again


class CoreCounter:
    """Counts the bins of core ``k`` of a chain of ``total``; ``before`` counts the core before."""

    def __init__(
        self, counts: BinCounts, core: CoreParams, k: int, total: int, prefix: str,
        before: CoreCounter | None,
    ) -> None:  # fmt: skip
        self.core, self.prefix = core, prefix
        self._counts, self._before, self._is_last = counts, before, k == total - 1
        self._steps = StepCounter(counts, core.neuron, core.n_neurons, prefix)
        self._events = counts.declare(event_bins(core, prefix, before.prefix if before else None))
        self._spikes = counts.declare(spike_bins(core, prefix))
        self._cycles = counts.declare(control_bins(core, k, prefix))
        # Of the update under way: its steps, in which event bins it is, the resets before it.
        self._open: tuple[Steps, Bools, Ints] | None = None
        self._resets = 0
        self._last_key = -1
        #: Updates that the core after this one has not started: their keys and spikes.
        self.made: tuple[Ints, Bools] = (
            np.zeros(0, dtype=np.int64), np.zeros((0, core.n_neurons), dtype=np.bool_),
        )  # fmt: skip

    def starts(self, rst: Bools, trace: CoreTrace) -> Ints:
        """The cycles in which an update starts."""
        idle = (trace.control & (FLAG["pending"] | UPDATING)) == FLAG["pending"]
        return np.flatnonzero(idle & ~rst)

    def take(
        self, cycles: Cycles, trace: CoreTrace, starts: Ints, events: StepEvents | None
    ) -> None:
        """Count a block; without ``events``, its input events are those of the core before."""
        n = self.core.n_neurons
        if len(trace.steps.fire) != len(starts) * n:
            raise ValueError(f"steps: must be {len(starts)} of {n} neurons")
        self._counts.count(self._cycles, cycles)
        resets = self._resets + np.cumsum(cycles.rst)[starts]
        keys = self._keys(resets)
        if not self._is_last:
            fire = trace.steps.fire.reshape(-1, n)
            self.made = (
                np.concatenate([self.made[0], keys]), np.concatenate([self.made[1], fire]),
            )  # fmt: skip
        now = self._resets + int(np.count_nonzero(cycles.rst))
        if events is None:
            events = self._received(keys, now)
        wanted = self._counts.wanted(self._events)
        found = np.zeros((len(starts), len(self._events)), dtype=np.bool_)
        found[:, [self._events.index(b) for b in wanted]] = event_hits(wanted, self.core, events)
        self._take_completed(trace, starts, resets, found)
        self._resets = now

    def _keys(self, resets: Ints) -> Ints:
        """Numbers for updates that are equal from core to core: resets before it, place since."""
        at = np.arange(len(resets))
        fresh = np.ones(len(resets), dtype=np.bool_)
        fresh[1:] = resets[1:] != resets[:-1]
        if len(resets):
            fresh[0] = resets[0] != self._last_key >> 32
        base = np.maximum.accumulate(np.where(fresh, at, -1 - (self._last_key & 0xFFFFFFFF)))
        keys = (resets << 32) + at - base
        if len(keys):
            self._last_key = int(keys[-1])
        return keys

    def _received(self, keys: Ints, resets: int) -> StepEvents:
        before = self._before
        assert before is not None  # the events of the first core are given
        theirs, fire = before.made
        at = np.searchsorted(theirs, keys)
        if not np.array_equal(theirs[at], keys):
            raise ValueError("steps: an update without one of the core before")
        last = keys[-1] if len(keys) else -1
        kept = (theirs > last) & (theirs >> 32 == resets)
        before.made = (theirs[kept], fire[kept])
        return from_spikes(fire[at])

    def _take_completed(self, trace: CoreTrace, starts: Ints, resets: Ints, found: Bools) -> None:
        """Only what was written back was compared: an update that a reset ends is not counted."""
        n = self.core.n_neurons
        steps, cycles = trace.steps, starts
        if self._open is not None:
            steps = _each(lambda a, b: np.concatenate([a, b]), self._open[0], steps)
            found = np.concatenate([self._open[1], found])
            resets = np.concatenate([self._open[2], resets])
            cycles = np.concatenate([[-1], starts])

        def rows(picked: Any) -> Steps:
            # Copied: a model may use its arrays again.
            return _each(lambda values: values.reshape(-1, n)[picked].flatten(), steps)

        ends = np.flatnonzero(trace.valid & (trace.index == self.core.words - 1))
        done = np.searchsorted(cycles, ends) - 1
        if len(cycles):
            complete = bool(len(done)) and done[-1] == len(cycles) - 1
            last = slice(len(cycles) - 1, None)
            self._open = None if complete else (rows(last), found[last], resets[last])
        whole = steps if len(done) == len(cycles) else rows(done)
        self._steps.take(whole, resets[done])
        for each, count in zip(self._events, found[done].sum(axis=0), strict=True):
            self._counts.add(each.key, count)
        self._counts.count(self._spikes, whole.fire.reshape(-1, n))


def _each(function: Any, *steps: Steps) -> Steps:
    """``function`` of each array of ``steps``."""

    def made(*values: Any) -> Any:
        if isinstance(values[0], NeuronState):
            return NeuronState(*map(made, *values))
        return function(*values)

    return Steps(**{f.name: made(*(getattr(s, f.name) for s in steps)) for f in fields(Steps)})


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
        no_rest = "" if neuron.refractory else "refractory = 0"
        self._bins = counts.declare([
            *(BinRule("enable", f"low for {name} cycles", _waited(k))
              for k, name in enumerate(LENGTH_NAMES)),
            BinRule("reset", "for 1 cycle", lambda c: c.reset_lengths == 1),
            BinRule("reset", "for longer", lambda c: c.reset_lengths > 1),
            BinRule("reset", "while enabled", lambda c: c.rst & c.enable),
            BinRule("reset", "while not enabled", lambda c: c.rst & ~c.enable),
            BinRule("reset", "while resting", lambda c: c.rst & c.resting, no_rest, fires_key()),
        ])  # fmt: skip
        self._low = self._reset = self._resets = 0
        self._resting = False

    def take(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        """Count a block of cycles, and the steps of those with ``enable`` and without ``rst``."""
        taken = enable & ~rst
        if len(steps.fire) != np.count_nonzero(taken):
            raise ValueError(f"steps: must be {np.count_nonzero(taken)}, one per enabled cycle")
        resets = np.cumsum(rst)
        self._steps.take(steps, self._resets + resets[taken])
        low = runs_before(~enable & ~rst, self._low)
        held = runs_before(rst, self._reset)
        # Whether it rests before each cycle: after the last step, unless a reset came since.
        rests = np.append(steps.after.refractory > 0, self._resting)
        last = np.cumsum(taken) - taken - 1
        unbroken = np.append(resets[taken], 0)[last] == resets - rst
        self._counts.count(self._bins, NeuronCycles(
            rst=rst, enable=enable, low_lengths=low[:-1][taken],
            reset_lengths=held[:-1][~rst], resting=rests[last] & unbroken,
        ))  # fmt: skip
        self._low, self._reset = int(low[-1]), int(held[-1])
        if len(rst):
            end = int(np.count_nonzero(taken)) - 1
            since = (resets[taken][end] if end >= 0 else 0) == resets[-1]
            self._resting = bool(rests[end] and since)
            self._resets += int(resets[-1])
