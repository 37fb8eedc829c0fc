"""Everything that describes one time-multiplexed core."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ..errors import FxlifError
from .arrays import Thresholds, Weights, frozen
from .base import Int, MaxEvents, Params, no_more_than, plain_tuple
from .leaks import ShiftLeak
from .neuron import MAX_CURRENT_BITS, NeuronParams
from .protocol import CoreSignals
from .quantise import accumulator_bits, count_bits, fit_weights, signed_range

WeightShift = Annotated[
    Int,
    Field(ge=0, le=16, description="Left shift of the summed weights (docs/rule.md#weights)."),
]
OwnThresholds = Annotated[
    Thresholds | None,
    Field(
        description="One threshold for each neuron (a memory in hardware), in place of the "
        "neuron's ``v_threshold`` (docs/rule.md#thresholds)."
    ),
]
Lanes = Annotated[
    Int,
    Field(
        ge=1,
        le=256,
        description="Neurons and synapses that are handled in one clock cycle, no more than there "
        "are neurons (docs/hardware.md#the-core).",
    ),
]
#: What can be written while a core runs.
Register = Literal["leak_shift", "v_reset", "refractory"]
Writable = Literal["weights", "thresholds", "leak_shift", "v_reset", "refractory"]
REGISTERS: tuple[Register, ...] = get_args(Register)
WRITABLE: tuple[Writable, ...] = get_args(Writable)
WritableNames = Annotated[
    tuple[Writable, ...],
    BeforeValidator(plain_tuple),
    Field(
        description="What can be written between two steps while the hardware runs "
        "(docs/rule.md#written)."
    ),
]
Readable = Annotated[
    bool,
    Field(
        description="Whether its state and its counters can be read between two steps while the "
        "hardware runs (docs/hardware.md#read)."
    ),
]
_NO_DELAY = no_more_than(0, "delays are part of the integer rule")


def check_thresholds(
    neuron: NeuronParams, values: tuple[int, ...] | None, n: int, counted_by: str
) -> None:
    """Raise unless ``values`` are None or ``n`` thresholds that ``neuron`` can store."""
    if values is None:
        return
    if len(values) != n:
        found = f"{len(values)} values"
        raise FxlifError.must_be("v_thresholds", f"{n} ({counted_by})", values, found=found)
    # Each value once: a million equal thresholds are checked as one.
    for value in dict.fromkeys(values):
        neuron.check_threshold(value, f"v_thresholds[{values.index(value)}]")


def check_lanes(lanes: int, n: int, counted_by: str) -> None:
    """Raise unless each of ``lanes`` has one of ``n`` neurons at least."""
    if lanes > n:
        raise FxlifError.must_be("lanes", f"1..{n} ({counted_by})", lanes)


def check_register(neuron: NeuronParams, name: Register, key: str) -> None:
    """Raise unless a neuron has a register that can be written."""
    if name == "leak_shift" and not isinstance(neuron.leak, ShiftLeak):
        allowed = "without leak_shift, but with a leak of kind shift"
        raise FxlifError.must_be(key, allowed, name, found=f"{name} of leak {neuron.leak.kind}")
    if name == "refractory" and not neuron.refractory_bits:
        allowed = "without refractory, but where it rests for a step at least (refractory)"
        raise FxlifError.must_be(key, allowed, name, found=f"{name} of a neuron without a counter")


def checked_writable(neuron: NeuronParams, given: tuple[Writable, ...]) -> tuple[Writable, ...]:
    """What can be written, in one order; raise where it cannot be."""
    names = tuple(name for name in WRITABLE if name in given)
    if len(names) < len(given):
        raise FxlifError.must_be("writable", "each name once", given)
    if names and neuron.per_event:
        allowed = "empty where events act one by one (accumulate, fire_on)"
        raise FxlifError.must_be("writable", allowed, names)
    for name in REGISTERS:
        if name in names:
            check_register(neuron, name, "writable")
    if "thresholds" in names and neuron.max_spikes_per_step > 1:
        # Several spikes of a step are a division, which needs a threshold above 0.
        raise FxlifError.must_be(
            "writable", "without thresholds where max_spikes_per_step is above 1", names
        )
    return names


def without_access(described: dict[str, Any]) -> dict[str, Any]:
    """What is ``described``: as ever, and digested so, where nothing can be written or read."""
    for name in ("writable", "readable"):
        if not described.get(name):
            described.pop(name, None)
    return described


def any_weights(n_inputs: int, weight_bits: int) -> tuple[int, int]:
    """Lowest and highest sum of a weight from each input, whatever the weights are."""
    low, high = signed_range(weight_bits)
    return n_inputs * low, n_inputs * high


class CoreParams(Params):
    """A population of equal neurons, all-to-all weights into it, and how it is laid out in time."""

    kind: ClassVar[Literal["core"]] = "core"
    n_inputs: Annotated[
        Int, Field(ge=1, le=1 << 24, description="How many inputs (docs/rule.md#events).")
    ]
    n_neurons: Annotated[
        Int, Field(ge=1, le=1 << 24, description="How many neurons (docs/rule.md#networks).")
    ]
    neuron: Annotated[
        NeuronParams, Field(description="What each of them is (docs/rule.md#step).")
    ] = NeuronParams()
    weights: Annotated[
        Weights,
        Field(
            description="(n_inputs, n_neurons) integers of ``weight_bits`` bits; as lists, as an "
            "array, or as the text ``file.npy`` or ``file.npz:key``, relative to the design file "
            "(docs/rule.md#weights)."
        ),
    ]
    clip_weights: Annotated[
        bool,
        Field(
            description="Bring weights that do not fit to the end of the range instead of "
            "refusing them (docs/rule.md#weights)."
        ),
    ] = False
    weight_shift: WeightShift = 0
    v_thresholds: OwnThresholds = None
    max_events_per_input: MaxEvents = 1
    max_delay: Annotated[
        Int,
        AfterValidator(_NO_DELAY),
        Field(description="Longest delay of a synapse, in steps: none yet (docs/rule.md#delays)."),
    ] = 0
    lanes: Lanes = 1
    input_address_bits: Annotated[
        Annotated[Int, Field(ge=1, le=30)] | None,
        Field(
            description="Width of an input address; None: the fewest bits that name every input "
            "(docs/rule.md#events)."
        ),
    ] = None

    writable: WritableNames = ()
    readable: Readable = False

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_access(handler(self))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        weights = fit_weights(
            self.weights, weight_bits=self.neuron.weight_bits, clip=self.clip_weights
        )
        if weights.shape != (self.n_inputs, self.n_neurons):
            shape = f"{(self.n_inputs, self.n_neurons)} (n_inputs, n_neurons)"
            raise FxlifError.must_be("weights", f"of shape {shape}", weights.shape)
        object.__setattr__(self, "weights", frozen(weights))
        check_lanes(self.lanes, self.n_neurons, "n_neurons")
        check_thresholds(self.neuron, self.v_thresholds, self.n_neurons, "n_neurons")
        object.__setattr__(self, "writable", checked_writable(self.neuron, self.writable))
        needed = address_bits(self.n_inputs)
        if self.input_address_bits is not None and self.input_address_bits < needed:
            allowed = f"{needed} or more (n_inputs = {self.n_inputs})"
            raise FxlifError.must_be("input_address_bits", allowed, self.input_address_bits)
        if self.accumulator_bits + self.weight_shift > MAX_CURRENT_BITS:
            allowed = (
                f"0..{MAX_CURRENT_BITS - self.accumulator_bits} (the accumulator has "
                f"{self.accumulator_bits} of {MAX_CURRENT_BITS} bits)"
            )
            raise FxlifError.must_be("weight_shift", allowed, self.weight_shift)
        return self

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """Itself."""
        return (self,)

    @property
    def neurons(self) -> tuple[NeuronParams, ...]:
        """The neuron that all of the core's neurons are."""
        return (self.neuron,)

    @property
    def signals(self) -> tuple[CoreSignals, ...]:
        """The plain names of a lone core."""
        return (CoreSignals(None),)

    @property
    def words(self) -> int:
        """Memory words that hold one value per neuron, ``lanes`` values to the word."""
        return -(-self.n_neurons // self.lanes)

    @property
    def in_address_bits(self) -> int:
        """Width of an input event's address."""
        return self.input_address_bits or address_bits(self.n_inputs)

    @property
    def out_address_bits(self) -> int:
        """Width of an output event's address."""
        return address_bits(self.n_neurons)

    @property
    def n_outputs(self) -> int:
        """How many neurons, each of which is an address of the output."""
        return self.n_neurons

    @property
    def accumulator_bits(self) -> int:
        """Width of the sum of weights of one step (docs/rule.md#accumulator): exact for every step
        that keeps the promise."""
        positive = np.where(self.weights > 0, self.weights, 0).sum(axis=0)
        negative = np.where(self.weights < 0, self.weights, 0).sum(axis=0)
        low, high = int(negative.min()), int(positive.max())
        bits = self.neuron.weight_bits
        if "weights" in self.writable:  # they may become any
            low, high = any_weights(self.n_inputs, bits)
        return accumulator_bits(low, high, events=self.max_events_per_input, weight_bits=bits)

    @property
    def promised_events(self) -> int:
        """Events of one step that a neuron may take one by one, the bias among them."""
        return self.n_inputs * self.max_events_per_input + 1

    @property
    def spike_bits(self) -> int:
        """Width of the number of spikes of a neuron in one step."""
        if self.neuron.fire_on == "event":
            return count_bits(self.promised_events)
        return self.neuron.spike_bits

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The threshold of each neuron."""
        return self.v_thresholds or (self.neuron.v_threshold,) * self.n_neurons


def address_bits(count: int) -> int:
    """The fewest bits, at least one, that number ``count`` things from 0."""
    return max(1, (count - 1).bit_length())
