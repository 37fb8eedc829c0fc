"""Everything that describes one neuron (docs/rule.md#step)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, assert_never

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ..errors import FxlifError, FxlifWarning
from .base import Int, Params, plain_tuple
from .combinations import RULE_ORDER, combinations, seldom_meant
from .leaks import Leak, Lfsr, ShiftLeak, random_bits
from .protocol import CoreSignals
from .quantise import quantise_threshold, signed_range

if TYPE_CHECKING:
    from .core import CoreParams

#: Exact sums stay inside int64 with room for the leak's own arithmetic.
MAX_CURRENT_BITS = 48


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
    """The current is kept in ``i_syn``, which decays by its own leak."""

    kind: Literal["exponential"] = "exponential"
    leak: Annotated[
        Leak, Field(description="How ``i_syn`` decays towards 0 (docs/rule.md#synapse).")
    ] = Field(default=ShiftLeak(), kw_only=False)
    order: Annotated[
        tuple[str, ...],
        BeforeValidator(plain_tuple),
        _permutation(SYNAPSE_ORDER),
        Field(
            description="In which order ``i_syn`` decays, the input is added to it, and it acts on "
            "v: any order of these three (docs/rule.md#synapse)."
        ),
    ] = SYNAPSE_ORDER


Synapse = Annotated[DeltaSynapse | ExponentialSynapse, Field(discriminator="kind")]


class Adaptation(Params):
    """Each spike raises the neuron's own threshold, by ``theta``, which decays."""

    increment: Annotated[
        Int,
        Field(
            ge=0,
            le=(1 << 31) - 1,
            description="What a spike adds to theta, in LSB; it fits into ``theta_bits`` "
            "(docs/rule.md#adaptation).",
        ),
    ] = Field(kw_only=False)
    leak: Annotated[
        Leak, Field(description="How theta decays towards 0 (docs/rule.md#adaptation).")
    ] = Field(default=ShiftLeak(), kw_only=False)


StateBits = Annotated[Int, Field(ge=4, le=32)]
Overflow = Literal["saturate", "saturate_symmetric", "wrap"]
#: A count of spikes is kept in five bits.
MAX_SPIKES = 31


