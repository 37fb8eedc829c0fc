"""One part of a bulk co-simulation: a wrapped design from power-up on, block by block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, TypeVar

from ...cycles.control import NONE, Bytes
from ...engines import can_compile
from ...errors import FxlifError
from ...hdl.limits import supported
from ...network.sources import mix
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ..bench.scoreboard import Counts
from ..bench.simulation import wrapped
from ..bench.wrapper import Interface
from ..stimulus.lengths import (
    LEAST,
    MOST,
    NEURON_KINDS,
    NO_PLAN,
    SHORTEST,
    STREAM_KINDS,
    Plan,
    Seen,
    Source,
    course,
    plan,
)
from ..stimulus.march import MARCHES
from ..tools.constants import lengths_in
from ..tools.elaborated import elaborated_lengths, is_large
from ..tools.verilated import VerilatedDesign, build
from .bulk import BLOCK, Bulk, StreamBulk
from .compare import Packed

#: Cycles of the bulk phase of ``fxlif verify``: it is a soak of this length.
BULK_CYCLES = SHORTEST
#: Cycles of a segment, unless the whole is less.
SEGMENT = 1 << 23
#: The number of the segment that comes last in a run as long as that: the lengths of its plan.
LENGTHS = -1
#: The block from which on the stimulus of the first segment is aimed at what random inputs seldom
#: meet, before it is random again; those of the others are random alone.
AIM = 16


def sizes(cycles: int) -> list[int]:
    """How many cycles each segment has, whole blocks, together at least ``cycles``."""
    total = -(-cycles // BLOCK) * BLOCK
    return [min(SEGMENT, total - at) for at in range(0, total, SEGMENT)]


class Soaked(Protocol):
    """What every segment runs: a design, or a foreign core."""

    @property
    def plan(self) -> Plan:
        """The lengths from its Verilog."""

    def planned(self, cycles: int) -> Self:
        """The same with a plan for a run of so many cycles of random stimulus."""

    def built(self) -> Self:
        """The same on a machine that need not have the library yet."""

    def run(self, seed: int, number: int, cycles: int) -> Segment:
        """Run one segment to its end, or to its first difference."""


T = TypeVar("T", bound=Soaked)


def parts_with(target: T, cycles: int) -> tuple[T, dict[int, int]]:
    """A target with the lengths that its Verilog names, and the segments of a run of so many cycles
    by their number, with the cycles of each."""
    target = target.planned(cycles)
    last = {LENGTHS: target.plan.cycles} if target.plan.lengths else {}
    return target, {**dict(enumerate(sizes(cycles))), **last}


def plan_of(sources: Mapping[str, str], kinds: Sequence[str], cycles: int) -> Plan:
    """The lengths of these kinds for a run of so many cycles of some Verilog with its wrapper;
    where the run is too short for them, the constants that stand in the text alone, and of a large
    text, as a netlist is, none."""
    if cycles >= SHORTEST:
        return plan(elaborated_lengths(sources, LEAST, MOST), kinds, cycles)
    if is_large(sources):
        return NO_PLAN
    return plan(lengths_in(sources, LEAST, MOST), kinds, cycles)


def told_of(number: int) -> str:
    """Which segment of a run it is, for people."""
    return "the lengths from the Verilog" if number == LENGTHS else f"segment {number} of the run"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What every segment runs: a design, its wrapper and the library built of it; the lengths that
    are taken from its Verilog."""

    params: AnyParams
    interface: Interface
    sources: dict[str, str]
    library: Path
    plan: Plan = NO_PLAN

    def planned(self, cycles: int) -> Target:
        """The same with a plan for a run of so many cycles of random stimulus."""
        kinds = NEURON_KINDS if self.params.kind == "neuron" else STREAM_KINDS
        return replace(self, plan=plan_of(self.sources, kinds, cycles))

    def built(self) -> Target:
        """The same on a machine that need not have the library yet."""
        return replace(self, library=build(self.sources))

    def run(self, seed: int, number: int, cycles: int) -> Segment:
        """Run one segment to its end, or to its first difference."""
        return run_segment(self, seed, number, cycles)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One part of a run. ``wrong``: the first cycle that differs, or NONE; ``reasons``: what else
    is wrong with a foreign core, a line each.
    """

    number: int
    wrong: int
    counts: Counts
    seconds: float
    reasons: tuple[str, ...] = ()


def must_compile() -> None:
    """Refuse here, and not in another process, where nothing can be compiled.

    Raises:
        FxlifError: numba is not installed.
    """
    if not can_compile():
        raise FxlifError(
            "numba: not installed or switched off; pip install fxlif brings it", key="numba",
            allowed="pip install fxlif",
        )  # fmt: skip


def target_of(
    params: AnyParams,
    *,
    edit: Callable[[str], str] = lambda verilog: verilog,
    generated: Callable[[Mapping[str, str]], None] = lambda sources: None,
    progress: Progress = SILENT,
) -> Target:
    """Generate and build; ``edit`` changes the Verilog on its way, to plant a fault, and
    ``generated`` is shown it before it is built.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed.
    """
    params = supported(params)
    must_compile()
    progress("generating Verilog", 0, None)
    interface, sources = wrapped(params, edit)
    generated(sources)
    progress("building a library with Verilator", 0, None)
    library = build(sources)
    return Target(params=params, interface=interface, sources=sources, library=library)


def seed_of(seed: int, segment: int) -> int:
    """The seed of one segment."""
    return mix((mix(seed & ((1 << 64) - 1)) + segment) & ((1 << 64) - 1))


def bulk_of(params: AnyParams, interface: Interface, seed: int, segment: int = 0) -> Bulk:
    """The run of a design with this seed, as a segment of a soak."""
    if params.kind == "neuron":
        from .bulk_neuron import NeuronBulk  # needs numba, which target_of asks for

        return NeuronBulk(params, interface, seed, segment=segment)
    return StreamBulk(params, interface, seed, segment=segment)


def blocks(
    target: Target, seed: int, number: int, cycles: int, held: Packed | None = None
) -> Iterator[tuple[Bulk, Packed, int]]:
    """Run a segment block by block: its run, the stimulus shown, the first wrong cycle or NONE.

    ``held`` (words,): bits that every row of the stimulus has beside those of the design.
    """
    bulk = bulk_of(target.params, target.interface, seed_of(seed, number), number)
    shown = _lengths(bulk, target.plan) if number == LENGTHS else _random(bulk, number, cycles)
    with VerilatedDesign(target.library, target.interface) as design:
        for stimulus in shown:
            if held is not None:
                stimulus |= held
            wrong = bulk.check(design.run(stimulus))
            yield bulk, stimulus, wrong
            if wrong != NONE:
                return


def _random(bulk: Bulk, number: int, cycles: int) -> Iterator[Packed]:
    """The stimulus of a segment with a number, block by block."""
    for block in range(-(-cycles // BLOCK)):
        if number == 0 and block == AIM:
            bulk.aim()
        if block == MARCHES.get(number):
            bulk.march(SEGMENT // BLOCK - block)
        yield bulk.stimulus()


def _lengths(bulk: Bulk, plan: Plan) -> Iterator[Packed]:
    """The stimulus that brings the lengths of a plan, in blocks of any length."""
    source = bulk if isinstance(bulk, StreamBulk) else None
    for flags in following(plan, bulk.seen, source):
        yield bulk.shown_with(flags)


def following(plan: Plan, seen: Callable[[], Seen], source: Source | None) -> Iterator[Bytes]:
    """The flags of the course of a plan, each part asked for once ``seen`` tells what the one
    before it showed; ``source``: as in :func:`~fxlif.sim.stimulus.lengths.course`."""
    running = course(plan.lengths, source)
    flags = next(running, None)
    while flags is not None:
        yield flags
        try:
            flags = running.send(seen())
        except StopIteration:
            return


def run_segment(
    target: Target, seed: int, number: int, cycles: int,
    watch: Callable[[Bulk], None] = lambda bulk: None, held: Packed | None = None,
) -> Segment:  # fmt: skip
    """Run one segment to its end, or to its first difference; ``watch`` is shown the run after each
    block without one, ``held`` as in :func:`blocks`."""
    started = time.thread_time()
    wrong, at = NONE, 0
    for bulk, stimulus, found in blocks(target, seed, number, cycles, held):
        if found == NONE:
            watch(bulk)
            at += len(stimulus)
        else:
            wrong = at + found
    seconds = time.thread_time() - started
    return Segment(number=number, wrong=wrong, counts=bulk.counts, seconds=seconds)
