"""What comes into the items of a batch from outside: events and currents, checked at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers, within
from ..errors import FxlifError
from ..network.events import TICK, check
from ..network.external_input import (
    GivenEvents,
    by_population,
    by_source,
    checked_current,
    current_ends,
)
from ..params.network import Graph

#: How often one input may spike in one step.
MOST_TIMES = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class ItemEvents:
    """The events of one source: of each item, or the same for all.

    ``starts`` (items or 1, steps + 1): where in ``addresses`` (events,) each step of each item
    begins, and the last one ends. ``unknown`` (items or 1,): events with an address beyond it.
    """

    addresses: Ints
    starts: Ints
    unknown: Ints

    def stream(self, item: int) -> Ints:
        """The known events of an item, as a stream."""
        starts = self.starts[item % len(self.starts)]
        mine = self.addresses[starts[0] : starts[-1]]
        return np.insert(mine, starts[1:] - starts[0], TICK)


@dataclass(frozen=True, eq=False)
class BatchInput:
    """The events and currents of ``batch`` items of ``steps`` steps.

    ``events``: by event source. ``currents``: by population, (items or 1, steps or 1, n), and
    ``ranges``: values between which they lie.
    """

    batch: int
    steps: int
    events: dict[str, ItemEvents] = field(default_factory=dict)
    currents: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)

    def item(self, item: int) -> dict[str, Any]:
        """The arguments of :meth:`fxlif.Network.run` of one item."""
        return {
            "steps": self.steps,
            "events": {name: given.stream(item) for name, given in self.events.items()},
            "currents": {
                name: np.broadcast_to(given[item % len(given)], (self.steps, given.shape[2]))
                for name, given in self.currents.items()
            },
        }


def batch_input(
    graph: Graph,
    batch: int,
    steps: int | None,
    events: GivenEvents,
    currents: Mapping[str, npt.ArrayLike] | None,
    synaptic_ranges: Mapping[str, tuple[int, int]],
) -> BatchInput:
    """The input of a batch, from what :meth:`fxlif.Network.run` was given.

    Raises:
        FxlifError: as :meth:`fxlif.Network.run`; a mistake in a stream names its item.
    """
    if steps is not None:
        steps = integer("steps", steps, what="a number of steps, ")
    given: dict[str, ItemEvents] = {}
    for source, streams in by_source(graph, events):
        key = f"events[{source.name!r}]"
        given[source.name] = _events(key, streams, batch, steps, source.n)
        steps = given[source.name].starts.shape[1] - 1
    if steps is None:
        raise FxlifError("steps: give steps, events, or both", key="steps")
    made = BatchInput(batch, steps, given)
    for population, values in by_population(graph, currents):
        name = population.name
        made.currents[name], made.ranges[name] = _currents(
            f"currents[{name!r}]", values, (batch, steps, population.n), synaptic_ranges[name]
        )
    return made


# --- events -------------------------------------------------------------------------------------


def _events(key: str, given: Any, batch: int, steps: int | None, n: int) -> ItemEvents:
    """The events of one source, in whichever of the three forms they were given."""
    if isinstance(given, np.ndarray) and given.ndim == 3:
        return _from_counts(key, given, (batch, steps, n))
    row = isinstance(given, Sequence) or (isinstance(given, np.ndarray) and given.ndim)
    several = row and len(given) and not np.isscalar(given[0])
    if several and len(given) != batch:
        raise FxlifError.must_be(
            key, f"one stream, {batch} streams (batch) or an array ({batch}, steps, {n})", given,
            found=f"{len(given)} streams",
        )  # fmt: skip
    keys = [f"{key}[{item}]" for item in range(batch)] if several else [key]
    return _from_streams(keys, list(given) if several else [given], steps, n)


def _from_counts(
    key: str, given: npt.NDArray[Any], shape: tuple[int, int | None, int]
) -> ItemEvents:
    """How often each input spikes in each step of each item, (batch, steps, n), as events."""
    table = integers(key, given, booleans=True)
    steps = table.shape[1] if shape[1] is None else shape[1]
    if table.shape != (shape[0], steps, shape[2]):
        wanted = ", ".join("steps" if size is None else str(size) for size in shape)
        raise FxlifError.must_be(key, f"of shape ({wanted})", given, found=str(table.shape))
    spikes = np.flatnonzero(table)
    if table.dtype != np.bool_:
        times = within(key, table, 0, MOST_TIMES).ravel()[spikes].astype(np.int64)
        spikes = np.repeat(spikes, times)
    bounds = np.searchsorted(spikes, np.arange(0, table.size + 1, shape[2]))
    return ItemEvents(spikes % shape[2], _starts(bounds, steps), np.zeros(shape[0], np.int64))


def _from_streams(keys: list[str], given: list[Any], steps: int | None, n: int) -> ItemEvents:
    """Event streams, one for each item, or one for all; ``keys`` name them in an error."""

    def checked(key: str, one: npt.ArrayLike) -> Ints:
        try:
            return check(one)
        except FxlifError as error:
            raise error.inside(key) from None

    # To check one after the other would take longer than to run a small network.
    if not all(
        type(one) is np.ndarray and one.ndim == 1 and one.dtype.kind == "i" for one in given
    ):
        given = list(map(checked, keys, given))
    stream = np.concatenate(given, dtype=np.int64)
    if stream.size and stream.min() < TICK:
        given = list(map(checked, keys, given))
    sizes = np.array([len(one) for one in given])
    ends = np.cumsum(sizes)
    ticks = np.flatnonzero(stream == TICK)
    lengths = np.diff(np.searchsorted(ticks, ends), prepend=0)
    steps = int(lengths[0]) if steps is None else steps
    for item in np.flatnonzero(lengths != steps)[:1].tolist():
        raise FxlifError.must_be(keys[item], f"{steps} steps", int(lengths[item]))
    ends_of = ticks.reshape(len(given), steps)
    # What comes after the last TICK has no effect.
    last = ends_of[:, -1] if steps else np.full(len(given), -1)
    there = (stream != TICK) & (np.arange(len(stream)) < np.repeat(last, sizes))
    known = there & (stream < n)
    before, lost = _running(known), _running(there & ~known)
    starts = _starts(np.append(0, before[ticks]), steps)
    return ItemEvents(stream[known], starts, lost[ends] - lost[ends - sizes])


def _running(flags: npt.NDArray[np.bool_]) -> Ints:
    """How many flags there are before each, and in all: (flags + 1,)."""
    return np.concatenate([[0], np.cumsum(flags)])


def _starts(bounds: Ints, steps: int) -> Ints:
    """Of the bounds of all steps, (items * steps + 1,), those of each item, (items, steps + 1)."""
    items = (len(bounds) - 1) // steps if steps else 1
    starts: Ints = bounds[np.arange(items)[:, np.newaxis] * steps + np.arange(steps + 1)]
    return starts


# --- currents -----------------------------------------------------------------------------------


def _currents(
    key: str, values: npt.ArrayLike, shape: tuple[int, int, int], synaptic: tuple[int, int]
) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """The current of one population, as in :class:`BatchInput`, and what it lies between."""
    array = integers(key, values, booleans=True)
    if array.ndim != 3:
        array, ends = checked_current(key, array, *shape[1:], synaptic)
        array = array[np.newaxis]
    else:
        if any(found not in (1, size) for found, size in zip(array.shape, shape, strict=True)):
            raise FxlifError.must_be(
                key, f"of shape {shape}, or with 1 in place of any of them", values,
                found=str(array.shape),
            )  # fmt: skip
        if not array.size:  # no steps
            return np.zeros((1, 1, shape[2]), np.int64), (0, 0)
        ends = current_ends(key, array, synaptic)
    array = np.broadcast_to(array, (*array.shape[:2], shape[2]))
    # Compiled code reads it where it lies.
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"]), ends
