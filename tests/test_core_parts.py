"""Each part of a core alone: what it should show in each cycle, and what it shows.

``ref_x`` says from the words of the part's docstring what it should be, ``rtl_x`` runs the Amaranth
component on the same inputs. Both answer one value for each cycle, None where nothing counts.
Inputs are drawn and keep what the part asks of its neighbours, nothing more; resets come among
them.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from typing import Any

import oracle
import pytest
from amaranth.hdl import Value
from designs import CORES, OFTEN, SEED, SIMPLE, make
from pysim import Row, clocked

from fxlif.cycles.pipeline import update_stages
from fxlif.hdl.core import counters
from fxlif.hdl.core.counters import Counters
from fxlif.hdl.core.emitter import Emitter
from fxlif.hdl.core.issue import Issue
from fxlif.hdl.core.neurons import Neurons
from fxlif.hdl.core.queue import SpikeQueue
from fxlif.hdl.core.totals import Totals
from fxlif.hdl.core.weights import weight_words
from fxlif.params.core import CoreParams

#: How likely a reset is in a cycle.
RESET = 0.03


def draw(name: str) -> random.Random:
    return random.Random(f"{SEED} {name}")


def lanes_of(core: CoreParams, word: int) -> range:
    """The lanes of a word that are neurons, and do not only fill it up."""
    return range(min(core.lanes, core.n_neurons - word * core.lanes))


def facts(last: int, spikes: Sequence[int]) -> Row:
    """Of a word's neurons that fired, and of the TICK: are there some, is it one, a neuron and a
    TICK? Whether it is one counts only where there are some."""
    events = sum(map(bool, spikes)) + last
    return int(events > 0), int(events == 1), int(last and events == 2)


# --- issue ----------------------------------------------------------------------------------------


def issue_rows(core: CoreParams, cycles: int) -> list[Row]:
    """(reset, valid, address, tick, done)."""
    rng = draw("issue")
    return [
        (rng.random() < RESET, rng.random() < 0.8, rng.randrange(1 << core.in_address_bits),
         rng.random() < 0.3, rng.random() < 0.1)
        for _ in range(cycles)
    ]  # fmt: skip


def ref_issue(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    """(ready, unknown, (operation, word, its weights) in the first stage)."""
    padding = [0] * (core.words * core.lanes - core.n_neurons)
    weights = [[*row, *padding] for row in core.weights.tolist()]

    def slots(name: str, row: Sequence[int] = ()) -> list[Any]:
        cut = [list(row[k * core.lanes :][: core.lanes]) for k in range(core.words)]
        words = [(name, k, cut[k]) for k in range(core.words)]
        return [*words, *[None] * (max(core.words, 4) - core.words)]

    shown: list[Any] = []
    coming, pending, updating = slots("clear"), False, True
    for reset, valid, address, tick, done in rows:
        now = coming.pop(0) if coming else None
        ready = not coming and not pending
        taken = ready and valid
        known = address < core.n_inputs
        shown.append((ready, taken and not tick and not known, now))
        pending = bool(pending or (taken and tick))
        if taken and not tick and known:
            coming = slots("add", weights[address])
        if pending and not updating:
            coming, pending, updating = slots("update"), False, True
        elif done:
            updating = False
        if reset:
            coming, pending, updating = slots("clear"), False, True
    return shown


def rtl_issue(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    part = Issue(core)
    stream, operation = part.events_in, part.operation
    inputs = [stream.valid, stream.payload.address, stream.payload.tick, part.done]
    outputs = [stream.ready, part.unknown, operation.add, operation.update, operation.clear,
               operation.word, part.weight_address]  # fmt: skip
    memory = weight_words(core).tolist()
    shown: list[Any] = []
    for ready, unknown, add, update, clear, word, address in clocked(part, inputs, outputs, rows):
        names = [n for n, on in (("add", add), ("update", update), ("clear", clear)) if on]
        now = (*names, word, memory[address] if add else []) if names else None
        shown.append((ready, unknown, now))
    return shown


#: Words and inputs by turns a power of two and not: each way to find weights.
ISSUING = ["two words", "one lane", "a lane to spare", "counts of spikes"]


@pytest.mark.parametrize("name", ISSUING)
def test_issue(name: str) -> None:
    rows = issue_rows(CORES[name], 400)
    assert rtl_issue(CORES[name], rows) == ref_issue(CORES[name], rows)


# --- totals ---------------------------------------------------------------------------------------


def totals_rows(core: CoreParams, cycles: int) -> list[Row]:
    """(reset, add, update, clear, word, *weights): each word again after 4 cycles or more.
    Long runs of weights of one sign clip the sums."""
    rng = draw("totals")
    ends = -1 << core.neuron.weight_bits - 1, (1 << core.neuron.weight_bits - 1) - 1
    rows: list[Row] = []
    recent: deque[int | None] = deque([None] * 3, maxlen=3)
    for cycle in range(cycles):
        free = [word for word in range(core.words) if word not in recent]
        busy = bool(free) and rng.random() < 0.9
        word = rng.choice(free) if busy else 0
        kind = rng.choices(range(3), (18, 1, 1))[0]
        recent.append(word if busy else None)
        end = ends[cycle >> 6 & 1]
        weights = [rng.choice((end, rng.randint(*ends))) for _ in range(core.lanes)]
        operation = [int(busy and kind == k) for k in range(3)]
        rows.append((rng.random() < RESET, *operation, word, *weights))
    return rows


def ref_totals(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    """(the totals of the word that an operation was at 2 cycles before, the lanes clipped)."""
    low, high = -1 << core.accumulator_bits - 1, (1 << core.accumulator_bits - 1) - 1
    sums = [[0] * core.lanes for _ in range(core.words)]
    shown: list[Any] = [(None, [0] * core.lanes) for _ in rows]
    for cycle, (_, add, update, clear, word, *_weights) in enumerate(rows[:-3]):
        if not (add or update or clear):
            continue
        shown[cycle + 2] = sums[word], shown[cycle + 2][1]
        if any(row[0] for row in rows[cycle : cycle + 3]):
            continue
        exact = [a + b if add else 0 for a, b in zip(sums[word], rows[cycle + 2][5:], strict=True)]
        sums[word] = [min(max(total, low), high) for total in exact]
        clipped = [int(a != b) for a, b in zip(sums[word], exact, strict=True)]
        shown[cycle + 3] = shown[cycle + 3][0], clipped
    return shown[:-3]


def rtl_totals(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    part = Totals(core)
    lanes, operation = range(core.lanes), part.operation
    inputs = [operation.add, operation.update, operation.clear, operation.word,
              *(part.weights[lane] for lane in lanes)]  # fmt: skip
    outputs = [*(part.total[lane] for lane in lanes), *(part.clipped[lane] for lane in lanes)]
    shown: list[Any] = []
    for cycle, row in enumerate(clocked(part, inputs, outputs, rows)):
        there = cycle >= 2 and any(rows[cycle - 2][1:4])
        shown.append((list(row[: core.lanes]) if there else None, list(row[core.lanes :])))
    return shown[:-3]


@pytest.mark.parametrize("name", ["one word", "one lane", "a lane to spare"])
def test_totals(name: str) -> None:
    rows = totals_rows(CORES[name], 400)
    assert rtl_totals(CORES[name], rows) == ref_totals(CORES[name], rows)


# --- neurons --------------------------------------------------------------------------------------


def neurons_rows(core: CoreParams, rounds: int) -> list[Row]:
    """(reset, update, clear, word, *totals): words in order, each again when it was written; after
    a reset, which comes once behind some words of an update, all are cleared."""
    rng = draw("neurons")
    distance = update_stages(core.neuron).index("write")
    half = 1 << core.accumulator_bits - 1
    shape: list[tuple[int, int, int, int]] = []
    for number in range(rounds):
        clears = number in (0, rounds // 2, rounds - 2)
        if number == rounds // 2:
            shape[1 - distance :] = [(1, 0, 0, 0)]
        for word in range(core.words):
            shape += [(0, 0, 0, 0)] * rng.choice((0, 0, 0, 1))
            shape.append((0, int(not clears), int(clears), word))
        shape += [(0, 0, 0, 0)] * (max(0, distance + 1 - core.words) + rng.randrange(2))
    shape += [(0, 0, 0, 0)] * distance
    return [(*row, *(rng.randrange(-half, half) for _ in range(core.lanes))) for row in shape]


def ref_neurons(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    """(cleared, (word, last, facts, spikes, states of real lanes) in stage ``write``)."""
    neuron, distance = core.neuron, update_stages(core.neuron).index("write")
    states = [oracle.initial(neuron)] * core.n_neurons
    lfsr = oracle.Lfsr(neuron.lfsr)
    shown: list[Any] = [(0, None)] * len(rows)
    for cycle, (reset, update, clear, word, *_totals) in enumerate(rows):
        if reset:
            lfsr = oracle.Lfsr(neuron.lfsr)
            shown[cycle + 1 :] = [(0, None)] * (len(rows) - cycle - 1)
        if not (update or clear):
            continue
        first, last = word * core.lanes, int(word == core.words - 1)
        spikes = [0] * core.lanes
        for lane in lanes_of(core, word):
            at = first + lane
            if clear:
                states[at] = oracle.initial(neuron)
                continue
            current = rows[cycle + 2][4 + lane] << core.weight_shift
            states[at], spikes[lane] = oracle.step(
                neuron, states[at], current, core.thresholds[at], lfsr.draw()
            )
        after = [[getattr(state, name) for name in neuron.state_widths]
                 for state in states[first : first + core.lanes]]  # fmt: skip
        written = (word, last, facts(last, spikes), spikes, after)
        shown[cycle + distance] = (0, written) if update else (last, None)
    return shown


def rtl_neurons(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    part = Neurons(core, core.accumulator_bits, core.weight_shift)
    lanes, operation, written = range(core.lanes), part.operation, part.written
    names = list(core.neuron.state_widths)
    inputs = [operation.update, operation.clear, operation.word,
              *(part.total[lane] for lane in lanes)]  # fmt: skip
    outputs = [part.cleared, written.valid, written.word, written.last, written.some, written.one,
               written.one_and_tick, *(written.spikes[lane] for lane in lanes)]  # fmt: skip
    outputs += [getattr(written.state[lane], name) for lane in lanes for name in names]
    shown: list[Any] = []
    for row in clocked(part, inputs, outputs, rows):
        cleared, valid, word, last, some, one, one_and_tick, *values = row
        spikes, values = values[: core.lanes], values[core.lanes :]
        after = [values[k * len(names) :][: len(names)] for k in lanes_of(core, word)]
        known = (some, one if some else 0, one_and_tick)
        shown.append((cleared, (word, last, known, spikes, after) if valid else None))
    return shown


NEURONS = ["one lane", "all options", "counts of spikes", "random rounding", "one word"]


@pytest.mark.parametrize("name", NEURONS)
def test_neurons(name: str) -> None:
    rows = neurons_rows(CORES[name], 20)
    assert rtl_neurons(CORES[name], rows) == ref_neurons(CORES[name], rows)


# --- spike queue ----------------------------------------------------------------------------------


def entry_of(rng: random.Random, core: CoreParams, last: int) -> Row:
    """(last, one, one and a TICK, word, *spikes) of a word with some events."""
    word = rng.randrange(core.words)
    spikes, lanes = [0] * core.lanes, lanes_of(core, word)
    for lane in rng.sample(lanes, rng.randint(1 - last, len(lanes))):
        spikes[lane] = rng.randint(1, core.neuron.max_spikes_per_step)
    _, one, one_and_tick = facts(last, spikes)
    return last, one, one_and_tick, word, *spikes


def fields(entry: Any, core: CoreParams) -> list[Value]:
    """The signals of what :func:`entry_of` draws."""
    spikes = [entry.spikes[lane] for lane in range(core.lanes)]
    return [entry.last, entry.one, entry.one_and_tick, entry.word, *spikes]


def queue_rows(core: CoreParams, updates: int) -> list[Row]:
    """(reset, push, ready, *entry): an entry for each word at most, then the queue runs empty."""
    rng = draw("queue")
    rows: list[Row] = []
    for _ in range(updates):
        pushes, patience = rng.choice((0.3, 1)), rng.choice((0, 0.5, 1))
        left = core.words
        for _ in range(core.words + rng.randrange(8)):
            push = int(left > 0 and rng.random() < pushes)
            left -= push
            entry = entry_of(rng, core, rng.randrange(2))
            rows.append((rng.random() < RESET, push, rng.random() < patience, *entry))
        rows += [(0, 0, 1, *entry_of(rng, core, 0)) for _ in range(core.words + 3)]
    return rows


def ref_queue(rows: Sequence[Row]) -> list[Row | None]:
    """The entry at the output."""
    inside: list[tuple[int, Row]] = []
    shown: list[Row | None] = []
    for cycle, (reset, push, ready, *entry) in enumerate(rows):
        there = bool(inside) and cycle >= inside[0][0] + 3
        shown.append(inside[0][1] if there else None)
        if there and ready:
            inside.pop(0)
        if push:
            inside.append((cycle, tuple(entry)))
        if reset:
            inside.clear()
    return shown


def rtl_queue(core: CoreParams, rows: Sequence[Row]) -> list[Row | None]:
    part = SpikeQueue(core)
    entries = part.entries
    inputs = [part.push, entries.ready, *fields(part.entry, core)]
    outputs = [entries.valid, *fields(entries.payload, core)]
    found = clocked(part, inputs, outputs, rows)
    return [tuple(entry) if valid else None for valid, *entry in found]


#: Twelve words do not fit into a memory of eight and the two registers behind it.
QUEUEING = {name: CORES[name] for name in ("one word", "counts of spikes")}
QUEUEING["twelve words"] = make(2, 12, 1, SIMPLE)


@pytest.mark.parametrize("core", QUEUEING.values(), ids=QUEUEING)
def test_queue(core: CoreParams) -> None:
    rows = queue_rows(core, 25)
    assert rtl_queue(core, rows) == ref_queue(rows)


# --- emitter --------------------------------------------------------------------------------------


def emitter_rows(core: CoreParams, cycles: int) -> list[Row]:
    """(reset, ready, valid, *entry): another entry in each cycle, also while it waits."""
    rng = draw("emitter")
    return [
        (rng.random() < RESET, rng.random() < 0.8, rng.random() < 0.8,
         *entry_of(rng, core, int(rng.random() < 0.4)))
        for _ in range(cycles)
    ]  # fmt: skip


def ref_emitter(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    """(whether it takes an entry, the event at the output, done)."""
    events: list[Row] = []
    shown: list[Any] = []
    for reset, ready, valid, last, _one, _one_and_tick, word, *spikes in rows:
        now = events[0] if events else None
        sends = bool(events and ready)
        events = events[sends:]
        takes = not events
        if takes and valid:
            for lane, count in enumerate(spikes):
                events += [(word * core.lanes + lane, 0)] * count
            events += [(0, 1)] * last
        moved = sends or (takes and valid)
        shown.append((takes, now, bool(moved and events and events[0] == (0, 1))))
        if reset:
            events = []
    return shown


def rtl_emitter(core: CoreParams, rows: Sequence[Row]) -> list[Any]:
    part = Emitter(core)
    entries, out = part.entries, part.events_out
    inputs = [out.ready, entries.valid, *fields(entries.payload, core)]
    outputs = [entries.ready, out.valid, out.payload.address, out.payload.tick, part.done]
    found = clocked(part, inputs, outputs, rows)
    return [(takes, (address, tick) if valid else None, done)
            for takes, valid, address, tick, done in found]  # fmt: skip


EMITTING = {name: CORES[name] for name in ("one word", "one lane", "counts of spikes")}
EMITTING["six lanes"] = make(2, 11, 6, SIMPLE)
EMITTING["counts of one lane"] = make(2, 5, 1, OFTEN)


@pytest.mark.parametrize("core", EMITTING.values(), ids=EMITTING)
def test_emitter(core: CoreParams) -> None:
    rows = emitter_rows(core, 400)
    assert rtl_emitter(core, rows) == ref_emitter(core, rows)


# --- counters -------------------------------------------------------------------------------------


def counters_rows(core: CoreParams, cycles: int) -> list[Row]:
    """(reset, unknown, *clipped)."""
    rng = draw("counters")
    flags = range(1 + core.lanes)
    return [(rng.random() < RESET, *(rng.randrange(2) for _ in flags)) for _ in range(cycles)]


def ref_counters(rows: Sequence[Row], bits: int) -> list[Row]:
    """(dropped, saturated)."""
    shown = []
    since = 0
    for cycle in range(len(rows)):
        dropped = sum(row[1] for row in rows[since : max(since, cycle - 1)])
        saturated = sum(sum(row[2:]) for row in rows[since : max(since, cycle - 2)])
        shown.append((dropped % (1 << bits), saturated % (1 << bits)))
        if rows[cycle][0]:
            since = cycle + 1
    return shown


def rtl_counters(core: CoreParams, rows: Sequence[Row]) -> list[Row]:
    part = Counters(core)
    inputs = [part.unknown, *(part.clipped[lane] for lane in range(core.lanes))]
    return clocked(part, inputs, [part.dropped, part.saturated], rows)


@pytest.mark.parametrize("lanes", [1, 3, 9])
def test_counters(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert counters.COUNTER_BITS == 32
    monkeypatch.setattr(counters, "COUNTER_BITS", 4)  # or no test would see them wrap around
    core = make(2, 9, lanes, SIMPLE)
    rows = counters_rows(core, 300)
    assert rtl_counters(core, rows) == ref_counters(rows, 4)
