"""Everything that describes a neuron, validated once.

The golden model, the hardware, the testbench and the proof all read these objects; no width,
shift or threshold is written anywhere else. The objects are frozen, take keyword arguments only
and are checked when they are made. Cores are in :mod:`fxlif.core_params`, networks in
:mod:`fxlif.network_params`; :mod:`fxlif.design` reads and writes them as TOML and JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from .errors import FxlifError
from .quantise import quantise_threshold, signed_range


def plain_int(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value


def plain_tuple(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def _later(*names: str) -> BeforeValidator:
    """Refuse, by name, a choice of the integer rule that fxlif does not carry out yet."""

    def check(value: Any) -> Any:
        found = tuple(value) if isinstance(value, list) else value
        if found in names:
            raise ValueError(f"{found!r} is part of the integer rule but not supported yet")
        return value

    return BeforeValidator(check)


def _one_of(*choices: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value not in choices:
            raise ValueError(f"allowed {', '.join(map(str, choices))}")
        return value

    return check


def no_more_than(limit: int, more: str) -> Callable[[int], int]:
    """``limit`` alone, and by name that ``more`` of it is a matter of time."""

    def check(value: int) -> int:
        if value > limit:
            raise ValueError(f"{more} but not supported yet")
        return _one_of(limit)(value)

    return check


Int = Annotated[int, BeforeValidator(plain_int)]
Rounding = Literal["floor", "toward_zero", "away_from_zero", "nearest_even", "stochastic"]
#: Literal[-1, 1] alone would take True and 1.0, which are equal to 1.
Sign = Annotated[Int, AfterValidator(_one_of(-1, 1))]
_ONE_SPIKE = no_more_than(1, "more than 1 spike per step is part of the rule")
MAX_SHIFT = 31
#: Exact sums stay inside int64 with room for the leak's own arithmetic.
MAX_CURRENT_BITS = 48


class Params(BaseModel):
    """Base of all parameter objects: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )

    def described(self) -> dict[str, Any]:
        """What shapes the hardware, as JSON values."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """:meth:`described` as text with sorted keys: equal texts mean equal parameters."""
        return self._canonical

    @cached_property
    def _canonical(self) -> str:
        return json.dumps(self.described(), sort_keys=True, separators=(",", ":"))

    def model_copy(self, **options: Any) -> Self:
        """As pydantic's, and without what was worked out from the fields of the original."""
        made = super().model_copy(**options)
        for name in set(made.__dict__) - set(type(self).model_fields):
            del made.__dict__[name]
        return made

    def digest(self) -> str:
        """SHA-256 of :meth:`canonical`, as hexadecimal text."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and (
            type(self) is type(other) and self.canonical() == other.canonical()
        )

    def __hash__(self) -> int:
        return hash(self.canonical())


# --- random numbers (semantics, section 2) ------------------------------------------------------


class Lfsr(Params):
    """A Galois linear feedback shift register, the random numbers of ``stochastic`` rounding.

    It shifts right; a 1 that falls out is added, modulo 2, at every tap: bit ``tap - 1``. One draw
    per neuron and step, in index order: the state before the shift. A rounding by s bits uses its
    low s bits, and all leaks of a neuron share the draw of the step.
    """

    bits: Annotated[Int, Field(ge=2, le=32)] = 16
    taps: Annotated[tuple[Int, ...], BeforeValidator(plain_tuple), Field(min_length=1)] = (
        16, 15, 13, 4,
    )  # fmt: skip
    seed: Annotated[Int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _shifts(self) -> Self:
        for tap in self.taps:
            if not 1 <= tap <= self.bits:
                raise ValueError(f"taps: found {tap}, allowed 1..{self.bits} (bits)")
        if self.bits not in self.taps or len(set(self.taps)) < len(self.taps):
            raise ValueError(
                f"taps: found {list(self.taps)}, allowed each once, among them {self.bits} (bits)"
            )
        if self.seed >> self.bits:
            raise ValueError(f"seed: found {self.seed}, allowed 1..{(1 << self.bits) - 1}")
        return self

    @property
    def mask(self) -> int:
        """What is added to the state when a 1 falls out."""
        return sum(1 << (tap - 1) for tap in self.taps)


# --- leaks (semantics, section 2) ---------------------------------------------------------------


class NoLeak(Params):
    """x stays x."""

    kind: Literal["none"] = "none"


class _RoundedLeak(Params):
    rounding: Rounding = "floor"
    #: With 1, a leak that would change nothing moves x by 1 towards rest.
    minimum_step: Annotated[Int, Field(ge=0, le=1)] = 0


class ShiftLeak(_RoundedLeak):
    """x - round(x / 2**shift)."""

    kind: Literal["shift"] = "shift"
    shift: Annotated[Int, Field(ge=0, le=MAX_SHIFT)] = 4


class MultiShiftLeak(_RoundedLeak):
    """x - sum of sign * round(x / 2**shift); ``signs`` left out means all +1."""

    kind: Literal["multi_shift"] = "multi_shift"
    shifts: Annotated[
        tuple[Annotated[Int, Field(ge=0, le=MAX_SHIFT)], ...],
        BeforeValidator(plain_tuple),
        Field(min_length=1, max_length=8),
    ]
    signs: Annotated[tuple[Sign, ...], BeforeValidator(plain_tuple)] = ()

    @model_validator(mode="after")
    def _one_sign_per_shift(self) -> Self:
        if self.signs and len(self.signs) != len(self.shifts):
            raise ValueError(
                f"signs: found {len(self.signs)} signs, allowed one for each of the "
                f"{len(self.shifts)} shifts, or none"
            )
        return self

    @property
    def terms(self) -> tuple[tuple[int, int], ...]:
        """(sign, shift) pairs."""
        return tuple(zip(self.signs or (1,) * len(self.shifts), self.shifts, strict=True))


class ScaleLeak(_RoundedLeak):
    """round(x * factor / 2**shift); Loihi's 12-bit decay d is factor 4096 - d, shift 12."""

    kind: Literal["scale"] = "scale"
    factor: Annotated[Int, Field(ge=0, le=1 << 16)]
    shift: Annotated[Int, Field(ge=0, le=16)]

    @model_validator(mode="after")
    def _does_not_grow(self) -> Self:
        if self.factor > 1 << self.shift:
            raise ValueError(
                f"factor: found {self.factor}, allowed 0..{1 << self.shift} (shift = {self.shift})"
            )
        return self


