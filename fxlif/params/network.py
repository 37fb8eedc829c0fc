"""Everything that describes a network: populations joined by projections, or a chain of cores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from ..errors import FxlifError
from ..network.synapses import MAX_DELAY, Synapses, from_csr, load_npz
from .base import Int, Params, plain_int, plain_tuple
from .core import CoreParams, Thresholds, Weights, check_thresholds, frozen
from .neuron import NeuronParams
from .protocol import CoreSignals, Kind
from .quantise import fit_weights, signed_range

MAX_NEURONS = 1 << 30

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Seed = Annotated[Int, Field(ge=0, le=(1 << 63) - 1)]
Size = Annotated[Int, Field(ge=1, le=MAX_NEURONS)]


def _drawn(low: int, high: int) -> BeforeValidator:
    """One integer ``low``..``high``, or the lowest and the highest of a uniform draw."""

    def check(value: Any) -> Any:
        value = plain_tuple(plain_int(value))
        ends = tuple(map(plain_int, value)) if isinstance(value, tuple) else (value, value)
        if len(ends) != 2 or not all(type(end) is int for end in ends):
            found = list(value) if isinstance(value, tuple) else value
            raise ValueError(f"found {found!r:.60}, allowed an integer or [lowest, highest]")
        for end in ends:
            if not low <= end <= high:
                raise ValueError(f"found {end}, allowed {low}..{high}")
        if ends[0] > ends[1]:
            raise ValueError(f"found {list(ends)}, allowed [lowest, highest]")
        return ends if isinstance(value, tuple) else value

    return BeforeValidator(check)


Drawn = Annotated[int | tuple[int, int], _drawn(*signed_range(32))]
DrawnDelay = Annotated[int | tuple[int, int], _drawn(0, MAX_DELAY)]


def bounds(drawn: int | tuple[int, int]) -> tuple[int, int]:
    """Lowest and highest value of a value or a draw."""
    return drawn if isinstance(drawn, tuple) else (drawn, drawn)


# --- where spikes come from ---------------------------------------------------------------------


class Population(Params):
    """``n`` equal neurons; ``v_thresholds``, one per neuron, takes the place of the neuron's."""

    name: Name
    n: Size
    neuron: NeuronParams = NeuronParams()
    v_thresholds: Thresholds | None = None

    @model_validator(mode="after")
    def _one_threshold_each(self) -> Self:
        check_thresholds(self.neuron, self.v_thresholds, self.n, "n")
        return self


class PoissonSource(Params):
    """Each of ``n`` sources spikes in each step with the given probability (docs/rule.md#sources).

    Whether source i spikes in step t depends on the seed, t and i alone; see
    :func:`fxlif.network.sources.poisson`. ``probability`` is used as a multiple of 2**-32.
    """

    kind: Literal["poisson"] = "poisson"
    name: Name
    n: Size
    probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    seed: Seed = 1


class RegularSource(Params):
    """Source i spikes in every step t, from 0, with (t - phase_i) divisible by ``interval``.

    Phases left out are drawn from 0..interval - 1 by the seed.
    """

    kind: Literal["regular"] = "regular"
    name: Name
    n: Size
    interval: Annotated[Int, Field(ge=1, le=(1 << 31) - 1)]
    phases: Thresholds | None = None
    seed: Seed = 1

    @model_validator(mode="after")
    def _one_phase_each(self) -> Self:
        phases = self.phases or ()
        if self.phases is not None and len(phases) != self.n:
            raise ValueError(f"phases: found {len(phases)} values, allowed {self.n} (n)")
        for index, phase in enumerate(phases):
            if not 0 <= phase < self.interval:
                raise ValueError(
                    f"phases[{index}]: found {phase}, allowed 0..{self.interval - 1} (interval)"
                )
        return self


class EventSource(Params):
    """Spikes from outside: an event stream (:mod:`fxlif.network.events`) given to the run."""

    kind: Literal["events"] = "events"
    name: Name
    n: Size
    #: How often one address may spike in one step; beyond this promise sums saturate.
    max_events_per_input: Annotated[Int, Field(ge=1, le=65535)] = 1


Source = Annotated[PoissonSource | RegularSource | EventSource, Field(discriminator="kind")]


# --- synapses -----------------------------------------------------------------------------------


