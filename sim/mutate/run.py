"""Mutation: does the verification notice a design that is wrong by one small thing?

Mutants of the netlist are drawn by Yosys; those that a solver proves equivalent are left out. A
mutant is killed by the first cycle in which an output differs from the model's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...cycles.control import NONE
from ...engines import choose_engine
from ...hdl.interface import Field, Hardware, Port
from ...hdl.limits import baked_in, supported
from ...hdl.verilog import generate
from ...layout import HardwareNetwork
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..bench.wrapper import Interface, wrap
from ..report.findings import Findings
from ..soak.bulk import BLOCK, StreamBulk
from ..soak.segments import bulk_of
from ..tools import solver as solvers
from ..tools.verilated import VerilatedDesign, build
from .equivalence import Equivalence
from .forward import ForwardEquivalence
from .judge import Prover, Run, judged
from .known import bounds_of, depth_of, facts_of
from .mutants import SELECT, Mutants, draw

#: Mutants that are counted, unless the user names a number.
COUNT = 500
#: Cycles that nearly every mutant is noticed in, and those that the others are given.
FIRST_CYCLES, CYCLES = 1 << 18, 1 << 23
#: One in so many is drawn beside those that are asked for, since some are equivalent.
SPARE = 5
#: The share of mutants that must be killed.
SCORE = 0.99


@dataclass(frozen=True, kw_only=True)
class BulkTarget:
    """A library of mutants of fxlif's own hardware, under the stimulus of ``fxlif soak``."""

    params: AnyParams
    interface: Interface
    library: Path
    seed: int
    first_cycles: ClassVar[int] = FIRST_CYCLES
    score: ClassVar[float] = SCORE

    def run(self, number: int, cycles: int, *, longer: bool) -> Run:
        """As :meth:`~fxlif.sim.mutate.judge.Target.run`; the longer run begins with inputs that are
        aimed at what random ones seldom meet."""
        bulk = bulk_of(self.params, self.interface, self.seed)
        column, shift = divmod(self.interface.stimulus[SELECT].offset, 64)
        low, high = (number << shift) & ((1 << 64) - 1), (number << shift) >> 64
        if longer and isinstance(bulk, StreamBulk):
            bulk.aim()
        with VerilatedDesign(self.library, self.interface) as design:
            for at in range(0, cycles, BLOCK):
                stimulus = bulk.stimulus()
                stimulus[:, column] |= np.uint64(low)
                stimulus[:, column + 1] |= np.uint64(high)
                wrong = bulk.check(design.run(stimulus))
                if wrong != NONE:
                    return Run(reasons=(f"differs in cycle {at + wrong}",), cycle=at + wrong)
        return Run(reasons=(), cycle=cycles)


def target_of(params: AnyParams, hardware: Hardware, drawn: Mutants, seed: int) -> BulkTarget:
    """The library of the mutants ``drawn`` of ``hardware``, built in some seconds."""
    select = Port(
        name=SELECT, direction="in", width=drawn.width,
        fields=(Field(name=SELECT, offset=0, width=drawn.width),),
    )  # fmt: skip
    interface = wrap(replace(hardware, verilog=drawn.verilog, ports=(*hardware.ports, select)))
    library = build({"design.v": drawn.verilog, "bench.v": interface.wrapper})
    return BulkTarget(params=params, interface=interface, library=library, seed=seed)


def mutate(
    params: AnyParams,
    *,
    name: str,
    count: int = COUNT,
    seed: int = 1,
    cycles: int = CYCLES,
    processes: int | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Draw mutants of a design until ``count`` are not equivalent to it, and run them all.

    Args:
        cycles: what a mutant that survives the first cycles is given.
        processes: how many run at once; None: one per core.

    Raises:
        FxlifError: the design cannot be hardware; Verilator, numba, Yosys or z3 is not installed.
    """
    started = time.perf_counter()
    params = supported(params)
    baked_in(params, "mutation")
    choose_engine("compiled")  # refused here, and not in another process
    solver = solvers.choose(solver)
    progress("drawing mutants with Yosys (45 s the first time)", 0, None)
    hardware = generate(params, trace=params.kind != "neuron")
    drawn = draw(
        {"design.v": hardware.verilog, **hardware.image_texts}, top=hardware.top,
        count=count + count // SPARE + 1, seed=seed,
    )  # fmt: skip
    progress("building a library with Verilator", 0, None)
    outputs = [port.name for port in hardware.ports if port.direction == "out"]

    def proof() -> Prover:
        facts, bounds = facts_of(params), bounds_of(params)
        summed = not any(neuron.per_event for neuron in params.neurons)
        if isinstance(params, HardwareNetwork) and summed:
            return ForwardEquivalence(drawn, outputs, solver=solver, facts=facts, bounds=bounds)
        return Equivalence(
            drawn, outputs, solver=solver, facts=facts, bounds=bounds, depth=depth_of(params)
        )

    return judged(
        target_of(params, hardware, drawn, seed), drawn, params, name=name, seed=seed, count=count,
        cycles=cycles, processes=processes, progress=progress, started=started,
        equivalence=proof,
    )  # fmt: skip
