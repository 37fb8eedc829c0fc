"""Waves of given stimulus words, by a bench of plain Verilog: it can begin at any cycle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..bench.wrapper import TOP, Interface
from ..tools.simulators import Simulator, run_standalone
from ..tools.sources import verilog_files
from .note import WORDS

BENCH, TOP_WAVES = "waves.v", "FxlifWaves"

TEMPLATE = """\
// The stimulus of {stimulus}, a word per clock cycle, on the wrapped design; waves to {file}.
// iverilog -g2012 -s {top} -o waves.vvp {sources} && vvp -n waves.vvp
`timescale 1ns/1ps
module {top};
  localparam CYCLES = {cycles}, START = {start};
  reg clk;
  reg [{last}:0] words [0:CYCLES-1];
  reg [{last}:0] stimulus;
  wire [{last_response}:0] response;
  integer cycle;
  {wrapper} bench (.clk(clk), .stimulus(stimulus), .response(response));
  initial begin
    clk = 0;
    cycle = 0;
    $readmemh("{stimulus}", words);
    stimulus = words[0];
    $dumpfile("{file}");
    if (START == 0) $dumpvars(0, {top});
    while (cycle < CYCLES) begin
      #1 clk = 1;
      // Well after the edge: simulators do not agree on what happens at the same time.
      #0.1 cycle = cycle + 1;
      stimulus = words[cycle < CYCLES ? cycle : CYCLES - 1];
      #0.9 clk = 0;
      if (cycle == START && START != 0) $dumpvars(0, {top});
    end
    $finish;
  end
endmodule
"""


def wave_bench(
    interface: Interface, sources: list[str], *, cycles: int, start: int, file: str
) -> str:
    """The Verilog of a bench that shows ``cycles`` words and dumps those from ``start`` on.

    It needs no Python. Cycle k lasts from 2k - 1 ns to 2k + 1 ns, where the clock rises; the
    signal ``cycle`` counts them.
    """
    return TEMPLATE.format(
        top=TOP_WAVES, wrapper=TOP, stimulus=WORDS, cycles=cycles, start=start, file=file,
        sources=" ".join([*verilog_files(sources), BENCH]),
        last=interface.stimulus_bits - 1, last_response=interface.response_bits - 1,
    )  # fmt: skip


def dump(simulator: Simulator, folder: Path, sources: Mapping[str, str], bench: str) -> None:
    """Run a :func:`wave_bench`; ``folder`` holds the words, in ``stimulus.mem``. The
    waves come to lie beside them.

    Raises:
        FxlifError: it could not be built or run; the line holds the end of the log.
    """
    run_standalone(simulator, {**sources, BENCH: bench}, top=TOP_WAVES, folder=folder)
