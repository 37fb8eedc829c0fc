"""Networks of the Neuromorphic Intermediate Representation, both ways (docs/quantise.md#nir).

:func:`read` makes a float network of a file, which :func:`fxlif.quantise.quantise` takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .conventions import CONVENTIONS as CONVENTIONS
    from .exporting import write as write
    from .importing import Imported as Imported
    from .importing import read as read

HOMES = {
    "CONVENTIONS": "conventions",
    "Imported": "importing",
    "read": "importing",
    "write": "exporting",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
