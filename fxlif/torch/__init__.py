"""Training through the integers: the integer neuron as a module of PyTorch (docs/training.md).

The forward pass is the golden step itself (:func:`fxlif.rule.step.step`), run on tensors of floats
that hold integers: what the training sees is what the golden model and the hardware do, to the last
bit. Only the gradient is smooth: a surrogate for the spike, and the identity for every rounding
(Neftci, Mostafa, Zenke, IEEE Signal Processing Magazine 36, 2019; Bengio, Leonard, Courville,
arXiv:1308.3432, 2013).
"""

from __future__ import annotations

from ..errors import FxlifError

try:
    import torch  # noqa: F401  the modules below need it
except ModuleNotFoundError:
    raise FxlifError.not_installed("torch", "'fxlif[torch]'") from None

from .exact import EXACT_BITS, Exact, exact_type, with_gradient
from .modules import IntegerLIF, IntegerLinear, IntegerNetwork, TorchState, exact_sums
from .surrogates import SURROGATES, fast_sigmoid

__all__ = [
    "EXACT_BITS",
    "SURROGATES",
    "Exact",
    "IntegerLIF",
    "IntegerLinear",
    "IntegerNetwork",
    "TorchState",
    "exact_sums",
    "exact_type",
    "fast_sigmoid",
    "with_gradient",
]
