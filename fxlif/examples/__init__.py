"""Small scripts that each show one thing, in float and in integers side by side.

``fxlif init --example NAME FOLDER`` writes one to a folder, where ``python NAME.py`` runs it in
some seconds and writes its picture.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

#: By name, which is that of the script too: its files.
EXAMPLES = {
    "euler": ("euler.py",),
    "refractory": ("refractory.py",),
    "grid": ("grid.py", "grid.toml"),
    "population": ("population.py",),
    "rate": ("rate.py",),
}


def write(folder: Path, example: str) -> None:
    """Write the files of an example, one of :data:`EXAMPLES`, to ``folder``."""
    for name in EXAMPLES[example]:
        (folder / name).write_text((files(__name__) / name).read_text())
