"""Bulk co-simulation: the Verilated design as a shared library against the compiled cycle model.

A soak is cut into segments, each from power-up on and with a seed of its own: so it can be spread
over processes, stopped and gone on with, and a difference is in a segment that can be run alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ..control import NONE
from ..core_params import CoreParams
from ..engines import choose
from ..errors import FxlifError
from ..files import whole_file
from ..hdl.limits import supported
from ..network_params import NetworkParams
from ..params import NeuronParams
from ..sources import mix
from .bulk import BLOCK, Bulk, Counts, bulk_of
from .compare import Packed
from .failures import leave
from .findings import Check, Findings
from .interface import Interface
from .narrow import AFTER, starts
from .scoreboard import Report, Scoreboard, model_of
from .shared import SharedDesign, build
from .simulation import Progress, wrapped
from .words import as_ints

AnyParams = NeuronParams | CoreParams | NetworkParams
#: Cycles of a segment, unless the whole is less.
SEGMENT = 1 << 23
STATE_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Target:
    """What every segment runs: a design, its wrapper and the library built of it."""

    params: AnyParams
    interface: Interface
    sources: dict[str, str]
    library: Path


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One part of a soak. ``wrong``: the first cycle that differs, or NONE."""

    number: int
    wrong: int
    counts: Counts
    seconds: float


def target_of(
    params: AnyParams,
    *,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = lambda what, done, total: None,
) -> Target:
    """Generate and build; ``edit`` changes the Verilog on its way, to plant a fault."""
    params = supported(params)
    choose("kernels")  # refused here, and not in another process
    progress("generating Verilog", 0, None)
    interface, sources = wrapped(params, edit)
    progress("building a library with Verilator", 0, None)
    library = build(sources)
    return Target(params=params, interface=interface, sources=sources, library=library)


def seed_of(seed: int, segment: int) -> int:
    """The seed of one segment."""
    return mix(mix(seed & ((1 << 64) - 1)) + segment)


def blocks(target: Target, seed: int, cycles: int) -> Iterator[tuple[Bulk, Packed, int]]:
    """Run a segment block by block: its run, the stimulus shown, the first wrong cycle or NONE."""
    design = SharedDesign(target.library, target.interface)
    bulk = bulk_of(target.params, target.interface, seed)
    try:
        for _ in range(0, cycles, BLOCK):
            stimulus = bulk.stimulus()
            wrong = bulk.check(design.run(stimulus))
            yield bulk, stimulus, wrong
            if wrong != NONE:
                return
    finally:
        design.close()


