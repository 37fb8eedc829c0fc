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

#: What Verilog reads beside itself.
_READ = (".vh", ".svh", ".mem", ".hex")
_MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)


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
    there = sorted(path.iterdir()) if path.is_dir() else [path]
    try:
        texts = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in there
                 if file.suffix in (".v", ".sv")}  # fmt: skip
        read = {file.name: file.read_bytes() for file in there if file.suffix in _READ}
    except OSError as error:
        raise FxlifError(f"{path}: cannot be read ({error.strerror})", key="--beside") from None
    defined = {module: name for name, text in texts.items() for module in _MODULE.findall(text)}
    if top not in defined:
        raise FxlifError.unknown("--top", f"module in {path}", top, defined)
    needed = [defined[top]]
    for name in needed:  # which grows
        words = set(re.findall(r"\w+", texts[name]))
        needed += [file for module, file in defined.items()
                   if module in words and file not in needed]  # fmt: skip
    return Foreign(
        top, clock, read | {name: texts[name].encode() for name in dict.fromkeys(needed)}
    )


def built(
    design: Foreign, target: Target, seeds: Sequence[int], progress: Progress = SILENT
) -> Peer:
    """What it takes on a device and how fast it is there, behind the same registers as a design of
    one's own (:func:`~fxlif.hdl.flow.place.place`).

    Raises:
        DoesNotFitError: which resource, by how much.
        FxlifError: a tool is missing or fails, or the module has no such clock.
    """
    figures = place(design, target, seeds=seeds, clock=design.clock, progress=progress)
    used = figures.used
    return Peer(
        name=design.name, family=target.family, luts=used["LUT"], flip_flops=used["FF"],
        memories=used["RAM"], mhz=f"{figures.mhz:.1f}", operations="", source="built here",
    )  # fmt: skip
