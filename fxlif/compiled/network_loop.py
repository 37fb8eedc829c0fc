"""The steps of a whole network, compiled by numba: who spikes, and what arrives where.

:mod:`fxlif.compiled.plan` and :mod:`fxlif.compiled.network_run` make the tables, whose rows are
the records below. numba keeps what it compiled next to this file, or in the user's cache folder,
and compiles again when this file or the layout of a table changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..network.events import TICK
from ..network.sources import GAMMA, MIX_1, MIX_2
from .intrinsics import array_at, call_step, count_up, fetch, give_way, load, look, lowest_bit
from .jit import merged, threaded, threaded_inner
from .neuron_step import STEP_CALL

# --- records ------------------------------------------------------------------------------------


def _record(*fields: str | tuple[Any, ...]) -> np.dtype[np.void]:
    """The type of a table's row; a field of which only the name is given is an int64."""
    named = [(field, np.int64) if isinstance(field, str) else field for field in fields]
    return np.dtype(named, align=True)


def set_fields(row: np.void | npt.NDArray[np.void], **values: int) -> None:
    """Write the named fields of one row of a table."""
    for name, value in values.items():
        row[name] = value


#: The kinds of a part.
POPULATION, POISSON, REGULAR, GIVEN = 0, 1, 2, 3
#: Stands in a field where a part or a link does not have what the field says.
NONE = -1

#: A run: the addresses of arrays that all parts or all threads share, and which steps are next.
#: ``meetings``: how often a thread came to the end of a level. ``seen``: recorded variables.
RUN = _record(
    "now", "steps", "depth", "width", "meetings", "spikes", "all_neurons", "lists",
    "saturated", "watched", "seen",
)  # fmt: skip

#: A part: a source or a population. ``pending``: its first place in a row of what is pending;
#: ``neurons_before``: its first place in arrays over all parts; ``level_ends``: whether it is the
#: last part of its level; ``out``: the address of its recorded spikes or NONE. ``phases``,
#: ``events``, ``event_ends``, ``drive`` (the external currents of the next steps) are
#: addresses; ``key`` is the hash of a Poisson source's seed.
PART = _record(
    "kind", "size", "pending", "neurons_before", "first_link", "last_link", "level_ends", "out",
    "period", "phases", ("key", np.uint64), "limit", "events", "event_ends", "drive",
    "lfsr_mask", ("step", STEP_CALL),
)  # fmt: skip

#: The neurons ``first`` to ``last`` of a part, which one thread owns; how many of them spiked in
#: the last even and odd step; how many events this thread recorded of the whole part; the state of
#: the random numbers, and what takes it over the neurons of the others.
SHARE = _record(
    "first", "last", ("spiking", np.int64, 2), "recorded", "register", ("skip", np.int64, 32)
)

#: A link: the synapses of a projection, or of several in one table. ``offset``: the target's first
#: place in a row of what is pending. ``cuts``: the address of (threads + 1, rows), where in each
#: row the targets of each thread begin; ``targets``: its first place in the codes; ``weights``: the
#: address of as many as there are synapses, or rows where each has one (``even``). ``delay``: NONE
#: where they differ; ``full``: the size of the target where every neuron reaches every other, else
#: 0. ``sums``: its first place in the accumulators that saturate at ``low`` and ``high``, or NONE.
LINK = _record(
    "target", "offset", "rows", "cuts", "targets", "weights", "n_weights", "even", "shift",
    "delay", "full", "sums", "sums_depth", "low", "high",
)  # fmt: skip

#: A watch: a state variable of one part that is recorded, at ``address``; which rows of ``watched``
#: name its neurons; where its rows begin in ``seen``, and how long each is.
WATCH = _record("part", "address", "item_size", "first", "last", "rows_at", "row_length")
#: A watched neuron, and its column in the recording.
WATCHED = _record("neuron", "column")


