"""Input steps that push one neuron as hard as can be, through a core before it if need be.

Random inputs hardly ever keep a single neuron at the lowest end of its range, least of all one
that sees only the spikes of another core.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...layout import HardwareNetwork
from ...network.topology import synapses_of
from ...params.core import CoreParams
from ...params.network import Graph, Projection
from ...params.protocol import AnyCores
from .layer import MOST_WEIGHTS, first_addresses

Ints = npt.NDArray[np.int64]

#: Steps in a row with the same input: many time constants of the usual leaks.
STEPS = 48
#: Most events of a step, and rounds of looking for them.
MOST_EVENTS, ROUNDS = 200, 300
#: Searches, by how many events the steepest input changes in a round: what a short stride does not
#: find, a long one may.
STRIDES = (3, 6)
#: Neurons of a core that are pushed: the first, the last, those that can be pushed hardest, and of
#: each lane the hardest, since every lane has hardware of its own.
HARDEST, LANES = 4, 16
#: Events with an address that no input has: more than a counter of 16 bits counts.
STRAYS = (1 << 16) + 64
#: Ways from the inputs to a core, in a network that has more.
ROUTES = 8


def push(core: CoreParams, neuron: int, *, up: bool) -> Ints:
    """How often each input should spike, (n_inputs,), to push a neuron: all events of the right
    sign, as many as one step may have."""
    weights = core.weights[:, neuron] * (1 if up else -1)
    right = weights > 0
    times = max(1, MOST_EVENTS // max(1, int(right.sum())))
    return np.where(right, times, 0)


def push_through(first: CoreParams, second: CoreParams, neuron: int, *, up: bool) -> Ints:
    """How often each input of ``first`` should spike, (n_inputs,), so that of its neurons those
    fire that push a neuron of ``second``, and no others. The best that a short search finds."""
    wanted = second.weights[:, neuron] * (1 if up else -1)
    thresholds = np.array(first.thresholds)
    best, most = np.zeros(first.n_inputs, dtype=np.int64), 0
    for stride in STRIDES:
        counts = np.zeros_like(best)
        for _ in range(ROUNDS):
            fires = (counts @ first.weights) << first.weight_shift >= thresholds
            if int(wanted[fires].sum()) > most:
                best, most = counts, int(wanted[fires].sum())
            # What fires but should not, and what should but does not, in proportion to its weight.
            wrong = np.where(fires, np.minimum(wanted, 0), np.maximum(wanted, 0))
            slope = first.weights @ wrong
            steepest = int(np.abs(slope).max())
            if not steepest:
                break
            change = np.round(stride * slope / steepest).astype(np.int64)
            counts = np.maximum(0, counts + change)
            if counts.sum() > MOST_EVENTS:
                counts = counts * 7 // 10
    return best


class Route(NamedTuple):
    """From inputs of a design, the addresses from ``at`` on, to what they act on: as a core, and
    where that acts on another, as that too."""

    at: int
    first: CoreParams
    second: CoreParams | None = None


def aimed_events(design: AnyCores) -> Ints:
    """Packed events for the inputs of a design, a few hundred steps for each core.

    A step with every input, then runs of equal steps that push single neurons up or down, of those
    that the inputs act on and of those behind them, then silence; and a step of addresses that no
    input has, if there are such. They keep no promise of ``max_events_per_input``.
    """
    steps = [np.ones(design.n_inputs, dtype=np.int64)]
    for route in routes(design)[:ROUTES]:
        for pushed in _pushes(route):
            counts = np.zeros_like(steps[0])
            counts[route.at : route.at + len(pushed)] = pushed
            steps += [counts] * STEPS
            steps += [np.zeros_like(counts)] * STEPS
    tick = np.array([1 << design.in_address_bits])
    addresses = np.arange(design.n_inputs)
    parts = [part for each in steps for part in (np.repeat(addresses, each), tick)]
    strange = np.arange(design.n_inputs, tick[0])
    if design.n_inputs and len(strange):
        parts += [np.resize(strange, STRAYS), tick]
    return np.concatenate(parts)


def routes(design: AnyCores) -> list[Route]:
    """The ways from the inputs to the cores, to the nearest first."""
    if not isinstance(design, HardwareNetwork):
        first, *others = design.cores
        return [Route(0, first), *(Route(0, first, second) for second in others[:1])]
    graph = design.golden.graph
    at = first_addresses(graph)
    small = [p for p in graph.projections
             if graph.sizes[p.source] * graph.sizes[p.target] <= MOST_WEIGHTS]  # fmt: skip
    nearest = [(p, as_core(graph, p)) for p in small if p.source in at]
    return [Route(at[p.source], core) for p, core in nearest] + [
        Route(at[p.source], core, as_core(graph, behind))
        for p, core in nearest for behind in small if behind.source == p.target
    ]  # fmt: skip


def as_core(graph: Graph, projection: Projection) -> CoreParams:
    """A projection and its target as a core."""
    (target,) = (p for p in graph.populations if p.name == projection.target)
    n_pre = graph.sizes[projection.source]
    return CoreParams(
        n_inputs=n_pre, n_neurons=target.n, neuron=target.neuron, lanes=target.lanes,
        weights=synapses_of(projection, n_pre, target.n).dense(),
        weight_shift=projection.weight_shift, v_thresholds=target.v_thresholds,
    )  # fmt: skip


def _pushes(route: Route) -> Iterator[Ints]:
    for up in (False, True):
        for neuron in _targets(route.second or route.first, up=up):
            if route.second is None:
                yield push(route.first, neuron, up=up)
            else:
                yield push_through(route.first, route.second, neuron, up=up)


def _targets(core: CoreParams, *, up: bool) -> list[int]:
    """Neurons worth pushing, each once."""
    reach = np.where(core.weights > 0, core.weights, 0) if up else np.minimum(core.weights, 0)
    order = np.argsort(-np.abs(reach.sum(axis=0)), kind="stable").tolist()
    lanes = [
        next(neuron for neuron in order if neuron % core.lanes == lane)
        for lane in range(min(core.lanes, LANES))
    ]
    return list(dict.fromkeys([0, core.n_neurons - 1, *order[:HARDEST], *lanes]))
