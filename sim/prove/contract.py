"""A part of a core, alone: its contract holds whatever its neighbours do that keep theirs.

A contract says what a part takes, what it gives, and the ghosts that both are said with: state that
the proof adds, that follows from the ports alone and never acts on them. The formulas are written
once (:mod:`fxlif.sim.prove.parts`). Here ``gives`` is proved of the part's own Verilog while
``takes`` is assumed; in :mod:`fxlif.sim.prove.composition` it is the other way round.

That is no circle: what a part gives in a cycle is proved from what it took in the cycles *before*,
and what it takes in a cycle from what all parts gave up to then. So by induction over the cycles
since a reset all of it holds in each of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from ...errors import FxlifError
from ..tools.solver import conjunction, simplified, z3
from .counterexample import explain_edge, told
from .induction import Replacement, Run, System, induct
from .netlist import Netlist, label
from .prover import Prover, Result, Theorem

Key = TypeVar("Key")
#: Clock cycles of a search, from a reset on, for a run that shows a fault.
SEARCH_CYCLES = 20
#: Longest time of a search.
SEARCH_S = 20.0


class Ports:
    """The signals of the part ``name`` of a core, as bit-vectors."""

    def __init__(self, net: Netlist, name: str) -> None:
        # Where the core has a signal of the same name, the part has a number as well.
        pattern = re.compile(rf"({name}(?:_\d+)?)\.")
        found = {match[1] for signal in net.signals if (match := pattern.match(signal))}
        if len(found) != 1:
            raise FxlifError.must_be(net.top, f"a core with one {name}", sorted(found))
        self.net, self.name = net, name
        (self.instance,) = found

    def __getitem__(self, signal: str) -> Any:
        return self.net[f"{self.instance}.{signal}"]

    def __contains__(self, signal: str) -> bool:
        return f"{self.instance}.{signal}" in self.net

    def fields(self, port: str, layout: Any) -> dict[str, Any]:
        """What is packed into a port that has a structure."""
        return unpacked(self[port], layout)

    def owns(self, register: Any) -> bool:
        """Whether a register or a memory lies within the part."""
        return label(register).startswith(f"{self.instance}.")

    @property
    def memory(self) -> Any:
        """The one memory of the part that is written."""
        following = self.net.next
        found = [r for r in following if self.owns(r) and z3.is_array(r)
                 and not following[r].eq(r)]  # fmt: skip
        if len(found) != 1:
            names = [label(memory) for memory in found]
            raise FxlifError.must_be(self.instance, "one memory that is written", names)
        return found[0]


def unpacked(word: Any, layout: Any) -> dict[str, Any]:
    """The fields of a word, by the layout that the hardware packs it with."""
    return {
        str(name): z3.Extract(inner.offset + inner.width - 1, inner.offset, word)
        for name, inner in layout
    }


def high(*signals: Any) -> Any:
    """Whether all of some signals of one bit are 1."""
    return conjunction([signal == 1 for signal in signals])


def bit(condition: Any) -> Any:
    """A condition as a signal of one bit."""
    return z3.If(condition, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


def number(term: Any, width: int) -> Any:
    """An unsigned number with room for sums."""
    return z3.ZeroExt(width - term.size(), term)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """``ghosts``: each → its value after a reset (None: any) and its value a cycle later.

    ``takes`` and ``gives``: name → formula over ports and ghosts, of every cycle out of reset.
    ``given``: what is known of constants, and of what lies behind the ports of modules that were
    left out.
    """

    ghosts: Mapping[Any, tuple[int | None, Any]]
    gives: Mapping[str, Any]
    takes: Mapping[str, Any] = field(default_factory=dict)
    given: Sequence[Any] = ()


class Delays:
    """Ghosts that hold what signals were some cycles before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.ghosts: dict[Any, tuple[int | None, Any]] = {}

    def line(self, name: str, signal: Any, cycles: int, first: int | None = 0) -> list[Any]:
        """The signal now, one cycle before, ... ``cycles`` before; ``first`` after a reset."""
        found = [signal]
        for cycle in range(1, cycles + 1):
            ghost = z3.Const(f"{self._name}: {name} {cycle} before", signal.sort())
            self.ghosts[ghost] = (first, found[-1])
            found.append(ghost)
        return found


