"""What may stand for the step function of a spike where gradients are asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def fast_sigmoid(x: Tensor) -> Tensor:
    """x / (1 + |x|): Zenke, Ganguli, Neural Computation 30 (2018)."""
    return x / (1 + x.abs())


def atan(x: Tensor) -> Tensor:
    """atan(pi x / 2) / pi: Fang, Yu, Chen, Masquelier, Huang, Tian, ICCV 2021."""
    return torch.atan(x * (torch.pi / 2)) / torch.pi


def triangle(x: Tensor) -> Tensor:
    """The integral of max(0, 1 - |x|): Bellec, Salaj and others, NeurIPS 2018."""
    inside = x.clamp(-1, 1)
    return inside - inside * inside.abs() / 2


#: All of them, by name.
SURROGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "fast_sigmoid": fast_sigmoid,
    "atan": atan,
    "triangle": triangle,
}
