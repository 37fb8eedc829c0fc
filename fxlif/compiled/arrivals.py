"""What arrives where in a step of a whole network, compiled by numba for :mod:`.network_loop`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .intrinsics import array_at, fetch
from .jit import merged, threaded_inner
from .network_tables import GIVEN, NONE
from .spiking import sent


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
def add_rows(
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
def add_counted(
    run: Any, link: Any, thread: int, share: Any, step: int, spikes: Any, codes: Any, pending: Any
) -> None:
    """As :func:`add_rows`, of spikes that stand there several times."""
    for place in range(len(spikes)):
        times, entry = _repeats(spikes, place)
        for _ in range(times):
            one = spikes[entry : entry + 1]
            add_rows(run, link, thread, share, step, one, codes, pending)


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
def receive(
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
                receiver, sent(run, part, shares[sender, source], step - link["delay"]), begin,
                begin[link["rows"] :], codes[link["targets"] :], weights, link["even"],
                link["shift"], values, thresholds, counts,
            )  # fmt: skip


@threaded_inner
def accumulate_rows(
    link: Any, thread: int, n: int, step: int, spikes: Any, codes: Any, sums: Any
) -> int:
    """Add row after row, in arrival order, to sums that saturate: how many additions did."""
    rows, depth, delay = link["rows"], link["sums_depth"], link["delay"]
    low, high, even = link["low"], link["high"], link["even"]
    begin = _starts(link, thread)
    end = begin[rows:]
    start = (step + (0 if delay == NONE else delay)) % depth * n
    turn = depth * n
    sums = sums[link["sums"] :]
    here = sums[start : start + n]
    codes = codes[link["targets"] :]
    values = array_at(link["weights"], link["n_weights"], np.int16)
    clipped = 0
    for spike in spikes:
        if end[spike] - begin[spike] == n and delay != NONE and not even:
            # One synapse to each neuron, in their order.
            row = values[begin[spike] : end[spike]]
            for k in range(n):
                total = here[k] + row[k]
                here[k] = min(max(total, low), high)
                clipped += here[k] != total
            continue
        for k in range(begin[spike], end[spike]):
            place = start + np.int64(codes[k])
            place -= turn if place >= turn else 0
            total = sums[place] + values[spike if even else k]
            if total < low or total > high:
                clipped += 1
                total = min(max(total, low), high)
            sums[place] = total
    return clipped


@threaded_inner
def add_sums(
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
