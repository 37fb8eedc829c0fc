"""Stages of combinational logic: what is used in a later one than it was made in gets registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from amaranth.hdl import Const, Module, Signal, Value, ValueLike


@dataclass(eq=False)
class Made:
    """A value, and the stage in which it is made."""

    name: str
    stage: int
    #: The value in that stage, in the next one, and so on as far as it has been asked for.
    line: list[Value] = field(repr=False)

    def map(self, function: Callable[[Value], Value]) -> Made:
        """What ``function``, which costs no logic, makes of the value in the same stage."""
        return Made(self.name, self.stage, [function(self.line[0])])


class Pipeline:
    """The stages of the operations of a ``schedule``, built into ``m``.

    Without ``staged`` all of them are one stage, without a register: latency 0; else
    the number of its stages less 1.
    """

    def __init__(self, m: Module, schedule: Mapping[str, int], *, staged: bool) -> None:
        self.m = m
        self._schedule = schedule
        self._staged = staged
        self.first = Stage(self, 0)
        self.last = Stage(self, max(schedule.values(), default=0) if staged else 0)

    def given(self, name: str, value: ValueLike) -> Made:
        """A value that is there in the first stage, from outside."""
        return Made(name, 0, [Value.cast(value)])

    def at(self, operation: str) -> Stage:
        """The stage of an operation. KeyError: the schedule has none of this name."""
        stage = self._schedule[operation]
        return Stage(self, stage if self._staged else 0)


@dataclass(frozen=True)
class Stage:
    """One stage: called with what was made, it answers with its value here."""

    pipeline: Pipeline
    number: int

    def __call__(self, made: Made) -> Value:
        """The value in this stage, behind as many registers as stages lie between.

        Raises:
            ValueError: it is made in a later stage only.
        """
        line = made.line
        if isinstance(line[0], Const):
            return line[0]
        if made.stage > self.number:
            raise ValueError(f"{made.name} is made in stage {made.stage}, not yet in {self.number}")
        while len(line) <= self.number - made.stage:
            name = f"{made.name}_{made.stage + len(line)}"
            register = Signal(line[-1].shape(), name=name, reset_less=True)
            self.pipeline.m.d.sync += register.eq(line[-1])
            line.append(register)
        return line[self.number - made.stage]

    def once(self, name: str, value: ValueLike) -> Made:
        """A value made in this stage that is used in one place: an expression."""
        return Made(name, self.number, [Value.cast(value)])

    def make(self, name: str, value: ValueLike) -> Made:
        """A value made in this stage: a signal, so that the Verilog says it once."""
        value = Value.cast(value)
        if isinstance(value, Const):
            return self.once(name, value)
        signal = Signal(value.shape(), name=name)
        self.pipeline.m.d.comb += signal.eq(value)
        return Made(name, self.number, [signal])
