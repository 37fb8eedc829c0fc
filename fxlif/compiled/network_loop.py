"""The steps of a whole network, compiled by numba: who spikes, and what arrives where.

:mod:`fxlif.compiled.plan` and :mod:`fxlif.compiled.network_run` make the tables, whose rows are
the records of :mod:`fxlif.compiled.network_tables`. numba keeps what it compiled next to this file,
or in the user's cache folder, and compiles again when this file or the layout of a table changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network.events import TICK
from ..network.sources import GAMMA, MIX_1, MIX_2
from .intrinsics import array_at, call_step, count_up, fetch, give_way, load, look, lowest_bit
from .jit import merged, threaded, threaded_inner
from .network_tables import GIVEN, NONE, POISSON, POPULATION, REGULAR, WATCHED


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
    """Write the indices of set bytes ``first``..``last`` to ``found``: how many."""
    count = 0
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
    return count


@threaded_inner
def _list_counted(spikes: Any, counts: Any, first: int, last: int, found: Any) -> int:
    """As :func:`_list_spikes`, where a neuron spikes as often as its byte and its count say; the
    counts begin anew."""
    length = 0
    for k in range(first, last):
        count = counts[k] + spikes[k]
        if count:
            counts[k] = 0
            found[length] = k
            length += 1
        if count > 1:
            found[length] = -count
            length += 1
    return length


@merged
def _sent(run: Any, part: Any, share: Any, step: int) -> Any:
    """The spikes of a part in a step, of one thread's neurons; those of an event source at once."""
    if part["kind"] == GIVEN:
        ends = array_at(part["event_ends"] + 8 * (step - run["now"]), 2, np.int64)
        length = ends[1] - ends[0]
        at = part["events"] + 4 * ends[0]
    else:
        at = run["lists"] + 4 * (share["list"] + (step & part["list_mask"]) * part["list_room"])
        length = np.int64(array_at(at, 1, np.int32)[0])
        at += 4
    return array_at(at, length, np.int32)


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
def _add_counted(
    run: Any, link: Any, thread: int, share: Any, step: int, spikes: Any, codes: Any, pending: Any
) -> None:
    """As :func:`_add_rows`, of spikes that stand there several times."""
    for place in range(len(spikes)):
        times, entry = _repeats(spikes, place)
        for _ in range(times):
            one = spikes[entry : entry + 1]
            _add_rows(run, link, thread, share, step, one, codes, pending)


@merged
def _repeats(spikes: Any, place: int) -> tuple[int, int]:
    """How often the spike that an entry of a list stands for comes, and where its index is."""
    entry = spikes[place]
    return (1, place) if entry >= 0 else (-entry - 1, place - 1)


@threaded_inner
def _receive_rows(
    receiver: Any, spikes: Any, begin: Any, end: Any, codes: Any, weights: Any, even: int,
    shift: int, values: Any, thresholds: Any, counts: Any,
) -> None:  # fmt: skip
    """Add the rows of all spikes event by event; what does not fit is lost before the next one."""
    fires = receiver["thresholds"] != NONE
    beyond, subtracts, v_reset = receiver["beyond"], receiver["subtracts"], receiver["v_reset"]
    low, high, floor = receiver["low"], receiver["high"], receiver["floor"]
    half, bottom = receiver["half"], max(low, floor)
    wraps, mask = half > 0, 2 * half - 1
    for place in range(len(spikes)):
        times, entry = _repeats(spikes, place)
        spike = np.uint64(spikes[entry])
        weight = np.int64(weights[spike]) << shift if even else np.int64(0)
        for _ in range(times):
            for k in range(np.uint64(begin[spike]), np.uint64(end[spike])):
                target = np.uint64(codes[k])
                if not even:
                    weight = np.int64(weights[k]) << shift
                v = values[target] + weight
                v = max(((v + half) & mask) - half, floor) if wraps else max(min(v, high), bottom)
                if fires and v >= thresholds[target]:
                    counts[target] += 1
                    v = v - thresholds[target] + beyond
                    v = ((v + half) & mask) - half if wraps else max(min(v, high), low)
                    v = v if subtracts else v_reset
                values[target] = v


