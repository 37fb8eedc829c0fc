"""What a network run records: spikes as event streams and state variables, in memory or on disk.

A folder of a recording holds

- ``recording.json``: format, steps, sizes and what is recorded. It is replaced at each flush, after
  everything else, and so is what decides how much of the other files counts;
- ``NAME.spikes.bin``: the spikes, in the form of :func:`fxlif.network.events.write`;
- ``POPULATION.VARIABLE.npy``: a state variable, (steps, watched), for ``numpy.load``.

Within a file the data is written before the header that counts it. A process that is killed leaves
at most bytes that no header counts, or headers that are ahead of ``recording.json``;
:meth:`Recording.open` reads neither, and :meth:`Recording.begin` removes them. Nothing is forced
out to the device: this guards against the end of the process, not of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from ..arrays import integers, within
from ..errors import FxlifError
from ..files import as_path, make_folder, whole_file
from . import events as aer
from .events import TICK, Events
from .selection import (
    Index,
    Ranges,
    Selection,
    checked_mapping,
    checked_names,
    checked_neurons,
    listed,
    select,
    states_fit,
)
from .tracks import INDEX, FileTrack, Track, html_of, make_room, make_tracks, on_disk, summary

Integers = npt.NDArray[np.signedinteger[Any]]
#: Entries that are decoded at a time: what reading needs beside its result.
_BLOCK = 1 << 18


class Recording:
    """The spikes and the states that a network run takes down.

    :meth:`fxlif.Network.run` calls begin, then for each chunk of steps add_spikes, add_states and
    flush; users read spikes, states, counts and raster, at any time, up to the last flush. A second
    run goes on where the first has ended. As a context manager it is closed at the end of the
    block.

    Args:
        spikes: names of populations and sources whose spikes are recorded; None: all populations.
        states: names of variables (v, i_syn, theta, refractory) by population; None: none.
        neurons: (watched,) indices of the neurons whose states are recorded, by population, in the
            order that the columns shall have; default: all neurons.
        folder: where the recording is written, made if need be; None: it stays in memory.

    Raises:
        FxlifError: not names or indices at all, or one given twice. What depends on the network is
            checked by :meth:`begin`.
    """

    def __init__(
        self,
        spikes: Iterable[str] | None = None,
        states: Mapping[str, Iterable[str]] | None = None,
        neurons: Mapping[str, npt.ArrayLike] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._spikes = None if spikes is None else checked_names("spikes", spikes)
        self._states = {
            population: checked_names(f"states.{population}", variables)
            for population, variables in checked_mapping("states", states)
        }
        self._neurons = {
            population: checked_neurons(f"neurons.{population}", indices)
            for population, indices in checked_mapping("neurons", neurons)
        }
        self.folder = None if folder is None else as_path("folder", folder)
        self._running = False
        self._selection: Selection | None = None
        # Steps, and the rows of each track.
        self._flushed: tuple[int, tuple[int, ...]] = (0, ())
        self._spike_tracks: dict[str, Track] = {}
        self._state_tracks: dict[tuple[str, str], Track] = {}
        # Steps since the last flush, by track.
        self._ahead: dict[str, int] = {}

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """The recording in ``folder``, up to its last flush, even one that was interrupted.

        To record more, give it to a run of the same network: :meth:`begin` then goes on after that
        flush. No other process may be recording to the folder then.

        Raises:
            FxlifError: no recording there, or one whose files are missing, cut off or of another
                content; always names the file.
        """
        path = as_path("folder", folder) / INDEX
        with on_disk(path):
            text = path.read_bytes()
        try:
            index = Index.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            said = FxlifError(first["msg"].splitlines()[0], value=first["input"])
            raise said.under(where).inside(path) from None
        selection = index.plan
        if len(index.counts) != len(selection.spikes):
            raise FxlifError.must_be(
                "counts", f"{len(selection.spikes)} counts", len(index.counts)
            ).inside(path)
        populations = dict.fromkeys(watched.population for watched in selection.states)
        states = {
            p: [w.variable for w in selection.states if w.population == p] for p in populations
        }
        neurons = {w.population: w.neurons for w in selection.states if w.neurons is not None}
        try:
            selection.check()
            for watched in selection.states:
                if neurons.get(watched.population) != watched.neurons:
                    raise FxlifError.must_be(
                        f"neurons.{watched.population}", "one choice", watched.neurons, found="two"
                    )
            recording = cls(selection.spikes, states, neurons, folder)
        except FxlifError as error:
            raise error.inside(path) from None
        recording._begin_with(selection, index.steps, index.counts)
        for track in recording._file_tracks():
            track.check()
        return recording

    # --- recording ------------------------------------------------------------------------------

    def must_fit(self, sizes: Mapping[str, int], ranges: Ranges, steps: int) -> None:
        """Raise unless there is room for the states of ``steps`` more steps; else as begin."""
        if self._states:
            states_fit(self.selected(sizes, ranges), steps, self.folder)

    def begin(self, sizes: Mapping[str, int], ranges: Ranges) -> None:
        """Make ready for a network, at first or to go on after the last flush.

        Args:
            sizes: how many neurons each population and each source has.
            ranges: lowest and highest value of each state variable of each population; a name
                without ranges is a source.

        Raises:
            FxlifError: an unknown population or variable, a neuron that is not there, a folder that
                holds another recording or cannot be written, or a network other than that with
                which the recording began.
        """
        selection = self.selected(sizes, ranges)
        if self._selection is not None:
            self._selection.check_unchanged(selection)
            self._rewind()
        elif self.folder is None:
            self._begin_with(selection, 0, (0,) * len(selection.spikes))
        else:
            self._create(selection, self.folder)
        self._running = True

    def selected(self, sizes: Mapping[str, int], ranges: Ranges) -> Selection:
        """What it takes from a network that is described as for :meth:`begin`."""
        return select(sizes, ranges, self._spikes, self._states, self._neurons)

    def _create(self, selection: Selection, folder: Path) -> None:
        make_folder(folder)
        make_room(folder)
        self._begin_with(selection, 0, (0,) * len(selection.spikes))
        made = []
        try:
            for track in self._file_tracks():
                track.create()
                made.append(track.path)
            self._write_index(0)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            self._selection = None
            raise

    def _begin_with(self, selection: Selection, steps: int, counts: Iterable[int]) -> None:
        """Make the tracks of ``selection``, of which so much is there already."""
        self._selection = selection
        self._spike_tracks, self._state_tracks = make_tracks(selection, self.folder, steps, counts)
        self._flushed = (steps, tuple(track.count for track in self._tracks()))

    def _tracks(self) -> list[Track]:
        return [*self._spike_tracks.values(), *self._state_tracks.values()]

    def _file_tracks(self) -> list[FileTrack]:
        return [track for track in self._tracks() if isinstance(track, FileTrack)]

    @property
    def selection(self) -> Selection:
        """What it takes, and the sizes of all parts; FxlifError before a run has begun."""
        if self._selection is None:
            raise FxlifError("recording: nothing can be read before a run has begun")
        return self._selection

    @property
    def wanted_spikes(self) -> tuple[str, ...]:
        """The populations and sources whose spikes are recorded."""
        return self.selection.spikes

    @property
    def wanted_states(self) -> tuple[tuple[str, str, npt.NDArray[np.int64]], ...]:
        """What add_states takes: :attr:`fxlif.network.selection.Selection.watched`."""
        return self.selection.watched

    def add_spikes(self, name: str, events: npt.ArrayLike) -> None:
        """Take the spikes of some whole steps.

        Args:
            name: one of wanted_spikes.
            events: (count,) integers, addresses and TICKs, empty or with a TICK at the end.

        Raises:
            FxlifError: not wanted, no such stream, or a file that cannot be written.
        """
        self._must_run()
        self._spike_track(name)
        try:
            stream = aer.check(events, self.selection.sizes[name])
        except FxlifError as error:
            raise error.inside(name) from None
        if stream.size and stream[-1] != TICK:
            raise FxlifError.must_be(f"{name}: the last event", f"{TICK} (tick)", int(stream[-1]))
        self.add_words(name, aer.to_words(stream), int(np.count_nonzero(stream == TICK)))

    def add_words(self, name: str, words: npt.NDArray[np.uint32], steps: int) -> None:
        """As add_spikes, of ``steps`` steps, in the form of to_words and seen to be right."""
        self._must_run()
        self._spike_track(name).add(words)
        self._count_steps(name, steps)

    def add_states(self, population: str, variable: str, rows: npt.ArrayLike) -> None:
        """Take the values of some steps.

        Args:
            population: as in wanted_states.
            variable: as in wanted_states.
            rows: (steps, watched) integers.

        Raises:
            FxlifError: not wanted, another shape, values outside the range that begin was given, or
                a file that cannot be written.
        """
        self._must_run()
        track = self._state_track(population, variable)
        name = f"{population}.{variable}"
        array = integers(name, rows)
        if array.ndim != 2 or array.shape[1:] != track.row:
            allowed = f"of shape (steps, {track.row[0]})"
            raise FxlifError.must_be(name, allowed, rows, found=str(array.shape))
        if not np.can_cast(array.dtype, track.dtype):
            within(name, array, np.iinfo(track.dtype).min, np.iinfo(track.dtype).max)
        # Always a copy: the caller may use its buffer again.
        track.add(array.astype(track.dtype, order="C"))
        self._count_steps(name, len(array))

    def _must_run(self) -> None:
        if not self._running:
            raise FxlifError("recording: nothing can be added before begin or after close")

    def _count_steps(self, name: str, steps: int) -> None:
        self._ahead[name] = self._ahead.get(name, 0) + steps

    def flush(self) -> None:
        """Make everything that was added part of the recording; at best after each chunk.

        Raises:
            FxlifError: not as many steps of each thing recorded, or a file that cannot be written.
        """
        self._must_run()
        names = [*self._spike_tracks, *map(".".join, self._state_tracks)]
        steps = {name: self._ahead.get(name, 0) for name in names}
        if len(set(steps.values())) > 1:
            low, high = min(steps, key=steps.__getitem__), max(steps, key=steps.__getitem__)
            raise FxlifError.must_be(
                "recording", "as many steps of each", steps,
                found=f"{steps[low]} of {low} and {steps[high]} of {high}",
            )  # fmt: skip
        ahead = max(steps.values(), default=0)
        # What fails or is interrupted before the one assignment is undone by _rewind, what comes
        # after it is completed.
        for track in self._tracks():
            track.publish()
        self._write_index(self.steps + ahead)
        counts = tuple(track.count + track.ahead for track in self._tracks())
        self._flushed = (self.steps + ahead, counts)
        for track in self._tracks():
            track.commit()
        self._ahead = {}

    def _write_index(self, steps: int) -> None:
        if self.folder is None:
            return
        counts = tuple(track.count + track.ahead for track in self._spike_tracks.values())
        index = Index(steps=steps, counts=counts, plan=self.selection)
        with whole_file(self.folder / INDEX) as temporary:
            temporary.write_text(index.model_dump_json(), encoding="utf-8")

    def _rewind(self) -> None:
        """Back to the last flush."""
        self._ahead = {}
        for track, count in zip(self._tracks(), self._flushed[1], strict=True):
            track.settle(count)
        # First, so that it never counts what is not there.
        self._write_index(self.steps)
        for track in self._tracks():
            track.rewind()

    def close(self) -> None:
        """Flush and end the recording, which remains readable; a later begin goes on with it.

        Raises:
            FxlifError: as :meth:`flush`; what was added since the last flush is then dropped.
        """
        if not self._running:
            return
        try:
            self.flush()
        except FxlifError:
            self._drop()
            raise
        self._running = False

    def _drop(self) -> None:
        self._running = False
        with suppress(FxlifError):  # what cannot be removed now is not read, and removed by begin
            self._rewind()

    def __repr__(self) -> str:
        begun = self._selection is not None
        return summary(begun, self.steps, self._spike_tracks, self._state_tracks)

    def _repr_html_(self) -> str:
        return html_of(repr(self), self.steps, self._spike_tracks, self._state_tracks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an exception the chunk under way may be only partly there.
        if kind is None:
            self.close()
        elif self._running:
            self._drop()

    # --- reading --------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps up to the last flush; 0 where neither spikes nor states are recorded."""
        return self._flushed[0]

    def spikes(self, name: str) -> Events:
        """The spikes of a population or source: (count,) int64, addresses, a TICK per step.

        Raises:
            FxlifError: not recorded, or a file that cannot be read.
        """
        stream = np.empty(self._spike_track(name).count, np.int64)
        at = 0
        for block in self._blocks(name):
            stream[at : at + len(block)] = block
            at += len(block)
        return stream

    def states(self, population: str, variable: str) -> Integers:
        """The values after each step: (steps, watched), read-only; on disk a memory map.

        The dtype is the narrowest signed one that holds the variable's range, from int8 to int64:
        widen it before arithmetic that could leave it. The columns are in the order of ``neurons``.

        Raises:
            FxlifError: not recorded, or a file that cannot be read.
        """
        return self._state_track(population, variable).rows()

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        """How often each neuron has spiked: (n,) int64.

        Raises:
            FxlifError: as :meth:`spikes`.
        """
        self._spike_track(name)
        n = self.selection.sizes[name]
        counts = np.zeros(n, np.int64)
        for block in self._blocks(name):
            counts += np.bincount(block[block != TICK], minlength=n)
        return counts

    def raster(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Step and neuron of each spike, in the order of the stream: two (spikes,) int64 arrays.

        Raises:
            FxlifError: as :meth:`spikes`.
        """
        stream = self.spikes(name)
        ticks = stream == TICK
        return np.cumsum(ticks, dtype=np.int64)[~ticks], stream[~ticks]

    def _blocks(self, name: str) -> Iterator[Events]:
        words = self._spike_track(name).rows()
        # Blocks shorter than the population would make counts slow.
        length = max(_BLOCK, self.selection.sizes[name])
        for start in range(0, len(words), length):
            try:
                stream = aer.from_words(words[start : start + length])
                yield aer.check(stream, self.selection.sizes[name])
            except FxlifError as error:
                raise error.inside(f"{name}: from event {start} on") from None

    def _spike_track(self, name: str) -> Track:
        wanted = self.selection.spikes
        try:
            return self._spike_tracks[name]
        except (KeyError, TypeError):
            allowed = f"{listed(wanted)} (what is recorded)"
            raise FxlifError.must_be("spikes", allowed, name) from None

    def _state_track(self, population: str, variable: str) -> Track:
        self.selection  # noqa: B018  it refuses a recording that has not begun
        try:
            return self._state_tracks[population, variable]
        except (KeyError, TypeError):
            allowed = f"{listed(map('.'.join, self._state_tracks))} (what is recorded)"
            raise FxlifError.must_be("states", allowed, f"{population}.{variable}") from None
