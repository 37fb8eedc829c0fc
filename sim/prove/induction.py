"""k-induction over a transition system in z3 terms, and bounded runs of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
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


class Replacement:
    """Constants replaced by terms, all at once, in as many terms as one likes.

    z3's own ``substitute`` looks at each of the pairs anew in each call, from Python.
    """

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._pairs = list(pairs)  # z3 forgets a term that nobody holds
        every = z3.Ast * len(self._pairs)
        self._old = every(*(old.as_ast() for old, _ in self._pairs))
        self._new = every(*(new.as_ast() for _, new in self._pairs))

    def __call__(self, terms: Sequence[Any]) -> list[Any]:
        """The terms with the constants replaced; what they share is looked at once."""
        if not terms:
            return []
        together = z3.Function("together", *(term.sort() for term in terms), z3.BoolSort())(*terms)
        context = together.ctx
        made = z3.Z3_substitute(
            context.ref(), together.as_ast(), len(self._pairs), self._old, self._new
        )
        return list(z3.ExprRef(made, context).children())


@dataclass(kw_only=True)
class Run:
    """The system over cycles 0, 1, ...: each state a term over that of cycle 0 and the inputs."""

    system: System
    _cycles: list[Replacement] = field(default_factory=list)
    _given: list[list[Any]] = field(default_factory=list)
    _before: list[list[Any]] = field(default_factory=list)

    @cached_property
    def _inputs(self) -> list[tuple[Any, str, Any]]:
        return [(i, i.decl().name(), i.sort()) for i in self.system.inputs]

    def _replaced(self, cycle: int) -> Replacement:
        system = self.system
        while len(self._cycles) <= cycle:
            now = len(self._cycles)
            state = list(system.next)
            if now:
                state = self._cycles[-1](list(system.next.values()))
            inputs = [(i, z3.Const(f"{name}@{now}", sort)) for i, name, sort in self._inputs]
            self._cycles.append(Replacement([*zip(system.next, state, strict=True), *inputs]))
        return self._cycles[cycle]

    def at(self, term: Any, cycle: int) -> Any:
        """A term of the system's constants, as it is in a cycle."""
        return self._replaced(cycle)([term])[0]

    def all_at(self, terms: Mapping[str, Any], cycle: int) -> dict[str, Any]:
        """Named terms, as they are in a cycle."""
        return dict(zip(terms, self._replaced(cycle)(list(terms.values())), strict=True))

    def conditions(self, cycles: int) -> list[Any]:
        """The assumptions of the cycles 0..``cycles``, of what is shown of the last of them."""
        system = self.system
        for terms, found, last in (
            (system.given, self._given, cycles), (system.before, self._before, cycles - 1)
        ):  # fmt: skip
            found += [self._replaced(cycle)(terms) for cycle in range(len(found), last + 1)]
        return [*chain(*self._given[: cycles + 1]), *chain(*self._before[:cycles])]


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
