"""Where fxlif, and the tools that it calls, keep what they compiled."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from .errors import FxlifError


def cache_folder() -> Path:
    """The folder of all caches, which can be written to.

    ``$FXLIF_CACHE``, else the user's cache folder, else, with one line on stderr, a temporary one
    of this user's.

    Raises:
        FxlifError: ``$FXLIF_CACHE`` names something that is no folder or cannot be written to.
    """
    names = ("FXLIF_CACHE", "XDG_CACHE_HOME", "HOME")
    return _found(*(os.environ.get(name, "") for name in names))


def tool_caches() -> Mapping[str, str]:
    """The environment variables that put the caches of Yosys beside fxlif's own.

    Empty where the user's cache folder is in use, in which Yosys keeps its own by itself.
    """
    folder = cache_folder()
    if folder == _users():
        return {}
    return {"YOWASP_CACHE_DIR": str(folder / "yowasp"), "XDG_CACHE_HOME": str(folder)}


@lru_cache(maxsize=8)
def _found(given: str, *_: str) -> Path:
    if given:
        if not _writable(Path(given)):
            allowed = "a folder that can be written to"
            raise FxlifError.must_be("FXLIF_CACHE", allowed, given)
        return Path(given)
    folder = _users()
    if folder is not None and _writable(folder):
        return folder
    folder = _temporary()
    print(
        f"fxlif: no cache folder of this user can be written to: what is compiled is kept in "
        f"{folder}; FXLIF_CACHE names another",
        file=sys.stderr,
    )
    return folder


def _users() -> Path | None:
    """The user's cache folder; None where the user has no home."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given or Path.home() / ".cache") / "fxlif"
    except RuntimeError:
        return None


def _writable(folder: Path) -> bool:
    """Whether the folder is there, or could be made, and new files may be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """A temporary folder that this user alone can write to; the same one at every run."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"fxlif-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        # Another user may have made the name first, to have code of theirs run.
        if not folder.is_symlink() and state.st_uid == user and not state.st_mode & 0o022:
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="fxlif-"))
