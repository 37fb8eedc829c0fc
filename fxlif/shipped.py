"""The designs that fxlif brings, by the names that commands take."""

from __future__ import annotations

from . import digits, recurrent

#: Name → design file.
DESIGNS = {**digits.DESIGNS, "recurrent": recurrent.DESIGN}
