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

import re
from typing import Any

from ....cycles.access import NUMBERS, AddressMap, inputs_of, is_single, value_bits
from ....cycles.latency import COUNTER_BITS
from ....hdl.access import write_payload
from ....hdl.core.layouts import write_layout
from ....params.core import Writable
from ...tools.solver import conjunction, z3
from ..alone import rom_word
from ..contract import Contract, Delays, Part, Ports, any_of, bit, high, number, settle, unpacked
from ..netlist import Netlist
from ..parts import lanes_of
from ..prover import Prover, Result, Theorem
from ..sums import row_address

#: Room for every number of an address.
_BITS = 32


class _Port(Delays):
    """The write port beside its text: what an address names, and what was on offer."""

    def __init__(self, prover: Prover, net: Netlist) -> None:
        super().__init__("write port")
        self.cores, self.where = prover.cores, AddressMap(prover.cores)
        self.there = [k for k, core in enumerate(self.cores) if core.writable]
        given = unpacked(net["write_payload"], write_payload(self.where))
        self.address, self.data = given["address"], given["data"]
        self.valid, self.ready = net["write_valid"], net["write_ready"]
        taken = self.valid & self.ready
        self.waits = self.line("waits", self.valid & ~self.ready, 1)[1]
        self.was = self.line("address", self.address, 1, None)[1]
        self.said = self.line("data", self.data, 1, None)[1]
        self.known = self.line("out of reset", z3.BitVecVal(1, 1), 1)[1]
        self.ports = {k: _core_ports(prover, net, k) for k in self.there}
        self.holds, self.betweens = (
            {k: ports[n] for k, ports in self.ports.items()} for n in ("hold", "between")
        )
        self.may = {
            k: self.line(f"core {k} held between", self.holds[k] & self.betweens[k], 1)[1]
            for k in self.there
        }
        self.writes = {
            (k, name): self.line(
                f"{name} of {k}", taken & bit(self.names(self.address, k, name)), 1
            )[1]
            for k in self.there for name in self.cores[k].writable
        }  # fmt: skip
        nothing = bit(z3.Not(any_of([self.exists(self.address, k) for k in self.there])))
        rejects = self.line("to nothing", taken & nothing, 1)[1]
        self.rejected = z3.BitVec("write port: rejected", COUNTER_BITS)
        self.ghosts[self.rejected] = (0, self.rejected + number(rejects, COUNTER_BITS))
        self.rejects = rejects

    def field(self, address: Any, at: int, bits: int) -> Any:
        """A field of an address."""
        if not bits:
            return z3.BitVecVal(0, _BITS)
        return number(z3.Extract(at + bits - 1, at, address), _BITS)

    def place(self, address: Any) -> dict[str, Any]:
        """Row, word and lane that an address names."""
        w = self.where
        return {
            "row": self.field(address, w.row_at, w.row_bits),
            "word": self.field(address, w.lane_bits, w.word_bits),
            "lane": self.field(address, 0, w.lane_bits),
        }

    def names(self, address: Any, k: int, name: Writable) -> Any:
        """Whether an address is that of a value of a parameter of core ``k``."""
        w, core, at = self.where, self.cores[k], self.place(address)
        neuron = at["word"] * core.lanes + at["lane"]
        fits = [
            self.field(address, w.core_at, w.address_bits - w.core_at) == k,
            self.field(address, w.item_at, w.core_at - w.item_at) == NUMBERS[name],
            z3.ULT(at["row"], inputs_of(core) if name == "weights" else 1),
            z3.ULT(at["lane"], core.lanes),
            z3.ULT(neuron, 1 if is_single(core, name) else core.n_neurons),
        ]
        return z3.And(*fits)

    def exists(self, address: Any, k: int) -> Any:
        """Whether an address is that of anything of core ``k``."""
        return any_of([self.names(address, k, name) for name in self.cores[k].writable])


def _core_ports(prover: Prover, net: Netlist, k: int) -> dict[str, Any]:
    """The ports of core ``k`` that join it to the write port, by their plain names."""
    pattern = re.compile(rf"{re.escape(prover.instance(net, k))}\.\w*?(hold|between|write)$")
    return {found[1]: net[name] for name in net.signals if (found := pattern.match(name))}


