"""The shortest stimulus that still shows a difference: it begins at a reset shortly before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.run import REPORT, TRACE, Job
from ..bench.scoreboard import Report
from ..bench.simulation import simulate
from ..bench.wrapper import Interface
from ..tools import simulators

#: Cycles of the trace before and after the difference.
BEFORE, AFTER = 50, 20


@dataclass(frozen=True, kw_only=True)
class Case:
    """A wrapped design and the stimulus words that it is shown, one per cycle from power-up on."""

    params: NeuronParams | CoreParams | NetworkParams
    interface: Interface
    sources: dict[str, str]
    words: list[int]
    bench: str | None = None


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """The words from cycle ``start`` of the run on, what they were seen to show, and its trace.

    ``first`` counts cycles from ``start``. Where ``reproduced`` does not hold, it is what the run
    saw.
    """

    words: list[int]
    start: int
    first: dict[str, Any] | None
    reproduced: bool
    trace: str = ""


def show(
    case: Case,
    simulator: simulators.Simulator,
    folder: Path,
    *,
    around: int | None = None,
    seed: int = 1,
    progress: Progress = SILENT,
) -> tuple[simulators.Results, Report | None]:
    """Show a case its words, to their end, and compare every cycle.

    ``around``: the cycle whose neighbourhood is to be written to ``trace.csv`` in ``folder``.
    """
    for stale in (REPORT, TRACE, simulators.RESULTS):
        (folder / stale).unlink(missing_ok=True)
    watch = (0, 0) if around is None else (max(0, around - BEFORE), around + 1 + AFTER)
    job = Job(
        params=case.params, interface=case.interface, sources=case.sources, words=case.words,
        cycles=len(case.words), seed=seed, watch=watch,
    )  # fmt: skip
    return simulate(job, simulator, folder=folder, module=case.bench, progress=progress)


def starts(reset: Sequence[bool], cycle: int) -> list[int]:
    """The cycles in which a stimulus may begin, the shortest stimulus first: the last reset not
    after ``cycle``, the one before, then two, four, … further back; power-up at the end."""
    begins = [k for k in range(cycle + 1) if reset[k] and (k == 0 or not reset[k - 1])]
    chosen, back = [], 1
    while back <= len(begins):
        chosen.append(begins[-back])
        back *= 2
    return chosen if chosen and chosen[-1] == 0 else [*chosen, 0]


def narrow(
    case: Case,
    first: Mapping[str, Any] | None,
    simulator: simulators.Simulator,
    folder: Path,
    *,
    progress: Progress = SILENT,
) -> Narrowed:
    """Leave out what came before a reset, as far as the difference stays in its cycle.

    ``first`` is the difference that a run saw, ``folder`` an empty folder to work in.
    """
    if first is None:
        return Narrowed(words=case.words, start=0, first=None, reproduced=False)
    cycle = first["cycle"]
    field = case.interface.stimulus.get("rst")
    reset = [bool(field and word >> field.offset & 1) for word in case.words]
    for start in starts(reset, cycle):
        shorter = replace(case, words=case.words[start:])
        _, report = show(shorter, simulator, folder, around=cycle - start, progress=progress)
        seen = report.first if report else None
        # The same cycle: another one would be another failure, hidden behind this one until now.
        if seen is not None and seen["cycle"] == cycle - start:
            trace = (folder / TRACE).read_text(encoding="utf-8")
            return Narrowed(
                words=shorter.words, start=start, first=seen, reproduced=True, trace=trace
            )
    return Narrowed(words=case.words, start=0, first=dict(first), reproduced=False)


__all__ = ["Case", "Narrowed", "narrow", "show", "starts"]
