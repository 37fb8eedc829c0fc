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
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import FxlifError
from ..files import whole_file
from ..rule.step import NeuronState
from . import events as aer
from .events import TICK, Events

Integers = npt.NDArray[np.signedinteger[Any]]
Ranges = Mapping[str, Mapping[str, tuple[int, int]]]

VARIABLES = NeuronState._fields
INDEX = "recording.json"
MAX_SIZE = 1 << 30
#: Entries that are decoded at a time: what reading needs beside its result.
_BLOCK = 1 << 18


# --- what is recorded ---------------------------------------------------------------------------

_Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Watched(_Model):
    """One state variable of one population; ``neurons`` None: all of them."""

    population: str
    variable: str
    dtype: Literal["int8", "int16", "int32", "int64"]
    neurons: tuple[_Count, ...] | None


class _Plan(_Model):
    """What a recording takes from a network of given sizes."""

    sizes: dict[str, int]
    spikes: tuple[str, ...]
    states: tuple[_Watched, ...]


class _Index(_Model):
    """The content of ``recording.json``; ``counts`` are the events of each of ``plan.spikes``."""

    format: Literal["fxlif recording"] = "fxlif recording"
    version: Literal[1] = 1
    steps: _Count
    counts: tuple[_Count, ...]
    plan: _Plan


def _names(what: str, names: object) -> tuple[str, ...]:
    # The letters of one name would make an iterable of names, too.
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise FxlifError(f"{what}: found {names!r}, allowed several names, as in ('exc',)")
    listed = tuple(names)
    for at, name in enumerate(listed):
        if not isinstance(name, str):
            raise FxlifError(f"{what}: found {name!r}, allowed a name")
        if name in listed[:at]:
            raise FxlifError(f"{what}: found {name!r} twice, allowed once")
    return listed


def _neurons(what: str, value: npt.ArrayLike) -> npt.NDArray[np.int64]:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise FxlifError(f"{what}: found no array, allowed (watched,) indices") from None
    if array.ndim != 1:
        raise FxlifError(f"{what}: found shape {array.shape}, allowed (watched,)")
    # An empty list makes an array of floats; a mask of booleans would pass for indices 0 and 1.
    if array.size and array.dtype.kind not in "iu":
        raise FxlifError(f"{what}: found {array.dtype} values, allowed indices of neurons")
    for wrong in array[(array < 0) | (array >= MAX_SIZE)][:1]:
        raise FxlifError(f"{what}: found neuron {wrong}, allowed 0..n - 1")
    indices, first = np.unique(array, return_index=True)
    if len(indices) < len(array):
        repeated = array[np.setdiff1d(np.arange(len(array)), first)[0]]
        raise FxlifError(f"{what}: found neuron {repeated} twice, allowed once")
    return array.astype(np.int64)


def _narrowest(what: str, low: int, high: int) -> Literal["int8", "int16", "int32", "int64"]:
    names: tuple[Literal["int8", "int16", "int32", "int64"], ...]
    names = ("int8", "int16", "int32", "int64")
    for name in names:
        if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
            return name
    raise FxlifError(f"{what}: found the range {low}..{high}, allowed up to 64 bits")


