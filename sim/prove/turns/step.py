"""The golden step of a neuron whose events act one by one, event by event.

:func:`fxlif.rule.step.step` takes all events of a step at once, in a loop. It is run here on one
event, which says what it finds and what it leaves: so the step falls into what it does before its
first event, one event, and what it does behind its last one. Each of these is for any values, so
that what holds of all three holds of a step of any number of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....params.neuron import NeuronParams
from ....rule.arithmetic import changed, taken, where
from ....rule.step import NeuronState, step
from ..golden import Golden, golden_width, is_signed, widen


class Cut:
    """The one neuron that an event arrives at: the event finds ``before`` in the variable that
    events are added to, and the step goes on from ``onward`` in it.

    ``began`` is what the step made of the variable before the event, ``received`` what the event
    leaves, ``spikes`` how often it fires.
    """

    def __init__(self, before: Any, onward: Any) -> None:
        self.before, self.onward = before, onward
        self.began: Any = None
        self.received: Any = None
        self.spikes: Any = 0


@taken.register(Cut)
def _(targets: Cut, values: Any, *others: Any) -> tuple[Any, ...]:
    targets.began = values
    return (targets.before, *others)


@changed.register(Cut)
def _(targets: Cut, values: Any, new: Any) -> Any:
    if values is not targets.began:  # the spikes, which are counted elsewhere
        targets.spikes = new
        return values
    targets.received = new
    return targets.onward


def summed(neuron: NeuronParams) -> str:
    """The state variable that events are added to."""
    return "v" if neuron.sums_on_v else "i_syn"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Which part of a step it is: it ``begins``, it ``ends`` (conditions); and the draw, the
    threshold, what the event adds, of a step that began with ``first`` in the summed variable."""

    begins: Any
    ends: Any
    first: Any
    added: Any
    threshold: Any
    random: Any = 0


def turn(neuron: NeuronParams, state: NeuronState, now: Turn) -> tuple[NeuronState, Any, Any]:
    """(The state after a part of a step; its spikes; what acts on v without the bias past the
    synapse): numbers, or terms of a solver. A part that does not end is one event, and one of 0 is
    none; one that ends is what is done behind all events, the bias among it."""
    name = summed(neuron)
    whole = state._replace(**{name: where(now.begins, getattr(state, name), now.first)})

    def cut(found: Any) -> tuple[Cut, NeuronState, Any, dict[str, Any]]:
        at, told = Cut(found, found), dict[str, Any]()
        arrivals = [(at, now.added)]
        after, spikes = step(
            neuron, whole, neuron.bias, now.threshold, now.random, arrivals, told.__setitem__
        )
        return at, after, spikes, told

    began, *_ = cut(getattr(state, name))
    found = where(now.begins, began.began, getattr(state, name))
    at, ended, spikes, told = cut(found)
    nothing = now.added == 0
    event = state._replace(**{name: where(nothing, found, at.received)})
    after = NeuronState(*(where(now.ends, a, b) for a, b in zip(ended, event, strict=True)))
    if neuron.fire_on == "event":
        spikes = where(now.ends, spikes, where(nothing, spikes - spikes, at.spikes))
    return after, spikes, told["i"]


def turn_width(neuron: NeuronParams, added_bits: int, *, threshold_port: bool) -> int:
    """The width at which no value of a part of a step can overflow, where an event adds a number of
    so many bits (:func:`fxlif.sim.prove.golden.golden_width`)."""

    def on_intervals(
        neuron: NeuronParams, state: NeuronState, added: Any, threshold: Any, random: Any = 0
    ) -> None:
        either = added == 0  # nothing is known of it
        turn(neuron, state, Turn(begins=either, ends=either, first=getattr(state, summed(neuron)),
                                 added=added, threshold=threshold, random=random))  # fmt: skip

    return golden_width(neuron, added_bits, threshold_port=threshold_port, run=on_intervals)


def golden_turn(
    neuron: NeuronParams, ports: Mapping[str, Any], state: Mapping[str, Any], first: Any
) -> tuple[Golden, Any]:
    """(The part of a step; what acts) on the bit-vectors of the hardware, as
    :func:`fxlif.sim.prove.golden.golden_step` of a whole one."""
    mantissa, random, added = (
        ports.get("threshold_mantissa"), ports.get("random"), ports["current"]
    )  # fmt: skip

    width = turn_width(neuron, added.size(), threshold_port=mantissa is not None)
    threshold: Any = neuron.v_threshold
    if mantissa is not None:
        threshold = widen(mantissa, width) << neuron.threshold_shift
    before = NeuronState(0, 0, 0, 0)._replace(
        **{name: widen(term, width, signed=is_signed(name)) for name, term in state.items()}
    )
    now = Turn(
        begins=ports["begins"] == 1, ends=ports["ends"] == 1, first=widen(first, width),
        added=widen(added, width), threshold=threshold,
        random=0 if random is None else widen(random, width, signed=False),
    )  # fmt: skip
    after, spikes, acts = turn(neuron, before, now)
    return Golden(state={name: getattr(after, name) for name in state}, spikes=spikes,
                  width=width), acts  # fmt: skip
