"""What a failure leaves behind: a folder that says all about it, and shows it again anywhere.

Its ``README.txt`` has the first difference, the commands that show it again, and what each file is.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from ...files import whole_file, whole_folder
from ...layout import golden_of
from ...params import design
from ...params.neuron import NeuronParams
from ...progress import SILENT, Progress
from ..bench.run import STIMULUS, TRACE, Job, get_job
from ..bench.scoreboard import Report
from ..bench.simulation import simulate, wrapped
from ..report.difference import Difference, difference_table
from ..report.findings import Check, Findings, versions
from ..tools import simulators, verilated
from ..tools.simulators import Simulator
from ..tools.sources import is_image
from ..tools.words import as_rows, from_bytes, repack, to_text
from .narrow import AFTER, Narrowed, narrow, watched
from .note import DESIGN, NOTE, WORDS, Failure, Note, Packing, load
from .waves import BENCH as WAVES_BENCH
from .waves import dump, wave_bench

WAVES, README = "waves.vcd", "README.txt"
#: Cycles of waves up to the first difference.
WAVES_BEFORE = 1000
#: The longest stimulus of which waves are made.
WAVES_MOST = 1 << 20
#: The waves of a whole replay.
REPLAY_WAVES = "replay.vcd"
#: Files of the folder that no source may be named as.
OWN = (DESIGN, NOTE, WAVES, README, WORDS, TRACE, WAVES_BENCH)
#: What the files of a folder are, for people.
FILES = {
    DESIGN: "the parameters of the design, weights included",
    WORDS: "what every input showed in each clock cycle, from power-up on, in hexadecimal",
    "design.v": "the Verilog as it was simulated",
    "bench.v": "its wrapper: one vector of all inputs, one of all ports",
    NOTE: "the first difference, seed, versions and notes, for fxlif replay",
    TRACE: "all ports in the cycles around the first difference, observed and expected",
    WAVES: f"waves of up to {WAVES_BEFORE} cycles before it, for GTKWave or Surfer",
    WAVES_BENCH: f"a bench without Python that makes {WAVES} again; its head has the command",
    simulators.LOG: "what the simulator printed",
    **dict.fromkeys(simulators.WAVES, "waves of the whole run"),
}
HELD = "what a memory of the Verilog holds, in hexadecimal"
REPLAY = {
    "fxlif replay .": "the Verilog of this folder",
    "fxlif replay . --regenerate": "the Verilog that fxlif generates from the design today",
}
NOT_SEEN = "this stimulus was not seen to fail in this way"


def leave(
    folder: Path,
    job: Job,
    first: Difference,
    *,
    name: str,
    simulator: str = "verilator",
    reasons: Sequence[str] = (),
    waves: bool = True,
    narrowed: Narrowed | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Leave a failure folder; returns ``folder``. It is written whole or not at all.

    Args:
        job: what failed, with the ``words`` that it was shown; those that are not needed to see the
            difference are left out, see :func:`seen_again`.
        first: the first difference.
        simulator: the one that saw the failure; it makes the waves.
        reasons: why the check failed, a line each.
        waves: whether to make ``waves.vcd``; of a stimulus of more than WAVES_MOST cycles there are
            none.
        narrowed: what the words of the job are, where they need not be narrowed.

    Raises:
        FxlifError: the folder cannot be written, or ``simulator`` is not installed.
    """
    for file in job.sources:
        if file in OWN or Path(file).name != file:
            raise FxlifError.must_be("sources", f"none of {', '.join(OWN)}, and no path", file)
    found = simulators.find(simulator)
    with whole_folder(folder) as work:
        if narrowed is None:
            seen = seen_again(job, first, found, work / TRACE, progress)
        else:
            narrowed.trace.write(work / TRACE)
            seen = Seen(words=narrowed.words, first=narrowed.first)
        of = job.params
        design.save(of if isinstance(of, NeuronParams) else golden_of(of), work / DESIGN)
        for file, text in job.sources.items():
            (work / file).write_text(text, encoding="utf-8")
        (work / WORDS).write_text(to_text(seen.words, job.interface.stimulus_bits))
        notes = list(seen.notes)
        if waves and len(seen.words) > WAVES_MOST:
            notes.append(f"{WAVES}: not made, since no shorter stimulus than of "
                         f"{len(seen.words):,} cycles was found")  # fmt: skip
        elif waves:
            start = max(0, seen.first.cycle + 1 - WAVES_BEFORE)
            progress(f"waves with {found.name} {found.version}", 0, None)
            try:
                make_waves(replace(job, words=seen.words), found, work, start=start, file=WAVES)
            except FxlifError as error:  # the rest of the folder is worth having
                notes.append(f"{WAVES}: not made ({error})")
        packing = asdict(job.interface)
        del packing["wrapper"]
        note = Note(
            name=name, kind=job.params.kind, simulator=simulator, seed=job.seed,
            reasons=list(reasons), start=seen.start, reproduced=seen.reproduced, first=seen.first,
            sources=list(job.sources), interface=Packing(**packing), notes=notes,
            versions=versions(found),
        )  # fmt: skip
        (work / NOTE).write_text(_json(note), encoding="utf-8")
        about = [*reasons, *notes]
        if seen.start:
            about.append(f"Cycle 0 of this folder is cycle {seen.start} of the run that failed.")
        there = {
            path.name for place in (work, folder) if place.is_dir() for path in place.iterdir()
        }
        text = readme(name, about, seen.first, REPLAY, there)
        (work / README).write_text(text, encoding="utf-8")
    return folder


