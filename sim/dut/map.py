"""Which port of a foreign core plays which part: the map that a user writes beside its Verilog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...errors import FxlifError
from ...params.base import Int, Params, plain_tuple
from ...params.design import read_file, validated

_REF = re.compile(r"([A-Za-z_][A-Za-z0-9_$]*)(?:\[(\d{1,5})(?::(\d{1,5}))?\])?")


class Ref(NamedTuple):
    """A port, or the bits ``high`` down to ``low`` of it (both None: all)."""

    port: str
    high: int | None
    low: int | None


def parse_ref(text: str) -> Ref:
    """``port``, ``port[3]`` or ``port[7:0]``; :class:`FxlifError` on anything else."""
    match = _REF.fullmatch(text)
    if match is None:
        raise FxlifError.must_be("", "port, port[3] or port[7:0]", text)
    high = None if match[2] is None else int(match[2])
    low = high if match[3] is None else int(match[3])
    if high is not None and low is not None and high < low:
        raise FxlifError.must_be("", "a range with the higher bit first", text)
    return Ref(match[1], high, low)


def _checked_ref(text: str) -> str:
    parse_ref(text)
    return text


def _checked_port(text: str) -> str:
    if parse_ref(text).high is not None:
        raise FxlifError.must_be("", "a whole port", text)
    return text


def _checked_value(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise FxlifError.must_be("", "an integer or text", value)
    if isinstance(value, int) and not -(1 << 31) <= value < 1 << 31:
        raise FxlifError.must_be("", "an integer of 32 bits", value)
    if isinstance(value, str) and not re.fullmatch(r"[ !#-\[\]-~]*", value):
        raise FxlifError.must_be("", 'printable text without " and \\', value)
    return value


def _only_one(params: Params, first: str, second: str) -> None:
    """Check that one of two keys is given.

    Raises:
        FxlifError: both are given, or neither.
    """
    given = [getattr(params, key) is not None for key in (first, second)]
    if given[0] == given[1]:
        allowed = f"one of {first} and {second}"
        found = "both" if given[0] else "neither"
        raise FxlifError(f"{first}: {allowed} must be given, not {found}", key=first, value=found,
                         allowed=allowed)  # fmt: skip


PortRef = Annotated[str, AfterValidator(_checked_ref)]
PortName = Annotated[str, AfterValidator(_checked_port)]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")]
Cycles = Annotated[Int, Field(ge=1, le=1 << 24)]
Latency = Annotated[Int, Field(ge=0, le=1024)]


class Reset(Params):
    """The reset. Asynchronous: the outputs show it in the same cycle, without a clock edge."""

    port: Annotated[PortRef, Field(description="The input that resets the core.")]
    active: Annotated[Literal["high", "low"], Field(description="The level that resets.")] = "high"
    synchronous: Annotated[bool, Field(description="Whether it acts at a clock edge alone.")] = True


class StateMap(Params):
    """Outputs that show state variables; one that is left out is not compared."""

    v: Annotated[
        PortRef | None, Field(description="The port that shows the membrane potential.")
    ] = None
    i_syn: Annotated[
        PortRef | None, Field(description="The port that shows the synaptic current.")
    ] = None
    theta: Annotated[
        PortRef | None, Field(description="The port that shows the threshold's offset.")
    ] = None
    refractory: Annotated[
        PortRef | None, Field(description="The port that shows the steps of rest left.")
    ] = None

    @property
    def mapped(self) -> dict[str, str]:
        """State variable → port, those that are given."""
        return {name: port for name, port in self if port is not None}


class NeuronMap(Params):
    """The ports of a single neuron."""

    enable: Annotated[
        PortRef | None,
        Field(description="High: this clock takes a step. Left out: every clock does."),
    ] = None
    current: Annotated[PortRef, Field(description="The input of a step, signed.")]
    spike: Annotated[PortRef, Field(description="Whether the neuron spikes.")]
    valid: Annotated[
        PortRef | None,
        Field(description="High in the cycle in which the result of a step first shows."),
    ] = None
    state: Annotated[StateMap, Field(description="The ports of the state variables.")] = StateMap()
    latency: Annotated[
        Latency,
        Field(
            description="Cycles from the one with ``enable`` to the one in which ``spike`` (and "
            "``valid``) shows the "
            "result: 1 is a register, 0 is combinational."
        ),
    ] = 1
    state_latency: Annotated[
        Annotated[Int, Field(ge=1, le=1024)] | None,
        Field(
            description="The same for the state variables; left out: as ``latency``, at least 1."
        ),
    ] = None
    between: Annotated[
        Literal["held", "low", "any"],
        Field(description="What ``spike`` shows between results: the last one, 0, or anything."),
    ] = "held"

    @model_validator(mode="after")
    def _combinational_holds_nothing(self) -> Self:
        if self.latency == 0 and self.between == "held":
            raise FxlifError.must_be("between", "'low' or 'any' with latency 0", self.between)
        return self


class Spacing(Params):
    """Where nothing says that an input is ready: cycles that it is given after each event."""

    spike: Annotated[Cycles, Field(description="After a spike.")] = 1
    tick: Annotated[Cycles, Field(description="After a TICK.")] = 1
    reset: Annotated[Cycles, Field(description="After a reset.")] = 1


class StreamMap(Params):
    """One stream of events."""

    valid: Annotated[PortRef, Field(description="Whether an event is shown.")]
    ready: Annotated[
        PortRef | None,
        Field(
            description="Left out of an input: see ``spacing``. Left out of an output: an event "
            "lasts one cycle."
        ),
    ] = None
    address: Annotated[PortRef, Field(description="The address of a spike.")]
    tick: Annotated[
        PortRef | None,
        Field(description="Beside the address: with ``valid``, it makes the event a TICK."),
    ] = None
    tick_strobe: Annotated[
        PortRef | None,
        Field(description="In place of ``tick``: a TICK of its own, without ``valid``."),
    ] = None

    @model_validator(mode="after")
    def _one_tick(self) -> Self:
        _only_one(self, "tick", "tick_strobe")
        return self


class InputMap(StreamMap):
    """The stream into the core."""

    spacing: Annotated[Spacing | None, Field(description="In place of ``ready``.")] = None

    @model_validator(mode="after")
    def _ready_or_spacing(self) -> Self:
        _only_one(self, "ready", "spacing")
        return self


class TraceMap(StateMap):
    """Outputs that show each neuron's new state once a step, in any order."""

    valid: Annotated[PortRef, Field(description="Whether a neuron is shown.")]
    index: Annotated[PortRef, Field(description="Which one.")]

    @property
    def mapped(self) -> dict[str, str]:
        found = super().mapped
        return {name: port for name, port in found.items() if name not in ("valid", "index")}


