"""The leaks of a neuron (docs/rule.md#leaks), and the random numbers of their rounding."""

from __future__ import annotations

from typing import Annotated, Literal, Self, assert_never

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from ..errors import FxlifError
from .base import MAX_SHIFT, Int, Params, Rounding, Sign, plain_tuple

# --- random numbers (docs/rule.md#stochastic) ---------------------------------------------------


class Lfsr(Params):
    """A Galois linear feedback shift register, the random numbers of ``stochastic`` rounding.

    It shifts right; a 1 that falls out is added, modulo 2, at every tap: bit ``tap - 1``. One draw
    per neuron and step, in index order: the state before the shift. A rounding by s bits uses its
    low s bits, and all leaks of a neuron share the draw of the step.
    """

    bits: Annotated[
        Int, Field(ge=2, le=32, description="Width of the register (docs/rule.md#stochastic).")
    ] = 16
    taps: Annotated[
        tuple[Int, ...],
        BeforeValidator(plain_tuple),
        Field(
            min_length=1,
            description="The bits, counted from 1, that a 1 which falls out inverts; each once, "
            "among them the highest, ``bits`` (docs/rule.md#stochastic).",
        ),
    ] = (16, 15, 13, 4)
    seed: Annotated[
        Int,
        Field(ge=1, description="The first state, below 2**bits (docs/rule.md#stochastic)."),
    ] = 1

    @model_validator(mode="after")
    def _shifts(self) -> Self:
        for tap in self.taps:
            if not 1 <= tap <= self.bits:
                raise FxlifError.must_be("taps", f"1..{self.bits} (bits)", tap)
        if self.bits not in self.taps or len(set(self.taps)) < len(self.taps):
            allowed = f"each there once, among them {self.bits} (bits)"
            raise FxlifError.must_be("taps", allowed, list(self.taps))
        if self.seed >> self.bits:
            raise FxlifError.must_be("seed", f"1..{(1 << self.bits) - 1}", self.seed)
        return self

    @property
    def mask(self) -> int:
        """What is added to the state when a 1 falls out."""
        return sum(1 << (tap - 1) for tap in self.taps)


# --- leaks (docs/rule.md#leaks) -----------------------------------------------------------------


class NoLeak(Params):
    """x stays x."""

    kind: Literal["none"] = "none"


class RoundedLeak(Params):
    """What the leaks that round have in common (docs/rule.md#rounding)."""

    rounding: Annotated[
        Rounding, Field(description="How the quotient is rounded (docs/rule.md#rounding).")
    ] = "floor"
    minimum_step: Annotated[
        Int,
        Field(
            ge=0,
            le=1,
            description="With 1, a leak that would leave x as it is moves it by 1 towards rest "
            "(docs/rule.md#leaks).",
        ),
    ] = 0


class ShiftLeak(RoundedLeak):
    """x - round(x / 2**shift)."""

    kind: Literal["shift"] = "shift"
    shift: Annotated[
        Int,
        Field(
            ge=0,
            le=MAX_SHIFT,
            description="A step takes x / 2**shift away: a time constant of about 2**shift steps "
            "(docs/rule.md#leaks).",
        ),
    ] = Field(default=4, kw_only=False)


class MultiShiftLeak(RoundedLeak):
    """x - sum of sign * round(x / 2**shift); ``signs`` left out means all +1."""

    kind: Literal["multi_shift"] = "multi_shift"
    shifts: Annotated[
        tuple[Annotated[Int, Field(ge=0, le=MAX_SHIFT)], ...],
        BeforeValidator(plain_tuple),
        Field(
            min_length=1,
            max_length=8,
            description="The shift of each term, which is rounded by itself (docs/rule.md#leaks).",
        ),
    ] = Field(kw_only=False)
    signs: Annotated[
        tuple[Sign, ...],
        BeforeValidator(plain_tuple),
        Field(
            description="For each term 1, it is taken away, or -1, it is added "
            "(docs/rule.md#leaks)."
        ),
    ] = Field(default=(), kw_only=False)

    @model_validator(mode="after")
    def _one_sign_per_shift(self) -> Self:
        if self.signs and len(self.signs) != len(self.shifts):
            allowed = f"one for each of the {len(self.shifts)} shifts, or none"
            raise FxlifError.must_be("signs", allowed, self.signs, found=f"{len(self.signs)} signs")
        return self

    @property
    def terms(self) -> tuple[tuple[int, int], ...]:
        """(sign, shift) pairs."""
        return tuple(zip(self.signs or (1,) * len(self.shifts), self.shifts, strict=True))


class FactorLeak(RoundedLeak):
    """What the leaks by factor / 2**shift, at most 1, have in common."""

    factor: Annotated[
        Int,
        Field(
            ge=0,
            le=1 << 16,
            description="x is multiplied by factor / 2**shift, which is at most 1 "
            "(docs/rule.md#leaks).",
        ),
    ] = Field(kw_only=False)
    shift: Annotated[
        Int, Field(ge=0, le=16, description="See ``factor`` (docs/rule.md#leaks).")
    ] = Field(kw_only=False)

    @model_validator(mode="after")
    def _never_away_from_rest(self) -> Self:
        most = 1 << self.shift
        if self.factor > most:
            raise FxlifError.must_be("factor", f"0..{most} (shift = {self.shift})", self.factor)
        return self


class ScaleLeak(FactorLeak):
    """round(x * factor / 2**shift); Loihi's 12-bit decay d is factor 4096 - d, shift 12."""

    kind: Literal["scale"] = "scale"


class DecayLeak(FactorLeak):
    """x - round(x * factor / 2**shift): as :class:`ScaleLeak`, but what is lost is rounded."""

    kind: Literal["decay"] = "decay"


class LinearLeak(Params):
    """Moves x by ``step`` towards 0 and stops there."""

    kind: Literal["linear"] = "linear"
    step: Annotated[
        Int,
        Field(
            ge=0,
            le=(1 << 31) - 1,
            description="What a step takes from the magnitude of x, in LSB (docs/rule.md#leaks).",
        ),
    ] = Field(kw_only=False)


class ConstantLeak(Params):
    """Adds ``step``, of either sign, to x whatever its sign, without a stop."""

    kind: Literal["constant"] = "constant"
    step: Annotated[
        Int,
        Field(
            ge=-(1 << 31),
            le=(1 << 31) - 1,
            description="What is added to x in a step, in LSB (docs/rule.md#leaks).",
        ),
    ] = Field(kw_only=False)


Leak = Annotated[
    NoLeak | ShiftLeak | MultiShiftLeak | ScaleLeak | DecayLeak | LinearLeak | ConstantLeak,
    Field(discriminator="kind"),
]


def random_bits(rule: Leak) -> int:
    """How many random bits a step of the leak uses; 0 unless its rounding is stochastic."""
    if isinstance(rule, NoLeak | LinearLeak | ConstantLeak) or rule.rounding != "stochastic":
        return 0
    if isinstance(rule, MultiShiftLeak):
        return max(rule.shifts)
    if isinstance(rule, ShiftLeak | ScaleLeak | DecayLeak):
        return rule.shift
    assert_never(rule)
