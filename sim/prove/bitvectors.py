"""The golden rule on bit-vectors: :func:`fxlif.rule.step.step` itself, for every value at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from ...rule.arithmetic import synaptic_current, where
from ...rule.step import NeuronState, step
from ..tools.solver import z3
from .intervals import Extent, Interval


@where.register(z3.BoolRef)
def _(condition: Any, a: Any, b: Any) -> Any:
    return z3.If(condition, a, b)


def is_signed(variable: str) -> bool:
    """Whether a state variable is stored as a signed number."""
    return variable in ("v", "i_syn")


def widen(term: Any, width: int, *, signed: bool = True) -> Any:
    """The same number on ``width`` bits."""
    more = width - term.size()
    if more < 0:
        raise ValueError(f"width: found {width}, allowed {term.size()} or more")
    return z3.SignExt(more, term) if signed else z3.ZeroExt(more, term)


def golden_width(neuron: NeuronParams, current_bits: int, *, threshold_port: bool) -> int:
    """The width at which no value of the golden step can overflow, for any bits in its registers.

    Worked out by the golden step itself, run on intervals.
    """
    extent = Extent()

    def register(name: str, bits: int) -> Interval:
        low, high = signed_range(bits) if is_signed(name) else (0, (1 << bits) - 1)
        return Interval(low, high, extent)

    state = NeuronState(0, 0, 0, 0)._replace(
        **{name: register(name, bits) for name, bits in neuron.state_widths.items()}
    )
    current = Interval(*signed_range(current_bits), extent)
    threshold: Any = neuron.v_threshold
    if threshold_port:
        mantissa = Interval(*signed_range(neuron.threshold_bits), extent)
        threshold = mantissa << neuron.threshold_shift
    extent.note(neuron.v_threshold, neuron.v_threshold)
    step(neuron, state, current, threshold)
    return extent.bits


def golden_current(total: Any, weight_shift: int, bias: int) -> Any:
    """The golden current of a sum of weights, on the fewest bits that hold it and all between."""
    extent = Extent()
    low, high = signed_range(total.size())
    synaptic_current(Interval(low, high, extent), weight_shift, bias)
    return synaptic_current(widen(total, extent.bits), weight_shift, bias)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The result of a golden step: wide signed numbers, and whether it fires."""

    state: Mapping[str, Any]
    fire: Any
    width: int


def golden_step(
    neuron: NeuronParams, state: Mapping[str, Any], current: Any, mantissa: Any = None
) -> Golden:
    """The golden step on the bit-vectors of the hardware, each as wide as its register or port."""
    width = golden_width(neuron, current.size(), threshold_port=mantissa is not None)
    threshold: Any = neuron.v_threshold
    if mantissa is not None:
        threshold = widen(mantissa, width) << neuron.threshold_shift
    before = NeuronState(0, 0, 0, 0)._replace(
        **{name: widen(term, width, signed=is_signed(name)) for name, term in state.items()}
    )
    after, fire = step(neuron, before, widen(current, width), threshold)
    return Golden(state={name: getattr(after, name) for name in state}, fire=fire, width=width)


def split(word: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    """The fields of a packed word, the first in the low bits."""
    fields, at = {}, 0
    for name, bits in widths.items():
        fields[name] = z3.Extract(at + bits - 1, at, word)
        at += bits
    if at != word.size():
        raise ValueError(f"word: found {word.size()} bits, allowed {at}")
    return fields


def lane(word: Any, number: int, bits: int) -> Any:
    """Lane ``number`` of a word of lanes."""
    return z3.Extract((number + 1) * bits - 1, number * bits, word)
