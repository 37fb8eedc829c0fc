"""A counterexample in a simulator, under the reference of ``fxlif verify --dut``, and its folder.

The simulator reads the Verilog by itself, and the reference is not the machine of the proof: what
is confirmed here rests on neither Yosys nor a solver.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ....errors import FxlifError
from ....progress import SILENT, Progress
from ...bench.scoreboard import Report, Scoreboard
from ...bench.wrapper import TOP
from ...dut.failure import leave_dut
from ...dut.testbench import DutJob, ReferenceModel
from ...tools import simulators
from ...tools.simulators import Simulator

#: What is said of a difference that no replay shows.
ONLY_SO = (
    "it differs so with the values alone that the proof gives registers at power-up: a replay, "
    "which gives them none, does not show it"
)
_BENCH, _NAME = "FxlifShown", "shown.v"
_SECONDS = 300
_TEMPLATE = """\
module {name};
  reg clk = 0;
  reg [{stimulus}:0] stimulus;
  wire [{response}:0] response;
  {top} bench (.clk(clk), .stimulus(stimulus), .response(response));
  initial begin
    stimulus = {first};
    #1;
{registers}
{cycles}
    $finish;
  end
endmodule
"""
#: What a register is called in Verilog too; one of Yosys' own has no name there.
_PLAIN = re.compile(r"[A-Za-z_][\w.]*(\[\d+\])*")


def simulator() -> Simulator:
    """The one that shows counterexamples.

    Raises:
        FxlifError: none is installed.
    """
    return simulators.without_cocotb("icarus" if shutil.which("iverilog") else "verilator")


def simulated(
    job: DutJob, files: Mapping[str, bytes], words: list[int], first: Mapping[str, int]
) -> Report | None:
    """What the reference of a job says of its core, shown these stimulus words from power-up on;
    None where no simulator shows them.

    ``first`` are values of registers at power-up, set where the core does not differ without; what
    differs with them alone is among the ``problems`` of the report.
    """
    for registers in ({}, first):
        try:
            shown = _responses(job, files, words, registers)
        except FxlifError:
            return None
        report = Report()
        model = ReferenceModel(job)
        Scoreboard(job.interface, model, report).take(shown)
        if report.first is not None:
            break
    if registers and report.first is not None:
        report.problems = [ONLY_SO]
    return report


def _responses(
    job: DutJob, files: Mapping[str, bytes], words: list[int], first: Mapping[str, int]
) -> list[int]:
    """The packed outputs in each cycle."""
    interface = job.interface
    given = [f"{interface.stimulus_bits}'h{word:x}" for word in words]
    set_first = [f"    bench.{name} = 'h{value:x};" for name, value in first.items()
                 if _PLAIN.fullmatch(name)]  # fmt: skip
    cycle = '    stimulus = {}; #1 $display("SHOWS %b", response); clk = 1; #1 clk = 0; #1;'
    bench = _TEMPLATE.format(
        name=_BENCH, top=TOP, stimulus=interface.stimulus_bits - 1,
        response=interface.response_bits - 1, first=given[0],
        registers="\n".join(set_first), cycles="\n".join(map(cycle.format, given)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        said = simulators.run_standalone(
            simulator(), {**job.sources, _NAME: bench}, top=_BENCH, folder=folder,
            timeout_s=_SECONDS,
        )  # fmt: skip
    shown = [line.split()[1] for line in said.splitlines() if line.startswith("SHOWS")]
    # What is not compared, such as a port without a driver, may be x.
    return [int(re.sub("[^01]", "0", bits), 2) for bits in shown]


def leave(
    folder: Path, job: DutJob, files: Mapping[str, bytes], words: list[int], report: Report | None,
    *, name: str, reasons: list[str], command: str, progress: Progress = SILENT,
) -> str:  # fmt: skip
    """Leave the folder of a failure, which ``fxlif replay`` takes. Returns its name.

    Raises:
        FxlifError: it cannot be written.
    """
    first = report.first if report else None
    shown = replace(job, words=words, cycles=len(words))
    leave_dut(folder, shown, files, simulator(), name=name, reasons=reasons, first=first,
              command=command, progress=progress)  # fmt: skip
    return str(folder)
