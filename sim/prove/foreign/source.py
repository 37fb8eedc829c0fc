"""A wrapped core as a transition system, and what of it no proof can take."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ....errors import FxlifError
from ....hdl.interface import Field
from ...bench.wrapper import TOP
from ...dut.testbench import DutJob
from ...tools import yosys
from ...tools.solver import z3
from ...tools.sources import put, verilog_files
from ..netlist import Netlist
from .inside import commands, named_inside, without_names
from .words import shown_within

#: Words of the largest memory that becomes registers.
LARGEST = 256
#: What nothing drives and every x may be anything, anew in each cycle. A memory of few words
#: becomes registers, which solvers take more easily than arrays. Asynchronous resets, memories of
#: constants and bits beyond a word bring an x of their own, which would be read as 0.
_READ = """\
{reads}
hierarchy -check -top {top}
proc
flatten
"""
_WRITE = f"""\
opt_clean
write_json design.json
techmap t:$shiftx
delete t:$print t:$check t:$assert t:$assume t:$cover t:$live t:$fair
setundef -undriven -anyseq
async2sync
dffunmap
memory_collect
memory_map t:$mem_v2 r:SIZE<={LARGEST} %i
memory_nordff
setundef -undriven -anyseq
opt_clean
write_smt2 -wires design.smt2
"""
#: What is read once more: what the map names inside and the words of memories are seen to first.
_FLAT = "write_json flat.json\nwrite_rtlil flat.il\n"
_TIMEOUT_S = 900.0
#: Yosys' words for what keeps a bit without a clock.
_LATCHES = ("$dlatch", "$adlatch", "$dlatchsr", "$sr")
#: What a design says of itself.
_SAYS = ("$print", "$check", "$assert", "$assume", "$cover", "$live", "$fair")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A wrapped core: its netlist, and where the numbers stand in its one input and output.

    ``says``: how many statements of its own it has that a proof leaves out, such as ``$display``
    and assertions.
    """

    net: Netlist
    job: DutJob
    says: int

    @cached_property
    def response(self) -> Any:
        """The packed outputs of a cycle."""
        return self.net["response"]

    def __getitem__(self, name: str) -> Any:
        """A field of the response, as bits."""
        return self._part(self.response, self.job.interface.response[name])

    def given(self, name: str) -> Any:
        """A field of the stimulus, as bits."""
        return self._part(self.net["stimulus"], self.job.interface.stimulus[name])

    @staticmethod
    def _part(word: Any, field: Field) -> Any:
        return z3.Extract(field.offset + field.width - 1, field.offset, word)


def read(job: DutJob, files: Mapping[str, bytes]) -> Source:
    """The wrapped core of a job for two states, read by Yosys; ``files``: name → content of what
    its Verilog reads.

    Raises:
        FxlifError: Verilog that Yosys does not take; ports of both directions, latches, several
            clocks: each by name; what the map names inside and is not there, by its key.
    """
    reads = "\n".join(
        f"read_verilog {'-noblackbox' if name.endswith('.v') else '-sv'} {name}"
        for name in verilog_files(job.sources)
    )
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        put(without_names(job), folder)
        script = _READ.format(reads=reads, top=TOP)
        _run(folder, script + _FLAT)
        flat = folder / "flat.il"
        flat.write_text(shown_within(flat.read_text()))
        inside = []
        if named_inside(job):
            module = json.loads((folder / "flat.json").read_text())["modules"][TOP]
            inside = commands(job, module, files)
        _run(folder, "\n".join(["read_rtlil flat.il", *inside, _WRITE]))
        cells = _check(folder)
        text = (folder / "design.smt2").read_text()
    net = Netlist("\n".join(job.sources.values()), TOP, smt2=text)
    return Source(net=net, job=job, says=sum(cell["type"] in _SAYS for cell in cells))


def _run(folder: Path, script: str) -> None:
    (folder / "read.ys").write_text(script)
    try:
        yosys.run(["read.ys"], folder, what="read the core", timeout_s=_TIMEOUT_S)
    except FxlifError:
        # Some of what is refused here is what Yosys itself stumbles over.
        _check(folder)
        raise


def _check(folder: Path) -> list[dict[str, Any]]:
    """The cells of the flat core, where Yosys came so far.

    Raises:
        FxlifError: latches, several clocks.
    """
    if not (folder / "design.json").exists():
        return []
    module = json.loads((folder / "design.json").read_text())["modules"][TOP]
    names = {tuple(net["bits"]): name for name, net in reversed(module["netnames"].items())}
    mistakes = list(_refused(module["cells"], names, module["ports"]["clk"]["bits"]))
    if mistakes:
        raise FxlifError.several(mistakes)
    return list(module["cells"].values())


def _refused(
    cells: Mapping[str, dict[str, Any]], names: Mapping[tuple[Any, ...], str], clock: list[Any]
) -> Iterator[FxlifError]:
    """What no proof takes, a line for each kind of it."""
    others: dict[str, str] = {}
    for cell in cells.values():
        pins = cell["connections"]
        if cell["type"] in _LATCHES:
            name = _named(pins["Q"], names)
            yield FxlifError(f"{name}: is a latch; a proof takes registers alone", key=name,
                             allowed="a register")  # fmt: skip
        for bit, rises in _clocks(cell):
            if [bit] != clock or not rises:
                edge = f"the {'rising' if rises else 'falling'} edge of {_named([bit], names)}"
                others.setdefault(edge, _keeper(cell, names))
    for edge, register in others.items():
        yield FxlifError(
            f"{register}: is clocked by {edge}; a proof takes the rising edge of the map's clock "
            "alone", key=register, value=edge, allowed="one clock",
        )  # fmt: skip


def _clocks(cell: Mapping[str, Any]) -> Iterator[tuple[Any, bool]]:
    """The clocks of a cell, and whether their edge rises; those of a memory are of its ports."""
    pins, has = cell["connections"], cell["parameters"]
    for pin in ("CLK", "WR_CLK"):
        used, rises = (has.get(f"{pin}_{what}", "1")[::-1] for what in ("ENABLE", "POLARITY"))
        for bit, on, up in zip(pins.get(pin, []), used, rises, strict=False):
            if on == "1":
                yield bit, up == "1"


def _keeper(cell: Mapping[str, Any], names: Mapping[tuple[Any, ...], str]) -> str:
    """The register or memory that a cell is, or writes."""
    memory = cell["parameters"].get("MEMID")
    if memory is None:
        return _named(cell["connections"].get("Q", []), names)
    return str(memory).removeprefix("\\").removeprefix("dut.")


def _named(bits: list[Any], names: Mapping[tuple[Any, ...], str]) -> str:
    """The net of these bits, or the first that has one of them."""
    found = names.get(tuple(bits))
    if found is None:
        found = next((name for net, name in names.items() if set(net) & set(bits)), "a net")
    return found.removeprefix("dut.")