class LinearLeak(Params):
    """Moves x by ``step`` towards 0 and stops there."""

    kind: Literal["linear"] = "linear"
    step: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]


Leak = Annotated[
    NoLeak | ShiftLeak | MultiShiftLeak | ScaleLeak | LinearLeak, Field(discriminator="kind")
]


def random_bits(rule: Leak) -> int:
    """How many random bits a step of the leak uses; 0 unless its rounding is stochastic."""
    if isinstance(rule, NoLeak | LinearLeak) or rule.rounding != "stochastic":
        return 0
    return max(rule.shifts) if isinstance(rule, MultiShiftLeak) else rule.shift


# --- one neuron (semantics, section 1) ----------------------------------------------------------


class DeltaSynapse(Params):
    """The current of a step acts in that step only."""

    kind: Literal["delta"] = "delta"


class ExponentialSynapse(Params):
    """The current is kept in ``i_syn``, which decays by its own leak."""

    kind: Literal["exponential"] = "exponential"
    leak: Leak = ShiftLeak()


Synapse = Annotated[DeltaSynapse | ExponentialSynapse, Field(discriminator="kind")]


class Adaptation(Params):
    """Each spike raises the neuron's own threshold by ``increment``, which decays by ``leak``."""

    increment: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]
    leak: Leak = ShiftLeak()


StateBits = Annotated[Int, Field(ge=4, le=32)]
RULE_ORDER = ("leak", "integrate", "fire")


class NeuronParams(Params):
    """One integer LIF neuron. All potentials are in units of the least significant bit of ``v``."""

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
    accumulate: Annotated[Literal["exact"], _later("per_event")] = "exact"
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
            raise ValueError("this order is part of the integer rule but not supported yet")
        raise ValueError(f"allowed a permutation of {', '.join(RULE_ORDER)}")

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        low, high = self.state_range
        for name in ("v_leak", "v_reset", "v_floor"):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(
                    f"{name}: found {value}, allowed {low}..{high} (state_bits = {self.state_bits})"
                )
        bias_low, bias_high = signed_range(32)
        if not bias_low <= self.bias <= bias_high:
            raise ValueError(f"bias: found {self.bias}, allowed {bias_low}..{bias_high}")
        self.check_threshold(self.v_threshold)
        if self.adaptation is not None and self.adaptation.increment > self.theta_max:
            raise ValueError(
                f"adaptation.increment: found {self.adaptation.increment}, "
                f"allowed 0..{self.theta_max} (theta_bits = {self.theta_bits})"
            )
        for key, rule in self.leaks.items():
            shift = random_bits(rule)
            if shift > self.lfsr.bits:
                raise ValueError(
                    f"{key}: found stochastic rounding by {shift} bits, "
                    f"allowed 0..{self.lfsr.bits} (lfsr.bits)"
                )
        return self

    def check_threshold(self, value: int, name: str = "v_threshold") -> None:
        """Raise unless ``value`` can be stored exactly as a threshold of this neuron."""
        stored = quantise_threshold(
            value, threshold_bits=self.threshold_bits, shift=self.threshold_shift, name=name
        )
        if stored.error:
            raise FxlifError(
                f"{name}: found {value}, allowed multiples of {1 << self.threshold_shift} "
                f"(threshold_shift = {self.threshold_shift}); the nearest is {stored.stored}"
            )

    @property
    def leaks(self) -> dict[str, Leak]:
        """Every leak of this neuron, by its key."""
        found: dict[str, Leak] = {"leak": self.leak}
        if isinstance(self.synapse, ExponentialSynapse):
            found["synapse.leak"] = self.synapse.leak
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
        exponential = isinstance(self.synapse, ExponentialSynapse)
        return {
            "v": self.state_range,
            "i_syn": signed_range(self.current_bits) if exponential else (0, 0),
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
        if isinstance(self.synapse, ExponentialSynapse):
            widths["i_syn"] = self.current_bits
        if self.adaptation is not None:
            widths["theta"] = self.theta_bits
        if self.refractory:
            widths["refractory"] = self.refractory_bits
        return widths
