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
    if not path.parent.is_dir():
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
    temporary = path.parent / f".{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            for file in sorted(temporary.iterdir()):
                os.replace(file, path / file.name)
        else:
            os.replace(temporary, path)
    except OSError as error:
        raise FxlifError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


__all__ = ["whole_file", "whole_folder"]
