"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import FxlifError


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
        raise FxlifError(f"{path}: found no folder {path.parent}, allowed an existing folder")
    # Only a name: a file made by tempfile would keep its private permissions after the replace.
    temporary = path.parent / f".{uuid.uuid4().hex}{path.suffix}"
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise FxlifError(f"{path}: cannot be written ({error.strerror or error})") from error
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
        raise FxlifError(f"{path}: found a file, allowed a folder")
    # Inside a folder that is there: its parent may be another file system, or not writable.
    temporary = (path if there else path.parent) / f".{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if there:
            files = sorted(temporary.iterdir())
            for target in (path / file.name for file in files):
                if target.is_dir():  # found before the first file moves
                    raise FxlifError(f"{target}: found a folder, allowed a file or nothing")
            for file in files:
                os.replace(file, path / file.name)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise FxlifError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


__all__ = ["whole_file", "whole_folder"]
