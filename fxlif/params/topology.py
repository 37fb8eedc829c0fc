"""The synapses of a projection: given, or a topology that generates them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    model_validator,
)

from ..arrays import Ints, integers, within
from ..errors import FxlifError, short
from ..files import read_arrays
from ..network.matrices import from_csr, load_npz
from ..network.synapses import MAX_DELAY, Synapses
from .arrays import Weights, beside, frozen
from .base import Int, Params, Seed, Size, plain_int, plain_tuple
from .quantise import fit_weights, signed_range


def drawn_between(low: int, high: int) -> BeforeValidator:
    """A validator: an integer ``low``..``high``, or the lowest and highest of a uniform draw."""

    def check(value: Any) -> Any:
        value = plain_tuple(plain_int(value))
        ends = tuple(map(plain_int, value)) if isinstance(value, tuple) else (value, value)
        if len(ends) != 2 or not all(type(end) is int for end in ends):
            found = short(list(value) if isinstance(value, tuple) else value)
            allowed = "an integer or [lowest, highest]"
            raise FxlifError.must_be("", allowed, value, found=found)
        for end in ends:
            if not low <= end <= high:
                raise FxlifError.must_be("", f"{low}..{high}", end)
        if ends[0] > ends[1]:
            raise FxlifError.must_be("", "[lowest, highest]", list(ends))
        return ends if isinstance(value, tuple) else value

    return BeforeValidator(check)


Drawn = Annotated[
    int | tuple[int, int],
    drawn_between(*signed_range(32)),
    Field(
        description="The weight of every synapse, within the target's ``weight_bits``; or the "
        "lowest and the highest of a uniform draw by ``seed`` (docs/rule.md#weights)."
    ),
]
DrawnDelay = Annotated[
    int | tuple[int, int],
    drawn_between(0, MAX_DELAY),
    Field(
        description=f"Steps from a spike to its effect, 0..{MAX_DELAY}; or the lowest and the "
        "highest of a uniform draw by ``delay_seed``; without effect on synapses that bring their "
        "own (docs/rule.md#delays)."
    ),
]


def bounds(drawn: int | tuple[int, int]) -> tuple[int, int]:
    """Lowest and highest value of a value or a draw."""
    return drawn if isinstance(drawn, tuple) else (drawn, drawn)


TopologySeed = Annotated[
    Seed, Field(description="The same seed draws the same synapses (docs/networks.md#in-python).")
]


# --- synapses -----------------------------------------------------------------------------------


class Dense(Params):
    """All to all: an (n_pre, n_post) matrix of weights, and where given one of delays."""

    kind: Literal["dense"] = "dense"
    weights: Annotated[
        Weights,
        Field(
            description="(n_pre, n_post) integers, 0 where there is no synapse; as lists, as an "
            "array, or as the text ``file.npy`` or ``file.npz:key`` (docs/rule.md#weights)."
        ),
    ] = Field(kw_only=False)
    delays: Annotated[
        Weights | None,
        Field(
            description=f"As ``weights``, the delay of each synapse, 0..{MAX_DELAY} steps; None: "
            "that of the projection (docs/rule.md#delays)."
        ),
    ] = Field(default=None, kw_only=False)

    @model_validator(mode="after")
    def _matrices(self) -> Self:
        # Checked against the target's weight_bits by the network, which knows the target.
        weights = fit_weights(self.weights, weight_bits=32)
        object.__setattr__(self, "weights", frozen(weights))
        if weights.ndim != 2:
            raise FxlifError.must_be("weights", "of shape (n_pre, n_post)", weights.shape)
        if self.delays is None:
            return self
        delays = within("delays", integers("delays", self.delays), 0, MAX_DELAY)
        if delays.shape != weights.shape:
            raise FxlifError.must_be("delays", f"of shape {weights.shape}", delays.shape)
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
        return found if read_arrays(path, (), ("delays",)) else _undelayed(found)
    delays = None
    if isinstance(value, dict):
        unknown = [key for key in value if key not in (*_CSR_KEYS, "delays")]
        if unknown:
            allowed = f"a table of {', '.join(_CSR_KEYS)} and delays"
            raise FxlifError.must_be("", allowed, value, found=f"one with {unknown[0]!r}")
        delays = value.get("delays")
        columns = {key: value.get(key, ()) for key in _CSR_KEYS}
        value = SimpleNamespace(**columns)
    try:
        found = from_csr(value, delays)
    except FxlifError as error:
        said = str(error).removeprefix("matrix: ")
        raise FxlifError(said, value=error.value, allowed=error.allowed) from None
    return _undelayed(found) if delays is None else found


def _written(synapses: Synapses, info: SerializationInfo) -> Any:
    """A table as :func:`_synapses` reads it, or the name of a file of scipy's ``save_npz``."""
    count = synapses.count
    table: dict[str, np.ndarray] = {
        "indptr": synapses.indptr,
        "indices": synapses.targets,
        "data": np.broadcast_to(synapses.weights, count),
    }
    if not isinstance(synapses, _Undelayed):
        table["delays"] = np.broadcast_to(synapses.delays, count)
    shape = [synapses.n_pre, synapses.n_post]
    file = beside(info, max(count, synapses.n_pre))
    if file is not None:
        return file.arrays(format=np.array(b"csr"), shape=shape, **table)
    return {"shape": shape} | {name: values.tolist() for name, values in table.items()}


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
        PlainSerializer(_written, return_type=Any),
        Field(
            description="A CSR matrix of scipy's, the text ``file.npz``, or a table of ``shape``, "
            "``indptr``, ``indices``, ``data`` and ``delays`` (docs/rule.md#weights)."
        ),
    ] = Field(kw_only=False)

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
            raise FxlifError.must_be(
                "delays", "beside a CSR matrix, or in the file as the array 'delays'",
                data["delays"], found="beside a table of synapses",
            )  # fmt: skip
        return {**rest, "matrix": from_csr(matrix, data["delays"])}

    @property
    def own_delays(self) -> bool:
        """Whether the delays came with the synapses; else those of the projection hold."""
        return not isinstance(self.matrix, _Undelayed)