def _check(plan: _Plan) -> None:
    """What the network and the plan must have in common, whoever made the plan."""
    for name, size in plan.sizes.items():
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise FxlifError(f"sizes: found name {name!r}, allowed letters, digits and _ - .")
        if not 1 <= size <= MAX_SIZE:
            raise FxlifError(f"sizes.{name}: found {size}, allowed 1..{MAX_SIZE}")
    for name in plan.spikes:
        if name not in plan.sizes:
            raise FxlifError(f"spikes: found {name!r}, allowed {_listed(plan.sizes)}")
    for watched in plan.states:
        if watched.population not in plan.sizes or watched.variable not in VARIABLES:
            raise FxlifError(f"states: found {watched.population}.{watched.variable}, allowed none")
        size = plan.sizes[watched.population]
        for wrong in (i for i in watched.neurons or () if i >= size):
            raise FxlifError(
                f"neurons.{watched.population}: found neuron {wrong}, allowed 0..{size - 1}"
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


# --- where it is kept ---------------------------------------------------------------------------


class _Track:
    """Rows of one dtype and shape, kept in memory.

    Rows that were added count once :meth:`publish` and then :meth:`commit` have been called;
    :meth:`settle` and then :meth:`rewind` remove others.
    """

    def __init__(self, dtype: npt.DTypeLike, row: tuple[int, ...] = (), count: int = 0) -> None:
        self.dtype = np.dtype(dtype)
        self.row = row
        self.count = count
        self.ahead = 0
        self._kept: list[npt.NDArray[Any]] = []
        self._added: list[npt.NDArray[Any]] = []

    def add(self, rows: npt.NDArray[Any]) -> None:
        self._added.append(rows)
        self.ahead += len(rows)

    def publish(self) -> None:
        """All of a commit that can fail."""

    def commit(self) -> None:
        self._kept += self._added
        self._added = []
        self.count, self.ahead = self.count + self.ahead, 0

    def settle(self, count: int) -> None:
        """Have ``count`` rows: those before the last commit or those after it."""
        if count != self.count:
            self.commit()
        self._added = []
        self.ahead = 0

    def rewind(self) -> None:
        """All of a removal that can fail."""

    def rows(self) -> npt.NDArray[Any]:
        """All that counts, (count, *row); read-only."""
        if len(self._kept) != 1:
            empty = np.empty((0, *self.row), self.dtype)
            self._kept = [np.concatenate([empty, *self._kept], dtype=self.dtype)]
        view = self._kept[0].view()
        view.flags.writeable = False
        return view


class _FileTrack(_Track):
    """Rows in a file, after a header of fixed length that says how many there are.

    The file is open only while it is read or written: a network may have more tracks than a
    process may have open files.
    """

    def __init__(
        self, path: Path, dtype: npt.DTypeLike, row: tuple[int, ...] = (), count: int = 0
    ) -> None:
        super().__init__(dtype, row, count)
        self.path = path

    def header(self, count: int) -> bytes:
        raise NotImplementedError

    def header_count(self, header: bytes) -> int:
        """The count in a header that has the right length."""
        raise NotImplementedError

    def _size(self, count: int) -> int:
        return len(self.header(0)) + count * self.dtype.itemsize * int(np.prod(self.row, dtype=int))

    def create(self) -> None:
        with _on_disk(self.path), open(self.path, "xb") as file:
            file.write(self.header(0))

    def add(self, rows: npt.NDArray[Any]) -> None:
        with _on_disk(self.path), open(self.path, "r+b") as file:
            file.seek(self._size(self.count + self.ahead))
            file.write(rows.data if rows.size else b"")
        self.ahead += len(rows)

    def publish(self) -> None:
        self._write_header(self.count + self.ahead)

    def rewind(self) -> None:
        # In this order, so that no header ever counts rows that are not there.
        self._write_header(self.count)
        with _on_disk(self.path):
            os.truncate(self.path, self._size(self.count))

    def _write_header(self, count: int) -> None:
        with _on_disk(self.path), open(self.path, "r+b") as file:
            file.write(self.header(count))

    def check(self) -> None:
        """Refuse a file of another kind, or with less than the rows that count."""
        with _on_disk(self.path), open(self.path, "rb") as file:
            header = file.read(len(self.header(0)))
            size = os.fstat(file.fileno()).st_size
        count = self.header_count(header) if len(header) == len(self.header(0)) else -1
        if count < 0 or header != self.header(count):
            raise FxlifError(f"{self.path}: found another header than {INDEX} describes")
        if count < self.count or size < self._size(self.count):
            raise FxlifError(f"{self.path}: cut off, allowed {self.count} entries or more")

    def rows(self) -> npt.NDArray[Any]:
        shape = (self.count, *self.row)
        with _on_disk(self.path):
            try:
                return np.memmap(self.path, self.dtype, "r", len(self.header(0)), shape)
            except ValueError:
                raise FxlifError(f"{self.path}: cut off, allowed {self.count} entries") from None


class _SpikeFile(_FileTrack):
    """The ``.bin`` form of :mod:`fxlif.network.events`."""

    def header(self, count: int) -> bytes:
        return aer.header(count)

    def header_count(self, header: bytes) -> int:
        return aer.header_count(header)


class _StateFile(_FileTrack):
    """The ``.npy`` form of numpy, version 1.0."""

    def header(self, count: int) -> bytes:
        entries = {"descr": self.dtype.str, "fortran_order": False, "shape": (count, *self.row)}
        magic = np.lib.format.magic(1, 0)
        # 128: room for every count, and the data stays aligned.
        text = f"{entries}".ljust(128 - len(magic) - 3) + "\n"
        return magic + len(text).to_bytes(2, "little") + text.encode()

    def header_count(self, header: bytes) -> int:
        found = re.search(rb"'shape': \((\d{1,19}),", header)
        return int(found[1]) if found else -1


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FxlifError(f"{path}: no such file") from None
    except FileExistsError:
        raise FxlifError(f"{path}: found a file, allowed none where a recording begins") from None
    except OSError as error:
        what = error.strerror or error
        raise FxlifError(f"{path}: cannot be read or written ({what})") from None


# --- the recording ------------------------------------------------------------------------------


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
        self._spikes = None if spikes is None else _names("spikes", spikes)
        self._states = {
            population: _names(f"states.{population}", variables)
            for population, variables in (states or {}).items()
        }
        self._neurons = {
            population: _neurons(f"neurons.{population}", indices)
            for population, indices in (neurons or {}).items()
        }
        self.folder = None if folder is None else Path(folder)
        self._running = False
        self._plan: _Plan | None = None
        # Steps, and the rows of each track.
        self._flushed: tuple[int, tuple[int, ...]] = (0, ())
        self._spike_tracks: dict[str, _Track] = {}
        self._state_tracks: dict[tuple[str, str], _Track] = {}
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
        path = Path(folder) / INDEX
        with _on_disk(path):
            text = path.read_bytes()
        try:
            index = _Index.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            what = f"{where}: {first['msg']}" if where else first["msg"]
            raise FxlifError(f"{path}: {what.splitlines()[0]}") from None
        plan = index.plan
        if len(index.counts) != len(plan.spikes):
            raise FxlifError(
                f"{path}: counts: found {len(index.counts)}, allowed {len(plan.spikes)}"
            )
        populations = dict.fromkeys(watched.population for watched in plan.states)
        states = {p: [w.variable for w in plan.states if w.population == p] for p in populations}
        neurons = {w.population: w.neurons for w in plan.states if w.neurons is not None}
        try:
            _check(plan)
            for watched in plan.states:
                if neurons.get(watched.population) != watched.neurons:
                    raise FxlifError(f"neurons: found two choices for {watched.population!r}")
            recording = cls(plan.spikes, states, neurons, folder)
        except FxlifError as error:
            raise FxlifError(f"{path}: {error}") from None
        recording._adopt(plan, index.steps, index.counts)
        for track in recording._file_tracks():
            track.check()
        return recording

    # --- recording ------------------------------------------------------------------------------

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
        plan = self._planned(sizes, ranges)
        if self._plan is not None:
            _same(self._plan, plan)
            self._rewind()
        elif self.folder is None:
            self._adopt(plan, 0, (0,) * len(plan.spikes))
        else:
            self._create(plan, self.folder)
        self._running = True

    def _planned(self, sizes: Mapping[str, int], ranges: Ranges) -> _Plan:
        populations = tuple(name for name in sizes if ranges.get(name))
        for population in self._states:
            if population not in populations:
                source = " (a source has no states)" if population in sizes else ""
                raise FxlifError(
                    f"states: found {population!r}{source}, allowed {_listed(populations)}"
                )
        for population in self._neurons:
            if not self._states.get(population):
                watched = _listed(name for name, variables in self._states.items() if variables)
                raise FxlifError(
                    f"neurons: found {population!r}, allowed {watched} (whose states are recorded)"
                )
        states = tuple(
            self._watched(population, variable, ranges[population])
            for population, variables in self._states.items()
            for variable in variables
        )
        spikes = populations if self._spikes is None else self._spikes
        plan = _Plan(
            sizes={name: int(size) for name, size in sizes.items()},
            spikes=spikes,
            states=states,
        )
        _check(plan)
        return plan

    def _watched(
        self, population: str, variable: str, ranges: Mapping[str, tuple[int, int]]
    ) -> _Watched:
        allowed = [name for name in VARIABLES if name in ranges]
        if variable not in allowed:
            raise FxlifError(f"states.{population}: found {variable!r}, allowed {_listed(allowed)}")
        chosen = self._neurons.get(population)
        return _Watched(
            population=population,
            variable=variable,
            dtype=_narrowest(f"{population}.{variable}", *ranges[variable]),
            neurons=None if chosen is None else tuple(chosen.tolist()),
        )

    def _create(self, plan: _Plan, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise FxlifError(f"{folder}: found a file, allowed a folder") from None
        except OSError as error:
            raise FxlifError(f"{folder}: cannot be made ({error.strerror or error})") from None
        if os.path.lexists(folder / INDEX):
            raise FxlifError(f"{folder}: found a recording, allowed a folder without one")
        self._adopt(plan, 0, (0,) * len(plan.spikes))
        made = []
        try:
            for track in self._file_tracks():
                track.create()
                made.append(track.path)
            self._write_index(0)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            self._plan = None
            raise

    def _adopt(self, plan: _Plan, steps: int, counts: Iterable[int]) -> None:
        """Make the tracks of ``plan``, of which so much is there already."""
        self._plan = plan
        self._spike_tracks, self._state_tracks = {}, {}
        folder = self.folder
        for name, count in zip(plan.spikes, counts, strict=True):
            path = f"{name}.spikes.bin"
            self._spike_tracks[name] = (
                _SpikeFile(folder / path, "<u4", (), count) if folder else _Track("<u4")
            )
        for watched in plan.states:
            key = (watched.population, watched.variable)
            dtype = np.dtype(watched.dtype).newbyteorder("<")
            row = (self._watched_count(watched),)
            path = f"{watched.population}.{watched.variable}.npy"
            self._state_tracks[key] = (
                _StateFile(folder / path, dtype, row, steps) if folder else _Track(dtype, row)
            )
        self._flushed = (steps, tuple(track.count for track in self._tracks()))

    def _watched_count(self, watched: _Watched) -> int:
        if watched.neurons is None:
            return self._begun.sizes[watched.population]
        return len(watched.neurons)

    def _tracks(self) -> list[_Track]:
        return [*self._spike_tracks.values(), *self._state_tracks.values()]

    def _file_tracks(self) -> list[_FileTrack]:
        return [track for track in self._tracks() if isinstance(track, _FileTrack)]

    @property
    def _begun(self) -> _Plan:
        if self._plan is None:
            raise FxlifError("recording: found none, allowed after a run has begun")
        return self._plan

    @property
    def wanted_spikes(self) -> tuple[str, ...]:
        """The populations and sources whose spikes are recorded."""
        return self._begun.spikes

    @property
    def wanted_states(self) -> tuple[tuple[str, str, npt.NDArray[np.int64]], ...]:
        """What add_states takes: (population, variable, neurons), the last (watched,) int64."""
        return tuple(
            (
                watched.population,
                watched.variable,
                np.arange(self._begun.sizes[watched.population], dtype=np.int64)
                if watched.neurons is None
                else np.array(watched.neurons, np.int64),
            )
            for watched in self._begun.states
        )

    def add_spikes(self, name: str, events: npt.ArrayLike) -> None:
        """Take the spikes of some whole steps.

        Args:
            name: one of wanted_spikes.
            events: (count,) integers, addresses and TICKs, empty or with a TICK at the end.

        Raises:
            FxlifError: not wanted, no such stream, or a file that cannot be written.
        """
        self._must_run()
        track = self._spike_track(name)
        try:
            stream = aer.check(events, self._begun.sizes[name])
        except FxlifError as error:
            raise FxlifError(f"{name}: {error}") from None
        if stream.size and stream[-1] != TICK:
            raise FxlifError(f"{name}: found {stream[-1]} as the last event, allowed {TICK} (tick)")
        track.add(aer.to_words(stream))
        self._count_steps(name, int(np.count_nonzero(stream == TICK)))

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
        array = np.asarray(rows)
        if array.ndim != 2 or array.shape[1:] != track.row:
            raise FxlifError(f"{name}: found shape {array.shape}, allowed (steps, {track.row[0]})")
        if array.dtype.kind not in "iu":
            raise FxlifError(f"{name}: found {array.dtype} values, allowed integers")
        if array.size and not np.can_cast(array.dtype, track.dtype):
            limits = np.iinfo(track.dtype)
            for found in (int(array.min()), int(array.max())):
                if not limits.min <= found <= limits.max:
                    raise FxlifError(f"{name}: found {found}, allowed {limits.min}..{limits.max}")
        # Always a copy: the caller may use its buffer again.
        track.add(array.astype(track.dtype, order="C"))
        self._count_steps(name, len(array))

    def _must_run(self) -> None:
        if not self._running:
            raise FxlifError("recording: found none under way, allowed between begin and close")

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
            raise FxlifError(
                f"recording: found {steps[low]} steps of {low} and {steps[high]} of {high}, "
                "allowed as many of each"
            )
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
        index = _Index(steps=steps, counts=counts, plan=self._begun)
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
        n = self._begun.sizes[name]
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
        length = max(_BLOCK, self._begun.sizes[name])
        for start in range(0, len(words), length):
            try:
                stream = aer.from_words(words[start : start + length])
                yield aer.check(stream, self._begun.sizes[name])
            except FxlifError as error:
                raise FxlifError(f"{name}: from event {start} on: {error}") from None

    def _spike_track(self, name: str) -> _Track:
        if name not in self._begun.spikes:
            raise FxlifError(
                f"spikes: found {name!r}, allowed {_listed(self._begun.spikes)} (what is recorded)"
            )
        return self._spike_tracks[name]

    def _state_track(self, population: str, variable: str) -> _Track:
        self._begun  # noqa: B018
        if (population, variable) not in self._state_tracks:
            raise FxlifError(
                f"states: found {population}.{variable}, "
                f"allowed {_listed(map('.'.join, self._state_tracks))} (what is recorded)"
            )
        return self._state_tracks[population, variable]


def _same(began: _Plan, plan: _Plan) -> None:
    """Refuse to go on with another network than the recording began with."""
    if began.sizes != plan.sizes:
        raise FxlifError(f"sizes: found {plan.sizes}, allowed {began.sizes}, as it began")
    if began.spikes != plan.spikes:
        raise FxlifError(
            f"spikes: found {_listed(plan.spikes)}, allowed {_listed(began.spikes)}, as it began"
        )
    for old, new in zip(began.states, plan.states, strict=True):
        if old != new:
            raise FxlifError(
                f"{new.population}.{new.variable}: found a range of {new.dtype}, "
                f"allowed {old.dtype}, as it began"
            )


__all__ = ["Recording"]
