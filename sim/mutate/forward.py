"""Proves that a mutant does what a network of cores that read rows does, or a chain of cores.

What is fed forward there is followed over several cycles: steps, and what lies between the issue
and the sums.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import compress
from operator import not_
from typing import Any

from ...cycles.signals import step_name
from ...errors import FxlifError
from ..prove.contract import any_of
from ..prove.netlist import Netlist, conjuncts, constants, subterms
from ..tools.solver import conjunction, decide, simplified, z3
from .equivalence import counts
from .known import Bound, Facts
from .mutants import SELECT, Mutants

#: The registers that are fed forward: those of steps; of the words of synapses from a slot to its
#: operation, of the addresses of sums and of what their memories answer; of what a step makes, and
#: whether it counts: what comes out where no word took the step may differ.
STEP = rf"(.*\.)?{step_name(0)[:-1]}\d+\..*"
LINES = (
    r"(.*\.)?(synapses\..*"
    r"|totals_\d+\.(address_\d+|used|add|of_\w+|answer|earlier|arrived|written)_\d+"
    r"|neurons\.(update_\d+|next_state|spikes|some|single|one_and_tick))"
)
#: Those of which it is known what the cycle before made them. Issue waits for the clearing to end:
#: to look back from it would have no end.
CLEARING = r"(.*\.)?neurons\.clear_\d+"
#: The registers that say what enters a core of rows: of cycles before they are looked at, too.
ISSUE = r"(.*\.)?issue\.(?!held|lookup|n\d).*"
#: What a term consists of that only takes registers apart, joins their parts or inverts them.
WIRES = {
    z3.Z3_OP_UNINTERPRETED, z3.Z3_OP_BNUM, z3.Z3_OP_EXTRACT, z3.Z3_OP_CONCAT, z3.Z3_OP_BNOT,
}  # fmt: skip
#: More cycles than anything is fed forward for.
LONGEST_LINE = 24
#: How far down terms are taken apart to see where they differ.
DEEPEST = 400
#: What leaves a result of one bit to the other operands.
NEUTRAL = {z3.Z3_OP_AND: True, z3.Z3_OP_OR: False, z3.Z3_OP_BAND: 1, z3.Z3_OP_BOR: 0}


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
        self._clearing = self._shown(net, CLEARING)
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

    def equivalent(self, mutant: int, *, timeout_s: float = 240.0) -> bool | None:
        """Whether a mutant is equivalent; None where ``timeout_s`` of processor time ran out."""
        if self._mutants.of_clock(mutant):
            return False
        deadline = time.process_time() + timeout_s
        # The last ones go back furthest, and most often say no.
        for pairs, cycle, at_power_up in reversed(self._differences(mutant)):
            result = self._differ(pairs, cycle, at_power_up, deadline)
            if result != "unsat":
                return False if result == "sat" else None
        return True

    def _differ(
        self, pairs: Sequence[tuple[Any, Any, Any]], cycle: int, at_power_up: bool, deadline: float
    ) -> str:
        """Whether one of each pair can count and not be the other, as the solver says it."""

        def ask(conditions: list[Any]) -> str:
            known = list(self._with_known(conditions, cycle, at_power_up))
            left = deadline - time.process_time()
            # Little is left of a run from power-up on.
            asked = simplified(known) if at_power_up else known
            return decide(asked, solver=self._solver, timeout_s=left).result

        differ = [conjunction([when, right != other]) for other, right, when in pairs]
        if not pairs:
            return "unsat"
        if at_power_up:
            return ask(differ)
        parts = [conjunction([when, apart(right, other, {})]) for other, right, when in pairs]
        if ask(parts) == "unsat":
            return "unsat"
        # One by one they take a fraction of the time, where they go back far.
        results = (ask([each]) for each in differ)
        return next((result for result in results if result != "unsat"), "unsat")

    def _differences(self, mutant: int) -> list[tuple[list[tuple[Any, Any, Any]], int, bool]]:
        """What outputs, and registers that are not fed forward, are in the mutant and the design,
        and when they count, where these are not the same term; how many cycles back they go; and
        whether power-up was then: none of them may differ."""
        others = [self._of(term, mutant) for term, _ in self._pairs]
        own = {r: self._of(self._next[r], mutant) for r in self._forward}
        # Those that may differ, and what hangs on them.
        may = {r for r, following in own.items() if not following.eq(self._of(self._next[r], 0))}
        while more := {r for r, f in own.items() if r not in may and may & self._leaves(f)}:
            may |= more
        pairs = [
            (other, *design)
            for other, design, outside in zip(others, self._design, self._outside, strict=True)
            if outside and (not other.eq(design[0]) or may & self._leaves(design[0]))
        ]
        asked = []
        for cycle in range(LONGEST_LINE):
            forward = {self._before(r, cycle) for r in self._forward}
            goes_on = [bool(forward & set(constants([other, right]))) for other, right, _ in pairs]
            asked.append((_made_otherwise(compress(pairs, map(not_, goes_on))), cycle, False))
            if not any(goes_on):
                return asked
            pairs = [*compress(pairs, goes_on)]
            asked.append((_made_otherwise(pairs), cycle, True))
            made = self._made(self._unrolled, cycle + 1)
            mutated = dict(made)
            mutated |= {self._before(r, cycle): self._before(own[r], cycle + 1) for r in may}
            pairs = [
                (z3.substitute(other, *mutated.items()),
                 z3.substitute(right, *made), z3.substitute(when, *made))
                for other, right, when in pairs
            ]  # fmt: skip
        raise FxlifError.must_be("lines", f"{LONGEST_LINE} cycles long at most", "longer")

    def _with_known(self, differ: Sequence[Any], cycle: int, at_power_up: bool) -> Iterator[Any]:
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
        for back in range(cycle):
            for register in self._clearing:
                if self._before(register, back) in leaves:
                    later, made = self._made_of(register, back + 1)
                    yield later == made
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


def _made_otherwise(pairs: Iterable[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
    return [pair for pair in pairs if not pair[0].eq(pair[1])]


def apart(right: Any, other: Any, known: dict[tuple[int, int], Any], depth: int = 0) -> Any:
    """A condition that holds wherever two terms differ: that parts differ in which alone they are
    made differently, and that count. It leaves out what both do with these parts."""
    kind = right.decl().kind()
    if right.eq(other):
        return z3.BoolVal(False)
    if kind == z3.Z3_OP_EQ or not right.num_args() or not right.decl().eq(other.decl()):
        return right != other
    if depth == DEEPEST or right.num_args() != other.num_args():
        return right != other
    if (pair := (right.get_id(), other.get_id())) not in known:
        both = [*zip(right.children(), other.children(), strict=True)]
        parts = [apart(*each, known, depth + 1) for each in both]
        if kind == z3.Z3_OP_ITE:
            when = [[], [right.arg(0)], [z3.Not(right.arg(0))]]
        else:
            when = [[one == NEUTRAL[kind] for one, two in both if one.eq(two)]
                    if kind in NEUTRAL and (z3.is_bool(right) or right.size() == 1) else []
                    ] * len(both)  # fmt: skip
        known[pair] = any_of([
            conjunction([*chosen, part])
            for chosen, part in zip(when, parts, strict=True) if not z3.is_false(part)
        ])  # fmt: skip
    return known[pair]
