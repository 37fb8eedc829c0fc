"""Figures of other hardware that stand beside a design's own: as published, or as built here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import FxlifError
from ...progress import SILENT, Progress
from .place import place
from .targets import Target
from .tools import DoesNotFitError


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What somebody else's hardware takes on devices of a ``family``, and how fast it is there;
    ``source``: who says so."""

    name: str
    family: str
    luts: int
    flip_flops: int
    memories: int
    mhz: str
    operations: str
    source: str = "as published"

    @property
    def row(self) -> tuple[str, ...]:
        """As a line of a table: LUT, FF, RAM, MHz, M synaptic operations per second."""
        return (
            f"{self.name}, {self.source}", f"{self.luts:,}", f"{self.flip_flops:,}",
            str(self.memories), self.mhz, self.operations,
        )  # fmt: skip


#: Name → hardware. tinyODIN: 256 neurons that take events one by one, 64 k synapses of 4 bits
#: (github.com/ChFrenkel/tinyODIN).
PEERS = {
    "tinyodin": Peer(
        name="tinyODIN", family="ecp5", luts=2981, flip_flops=1810, memories=17, mhz="30 to 40",
        operations="20",
    )
}  # fmt: skip


def peer_of(name: str, target: Target) -> Peer:
    """The hardware of this name.

    Raises:
        FxlifError: there is none, or its figures are those of other devices.
    """
    if name not in PEERS:
        raise FxlifError.unknown("--beside", "hardware whose figures are known", name, PEERS)
    peer = PEERS[name]
    if peer.family != target.family:
        allowed = f"left out with {target.name}: its figures are those of {peer.family}"
        raise FxlifError.must_be("--beside", allowed, name)
    return peer


# --- other people's Verilog --------------------------------------------------------------------

#: What Verilog reads beside itself, by the ending; and whatever it names in quotes.
_READ = (".vh", ".svh", ".mem", ".hex")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_COMMENT = re.compile(rf"({_QUOTED.pattern})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_MODULE = re.compile(r"\bmodule\s+(?:automatic\s+|static\s+)?(\w+)")


@dataclass(frozen=True)
class Foreign:
    """A module of other people's Verilog: its ``name``, its ``clock``, and by name the contents of
    the files that it needs."""

    name: str
    clock: str
    sources: Mapping[str, bytes]

    @property
    def top(self) -> str:
        """The name of the module."""
        return self.name

    def files(self) -> dict[str, bytes]:
        """File name → content."""
        return dict(self.sources)


def foreign(path: Path, top: str, clock: str) -> Foreign:
    """The module ``top`` of a Verilog file, or of those in a folder, of which the ones count that
    it needs: benches, say, may lie beside them.

    Raises:
        FxlifError: there is no such module, or a file cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    try:
        there = sorted(file.name for file in folder.iterdir() if file.is_file())
        names = there if path.is_dir() else [path.name]
        texts = {name: _text(folder / name) for name in names if name.endswith((".v", ".sv"))}
        codes = {name: _COMMENT.sub(r"\1 ", text) for name, text in texts.items()}
        words = {name: _QUOTED.sub(" ", code) for name, code in codes.items()}
        defined = {module: name for name, text in words.items() for module in _MODULE.findall(text)}
        if not defined:
            raise FxlifError.must_be("--beside", "Verilog with a module (.v, .sv)", str(path))
        if top not in defined:
            raise FxlifError.unknown("--top", f"module in {path}", top, defined)
        needed = [defined[top]]
        for name in needed:  # which grows
            named = set(re.findall(r"\w+", words[name]))
            needed += [file for module, file in defined.items()
                       if module in named and file not in needed]  # fmt: skip
        quoted = {Path(each[1:-1]).name for name in needed for each in _QUOTED.findall(codes[name])}
        read = [name for name in there
                if name in quoted or (path.is_dir() and name.endswith(_READ))]  # fmt: skip
        made = {name: _text(folder / name).encode() for name in dict.fromkeys([*read, *needed])}
    except OSError as error:
        raise FxlifError(f"{path}: cannot be read ({error.strerror})", key="--beside") from None
    return Foreign(top, clock, made)


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


def built(
    design: Foreign, target: Target, seeds: Sequence[int], progress: Progress = SILENT
) -> Peer:
    """What it takes on a device and how fast it is there, behind the same registers as a design of
    one's own (:func:`~fxlif.hdl.flow.place.place`).

    Raises:
        FxlifError: a tool is missing or fails, the module has no such clock, or does not fit.
    """
    try:
        figures = place(design, target, seeds=seeds, clock=design.clock, progress=progress)
    except DoesNotFitError as error:  # which says nothing of one's own
        raise FxlifError(f"--beside: {design.name}: {error}", key="--beside") from None
    used = figures.used
    return Peer(
        name=design.name, family=target.family, luts=used["LUT"], flip_flops=used["FF"],
        memories=used["RAM"], mhz=f"{figures.mhz:.1f}", operations="", source="built here",
    )  # fmt: skip
