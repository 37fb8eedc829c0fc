"""Whether a core and the machine beside it agree in every cycle: k-induction and bounded search.

One goes with the other. Cycle by cycle from power-up it is asked whether some run differs there for
the first time; that is the base of an induction over as many cycles, which needs no more. What
no such induction proves is proved of the runs of so many cycles alone.

What registers the core hides is guessed: each may be one of the machine's. Guesses that some run
breaks are dropped; those that are inductive together help the claims.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....progress import SILENT, Progress
from ...tools.solver import Answer, conjunction, decide, z3
from ..induction import Run, System
from ..lemmas import with_lemmas
from ..netlist import conjuncts, constants, substituted, subterms
from .machine import Machine
from .source import Source


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A run from power-up: its stimulus words, cycle by cycle, and what is broken in the last one.

    ``first``: the registers of the core at power-up, by name.
    """

    words: list[int]
    broken: tuple[str, ...]
    first: Mapping[str, int]


@dataclass(kw_only=True)
class Found:
    """What a search came to.

    Attributes:
        proved: claim → the k of the induction that proves it of all runs.
        cycles: so many cycles from power-up were searched, of every run.
        difference: a run that breaks a claim.
        met: situation → whether some run shows it; None where there was no answer.
        late: whether it ended since a question had no answer in time.
    """

    proved: dict[str, int] = field(default_factory=dict)
    cycles: int = 0
    difference: Difference | None = None
    met: dict[str, bool | None] = field(default_factory=dict)
    late: bool = False


def first_values(system: System) -> tuple[dict[Any, Any], list[Any]]:
    """The registers that have one value at power-up, and what else is said of them."""
    values, others = {}, []
    for part in (part for term in system.base for part in conjuncts(z3.simplify(term))):
        negated = z3.is_not(part)
        equation = part.arg(0) if negated else part
        # z3 puts the sides of an equation in an order of its own.
        sides = equation.children() if z3.is_eq(equation) else []
        for register, value in (sides, sides[::-1]) if sides else ():
            if register not in system.next or not z3.is_bv_value(value):
                continue
            if not negated:
                values[register] = value
            elif register.size() == 1:
                values[register] = z3.BitVecVal(1 - value.as_long(), 1)
            else:
                continue
            break
        else:
            others.append(part)
    return values, others


class Unrolled:
    """Core and machine from power-up on: each term of a cycle as simple as what is known of the
    cycles before it makes it. ``fixed``: cycle → the inputs that are constant there; None: in each
    that is not named."""

    def __init__(self, system: System, start: Sequence[Any], fixed: Mapping[Any, Any]) -> None:
        values, others = first_values(system)
        self._system, self._fixed = system, fixed
        self._states = [{register: values.get(register, register) for register in system.next}]
        self.given: list[Any] = others
        self.given += self.at([*start, *system.given], 0)

    def at(self, terms: Sequence[Any], cycle: int) -> list[Any]:
        """Some terms of the system's constants, as they are in a cycle; once all earlier cycles
        were asked for."""
        while len(self._states) <= cycle:
            now = len(self._states)
            after = self._at(list(self._system.next.values()), now - 1)
            self._states.append(dict(zip(self._system.next, after, strict=True)))
            self.given += self._at(self._system.given, now)
        return self._at(terms, cycle)

    def _at(self, terms: Sequence[Any], cycle: int) -> list[Any]:
        inputs = [(i, z3.Const(f"{i.decl().name()}@{cycle}", i.sort()))
                  for i in self._system.inputs]  # fmt: skip
        fixed = self._fixed.get(cycle, self._fixed.get(None, {}))
        inputs = [(i, fixed.get(i, named)) for i, named in inputs]
        return substituted(terms, [*self._states[cycle].items(), *inputs])


