"""What a batch has done: spikes, states and counters of each item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, count_of, integer
from ..errors import FxlifError
from ..memory import must_fit
from ..network.events import TICK, Events
from ..network.selection import Ranges, Selection, listed, state_type
from ..notebook import html_table

Integers = npt.NDArray[np.signedinteger[Any]]


class BatchRecording:
    """The spikes and states of all items of a batch, from :meth:`fxlif.Network.run`.

    Items are named by their place 0..batch - 1; ``items`` (batch,) has their numbers, which decide
    what they draw (:func:`fxlif.item_seed`). ``dropped``: by event source, (batch,), and
    ``saturated`` (batch, projections), the counters of the network of each item.

    Raises:
        FxlifError: states that would not fit into the memory that is free, with the bytes.
    """

    def __init__(
        self, items: Ints, steps: int, selection: Selection, ranges: Ranges, projections: int
    ) -> None:
        self.items, self.steps, self.selection = items, steps, selection
        self.dropped: dict[str, Ints] = {}
        shapes: dict[tuple[str, str], tuple[tuple[int, ...], str]] = {
            (population, variable): (
                (len(items), selection.sizes[population]),
                state_type(f"{population}.{variable}", *ends),
            )
            for population, of in ranges.items()
            for variable, ends in of.items()
        }
        watched = {
            (each.population, each.variable): (
                (len(items), steps, selection.width(each)), str(each.dtype),
            )
            for each in selection.states
        }  # fmt: skip
        needed = sum(map(_size, [*shapes.values(), *watched.values()]))
        must_fit("batch", needed, f"the states of {count_of(len(items), 'item')}")
        self.saturated = np.zeros((len(items), projections), np.int64)
        self._final = {key: np.zeros(*of) for key, of in shapes.items()}
        self._states = {key: np.zeros(*of) for key, of in watched.items()}
        # Of the items so far: their streams one after the other, and the length of each.
        self._streams: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in selection.spikes}
        self._lengths: dict[str, list[Ints]] = {name: [] for name in selection.spikes}

    def add_spikes(self, name: str, streams: npt.NDArray[Any], lengths: Ints) -> None:
        """Take the streams of the next items, one after the other, and the length of each."""
        self._streams[name].append(streams)
        self._lengths[name].append(lengths)

    def put_states(self, population: str, variable: str, first: int, start: int, rows: Any) -> None:
        """Take the recorded values (items, steps, watched) from an item and a step on."""
        items, steps = rows.shape[:2]
        self._states[population, variable][first : first + items, start : start + steps] = rows

    def put_final(self, population: str, variable: str, first: int, values: Any) -> None:
        """Take the last values (items, n) from an item on; of what these neurons have."""
        if (population, variable) in self._final:
            self._final[population, variable][first : first + len(values)] = values

    # --- reading --------------------------------------------------------------------------------

    @property
    def batch(self) -> int:
        """How many items there are."""
        return len(self.items)

    def __repr__(self) -> str:
        spikes, states = len(self.selection.spikes), len(self.selection.states)
        content = f"spikes of {count_of(spikes, 'part')}, {count_of(states, 'state variable')}"
        steps = count_of(self.steps, "step")
        return f"<BatchRecording: {count_of(self.batch, 'item')} of {steps}, {content}>"

    def _repr_html_(self) -> str:
        spikes = [
            (name, "spikes", int(np.count_nonzero(self._of(name)[0] != TICK)))
            for name in self.selection.spikes
        ]
        states = [
            (".".join(key), "states", " x ".join(f"{size:,}" for size in values.shape))
            for key, values in self._states.items()
        ]
        return html_table(repr(self), ("recorded", "what", "how many"), [*spikes, *states])

    def spikes(self, name: str, item: int) -> Events:
        """The spikes of a population or source in one item: (count,) int64, addresses and TICKs,
        as :meth:`fxlif.Recording.spikes` of the single run has them.

        Raises:
            FxlifError: not recorded, or no such item.
        """
        stream, lengths = self._of(name)
        integer("item", item, 0, self.batch - 1)
        end = int(lengths[: item + 1].sum())
        return stream[end - int(lengths[item]) : end].astype(np.int64)

    def raster(self, name: str) -> tuple[Ints, Ints, Ints]:
        """Item, step and neuron of each spike, item by item: three (spikes,) int64 arrays.

        Raises:
            FxlifError: not recorded.
        """
        stream, _ = self._of(name)
        ticks = stream == TICK
        items, steps = np.divmod(np.cumsum(ticks)[~ticks], max(1, self.steps))
        return items, steps, stream[~ticks].astype(np.int64)

    def counts(self, name: str) -> Ints:
        """How often each neuron has spiked in each item: (batch, n) int64.

        Raises:
            FxlifError: not recorded.
        """
        n = self.selection.sizes[self._recorded(name)]
        items, _, neurons = self.raster(name)
        places = items * n + neurons
        return np.bincount(places, minlength=self.batch * n).reshape(self.batch, n)

    def dense(self, name: str) -> npt.NDArray[np.unsignedinteger[Any]]:
        """How often each neuron has spiked in each step: (batch, steps, n), in the narrowest
        unsigned type that holds it.

        Raises:
            FxlifError: not recorded, or more than fits into the memory that is free.
        """
        n = self.selection.sizes[self._recorded(name)]
        shape = (self.batch, self.steps, n)
        items, steps, neurons = self.raster(name)
        places, times = np.unique((items * self.steps + steps) * n + neurons, return_counts=True)
        kind = np.min_scalar_type(int(times.max(initial=0)))
        must_fit(name, _size((shape, str(kind))), f"the spikes of {name} as an array")
        array = np.zeros(shape, kind)
        array.reshape(-1)[places] = times
        return array

    def states(self, population: str, variable: str) -> Integers:
        """The recorded values after each step: (batch, steps, watched), read-only.

        In the narrowest signed type that holds the variable's range, columns in the order of the
        recording's ``neurons``, as :meth:`fxlif.Recording.states`.

        Raises:
            FxlifError: not recorded.
        """
        return _read(self._states, "states", population, variable, "what is recorded")

    def final(self, population: str, variable: str) -> Integers:
        """The values after the last step: (batch, n), read-only, in the type of :meth:`states`.

        Raises:
            FxlifError: no such population, or one without this variable.
        """
        return _read(self._final, "final", population, variable, "what this network has")

    def _recorded(self, name: str) -> str:
        if not isinstance(name, str) or name not in self.selection.spikes:
            allowed = f"{listed(self.selection.spikes)} (what is recorded)"
            raise FxlifError.must_be("spikes", allowed, name)
        return name

    def _of(self, name: str) -> tuple[npt.NDArray[Any], Ints]:
        """The streams of all items, one after the other, and the length of each."""
        streams, lengths = self._streams[self._recorded(name)], self._lengths[name]
        if len(streams) != 1:
            streams[:] = [np.concatenate([np.zeros(0, np.int32), *streams])]
            lengths[:] = [np.concatenate([np.zeros(0, np.int64), *lengths])]
        return streams[0], lengths[0]


def _size(of: tuple[tuple[int, ...], str]) -> int:
    """The bytes of an array of some shape and type."""
    return math.prod(of[0]) * np.dtype(of[1]).itemsize


def _read(
    arrays: Mapping[tuple[str, str], Any], key: str, population: str, variable: str, what: str
) -> Integers:
    try:
        view: Integers = arrays[population, variable].view()
    except (KeyError, TypeError):
        allowed = f"{listed(map('.'.join, arrays))} ({what})"
        raise FxlifError.must_be(key, allowed, f"{population}.{variable}") from None
    view.flags.writeable = False
    return view
