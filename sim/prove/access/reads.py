"""What is read at run time: answers in their cycle, of the state and the counters as they are.

- The read port, whatever the cores do, with the write port (:mod:`.writes`): what is taken is asked
  of its core in the next cycle, once, by the address; the answer of that core, or the counter of
  the design, shows at ``answer`` in its cycle, and nothing else does; what goes nowhere is an
  error, answered by 0, and counted (induction over the cycles of an answer).
- What is asked of a core is answered three cycles later: the field and the lane of the state that
  shows a cycle before it, or the counter as it was when it was asked (``answer`` of each core).
- That this state is that of the word after its last update is said by the ``datapath`` of the
  core, whatever was read, and by its ``events`` that it is read only when no word is under way, and
  that the parts are wired so. All other groups hold whatever is read.
"""

from __future__ import annotations

from typing import Any

from ....cycles.access import COUNTS, READ_NUMBERS, SIGNED
from ....cycles.latency import READ_CYCLES, AnyCore
from ....hdl.core.layouts import read_layout
from ....hdl.neuron import state_layout
from ...tools.solver import z3
from .. import golden
from ..contract import Contract, Delays, Part, Ports, any_of, number, settle, unpacked
from ..netlist import Netlist
from ..parts import lanes_of
from ..prover import Prover, Result
from .ports import BITS, ReadSide

#: From what is asked of a core to what it answers.
ASKED_CYCLES = 3


def answer_part(net: Netlist, core: AnyCore) -> Part:
    """What is asked of a core, and its answer."""
    p, g = Ports(net, "answer"), Delays("answer")
    read = p.fields("read", read_layout(core))
    asked = g.line("asked", read["valid"], ASKED_CYCLES)
    items = g.line("item", read["item"], ASKED_CYCLES, None)
    lanes = g.line("lane", read["lane"], ASKED_CYCLES, None)
    state = g.line("state", p["state"], 1, None)[1]
    counts = {
        READ_NUMBERS[name]: g.line(name, p[name], ASKED_CYCLES, None)
        for name in COUNTS if name in p
    }  # fmt: skip
    answer = p["answer"]
    value = z3.BitVecVal(0, answer.size())
    for item, line in counts.items():
        value = z3.If(items[-1] == item, number(line[-1], answer.size()), value)
    for lane, word in enumerate(lanes_of(state, core.lanes)):
        for name, field in unpacked(word, state_layout(core.neuron)).items():
            shown = golden.widen(field, answer.size()) if name in SIGNED else number(
                field, answer.size()
            )  # fmt: skip
            here = z3.And(items[-1] == READ_NUMBERS[name], lanes[-1] == lane)
            value = z3.If(here, shown, value)
    known = [*counts, *(READ_NUMBERS[name] for name in core.neuron.state_widths)]
    takes = {
        "no two in a row": z3.Not(z3.And(asked[0] == 1, asked[1] == 1)),
        "what there is": z3.Implies(asked[0] == 1, z3.And(
            any_of([read["item"] == item for item in known]), z3.ULT(read["lane"], core.lanes)
            if core.lanes < 1 << read["lane"].size() else z3.BoolVal(True),
        )),
    }  # fmt: skip
    gives = {"answered": z3.Implies(asked[-1] == 1, answer == value)}
    contract = Contract(ghosts=g.ghosts, gives=gives, takes=takes)
    return Part(net=net, owns=p.owns, contract=contract, depth=ASKED_CYCLES + 1)


def prove_answers(prover: Prover, k: int) -> Result:
    """What core ``k`` answers."""
    part = answer_part(prover.core(k), prover.cores_of_all[k])
    answer = Ports(prover.core(k), "answer")["answer"]
    return settle(prover, part, {"an answer": answer != 0})


def read_claims(
    net: Netlist, g: ReadSide, ports: dict[int, dict[str, Any]], may: dict[int, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the read port gives, and its invariants."""
    gives: dict[str, Any] = {
        "read ready": g.ready_claim(ports), "reads counted": net["read_errors"] == g.missed,
    }  # fmt: skip
    invariants = g.invariants(net, "read")
    taken = g.line("taken", g.taken, READ_CYCLES)
    misses = g.line("nothing read", g.misses, READ_CYCLES - 1)
    width = net["answer_data"].size()
    value = z3.BitVecVal(0, width)
    for name in g.where.port_counts:
        item = g.is_at(g.address, 0, READ_NUMBERS[name], 1, 1)
        said = g.line(f"{name} read", z3.If(item, g.taken, z3.BitVecVal(0, 1)), READ_CYCLES)
        # As it shows in the cycle behind the taking.
        shown = g.line(name, net[name], READ_CYCLES - 1, None)
        value = z3.If(said[-1] == 1, number(shown[-1], width), value)
    for k in g.there:
        core = g.cores[k]
        read = unpacked(ports[k]["read"], read_layout(core))
        gives[f"core {k} read once"] = read["valid"] == g.reads[k]
        gives[f"core {k} read where it was held between two steps"] = z3.Implies(
            read["valid"] == 1, may[k] == 1
        )
        at = {n: place for n, place in g.place(g.was).items() if n != "row"}
        at["item"] = g.item(g.was)
        gives[f"core {k} read where was said"] = z3.Implies(read["valid"] == 1, z3.And(
            g.existed(k), *(number(read[n], BITS) == place for n, place in at.items())
        ))  # fmt: skip
        gives[f"core {k} not read twice in a row"] = z3.Not(
            z3.And(read["valid"] == 1, g.taken == 1)
        )
        said = g.line(f"{k} answers", g.reads[k], READ_CYCLES - 1)
        shown = g.line(f"answer of {k}", ports[k]["answer"], 1, None)[1]
        value = z3.If(said[-1] == 1, golden.widen(shown, width) if shown.size() < width
                      else z3.Extract(width - 1, 0, shown), value)  # fmt: skip
        invariants[f"read: held {k}"] = z3.Implies(
            g.reads[k] == 1, z3.And(may[k] == 1, g.existed(k))
        )
        invariants[f"read: place of {k}"] = z3.Implies(g.known == 1, z3.And(
            *(read[n] == z3.Extract(read[n].size() - 1, 0, place) for n, place in at.items())
        ))  # fmt: skip
        invariants[f"read: known {k}"] = z3.Implies(g.reads[k] == 1, g.known == 1)
    valid = net["answer_valid"]
    gives["answered in time"] = valid == taken[-1]
    gives["what was read"] = z3.Implies(valid == 1, net["answer_data"] == value)
    gives["an error where nothing is"] = z3.Implies(valid == 1, net["answer_error"] == misses[-1])
    return gives, invariants