def run_segment(target: Target, seed: int, number: int, cycles: int) -> Segment:
    """Run one segment to its end, or to its first difference."""
    started = time.process_time()
    wrong, counts = NONE, Counts()
    for place, (bulk, _, found) in enumerate(blocks(target, seed_of(seed, number), cycles)):
        wrong = found if found == NONE else place * BLOCK + found
        counts = bulk.counts
    return Segment(number=number, wrong=wrong, counts=counts, seconds=time.process_time() - started)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference, narrowed: the words that show it and what a scoreboard says about it."""

    words: list[int]
    first: dict[str, Any]
    segment: int
    cycle: int


def narrowed(target: Target, seed: int, segment: Segment) -> Difference:
    """The shortest stimulus, from a reset of the segment on, that still shows a difference."""
    shown, last = [], segment.wrong
    for _, stimulus, _ in blocks(target, seed_of(seed, segment.number), last + 1 + AFTER):
        shown.append(stimulus.copy())
    words = np.concatenate(shown)[: last + 1 + AFTER]
    reset = target.interface.stimulus["rst"].offset
    held = (words[:, reset // 64] >> np.uint64(reset % 64)) & np.uint64(1)
    for start in starts(held.astype(bool).tolist(), last):
        first = difference(target, words[start:])
        if first is not None:
            return Difference(
                words=as_ints(words[start : start + first["cycle"] + 1 + AFTER]), first=first,
                segment=segment.number, cycle=last,
            )  # fmt: skip
    raise RuntimeError(f"segment {segment.number} differs in cycle {last}, but not in a second run")


def difference(target: Target, words: Packed) -> dict[str, Any] | None:
    """The first difference that the scoreboard of the cocotb benches sees, from power-up on."""
    design = SharedDesign(target.library, target.interface)
    report = Report()
    board = Scoreboard(target.interface, model_of(target.params, report), report)
    try:
        for at in range(0, len(words), BLOCK):
            if not board.take(as_ints(design.run(words[at : at + BLOCK]))):
                return report.first
    finally:
        design.close()
    return None


# --- many segments ------------------------------------------------------------------------------


class Store:
    """The segments that are done, in a file from which a soak goes on."""

    def __init__(self, path: Path | None, target: Target, seed: int) -> None:
        self._path = path
        self._head = {
            "format": STATE_FORMAT, "parameters_sha256": target.params.digest(), "seed": seed,
            "library": target.library.parent.name,
        }  # fmt: skip
        self.done: dict[int, tuple[int, Counts]] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            head = {key: content[key] for key in self._head}
            done = {
                int(number): (int(cycles), Counts(**counts))
                for number, (cycles, counts) in content["segments"].items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FxlifError(f"{path}: not the state of a soak ({error})") from None
        for key, value in self._head.items():
            if head[key] != value:
                raise FxlifError(f"{path}: {key}: found {head[key]!r}, allowed {value!r} here")
        self.done = done

    def add(self, segment: Segment, cycles: int) -> None:
        """Keep a segment that went well."""
        self.done[segment.number] = cycles, segment.counts
        if self._path is None:
            return
        segments = {str(n): (cycles, asdict(counts)) for n, (cycles, counts) in self.done.items()}
        with whole_file(self._path) as temporary:
            temporary.write_text(json.dumps({**self._head, "segments": segments}) + "\n")


def sizes(cycles: int) -> list[int]:
    """How many cycles each segment has, whole blocks, together at least ``cycles``."""
    total = -(-cycles // BLOCK) * BLOCK
    return [min(SEGMENT, total - at) for at in range(0, total, SEGMENT)]


_target: Target | None = None


def _start(target: Target) -> None:
    """In a process that runs segments: compile once."""
    global _target
    _target = target


def _segment(seed: int, number: int, cycles: int) -> Segment:
    assert _target is not None
    return run_segment(_target, seed, number, cycles)


def run_segments(
    target: Target, seed: int, wanted: dict[int, int], processes: int
) -> Iterator[Segment]:
    """Run segments (number → cycles) in their order, on so many processes; ends with the first
    segment that differs, those before it included."""
    if processes == 1 or len(wanted) == 1:
        for number, cycles in wanted.items():
            segment = run_segment(target, seed, number, cycles)
            yield segment
            if segment.wrong != NONE:
                return
        return
    waiting = iter(wanted.items())
    running: set[Future[Segment]] = set()
    failed = False
    # Not forked: the parent may have threads, of the progress bar or of numba.
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start, (target,)) as pool:
        try:
            while True:
                while not failed and len(running) < processes:
                    following = next(waiting, None)
                    if following is None:
                        break
                    running.add(pool.submit(_segment, seed, *following))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    segment = future.result()
                    failed |= segment.wrong != NONE
                    yield segment
        finally:
            pool.shutdown(cancel_futures=True)


def soak(
    params: AnyParams,
    *,
    name: str,
    cycles: int,
    seed: int = 1,
    processes: int | None = None,
    state: Path | None = None,
    out: Path | None = None,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = lambda what, done, total: None,
) -> Findings:
    """Check at least ``cycles`` cycles of random stimulus, every output in every cycle.

    Args:
        processes: how many segments run at once; None: one per core.
        state: a file that keeps what is done; where it exists, the soak goes on from it.
        out: the folder that a difference leaves; None: ``fxlif-failure-<name>-<seed>``.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed; the state
            is another soak's.
    """
    started = time.perf_counter()
    target = target_of(params, edit=edit, progress=progress)
    store = Store(state, target, seed)
    parts = sizes(cycles)
    wanted = {
        number: size
        for number, size in enumerate(parts)
        if store.done.get(number, (0, Counts()))[0] < size
    }
    resumed = sum(store.done[n][0] for n in range(len(parts)) if n not in wanted)
    workers = min(processes or os.cpu_count() or 1, max(1, len(wanted)))
    wrong: list[Segment] = []
    busy = 0.0
    checked = resumed
    simulated = time.perf_counter()
    progress("checking", checked, sum(parts))
    for segment in run_segments(target, seed, wanted, workers):
        busy += segment.seconds
        checked += segment.counts.cycles
        progress("checking", checked, sum(parts))
        if segment.wrong == NONE:
            store.add(segment, wanted[segment.number])
        else:
            wrong.append(segment)
    seconds = time.perf_counter() - simulated
    counts = Counts()
    for number in range(len(parts)):
        counts.add(store.done.get(number, (0, Counts()))[1])
    for segment in wrong:
        counts.add(segment.counts)
    where, replay = "", ""
    if wrong:
        first = min(wrong, key=lambda segment: segment.number)
        progress("narrowing the difference", 0, None)
        found = narrowed(target, seed, first)
        where = (
            f"segment {found.segment}, cycle {found.cycle}, signal {found.first['signal']}: "
            f"expected {found.first['expected']}, observed {found.first['observed']}"
        )
        folder = leave(
            out or Path(f"fxlif-failure-{name}-{seed}"), params=target.params, name=name,
            sources=target.sources, interface=target.interface, words=found.words,
            first=found.first, seed=seed, reasons=[where], progress=progress,
        )  # fmt: skip
        replay = f"fxlif replay {folder}"
    checks = [
        Check(
            name="every output and state in every cycle", seconds=seconds,
            outcome="failed" if wrong else "passed",
            detail=where or f"{counts.cycles:,} cycles, {counts.comparisons:,} comparisons",
        ),
        Check(
            name="some neuron fired", outcome="passed" if counts.spikes or wrong else "failed",
            detail=f"{counts.spikes:,} spikes",
        ),
    ]  # fmt: skip
    rate = (counts.cycles - resumed) / busy if busy else 0.0
    return Findings(
        command="soak", design=name, digest=target.params.digest(), checks=tuple(checks),
        seed=seed, replay=replay,
        figures={
            "cycles checked": counts.cycles, "of these in earlier runs": resumed,
            "steps": counts.steps, "events in": counts.events_in, "events out": counts.events_out,
            "spikes": counts.spikes, "resets": counts.resets, "comparisons": counts.comparisons,
            "segments that differ": len(wrong), "processes": workers,
            "checked cycles per second and core": round(rate),
            "seconds": round(time.perf_counter() - started, 1),
        },
    )  # fmt: skip
