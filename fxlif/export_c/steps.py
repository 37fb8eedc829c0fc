"""The golden step of a neuron as C functions: the rule itself, run on text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..params.core import Register
from ..params.neuron import NeuronParams
from ..rule.arithmetic import clamp
from ..rule.step import NeuronState, step
from ..rule.written import with_values
from .expressions import TAKING, Condition, Event, Lines, Value, c_type, literal

#: More spikes than a neuron can be counted in one step.
_MOST_SPIKES = (1 << 31) - 2
Range = tuple[int, int]


@dataclass(frozen=True)
class Inputs:
    """What a step is given: lowest and highest ``current`` without the bias, ``threshold``, and
    what one event ``adds``, where they act one by one, None where there are none; ``most`` spikes
    of one neuron in a step; the range of each register that can be written."""

    current: Range
    threshold: Range
    adds: Range | None = None
    most: int = 1
    registers: Mapping[Register, Range] = field(default_factory=dict)


class StepText:
    """The C functions of a step whose names end in ``suffix``.

    ``step_SUFFIX`` is the whole of it; where events act one by one ``begin_SUFFIX``,
    ``event_SUFFIX`` and ``end_SUFFIX`` are its parts. ``parameters``: name and range of what
    a step reads, ``results``: of what it makes, in the order of the arguments.
    """

    def __init__(self, neuron: NeuronParams, suffix: str, inputs: Inputs) -> None:
        self.neuron, self.suffix, self.inputs = neuron, suffix, inputs
        self.state = {name: neuron.ranges[name] for name in neuron.state_widths}
        self.parameters: dict[str, Range] = dict(self.state)
        if inputs.threshold[0] < inputs.threshold[1]:
            self.parameters["v_threshold"] = inputs.threshold
        #: Bits of a draw that it uses: a shift that is written takes any of them.
        self.random_bits = neuron.random_bits
        if neuron.random_bits and "leak_shift" in inputs.registers:
            self.random_bits = neuron.lfsr.bits
        if self.random_bits:
            self.parameters["random"] = (0, (1 << self.random_bits) - 1)
        if inputs.current[0] < inputs.current[1]:
            self.parameters["current"] = inputs.current
        self.parameters |= {f"written_{name}": ends for name, ends in inputs.registers.items()}
        self.results = {f"{name}_after": ends for name, ends in self.state.items()}
        self.results["spikes"] = (0, inputs.most)
        #: What events change, where they act one by one, by name.
        self.taking: dict[str, Range] = {}
        self._lines = Lines()
        self._event: Event | None = None
        self._made = self._run()

    def _run(self) -> dict[str, Any]:
        lines, neuron = self._lines, self.neuron
        given: dict[str, Any] = {
            name: Value(lines, name, *ends) for name, ends in self.parameters.items()
        }
        state = NeuronState(*(given.get(name, 0) for name in NeuronState._fields))
        arrivals: Sequence[Any] = ()
        if self.inputs.adds is not None:
            name = "v" if neuron.sums_on_v else "i_syn"
            self._event = Event(lines, neuron.ranges[name], (0, _MOST_SPIKES))
            low, high = self.inputs.adds
            arrivals = [(self._event, Value(lines, "added", low, high) if low < high else low)]
        current = given.get("current", self.inputs.current[0]) + neuron.bias
        threshold = given.get("v_threshold", self.inputs.threshold[0])
        registers = {name: given[f"written_{name}"] for name in self.inputs.registers}
        neuron = with_values(neuron, registers)
        after, fire = step(neuron, state, current, threshold, given.get("random", 0), arrivals)
        if neuron.fire_on == "event":
            fire = clamp(fire, 0, self.inputs.most)
        if self._event is not None:
            kinds = (neuron.ranges["v" if neuron.sums_on_v else "i_syn"], (0, _MOST_SPIKES))
            self.taking = dict(zip(TAKING, kinds[: len(self._event.taking)], strict=False))
        made = {f"{name}_after": getattr(after, name) for name in self.state}
        return made | {"spikes": fire}

    @property
    def text(self) -> str:
        """All of its functions."""
        event = self._event
        if event is None:
            return _function(f"step_{self.suffix}", self.parameters, self.results,
                             self._lines.lines, self._made)  # fmt: skip
        taking = _after(self.taking)
        # What stands before the events is computed anew in each part that needs some of it.
        before, behind = event.before, self._lines.lines
        values = [dict(zip(taking, each, strict=True)) for each in (event.taking, event.new)]
        parts = [
            _function(f"begin_{self.suffix}", self._reads("begin"), taking, before, values[0]),
            _function(
                f"event_{self.suffix}", self._reads("event"), taking, [*before, *event.body],
                values[1],
            ),
            _function(
                f"end_{self.suffix}", self._reads("end"), self.results, [*before, *behind],
                self._made,
            ),
        ]  # fmt: skip
        return "\n".join(parts)

    def arguments(self, values: dict[str, str], kind: str = "") -> str:
        """The arguments of a call of ``begin``, ``event`` or of the others: of each name the C
        text, a cast to its type before it."""
        wanted = self._reads(kind)
        made = self.results if kind in ("", "end") else _after(self.taking)
        given = [f"({c_type(*ends)}){values[name]}" for name, ends in wanted.items()]
        return ", ".join([*given, *(values[name] for name in made)])

    def _reads(self, kind: str) -> dict[str, Range]:
        """What ``begin``, ``event``, ``end`` or the whole step reads."""
        wanted = dict(self.parameters)
        if kind in ("begin", "event"):
            wanted.pop("current", None)  # which acts behind the last event
        if kind == "event" and self.inputs.adds is not None:
            wanted |= {"added": self.inputs.adds}
        if kind in ("event", "end"):
            wanted |= self.taking
        return wanted


def _after(taking: dict[str, Range]) -> dict[str, Range]:
    return {f"{name}_after": ends for name, ends in taking.items()}


def _function(
    name: str, reads: dict[str, Range], makes: dict[str, Range], lines: list[str],
    results: dict[str, Any],
) -> str:  # fmt: skip
    """A C function of some statements, of which those stay that a result needs."""
    stores = [
        f"*{target} = ({c_type(*makes[target])}){_text(value)};"
        for target, value in results.items()
    ]
    needed = _words(stores)
    kept: list[str] = []
    for line in reversed(lines):
        head, body = line.split(" = ", 1)
        if head.split()[-1] in needed:
            kept.append(line)
            needed |= _words([body])
    arguments = [f"{c_type(*ends)} {key}" for key, ends in reads.items()]
    arguments += [f"{c_type(*ends)} *{key}" for key, ends in makes.items()]
    unused = [f"    (void){key};" for key in reads if key not in needed]
    inside = [*unused, *(f"    {line}" for line in [*reversed(kept), *stores])]
    head = f"static inline void {name}(" + ", ".join(arguments) + ")"
    return "\n".join([head, "{", *inside, "}", ""])


def _words(texts: list[str]) -> set[str]:
    return set(re.findall(r"[a-z_][a-z_0-9]*", " ".join(texts)))


def _text(value: Any) -> str:
    if isinstance(value, Condition):
        return f"(({value.code}) ? 1 : 0)"
    return value.code if isinstance(value, Value) else literal(int(value))
