"""Files that are written whole or not at all, and files of arrays that may be broken."""

from __future__ import annotations

import errno
import fcntl
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
        raise no_folder(path)
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


def must_take_files(folder: Path) -> None:
    """Raise unless files may be written in ``folder``, which is there or can be made.

    Nothing is made: work whose result would have nowhere to go is refused before it begins.

    Raises:
        FxlifError: there, or above it, is a file, or a folder that may not be written to.
    """
    there = next(each for each in (folder, *folder.parents) if _is_there(each))
    if not there.is_dir():
        if there == folder:
            raise FxlifError.must_be(str(folder), "a folder", folder, found="a file")
        raise _not_written(folder, errno.ENOTDIR)
    _must_be_writable(there, folder)


def must_be_writable(file: Path) -> None:
    """As :func:`must_take_files`, of one file, in a folder that is there already."""
    if _is_there(file) and file.is_dir():
        raise FxlifError.must_be(str(file), "a file", file, found="a folder")
    if not file.parent.is_dir():
        raise no_folder(file)
    _must_be_writable(file.parent, file)


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise cannot("written", path, error) from None
    return True


def _must_be_writable(folder: Path, shown: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        flags = os.statvfs(folder).f_flag if hasattr(os, "statvfs") else 0
        code = errno.EROFS if flags & getattr(os, "ST_RDONLY", 0) else errno.EACCES
        raise _not_written(shown, code)


def _not_written(path: Path, code: int) -> FxlifError:
    return cannot("written", path, OSError(code, os.strerror(code)))


def no_folder(file: Path) -> FxlifError:
    """The error of a file in a folder that is not there."""
    return FxlifError(
        f"{file}: there is no folder {file.parent}", key=str(file), value=file,
        allowed="in a folder that is there",
    )  # fmt: skip


@contextmanager
def growing_folder(path: Path) -> Iterator[Path]:
    """The folder ``path/unfinished``, whose files move to ``path`` as the block ends.

    Where the block is broken off, by an exception or with the process, they stay there for whoever
    wants them, and the next one begins anew.

    Raises:
        FxlifError: another process is at it, or the folder cannot be made or written.
    """
    make_folder(path)
    growing = path / "unfinished"
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            # Held until this process ends, however it ends.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FxlifError.must_be(
                str(path), "a folder of one run", path, found="one that another run writes to"
            ) from None
        if growing.exists():
            shutil.rmtree(growing)
        growing.mkdir()
        yield growing
        for file in sorted(growing.iterdir()):
            os.replace(file, path / file.name)
        growing.rmdir()
    except OSError as error:
        raise cannot("written", path, error) from error
    finally:
        os.close(handle)


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
