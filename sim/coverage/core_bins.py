"""The bins of one step of a core: its input events and its spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cycles.latency import AnyCore
from ...params.core import CoreParams
from ...params.quantise import signed_range
from .bins import BEFORE_WRITES, BinCounts, BinRule, Bools, Ints
from .cycle_bins import Cycles, Source
from .neuron_bins import fires_key


@dataclass(frozen=True)
class StepEvents:
    """The known addresses that came in some steps, one step after the other, in arrival order.

    ``address`` (events,); ``ends`` (steps,): where each step's events end.
    """

    address: Ints
    ends: Ints

    @property
    def step(self) -> Ints:
        """To which step each event belongs, (events,)."""
        return np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))

    def part(self, first: int, end: int) -> StepEvents:
        """The steps from ``first`` to before ``end``."""
        before = int(self.ends[first - 1]) if first else 0
        ends = self.ends[first:end]
        return StepEvents(self.address[before : ends[-1] if len(ends) else before], ends - before)

    def of(self, step: int) -> Ints:
        """The addresses of one step."""
        return self.address[self.ends[step - 1] if step else 0 : self.ends[step]]


def from_spikes(fire: Ints) -> StepEvents:
    """The events that the spikes of the core before make; ``fire`` (steps, inputs): how many."""
    address = np.nonzero(fire)[1].repeat(fire[fire != 0])
    return StepEvents(address=address, ends=np.cumsum(fire.sum(axis=1)))


class EventCounts:
    """How often each input of a core spiked in some steps, and what follows from it.

    ``step``, ``address``, ``times`` (pairs,): each input of each step once, in order of the step.
    """

    def __init__(self, core: CoreParams, events: StepEvents, weights: Ints) -> None:
        self.core, self.events, self._weights = core, events, weights
        self.steps = len(events.ends)
        pairs, self.times = np.unique(
            events.step * core.n_inputs + events.address, return_counts=True
        )
        self.step, self.address = pairs // core.n_inputs, pairs % core.n_inputs

    def any_of(self, pairs: Bools) -> Bools:
        """Of which steps any pair holds."""
        return np.bincount(self.step[pairs], minlength=self.steps) > 0

    def inputs(self) -> Ints:
        """How many different inputs spiked, (steps,)."""
        return np.bincount(self.step, minlength=self.steps)

    def changed(self) -> Bools:
        """Whether an input spiked of which a weight is another one than it is described with."""
        other = (self._weights != self.core.weights).any(axis=1)
        return self.any_of(other[self.address])

    def mixed(self) -> Bools:
        """Whether a neuron was excited and inhibited."""
        found = np.zeros(self.steps, dtype=np.bool_)
        if not len(self.step):
            return found
        firsts = np.flatnonzero(np.diff(self.step, prepend=-1))
        ends = np.append(firsts[1:], len(self.step))
        above, below = self._weights > 0, self._weights < 0
        # Some steps at a time: what is gathered has one row per pair, one column per neuron.
        some = max(1, (1 << 22) // (self.core.n_neurons * self.core.n_inputs))
        for at in range(0, len(firsts), some):
            base, end = firsts[at], ends[at : at + some][-1]
            rows, cuts = self.address[base:end], firsts[at : at + some] - base
            up = np.logical_or.reduceat(above[rows], cuts, axis=0)
            down = np.logical_or.reduceat(below[rows], cuts, axis=0)
            found[self.step[firsts[at : at + some]]] = (up & down).any(axis=1)
        return found

    def saturates(self, end: int) -> Bools:
        """Whether the first sum of a neuron that did not fit was below the lowest (``end`` 0) or
        above the highest (1) value of the accumulator."""
        low, high = signed_range(self.core.accumulator_bits)
        found = np.zeros(self.steps, dtype=np.bool_)
        promised = self.core.max_events_per_input
        for step in np.flatnonzero(self.any_of(self.times > promised)).tolist():
            # Exact up to the first addition that does not fit, and no further is it looked at.
            sums = np.cumsum(self._weights[self.events.of(step)], axis=0)
            outside = (sums < low) | (sums > high)
            first = sums[outside.argmax(axis=0), np.arange(self.core.n_neurons)]
            found[step] = bool(((first > high) if end else (first < low)).any())
        return found


#: What :class:`EventCollector` notes in place of an address.
TICK, RESET = -1, -2

EventBin = BinRule[EventCounts]
#: Of the spikes of some steps, (steps, n) bool.
SpikeBin = BinRule[Bools]


def event_bins(core: CoreParams, prefix: str = "", before: Source | None = None) -> list[EventBin]:
    """The bins of the input events of one step.

    ``before`` is where they come from, so that no stimulus can choose them all; None: from outside.
    """
    group = f"{prefix}events"
    chained = before is not None
    most = "an input is a neuron of the core before: it spikes {} in a step"
    once, within = "", ""
    if before is not None:
        times = "once" if before.spikes == 1 else f"{before.spikes} times"
        once = most.format(times) if before.spikes == 1 else ""
        within = most.format(times) if before.spikes <= core.max_events_per_input else ""
    above, below = core.weights > 0, core.weights < 0
    if "weights" in core.writable:  # any of them may be either
        above = below = np.ones_like(above)
    both = (above.any(axis=0) & below.any(axis=0)).any()
    if core.n_inputs == 1:  # which has one sign at a time
        both = False
    last = core.n_inputs - 1
    promised = core.max_events_per_input
    up = "" if above.any() else "no weight is above 0"
    down = "" if below.any() else "no weight is below 0"
    fires = fires_key(before.prefix) if before is not None else None
    last_fires = (f"{before.prefix}spikes", "of the last neuron") if before is not None else None
    sums = (
        EventBin(group, "accumulator saturates up", lambda e: e.saturates(1), within or up, fires),
        EventBin(
            group, "accumulator saturates down", lambda e: e.saturates(0), within or down, fires,
        ),
    )  # fmt: skip
    written = [EventBin(group, f"with another weight than {BEFORE_WRITES}", EventCounts.changed,
                        needs=fires)]  # fmt: skip
    every = EventBin(group, "of every input in a step", lambda e: e.inputs() == core.n_inputs)
    return [
        EventBin(group, "none in a step", lambda e: e.inputs() == 0),
        *(() if chained else (every,)),
        EventBin(
            group, "of the last input", lambda e: e.any_of(e.address == last), needs=last_fires,
        ),
        EventBin(
            group, "an input repeated in a step", lambda e: e.any_of(e.times > 1), once, fires,
        ),
        EventBin(
            group, "more of an input than max_events_per_input",
            lambda e: e.any_of(e.times > promised), within, fires,
        ),
        *(() if core.neuron.per_event else sums),
        *(written if "weights" in core.writable else ()),
        EventBin(
            group, "a neuron excited and inhibited in a step", EventCounts.mixed,
            "" if both else "no neuron has weights above and below 0", fires,
        ),
    ]  # fmt: skip


def spike_bins(core: AnyCore, prefix: str = "") -> list[SpikeBin]:
    """The bins of the spikes of one step."""
    group, words, lanes = f"{prefix}spikes", core.words, core.lanes
    fires = fires_key(prefix)

    def several(fire: Bools) -> Bools:
        filled = np.pad(fire, ((0, 0), (0, words * lanes - fire.shape[1])))
        found: Bools = (filled.reshape(len(fire), words, lanes).sum(axis=2) > 1).any(axis=1)
        return found

    return [
        SpikeBin(group, "none in a step", lambda f: np.logical_not(f.any(axis=1))),
        SpikeBin(group, "of the first neuron", lambda f: f[:, 0], needs=fires),
        SpikeBin(group, "of the last neuron", lambda f: f[:, -1], needs=fires),
        SpikeBin(
            group, "of several neurons of a word", several, "" if lanes > 1 else "lanes = 1", fires,
        ),
    ]  # fmt: skip


class EventCollector:
    """The input events of each update of a core, from blocks of cycles."""

    def __init__(self, core: CoreParams) -> None:
        self._core = core
        # What happened in which cycle, from the last event that belongs to no later step on: an
        # address, a TICK or a reset. Cycles are numbered over all blocks.
        self._cycles, self._marks = np.array([-1]), np.array([RESET])
        self._now = 0

    def take(self, cycles: Cycles, starts: Ints) -> StepEvents:
        """The events of the updates that start in the cycles ``starts`` of this block."""
        mark = np.where(cycles.rst, RESET, np.where(cycles.tick, TICK, cycles.address))
        known = cycles.events_in.passes & (mark < self._core.n_inputs)
        at = np.flatnonzero(known | cycles.rst)
        happened = np.append(self._cycles, at + self._now)
        marks = np.append(self._marks, mark[at])
        ticks, bounds = np.flatnonzero(marks == TICK), np.flatnonzero(marks < 0)
        # An update is that of the last TICK taken before it starts; its events lie between that
        # and the TICK or reset before.
        ends = ticks[np.searchsorted(happened[ticks], starts + self._now) - 1]
        firsts = bounds[np.searchsorted(bounds, ends) - 1] + 1
        steps = np.cumsum(ends - firsts)
        picked = np.repeat(ends - steps, ends - firsts) + np.arange(steps[-1] if len(steps) else 0)
        keep = max([0, *ends[-1:], *np.flatnonzero(marks == RESET)[-1:]])
        self._cycles, self._marks = happened[keep:], marks[keep:]
        self._now += len(cycles.rst)
        return StepEvents(address=marks[picked], ends=steps)


def event_hits(
    counts: BinCounts, bins: list[EventBin], core: CoreParams, events: StepEvents,
    weights: Ints | None = None,
) -> Bools:  # fmt: skip
    """In which steps each bin that has to be looked at is hit, (steps, bins), with other
    ``weights`` than the core's where these are written."""
    found = np.zeros((len(events.ends), len(bins)), dtype=np.bool_)
    wanted = [k for k, each in enumerate(bins) if counts.wants(each)]
    if wanted:
        known = EventCounts(core, events, core.weights if weights is None else weights)
        for k in wanted:
            found[:, k] = bins[k].hit(known)
    return found