@threaded_inner
def _receive(
    run: Any, thread: int, n: int, receiver: Any, parts: Any, shares: Any, links: Any, codes: Any,
    step: int,
) -> None:  # fmt: skip
    """The events of a step at this thread's neurons of a population, one by one."""
    values = array_at(receiver["values"], n, np.int32)
    thresholds = array_at(receiver["thresholds"], n, np.int64)
    counts = array_at(receiver["counts"], n, np.int32)
    for k in range(receiver["first_link"], receiver["last_link"]):
        link = links[k]
        source = link["source"]
        part = parts[source]
        begin = _starts(link, thread)
        weights = array_at(link["weights"], link["n_weights"], np.int16)
        for sender in range(1 if part["kind"] == GIVEN else len(shares)):
            _receive_rows(
                receiver, _sent(run, part, shares[sender, source], step - link["delay"]), begin,
                begin[link["rows"] :], codes[link["targets"] :], weights, link["even"],
                link["shift"], values, thresholds, counts,
            )  # fmt: skip


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


# --- the steps ----------------------------------------------------------------------------------


@merged
def _update(
    run: Any, thread: int, p: int, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    step: int, sums: Any, random: Any, receivers: Any,
) -> None:  # fmt: skip
    """One step of a thread's neurons of a part: its spikes, and their list."""
    part, share = parts[p], shares[thread, p]
    first, last = share["first"], share["last"]
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
        if receivers is not None and part["receiver"] != NONE:
            receiver = receivers[part["receiver"]]
            if receiver["values"] != NONE:
                if receiver["before"]["function"]:
                    call_step(receiver["before"], first, last - first, slot + first)
                _receive(run, thread, n, receiver, parts, shares, links, codes, step)
        call_step(part["step"], first, last - first, slot + first)
    if random is not None and part["kind"] == POISSON:
        _poisson(part, step, first, last, spikes)
    if part["kind"] == REGULAR:
        phase, phases = step % part["period"], array_at(part["phases"], n, np.int64)
        for i in range(first, last):
            spikes[i] = phases[i] == phase
    if part["kind"] != GIVEN:
        at = run["lists"] + 4 * (share["list"] + (step & part["list_mask"]) * part["list_room"])
        length, found = array_at(at, 1, np.int32), array_at(at + 4, 2 * n, np.int32)
        if receivers is not None and part["counted"]:
            counts = array_at(receivers[part["receiver"]]["counts"], n, np.int32)
            length[0] = _list_counted(spikes, counts, first, last, found)
        else:
            length[0] = _list_spikes(spikes, first, last, found)


@merged
def _send(
    run: Any, thread: int, q: int, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    step: int, sums: Any, receivers: Any,
) -> None:  # fmt: skip
    """What a part sent in ``step``, to this thread's neurons and, by one thread, to its record."""
    part, threads = parts[q], len(shares)
    own = shares[thread, q]
    records = part["out"] != NONE and q % threads == thread
    for sender in range(1 if part["kind"] == GIVEN else threads):
        spikes = _sent(run, part, shares[sender, q], step)
        if records:
            # No slice assignment: its errors' texts compile for more than a second.
            out = array_at(part["out"] + 4 * own["recorded"], len(spikes), np.int32)
            for i in range(len(spikes)):
                out[i] = spikes[i]
            own["recorded"] += len(spikes)
        for k in range(part["first_link"], part["last_link"]):
            link = links[k]
            target = link["target"]
            if receivers is not None and part["counted"]:
                share = shares[thread, target]
                _add_counted(run, link, thread, share, step, spikes, codes, pending)
            elif link["sums"] == NONE:
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
    sums: Any, random: Any, watches: Any, receivers: Any,
) -> None:  # fmt: skip
    """The steps ``now`` to ``now + steps`` of one thread.

    ``run`` (1,) of :data:`RUN`, ``parts`` of :data:`PART` in the order of their levels, ``shares``
    (threads, parts) of :data:`SHARE`, ``links`` of :data:`LINK`, ``watches`` of :data:`WATCH`;
    ``codes``: the targets of all links, ``pending``: flat, (depth, width); ``sums``: all
    accumulators, ``random``: room for a number for each neuron, ``receivers`` of :data:`RECEIVER`.
    The last four are None where nothing needs them: what belongs to them is then not compiled,
    which takes its time.
    """
    this = run[0]
    for step in range(this["now"], this["now"] + this["steps"]):
        level = 0
        for p in range(len(parts)):
            part, share = parts[p], shares[thread, p]
            _update(
                this, thread, p, parts, shares, links, codes, pending, step, sums, random, receivers
            )
            if watches is not None:
                _watch(this, p, share["first"], share["last"], watches, step - this["now"])
            if part["level_ends"]:
                _meet(this["meetings"], len(shares))
                for q in range(level, p + 1):
                    _send(
                        this, thread, q, parts, shares, links, codes, pending, step, sums, receivers
                    )
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
