"""Sources of events and of writes for a model that drives itself."""

from __future__ import annotations

import numpy as np

from .control import Ints, Records, record

#: How far a driver is: the next event, whether one is on offer, and which bit of it says TICK.
DRIVER = record("next_event", "holds", "tick_bit")
#: A write: it is offered once so many events were taken and the write before it, and ``gap`` cycles
#: later.
WRITE = record("after", "gap", "address", "data")
#: How far a source of writes is: the next one, whether one is on offer, how long the next waited.
WRITER = record("next_write", "holds", "waited")


class WriteSource:
    """Rows of :data:`WRITE`, one after the other; one on offer stays."""

    def __init__(self) -> None:
        self.state: Records = np.zeros(1, dtype=WRITER)
        self.writes: Records = np.zeros(0, dtype=WRITE)

    def refill(self, writes: Records) -> None:
        """Drop the writes that are used up and append some."""
        used = int(self.state[0]["next_write"] - self.state[0]["holds"])
        self.writes = np.concatenate([self.writes[used:], writes])
        self.state["next_write"] -= used

    def drop(self) -> None:
        """Drop the writes that have not been offered."""
        self.writes = self.writes[: int(self.state[0]["next_write"])]

    @property
    def left(self) -> int:
        """How many writes have not been offered."""
        return len(self.writes) - int(self.state[0]["next_write"])


class Driver:
    """A source of packed events for a model that drives itself; an event on offer stays.

    ``writes``: beside it, of what can be written.
    """

    def __init__(self, address_bits: int) -> None:
        self.state: Records = np.zeros(1, dtype=DRIVER)
        self.state["tick_bit"] = address_bits
        self.events = np.zeros(0, dtype=np.int64)
        self.writes = WriteSource()

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