class Dense(Params):
    """All to all: an (n_pre, n_post) matrix of weights, and where given one of delays."""

    kind: Literal["dense"] = "dense"
    weights: Weights
    delays: Weights | None = None

    @model_validator(mode="after")
    def _matrices(self) -> Self:
        # Checked against the target's weight_bits by the network, which knows the target.
        weights = fit_weights(self.weights, weight_bits=32)
        object.__setattr__(self, "weights", frozen(weights))
        if weights.ndim != 2:
            raise ValueError(f"weights: found shape {weights.shape}, allowed (n_pre, n_post)")
        if self.delays is None:
            return self
        try:
            delays = np.asarray(self.delays)
        except ValueError:
            raise ValueError("delays: found rows of different lengths, allowed a matrix") from None
        if delays.shape != weights.shape or delays.dtype.kind not in "iu":
            raise ValueError(
                f"delays: found {delays.dtype} of shape {delays.shape}, "
                f"allowed integers of shape {weights.shape}"
            )
        if delays.size and not 0 <= delays.min() <= delays.max() <= MAX_DELAY:
            raise ValueError(
                f"delays: found {delays.min()}..{delays.max()}, allowed 0..{MAX_DELAY}"
            )
        object.__setattr__(self, "delays", frozen(delays))
        return self


class _Undelayed(Synapses):
    """A table that came without delays: those of its projection hold."""


def _undelayed(found: Synapses) -> Synapses:
    return _Undelayed(**{field.name: getattr(found, field.name) for field in fields(found)})


def _synapses(value: Any, info: ValidationInfo) -> Any:
    """A CSR matrix of scipy's, the text ``file.npz``, or a table as :class:`Sparse` writes it."""
    if isinstance(value, Synapses):
        return value
    if isinstance(value, str):
        path = Path((info.context or {}).get("folder", Path())) / value
        found = load_npz(path)
        with np.load(path, allow_pickle=False) as file:
            return found if "delays" in file.files else _undelayed(found)
    delays = None
    if isinstance(value, dict):
        unknown = [key for key in value if key not in (*_CSR_KEYS, "delays")]
        if unknown:
            raise ValueError(
                f"found the key {unknown[0]!r}, allowed {', '.join(_CSR_KEYS)}, delays"
            )
        delays = value.get("delays")
        columns = {key: value.get(key, ()) for key in _CSR_KEYS}
        value = SimpleNamespace(**columns)
    try:
        found = from_csr(value, delays)
    except FxlifError as error:
        raise ValueError(str(error).removeprefix("matrix: ")) from None
    return _undelayed(found) if delays is None else found


def _to_lists(synapses: Synapses) -> dict[str, Any]:
    count = synapses.count
    table = {
        "shape": [synapses.n_pre, synapses.n_post],
        "indptr": synapses.indptr.tolist(),
        "indices": synapses.targets.tolist(),
        "data": np.broadcast_to(synapses.weights, count).tolist(),
    }
    if not isinstance(synapses, _Undelayed):
        table["delays"] = np.broadcast_to(synapses.delays, count).tolist()
    return table


_CSR_KEYS = ("shape", "indptr", "indices", "data")


class Sparse(Params):
    """The synapses of a scipy CSR matrix (n_pre, n_post), or of a file of scipy's ``save_npz``.

    ``delays``: integers, one for each of ``matrix.data``, given beside a matrix; a file may hold
    them as the array ``delays``.
    """

    kind: Literal["sparse"] = "sparse"
    matrix: Annotated[
        Any,
        BeforeValidator(_synapses),
        PlainSerializer(_to_lists, return_type=dict[str, Any]),
    ]

    @model_validator(mode="before")
    @classmethod
    def _delays_beside(cls, data: Any) -> Any:
        """``delays`` is no field: it is read together with the matrix that it belongs to."""
        if not isinstance(data, dict) or data.get("delays") is None:
            return data
        rest = {key: value for key, value in data.items() if key != "delays"}
        matrix = data.get("matrix")
        if isinstance(matrix, dict):
            return {**rest, "matrix": {**matrix, "delays": data["delays"]}}
        if isinstance(matrix, str | Synapses):
            raise ValueError(
                "delays: found beside a table of synapses, "
                "allowed beside a CSR matrix, or in the file as the array 'delays'"
            )
        return {**rest, "matrix": from_csr(matrix, data["delays"])}

    @property
    def own_delays(self) -> bool:
        """Whether the delays came with the synapses; else those of the projection hold."""
        return not isinstance(self.matrix, _Undelayed)


class _Uniform(Params):
    #: One value, or the lowest and highest of a uniform draw by the seed.
    weight: Drawn
    seed: Seed = 1


class _Generated(_Uniform):
    #: Whether a neuron may reach itself; it matters where source and target are the same.
    autapses: bool = True


class AllToAll(_Generated):
    """Every source neuron to every target neuron."""

    kind: Literal["all_to_all"] = "all_to_all"


class OneToOne(_Uniform):
    """Source neuron i to target neuron i."""

    kind: Literal["one_to_one"] = "one_to_one"


