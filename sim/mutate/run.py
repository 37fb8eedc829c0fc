"""Mutation: does the verification notice a design that is wrong by one small thing?

Mutants of the netlist are drawn by Yosys; those that a solver proves equivalent are left out. A
mutant is killed by the first cycle of the bulk phase of ``fxlif verify`` in which an output differs
from the model's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from ...cycles.control import NONE
from ...engines import choose_engine
from ...hdl.interface import Field, Hardware, Port
from ...hdl.limits import supported
from ...hdl.verilog import generate
from ...layout import HardwareNetwork
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..bench.wrapper import wrap
from ..report.findings import Findings
from ..soak.segments import BULK_CYCLES, Target, run_segment, sizes
from ..tools import solver as solvers
from ..tools import yosys
from ..tools.verilated import build
from ..tools.words import as_rows
from .equivalence import Equivalence
from .forward import ForwardEquivalence
from .judge import Either, Prover, Run, judged
from .known import Facts, bounds_of, depth_of, facts_of, low_counters, together
from .mutants import SELECT, Mutants, draw

#: Mutants that are counted, unless the user names a number.
COUNT = 500
#: Cycles that nearly every mutant is noticed in.
FIRST_CYCLES = 1 << 18
#: One in so many is drawn beside those that are asked for, since some are equivalent.
SPARE = 5
#: The share of mutants that must be killed.
SCORE = 0.99


@dataclass(frozen=True, kw_only=True)
class BulkTarget:
    """A library of mutants of fxlif's own hardware, in the bulk phase of ``fxlif verify``."""

    target: Target
    seed: int
    first_cycles: ClassVar[int] = FIRST_CYCLES
    score: ClassVar[float] = SCORE

    def run(self, number: int, cycles: int) -> Run:
        """As :meth:`~fxlif.sim.mutate.judge.Target.run`."""
        interface = self.target.interface
        (held,) = as_rows([number << interface.stimulus[SELECT].offset], interface.stimulus_bits)
        at = 0
        for segment, size in enumerate(sizes(cycles)):
            ran = run_segment(self.target, self.seed, segment, size, held=held)
            if ran.wrong != NONE:
                return Run(reasons=(f"differs in cycle {at + ran.wrong}",), cycle=at + ran.wrong)
            at += size
        return Run(reasons=(), cycle=at)


def target_of(params: AnyParams, hardware: Hardware, drawn: Mutants, seed: int) -> BulkTarget:
    """The library of the mutants ``drawn`` of ``hardware``, built in some seconds."""
    select = Port(
        name=SELECT, direction="in", width=drawn.width,
        fields=(Field(name=SELECT, offset=0, width=drawn.width),),
    )  # fmt: skip
    interface = wrap(replace(hardware, verilog=drawn.verilog, ports=(*hardware.ports, select)))
    sources = {"design.v": drawn.verilog, "bench.v": interface.wrapper}
    target = Target(params=params, interface=interface, sources=sources, library=build(sources))
    return BulkTarget(target=target, seed=seed)


def mutate(
    params: AnyParams,
    *,
    name: str,
    count: int = COUNT,
    seed: int = 1,
    cycles: int = BULK_CYCLES,
    processes: int | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Draw mutants of a design until ``count`` are not equivalent to it, and run them all.

    Args:
        cycles: what a mutant that survives the first cycles is given: by default the bulk phase
            of ``fxlif verify``.
        processes: how many run at once; None: one per core.

    Raises:
        FxlifError: the design cannot be hardware; Verilator, numba, Yosys or z3 is not installed.
    """
    started = time.perf_counter()
    params = supported(params)
    choose_engine("compiled")  # refused here, and not in another process
    solver = solvers.choose(solver)
    yosys.begin(progress, "drawing mutants")
    hardware = generate(params, trace=params.kind != "neuron")
    drawn = draw(
        {"design.v": hardware.verilog, **hardware.image_texts}, top=hardware.top,
        count=count + count // SPARE + 1, seed=seed,
    )  # fmt: skip
    progress("building a library with Verilator", 0, None)
    outputs = [port.name for port in hardware.ports if port.direction == "out"]

    def proof(*more: Facts) -> Prover:
        facts, bounds = together(facts_of(params), *more), bounds_of(params)
        plain = Equivalence(
            drawn, outputs, solver=solver, facts=facts, bounds=bounds, depth=depth_of(params)
        )
        if params.kind == "neuron" or any(neuron.per_event for neuron in params.neurons):
            return plain
        forward = ForwardEquivalence(drawn, outputs, solver=solver, facts=facts, bounds=bounds)
        return forward if isinstance(params, HardwareNetwork) else Either((plain, forward))

    return judged(
        target_of(params, hardware, drawn, seed), drawn, params, name=name, seed=seed, count=count,
        cycles=cycles, processes=processes, progress=progress, started=started,
        equivalence=proof, counting=partial(proof, low_counters),
    )  # fmt: skip
