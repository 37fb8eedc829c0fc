"""What is written at run time: where it goes, when, and that nothing else changes.

- The write port, whatever the cores do: it is ready for a write to nothing at once, for one to a
  core only ``between`` two of its steps, and holds that core meanwhile. What is taken is written in
  the next cycle, once, where its address says; what goes nowhere is counted (1-step induction).
- The memories of a core, whatever they hold: a write changes the named value of the named lane and
  nothing else, in any cycle, with a reset or without.

The cores are behind it by the ``events`` of each: ``between`` is so exactly where no event of a
step was taken, no TICK waits and no update is under way; while a core is held there it takes no
event; and only in the cycle behind that something is written, when nothing that reads it is under
way.
So no write waits for ever, nor does it keep the core: a step that has begun is not held up, its
input is refused for no reason that was not there before; an update ends in so many cycles of a
ready output (``TICK in time``); the core is then between two steps, the write is taken in that
cycle, and the input waits no more.
"""

from __future__ import annotations

from typing import Any

from ....cycles.access import as_register, is_accessible, is_single, value_bits
from ....cycles.latency import READ_CYCLES, AnyCore
from ....hdl.core.layouts import write_layout
from ....layout import RowCore
from ....params.core import Writable
from ....rule.written import register_value
from ...tools.solver import conjunction, z3
from ..alone import rom_word
from ..contract import Contract, Delays, Part, Ports, any_of, high, number, settle, unpacked
from ..netlist import Netlist
from ..parts import lanes_of
from ..prover import Prover, Result, Theorem
from ..sums import row_address
from .ports import BITS, ReadSide, Side, WriteSide, core_ports
from .reads import prove_answers, read_claims
from .registers import is_legal


