"""The groups of theorems about a network of cores with rows, and how each of them is attempted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ....cycles.pipeline import write_distance
from ....hdl.rows.issue import clear_slots
from ....hdl.rows.layouts import longest, row_operation_layout, slot_layout
from ....hdl.rows.synapses import OPERATION_DISTANCE
from ....layout import HardwareNetwork, RowCore
from ....params.core import address_bits
from .. import alone
from ..contract import Part, Ports, reset_theorem, settle
from ..core import cases as of_chain
from ..netlist import Netlist
from ..prover import Prover, Result
from ..step import prove_steps
from ..streams import held_theorem
from ..turns.rows import rows_composition
from .composition import RowComposition
from .deadlock import never_stuck
from .front import front_part
from .images import never_overflows, rows_equal
from .issue import issue_part
from .joined import lockstep_theorem, output_part
from .regular import regular_part, table_equal
from .synapses import synapses_part
from .totals import totals_part

#: What makes the proof of a part: of its core's netlist, the core, and the widths of the addresses
#: that it reads.
Make = Callable[[Netlist, RowCore, tuple[int, ...]], Part]
#: Group → part → (what its contract says, how it is made).
PARTS: dict[str, dict[str, tuple[str, Make]]] = {
    "rows": {
        "front": ("lookups of every event in order, none lost, an update behind the last TICK",
                  front_part),
        "issue": ("every word of a row, an update when the one before is done, the ring moves on",
                  lambda net, core, bits: issue_part(net, core)),
        "synapses": ("weight and address of each lane are those of the word",
                     lambda net, core, bits: synapses_part(net, core)),
    },
    "datapath": {
        "neurons": ("sum and state into LIFStep, write-back out of it",
                    lambda net, core, bits: alone.neurons_part(net, core)),
    },
    "queue": {"queue": ("entries in order, each once, soon",
                        lambda net, core, bits: alone.queue_part(net, core))},
    "emitter": {"emitter": ("every spike of an entry, then the TICK",
                            lambda net, core, bits: alone.emitter_part(net, core))},
    "counters": {"counters": ("counted exactly, in time",
                              lambda net, core, bits: alone.counters_part(net, core))},
}  # fmt: skip


def node_bits(network: HardwareNetwork) -> list[int]:
    """Width of an address of each node's stream."""
    return [network.in_address_bits, *(address_bits(source.n) for source in network.regular),
            *(core.out_address_bits for core in network.cores)]  # fmt: skip


def network_of(prover: Prover) -> HardwareNetwork:
    """The network that is proved."""
    assert isinstance(prover.params, HardwareNetwork)
    return prover.params


def _made(prover: Prover, k: int, make: Make) -> Part:
    network = network_of(prover)
    core, bits = network.cores[k], node_bits(network)
    return make(prover.core(k), core, tuple(bits[each.node] for each in core.inputs))


#: A run to the first addition is not looked for where the clearing takes more slots.
MAX_CLEARING = 12


def cases(net: Netlist, core: RowCore, part: str) -> dict[str, Any]:
    """What some run of a part must show, lest its contract be about nothing."""
    ports = Ports(net, part)
    match part.partition("_")[0]:
        case "front":
            return {"a lookup": ports["held"] == 1}
        case "issue" if clear_slots(core) <= MAX_CLEARING:
            slot = ports.fields("slot", slot_layout(core))
            added = {"an addition": slot["add"] == 1} if longest(core) else {}
            return {"an update": slot["update"] == 1, **added}
        case "synapses" if longest(core):
            adds = ports.fields("operation", row_operation_layout(core))["adds"]
            return {"an addition": adds != 0}
        case "totals":
            return {"a sum": ports["total"] != 0}
        case "neurons" | "queue" | "emitter":
            return of_chain(net, core, part)
        case "counters" if any(accumulator.saturates for accumulator in core.accumulators):
            return {"a sum that did not fit": ports["saturated"] != 0}
        case _:
            return {}


def _attempt(prover: Prover, name: str, k: int, part: str, make: Make) -> None:
    """The contract of a part, and that a reset is where it starts."""

    @cache
    def made() -> Part:
        return _made(prover, k, make)

    def contract() -> Result:
        return settle(prover, made(),
                      cases(prover.core(k), network_of(prover).cores[k], part))  # fmt: skip

    prover.attempt(name, contract)
    reset = f"{name.rsplit(':', 1)[0]}: a reset is where it starts, core {k}"
    prover.attempt(reset, lambda: reset_theorem(made()))


def prove_parts(group: str) -> Callable[[Prover], None]:
    """What attempts the contracts of a group's parts, of each core."""

    def run(prover: Prover) -> None:
        for k in range(len(network_of(prover).cores)):
            for part, (what, make) in PARTS[group].items():
                _attempt(prover, f"{group}: {part}: {what}, core {k}", k, part, make)

    return run


