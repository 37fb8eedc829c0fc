"""The steps of a whole network, compiled by numba: :mod:`.spiking`, then :mod:`.arrivals`.

:mod:`fxlif.compiled.plan` and :mod:`fxlif.compiled.network_run` make the tables, whose rows are
the records of :mod:`fxlif.compiled.network_tables`. numba keeps what it compiled, and compiles
again when a file of this folder or the layout of a table changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..network.events import TICK
from .arrivals import accumulate_rows, add_counted, add_rows, add_sums, receive
from .intrinsics import array_at, call_step, count_up, give_way, load, look
from .jit import merged, threaded, threaded_inner
from .network_tables import GIVEN, NONE, POISSON, POPULATION, REGULAR, WATCHED
from .noise import add_noise
from .spiking import draw, list_counted, list_spikes, poisson, sent


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


@merged
def _update(
    run: Any, thread: int, p: int, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    step: int, sums: Any, random: Any, receivers: Any, noise: Any,
) -> None:  # fmt: skip
    """One step of a thread's neurons of a part: its spikes, and their list."""
    part, share = parts[p], shares[thread, p]
    first, last = share["first"], share["last"]
    n, at = part["size"], part["neurons_before"]
    spikes = array_at(run["spikes"] + at, n, np.uint8)
    if part["kind"] == POPULATION:
        slot = step % run["depth"] * run["width"] + part["pending"]
        row = step - run["now"]
        if sums is not None:
            add_sums(p, links, sums, step, first, last, pending[slot : slot + n])
        if noise is not None:
            words = random[at + first : at + last]
            add_noise(noise, part, step, first, last, words, pending[slot : slot + n])
        if random is not None and part["lfsr_mask"]:
            numbers = random[at + first : at + last]
            share["register"] = draw(share["register"], part["lfsr_mask"], share["skip"], numbers)
        if receivers is not None and part["receiver"] != NONE:
            receiver = receivers[part["receiver"]]
            if receiver["values"] != NONE:
                if receiver["before"]["function"]:
                    call_step(receiver["before"], first, last - first, slot + first, row)
                receive(run, thread, n, receiver, parts, shares, links, codes, step)
        call_step(part["step"], first, last - first, slot + first, row)
    if random is not None and part["kind"] == POISSON:
        poisson(part, step, first, last, spikes)
    if part["kind"] == REGULAR:
        phase, phases = step % part["period"], array_at(part["phases"], n, np.int64)
        for i in range(first, last):
            spikes[i] = phases[i] == phase
    if part["kind"] != GIVEN:
        at = run["lists"] + 4 * (share["list"] + (step & part["list_mask"]) * part["list_room"])
        length, found = array_at(at, 1, np.int32), array_at(at + 4, 2 * n, np.int32)
        if receivers is not None and part["counted"]:
            receiver = receivers[part["receiver"]]
            counts = array_at(receiver["counts"], n, np.int32)
            length[0] = list_counted(spikes, counts, receiver["most"], first, last, found)
        else:
            length[0] = list_spikes(spikes, first, last, found)


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
        spikes = sent(run, part, shares[sender, q], step)
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
                add_counted(run, link, thread, share, step, spikes, codes, pending)
            elif link["sums"] == NONE:
                add_rows(run, link, thread, shares[thread, target], step, spikes, codes, pending)
            elif sums is not None:
                saturated = array_at(run["saturated"], threads * len(links), np.int64)
                saturated[thread * len(links) + k] += accumulate_rows(
                    link, thread, parts[target]["size"], step, spikes, codes, sums
                )
    if records:
        array_at(part["out"] + 4 * own["recorded"], 1, np.int32)[0] = TICK
        own["recorded"] += 1


@threaded
def run_steps(
    thread: int, run: Any, parts: Any, shares: Any, links: Any, codes: Any, pending: Any,
    sums: Any, random: Any, watches: Any, receivers: Any, noise: Any,
) -> None:  # fmt: skip
    """The steps ``now`` to ``now + steps`` of one thread.

    ``run`` (1,) of :data:`RUN`, ``parts`` of :data:`PART` in the order of their levels, ``shares``
    (threads, parts) of :data:`SHARE`, ``links`` of :data:`LINK`, ``watches`` of :data:`WATCH`;
    ``codes``: the targets of all links, ``pending``: flat, (depth, width); ``sums``: all
    accumulators, ``random``: room for a number for each neuron, ``receivers`` of :data:`RECEIVER`,
    ``noise`` of :data:`NOISE`. The last five are None where nothing needs them: what belongs to
    them is then not compiled, which takes its time.
    """
    this = run[0]
    for step in range(this["now"], this["now"] + this["steps"]):
        level = 0
        for p in range(len(parts)):
            part, share = parts[p], shares[thread, p]
            _update(
                this, thread, p, parts, shares, links, codes, pending, step, sums, random,
                receivers, noise,
            )  # fmt: skip
            if watches is not None:
                _watch(this, p, share["first"], share["last"], watches, step - this["now"])
            if part["level_ends"]:
                _meet(this["meetings"], len(shares))
                for q in range(level, p + 1):
                    _send(
                        this, thread, q, parts, shares, links, codes, pending, step, sums, receivers
                    )
                level = p + 1
        if thread == 0:
            this["done"] = step + 1


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
