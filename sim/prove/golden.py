"""The golden rule on bit-vectors: :func:`fxlif.rule.step.step` itself, for every value at once.

How wide must a bit-vector be that no value of the rule overflows? The rule runs on intervals first:
every operator returns an interval that holds each possible result, and notes its ends. A signed
bit-vector as wide as all that was noted computes the integers themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ...errors import FxlifError
from ...params.core import Register
from ...params.leaks import Lfsr
from ...params.neuron import NeuronParams
from ...params.quantise import signed_bits, signed_range
from ...rule.arithmetic import accumulate, synaptic_current, where
from ...rule.step import NeuronState, initial_state, step
from ...rule.written import register_range, with_values
from ..tools.solver import z3


@dataclass
class Extent:
    """The lowest and the highest number that came up."""

    low: int = 0
    high: int = 0

    def note(self, low: int, high: int) -> None:
        """Take in everything from ``low`` to ``high``."""
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def bits(self) -> int:
        """The width of a signed number that can be any of them."""
        return signed_bits(self.low, self.high)


@dataclass(frozen=True)
class Truth:
    """A condition of which nothing is known."""

    extent: Extent

    def __and__(self, other: Any) -> Truth:
        return self

    __or__ = __and__

    def __invert__(self) -> Truth:
        return self

    # Like z3's conditions: object promises a bool.
    __eq__ = __ne__ = __and__  # type: ignore[assignment]


class Interval:
    """All integers from ``low`` to ``high``, as an operand of the golden rule."""

    # Equality is a question here, so there is no hash; mypy knows neither form.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, low: int, high: int, extent: Extent) -> None:
        extent.note(low, high)
        self.low, self.high, self.extent = low, high, extent

    def _ends(self, other: Any) -> tuple[int, int]:
        if isinstance(other, Interval):
            return other.low, other.high
        self.extent.note(other, other)
        return other, other

    def _corners(self, other: Any, operator: Callable[[int, int], int]) -> Interval:
        # Sums, products and shifts are monotonic in each operand: the ends lie at corners.
        ends = [operator(a, b) for a in (self.low, self.high) for b in self._ends(other)]
        return Interval(min(ends), max(ends), self.extent)

    def __add__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: a * b)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Interval:
        return self._corners(other, lambda a, b: b - a)

    def __rshift__(self, shift: int) -> Interval:
        return self._corners(shift, lambda a, b: a >> b)

    def __lshift__(self, shift: int) -> Interval:
        return self._corners(shift, lambda a, b: a << b)

    def __and__(self, mask: int) -> Interval:
        if mask < 0:
            raise FxlifError.must_be("mask", "0 or more", mask)
        self._ends(mask)
        return Interval(0, mask, self.extent)

    def _compared(self, other: Any) -> Truth:
        self._ends(other)
        return Truth(self.extent)

    __lt__ = __le__ = __gt__ = __ge__ = _compared
    # Like z3's terms: object promises a bool.
    __eq__ = __ne__ = _compared  # type: ignore[assignment]


@where.register(Truth)
def _(condition: Truth, a: Any, b: Any) -> Any:
    """Either of the two: the smallest interval that holds both."""
    if isinstance(a, bool | Truth) or isinstance(b, bool | Truth):
        return condition
    ends = [(x.low, x.high) if isinstance(x, Interval) else (x, x) for x in (a, b)]
    return Interval(min(low for low, _ in ends), max(high for _, high in ends), condition.extent)


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
        raise FxlifError.must_be("width", f"{term.size()} or more", width)
    return z3.SignExt(more, term) if signed else z3.ZeroExt(more, term)


def golden_width(
    neuron: NeuronParams, current_bits: int, *, threshold_port: bool,
    run: Callable[..., Any] = step, registers: Collection[Register] = (),
) -> int:  # fmt: skip
    """The width at which no value of the golden step can overflow, for any bits in its registers,
    and any legal value of the ``registers`` that can be written.

    Worked out by the golden step itself, run on intervals, or by ``run``, which takes what it does.
    """
    extent = Extent()
    written: dict[Register, Any] = {
        name: Interval(*register_range(neuron, name), extent)
        for name in registers if name != "leak_shift"
    }  # fmt: skip
    # A shift by an interval of bits would be one by any number: each by itself.
    neuron = with_values(neuron, written)
    shifts = [neuron]
    if "leak_shift" in registers:
        low, high = register_range(neuron, "leak_shift")
        extent.note(0, 1 << high)
        shifts = [with_values(neuron, {"leak_shift": n}) for n in range(low, high + 1)]

    def register(name: str, bits: int) -> Interval:
        low, high = signed_range(bits) if is_signed(name) else (0, (1 << bits) - 1)
        return Interval(low, high, extent)

    none = Interval(0, 0, extent)
    state = NeuronState(none, none, none, none)._replace(
        **{name: register(name, bits) for name, bits in neuron.state_widths.items()}
    )
    current = Interval(*signed_range(current_bits), extent)
    threshold: Any = neuron.v_threshold
    if threshold_port:
        mantissa = Interval(*signed_range(neuron.threshold_bits), extent)
        threshold = mantissa << neuron.threshold_shift
    extent.note(neuron.v_threshold, neuron.v_threshold)
    given = [state, current, threshold]
    if neuron.random_bits:
        given.append(Interval(0, (1 << neuron.lfsr.bits) - 1, extent))
    for each in shifts:
        run(each, *given)
    return extent.bits


def golden_current(total: Any, weight_shift: int, bias: int) -> Any:
    """The golden current of a sum of weights, on the fewest bits that hold it and all between."""
    extent = Extent()
    low, high = signed_range(total.size())
    synaptic_current(Interval(low, high, extent), weight_shift, bias)
    return synaptic_current(widen(total, extent.bits), weight_shift, bias)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The result of a golden step: wide signed numbers; ``spikes`` is a truth value or another."""

    state: Mapping[str, Any]
    spikes: Any
    width: int


