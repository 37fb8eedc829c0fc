"""``fxlif replay FOLDER`` of a foreign core: what :mod:`.failure` left is simulated again."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from ...errors import FxlifError
from ...files import cannot, whole_file
from ...params import design
from ...params.mistakes import explain
from ...progress import SILENT, Progress
from ..bench.outcome import MAPPED
from ..bench.scoreboard import Report
from ..failure.folder import REPLAY_WAVES, make_waves
from ..failure.note import DESIGN, NOTE, read_words
from ..report.findings import Check, Findings
from ..tools import simulators
from ..tools.simulators import Results
from .adapters.wiring import Wrapped
from .failure import DutNote
from .run import check_dut, dut_failure_reasons, told
from .testbench import DutJob

#: What a replay says where nothing differed when it was recorded.
NO_DIFFERENCE = "no difference, but what the core said or left undone"


def is_foreign(folder: str | Path) -> bool:
    """Whether a failure folder is of a foreign core; one that cannot be read is of none."""
    try:
        found = json.loads((Path(folder) / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "map" in found


@dataclass(frozen=True, kw_only=True)
class DutReplayed:
    """What a replay of a foreign core saw; ``reasons`` is empty if and only if all was right."""

    note: DutNote
    job: DutJob
    simulator: str
    report: Report
    reasons: list[str]
    waves: Path | None = None

    @property
    def recorded(self) -> str:
        """The recorded difference in words."""
        return self.note.first.where if self.note.first else NO_DIFFERENCE

    @property
    def reproduced(self) -> bool:
        """Whether what is wrong is what was recorded: the same cycle first, and in it or soon after
        the signal; or, where nothing differed, one of the same reasons."""
        seen, recorded = self.report.first, self.note.first
        if recorded is None:
            return seen is None and bool({*self.reasons} & {*self.note.reasons})
        # Several signals may differ in that cycle: which is told first is no matter.
        wrong = self.report.signals.get(recorded.signal, [0, 0])[1]
        return seen is not None and seen.cycle == recorded.cycle and wrong > 0

    @property
    def findings(self) -> Findings:
        """The same in the form in which every command answers."""
        ran = Check(
            name=MAPPED, seconds=self.report.seconds,
            outcome="failed" if self.reasons else "passed",
            detail="\n".join(self.reasons) or f"{self.report.cycles:,} cycles",
        )  # fmt: skip
        figures: dict[str, int | float | str] = {
            "simulator": self.simulator, "cycles checked": self.report.cycles,
            "Verilog": "of the folder", "recorded": self.recorded,
        }  # fmt: skip
        if self.waves is not None:
            figures["waves"] = str(self.waves)
        return Findings(
            command="replay", design=self.note.name, digest=self.job.params.digest(), checks=(ran,),
            figures=figures, first=told(self.report.first),
        )  # fmt: skip


def replay_dut(
    folder: str | Path,
    *,
    simulator: str | None = None,
    waves: bool = False,
    progress: Progress = SILENT,
) -> DutReplayed:
    """Show the core of a failure folder its stimulus again, and compare every cycle.

    Args:
        folder: what :func:`leave_dut` left; it may have been moved, and its Verilog edited.
        simulator: by default, the one that saw the failure.
        waves: write all cycles to ``replay.vcd`` in the folder.

    Raises:
        FxlifError: a file of the folder that cannot be read, or says something else than it must;
            Verilog that is not accepted.
    """
    folder = Path(folder)
    note, job, files = load_dut(folder)
    if note.two_state and simulator not in (None, note.simulator):
        allowed = f"{note.simulator}: what a soak ran knows no x"
        raise FxlifError.must_be("--simulator", allowed, simulator)
    found = simulators.find(simulator or note.simulator)
    made = None
    with tempfile.TemporaryDirectory(prefix="fxlif-") as name:
        work = Path(name)
        results, report = check_dut(
            job, folder=work, files=files, simulator=found.name, progress=progress
        )
        reasons = replay_reasons(results, report, cycles=job.cycles, whole=note.whole)
        if waves:
            made = folder / REPLAY_WAVES
            make_waves(job, found, work, start=0, file=REPLAY_WAVES)
            with whole_file(made) as temporary:
                shutil.copyfile(work / REPLAY_WAVES, temporary)
    return DutReplayed(note=note, job=job, simulator=found.name, report=report or Report(),
                       reasons=reasons, waves=made)  # fmt: skip


def replay_reasons(
    results: Results, report: Report | None, *, cycles: int, whole: bool
) -> list[str]:
    """Why a replay of so many cycles did not go well, a line each.

    Where the stimulus is not the ``whole`` one of a run, it was cut: it need not bring a spike, nor
    the end of what it began, which is then all that the bench fails for.
    """
    if report is not None and not whole:
        if report.problems:
            results = replace(results, passed=results.passed + results.failed, failed=0)
        report = replace(report, problems=[], steps=1, spikes=1, fired=[])
    reasons = dut_failure_reasons(results, report)
    if not reasons and report is not None and report.cycles < cycles:
        reasons = [f"{report.cycles} cycles were checked, {cycles} expected"]
    return reasons


def load_dut(folder: Path) -> tuple[DutNote, DutJob, dict[str, bytes]]:
    """What a failure folder of a foreign core says, the job that shows it again, and name → content
    of the files that the Verilog reads.

    Raises:
        FxlifError: see :func:`replay_dut`.
    """
    path = folder / NOTE
    try:
        note = DutNote.model_validate_json(_bytes(path))
    except ValidationError as error:
        raise explain(error, DutNote, str(path)) from None
    for file in (*note.sources, *note.files):
        if Path(file).name != file:
            raise FxlifError.must_be("sources", "the name of a file in it", file).inside(path)
    given = note.interface
    interface = Wrapped(
        given.stimulus, given.response, given.stimulus_bits, given.response_bits, wrapper="",
        shown_by=note.shown_by, not_compared=tuple(note.not_compared), inside={},
    )  # fmt: skip
    words = read_words(folder, given.stimulus_bits, note.first)
    job = DutJob(
        params=design.load_hardware(folder / DESIGN), interface=interface, dut_map=note.map,
        sources={file: _bytes(folder / file).decode(errors="replace") for file in note.sources},
        words=words, cycles=len(words), seed=note.seed,
    )  # fmt: skip
    return note, job, {file: _bytes(folder / file) for file in note.files}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise cannot("read", path, error) from None
