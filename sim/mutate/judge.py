"""Runs mutants side by side until each is noticed or its time is over, and counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import ClassVar, Literal, Protocol

from ...errors import FxlifError
from ...params.design import outline
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ...workers import WorkerDied, workers
from ..report.findings import Check, Findings, versions
from ..tools import simulators
from .mutants import Mutants


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a verification of a mutant said: ``reasons`` why it failed, none where it passed, and
    the ``cycle`` of the first difference, or of the end."""

    reasons: tuple[str, ...]
    cycle: int


Outcome = Literal["killed", "equivalent", "refuted", "survived", "undecided"]
#: The process of the simulation ended: logic in a loop that never settles, for one.
ABORTED = Run(reasons=("the simulation was aborted",), cycle=0)


class Prover(Protocol):
    """Says which mutants are equivalent to the design."""

    def equivalent(self, mutant: int) -> bool | None:
        """Whether a mutant is; None where this cannot be told."""


@dataclass(frozen=True)
class Either:
    """Says that a mutant is equivalent where one of some ``provers`` does."""

    provers: Sequence[Prover]

    def equivalent(self, mutant: int) -> bool | None:
        """As :meth:`Prover.equivalent`."""
        answers = []
        for prover in self.provers:
            answers.append(prover.equivalent(mutant))
            if answers[-1]:
                return True
        return None if None in answers else False


