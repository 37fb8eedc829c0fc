"""The golden core, a network of one core alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import Ints, integers
from .network.events import TICK
from .network.model import Network
from .params.core import CoreParams
from .params.network import NetworkParams
from .rule.step import NeuronState


class Core:
    """The golden core: takes the events of a step, gives the neurons that spike.

    It is the network of one core; see :class:`Network`.
    """

    def __init__(self, params: CoreParams, *, engine: str = "numpy") -> None:
        self.params = params
        self.network = Network(NetworkParams.chain(params), engine=engine)

    def reset(self) -> None:
        """Back to the initial state; the counters to 0."""
        self.network.reset()

    @property
    def state(self) -> NeuronState:
        """The state after the last step: arrays (n_neurons,) int64."""
        return next(iter(self.network.states.values()))

    @property
    def dropped(self) -> int:
        """Events with an address outside the inputs, modulo 2**32 as in hardware."""
        return next(iter(self.network.dropped.values()))

    @property
    def saturated(self) -> int:
        """Additions to an accumulator that did not fit, modulo 2**32 as in hardware."""
        return self.network.saturated[0]

    def step(self, addresses: npt.ArrayLike) -> Ints:
        """One step: input addresses in arrival order, (events,), give the neurons that spike in
        ascending order, (spikes,) int64."""
        given = integers("addresses", addresses, shape="(events,)")
        return self.network.stream(np.append(given.astype(np.int64), TICK))[:-1]
