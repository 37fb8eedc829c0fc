"""Which port of a foreign core plays which part: the map that a user writes beside its Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ...errors import FxlifError
from ...params.base import Int, Params, plain_tuple
from ...params.design import read_file, validated
from .core_map import CoreMap, StateMap
from .names import Cycles, ParameterName, PortName, PortRef, Value, only_one

Latency = Annotated[Int, Field(ge=0, le=1024)]
#: Why a core with two clocks cannot be mapped.
ONE_CLOCK = "fxlif drives a single clock, since two would have no order that a model could follow"


def _single_clock(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        raise FxlifError.must_be("", f"one port ({ONE_CLOCK}; wrap the core and its crossings in a "
                                 "module of one clock)", value)  # fmt: skip
    return value


class Reset(Params):
    """The reset. Asynchronous: the outputs show it in the same cycle, without a clock edge."""

    port: Annotated[PortRef, Field(description="The input that resets the core.")]
    active: Annotated[Literal["high", "low"], Field(description="The level that resets.")] = "high"
    synchronous: Annotated[bool, Field(description="Whether it acts at a clock edge alone.")] = True
    cycles: Annotated[Cycles, Field(description="Cycles that it is held at least.")] = 1
    after: Annotated[
        Annotated[Int, Field(ge=0, le=1 << 24)],
        Field(description="Cycles behind it in which the core is still in reset."),
    ] = 0
    once: Annotated[
        bool,
        Field(
            description="Whether the core is reset at power-up alone, since its memories outlive a "
            "reset."
        ),
    ] = False


class NeuronMap(Params):
    """The ports of a single neuron."""

    enable: Annotated[
        PortRef | None,
        Field(description="High: this clock takes a step. Left out: every clock does."),
    ] = None
    spacing: Annotated[
        Cycles,
        Field(description="Cycles from one with ``enable`` to the next one at the earliest."),
    ] = 1
    current: Annotated[PortRef, Field(description="The input of a step, signed.")]
    unsigned: Annotated[
        bool, Field(description="Whether ``current`` has no sign: then no negative one is given.")
    ] = False
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
        if self.spacing > 1 and self.enable is None:
            raise FxlifError.must_be("spacing", "left out, without enable", self.spacing)
        return self


class DutMap(Params):
    """A map file: ``clock``, and either ``[neuron]`` or ``[core]``; the rest where it is needed."""

    clock: Annotated[
        PortName,
        BeforeValidator(_single_clock),
        Field(description="The clock; a core of two clocks is refused."),
    ]
    reset: Annotated[Reset | None, Field(description="The reset; left out: there is none.")] = None
    parameters: Annotated[
        dict[ParameterName, Value],
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
    initial: Annotated[
        dict[PortRef, Value],
        Field(
            description="Registers and memories inside the core, and what they hold at power-up: a "
            "number, or a file of ``files`` in the form of $readmemh."
        ),
    ] = Field(default={})
    neuron: Annotated[NeuronMap | None, Field(description="The ports of a single neuron.")] = None
    core: Annotated[CoreMap | None, Field(description="The ports of a core or network.")] = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        only_one(self, "neuron", "core")
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
