"""Everything that describes a neuron, a core and a network, validated once.

The golden model, the hardware, the testbench and the proof all read these objects; no width,
shift or threshold is written anywhere else. The objects are frozen, take keyword arguments only
and are checked when they are made. :mod:`fxlif.design` reads and writes them as TOML and JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .errors import FxlifError
from .quantise import fit_weights, quantise_threshold, signed_bits, signed_range


def _plain_int(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value


def _plain_tuple(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def _later(*names: str) -> BeforeValidator:
    """Refuse, by name, a choice of the integer rule that fxlif does not carry out yet."""

    def check(value: Any) -> Any:
        found = tuple(value) if isinstance(value, list) else value
        if found in names:
            raise ValueError(f"{found!r} is part of the integer rule but not supported yet")
        return value

    return BeforeValidator(check)


def _one_of(*choices: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value not in choices:
            raise ValueError(f"allowed {', '.join(map(str, choices))}")
        return value

    return check


def _no_more_than(limit: int, more: str) -> Callable[[int], int]:
    """``limit`` alone, and by name that ``more`` of it is a matter of time."""

    def check(value: int) -> int:
        if value > limit:
            raise ValueError(f"{more} but not supported yet")
        return _one_of(limit)(value)

    return check


Int = Annotated[int, BeforeValidator(_plain_int)]
Rounding = Annotated[
    Literal["floor", "toward_zero", "away_from_zero", "nearest_even"], _later("stochastic")
]
#: Literal[-1, 1] alone would take True and 1.0, which are equal to 1.
Sign = Annotated[Int, AfterValidator(_one_of(-1, 1))]
_ONE_SPIKE = _no_more_than(1, "more than 1 spike per step is part of the rule")
_NO_DELAY = _no_more_than(0, "delays are part of the integer rule")
MAX_SHIFT = 31
#: Exact sums stay inside int64 with room for the leak's own arithmetic.
MAX_CURRENT_BITS = 48


class Params(BaseModel):
    """Base of all parameter objects: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )

    def described(self) -> dict[str, Any]:
        """What shapes the hardware, as JSON values."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """:meth:`described` as text with sorted keys: equal texts mean equal parameters."""
        return json.dumps(self.described(), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of :meth:`canonical`, as hexadecimal text."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and (
            type(self) is type(other) and self.canonical() == other.canonical()
        )

    def __hash__(self) -> int:
        return hash(self.canonical())


# --- leaks (semantics, section 2) ---------------------------------------------------------------


class NoLeak(Params):
    """x stays x."""

    kind: Literal["none"] = "none"


class _RoundedLeak(Params):
    rounding: Rounding = "floor"
    #: With 1, a leak that would change nothing moves x by 1 towards rest.
    minimum_step: Annotated[Int, Field(ge=0, le=1)] = 0


class ShiftLeak(_RoundedLeak):
    """x - round(x / 2**shift)."""

    kind: Literal["shift"] = "shift"
    shift: Annotated[Int, Field(ge=0, le=MAX_SHIFT)] = 4


class MultiShiftLeak(_RoundedLeak):
    """x - sum of sign * round(x / 2**shift); ``signs`` left out means all +1."""

    kind: Literal["multi_shift"] = "multi_shift"
    shifts: Annotated[
        tuple[Annotated[Int, Field(ge=0, le=MAX_SHIFT)], ...],
        BeforeValidator(_plain_tuple),
        Field(min_length=1, max_length=8),
    ]
    signs: Annotated[tuple[Sign, ...], BeforeValidator(_plain_tuple)] = ()

    @model_validator(mode="after")
    def _one_sign_per_shift(self) -> Self:
        if self.signs and len(self.signs) != len(self.shifts):
            raise ValueError(
                f"signs: found {len(self.signs)} signs, allowed one for each of the "
                f"{len(self.shifts)} shifts, or none"
            )
        return self

    @property
    def terms(self) -> tuple[tuple[int, int], ...]:
        """(sign, shift) pairs."""
        return tuple(zip(self.signs or (1,) * len(self.shifts), self.shifts, strict=True))


class ScaleLeak(_RoundedLeak):
    """round(x * factor / 2**shift); Loihi's 12-bit decay d is factor 4096 - d, shift 12."""

    kind: Literal["scale"] = "scale"
    factor: Annotated[Int, Field(ge=0, le=1 << 16)]
    shift: Annotated[Int, Field(ge=0, le=16)]

    @model_validator(mode="after")
    def _does_not_grow(self) -> Self:
        if self.factor > 1 << self.shift:
            raise ValueError(
                f"factor: found {self.factor}, allowed 0..{1 << self.shift} (shift = {self.shift})"
            )
        return self