def readme(
    name: str, about: Sequence[str], first: Difference | None, replay: Mapping[str, str],
    there: Collection[str], *, here: bool = True,
) -> str:  # fmt: skip
    """The README.txt of a failure folder.

    Args:
        name: the design's.
        about: what went wrong, a line each.
        first: the first difference, where there is one.
        replay: command → what it shows.
        there: the names of the files beside it.
        here: whether the commands work in the folder, or where the check was run.
    """
    lines = [
        f"A check of {name} failed: the Verilog does not do what the golden model, the exact",
        "integer model of the design, says.", "", *about, "",
    ]  # fmt: skip
    if first is not None:
        lines += [difference_table(first, 80), ""]
    place = "in this folder" if here else "where the check was run"
    lines += [f"To see it again, {place}:", ""]
    for command, what in replay.items():
        lines += [f"    {command}", *([f"        {what}"] if what else [])]
    files = {file: what for file, what in FILES.items() if file in there}
    files |= {file: HELD for file in sorted(there) if is_image(file) and file not in FILES}
    width = max(map(len, files), default=0)
    lines += ["", "Files:", *(f"    {file:<{width}}  {what}" for file, what in files.items()), ""]
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The stimulus of a failure folder: the words from cycle ``start`` of the run on.

    ``reproduced``: whether it was seen to show the difference ``first``, whose cycles count from
    ``start``; ``notes``: what a reader should know of it.
    """

    words: list[int]
    first: Difference
    start: int = 0
    reproduced: bool = True
    notes: tuple[str, ...] = ()


def seen_again(
    job: Job, first: Difference, simulator: Simulator, trace: Path, progress: Progress = SILENT
) -> Seen:
    """Show a difference again, narrowed by the Verilated library, and write its ``trace``.

    Where no library can be built, or it does not show the difference, the stimulus stays as it was
    and ``simulator`` runs it once.
    """
    words = (job.words or [])[: first.cycle + 1 + AFTER]
    progress("narrowing the difference", 0, None)
    try:
        library = verilated.build(job.sources)
        rows = as_rows(words, job.interface.stimulus_bits)
        narrowed = narrow(library, job.params, job.interface, rows, first.cycle)
        note = "not narrowed: the library that Verilator makes does not show the difference"
    except FxlifError as error:
        narrowed, note = None, f"not narrowed: {error}"
    if narrowed is not None:
        narrowed.trace.write(trace)
        return Seen(words=narrowed.words, first=narrowed.first, start=narrowed.start)
    job = replace(job, words=words, events=None, cycles=len(words), watch=watched(first.cycle))
    with tempfile.TemporaryDirectory(prefix="fxlif-") as run:
        _, report = simulate(job, simulator, folder=Path(run), progress=progress)
        if report and report.first and report.first.cycle == first.cycle:
            shutil.copyfile(Path(run) / TRACE, trace)
            return Seen(words=words, first=report.first, notes=(note,))
    return Seen(words=words, first=first, reproduced=False, notes=(note, NOT_SEEN))


def make_waves(job: Job, simulator: Simulator, folder: Path, *, start: int, file: str) -> None:
    """Write the waves of a job's words, from cycle ``start`` on, with the bench that makes them."""
    words = job.words or []
    bench = wave_bench(job.interface, list(job.sources), cycles=len(words), start=start, file=file)
    (folder / WAVES_BENCH).write_text(bench)
    (folder / WORDS).write_text(to_text(words, job.interface.stimulus_bits))
    dump(simulator, folder, job.sources, bench)


