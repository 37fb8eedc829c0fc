"""Spikes that come from no neuron: Poisson and regular sources, each step by itself.

Whether a source spikes in a step depends on its seed, the step and its index alone, by a counter
and a hash: no state to save, the same spikes for every engine, number of threads and restart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..params.sources import PoissonSource, RegularSource

Words = npt.NDArray[np.uint64]

#: SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
GAMMA = 0x9E3779B97F4A7C15
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = (1 << 64) - 1


def mix(x: int) -> int:
    """The output function of SplitMix64, a bijection of 64-bit words."""
    x = ((x ^ (x >> 30)) * MIX_1) & _WORD
    x = ((x ^ (x >> 27)) * MIX_2) & _WORD
    return x ^ (x >> 31)


def mix_all(x: Words) -> Words:
    """:func:`mix` of each word."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(MIX_2)
    return x ^ (x >> np.uint64(31))


def step_key(seed: int, step: int) -> int:
    """Where the SplitMix64 sequence of one step of one source starts."""
    return mix((mix(seed) + (step + 1) * GAMMA) & _WORD)


def limit(source: PoissonSource) -> int:
    """The source spikes where the high half of its random word is below this."""
    return round(source.probability * (1 << 32))


def poisson(source: PoissonSource, step: int) -> npt.NDArray[np.int64]:
    """The sources that spike in ``step``, ascending, (spikes,) int64."""
    counters = np.arange(1, source.n + 1, dtype=np.uint64) * np.uint64(GAMMA)
    words = mix_all(counters + np.uint64(step_key(source.seed, step)))
    return np.flatnonzero((words >> np.uint64(32)) < np.uint64(limit(source)))


def phases(source: RegularSource) -> npt.NDArray[np.int64]:
    """The phase of each source, (n,) int64."""
    if source.phases is not None:
        return np.array(source.phases, dtype=np.int64)
    draw = np.random.Generator(np.random.PCG64(source.seed))
    return draw.integers(0, source.interval, source.n, dtype=np.int64)