class FixedProbability(_Generated):
    """Each pair with the same probability, independently."""

    kind: Literal["fixed_probability"] = "fixed_probability"
    probability: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class FixedInDegree(_Generated):
    """Each target neuron from ``indegree`` different source neurons."""

    kind: Literal["fixed_indegree"] = "fixed_indegree"
    indegree: Annotated[Int, Field(ge=0)]


class Grid(Params):
    """A sheet of rows x columns neurons; each spike reaches the neighbours through ``kernel``.

    Neuron (r, c) has the index r * columns + c; with an odd kernel of heights 2h + 1 and 2w + 1 it
    reaches (r + dr, c + dc) with the weight ``kernel[h + dr][w + dc]``, where that is not 0.
    ``open`` edges drop what falls off the sheet, ``periodic`` ones wrap around.
    """

    kind: Literal["grid"] = "grid"
    shape: Annotated[tuple[Size, Size], BeforeValidator(plain_tuple)]
    kernel: Weights
    edges: Literal["open", "periodic"] = "open"

    @model_validator(mode="after")
    def _odd_and_no_larger_than_a_ring(self) -> Self:
        try:
            kernel = fit_weights(self.kernel, weight_bits=32)
        except FxlifError as error:
            raise ValueError(str(error).replace("weights", "kernel", 1)) from None
        if kernel.ndim != 2 or any(side % 2 == 0 for side in kernel.shape):
            raise ValueError(f"kernel: found shape {kernel.shape}, allowed odd x odd")
        beyond = any(side > size for side, size in zip(kernel.shape, self.shape, strict=True))
        if self.edges == "periodic" and beyond:
            raise ValueError(
                f"kernel: found shape {kernel.shape}, "
                f"allowed no larger than the periodic sheet {self.shape}"
            )
        object.__setattr__(self, "kernel", frozen(kernel))
        return self


Connectivity = Annotated[
    Dense | Sparse | AllToAll | OneToOne | FixedProbability | FixedInDegree | Grid,
    Field(discriminator="kind"),
]


class Projection(Params):
    """Synapses from a source or population to a population.

    A spike adds ``weight << weight_shift`` to the target's current ``delay`` steps later; with
    delay 0 in the same step (docs/rule.md#delays). ``delay`` is without effect where the synapses
    bring their own.
    """

    source: Name
    target: Name
    synapses: Connectivity
    weight_shift: Annotated[Int, Field(ge=0, le=16)] = 0
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


# --- what a network is fed with -----------------------------------------------------------------


class EventInput(Params):
    """An event file (see :mod:`fxlif.network.events`) to feed to the first core."""

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


