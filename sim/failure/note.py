"""What stands in a failure folder for machines to read, and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...errors import FxlifError
from ...files import cannot
from ...hdl.interface import Field
from ...hdl.limits import supported
from ...params import design
from ...params.mistakes import explain
from ...params.protocol import AnyParams, Kind
from ..bench.wrapper import Interface
from ..report.difference import Difference
from ..tools.words import read_text

FORMAT: Literal[1] = 1
DESIGN, NOTE, WORDS = "design.toml", "failure.json", "stimulus.mem"


class Packing(BaseModel):
    """How the numbers are packed into stimulus and response: see :class:`Interface`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stimulus: dict[str, Field]
    response: dict[str, Field]
    stimulus_bits: int
    response_bits: int


class Note(BaseModel):
    """What ``failure.json`` says.

    ``start`` is the cycle of the run that failed in which the stimulus of the folder begins;
    ``reproduced`` whether that stimulus was seen to fail in the same way. The cycles of ``first``,
    the first difference, are those of that stimulus.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    name: str
    kind: Kind
    simulator: str
    seed: int | None = None
    reasons: list[str] = []
    start: int = 0
    reproduced: bool = False
    first: Difference
    sources: list[str]
    interface: Packing
    notes: list[str] = []
    versions: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure folder, read. ``words``: stimulus words, one per cycle from power-up on."""

    folder: Path
    note: Note
    params: AnyParams
    interface: Interface
    sources: dict[str, str]
    words: list[int]


def load(folder: str | Path) -> Failure:
    """Read a failure folder; only ``failure.json``, ``design.toml``, ``stimulus.mem`` and the
    sources are needed.

    Raises:
        FxlifError: one line per mistake: file, key, what was found, what is allowed.
    """
    folder = Path(folder)
    path = folder / NOTE
    if not folder.is_dir():
        raise FxlifError.must_be("folder", "one that a failure left", str(folder))
    try:
        note = Note.model_validate_json(_text(path))
    except ValidationError as error:
        raise explain(error, Note, str(path)) from None
    for file in note.sources:
        if Path(file).name != file:
            raise FxlifError.must_be("sources", "the name of a file in it", file).inside(path)
    packing = note.interface
    interface = Interface(
        packing.stimulus, packing.response, packing.stimulus_bits, packing.response_bits, wrapper=""
    )
    return Failure(
        folder=folder, note=note, interface=interface,
        params=_of_kind(note.kind, folder / DESIGN),
        sources={file: _text(folder / file) for file in note.sources},
        words=read_words(folder, interface.stimulus_bits, note.first),
    )  # fmt: skip


def read_words(folder: Path, bits: int, first: Difference | None) -> list[int]:
    """The stimulus of a failure folder, up to its ``first`` difference at least.

    Raises:
        FxlifError: the file cannot be read, or is shorter: of what it shows nothing may differ.
    """
    words = read_text(folder / WORDS, bits)
    if first is not None and len(words) <= first.cycle:
        allowed = f"{first.cycle + 1} words or more, as {NOTE} says"
        raise FxlifError.must_be(str(folder / WORDS), allowed, len(words))
    return words


def _of_kind(kind: str, path: Path) -> AnyParams:
    params = design.load_hardware(path)
    if (params.kind == "neuron") is not (kind == "neuron"):
        raise FxlifError.must_be(str(path), f"a {kind}, as {NOTE} says", params.kind)
    return params.core[0] if kind == "core" and params.kind == "network" else supported(params)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise cannot("read", path, error) from None
    except ValueError:
        raise FxlifError.must_be("", "text", path.name, found="other bytes").inside(path) from None
