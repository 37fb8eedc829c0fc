"""The bins of a place where a value is brought into its range."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ....params.neuron import NeuronParams, Overflow
from ....params.quantise import signed_range
from ....rule import arithmetic
from ....rule.arithmetic import Number
from ..bins import BinRule

#: Of the values of steps or events, where a condition counts.
Written = Callable[[Any, Any], Any]


def _always(values: Any, condition: Any) -> Any:
    return condition


def overflows(
    group: str, mode: Overflow, field: str, bits: int, exact: Callable[[Any], Number],
    written: Written = _always, never: str = "",
) -> Iterator[BinRule[Any]]:  # fmt: skip
    """What happens to ``exact``, where it is ``written``, at the ends of its range."""
    low, high = signed_range(bits)
    symmetric = mode == "saturate_symmetric"
    lowest = -high if symmetric else low
    for wraps, verb in ((False, "saturates"), (True, "wraps")):
        why = never or ("" if wraps == (mode == "wrap") else f"{field} = {mode}")
        yield BinRule(group, f"{verb} up", lambda s: written(s, exact(s) > high), why)
        yield BinRule(group, f"{verb} down", lambda s: written(s, exact(s) < lowest), why)
    if symmetric:
        yield BinRule(
            group, "saturates from the lowest value", lambda s: written(s, exact(s) == low), never
        )


def narrowed(
    group: str, neuron: NeuronParams, exact: Callable[[Any], Number],
    written: Written = _always, never: str = "",
) -> Iterator[BinRule[Any]]:  # fmt: skip
    """A place where v is brought into its range, and up to the floor."""
    bits, mode = neuron.state_bits, neuron.overflow
    yield from overflows(group, mode, "overflow", bits, exact, written, never)
    floor, why = (0, "no v_floor") if neuron.v_floor is None else (neuron.v_floor, "")

    def raised(s: Any) -> Any:
        return written(s, arithmetic.overflow(exact(s), bits, mode) < floor)

    yield BinRule(group, "raised to v_floor", raised, never or why)
