"""The files that docs/cores.md shows."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "fxlif/docs/cores.md").read_text()
#: By name, the files that the page shows.
FILES: dict[str, str] = {
    name: text
    for _, name, text in re.findall(r"```(verilog|ini)\n(?://|#) (\S+)\n(.*?)```", PAGE, re.S)
}
