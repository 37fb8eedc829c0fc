"""A mapped core, proved for runs of any length: an induction at each state of its control.

Where the registers that decide about the handshakes have one value, all else is simple: this
register holds what that number was before the step, that one the golden one already. Random runs
suggest what holds in each state of control (:mod:`.facts`). From every state of it, whatever its
other registers hold as far as that allows, one clock with any inputs must lead to a state of
control that is known, in which all that is said of it holds again; what does not is dropped there,
or the state is new, until nothing changes. What is left holds in every run, and the claims follow
from it or they do not.

At rest nothing is said of the golden numbers themselves, but in which registers they are: so what
is proved from there is proved from any state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....progress import SILENT, Progress
from ...tools.solver import Answer, conjunction, decide, z3
from ..netlist import label, substituted
from .concrete import Runner
from .facts import Facts
from .machine import Machine
from .pieces import Fact, Piece
from .search import first_values
from .source import Source

#: Random runs that suggest what holds, and the cycles of each; rows that are kept of each state.
RUNS, CYCLES, ROWS = 20, 250, 60
#: So often random runs come to a state of control, on average.
OFTEN = 4
#: More states of control than this are for a simulator.
MOST = 1500
_Key = tuple[int, ...]
#: The state before the first clock edge.
_POWER_UP: _Key = ()


@dataclass(kw_only=True)
class Place:
    """A state of control: what may hold there, and the states that may follow."""

    facts: dict[str, Fact]
    rest: bool
    after: set[_Key] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class _Here:
    """A place for the solver: what holds there, and the registers one clock later."""

    given: list[Any]
    next: list[tuple[Any, Any]]
    rst: Any
    claims: dict[str, Any]


@dataclass(kw_only=True)
class Proof:
    """What an induction over the states of control came to.

    Attributes:
        places: how many states there are, ``rests`` of which at rest.
        broken: claim → the first state of control in which it does not follow.
        why: why there is no proof, in words; empty if all was asked and answered.
        lost: the first place where a register of the core stopped holding its number, in words.
        held: number → the bits of the core that hold it at rest.
        longest: event, TICK → the most cycles until the core is at rest again, if what it offers is
            taken at once; None where it may go on for ever.
        stuck: the first state of control from which that is not shown to lead to a rest, without
            resets, in words; empty if all do.
    """

    places: int = 0
    rests: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    why: str = ""
    lost: str = ""
    held: dict[str, str] = field(default_factory=dict)
    longest: dict[str, int | None] = field(default_factory=dict)
    stuck: str = ""

    @property
    def proved(self) -> bool:
        """Whether all claims hold in every run."""
        return not self.why and not self.broken and self.rests > 0


@dataclass(kw_only=True)
class Control:
    """The induction; ``timeout_s`` of processor time are for all its questions together."""

    source: Source
    machine: Machine
    solver: str
    timeout_s: float
    progress: Progress = SILENT
    places: dict[_Key, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._runner = Runner(self.source, self.machine)
        self._facts = Facts(source=self.source, machine=self.machine, runner=self._runner)
        self._system = self.machine.beside(self.source)
        self._registers = list(self._system.next)
        self._lost = ""
        self._ends = time.process_time() + self.timeout_s

    def proof(self) -> Proof:
        """What is proved of the runs of any length."""
        self._ends = time.process_time() + self.timeout_s
        proof = Proof(why=self._suggest())
        self._settle(proof)
        proof.places, proof.lost = len(self.places) - 1, self._lost
        if not proof.why and not proof.broken:
            proof.why = self._contradiction()
        if not proof.why and not proof.broken:
            self._of_rest(proof)
        return proof

    def _contradiction(self) -> str:
        """Where nothing can be as all that is supposed says, in words: all would follow there."""
        for key in self.places:
            result = self._ask(self._here(key).given or [z3.BoolVal(True)], {}).result
            if result != "sat":
                said = "contradicts itself" if result == "unsat" else "is not known to be possible"
                return f"what is supposed {said} where {self._named(key)}"
        return ""

    def _of_rest(self, proof: Proof) -> None:
        numbers = self.machine.numbers
        assert numbers is not None
        self.progress("asking how long a step takes", 0, None)
        rests = self._rests()
        proof.rests = len(rests)
        proof.held = self._held(rests)
        free = z3.And(self.source["rst"] == 0, self.source["events_out.ready"] == 1)
        ways = self._ways(rests, free)
        proof.longest = {name: self._longest(rests, ways, z3.And(free, takes)) for name, takes in
                         {"event": numbers.events, "TICK": numbers.ticks}.items()}  # fmt: skip
        # A stall or a reset in the wrong moment may lead where no undisturbed run does.
        proof.stuck = next((self._named(key) for key in self.places
                            if key != _POWER_UP and key not in ways), "")  # fmt: skip

    # --- what random runs suggest ------------------------------------------------------------

    def _suggest(self) -> str:
        """Begin with what random runs show; why they show too little, in words."""
        self.progress("running the core", 0, None)
        walks = list(self._runner.walks(RUNS, CYCLES))
        self._facts.look([row for walk in walks for row in walk])
        rows: dict[_Key, list[Sequence[int]]] = {}
        after: dict[_Key, set[_Key]] = {_POWER_UP: set()}
        for walk in walks:
            before = _POWER_UP
            for row in walk:
                key = self._facts.place(row)
                rows.setdefault(key, [])
                if len(rows[key]) < ROWS:
                    rows[key].append(row)
                after.setdefault(before, set()).add(key)
                before = key
        self.places[_POWER_UP] = Place(facts={}, rest=False, after=after[_POWER_UP])
        for key, here in rows.items():
            rest = not key[-1] and all(self._facts.ready(row) for row in here)
            self.places[key] = Place(facts=self._facts.at(here, rest=rest), rest=rest,
                                     after=after.get(key, set()))  # fmt: skip
        if len(rows) * OFTEN > sum(len(walk) for walk in walks):
            found = [len(set(values)) for values in zip(*rows, strict=True)]
            most = max(found)
            return ("random runs show hardly any state of its control twice: "
                    f"{_short(self._facts.control[found.index(most)])}, which decides about its "
                    f"handshakes, has {most} values")  # fmt: skip
        return ""

    # --- until nothing changes ---------------------------------------------------------------

    def _settle(self, proof: Proof) -> None:
        """Drop what does not hold, until all that is left does, or too little for the claims.

        A claim that does not follow here will not when still less is known.
        """
        waiting = list(self.places)
        done = 0
        while waiting and not proof.broken and not proof.why:
            key = waiting.pop(0)
            self.progress("an induction at each state of the control", done, done + len(waiting))
            done += 1
            here = self._here(key)
            proof.broken = dict.fromkeys(self._broken(here), self._named(key))
            for changed in [] if proof.broken else self._follow(key, here):
                if changed is None:
                    proof.why = f"the solver had no answer in time where {self._named(key)}"
                elif changed == key:
                    waiting.insert(0, key)
                    break
                elif changed not in waiting:
                    waiting.append(changed)
            proof.why = self._limits() or proof.why

    def _limits(self) -> str:
        """Which limit is passed, in words; empty if none is."""
        if time.process_time() > self._ends:
            return f"not done after {self.timeout_s:.0f} s of processor time"
        if len(self.places) > MOST:
            return f"its control has more than {MOST} states"
        return ""

    def _follow(self, key: _Key, here: _Here) -> Iterator[_Key | None]:
        """The states in which something was dropped since it does not follow here; None: the
        solver had no answer.

        One state may have thousands behind it: the limits end this too, and the caller says so.
        """
        goals: dict[_Key, dict[str, Any]] = {}
        while not self._limits():
            parts: list[Any] = []
            values: dict[str, Any] = {}
            for later in sorted(self.places[key].after):
                if later not in goals:
                    goals[later] = self._goals(later, here)
                there = {name: goals[later][name] for name in self._names(later)
                         if name in goals[later]}  # fmt: skip
                parts.append(conjunction([z3.BoolVal(True), *there.values()]))
                values |= {f"{later} {name}": goal for name, goal in there.items()}
            asked = [*here.given, *(z3.Not(part) for part in parts)]
            answer = self._ask(asked, {})
            if answer.result == "unsat":
                return
            values |= {f"after {label(register)}": value for register, value in here.next}
            values["rst"] = here.rst
            if answer.result == "sat":
                answer = self._ask(asked, values)
            if answer.result != "sat":
                yield None
                return
            many = {later: len(place.facts) for later, place in self.places.items()}
            later = self._drop(key, answer.model)
            if many.get(later) != len(self.places[later].facts):
                yield later

    def _names(self, key: _Key) -> list[str]:
        return ["control", *self.places[key].facts]

    def _goals(self, key: _Key, here: _Here) -> dict[str, Any]:
        """That a state of control follows, and what must hold then."""
        control = conjunction([register == value for register, value in
                               zip(self._facts.control, key, strict=True)])  # fmt: skip
        facts = self.places[key].facts
        holds = substituted([control, *(fact.holds for fact in facts.values())], here.next)
        return {name: goal for name, goal in zip(["control", *facts], holds, strict=True)
                if not z3.is_true(goal)}  # fmt: skip

    def _drop(self, key: _Key, model: Mapping[str, int]) -> _Key:
        """Take out what does not hold one clock later, in a run of the solver's."""
        row = [model[f"after {label(register)}"] for register in self._registers]
        later = self._facts.place(row)
        here = self.places[key]
        if later not in self.places:
            rest = not later[-1] and self._facts.ready(row)
            self.places[later] = Place(facts=self._facts.at([row], rest=rest), rest=rest)
        elif later in here.after:
            facts = self.places[later].facts
            wrong = [name for name in facts if model.get(f"{later} {name}") == 0]
            assert wrong, "the solver's run breaks nothing"
            dropped = [facts.pop(name) for name in wrong]
            if not model["rst"]:
                for fact in dropped:
                    self._note(key, later, fact, row)
        here.after.add(later)
        return later

    def _note(self, key: _Key, later: _Key, fact: Fact, row: Sequence[int]) -> None:
        """The first home of a number that is lost, of which nothing more is known, for people."""
        home, left = fact.piece, self.places[later].facts.values()
        if self._lost or home is None or all(home.name != each.name for each in self._facts.homes):
            return
        if any(each.piece is not None and each.piece.name == home.name for each in left):
            return
        shown = dict(zip((label(each) for each in self._registers), row, strict=True))
        value = home.of(shown[label(home.register)])
        self._lost = f"{home.name} becomes {value} where {self._named(key)}"

    def _here(self, key: _Key) -> _Here:
        """A place: all that is replaced by what it is there."""
        place = self.places[key]
        if key == _POWER_UP:
            first, others = first_values(self._system)
            replaced = list(first.items())
            given = [*others, *self.machine.start]
        else:
            replaced = self._replaced(key, place)
            given = [fact.holds for fact in place.facts.values()]
        system = self._system
        given += system.given
        rst, *made = substituted([self.source["rst"], *given, *system.next.values(),
                                  *self.machine.claims.values()], replaced)  # fmt: skip
        states = made[len(given) : len(given) + len(system.next)]
        claims = made[len(given) + len(system.next) :]
        return _Here(
            given=[term for term in made[: len(given)] if not z3.is_true(term)],
            next=list(zip(system.next, states, strict=True)), rst=rst,
            claims=dict(zip(self.machine.claims, claims, strict=True)),
        )  # fmt: skip

    def _replaced(self, key: _Key, place: Place) -> list[tuple[Any, Any]]:
        """The registers that are known at a place, and what they are in terms of the others."""
        parts: dict[Any, dict[int, tuple[Piece, Any]]] = {}
        for fact in sorted(place.facts.values(), key=lambda fact: not z3.is_bv_value(fact.term)):
            piece = fact.piece
            if piece is None:
                continue
            here = parts.setdefault(piece.register, {})
            if all(piece.low >= low + other.bits or low >= piece.low + piece.bits
                   for low, (other, _) in here.items()):  # fmt: skip
                here[piece.low] = piece, fact.term
        known = {register: z3.BitVecVal(value, register.size())
                 for register, value in zip(self._facts.control, key, strict=True)}  # fmt: skip
        known |= {register: _word(register, here) for register, here in parts.items()}
        return self._facts.resolved(known)

    # --- what follows ------------------------------------------------------------------------

    def _broken(self, here: _Here) -> list[str]:
        """The claims that do not follow at a place."""
        left = {name: claim for name, claim in here.claims.items() if not z3.is_true(claim)}
        found: list[str] = []
        while left:
            asked = [*here.given, z3.Not(conjunction(left.values()))]
            answer = self._ask(asked, left)
            if answer.result == "unsat":
                break
            wrong = [name for name in left if not answer.model.get(name)]
            found += wrong
            left = {name: claim for name, claim in left.items() if name not in wrong}
        return found

    def _rests(self) -> list[_Key]:
        """The places of rest in which the core does take what comes."""
        ready = z3.Or(self.source["rst"] == 1, self.source["events_in.ready"] == 1)
        found = []
        for key, place in self.places.items():
            if place.rest:
                here = self._here(key)
                asked = [*here.given, z3.Not(self._there(key, ready))]
                if self._ask(asked, {}).result == "unsat":
                    found.append(key)
        return found

    def _held(self, rests: Sequence[_Key]) -> dict[str, str]:
        """Of each number the bits of the core that hold it wherever it is at rest."""
        found: dict[str, str] = {}
        for piece, number in self._facts.holders():
            if all(any(_is_home(fact, piece, number) for fact in self.places[key].facts.values())
                   for key in rests):  # fmt: skip
                found[_short(number)] = piece.name
        return found

    def _there(self, key: _Key, term: Any) -> Any:
        """A term at a place."""
        return substituted([term], self._replaced(key, self.places[key]))[0]

    def _ways(self, rests: Sequence[_Key], free: Any) -> dict[_Key, int]:
        """The most cycles from each state of control to a rest, in cycles like ``free``; without
        those from which there may be none."""
        found = dict.fromkeys(rests, 0)
        after = {key: list(self._following(key, free)) for key in self.places
                 if key != _POWER_UP and key not in found}  # fmt: skip
        while more := {key: 1 + max((found[later] for later in ways), default=0)
                       for key, ways in after.items()
                       if key not in found and all(later in found for later in ways)}:  # fmt: skip
            found |= more
        return found

    def _longest(self, rests: Sequence[_Key], ways: Mapping[_Key, int], when: Any) -> int | None:
        """The most cycles from a rest in a cycle like ``when`` to the next rest; None if it may go
        on for ever."""
        every = {later for key in rests for later in self._following(key, when)}
        return 1 + max((ways[key] for key in every), default=0) if every <= ways.keys() else None

    def _following(self, key: _Key, when: Any) -> Iterator[_Key]:
        """The states of control that may follow a place in a cycle like this."""
        here = self._here(key)
        condition = self._there(key, when)
        for later in sorted(self.places[key].after):
            control = [register == value for register, value in
                       zip(self._facts.control, later, strict=True)]  # fmt: skip
            follows = substituted([conjunction([z3.BoolVal(True), *control])], here.next)
            if self._ask([*here.given, condition, *follows], {}).result != "unsat":
                yield later

    def _ask(self, formulas: Sequence[Any], values: Mapping[str, Any]) -> Answer:
        # A solver counts seconds, however little of the processor it gets.
        left = max(1.0, self._ends - time.process_time())
        return decide(formulas, solver=self.solver, timeout_s=left, values=values)

    def _named(self, key: _Key) -> str:
        if key == _POWER_UP:
            return "power-up"
        values = zip(self._facts.control, key, strict=True)
        return ", ".join(f"{_short(register)} = {value}" for register, value in values)


def _short(register: Any) -> str:
    return label(register).removeprefix("dut.").removeprefix("owed ")


def _is_home(fact: Fact, piece: Piece, number: Any) -> bool:
    if fact.piece is None or fact.number is None:
        return False
    return fact.piece.name == piece.name and bool(fact.number.eq(number))


def _word(register: Any, parts: Mapping[int, tuple[Piece, Any]]) -> Any:
    """A register, some of whose bits are known."""
    found, at = [], 0
    while at < register.size():
        if at in parts:
            piece, term = parts[at]
            found.append(term)
            at += piece.bits
        else:
            found.append(z3.Extract(at, at, register))
            at += 1
    return found[0] if len(found) == 1 else z3.Concat(*reversed(found))
