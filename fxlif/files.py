"""Files that are written whole or not at all, and files of arrays that may be broken."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import FxlifError

if TYPE_CHECKING:
    import numpy.typing as npt


def as_path(key: str, value: object) -> Path:
    """``value``, a text or a path, as a path, or an error."""
    if not isinstance(value, str | os.PathLike):
        raise FxlifError.must_be(key, "the name of a file", value)
    return Path(value)


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix, that becomes ``path`` as the block ends.

    The block writes the file. On any exception the temporary file is removed and ``path`` stays as
    it was.

    Raises:
        FxlifError: the folder of ``path`` does not exist, or the file cannot be written.
    """
    path = Path(path)
    if not os.path.isdir(path.parent):
        raise FxlifError(
            f"{path}: there is no folder {path.parent}", key=str(path), value=path,
            allowed="in a folder that is there",
        )  # fmt: skip
    # Only a name: a file made by tempfile would keep its private permissions after the replace.
    temporary = path.parent / f".{uuid.uuid4().hex}{path.suffix}"
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise cannot("written", path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder whose files move to the folder ``path`` as the block ends.

    On any exception it is removed and ``path`` stays as it was. ``path`` is made if need be; files
    already there stay, unless one of the same name takes their place.

    Raises:
        FxlifError: the folder cannot be made or written.
    """
    path = Path(path)
    there = os.path.isdir(path)
    if os.path.lexists(path) and not there:
        raise FxlifError.must_be(str(path), "a folder", path, found="a file")
    # Inside a folder that is there: its parent may be another file system, or not writable.
    temporary = (path if there else path.parent) / f".{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if there:
            files = sorted(temporary.iterdir())
            for target in (path / file.name for file in files):
                if target.is_dir():  # found before the first file moves
                    raise FxlifError.must_be(
                        str(target), "a file, or not there", target, found="a folder"
                    )
            for file in files:
                os.replace(file, path / file.name)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise cannot("written", path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none.

    Raises:
        FxlifError: there is a file, or the system refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FxlifError.must_be(str(path), "a folder", path, found="a file") from None
    except OSError as error:
        raise cannot("made", path, error) from None


def cannot(be: str, path: object, error: Exception) -> FxlifError:
    """The error of a file that cannot ``be`` "read" or "written", with the system's reason."""
    if isinstance(error, FileNotFoundError):
        return FxlifError(f"{path}: no such file", key=str(path), value=path)
    reason = getattr(error, "strerror", None) or error
    return FxlifError(f"{path}: cannot be {be} ({reason})", key=str(path), value=path)


def read_arrays(
    file: str | os.PathLike[str] | BinaryIO,
    required: Collection[str] = (),
    optional: Collection[str] = (),
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file by name; that of an .npy file has the name "".

    Those in ``required`` and ``optional`` alone are read; all where both are empty. Nothing is ever
    unpickled.

    Raises:
        FxlifError: no such file, one that cannot be read, one that is broken or of another kind,
            one without a required array: one line, led by the name of a file that is not open
            already.
    """
    import numpy as np

    shown = "" if hasattr(file, "read") else str(file)
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {"": loaded}
        else:
            with loaded:
                wanted = [*required, *optional] or loaded.files
                arrays = {key: loaded[key] for key in wanted if key in loaded.files}
                names = ", ".join(map(repr, loaded.files)) or "no array"
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise cannot("read", shown, error) from None
        # A damaged archive makes zipfile, zlib and numpy raise a dozen kinds of exceptions, that
        # speak of their insides, or advise to unpickle it.
        raise FxlifError.must_be(
            shown, "a .npy or .npz file of numbers", shown, found="a broken file or another kind"
        ) from None
    for missing in (key for key in required if key not in arrays):
        found = "a single array" if "" in arrays else f"one with {names}"
        raise FxlifError.must_be(
            shown, f"an .npz file with the array {missing!r}", shown, found=found
        )
    return arrays
