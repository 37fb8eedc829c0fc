"""What comes into a network from outside during a run: events and currents, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers, one_of, within
from ..errors import FxlifError, short
from ..params.network import Graph, Population
from ..params.neuron import MAX_CURRENT_BITS
from ..params.quantise import signed_range
from ..params.sources import EventSource
from .events import check, split_steps

#: Events as :meth:`fxlif.Network.run` takes them.
GivenEvents = Mapping[str, npt.ArrayLike] | npt.ArrayLike | None


@dataclass
class ExternalInput:
    """The events and currents of one run of ``steps`` steps.

    ``events``: by event source, the known addresses of each step. ``unknown``: how many unknown
    addresses each step had. ``currents``: by population, its external current: (1, n) integers
    where it is constant, else (steps, n) of any dtype. ``ranges``: by population, values between
    which its external current lies.
    """

    steps: int
    events: dict[str, list[Ints]] = field(default_factory=dict)
    unknown: dict[str, list[int]] = field(default_factory=dict)
    currents: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)


def external_input(
    graph: Graph,
    steps: int | None,
    events: GivenEvents,
    currents: Mapping[str, npt.ArrayLike] | None,
    synaptic_ranges: Mapping[str, tuple[int, int]],
) -> ExternalInput:
    """The input of a run, from what :meth:`fxlif.Network.run` was given.

    ``synaptic_ranges``: by population, lowest and highest current of its synapses in one step;
    with it no current may leave 48 bits.

    Raises:
        FxlifError: as :meth:`fxlif.Network.run`.
    """
    if steps is not None:
        steps = integer("steps", steps, what="a number of steps, ")
    addresses: list[tuple[EventSource, list[Ints]]] = []
    for source, stream in by_source(graph, events):
        key = f"events[{source.name!r}]"
        try:
            addresses.append((source, split_steps(check(stream))))
        except FxlifError as error:
            raise error.inside(key) from None
        given = len(addresses[-1][1])
        if steps is None:
            steps = given
        if given != steps:
            raise FxlifError.must_be(key, f"{steps} steps", given)
    if steps is None:
        raise FxlifError("steps: give steps, events, or both", key="steps")
    made = ExternalInput(steps)
    for source, taken in addresses:
        known = [a[a < source.n] for a in taken]
        made.events[source.name] = known
        made.unknown[source.name] = [len(a) - len(b) for a, b in zip(taken, known, strict=True)]
    for population, values in by_population(graph, currents):
        name = population.name
        made.currents[name], made.ranges[name] = checked_current(
            f"currents[{name!r}]", values, steps, population.n, synaptic_ranges[name]
        )
    return made


def by_source(graph: Graph, events: Any) -> Iterator[tuple[EventSource, Any]]:
    """Each event source that is given something, and what."""
    sources = {s.name: s for s in graph.sources if isinstance(s, EventSource)}
    if events is None:
        events = {}
    elif not isinstance(events, Mapping):
        if len(sources) != 1:
            raise FxlifError.must_be(
                "events", "streams by the name of their event source", events,
                found=f"one stream for {len(sources)} event sources",
            )  # fmt: skip
        events = {next(iter(sources)): events}
    for name, given in events.items():
        one_of("events", name, sources)
        yield sources[name], given


def by_population(graph: Graph, currents: Any) -> Iterator[tuple[Population, Any]]:
    """Each population that is given a current, and what."""
    populations = {p.name: p for p in graph.populations}
    currents = {} if currents is None else currents
    if not isinstance(currents, Mapping):
        name = next(iter(populations))
        raise FxlifError.must_be(
            "currents", f"by population, as in {{{name!r}: 5}}", currents, found=short(currents)
        )
    for name, given in currents.items():
        one_of("currents", name, populations)
        yield populations[name], given


def checked_current(
    key: str, values: npt.ArrayLike, steps: int, n: int, synaptic: tuple[int, int]
) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """An external current, (1, n) or (steps, n), and what it lies between; errors name ``key``."""
    array = integers(key, values, booleans=True)
    if array.shape not in ((), (n,), (steps, n)):
        raise FxlifError.must_be(
            key, f"of shape (), ({n},) or ({steps}, {n})", values, found=str(array.shape)
        )
    if not array.size:  # no steps
        return np.zeros((1, n), np.int64), (0, 0)
    ends = current_ends(key, array, synaptic)
    row = array if array.ndim else np.full(n, array)
    return row if row.ndim == 2 else row[np.newaxis], ends


def current_ends(key: str, array: npt.NDArray[Any], synaptic: tuple[int, int]) -> tuple[int, int]:
    """What a current, beside that of synapses, lies between; errors name ``key``."""
    low, high = signed_range(MAX_CURRENT_BITS)
    allowed = low - synaptic[0], high - synaptic[1]
    ends = _of_narrow_type(array)
    if ends is None or ends[0] < allowed[0] or ends[1] > allowed[1]:
        # Of few values numpy finds them later than Python.
        values = array.ravel().tolist() if array.size < 32 else (array.min(), array.max())
        ends = int(min(values)), int(max(values))
        within(key, array, *allowed, ends=ends)
    return ends


def _of_narrow_type(array: npt.NDArray[Any]) -> tuple[int, int] | None:
    """The ends of a narrow dtype: finding those of many values takes longer than steps gain by
    them."""
    if array.ndim < 2 or array.itemsize > 4:
        return None
    if array.dtype.kind == "b":
        return 0, 1
    of_type = np.iinfo(array.dtype)
    return int(of_type.min), int(of_type.max)
