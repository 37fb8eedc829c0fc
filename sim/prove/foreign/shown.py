"""A counterexample in a simulator, under the reference of ``fxlif verify --dut``, and its folder.

The simulator reads the Verilog by itself, and the reference is not the machine of the proof: what
is confirmed here rests on neither Yosys nor a solver.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ....errors import FxlifError
from ....files import whole_folder
from ...bench.scoreboard import Report, Scoreboard
from ...bench.wrapper import TOP
from ...dut.testbench import DutJob, ReferenceModel
from ...failure.folder import README, WAVES, make_waves, readme
from ...tools import simulators
from ...tools.simulators import Simulator

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

    ``first`` are values of registers at power-up, set where the core does not differ without.
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
    *, name: str, reasons: list[str], command: str,
) -> str:  # fmt: skip
    """Leave the folder of a failure: the core in its wrapper, the stimulus, waves and what it is
    about. Returns its name.

    Raises:
        FxlifError: it cannot be written.
    """
    first = report.first if report else None
    with whole_folder(folder) as work:
        for file, content in files.items():
            (work / file).write_bytes(content)
        for file, text in job.sources.items():
            (work / file).write_text(text, encoding="utf-8")
        try:
            shown = DutJob(**{**vars(job), "words": words})
            make_waves(shown, simulator(), work, start=0, file=WAVES)
        except FxlifError as error:  # the rest of the folder is worth having
            reasons = [*reasons, f"{WAVES}: not made ({error})"]
        there = [path.name for path in work.iterdir()]
        text = readme(name, reasons, first, {command: ""}, there, here=False)
        (work / README).write_text(text, encoding="utf-8")
    return str(folder)
