"""Mutation: does the verification notice a design that is wrong by one small thing?

Mutants of the netlist are drawn by Yosys; those that are provably none are left out by a solver. A
mutant is killed by the first cycle in which an output
differs from the model's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ...cycles.control import NONE
from ...cycles.pipeline import STAGES
from ...engines import choose_engine
from ...hdl.limits import supported
from ...hdl.verilog import generate
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.wrapper import Interface, wrap
from ..coverage.invariant import Neurons, SymbolicStep, invariant
from ..prove.bitvectors import is_signed
from ..report.findings import Check, Findings
from ..soak.bulk import BLOCK, ChainBulk, bulk_of
from ..tools import solver as solvers
from ..tools.verilated import SharedDesign, build
from .mutants import SELECT, Bound, Equivalence, Mutated, mutated

AnyParams = NeuronParams | CoreParams | NetworkParams
#: Cycles that nearly every mutant dies in, and those that the others are given.
FIRST_CYCLES, CYCLES = 1 << 18, 1 << 23
#: So many more are drawn than asked for, since some are none.
SPARE = 5
#: Seconds for the bounds of one core.
BOUNDS_S = 60.0
#: The share of mutants that must be killed.
SCORE = 0.99


@dataclass(frozen=True, kw_only=True)
class Cage:
    """A library that holds all mutants."""

    params: AnyParams
    interface: Interface
    library: Path
    seed: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a mutant: ``killed`` in a cycle, ``equivalent``, or ``survived``."""

    number: int
    outcome: str
    cycle: int = NONE


def run_mutant(cage: Cage, number: int, cycles: int, *, aimed: bool = False) -> int:
    """The first cycle in which a mutant differs, or NONE."""
    design = SharedDesign(cage.library, cage.interface)
    bulk = bulk_of(cage.params, cage.interface, cage.seed)
    field = cage.interface.stimulus[SELECT]
    column, shift = divmod(field.offset, 64)
    low, high = (number << shift) & ((1 << 64) - 1), (number << shift) >> 64
    if aimed and isinstance(bulk, ChainBulk):
        bulk.aim()
    try:
        for at in range(0, cycles, BLOCK):
            stimulus = bulk.stimulus()
            stimulus[:, column] |= np.uint64(low)
            stimulus[:, column + 1] |= np.uint64(high)
            wrong = bulk.check(design.run(stimulus))
            if wrong != NONE:
                return at + wrong
    finally:
        design.close()
    return NONE


_cage: Cage | None = None


def _start(cage: Cage) -> None:
    global _cage
    _cage = cage


def _job(number: int, cycles: int) -> tuple[int, int]:
    assert _cage is not None
    return number, _both(_cage, number, cycles)


def _both(cage: Cage, number: int, cycles: int) -> int:
    """Random stimulus; where it does not help, a longer one that begins with what is aimed."""
    if cycles <= FIRST_CYCLES:
        return run_mutant(cage, number, cycles)
    return run_mutant(cage, number, cycles, aimed=True)


def run_mutants(
    cage: Cage, numbers: list[int], cycles: int, processes: int
) -> Iterator[tuple[int, int]]:
    """(number, first cycle that differs or NONE) of each mutant, in any order."""
    if processes == 1 or len(numbers) < 2:
        for number in numbers:
            yield number, _both(cage, number, cycles)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(numbers)), context, _start, (cage,)) as pool:
        try:
            jobs = [pool.submit(_job, number, cycles) for number in numbers]
            for job in jobs:
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def unreachable(params: AnyParams) -> list[str]:
    """Products of signals that are 0 in every reachable state, see :class:`Equivalence`.

    By the theorems of ``fxlif prove``: a core whose inputs are neurons of the core before it gets
    each of them once a step at most, and its accumulator holds them all (events, overflow). The
    words of a sweep follow each other without a gap, and there are two of them at least (events).
    """
    found = []
    chain = isinstance(params, NetworkParams)
    cores = params.core if isinstance(params, NetworkParams) else (params,)
    for k, core in enumerate(cores):
        if isinstance(core, NeuronParams):
            continue
        prefix = f"core_{k}." if chain else ""
        if k:
            found += [f"{prefix}clipped", f"saturated_{k}"]
        issue, read, compute, write = (f"{prefix}{stage}_valid" for stage in STAGES)
        if core.words > 1:
            found += [f"{read} ~{issue} ~{compute}", f"{compute} ~{read} ~{write}"]
        if core.words > 2:
            found += [f"{read} {compute} ~{issue} ~{write}"]
        found += [f"{issue} {compute} ~{read}", f"{read} {write} ~{compute}",
                  f"{issue} {write} ~{read}"]  # fmt: skip
    return found


