"""Input steps that push one neuron as hard as can be, through a core before it if need be.

Random inputs hardly ever keep a single neuron at the lowest end of its range, least of all one
that sees only the spikes of another core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ...params.core import CoreParams

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


def aimed_events(cores: Sequence[CoreParams]) -> Ints:
    """Packed events for the inputs of a chain, a few hundred steps for each core.

    A step with every input, then runs of equal steps that push single neurons of the first two
    cores up or down, then silence. They keep no promise of ``max_events_per_input``.
    """
    first = cores[0]
    steps = [np.ones(first.n_inputs, dtype=np.int64)]
    for counts in _pushes(cores):
        steps += [counts] * STEPS
        steps += [np.zeros_like(counts)] * STEPS
    tick = np.array([1 << first.in_address_bits])
    addresses = np.arange(first.n_inputs)
    return np.concatenate([part for each in steps for part in (np.repeat(addresses, each), tick)])


def _pushes(cores: Sequence[CoreParams]) -> Iterator[Ints]:
    for k, core in enumerate(cores[:2]):
        for up in (False, True):
            for neuron in _targets(core, up=up):
                if k == 0:
                    yield push(core, neuron, up=up)
                else:
                    yield push_through(cores[0], core, neuron, up=up)


def _targets(core: CoreParams, *, up: bool) -> list[int]:
    """Neurons worth pushing, each once."""
    reach = np.where(core.weights > 0, core.weights, 0) if up else np.minimum(core.weights, 0)
    order = np.argsort(-np.abs(reach.sum(axis=0)), kind="stable").tolist()
    lanes = [
        next(neuron for neuron in order if neuron % core.lanes == lane)
        for lane in range(min(core.lanes, LANES))
    ]
    return list(dict.fromkeys([0, core.n_neurons - 1, *order[:HARDEST], *lanes]))
