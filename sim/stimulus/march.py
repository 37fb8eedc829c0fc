"""More steps without a reset than a counter of 16 bits counts, where steps take long."""

from __future__ import annotations

import numpy as np

from ...cycles.control import Ints
from ...params.protocol import AnyCores
from . import rates
from .events import Events
from .layer import layer_of

#: Steps that a counter of 16 bits counts, and those around them that all have events; of those
#: before, one in so many has.
COUNTED, AROUND, EVERY = 1 << 16, 1 << 10, 16
#: The segments of a run with a march, and the block in which it begins. In the first one steps of
#: up to 64 cycles come to its end, in the other one those of up to 124.
MARCHES = {0: 256, 2: 16}
#: After so many blocks a march that does not come to its end at its pace is given up.
TRIED = 4
#: An axis of its own, behind those of :mod:`fxlif.sim.stimulus.random`.
AXIS = 8
OTHERS = rates.STEPS.keys() - rates.SHORT


def march(design: AnyCores, seed: int, *, strict: bool = False) -> Ints:
    """Packed events for the inputs of a design: steps as short as they can be, most of them
    without any event, until 2^16 are counted and some more.

    ``strict``: see :class:`~fxlif.sim.stimulus.events.Events`.
    """
    tick = 1 << design.in_address_bits
    if not design.n_inputs:
        return np.full(COUNTED + AROUND // 2, tick)
    source = Events(layer_of(design), seed, AXIS, strict=strict, without=OTHERS)
    alone = (COUNTED - AROUND // 2) // EVERY
    events = source.take(AROUND)
    while np.count_nonzero(events == tick) < alone + AROUND:
        events = np.concatenate([events, source.take(len(events))])
    steps = np.cumsum(events == tick)
    events, steps = events[steps < alone + AROUND], steps[steps < alone + AROUND]
    return np.repeat(events, np.where((events == tick) & (steps <= alone), EVERY, 1))


def too_slow(events: int, left: int, blocks: int, most: int) -> bool:
    """Whether a march of so many events, of which some are ``left`` after ``blocks``, would not be
    over in the ``most`` blocks that it may have."""
    return events * blocks > (events - left) * most
