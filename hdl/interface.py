"""What a generated design shows to a bench or a driver: benches import it without Amaranth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A design as Verilog text, with the interface that a bench or a driver reads."""

    name: str
    verilog: str
    ports: tuple[Port, ...]
    sidecar: dict[str, Any]
    memories: dict[str, str]

    @property
    def top(self) -> str:
        """The name of the Verilog module."""
        return self.name

    def files(self) -> dict[str, str]:
        """File name → text: the Verilog, the memory images and the sidecar."""
        return {
            f"{self.name}.v": self.verilog,
            f"{self.name}.json": json.dumps(self.sidecar, indent=1) + "\n",
            **self.memories,
        }
