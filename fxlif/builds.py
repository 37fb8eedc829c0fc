"""Keeps what was built; an entry that is not whole is built again, with one line on stderr.

An entry is a folder with a manifest: what it was made from, by which tools, for which CPU, and the
size and SHA-256 of every file. It is made in a temporary folder beside and renamed into place, so
that an interrupted build is never found; of two runs that want the same, one waits for the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from .caches import cache_folder
from .errors import FxlifError

MANIFEST = "manifest.json"
FORMAT = 1
#: The files that this process has found to be what their manifests say: path, inode, change time.
_checked: set[tuple[str, int, int]] = set()


@cache
def cpu() -> str:
    """What ``-march=native`` depends on: model and instruction sets of the first core."""
    known = ("vendor_id", "model name", "cpu family", "model", "flags",
             "CPU implementer", "CPU part", "Features")  # fmt: skip
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    rows = [line.split(":", 1) for line in first.splitlines() if ":" in line]
    return "; ".join(v.strip() for k, v in rows if k.strip() in known) or platform.machine()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What an entry is made from.

    Attributes:
        kind: what it is, in a word.
        tools: name → version.
        inputs: name → text: sources, options, and the code that builds.
        used: patterns of the files that are run or linked. Their hashes are compared, once per
            process; of all files the sizes, every time.
        native: built with ``-march=native``, so of use on this CPU alone.
    """

    kind: str
    tools: Mapping[str, str]
    inputs: Mapping[str, str]
    used: tuple[str, ...]
    native: bool = False

    @cached_property
    def described(self) -> dict[str, Any]:
        """The manifest without the files."""
        inputs = {name: _sha256(text.encode()) for name, text in self.inputs.items()}
        return {
            "format": FORMAT, "kind": self.kind, "tools": dict(self.tools), "inputs": inputs,
            "cpu": cpu() if self.native else "",
        }  # fmt: skip

    def folder(self) -> Path:
        """Where the entry lies; the name ends in the CPU, if it matters."""
        content = dict(self.described)
        native = content.pop("cpu")
        name = f"{self.kind}-{_sha256(json.dumps(content, sort_keys=True).encode())[:24]}"
        return (
            cache_folder() / "builds" / (name + (f"-{_sha256(native.encode())[:8]}" * bool(native)))
        )


def find(recipe: Recipe) -> Path | None:
    """The folder of an entry; None where it is missing or, as a line on stderr says, not whole."""
    folder = recipe.folder()
    if not os.path.lexists(folder):
        return None
    wrong = fault(folder, recipe)
    if wrong:
        print(f"fxlif: {folder}: {wrong}; building it again", file=sys.stderr)
        return None
    return folder


def fault(folder: Path, recipe: Recipe) -> str:
    """What is wrong with an entry; empty if nothing is."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {
            name: (int(size), str(digest)) for name, (size, digest) in manifest.pop("files").items()
        }
        if manifest != recipe.described:
            return f"{MANIFEST} is that of another build"
        for name, (size, _) in files.items():
            found = (folder / name).stat().st_size
            if found != size:
                return f"{name} has {found} bytes, not {size}"
        for name in (path.name for pattern in recipe.used for path in folder.glob(pattern)):
            status = (folder / name).stat()
            known = str(folder / name), status.st_ino, status.st_mtime_ns
            if known not in _checked and _sha256((folder / name).read_bytes()) != files[name][1]:
                return f"{name} is not what was built"
            _checked.add(known)
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    return ""


def entry(recipe: Recipe, make: Callable[[Path], None]) -> Path:
    """The folder of an entry; ``make`` fills an empty folder if there is none, or waits for another
    run that does.

    Raises:
        FxlifError: the cache cannot be written.
    """
    folder = find(recipe)
    if folder:
        return folder
    folder = recipe.folder()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(cache_folder() / "locks" / folder.name):
            if not fault(folder, recipe):  # another run was first
                return folder
            work = Path(tempfile.mkdtemp(prefix=f"{recipe.kind}.", dir=folder.parent))
            try:
                make(work)
                files = {
                    file.name: (file.stat().st_size, _sha256(file.read_bytes()))
                    for file in sorted(work.iterdir())
                    if file.is_file()
                }
                manifest = json.dumps({**recipe.described, "files": files}, indent=1)
                (work / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
                _remove(folder)
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise FxlifError(
            f"{folder.parent}: cannot keep a build ({error}); FXLIF_CACHE names another folder",
            key="FXLIF_CACHE", value=str(cache_folder()), allowed="a folder with room to write to",
        ) from None  # fmt: skip
    return folder


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process or thread at a time, where the file system has locks."""
    file.parent.mkdir(exist_ok=True)
    with open(file, "wb") as handle:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
