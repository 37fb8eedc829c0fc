"""Names that a package exports without importing what defines them before they are used."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # see fxlif/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


def exports(
    package: str, homes: Mapping[str, str], packages: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and the ``__dir__`` of ``package``, which exports the names ``homes``,
    each from the module of it that the table says, and the ``packages`` inside it themselves."""

    def get(name: str) -> Any:
        if name in packages:
            return import_module(f".{name}", package)
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f".{homes[name]}", package), name)
        # Where Python and whoever reads the module's names find it from now on.
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *packages})

    return get, names