# --- the network --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Graph:
    """Sources, populations and projections, whichever way the network was described.

    ``order`` names the populations so that every projection without delay goes forward.
    """

    sources: tuple[PoissonSource | RegularSource | EventSource, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    order: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Neurons of each source and population."""
        return {part.name: part.n for part in (*self.sources, *self.populations)}


class NetworkParams(Params):
    """Populations and sources joined by projections; or a chain of cores.

    In a chain of cores the output neurons of each are the inputs of the next, in the same step.
    """

    name: Name = "network"
    core: Annotated[tuple[CoreParams, ...], BeforeValidator(plain_tuple), Field(max_length=64)] = ()
    population: Annotated[
        tuple[Population, ...], BeforeValidator(plain_tuple), Field(max_length=4096)
    ] = ()
    source: Annotated[tuple[Source, ...], BeforeValidator(plain_tuple)] = ()
    projection: Annotated[tuple[Projection, ...], BeforeValidator(plain_tuple)] = ()
    #: What to feed the network with; no part of the hardware, hence not of the digest.
    input: InputParams | None = None

    @model_validator(mode="after")
    def _cores_or_populations(self) -> Self:
        if self.core:
            for key in ("population", "source", "projection"):
                if getattr(self, key):
                    raise ValueError(f"{key}: found beside core, allowed one or the other")
        elif not self.population:
            raise ValueError("found no core and no population, allowed 1 or more of either")
        self._check_chain()
        if self.input is not None and len(self._event_sources()) != 1:
            raise ValueError(
                f"input: found with {len(self._event_sources())} event sources, allowed with one"
            )
        self.graph  # noqa: B018  a mistake in it is found when the object is made
        return self

    def _check_chain(self) -> None:
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
                    raise ValueError(
                        f"{key}[{index}].name: found {part.name!r} again, allowed each name once"
                    )
                parts[part.name] = part
        for index, projection in enumerate(self.projection):
            _check_projection(f"projection[{index}]", projection, parts)
        return Graph(
            sources=self.source,
            populations=self.population,
            projections=self.projection,
            order=_forward([p.name for p in self.population], self.projection),
        )

    def described(self) -> dict[str, Any]:
        content = self.model_dump(mode="json", exclude={"input"})
        unused = ("population", "source", "projection") if self.core else ("core",)
        return {key: value for key, value in content.items() if key not in unused}

    @property
    def kind(self) -> Kind:
        """As :class:`~fxlif.params.protocol.Design`."""
        return "network"

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
                name=name, n=core.n_neurons, neuron=core.neuron, v_thresholds=core.v_thresholds
            )
            for name, core in zip(names[1:], cores, strict=True)
        ),
        projections=tuple(
            Projection(
                source=source, target=target, synapses=Dense(weights=core.weights),
                weight_shift=core.weight_shift, delay=0,
            )
            for source, target, core in zip(names, names[1:], cores, strict=False)
        ),
        order=tuple(names[1:]),
    )  # fmt: skip


def _check_projection(key: str, projection: Projection, parts: dict[str, Any]) -> None:
    """Raise unless its ends exist, its synapses fit between them, and its weights the target."""
    for end in ("source", "target"):
        name = getattr(projection, end)
        known = [n for n, p in parts.items() if end == "source" or isinstance(p, Population)]
        if name not in known:
            raise ValueError(f"{key}.{end}: found {name!r}, allowed {', '.join(known)}")
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
            raise ValueError(
                f"{at}.{field}: found shape {shape}, allowed {(n_pre, n_post)} {between}"
            )
    if isinstance(synapses, OneToOne) and n_pre != n_post:
        raise ValueError(
            f"{at}: found {n_pre} to {n_post} neurons, allowed equal numbers {between}"
        )
    if isinstance(synapses, Grid):
        rows, columns = synapses.shape
        if not rows * columns == n_pre == n_post:
            raise ValueError(
                f"{at}.shape: found {[rows, columns]} for {n_pre} to {n_post} neurons, "
                f"allowed rows * columns equal to both {between}"
            )
    if isinstance(synapses, FixedInDegree):
        same = projection.source == projection.target and not synapses.autapses
        if synapses.indegree > n_pre - same:
            raise ValueError(
                f"{at}.indegree: found {synapses.indegree}, allowed 0..{n_pre - same} "
                f"(n of {projection.source})"
            )
    _check_weights(at, synapses, parts[projection.target].neuron.weight_bits)


def _check_weights(at: str, synapses: Any, weight_bits: int) -> None:
    low, high = signed_range(weight_bits)
    if isinstance(synapses, Dense | Grid):
        field = "weights" if isinstance(synapses, Dense) else "kernel"
        matrix = getattr(synapses, field)
        wrong = np.argwhere((matrix < low) | (matrix > high))
        if len(wrong):
            entry = tuple(int(i) for i in wrong[0])
            raise ValueError(
                f"{at}.{field}[{', '.join(map(str, entry))}]: found {matrix[entry]}, "
                f"allowed {low}..{high} (weight_bits = {weight_bits})"
            )
        return
    if isinstance(synapses, Sparse):
        weights = np.atleast_1d(synapses.matrix.weights)
        field, extremes = "matrix", (int(weights.min(initial=0)), int(weights.max(initial=0)))
    else:
        field, extremes = "weight", bounds(synapses.weight)
    for weight in extremes:
        if not low <= weight <= high:
            raise ValueError(
                f"{at}.{field}: found {weight}, allowed {low}..{high} (weight_bits = {weight_bits})"
            )


def _forward(names: Iterable[str], projections: Iterable[Projection]) -> tuple[str, ...]:
    """The names in an order in which every projection without delay goes forward."""
    names = list(names)
    before: dict[str, dict[str, int]] = {name: {} for name in names}
    for index, projection in enumerate(projections):
        if projection.source in before and projection.delay_range[0] == 0:
            before[projection.target].setdefault(projection.source, index)
    order: list[str] = []
    waiting = list(names)
    while waiting:
        free = [name for name in waiting if all(b in order for b in before[name])]
        if not free:
            raise ValueError(_loop(waiting, before))
        order.append(free[0])
        waiting.remove(free[0])
    return tuple(order)


def _loop(waiting: list[str], before: dict[str, dict[str, int]]) -> str:
    """A loop among the populations that wait for each other, in words."""
    seen = [waiting[0]]
    while True:
        previous = next(name for name in before[seen[-1]] if name in waiting)
        if previous in seen:
            break
        seen.append(previous)
    loop = [previous, *reversed(seen[seen.index(previous) :])]
    index = before[loop[1]][loop[0]]
    return (
        f"projection[{index}].delay: found 0 in the loop {' -> '.join(loop)}, "
        f"allowed 1..{MAX_DELAY} in one projection of a loop"
    )
