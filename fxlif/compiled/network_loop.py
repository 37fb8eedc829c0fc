"""The loops of :mod:`fxlif.compiled.plan`, compiled by numba: who spikes, and what arrives where.

numba keeps what it compiled next to this file, or in the user's cache folder, and compiles again
when this file changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numba import njit

from ..network.events import TICK
from ..network.sources import GAMMA, MIX_1, MIX_2
from .intrinsics import call_step, count_up, fetch, give_way, load, look, lowest_bit

F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:

    def _compiled(function: F) -> F: ...

    _inner = _compiled
else:
    # No divisor is 0: without a check before each division it compiles faster.
    _options = {"nogil": True, "cache": True, "error_model": "numpy"}
    _compiled = njit(**_options)
    # For other compiled functions only: without the wrappers for Python and C.
    _inner = njit(**_options, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_inner
def _meet(counter: int, threads: int) -> None:
    """Wait until every thread is here; ``counter`` is the address of how many came so far."""
    if threads == 1:
        return
    others = (count_up(counter) // threads + 1) * threads
    looks = 0
    while look(counter) < others:
        looks += 1
        if looks > 2000:
            give_way()


# --- who spikes ---------------------------------------------------------------------------------

# Columns of a part, which is a source or a population.
# Between SIZE and PENDING: ADDRESS, POINTERS and SIZES of :mod:`fxlif.compiled.intrinsics`.
KIND, SIZE, PENDING = 0, 1, 21
SPIKES, FIRST_LINK, LAST_LINK, LEVEL_ENDS, OUT, PERIOD, SEED, LIMIT, PHASES, EVENTS = (
    23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
)  # fmt: skip
LFSR_MASK, RANDOM, DRIVE_ROWS = 33, 34, 35
PART_COLUMNS = 36
POPULATION, POISSON, REGULAR, GIVEN = 0, 1, 2, 3
NONE = -1

# Columns of a link, which is a projection.
TARGET, CUTS, TARGETS, WEIGHTS, EVEN, SHIFT, DELAY = 0, 1, 2, 3, 4, 5, 6
SUMS, SUMS_DEPTH, LOW, HIGH, ROWS, FULL, OFFSET = 7, 8, 9, 10, 11, 12, 13
LINK_COLUMNS = 14

# Columns of a watch: a state variable of one population that is recorded.
WATCHED_PART, STATE_ADDRESS, ELEMENT_SIZE, FIRST_WATCHED, LAST_WATCHED = 0, 1, 2, 3, 4
ROWS_AT, ROW_LENGTH = 5, 6
WATCH_COLUMNS = 7


@_inner
def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(MIX_2)
    return x ^ (x >> np.uint64(31))


@_inner
def _poisson(key: int, limit: int, first: int, last: int, spikes: Any) -> None:
    """The bytes of the sources that spike, as :func:`fxlif.network.sources.poisson` says."""
    gamma = np.uint64(GAMMA)
    start, below = np.uint64(key), np.uint64(limit)
    for k in range(first, last):
        word = _mix(np.uint64(k + 1) * gamma + start)
        spikes[k] = (word >> np.uint64(32)) < below


@_inner
def _draw(state: int, mask: int, skip: Any, numbers: Any) -> int:
    """Fill ``numbers`` with draws of the register, then jump by the columns ``skip``."""
    for k in range(len(numbers)):
        numbers[k] = state
        state = (state >> 1) ^ (mask if state & 1 else 0)
    jumped = 0
    for bit in range(len(skip)):
        if (state >> bit) & 1:
            jumped ^= skip[bit]
    return jumped


@_inner
def _list_spikes(spikes: Any, first: int, last: int, found: Any) -> int:
    """Write the indices of set bytes ``first``..``last`` to ``found``, from there: how many."""
    count = first
    k = first
    while k + 8 <= last:
        # Most neurons do not spike: eight at a look, each a 1 in its byte.
        word = load(spikes.ctypes.data + k, 8)
        while word:
            found[count] = k + (lowest_bit(word) >> 3)
            count += 1
            word &= word - 1
        k += 8
    while k < last:
        found[count] = k
        count += spikes[k]
        k += 1
    return count - first


# --- what arrives -------------------------------------------------------------------------------


@_inner
def _add_even(
    spikes: Any, begin: Any, end: Any, codes: Any, weights: Any, shift: int, here: Any
) -> None:
    """Add the rows of all spikes where the synapses of a row have one weight.

    Four at a time: the bookkeeping of a loop costs as much as the addition.
    """
    four, size, ahead = np.uint64(4), codes.itemsize, 2
    for place in range(len(spikes)):
        spike = np.uint64(spikes[place])
        if place + ahead < len(spikes):
            row = codes.ctypes.data + begin[np.uint64(spikes[place + ahead])] * size
            fetch(row)
            fetch(row + 64)
        weight = np.int64(weights[spike]) << shift
        k, last = np.uint64(begin[spike]), np.uint64(end[spike])
        while k + four <= last:
            here[np.uint64(codes[k])] += weight
            here[np.uint64(codes[k + np.uint64(1)])] += weight
            here[np.uint64(codes[k + np.uint64(2)])] += weight
            here[np.uint64(codes[k + np.uint64(3)])] += weight
            k += four
        while k < last:
            here[np.uint64(codes[k])] += weight
            k += np.uint64(1)


@_inner
def _add_uneven(
    spikes: Any, begin: Any, end: Any, codes: Any, weights: Any, shift: int, here: Any
) -> None:
    """Add the rows of all spikes, each synapse with its own weight."""
    two = np.uint64(2)
    for place in range(len(spikes)):
        spike = np.uint64(spikes[place])
        k, last = np.uint64(begin[spike]), np.uint64(end[spike])
        while k + two <= last:
            here[np.uint64(codes[k])] += np.int64(weights[k]) << shift
            here[np.uint64(codes[k + np.uint64(1)])] += np.int64(weights[k + np.uint64(1)]) << shift
            k += two
        if k < last:
            here[np.uint64(codes[k])] += np.int64(weights[k]) << shift


@_inner
def _add_rows(
    thread: int, link: Any, now: int, depth: int, width: int, first: int, last: int,
    spikes: Any, cuts: Any, targets: Any, weights: Any, pending: Any,
) -> None:  # fmt: skip
    """Add the rows of all spikes to what is pending, of a full link to ``first``..``last`` only."""
    if len(spikes) == 0:
        return
    rows, shift, even = link[ROWS], link[SHIFT], link[EVEN]
    begin = cuts[link[CUTS] + thread * rows :]
    end = begin[rows:]
    codes, values = targets[link[TARGETS] :], weights[link[WEIGHTS] :]
    here = pending[(now + link[DELAY]) % depth * width :]
    if link[FULL]:
        mine = here[first:last]
        size = link[FULL]
        at = first - link[OFFSET]
        for spike in spikes:
            row = values[spike * size + at :]
            for k in range(len(mine)):
                mine[k] += np.int64(row[k]) << shift
    elif link[DELAY] != NONE and even:
        _add_even(spikes, begin, end, codes, values, shift, here)
    elif link[DELAY] != NONE:
        _add_uneven(spikes, begin, end, codes, values, shift, here)
    else:
        # A code is delay * width + place; a place beyond the last row goes on in the first.
        start, turn = now % depth * width, depth * width
        for spike in spikes:
            for k in range(begin[spike], end[spike]):
                place = start + np.int64(codes[k])
                place -= turn if place >= turn else 0
                pending[np.uint64(place)] += np.int64(values[spike if even else k]) << shift


@_inner
def _accumulate_rows(
    thread: int, link: Any, now: int, n: int,
    spikes: Any, cuts: Any, targets: Any, weights: Any, sums: Any,
) -> int:  # fmt: skip
    """Add row after row, in arrival order, to sums that saturate: how many additions did."""
    rows, depth, base = link[ROWS], link[SUMS_DEPTH], link[SUMS]
    begin = cuts[link[CUTS] + thread * rows :]
    end = begin[rows:]
    coded = link[DELAY] == NONE
    start = now % depth * n if coded else (now + link[DELAY]) % depth * n
    turn = depth * n
    clipped = 0
    for spike in spikes:
        for k in range(begin[spike], end[spike]):
            place = start + np.int64(targets[link[TARGETS] + k])
            place -= turn if place >= turn else 0
            weight = weights[link[WEIGHTS] + (spike if link[EVEN] else k)]
            total = sums[base + place] + weight
            if total < link[LOW] or total > link[HIGH]:
                clipped += 1
                total = min(max(total, link[LOW]), link[HIGH])
            sums[base + place] = total
    return clipped


@_compiled
def row_cuts(indptr: Any, targets: Any, bounds: Any, cuts: Any) -> None:
    """Where in each row the targets of each thread begin: ``cuts`` (threads + 1, rows)."""
    for row in range(len(indptr) - 1):
        for k in range(len(bounds)):
            low, high = indptr[row], indptr[row + 1]
            while low < high:
                middle = (low + high) // 2
                if targets[middle] < bounds[k]:
                    low = middle + 1
                else:
                    high = middle
            cuts[k, row] = low


# --- the steps ----------------------------------------------------------------------------------


@_compiled
def run_steps(
    thread: int, counter: int, now: int, steps: int, depth: int, width: int,
    parts: Any, ranges: Any, links: Any, cuts: Any, targets: Any, weights: Any, pending: Any,
    spikes: Any, lists: Any, counts: Any, out: Any, out_lengths: Any,
    sums: Any, saturated: Any, keys: Any, phases: Any, random: Any, registers: Any, skips: Any,
    events: Any, event_ends: Any, drives: Any, watches: Any, watched: Any, seen: Any,
) -> None:  # fmt: skip
    """Steps ``now`` to ``now + steps`` of one thread.

    ``ranges`` (threads + 1, parts): the first neuron of each thread. The other arrays are made by
    :class:`fxlif.compiled.plan.Plan` and :class:`fxlif.compiled.plan.Fused`. Those from ``sums`` on
    are None where nothing needs them: what belongs to them is then not compiled, which takes its
    time.
    """
    threads = len(ranges) - 1
    for step in range(now, now + steps):
        side = step & 1
        level = 0
        for p in range(len(parts)):
            part = parts[p]
            first, last = ranges[thread, p], ranges[thread + 1, p]
            n, at = part[SIZE], part[SPIKES]
            own = spikes[at : at + n]
            if part[KIND] == POPULATION:
                slot = step % depth * width + part[PENDING]
                current = pending[slot : slot + n]
                if sums is not None:
                    _add_sums(p, links, sums, step, first, last, current)
                if drives is not None and part[DRIVE_ROWS] != NONE:
                    row = drives[part[DRIVE_ROWS] + (step - now) * n :]
                    for i in range(first, last):
                        current[i] += row[i]
                if registers is not None and part[LFSR_MASK]:
                    numbers = random[part[RANDOM] + first : part[RANDOM] + last]
                    registers[thread, p] = _draw(
                        registers[thread, p], part[LFSR_MASK], skips[thread, p], numbers
                    )
                call_step(part.ctypes.data, first, last - first, slot + first)
            if keys is not None and part[KIND] == POISSON:
                _poisson(keys[p, step - now], part[LIMIT], first, last, own)
            if phases is not None and part[KIND] == REGULAR:
                phase = step % part[PERIOD]
                for i in range(first, last):
                    own[i] = phases[part[PHASES] + i] == phase
            if part[KIND] != GIVEN:
                found = lists[side * len(spikes) + at :]
                counts[side, thread, p] = _list_spikes(own, first, last, found)
            if seen is not None:
                _watch(p, step - now, first, last, watches, watched, seen)
            if not part[LEVEL_ENDS]:
                continue
            _meet(counter, threads)
            for q in range(level, p + 1):
                source = parts[q]
                records = source[OUT] != NONE and q % threads == thread
                for sender in range(1 if source[KIND] == GIVEN else threads):
                    begin = side * len(spikes) + source[SPIKES] + ranges[sender, q]
                    spiking = lists[begin : begin + counts[side, sender, q]]
                    if event_ends is not None and source[KIND] == GIVEN:
                        ends = event_ends[source[EVENTS]]
                        spiking = events[ends[step - now] : ends[step - now + 1]]
                    if records:
                        # No slice assignment: its errors' texts compile for more than a second.
                        begin = source[OUT] + out_lengths[q]
                        for i in range(len(spiking)):
                            out[begin + i] = spiking[i]
                        out_lengths[q] += len(spiking)
                    for k in range(source[FIRST_LINK], source[LAST_LINK]):
                        link = links[k]
                        target = link[TARGET]
                        if link[SUMS] == NONE:
                            at = parts[target, PENDING]
                            _add_rows(
                                thread, link, step, depth, width,
                                at + ranges[thread, target], at + ranges[thread + 1, target],
                                spiking, cuts, targets, weights, pending,
                            )  # fmt: skip
                        elif sums is not None:
                            saturated[thread, k] += _accumulate_rows(
                                thread, link, step, parts[target, SIZE],
                                spiking, cuts, targets, weights, sums,
                            )  # fmt: skip
                if records:
                    out[source[OUT] + out_lengths[q]] = TICK
                    out_lengths[q] += 1
            level = p + 1


@_inner
def _add_sums(
    place: int, links: Any, sums: Any, step: int, first: int, last: int, current: Any
) -> None:
    """Move what the accumulators of a population hold for this step to its input."""
    for k in range(len(links)):
        link = links[k]
        if link[TARGET] == place and link[SUMS] != NONE:
            row = sums[link[SUMS] + step % link[SUMS_DEPTH] * len(current) :]
            for i in range(first, last):
                current[i] += row[i] << link[SHIFT]
                row[i] = 0


@_inner
def _watch(
    place: int, row: int, first: int, last: int, watches: Any, watched: Any, seen: Any
) -> None:
    """Write down the watched variables of the neurons ``first``..``last`` of a part."""
    for w in range(len(watches)):
        watch = watches[w]
        if watch[WATCHED_PART] == place:
            size = watch[ELEMENT_SIZE]
            for k in range(watch[FIRST_WATCHED], watch[LAST_WATCHED]):
                neuron = watched[k, 0]
                if first <= neuron < last:
                    at = watch[ROWS_AT] + row * watch[ROW_LENGTH] + watched[k, 1]
                    seen[at] = load(watch[STATE_ADDRESS] + neuron * size, size)