class Target(Protocol):
    """A build that holds all mutants; it is sent to other processes.

    Attributes:
        first_cycles: cycles that nearly every mutant is noticed in.
        score: the share of mutants that must be killed.
    """

    first_cycles: ClassVar[int]
    score: ClassVar[float]

    def run(self, number: int, cycles: int) -> Run:
        """Verify mutant ``number`` (0: the design itself) for up to ``cycles`` cycles from power-up
        on."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """What became of a mutant: ``killed`` in a cycle, ``equivalent`` to the design by a proof,
    ``refuted``, since it counts wrong; ``survived``, or ``undecided``: it survived, and the time of
    the proof was over."""

    number: int
    text: str
    outcome: Outcome
    cycle: int


def run_mutants(
    target: Target, numbers: Sequence[int], cycles: int, processes: int
) -> Iterator[tuple[int, Run]]:
    """(number, what its verification said) of each mutant, in any order.

    A simulation may abort its process.
    """
    with workers(min(processes, len(numbers)), retries=0) as pool:
        jobs = {pool.submit(target.run, n, cycles): n for n in numbers}
        for job in as_completed(jobs):
            try:
                yield jobs[job], job.result()
            except WorkerDied:
                yield jobs[job], ABORTED


def judge(
    target: Target,
    texts: Sequence[str],
    *,
    cycles: int,
    processes: int | None,
    proved: Callable[[], Callable[[int], bool | None]],
    refuted: Callable[[], Callable[[int], bool | None]] | None = None,
    progress: Progress = SILENT,
) -> tuple[Run, list[Mutant]]:
    """What a verification says of the design itself, and what becomes of each mutant.

    Every mutant is run for ``target.first_cycles``. Those that are not noticed, and that are not
    equivalent by a proof (``proved`` makes what is asked, a mutant at a time), are run for
    ``cycles``, and beside them the design itself. ``refuted`` makes what is asked of those that
    survive this too: whether they are wrong in nothing but what counters show. What is said of the
    design as well, such as that nothing fired, kills no mutant.
    """
    count = processes or os.cpu_count() or 1
    everyone = range(1, len(texts) + 1)
    runs: dict[int, Run] = {}

    def run(what: str, numbers: Sequence[int], cycles: int) -> list[int]:
        """Run these mutants and the design; the mutants that are not noticed."""
        found = run_mutants(target, [0, *numbers], cycles, count)
        for done, (number, seen) in enumerate(found):
            runs[number] = seen
            progress(what, done + 1, len(numbers) + 1)
        return [n for n in numbers if set(runs[n].reasons) <= set(runs[0].reasons)]

    def ask(
        what: str, made: Callable[[], Callable[[int], bool | None]], numbers: Sequence[int]
    ) -> dict[int, bool | None]:
        """What is said of each of these mutants."""
        found: dict[int, bool | None] = {}
        if numbers:
            progress(what, 0, len(numbers))
            says = made()
            for number in numbers:
                found[number] = says(number)
                progress(what, len(found), len(numbers))
        return found

    alive = run("running mutants", everyone, min(target.first_cycles, cycles))
    asked = ask("asking which survivors are equivalent", proved, alive)
    alive = [number for number in alive if not asked[number]]
    alive = run("running the survivors for longer", alive, cycles)
    counts = ask("asking which survivors only count wrong", refuted, alive) if refuted else {}

    def outcome(number: int) -> Outcome:
        if counts.get(number):
            return "refuted"
        if number in alive:
            return "undecided" if asked[number] is None else "survived"
        return "equivalent" if asked.get(number) else "killed"

    return runs[0], [
        Mutant(
            number=number, text=texts[number - 1], cycle=runs[number].cycle, outcome=outcome(number)
        )
        for number in everyone
    ]


def scored(
    design: Run, mutants: Sequence[Mutant], *, count: int, score: float
) -> tuple[tuple[Check, ...], dict[str, int | float | str]]:
    """The checks and figures of a run: of the first ``count`` mutants that are not equivalent, the
    share ``score`` must be killed or refuted."""
    counted = [mutant for mutant in mutants if mutant.outcome != "equivalent"][:count]
    killed = [mutant for mutant in counted if mutant.outcome == "killed"]
    refuted = [mutant for mutant in counted if mutant.outcome == "refuted"]
    survivors = [m for m in counted if m.outcome in ("survived", "undecided")]
    undecided = sum(mutant.outcome == "undecided" for mutant in survivors)
    reached = (len(killed) + len(refuted)) / len(counted) if counted else 0.0
    lines = [f"{len(killed)} of {len(counted)} killed"]
    if refuted:
        lines[0] += f", {len(refuted)} more refuted: they only count wrong, as fxlif prove finds"
    lines += [f"mutant {mutant.number}: {mutant.text} (refuted)" for mutant in refuted]
    lines += [
        f"mutant {mutant.number}: {mutant.text}"
        + (" (not decided whether it is equivalent)" if mutant.outcome == "undecided" else "")
        for mutant in survivors
    ]
    checks = (
        Check(
            name="the netlist without a mutant agrees with the model",
            outcome="failed" if design.reasons else "passed", detail="\n".join(design.reasons),
        ),
        Check(
            name=f"{score:.0%} of the netlist's mutants are killed",
            outcome="passed" if counted and reached >= score else "failed",
            detail="\n".join(lines),
        ),
    )  # fmt: skip
    cycles = [mutant.cycle for mutant in killed] or [0]
    return checks, {
        "mutants drawn": len(mutants),
        "equivalent, proved": sum(mutant.outcome == "equivalent" for mutant in mutants),
        "not equivalent, counted": len(counted), "killed": len(killed),
        "refuted, they only count wrong": len(refuted),
        "survivors": len(survivors), "survivors, equivalent or not undecided": undecided,
        "score, per cent": round(100 * reached, 2),
        "cycles until killed, median": float(median(cycles)),
        "cycles until killed, most": max(cycles),
    }  # fmt: skip


def judged(
    target: Target,
    drawn: Mutants,
    params: AnyParams,
    *,
    name: str,
    seed: int,
    count: int,
    cycles: int,
    processes: int | None,
    equivalence: Callable[[], Prover],
    counting: Callable[[], Prover] | None = None,
    progress: Progress,
    started: float = 0.0,
) -> Findings:
    """Run the mutants ``drawn`` by :func:`judge`: passed if the design itself is, and enough of the
    first ``count`` mutants that ``equivalence`` does not prove equivalent are killed, or refuted:
    ``counting`` proves them equivalent so long as no counter has counted far.

    ``started``: what ``time.perf_counter`` said when drawing began; its seconds count."""
    started = started or time.perf_counter()
    notes: dict[str, str] = {}

    def proved(by: Callable[[], Prover] = equivalence) -> Callable[[int], bool | None]:
        try:
            return by().equivalent
        except FxlifError as error:  # then all of them count, and the score can only be too low
            notes["not asked which are equivalent"] = str(error)
            return lambda number: None

    design, mutants = judge(
        target, drawn.texts, cycles=cycles, processes=processes, proved=proved,
        refuted=partial(proved, counting) if counting else None, progress=progress,
    )  # fmt: skip
    checks, figures = scored(design, mutants, count=count, score=target.score)
    seconds = round(time.perf_counter() - started, 1)
    return Findings(
        command="mutate", design=name, digest=params.digest(), seed=seed, checks=checks,
        parameters=outline(params), versions=versions(simulators.find("verilator")),
        figures={**figures, **notes, "cycles a survivor was given": cycles, "seconds": seconds},
    )  # fmt: skip
