"""What a generated design shows to a bench or a driver: benches import it without Amaranth."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Field:
    """``width`` bits of a port, from bit ``offset`` on, that mean one number."""

    name: str
    offset: int
    width: int
    signed: bool = False


@dataclass(frozen=True, kw_only=True)
class Port:
    """A Verilog port and the numbers packed into it. ``direction`` is ``in`` or ``out``."""

    name: str
    direction: str
    width: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Image:
    """What a memory of constants holds: ``depth`` words of ``width`` bits, as hexadecimal text."""

    text: str
    depth: int
    width: int

    def columns(self) -> int:
        """How many bits of the words are neither constant nor equal to another in all of them:
        synthesis may leave out the others."""
        words = [int(word, 16) for word in self.text.split()]
        rows = [f"{word:0{self.width}b}" for word in words]
        return sum(len(set(column)) > 1 for column in set(zip(*rows, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A design as Verilog text, with the interface that a bench or a driver reads.

    ``sidecar``: what the JSON file says; ``arrays``: those that it refers to, by their key in the
    .npz file; ``large``: the files of large arrays that it names, by their names; ``images``: the
    files that the Verilog reads, by theirs.
    """

    name: str
    verilog: str
    ports: tuple[Port, ...]
    sidecar: dict[str, Any]
    arrays: dict[str, npt.NDArray[np.int64]]
    images: Mapping[str, Image] = field(default_factory=dict)
    large: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def image_texts(self) -> dict[str, str]:
        """File name → text of each image, to be written where the Verilog is read."""
        return {name: image.text for name, image in self.images.items()}

    @property
    def top(self) -> str:
        """The name of the Verilog module."""
        return self.name

    def files(self, beside: Mapping[str, str] | None = None) -> dict[str, bytes]:
        """File name → content: the sidecar, the Verilog and its images, the arrays, and the texts
        ``beside`` them.

        The sidecar has the SHA-256 of each of the others.
        """
        texts = {f"{self.name}.v": self.verilog, **self.image_texts, **(beside or {})}
        made = {name: text.encode() for name, text in texts.items()}
        if self.arrays:
            buffer = io.BytesIO()
            np.savez(buffer, **self.arrays)  # type: ignore[arg-type]  # names are no options of it
            made[f"{self.name}.npz"] = buffer.getvalue()
        made |= self.large
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
        sidecar = json.dumps({**self.sidecar, "files": digests}, indent=1) + "\n"
        return {f"{self.name}.json": sidecar.encode(), **made}
