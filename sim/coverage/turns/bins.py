"""The bins of one event of one neuron, where events act one by one: overflow and floor, and where
the neuron fires on events threshold and reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ....params.neuron import NeuronParams
from ....rule import arithmetic
from ..bins import BinRule
from .narrowing import narrowed, overflows
from .values import EventValues

TurnBin = BinRule[EventValues]


def turn_bins(neuron: NeuronParams, prefix: str = "") -> tuple[TurnBin, ...]:
    """Every bin of one event of ``neuron``, none where its events are summed; ``prefix`` goes
    before the groups."""
    if not neuron.per_event:
        return ()
    bins = [*_added(neuron), *(_spike(neuron) if neuron.fire_on == "event" else ())]
    return tuple(replace(each, group=prefix + each.group) for each in bins)


def _there(e: EventValues, condition: Any) -> Any:
    return e.there & condition


def _added(neuron: NeuronParams) -> Iterator[TurnBin]:
    """What an event adds, and whether the sum fits."""
    yield TurnBin("event", "above 0", lambda e: ~e.last & (e.added > 0))
    yield TurnBin("event", "below 0", lambda e: ~e.last & (e.added < 0))
    if neuron.sums_on_v:
        yield from narrowed("v", neuron, lambda e: e.exact, _there)
        return
    own = neuron.overflow_i_syn
    mode, field = (own, "overflow_i_syn") if own else (neuron.overflow, "overflow")
    yield from overflows("i_syn", mode, field, neuron.current_bits, lambda e: e.exact, _there)


def _spike(neuron: NeuronParams) -> Iterator[TurnBin]:
    """Threshold and reset."""

    def at(away: int) -> Callable[[EventValues], Any]:
        return lambda e: e.there & (e.u == e.threshold + away)

    for name, away in (("u one below", -1), ("u equal", 0), ("u one above", 1)):
        yield TurnBin("threshold", name, at(away))
    yield TurnBin("threshold", "fires", lambda e: e.fires)
    yield TurnBin("threshold", "stays silent", lambda e: e.there & ~e.fires)
    why = "" if neuron.bias else "bias = 0"
    yield TurnBin("threshold", "fires by the bias", lambda e: e.last & e.fires, why)
    yield TurnBin(
        "reset", "leaves v at its threshold or above",
        lambda e: e.fires & arithmetic.reaches(neuron, e.after_reset, e.threshold),
    )  # fmt: skip
    why = "" if neuron.reset == "subtract" else "reset = to_value"
    high = neuron.state_range[1]
    yield TurnBin(
        "reset", "the difference overflows", lambda e: e.fires & (e.u - e.threshold > high), why
    )
