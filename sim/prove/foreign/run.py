"""``fxlif prove DESIGN --dut``: a mapped core does what the golden model says, in every cycle.

The core in its wrapper and the reference of ``fxlif verify --dut``, on bit-vectors, run side by
side on the same inputs, which may be anything. Each output is proved by k-induction: if the outputs
agreed in k cycles, they agree in the next one, whatever the hidden registers hold; from power-up
they agree in the first k. What is not inductive is proved of the runs of so many cycles alone, and
says so.

Trusted are Yosys' reading of the Verilog, and the solver. A counterexample is shown to a simulator.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ....errors import FxlifError
from ....params.design import outline
from ....params.network import NetworkParams
from ....params.neuron import NeuronParams
from ....progress import SILENT, Progress
from ...bench.scoreboard import Report
from ...dut.map import load_map
from ...dut.run import read_files
from ...dut.testbench import DutJob, dut_job
from ...report.findings import Check, Findings, Outcome
from ...tools.ports import read_ports, read_sources
from ...tools.solver import choose, conjunction, decide, z3
from .machine import Machine
from .neuron import fits, neuron_machine
from .search import Difference, Found, Search
from .shown import leave, simulated, simulator
from .source import Source, read

#: Longest time for one question.
TIMEOUT_S = 120.0
#: Cycles from power-up that are searched for what is not inductive.
DEPTH = 24
#: The longest induction that is tried, beyond the cycles that a result takes.
MOST = 6


class Dut(Protocol):
    """Verilog that fxlif did not make: its files, top module and map of ports."""

    @property
    def sources(self) -> Sequence[Path]: ...
    @property
    def top(self) -> str: ...
    @property
    def mapping(self) -> Path: ...


def prove_dut(
    params: NeuronParams | NetworkParams,
    dut: Dut,
    *,
    name: str,
    named: str = "",
    depth: int = DEPTH,
    timeout_s: float = TIMEOUT_S,
    solver: str = "auto",
    out: Path | None = None,
    progress: Progress = SILENT,
) -> Findings:
    """Prove the core ``dut`` against the rule ``params``.

    ``name`` is how the user named the design, ``named`` as it stands in a command; ``depth`` how
    many cycles from power-up are searched for what no induction proves; ``timeout_s`` is for each
    question. A difference leaves a folder, ``out`` or one of its own.

    Raises:
        FxlifError: a file that cannot be read, a map that does not fit, what a proof does not take,
            an unknown solver, a missing package.
    """
    chosen = choose(solver)
    dut_map = load_map(dut.mapping)
    texts = read_sources(dut.sources, dut.mapping.parent)
    files = read_files(dut_map, dut.mapping)
    progress("reading the ports", 0, None)
    job = dut_job(params, texts, top=dut.top, dut_map=dut_map, map_file=str(dut.mapping),
                  two_state=True)  # fmt: skip
    _taken(params, job, dut)
    progress("reading the Verilog with Yosys (from a cold cache, the first time takes a minute)")
    started = time.perf_counter()
    source = read(job, files)
    assert isinstance(params, NeuronParams)
    machine = neuron_machine(source, params)
    found = Search(
        source=source, machine=machine, depth=depth, most=_stages(job) + MOST, solver=chosen,
        timeout_s=timeout_s, progress=progress,
    ).found()  # fmt: skip
    seconds = time.perf_counter() - started
    checks = [_rule(params, source, chosen, timeout_s), *_checks(machine, found, job, chosen)]
    checks += [*_possible(found), *_left_out(source)]
    command = ["fxlif", "prove", named or name]
    for path in dut.sources:
        command += ["--dut", str(path)]
    command += ["--top", dut.top, "--map", str(dut.mapping), "--depth", str(depth)]
    kept, first = "", None
    if found.difference is not None:
        progress(f"showing the difference to {simulator().name}", 0, None)
        watched = dut_job(params, texts, top=dut.top, dut_map=dut_map, map_file=str(dut.mapping))
        words = found.difference.words
        report = simulated(watched, files, words, found.difference.first)
        first = report.first if report else None
        checks.append(_confirmed(found.difference, report))
        reasons = [f"{check.name}: {check.detail}" for check in checks
                   if check.outcome == "failed"]  # fmt: skip
        kept = leave(out or Path(f"fxlif-failure-{name}-prove"), watched, files, words, report,
                     name=name, reasons=reasons, command=shlex.join(command))  # fmt: skip
    return Findings(
        command="prove --dut", design=name, digest=params.digest(), checks=tuple(checks),
        figures={"cycles from power-up": found.cycles, "seconds": f"{seconds:.1f}",
                 "solver": chosen},
        replay=shlex.join(command), folder=kept, first=first, parameters=outline(params),
    )  # fmt: skip


def _taken(params: NeuronParams | NetworkParams, job: DutJob, dut: Dut) -> None:
    """Refuse what no proof of a foreign core takes."""
    for port in read_ports(job.sources, dut.top, job.dut_map.parameters).values():
        if port.direction == "inout":
            raise FxlifError.must_be(f"{dut.top}: port {port.name}",
                                     "an input or an output, in a proof", "inout")  # fmt: skip
    if not isinstance(params, NeuronParams):
        raise FxlifError.must_be("design", "a neuron, in a proof with --dut", params.kind)
    if params.random_bits:
        raise FxlifError.must_be("rounding", "one without random numbers, in a proof with --dut",
                                 "stochastic")  # fmt: skip


def _stages(job: DutJob) -> int:
    """Cycles in which a result is on its way."""
    neuron = job.dut_map.neuron
    return max(1, neuron.latency, neuron.state_latency or 1) if neuron else 1


def _rule(neuron: NeuronParams, source: Source, solver: str, timeout_s: float) -> Check:
    """That the bits which stand for the golden state are its numbers."""
    started = time.perf_counter()
    claims = fits(neuron, source.job.interface.stimulus["current"].width)
    answer = decide([z3.Not(conjunction(claims))], solver=solver, timeout_s=timeout_s)
    outcomes: dict[str, Outcome] = {"unsat": "passed", "sat": "failed", "unknown": "unknown"}
    return Check(
        name="rule: the golden step fits its registers", outcome=outcomes[answer.result],
        detail=f"{solver}, every state and input", seconds=time.perf_counter() - started,
    )  # fmt: skip


def _checks(machine: Machine, found: Found, job: DutJob, solver: str) -> Iterator[Check]:
    """What was proved of each output, and how far."""
    for name in machine.claims:
        outcome, detail = _proved(name, found, solver)
        port = job.interface.shown_by.get(name, name)
        yield Check(name=name, outcome=outcome, detail=f"port {port}: {detail}")
    for name in job.interface.not_compared:
        yield Check(name=name, outcome="not_applicable",
                    detail="nothing is proved of it: the map has no port")  # fmt: skip


def _proved(name: str, found: Found, solver: str) -> tuple[Outcome, str]:
    if (k := found.proved.get(name)) is not None:
        cycles = "1 cycle" if k == 1 else f"{k} cycles"
        return "passed", f"{solver}, induction over {cycles}: every run, every state and input"
    if found.difference is not None:
        length = len(found.difference.words)
        if name in found.difference.broken:
            return "failed", f"a run of {length} cycles from power-up breaks it"
        return "unknown", f"not searched behind the run of {length} cycles that breaks another one"
    ended = ", then the solver had no answer in time" if found.late else ""
    return "unknown", (
        f"not inductive; no run of {found.cycles} cycles from power-up breaks it{ended}, "
        "longer ones are not proved"
    )


def _possible(found: Found) -> Iterator[Check]:
    """That the claims are about something."""
    for name, met in found.met.items():
        outcome: Outcome = "passed" if met else "unknown"
        detail = "some run shows it" if met else "no run that was looked at shows it"
        yield Check(name=f"possible: {name}", outcome=outcome, detail=detail)


def _left_out(source: Source) -> Iterator[Check]:
    if source.says:
        yield Check(
            name="what the core says of itself", outcome="not_applicable",
            detail=f"{source.says} statements such as $display and assertions are left out",
        )  # fmt: skip


def _confirmed(difference: Difference, report: Report | None) -> Check:
    """What a simulator says of a difference."""
    name = f"simulation of the run of {len(difference.words)} cycles"
    if report is None:
        return Check(name=name, outcome="unknown", detail="it could not be simulated")
    if report.first is None:
        detail = f"NOT confirmed by {simulator().name}: the core does what it should"
        return Check(name=name, outcome="failed", detail=detail)
    first = report.first
    where = f"cycle {first.cycle}, {first.signal}: "
    shown = f"expected {first.expected}, observed {first.observed}"
    return Check(name=name, outcome="failed",
                 detail=f"confirmed by {simulator().name}: {where}{shown}")  # fmt: skip
