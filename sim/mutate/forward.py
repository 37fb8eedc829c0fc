"""Proves that a mutant does what a network of cores that read rows does, or a chain of cores.

What is fed forward there is followed over several cycles: steps, and what lies between the issue
and the sums.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from ...cycles.signals import step_name
from ...errors import FxlifError
from ..prove.contract import any_of
from ..prove.netlist import Netlist, conjuncts, constants, subterms
from ..tools.solver import conjunction, decide, z3
from .equivalence import counts
from .known import Bound, Facts
from .mutants import SELECT, Mutants

#: The registers that are fed forward: those of steps; of the words of synapses from a slot to its
#: operation, of the addresses of sums and of what their memories answer.
STEP = rf"(.*\.)?{step_name(0)[:-1]}\d+\..*"
LINES = (
    r"(.*\.)?(synapses\..*"
    r"|totals_\d+\.(address_\d+|used|add|of_\w+|answer|earlier|arrived|written)_\d+)"
)
#: The registers that say what enters a core of rows: of cycles before they are looked at, too.
ISSUE = r"(.*\.)?issue\.(?!held|lookup|n\d).*"
#: What a term consists of that only takes registers apart, joins their parts or inverts them.
WIRES = {
    z3.Z3_OP_UNINTERPRETED, z3.Z3_OP_BNUM, z3.Z3_OP_EXTRACT, z3.Z3_OP_CONCAT, z3.Z3_OP_BNOT,
}  # fmt: skip
#: More cycles than anything is fed forward for.
LONGEST_LINE = 24


class ForwardEquivalence:
    """Says which mutants are equivalent to a design of cores whose events are summed.

    By induction: from equal states, with equal inputs, the ``outputs`` that count and the next
    states of all registers are equal. Those that are fed forward may differ: they hold what design
    and mutant made of equal values in cycles before, or since power-up, so these cycles are looked
    at too. Memories of constants hold what they began with, and 0 behind their last word, as
    simulators read them. A mutant that differs only in states that are never reached is called
    equivalent where it follows from what is given here: ``facts`` of the registers, and ``bounds``
    of fields of signals that never leave a range.
    """

    def __init__(
        self,
        mutants: Mutants,
        outputs: Sequence[str],
        *,
        solver: str,
        facts: Facts = lambda net: (),
        bounds: Sequence[Bound] = (),
    ) -> None:
        net = Netlist(mutants.verilog, mutants.top)
        (self._select,) = net.drivers(SELECT)
        self._solver, self._mutants, self._next = solver, mutants, net.next
        always = z3.BoolVal(True)
        self._pairs = [(net[name], counts(net, name)) for name in outputs if name in net]
        self._pairs += [(following, always) for following in net.next.values()]
        self._design = [(self._of(term, 0), self._of(when, 0)) for term, when in self._pairs]
        self._known = [self._of(fact, 0) for fact in facts(net)]
        self._known += [self._of(term, 0) for bound in bounds for term in bound.holds(net)]
        issue = self._shown(net, ISSUE, parts=True)
        lines = self._shown(net, LINES, parts=True) - issue
        # What can be written holds itself.
        self._forward = {register for register in self._shown(net, STEP) | lines
                         if register not in self._leaves(net.next[register])}  # fmt: skip
        self._unrolled = self._forward | issue
        self._outside = [*([True] * (len(self._pairs) - len(net.next))),
                         *(register not in self._forward for register in net.next)]  # fmt: skip
        self._began: dict[Any, list[Any]] = {}
        for condition in conjuncts(net.init):
            for register in constants([condition]):
                self._began.setdefault(register, []).append(condition)
        self._rom = {r for r, following in net.next.items() if following.eq(r)}
        for rom in self._rom:
            known = {part.arg(1).as_long() for part in subterms(self._began.get(rom, ()))
                     if z3.is_select(part)}  # fmt: skip
            places = range(1 << rom.sort().domain().size())
            self._began.setdefault(rom, []).extend(
                rom[place] == 0 for place in places if place not in known
            )

    def _shown(self, net: Netlist, names: str, *, parts: bool = False) -> set[Any]:
        """The registers that signals of these names show, with ``parts`` also in parts: one with a
        mutant at its output has lost its own name."""
        whole = re.compile(names)
        shown = {self._of(net[name], 0) for name in net.signals if whole.fullmatch(name)}
        if parts:
            wires = [term for term in shown
                     if {part.decl().kind() for part in subterms([term])} <= WIRES]  # fmt: skip
            shown = set(constants(wires))
        return {r for r in net.next if r in shown and not z3.is_array(r)}

    def _of(self, term: Any, mutant: int) -> Any:
        value = z3.BitVecVal(mutant, self._select.size())
        return z3.simplify(z3.substitute(term, (self._select, value)))

    def equivalent(self, mutant: int, *, timeout_s: float = 120.0) -> bool | None:
        """Whether a mutant is equivalent; None where the solver's time ran out."""
        if self._mutants.of_clock(mutant):
            return False
        deadline = time.monotonic() + timeout_s
        result = "unsat"
        # The last one goes back furthest, and most often says no.
        for differ, cycle, at_power_up in reversed(self._differences(mutant)):
            if differ and result == "unsat":
                conditions = list(self._with_known(differ, cycle, at_power_up))
                left = deadline - time.monotonic()
                result = decide(conditions, solver=self._solver, timeout_s=left).result
        return {"unsat": True, "sat": False}.get(result)

    def _differences(self, mutant: int) -> list[tuple[list[Any], int, bool]]:
        """Conditions under which outputs, and registers that are not fed forward, differ; how many
        cycles back they go; and whether power-up was then: all of them must be impossible."""
        others = [self._of(term, mutant) for term, _ in self._pairs]
        own = {r: self._of(self._next[r], mutant) for r in self._forward}
        # Those that may differ, and what hangs on them.
        may = {r for r, following in own.items() if not following.eq(self._of(self._next[r], 0))}
        while more := {r for r, f in own.items() if r not in may and may & self._leaves(f)}:
            may |= more
        pairs = [
            (other, design)
            for other, design, outside in zip(others, self._design, self._outside, strict=True)
            if outside and (not other.eq(design[0]) or may & self._leaves(design[0]))
        ]
        asked = []
        for cycle in range(LONGEST_LINE):
            differ = _differ(pairs)
            left = set(constants(term for other, (right, _) in pairs for term in (other, right)))
            ends = not any(self._before(r, cycle) in left for r in self._forward)
            asked.append((differ, cycle, not ends))
            if ends:
                return asked
            made = self._made(self._unrolled, cycle + 1)
            mutated = dict(made)
            mutated |= {self._before(r, cycle): self._before(own[r], cycle + 1) for r in may}
            pairs = [
                (z3.substitute(other, *mutated.items()),
                 (z3.substitute(right, *made), z3.substitute(when, *made)))
                for other, (right, when) in pairs
            ]  # fmt: skip
        raise FxlifError.must_be("lines", f"{LONGEST_LINE} cycles long at most", "longer")

    def _with_known(self, differ: list[Any], cycle: int, at_power_up: bool) -> Iterator[Any]:
        """That one of ``differ`` holds, and what was known of the registers in the cycles before it
        on which it depends; ``at_power_up``: the first of them is that of power-up."""
        yield any_of(differ)
        leaves = set(constants(differ))
        for back in range(cycle + 1):
            for fact in self._known:
                free = self._leaves(fact)
                # Of registers that are unrolled only the first cycle is left.
                if (back == cycle or not free & self._unrolled) and leaves & {
                    self._before(leaf, back) for leaf in free
                }:
                    yield self._before(fact, back)
        for leaf in leaves & self._rom:
            yield from self._began.get(leaf, ())
        if at_power_up:
            for register in self._next:
                if not z3.is_array(register) and self._before(register, cycle) in leaves:
                    yield from (self._before(term, cycle) for term in self._began.get(register, ()))

    @cache  # noqa: B019 -- as long as what is asked
    def _made_of(self, register: Any, cycle: int) -> tuple[Any, Any]:
        following = self._of(self._next[register], 0)
        return self._before(register, cycle - 1), self._before(following, cycle)

    @cache  # noqa: B019
    def _leaves(self, term: Any) -> set[Any]:
        return set(constants([term]))

    def _made(self, registers: Iterable[Any], cycle: int) -> list[tuple[Any, Any]]:
        """Registers ``cycle - 1`` cycles before, and what the design made them of ``cycle`` cycles
        before."""
        return [self._made_of(register, cycle) for register in registers]

    @cache  # noqa: B019
    def _before(self, term: Any, cycles: int) -> Any:
        """A term so many cycles before: of other constants, but for memories of constants."""
        if not cycles:
            return term
        names = [(leaf, z3.Const(f"{leaf} {cycles} before", leaf.sort()))
                 for leaf in constants([term]) if leaf not in self._rom]  # fmt: skip
        return z3.substitute(term, *names)


def _differ(pairs: Iterable[tuple[Any, tuple[Any, Any]]]) -> list[Any]:
    """The conditions under which one of each pair counts and is not the other."""
    return [conjunction([when, right != other])
            for other, (right, when) in pairs if not right.eq(other)]  # fmt: skip
