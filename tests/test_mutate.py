"""How mutants are run and counted, on targets that need no simulator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

import pytest

from fxlif.sim.mutate.judge import Mutant, Run, judge, run_mutants, scored


@dataclass(frozen=True)
class Fake:
    """Mutant k is noticed in cycle 10 k; those in ``aborts`` end their process."""

    first_cycles: ClassVar[int] = 25
    score: ClassVar[float] = 0.75
    aborts: tuple[int, ...] = ()
    quiet: bool = False

    def run(self, number: int, cycles: int, *, longer: bool) -> Run:
        if number in self.aborts:
            os._exit(1)
        reasons = ("nothing fired",) if self.quiet else ()
        noticed = number and 10 * number < cycles
        return Run(reasons=(*reasons, "differs") if noticed else reasons,
                   cycle=10 * number if noticed else cycles)  # fmt: skip


def judged(target: Fake, **more) -> tuple[Run, list[Mutant]]:
    options = {"cycles": 45, "processes": 2, **more}
    return judge(target, "abcdef", proved=lambda: lambda number: number == 3, **options)


def test_each_mutant_is_killed_equivalent_or_survives() -> None:
    design, mutants = judged(Fake())
    assert design.reasons == ()
    assert [m.outcome for m in mutants] == [
        "killed", "killed", "equivalent", "killed", "survived", "survived",
    ]  # fmt: skip
    assert [m.cycle for m in mutants[:4:3]] == [10, 40]
    assert [m.text for m in mutants] == list("abcdef")


def test_what_is_said_of_the_design_too_kills_no_mutant() -> None:
    design, mutants = judged(Fake(quiet=True))
    assert design.reasons == ("nothing fired",)
    assert [m.number for m in mutants if m.outcome == "killed"] == [1, 2, 4]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_mutant_that_ends_its_process_is_told_apart_from_the_others(processes: int) -> None:
    numbers = [0, 1, 2, 3, 4, 5, 6]
    found = dict(run_mutants(Fake(aborts=(2, 5)), numbers, 1000, processes, longer=False))
    assert sorted(found) == numbers
    aborted = [number for number, run in found.items() if "aborted" in "".join(run.reasons)]
    assert sorted(aborted) == [2, 5]
    assert found[6] == Run(reasons=("differs",), cycle=60)


def test_the_score_is_of_those_that_count() -> None:
    design, mutants = judged(Fake())
    checks, figures = scored(design, mutants, count=4, score=0.75)
    assert [check.outcome for check in checks] == ["passed", "passed"]
    assert checks[1].detail.splitlines() == ["3 of 4 killed", "mutant 5: e"]
    assert (figures["killed"], figures["survivors"], figures["equivalent, proved"]) == (3, 1, 1)
    checks, _ = scored(Run(reasons=("differs",), cycle=3), mutants, count=5, score=0.75)
    assert [check.outcome for check in checks] == ["failed", "failed"]
    checks, _ = scored(design, [], count=5, score=0.0)
    assert checks[1].outcome == "failed"