class LinearLeak(Params):
    """Moves x by ``step`` towards 0 and stops there."""

    kind: Literal["linear"] = "linear"
    step: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]


Leak = Annotated[
    NoLeak | ShiftLeak | MultiShiftLeak | ScaleLeak | LinearLeak, Field(discriminator="kind")
]


# --- one neuron (semantics, section 1) ----------------------------------------------------------


class DeltaSynapse(Params):
    """The current of a step acts in that step only."""

    kind: Literal["delta"] = "delta"


class ExponentialSynapse(Params):
    """The current is kept in ``i_syn``, which decays by its own leak."""

    kind: Literal["exponential"] = "exponential"
    leak: Leak = ShiftLeak()


Synapse = Annotated[DeltaSynapse | ExponentialSynapse, Field(discriminator="kind")]


class Adaptation(Params):
    """Each spike raises the neuron's own threshold by ``increment``, which decays by ``leak``."""

    increment: Annotated[Int, Field(ge=0, le=(1 << 31) - 1)]
    leak: Leak = ShiftLeak()


StateBits = Annotated[Int, Field(ge=4, le=32)]
RULE_ORDER = ("leak", "integrate", "fire")


class NeuronParams(Params):
    """One integer LIF neuron. All potentials are in units of the least significant bit of ``v``."""

    leak: Leak = ShiftLeak()
    v_leak: Int = 0
    v_threshold: Int = 64
    v_reset: Int = 0
    #: None, or the lowest value that v may take.
    v_floor: Int | None = None
    compare: Literal["ge", "gt"] = "ge"
    reset: Literal["to_value", "subtract"] = "to_value"
    max_spikes_per_step: Annotated[Int, AfterValidator(_ONE_SPIKE)] = 1
    overflow: Literal["saturate", "wrap"] = "saturate"
    #: Steps without a spike after a spike.
    refractory: Annotated[Int, Field(ge=0, le=255)] = 0
    refractory_mode: Literal["clamp", "mask"] = "clamp"
    synapse: Synapse = DeltaSynapse()
    adaptation: Adaptation | None = None
    bias: Int = 0
    order: Annotated[tuple[str, ...], BeforeValidator(_plain_tuple)] = RULE_ORDER
    accumulate: Annotated[Literal["exact"], _later("per_event")] = "exact"
    state_bits: StateBits = 16
    weight_bits: Annotated[Int, Field(ge=1, le=16)] = 8
    threshold_bits: StateBits = 16
    #: A threshold is stored as mantissa << threshold_shift, the mantissa on threshold_bits bits.
    threshold_shift: Annotated[Int, Field(ge=0, le=16)] = 0
    current_bits: StateBits = 16
    theta_bits: StateBits = 16

    @field_validator("order")
    @classmethod
    def _supported_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value == RULE_ORDER:
            return value
        if sorted(value) == sorted(RULE_ORDER):
            raise ValueError("this order is part of the integer rule but not supported yet")
        raise ValueError(f"allowed a permutation of {', '.join(RULE_ORDER)}")

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        low, high = self.state_range
        for name in ("v_leak", "v_reset", "v_floor"):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(
                    f"{name}: found {value}, allowed {low}..{high} (state_bits = {self.state_bits})"
                )
        bias_low, bias_high = signed_range(32)
        if not bias_low <= self.bias <= bias_high:
            raise ValueError(f"bias: found {self.bias}, allowed {bias_low}..{bias_high}")
        self.check_threshold(self.v_threshold)
        if self.adaptation is not None and self.adaptation.increment > self.theta_max:
            raise ValueError(
                f"adaptation.increment: found {self.adaptation.increment}, "
                f"allowed 0..{self.theta_max} (theta_bits = {self.theta_bits})"
            )
        return self

    def check_threshold(self, value: int, name: str = "v_threshold") -> None:
        """Raise unless ``value`` can be stored exactly as a threshold of this neuron."""
        stored = quantise_threshold(
            value, threshold_bits=self.threshold_bits, shift=self.threshold_shift, name=name
        )
        if stored.error:
            raise FxlifError(
                f"{name}: found {value}, allowed multiples of {1 << self.threshold_shift} "
                f"(threshold_shift = {self.threshold_shift}); the nearest is {stored.stored}"
            )

    @property
    def state_range(self) -> tuple[int, int]:
        """Lowest and highest value of v."""
        return signed_range(self.state_bits)

    @property
    def theta_max(self) -> int:
        """Highest value of theta, which is unsigned."""
        return (1 << self.theta_bits) - 1

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Lowest and highest value of each state variable; (0, 0) for one that is not there."""
        exponential = isinstance(self.synapse, ExponentialSynapse)
        return {
            "v": self.state_range,
            "i_syn": signed_range(self.current_bits) if exponential else (0, 0),
            "theta": (0, self.theta_max) if self.adaptation is not None else (0, 0),
            "refractory": (0, self.refractory),
        }

    @property
    def refractory_bits(self) -> int:
        """Width of the refractory counter; 0 where there is none."""
        return self.refractory.bit_length()

    @property
    def state_widths(self) -> dict[str, int]:
        """Bits of each state variable that this neuron has, in storage order."""
        widths = {"v": self.state_bits}
        if isinstance(self.synapse, ExponentialSynapse):
            widths["i_syn"] = self.current_bits
        if self.adaptation is not None:
            widths["theta"] = self.theta_bits
        if self.refractory:
            widths["refractory"] = self.refractory_bits
        return widths


# --- one core -----------------------------------------------------------------------------------


def _load_array(value: Any, info: ValidationInfo) -> Any:
    """A nested list, an array, or the text ``file.npy`` / ``file.npz:key``."""
    if not isinstance(value, str):
        return value
    name, _, key = value.partition(":")
    folder = (info.context or {}).get("folder", Path())
    path = Path(folder) / name
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = loaded.files
            if key in names:
                return loaded[key]
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file, allowed a .npy or .npz file") from None
    except Exception as error:  # whatever numpy, zipfile and zlib make of a broken file
        raise ValueError(f"{path}: not a readable .npy or .npz file ({error})") from None
    raise ValueError(
        f"{path}: found no array {key!r}, allowed file:key with one of {', '.join(names)}"
    )


def _freeze(value: np.ndarray) -> np.ndarray:
    value = value.copy()
    value.setflags(write=False)
    return value


Weights = Annotated[
    Any,
    BeforeValidator(_load_array),
    PlainSerializer(lambda value: np.asarray(value).tolist(), return_type=list[list[int]]),
]
Thresholds = Annotated[
    tuple[Int, ...],
    BeforeValidator(lambda value: _plain_tuple(value)),
    BeforeValidator(_load_array),
    AfterValidator(tuple),
]


class CoreParams(Params):
    """A population of equal neurons, all-to-all weights into it, and how it is laid out in time.

    ``weights`` is an (n_inputs, n_neurons) matrix of integers. It may be given as nested lists,
    as an array, or as the text ``file.npy`` or ``file.npz:key``, relative to the design file.
    """

    n_inputs: Annotated[Int, Field(ge=1, le=1 << 24)]
    n_neurons: Annotated[Int, Field(ge=1, le=1 << 24)]
    neuron: NeuronParams = NeuronParams()
    weights: Weights
    #: Bring weights that do not fit to the end of the range instead of refusing them.
    clip_weights: bool = False
    #: Left shift of the summed weights.
    weight_shift: Annotated[Int, Field(ge=0, le=16)] = 0
    #: One threshold per neuron (a memory in hardware), in place of the neuron's v_threshold.
    v_thresholds: Thresholds | None = None
    #: How often one input may spike in one step; beyond this promise the sum saturates.
    max_events_per_input: Annotated[Int, Field(ge=1, le=65535)] = 1
    #: Longest delay of a synapse, in steps.
    max_delay: Annotated[Int, AfterValidator(_NO_DELAY)] = 0
    #: Neurons and synapses handled per clock.
    lanes: Annotated[Int, Field(ge=1, le=256)] = 1
    #: Width of an input address; None means the fewest bits that name every input.
    input_address_bits: Annotated[Int, Field(ge=1, le=30)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        weights = fit_weights(
            self.weights, weight_bits=self.neuron.weight_bits, clip=self.clip_weights
        )
        if weights.shape != (self.n_inputs, self.n_neurons):
            raise ValueError(
                f"weights: found shape {weights.shape}, allowed {(self.n_inputs, self.n_neurons)} "
                "(n_inputs, n_neurons)"
            )
        object.__setattr__(self, "weights", _freeze(weights))
        if self.lanes > self.n_neurons:
            raise ValueError(f"lanes: found {self.lanes}, allowed 1..{self.n_neurons} (n_neurons)")
        if self.v_thresholds is not None:
            if len(self.v_thresholds) != self.n_neurons:
                raise ValueError(
                    f"v_thresholds: found {len(self.v_thresholds)} values, "
                    f"allowed {self.n_neurons} (n_neurons)"
                )
            for index, value in enumerate(self.v_thresholds):
                self.neuron.check_threshold(value, f"v_thresholds[{index}]")
        needed = address_bits(self.n_inputs)
        if self.input_address_bits is not None and self.input_address_bits < needed:
            raise ValueError(
                f"input_address_bits: found {self.input_address_bits}, allowed {needed} or more "
                f"(n_inputs = {self.n_inputs})"
            )
        if self.accumulator_bits + self.weight_shift > MAX_CURRENT_BITS:
            raise ValueError(
                f"weight_shift: found a current of {self.accumulator_bits + self.weight_shift} "
                f"bits, allowed {MAX_CURRENT_BITS} (accumulator {self.accumulator_bits} bits)"
            )
        return self

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
    def accumulator_bits(self) -> int:
        """Width of the sum of weights of one step: exact for every step that keeps the promise."""
        positive = np.where(self.weights > 0, self.weights, 0).sum(axis=0)
        negative = np.where(self.weights < 0, self.weights, 0).sum(axis=0)
        events = self.max_events_per_input
        widest = signed_bits(int(negative.min()) * events, int(positive.max()) * events)
        # Never narrower than a weight, so that a single event always adds exactly.
        return max(widest, self.neuron.weight_bits)

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The threshold of each neuron."""
        return self.v_thresholds or (self.neuron.v_threshold,) * self.n_neurons


