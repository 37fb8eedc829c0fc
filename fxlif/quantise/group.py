"""The integers of one group of neurons: its unit, its leaks, its numbers and its widths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..arrays import Ints
from ..errors import FxlifError
from ..params.base import Rounding
from ..params.leaks import Leak
from ..params.neuron import (
    Adaptation,
    DeltaSynapse,
    ExponentialSynapse,
    NeuronParams,
    Overflow,
)
from ..params.quantise import quantise_threshold, signed_bits, signed_range
from .leak import LeakCandidate, kept, leaks_for, roundings
from .network import FloatConnection, FloatGroup, Floats, Matrix, entries, mapped
from .scale import rounded
from .widths import Range, current_range, offset_range, potential_range, resting_range

MAX_WEIGHT_SHIFT = 16
#: The widest and the narrowest state that a neuron has.
MIN_BITS, MAX_BITS = 4, 32


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What :func:`~fxlif.quantise.quantise` was asked for, the same for all groups."""

    tau_error: float
    resolution: float
    rounding: Rounding
    overflow: Overflow
    threshold_bits: int | None
    threshold_shift: int = 0
    leak: str | None = None


@dataclass(frozen=True, kw_only=True)
class IntegerGroup:
    """One group in integers, with ``2**fraction`` units of v to a step between weights.

    Attributes:
        group: the group in float.
        connections: those into it, in float.
        steps: of each connection the step between two of its weights, in the unit of v.
        weight_bits: width of a weight.
        events: by source, how often one of its lines may spike in a step.
    """

    group: FloatGroup
    connections: tuple[FloatConnection, ...]
    steps: tuple[float, ...]
    weight_bits: int
    events: Mapping[str, int]
    choices: Choices
    fraction: int = 0

    @cached_property
    def unit(self) -> float:
        """What the last bit of v stands for."""
        known = [step for step in self.steps if step]
        if known:
            return min(known) / (1 << self.fraction)
        # Nothing arrives but a bias: the thresholds alone say how fine v has to be.
        return self.distance / (1 << (7 + self.fraction))

    @property
    def distance(self) -> float:
        """From rest to the nearest threshold; where there is none, what the largest weight adds,
        or where there is no weight either the largest bias."""
        given = self.group
        if given.fires:
            return float(np.abs(given.thresholds - given.neuron.v_leak).min())
        sizes = [np.abs(entries(one.weights)).max(initial=0.0) for one in self.connections]
        largest = max([0.0, *sizes]) or float(np.abs(given.biases).max(initial=0.0))
        return float(largest * given.neuron.gain) or 1.0

    @cached_property
    def shifts(self) -> tuple[int, ...]:
        """The ``weight_shift`` of each connection; a coarser one than asked for, never a finer."""
        return tuple(
            math.ceil(math.log2(step / self.unit) - 1e-9) if step else 0 for step in self.steps
        )

    @cached_property
    def weights(self) -> tuple[Matrix, ...]:
        """The integer weights of each connection, as floats in the form they were given in."""
        gain, made = self.group.neuron.gain, []
        for one, shift in zip(self.connections, self.shifts, strict=True):
            step = self.unit * (1 << shift) / gain
            made.append(mapped(one.weights, partial(rounded, step=step, bits=self.weight_bits)))
        return tuple(made)

    def clipped(self, k: int) -> int:
        """How many weights of a connection lie more than half a step beyond the range."""
        step = self.unit * (1 << self.shifts[k])
        exact = entries(self.connections[k].weights) * self.group.neuron.gain / step
        return int((np.abs(exact - entries(self.weights[k])) > 0.5 + 1e-9).sum())

    # --- leaks ----------------------------------------------------------------------------------

    @cached_property
    def leaks(self) -> dict[str, list[LeakCandidate]]:
        """By variable, the leaks that could stand for its decay, the chosen one marked."""
        neuron = self.group.neuron
        return {
            name: leaks_for(
                decay,
                error=self.choices.tau_error,
                rounding=self.choices.rounding,
                tau=neuron.tau,
                kind=self.choices.leak,
            )
            for name, decay in neuron.decays.items()
        }

    def chosen(self, name: str) -> LeakCandidate:
        """Of the candidates for a variable's leak the chosen one."""
        return next(one for one in self.leaks[name] if one.chosen)

    def leak(self, name: str) -> Leak:
        """The chosen leak of a variable."""
        return self.chosen(name).leak

    @property
    def wanted_fraction(self) -> int:
        """How fine v must be for what rounding adds up to in it to stay below ``resolution`` of the
        distance from rest to threshold: half an LSB for each rounding of each step that the leak
        remembers, and half for the threshold's own."""
        leak = self.leak("v")
        left = kept(leak)
        lost = 0.5 * (1 + (roundings(leak) / float(1 - left) if left < 1 else 0))
        needed = lost / self.choices.resolution * self.unit * (1 << self.fraction) / self.distance
        most = MAX_WEIGHT_SHIFT - max(self.shifts, default=0) + self.fraction
        return max(0, min(most, math.ceil(math.log2(needed)))) if needed > 1 else 0

    # --- numbers --------------------------------------------------------------------------------

    def _exact(self, value: float) -> float:
        return (value - self.group.neuron.v_leak) / self.unit

    def _stored(self, value: float) -> int:
        return round(self._exact(value))

    @cached_property
    def thresholds(self) -> Ints:
        """The stored threshold of each neuron, (n,) int64; of those that never fire there is
        none: see :meth:`neuron`."""
        if not self.group.fires:
            return np.zeros(0, np.int64)
        bits, shift = self.threshold_width
        values, where = np.unique(self.group.thresholds, return_inverse=True)
        stored = []
        for value in values:
            asked = self._exact(float(value))
            name = f"{self.group.name}.v_threshold"
            found = quantise_threshold(asked, threshold_bits=bits, shift=shift, name=name).stored
            if not found:
                allowed = (
                    f"{self.unit * (1 << shift) / 2:.3g} from v_leak or more (the last bit of v)"
                )
                raise FxlifError.must_be(name, allowed, float(value))
            stored.append(found)
        return np.array(stored, np.int64)[where]

    @cached_property
    def threshold_width(self) -> tuple[int, int]:
        """``threshold_bits`` and ``threshold_shift``."""
        ends = self.group.thresholds.min(), self.group.thresholds.max()

        def needed(shift: int) -> int:
            return signed_bits(*(round(self._exact(float(end)) / (1 << shift)) for end in ends))

        given, shift = self.choices.threshold_bits, self.choices.threshold_shift
        if given is None:
            return max(MIN_BITS, min(needed(shift), MAX_BITS)), shift
        while needed(shift) > given:
            shift += 1
        return given, shift

    @cached_property
    def biases(self) -> Ints:
        """The integer bias of each neuron, (n,) int64."""
        exact = self.group.biases * self.group.neuron.gain / self.unit
        return np.rint(exact).astype(np.int64)

    @property
    def has_own_biases(self) -> bool:
        """Whether neurons differ in their bias, which one neuron's parameters cannot say."""
        return len(np.unique(self.biases)) > 1

    @cached_property
    def bias_weights(self) -> tuple[Ints, int]:
        """Biases of their own as weights of one source, and their shift: the finest that fits."""
        low, high = signed_range(self.weight_bits)
        shift = 0
        while True:
            weights = np.rint(self.biases / (1 << shift)).astype(np.int64)
            if low <= weights.min() and weights.max() <= high:
                return weights, shift
            shift += 1

    @property
    def effective_biases(self) -> Ints:
        """What the design adds to each neuron in every step, (n,) int64."""
        if not self.has_own_biases:
            return self.biases
        weights, shift = self.bias_weights
        return weights << shift

    # --- widths ---------------------------------------------------------------------------------

    @cached_property
    def sums(self) -> tuple[int, int]:
        """Lowest and highest sum of weights in a step, with the bias, of any neuron."""
        low = high = self.biases.astype(object)
        for one, matrix, shift in zip(self.connections, self.weights, self.shifts, strict=True):
            times = self.events.get(one.source, 1) << shift
            positive = np.asarray(mapped(matrix, _positive).sum(axis=0)).ravel().astype(np.int64)
            negative = np.asarray(mapped(matrix, _negative).sum(axis=0)).ravel().astype(np.int64)
            high = high + positive.astype(object) * times
            low = low + negative.astype(object) * times
        return int(low.min()), int(high.max())

    def neuron(self, widths: Mapping[str, int] | None = None) -> NeuronParams:
        """The neuron in integers; with no ``widths`` as wide as can be.

        One that never fires has the first threshold beyond the range of its v.
        """
        given = self.group.neuron
        fields: dict[str, Any] = dict.fromkeys(WIDTHS, MAX_BITS) | dict(widths or {})
        if self.group.fires:
            (bits, shift), threshold = self.threshold_width, int(self.thresholds[0])
        else:
            state = fields["state_bits"] = min(fields["state_bits"], MAX_BITS - 1)
            bits, shift, threshold = state + 1, 0, 1 << (state - 1)
        synapse: Any = DeltaSynapse()
        if given.decay_syn is not None:
            synapse = ExponentialSynapse(leak=self.leak("i_syn"), order=given.synapse_order)
        adaptation = None
        if given.decay_threshold is not None:
            increment = round(given.threshold_increment / self.unit)
            adaptation = Adaptation(increment=increment, leak=self.leak("theta"))
        return NeuronParams(
            leak=self.leak("v"), synapse=synapse, adaptation=adaptation,
            v_threshold=threshold, v_reset=self._stored(given.v_reset),
            bias=0 if self.has_own_biases else int(self.biases[0]),
            refractory=given.refractory, overflow=self.choices.overflow,
            weight_bits=self.weight_bits, threshold_bits=bits, threshold_shift=shift,
            **given.choices, **fields,
        )  # fmt: skip

    def needed(self) -> dict[str, Range]:
        """The range of each variable that no input can leave; None for an end that there is not."""
        neuron = self.neuron()
        acting = current_range(neuron, *self.sums)
        if not self.group.fires:
            v = Range(None, None)
            if acting.low is not None and acting.high is not None:
                v = resting_range(neuron.leak, acting.low, acting.high)
            return {"state_bits": v, "current_bits": acting, "theta_bits": Range(0, 0)}
        ends = int(self.thresholds.min()), int(self.thresholds.max())
        theta = offset_range(neuron)
        v = potential_range(neuron, acting, ends)
        return {"state_bits": v, "current_bits": acting, "theta_bits": theta}

    def provable_widths(self) -> dict[str, int] | None:
        """The widths that no input overflows, or None where 32 bits are too few or nothing
        bounds the state."""
        found = {}
        for name, (low, high) in self.needed().items():
            if low is None or high is None:
                return None
            found[name] = self.width(name, low, high)
        fits = max(found.values()) <= MAX_BITS
        return found if fits and (self.group.fires or found["state_bits"] < MAX_BITS) else None

    @property
    def kept(self) -> set[str]:
        """The widths of v, and of the current where it is kept from step to step."""
        return {"state_bits"} | (
            {"current_bits"} if self.group.neuron.decay_syn is not None else set()
        )

    def width(self, name: str, low: int, high: int) -> int:
        """The width of a variable that holds ``low``..``high``, and with v its constants."""
        if name == "theta_bits":
            increment = self.neuron().adaptation
            return max(
                MIN_BITS, high.bit_length(), increment.increment.bit_length() if increment else 0
            )
        if name == "state_bits":
            constants = [*self.thresholds.tolist(), self._stored(self.group.neuron.v_reset)]
            low, high = min([low, *constants]), max([high, *constants])
        return max(MIN_BITS, signed_bits(low, high))


def _positive(weights: Floats) -> Floats:
    return np.maximum(weights, 0)


def _negative(weights: Floats) -> Floats:
    return np.minimum(weights, 0)


WIDTHS = ("state_bits", "current_bits", "theta_bits")
