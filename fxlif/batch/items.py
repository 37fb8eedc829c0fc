"""The seeds of the items of a batch: each draws random numbers of its own, whatever the others do.

Item b of a batch is the run of the network whose random parts have other seeds: a Poisson source
or noise with seed s has :func:`item_seed` (s, b), a register of random numbers in state r has
:func:`item_register` (r, b). What was drawn when the network was made, synapses, delays, phases of
regular sources, is the same in every item. Item 0 is the network itself.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer
from ..network.sources import GAMMA, mix, mix_all
from ..params.core import CoreParams
from ..params.leaks import Lfsr
from ..params.network import Graph, NetworkParams, Population
from ..params.neuron import NeuronParams
from ..params.sources import PoissonSource, Source

Part = TypeVar("Part", CoreParams, Population)
MAX_ITEM = (1 << 31) - 1


def item_seeds(seed: int, items: Ints) -> npt.NDArray[np.uint64]:
    """:func:`item_seed` of each of ``items``, (items,)."""
    drawn = mix_all(np.uint64(mix(seed)) + items.astype(np.uint64) * np.uint64(GAMMA))
    return np.where(items == 0, np.uint64(seed), drawn >> np.uint64(1))


def item_seed(seed: int, item: int) -> int:
    """The seed 0..2**63 - 1 of item ``item`` of a batch, where the network's own is ``seed``.

    ``seed`` itself for item 0, else mix(mix(seed) + item * GAMMA) >> 1, modulo 2**64, with
    mix and GAMMA of SplitMix64 (:mod:`fxlif.network.sources`).

    Raises:
        FxlifError: a seed outside 0..2**63 - 1, an item outside 0..2**31 - 1.
    """
    seed = integer("seed", seed, 0, (1 << 63) - 1)
    return int(item_seeds(seed, np.array([integer("item", item, 0, MAX_ITEM)]))[0])


def item_registers(lfsr: Lfsr, state: int, items: Ints) -> Ints:
    """:func:`item_register` of each of ``items``, (items,)."""
    drawn = 1 + item_seeds(state, items) % np.uint64((1 << lfsr.bits) - 1)
    return np.where(items == 0, state, drawn.astype(np.int64))


def item_register(lfsr: Lfsr, state: int, item: int) -> int:
    """The state of a register of random numbers in item ``item``, where the network's is ``state``.

    ``state`` itself for item 0, else 1 + item_seed(state, item) % (2**bits - 1).
    """
    return int(item_registers(lfsr, state, np.array([item]))[0])


def item_registers_of(graph: Graph, states: dict[str, int], item: int) -> dict[str, int]:
    """:func:`item_register` of each population that draws, by its name; ``states`` are those of
    the network."""
    return {
        p.name: item_register(p.neuron.lfsr, states[p.name], item)
        for p in graph.populations
        if p.neuron.random_bits
    }


def of_item(params: NetworkParams, item: int) -> NetworkParams:
    """The network whose run is item ``item`` of a batch of ``params``.

    Raises:
        FxlifError: an item outside 0..2**31 - 1.
    """
    if integer("item", item, 0, MAX_ITEM) == 0:
        return params

    def neuron(of: NeuronParams) -> NeuronParams:
        if not of.random_bits:
            return of
        register = item_register(of.lfsr, of.lfsr.seed, item)
        return of.model_copy(update={"lfsr": of.lfsr.model_copy(update={"seed": register})})

    def source(of: Source) -> Source:
        if not isinstance(of, PoissonSource):
            return of
        return of.model_copy(update={"seed": item_seed(of.seed, item)})

    def parts(of: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(part.model_copy(update={"neuron": neuron(part.neuron)}) for part in of)

    def noisy(of: Population) -> Population:
        drawn = [n.model_copy(update={"seed": item_seed(n.seed, item)}) for n in of.noise]
        return of.model_copy(update={"noise": tuple(drawn)})

    return params.model_copy(
        update={
            "core": parts(params.core),
            "population": tuple(map(noisy, parts(params.population))),
            "source": tuple(map(source, params.source)),
        }
    )
