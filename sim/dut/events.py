"""Random events for a foreign core, some of them aimed at its thresholds by the golden network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from ...errors import FxlifError
from ...hdl.limits import chain_of, sums_its_events
from ...network.events import TICK
from ...network.model import Network
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...rule import arithmetic
from ..bench.run import rng
from ..stimulus.events import BREAKS_PROMISE, STRANGE
from ..stimulus.layer import first_layer
from ..stimulus.random import random_events
from .core_map import CoreMap
from .stimulus import decayed

#: Steps of a phase, and the most events of one that is aimed.
LENGTHS, MOST = (1, 1, 2, 3, 8, 20), 24
#: Additions that the search for one aimed step may cost.
SEARCH = 1 << 19
Ints = npt.NDArray[np.int64]


class StreamEvents:
    """Packed payloads without end, for the cores that a map describes: the usual random steps, and
    runs of steps that are aimed at the thresholds of a single core.

    For these a golden network goes along; :meth:`reset` keeps it near the core that is driven.
    """

    def __init__(
        self, network: NetworkParams, parts: CoreMap, address_bits: int, seed: int
    ) -> None:
        self.layer, self._draw = first_layer(network, address_bits), rng(seed, "aimed")
        self._drawn = random_events(self.layer, seed, **asdict(kinds_of(parts)))
        self._sent: list[int] = []  # the events of the step under way
        self._core = single_core(network)
        if self._core is not None:
            self._golden = Network(NetworkParams.chain(self._core), engine="numpy")

    def reset(self) -> None:
        """The core was reset: what was sent of this step is lost."""
        self._sent = []
        if self._core is not None:
            self._golden.reset()

    def __iter__(self) -> Iterator[int]:
        tick = 1 << self.layer.in_address_bits
        while True:
            for _ in range(self._draw.choice(LENGTHS)):
                yield from self._step(self._drawn, tick)
            if self._core is not None:
                for _ in range(self._draw.choice(LENGTHS)):
                    aimed = aimed_step(self._core, self._golden, self._draw)
                    yield from self._step(iter([*aimed, tick]), tick)

    def _step(self, payloads: Iterator[int], tick: int) -> Iterator[int]:
        """The next payloads up to a TICK, which the golden network follows."""
        for payload in payloads:
            if payload != tick:
                self._sent.append(payload)
                yield payload
                continue
            if self._core is not None:
                self._golden.stream([*self._sent, TICK])
            self._sent = []
            yield tick
            return


@dataclass(frozen=True)
class EventKinds:
    """Which random steps a core is given; see :class:`~fxlif.sim.stimulus.events.Events`."""

    strict: bool
    without: frozenset[int]


def kinds_of(parts: CoreMap) -> EventKinds:
    """The steps that a map allows."""
    without = frozenset() if parts.unknown_addresses else STRANGE
    if not parts.broken_promise:
        without |= BREAKS_PROMISE
    return EventKinds(not parts.broken_promise, without)


def aimed_step(core: CoreParams, golden: Network, draw: random.Random) -> list[int]:
    """Of some random steps, the one that brings a neuron nearest to its threshold, or one off:
    chance alone seldom meets it. The addresses of its events."""
    tries = max(1, min(256, SEARCH // core.weights.size))
    some = np.random.default_rng(draw.getrandbits(32))
    few = min(core.n_inputs, draw.choice((1, 2, 4, 8)))
    share = some.random((tries, core.n_inputs)) < few / core.n_inputs
    counts = some.integers(1, core.max_events_per_input, size=share.shape, endpoint=True) * share
    distance = potentials(core, golden, counts) - thresholds(core, golden)
    wanted = draw.choice((0, 0, -1, 1))
    best = int(np.abs(distance - wanted).min(axis=1).argmin())
    events: list[int] = np.repeat(np.arange(core.n_inputs), counts[best]).tolist()
    draw.shuffle(events)
    return events[: 4 * MOST]


def single_core(network: NetworkParams) -> CoreParams | None:
    """The network as one core; None where it is more than that."""
    try:
        sums_its_events(network, "such a search")
        cores = chain_of(network).core
    except FxlifError:
        return None
    return cores[0] if len(cores) == 1 else None


def potentials(core: CoreParams, golden: Network, counts: Ints) -> Ints:
    """The potentials that steps of ``counts`` (steps, n_inputs) events would reach now, before
    overflow: (steps, n_neurons)."""
    neuron = core.neuron
    (state,) = golden.states.values()
    current = arithmetic.synaptic_current(counts @ core.weights, core.weight_shift, neuron.bias)
    found: Ints = decayed(neuron, state) + current
    return found


def thresholds(core: CoreParams, golden: Network) -> Ints:
    """The effective thresholds, (n_neurons,)."""
    (state,) = golden.states.values()
    found: Ints = np.array(core.thresholds, dtype=np.int64) + state.theta
    return found
