"""Everything that describes one neuron (docs/rule.md#step)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Self, assert_never

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)

from ..errors import FxlifError, FxlifWarning
from .base import Int, Params, plain_tuple
from .leaks import Leak, Lfsr, ShiftLeak, random_bits
from .protocol import CoreSignals
from .quantise import quantise_threshold, signed_range

if TYPE_CHECKING:
    from .core import CoreParams

#: Exact sums stay inside int64 with room for the leak's own arithmetic.
MAX_CURRENT_BITS = 48


# --- one neuron (docs/rule.md#step) -------------------------------------------------------------


class DeltaSynapse(Params):
    """The current of a step acts in that step only."""

    kind: Literal["delta"] = "delta"


def _permutation(names: tuple[str, ...]) -> AfterValidator:
    """A validator that takes ``names`` in any order, each once."""

    def check(value: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(value) != sorted(names):
            raise FxlifError.must_be("", f"a permutation of {', '.join(names)}", value)
        return value

    return AfterValidator(check)


SYNAPSE_ORDER = ("leak", "integrate", "act")


class ExponentialSynapse(Params):
    """The current is kept in ``i_syn``, which decays by its own leak.

    ``order`` says when the input is added and when ``i_syn`` acts on v (docs/rule.md#synapse).
    """

    positional = ("leak",)
    kind: Literal["exponential"] = "exponential"
    leak: Leak = ShiftLeak()
    order: Annotated[tuple[str, ...], BeforeValidator(plain_tuple), _permutation(SYNAPSE_ORDER)] = (
        SYNAPSE_ORDER
    )


Synapse = Annotated[DeltaSynapse | ExponentialSynapse, Field(discriminator="kind")]


class Adaptation(Params):
    """Each spike raises the neuron's own threshold by ``increment``, which decays by ``leak``
    (docs/rule.md#adaptation)."""

    positional = ("increment", "leak")
    increment: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]
    leak: Leak = ShiftLeak()


StateBits = Annotated[Int, Field(ge=4, le=32)]
Overflow = Literal["saturate", "saturate_symmetric", "wrap"]
RULE_ORDER = ("leak", "integrate", "fire")
#: A count of spikes is kept in five bits.
MAX_SPIKES = 31


class NeuronParams(Params):
    """One integer LIF neuron. All potentials are in units of the least significant bit of ``v``.

    What each parameter does: docs/rule.md#step and the sections after it.
    """

    leak: Leak = ShiftLeak()
    v_leak: Int = 0
    v_threshold: Int = 64
    v_reset: Int = 0
    #: None, or the lowest value that v may take.
    v_floor: Int | None = None
    #: None, or the potential below which ``negative_reset`` acts on v, without a spike.
    negative_threshold: Int | None = None
    negative_reset: Literal["floor", "mirror", "subtract"] = "floor"
    compare: Literal["ge", "gt"] = "ge"
    reset: Literal["to_value", "subtract"] = "to_value"
    reset_at: Literal["compare", "leak", "next_step"] = "compare"
    max_spikes_per_step: Annotated[Int, Field(ge=1, le=MAX_SPIKES)] = 1
    overflow: Overflow = "saturate"
    #: None, or how ``i_syn`` overflows where that is not as ``v`` does.
    overflow_i_syn: Overflow | None = None
    #: Whether the change of v in a step passes through ``overflow`` by itself.
    overflow_change: bool = False
    #: Steps without a spike after a spike.
    refractory: Annotated[Int, Field(ge=0, le=255)] = 0
    refractory_mode: Literal["clamp", "mask", "rest", "leak"] = "clamp"
    #: Whether the step of the spike is counted: with ``before`` it is the first of the period.
    refractory_count: Literal["after", "before"] = "after"
    synapse: Synapse = DeltaSynapse()
    adaptation: Adaptation | None = None
    bias: Int = 0
    #: Whether the bias is part of the input current, or added to v past the synapse.
    bias_at: Literal["current", "v"] = "current"
    order: Annotated[tuple[str, ...], BeforeValidator(plain_tuple), _permutation(RULE_ORDER)] = (
        RULE_ORDER
    )
    accumulate: Literal["exact", "per_event"] = "exact"
    fire_on: Literal["step", "event"] = "step"
    #: The random numbers of stochastic rounding; without effect on the other roundings.
    lfsr: Lfsr = Lfsr()
    state_bits: StateBits = 16
    weight_bits: Annotated[Int, Field(ge=1, le=16)] = 8
    threshold_bits: StateBits = 16
    #: A threshold is stored as mantissa << threshold_shift, the mantissa on threshold_bits bits.
    threshold_shift: Annotated[Int, Field(ge=0, le=16)] = 0
    #: Width of ``i_syn``, and of the current into a neuron by itself.
    current_bits: StateBits = 16
    theta_bits: StateBits = 16

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        low, high = self.state_range
        for name in ("v_leak", "v_reset", "v_floor", "negative_threshold"):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                allowed = f"{low}..{high} (state_bits = {self.state_bits})"
                raise FxlifError.must_be(name, allowed, value)
        bias_low, bias_high = signed_range(32)
        if not bias_low <= self.bias <= bias_high:
            raise FxlifError.must_be("bias", f"{bias_low}..{bias_high}", self.bias)
        self.check_threshold(self.v_threshold)
        if self.adaptation is not None and self.adaptation.increment > self.theta_max:
            raise FxlifError.must_be(
                "adaptation.increment", f"0..{self.theta_max} (theta_bits = {self.theta_bits})",
                self.adaptation.increment,
            )  # fmt: skip
        for key, rule in self.leaks.items():
            shift = random_bits(rule)
            if shift > self.lfsr.bits:
                raise FxlifError.must_be(
                    key, f"rounded by {self.lfsr.bits} random bits at most (lfsr.bits)",
                    shift,
                )  # fmt: skip
        for mistake in combinations(self):
            raise mistake
        for warning in seldom_meant(self):
            # The line that made the parameters, above pydantic's and Params' own constructors.
            warnings.warn(warning, FxlifWarning, stacklevel=4)
        return self

    def check_threshold(self, value: int, name: str = "v_threshold") -> None:
        """Raise unless ``value`` can be stored exactly as a threshold of this neuron."""
        stored = quantise_threshold(
            value, threshold_bits=self.threshold_bits, shift=self.threshold_shift, name=name
        )
        if stored.error:
            raise FxlifError.must_be(
                name, f"a multiple of {1 << self.threshold_shift} (threshold_shift = "
                f"{self.threshold_shift}), such as {stored.stored}", value,
            )  # fmt: skip
        if self.max_spikes_per_step > 1 and value < 1:
            allowed = f"1 or more (max_spikes_per_step = {self.max_spikes_per_step})"
            raise FxlifError.must_be(name, allowed, value)

    @property
    def kind(self) -> Literal["neuron"]:
        """As :class:`~fxlif.params.protocol.Design`."""
        return "neuron"

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """None: a lone neuron is no core."""
        return ()

    @property
    def neurons(self) -> tuple[NeuronParams, ...]:
        """Itself."""
        return (self,)

    @property
    def signals(self) -> tuple[CoreSignals, ...]:
        """None: there is no core to show anything."""
        return ()

    @property
    def synapse_leak(self) -> Leak | None:
        """The leak of ``i_syn``; None where the synapse keeps nothing from step to step."""
        if isinstance(self.synapse, DeltaSynapse):
            return None
        if isinstance(self.synapse, ExponentialSynapse):
            return self.synapse.leak
        assert_never(self.synapse)

    @property
    def leaks(self) -> dict[str, Leak]:
        """Every leak of this neuron, by its key."""
        found: dict[str, Leak] = {"leak": self.leak}
        if self.synapse_leak is not None:
            found["synapse.leak"] = self.synapse_leak
        if self.adaptation is not None:
            found["adaptation.leak"] = self.adaptation.leak
        return found

    @property
    def random_bits(self) -> int:
        """How many bits of a draw the leaks use; 0 where nothing is random."""
        return max(map(random_bits, self.leaks.values()))

    @property
    def stages(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What acts on v before the compare of a step, and what after it."""
        at = self.order.index("fire")
        return self.order[:at], self.order[at + 1 :]

    @property
    def resets_late(self) -> bool:
        """Whether a spike is known, and its reset acts, in the step after it only."""
        return self.reset_at == "next_step" or (
            self.reset_at == "leak" and "leak" not in self.stages[1]
        )

    @property
    def counts_spikes(self) -> bool:
        """Whether a step has a number of spikes, and not one or none."""
        return self.max_spikes_per_step > 1 or self.fire_on == "event"

    @property
    def spike_bits(self) -> int:
        """Bits of the number of spikes of a step in hardware."""
        return self.max_spikes_per_step.bit_length()

    @property
    def sums_on_v(self) -> bool:
        """Whether each event is added to v, and what does not fit is lost there."""
        return self.accumulate == "per_event" and self.synapse_leak is None

    @property
    def bias_past_synapse(self) -> int:
        """The part of the bias that acts on v without passing through the synapse."""
        return self.bias if self.bias_at == "v" and self.synapse_leak is not None else 0

    @property
    def rest_steps(self) -> int:
        """Steps without a spike that follow the step of a spike."""
        counted = self.refractory_count == "before" and self.refractory > 0
        return self.refractory - counted

    @property
    def state_range(self) -> tuple[int, int]:
        """Lowest and highest value of v."""
        return signed_range(self.state_bits)

    @property
    def theta_max(self) -> int:
        """Highest value of theta, which is unsigned."""
        return (1 << self.theta_bits) - 1

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Lowest and highest value of each state variable; (0, 0) for one that is not there."""
        return {
            "v": self.state_range,
            "i_syn": signed_range(self.current_bits) if self.synapse_leak else (0, 0),
            "theta": (0, self.theta_max) if self.adaptation is not None else (0, 0),
            "refractory": (0, self.rest_steps),
        }

    @property
    def refractory_bits(self) -> int:
        """Width of the refractory counter; 0 where there is none."""
        return self.rest_steps.bit_length()

    @property
    def state_widths(self) -> dict[str, int]:
        """Bits of each state variable that this neuron has, in storage order."""
        widths = {"v": self.state_bits}
        if self.synapse_leak is not None:
            widths["i_syn"] = self.current_bits
        if self.adaptation is not None:
            widths["theta"] = self.theta_bits
        if self.rest_steps:
            widths["refractory"] = self.refractory_bits
        return widths


def seldom_meant(neuron: NeuronParams) -> Iterator[str]:
    """What is allowed and seldom meant."""
    level, threshold = neuron.v_reset, neuron.v_threshold
    reached = level >= threshold if neuron.compare == "ge" else level > threshold
    if neuron.reset == "to_value" and reached:
        above = "at" if level == threshold else "above"
        yield (
            f"v_reset: {level} is {above} the v_threshold of {threshold}: after a spike the neuron "
            "may spike on without input"
        )


def combinations(neuron: NeuronParams) -> Iterator[FxlifError]:
    """What is wrong with choices that mean nothing together (docs/rule.md#combinations)."""

    def only(key: str, allowed: str, because: str) -> FxlifError:
        return FxlifError.must_be(key, f"{allowed} (with {because})", getattr(neuron, key))

    def unused(because: str) -> Iterator[FxlifError]:
        """Which of three fields are not at their defaults, as ``because`` wants them."""
        if neuron.refractory:
            yield only("refractory", "0", because)
        for key in ("adaptation", "negative_threshold"):
            if getattr(neuron, key) is not None:
                yield only(key, "left out", because)

    before, _ = neuron.stages
    floor, negative = neuron.v_floor, neuron.negative_threshold
    if negative is not None:
        if floor is not None and floor >= negative:
            yield only("v_floor", f"below {negative}, or left out", "negative_threshold")
        low, high = neuron.state_range
        if neuron.negative_reset == "mirror" and not low <= -neuron.v_reset <= high:
            yield only("v_reset", f"{-high}..{high}", "negative_reset = mirror")
        if neuron.negative_reset == "subtract" and negative > 0:
            yield only("negative_threshold", "0 or less", "negative_reset = subtract")
    if neuron.max_spikes_per_step > 1:
        if neuron.reset != "subtract":
            yield only("reset", "subtract", "max_spikes_per_step > 1")
        if neuron.reset_at != "compare":
            yield only("reset_at", "compare", "max_spikes_per_step > 1")
    if neuron.resets_late:
        because = f"reset_at = {neuron.reset_at}"
        if neuron.order[-1] != "fire":
            yield only("order", "one that ends in fire", because)
        yield from unused(because)
        if neuron.accumulate != "exact":
            yield only("accumulate", "exact", because)
    if neuron.overflow_change:
        if neuron.order != RULE_ORDER:
            yield only("order", ", ".join(RULE_ORDER), "overflow_change")
        if neuron.sums_on_v:
            yield only("accumulate", "exact", "overflow_change and a delta synapse")
        if neuron.reset_at == "leak":
            yield only("reset_at", "compare or next_step", "overflow_change")
    if neuron.sums_on_v:
        because = "accumulate = per_event and a delta synapse"
        if "integrate" not in before:
            yield only("order", "one in which integrate comes before fire", because)
        if neuron.refractory and neuron.refractory_mode != "mask":
            yield only("refractory_mode", "mask", because)
    if neuron.fire_on == "event":
        because = "fire_on = event"
        if not neuron.sums_on_v:
            key = "synapse" if neuron.accumulate == "per_event" else "accumulate"
            yield only(key, "delta" if key == "synapse" else "per_event", because)
        if neuron.order[neuron.order.index("integrate") + 1 :][:1] != ("fire",):
            yield only("order", "one in which fire follows integrate", because)
        if neuron.reset_at != "compare":
            yield only("reset_at", "compare", because)
        if neuron.max_spikes_per_step > 1:
            yield only("max_spikes_per_step", "1, for each event", because)
        yield from unused(because)
