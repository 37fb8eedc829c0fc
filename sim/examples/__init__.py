"""Hand-written Verilog that fxlif did not make: a neuron and a time-multiplexed core, with the rule
and the map of each, and classic mistakes to see that they are found."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ...errors import FxlifError

if __name__ != "fxlif.sim.examples":
    raise ImportError("import fxlif.sim.examples: under another name every class exists twice")

#: By example, which is the name of its module too: its files.
EXAMPLES = {
    "neuron": ("neuron.v", "neuron.toml", "neuron_map.toml"),
    "core": ("core.v", "core.toml", "core_map.toml", "core_weights.mem"),
}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What a mistake does, and the edit of the source that makes it: ``put`` for ``find``."""

    says: str
    find: str
    put: str


@cache
def mistakes(example: str) -> dict[str, Mistake]:
    """The mistakes of an example, by name."""
    _known(example)
    found = tomllib.loads((files(__name__) / "mistakes.toml").read_text())
    return {name: Mistake(**content) for name, content in found[example].items()}


def source(example: str, mistake: str | None = None) -> str:
    """The Verilog of an example, correct or with one of its :func:`mistakes`."""
    _known(example)
    text = (files(__name__) / f"{example}.v").read_text()
    if mistake is None:
        return text
    if mistake not in mistakes(example):
        raise FxlifError.must_be("mistake", f"one of {', '.join(mistakes(example))}", mistake)
    edit = mistakes(example)[mistake]
    assert text.count(edit.find) == 1, mistake
    return text.replace(edit.find, edit.put)


def write(folder: Path, example: str, mistake: str | None = None) -> dict[str, Path]:
    """Write an example's files to ``folder``, with a mistake if one is named: name → path."""
    _known(example)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name in EXAMPLES[example]:
        verilog = name == f"{example}.v"
        text = source(example, mistake) if verilog else (files(__name__) / name).read_text()
        (folder / name).write_text(text)
        written[name] = folder / name
    return written


def _known(example: str) -> None:
    if example not in EXAMPLES:
        raise FxlifError.must_be("example", " or ".join(EXAMPLES), example)
