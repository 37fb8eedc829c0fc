"""The rules of a core's streams, where it is proved what comes out: they follow from that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ....params.core import CoreParams
from ...tools.solver import conjunction, z3
from ..golden import widen
from .machine import Machine
from .source import Source
from .streams import stream_machine


def implied_machine(source: Source, core: CoreParams, proved: Machine) -> Machine:
    """The machine of the streams' rules beside one whose claims are ``proved`` of every run; it is
    left to the claims that this one does not have itself.

    What holds of both machines together is guessed: as many TICKs are without an answer as steps
    are owed, and what waits is the lowest spike of the oldest one.
    """
    streams = stream_machine(source, core)
    streams.supposed = _together(streams, proved, core)
    return replace(
        streams, next={**proved.next, **streams.next}, first=[*proved.first, *streams.first],
        given=[*proved.given, *streams.given, *proved.claims.values()],
        claims={name: claim for name, claim in streams.claims.items() if name not in proved.claims},
    )  # fmt: skip


def _together(streams: Machine, proved: Machine, core: CoreParams) -> dict[str, Any]:
    ticks, stalled, before, least = (
        _named(streams, name) for name in ("answers", "stalled", "payload", "least address")
    )
    count, head = (_named(proved, name) for name in ("steps owed", "spikes owed 0"))
    width = least.size()
    first = z3.BitVecVal(1 << width, width + 1)  # a TICK
    for n in reversed(range(core.n_neurons)):
        first = z3.If(z3.Extract(n, n, head) == 1, z3.BitVecVal(n, width + 1), first)
    waits = stalled == 1
    spikes = [z3.Implies(z3.Extract(n, n, head) == 1, z3.UGE(z3.BitVecVal(n, width), least))
              for n in range(core.n_neurons)]  # fmt: skip
    return {
        "as many TICKs as steps": ticks == widen(count, ticks.size(), signed=False),
        "there is room for a step more": count != (1 << count.size()) - 1,
        "what waits is owed": z3.Implies(waits, count != 0),
        "what waits comes first": z3.Implies(waits, before == first),
        "no spike comes twice": conjunction(spikes),
        "nothing is owed that came": z3.Implies(count == 0, least == 0),
    }


def _named(machine: Machine, name: str) -> Any:
    return next(register for register in machine.next if str(register) == f"owed {name}")
