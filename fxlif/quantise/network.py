"""A network in float64: groups of neurons joined by connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..arrays import finite
from ..errors import FxlifError
from ..network.synapses import MAX_DELAY
from ..params.topology import forward_order
from .neuron import StepNeuron

Floats = npt.NDArray[np.float64]
#: A float64 array, or a matrix of scipy.sparse.
Matrix = Any


def is_sparse(matrix: Matrix) -> bool:
    """Whether ``matrix`` is one of scipy.sparse."""
    return hasattr(matrix, "tocsr")


def entries(matrix: Matrix) -> Floats:
    """The weights of a matrix, flat; of a sparse one those that are stored."""
    return np.asarray(matrix.data if is_sparse(matrix) else matrix).ravel()


def mapped(matrix: Matrix, change: Callable[[Any], Any]) -> Matrix:
    """The matrix with each of its :func:`entries` changed."""
    if not is_sparse(matrix):
        return change(np.asarray(matrix))
    made = matrix.copy()
    made.data = change(matrix.data)
    return made


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatGroup:
    """``n`` neurons of one kind.

    ``v_threshold`` and ``bias``, numbers or (n,), take the place of the neuron's.
    """

    name: str
    n: int
    neuron: StepNeuron
    v_threshold: npt.ArrayLike | None = None
    bias: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        for name in ("v_threshold", "bias"):
            self._each(name)
        if (self.thresholds == self.neuron.v_leak).any():
            k = int(np.argmax(self.thresholds == self.neuron.v_leak))
            allowed = f"another value than v_leak = {self.neuron.v_leak}"
            found = float(self.thresholds[k])
            raise FxlifError.must_be(f"{self.name}.v_threshold[{k}]", allowed, found)

    def _each(self, name: str) -> Floats:
        given = getattr(self, name)
        key = f"{self.name}.{name}"
        values = getattr(self.neuron, name) if given is None else given
        never = name == "v_threshold" and np.all(np.equal(values, np.inf))
        values = np.asarray(values, np.float64) if never else finite(key, values)
        if values.shape not in ((), (self.n,)):
            found = f"shape {values.shape}"
            raise FxlifError.must_be(key, f"one number or ({self.n},)", given, found=found)
        return np.broadcast_to(values, (self.n,))

    @cached_property
    def thresholds(self) -> Floats:
        """The threshold of each neuron, (n,)."""
        return self._each("v_threshold")

    @property
    def fires(self) -> bool:
        """Whether the neurons have a threshold: with an infinite one they are read by their v."""
        return bool(np.isfinite(self.thresholds).all())

    @cached_property
    def biases(self) -> Floats:
        """The bias of each neuron, (n,)."""
        return self._each("bias")


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatConnection:
    """From an input or a group to a group; a spike acts ``delay`` steps later.

    ``weights``: (n of source, n of target), an array or a matrix of scipy.sparse.
    """

    source: str
    target: str
    weights: Matrix
    delay: int = 0

    def __post_init__(self) -> None:
        key = f"{self.source} -> {self.target}"
        if is_sparse(self.weights):
            made: Matrix = self.weights.tocsr().astype(np.float64)
            made.sum_duplicates()
            finite(f"{key}: weights", made.data)
        else:
            made = finite(f"{key}: weights", self.weights)
            if made.ndim != 2:
                found = f"shape {made.shape}"
                raise FxlifError.must_be(f"{key}: weights", "a matrix", self.weights, found=found)
        object.__setattr__(self, "weights", made)
        if not 0 <= self.delay <= MAX_DELAY:
            raise FxlifError.must_be(f"{key}: delay", f"0..{MAX_DELAY} steps", self.delay)

    @property
    def delay_range(self) -> tuple[int, int]:
        """Shortest and longest delay, in steps."""
        return self.delay, self.delay


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatNetwork:
    """``inputs`` (name: how many) and ``groups``, joined by ``connections``.

    ``events``: by input, how often one of its lines may spike in a step, at most; 1 where left out.
    """

    groups: Sequence[FloatGroup]
    connections: Sequence[FloatConnection]
    inputs: Mapping[str, int]
    events: Mapping[str, int] = field(default_factory=dict)
    name: str = "network"

    def __post_init__(self) -> None:
        targets = [group.name for group in self.groups]
        if len({*self.inputs, *targets}) < len(self.inputs) + len(targets):
            raise FxlifError.must_be("groups", "of different names", [*self.inputs, *targets])
        for connection in self.connections:
            ends = connection.source, connection.target
            for end, name, known in zip(
                ("source", "target"), ends, ([*self.inputs, *targets], targets), strict=True
            ):
                if name not in known:
                    raise FxlifError.must_be(f"connection.{end}", ", ".join(known), name)
            shape = tuple(self.sizes[end] for end in ends)
            if connection.weights.shape != shape:
                key = f"{' -> '.join(ends)}: weights"
                raise FxlifError.must_be(key, f"of shape {shape}", connection.weights.shape)
        self.order  # noqa: B018  a loop without delay is found when the network is made

    @classmethod
    def chain(
        cls,
        weights: Sequence[npt.ArrayLike],
        neurons: StepNeuron | Sequence[StepNeuron],
        *,
        biases: Sequence[npt.ArrayLike | None] | None = None,
        name: str = "network",
    ) -> Self:
        """Layers ``layer_0``, ``layer_1``, ... behind one ``input``, without delay.

        ``weights``: of each layer (n before, n of it); ``neurons``: one for all, or one a layer.
        """
        matrices = [finite(f"weights[{k}]", w) for k, w in enumerate(weights)]
        kinds = [neurons] * len(matrices) if isinstance(neurons, StepNeuron) else list(neurons)
        given = [None] * len(matrices) if biases is None else list(biases)
        if not matrices or not len(kinds) == len(given) == len(matrices):
            allowed = f"one for each of the {len(matrices)} weights"
            raise FxlifError.must_be("neurons and biases", allowed, [len(kinds), len(given)])
        for k, w in enumerate(matrices):
            if w.ndim != 2:
                raise FxlifError.must_be(f"weights[{k}]", "a matrix", w, found=f"shape {w.shape}")
        names = ["input", *(f"layer_{k}" for k in range(len(matrices)))]
        return cls(
            inputs={"input": len(matrices[0])},
            groups=[
                FloatGroup(name=n, n=w.shape[1], neuron=neuron, bias=bias)
                for n, w, neuron, bias in zip(names[1:], matrices, kinds, given, strict=True)
            ],
            connections=[
                FloatConnection(source=a, target=b, weights=w)
                for a, b, w in zip(names, names[1:], matrices, strict=False)
            ],
            name=name,
        )

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many lines each input has, and neurons each group."""
        return {**self.inputs, **{group.name: group.n for group in self.groups}}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The groups in an order in which every connection without delay goes forward."""
        return forward_order([group.name for group in self.groups], self.connections)

    def into(self, group: str) -> list[FloatConnection]:
        """The connections whose target ``group`` is."""
        return [one for one in self.connections if one.target == group]

    def run(self, spikes: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[np.int64]]:
        """The spikes of every group in float64, counts as those given: see :mod:`.simulate`.

        ``spikes``: by input, (steps, n) counts; or (steps, samples, n), each sample from the first
        state on.
        """
        from .simulate import simulate

        return simulate(self, spikes)
