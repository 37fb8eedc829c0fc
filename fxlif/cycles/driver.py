"""Sources of events, writes and reads for a model that drives itself."""

from __future__ import annotations

import numpy as np

from .control import Ints, Records, record

#: How far a driver is: the next event, whether one is on offer, and which bit of it says TICK.
DRIVER = record("next_event", "holds", "tick_bit")
#: A write or a read: it is offered once so many events were taken and the one before it, and
#: ``gap`` cycles later. ``data`` is what is written.
ACCESS = record("after", "gap", "address", "data")
#: How far a source of such is: the next one, whether one is on offer, how long the next waited.
SOURCE = record("next", "holds", "waited")


class AccessSource:
    """Rows of :data:`ACCESS`, one after the other; one on offer stays."""

    def __init__(self) -> None:
        self.state: Records = np.zeros(1, dtype=SOURCE)
        self.rows: Records = np.zeros(0, dtype=ACCESS)

    def refill(self, rows: Records) -> None:
        """Drop what is used up and append some."""
        used = int(self.state[0]["next"] - self.state[0]["holds"])
        self.rows = np.concatenate([self.rows[used:], rows])
        self.state["next"] -= used

    def drop(self) -> None:
        """Drop what has not been offered."""
        self.rows = self.rows[: int(self.state[0]["next"])]

    @property
    def left(self) -> int:
        """How many have not been offered."""
        return len(self.rows) - int(self.state[0]["next"])


class Driver:
    """A source of packed events for a model that drives itself; an event on offer stays.

    ``writes`` and ``reads``: beside it, of what can be written and read.
    """

    def __init__(self, address_bits: int) -> None:
        self.state: Records = np.zeros(1, dtype=DRIVER)
        self.state["tick_bit"] = address_bits
        self.events = np.zeros(0, dtype=np.int64)
        self.writes, self.reads = AccessSource(), AccessSource()

    def refill(self, events: Ints) -> None:
        """Drop the events that are used up and append ``events``."""
        # The last one offered may still be on offer.
        used = int(self.state[0]["next_event"] - self.state[0]["holds"])
        self.events = np.concatenate([self.events[used:], events])
        self.state["next_event"] -= used

    def drop(self) -> None:
        """Drop the events that have not been offered."""
        self.events = self.events[: int(self.state[0]["next_event"])]

    @property
    def left(self) -> int:
        """How many events have not been offered."""
        return len(self.events) - int(self.state[0]["next_event"])
