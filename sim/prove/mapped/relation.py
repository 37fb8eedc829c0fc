"""What each register of a netlist is in the Verilog, by the names that Yosys keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.solver import z3
from ..netlist import Netlist, bits, constants, label, substituted, subterms
from .gate import Gate, bits_of


@dataclass(frozen=True)
class Meaning:
    """A bit of the netlist: what the Verilog calls it, and the term that it is there."""

    name: str
    term: Any


def is_bit(term: Any) -> bool:
    """Whether a term is a constant without a value: a bit of the netlist."""
    return bool(z3.is_const(term)) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED


class Relation:
    """The ``gate`` as a picture of the state of ``gold``, the Verilog.

    :attr:`meanings` say of each register, input and answer of a memory of the netlist, by name,
    what it is in the Verilog; :attr:`facts` are what synthesis must have known of the Verilog's
    registers: that one is constant, that two are always equal. Both are guesses after names, for
    others to prove.
    """

    def __init__(self, gold: Netlist, gate: Gate) -> None:
        self.gold, self.gate = gold, gate
        self.meanings: dict[str, Meaning] = {}
        self.facts: dict[str, Any] = {}
        self._inputs = {str(leaf) for leaf in gold.inputs}
        self._pairs: list[tuple[Any, Any]] = []
        for port in gold.ports["input"]:
            for k, (bit, term) in enumerate(
                zip(gate.signal(port), bits_of(gold[port]), strict=True)
            ):
                if is_bit(bit):
                    self.add(bit, Meaning(f"{port}[{k}]", term))
        self._by_names()

    def _by_names(self) -> None:
        found: dict[str, list[tuple[Any, Meaning]]] = defaultdict(list)
        for bit, meaning in self._called_alike():
            turned = z3.is_app_of(bit, z3.Z3_OP_BNOT)
            if turned:
                bit, meaning = bit.arg(0), Meaning(f"~{meaning.name}", ~meaning.term)
            if is_bit(bit):
                # A net without a driver is nothing, though it has the name: nobody would check it.
                if str(bit) not in self.meanings and str(bit) in self.gate.driven:
                    found[str(bit)].append((bit, meaning))
            elif z3.is_bv_value(bit) and not z3.is_bv_value(meaning.term):
                self.facts[f"{meaning.name} = {bit}"] = meaning.term == bit
        for each in found.values():
            (bit, first), *rest = sorted(each, key=lambda pair: len(subterms([pair[1].term])))
            self.add(bit, first)
            for _, other in rest:
                if not z3.simplify(first.term == other.term).eq(z3.BoolVal(True)):
                    self.facts[f"{other.name} = {first.name}"] = other.term == first.term

    def _called_alike(self) -> Iterator[tuple[Any, Meaning]]:
        """Bits of the netlist, and of the Verilog's state, that have the same name."""
        for name in self.gate.signals:
            if name not in self.gold or z3.is_array(self.gold[name]):
                continue
            terms = bits_of(self.gold[name])
            for k, (bit, term) in enumerate(zip(self.gate.signal(name), terms, strict=False)):
                if self._of_state(term):
                    yield bit, Meaning(f"{name}[{k}]" if len(terms) > 1 else name, term)

    def _of_state(self, term: Any) -> bool:
        return not any(str(leaf) in self._inputs for leaf in constants([term]))

    def add(self, bit: Any, meaning: Meaning) -> None:
        """Say what a bit of the netlist is."""
        self.meanings[str(bit)] = meaning
        self._pairs.append((bit, meaning.term))

    def of(self, term: Any) -> Any:
        """A term of the netlist, in terms of the Verilog."""
        return z3.substitute(term, *self._pairs)

    def all_of(self, terms: Sequence[Any]) -> list[Any]:
        """Terms of the netlist, in terms of the Verilog."""
        return substituted(terms, self._pairs)

    @property
    def unnamed(self) -> list[str]:
        """The registers of the netlist of which nothing is known."""
        return [name for name in self.gate.registers if name not in self.meanings]

    def guesses(self) -> dict[str, Any]:
        """What may hold of the Verilog's registers and explains why synthesis took some away: facts
        after names; that one never leaves 0; that two of them are always equal."""
        constant = {f"{each.name} = 0": each.term == 0 for each in self.left()}
        return self.facts | constant | dict(_equal(self.gold))

    def left(self) -> Iterator[Meaning]:
        """Registers of the Verilog that none of the netlist is, bit by bit, and turned over."""
        known = {meaning.term.sexpr() for meaning in self.meanings.values()}
        for register in self.gold.next:
            if z3.is_array(register):
                continue
            for k, term in enumerate(bits_of(bits(register))):
                if term.sexpr() not in known and z3.simplify(~term).sexpr() not in known:
                    name = f"{label(register)}[{k}]"
                    yield Meaning(name, term)
                    yield Meaning(f"~{name}", z3.simplify(~term))


def _equal(gold: Netlist) -> Iterator[tuple[str, Any]]:
    """Registers that take the same value at every edge, as far as their terms show it: the coarsest
    partition in which those of one part do."""
    registers = [leaf for leaf in gold.next if z3.is_bv(leaf)]
    first = {leaf: next(r for r in registers if r.size() == leaf.size()) for leaf in registers}
    while True:
        pairs = [(leaf, of) for leaf, of in first.items() if not leaf.eq(of)]
        parts: dict[tuple[int, int], list[Any]] = defaultdict(list)
        every = substituted([gold.next[leaf] for leaf in registers], pairs)
        for leaf, after in zip(registers, every, strict=True):
            parts[first[leaf].get_id(), after.get_id()].append(leaf)
        split = {leaf: part[0] for part in parts.values() for leaf in part}
        if all(split[leaf].eq(first[leaf]) for leaf in registers):
            break
        first = split
    for leaf, of in first.items():
        if not leaf.eq(of):
            yield f"{label(leaf)} = {label(of)}", leaf == of