def of_matrix(weights: Ints, *, zeros: bool) -> Dense | Sparse:
    """The synapses of a matrix (n_pre, n_post): with ``zeros`` each entry is one."""
    if not zeros:
        return Dense(weights=weights)
    n_pre, n_post = weights.shape
    return Sparse(matrix={
        "shape": [n_pre, n_post], "indptr": np.arange(n_pre + 1) * n_post,
        "indices": np.tile(np.arange(n_post), n_pre), "data": weights.ravel(),
    })  # fmt: skip


class _Generated(Params):
    """A topology that may join a neuron to itself."""

    seed: TopologySeed = 1
    autapses: Annotated[
        bool,
        Field(
            description="Whether a neuron may reach itself, where source and target are the same "
            "(docs/rule.md#networks)."
        ),
    ] = True


class AllToAll(_Generated):
    """Every source neuron to every target neuron."""

    kind: Literal["all_to_all"] = "all_to_all"
    weight: Drawn = Field(kw_only=False)


class OneToOne(Params):
    """Source neuron i to target neuron i."""

    kind: Literal["one_to_one"] = "one_to_one"
    weight: Drawn = Field(kw_only=False)
    seed: TopologySeed = 1


class FixedProbability(_Generated):
    """Each pair with the same probability, independently."""

    kind: Literal["fixed_probability"] = "fixed_probability"
    probability: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            allow_inf_nan=False,
            description="That a synapse joins a pair of neurons (docs/rule.md#networks).",
        ),
    ] = Field(kw_only=False)
    weight: Drawn = Field(kw_only=False)


class FixedInDegree(_Generated):
    """Each target neuron from ``indegree`` different source neurons."""

    kind: Literal["fixed_indegree"] = "fixed_indegree"
    indegree: Annotated[
        Int,
        Field(
            ge=0,
            description="Synapses into each target neuron, no more than there are sources "
            "(docs/rule.md#networks).",
        ),
    ] = Field(kw_only=False)
    weight: Drawn = Field(kw_only=False)


class Grid(Params):
    """A sheet of rows x columns neurons; each spike reaches the neighbours through ``kernel``.

    Neuron (r, c) has the index r * columns + c; with an odd kernel of heights 2h + 1 and 2w + 1 it
    reaches (r + dr, c + dc) with the weight ``kernel[h + dr][w + dc]``, where that is not 0.
    ``open`` edges drop what falls off the sheet, ``periodic`` ones wrap around.
    """

    kind: Literal["grid"] = "grid"
    shape: Annotated[
        tuple[Size, Size],
        BeforeValidator(plain_tuple),
        Field(description="Rows and columns of the sheet (docs/rule.md#networks)."),
    ] = Field(kw_only=False)
    kernel: Annotated[
        Weights,
        Field(
            description="Weights by distance: odd numbers of rows and of columns, the neuron "
            "itself in the middle (docs/rule.md#weights)."
        ),
    ] = Field(kw_only=False)
    edges: Annotated[
        Literal["open", "periodic"],
        Field(
            description="What becomes of neighbours beyond the sheet: there are none, or those of "
            "the other side (docs/rule.md#networks)."
        ),
    ] = "open"

    @model_validator(mode="after")
    def _odd_and_no_larger_than_a_ring(self) -> Self:
        kernel = fit_weights(self.kernel, weight_bits=32, name="kernel")
        if kernel.ndim != 2 or any(side % 2 == 0 for side in kernel.shape):
            raise FxlifError.must_be("kernel", "of shape odd x odd", kernel.shape)
        beyond = any(side > size for side, size in zip(kernel.shape, self.shape, strict=True))
        if self.edges == "periodic" and beyond:
            allowed = f"no larger than the periodic sheet {self.shape}"
            raise FxlifError.must_be("kernel", allowed, kernel.shape)
        object.__setattr__(self, "kernel", frozen(kernel))
        return self


Connectivity = Annotated[
    Dense | Sparse | AllToAll | OneToOne | FixedProbability | FixedInDegree | Grid,
    Field(discriminator="kind"),
]


# --- the order within a step --------------------------------------------------------------------


class Joins(Protocol):
    """What joins two parts of a network, in float or in integers."""

    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def delay_range(self) -> tuple[int, int]: ...


def forward_order(names: Iterable[str], projections: Iterable[Joins]) -> tuple[str, ...]:
    """The names in an order in which every projection without delay goes forward.

    Raises:
        FxlifError: a loop without delay.
    """
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
            raise _loop(waiting, before)
        order.append(free[0])
        waiting.remove(free[0])
    return tuple(order)


def _loop(waiting: list[str], before: dict[str, dict[str, int]]) -> FxlifError:
    """The error of a loop without delay among the populations that wait for each other."""
    seen = [waiting[0]]
    while True:
        previous = next(name for name in before[seen[-1]] if name in waiting)
        if previous in seen:
            break
        seen.append(previous)
    loop = [previous, *reversed(seen[seen.index(previous) :])]
    index = before[loop[1]][loop[0]]
    return FxlifError.must_be(
        f"projection[{index}].delay", f"1..{MAX_DELAY} in one projection of a loop", 0,
        found=f"0 in the loop {' -> '.join(loop)}",
    )  # fmt: skip
