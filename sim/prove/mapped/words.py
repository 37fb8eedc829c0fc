"""A memory of the Verilog in the block memories of a netlist: which bit lies where, and what has to
hold so that both remain the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...tools.solver import z3
from ..netlist import Netlist, conjuncts, constants, subterms
from .gate import Gate
from .memories import Memory, Pin, Port, memory_of
from .relation import Relation, is_bit


@dataclass
class Stored:
    """What of a memory of the Verilog lies in one cell.

    ``claims`` are to be proved of every clock edge; ``at_first`` are bits of the Verilog that are 0
    in the cell at power-up; ``bits`` of each word are in the cell; ``wrong`` are those that the
    cell does not hold at power-up, as ``WORD[BIT]``.
    """

    memory: str
    claims: dict[str, Any] = field(default_factory=dict)
    at_first: dict[str, Any] = field(default_factory=dict)
    bits: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    compared: int = 0


def contents(gold: Netlist) -> dict[str, dict[int, tuple[int, int]]]:
    """Memory → address → which bits have a value at power-up, and the values."""
    names = {gold[name].sexpr(): name for name in gold.signals if z3.is_array(gold[name])}
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for part in conjuncts(gold.init):
        for word in subterms([part]):
            if z3.is_select(word) and word.arg(0).sexpr() in names and z3.is_eq(part):
                masked, value = part.children()
                masks = [each for each in masked.children() if z3.is_bv_value(each)]
                mask = masks[0].as_long() if masks else (1 << word.size()) - 1
                of = found.setdefault(names[word.arg(0).sexpr()], {})
                of[word.arg(1).as_long()] = mask, value.as_long()
    return found


def stored(
    relation: Relation, name: str, read: Iterable[Any],
    at_first: Mapping[str, Mapping[int, tuple[int, int]]], pins: Mapping[str, Any],
) -> Stored:  # fmt: skip
    """What the cell ``name`` holds; ``read`` are the nets of the netlist that anything reads,
    ``at_first`` the :func:`contents`, ``pins`` those of the cells, in terms of the Verilog.

    Raises:
        ValueError: why that is not known.
    """
    cell = relation.gate.cells[name]
    memory = memory_of(cell)
    array_name = name.rsplit(".", 2)[0]
    if array_name not in relation.gold or not z3.is_array(relation.gold[array_name]):
        raise ValueError(f"the Verilog has no memory {array_name}")
    for pin in memory.zero:
        bits = cell["connections"].get(pin[0], [])
        if any(bit not in ("0", "x") for bit in bits):
            raise ValueError(f"{pin[0]} is in use")
    found = Stored(array_name)
    nets = set(read)
    answering = {pin for port in memory.reads for pin in port.data.values()}
    for pin_name, bits in cell["connections"].items():
        if cell["port_directions"][pin_name] == "output":
            for k, bit in enumerate(bits):
                if bit in nets and (pin_name, k) not in answering:
                    raise ValueError(f"{pin_name} is read at a port that writes")
    for port in memory.reads:
        used = {p: pin for p, pin in port.data.items() if _net(cell, pin) in nets}
        if used:
            _Cell(relation, name, array_name, port, found, pins).reads(used, memory, at_first)
    return found


def _net(cell: Mapping[str, Any], pin: Pin) -> Any:
    bits = cell["connections"].get(pin[0], [])
    return bits[pin[1]] if pin[1] < len(bits) else None


@dataclass
class _Cell:
    """One port that reads, and what it must agree with."""

    relation: Relation
    name: str
    memory: str
    port: Port
    found: Stored
    pins: Mapping[str, Any]

    @property
    def gold(self) -> Netlist:
        return self.relation.gold

    @property
    def gate(self) -> Gate:
        return self.relation.gate

    def pin(self, pin: Pin) -> Any:
        """A pin, in terms of the Verilog."""
        return z3.Extract(pin[1], pin[1], self.pins[f"{self.name}.{pin[0]}"])

    def all_set(self, pins: Iterable[Pin]) -> Any:
        return z3.And(*(self.pin(pin) == 1 for pin in pins))

    def address(self, port: Port, width: int) -> tuple[Any, Any]:
        """The address of a word, and that it is one of the Verilog's memory."""
        if len(port.address) < width:
            raise ValueError("it is in several cells, one after the other")
        pins = [self.pin(pin) for pin in port.address]
        low = z3.Concat(*reversed(pins[:width])) if width > 1 else pins[0]
        return low, z3.And(*(pin == 0 for pin in pins[width:]))

    def reads(
        self, used: Mapping[int, Pin], memory: Memory,
        at_first: Mapping[str, Mapping[int, tuple[int, int]]],
    ) -> None:  # fmt: skip
        array = self.gold[self.memory]
        width = array.sort().domain().size()
        address, within = self.address(self.port, width)
        enabled = self.all_set(self.port.enable)
        # Named after the port: a cell may have two that read.
        own = f"{self.name}, {self.port.clock[0]}"
        self.found.claims[f"{own}: the address is within the memory"] = z3.Implies(enabled, within)
        bits: dict[int, int] = {}
        for position, pin in used.items():
            answer = self.gate.pin(self.name, pin)
            meaning = self.relation.meanings.get(str(answer)) if is_bit(answer) else None
            if meaning is None:
                raise ValueError(f"the Verilog has no name for its answer {pin[0]}[{pin[1]}]")
            here, label = meaning.term, f"{self.name}: {meaning.name}"
            after = self.gold.after(here)
            if position in self.port.held:
                latch = self.latch(after, array)
                enable = self.pin(self.port.held[position])
                self.found.claims[f"{label}, output register"] = after == z3.If(
                    enable == 1, latch, here
                )
                self.found.at_first[f"{label}, output register"] = here
                here, after = latch, self.gold.after(latch)
            bits[position] = bit = _bit_of_answer(after, array)
            word = z3.Select(array, address)
            self.found.claims[f"{label}, bit {bit} of the word"] = after == z3.If(
                enabled, z3.Extract(bit, bit, word), here
            )
            self.found.at_first[label] = here
        self.found.bits |= set(bits.values())
        self.writes(memory, bits, array, width)
        for place, (mask, value) in at_first.get(self.memory, {}).items():
            for position, bit in bits.items():
                if mask >> bit & 1:
                    self.found.compared += 1
                    if memory.bits >> self.port.place(place, position) & 1 != value >> bit & 1:
                        self.found.wrong.append(f"{place}[{bit}]")

    def latch(self, after: Any, array: Any) -> Any:
        """The bit that an output register takes: of a register of the Verilog that takes the
        answer of the memory."""
        for leaf in constants([after]):
            if z3.is_bv(leaf) and _answers([self.gold.next.get(leaf, leaf)], array):
                bits = _used_bits(after, leaf)
                if len(bits) == 1:
                    return z3.Extract(bits[0], bits[0], leaf)
        raise ValueError("the Verilog has no register between the memory and its output register")

    def writes(self, memory: Memory, bits: Mapping[int, int], array: Any, width: int) -> None:
        """What a word, any one, holds after the edge."""
        word = z3.BitVec("address of any word", width)
        after = z3.Select(self.gold.next.get(array, array), word)
        hits = []
        for port in memory.writes:
            if any(port.place(1, p) != self.port.place(1, p) for p in bits):
                raise ValueError("it is written in words of another width than it is read")
            address, within = self.address(port, width)
            hits.append((port, z3.And(self.all_set(port.enable), within, address == word)))
        for position, bit in bits.items():
            value = z3.Extract(bit, bit, z3.Select(array, word))
            for port, hit in hits:
                if position in port.kept:
                    hit = z3.And(hit, self.pin(port.kept[position]) == 0)
                if position in port.strobes:
                    hit = z3.And(hit, self.pin(port.strobes[position]) == 1)
                value = z3.If(hit, self.pin(port.data[position]), value)
            at = f"{self.name}, {self.port.clock[0]}, {''.join(map(str, self.port.data[position]))}"
            self.found.claims[f"{at}: bit {bit} of a word that is written"] = (
                z3.Extract(bit, bit, after) == value
            )


def _answers(terms: Iterable[Any], array: Any) -> list[Any]:
    """What some terms read of a memory: each address once."""
    return [term for term in subterms(terms) if z3.is_select(term) and term.arg(0).eq(array)]


def _bit_of_answer(after: Any, array: Any) -> int:
    """The bit of the memory's answer that a register takes."""
    bits = [bit for answer in _answers([after], array) for bit in _used_bits(after, answer)]
    if len(bits) != 1:
        raise ValueError(f"the Verilog takes {len(bits)} bits of the memory's words at one place")
    return bits[0]


def _used_bits(term: Any, of: Any) -> list[int]:
    """The bits of ``of`` that are left in ``term``."""
    fresh = [z3.BitVec(f"fresh {k}", 1) for k in range(of.size())]
    whole = z3.Concat(*reversed(fresh)) if len(fresh) > 1 else fresh[0]
    left = {str(leaf) for leaf in constants([z3.simplify(z3.substitute(term, (of, whole)))])}
    return [k for k, bit in enumerate(fresh) if str(bit) in left]
