"""The write and the read port beside their text: what is on offer, what it names, what is taken."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import reduce
from operator import or_
from typing import Any

from ....cycles.access import (
    NUMBERS,
    READ_NUMBERS,
    AddressMap,
    as_register,
    inputs_of,
    is_single,
    value_bits,
    weight_words,
)
from ....cycles.latency import COUNTER_BITS
from ....hdl.access import read_payload, write_payload
from ....params.core import Writable
from ...tools.solver import z3
from ..alone import rom_word
from ..contract import Delays, Ports, any_of, bit, number, unpacked
from ..netlist import Netlist
from ..prover import Prover
from .registers import is_legal

#: Room for every number of an address.
BITS = 32


def core_ports(prover: Prover, net: Netlist, k: int) -> dict[str, Any]:
    """The ports of core ``k`` that join it to the ports of its design, by their plain names."""
    pattern = re.compile(
        rf"{re.escape(prover.instance(net, k))}\.\w*?(hold|between|write|read|answer)$"
    )
    return {found[1]: net[name] for name in net.signals if (found := pattern.match(name))}


class Side(Delays, ABC):
    """One of the two ports, of cores ``there``: ``waits``, whether an access was on offer and not
    taken a cycle before, and of which address it ``was``; ``misses``, whether one to nothing was
    taken then, ``missed`` how many; ``known``: a cycle of this run was before.

    The read port may name what belongs to no core, ``besides``.
    """

    def __init__(self, prover: Prover, net: Netlist, name: str, there: list[int]) -> None:
        super().__init__(f"{name} port")
        self.cores, self.there = prover.cores_of_all, there
        self.where = AddressMap(self.cores)
        layout = (write_payload if name == "write" else read_payload)(self.where)
        self.given = unpacked(net[f"{name}_payload"], layout)
        self.address = self.given["address"]
        self.valid, self.ready = net[f"{name}_valid"], net[f"{name}_ready"]
        self.taken = self.valid & self.ready
        self.waits = self.line("waits", self.valid & ~self.ready, 1)[1]
        self.was = self.line("address", self.address, 1, None)[1]
        self.known = self.line("out of reset", z3.BitVecVal(1, 1), 1)[1]
        misses = bit(self.is_nothing(self.address, self.given.get("data")))
        self.misses = self.line("to nothing", self.taken & misses, 1)[1]
        self.missed = z3.BitVec(f"{name} port: missed", COUNTER_BITS)
        self.count(self.misses)

    def count(self, misses: Any) -> None:
        """``missed`` counts these ``misses``."""
        self.ghosts[self.missed] = (0, self.missed + number(misses, COUNTER_BITS))

    #: What was on offer to be written a cycle before, at the write port.
    said: Any = None

    @abstractmethod
    def exists(self, address: Any, k: int, data: Any) -> Any:
        """Whether an address is that of anything of core ``k``, which can be the ``data`` on offer
        where it is to be written."""

    def besides(self, address: Any) -> Any:
        """Whether it is that of something of the design."""
        return z3.BoolVal(False)

    def is_nothing(self, address: Any, data: Any) -> Any:
        """Whether nothing is at an address, or nothing that can be ``data``."""
        known = [self.exists(address, k, data) for k in self.there]
        return z3.Not(z3.Or(*known, self.besides(address)))

    def ready_claim(self, ports: dict[int, dict[str, Any]]) -> Any:
        """When the port must be ready."""
        free = z3.Or(self.is_nothing(self.was, self.said), self.besides(self.was))
        named = [z3.And(self.existed(k), ports[k]["between"] == 1) for k in self.there]
        return (self.ready == 1) == z3.And(self.waits == 1, z3.Or(free, *named))

    def existed(self, k: int) -> Any:
        """Whether what was on offer a cycle before is for core ``k``."""
        return self.exists(self.was, k, self.said)

    def waits_for(self, k: int) -> Any:
        """Whether an access waits for core ``k``."""
        return z3.And(self.waits == 1, self.existed(k))

    def field(self, address: Any, at: int, bits: int) -> Any:
        """A field of an address."""
        if not bits:
            return z3.BitVecVal(0, BITS)
        return number(z3.Extract(at + bits - 1, at, address), BITS)

    def place(self, address: Any) -> dict[str, Any]:
        """Row, word and lane that an address names."""
        w = self.where
        return {
            "row": self.field(address, w.row_at, w.row_bits),
            "word": self.field(address, w.lane_bits, w.word_bits),
            "lane": self.field(address, 0, w.lane_bits),
        }

    def item(self, address: Any) -> Any:
        """The item that an address names."""
        return self.field(address, self.where.item_at, self.where.core_at - self.where.item_at)

    def is_at(self, address: Any, k: int, item: int, rows: int, neurons: int) -> Any:
        """Whether an address is that of an item of core ``k``, of one of so many."""
        w, core, at = self.where, self.cores[k], self.place(address)
        return z3.And(
            self.field(address, w.core_at, w.address_bits - w.core_at) == k,
            self.item(address) == item,
            z3.ULT(at["row"], rows),
            z3.ULT(at["lane"], core.lanes),
            z3.ULT(at["word"] * core.lanes + at["lane"], neurons),
        )

    def invariants(self, net: Netlist, name: str) -> dict[str, Any]:
        """What the registers of the port hold."""
        found: dict[str, Any] = {
            f"{name}: asked": net[f"{name}_asked"] == self.waits,
            f"{name}: to be counted": net[f"{name}_missed"] == self.misses,
            f"{name}: item": z3.Implies(
                self.known == 1, number(net[f"{name}_item"], BITS) == self.item(self.was)
            ),
            f"{name}: besides": z3.Implies(
                self.known == 1, (net[f"{name}_besides"] == 1) == self.besides(self.was)
            ),
            f"{name}: known": z3.Implies(self.waits == 1, self.known == 1),
        }
        for k in self.there:
            same = (net[f"{name}_found_{k}"] == 1) == self.existed(k)
            found[f"{name}: exists {k}"] = z3.Implies(self.known == 1, same)
        return found


class WriteSide(Side):
    """The write port; ``said`` is what was on offer to be written a cycle before, ``writes`` what
    was taken, by core and parameter."""

    def __init__(self, prover: Prover, net: Netlist) -> None:
        super().__init__(
            prover, net, "write", [k for k, core in enumerate(prover.cores_of_all) if core.writable]
        )
        self.data = self.given["data"]
        self.said = self.line("data", self.data, 1, None)[1]
        self.writes = {
            (k, name): self.line(
                f"{name} of {k}", self.taken & bit(self.names(self.address, k, name, self.data)), 1
            )[1]
            for k in self.there for name in self.cores[k].writable
        }  # fmt: skip
        #: By core of rows, whether there is a synapse where a weight was to be written a cycle
        #: before, by the memory that says so.
        self.holds = {k: self._holds(net, k) for k in self.there
                      if weight_words(self.cores[k])}  # fmt: skip
        late = [self.writes[k, "weights"] & ~there for k, there in self.holds.items()]
        self.count(reduce(or_, late, self.misses))

    def names(self, address: Any, k: int, name: Writable, data: Any) -> Any:
        """Whether an address is that of a value of a parameter of core ``k``, which can be
        ``data``."""
        core, register = self.cores[k], as_register(name)
        if name == "weights" and weight_words(core):
            return self._is_slot(address, k)
        rows = inputs_of(core) if name == "weights" else 1
        neurons = 1 if is_single(core, name) else core.n_neurons
        there = self.is_at(address, k, NUMBERS[name], rows, neurons)
        if register is None:
            return there
        value = z3.Extract(value_bits(core, name) - 1, 0, data)
        return z3.And(there, is_legal(core.neuron, register, value))

    def _is_slot(self, address: Any, k: int) -> Any:
        """Whether an address is that of a slot of a row of core ``k``, or one that its bits could
        number."""
        core = self.cores[k]
        words, lanes = (1 << (n - 1).bit_length() for n in (weight_words(core), core.lanes))
        w, at = self.where, self.place(address)
        return z3.And(
            self.field(address, w.core_at, w.address_bits - w.core_at) == k,
            self.item(address) == NUMBERS["weights"],
            z3.ULT(self.number_of(address), words), z3.ULT(at["lane"], lanes),
        )  # fmt: skip

    def number_of(self, address: Any) -> Any:
        """The number of a word of rows that an address names."""
        at = self.place(address)
        return at["row"] << self.where.word_bits | at["word"]

    def _holds(self, net: Netlist, k: int) -> Any:
        """Whether core ``k`` has a synapse where a write was on offer a cycle before."""
        name, bits = f"holds_{k}", (self.cores[k].lanes - 1).bit_length()
        lane = self.place(self.was)["lane"] & (1 << bits) - 1
        return rom_word(net, Ports(net, name).instance, name,
                        self.number_of(self.was) << bits | lane)  # fmt: skip

    def exists(self, address: Any, k: int, data: Any) -> Any:
        return any_of([self.names(address, k, name, data) for name in self.cores[k].writable])


class ReadSide(Side):
    """The read port; ``reads``: of which core something was taken a cycle before."""

    def __init__(self, prover: Prover, net: Netlist) -> None:
        super().__init__(
            prover, net, "read", [k for k, core in enumerate(prover.cores_of_all) if core.readable]
        )
        self.reads = {
            k: self.line(f"{k} read", self.taken & bit(self.exists(self.address, k, None)), 1)[1]
            for k in self.there
        }

    def exists(self, address: Any, k: int, data: Any) -> Any:
        core = self.cores[k]
        counts = dict.fromkeys(core.neuron.state_widths, core.n_neurons)
        return any_of([
            self.is_at(address, k, READ_NUMBERS[name], 1, counts.get(name, 1))
            for name in self.where.items(core)
        ])  # fmt: skip

    def besides(self, address: Any) -> Any:
        return any_of([
            self.is_at(address, 0, READ_NUMBERS[name], 1, 1) for name in self.where.port_counts
        ])  # fmt: skip
