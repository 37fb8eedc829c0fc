"""k-induction over a transition system in z3 terms, and bounded runs of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..tools.solver import Answer, conjunction, decide, z3


@dataclass(frozen=True, kw_only=True)
class System:
    """State constants with their ``next`` values, and ``inputs`` that are new in each cycle.

    ``base`` holds in the first cycle, ``given`` in every cycle: assumptions about inputs and about
    constants that never change.
    """

    next: Mapping[Any, Any]
    inputs: Sequence[Any]
    base: Sequence[Any]
    given: Sequence[Any] = ()


@dataclass(frozen=True, kw_only=True)
class Induction:
    """What came out. ``stage`` is where it ended: ``base`` (a run from the first cycle breaks a
    property in ``cycle``), ``step`` (not inductive), or ``done``."""

    stage: Literal["base", "step", "vacuous", "done"]
    answer: Answer
    broken: tuple[str, ...] = ()
    cycle: int = 0


def substituted(terms: list[Any], pairs: list[tuple[Any, Any]]) -> list[Any]:
    """The terms with constants replaced, all at once: the work is in naming the pairs."""
    if not terms:
        return []
    together = z3.Function("together", *(term.sort() for term in terms), z3.BoolSort())
    return list(z3.substitute(together(*terms), *pairs).children())


@dataclass(kw_only=True)
class Run:
    """The system over cycles 0, 1, ...: each state a term over that of cycle 0 and the inputs."""

    system: System
    _maps: list[list[tuple[Any, Any]]] = field(default_factory=list)

    def _inputs(self, cycle: int) -> list[tuple[Any, Any]]:
        return [(i, z3.Const(f"{i}@{cycle}", i.sort())) for i in self.system.inputs]

    def _map(self, cycle: int) -> list[tuple[Any, Any]]:
        system = self.system
        while len(self._maps) <= cycle:
            now = len(self._maps)
            state = list(system.next)
            if now:
                state = substituted(list(system.next.values()), self._maps[-1])
            self._maps.append([*zip(system.next, state, strict=True), *self._inputs(now)])
        return self._maps[cycle]

    def at(self, term: Any, cycle: int) -> Any:
        """A term of the system's constants, as it is in a cycle."""
        return z3.substitute(term, *self._map(cycle))

    def all_at(self, terms: Mapping[str, Any], cycle: int) -> dict[str, Any]:
        """Named terms, as they are in a cycle."""
        return dict(zip(terms, substituted(list(terms.values()), self._map(cycle)), strict=True))

    def conditions(self, cycles: int) -> list[Any]:
        """The assumptions of the cycles 0..``cycles``."""
        given = list(self.system.given)
        return [g for cycle in range(cycles + 1) for g in substituted(given, self._map(cycle))]


def _broken(properties: Mapping[str, Any], answer: Answer) -> tuple[str, ...]:
    return tuple(name for name in properties if not answer.model[name])


def induct(
    system: System,
    properties: Mapping[str, Any],
    *,
    depth: int,
    solver: str,
    timeout_s: float,
    apart: bool = False,
    values: Mapping[str, Any] | None = None,
) -> Induction:
    """All ``properties`` hold in every cycle of every run, by induction over ``depth`` cycles.

    The properties strengthen each other: all are assumed in ``depth`` cycles and shown in the next,
    with ``apart`` one by one. A model holds the truth of each property where it broke, and
    ``values`` in the cycle before.
    """
    run = Run(system=system)

    def ask(formulas: list[Any], wanted: Mapping[str, Any]) -> Answer:
        return decide(formulas, solver=solver, timeout_s=timeout_s, values=wanted)

    everything = conjunction(properties.values())
    first = [*system.base, *run.conditions(depth)]
    possible = ask([*first, run.at(everything, 0)], {})
    if possible.result == "unsat" and ask(first, {}).result == "unsat":
        return Induction(stage="vacuous", answer=possible)
    seconds = possible.seconds
    for cycle in range(depth):
        there = run.all_at(properties, cycle)
        wanted = {**there, **run.all_at(values or {}, cycle)}
        answer = ask([*first, z3.Not(conjunction(there.values()))], wanted)
        seconds += answer.seconds
        if answer.result != "unsat":
            broken = _broken(properties, answer) if answer.result == "sat" else ()
            return Induction(stage="base", answer=answer, broken=broken, cycle=cycle)
    held = [run.at(everything, cycle) for cycle in range(depth)]
    there = run.all_at(properties, depth)
    # One by one, a large system is many easy questions; all at once, a small one is a single one.
    groups = [[name] for name in there] if apart else [list(there)]
    deadline = time.perf_counter() + timeout_s
    for names in groups:
        wanted = {name: there[name] for name in names}
        left = deadline - time.perf_counter()
        answer = decide(
            [*run.conditions(depth), *held, z3.Not(conjunction(wanted.values()))],
            solver=solver, timeout_s=left,
            values={**wanted, **run.all_at(values or {}, depth - 1)},
        )  # fmt: skip
        if answer.result != "unsat":
            broken = tuple(n for n in names if answer.result == "sat" and not answer.model[n])
            return Induction(stage="step", answer=answer, broken=broken)
    return Induction(stage="done", answer=answer)