def golden_step(
    neuron: NeuronParams, state: Mapping[str, Any], current: Any, mantissa: Any = None,
    random: Any = None, registers: Mapping[Register, Any] = MappingProxyType({}),
) -> Golden:  # fmt: skip
    """The golden step on the bit-vectors of the hardware, each as wide as its register or port.

    ``random`` is the draw, where a rounding is stochastic; ``registers`` what those hold that can
    be written (:func:`with_values`).
    """
    width = golden_width(
        neuron, current.size(), threshold_port=mantissa is not None, registers=registers
    )
    neuron = with_values(neuron, {
        name: widen(value, width, signed=name == "v_reset") for name, value in registers.items()
    })  # fmt: skip
    threshold: Any = neuron.v_threshold
    if mantissa is not None:
        threshold = widen(mantissa, width) << neuron.threshold_shift
    before = NeuronState(0, 0, 0, 0)._replace(
        **{name: widen(term, width, signed=is_signed(name)) for name, term in state.items()}
    )
    draw = 0 if random is None else widen(random, width, signed=False)
    after, spikes = step(neuron, before, widen(current, width), threshold, draw)
    return Golden(state={name: getattr(after, name) for name in state}, spikes=spikes, width=width)


def shifted(lfsr: Lfsr, state: Any, count: int = 1) -> Any:
    """The draw after ``count`` shifts (:func:`fxlif.rule.lfsr.shift`)."""
    for _ in range(count):
        mask = z3.BitVecVal(lfsr.mask, lfsr.bits)
        state = z3.LShR(state, 1) ^ z3.If(state & 1 == 1, mask, z3.BitVecVal(0, lfsr.bits))
    return state


def split(word: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    """The fields of a packed word, the first in the low bits."""
    fields, at = {}, 0
    for name, bits in widths.items():
        fields[name] = z3.Extract(at + bits - 1, at, word)
        at += bits
    if at != word.size():
        raise FxlifError.must_be("word", f"of {at} bits", word.size())
    return fields


def lane(word: Any, number: int, bits: int) -> Any:
    """Lane ``number`` of a word of lanes."""
    return z3.Extract((number + 1) * bits - 1, number * bits, word)


def accumulated(sums: Any, weights: Any, number: int, bits: int, weight_bits: int) -> Any:
    """The golden sum of lane ``number`` of two words, as a wide term, and whether it saturates."""
    width = max(bits, weight_bits) + 2
    total = widen(lane(sums, number, bits), width)
    return accumulate(total, widen(lane(weights, number, weight_bits), width), bits)


# --- the same words as Python ints ----------------------------------------------------------------


def as_number(value: int, bits: int, *, signed: bool = True) -> int:
    """The low ``bits`` of a word as the number that they stand for."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def lane_numbers(word: int, lanes: int, bits: int) -> list[int]:
    """The signed numbers of a word of lanes, lane 0 in the low bits."""
    return [as_number(word >> number * bits, bits) for number in range(lanes)]


def unpack(word: int, widths: Mapping[str, int]) -> dict[str, int]:
    """The state variables of a packed state."""
    values = {}
    for name, bits in widths.items():
        values[name] = as_number(word, bits, signed=is_signed(name))
        word >>= bits
    return values


def pack_initial(neuron: NeuronParams) -> int:
    """The golden state after reset, as a word of the hardware."""
    first = initial_state(neuron, 1)
    word = at = 0
    for name, bits in neuron.state_widths.items():
        word |= (int(getattr(first, name)[0]) & ((1 << bits) - 1)) << at
        at += bits
    return word
