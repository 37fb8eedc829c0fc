"""What a recording takes from a network, and the index file that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ..arrays import Ints, count_of, integers, one_of, within
from ..errors import FxlifError, short
from ..memory import must_fit, must_have_room
from ..rule.step import NeuronState

VARIABLES = NeuronState._fields
MAX_SIZE = 1 << 30
NAME = re.compile(r"\w[\w.-]*")

Count = Annotated[int, Field(ge=0)]
#: Lowest and highest value of each state variable, by population.
Ranges = Mapping[str, Mapping[str, tuple[int, int]]]
StateType = Literal["int8", "int16", "int32", "int64"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Watched(_Strict):
    """One state variable of one population; ``neurons`` None: all of them."""

    population: str
    variable: str
    dtype: StateType
    neurons: tuple[Count, ...] | None


class Selection(_Strict):
    """What a recording takes from a network of given sizes."""

    sizes: dict[str, int]
    spikes: tuple[str, ...]
    states: tuple[Watched, ...]

    def width(self, watched: Watched) -> int:
        """How many neurons are watched."""
        if watched.neurons is None:
            return self.sizes[watched.population]
        return len(watched.neurons)

    @property
    def watched(self) -> tuple[tuple[str, str, Ints], ...]:
        """The recorded variables: (population, variable, neurons), the last (watched,) int64."""
        return tuple(
            (
                each.population,
                each.variable,
                np.arange(self.sizes[each.population], dtype=np.int64)
                if each.neurons is None
                else np.array(each.neurons, np.int64),
            )
            for each in self.states
        )

    def check(self) -> None:
        """Raise unless everything that is selected is in the network."""
        for name, size in self.sizes.items():
            if not NAME.fullmatch(name):
                raise FxlifError.must_be("sizes", "names of letters, digits and _ - .", name)
            if not 1 <= size <= MAX_SIZE:
                raise FxlifError.must_be(f"sizes.{name}", f"1..{MAX_SIZE}", size)
        for name in self.spikes:
            one_of("spikes", name, self.sizes)
        for watched in self.states:
            one_of("states", watched.population, self.sizes)
            one_of(f"states.{watched.population}", watched.variable, VARIABLES)
            size = self.sizes[watched.population]
            for wrong in (i for i in watched.neurons or () if i >= size):
                raise FxlifError.must_be(f"neurons.{watched.population}", f"0..{size - 1}", wrong)

    def check_unchanged(self, later: Selection) -> None:
        """Refuse to go on with another network than the recording began with."""
        for key in ("sizes", "spikes"):
            before, now = getattr(self, key), getattr(later, key)
            if before != now:
                raise FxlifError.must_be(key, f"{before}, as it began", now)
        for old, new in zip(self.states, later.states, strict=True):
            if old != new:
                key = f"{new.population}.{new.variable}"
                raise FxlifError.must_be(
                    key, f"within {old.dtype}, as it began", new.dtype, found=f"of {new.dtype}"
                )


class Index(_Strict):
    """The content of ``recording.json``; ``counts`` are the events of each of ``plan.spikes``."""

    format: Literal["fxlif recording"] = "fxlif recording"
    version: Literal[1] = 1
    steps: Count
    counts: tuple[Count, ...]
    plan: Selection


def select(
    sizes: Mapping[str, int],
    ranges: Ranges,
    spikes: tuple[str, ...] | None,
    states: Mapping[str, tuple[str, ...]],
    neurons: Mapping[str, Ints],
) -> Selection:
    """What was asked for, in a network of ``sizes`` whose populations have ``ranges``.

    ``spikes`` None: those of all populations. ``states``: variables by population; ``neurons``: the
    watched ones by population, all where it is not named.

    Raises:
        FxlifError: something that is not in the network, or neurons of an unwatched population.
    """
    populations = tuple(name for name in sizes if ranges.get(name))
    for population in states:
        if population not in populations:
            source = " (a source has no states)" if population in sizes else ""
            raise FxlifError.must_be(
                "states", listed(populations), population, found=f"{population!r}{source}"
            )
    for population in neurons:
        if not states.get(population):
            watched = listed(name for name, variables in states.items() if variables)
            raise FxlifError.must_be(
                "neurons", f"{watched} (whose states are recorded)", population
            )
    chosen = Selection(
        sizes={name: int(size) for name, size in sizes.items()},
        spikes=populations if spikes is None else spikes,
        states=tuple(
            _watched(population, variable, ranges[population], neurons.get(population))
            for population, variables in states.items()
            for variable in variables
        ),
    )
    chosen.check()
    return chosen


def states_fit(selection: Selection, steps: int, folder: Path | None) -> None:
    """Raise unless the states of ``steps`` steps are likely to have room: in memory, or on disk."""
    rows = [selection.width(each) * np.dtype(each.dtype).itemsize for each in selection.states]
    names = ", ".join(f"{each.population}.{each.variable}" for each in selection.states)
    what = f"{names} of {count_of(steps, 'step')}"
    if folder is None:  # where what is read is put together once more
        must_fit("record", steps * (sum(rows) + max(rows, default=0)), what)
    else:
        must_have_room("record", steps * sum(rows), what, folder)


def _watched(
    population: str, variable: str, ranges: Mapping[str, tuple[int, int]], neurons: Ints | None
) -> Watched:
    one_of(f"states.{population}", variable, [name for name in VARIABLES if name in ranges])
    return Watched(
        population=population,
        variable=variable,
        dtype=state_type(f"{population}.{variable}", *ranges[variable]),
        neurons=None if neurons is None else tuple(neurons.tolist()),
    )


def listed(names: Iterable[str]) -> str:
    """The names as text; "none" where there is none."""
    return ", ".join(names) or "none"


def checked_names(key: str, names: object) -> tuple[str, ...]:
    """``names`` as a tuple of different texts."""
    # The letters of one name would make an iterable of names, too.
    zero_d = isinstance(names, np.ndarray) and not names.ndim
    if isinstance(names, str) or zero_d or not isinstance(names, Iterable):
        raise FxlifError.must_be(key, "several names, as in ('exc',)", names)
    listed = tuple(names)
    for at, name in enumerate(listed):
        if not isinstance(name, str):
            raise FxlifError.must_be(key, "a name", name)
        if name in listed[:at]:
            raise FxlifError.must_be(key, "each name once", name, found=f"{name!r} twice")
    return listed


def checked_mapping(key: str, given: object) -> Iterable[tuple[str, Any]]:
    """The items of ``given``, something by population; none where it is None."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        example = "['v']" if key == "states" else "[0, 1]"
        allowed = f"by population, as in {{'exc': {example}}}"
        raise FxlifError.must_be(key, allowed, given, found=short(given))
    return given.items()


def checked_neurons(key: str, values: npt.ArrayLike) -> Ints:
    """``values`` as different indices of neurons, (watched,) int64."""
    array = within(key, integers(key, values, shape="(watched,)"), 0, MAX_SIZE - 1)
    indices, first = np.unique(array, return_index=True)
    if len(indices) < len(array):
        repeated = int(array[np.setdiff1d(np.arange(len(array)), first)[0]])
        raise FxlifError.must_be(key, "each neuron once", repeated, found=f"{repeated} twice")
    return array.astype(np.int64)


def state_type(key: str, low: int, high: int) -> StateType:
    """The narrowest type that holds ``low``..``high``."""
    names: tuple[StateType, ...] = ("int8", "int16", "int32", "int64")
    for name in names:
        if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return name
    raise FxlifError.must_be(key, "within 64 bits", (low, high), found=f"{low}..{high}")
