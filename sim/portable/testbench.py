"""A self-checking bench of plain Verilog-2005: it runs in any simulator, without Python.

Stimulus and expected outputs lie in ``.mem`` files, a word per clock cycle, both made by the
cycle-accurate golden model. The bench compares every output in every cycle in which it means
something, with ``!==``, so that an ``x`` is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import FxlifError
from ...hdl.interface import Hardware, Port
from ...hdl.limits import supported
from ...params.neuron import NeuronParams
from ...params.protocol import AnyParams
from ..tools.words import fields_of, pack, starts, to_text
from .expected import Part, Shown, default_cycles, neuron_parts, stream_parts

#: With capitals, as every name of the bench, which no design's name has.
TOP = "FxlifTb"
MOST_CYCLES = 1_000_000

TEMPLATE = """\
// Self-checking bench of {name}: {cycles} clock cycles, {comparisons} comparisons, seed {seed}.
//
// Run it in the folder of these files, in any simulator for Verilog-2005:
//
{commands}
//
// It prints one line "PASSED: ..." or "FAILED: ..."; without one it did not run. Before a FAILED
// stands the first difference of each port. A memory file of another bench, or none, is a
// FAILED too.
//
// Each cycle lasts 10 time units: the stimulus changes at 0, the outputs are compared at 4, the
// clock rises at 5. A memory file has a word per cycle. In the stimulus it is
{stimulus_bits}
// and in the expected values, with one bit more for each port above them: it counts in this cycle,
{expected_bits}
module {top};
  parameter STIMULUS_FILE = "{stimulus_file}";
  parameter EXPECTED_FILE = "{expected_file}";
  localparam CYCLES = {cycles};
  localparam COMPARISONS_DUE = {comparisons};
  localparam [{stimulus_last}:0] STIMULUS_SIGNATURE = {stimulus_signature};
  localparam [{expected_last}:0] EXPECTED_SIGNATURE = {expected_signature};

  reg [{stimulus_last}:0] STIMULI [0:CYCLES-1];
  reg [{expected_last}:0] ANSWERS [0:CYCLES-1];
  reg [{stimulus_last}:0] STIMULUS, STIMULUS_READ;
  reg [{expected_last}:0] ANSWER, EXPECTED_READ;
  reg [{ports_last}:0] DIFFERED;
  reg CLK;
  integer CYCLE, COMPARISONS, DIFFERENCES, FIRST;
{wires}

  \\{name} DUT (
{connections}
  );

  task COMPARE;
    begin
{compare}
    end
  endtask

  initial begin
    CLK = 1'b0;
    COMPARISONS = 0;
    DIFFERENCES = 0;
    FIRST = 0;
    DIFFERED = 0;
    STIMULUS = 0;
    STIMULUS_READ = 0;
    EXPECTED_READ = 0;
    $readmemh(STIMULUS_FILE, STIMULI);
    $readmemh(EXPECTED_FILE, ANSWERS);
    for (CYCLE = 0; CYCLE < CYCLES; CYCLE = CYCLE + 1) begin
      STIMULUS_READ = {{STIMULUS_READ[{stimulus_last}-1:0], STIMULUS_READ[{stimulus_last}]}}
                      ^ STIMULI[CYCLE];
      EXPECTED_READ = {{EXPECTED_READ[{expected_last}-1:0], EXPECTED_READ[{expected_last}]}}
                      ^ ANSWERS[CYCLE];
    end
    if (STIMULUS_READ !== STIMULUS_SIGNATURE)
      $display("FAILED: %0s cannot be read, or is not the one of this bench", STIMULUS_FILE);
    else if (EXPECTED_READ !== EXPECTED_SIGNATURE)
      $display("FAILED: %0s cannot be read, or is not the one of this bench", EXPECTED_FILE);
    else begin
      for (CYCLE = 0; CYCLE < CYCLES; CYCLE = CYCLE + 1) begin
        STIMULUS = STIMULI[CYCLE];
        ANSWER = ANSWERS[CYCLE];
        #4 COMPARE;
        #1 CLK = 1'b1;
        #5 CLK = 1'b0;
      end
      if (DIFFERENCES != 0)
        $display("FAILED: %0d differences, the first in cycle %0d; %0d cycles, %0d comparisons",
                 DIFFERENCES, FIRST, CYCLES, COMPARISONS);
      else if (COMPARISONS != COMPARISONS_DUE)
        $display("FAILED: %0d comparisons, but %0d are due", COMPARISONS, COMPARISONS_DUE);
      else
        $display("PASSED: %0d cycles, %0d comparisons", CYCLES, COMPARISONS);
    end
    $finish;
  end
endmodule
"""

COMPARE = """\
      if (ANSWER[{care}]) begin
        COMPARISONS = COMPARISONS + 1;
        if (OUT_{name} !== ANSWER[{bits}]) begin
          if (DIFFERENCES == 0) FIRST = CYCLE;
          DIFFERENCES = DIFFERENCES + 1;
          if (!DIFFERED[{number}])
            $display("cycle %0d: port {name}: expected %h, observed %h",
                     CYCLE, ANSWER[{bits}], OUT_{name});
          DIFFERED[{number}] = 1'b1;
        end
      end"""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The files of a bench (name → text), what the sidecar says about it, and the spikes that
    its outputs show: with none it says little about the design."""

    cycles: int
    files: dict[str, str]
    described: dict[str, Any]
    spikes: int


def _slices(ports: Sequence[Port]) -> list[str]:
    """The bits of each port in the packed word, as Verilog has them."""
    return [f"{at + port.width - 1}:{at}" for port, at in zip(ports, starts(ports), strict=False)]


def _listed(ports: Sequence[Port]) -> str:
    named = zip(_slices(ports), ports, strict=True)
    return "\n".join(f"//   [{bits}] {port.name}" for bits, port in named)


