"""What a failure leaves behind: a folder that says all about it, and shows it again anywhere.

====================  ==============================================================================
``design.toml``       the parameters, complete, weights included
``stimulus.mem``      what every input showed in every cycle from power-up on, in hexadecimal
``design.v`` …        the Verilog exactly as simulated, with its wrapper ``bench.v``
``failure.json``      the first difference, seed, versions, and how the fields are packed
``trace.csv``         the ports around the first difference, observed and expected
``waves.vcd``         the last thousand cycles before it, made by ``waves.v`` without Python
``replay.txt``        the commands that show it again
====================  ==============================================================================
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import FxlifError
from ...files import whole_file, whole_folder
from ...params import design
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...progress import SILENT, Progress
from ..bench.run import STIMULUS, TRACE, get_job
from ..bench.scoreboard import Report
from ..bench.simulation import wrapped
from ..bench.wrapper import Interface
from ..report.findings import Check, Findings, versions
from ..tools import simulators
from ..tools.words import Words, as_ints, from_bytes, repack, to_text
from .narrow import AFTER, Case, narrow, show
from .note import DESIGN, NOTE, WORDS, AnyParams, Failure, First, Note, Packing, load
from .waves import BENCH as WAVES_BENCH
from .waves import dump, wave_bench

WAVES, REPLAY = "waves.vcd", "replay.txt"
#: Cycles of waves up to the first difference.
WAVES_BEFORE = 1000
#: The waves of a whole replay.
REPLAY_WAVES = "replay.vcd"
#: Files of the folder that no source may be named as.
OWN = (DESIGN, NOTE, WAVES, REPLAY, WORDS, TRACE, WAVES_BENCH)
REPLAY_TEXT = """\
# In this folder: the Verilog that failed, then the one that fxlif generates today.
fxlif replay .
fxlif replay . --regenerate
"""


def leave(
    folder: Path,
    *,
    params: AnyParams,
    name: str,
    sources: Mapping[str, str],
    interface: Interface,
    words: Words,
    first: Mapping[str, Any] | None,
    seed: int | None = None,
    simulator: str = "verilator",
    bench: str | None = None,
    reasons: Sequence[str] = (),
    waves: bool = True,
    progress: Progress = SILENT,
) -> Path:
    """Leave a failure folder; returns ``folder``. It is written whole or not at all.

    Args:
        sources: file name → Verilog as simulated, the wrapper of ``interface`` included.
        words: packed stimulus words, one per cycle from power-up on; those that are not needed to
            see the difference are left out, see :func:`fxlif.sim.failure.narrow.narrow`.
        first: the first difference, as :class:`~fxlif.sim.bench.scoreboard.Report` has it.
        simulator: the one that narrows and makes the waves.
        bench: the cocotb module, if it is not that of ``params``.
        reasons: why the check failed, a line each.
        waves: whether to make ``waves.vcd``.

    Raises:
        FxlifError: the folder cannot be written, or ``simulator`` is not installed.
    """
    clashes = [file for file in sources if file in OWN or Path(file).name != file]
    if clashes:
        raise FxlifError(f"{clashes[0]}: found as the name of a source, allowed another name")
    shown = as_ints(words)
    if first is not None:
        shown = shown[: first["cycle"] + 1 + AFTER]
    found = simulators.find(simulator)
    with whole_folder(folder) as work, tempfile.TemporaryDirectory(prefix="fxlif-") as run:
        case = Case(params=params, interface=interface, sources=dict(sources), words=shown,
                    bench=bench)  # fmt: skip
        narrowed = narrow(case, first, found, Path(run), progress=progress)
        notes = [] if narrowed.reproduced else ["this stimulus was not seen to fail in this way"]
        network = NetworkParams.chain(params) if isinstance(params, CoreParams) else params
        design.save(network, work / DESIGN)
        for file, text in sources.items():
            (work / file).write_text(text, encoding="utf-8")
        (work / WORDS).write_text(to_text(narrowed.words, interface.stimulus_bits))
        if narrowed.trace:
            (work / TRACE).write_text(narrowed.trace, encoding="utf-8")
        if waves:
            cycle = narrowed.first["cycle"] if narrowed.first else len(narrowed.words) - 1
            verilog = wave_bench(interface, list(sources), cycles=len(narrowed.words),
                                 start=max(0, cycle + 1 - WAVES_BEFORE), file=WAVES)  # fmt: skip
            (work / WAVES_BENCH).write_text(verilog)
            progress(f"waves with {found.name} {found.version}", 0, None)
            try:
                dump(found, work, sources, verilog)
            except FxlifError as error:  # the rest of the folder is worth having
                notes.append(f"{WAVES}: not made ({error})")
        packing = asdict(interface)
        del packing["wrapper"]
        note = Note(
            name=name, kind=params.kind, bench=bench, simulator=simulator, seed=seed,
            reasons=list(reasons), start=narrowed.start, reproduced=narrowed.reproduced,
            first=First(**narrowed.first) if narrowed.first else None,
            sources=list(sources), interface=Packing(**packing), notes=notes,
            versions={**versions(), found.name: found.version},
        )  # fmt: skip
        (work / NOTE).write_text(_json(note), encoding="utf-8")
        (work / REPLAY).write_text(REPLAY_TEXT)
    return folder


def _json(note: Note) -> str:
    """A note as text; the innermost tables and lists stand on one line each, if they fit."""

    def joined(found: re.Match[str]) -> str:
        # No line break stands inside a string of JSON.
        inside = re.sub(r"\n\s*", " ", found[0][1:-1])
        line = found[0][0] + inside.strip() + found[0][-1]
        return line if len(line) < 90 else found[0]

    text = note.model_dump_json(indent=1, exclude_none=True)
    return re.sub(r"[\[{][^\[\]{}]*[\]}]", joined, text) + "\n"


def leave_run(
    folder: Path,
    run: Path,
    report: Report,
    *,
    name: str,
    simulator: str,
    reasons: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Path:
    """:func:`leave` the failure of a bench that ran in the folder ``run``."""
    job = get_job(run)
    bits = job.interface.stimulus_bits
    return leave(
        folder, params=job.params, name=name, sources=job.sources, interface=job.interface,
        words=from_bytes((run / STIMULUS).read_bytes(), bits), first=report.first, seed=job.seed,
        simulator=simulator, reasons=reasons, progress=progress,
    )  # fmt: skip


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
        first = self.failure.note.first
        return f"cycle {first.cycle}, signal {first.signal}" if first else "no difference"

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
        return (
            seen is not None
            and recorded is not None
            and (seen["cycle"], seen["signal"]) == (recorded.cycle, recorded.signal)
        )


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
    case = Case(params=failure.params, interface=failure.interface, sources=failure.sources,
                words=failure.words, bench=failure.note.bench)  # fmt: skip
    if regenerate:
        progress("generating Verilog", 0, None)
        interface, sources = wrapped(failure.params, edit)
        words = repack(failure.words, failure.interface.stimulus, interface.stimulus)
        case = replace(case, interface=interface, sources=sources, words=words)
    with tempfile.TemporaryDirectory(prefix="fxlif-") as work:
        results, report = show(case, found, Path(work), progress=progress)
        made = _replay_waves(failure.folder, case, found, Path(work)) if waves else None
    return Replayed(
        failure=failure, simulator=found.name, report=report or Report(), waves=made,
        regenerated=regenerate,
        reasons=_differences(results, report, len(case.words)),
    )  # fmt: skip


def _replay_waves(folder: Path, case: Case, found: simulators.Simulator, work: Path) -> Path:
    bench = wave_bench(case.interface, list(case.sources), cycles=len(case.words), start=0,
                       file=REPLAY_WAVES)  # fmt: skip
    (work / WORDS).write_text(to_text(case.words, case.interface.stimulus_bits))
    dump(found, work, case.sources, bench)
    with whole_file(folder / REPLAY_WAVES) as temporary:
        shutil.copyfile(work / REPLAY_WAVES, temporary)
    return folder / REPLAY_WAVES


def _differences(results: simulators.Results, report: Report | None, cycles: int) -> list[str]:
    """Why a replay did not go well. Spikes are not asked for:
    a short stimulus may well bring none."""
    if report is None:
        return [f"the bench left no report: {results.message}"]
    if report.first is not None:
        first = report.first
        return [f"cycle {first['cycle']}, signal {first['signal']} differs"]
    if (results.passed, results.failed, results.skipped) != (1, 0, 0):
        return [f"the bench did not pass: {results.message}"]
    if report.cycles != cycles or report.unchecked_cycles:
        checked = report.cycles - report.unchecked_cycles
        return [f"{checked} cycles were checked, {cycles} expected"]
    return []


__all__ = ["Replayed", "leave", "leave_run", "load", "replay"]