def port_part(prover: Prover, net: Netlist) -> Part:
    """The write port, before cores of which nothing is known."""
    g = _Port(prover, net)
    nothing = z3.Not(any_of([g.exists(g.was, k) for k in g.there]))
    named = [z3.And(g.exists(g.was, k), g.betweens[k] == 1) for k in g.there]
    gives = {
        "ready": (g.ready == 1) == z3.And(g.waits == 1, z3.Or(nothing, *named)),
        "counted": net["rejected"] == g.rejected,
    }
    invariants: dict[str, Any] = {"asked": net["write_asked"] == g.waits,
                                  "to be counted": net["write_missed"] == g.rejects}  # fmt: skip
    for k in g.there:
        core = g.cores[k]
        write = unpacked(g.ports[k]["write"], write_layout(core))
        holds = z3.And(g.waits == 1, g.exists(g.was, k))
        gives[f"core {k} held"] = (g.holds[k] == 1) == holds
        strobes = [write[name] == 1 for name in core.writable]
        gives[f"core {k} written where it was held between two steps"] = z3.Implies(
            any_of(strobes), g.may[k] == 1
        )
        for name in core.writable:
            gives[f"{name} of core {k} written once"] = write[name] == g.writes[k, name]
            bits = value_bits(core, name)
            same = [number(write[n], _BITS) == at for n, at in g.place(g.was).items()
                    if n != "row" or name == "weights"]  # fmt: skip
            same.append(z3.Extract(bits - 1, 0, write["value"])
                        == z3.Extract(bits - 1, 0, g.said))  # fmt: skip
            gives[f"{name} of core {k} where and what was said"] = z3.Implies(
                write[name] == 1, z3.And(g.names(g.was, k, name), *same)
            )
        exists = net[f"write_found_{k}"]
        invariants[f"exists {k}"] = z3.Implies(g.known == 1, (exists == 1) == g.exists(g.was, k))
        fields = {**g.place(g.was), "value": number(g.said, 2 * _BITS)}
        invariants[f"place of {k}"] = z3.Implies(g.known == 1, conjunction([
            write[n] == z3.Extract(write[n].size() - 1, 0, at) for n, at in fields.items()
        ]))  # fmt: skip
        for name in core.writable:
            held = z3.Implies(
                g.writes[k, name] == 1, z3.And(g.may[k] == 1, g.names(g.was, k, name))
            )
            invariants[f"{name} of {k} held"] = held
    w = g.where
    invariants["item"] = z3.Implies(
        g.known == 1, number(net["write_item"], _BITS)
        == g.field(g.was, w.item_at, w.core_at - w.item_at),
    )  # fmt: skip
    invariants["nothing besides"] = z3.Implies(g.known == 1, net["write_besides"] == 0)
    some = [g.writes[each] for each in g.writes]
    invariants["known"] = z3.Implies(any_of([flag == 1 for flag in [*some, g.waits]]), g.known == 1)
    takes = {
        "a write stays until it is taken": z3.Implies(
            g.waits == 1,
            z3.And(g.valid == 1, g.address == g.was, g.data == g.said),
        )
    }
    contract = Contract(ghosts=g.ghosts, gives=gives, takes=takes)
    return Part(net=net, owns=lambda register: True, contract=contract, invariants=invariants)


def _settled(prover: Prover) -> Result:
    modules = map(prover.core_module, range(len(prover.cores)))
    net = prover.netlist(prover.hardware.top, *modules)
    part = port_part(prover, net)
    cases = {"a write that is taken": high(net["write_valid"], net["write_ready"])}
    return settle(prover, part, cases)


def memory_theorem(prover: Prover, k: int, name: Writable) -> Theorem:
    """A write changes one value of a parameter of core ``k``; without one nothing changes."""
    core, net = prover.cores[k], prover.core(k)
    write = unpacked(net["access_write"], write_layout(core))
    bits = value_bits(core, name)
    value = z3.Extract(bits - 1, 0, write["value"])
    strobe = write[name] == 1
    if is_single(core, name):
        held = net.register(f"{Ports(net, 'neurons').instance}.threshold")
        start = z3.BitVecVal(core.neuron.v_threshold >> core.neuron.threshold_shift, bits)
        return Theorem(
            mode="every state and input, one transition",
            claims={"the value": net.after(held) == z3.If(strobe, value, held),
                    "the design's at power-up": z3.Implies(net.init, held == start)},
            cases={"a write": strobe, "none": z3.Not(strobe)},
        )  # fmt: skip
    row, word = z3.BitVecs("row word", _BITS)
    if name == "weights":
        rows, part, address = core.n_inputs, "weights", row_address(core, row, word)
    else:
        rows, part, address = 1, f"{Ports(net, 'neurons').instance}.thresholds", word
    here = rom_word(net, Ports(net, part).instance, name, address)
    later = net.after(here)
    at = {n: number(write[n], _BITS) for n in ("row", "word", "lane")}
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


def prove_writes(prover: Prover) -> None:
    """The write port of a chain, and the memories behind it."""
    if not any(core.writable for core in prover.cores):
        return
    name = "writes: between two steps, once, where the address says; else counted"
    prover.attempt(name, _settled, prover)
    for k, core in enumerate(prover.cores):
        for parameter in core.writable:
            name = f"writes: {parameter}: the value that is named, and nothing else, core {k}"
            prover.attempt(name, memory_theorem, prover, k, parameter)