class NeuronParams(Params):
    """One integer LIF neuron.

    All potentials are in units of the least significant bit of ``v`` (LSB), all times in steps. The
    range of v is that of a signed integer of ``state_bits`` bits.
    """

    kind: ClassVar[Literal["neuron"]] = "neuron"
    leak: Annotated[
        Leak,
        Field(description="What of v - ``v_leak`` is left one step later (docs/rule.md#leaks)."),
    ] = ShiftLeak()
    v_leak: Annotated[
        Int,
        Field(
            description="The potential that the leak pulls v towards, in the range of v "
            "(docs/rule.md#leaks)."
        ),
    ] = 0
    v_threshold: Annotated[
        Int,
        Field(
            description="v fires where it reaches this, by ``compare``; a multiple of "
            "2**threshold_shift whose quotient fits into ``threshold_bits`` "
            "(docs/rule.md#thresholds)."
        ),
    ] = 64
    v_reset: Annotated[
        Int,
        Field(
            description="Where v starts, and where a spike puts it with ``reset`` to_value; in the "
            "range of v (docs/rule.md#reset)."
        ),
    ] = 0
    v_floor: Annotated[
        Int | None,
        Field(
            description="The lowest value that v may take; None: that of its range "
            "(docs/rule.md#order)."
        ),
    ] = None
    negative_threshold: Annotated[
        Int | None,
        Field(
            description="Where v is below it, ``negative_reset`` acts on v, without a spike; None: "
            "nowhere (docs/rule.md#reset)."
        ),
    ] = None
    negative_reset: Annotated[
        Literal["floor", "mirror", "subtract"],
        Field(
            description="Puts v below ``negative_threshold`` at it, at -v_reset, or takes it from v"
            " (docs/rule.md#reset)."
        ),
    ] = "floor"
    compare: Annotated[
        Literal["ge", "gt"],
        Field(
            description="Whether v fires at the threshold, or above it only (docs/rule.md#step)."
        ),
    ] = "ge"
    reset: Annotated[
        Literal["to_value", "subtract"],
        Field(
            description="A spike puts v at ``v_reset``, or takes the threshold from it "
            "(docs/rule.md#reset)."
        ),
    ] = "to_value"
    reset_at: Annotated[
        Literal["compare", "leak", "next_step"],
        Field(
            description="When the reset of a spike acts: at once, at the next leak, or as the next "
            "step begins (docs/rule.md#reset)."
        ),
    ] = "compare"
    max_spikes_per_step: Annotated[
        Int,
        Field(
            ge=1,
            le=MAX_SPIKES,
            description="How often v may fire in a step; above 1 with ``reset`` subtract only "
            "(docs/rule.md#reset).",
        ),
    ] = 1
    overflow: Annotated[
        Overflow,
        Field(description="What becomes of a v that leaves its range (docs/rule.md#overflow)."),
    ] = "saturate"
    overflow_i_syn: Annotated[
        Overflow | None,
        Field(description="The same of ``i_syn``; None: as ``overflow`` (docs/rule.md#overflow)."),
    ] = None
    overflow_change: Annotated[
        bool,
        Field(
            description="Whether the change of v in a step passes through ``overflow`` by itself "
            "(docs/rule.md#order)."
        ),
    ] = False
    refractory: Annotated[
        Int,
        Field(ge=0, le=255, description="Steps of rest after a spike (docs/rule.md#refractory)."),
    ] = 0
    refractory_mode: Annotated[
        Literal["clamp", "mask", "rest", "leak"],
        Field(
            description="What v does in these steps: nothing, all but fire, lie at ``v_leak``, or "
            "leak without input (docs/rule.md#refractory)."
        ),
    ] = "clamp"
    refractory_count: Annotated[
        Literal["after", "before"],
        Field(
            description="Whether the period begins in the step after the spike, or in that of "
            "the spike (docs/rule.md#refractory)."
        ),
    ] = "after"
    synapse: Annotated[
        Synapse, Field(description="How the input of a step acts on v (docs/rule.md#synapse).")
    ] = DeltaSynapse()
    adaptation: Annotated[
        Adaptation | None,
        Field(
            description="A threshold that spikes raise; None: it stays as it is "
            "(docs/rule.md#adaptation)."
        ),
    ] = None
    bias: Annotated[
        Int, Field(description="Added to every step's current, LSB, 32 bits (docs/rule.md#step).")
    ] = 0
    bias_at: Annotated[
        Literal["current", "v"],
        Field(
            description="Whether the bias is part of the input, or added to v past the synapse "
            "(docs/rule.md#synapse)."
        ),
    ] = "current"
    order: Annotated[
        tuple[str, ...],
        BeforeValidator(plain_tuple),
        _permutation(RULE_ORDER),
        Field(
            description="What acts on v first, second and third: any order of these three "
            "(docs/rule.md#order)."
        ),
    ] = RULE_ORDER
    accumulate: Annotated[
        Literal["exact", "per_event"],
        Field(
            description="Whether a step's events are summed beforehand, or added one by one with "
            "overflow after each (docs/rule.md#per-event)."
        ),
    ] = "exact"
    fire_on: Annotated[
        Literal["step", "event"],
        Field(
            description="Whether v is compared once a step, or after each event "
            "(docs/rule.md#per-event)."
        ),
    ] = "step"
    lfsr: Annotated[
        Lfsr,
        Field(
            description="The random numbers of stochastic rounding; without effect on the other "
            "roundings (docs/rule.md#stochastic)."
        ),
    ] = Lfsr()
    state_bits: Annotated[
        StateBits, Field(description="Width of v, signed (docs/rule.md#step).")
    ] = 16
    weight_bits: Annotated[
        Int, Field(ge=1, le=16, description="Width of a weight, signed (docs/rule.md#weights).")
    ] = 8
    threshold_bits: Annotated[
        StateBits,
        Field(description="Width of a threshold's mantissa, signed (docs/rule.md#thresholds)."),
    ] = 16
    threshold_shift: Annotated[
        Int, Field(ge=0, le=16, description="Left shift of the mantissa (docs/rule.md#thresholds).")
    ] = 0
    current_bits: Annotated[
        StateBits,
        Field(
            description="Width of ``i_syn``, and of the current into a neuron by itself, signed "
            "(docs/rule.md#step)."
        ),
    ] = 16
    theta_bits: Annotated[
        StateBits, Field(description="Width of theta, unsigned (docs/rule.md#step).")
    ] = 16

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
    def n_inputs(self) -> int:
        """0, as the three below: a lone neuron has a current and a spike, no streams of events."""
        return 0

    in_address_bits = n_outputs = out_address_bits = n_inputs

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
    def per_event(self) -> bool:
        """Whether the events of a step act one by one."""
        return self.accumulate == "per_event"

    @property
    def sums_on_v(self) -> bool:
        """Whether each event is added to v, and what does not fit is lost there."""
        return self.per_event and self.synapse_leak is None

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
        if self.refractory_bits:
            widths["refractory"] = self.refractory_bits
        return widths