def _answers(ports: Sequence[Port], shown: Mapping[str, Shown]) -> tuple[list[int], int]:
    """The expected word of each cycle, 0 where a port does not count, and how many ports do."""
    words = pack(
        fields_of(ports), {name: each.values * each.counts for name, each in shown.items()}
    )
    comparisons = 0
    for at, port in enumerate(ports, start=starts(ports)[-1]):
        counts = shown[port.fields[0].name].counts  # the fields of a port count together
        comparisons += int(np.count_nonzero(counts))
        words = [word | care << at for word, care in zip(words, counts.tolist(), strict=True)]
    return words, comparisons


def signature(words: list[int], bits: int) -> int:
    """What the bench makes of a memory file: any one word or bit that is changed changes it."""
    mask, made = (1 << bits) - 1, 0
    for word in words:
        made = ((made << 1 | made >> (bits - 1)) & mask) ^ word
    return made


def commands(name: str) -> dict[str, list[str]]:
    """How to run the bench of the design ``name``, simulator by simulator."""
    bench, design = f"{name}_tb.v", f"{name}.v"
    return {
        "icarus": [
            f"iverilog -g2005 -Wall -s {TOP} -o {name}_tb.vvp {bench} {design}",
            f"vvp -n {name}_tb.vvp",
        ],
        # Amaranth's Verilog leaves widths to the language's own rules here and there.
        "verilator": [
            f"verilator --binary --timing -Wno-WIDTH --top-module {TOP} "
            f"--Mdir {name}_tb.obj {bench} {design}",
            f"{name}_tb.obj/V{TOP}",
        ],
    }


def _parts(params: AnyParams, hardware: Hardware, cycles: int, seed: int) -> Iterator[Part]:
    if isinstance(params, NeuronParams):
        (current,) = (port for port in hardware.ports if port.name == "current")
        return neuron_parts(params, current.width, cycles, seed)
    return stream_parts(params, cycles, seed)


def bench_of(
    params: AnyParams,
    hardware: Hardware,
    *,
    cycles: int | None = None,
    seed: int = 1,
) -> Bench:
    """The bench of ``hardware``, which was generated from ``params``, with or without trace ports.

    ``cycles``: how long it is, None for :func:`~fxlif.sim.portable.expected.default_cycles`. The
    same design, length and seed give the same bytes.

    Raises:
        FxlifError: ``cycles`` outside 1..:data:`MOST_CYCLES`, or a design without hardware.
    """
    params = supported(params)
    if cycles is None:
        cycles = default_cycles(params)
    if not 1 <= cycles <= MOST_CYCLES:
        raise FxlifError.must_be("cycles", f"1 to {MOST_CYCLES}", cycles)
    inputs = [p for p in hardware.ports if p.direction == "in" and p.name != "clk"]
    outputs = [p for p in hardware.ports if p.direction == "out"]
    in_bits, out_bits = starts(inputs)[-1], starts(outputs)[-1]
    bits = out_bits + len(outputs)
    stimuli: list[int] = []
    answers: list[int] = []
    comparisons = spikes = writes = reads = 0
    for part in _parts(params, hardware, cycles, seed & ((1 << 64) - 1)):
        stimuli += pack(fields_of(inputs), part.inputs)
        words, compared = _answers(outputs, part.outputs)
        answers += words
        comparisons += compared
        spikes += part.spikes
        writes += part.writes
        reads += part.reads
    name = hardware.name
    stimulus_file, expected_file = f"{name}_tb_stimulus.mem", f"{name}_tb_expected.mem"
    connections = [".clk(CLK)"]
    connections += [
        f".{p.name}(STIMULUS[{at}])" for p, at in zip(inputs, _slices(inputs), strict=True)
    ]
    connections += [f".{p.name}(OUT_{p.name})" for p in outputs]
    # The prompt: Verilator takes a comment that begins with its name for an order.
    how = [f"//   $ {line}" for lines in commands(name).values() for line in lines]
    text = TEMPLATE.format(
        top=TOP, name=name, cycles=cycles, comparisons=comparisons, seed=seed,
        commands="\n".join(how),
        stimulus_file=stimulus_file, expected_file=expected_file,
        stimulus_bits=_listed(inputs), expected_bits=_listed(outputs),
        stimulus_last=in_bits - 1, expected_last=bits - 1, ports_last=len(outputs) - 1,
        stimulus_signature=f"{in_bits}'h{signature(stimuli, in_bits):x}",
        expected_signature=f"{bits}'h{signature(answers, bits):x}",
        wires="\n".join(f"  wire [{p.width - 1}:0] OUT_{p.name};" for p in outputs),
        connections=",\n".join(f"    {each}" for each in connections),
        compare="\n".join(
            COMPARE.format(care=out_bits + k, number=k, bits=at, name=port.name)
            for k, (port, at) in enumerate(zip(outputs, _slices(outputs), strict=True))
        ),
    )  # fmt: skip
    files = {
        f"{name}_tb.v": text,
        stimulus_file: to_text(stimuli, in_bits),
        expected_file: to_text(answers, bits),
    }
    described = {
        "top": TOP, "files": sorted(files), "cycles": cycles, "comparisons": comparisons,
        "output_spikes": spikes, "writes": writes, "reads": reads, "seed": seed,
        "commands": commands(name),
    }  # fmt: skip
    return Bench(cycles=cycles, files=files, described=described, spikes=spikes)


def with_bench(hardware: Hardware, bench: Bench) -> dict[str, bytes]:
    """File name → content of a design and its bench, which the sidecar names under ``bench``."""
    described = {**hardware.sidecar, "bench": bench.described}
    return replace(hardware, sidecar=described).files(bench.files)