class CoreMap(Params):
    """The ports of a core or network: events in, events out."""

    events_in: Annotated[InputMap, Field(description="Events in.")]
    events_out: Annotated[StreamMap, Field(description="Events out.")]
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
            "drops."
        ),
    ] = True
    broken_promise: Annotated[
        bool,
        Field(
            description="Whether it holds more events of an input and step than "
            "``max_events_per_input`` promises: then the rule saturates an "
            "accumulator of a fixed width."
        ),
    ] = True


class DutMap(Params):
    """A map file: ``clock``, and either ``[neuron]`` or ``[core]``; the rest where it is needed."""

    clock: Annotated[PortName, Field(description="The clock.")]
    reset: Annotated[Reset | None, Field(description="The reset; left out: there is none.")] = None
    parameters: Annotated[
        dict[ParameterName, Annotated[Any, AfterValidator(_checked_value)]],
        Field(description="Verilog parameters of the top module."),
    ] = Field(default={})
    ties: Annotated[
        dict[PortRef, Annotated[Int, Field(ge=0)]],
        Field(description="Inputs without a part, and the constants that they are given."),
    ] = Field(default={})
    files: Annotated[
        tuple[str, ...],
        BeforeValidator(plain_tuple),
        Field(
            description="Files that the Verilog reads when it runs, beside the map; found in the "
            "current folder."
        ),
    ] = ()
    neuron: Annotated[NeuronMap | None, Field(description="The ports of a single neuron.")] = None
    core: Annotated[CoreMap | None, Field(description="The ports of a core or network.")] = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        _only_one(self, "neuron", "core")
        return self


def load_map(path: str | Path) -> DutMap:
    """The map in a TOML or JSON file.

    Raises:
        FxlifError: one line per mistake: the file, the key, what it must be, what it is.
    """
    path = Path(path)
    if not path.exists():
        raise FxlifError(f"{path}: no such file", key=str(path), allowed="a map of ports")
    return validated(DutMap, read_file(path), path)
