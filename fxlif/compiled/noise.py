"""Noise drawn within a step of a network, compiled by numba for :mod:`.network_loop`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..network.sources import GAMMA, noise_key, noise_table
from ..params.network import Population
from .intrinsics import array_at
from .jit import threaded_inner
from .network_tables import NOISE, set_fields
from .neuron_step import address
from .spiking import mix


def noise_of(
    populations: Iterable[Population],
) -> tuple[npt.NDArray[np.void], list[npt.NDArray[Any]], dict[str, tuple[int, int]]]:
    """The table of all noise (:data:`NOISE`); arrays that it names by address, which the caller
    keeps; and by population which rows are its own."""
    rows: list[tuple[Population, int]] = []
    places: dict[str, tuple[int, int]] = {}
    for population in populations:
        places[population.name] = len(rows), len(rows) + len(population.noise)
        rows += [(population, number) for number in range(len(population.noise))]
    table = np.zeros(len(rows), NOISE)
    held: list[npt.NDArray[Any]] = []
    for row, (population, number) in zip(table, rows, strict=True):
        noise = population.noise[number]
        drawn = noise_table(noise)
        # The last of all words ends the search.
        last = np.append(drawn.last, np.uint64((1 << 64) - 1))
        bits = min(16, (4 * len(last)).bit_length())
        starts = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        guide = np.searchsorted(last, starts).astype(np.int32)
        held += [last, guide]
        set_fields(
            row,
            key=noise_key(population.name, number, noise.seed),
            last=address(last),
            n_last=len(last),
            guide=address(guide),
            guide_bits=bits,
            first=drawn.first,
            weight=drawn.weight,
        )
    return table, held, places


@threaded_inner
def add_noise(
    noise: Any, part: Any, step: int, first: int, last: int, words: Any, current: Any
) -> None:
    """Add to the ``current`` of the neurons ``first``..``last`` of a population what its noise
    draws, as :func:`fxlif.network.sources.noise` says; ``words`` is room for as many numbers.

    The words first, which vector units make, then the search, which begins where the word's
    highest bits say.
    """
    gamma = np.uint64(GAMMA)
    for place in range(part["first_noise"], part["last_noise"]):
        row = noise[place]
        start = mix(row["key"] + np.uint64(step + 1) * gamma)
        for k in range(first, last):
            words[k - first] = mix(np.uint64(k + 1) * gamma + start)
        ends = array_at(row["last"], row["n_last"], np.uint64)
        guide = array_at(row["guide"], 1 << row["guide_bits"], np.int32)
        shift, least, weight = np.uint64(64 - row["guide_bits"]), row["first"], row["weight"]
        for k in range(first, last):
            word = np.uint64(words[k - first])
            number = np.uint64(guide[word >> shift])
            while ends[number] < word:
                number += np.uint64(1)
            current[k] += (np.int64(number) + least) * weight
