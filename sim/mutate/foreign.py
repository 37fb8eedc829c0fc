"""Mutation of a foreign core: would its verification notice if it were wrong by one small thing?

``fxlif mutate DESIGN --dut FILE.v --top NAME --map MAP.toml``. Mutants are drawn from the netlist
that Yosys makes of the core in its wrapper: what the map ties is constant there, and logic that
nobody compares is gone. Each is given what ``fxlif verify --dut`` gives a core, first the drivers,
reference models and scoreboard of its simulation, in Verilator's library, and then its bulk phase,
and is killed by whatever that would report.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...cycles.control import NONE
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.outcome import fired
from ..bench.scoreboard import Counts
from ..bench.wrapper import TOP, Interface
from ..dut.map import load_map
from ..dut.run import dut_failure_reasons, read_files
from ..dut.testbench import WRAPPER, DutJob, Testbench, dut_job
from ..dut.wrapper import Wrapped
from ..report.findings import Findings
from ..soak.foreign.segments import ForeignTarget
from ..soak.segments import BULK_CYCLES, must_compile, sizes
from ..tools import simulators, yosys
from ..tools import solver as solvers
from ..tools.ports import read_sources
from ..tools.simulators import Results
from ..tools.verilated import build
from ..tools.words import row_size
from ..verify import DEFAULT_CYCLES
from .equivalence import Equivalence
from .judge import Run, judged
from .mutants import SELECT, Mutants, draw

COUNT = 100
#: Cycles of ``fxlif verify --dut``: those of its simulation, and then those of its bulk phase.
CYCLES = DEFAULT_CYCLES + BULK_CYCLES
#: Cycles that nearly every mutant is noticed in; the others are given all of them.
FIRST_CYCLES = 4000
#: One in so many is drawn beside those that are asked for, since some are equivalent.
SPARE = 3
#: The share of mutants that must be killed: less than of fxlif's own hardware, since nothing is
#: known of the states that a foreign core never reaches, and mutants that show only there count.
SCORE = 0.85
#: Cycles that are compared at a time.
BLOCK = 512
#: What a simulator says of a bench that ran to its end.
_RAN = Results(passed=1, failed=0, skipped=0, message="")
_SELECTING, _CHOICE = "FxlifMutants", "fxlif_mutant.mem"


@dataclass(frozen=True, kw_only=True)
class DutTarget:
    """A library of mutants of a foreign core in its wrapper, and how each is verified. A file that
    it reads when it starts says which of them it is."""

    job: DutJob
    library: Path

    first_cycles: ClassVar[int] = FIRST_CYCLES
    score: ClassVar[float] = SCORE

    def run(self, number: int, cycles: int) -> Run:
        """As :meth:`~fxlif.sim.mutate.judge.Target.run`: the first :data:`DEFAULT_CYCLES` of the
        cycles are simulated, the others are in bulk."""
        chosen = {_CHOICE: f"{number:x}".encode()}
        of = ForeignTarget(job=self.job, library=self.library, files=chosen)
        ran = self._simulated(of, min(cycles, DEFAULT_CYCLES))
        if ran.reasons or cycles <= DEFAULT_CYCLES:
            return ran
        return self._in_bulk(of, ran.cycle, cycles - DEFAULT_CYCLES)

    def _simulated(self, of: ForeignTarget, cycles: int) -> Run:
        bench = Testbench(replace(self.job, cycles=cycles))
        report, row_bytes = bench.report, row_size(self.job.interface.stimulus_bits) * 8
        now = bench.first
        with of.design() as design:
            going = True
            while going:
                words: list[int] = []
                while len(words) < BLOCK and going:
                    row = now.to_bytes(row_bytes, "little")
                    shown = design.run(np.frombuffer(row, dtype=np.uint64).reshape(1, -1))
                    words.append(int.from_bytes(shown.tobytes(), "little"))
                    now = bench.driver.clock(words[-1])
                    going = not bench.driver.done and report.cycles + len(words) < bench.cycles
                going = bench.board.take(words) and going
        bench.finish()
        reasons = dut_failure_reasons(_RAN, report)
        if report.first is None:
            return Run(reasons=tuple(reasons), cycle=report.cycles)
        where = f"differs in {report.first.signal}, cycle {report.first.cycle}"
        return Run(reasons=(where, *reasons), cycle=report.first.cycle)

    def _in_bulk(self, of: ForeignTarget, before: int, cycles: int) -> Run:
        """``before``: cycles of the simulation."""
        counts = Counts()
        for number, size in enumerate(sizes(cycles)):
            segment = of.run(self.job.seed, number, size)
            if segment.wrong != NONE:
                at = counts.cycles + segment.wrong
                where = f"differs in bulk, cycle {at}"
                return Run(reasons=(where, *segment.reasons), cycle=before + at)
            counts.add(segment.counts)
        check = fired(counts)
        reasons = () if check.outcome == "passed" else (check.detail,)
        return Run(reasons=reasons, cycle=before + counts.cycles)


def draw_dut(job: DutJob, count: int, files: Mapping[str, bytes] | None = None) -> Mutants:
    """Draw ``count`` mutants of the module of a job for two states, or as many as there are.

    ``files``: name → content of what the Verilog reads.

    Raises:
        FxlifError: Verilog that Yosys cannot read.
    """
    # The wrapper gets no mutants: cells that come from its file.
    drawn = draw(job.sources, files=files, top=TOP, count=count, seed=job.seed,
                 cells=f"c:* a:src=*{WRAPPER}* %d")  # fmt: skip
    texts = tuple(_with_port(text, job.interface) for text in drawn.texts)
    return replace(drawn, texts=texts)


def _with_port(text: str, wrapped: Wrapped) -> str:
    """A bit of the wrapper's response as the port that shows there."""
    place, response, bit = text.removesuffix("]").rpartition(", response[")
    for signal, shown in wrapped.shown_by.items() if response else ():
        field = wrapped.response[signal]
        if field.offset <= int(bit) < field.offset + field.width:
            return f"{place}, port {shown} bit {int(bit) - field.offset}"
    return text