def _json(note: Note) -> str:
    """A note as text; the innermost tables and lists stand on one line each, if they fit."""

    def joined(found: re.Match[str]) -> str:
        # No line break stands inside a string of JSON.
        inside = re.sub(r"\n\s*", " ", found[0][1:-1])
        line = found[0][0] + inside.strip() + found[0][-1]
        return line if len(line) < 90 else found[0]

    text = note.model_dump_json(indent=1, exclude_none=True)
    return re.sub(r"[\[{][^\[\]{}]*[\]}]", joined, text) + "\n"


def leave_run(folder: Path, run: Path, report: Report, **options: Any) -> Path:
    """:func:`leave` the failure of a bench that ran in the folder ``run``, with its ``options``."""
    job = get_job(run)
    assert report.first is not None
    words = from_bytes((run / STIMULUS).read_bytes(), job.interface.stimulus_bits)
    return leave(folder, replace(job, words=words), report.first, **options)


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay saw. ``reasons`` is empty if and only if nothing differed to the end."""

    failure: Failure
    simulator: str
    report: Report
    reasons: list[str]
    regenerated: bool = False
    waves: Path | None = None

    @property
    def recorded(self) -> str:
        """The recorded difference in words."""
        return self.failure.note.first.where

    @property
    def findings(self) -> Findings:
        """The same in the form in which every command answers."""
        ran = Check(
            name="every output and state in every cycle", seconds=self.report.seconds,
            outcome="failed" if self.reasons else "passed",
            detail="\n".join(self.reasons) or f"{self.report.cycles:,} cycles",
        )  # fmt: skip
        figures: dict[str, int | float | str] = {
            "simulator": self.simulator, "cycles checked": self.report.cycles,
            "Verilog": "generated today" if self.regenerated else "of the folder",
            "recorded": self.recorded,
        }  # fmt: skip
        if self.waves is not None:
            figures["waves"] = str(self.waves)
        return Findings(
            command="replay", design=self.failure.note.name, digest=self.failure.params.digest(),
            checks=(ran,), figures=figures, first=self.report.first,
        )  # fmt: skip

    @property
    def reproduced(self) -> bool:
        """Whether the first difference is the recorded one: same cycle, same signal."""
        seen, recorded = self.report.first, self.failure.note.first
        return seen is not None and seen.where == recorded.where


def replay(
    folder: str | Path,
    *,
    simulator: str | None = None,
    regenerate: bool = False,
    waves: bool = False,
    edit: Callable[[str], str] = lambda verilog: verilog,
    progress: Progress = SILENT,
) -> Replayed:
    """Show the design of a failure folder its stimulus again, and compare every cycle.

    Args:
        folder: what :func:`leave` left; it may have been moved.
        simulator: by default, the one that saw the failure.
        regenerate: not the Verilog of the folder, but what is generated from its design today.
        waves: write all cycles to ``replay.vcd`` in the folder.
        edit: changes regenerated Verilog on its way to the simulator.

    Raises:
        FxlifError: see :func:`load`; or today's design has other inputs.
    """
    failure = load(folder)
    found = simulators.find(simulator or failure.note.simulator)
    interface, sources, words = failure.interface, failure.sources, failure.words
    if regenerate:
        progress("generating Verilog", 0, None)
        interface, sources = wrapped(failure.params, edit)
        words = repack(words, failure.interface.stimulus, interface.stimulus)
    job = Job(params=failure.params, interface=interface, sources=sources, words=words,
              cycles=len(words), seed=1)  # fmt: skip
    made = None
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
        work = Path(name)
        results, report = simulate(job, found, folder=work, progress=progress)
        if waves:
            made = failure.folder / REPLAY_WAVES
            make_waves(job, found, work, start=0, file=REPLAY_WAVES)
            with whole_file(made) as temporary:
                shutil.copyfile(work / REPLAY_WAVES, temporary)
    return Replayed(
        failure=failure, simulator=found.name, report=report or Report(), waves=made,
        regenerated=regenerate, reasons=_differences(results, report, len(words)),
    )  # fmt: skip


def _differences(results: simulators.Results, report: Report | None, cycles: int) -> list[str]:
    """Why a replay did not go well. Spikes are not asked for:
    a short stimulus may well bring none."""
    if report is None:
        return [f"the bench left no report: {results.message}"]
    if report.first is not None:
        return [f"{report.first.where} differs"]
    if (results.passed, results.failed, results.skipped) != (1, 0, 0):
        return [f"the bench did not pass: {results.message}"]
    if report.cycles != cycles or report.unchecked_cycles:
        checked = report.cycles - report.unchecked_cycles
        return [f"{checked} cycles were checked, {cycles} expected"]
    return []


__all__ = ["Replayed", "leave", "leave_run", "load", "replay"]
