"""Seeded random stimulus, aimed at what rarely happens by itself.

Each axis has its own generator, so a shorter run sees the beginning of a longer one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import repeat

import numpy as np

from ...params.core import CoreParams

#: One phase of stalls lasts this many cycles.
PHASE = 512
#: How often an agent holds back, phase by phase: never, rarely, evenly, nearly always.
RATES = (0.0, 0.1, 0.5, 0.9)


def stalls(rng: random.Random) -> Iterator[bool]:
    """One boolean per cycle, without end; the rate changes from phase to phase."""
    while True:
        rate = rng.choice(RATES)
        for _ in range(PHASE):
            yield rng.random() < rate


def resets(rng: random.Random, *, every: int) -> Iterator[bool]:
    """Short resets, on average one in ``every`` cycles; one in four lasts more than a cycle."""
    while True:
        yield from repeat(False, 1 + int(rng.expovariate(1 / every)))
        yield from repeat(True, rng.choice((1, 1, 1, 3)))


def _favourites(core: CoreParams, rng: random.Random, excite: bool) -> list[int]:
    """Inputs that push one randomly chosen neuron up (or down), strongest first."""
    weights = core.weights[:, rng.randrange(core.n_neurons)] * (1 if excite else -1)
    order = np.argsort(-weights, kind="stable")
    return [int(i) for i in order[: max(1, core.n_inputs // 4)] if weights[i] > 0]


def step_events(core: CoreParams, rng: random.Random, kind: str) -> list[int]:
    """The packed payloads of one step of a kind, without its TICK."""
    inputs, most = core.n_inputs, min(core.n_inputs, 24)
    if kind == "silent":
        return []
    if kind == "sparse":
        return [rng.randrange(inputs) for _ in range(rng.randrange(3))]
    if kind == "unknown":  # addresses outside the inputs, where the width allows them
        return [rng.randrange(1 << core.in_address_bits) for _ in range(rng.randrange(1, 5))]
    if kind == "broken promise":
        address = rng.randrange(inputs)
        return [address] * (core.max_events_per_input + rng.randrange(1, 12))
    if kind in ("excite", "inhibit"):
        chosen = _favourites(core, rng, kind == "excite")
        return [address for address in chosen[:most] for _ in range(core.max_events_per_input)]
    return rng.sample(range(inputs), rng.randrange(most + 1))  # "any"


KINDS = ("silent", "sparse", "any", "any", "excite", "excite", "inhibit", "unknown",
         "broken promise")  # fmt: skip


def random_events(core: CoreParams, rng: random.Random) -> Iterator[int]:
    """Packed payloads for the inputs of ``core``, without end: phases of like steps.

    Exciting steps are frequent enough that neurons fire, and long runs of them or of inhibiting
    ones reach the ends of the state's range.
    """
    tick = 1 << core.in_address_bits
    while True:
        kind = rng.choice(KINDS)
        for _ in range(rng.choice((1, 2, 8, 40))):
            yield from step_events(core, rng, kind)
            yield tick
