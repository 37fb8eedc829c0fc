"""Everything that describes one neuron (docs/rule.md#step)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self, assert_never

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from ..errors import FxlifError
from .base import Int, Params, later, no_more_than, plain_tuple
from .leaks import Leak, Lfsr, ShiftLeak, random_bits
from .protocol import CoreSignals
from .quantise import quantise_threshold, signed_range

if TYPE_CHECKING:
    from .core import CoreParams

_ONE_SPIKE = no_more_than(1, "more than 1 spike per step is part of the rule")
#: Exact sums stay inside int64 with room for the leak's own arithmetic.
MAX_CURRENT_BITS = 48


# --- one neuron (docs/rule.md#step) -------------------------------------------------------------


class DeltaSynapse(Params):
    """The current of a step acts in that step only."""

    kind: Literal["delta"] = "delta"


class ExponentialSynapse(Params):
    """The current is kept in ``i_syn``, which decays by its own leak."""

    kind: Literal["exponential"] = "exponential"
    leak: Leak = ShiftLeak()


Synapse = Annotated[DeltaSynapse | ExponentialSynapse, Field(discriminator="kind")]


class Adaptation(Params):
    """Each spike raises the neuron's own threshold by ``increment``, which decays by ``leak``
    (docs/rule.md#adaptation)."""

    increment: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]
    leak: Leak = ShiftLeak()


StateBits = Annotated[Int, Field(ge=4, le=32)]
RULE_ORDER = ("leak", "integrate", "fire")


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
    compare: Literal["ge", "gt"] = "ge"
    reset: Literal["to_value", "subtract"] = "to_value"
    max_spikes_per_step: Annotated[Int, AfterValidator(_ONE_SPIKE)] = 1
    overflow: Literal["saturate", "wrap"] = "saturate"
    #: Steps without a spike after a spike.
    refractory: Annotated[Int, Field(ge=0, le=255)] = 0
    refractory_mode: Literal["clamp", "mask"] = "clamp"
    synapse: Synapse = DeltaSynapse()
    adaptation: Adaptation | None = None
    bias: Int = 0
    order: Annotated[tuple[str, ...], BeforeValidator(plain_tuple)] = RULE_ORDER
    accumulate: Annotated[Literal["exact"], later("per_event")] = "exact"
    #: The random numbers of stochastic rounding; without effect on the other roundings.
    lfsr: Lfsr = Lfsr()
    state_bits: StateBits = 16
    weight_bits: Annotated[Int, Field(ge=1, le=16)] = 8
    threshold_bits: StateBits = 16
    #: A threshold is stored as mantissa << threshold_shift, the mantissa on threshold_bits bits.
    threshold_shift: Annotated[Int, Field(ge=0, le=16)] = 0
    current_bits: StateBits = 16
    theta_bits: StateBits = 16

    @field_validator("order")
    @classmethod
    def _supported_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value == RULE_ORDER:
            return value
        if sorted(value) == sorted(RULE_ORDER):
            raise FxlifError(
                f"{value!r} is part of the integer rule but not supported yet", value=value
            )
        raise FxlifError.must_be("", f"a permutation of {', '.join(RULE_ORDER)}", value)

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        low, high = self.state_range
        for name in ("v_leak", "v_reset", "v_floor"):
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
            "refractory": (0, self.refractory),
        }

    @property
    def refractory_bits(self) -> int:
        """Width of the refractory counter; 0 where there is none."""
        return self.refractory.bit_length()

    @property
    def state_widths(self) -> dict[str, int]:
        """Bits of each state variable that this neuron has, in storage order."""
        widths = {"v": self.state_bits}
        if self.synapse_leak is not None:
            widths["i_syn"] = self.current_bits
        if self.adaptation is not None:
            widths["theta"] = self.theta_bits
        if self.refractory:
            widths["refractory"] = self.refractory_bits
        return widths
