"""Random steps of input events for a core, in phases of like steps, by compiled code."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ...compiled.jit import njit
from ...cycles.control import Ints, record
from ...params.core import CoreParams
from ...params.quantise import signed_range
from . import rates
from .draws import Words, draw, generator, tail

#: Steps that offer one input more often than a core was promised, and those with addresses that no
#: input has: a foreign core may not stand them.
BREAKS_PROMISE = frozenset({rates.REPEATED, rates.FLOOD, rates.LONG})
STRANGE = frozenset({rates.UNKNOWN})

#: What does not change: the core, and whether an input may come more often than was promised.
#: ``strays``: how many addresses no input has, 0 where they shall not come by the thousand.
CORE = record("inputs", "neurons", "bits", "promised", "strict", "strays")
#: Where the generator is: the events and the phases so far; the kind of the phase and the steps
#: that it still has, the neuron that is held, up (0) or down (1), and how often each of its inputs
#: comes; how often the address ``repeat`` still comes in a long step (ANYONE: another each time,
#: EACH: in turn, STRAY: another that no input has); and whether a TICK is due.
SOURCE = record(
    "events", "phases", "kind", "steps", "neuron", "down", "times", "repeats", "repeat", "tick",
)  # fmt: skip
ANYONE, EACH, STRAY = -1, -2, -3
#: Most events of a step that is written at once, with its TICK.
ROOM = max(rates.MOST * rates.REPEATS, rates.HOLD_EVENTS + rates.MOST) + 1
_COUNTS = np.array(rates.STEP_COUNTS)


@njit
def begin_phase(
    random: Words, core: Any, now: Any, kinds: Ints, step_counts: Ints, counts: Ints
) -> None:
    """Draw what the next steps are."""
    # Like cards, each kind comes once before it comes again: a short run sees them all.
    at = now["phases"] % len(kinds)
    chosen = at + draw(random, len(kinds) - at)
    kinds[at], kinds[chosen] = kinds[chosen], kinds[at]
    now["phases"] += 1
    now["kind"] = kinds[at]
    now["steps"] = min(step_counts[draw(random, len(step_counts))], 2 + now["phases"])
    now["down"], now["neuron"] = draw(random, 2), draw(random, core["neurons"])
    budget = rates.LEAST + (now["events"] >> rates.SHARE)
    if now["kind"] == rates.SILENT and now["steps"] == step_counts[-1]:
        now["steps"] = tail(random, now["steps"], min(rates.LONGEST, budget))
    elif now["kind"] == rates.HOLD:
        inputs = max(1, counts[now["down"], now["neuron"]])
        if budget >= rates.LATE and draw(random, rates.SWINGS) == 0:
            now["kind"] = rates.SWING
            inputs = max(inputs, counts[1 - now["down"], now["neuron"]])
        most = max(1, rates.HOLD_EVENTS // inputs)
        now["times"] = min(1 << draw(random, 9), core["promised"] if core["strict"] else most)
        events = tail(random, rates.HOLD_TAIL, min(rates.LONGEST, budget))
        now["steps"] = 1 + events // (inputs * now["times"])
    elif now["kind"] == rates.FULL and budget >= rates.LATE:
        most = 1 + budget // max(1, core["inputs"] * core["promised"])
        now["steps"] = min(now["steps"], most)
    elif now["kind"] in (rates.FLOOD, rates.LONG, rates.FULL):
        now["steps"] = 1


@njit
def begin_step(
    random: Words, core: Any, now: Any, favourites: Ints, counts: Ints, floods: Ints, filled: int,
    events: Ints,
) -> int:  # fmt: skip
    """Write the events of a step, or say what is to be repeated; how many are filled then."""
    kind, inputs, promised = now["kind"], core["inputs"], core["promised"]
    budget = rates.LEAST + (now["events"] >> rates.SHARE)
    if kind == rates.SPARSE:
        for _ in range(draw(random, 2 if core["strict"] else 3)):
            events[filled] = draw(random, inputs)
            filled += 1
    elif kind == rates.ANY:
        count = draw(random, min(inputs, rates.MOST) + 1)
        for k in range(count):
            # One of each of so many parts of the inputs: none comes twice.
            low, high = k * inputs // count, (k + 1) * inputs // count
            if not core["strict"]:
                low, high = 0, inputs
            events[filled] = low + draw(random, high - low)
            filled += 1
    elif kind == rates.SWING:
        down, neuron = now["down"], now["neuron"]
        for _ in range(now["times"]):  # in turn: none comes twice in a row
            for k in range(counts[down, neuron]):
                events[filled] = favourites[down, neuron, k]
                filled += 1
        now["down"] = 1 - down
    elif kind in (rates.EXCITE, rates.INHIBIT, rates.HOLD):
        down, neuron = 1 if kind == rates.INHIBIT else 0, draw(random, core["neurons"])
        times = min(promised, rates.REPEATS)
        if kind == rates.HOLD:
            down, neuron, times = now["down"], now["neuron"], now["times"]
        for k in range(counts[down, neuron]):
            for _ in range(times):
                events[filled] = favourites[down, neuron, k]
                filled += 1
    elif kind == rates.UNKNOWN:
        # All of them may be the same input.
        for _ in range(1 + draw(random, min(promised, 4) if core["strict"] else 4)):
            events[filled] = draw(random, 1 << core["bits"])
            filled += 1
        if core["strays"] and budget >= rates.LATE and now["steps"] == 1:
            now["repeat"] = STRAY
            now["repeats"] = tail(random, rates.STRAYS, min(rates.LONGEST, budget))
    elif kind == rates.REPEATED:
        now["repeat"] = draw(random, inputs)
        now["repeats"] = promised + 1 + draw(random, rates.EXCESS)
    elif kind == rates.FLOOD:
        down, neuron = draw(random, 2), draw(random, core["neurons"])
        if counts[down, neuron] and floods[down, neuron] <= budget:
            now["repeat"] = favourites[down, neuron, 0]
            now["repeats"] = floods[down, neuron] + draw(random, rates.EXCESS)
            if budget >= rates.LATE:
                now["repeats"] += tail(random, rates.EXCESS, min(rates.LONGEST, budget))
    elif kind == rates.LONG:
        now["repeat"] = ANYONE
        now["repeats"] = tail(random, rates.LONG_TAIL, min(rates.LONGEST, budget))
    elif kind == rates.FULL and inputs * promised <= budget:
        now["repeat"], now["repeats"] = EACH, inputs * promised
    return filled


@njit
def fill_events(
    random: Words, core_row: Any, source: Any, kinds: Ints, step_counts: Ints, favourites: Ints,
    counts: Ints, floods: Ints, events: Ints,
) -> int:  # fmt: skip
    """Packed events, until ``events`` has no room for a usual step: how many.

    ``favourites`` (2, n_neurons, most): the inputs that push a neuron up, or down, strongest
    first; ``counts`` (2, n_neurons) of them; ``floods`` (2, n_neurons) events of the first one
    saturate the accumulator.
    """
    core, now, filled = core_row[0], source[0], 0
    while filled < len(events):
        start = filled
        if now["repeats"] > 0:
            count = min(now["repeats"], len(events) - filled)
            for k in range(count):
                address = now["repeat"]
                if address == ANYONE:
                    address = draw(random, core["inputs"])
                elif address == STRAY:
                    address = core["inputs"] + draw(random, core["strays"])
                elif address == EACH:
                    address = (now["repeats"] - k - 1) // core["promised"]
                events[filled + k] = address
            now["repeats"] -= count
            filled += count
        elif now["tick"]:
            events[filled] = 1 << core["bits"]
            filled += 1
            now["tick"] = 0
        elif len(events) - filled < ROOM:
            return filled
        else:
            if now["steps"] == 0:
                begin_phase(random, core, now, kinds, step_counts, counts)
            filled = begin_step(random, core, now, favourites, counts, floods, filled, events)
            now["steps"] -= 1
            now["tick"] = 1
        now["events"] += filled - start
    return filled


class Events:
    """Packed events for the inputs of a core, from one seed and without end.

    Args:
        strict: offer no input more often in a step than ``max_events_per_input``.
        without: kinds of steps that never come.
    """

    def __init__(
        self, core: CoreParams, seed: int, axis: int, *, strict: bool = False,
        without: Collection[int] = (),
    ) -> None:  # fmt: skip
        self._random, self._now = generator(seed, axis), np.zeros(1, SOURCE)
        # Not where nothing has an input and TICKs are the rule, nor where not all can be stood.
        few = strict or rates.SPARSE in without
        strays = 0 if few else (1 << core.in_address_bits) - core.n_inputs
        self._core = np.array(
            [(core.n_inputs, core.n_neurons, core.in_address_bits, core.max_events_per_input,
              strict, strays)], CORE
        )  # fmt: skip
        kinds = {kind: often for kind, often in rates.STEPS.items() if kind not in without}
        self._kinds = np.repeat(list(kinds), list(kinds.values()))
        most = min(rates.MOST, max(1, core.n_inputs // 4))
        signed = np.stack([core.weights.T, -core.weights.T]).astype(np.int64)
        order = np.argsort(-signed, axis=2, kind="stable")[:, :, :most]
        self._favourites = np.ascontiguousarray(order)  # one compiled form for all designs
        best = np.take_along_axis(signed, self._favourites, axis=2)
        self._counts = (best > 0).sum(axis=2)
        ends = np.array([[1], [-1]]) * np.array(signed_range(core.accumulator_bits)[::-1])[:, None]
        needed = -(-ends // np.maximum(best[:, :, 0], 1)) + 1
        self._floods = np.where(needed <= rates.FLOOD_EVENTS, needed, 0)

    def take(self, least: int) -> Ints:
        """At least the next ``least`` packed events.

        How many are taken at a time changes nothing about which they are.
        """
        events = np.empty(least + ROOM, dtype=np.int64)
        with np.errstate(over="ignore"):  # SplitMix64 counts modulo 2**64
            filled = fill_events(
                self._random, self._core, self._now, self._kinds, _COUNTS,
                self._favourites, self._counts, self._floods, events,
            )  # fmt: skip
        return events[:filled]
