"""What comes from no neuron: spikes of Poisson and regular sources, and noise; step by step.

What is drawn in a step depends on a seed, the step and an index alone, by a counter and a hash: no
state to save, the same for every engine, number of threads and restart.
"""

from __future__ import annotations

import hashlib
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, assert_never

import numpy as np
import numpy.typing as npt

from ..params.network import Population
from ..params.noise import GaussianNoise, Noise, PoissonNoise
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


def _words(key: int, step: int, n: int) -> Words:
    """The words of one step: a SplitMix64 sequence from a start that depends on the step."""
    start = mix((key + (step + 1) * GAMMA) & _WORD)
    return mix_all(np.arange(1, n + 1, dtype=np.uint64) * np.uint64(GAMMA) + np.uint64(start))


def limit(source: PoissonSource) -> int:
    """The source spikes where the high half of its random word is below this."""
    return round(source.probability * (1 << 32))


def poisson(source: PoissonSource, step: int) -> npt.NDArray[np.int64]:
    """The sources that spike in ``step``, ascending, (spikes,) int64."""
    words = _words(mix(source.seed), step, source.n)
    return np.flatnonzero((words >> np.uint64(32)) < np.uint64(limit(source)))


def phases(source: RegularSource) -> npt.NDArray[np.int64]:
    """The phase of each source, (n,) int64."""
    if source.phases is not None:
        return np.array(source.phases, dtype=np.int64)
    draw = np.random.Generator(np.random.PCG64(source.seed))
    return draw.integers(0, source.interval, source.n, dtype=np.int64)


# --- noise --------------------------------------------------------------------------------------

#: Decimal digits of the probabilities, of which 20 are kept.
_DIGITS = Context(prec=60)


class NoiseTable(NamedTuple):
    """How a 64-bit word becomes a number: ``first`` and one more for each of ``last`` below the
    word, times ``weight``; of the numbers but the highest, ``last`` holds the last word of each,
    ascending, uint64."""

    first: int
    last: Words
    weight: int

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest number."""
        both = self.first * self.weight, (self.first + len(self.last)) * self.weight
        return min(both), max(both)


@lru_cache(maxsize=512)
def noise_table(noise: Noise) -> NoiseTable:
    """The table of a noise, from decimal arithmetic that every machine rounds alike."""
    with localcontext(_DIGITS):
        if isinstance(noise, PoissonNoise):
            first, parts = 0, _poisson_parts(Decimal(noise.mean))
        elif isinstance(noise, GaussianNoise):
            first, parts = _normal_parts(Decimal(noise.mean), Decimal(noise.sigma))
        else:
            assert_never(noise)
        # Of each number the words below its end: those from the end of the one before on are its.
        scale = (1 << 64) / sum(parts, Decimal(0))
        ends = [round(below * scale) for below in accumulate(parts)]
    kept = [end - 1 for end in ends if 0 < end <= _WORD]
    return NoiseTable(
        first + sum(end == 0 for end in ends), np.array(kept, np.uint64), noise.weight
    )


def _poisson_parts(mean: Decimal) -> list[Decimal]:
    """The probabilities of 0, 1, ... until none is left."""
    parts = [(-mean).exp()]
    while len(parts) <= mean or parts[-1] > Decimal("1e-40"):
        parts.append(parts[-1] * mean / len(parts))
    return parts


def _normal_parts(mean: Decimal, sigma: Decimal) -> tuple[int, list[Decimal]]:
    """The lowest number, and from it on all numbers' shares: those beyond 14 sigma have 1e-44."""
    middle, reach = round(mean), int(14 * sigma) + 1
    square = sigma * sigma
    shrink = (-1 / square).exp()
    sides: list[list[Decimal]] = []
    for direction in (-1, 1):
        away = (middle - mean) * direction
        part = (-away * away / (2 * square)).exp()
        ratio = (-(2 * away + 1) / (2 * square)).exp()
        side = [part]
        for _ in range(reach):
            part *= ratio
            ratio *= shrink
            side.append(part)
        sides.append(side)
    return middle - reach, [*sides[0][:0:-1], *sides[1]]


def noise_key(population: str, number: int, seed: int) -> int:
    """Where the words of a population's noise entry ``number`` start, in place of a mixed seed."""
    text = f"{population} {number} {seed}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def noise(population: Population, step: int) -> npt.NDArray[np.int64]:
    """The sum of a population's noise in ``step``, (n,) int64."""
    total = np.zeros(population.n, np.int64)
    for number, each in enumerate(population.noise):
        table = noise_table(each)
        words = _words(noise_key(population.name, number, each.seed), step, population.n)
        total += (np.searchsorted(table.last, words) + table.first) * table.weight
    return total
