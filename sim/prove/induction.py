"""k-induction over a transition system in z3 terms, and bounded runs of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..tools.solver import conjunction, decide, z3


@dataclass(frozen=True, kw_only=True)
class System:
    """State constants with their ``next`` values, and ``inputs`` that are new in each cycle.

    ``base`` holds in the first cycle, ``given`` in every cycle: assumptions about inputs and about
    constants that never change. ``before`` are assumptions that what is shown of a cycle may rest
    on in the cycles before it only.
    """

    next: Mapping[Any, Any]
    inputs: Sequence[Any]
    base: Sequence[Any]
    given: Sequence[Any] = ()
    before: Sequence[Any] = ()


class Induction(NamedTuple):
    """What came out, and the properties that a model breaks.

    ``stage`` is where it ended: ``done`` (proved), ``base`` (a run from the first cycle breaks a
    property), ``step`` (not inductive), ``vacuous`` (there is no run), ``unknown`` (no answer).
    """

    stage: Literal["done", "base", "step", "vacuous", "unknown"]
    broken: tuple[str, ...] = ()


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
        """The assumptions of the cycles 0..``cycles``, of what is shown of the last of them."""
        given, before = list(self.system.given), list(self.system.before)
        found = [g for cycle in range(cycles + 1) for g in substituted(given, self._map(cycle))]
        return found + [b for cycle in range(cycles) for b in substituted(before, self._map(cycle))]


def induct(
    system: System,
    properties: Mapping[str, Any],
    *,
    depth: int,
    solver: str,
    timeout_s: float,
    apart: bool = False,
    also: Sequence[Any] = (),
) -> Induction:
    """All ``properties`` hold in every cycle of every run, by induction over ``depth`` cycles.

    The properties strengthen each other: all are assumed in ``depth`` cycles and shown in the next,
    with ``apart`` one by one if they do not all follow at once. ``also`` are instances of them: a
    property of every value of a constant is assumed of other values too.
    """
    run = Run(system=system)

    def ask(stage: Literal["base", "step"], given: list[Any], claims: Mapping[str, Any],
            seconds: float) -> Induction | None:  # fmt: skip
        formulas = [*given, z3.Not(conjunction(claims.values()))]
        answer = decide(formulas, solver=solver, timeout_s=seconds, values=claims)
        if answer.result == "unsat":
            return None
        if answer.result == "unknown":
            return Induction("unknown")
        return Induction(stage, tuple(name for name in claims if not answer.model[name]))

    everything = conjunction([*properties.values(), *also])
    first = [*system.base, *run.conditions(0)]
    for given in ([*first, run.at(conjunction(properties.values()), 0)], first):
        if decide(given, solver=solver, timeout_s=timeout_s).result != "unsat":
            break
    else:
        return Induction("vacuous")
    for cycle in range(depth):
        shown = [*system.base, *run.conditions(cycle)]
        if found := ask("base", shown, run.all_at(properties, cycle), timeout_s):
            return found
    held = [*run.conditions(depth), *(run.at(everything, cycle) for cycle in range(depth))]
    there = run.all_at(properties, depth)
    # One by one, a large system is many easy questions; all at once, a small one is a single one.
    deadline = time.perf_counter() + timeout_s
    for names in [[name] for name in there] if apart else [list(there)]:
        claims = {name: there[name] for name in names}
        if found := ask("step", held, claims, deadline - time.perf_counter()):
            return found
    return Induction("done")
