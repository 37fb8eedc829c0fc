"""What arrives at each neuron node, as sums over the nodes that spike: the linear nodes merged.

A signal is a sum of spikes of emitters (inputs and neuron nodes), some steps ago, times matrices,
and a constant. Each linear node maps a signal to a signal, so convolutions, pooling and the
weights behind them become one matrix, whatever lies between two nodes that spike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from ..errors import FxlifError
from .graph import Floats, Graph, Node
from .linear import NEURONS, SUPPORTED, Csr, Shape, linear_node, scipy_sparse


@dataclass(frozen=True, eq=False)
class Signal:
    """``parts``: by emitter and delay in steps, (n of it, n here); ``constant``: (n,)."""

    shape: Shape
    parts: dict[tuple[str, int], Csr]
    constant: Floats


class Reduction:
    """The signals of a graph, each found once.

    Args:
        graph: to be reduced.
        dt: length of a step, in the unit of the graph's delays; None where it has none.
    """

    def __init__(self, graph: Graph, dt: float) -> None:
        self.graph, self.dt = graph, dt
        self._behind: dict[str, Signal] = {}
        self._open: list[str] = []
        for node in graph.nodes.values():
            if node.kind not in SUPPORTED:
                raise FxlifError.must_be(
                    f"{node.path}.type", f"one of {', '.join(SUPPORTED)}", node.kind
                )
        self.emitters = [
            path for path, node in graph.nodes.items()
            if node.kind in NEURONS or path in graph.inputs
        ]  # fmt: skip

    def into(self, path: str) -> Signal:
        """What arrives at a node: the sum of what the nodes before it give."""
        before = [(one, self.behind(one)) for one in self.graph.before(path)]
        if not before:
            raise FxlifError.must_be(path, "behind another node", None, found="without an input")
        (first, signal), *rest = before
        for name, other in rest:
            if prod(other.shape) != prod(signal.shape):
                allowed = f"of shape {signal.shape} as that of {first}"
                raise FxlifError.must_be(f"{name} -> {path}", allowed, other.shape)
            signal = Signal(
                signal.shape, _summed([*signal.parts.items(), *other.parts.items()]),
                signal.constant + other.constant,
            )  # fmt: skip
        return signal

    def behind(self, path: str) -> Signal:
        """What a node gives."""
        if path not in self._behind:
            if path in self._open:
                loop = " -> ".join([*self._open[self._open.index(path) :], path])
                raise FxlifError.must_be(path, "in no loop of linear nodes alone", loop)
            self._open.append(path)
            self._behind[path] = self._found(self.graph.nodes[path])
            self._open.remove(path)
        return self._behind[path]

    def shape(self, path: str, seen: tuple[str, ...] = ()) -> Shape:
        """The shape of what an emitter gives."""
        node = self.graph.nodes[path]
        if node.kind == "Input":
            # A file has the field `shape`, an object of the package `input_type`.
            given = node.fields.get("shape", node.fields.get("input_type"))
            if isinstance(given, dict):
                given = given.get("input")
            held = Node(path=path, kind="Input", fields={"shape": given}).numbers("shape")
            size = tuple(int(x) for x in held.ravel())
            if not size or min(size) < 1:
                raise FxlifError.must_be(f"{path}.shape", "1 or more in each dimension", size)
            return size
        shapes = {np.shape(value) for key, value in node.fields.items() if key in _PER_NEURON}
        own = max(shapes, key=lambda shape: (prod(shape), len(shape)), default=())
        # One number may stand for all neurons of a layer: its input says how many there are.
        if prod(own) > 1 or path in seen:
            return own
        for one in self.graph.before(path):
            if found := self._shape_behind(one, (*seen, path)):
                return found
        return own or (1,)

    def _shape_behind(self, path: str, seen: tuple[str, ...]) -> Shape:
        """The shape of what a node gives, () where only a loop through ``seen`` says it."""
        if path in self.emitters:
            return () if path in seen else self.shape(path, seen)
        if path in seen:
            return ()
        node = self.graph.nodes[path]
        for one in self.graph.before(path):
            if node.kind in ("Affine", "Linear"):
                return node.numbers("weight").shape[:1]
            if found := self._shape_behind(one, (*seen, path)):
                return found if node.kind == "Delay" else linear_node(node, found)[2]
        return ()

    def _found(self, node: Node) -> Signal:
        sparse = scipy_sparse()

        if node.path in self.emitters:
            shape = self.shape(node.path)
            n = prod(shape)
            return Signal(shape, {(node.path, 0): sparse.identity(n, format="csr")}, np.zeros(n))
        signal = self.into(node.path)
        if node.kind == "Delay":
            return self._delayed(node, signal)
        matrix, bias, shape = linear_node(node, signal.shape)
        constant = signal.constant @ matrix
        return Signal(
            shape, {key: part @ matrix for key, part in signal.parts.items()},
            constant if bias is None else constant + bias,
        )  # fmt: skip

    def _delayed(self, node: Node, signal: Signal) -> Signal:
        sparse = scipy_sparse()

        n = prod(signal.shape)
        given = node.numbers("delay").ravel()
        if given.size not in (1, n):
            raise FxlifError.must_be(f"{node.path}.delay", f"of shape {signal.shape}", given.shape)
        exact = np.broadcast_to(given, (n,)) / self.dt
        steps = np.rint(exact).astype(np.int64)
        wrong = (np.abs(exact - steps) > 1e-6 * np.maximum(1, steps)) | (steps < 0)
        if wrong.any():
            found = float(np.broadcast_to(given, (n,))[np.argmax(wrong)])
            raise FxlifError.must_be(f"{node.path}.delay", f"a multiple of dt = {self.dt}", found)
        if signal.constant.any() and steps.any():
            raise FxlifError.must_be(node.path, "before what adds a bias", None, found="behind it")
        parts = []
        for late in np.unique(steps):
            those = sparse.diags((steps == late).astype(np.float64)).tocsr()
            for (emitter, delay), part in signal.parts.items():
                parts.append(((emitter, delay + int(late)), part @ those))
        return Signal(signal.shape, _summed(parts), signal.constant)


_PER_NEURON = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "threshold")


def _summed(parts: Iterable[tuple[tuple[str, int], Csr]]) -> dict[tuple[str, int], Csr]:
    made: dict[tuple[str, int], Csr] = {}
    for key, part in parts:
        made[key] = made[key] + part if key in made else part
    return {key: part for key, part in made.items() if part.nnz}
