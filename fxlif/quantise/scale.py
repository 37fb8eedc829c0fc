"""What the last bit of a weight stands for: the step between two integer weights."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ..errors import FxlifError
from ..params.quantise import signed_range
from .network import Floats

#: How the step is found; ``search`` starts from ``minmax`` and compares spikes.
Method = Literal["minmax", "percentile", "mse", "search"]
METHODS: tuple[Method, ...] = get_args(Method)
#: Fractions of the range of ``minmax`` that ``mse`` and ``search`` try.
FRACTIONS = tuple(float(x) for x in np.geomspace(1.0, 0.25, 25))


def largest_step(weights: Floats, bits: int) -> float:
    """The smallest step with which no weight is clipped; 0 where all are 0.

    With one bit there is no positive weight: its range is -1..0.
    """
    low, high = signed_range(bits)
    negative, positive = -float(weights.min(initial=0.0)), float(weights.max(initial=0.0))
    if positive and not high:
        raise FxlifError.must_be("weight_bits", "2 or more (there are positive weights)", bits)
    return max(negative / -low, positive / high if high else 0.0)


def rounded(weights: Floats, step: float, bits: int) -> Floats:
    """``weights / step``, to the nearest integers of so many bits, ties to even, as floats."""
    return np.clip(np.rint(weights / step), *signed_range(bits))


def weight_step(weights: Floats, bits: int, method: Method, percentile: float) -> float:
    """The step between two weights, found by ``method``; 0 where all weights are 0.

    ``minmax``: nothing is clipped. ``percentile``: so many percent of the weights that are not 0
    are not clipped. ``mse``: of :data:`FRACTIONS` of the first, the least mean squared error.
    """
    whole = largest_step(weights, bits)
    if not whole or method in ("minmax", "search"):
        return whole
    if method == "percentile":
        sizes = np.abs(weights[weights != 0])
        limit = float(np.percentile(sizes, percentile))
        return largest_step(np.clip(weights, -limit, limit), bits)
    errors = [
        float(np.mean((rounded(weights, whole * f, bits) * whole * f - weights) ** 2))
        for f in FRACTIONS
    ]
    return whole * FRACTIONS[int(np.argmin(errors))]
