"""``fxlif prove --netlist``: what synthesis made of a design does what its Verilog does.

The state of the netlist is a picture of the state of the Verilog: each flip-flop is a bit of a
register there, by the name that Yosys keeps. It is proved that the picture holds at power-up and
that each clock edge, with the same inputs, leads from picture to picture, and that the outputs of
both are equal. So they are in every cycle.

Which bit of a memory of the Verilog lies where in a block memory is found by the names of what it
answers; that the contents at power-up are equal is compared, that they stay so is proved, of any
word. What the memory cells themselves do is not in the netlist: their description here
(:mod:`fxlif.sim.prove.mapped.memories`) is trusted, with Yosys' models of the other cells.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....hdl.flow import netlist as flow
from ....hdl.flow.names import part_of
from ....hdl.flow.netlist import taken_by
from ....hdl.flow.place import NETLIST, synthesise
from ....hdl.flow.targets import Target
from ....hdl.interface import Hardware
from ....hdl.limits import supported
from ....hdl.verilog import generate
from ....params.design import outline
from ....params.protocol import AnyParams
from ....progress import SILENT, Progress
from ...bench.netlist import device
from ...report.findings import Check, Findings, Outcome
from ...tools import yosys
from ...tools.solver import choose, conjunction, decide, z3
from ..netlist import Netlist, conjuncts, constants, substituted, subterms
from .gate import Gate
from .knowledge import Related, Tables, chosen, equal_bits
from .relation import Meaning, Relation
from .unnamed import Unnamed, leaves
from .words import Stored, contents, stored

#: Longest time for one question.
TIMEOUT_S = 120.0
#: How many claims are asked about at once: of those of recurrent, one by one, seven minutes become
#: six seconds.
TOGETHER = 100
#: How many of a kind are named where something is wrong.
SHOWN = 8
#: The pins of clocks of all cells.
CLOCKS = ("CLK", "C", "CLKA", "CLKB", "RCLK", "WCLK")
#: iCE40's flip-flops that a reset acts on between two edges.
AT_ONCE = {f"SB_DFF{enable}{way}" for enable in ("", "E") for way in "RS"}


def prove_netlist(
    params: AnyParams,
    *,
    name: str,
    target: str,
    edit: Callable[[flow.Netlist], object] = lambda netlist: None,
    timeout_s: float = TIMEOUT_S,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Prove the netlist of ``params`` on the device ``target`` equal to its Verilog.

    ``edit`` changes the netlist on its way, which is how a planted fault is shown to be found;
    ``timeout_s`` is per question.

    Raises:
        FxlifError: what the hardware cannot do, an unknown device or solver, a missing package.
    """
    on, design = device(target), supported(params)
    proof = _Proof(generate(design), on, edit, choose(solver), timeout_s, progress)
    proof.run()
    return Findings(
        command="prove",
        design=name,
        digest=design.digest(),
        parameters=outline(design),
        checks=tuple(proof.checks),
        figures={"netlist": on.name, **proof.figures, "solver": proof.solver},
    )


