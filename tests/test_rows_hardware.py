"""A network of cores that read rows, in Amaranth's simulator: every port in every cycle is that of
the cycle model; and its parts alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from designs import LONG, SEED
from graph_pysim import shown, wanted
from pysim import Row, clocked
from row_designs import random_events, random_network, stimulus

from fxlif import AllToAll, EventSource, NetworkParams, Population, Projection
from fxlif.hdl.rows.lockstep import Lockstep
from fxlif.hdl.rows.merge import Merge
from fxlif.hdl.rows.regular import RegularEvents
from fxlif.hdl.rows.totals import RowTotals
from fxlif.layout import Accumulator, RegularNode, RowCore, hardware_network

# --- the whole -----------------------------------------------------------------------------------


SEEDS = {random_network: (1, 7, 16), random_events: (7,)}


@pytest.mark.parametrize(
    ("drawn", "seed"), [(d, k) for d, some in SEEDS.items() for k in (range(60) if LONG else some)]
)
def test_every_cycle_is_the_models(drawn, seed: int) -> None:
    network = drawn(seed)
    inputs = stimulus(network, 900 if LONG else 350, seed)
    pairs = zip(shown(network, inputs), wanted(network, inputs), strict=True)
    for cycle, (seen, expected) in enumerate(pairs):
        assert seen == expected, cycle


# --- sums ----------------------------------------------------------------------------------------


def core_of(lanes: int, n: int, delay: int) -> RowCore:
    """The only core of a network with one projection."""
    network = NetworkParams(
        source=[EventSource("s", 2)], population=[Population("p", n, lanes=lanes)],
        projection=[Projection("s", "p", AllToAll((-90, 90)), delay=delay)],
    )  # fmt: skip
    return hardware_network(network).cores[0]


def totals_rows(core: RowCore, sums: Accumulator, cycles: int) -> list[Row]:
    """(reset, add, update, clear, words, slots, weights of all lanes), the words and slots of the
    row behind.

    After a reset all sums are cleared. Few addresses, so that the same one comes often.
    """
    rng = random.Random(f"{SEED} totals")
    lanes, low = range(core.lanes), -(1 << 7)
    rows: list[Row] = []

    def row(kind: int, words: list[int], slots: list[int], reset: bool = False) -> None:
        flags = [int(kind == number) for number in range(3)]
        weights = [rng.randrange(low, -low) for _ in lanes]
        rows.append((int(reset), *flags, *words, *slots, *weights))

    while len(rows) < cycles:
        row(3, [0 for _ in lanes], [0 for _ in lanes], reset=True)
        for slot in range(sums.slots):
            for word in range(1 << core.word_bits):
                row(2, [word for _ in lanes], [slot for _ in lanes])
        for _ in range(rng.randrange(20, 200)):
            words = [rng.randrange(2) for _ in lanes]
            slots = [rng.randrange(core.slots) for _ in lanes]
            kind = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
            row(kind, words if kind == 0 else words[:1] * len(lanes), slots)
    # Addresses come a cycle before.
    places = slice(4, 4 + 2 * core.lanes)
    return [(*row[:4], *following[places], *row[places.stop :])
            for row, following in pairwise(rows)]  # fmt: skip


def ref_totals(core: RowCore, sums: Accumulator, rows: Sequence[Row]) -> list[Any]:
    """(sums before the operation of two cycles ago, lanes in which that of three did not fit)."""
    lanes = range(core.lanes)
    count = len(lanes)
    top = (1 << sums.bits - 1) - 1
    memory: dict[Row, int] = {}
    totals: list[Any] = [None] * (len(rows) + 3)
    clipped = [0] * (len(rows) + 4)
    since = 0  # what was on its way at the reset is lost, and looked at by nobody
    for cycle, (reset, add, update, clear, *rest) in enumerate(rows):
        rest = rows[cycle - 1][4:] if cycle else rest
        words, slots = rest[:count], rest[count : 2 * count]
        if reset:
            memory, since = {}, cycle + 1
            clipped[cycle + 1 :] = [0] * (len(clipped) - cycle - 1)
            totals[cycle + 1 :] = [None] * (len(totals) - cycle - 1)
            continue
        keys = [(lane, words[lane], slots[lane] % sums.slots) for lane in lanes]
        if cycle >= since and (add or update):
            totals[cycle + 2] = tuple(memory.get(key) for key in keys)
        for lane, key in enumerate(keys):
            if update or clear:
                memory[key] = 0
            elif add and cycle + 2 < len(rows) and key in memory:
                exact = memory[key] + rows[cycle + 2][-count:][lane]
                memory[key] = max(-top - 1, min(top, exact)) if sums.saturates else exact
                clipped[cycle + 3] |= (memory[key] != exact) << lane
    return list(zip(totals[: len(rows)], clipped[: len(rows)], strict=True))


def rtl_totals(core: RowCore, sums: Accumulator, rows: Sequence[Row]) -> list[Any]:
    part, lanes = RowTotals(core, sums), range(core.lanes)
    inputs = [part.add, part.update, part.clear]
    inputs += [port[lane] for port in (part.words, part.slots, part.weights) for lane in lanes]
    outputs = [*(part.total[lane] for lane in lanes), part.clipped]
    return [(tuple(row[:-1]), row[-1]) for row in clocked(part, inputs, outputs, rows)]


@pytest.mark.parametrize(
    ("lanes", "sums"), [(2, Accumulator(9, 4, 0, True)), (3, Accumulator(22, 2, 0, False)),
                        (1, Accumulator(9, 1, 0, True))],
)  # fmt: skip
def test_totals(lanes: int, sums: Accumulator) -> None:
    core = core_of(lanes, 3 * lanes, 3)
    rows = totals_rows(core, sums, 1200)
    seen = 0
    for cycle, (expected, found) in enumerate(
        zip(ref_totals(core, sums, rows), rtl_totals(core, sums, rows), strict=True)
    ):
        if expected[0] is not None:
            assert found[0] == expected[0], cycle
            seen += 1
        assert found[1] == expected[1], cycle
    assert seen > 400


# --- streams -------------------------------------------------------------------------------------

NO = 0, 0, 0


def ref_regular(source: RegularNode, rows: Sequence[Row]) -> list[Row]:
    """(valid, tick, address): after a spike and after an interval a cycle is lost."""
    found = []
    step, due, out, wait = 0, [], NO, 1
    fresh = True

    def spikes() -> list[int]:
        return [i for i, phase in enumerate(source.phases) if phase == step % source.interval]

    for reset, ready in rows:
        found.append(out)
        if fresh:
            due, fresh = spikes(), False
        if wait:
            wait, out = wait - 1, NO if ready else out
        elif not out[0] or ready:
            if due:
                out, wait = (1, 0, due.pop(0)), 1
            else:
                out, step, fresh = (1, 1, 0), step + 1, True
                wait = step % source.interval == 0
        if reset:
            step, due, out, wait, fresh = 0, [], NO, 1, True
    return found


@pytest.mark.parametrize(
    ("interval", "phases"), [(1, [0]), (3, [2, 0, 0, 2, 1]), (4, [3, 3]), (5, [1, 2, 1])]
)
def test_regular_source(interval: int, phases: list[int]) -> None:
    rng = random.Random(f"{SEED} regular")
    source = RegularNode("r", len(phases), interval, np.array(phases))
    busy = [rng.random() for _ in range(8)]
    rows = [(int(rng.random() < 0.02), int(rng.random() < busy[k // 50])) for k in range(400)]
    part = RegularEvents(source)
    out = part.events_out
    outputs = [out.valid, out.payload.tick, out.payload.address]
    seen = [row if row[0] else NO for row in clocked(part, [out.ready], outputs, rows)]
    assert seen == ref_regular(source, rows)


def test_an_event_moves_for_all_readers_or_for_none() -> None:
    part = Lockstep(3, 3)
    ready = [reader.ready for reader in part.readers]
    inputs = [part.events.valid, part.events.payload.address, *ready]
    outputs = [part.events.ready]
    for reader in part.readers:
        outputs += [reader.shown, reader.valid, reader.payload.address]
    rows = [(0, valid, 5, *(number >> k & 1 for k in range(3)))
            for valid in range(2) for number in range(8)]  # fmt: skip
    for (_, valid, _, *ready), (all_ready, *seen) in zip(
        rows, clocked(part, inputs, outputs, rows), strict=True
    ):
        assert all_ready == all(ready)
        for k in range(3):
            others = all(ready[:k] + ready[k + 1 :])
            assert seen[3 * k : 3 * k + 3] == [valid, int(valid and others), 5]


def test_merged_streams_come_in_order_with_one_tick_a_step() -> None:
    rng = random.Random(f"{SEED} merge")
    counts = [3, 1, 4]
    steps = [[[rng.randrange(n) for _ in range(rng.randrange(4))] for n in counts]
             for _ in range(40)]  # fmt: skip
    part = Merge(counts)
    streams = [getattr(part, f"input_{k}") for k in range(3)]
    out = part.events_out
    # Each stream as it goes on by what the part took: a model of its order, cycle by cycle.
    waiting = [[event for step in steps for event in (*step[k], None)] for k in range(3)]
    rows, wanted_out = [], []
    turn = 0
    while waiting[2]:
        valid = [int(rng.random() < 0.7 and bool(each)) for each in waiting]
        first = [each[0] if each else None for each in waiting]
        ready = int(rng.random() < 0.6)
        rows.append((0, *(x for k in range(3) for x in (valid[k], first[k] is None, first[k] or 0)),
                     ready))  # fmt: skip
        event, swallowed = first[turn], first[turn] is None and turn < 2
        takes = [int(k == turn and (ready or swallowed)) for k in range(3)]
        shows = valid[turn] and not swallowed
        address = 0 if event is None else sum(counts[:turn]) + event
        wanted_out.append(((1, int(event is None), address) if shows else NO, takes))
        if valid[turn] and takes[turn]:
            waiting[turn].pop(0)
            turn = (turn + (event is None)) % 3
    inputs = [x for s in streams for x in (s.valid, s.payload.tick, s.payload.address)]
    outputs = [out.valid, out.payload.tick, out.payload.address, *(s.ready for s in streams)]
    found = clocked(part, [*inputs, out.ready], outputs, rows)
    for (shown_out, takes), (*seen, first, second, third) in zip(wanted_out, found, strict=True):
        assert (tuple(seen) if seen[0] else NO) == shown_out
        # A stream that does not show may be told that it is ready for a TICK, or not.
        assert [first, second, third].count(1) <= 1
        assert not shown_out[0] or [first, second, third] == takes
