"""Where a recording keeps its rows: in memory, or in files whose headers say how many count."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import count_of
from ..errors import FxlifError
from ..files import cannot
from ..notebook import html_table
from . import events as aer
from .selection import Index, Selection

INDEX = "recording.json"


class Track:
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
        """Do all of a commit that can fail."""

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
        """Do all of a removal that can fail."""

    def rows(self) -> npt.NDArray[Any]:
        """All that counts, (count, *row); read-only."""
        if len(self._kept) != 1:
            empty = np.empty((0, *self.row), self.dtype)
            self._kept = [np.concatenate([empty, *self._kept], dtype=self.dtype)]
        view = self._kept[0].view()
        view.flags.writeable = False
        return view


class FileTrack(Track, ABC):
    """Rows in a file, after a header of fixed length that says how many there are.

    The file is open only while it is read or written: a network may have more tracks than a
    process may have open files.
    """

    def __init__(
        self, path: Path, dtype: npt.DTypeLike, row: tuple[int, ...] = (), count: int = 0
    ) -> None:
        super().__init__(dtype, row, count)
        self.path = path

    @abstractmethod
    def header(self, count: int) -> bytes:
        """What stands before ``count`` rows, as long for every count."""

    @abstractmethod
    def header_count(self, header: bytes) -> int:
        """The count in a header that has the right length."""

    def _size(self, count: int) -> int:
        return len(self.header(0)) + count * self.dtype.itemsize * int(np.prod(self.row, dtype=int))

    def create(self) -> None:
        with on_disk(self.path), open(self.path, "xb") as file:
            file.write(self.header(0))

    def add(self, rows: npt.NDArray[Any]) -> None:
        with on_disk(self.path), open(self.path, "r+b") as file:
            file.seek(self._size(self.count + self.ahead))
            file.write(rows.data if rows.size else b"")
        self.ahead += len(rows)

    def publish(self) -> None:
        self._write_header(self.count + self.ahead)

    def rewind(self) -> None:
        # In this order, so that no header ever counts rows that are not there.
        self._write_header(self.count)
        with on_disk(self.path):
            os.truncate(self.path, self._size(self.count))

    def _write_header(self, count: int) -> None:
        with on_disk(self.path), open(self.path, "r+b") as file:
            file.write(self.header(count))

    def check(self) -> None:
        """Refuse a file of another kind, or with less than the rows that count."""
        with on_disk(self.path), open(self.path, "rb") as file:
            header = file.read(len(self.header(0)))
            size = os.fstat(file.fileno()).st_size
        count = self.header_count(header) if len(header) == len(self.header(0)) else -1
        if count < 0 or header != self.header(count):
            raise FxlifError.must_be(
                str(self.path), f"a file with the header that {INDEX} describes", self.path,
                found="one with another header",
            )  # fmt: skip
        if count < self.count or size < self._size(self.count):
            raise self._cut_off()

    def rows(self) -> npt.NDArray[Any]:
        shape = (self.count, *self.row)
        with on_disk(self.path):
            try:
                return np.memmap(self.path, self.dtype, "r", len(self.header(0)), shape)
            except ValueError:
                raise self._cut_off() from None

    def _cut_off(self) -> FxlifError:
        return FxlifError.must_be(
            str(self.path), f"a file of {self.count} entries or more", self.path, found="cut off"
        )


class SpikeFile(FileTrack):
    """The ``.bin`` form of :mod:`fxlif.network.events`."""

    def header(self, count: int) -> bytes:
        return aer.header(count)

    def header_count(self, header: bytes) -> int:
        return aer.header_count(header)


class StateFile(FileTrack):
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


def make_tracks(
    selection: Selection, folder: Path | None, steps: int, counts: Iterable[int]
) -> tuple[dict[str, Track], dict[tuple[str, str], Track]]:
    """The tracks of the spikes, by name, and of the states, by population and variable.

    In files of ``folder`` that hold ``steps`` steps and, in order, ``counts`` events; in memory,
    empty, where ``folder`` is None.
    """
    spikes: dict[str, Track] = {}
    states: dict[tuple[str, str], Track] = {}
    for name, count in zip(selection.spikes, counts, strict=True):
        path = f"{name}.spikes.bin"
        spikes[name] = SpikeFile(folder / path, "<u4", (), count) if folder else Track("<u4")
    for watched in selection.states:
        dtype = np.dtype(watched.dtype).newbyteorder("<")
        row = (selection.width(watched),)
        path = f"{watched.population}.{watched.variable}.npy"
        states[watched.population, watched.variable] = (
            StateFile(folder / path, dtype, row, steps) if folder else Track(dtype, row)
        )
    return spikes, states


Spikes = Mapping[str, Track]
States = Mapping[tuple[str, str], Track]


def summary(begun: bool, steps: int, spikes: Spikes, states: States) -> str:
    """What a recording holds, in a line."""
    if not begun:
        return "<Recording: not begun>"
    content = (
        f"spikes of {count_of(len(spikes), 'part')}, {count_of(len(states), 'state variable')}"
    )
    return f"<Recording: {count_of(steps, 'step')}, {content}>"


def html_of(title: str, steps: int, spikes: Spikes, states: States) -> str:
    """What a recording holds, as a table in HTML."""
    rows = [(name, "spikes", track.count - steps) for name, track in spikes.items()]
    rows += [(part, variable, steps * track.row[0]) for (part, variable), track in states.items()]
    return html_table(title, ("part", "what", "how many"), rows)


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn what the system says of ``path`` into one line."""
    try:
        yield
    except FileExistsError:
        raise FxlifError.must_be(
            str(path), "not there before a recording begins", path, found="a file"
        ) from None
    except OSError as error:
        raise cannot("read or written", path, error) from None


def make_room(folder: Path) -> None:
    """Remove a recording of no steps, such as a run leaves that is broken off before the first.

    Raises:
        FxlifError: the folder holds a recording of some steps, or a broken one.
    """
    path = folder / INDEX
    if not os.path.lexists(path):
        return
    try:
        index = Index.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        index = None
    if index is None or index.steps:
        raise FxlifError.must_be(
            str(folder), "a folder without a recording", folder, found="one with a recording"
        )
    for tracks in make_tracks(index.plan, folder, 0, index.counts):
        for track in tracks.values():
            if isinstance(track, FileTrack):
                track.path.unlink(missing_ok=True)
    path.unlink()
