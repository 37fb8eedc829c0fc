"""What ties the registers of each part to the ghosts of its contract, and its proof alone."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ...hdl.core.layouts import entry_layout
from ...params.core import CoreParams
from ..tools.solver import z3
from .contract import Part, Ports, bit, fields, high, number
from .netlist import Netlist, label
from .parts import (
    REGISTER,
    counters_contract,
    emitter_contract,
    golden_add,
    lanes_of,
    ones,
    packed,
    queue_contract,
    totals_contract,
)


def totals_part(net: Netlist, core: CoreParams) -> Part:
    """The sums of any word are in its memory, but for those on their way through the adder."""
    p = Ports(net, "totals")
    contract, g = totals_contract(core, p, golden_add(core))
    memory = p.memory
    written = z3.Select(net.next[memory], g.word)
    total = p["total"]
    answer = net.next[total]
    invariants: dict[str, Any] = {
        "in memory": z3.Implies(
            g.known == 1,
            z3.If(g.here[-1] == 1, written, z3.Select(memory, g.word)) == g.sum,
        ),
        "read": z3.Implies(high(g.here[REGISTER - 1], g.known), answer == g.sum),
        "shown": z3.Implies(high(g.here[REGISTER], g.known), total == g.sum),
    }
    pairs = combinations(g.here[1:], 2)
    invariants["one at a time"] = z3.And(*(z3.Not(high(a, b)) for a, b in pairs))
    for cycle, name in enumerate(("used_1", "used_2", "used_3"), start=1):
        used, word = p[name] == 1, p[f"word_{cycle}"] == g.word
        invariants[f"issued {cycle} before"] = z3.And(used, word) == (g.here[cycle] == 1)
    for cycle, name in enumerate(("add_1", "add_2"), start=1):
        invariants[f"added {cycle} before"] = p[name] == g.adds[cycle]
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)


def queue_part(net: Netlist, core: CoreParams) -> Part:
    """Entry n of the queue lies under the low bits of n, until it is fetched, then held."""
    p = Ports(net, "queue")
    contract, g = queue_contract(core, p)
    memory = p.memory
    read, index = net.read_data(label(memory)), z3.BitVec("index", g.pushed.size())
    fetched, held, popped = p["fetched"], p["held"], p["popped"]

    def counted(flag: Any) -> Any:
        return z3.ZeroExt(popped.size() - 1, flag)

    low = z3.Extract(memory.sort().domain().size() - 1, 0, index)
    waiting = z3.ULT(index - popped, g.pushed - popped)
    invariants = {
        "pushed": p["pushed"] == g.pushed,
        "popped": popped == g.popped + counted(fetched) + counted(held),
        "room": z3.ULE(g.held, core.words),
        "no more than held": z3.ULE(counted(fetched) + counted(held), g.held),
        "fetched": z3.Implies(fetched == 1, read == z3.Select(g.entries, popped - 1)),
        "on its way": z3.And(
            z3.Implies(g.waited == 1, z3.Or(fetched == 1, held == 1)),
            z3.Implies(z3.UGT(g.waited, 1), held == 1),
        ),
    }
    of_each = {
        "in memory": z3.Implies(
            waiting, z3.Select(memory, low) == z3.Select(g.entries, index)
        ),
    }
    return Part(
        net=net, owns=p.owns, contract=contract, invariants=invariants, of_each=of_each, index=index,
        places=[popped],
    )  # fmt: skip


def emitter_part(net: Netlist, core: CoreParams) -> Part:
    """The registers are those of the reference; an entry of which lanes were sent has more."""
    p = Ports(net, "emitter")
    contract, g = emitter_contract(core, p)
    before = fields(g.kept.before, entry_layout(core))
    counts = lanes_of(before["spikes"], core.lanes)
    fired = packed([bit(count != 0) for count in counts])
    invariants = {
        "sent": p["sent"] == g.sent,
        "more of an entry": z3.Implies(
            g.sent != 0,
            z3.And(g.kept.waited == 1, z3.Or(fired & ~g.sent != 0, before["last"] == 1)),
        ),
        "valid": p["events_out_valid"] == g.valid,
        "left": g.left == (p["repeats"] if core.neuron.max_spikes_per_step > 1 else 0),
    }
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)


def counters_part(net: Netlist, core: CoreParams) -> Part:
    """The registers are those of the reference."""
    p = Ports(net, "counters")
    contract, g = counters_contract(core, p)
    invariants = {
        "unknown": p["was_unknown"] == g.unknown[1],
        "clipped": p["was_clipped"] == g.clipped[1],
        "count": number(p["count"], p["saturated"].size()) == ones(g.clipped[2], core),
    }
    return Part(net=net, owns=p.owns, contract=contract, invariants=invariants)