def bounds_of(params: AnyParams) -> list[Bound]:
    """What the states that a core reads for its steps never leave: intervals that a solver proved
    inductive over the golden step (:mod:`fxlif.sim.coverage.invariant`)."""
    if isinstance(params, NeuronParams):
        return []
    chain = isinstance(params, NetworkParams)
    cores = params.core if isinstance(params, NetworkParams) else (params,)
    found = []
    for k, core in enumerate(cores):
        neurons = Neurons.of_core(core, chained=k > 0)
        proved = invariant(SymbolicStep(neurons, time.monotonic() + BOUNDS_S))
        for lane in range(core.lanes):
            offset = 0
            for name, width in core.neuron.state_widths.items():
                low, high = proved[name]
                found.append(
                    Bound(
                        signal=f"{f'core_{k}.' if chain else ''}step_{lane}.state",
                        # It is 0 before the first word is read.
                        offset=offset, width=width, low=min(low, 0), high=max(high, 0),
                        signed=is_signed(name),
                    )
                )  # fmt: skip
                offset += width
    return found


def judge(
    cage: Cage,
    mutants: Mutated,
    *,
    processes: int,
    cycles: int,
    solver: str,
    progress: Progress = SILENT,
) -> list[Verdict]:
    """What becomes of each mutant of a cage."""
    total = len(mutants.texts)
    cycle_of: dict[int, int] = {}
    everyone = list(range(1, total + 1))
    for done, (number, cycle) in enumerate(run_mutants(cage, everyone, FIRST_CYCLES, processes)):
        cycle_of[number] = cycle
        progress("running mutants", done + 1, total)
    alive = [number for number in everyone if cycle_of[number] == NONE]
    progress("asking which survivors are mutants at all", 0, len(alive))
    same = Equivalence(mutants, solver=solver, unreachable=unreachable(cage.params),
                       bounds=bounds_of(cage.params))  # fmt: skip
    equivalent = set()
    for done, number in enumerate(alive):
        if same.equivalent(number):
            equivalent.add(number)
        progress("asking which survivors are mutants at all", done + 1, len(alive))
    alive = [number for number in alive if number not in equivalent]
    for done, (number, cycle) in enumerate(run_mutants(cage, alive, cycles, processes)):
        cycle_of[number] = cycle
        progress("running the survivors for longer", done + 1, len(alive))
    return [
        Verdict(number=number, cycle=cycle_of[number],
                outcome="equivalent" if number in equivalent
                else "survived" if cycle_of[number] == NONE else "killed")
        for number in everyone
    ]  # fmt: skip


def mutate(
    params: AnyParams,
    *,
    name: str,
    count: int = 500,
    seed: int = 1,
    cycles: int = CYCLES,
    processes: int | None = None,
    solver: str = "auto",
    progress: Progress = SILENT,
) -> Findings:
    """Draw mutants of a design until ``count`` are none that are equivalent, and run them all.

    Args:
        cycles: what a mutant that survives the first cycles is given.
        processes: how many run at once; None: one per core.

    Raises:
        FxlifError: the design cannot be hardware; Verilator, numba, Yosys or z3 is not installed.
    """
    started = time.perf_counter()
    params = supported(params)
    choose_engine("compiled")  # refused here, and not in another process
    solver = solvers.choose(solver)
    workers = processes or os.cpu_count() or 1
    progress("drawing mutants with Yosys (45 s the first time)", 0, None)
    hardware = generate(params, trace=not isinstance(params, NeuronParams))
    mutants = mutated(hardware, count=count + count // SPARE + 1, seed=seed)
    interface = wrap(mutants.hardware)
    progress("building a library with Verilator", 0, None)
    sources = {"design.v": mutants.hardware.verilog, "bench.v": interface.wrapper}
    cage = Cage(params=params, interface=interface, library=build(sources), seed=seed)
    unharmed = run_mutant(cage, 0, FIRST_CYCLES)
    verdicts = judge(
        cage, mutants, processes=workers, cycles=cycles, solver=solver, progress=progress
    )
    real = [verdict for verdict in verdicts if verdict.outcome != "equivalent"][:count]
    killed = [verdict for verdict in real if verdict.outcome == "killed"]
    survivors = [verdict for verdict in real if verdict.outcome == "survived"]
    seconds = time.perf_counter() - started
    listed = "\n".join(f"mutant {v.number}: {mutants.texts[v.number - 1]}" for v in survivors)
    score = len(killed) / len(real) if real else 0.0
    checks = [
        Check(
            name="the netlist without a mutant agrees with the model",
            outcome="passed" if unharmed == NONE else "failed",
            detail="" if unharmed == NONE else f"differs in cycle {unharmed}",
        ),
        Check(
            name=f"{SCORE:.0%} of the netlist's mutants are killed", seconds=seconds,
            outcome="passed" if real and score >= SCORE else "failed",
            detail=f"{len(killed)} of {len(real)} killed\n{listed}".strip(),
        ),
    ]  # fmt: skip
    return Findings(
        command="mutate", design=name, digest=params.digest(), seed=seed, checks=tuple(checks),
        figures={
            "mutants drawn": len(verdicts),
            "equivalent, proved": sum(v.outcome == "equivalent" for v in verdicts),
            "not equivalent, counted": len(real), "killed": len(killed),
            "survivors": len(survivors), "score, per cent": round(100 * score, 2),
            "cycles until killed, median": float(np.median([v.cycle for v in killed] or [0])),
            "cycles until killed, most": max((v.cycle for v in killed), default=0),
            "cycles a survivor was given": cycles, "processes": workers,
            "seconds": round(time.perf_counter() - started, 1),
        },
    )  # fmt: skip