@dataclass(kw_only=True)
class Search:
    """The questions about a core and the machine beside it.

    ``depth``: cycles from power-up, for what no induction over ``most`` cycles or fewer proves.
    ``timeout_s`` is for each question. ``once``: no induction, and the runs begin with a reset and
    have no other.
    """

    source: Source
    machine: Machine
    depth: int
    most: int
    solver: str
    timeout_s: float
    progress: Progress = SILENT
    once: bool = False

    def __post_init__(self) -> None:
        self._run = Run(system=self.machine.beside(self.source))
        fixed: dict[int | None, Mapping[Any, Any]] = {}
        if self.machine.start:
            fixed[0] = self._pin("rst", 1)
        if self.once and self.source.job.dut_map.reset is not None:
            fixed[None] = self._pin("rst", 0)
        self._unrolled = Unrolled(self._run.system, self.machine.start, fixed)
        self._claims = self.machine.claims
        self._held: list[Any] = []  # claims of the cycles that were searched
        self._guesses = self.machine.guesses(self.source)
        self._multiplies = any(z3.is_app_of(term, z3.Z3_OP_BMUL)
                               for term in subterms(self.machine.next.values()))  # fmt: skip

    def _pin(self, name: str, value: int) -> dict[Any, Any]:
        """The input that is a field of one bit of the stimulus, where it has this value. What the
        core is given may be another: none, or a longer one."""
        (pin,) = constants([z3.simplify(self.source.given(name))])
        return {pin: z3.BoolVal(bool(value)) if z3.is_bool(pin) else z3.BitVecVal(value, 1)}

    def found(self) -> Found:
        """What can be proved, and what not."""
        found, left = Found(), set(self._claims)
        for cycle in range(self.depth):
            self.progress("searching cycle by cycle", cycle, self.depth)
            answer, values = self._differs(cycle)
            if answer.result == "sat":
                found.difference = self._difference(answer, values, cycle)
            found.late = answer.result == "unknown"
            if answer.result != "unsat":
                break
            found.cycles = cycle + 1
            if cycle < self.most:
                self._drop_guesses(cycle)
                for name in self._inductive(left, cycle + 1):
                    found.proved[name] = cycle + 1
                left -= set(found.proved)
            if not left:
                break
        if found.difference is None:
            found.met = dict(self._met())
        return found

    def _differs(self, cycle: int) -> tuple[Answer, dict[str, Any]]:
        """Whether some run breaks a claim in this cycle and none before."""
        now = self._all_at(self._claims, cycle)
        given = [*self._unrolled.given, *self._held]
        values = {f"claim {name}": claim for name, claim in now.items()}
        stimulus = self.source.net["stimulus"]
        values |= {f"word {at}": self._unrolled.at([stimulus], at)[0] for at in range(cycle + 1)}
        values |= {f"first {register}": register for register in self.source.net.next
                   if not z3.is_array(register)}  # fmt: skip
        answer = self._ask([*given, z3.Not(conjunction(now.values()))], values)
        self._held += now.values()
        return answer, values

    def _difference(self, answer: Answer, values: Mapping[str, Any], cycle: int) -> Difference:
        model = answer.model
        return Difference(
            words=[model[f"word {at}"] for at in range(cycle + 1)],
            broken=tuple(name for name in self._claims if not model[f"claim {name}"]),
            first={name.removeprefix("first ~"): model[name] for name in values
                   if name.startswith("first ")},
        )  # fmt: skip

    def _inductive(self, left: set[str], k: int) -> set[str]:
        """Those of the claims that hold in a cycle if they, and what was proved, held in the ``k``
        before it, whatever the state was in the first of them."""
        proved = [claim for name, claim in self._claims.items() if name not in left]
        kept = {name: self._claims[name] for name in self._claims if name in left}
        kept |= {name: guess.holds for name, guess in self._guesses.items()}
        run, used = self._in_their_terms(kept)
        while kept.keys() & left:
            held = [run.at(conjunction([*proved, *kept.values()]), at) for at in range(k)]
            there = run.all_at(kept, k)
            given = [*run.conditions(k), *held]
            answer = self._ask([*given, z3.Not(conjunction(there.values()))], there)
            if answer.result == "unsat":
                break
            kept = {name: claim for name, claim in kept.items() if answer.model.get(name)}
            if not used <= kept.keys():
                run, used = self._in_their_terms(kept)
        return left & kept.keys()

    def _in_their_terms(self, kept: Collection[str]) -> tuple[Run, set[str]]:
        """The system, the machine's registers written as those of the core that they are by the
        guesses that are ``kept``, and the names of these: it does the same where they hold. Then
        products on both sides can be compared from the inside out.

        Where the outputs mean nothing yet, the guesses need not hold; nothing is claimed then until
        a reset, after which it does the same again.
        """
        if not self._multiplies:
            return self._run, set()
        used = {guess.mine: name for name, guess in self._guesses.items()
                if name in kept and guess.mine is not None}  # fmt: skip
        pairs = [(mine, self._guesses[name].theirs) for mine, name in used.items()]
        golden = list(self.machine.next.values())
        theirs = list(self.source.net.next.values())
        mine, _ = with_lemmas([z3.substitute(term, *pairs) for term in golden], theirs,
                              solver=self.solver, timeout_s=self.timeout_s / 2)  # fmt: skip
        made = dict(zip(self.machine.next, mine, strict=True))
        system = replace(self._run.system, next={**self.source.net.next, **made})
        return Run(system=system), set(used.values())

    def _drop_guesses(self, cycle: int) -> None:
        """Keep the guesses that hold in this cycle of every run, and so in all up to it."""
        while self._guesses:
            guesses = {name: guess.holds for name, guess in self._guesses.items()}
            there = self._all_at(guesses, cycle)
            given = [*self._unrolled.given, *self._held]
            answer = self._ask([*given, z3.Not(conjunction(there.values()))], there)
            if answer.result == "unsat":
                return
            # Without an answer nobody knows which of them hold.
            self._guesses = {name: guess for name, guess in self._guesses.items()
                             if answer.model.get(name)}  # fmt: skip

    def _met(self) -> Iterator[tuple[str, bool | None]]:
        """Of each situation whether some run meets it."""
        for name, situation in self.machine.meets.items():
            self.progress(f"looking for {name}", 0, None)
            result: bool | None = False
            for cycle in range(self.depth):
                (there,) = self._unrolled.at([situation], cycle)
                answer = self._ask([*self._unrolled.given, there], {})
                if answer.result != "unsat":
                    result = True if answer.result == "sat" else None
                    break
            yield name, result

    def _all_at(self, terms: Mapping[str, Any], cycle: int) -> dict[str, Any]:
        """Named terms, as they are in a cycle of the search."""
        return dict(zip(terms, self._unrolled.at(list(terms.values()), cycle), strict=True))

    def _ask(self, formulas: Sequence[Any], values: Mapping[str, Any]) -> Answer:
        return decide(formulas, solver=self.solver, timeout_s=self.timeout_s, values=values)
