"""Intervals that the state of a neuron never leaves, proved by a solver."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from ...cycles.access import registers_of, threshold_ends
from ...layout import RowCore
from ...params.core import CoreParams, Register
from ...params.neuron import NeuronParams
from ...params.quantise import signed_bits, signed_range
from ...rule import arithmetic
from ...rule.step import NeuronState, initial_state
from ...rule.written import register_range, with_values
from .neuron_bins import NeuronBin, neuron_bins
from .step_values import StepValues
from .synapses import current_ranges, weight_ranges
from .turns.bins import turn_bins

#: Lowest and highest value of each state variable, and of v while the neuron rests.
Bounds = dict[str, tuple[int, int]]
AT_REST = "v at rest"
#: For one question to the solver.
QUESTION_S = 2.0


class Inputs(NamedTuple):
    """What one neuron compares with, and the range of the sums of its weights in a step.

    ``lowest``: of a threshold that is written any from there to ``threshold`` is compared with.
    """

    threshold: int
    low: int
    high: int
    lowest: int | None = None


@dataclass(frozen=True)
class Neurons:
    """Neurons with the same rule, the inputs of each, and the registers that can be written."""

    neuron: NeuronParams
    weight_shift: int
    inputs: tuple[Inputs, ...]
    registers: tuple[Register, ...] = ()

    @classmethod
    def of_neuron(cls, neuron: NeuronParams) -> Self:
        """A lone neuron, whose port brings any current of its width."""
        return cls(neuron, 0, (Inputs(neuron.v_threshold, *signed_range(neuron.current_bits)),))

    @classmethod
    def of_core(cls, core: CoreParams, *, spikes: int | None = None) -> Self:
        """The neurons of a core. ``spikes``: how often in a step each input spikes at most, since
        it is a neuron of another core; None: any number of times."""
        low, high = signed_range(core.accumulator_bits)
        inputs, most = [], 1 << (core.neuron.weight_bits - 1)
        lowest, highest = threshold_ends(core) or (None, None)
        for threshold, weights in zip(core.thresholds, core.weights.T, strict=True):
            down, up = int(weights[weights < 0].sum()), int(weights[weights > 0].sum())
            if "weights" in core.writable:
                down, up = -core.n_inputs * most, core.n_inputs * most
            if spikes is None:
                # Any number of events: up to an end of the accumulator that a weight points to.
                down, up = low if down else 0, high if up else 0
            else:
                down, up = max(low, spikes * down), min(high, spikes * up)
            ends = (threshold, None) if highest is None else (highest, lowest)
            inputs.append(Inputs(ends[0], down, up, ends[1]))
        return cls(core.neuron, core.weight_shift, tuple(inputs), registers_of(core))

    @classmethod
    def of_events(cls, core: CoreParams, *, spikes: int | None = None) -> Self:
        """The neurons of a core whose events act one by one; the inputs are those of one event.
        With 0 ``spikes`` there is none."""
        low, high = np.minimum(core.weights.min(axis=0), 0), np.maximum(core.weights.max(axis=0), 0)
        if "weights" in core.writable:
            ends = signed_range(core.neuron.weight_bits)
            low, high = np.full_like(low, ends[0]), np.full_like(high, ends[1])
        if spikes == 0:
            low, high = np.zeros_like(low), np.zeros_like(high)
        thresholds: list[tuple[int, int | None]] = [(each, None) for each in core.thresholds]
        if written := threshold_ends(core):
            thresholds = [(written[1], written[0])] * core.n_neurons
        inputs = (
            Inputs(threshold, down, up, lowest)
            for (threshold, lowest), down, up in zip(thresholds, low.tolist(), high.tolist(),
                                                     strict=True)
        )  # fmt: skip
        return cls(core.neuron, core.weight_shift, tuple(inputs))

    @classmethod
    def of_rows(cls, core: RowCore, spikes: Sequence[int | None]) -> Self:
        """The neurons of a core of rows; ``spikes``: how often in a step a neuron of each node
        spikes at most, None: any number of times. Where events act one by one the inputs are those
        of one event."""
        found = (weight_ranges if core.neuron.per_event else current_ranges)(core, spikes)
        ends = (each.tolist() for each in found)
        thresholds: Sequence[int] = core.thresholds
        lowest: int | None = None
        if written := threshold_ends(core):
            lowest, thresholds = written[0], [written[1]] * core.n_neurons
        inputs = (
            Inputs(threshold, low, high, lowest)
            for threshold, low, high in zip(thresholds, *ends, strict=True)
        )
        return cls(core.neuron, 0, tuple(inputs), registers_of(core))

    def current(self, total: Any) -> Any:
        """The input of a step from the sum of its weights."""
        return arithmetic.synaptic_current(total, self.weight_shift, self.neuron.bias)

    @property
    def currents(self) -> tuple[int, int]:
        """The lowest and the highest input of a step."""
        low, high = min(each.low for each in self.inputs), max(each.high for each in self.inputs)
        return int(self.current(low)), int(self.current(high))


def _one_of(conditions: Iterable[Any]) -> Any:
    """Any of them holds. SMT-LIB knows no disjunction of a single condition."""
    import z3

    listed = list(conditions)
    return z3.Or(*listed) if len(listed) > 1 else listed[0]


def _all_conditions(
    neuron: NeuronParams, state: NeuronState, current: Any, threshold: Any, random: Any = 0
) -> None:
    """Works out the condition of every bin of a step."""
    values = StepValues(neuron, state, current, threshold, random)
    for each in neuron_bins(neuron):
        if not each.impossible:
            each.hit(values)


class SymbolicStep:
    """One step of any of some neurons, as terms of a solver.

    At ``deadline`` (:func:`time.monotonic`) its questions stop being answered. ``suffix`` tells the
    names of its constants from those of another step.
    """

    def __init__(self, neurons: Neurons, deadline: float, suffix: str = "") -> None:
        import z3  # after the solver's own words about a package that is missing

        from ..prove import golden
        from ..tools.solver import choose

        neuron = neurons.neuron
        bits = max(signed_bits(end, end) for end in neurons.currents)
        width = golden.golden_width(
            neuron, bits, threshold_port=True, run=_all_conditions, registers=neurons.registers
        )
        if neuron.random_bits:  # of a draw a step takes the lowest bits: the others need room too
            width = max(width, neuron.lfsr.bits + 1)
        self.neurons, self.width, self._z3 = neurons, width, z3
        self.solver, self._deadline = choose("auto"), deadline
        names = neuron.state_widths
        self.before = NeuronState(
            *(z3.BitVec(n + suffix, width) if n in names else z3.BitVecVal(0, width)
              for n in NeuronState._fields)
        )  # fmt: skip
        self.total = z3.BitVec(f"sum{suffix}", width)
        self.threshold = z3.BitVec(f"threshold{suffix}", width)
        self.current = neurons.current(self.total)
        self.random = z3.BitVec(f"random{suffix}", width) if neuron.random_bits else 0
        #: What the registers hold in this step that can be written.
        self.registers = {
            name: z3.BitVec(f"written {name}{suffix}", width) for name in neurons.registers
        }
        written = with_values(neuron, self.registers)
        self.values = StepValues(written, self.before, self.current, self.threshold, self.random)
        self.after, self.fire = self.values.after, self.values.fire

    def inputs(self) -> Any:
        """The threshold and the sum belong to one of the neurons; the draw is any but 0, and a
        register holds any value that it can."""
        z3 = self._z3
        inputs = _one_of(
            z3.And(self._compared(each), self.total >= each.low, self.total <= each.high)
            for each in sorted(set(self.neurons.inputs))
        )
        neuron = self.neurons.neuron
        if neuron.random_bits:
            drawn = z3.And(self.random > 0, self.random <= (1 << neuron.lfsr.bits) - 1)
            inputs = z3.And(inputs, drawn)
        for name, value in self.registers.items():
            low, high = register_range(neuron, name)
            inputs = z3.And(inputs, value >= low, value <= high)
        return inputs

    def _compared(self, inputs: Inputs) -> Any:
        """The threshold is that of ``inputs``, or one that can be written."""
        if inputs.lowest is None:
            return self.threshold == inputs.threshold
        unit = (1 << self.neurons.neuron.threshold_shift) - 1
        return self._z3.And(
            self.threshold >= inputs.lowest, self.threshold <= inputs.threshold,
            self.threshold & unit == 0,
        )  # fmt: skip

    def stays(self, other: SymbolicStep) -> Any:
        """The threshold is that of another step, unless it may be written between the two."""
        written = any(each.lowest is not None for each in self.neurons.inputs)
        return self._z3.BoolVal(written) if written else self.threshold == other.threshold

    def _bounded(self, state: NeuronState) -> dict[str, Any]:
        """What has bounds, by name."""
        neuron = self.neurons.neuron
        found = {name: getattr(state, name) for name in neuron.state_widths}
        if neuron.rest_steps:
            # Else it is one that always lies within the bounds, where v begins.
            found[AT_REST] = self._z3.If(state.refractory > 0, state.v, neuron.v_reset)
        return found

    def within(self, bounds: Mapping[str, tuple[int, int]]) -> Any:
        """The state before the step lies in ``bounds``."""
        before = self._bounded(self.before)
        return self._z3.And(*(
            end for name, (low, high) in bounds.items()
            for end in (before[name] >= low, before[name] <= high)
        ))  # fmt: skip

    def whole(self, rule: NeuronBin) -> list[Any]:
        """What must hold for a bin of steps to be hit, beside its own condition."""
        return []

    def follows(self, first: SymbolicStep) -> Any:
        """The step begins in the state after reset, or after a ``first`` step of the neuron."""
        pairs = zip(self.before, first.after, strict=True)
        after_first = self._z3.And(self.stays(first), *(now == then for now, then in pairs))
        return self._z3.Or(self.within(_start(self.neurons)), after_first)

    def outside(self, bounds: Mapping[str, tuple[int, int]]) -> Any:
        """A variable after the step lies outside its ``bounds``."""
        after = self._bounded(self.after)
        return _one_of(
            self._z3.Or(after[name] < low, after[name] > high)
            for name, (low, high) in bounds.items()
        )

    def ask(self, *conditions: Any) -> tuple[str, dict[str, int]]:
        """Whether a step has all ``conditions``: (result, the step's state and input)."""
        from ..tools.solver import decide

        seconds = min(QUESTION_S, self._deadline - time.monotonic())
        names = self.neurons.neuron.state_widths
        values = {name: getattr(self.before, name) for name in names}
        values |= {"current": self.current, "threshold": self.threshold}
        if self.neurons.neuron.random_bits:
            values["random"] = self.random
        values |= {f"written {name}": value for name, value in self.registers.items()}
        values |= {f"next {name}": term for name, term in self._bounded(self.after).items()}
        answer = decide(conditions, solver=self.solver, timeout_s=seconds, values=values)
        half = 1 << (self.width - 1)
        return answer.result, {n: (v + half) % (2 * half) - half for n, v in answer.model.items()}


def _all_turn_conditions(
    neuron: NeuronParams, state: NeuronState, added: Any, threshold: Any, random: Any = 0
) -> None:
    """Works out what a part of a step does, and the condition of every bin of it."""
    from ..prove.turns.step import Turn, summed, turn
    from .turns.steps import TurnValues

    either = added == 0  # nothing is known of it
    now = Turn(begins=either, ends=either, first=getattr(state, summed(neuron)), added=added,
               threshold=threshold, random=random)  # fmt: skip
    turn(neuron, state, now)
    values = TurnValues(neuron, state, now, added)
    for each in neuron_bins(neuron):
        if not each.impossible:
            each.hit(values)
    for turn_bin in turn_bins(neuron):
        if not turn_bin.impossible:
            turn_bin.hit(values.events)


class SymbolicTurn(SymbolicStep):
    """One part of a step of any of some neurons whose events act one by one: what is done before
    its events, one of them, or what is done behind them. What holds of all parts does so of steps.
    """

    def __init__(self, neurons: Neurons, deadline: float, suffix: str = "") -> None:
        import z3  # after the solver's own words about a package that is missing

        from ..prove.golden import golden_width
        from ..prove.turns.step import Turn, summed, turn
        from ..tools.solver import choose
        from .turns.steps import TurnValues

        neuron = neurons.neuron
        ends = (end << neurons.weight_shift for each in neurons.inputs for end in each[1:3])
        width = golden_width(neuron, max(signed_bits(end, end) for end in ends),
                             threshold_port=True, run=_all_turn_conditions)  # fmt: skip
        self.neurons, self.width, self._z3 = neurons, width, z3
        self.solver, self._deadline = choose("auto"), deadline
        self.registers = {}  # none can be written where events act one by one
        names = neuron.state_widths
        self.before = NeuronState(
            *(z3.BitVec(n + suffix, width) if n in names else z3.BitVecVal(0, width)
              for n in NeuronState._fields)
        )  # fmt: skip

        def term(name: str) -> Any:
            return z3.BitVec(name + suffix, width)

        self.total, self.threshold = term("weight"), term("threshold")
        self.current = self.total << neurons.weight_shift
        self.random = term("random") if neuron.random_bits else 0
        self._first, self._summed = term("first"), summed(neuron)
        self.turn: Turn = Turn(
            begins=z3.Bool(f"begins{suffix}"), ends=z3.Bool(f"ends{suffix}"), first=self._first,
            added=self.current, threshold=self.threshold, random=self.random,
        )  # fmt: skip
        self.after, _, _ = turn(neuron, self.before, self.turn)
        self.values = TurnValues(neuron, self.before, self.turn, term("spikes"))

    def whole(self, rule: NeuronBin) -> list[Any]:
        # Parts that are alike make steps that are; all else is told by the last one.
        return [] if rule.group.endswith("choice") else [self.turn.ends]

    def follows(self, first: SymbolicStep) -> Any:
        if not isinstance(first, SymbolicTurn):
            raise TypeError("first: must be a part of a step")
        z3, now, then = self._z3, self.turn, first.turn
        began = z3.If(then.begins, getattr(first.before, self._summed), then.first)
        same = z3.And(now.first == began, self.random == then.random)
        state = z3.And(*(a == b for a, b in zip(self.before, first.after, strict=True)))
        goes_on = z3.And(self.stays(first), state, now.begins == then.ends,
                         z3.Or(now.begins, same))  # fmt: skip
        starts = super().within(_start(self.neurons))
        return z3.Or(z3.And(starts, now.begins), goes_on)

    def within(self, bounds: Mapping[str, tuple[int, int]]) -> Any:
        low, high = bounds[self._summed]
        return self._z3.And(super().within(bounds), self._first >= low, self._first <= high)


def _start(neurons: Neurons) -> Bounds:
    """Bounds that hold the states after reset alone."""
    neuron = neurons.neuron
    start = initial_state(neuron, 1)
    bounds = {name: (int(getattr(start, name)[0]),) * 2 for name in neuron.state_widths}
    if "v_reset" in neurons.registers:
        bounds["v"] = register_range(neuron, "v_reset")
    return bounds | ({AT_REST: bounds["v"]} if neuron.rest_steps else {})


def invariant(symbolic: SymbolicStep) -> Bounds:
    """An interval for each state variable that holds it in every reachable state.

    It begins with the state after reset and is widened by each step that the solver finds to lead
    out of it, until there is none. Where the solver has no answer in time: the whole ranges.
    """
    neurons = symbolic.neurons
    bounds = _start(neurons)
    whole = {name: _range(neurons, name) for name in bounds}
    while narrow := {name: ends for name, ends in bounds.items() if ends != whole[name]}:
        result, found = symbolic.ask(
            symbolic.within(bounds), symbolic.inputs(), symbolic.outside(narrow)
        )
        if result == "unsat":
            break
        if result == "unknown":
            return whole
        for name in narrow:
            bounds[name] = _widened(symbolic.neurons, bounds, name, found[f"next {name}"])
    return bounds


def _range(neurons: Neurons, name: str) -> tuple[int, int]:
    if name == "refractory" and name in neurons.registers:
        return register_range(neurons.neuron, name)
    return neurons.neuron.ranges["v" if name == AT_REST else name]


def _widened(neurons: Neurons, bounds: Bounds, name: str, value: int) -> tuple[int, int]:
    """The bounds of a variable widened to ``value``, and on to the next natural end: a power of 2,
    the range's end, or for v the highest threshold, the negative one and the floor."""
    low, high = bounds[name]
    neuron = neurons.neuron
    lowest, highest = _range(neurons, name)
    if value < low:
        ends = {lowest, -(1 << (-value - 1).bit_length()) if value < 0 else 0, -highest}
        if name in ("v", AT_REST):
            ends |= {end for end in (neuron.v_floor, neuron.negative_threshold) if end is not None}
        low = max(end for end in ends if end <= value)
    if value > high:
        ends = {highest, (1 << value.bit_length()) - 1 if value > 0 else 0}
        if name in ("v", AT_REST):
            top = max(each.threshold for each in neurons.inputs) + bounds.get("theta", (0, 0))[1]
            ends |= {top - 1, top}
        high = min(end for end in ends if end >= value)
    return low, high
