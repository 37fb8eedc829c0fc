"""The proof of a core: each part alone by its contract, then the core from the contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...cycles.latency import AnyCore
from ...params.core import CoreParams
from ..tools.solver import z3
from . import alone
from .contract import Part, Ports, high, reset_theorem, settle
from .netlist import Netlist
from .prover import Prover, Result, Theorem
from .turns.core import composition_of

Make = Callable[[Netlist, CoreParams], Part]
#: Group → (part, what its contract says, how it is made).
PARTS: dict[str, tuple[str, str, Make]] = {
    "weights": ("weights", "what lies at an address, two cycles later", alone.weights_part),
    "accumulate": ("totals", "golden accumulate of every event, none lost", alone.totals_part),
    "datapath": ("neurons", "sum and state into LIFStep, write-back out of it",
                 alone.neurons_part),
    "queue": ("queue", "entries in order, each once, soon", alone.queue_part),
    "emitter": ("emitter", "every spike of an entry, then the TICK", alone.emitter_part),
    "counters": ("counters", "counted exactly, in time", alone.counters_part),
}  # fmt: skip


def cases(net: Netlist, core: AnyCore, part: str) -> dict[str, Any]:
    """What some run of a part must show, lest its contract be about nothing."""
    ports = Ports(net, part)
    match part:
        case "totals":
            return {"a sum": ports["total"] != 0}
        case "neurons":
            return {"a step": z3.Extract(0, 0, ports["written"]) == 1,
                    "a clearing": ports["cleared"] == 1}  # fmt: skip
        case "queue":
            return {"an entry": ports["entries_valid"] == 1}
        case "emitter":
            return {"an event": ports["events_out_valid"] == 1, "a TICK": ports["done"] == 1}
        case "counters":
            found = {}
            if not core.neuron.per_event:
                found["a sum that did not fit"] = ports["saturated"] != 0
            # Where every address is an input's, nothing is ever lost.
            if isinstance(core, CoreParams) and core.n_inputs < 1 << core.in_address_bits:
                found["a lost event"] = ports["dropped"] != 0
            return found
        case _:
            return {}


def _alone(prover: Prover, k: int, part: str, make: Make) -> Result:
    net, core = prover.core(k), prover.cores[k]
    return settle(prover, make(net, core), cases(net, core, part))


def _reset(prover: Prover, k: int, make: Make) -> Theorem:
    return reset_theorem(make(prover.core(k), prover.cores[k]))


def prove_part(group: str) -> Callable[[Prover], None]:
    """What attempts the contract of one part, of each core."""
    part, what, make = PARTS[group]

    def run(prover: Prover) -> None:
        for k, core in enumerate(prover.cores):
            if part == "totals" and core.neuron.per_event:
                continue
            name = f"{group}: {part}: {what}, core {k}"
            prover.attempt(name, _alone, prover, k, part, make)
            if part != "weights":  # its registers are data alone, which a reset leaves
                label = f"{group}: {part}: a reset is where it starts, core {k}"
                prover.attempt(label, _reset, prover, k, make)

    return run


def _composed(prover: Prover, k: int) -> Result:
    core = prover.cores[k]
    composition = composition_of(prover.core(k), core)
    issue, emitter = composition.issue, Ports(prover.core(k), "emitter")
    # TICKs and a ready output: little is left to search. The first update starts when the clearing
    # is over; three cycles after its last word its TICK is on its way.
    inputs = [high(issue["events_in_valid"], emitter["events_out_ready"]),
              issue["events_in_payload"] == 1 << core.in_address_bits]  # fmt: skip
    at = 2 * (core.words + composition.end) + 3
    reached = {"a TICK": composition.sent} if at <= MAX_CYCLES else {}
    return settle(prover, composition.part(), reached, at=at, inputs=inputs)


#: A run to the first TICK is not looked for where it takes more cycles.
MAX_CYCLES = 50


def prove_events(prover: Prover) -> None:
    """The theorems of each core, from the contracts of its parts."""
    for k, core in enumerate(prover.cores):
        label = f"core {k} ({core.n_inputs} x {core.n_neurons}, {core.lanes} lanes)"
        name = f"events: none lost, none invented, TICKs in order and in time, {label}"
        prover.attempt(name, _composed, prover, k)
        prover.attempt(f"events: a reset is where it starts, {label}", _reset, prover, k, _whole)


def _whole(net: Netlist, core: CoreParams) -> Part:
    return composition_of(net, core).part()
