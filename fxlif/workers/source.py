"""Which fxlif this is, to the source."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .. import __version__

#: The floors, as they are installed, and what of them results depend on.
PACKAGES = ("fxlif", "fxlif.hdl", "fxlif.sim")
SUFFIXES = (".mem", ".npz", ".py", ".toml", ".v")


@cache
def source() -> str:
    """fxlif's version and a hash of its source; the same wherever and however it is installed."""
    files: dict[str, Path] = {}
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in Path(folder).rglob("*"):
                if path.suffix in SUFFIXES:
                    inside = path.relative_to(folder).as_posix()
                    files[f"{package.replace('.', '/')}/{inside}"] = path
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"fxlif {__version__} (source {digest.hexdigest()[:12]})"