def _write_claims(
    net: Netlist, g: WriteSide, ports: dict[int, dict[str, Any]], may: dict[int, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the write port gives, and its invariants."""
    gives: dict[str, Any] = {
        "ready": g.ready_claim(ports), "counted": net["rejected"] == g.missed,
    }  # fmt: skip
    invariants = g.invariants(net, "write")
    for k in g.there:
        core = g.cores[k]
        write = unpacked(ports[k]["write"], write_layout(core))
        strobes = [write[name] == 1 for name in core.writable]
        gives[f"core {k} written where it was held between two steps"] = z3.Implies(
            any_of(strobes), may[k] == 1
        )
        for name in core.writable:
            there, bits = g.writes[k, name], value_bits(core, name)
            in_rows = name == "weights" and k in g.holds
            if in_rows:
                there = there & g.holds[k]
            gives[f"{name} of core {k} written once"] = write[name] == there
            places = ["lane", *["row"] * (name == "weights"), *["word"] * (not in_rows)]
            same = [number(write[n], BITS) == at for n, at in _place(g, k).items() if n in places]
            same.append(z3.Extract(bits - 1, 0, write["value"])
                        == z3.Extract(bits - 1, 0, g.said))  # fmt: skip
            gives[f"{name} of core {k} where and what was said"] = z3.Implies(
                write[name] == 1, z3.And(g.names(g.was, k, name, g.said), *same)
            )
            invariants[f"{name} of {k} held"] = z3.Implies(
                g.writes[k, name] == 1, z3.And(may[k] == 1, g.names(g.was, k, name, g.said))
            )
        fields = {**_place(g, k), "value": number(g.said, 2 * BITS)}
        invariants[f"place of {k}"] = z3.Implies(g.known == 1, conjunction([
            write[n] == z3.Extract(write[n].size() - 1, 0, at) for n, at in fields.items()
        ]))  # fmt: skip
    some = [g.writes[each] for each in g.writes]
    invariants["known"] = z3.Implies(any_of([flag == 1 for flag in some]), g.known == 1)
    return gives, invariants


def _place(g: WriteSide, k: int) -> dict[str, Any]:
    """Row, word and lane where core ``k`` is to be written; of rows, the number of a word."""
    at = g.place(g.was)
    return at | {"row": g.number_of(g.was)} if k in g.holds else at


def port_part(prover: Prover, net: Netlist) -> Part:
    """The ports of a design, before cores of which nothing is known."""
    ports = {
        k: core_ports(prover, net, k)
        for k, core in enumerate(prover.cores_of_all) if is_accessible(core)
    }  # fmt: skip
    held = Delays("ports")
    may = {
        k: held.line(f"core {k} held between", each["hold"] & each["between"], 1)[1]
        for k, each in ports.items()
    }
    sides: list[Side] = []
    gives: dict[str, Any] = {}
    invariants: dict[str, Any] = {}
    takes: dict[str, Any] = {}
    depth = 1
    if any(core.writable for core in prover.cores_of_all):
        write = WriteSide(prover, net)
        found = _write_claims(net, write, ports, may)
        gives, invariants = found
        takes["a write stays until it is taken"] = z3.Implies(
            write.waits == 1,
            z3.And(write.valid == 1, write.address == write.was, write.data == write.said),
        )
        sides.append(write)
        if write.holds:  # the memory of what there is answers after two cycles
            depth = 3
    if any(core.readable for core in prover.cores_of_all):
        read = ReadSide(prover, net)
        found = read_claims(net, read, ports, may)
        gives, invariants = {**gives, **found[0]}, {**invariants, **found[1]}
        takes["a read stays until it is taken"] = z3.Implies(
            read.waits == 1, z3.And(read.valid == 1, read.address == read.was)
        )
        sides.append(read)
        depth = READ_CYCLES + 1
    for k, each in ports.items():
        holds = any_of([side.waits_for(k) for side in sides if k in side.there])
        gives[f"core {k} held"] = (each["hold"] == 1) == holds
    ghosts = held.ghosts
    for side in sides:
        ghosts = ghosts | side.ghosts
    contract = Contract(ghosts=ghosts, gives=gives, takes=takes)
    return Part(
        net=net, owns=lambda register: True, contract=contract, invariants=invariants, depth=depth
    )


def _settled(prover: Prover) -> Result:
    modules = map(prover.core_module, range(len(prover.cores_of_all)))
    net = prover.netlist(prover.hardware.top, *modules)
    part = port_part(prover, net)
    cases = {
        f"a {side} that is taken": high(net[f"{side}_valid"], net[f"{side}_ready"])
        for side in ("write", "read") if f"{side}_valid" in net
    }  # fmt: skip
    return settle(prover, part, cases)


def memory_theorem(prover: Prover, k: int, name: Writable) -> Theorem:
    """A write changes one value of a parameter of core ``k``; without one nothing changes."""
    core, net = prover.cores_of_all[k], prover.core(k)
    write = unpacked(net["access_write"], write_layout(core))
    bits = value_bits(core, name)
    value = z3.Extract(bits - 1, 0, write["value"])
    strobe = write[name] == 1
    if is_single(core, name):
        return _single(net, core, name, strobe, value)
    row, word = z3.BitVecs("row word", BITS)
    if name == "weights":
        if isinstance(core, RowCore):
            return _of_rows(net, core, write, value)
        rows, part, address = core.n_inputs, "weights", row_address(core, row, word)
    else:
        rows, part, address = 1, f"{Ports(net, 'neurons').instance}.thresholds", word
    here = rom_word(net, Ports(net, part).instance, name, address)
    later = net.after(here)
    at = {n: number(write[n], BITS) for n in ("row", "word", "lane")}
    hit = z3.And(strobe, at["word"] == word, z3.Or(at["row"] == row, rows == 1))
    claims = {
        f"lane {lane}": after == z3.If(z3.And(hit, at["lane"] == lane), value, before)
        for lane, (before, after) in enumerate(
            zip(lanes_of(here, core.lanes), lanes_of(later, core.lanes), strict=True)
        )
    }
    given = [z3.ULT(row, rows), z3.ULT(word, core.words), z3.ULT(at["word"], core.words),
             z3.ULT(at["lane"], core.lanes)]  # fmt: skip
    given += [z3.ULT(at["row"], rows)] * (name == "weights")
    return Theorem(
        mode="every state and input, one transition", claims=claims, given=given,
        cases={"a write": hit, "one elsewhere": z3.And(strobe, z3.Not(hit)), "none": z3.Not(strobe)}
        if rows * core.words > 1 else {"a write": hit, "none": z3.Not(strobe)},
    )  # fmt: skip


def _of_rows(net: Netlist, core: RowCore, write: dict[str, Any], value: Any) -> Theorem:
    """A write changes one weight of one memory of synapses, by the number of its word."""
    place, strobe = z3.BitVec("place", BITS), write["weights"] == 1
    at, instance = number(write["row"], BITS), Ports(net, "synapses").instance
    claims, hits = {}, []
    for m, (memory, first) in enumerate(zip(core.memories, core.first_words, strict=True)):
        name = f"weights_{m}"
        inside = z3.ULT(place, memory.depth)
        here = rom_word(net, Ports(net, f"{instance}.{name}").instance, name, place)
        hits.append(z3.And(strobe, at == place + first, inside))
        for lane, (before, after) in enumerate(
            zip(lanes_of(here, core.lanes), lanes_of(net.after(here), core.lanes), strict=True)
        ):
            hit = z3.And(hits[-1], number(write["lane"], BITS) == lane)
            bits = z3.Extract(before.size() - 1, 0, value)
            claims[f"memory {m}, lane {lane}"] = z3.Implies(
                inside, after == z3.If(hit, bits, before)
            )
    given = [z3.ULT(number(write["lane"], BITS), core.lanes)]
    return Theorem(
        mode="every state and input, one transition", claims=claims, given=given,
        cases={f"a write to memory {m}": hit for m, hit in enumerate(hits)}
        | {"none": z3.Not(strobe)},
    )  # fmt: skip


def _single(net: Netlist, core: AnyCore, name: Writable, strobe: Any, value: Any) -> Theorem:
    """A write changes the one value that there is, and nothing else does, a reset neither; that of
    a register is always one that it can hold: no other is written (:func:`_write_claims`)."""
    register, neuron = as_register(name), core.neuron
    held = Ports(net, "neurons")[name if register else "threshold"]
    found = (register_value(neuron, register) if register
             else neuron.v_threshold >> neuron.threshold_shift)  # fmt: skip
    later, given = net.after(held), []
    first = z3.Implies(net.init, held == z3.BitVecVal(found, held.size()))
    claims = {"the value": later == z3.If(strobe, value, held), "the design's at power-up": first}
    if register:
        given = [z3.Implies(strobe, is_legal(neuron, register, value))]
        legal = is_legal(neuron, register, held)
        claims["a value that it can hold"] = z3.Implies(z3.Or(legal, net.init), z3.And(
            legal, is_legal(neuron, register, later)
        ))  # fmt: skip
    return Theorem(
        mode="every state and input, one transition", claims=claims, given=given,
        cases={"a write": strobe, "none": z3.Not(strobe)},
    )  # fmt: skip


def prove_writes(prover: Prover) -> None:
    """The ports of a chain, the memories behind them, and what answers."""
    cores = prover.cores_of_all
    if not any(map(is_accessible, cores)):
        return
    name = "writes: between two steps, once, where the address says; else counted"
    if any(core.readable for core in cores):
        name += "; so reads, answered in time"
    prover.attempt(name, _settled, prover)
    for k, core in enumerate(cores):
        for parameter in core.writable:
            name = f"writes: {parameter}: the value that is named, and nothing else, core {k}"
            prover.attempt(name, memory_theorem, prover, k, parameter)
        if core.readable:
            name = f"writes: what is read is answered, core {k}"
            prover.attempt(name, prove_answers, prover, k)
