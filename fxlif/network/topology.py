"""From the description of a projection to its synapses."""

from __future__ import annotations

import numpy as np

from ..params.network import (
    AllToAll,
    Dense,
    FixedInDegree,
    FixedProbability,
    Grid,
    OneToOne,
    Projection,
    Sparse,
)
from . import synapses
from .synapses import Synapses


def synapses_of(projection: Projection, n_pre: int, n_post: int) -> Synapses:
    """The synapses of ``projection`` from ``n_pre`` to ``n_post`` neurons.

    A generated topology is drawn by the synapses' own seed, and after it, by the same generator,
    its weights; delays by ``delay_seed`` alone. The same projection gives the same table.

    Raises:
        FxlifError: synapses that do not fit between so many neurons.
    """
    given = projection.synapses
    delay = projection.delay
    delays = np.random.Generator(np.random.PCG64(projection.delay_seed))
    shape = (n_pre, n_post)
    if isinstance(given, Dense):
        return synapses.from_dense(
            given.weights, given.delays, shape=shape, delay=delay, rng=delays
        )
    if isinstance(given, Sparse):
        table: Synapses = given.matrix
        if given.own_delays:
            return table
        steps = synapses.draw(delay, table.count, delays, "delay")
        return Synapses(n_pre, n_post, table.indptr, table.targets, table.weights, steps)
    if isinstance(given, Grid):
        return synapses.grid(given.shape, given.kernel, given.edges, delay=delay, rng=delays)
    drawn = np.random.Generator(np.random.PCG64(given.seed))
    # Between two populations there is no "itself".
    autapses = projection.source != projection.target
    if isinstance(given, AllToAll):
        indptr, targets = synapses.all_to_all(n_pre, n_post, given.autapses or autapses)
    elif isinstance(given, OneToOne):
        indptr, targets = synapses.one_to_one(n_pre)
    elif isinstance(given, FixedProbability):
        indptr, targets = synapses.fixed_probability(
            n_pre, n_post, given.probability, drawn, given.autapses or autapses
        )
    elif isinstance(given, FixedInDegree):
        indptr, targets = synapses.fixed_indegree(
            n_pre, n_post, given.indegree, drawn, given.autapses or autapses
        )
    count = len(targets)
    weights = synapses.draw(given.weight, count, drawn, "weight")
    steps = synapses.draw(delay, count, delays, "delay")
    return Synapses(n_pre, n_post, indptr, targets, weights, steps)