def address_bits(count: int) -> int:
    """The fewest bits, at least one, that number ``count`` things from 0."""
    return max(1, (count - 1).bit_length())


# --- a network ----------------------------------------------------------------------------------


class EventInput(Params):
    """An event file (see :mod:`fxlif.events`) to feed to the first core."""

    kind: Literal["events"] = "events"
    file: str


class ImageInput(Params):
    """Labelled images in an .npz file, presented one by one, each after a reset.

    The file holds ``images`` (k, n_inputs), integers 0..``maximum``, and ``labels`` (k,). An input
    of value p spikes in step t of ``steps`` when floor((t+1) p / maximum) > floor(t p / maximum):
    a deterministic rate code. The class is the output neuron with the most spikes, the lowest
    index among equals.
    """

    kind: Literal["images"] = "images"
    file: str
    steps: Annotated[Int, Field(ge=1, le=4096)]
    maximum: Annotated[Int, Field(ge=1, le=65535)]


InputParams = Annotated[EventInput | ImageInput, Field(discriminator="kind")]


class NetworkParams(Params):
    """A chain of cores: the output neurons of each are the inputs of the next."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")] = "network"
    core: Annotated[
        tuple[CoreParams, ...], BeforeValidator(_plain_tuple), Field(min_length=1, max_length=64)
    ]
    #: What to feed the network with; no part of the hardware, hence not of the digest.
    input: InputParams | None = None

    @model_validator(mode="after")
    def _chained(self) -> Self:
        for index, (first, second) in enumerate(zip(self.core, self.core[1:], strict=False)):
            if first.n_neurons != second.n_inputs:
                raise ValueError(
                    f"core[{index + 1}].n_inputs: found {second.n_inputs}, "
                    f"allowed {first.n_neurons} (the neurons of core[{index}])"
                )
            if second.input_address_bits not in (None, first.out_address_bits):
                raise ValueError(
                    f"core[{index + 1}].input_address_bits: found {second.input_address_bits}, "
                    f"allowed {first.out_address_bits} (the output of core[{index}])"
                )
        return self

    def described(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"input"})

    @classmethod
    def chain(cls, *cores: CoreParams, name: str = "network") -> Self:
        """A network of ``cores``, first to last."""
        return cls(name=name, core=tuple(cores))


__all__: Sequence[str] = [
    "Adaptation",
    "CoreParams",
    "DeltaSynapse",
    "EventInput",
    "ExponentialSynapse",
    "ImageInput",
    "Leak",
    "LinearLeak",
    "MultiShiftLeak",
    "NetworkParams",
    "NeuronParams",
    "NoLeak",
    "Params",
    "ScaleLeak",
    "ShiftLeak",
]
