"""Random inputs of a single registered neuron, in whole blocks of cycles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...compiled.jit import njit
from ...cycles.control import IDLE, RESET, Bytes, Ints, record
from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from . import rates
from .draws import Words, draw, generator, next_word, tail
from .flags import Flags, HoldBack, Resets
from .random import EVENT_AXIS, IDLE_AXIS, RESET_AXIS

#: Where the currents are: the cycle, how long their phase goes on, its kind, constant and goal.
PHASE = record("cycle", "left", "kind", "constant", "goal")
_CURRENTS, _PHASES = np.array(rates.CURRENTS), np.array(rates.PHASES)


@njit
def near(goal: int, part: int) -> int:
    """A current from a quarter beyond zero to the goal, for a ``part`` of 30 bits."""
    distance = abs(goal)
    current = ((part * (distance + 1)) >> 30) * 5 // 4 - distance // 4
    return current if goal > 0 else -current


@njit
def fill_currents(
    random: Words, phase: Any, kinds: Ints, phases: Ints, goals: Ints, low: int, high: int,
    currents: Ints,
) -> None:  # fmt: skip
    """The ``currents`` (cycles,) of the next cycles, within ``low`` and ``high``; each phase leads
    v to one of the ``goals``."""
    now = phase[0]
    for cycle in range(len(currents)):
        if now["left"] == 0:
            now["kind"] = kinds[draw(random, len(kinds))]
            now["left"] = phases[draw(random, len(phases))]
            now["goal"] = goals[draw(random, len(goals)) if len(goals) > 1 else 0]
            constant = draw(random, abs(now["goal"]) + 1) - abs(now["goal"]) // 4
            now["constant"] = constant if now["goal"] > 0 else -constant
            if now["kind"] in (rates.LOWEST, rates.HIGHEST):
                now["left"] = tail(
                    random, 32, max(32, min(rates.LONGEST, now["cycle"] >> rates.SHARE))
                )
        word, kind, goal = next_word(random), now["kind"], now["goal"]
        choice, part = word & 7, (word >> 4) & ((1 << 30) - 1)
        if kind == rates.CONSTANT:
            current = now["constant"]
        elif kind in (rates.LOWEST, rates.HIGHEST):
            current = low if kind == rates.LOWEST else high
        elif kind == rates.ANYTHING and choice < 6:
            current = low + ((part * (high - low + 1)) >> 30)
        elif kind == rates.ENDS and choice < 6:
            current = low if choice < 3 else high
        elif choice == 6:
            current = goal - 1 + ((part * 3) >> 30)
        elif choice == 7:
            current = ((part * (abs(goal) + 1)) >> 30) >> (part & 15)
            current = current if goal > 0 else -current
        else:
            current = near(goal, part)
        currents[cycle] = min(max(current, low), high)
        now["left"] -= 1
        now["cycle"] += 1


class NeuronInputs(NamedTuple):
    """What the inputs of a neuron show, cycle by cycle: arrays (cycles,)."""

    rst: Bytes
    enable: Bytes
    current: Ints


class NeuronStimulus:
    """Random inputs of a neuron, from one seed; ``segment``: which one of a run they are for."""

    def __init__(
        self, neuron: NeuronParams, input_bits: int, seed: int, *, segment: int = 0
    ) -> None:
        self._random, self._phase = generator(seed, EVENT_AXIS), np.zeros(1, PHASE)
        self._limits = signed_range(input_bits)
        goals = [abs(neuron.v_threshold) + 1]
        if neuron.negative_threshold is not None:
            goals.append(neuron.negative_threshold)
        self._goals = np.clip(goals, *self._limits)
        axes: list[HoldBack | Resets] = [
            HoldBack(seed, IDLE_AXIS, IDLE),
            Resets(seed, RESET_AXIS, rates.NEURON_RESET_SPACING, RESET),
        ]
        self._flags = Flags(axes, (IDLE,), segment)

    def inputs(self, cycles: int, flags: Bytes | None = None) -> NeuronInputs:
        """The inputs of the next ``cycles`` cycles, with ``flags`` (cycles,) of their own."""
        flags = self._flags.take(cycles) if flags is None else flags
        currents = np.empty(cycles, dtype=np.int64)
        with np.errstate(over="ignore"):  # SplitMix64 counts modulo 2**64
            fill_currents(
                self._random, self._phase, _CURRENTS, _PHASES, self._goals, *self._limits,
                currents,
            )  # fmt: skip
        shown = [(flags & bit != 0).astype(np.uint8) for bit in (RESET, IDLE)]
        return NeuronInputs(shown[0], 1 - shown[1], currents)
