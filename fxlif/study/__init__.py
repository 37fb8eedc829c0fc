"""Quantisation studies: many choices of parameters evaluated, what each costs, and the best.

:mod:`.subject` says what can be studied, :mod:`.table` is what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .subject import Objective as Objective
    from .subject import Parameter as Parameter
    from .subject import Subject as Subject
    from .table import Row as Row
    from .table import Table as Table

HOMES = {
    "Objective": "subject",
    "Parameter": "subject",
    "Row": "table",
    "Subject": "subject",
    "Table": "table",
}
__all__ = list(HOMES)
__getattr__, __dir__ = exports(__name__, HOMES)
