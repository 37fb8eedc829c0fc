"""A source of events for a model that drives itself."""

from __future__ import annotations

import numpy as np

from .control import Ints, Records, record

#: How far a driver is: the next event, whether one is on offer, and which bit of it says TICK.
DRIVER = record("next_event", "holds", "tick_bit")


class Driver:
    """A source of packed events for a model that drives itself; an event on offer stays."""

    def __init__(self, address_bits: int) -> None:
        self.state: Records = np.zeros(1, dtype=DRIVER)
        self.state["tick_bit"] = address_bits
        self.events = np.zeros(0, dtype=np.int64)

    def refill(self, events: Ints) -> None:
        """Drop the events that are used up and append ``events``."""
        # The last one offered may still be on offer.
        used = int(self.state[0]["next_event"] - self.state[0]["holds"])
        self.events = np.concatenate([self.events[used:], events])
        self.state["next_event"] -= used

    @property
    def left(self) -> int:
        """How many events have not been offered."""
        return len(self.events) - int(self.state[0]["next_event"])
