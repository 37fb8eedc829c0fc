"""What a failure of a foreign core leaves behind; :mod:`.replay` shows it again.

The folder is that of :mod:`fxlif.sim.failure.folder`, with the map in its ``failure.json``, the
user's Verilog and the files that it reads.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...errors import FxlifError
from ...files import whole_folder
from ...params import design
from ...progress import SILENT, Progress
from ..failure.folder import OWN, README, WAVES, WAVES_BEFORE, make_waves, readme
from ..failure.narrow import AFTER
from ..failure.note import DESIGN, FORMAT, NOTE, WORDS, Packing
from ..report.difference import Difference
from ..report.findings import versions
from ..tools.simulators import Simulator
from ..tools.words import to_text
from .map import DutMap
from .testbench import DutJob

#: The longest stimulus of which waves are made.
LONGEST = 1 << 20


class DutNote(BaseModel):
    """What ``failure.json`` says of a foreign core; see :class:`~fxlif.sim.failure.note.Note`.

    Without a ``first`` difference, ``reasons`` alone say what was wrong. ``two_state``: the wrapper
    knows no x. ``whole``: the stimulus goes to the end of a run, at which everything must be done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    name: str
    simulator: str
    seed: int
    reasons: list[str]
    start: int = 0
    first: Difference | None = None
    sources: list[str]
    files: list[str]
    map: DutMap
    two_state: bool = False
    whole: bool = False
    interface: Packing
    shown_by: dict[str, str]
    not_compared: list[str]
    versions: dict[str, str] = {}


def leave_dut(
    folder: Path,
    job: DutJob,
    files: Mapping[str, bytes],
    found: Simulator,
    *,
    name: str,
    reasons: Sequence[str],
    first: Difference | None,
    about: Sequence[str] = (),
    command: str = "",
    start: int = 0,
    two_state: bool = False,
    whole: bool = False,
    logs: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> None:
    """Leave a failure folder; it is written whole or not at all.

    Args:
        job: what failed, with the ``words`` that it was shown; of these as many are left as it
            takes to see the ``first`` difference.
        files: name → content of what the Verilog reads.
        found: the simulator that saw the failure; it makes the waves.
        reasons: why the check failed, a line each, as a replay would say.
        about: the same for people, where there is more to say.
        command: runs the check again where it was run.
        start: the cycle of the run that failed in which the words begin.
        two_state: whether the wrapper knows no x.
        whole: whether the words go to the end of the run.
        logs: what else the folder shall hold.

    Raises:
        FxlifError: the folder cannot be written, or one of the files has the name of its own.
    """
    for file in (*job.sources, *files):
        if file in OWN:
            raise FxlifError.must_be(file, f"none of {', '.join(OWN)}", file)
    words = job.words or []
    if first is not None:
        words = words[: first.cycle + 1 + AFTER]
    job, notes = replace(job, words=words, cycles=len(words)), list(about or reasons)
    with whole_folder(folder) as work:
        for file, content in files.items():
            (work / file).write_bytes(content)
        for file, text in job.sources.items():
            (work / file).write_text(text, encoding="utf-8")
        for log in logs:
            shutil.copyfile(log, work / log.name)
        design.save(job.params, work / DESIGN)
        (work / WORDS).write_text(to_text(words, job.interface.stimulus_bits))
        if len(words) > LONGEST:
            notes.append(f"{WAVES}: not made, since no shorter stimulus of {len(words):,} cycles "
                         "shows it")  # fmt: skip
        else:
            progress(f"waves with {found.name} {found.version}", 0, None)
            at = len(words) - 1 if first is None else first.cycle
            try:
                make_waves(job, found, work, start=max(0, at + 1 - WAVES_BEFORE), file=WAVES)
            except FxlifError as error:  # the rest of the folder is worth having
                notes.append(f"{WAVES}: not made ({error})")
        parts = asdict(job.interface)
        note = DutNote(
            name=name, simulator=found.name, seed=job.seed, reasons=list(reasons), start=start,
            first=first, sources=list(job.sources), files=list(files), map=job.dut_map,
            two_state=two_state, whole=whole,
            interface=Packing(**{part: parts[part] for part in Packing.model_fields}),
            shown_by=parts["shown_by"], not_compared=list(parts["not_compared"]),
            versions=versions(found),
        )  # fmt: skip
        text = note.model_dump_json(indent=1, exclude_none=True)
        (work / NOTE).write_text(f"{text}\n", encoding="utf-8")
        there = [path.name for path in work.iterdir()]
        again = {"fxlif replay .": "in this folder: the same stimulus, the Verilog beside it"}
        again |= {command: "where the check was run: all of it"} if command else {}
        (work / README).write_text(readme(name, notes, first, again, there), encoding="utf-8")
