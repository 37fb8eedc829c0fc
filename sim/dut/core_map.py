"""The part of a map that is about a core or network: its events, its steps, its states."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ...errors import FxlifError
from ...params.base import Int, Params
from .names import Cycles, PortRef, StateRef, goes_with, only_one


class Spacing(Params):
    """Where nothing says that an input is ready: cycles that it is given after each event."""

    spike: Annotated[Cycles, Field(description="After a spike.")] = 1
    tick: Annotated[Cycles, Field(description="After a TICK.")] = 1
    reset: Annotated[Cycles, Field(description="After a reset.")] = 1


class StreamMap(Params):
    """One stream of events: ``valid`` and ``ready``, four phases of ``request`` and
    ``acknowledge``, or a ``vector`` of bits or counts for all neurons at once."""

    valid: Annotated[
        PortRef | None,
        Field(description="Whether an event is shown; beside a ``vector`` out, the whole answer."),
    ] = None
    ready: Annotated[
        PortRef | None,
        Field(
            description="Left out of an input: see ``spacing``. Left out of an output: an event "
            "lasts one cycle."
        ),
    ] = None
    request: Annotated[
        PortRef | None,
        Field(
            description="In place of ``valid``: the request of a handshake of four phases (AER): "
            "request, acknowledge, no request, no acknowledge."
        ),
    ] = None
    acknowledge: Annotated[
        PortRef | None, Field(description="Its acknowledge, where there is a ``request``.")
    ] = None
    active: Annotated[
        Literal["high", "low"],
        Field(description="The level of ``request`` and ``acknowledge`` that says yes."),
    ] = "high"
    vector: Annotated[
        PortRef | None,
        Field(
            description="In place of addresses: bits for all neurons or inputs, the lowest for "
            "number 0; as many for each as the port has, and more than one are a count."
        ),
    ] = None
    address: Annotated[PortRef | None, Field(description="The address of a spike.")] = None
    tick: Annotated[
        PortRef | None,
        Field(description="Beside the address: with ``valid``, it makes the event a TICK."),
    ] = None
    tick_strobe: Annotated[
        PortRef | None,
        Field(description="In place of ``tick``: a TICK of its own, without ``valid``."),
    ] = None

    def _check_form(self) -> None:
        for key, needed in (("acknowledge", "request"), ("tick_strobe", "valid")):
            goes_with(self, key, needed)
        if self.request is not None and self.acknowledge is None:
            raise FxlifError.must_be("acknowledge", "given beside request", None)
        if self.vector is None:
            only_one(self, "valid", "request")
            if self.address is None:
                raise FxlifError.must_be("address", "given, without a vector", None)
        for key in ("request", "address", "tick", "tick_strobe"):
            if self.vector is not None and getattr(self, key) is not None:
                raise FxlifError.must_be(key, "left out, beside a vector", getattr(self, key))
        if self.request is not None and self.ready is not None:
            raise FxlifError.must_be("ready", "left out, beside a request", self.ready)


class InputMap(StreamMap):
    """The stream into the core."""

    spacing: Annotated[
        Spacing | None, Field(description="In place of ``ready``, beside ``valid``.")
    ] = None
    tick_address: Annotated[
        Annotated[Int, Field(ge=0)] | None,
        Field(description="What the address shows beside a TICK; left out: anything."),
    ] = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        self._check_form()
        goes_with(self, "tick_address", "tick")
        if self.vector is not None:
            for key in ("valid", "ready", "spacing"):
                if getattr(self, key) is not None:
                    raise FxlifError.must_be(key, "left out, beside a vector", getattr(self, key))
        elif self.valid is not None:
            only_one(self, "ready", "spacing")
        elif self.spacing is not None:
            raise FxlifError.must_be("spacing", "left out, beside a request", self.spacing)
        return self


class OutputMap(StreamMap):
    """The stream out of the core."""

    order: Annotated[
        Literal["ascending", "any"],
        Field(
            description="Whether the spikes of a step come in ascending order, each neuron's "
            "together; 'any' (with a ``[core.step]``): they are counted until the step is over."
        ),
    ] = "ascending"
    between: Annotated[
        Literal["any", "low", "held"],
        Field(
            description="What a ``vector`` shows where it is not an answer: anything, 0, or the "
            "last answer."
        ),
    ] = "any"

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        self._check_form()
        if self.vector is None and self.between != "any":
            raise FxlifError.must_be("between", "left out, without a vector", self.between)
        if self.vector is not None and self.order != "ascending":
            raise FxlifError.must_be("order", "left out, beside a vector", self.order)
        return self


class StepMap(Params):
    """The steps of a core that knows no TICK: how one begins, and how it is seen to be over.

    It is over with ``done``, after ``cycles``, or where the core has come to rest: ``idle`` is
    high (or ``busy`` low), and no event went in or out, for ``quiet`` cycles.
    """

    start: Annotated[
        PortRef | None,
        Field(
            description="High for one clock: a step, as a start strobe or a clock enable. Left "
            "out: the TICK goes in with the events."
        ),
    ] = None
    clock: Annotated[
        bool,
        Field(
            description="In place of ``start``: every clock is a step, and the core is clocked for "
            "its steps and in reset alone."
        ),
    ] = False
    ready: Annotated[
        PortRef | None, Field(description="Whether ``start`` is taken; left out: always.")
    ] = None
    done: Annotated[
        PortRef | None,
        Field(description="High for one clock, in which the answer to the step shows."),
    ] = None
    cycles: Annotated[
        Annotated[Int, Field(ge=0, le=1 << 24)] | None,
        Field(
            description="Cycles from the one with ``start`` to the one in which the answer shows: "
            "1 is a register, 0 is combinational."
        ),
    ] = None
    idle: Annotated[PortRef | None, Field(description="High while the core is at rest.")] = None
    busy: Annotated[PortRef | None, Field(description="High while the core is not at rest.")] = None
    quiet: Annotated[
        Cycles | None,
        Field(description="Cycles in row at rest; left out beside ``idle`` or ``busy``: 1."),
    ] = None

    @property
    def strobed(self) -> bool:
        """Whether a step begins beside the stream of events."""
        return self.start is not None or self.clock

    @property
    def rests(self) -> bool:
        """Whether a step is over where the core has come to rest."""
        return self.done is None and self.cycles is None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        goes_with(self, "ready", "start")
        if self.clock and (self.start is not None or not self.cycles):
            raise FxlifError.must_be("clock", "given with cycles, and without start", True)
        if self.idle is not None or self.busy is not None:
            only_one(self, "done", "cycles", "idle", "busy")
        else:
            only_one(self, "done", "cycles", "quiet")
        if not self.rests and self.quiet is not None:
            raise FxlifError.must_be("quiet", "left out, beside done or cycles", self.quiet)
        return self


class StateMap(Params):
    """Outputs that show state variables; one that is left out is not compared."""

    v: Annotated[
        StateRef | None, Field(description="The port that shows the membrane potential.")
    ] = None
    i_syn: Annotated[
        StateRef | None, Field(description="The port that shows the synaptic current.")
    ] = None
    theta: Annotated[
        StateRef | None, Field(description="The port that shows the threshold's offset.")
    ] = None
    refractory: Annotated[
        StateRef | None, Field(description="The port that shows the steps of rest left.")
    ] = None

    @property
    def mapped(self) -> dict[str, str]:
        """State variable → port, those that are given."""
        names = ("v", "i_syn", "theta", "refractory")
        found = {name: getattr(self, name) for name in names}
        return {name: port for name, port in found.items() if port is not None}


class TraceMap(StateMap):
    """Outputs that show each neuron's new state once a step, in any order.

    Without ``valid`` the states are taken once for each step, ``settle`` cycles after its TICK came
    out, and the core is given nothing meanwhile. A state with ``{n}`` in its name is that of neuron
    n: a word of a memory inside the core, or a register of an instance.
    """

    valid: Annotated[
        PortRef | None,
        Field(description="Whether a neuron is shown; left out: once at the end of each step."),
    ] = None
    index: Annotated[
        PortRef | None,
        Field(description="Which one; with ``lanes``, which group of so many neurons."),
    ] = None
    lanes: Annotated[
        Annotated[Int, Field(ge=1, le=1 << 16)] | None,
        Field(
            description="Neurons shown at once, the first in the lowest bits of each port; left "
            "out: 1 beside ``index``, otherwise all."
        ),
    ] = None
    settle: Annotated[
        Cycles, Field(description="Cycles from the TICK's transfer to the final states.")
    ] = 1

    @property
    def at_once(self) -> bool:
        """Whether more than one neuron is shown at a time."""
        return self.valid is None or self.index is None or (self.lanes or 1) > 1


class CoreMap(Params):
    """The ports of a core or network: events in, events out."""

    events_in: Annotated[InputMap, Field(description="Events in.")]
    events_out: Annotated[OutputMap, Field(description="Events out.")]
    step: Annotated[
        StepMap | None,
        Field(description="The steps of a core without a TICK; left out: its streams have one."),
    ] = None
    trace: Annotated[
        TraceMap | None,
        Field(description="What shows the neurons' states; left out: they are not compared."),
    ] = None
    dropped: Annotated[
        PortRef | None,
        Field(
            description="Counter since reset of unknown addresses, compared whenever all is "
            "answered; it may saturate at its width."
        ),
    ] = None
    saturated: Annotated[
        PortRef | None, Field(description="The same of additions that did not fit.")
    ] = None
    answer_within: Annotated[
        Cycles | None,
        Field(
            description="Cycles without any transfer after which a core that owes something "
            "counts as stuck."
        ),
    ] = None
    unknown_addresses: Annotated[
        bool,
        Field(
            description="Whether the stimulus holds addresses beyond the inputs, which the rule "
            "drops; never with a ``vector`` in."
        ),
    ] = True
    broken_promise: Annotated[
        bool,
        Field(
            description="Whether it holds more events of an input and step than "
            "``max_events_per_input`` promises: then the rule saturates an "
            "accumulator of a fixed width; never with a ``vector`` in."
        ),
    ] = True

    @model_validator(mode="before")
    @classmethod
    def _what_a_vector_cannot_hold(cls, given: Any) -> Any:
        """With a vector in, the stimulus is without what no vector can say."""
        inputs = given.get("events_in") if isinstance(given, dict) else None
        if not isinstance(inputs, dict) or inputs.get("vector") is None:
            return given
        return {"unknown_addresses": False, "broken_promise": False} | given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        step, inputs, outputs = self.step, self.events_in, self.events_out
        if inputs.vector is not None:
            if step is None or not step.strobed:
                raise FxlifError.must_be("step.start", "given, with a vector in", None)
            for key in ("unknown_addresses", "broken_promise"):
                if getattr(self, key):
                    raise FxlifError.must_be(key, "false, with a vector in", True)
        elif step is not None and step.strobed:
            self._no_tick("events_in", "step.start is given")
        else:
            _one_tick(inputs, "events_in")
        if outputs.vector is not None:
            if (outputs.valid is None) == (step is None):
                found = "neither" if step is None else "both"
                raise FxlifError.must_be("events_out.valid", "given, or step, with a vector out",
                                         found)  # fmt: skip
            if step is not None and outputs.ready is not None:
                raise FxlifError.must_be("events_out.ready", "left out, beside step",
                                         outputs.ready)  # fmt: skip
        elif step is not None:
            self._no_tick("events_out", "step says when one is over")
        else:
            _one_tick(outputs, "events_out")
            if outputs.order == "any":
                raise FxlifError.must_be("events_out.order", "'ascending' without a step", "any")
        return self

    def _no_tick(self, side: str, because: str) -> None:
        for key in ("tick", "tick_strobe"):
            found = getattr(getattr(self, side), key)
            if found is not None:
                raise FxlifError.must_be(f"{side}.{key}", f"left out: {because}", found)


def _one_tick(stream: StreamMap, side: str) -> None:
    try:
        only_one(stream, "tick", "tick_strobe")
    except FxlifError as error:
        raise error.under(side) from None