def _selecting(interface: Interface, width: int) -> str:
    """A module around the mutants that has the ports of the wrapper."""
    given, shown = interface.stimulus_bits, interface.response_bits
    return f"""\
module {_SELECTING} (
  input clk, input [{given - 1}:0] stimulus, output [{shown - 1}:0] response
);
  reg [{width - 1}:0] choice [0:0];
  initial $readmemh("{_CHOICE}", choice);
  {TOP} bench (.clk(clk), .stimulus(stimulus), .{SELECT}(choice[0]), .response(response));
endmodule
"""


def target_of(drawn: Mutants, job: DutJob) -> DutTarget:
    """The library of the mutants ``drawn``, built in some seconds."""
    selecting = _selecting(job.interface, drawn.width)
    library = build({"mutated.v": drawn.verilog, "selecting.v": selecting}, top=_SELECTING)
    return DutTarget(job=job, library=library)


def mutate_dut(
    params: NeuronParams | NetworkParams,
    *,
    name: str,
    sources: Sequence[Path],
    top: str,
    mapping: Path,
    count: int = COUNT,
    seed: int = 1,
    cycles: int = CYCLES,
    processes: int | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Draw mutants of the module ``top`` of the Verilog files ``sources``, and verify each.

    Args:
        params: the rule that the core follows.
        mapping: the map of its ports; outputs that it does not name are not compared, and logic
            that only they show gets no mutants.
        count: mutants that count; those that are proved equivalent do not.
        cycles: what a mutant that survives the first cycles is given: by default the simulation
            of ``fxlif verify --dut`` and its bulk phase.
        processes: how many run at once; None: one per core.

    Returns:
        Passed if the core itself passes and :data:`SCORE` of its mutants do not.

    Raises:
        FxlifError: a file that cannot be read, a map that does not fit, Verilog that Yosys does not
            take, a tool or package that is not installed.
    """
    started = time.perf_counter()
    must_compile()
    solver = solvers.choose(solver)
    simulators.find("verilator")
    dut_map = load_map(mapping)
    texts = read_sources(sources, mapping.parent)
    yosys.begin(progress, "drawing mutants")
    job = dut_job(params, texts, top=top, dut_map=dut_map, map_file=str(mapping), two_state=True,
                  seed=seed)  # fmt: skip
    drawn = draw_dut(job, count + count // SPARE + 1, read_files(dut_map, mapping))
    progress("building a library with Verilator", 0, None)
    return judged(
        target_of(drawn, job), drawn, params, name=name, seed=seed, count=count, cycles=cycles,
        processes=processes, progress=progress, started=started,
        equivalence=lambda: Equivalence(drawn, ["response"], solver=solver),
    )  # fmt: skip
