"""Everything that describes a network: populations joined by projections, or a chain of cores."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, assert_never

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ..errors import FxlifError
from .arrays import Beside
from .base import Name, Params, Seed, Size, plain_tuple
from .core import (
    CoreParams,
    Lanes,
    OwnThresholds,
    Readable,
    WeightShift,
    WritableNames,
    address_bits,
    check_lanes,
    check_thresholds,
    checked_writable,
    without_access,
)
from .inputs import EventInput as EventInput
from .inputs import ImageInput as ImageInput
from .inputs import InputParams
from .inputs import SpikeInput as SpikeInput
from .neuron import NeuronParams
from .noise import Noise
from .protocol import CoreSignals
from .quantise import count_bits, signed_range
from .sources import EventSource, Source, promised_events
from .topology import (
    AllToAll,
    Connectivity,
    Dense,
    DrawnDelay,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
    bounds,
    forward_order,
    of_matrix,
)

# --- parts --------------------------------------------------------------------------------------


class Population(Params):
    """``n`` equal neurons, each of which may have a threshold of its own."""

    name: Annotated[
        Name, Field(description="What projections call it (docs/rule.md#networks).")
    ] = Field(kw_only=False)
    n: Annotated[Size, Field(description="How many neurons (docs/rule.md#networks).")] = Field(
        kw_only=False
    )
    neuron: Annotated[
        NeuronParams, Field(description="What each of them is (docs/rule.md#step).")
    ] = Field(default=NeuronParams(), kw_only=False)
    v_thresholds: OwnThresholds = None
    lanes: Lanes = 1
    writable: WritableNames = ()
    readable: Readable = False
    noise: Annotated[
        tuple[Noise, ...],
        BeforeValidator(plain_tuple),
        Field(
            description="What is added to the current of each in each step (docs/rule.md#noise)."
        ),
    ] = ()

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_access(handler(self))

    @model_validator(mode="after")
    def _one_threshold_each(self) -> Self:
        check_thresholds(self.neuron, self.v_thresholds, self.n, "n")
        check_lanes(self.lanes, self.n, "n")
        object.__setattr__(self, "writable", checked_writable(self.neuron, self.writable))
        return self


class Projection(Params):
    """Synapses from a source or population to a population.

    A spike adds ``weight << weight_shift`` to the target's current ``delay`` steps later; with
    delay 0 in the same step.
    """

    source: Annotated[
        Name,
        Field(description="The source or population that spikes (docs/rule.md#networks)."),
    ] = Field(kw_only=False)
    target: Annotated[
        Name, Field(description="The population that it acts on (docs/rule.md#networks).")
    ] = Field(kw_only=False)
    synapses: Annotated[
        Connectivity,
        Field(description="Which neurons are joined, by which weights (docs/rule.md#weights)."),
    ] = Field(kw_only=False)
    weight_shift: WeightShift = 0
    delay: DrawnDelay = 1
    delay_seed: Seed = 1

    @property
    def delay_range(self) -> tuple[int, int]:
        """Shortest and longest delay, in steps, that a synapse of this projection may have."""
        given = self.synapses
        if isinstance(given, Dense) and given.delays is not None:
            delays = given.delays[given.weights != 0]
            if delays.size:
                return int(delays.min()), int(delays.max())
        if isinstance(given, Sparse) and given.own_delays and given.matrix.count:
            return given.matrix.min_delay, given.matrix.max_delay
        return bounds(self.delay)


# --- the network --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Graph:
    """Sources, populations and projections, whichever way the network was described.

    ``order`` names the populations so that every projection without delay goes forward;
    ``promised``, by population that fires on events, how many a neuron takes in a step at most.
    """

    sources: tuple[Source, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    order: tuple[str, ...]
    promised: dict[str, int] = field(default_factory=dict)

    @cached_property
    def most_spikes(self) -> dict[str, int]:
        """By population, how often a neuron spikes in a step at most (docs/rule.md#per-event)."""
        return {
            p.name: (1 << count_bits(self.promised[p.name])) - 1
            if p.name in self.promised
            else p.neuron.max_spikes_per_step
            for p in self.populations
        }

    @property
    def sizes(self) -> dict[str, int]:
        """Neurons of each source and population."""
        return {part.name: part.n for part in (*self.sources, *self.populations)}

    @cached_property
    def ranges(self) -> dict[str, dict[str, tuple[int, int]]]:
        """By population, lowest and highest value of each state variable of its neurons."""
        return {p.name: dict(p.neuron.ranges) for p in self.populations}


class NetworkParams(Params):
    """Populations and sources joined by projections; or a chain of cores.

    In a chain of cores the output neurons of each are the inputs of the next, in the same step.
    """

    kind: ClassVar[Literal["network"]] = "network"
    name: Annotated[
        Name, Field(description="Of the network and its Verilog module (docs/hardware.md#files).")
    ] = "network"
    core: Annotated[
        tuple[CoreParams, ...],
        BeforeValidator(plain_tuple),
        Field(max_length=64, description="A chain of cores (docs/rule.md#networks)."),
    ] = ()
    population: Annotated[
        tuple[Population, ...],
        BeforeValidator(plain_tuple),
        Field(max_length=4096, description="In place of cores (docs/rule.md#networks)."),
    ] = ()
    source: Annotated[
        tuple[Source, ...],
        BeforeValidator(plain_tuple),
        Field(description="Beside populations (docs/rule.md#sources)."),
    ] = ()
    projection: Annotated[
        tuple[Projection, ...],
        BeforeValidator(plain_tuple),
        Field(description="Between populations, and from sources (docs/rule.md#networks)."),
    ] = ()
    outputs: Annotated[
        tuple[Name, ...],
        BeforeValidator(plain_tuple),
        Field(
            description="The populations whose spikes leave the hardware; none named: the last "
            "one (docs/hardware.md#networks)."
        ),
    ] = ()
    input: Annotated[
        InputParams | None,
        Field(
            description="What the commands feed the network with; no part of the hardware, hence "
            "not of the digest (docs/rule.md#networks)."
        ),
    ] = None

    @model_validator(mode="after")
    def _cores_or_populations(self) -> Self:
        if self.core:
            for key in ("population", "source", "projection", "outputs"):
                if getattr(self, key):
                    raise FxlifError(f"{key}: must not stand beside core", key=key)
        elif not self.population:
            raise FxlifError("there must be 1 or more of core or of population, not neither")
        self._check_chain()
        self._check_outputs()
        if self.input is not None and len(self._event_sources()) != 1:
            found = f"beside {len(self._event_sources())}"
            raise FxlifError.must_be("input", "beside one event source", self.input, found=found)
        self.graph  # noqa: B018  a mistake in it is found when the object is made
        return self

    def _check_chain(self) -> None:
        for index, (first, second) in enumerate(zip(self.core, self.core[1:], strict=False)):
            if first.n_neurons != second.n_inputs:
                allowed = f"{first.n_neurons} (the neurons of core[{index}])"
                raise FxlifError.must_be(f"core[{index + 1}].n_inputs", allowed, second.n_inputs)
            if second.input_address_bits not in (None, first.out_address_bits):
                raise FxlifError.must_be(
                    f"core[{index + 1}].input_address_bits",
                    f"{first.out_address_bits} (the output of core[{index}])",
                    second.input_address_bits,
                )
            _check_countable(f"core[{index}]", f"core[{index}]", first.neuron, second.neuron)

    def _check_outputs(self) -> None:
        known = [population.name for population in self.population]
        for index, name in enumerate(self.outputs):
            key = f"outputs[{index}]"
            if name not in known:
                raise FxlifError.must_be(key, ", ".join(known), name)
            if name in self.outputs[:index]:
                raise FxlifError.must_be(key, "a population that is not named before", name)

    def _event_sources(self) -> list[EventSource]:
        if self.core:
            return [_input_of(self.core[0])]
        return [source for source in self.source if isinstance(source, EventSource)]

    @cached_property
    def graph(self) -> Graph:
        """The network as populations and projections; those of core k are called ``core_k``."""
        if self.core:
            return _graph_of_cores(self.core)
        parts: dict[str, Any] = {}
        for key, found in (("source", self.source), ("population", self.population)):
            for index, part in enumerate(found):
                if part.name in parts:
                    raise FxlifError.must_be(
                        f"{key}[{index}].name", "a name that is not taken", part.name
                    )
                parts[part.name] = part
        for index, projection in enumerate(self.projection):
            _check_projection(f"projection[{index}]", projection, parts)
            source, target = parts[projection.source], parts[projection.target]
            if isinstance(source, Population):
                key = f"projection[{index}].source"
                _check_countable(key, source.name, source.neuron, target.neuron)
        order = forward_order([p.name for p in self.population], self.projection)
        return Graph(
            sources=self.source,
            populations=self.population,
            projections=self.projection,
            order=order,
            promised=promised_events(order, parts, self.projection),
        )

    def described(self, beside: Beside | None = None) -> dict[str, Any]:
        """What shapes the hardware, as JSON values: ``input`` does not. Large arrays go to files
        ``beside`` it, if that is given."""
        content = self.model_dump(mode="json", exclude={"input"}, context={"beside": beside})
        unused = ("population", "source", "projection", "outputs") if self.core else ("core",)
        return {key: value for key, value in content.items() if key not in unused}

    @property
    def cores(self) -> tuple[CoreParams, ...]:
        """The chain of cores that it was given as; populations are not cores yet."""
        return self.core

    @property
    def neurons(self) -> tuple[NeuronParams, ...]:
        """The neuron of each core, or of each population."""
        return tuple(part.neuron for part in self.core or self.population)

    @property
    def signals(self) -> tuple[CoreSignals, ...]:
        """The names of what each core shows."""
        return tuple(CoreSignals(k) for k in range(len(self.core)))

    @property
    def golden(self) -> NetworkParams:
        """Itself: the network whose golden model says what comes out."""
        return self

    @property
    def n_inputs(self) -> int:
        """Addresses of the input: those of all event sources, one after the other."""
        return sum(source.n for source in self._event_sources())

    @property
    def in_address_bits(self) -> int:
        """Width of an input event's address."""
        return self.core[0].in_address_bits if self.core else address_bits(max(1, self.n_inputs))

    @property
    def n_outputs(self) -> int:
        """Addresses of the output: those of the :attr:`output_names` together."""
        return sum(self.graph.sizes[name] for name in self.output_names)

    @property
    def out_address_bits(self) -> int:
        """Width of an output event's address."""
        return address_bits(self.n_outputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The populations whose spikes leave, in the order in which their addresses follow each
        other: that in which they act within a step."""
        named = self.outputs or (self.graph.populations[-1].name,)
        return tuple(name for name in self.graph.order if name in named)

    @classmethod
    def chain(cls, *cores: CoreParams, name: str = "network") -> Self:
        """A network of ``cores``, first to last."""
        return cls(name=name, core=tuple(cores))


def _input_of(core: CoreParams) -> EventSource:
    return EventSource(
        name="input", n=core.n_inputs, max_events_per_input=core.max_events_per_input
    )


def _graph_of_cores(cores: tuple[CoreParams, ...]) -> Graph:
    names = ["input", *(f"core_{k}" for k in range(len(cores)))]
    return Graph(
        sources=(_input_of(cores[0]),),
        populations=tuple(
            Population(
                name=name, n=core.n_neurons, neuron=core.neuron, v_thresholds=core.v_thresholds,
                writable=core.writable,
            )
            for name, core in zip(names[1:], cores, strict=True)
        ),
        projections=tuple(
            Projection(
                source=source, target=target, weight_shift=core.weight_shift, delay=0,
                synapses=of_matrix(core.weights, zeros="weights" in core.writable),
            )
            for source, target, core in zip(names, names[1:], cores, strict=False)
        ),
        order=tuple(names[1:]),
        promised={
            name: core.promised_events
            for name, core in zip(names[1:], cores, strict=True) if core.neuron.fire_on == "event"
        },
    )  # fmt: skip


def _check_projection(key: str, projection: Projection, parts: dict[str, Any]) -> None:
    """Raise unless its ends exist, its synapses fit between them, and its weights the target."""
    for end in ("source", "target"):
        name = getattr(projection, end)
        known = [n for n, p in parts.items() if end == "source" or isinstance(p, Population)]
        if name not in known:
            raise FxlifError.must_be(f"{key}.{end}", ", ".join(known), name)
    n_pre, n_post = parts[projection.source].n, parts[projection.target].n
    synapses = projection.synapses
    at = f"{key}.synapses"
    between = f"(n of {projection.source}, n of {projection.target})"
    if isinstance(synapses, Dense | Sparse):
        if isinstance(synapses, Dense):
            field, shape = "weights", synapses.weights.shape
        else:
            field, shape = "matrix", (synapses.matrix.n_pre, synapses.matrix.n_post)
        if shape != (n_pre, n_post):
            allowed = f"of shape {(n_pre, n_post)} {between}"
            raise FxlifError.must_be(f"{at}.{field}", allowed, shape)
    if isinstance(synapses, OneToOne) and n_pre != n_post:
        allowed = f"between equal numbers of neurons {between}"
        raise FxlifError.must_be(at, allowed, (n_pre, n_post), found=f"{n_pre} to {n_post}")
    if isinstance(synapses, Grid):
        rows, columns = synapses.shape
        if not rows * columns == n_pre == n_post:
            raise FxlifError.must_be(
                f"{at}.shape", f"rows * columns equal to both {between}", [rows, columns],
                found=f"{[rows, columns]} for {n_pre} to {n_post} neurons",
            )  # fmt: skip
    if isinstance(synapses, FixedInDegree):
        itself = projection.source == projection.target and not synapses.autapses
        if synapses.indegree > n_pre - itself:
            allowed = f"0..{n_pre - itself} (n of {projection.source})"
            raise FxlifError.must_be(f"{at}.indegree", allowed, synapses.indegree)
    _check_weights(at, synapses, parts[projection.target].neuron.weight_bits)


def _check_countable(key: str, name: str, source: NeuronParams, target: NeuronParams) -> None:
    """Raise where a sum would have no bound: spikes without number into neurons that sum exactly
    (docs/rule.md#accumulator)."""
    if source.fire_on == "event" and target.accumulate == "exact":
        allowed = "one with fire_on = step (the target's accumulate is exact)"
        raise FxlifError.must_be(key, allowed, name, found=f"{name}, with fire_on = event")


def _check_weights(at: str, synapses: Connectivity, weight_bits: int) -> None:
    """Raise unless every weight fits ``weight_bits`` bits."""
    low, high = signed_range(weight_bits)
    allowed = f"{low}..{high} (weight_bits = {weight_bits})"
    if isinstance(synapses, Dense | Grid):
        field = "weights" if isinstance(synapses, Dense) else "kernel"
        matrix = getattr(synapses, field)
        wrong = np.argwhere((matrix < low) | (matrix > high))
        if len(wrong):
            entry = tuple(int(i) for i in wrong[0])
            place = f"[{', '.join(map(str, entry))}]"
            raise FxlifError.must_be(f"{at}.{field}{place}", allowed, int(matrix[entry]))
        return
    if isinstance(synapses, Sparse):
        weights = np.atleast_1d(synapses.matrix.weights)
        field, ends = "matrix", (int(weights.min(initial=0)), int(weights.max(initial=0)))
    elif isinstance(synapses, AllToAll | OneToOne | FixedProbability | FixedInDegree):
        field, ends = "weight", bounds(synapses.weight)
    else:
        assert_never(synapses)
    for weight in ends:
        if not low <= weight <= high:
            raise FxlifError.must_be(f"{at}.{field}", allowed, weight)
