"""Proves that a mutant does what the design does, so that nothing could notice it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from ...cycles.signals import step_name
from ..prove.netlist import Netlist, constants
from ..tools.solver import decide, z3
from .known import Bound, Facts
from .mutants import SELECT, Mutants

#: What a register goes by, an escaped name or a plain one.
_EDGE = re.compile(r"\b(?:pos|neg)edge (?:\\(\S+)|(\w+))")


class Equivalence:
    """Says which mutants are equivalent to the design: from equal states, with equal inputs, the
    ``outputs`` that count and the next states of all registers are equal.

    A mutant that differs only in states that are never reached, or in registers that nobody looks
    at, is not called equivalent, but for what is given here: ``facts`` of the registers, and
    ``bounds`` of fields of signals that never leave a range. Where these are what the ``depth``
    stages of a step begin with, the registers between them hold what the stages made of such
    values in cycles before: a step is fed forward, and what is in it at power-up is never used.
    """

    def __init__(
        self,
        mutants: Mutants,
        outputs: Sequence[str],
        *,
        solver: str,
        facts: Facts = lambda net: (),
        bounds: Sequence[Bound] = (),
        depth: int = 1,
    ) -> None:
        net = Netlist(mutants.verilog, mutants.top)
        (self._select,) = net.drivers(SELECT)
        self._solver, self._mutants = solver, mutants
        always = z3.BoolVal(True)
        self._pairs = [(net[name], counts(net, name)) for name in outputs if name in net]
        self._pairs += [(following, always) for following in net.next.values()]
        # A proof takes all registers to change in each cycle: what makes their clocks is compared.
        clocks = {found[1] or found[2] for found in _EDGE.finditer(mutants.verilog)}
        self._pairs += [(net[name], always) for name in sorted(clocks) if name in net]
        self._design = [(self._of(term, 0), self._of(when, 0)) for term, when in self._pairs]
        now = list(facts(net))
        # What holds in every cycle holds in the next one.
        self._facts = [self._of(f, 0) for f in (*now, *(z3.substitute(f, *net.next.items())
                                                        for f in now))]  # fmt: skip
        self._bounds = [self._of(term, 0) for bound in bounds for term in bound.holds(net)]
        step = re.compile(rf"(.*\.)?{step_name(0)[:-1]}\d+\.")
        # A register with a mutant at its output has lost its name: its signal has not.
        shown = {self._of(net[name], 0) for name in net.signals if step.match(name)}
        self._in_step = {r: self._of(f, 0) for r, f in net.next.items() if r in shown}
        self._depth = depth

    def _of(self, term: Any, mutant: int) -> Any:
        value = z3.BitVecVal(mutant, self._select.size())
        return z3.simplify(z3.substitute(term, (self._select, value)))

    def equivalent(self, mutant: int, *, timeout_s: float = 20.0) -> bool | None:
        """Whether a mutant is equivalent; None where the solver's time ran out."""
        if self._mutants.of_clock(mutant):
            return False
        differ = []
        for (term, _), (right, when) in zip(self._pairs, self._design, strict=True):
            other = self._of(term, mutant)
            if not right.eq(other):
                differ.append(z3.And(when, right != other))
        if not differ:
            return True
        conditions = [z3.Or(*differ) if len(differ) > 1 else differ[0]]
        conditions += [*self._facts, *self._bounds]
        deadline = time.monotonic() + timeout_s
        result = ""
        for cycle in range(self._depth):
            if cycle:
                conditions = self._one_before(conditions, cycle)
            left = deadline - time.monotonic()
            result = decide(conditions, solver=self._solver, timeout_s=left).result
            if result != "sat":
                break
        return {"unsat": True, "sat": False}.get(result)

    def _one_before(self, conditions: Sequence[Any], cycle: int) -> list[Any]:
        """Conditions with the registers of the steps ``cycle - 1`` cycles before in terms of what
        there was ``cycle`` cycles before."""
        made = [
            (_before(register, cycle - 1), _before(following, cycle))
            for register, following in self._in_step.items()
        ]
        known = [_before(term, cycle) for term in (*self._facts, *self._bounds)]
        return [*(z3.substitute(term, *made) for term in conditions), *known]


def _before(term: Any, cycles: int) -> Any:
    """A term so many cycles before: of other constants."""
    if not cycles:
        return term
    names = [(leaf, z3.Const(f"{leaf} {cycles} before", leaf.sort())) for leaf in constants([term])]
    return z3.substitute(term, *names)


def counts(net: Netlist, port: str) -> Any:
    """When an output counts: a payload while it is valid, a trace while something is written."""
    prefix, _, field = port.rpartition("_")
    valid = f"{prefix}_valid"
    if field != "valid" and field != "ready" and valid in net:
        return net[valid] == 1
    return z3.BoolVal(True)