@dataclass
class _Proof:
    """One netlist, and the checks made of it."""

    hardware: Hardware
    target: Target
    edit: Callable[[flow.Netlist], object]
    solver: str
    timeout_s: float
    progress: Progress
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, int | float | str] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    facts_took: float = 0.0

    def run(self) -> None:
        folder, _ = synthesise(self.hardware, self.target, bare=True, progress=self.progress)
        self.mapped = flow.Netlist.read((folder / NETLIST).read_text(), self.hardware.top)
        self.edit(self.mapped)
        yosys.begin(self.progress, "reading the Verilog and the netlist")
        self.gold = Netlist(
            self.hardware.verilog, self.hardware.top, images=self.hardware.image_texts,
            contents=True,
        )  # fmt: skip
        self.gate = Gate(self.mapped, self.target.family)
        self.relation = Relation(self.gold, self.gate)
        self.given: list[Any] = []
        self.related = Related([])
        # What memories hold is compared by itself.
        parts = conjuncts(self.gold.init)
        self.first = [p for p in parts if not any(map(z3.is_select, subterms([p])))]
        self.contents = contents(self.gold)
        self.tables: Tables | None = None
        self.facts(self.relation.guesses(), self.first)
        start, unnamed = time.perf_counter(), self.unnamed()
        self.memories, unknown = self.lookup()
        if unknown := unnamed + unknown:
            self.add("what stands for nothing in the Verilog", "unknown", "\n".join(unknown), start)
        self.strange = self.gate.driven - set(self.relation.meanings)
        self.clock()
        self.flip_flops()
        self.stored()
        self.settle("outputs", dict(self.outputs()), "equal in every state and for every input")
        self.power_up()  # in the end: all that the others rest on must hold there
        self.told()
        kinds = sorted({cell["type"] for cell in self.gate.cells.values()})
        self.figures |= {
            "flip-flops": len(self.gate.registers),
            "block memories": f"{len(self.gate.cells)} {' '.join(kinds)}",
        }

    def add(self, name: str, outcome: Outcome, detail: str, start: float) -> None:
        self.checks.append(
            Check(name=f"netlist: {name}", outcome=outcome, detail=detail,
                  seconds=time.perf_counter() - start)
        )  # fmt: skip

    def lookup(self) -> tuple[dict[str, Stored], list[str]]:
        """Cell → what it stores; and why that is not known of others."""
        found: dict[str, Stored] = {}
        unknown: list[str] = []
        read = set(self.mapped.readers())
        names = [f"{name}.{pin}" for name, cell in self.gate.cells.items()
                 for pin in cell["connections"]]  # fmt: skip
        pins = self.relation.all_of([self.gate.signals[name] for name in names])
        for name in self.gate.cells:
            try:
                found[name] = stored(self.relation, name, read, self.contents,
                                     dict(zip(names, pins, strict=True)))  # fmt: skip
            except ValueError as error:
                unknown.append(f"memory cell {name}: {error}")
        return found, unknown

    def facts(self, guesses: dict[str, Any], begin: list[Any]) -> None:
        """Keep of the guesses about the Verilog's registers those that are inductive together, from
        the first states ``begin``."""
        start = time.perf_counter()
        self.progress("proving what synthesis knew of the registers", 0, None)
        facts = self.kept(guesses, begin)
        while facts:
            after = substituted(list(facts.values()), self.gold.clocked)
            left = self.kept(dict(zip(facts, after, strict=True)), list(facts.values()))
            if len(left) == len(facts):
                break
            facts = {name: facts[name] for name in left}
        self.known |= facts
        self.given = list(self.known.values())
        self.related = Related(self.given)
        self.facts_took += time.perf_counter() - start

    def learn(self) -> None:
        """Find more facts, of single bits of registers and of what is in tables: from a first state
        in which registers without a value have the one that suits synthesis."""
        start = time.perf_counter()
        self.progress("looking for more that synthesis knew", 0, None)
        cells: dict[str, set[int]] = defaultdict(set)
        for each in self.memories.values():
            cells[each.memory] |= each.bits
        self.tables = Tables(self.gold, self.contents, cells)
        guesses = self.relation.guesses()
        begin = [*self.first, *chosen(self.gold, self.first, self.relation.facts.values())]
        guesses |= equal_bits(
            self.gold, self.tables, begin, solver=self.solver, timeout_s=self.timeout_s
        )
        self.facts_took += time.perf_counter() - start
        self.facts(guesses, begin)

    def told(self) -> None:
        """Write down the facts."""
        if self.known:
            names = ", ".join(sorted(self.known)[:SHOWN])
            more = f" and {len(self.known) - SHOWN:,} more" * (len(self.known) > SHOWN)
            self.checks.append(Check(
                name="netlist: what synthesis knew of the Verilog's registers", outcome="passed",
                detail=f"{self.solver}, 1-step induction: {names}{more}", seconds=self.facts_took,
            ))  # fmt: skip

    def kept(self, claims: dict[str, Any], given: list[Any]) -> dict[str, Any]:
        """Those of the claims that follow from ``given``; none where the time runs out."""
        asked = len(claims)
        while claims:
            self.progress(
                "proving what synthesis knew of the registers", asked - len(claims), asked
            )
            wrong = z3.simplify(z3.Not(conjunction(claims.values())))
            answer = decide([*given, wrong, *self.read([*given, wrong])], solver=self.solver,
                            timeout_s=self.timeout_s, values=claims)  # fmt: skip
            if answer.result == "unsat":
                break
            claims = {name: claim for name, claim in claims.items() if answer.model.get(name)}
        return claims

    def read(self, formulas: list[Any]) -> Iterator[Any]:
        """What is known of the words of tables that the formulas read."""
        return iter(()) if self.tables is None else self.tables.facts(formulas)

    def unnamed(self) -> list[str]:
        """Find what the flip-flops without a name are; those of which it is not found."""
        if not self.relation.unnamed:
            return []
        found = Unnamed(
            self.relation,
            holds=lambda formula: self.wrong(z3.Not(formula)) == "unsat",
            begins=lambda formula: self.ask([*self.first, formula]) == "sat",
        )
        return [f"flip-flop {name.rpartition('.')[0]}" for name in found.find(self.progress)]

    def ask(self, formulas: list[Any]) -> str:
        formulas = [z3.simplify(each) for each in formulas]
        formulas += self.read(formulas)
        return decide(formulas, solver=self.solver, timeout_s=self.timeout_s).result

    def clock(self) -> None:
        """Each flip-flop and memory has the design's clock, and its rising edge."""
        start, wrong = time.perf_counter(), off_clock(self.mapped)
        self.add("clock", "failed" if wrong else "passed",
                 f"not on the rising edge of clk alone: {_named(wrong)}" if wrong else
                 "every flip-flop and memory port has the rising edge of clk", start)  # fmt: skip

    def power_up(self) -> None:
        """There is a first state of the Verilog whose picture is that of the netlist."""
        start = time.perf_counter()
        self.progress("comparing the states at power-up", 0, None)
        begin = [self.relation.of(self.gate.at_first)]
        values = [term == 0 for each in self.memories.values() for term in each.at_first.values()]
        together = self.ask([*self.first, *begin, *values, *self.given])
        if together == "sat":
            self.add("power-up", "passed", f"{self.solver}: the first states are equal; a register "
                     "that the Verilog gives no value has the netlist's", start)  # fmt: skip
            return
        wrong = [name for name, formula in self.first_bits()
                 if self.ask([*self.first, *self.given, formula]) != "sat"]  # fmt: skip
        self.add("power-up", "failed" if together == "unsat" else "unknown",
                 f"begins otherwise than in the Verilog: {_named(wrong)}", start)  # fmt: skip

    def first_bits(self) -> Iterator[tuple[str, Any]]:
        names = {str(bit): meaning.name for bit, meaning in self.meanings()}
        for part in conjuncts(self.gate.at_first):
            of = [names[str(leaf)] for leaf in constants([part]) if str(leaf) in names]
            yield ", ".join(of), self.relation.of(part)
        for each in self.memories.values():
            for name, term in each.at_first.items():
                yield name, term == 0

    def meanings(self) -> Iterator[tuple[Any, Meaning]]:
        """The flip-flops whose meaning is known."""
        for name, bit in self.gate.registers.items():
            if name in self.relation.meanings:
                yield bit, self.relation.meanings[name]

    def flip_flops(self) -> None:
        """Each takes at a clock edge what its register takes."""
        parts: dict[str, dict[str, Any]] = defaultdict(dict)
        known = list(self.meanings())
        here = self.relation.all_of([self.gate.next[str(bit)] for bit, _ in known])
        there = substituted([meaning.term for _, meaning in known], self.gold.clocked)
        for (bit, meaning), after, wanted in zip(known, here, there, strict=True):
            name = f"{meaning.name} ({str(bit).rpartition('.')[0]})"
            parts[part_of(meaning.name.removeprefix("~"))][name] = after == wanted
        for part, claims in sorted(parts.items()):
            self.settle(f"flip-flops of {part}", claims, f"{len(claims)}, next states equal")

    def stored(self) -> None:
        """Each memory begins with the Verilog's contents, and keeps them."""
        cells: dict[str, list[str]] = defaultdict(list)
        for name, each in self.memories.items():
            cells[each.memory].append(name)
        for memory, names in sorted(cells.items()):
            of = [self.memories[name] for name in names]
            claims = {name: claim for each in of for name, claim in each.claims.items()}
            compared, wrong = sum(each.compared for each in of), [w for e in of for w in e.wrong]
            width = self.gold[memory].sort().range().size()
            missing = sorted(set(range(width)) - {bit for each in of for bit in each.bits})
            detail = f"{len(names)} cells, {compared:,} bits of contents equal; "
            detail += "reads and writes equal, of any word"
            if missing:
                detail += f"; not in the netlist, for nothing reads them: bits {missing}"
            if wrong:
                self.add(f"memory {memory}", "failed",
                         f"contents at power-up differ: WORD[BIT] {_named(wrong)}",
                         time.perf_counter())  # fmt: skip
            self.settle(f"memory {memory}", claims, detail)

    def outputs(self) -> Iterator[tuple[str, Any]]:
        for port in self.gold.ports["output"]:
            yield port, self.relation.of(self.gate.signals[port]) == self.gold[port]

    def settle(self, name: str, claims: Mapping[str, Any], shown: str) -> None:
        """Whether the claims hold of every state in which the facts do; one by one where those of
        a part do not hold together."""
        start, took = time.perf_counter(), self.facts_took
        found: dict[str, list[str]] = defaultdict(list)
        names = list(claims)
        for first in range(0, len(names), TOGETHER):
            self.progress(f"proving {name}", first, len(names))
            part = names[first : first + TOGETHER]
            wrong = z3.Not(conjunction(claims[claim] for claim in part))
            answer = self.wrong(wrong)
            if answer == "sat" and self.tables is None:
                self.learn()
                answer = self.wrong(wrong)
            for claim in part if answer != "unsat" else ():
                answer = self.wrong(z3.Not(claims[claim]))
                if answer == "sat" and not self.strange.isdisjoint(leaves(claims[claim])):
                    answer = "strange"
                found[answer].append(claim)
        start += self.facts_took - took
        lines = [f"differs, in a state that may be one that never occurs: {_named(found['sat'])}"
                 ] if found["sat"] else []  # fmt: skip
        if found["strange"]:
            lines.append(f"depends on what stands for nothing: {_named(found['strange'])}")
        if found["unknown"]:
            lines.append(f"no answer in {self.timeout_s:.0f} s: {_named(found['unknown'])}")
        outcome: Outcome = "failed" if found["sat"] else "unknown" if lines else "passed"
        by = f"{self.solver}, 1-step induction over both"
        self.add(name, outcome, "\n".join(lines) or f"{by}: {shown}", start)

    def wrong(self, formula: Any) -> str:
        """Whether the formula can be in a state in which the facts hold."""
        formula = z3.simplify(formula)
        return self.ask([formula, *self.related([formula])])


def off_clock(netlist: flow.Netlist) -> list[str]:
    """The flip-flops and memories that change at anything but the rising edge of ``clk``; those
    that are reset without it among them."""
    found = []
    (clock,) = netlist.ports["clk"]["bits"]
    for name, cell in netlist.cells.items():
        taken = {*taken_by(cell["type"])}
        if not taken & {"FF", "RAM", "DSP"}:
            continue
        nets, of = cell["connections"], cell["parameters"]
        used = [pin for pin in CLOCKS if nets.get(pin) not in (None, ["0"], ["x"], [])]
        inverted = any(str(of.get(f"{pin}MUX", "")).rstrip() == "INV" for pin in used)
        falling = cell["type"].startswith("SB_DFFN") or "SB_RAM40_4KN" in cell["type"]
        # Its model acts as one that waits for the clock, as long as nobody looks between two.
        at_once = cell["type"] in AT_ONCE or (
            str(of.get("SRMODE", "")).rstrip() == "ASYNC" and nets.get("LSR") not in (None, ["0"])
        )
        off = any(nets[pin] != [clock] for pin in used) or (not used and "FF" in taken)
        if inverted or falling or at_once or off:
            found.append(name)
    return found


def _named(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
