"""The clock edges of a chain of cores, one after the other, and its write and read ports.

Plain integer code on the records of :mod:`fxlif.cycles.control`, compiled where numba is installed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled.jit import inline, njit
from .control import (
    ADD,
    NONE,
    Block,
    Chain,
    CompiledSteps,
    Driven,
    Ints,
    Record,
    Records,
    clock,
    compiled_update,
    offer,
    record,
    reset_core,
    show,
    take_sums,
)
from .driver import AccessSource

#: The write port or the read port: whether an access was on offer in the last cycle and not taken
#: (``asked``), and of which ``core`` it was, NONE where nothing is, or another number below 0 of
#: what belongs to no core; the core that it ``waits`` for, or such a number; one of NONE was taken
#: that is not counted yet (``misses``); how many these were (``missed``); and whether any was taken
#: in this cycle.
PORT = record("asked", "core", "waits", "misses", "missed", "taken")
#: What a cycle offers there, the number of an access, and what the port shows.
OFFERED, PORT_SHOWN = record("valid", "number"), record("ready", "missed")
#: The rows of the two ports.
WRITE, READ = 0, 1


class Access(NamedTuple):
    """The write and the read port of a chain: ``ports`` (2,) of :data:`PORT`; for each core whether
    a step has ``begun``, (cores,); what is ``offered`` and ``shown``, (2, cycles) of
    :data:`OFFERED` and :data:`PORT_SHOWN`. By port the accesses, ``rows`` of :data:`.driver.ACCESS`
    which in a driven chain a ``source`` (1,) of :data:`.driver.SOURCE` offers; the ``core`` of each
    and the one that it ``waits`` for, (accesses,). A port that is not there is never offered
    anything."""

    ports: Records
    begun: Ints
    offered: Records
    shown: Records
    rows: tuple[Records, Records]
    source: tuple[Records, Records]
    core: tuple[Ints, Ints]
    waits: tuple[Ints, Ints]


@inline
def offer_accesses(access: Access, driver: Record, cycle: int) -> None:
    """What the sources of the ports show in a cycle, beside a driver of events."""
    taken = driver["next_event"] - driver["holds"]
    for each in range(len(access.ports)):
        source, offered = access.source[each][0], access.offered[each, cycle]
        if not source["holds"] and source["next"] < len(access.rows[each]):
            following = access.rows[each][source["next"]]
            if taken >= following["after"]:
                if source["waited"] >= following["gap"]:
                    source["holds"], source["waited"] = 1, 0
                    source["next"] += 1
                else:
                    source["waited"] += 1
        offered["valid"] = source["holds"]
        offered["number"] = source["next"] - 1


@inline
def take_offers(access: Access, cycle: int) -> None:
    """Hold nothing on offer that a port is ready for."""
    for each in range(len(access.ports)):
        if access.shown[each, cycle]["ready"]:
            access.source[each][0]["holds"] = 0


def no_access() -> Access:
    """Neither of the two ports."""
    cores, source = np.zeros(0, dtype=np.int64), AccessSource()
    return Access(
        np.zeros(0, dtype=PORT), cores, np.zeros((2, 0), dtype=OFFERED),
        np.zeros((2, 0), dtype=PORT_SHOWN), (source.rows, source.rows),
        (source.state, source.state), (cores, cores), (cores, cores),
    )  # fmt: skip


@inline
def show_ports(control: Records, access: Access, cycle: int) -> None:
    """What the ports show; a core that one of them holds between two steps takes no event."""
    for each in range(len(access.ports)):
        port, shown = access.ports[each], access.shown[each, cycle]
        ready, k = port["asked"] != 0, port["waits"]
        if ready and k >= 0:
            now = control[k]
            ready = not (access.begun[k] or now["pending"] or now["updating"])
            if not access.begun[k]:
                now["ready"] = 0
        shown["ready"] = ready
        shown["missed"] = port["missed"]


@inline
def clock_ports(access: Access, cycle: int, counter_mask: int) -> int:
    """One clock edge of the ports out of reset; how many accesses were taken."""
    accesses = 0
    for each in range(len(access.ports)):
        port, offered = access.ports[each], access.offered[each, cycle]
        ready = access.shown[each, cycle]["ready"] != 0
        port["missed"] = (port["missed"] + port["misses"]) & counter_mask
        port["taken"] = offered["valid"] != 0 and ready
        port["misses"] = port["taken"] and port["core"] == NONE
        port["asked"] = offered["valid"] != 0 and not ready
        if offered["valid"]:
            port["core"] = access.core[each][offered["number"]]
            port["waits"] = access.waits[each][offered["number"]]
        accesses += port["taken"]
    return accesses


@njit
def reset_ports(access: Access) -> None:
    """Bring the ports into their state after a reset."""
    for each in range(len(access.ports)):
        port = access.ports[each]
        port["asked"] = port["misses"] = port["missed"] = 0
    access.begun[:] = 0


@njit
def run_chain(
    block: Block, chain: Chain, first: int, driven: Driven | None, steps: CompiledSteps | None,
    access: Access | None, arrived: Ints | None,
) -> int:  # fmt: skip
    """Run from cycle ``first`` to the end, or until a core needs the values of a new update, or
    something is written or read.

    ``arrived``: where the rows of the events begin among the weights, of cores where they act one
    by one; None without such. The inputs of the block are read; where the chain is ``driven`` they
    are filled instead. Fills streams and traces, and with compiled ``steps`` the history. Returns
    the next cycle.
    """
    config, control = block.config, chain.control
    cores = len(config)
    for cycle in range(first, len(block.inputs)):
        shown, stream = block.inputs[cycle], block.streams[cycle]
        if driven is not None:
            offer(driven, driven.flags[cycle], shown)
        for k in range(cores):
            show(config[k], control[k], block.traces[k, cycle])
        if access is not None:
            if driven is not None:
                offer_accesses(access, driven.state[0], cycle)
            show_ports(control, access, cycle)
            if driven is not None:
                take_offers(access, cycle)
        stream["in_ready"] = control[0]["ready"]
        stream["out_valid"] = control[cores - 1]["shown"] != NONE
        stream["out_address"] = control[cores - 1]["out_address"]
        stream["out_tick"] = control[cores - 1]["out_tick"]
        if driven is not None and shown["in_valid"] and control[0]["ready"]:
            driven.state[0]["holds"] = 0
        if shown["rst"]:
            for k in range(cores):
                reset_core(chain, config[k], k)
            if access is not None:
                reset_ports(access)
            continue
        due = 0
        # The last core first: what the one before it shows is still as it was.
        ready = shown["out_ready"]
        for k in range(cores - 1, -1, -1):
            core, now = config[k], control[k]
            if k:
                ahead = control[k - 1]
                valid = ahead["shown"] != NONE
                address, tick = ahead["out_address"], ahead["out_tick"]
            else:
                valid = shown["in_valid"] != 0
                address, tick = shown["in_address"], shown["in_tick"]
            if access is not None and valid and now["ready"]:
                access.begun[k] = tick == 0
            clock(chain, core, now, valid, address, tick, ready)
            ready = now["ready"]
            summed = True  # of cores of which none is else this is known when it is compiled
            if arrived is not None:
                summed = core["room"] == 0
                if not summed and now["op"] == ADD and now["slot"] == 0:
                    place = core["weights_at"] + now["row"] * core["words"] * core["lanes"]
                    arrived[core["arrived_at"] + now["arrived"]] = place
                    now["arrived"] += 1
                    now["update_due"] = 2 * (now["arrived"] == core["room"])
            if now["update_due"]:
                if steps is not None and summed and not core["by_rule"]:
                    take_sums(chain.totals, steps.currents, core)
                    compiled_update(block, chain, steps, core, now, k)
                due += now["update_due"]
        if access is not None:
            due += clock_ports(access, cycle, config[0]["counter_mask"])
        if due:
            return cycle + 1
    return len(block.inputs)