def any_of(conditions: Sequence[Any]) -> Any:
    """Whether one of some conditions holds; of none, no."""
    return z3.Or(*conditions) if len(conditions) > 1 else next(iter(conditions), z3.BoolVal(False))


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part with a contract, and what makes it inductive; ``owns`` says which registers are its.

    ``invariants`` are over registers and ghosts. ``of_each`` are too, but of every value of some
    constants; where they are assumed, they are so of ``places`` as well, each of which has terms
    for the constants. ``depth``: over how many cycles the induction goes.
    """

    net: Netlist
    owns: Callable[[Any], bool]
    contract: Contract
    invariants: Mapping[str, Any] = field(default_factory=dict)
    of_each: Mapping[str, Any] = field(default_factory=dict)
    places: Sequence[Mapping[Any, Any]] = ()
    depth: int = 1

    def out_of_reset(self, terms: Mapping[Key, Any], reset: bool = False) -> dict[Key, Any]:
        """Named terms while the reset is low."""
        if "rst" not in self.net:
            return dict(terms)
        (pin,) = self.net.drivers("rst")
        value = z3.BoolVal(reset) if z3.is_bool(pin) else z3.BitVecVal(int(reset), 1)
        return dict(zip(terms, Replacement([(pin, value)])([*terms.values()]), strict=True))

    def each_out_of_reset(self, terms: Iterable[Any]) -> list[Any]:
        """Terms while the reset is low."""
        return [*self.out_of_reset(dict(enumerate(terms))).values()]

    @cached_property
    def registers(self) -> dict[Any, Any]:
        """Register or memory of the part → its value one clock later."""
        return {r: following for r, following in self.net.next.items() if self.owns(r)}

    @cached_property
    def after_reset(self) -> dict[Any, Any]:
        """Register → value, of those that a reset sets; memories and data stay."""
        reset = self.out_of_reset(self.registers, reset=True)
        values = {register: z3.simplify(following) for register, following in reset.items()}
        return {register: value for register, value in values.items() if z3.is_bv_value(value)}

    @cached_property
    def system(self) -> System:
        """The part and the ghosts from a reset on, with any contents of memories; every register
        outside the part has any value in every cycle."""
        ghosts = self.contract.ghosts
        following = self.out_of_reset(self.registers | {g: n for g, (_, n) in ghosts.items()})
        base = [ghost == first for ghost, (first, _) in ghosts.items() if first is not None]
        base += [register == value for register, value in self.after_reset.items()]
        outside = [r for r in self.net.next if r not in following]
        return System(
            next=following, inputs=[*self.net.inputs, *outside], base=base,
            given=self.each_out_of_reset(self.contract.given),
            before=self.each_out_of_reset(self.contract.takes.values()),
        )  # fmt: skip

    @cached_property
    def claims(self) -> dict[str, Any]:
        """What the contract gives."""
        return self.out_of_reset(self.contract.gives)

    @cached_property
    def lemmas(self) -> dict[str, Any]:
        """The invariants."""
        return self.out_of_reset({**self.invariants, **self.of_each})

    @cached_property
    def elsewhere(self) -> list[Any]:
        """What holds of each, of the places where it is used."""
        each = [z3.substitute(term, *place.items())
                for place in self.places for term in self.of_each.values()]  # fmt: skip
        return self.each_out_of_reset(each)


def reset_theorem(part: Part) -> Theorem:
    """Power-up, and every reset from any state, is the first state of the induction."""
    net = part.net
    claims = {}
    reset = part.out_of_reset(part.registers, reset=True)
    for register, value in part.after_reset.items():
        claims[f"power-up: {register}"] = z3.Implies(net.init, register == value)
        claims[f"reset: {register}"] = reset[register] == value
    return Theorem(
        mode="every state and input, one transition", claims=claims, cases={"power-up": net.init}
    )


def settle(
    prover: Prover, part: Part, cases: Mapping[str, Any], *,
    at: int | None = None, inputs: Sequence[Any] = (),
) -> Result:  # fmt: skip
    """Prove the claims of a part; what does not hold is looked for in a run from a reset.

    ``cases``: name → a condition that some run must reach, lest the claims be about nothing: in
    cycle ``at``, or in one of the first; ``inputs`` are what the run is looked for with.
    """
    deadline = time.perf_counter() + prover.timeout_s
    proved = {**part.claims, **part.lemmas}
    found = induct(
        part.system, proved, depth=part.depth, solver=prover.solver, timeout_s=prover.timeout_s,
        also=part.elsewhere,
    )  # fmt: skip
    by = f"{prover.solver}, induction, depth {part.depth}, unbounded"
    if found.stage == "vacuous":
        return "failed", f"{by}\nvacuous: no first cycle is possible"
    if found.stage == "unknown":
        return "unknown", f"{by}: no answer in {prover.timeout_s:.0f} s"
    if found.stage == "done":
        missing = unreached(prover, part, cases, at, inputs, deadline)
        if missing:
            return "failed", f"{by}\nvacuous: no run from reset reaches {', '.join(missing)}"
        return "passed", f"{by}: {len(part.claims)} claims by {len(part.lemmas)} invariants"
    where = "does not hold after a reset" if found.stage == "base" else "not inductive"
    lines = [f"{where}: {', '.join(found.broken)}", f"found by {by}"]
    shown = search(prover, part)
    if shown is None:
        lines.append(
            f"no run from reset shows it within {SEARCH_CYCLES} cycles and {SEARCH_S:.0f} s "
            "(not a proof beyond them)"
        )
        return "unknown", "\n".join(lines)
    return "failed", "\n".join([*lines, shown])


def _from_reset(part: Part) -> System:
    """From a reset on, while all that is taken is as agreed."""
    system = part.system
    return replace(system, given=[*system.given, *system.before])


def unreached(
    prover: Prover, part: Part, cases: Mapping[str, Any], at: int | None, inputs: Sequence[Any],
    deadline: float,
) -> list[str]:  # fmt: skip
    """Those of the cases that no run is found to reach."""
    system = _from_reset(part)
    fixed = part.each_out_of_reset(inputs)
    run, missing = Run(system=replace(system, given=[*system.given, *fixed])), dict(cases)
    for cycle in range(SEARCH_CYCLES) if at is None else [at]:
        if not missing:
            break
        there = run.all_at(part.out_of_reset(missing), cycle)
        assumed = [*system.base, *run.conditions(cycle)]
        for name, case in there.items():
            left = deadline - time.perf_counter()
            if prover.decide(simplified([*assumed, case]), left).result == "sat":
                del missing[name]
    return list(missing)


def search(prover: Prover, part: Part) -> str | None:
    """A run of the part that breaks a claim, in words, whatever its neighbours do that keep their
    contracts; None if there is none within the bound."""
    system = _from_reset(part)
    run = Run(system=system)
    deadline = time.perf_counter() + min(SEARCH_S, prover.timeout_s)
    net = part.net
    edge = part.out_of_reset(net.edge)
    # Cycle by cycle: one question about all cycles at once takes ten times as long.
    for cycle in range(SEARCH_CYCLES):
        prover.progress("looking for a run that shows it", cycle, SEARCH_CYCLES)
        there = run.all_at(part.claims, cycle)
        wrong = [*system.base, *run.conditions(cycle), z3.Not(conjunction(there.values()))]
        answer = prover.decide(simplified(wrong), deadline - time.perf_counter())
        if answer.result == "sat":  # once more, for the values
            values = run.all_at(edge, max(0, cycle - 1))
            left = deadline - time.perf_counter()
            answer = prover.decide(wrong, left, {**there, **values})
            if answer.result == "sat":
                broken = [name for name in there if not answer.model[name]]
                seen = {name: answer.model[name] for name in values}
                return told(_explain(part, seen, cycle, broken))
        if answer.result == "unknown":
            return None
    return None


def _explain(
    part: Part, model: Mapping[str, int], cycle: int, broken: Sequence[str]
) -> Iterator[str]:
    """What a run breaks, and its last clock edge in a simulator."""
    yield f"run from reset: cycle {cycle} breaks {', '.join(broken)}"
    if cycle:
        yield f"the clock edge before cycle {cycle}:"
        own = {label(register) for register in part.registers}
        yield from explain_edge(part.net, model, owns=lambda name: name in own)
