"""One part of a bulk co-simulation of a foreign core, from power-up on, block by block."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from ....cycles.control import NONE, Bytes
from ....params.neuron import NeuronParams
from ...bench.scoreboard import Counts
from ...dut.complaints import told_by
from ...dut.coverage import CoreCoverage, ForeignCoverage, NeuronCoverage
from ...dut.testbench import DutJob
from ...stimulus.lengths import (
    NEURON_KINDS,
    NO_PLAN,
    RESETTING,
    STREAM_KINDS,
    Plan,
    Seen,
)
from ...tools.verilated import VerilatedDesign, build
from ..bulk import BLOCK
from ..compare import Packed
from ..segments import LENGTHS, Segment, following, plan_of, seed_of
from .stream import StreamCheck, StreamRun
from .walk import Wrong


@dataclass(frozen=True, kw_only=True)
class ForeignTarget:
    """What every segment runs: a wrapped core and its map, the library built of it, and the files
    that it reads (name → content); the lengths that are taken from its Verilog. All that agrees
    counts as ``coverage``."""

    job: DutJob
    library: Path
    files: dict[str, bytes]
    coverage: ForeignCoverage | None = None
    plan: Plan = NO_PLAN

    def planned(self, cycles: int) -> ForeignTarget:
        """The same with a plan for a run of so many cycles of random stimulus."""
        job = self.job
        kinds = NEURON_KINDS if isinstance(job.params, NeuronParams) else STREAM_KINDS
        if job.dut_map.reset is None:
            kinds = tuple(kind for kind in kinds if kind not in RESETTING)
        return replace(self, plan=plan_of(job.sources, kinds, cycles))

    def built(self) -> ForeignTarget:
        """The same on a machine that need not have the library yet."""
        return replace(self, library=build(self.job.sources))

    def run(self, seed: int, number: int, cycles: int) -> Segment:
        """Run one segment to its end, or to its first difference."""
        return run_segment(self, seed, number, cycles)

    @contextmanager
    def design(self) -> Iterator[VerilatedDesign]:
        """An instance of the core, from power-up on."""
        with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
            folder = Path(name)
            for file, content in self.files.items():
                (folder / file).write_bytes(content)
            with VerilatedDesign(self.library, self.job.interface, folder=folder) as design:
                yield design


class Part(NamedTuple):
    """Some cycles of a segment: what was shown and seen, (cycles, words) each; the first
    difference; what else is wrong, a line each; the counts up to here."""

    stimulus: Packed
    response: Packed
    wrong: Wrong | None
    reasons: tuple[str, ...]
    counts: Counts

    @property
    def failed(self) -> bool:
        """Whether it is the last one."""
        return self.wrong is not None or bool(self.reasons)


class Checker(Protocol):
    """Compares the responses of a core with its golden model, block by block."""

    def check(self, words: Packed) -> Wrong | None:
        """The first difference of the next cycles, whose responses are ``words``."""

    def problems(self) -> list[str]:
        """What is wrong when all is over, a line each."""

    @property
    def counts(self) -> Counts:
        """Of all blocks so far; where one is wrong, up to the wrong cycle."""


class Run(Protocol):
    """One run of a core, from power-up on."""

    @property
    def checker(self) -> Checker: ...

    def block(self) -> tuple[Packed, Packed]:
        """Drive the next block of cycles: what was shown and seen, (cycles, words) each."""

    def drive(self, flags: Bytes) -> tuple[Packed, Packed]:
        """Drive as many cycles as there are ``flags``, of :mod:`fxlif.cycles.control`, with steps
        that are soon over."""

    def seen(self) -> Seen:
        """What the streams showed in the cycles that were driven last."""

    def ending(self) -> tuple[Packed, Packed] | None:
        """Drive some of the last cycles; None where all is answered."""


def parts_of(target: ForeignTarget, seed: int, cycles: int, segment: int = 0) -> Iterator[Part]:
    """Run a segment block by block, until its end has come or something is wrong; ``segment``:
    which one of a soak it is."""
    with target.design() as design:
        run = _run_of(target, design, seed, segment)
        for driven in _driven(target, run, segment, cycles):
            part = _checked(run, design, *driven)
            yield part
            if part.failed:
                return
        while (more := run.ending()) is not None:
            part = _checked(run, design, *more)
            yield part
            if part.failed:
                return
        if problems := run.checker.problems():
            yield part._replace(stimulus=part.stimulus[:0], response=part.response[:0],
                                reasons=tuple(problems))  # fmt: skip


def _driven(
    target: ForeignTarget, run: Run, segment: int, cycles: int
) -> Iterator[tuple[Packed, Packed]]:
    if segment == LENGTHS:
        source = run if isinstance(run, StreamRun) else None
        return (run.drive(flags) for flags in following(target.plan, run.seen, source))
    return (run.block() for _ in range(-(-cycles // BLOCK)))


def _checked(run: Run, design: VerilatedDesign, stimulus: Packed, response: Packed) -> Part:
    wrong = run.checker.check(response)
    reasons = told_by(design.said.splitlines())
    return Part(stimulus, response, wrong, reasons, run.checker.counts)


def _run_of(target: ForeignTarget, design: VerilatedDesign, seed: int, segment: int) -> Run:
    """The run of a core with this seed."""
    if target.coverage is not None:
        target.coverage.begin()
    checker = check_of(target.job, target.coverage)
    if isinstance(checker, StreamCheck):
        return StreamRun(target.job, design, seed, checker, segment=segment)
    from .neuron import NeuronCheck, NeuronRun  # needs numba, which soak_dut asks for

    assert isinstance(checker, NeuronCheck)
    return NeuronRun(target.job, design, seed, checker, segment=segment)


def check_of(job: DutJob, coverage: ForeignCoverage | None = None) -> Checker:
    """What compares the responses of a core with its golden model."""
    if isinstance(job.params, NeuronParams):
        from .neuron import NeuronCheck

        assert coverage is None or isinstance(coverage, NeuronCoverage)
        return NeuronCheck(job, coverage)
    assert coverage is None or isinstance(coverage, CoreCoverage)
    return StreamCheck(job, coverage)


def run_segment(target: ForeignTarget, seed: int, number: int, cycles: int) -> Segment:
    """Run one segment to its end, or to its first difference."""
    started = time.thread_time()
    wrong, at, counts, reasons = NONE, 0, Counts(), tuple[str, ...]()
    for part in parts_of(target, seed_of(seed, number), cycles, number):
        counts, reasons = part.counts, part.reasons
        if part.failed:
            wrong = max(0, at + (part.wrong.cycle if part.wrong else len(part.response) - 1))
        at += len(part.response)
    return Segment(number=number, wrong=wrong, counts=counts, reasons=reasons,
                   seconds=time.thread_time() - started)  # fmt: skip