def prove_sums(prover: Prover) -> None:
    """Each accumulator of each core."""
    what = "golden sum of all that was added at an address, whatever follows what"
    for k, core in enumerate(network_of(prover).cores):
        for number in range(len(core.accumulators)):
            part = f"totals_{number}"

            def make(net: Netlist, core: RowCore, bits: object, number: int = number) -> Part:
                return totals_part(net, core, number)

            _attempt(prover, f"accumulate: {part}: {what}, core {k}", k, part, make)


def _composed(prover: Prover, k: int) -> Result:
    composition = _composition(prover, k)
    part, sent, at = composition.part(), composition.sent, first_tick(composition.core)
    found = settle(
        prover, part, {"a TICK": sent} if at <= MAX_CYCLES else {}, at=at,
        inputs=composition.ticks(),
    )  # fmt: skip
    if found[0] == "passed":
        # What follows from a contradiction follows from nothing.
        state = [*part.claims.values(), *part.lemmas.values(), *part.elsewhere, *part.system.given]
        if prover.decide([*state, sent], prover.timeout_s).result == "unsat":
            return "failed", "vacuous: no state that is as proved sends a TICK"
    return found


def first_tick(core: RowCore) -> int:
    """The cycle out of reset in which the first TICK is on its way, if TICKs wait at all inputs."""
    cleared = (core.slots - 1 << core.word_bits) + core.words + OPERATION_DISTANCE
    written = write_distance(core.neuron)
    forward = core.inputs[core.first_input :]
    held = sum(max(1, len(each.memories)) for each in forward) + 1
    taken = max(cleared + written, clear_slots(core) - 1, held)
    return taken + core.words + OPERATION_DISTANCE + written + 3


#: A run to the first TICK is not looked for where it takes more cycles.
MAX_CYCLES = 24


def _composition(prover: Prover, k: int) -> RowComposition:
    network = network_of(prover)
    core, bits = network.cores[k], node_bits(network)
    return rows_composition(prover.core(k), core, [bits[each.node] for each in core.inputs])


def prove_events(prover: Prover) -> None:
    """The theorems of each core, from the contracts of its parts."""
    for k, core in enumerate(network_of(prover).cores):
        label = f"core {k} ({core.name}: {core.rows} rows, {core.n_neurons} neurons)"
        name = "events: what each part takes, spikes of an update once, its TICK in time"
        prover.attempt(f"{name}, {label}", _composed, prover, k)


def prove_images(prover: Prover) -> None:
    """What the memories of synapses hold."""
    for k in range(len(network_of(prover).cores)):
        name = f"weights: images = synapses of the golden network, core {k}"
        prover.attempt(name, rows_equal, prover, k)


def prove_bounds(prover: Prover) -> None:
    """The widths of the accumulators."""
    for k in range(len(network_of(prover).cores)):
        name = f"overflow: no exact sum overflows, and no other within the promise, core {k}"
        prover.attempt(name, never_overflows, prover, k)


def prove_joined(prover: Prover) -> None:
    """The streams of the nodes, and how they are joined."""
    network = network_of(prover)
    for k in range(len(network.cores)):
        name = f"streams: payload held, valid kept until ready, core {k}"
        prover.attempt(name, held_theorem, prover, prover.core_module(k))
    for j, source in enumerate(network.regular):
        name = f"streams: the image of regular source {j} is that of the network"
        prover.attempt(name, table_equal, prover, source, j)
        name = f"streams: every event that is due, in time, regular source {j}"
        prover.attempt(name, _regular, prover, j)
    name = "streams: an event of a node moves for all its readers, or for none"
    prover.attempt(name, lockstep_theorem, prover, network)
    name = "streams: outputs step by step, one after the other; each reader's stream is held"
    prover.attempt(name, _output, prover)


def _regular(prover: Prover, j: int) -> Result:
    net = prover.netlist(prover.inner(f"regular_{j}"))
    part = regular_part(net, network_of(prover).regular[j])
    tick = net["events_out_payload"] == 1 << net["events_out_payload"].size() - 1
    return settle(prover, part, {"a TICK": tick})


def _output(prover: Prover) -> Result:
    part = output_part(prover, network_of(prover))
    cases = {"an event": part.net["events_out_valid"] == 1}
    return settle(prover, part, cases)


def prove_deadlock(prover: Prover) -> None:
    """The network of the contracts."""
    name = "deadlock: every step is sent by every node, and meets the same step of its readers"
    prover.attempt(name, never_stuck, prover, network_of(prover))


#: The theorems about a network of cores of rows, by the names of those about a chain.
GROUPS: dict[str, Callable[[Prover], None]] = {
    "step": prove_steps,
    "weights": prove_images,
    "overflow": prove_bounds,
    "rows": prove_parts("rows"),
    "accumulate": prove_sums,
    "datapath": prove_parts("datapath"),
    "queue": prove_parts("queue"),
    "emitter": prove_parts("emitter"),
    "counters": prove_parts("counters"),
    "streams": prove_joined,
    "events": prove_events,
    "deadlock": prove_deadlock,
}
