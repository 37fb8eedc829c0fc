"""Bulk co-simulation: the Verilated design as a library against the compiled cycle model.

A soak is cut into segments, each from power-up on and with a seed of its own: so it can be spread
over processes, stopped and gone on with, and a difference is in a segment that can be run alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from ...cycles.control import NONE
from ...errors import FxlifError
from ...files import whole_file
from ...hdl.limits import supported
from ...params.design import outline
from ...params.protocol import AnyParams
from ...progress import SILENT, Progress
from ...workers import Workers, workers
from ..bench.outcome import COMPARED, fired, never_fired
from ..bench.scoreboard import Counts
from ..failure.difference import Left, leave_difference
from ..report.findings import Check, Findings, versions
from ..stimulus.lengths import FROM_VERILOG
from ..tools import simulators
from ..tools.verilated import library_recipe
from .random_network import random_hardware
from .segments import LENGTHS, Segment, Soaked, T, Target, parts_with, sizes, target_of

STATE_FORMAT = 2


class Store:
    """The segments that are done, in a file from which a soak goes on."""

    def __init__(self, path: Path | None, params: AnyParams, seed: int) -> None:
        self._path = path
        self._head: dict[str, int | str] = {
            "format": STATE_FORMAT, "parameters_sha256": params.digest(), "seed": seed,
        }  # fmt: skip
        self._library: str | None = None
        self.done: dict[int, tuple[int, Counts]] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            head = {key: content[key] for key in self._head}
            library = str(content["library"])
            done = {
                int(number): (int(cycles), Counts(**counts))
                for number, (cycles, counts) in content["segments"].items()
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise FxlifError(f"{path}: not the state of a soak ({error})", key=str(path)) from None
        for key, value in self._head.items():
            if head[key] != value:
                raise FxlifError.must_be(key, f"{value!r} here", head[key]).inside(path)
        self.done, self._library = done, library

    def generated(self, sources: Mapping[str, str]) -> None:
        """Take note of the Verilog that is about to be built.

        Raises:
            FxlifError: what is done was done with another one.
        """
        # Without the CPU: a soak may go on elsewhere.
        library = library_recipe(sources).folder().name.rpartition("-")[0]
        if self._library not in (None, library):
            error = FxlifError.must_be("library", f"{library!r} here", self._library)
            raise error.inside(self._path)
        self._head["library"] = library

    def missing(self, parts: Mapping[int, int]) -> dict[int, int]:
        """Those of some segments, number → cycles, that are not done, or not as far."""
        return {n: cycles for n, cycles in parts.items() if self.done.get(n, (0,))[0] < cycles}

    def add(self, segment: Segment, cycles: int) -> None:
        """Keep a segment that went well."""
        self.done[segment.number] = cycles, segment.counts
        if self._path is None:
            return
        segments = {str(n): (cycles, asdict(counts)) for n, (cycles, counts) in self.done.items()}
        with whole_file(self._path) as temporary:
            temporary.write_text(json.dumps({**self._head, "segments": segments}) + "\n")


def segment_there(target: Soaked, seed: int, number: int, cycles: int) -> Segment:
    """Run a segment on a machine that need not have the library yet.

    Raises:
        FxlifError: it cannot be built there.
    """
    try:
        there = target.built()
    except FxlifError as error:
        raise error.inside(f"the worker on {socket.gethostname()}") from None
    return there.run(seed, number, cycles)


def told(_: object, target: Soaked, seed: int, number: int, cycles: int) -> str:
    """What a call that runs a segment does."""
    return f"segment {number} of the soak with seed {seed}"


def run_segments(
    target: Soaked, seed: int, wanted: dict[int, int], pool: Workers | None
) -> Iterator[Segment]:
    """Run segments (number → cycles) in their order, here or in ``pool``; ends with the first
    segment that differs, those before it included."""
    if pool is None:
        for number, cycles in wanted.items():
            segment = target.run(seed, number, cycles)
            yield segment
            if segment.wrong != NONE:
                return
        return
    waiting = iter(wanted.items())
    running: set[Future[Segment]] = set()
    failed = False
    while True:
        while not failed and len(running) < pool.count:
            following = next(waiting, None)
            if following is None:
                break
            running.add(pool.submit(segment_there, target, seed, *following))
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            segment = future.result()
            failed |= segment.wrong != NONE
            yield segment


def soak(
    params: AnyParams,
    *,
    name: str,
    cycles: int,
    seed: int = 1,
    processes: int | None = None,
    cluster: str | None = None,
    state: Path | None = None,
    out: Path | None = None,
    every_core: bool = True,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = SILENT,
) -> Findings:
    """Check at least ``cycles`` cycles of random stimulus, every output in every cycle.

    Args:
        processes: how many segments run at once; None: one per core.
        cluster: run them on the workers of the Dask scheduler at this address instead; each machine
            of them builds the design for itself.
        state: a file that keeps what is done; where it exists, the soak goes on from it.
        out: the folder that a difference leaves; None: ``fxlif-failure-<name>-<seed>``.
        every_core: whether some neuron of each core must fire, or of any.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: the design cannot be hardware; Verilator or numba is not installed; the state
            is another soak's; the cluster does not answer, or cannot build.
    """
    design = supported(params)

    def made(store: Store) -> Target:
        return target_of(design, edit=edit, generated=store.generated, progress=progress)

    def left(target: Target, segment: Segment) -> Left:
        folder = out or Path(f"fxlif-failure-{name}-{seed}")
        return leave_difference(target, seed, segment, folder, name=name, progress=progress)

    return soak_segments(
        design, made, left, name=name, cycles=cycles, seed=seed, processes=processes,
        cluster=cluster, state=state, every_core=every_core, progress=progress,
    )  # fmt: skip


def soak_segments(
    design: AnyParams,
    made: Callable[[Store], T],
    left: Callable[[T, Segment], Left],
    *,
    name: str,
    cycles: int,
    seed: int,
    processes: int | None,
    cluster: str | None,
    state: Path | None,
    every_core: bool = True,
    progress: Progress,
) -> Findings:
    """Run what is ``made``, in segments, and answer as :func:`soak`; what a segment that differs
    has ``left``."""
    started = time.perf_counter()
    store = Store(state, design, seed)
    wanted = store.missing(dict(enumerate(sizes(cycles))))
    count = min(processes or os.cpu_count() or 1, max(1, len(wanted)))
    wrong: list[Segment] = []
    busy = 0.0
    with ExitStack() as stack:
        pool = None
        if wanted and (cluster is not None or count > 1):
            pool = stack.enter_context(workers(count, cluster, told=told))
            count = pool.count
        target, parts = parts_with(made(store), cycles)
        wanted = store.missing(parts)
        checked = resumed = sum(store.done[n][0] for n in parts if n not in wanted)
        total = sum(parts.values())
        simulated = time.perf_counter()
        progress("checking", checked, total)
        for segment in run_segments(target, seed, wanted, pool):
            busy += segment.seconds
            checked += segment.counts.cycles
            progress("checking", checked, total)
            if segment.wrong == NONE:
                store.add(segment, wanted[segment.number])
            else:
                wrong.append(segment)
    seconds = time.perf_counter() - simulated
    counts = Counts()
    for number in parts:
        counts.add(store.done.get(number, (0, Counts()))[1])
    for segment in wrong:
        counts.add(segment.counts)
    found = Left("")
    if wrong:
        found = left(target, min(wrong, key=lambda s: (s.number == LENGTHS, s.number)))
    checks = [
        Check(
            name=COMPARED, seconds=seconds, outcome="failed" if wrong else "passed",
            detail=found.told or f"{counts.cycles:,} cycles, {counts.comparisons:,} comparisons",
        ),
        fired(counts, cut=bool(wrong), every=every_core),
    ]  # fmt: skip
    rate = (counts.cycles - resumed) / busy if busy else 0.0
    return Findings(
        command="soak", design=name, digest=design.digest(), checks=tuple(checks),
        seed=seed, replay=found.replay, folder=found.folder, first=found.first,
        parameters=outline(design),
        versions=versions(simulators.find("verilator")),
        figures={
            "cycles checked": counts.cycles, "of these in earlier runs": resumed,
            **counts.figures, **({} if wrong else never_fired(counts)), **target.plan.figures,
            "segments that differ": len(wrong), "processes": count,
            "checked cycles per second and core": round(rate),
            "seconds": round(time.perf_counter() - started, 1),
        },
    )  # fmt: skip


def soak_designs(
    count: int,
    *,
    cycles: int,
    seed: int = 1,
    processes: int | None = None,
    cluster: str | None = None,
    out: Path | None = None,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = SILENT,
) -> Findings:
    """Soak ``count`` designs drawn at random, the k-th drawn and run with the seed ``seed + k``.

    One check per design; all of them are run, whatever one of them shows.

    Args:
        cycles: of each design, at least.
        processes: see :func:`soak`; so is ``cluster``.
        out: the folder in which every difference leaves one of its own, named by its seed; None:
            ``fxlif-failure-random-<seed>`` here.
        edit: changes the Verilog on its way to the simulator, to plant a fault.

    Raises:
        FxlifError: Verilator or numba is not installed.
    """
    started = time.perf_counter()
    found: list[Findings] = []
    for drawn in range(seed, seed + count):
        design = random_hardware(random.Random(drawn))
        progress(f"design {drawn - seed + 1} of {count}, seed {drawn}", 0, None)
        found.append(
            soak(
                design, name=f"random-{drawn}", cycles=cycles, seed=drawn, processes=processes,
                cluster=cluster, out=(out or Path()) / f"fxlif-failure-random-{drawn}",
                every_core=False, edit=edit, progress=progress,
            )
        )  # fmt: skip
    bad = [each for each in found if not each.passed]
    digests = "".join(each.digest for each in found)
    names = ("cycles checked", *Counts().figures)
    return Findings(
        command="soak", design=f"{count} random designs", seed=seed,
        digest=hashlib.sha256(digests.encode()).hexdigest(),
        checks=tuple(_design_check(each) for each in found),
        replay="; ".join(filter(None, (each.replay for each in bad))),
        figures={
            "designs": count, "designs that failed": len(bad),
            **{name: sum(int(each.figures[name]) for each in found) for name in names},
            "seconds": round(time.perf_counter() - started, 1),
        },
    )  # fmt: skip


def _design_check(found: Findings) -> Check:
    """What a soak of one of many designs says, as one check."""
    told = [found.checks[0].detail]
    if "never fired" in found.figures:
        told.append(f"never fired: {found.figures['never fired']}")
    if FROM_VERILOG in found.figures:
        told.append(f"{FROM_VERILOG}: {found.figures[FROM_VERILOG]}")
    if not found.passed:
        told = [line for check in found.checks if check.outcome != "passed"
                for line in check.detail.splitlines()]  # fmt: skip
        told.append(f"drawn with seed {found.seed}")
    return Check(
        name=f"design {found.design}", outcome="passed" if found.passed else "failed",
        detail="\n".join(told), seconds=found.checks[0].seconds,
    )  # fmt: skip