@threaded_inner
def _meet(meetings: int, threads: int) -> None:
    """Wait until every thread is here; ``meetings`` is the address of how many came so far."""
    if threads == 1:
        return
    others = (count_up(meetings) // threads + 1) * threads
    looks = 0
    while look(meetings) < others:
        looks += 1
        if looks > 2000:
            give_way()


# --- who spikes ---------------------------------------------------------------------------------


@threaded_inner
def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(MIX_2)
    return x ^ (x >> np.uint64(31))


@threaded_inner
def _poisson(part: Any, step: int, first: int, last: int, spikes: Any) -> None:
    """The bytes of the sources that spike, as :func:`fxlif.network.sources.poisson` says."""
    gamma = np.uint64(GAMMA)
    start = _mix(part["key"] + np.uint64(step + 1) * gamma)
    below = np.uint64(part["limit"])
    for k in range(first, last):
        word = _mix(np.uint64(k + 1) * gamma + start)
        spikes[k] = (word >> np.uint64(32)) < below


@threaded_inner
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


@threaded_inner
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


@threaded_inner
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


@threaded_inner
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


@merged
def _starts(link: Any, thread: int) -> Any:
    """Where in each row of a link the targets of ``thread`` begin, and from ``rows`` on end."""
    at = link["cuts"] + 8 * thread * link["rows"]
    return array_at(at, 2 * link["rows"], np.int64)


@threaded_inner
def _add_rows(
    run: Any, link: Any, thread: int, share: Any, step: int, spikes: Any, codes: Any, pending: Any
) -> None:
    """Add the rows of all spikes to what is pending; ``share``: the thread's, of the target."""
    if len(spikes) == 0:
        return
    rows, shift, even = link["rows"], link["shift"], link["even"]
    depth, width, delay = run["depth"], run["width"], link["delay"]
    begin = _starts(link, thread)
    end = begin[rows:]
    here = pending[(step + delay) % depth * width :]
    codes = codes[link["targets"] :]
    values = array_at(link["weights"], link["n_weights"], np.int16)
    if link["full"]:
        mine = here[link["offset"] + share["first"] : link["offset"] + share["last"]]
        for spike in spikes:
            at = spike * link["full"] + share["first"]
            row = array_at(link["weights"] + 2 * at, len(mine), np.int16)
            for k in range(len(mine)):
                mine[k] += np.int64(row[k]) << shift
    elif delay != NONE and even:
        _add_even(spikes, begin, end, codes, values, shift, here)
    elif delay != NONE:
        _add_uneven(spikes, begin, end, codes, values, shift, here)
    else:
        # A code is delay * width + place; a place beyond the last row goes on in the first.
        start, turn = step % depth * width, depth * width
        for spike in spikes:
            for k in range(begin[spike], end[spike]):
                place = start + np.int64(codes[k])
                place -= turn if place >= turn else 0
                pending[np.uint64(place)] += np.int64(values[spike if even else k]) << shift


@threaded_inner
def _accumulate_rows(
    link: Any, thread: int, n: int, step: int, spikes: Any, codes: Any, sums: Any
) -> int:
    """Add row after row, in arrival order, to sums that saturate: how many additions did."""
    rows, depth, delay = link["rows"], link["sums_depth"], link["delay"]
    begin = _starts(link, thread)
    end = begin[rows:]
    start = (step + (0 if delay == NONE else delay)) % depth * n
    turn = depth * n
    sums = sums[link["sums"] :]
    values = array_at(link["weights"], link["n_weights"], np.int16)
    clipped = 0
    for spike in spikes:
        for k in range(begin[spike], end[spike]):
            place = start + np.int64(codes[link["targets"] + k])
            place -= turn if place >= turn else 0
            total = sums[place] + values[spike if link["even"] else k]
            if total < link["low"] or total > link["high"]:
                clipped += 1
                total = min(max(total, link["low"]), link["high"])
            sums[place] = total
    return clipped


@threaded
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


@merged
def _update(
    run: Any, p: int, part: Any, share: Any, links: Any, pending: Any, step: int,
    sums: Any, random: Any,
) -> None:  # fmt: skip
    """One step of a thread's neurons of a part: its spikes, and their list."""
    first, last, side = share["first"], share["last"], step & 1
    n, at = part["size"], part["neurons_before"]
    spikes = array_at(run["spikes"] + at, n, np.uint8)
    if part["kind"] == POPULATION:
        slot = step % run["depth"] * run["width"] + part["pending"]
        current = pending[slot : slot + n]
        if sums is not None:
            _add_sums(p, links, sums, step, first, last, current)
        if part["drive"] != NONE:
            row = array_at(part["drive"] + 8 * (step - run["now"]) * n, n, np.int64)
            for i in range(first, last):
                current[i] += row[i]
        if random is not None and part["lfsr_mask"]:
            numbers = random[at + first : at + last]
            share["register"] = _draw(share["register"], part["lfsr_mask"], share["skip"], numbers)
        call_step(part["step"], first, last - first, slot + first)
    if random is not None and part["kind"] == POISSON:
        _poisson(part, step, first, last, spikes)
    if part["kind"] == REGULAR:
        phase, phases = step % part["period"], array_at(part["phases"], n, np.int64)
        for i in range(first, last):
            spikes[i] = phases[i] == phase
    if part["kind"] != GIVEN:
        found = array_at(run["lists"] + 4 * (side * run["all_neurons"] + at), n, np.int32)
        share["spiking"][side] = _list_spikes(spikes, first, last, found)


@merged
def _send(
    run: Any, thread: int, q: int, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    step: int, sums: Any,
) -> None:  # fmt: skip
    """What a part sent in ``step``, to this thread's neurons and, by one thread, to its record."""
    part, threads = parts[q], len(shares)
    own, side = shares[thread, q], step & 1
    records = part["out"] != NONE and q % threads == thread
    for sender in range(1 if part["kind"] == GIVEN else threads):
        share = shares[sender, q]
        at = side * run["all_neurons"] + part["neurons_before"] + share["first"]
        spikes = array_at(run["lists"] + 4 * at, share["spiking"][side], np.int32)
        if part["kind"] == GIVEN:
            ends = array_at(part["event_ends"], run["steps"] + 1, np.int64)
            first, last = ends[step - run["now"]], ends[step - run["now"] + 1]
            spikes = array_at(part["events"] + 4 * first, last - first, np.int32)
        if records:
            # No slice assignment: its errors' texts compile for more than a second.
            out = array_at(part["out"] + 4 * own["recorded"], len(spikes), np.int32)
            for i in range(len(spikes)):
                out[i] = spikes[i]
            own["recorded"] += len(spikes)
        for k in range(part["first_link"], part["last_link"]):
            link = links[k]
            target = link["target"]
            if link["sums"] == NONE:
                _add_rows(run, link, thread, shares[thread, target], step, spikes, codes, pending)
            elif sums is not None:
                saturated = array_at(run["saturated"], threads * len(links), np.int64)
                saturated[thread * len(links) + k] += _accumulate_rows(
                    link, thread, parts[target]["size"], step, spikes, codes, sums
                )
    if records:
        array_at(part["out"] + 4 * own["recorded"], 1, np.int32)[0] = TICK
        own["recorded"] += 1


@threaded
def run_steps(
    thread: int, run: Any, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    sums: Any, random: Any, watches: Any,
) -> None:  # fmt: skip
    """The steps ``now`` to ``now + steps`` of one thread.

    ``run`` (1,) of :data:`RUN`, ``parts`` of :data:`PART` in the order of their levels, ``shares``
    (threads, parts) of :data:`SHARE`, ``links`` of :data:`LINK`, ``watches`` of :data:`WATCH`;
    ``codes``: the targets of all links, ``pending``: flat, (depth, width); ``sums``: all
    accumulators, ``random``: room for a number for each neuron. The last three are None where
    nothing needs them: what belongs to them is then not compiled, which takes its time.
    """
    this = run[0]
    for step in range(this["now"], this["now"] + this["steps"]):
        level = 0
        for p in range(len(parts)):
            part, share = parts[p], shares[thread, p]
            _update(this, p, part, share, links, pending, step, sums, random)
            if watches is not None:
                _watch(this, p, share["first"], share["last"], watches, step - this["now"])
            if part["level_ends"]:
                _meet(this["meetings"], len(shares))
                for q in range(level, p + 1):
                    _send(this, thread, q, parts, shares, links, codes, pending, step, sums)
                level = p + 1


@threaded_inner
def _add_sums(
    place: int, links: Any, sums: Any, step: int, first: int, last: int, current: Any
) -> None:
    """Move what the accumulators of a population hold for this step to its input."""
    for k in range(len(links)):
        link = links[k]
        if link["target"] == place and link["sums"] != NONE:
            row = sums[link["sums"] + step % link["sums_depth"] * len(current) :]
            for i in range(first, last):
                current[i] += row[i] << link["shift"]
                row[i] = 0


@threaded_inner
def _watch(run: Any, place: int, first: int, last: int, watches: Any, row: int) -> None:
    """Write down the watched variables of the neurons ``first``..``last`` of a part."""
    for w in range(len(watches)):
        watch = watches[w]
        if watch["part"] == place:
            size = watch["item_size"]
            at = watch["rows_at"] + row * watch["row_length"]
            seen = array_at(run["seen"] + 8 * at, watch["row_length"], np.int64)
            watched = array_at(run["watched"], watch["last"], WATCHED)
            for k in range(watch["first"], watch["last"]):
                neuron = watched[k]["neuron"]
                if first <= neuron < last:
                    seen[watched[k]["column"]] = load(watch["address"] + neuron * size, size)
