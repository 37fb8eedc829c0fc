"""From the description of a projection to its synapses."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from ..memory import must_fit
from ..params.network import Projection
from ..params.topology import (
    AllToAll,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Sparse,
    bounds,
)
from . import generators
from .matrices import from_dense
from .synapses import WEIGHT_TYPES, Synapses, draw, narrowest


def table_bytes(projection: Projection, n_pre: int, n_post: int) -> int:
    """What the synapses of ``projection`` take in memory while they are drawn, about.

    The parts that are sure to be there: a table that was given is in memory already.
    """
    given = projection.synapses
    if isinstance(given, Dense | Sparse):
        return 0
    delay = 0 if isinstance(projection.delay, int) else 1
    count = expected_count(projection, n_pre, n_post)
    if isinstance(given, Grid):
        return n_pre * 8 + count * (8 + 8 + delay)  # found in parts, then put together
    low, high = bounds(given.weight)
    weight = 0 if low == high else np.dtype(narrowest(low, high, WEIGHT_TYPES)).itemsize
    drawing = {FixedProbability: 4 + 4, FixedInDegree: 8 + 4}.get(type(given), 0)
    return 8 * n_pre + count * max(4 + weight + delay, drawing)


def expected_count(projection: Projection, n_pre: int, n_post: int) -> int:
    """How many synapses ``projection`` has, about: known before any is drawn."""
    given = projection.synapses
    if isinstance(given, Dense):
        return int(np.count_nonzero(given.weights))
    if isinstance(given, Sparse):
        return int(given.matrix.count)
    if isinstance(given, Grid):
        return n_pre * int(np.count_nonzero(given.kernel))
    if isinstance(given, OneToOne):
        return n_pre
    if isinstance(given, AllToAll):
        return n_pre * n_post
    if isinstance(given, FixedProbability):
        return int(given.probability * n_pre * n_post)
    if isinstance(given, FixedInDegree):
        return given.indegree * n_post
    assert_never(given)


def synapses_of(projection: Projection, n_pre: int, n_post: int) -> Synapses:
    """The synapses of ``projection`` from ``n_pre`` to ``n_post`` neurons.

    A generated topology is drawn by the synapses' own seed, and after it, by the same generator,
    its weights; delays by ``delay_seed`` alone. The same projection gives the same table.

    Raises:
        FxlifError: synapses that do not fit between so many neurons, or in memory.
    """
    must_fit("synapses", table_bytes(projection, n_pre, n_post), f"{n_pre:,} x {n_post:,} neurons")
    given = projection.synapses
    delay = projection.delay
    delays = np.random.Generator(np.random.PCG64(projection.delay_seed))
    shape = (n_pre, n_post)
    if isinstance(given, Dense):
        return from_dense(given.weights, given.delays, shape=shape, delay=delay, rng=delays)
    if isinstance(given, Sparse):
        table: Synapses = given.matrix
        if given.own_delays:
            return table
        steps = draw(delay, table.count, delays, "delay")
        return Synapses(n_pre, n_post, table.indptr, table.targets, table.weights, steps)
    if isinstance(given, Grid):
        return generators.grid(given.shape, given.kernel, given.edges, delay=delay, rng=delays)
    drawn = np.random.Generator(np.random.PCG64(given.seed))
    if isinstance(given, OneToOne):
        indptr, targets = generators.one_to_one(n_pre)
    else:
        # Between two populations there is no "itself".
        autapses = given.autapses or projection.source != projection.target
        if isinstance(given, AllToAll):
            indptr, targets = generators.all_to_all(*shape, autapses)
        elif isinstance(given, FixedProbability):
            indptr, targets = generators.fixed_probability(
                *shape, given.probability, drawn, autapses
            )
        elif isinstance(given, FixedInDegree):
            indptr, targets = generators.fixed_indegree(*shape, given.indegree, drawn, autapses)
        else:
            assert_never(given)
    weights = draw(given.weight, len(targets), drawn, "weight")
    steps = draw(delay, len(targets), delays, "delay")
    return Synapses(n_pre, n_post, indptr, targets, weights, steps)
