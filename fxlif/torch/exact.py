"""Integers in floats: tensors that the golden step runs on, and which floats hold them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import FxlifError
from ..params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
)
from ..params.neuron import NeuronParams
from ..rule.arithmetic import where

# --- integers in floats -------------------------------------------------------------------------


class Truth:
    """A truth value for each element, as the golden step makes them."""

    __slots__ = ("value",)

    def __init__(self, value: Tensor) -> None:
        self.value = value


class Exact:
    """A tensor of floats that hold integers, with the operators that the golden step uses.

    Every result is exact; what rounds has the gradient of what it rounds.
    """

    __slots__ = ("value",)

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def __add__(self, other: Any) -> Exact:
        # Most offsets of a neuron are 0: an operation on tensors costs microseconds.
        return self if _is_zero(other) else Exact(self.value + _raw(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Exact:
        if other is self:  # a zero of this shape; two gradients that cancel would leave a rounding
            return Exact(self.value * 0.0)
        return self if _is_zero(other) else Exact(self.value - _raw(other))

    def __rsub__(self, other: Any) -> Exact:
        return Exact(_raw(other) - self.value)

    def __mul__(self, other: Any) -> Exact:
        return Exact(self.value * _raw(other))

    __rmul__ = __mul__

    def __lshift__(self, bits: int) -> Exact:
        return Exact(self.value * float(1 << bits)) if bits else self

    def __rshift__(self, bits: int) -> Exact:
        divided = self.value * 2.0**-bits
        return Exact(with_gradient(divided.detach().floor(), divided))

    def __and__(self, mask: int) -> Exact:
        bits = mask.bit_length()
        low = self.value.detach()
        low = low - (low * 2.0**-bits).floor() * float(1 << bits)
        # A single bit decides how a tie is rounded, and has no gradient; a wrap has that of what it
        # wraps.
        return Exact(low if bits == 1 else with_gradient(low, self.value))

    def __lt__(self, other: Any) -> Truth:
        return Truth(self.value < _raw(other))

    def __gt__(self, other: Any) -> Truth:
        return Truth(self.value > _raw(other))

    def __ge__(self, other: Any) -> Truth:
        return Truth(self.value >= _raw(other))

    def __eq__(self, other: object) -> Any:
        return Truth(self.value == _raw(other))

    def __ne__(self, other: object) -> Any:
        return Truth(self.value != _raw(other))


def _raw(x: Any) -> Any:
    return x.value if isinstance(x, Exact) else float(x)


def _is_zero(x: Any) -> bool:
    return isinstance(x, int) and x == 0


def with_gradient(exact: Tensor, smooth: Tensor) -> Tensor:
    """The value of ``exact``, to the last bit, with the gradient of ``smooth``."""
    return exact.detach() + (smooth - smooth.detach())


@where.register(Truth)
def _(condition: Truth, a: Any, b: Any) -> Any:
    if isinstance(a, Truth) or isinstance(b, Truth):
        full = torch.ones_like(condition.value)
        first, second = (x.value if isinstance(x, Truth) else full * bool(x) for x in (a, b))
        return Truth(torch.where(condition.value, first, second))
    return Exact(torch.where(condition.value, _raw(a), _raw(b)))


# --- which floats hold the integers -------------------------------------------------------------

#: Integers up to 2**bits are exact in these.
EXACT_BITS = {torch.float32: 24, torch.float64: 53}


def _leak_bits(rule: Leak, bits: int) -> int:
    """How many bits the leak of a value of so many needs on its way."""
    if isinstance(rule, NoLeak):
        return bits
    if isinstance(rule, LinearLeak | ConstantLeak):
        return max(bits, abs(rule.step).bit_length() + 1) + 1
    if isinstance(rule, MultiShiftLeak):
        return max(bits, max(rule.shifts) + 1) + 4
    if isinstance(rule, ScaleLeak | DecayLeak):
        return bits + rule.shift + 2
    return max(bits, rule.shift + 1) + 1


def needed_bits(neuron: NeuronParams, current_bits: int) -> int:
    """How many bits the integers of a step have at most, with currents of ``current_bits``."""
    v = _leak_bits(neuron.leak, neuron.state_bits + 1)
    threshold = neuron.threshold_bits + neuron.threshold_shift
    parts = [v, current_bits, threshold, abs(neuron.bias).bit_length() + 1]
    if neuron.synapse_leak is not None:
        parts.append(_leak_bits(neuron.synapse_leak, neuron.current_bits + 1))
    if neuron.adaptation is not None:
        parts.append(_leak_bits(neuron.adaptation.leak, neuron.theta_bits + 1))
        parts.append(neuron.adaptation.increment.bit_length() + 6)
    return max(parts) + 2


def exact_type(neuron: NeuronParams, current_bits: int) -> torch.dtype:
    """float32 where it holds every integer of a step, else float64.

    Raises:
        FxlifError: integers beyond 2**53.
    """
    bits = needed_bits(neuron, current_bits)
    for kind, most in EXACT_BITS.items():
        if bits <= most:
            return kind
    allowed = f"of widths whose sums fit {EXACT_BITS[torch.float64]} bits (float64)"
    raise FxlifError.must_be("neuron", allowed, neuron, found=f"one that needs {bits}")
