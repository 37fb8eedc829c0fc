"""What a foreign core is held against: a machine that runs beside it on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...dut.testbench import DutJob
from ...tools.solver import z3
from ..golden import is_signed, widen
from ..induction import System
from ..netlist import label
from .source import Source


class Guess(NamedTuple):
    """What may hold in every cycle; and where it says so, a register of the machine, and what it is
    in terms of the core's."""

    holds: Any
    mine: Any = None
    theirs: Any = None


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of a golden core, and what they were: registers of a machine, by neuron.

    Attributes:
        sums: of the weights since the last TICK.
        states: the state variables, by name.
        sums_before, states_before: those that the last step began with.
        stepped, fired: what the golden step makes of these.
        sums_event, address: the sums before the last event, and its address; ``inputs`` are known.
        added: what this event makes of these.
        counts: the events of each input since the last TICK; none where no number is promised.
        weights: of each neuron, those of every input.
        past: of each neuron and state variable, the last one to be shown by a trace.
        spikes: those of the oldest step that is owed, neuron 0 in bit 0.
        legal: what every golden state keeps, by name.
        ticks, events: whether a TICK, an event is taken in this cycle.
    """

    sums: list[Any]
    states: Sequence[Mapping[str, Any]]
    sums_before: list[Any]
    states_before: Sequence[Mapping[str, Any]]
    stepped: Sequence[Mapping[str, Any]]
    fired: list[Any]
    sums_event: list[Any]
    address: Any
    inputs: int
    added: list[Any]
    counts: list[Any]
    weights: list[list[int]]
    past: Sequence[Mapping[str, Any]]
    spikes: Any
    legal: Mapping[str, Any]
    ticks: Any
    events: Any


@dataclass(kw_only=True)
class Machine:
    """The machine: its registers with their ``next`` values, and what it claims in every cycle.

    ``first``: what holds of its registers at power-up. ``given``: what the inputs keep, in every
    cycle. ``claims``: name → what the core's outputs must show. ``meets``: situations that must be
    possible within a few cycles, lest a claim be about nothing. ``start``: what the inputs of the
    first cycle keep. ``when``: the outputs mean something by now. ``states``: registers that the
    core may have too, with whether they are signed numbers. ``supposed``: guesses of other kinds.
    ``of_room``: the claims that are about this machine's room, and not about the core. ``numbers``:
    those of the golden core, where the machine was asked to keep what they were.
    """

    next: dict[Any, Any] = field(default_factory=dict)
    first: list[Any] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    meets: dict[str, Any] = field(default_factory=dict)
    start: list[Any] = field(default_factory=list)
    when: Any = None
    states: dict[Any, bool] = field(default_factory=dict)
    supposed: dict[str, Any] = field(default_factory=dict)
    of_room: set[str] = field(default_factory=set)
    numbers: Numbers | None = None

    def register(self, name: str, bits: int, first: int | None = None) -> Any:
        """A new register; its next value is to be put into :attr:`next`. At first it may hold
        anything where ``first`` is None."""
        made = z3.BitVec(f"owed {name}", bits)
        if first is not None:
            self.first.append(made == z3.BitVecVal(first, bits))
        return made

    def known(self, job: DutJob, rst: Any) -> Any:
        """Whether the outputs mean something by now: at once, or after the first reset."""
        has_reset = job.dut_map.reset is not None
        known = self.register("known", 1, 0 if has_reset else 1)
        self.next[known] = z3.If(rst, z3.BitVecVal(1, 1), known)
        self.when = known == 1
        return self.when

    def guesses(self, source: Source) -> dict[str, Guess]:
        """What may hold, by name, first of all which register of the core is which one here.

        Nothing says that it does: a proof has to find out.
        """
        known = z3.BoolVal(True) if self.when is None else self.when
        found = {name: Guess(holds) for name, holds in self.supposed.items()}
        for mine, signed in self.states.items():
            for theirs in (register for register in source.net.next if z3.is_bv(register)):
                holds = z3.Implies(known, same(theirs, mine, signed=signed))
                name = f"guess: {label(theirs)} is {label(mine)}"
                found[name] = Guess(holds, mine, _as_wide(theirs, mine.size(), signed=signed))
        return found

    def beside(self, source: Source) -> System:
        """Core and machine together, from power-up."""
        net = source.net
        return System(
            next={**net.next, **self.next}, inputs=net.inputs,
            base=[net.init, *self.first], given=self.given,
        )  # fmt: skip


def _as_wide(word: Any, bits: int, *, signed: bool) -> Any:
    """A number on so many bits, which it fits."""
    if word.size() <= bits:
        return widen(word, bits, signed=signed) if word.size() < bits else word
    return z3.Extract(bits - 1, 0, word)


def same(shown: Any, number: Any, *, signed: bool) -> Any:
    """Whether two words stand for the same number."""
    width = max(shown.size(), number.size())
    return widen(shown, width, signed=signed) == widen(number, width, signed=signed)


def same_states(source: Source, signal: str, states: Mapping[str, Any]) -> dict[str, Any]:
    """Of each state variable that the core shows: whether it is that of ``states``."""
    found = {}
    for name, value in states.items():
        shown = f"{signal}.{name}"
        if shown in source.job.interface.compared:
            found[shown] = same(source[shown], value, signed=is_signed(name))
    return found
