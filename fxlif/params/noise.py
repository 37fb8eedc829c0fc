"""Noise that is drawn anew for each neuron in each step (docs/rule.md#noise)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Int, Params, Seed

_MOST = (1 << 31) - 1
_Weight = Annotated[Int, Field(ge=-_MOST, le=_MOST)]


class PoissonNoise(Params):
    """So much current times a Poisson number, for each neuron in each step its own."""

    kind: Literal["poisson"] = "poisson"
    mean: Annotated[
        float,
        Field(
            ge=0, le=10_000, description="Of the number in a step, any one (docs/rule.md#noise)."
        ),
    ] = Field(kw_only=False)
    weight: Annotated[
        _Weight, Field(description="What one more adds to the current (docs/rule.md#noise).")
    ] = Field(kw_only=False)
    seed: Seed = 1


class GaussianNoise(Params):
    """A current with the discrete normal distribution, for each neuron in each step its own."""

    kind: Literal["gaussian"] = "gaussian"
    mean: Annotated[
        float, Field(ge=-_MOST, le=_MOST, description="Of what is drawn (docs/rule.md#noise).")
    ] = Field(kw_only=False)
    sigma: Annotated[
        float, Field(ge=1, le=4096, description="Its standard deviation (docs/rule.md#noise).")
    ] = Field(kw_only=False)
    weight: Annotated[
        _Weight, Field(description="What is drawn is multiplied by it (docs/rule.md#noise).")
    ] = 1
    seed: Seed = 1


Noise = Annotated[PoissonNoise | GaussianNoise, Field(discriminator="kind")]
