"""What becomes of a difference that a soak of a foreign core sees: narrowed, left in a folder."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ....errors import FxlifError
from ....progress import Progress
from ...bench.scoreboard import HISTORY
from ...bench.wrapper import Cycles
from ...dut.complaints import told_by
from ...dut.failure import leave_dut
from ...failure.difference import Left
from ...failure.folder import NOT_SEEN
from ...failure.narrow import AFTER, MOST, starts
from ...report.difference import Difference
from ...tools import simulators
from ...tools.words import as_ints
from ..bulk import BLOCK
from ..compare import Packed
from ..segments import Segment, seed_of, told_of
from .segments import ForeignTarget, check_of, parts_of
from .walk import Wrong


class Seen(NamedTuple):
    """What a stimulus shows: the first difference, the responses up to it, what else is wrong, and
    whether it was shown to its end."""

    wrong: Wrong | None
    last: Packed
    reasons: tuple[str, ...]
    whole: bool = False

    def like(self, other: Seen, later: int) -> bool:
        """Whether it is the same that another stimulus shows so many cycles later."""
        if self.reasons != other.reasons or (self.wrong is None) != (other.wrong is None):
            return False
        if self.wrong is None or other.wrong is None:
            return True
        return self.wrong._replace(cycle=self.wrong.cycle + later) == other.wrong


def show(target: ForeignTarget, stimulus: Packed) -> Seen:
    """Show a core a stimulus, (cycles, words), from power-up on."""
    check = check_of(target.job)
    last: Packed = np.zeros((0, 1), dtype=np.uint64)
    with target.design() as design:
        for at in range(0, len(stimulus), BLOCK):
            rows = stimulus[at : at + BLOCK]
            response = design.run_to_end(rows)
            wrong, said = check.check(response), told_by(design.said.splitlines())
            end = len(response) if wrong is None else wrong.cycle + 1
            before = last if len(last) else response[:0]
            last = np.concatenate([before, response[:end]])[-HISTORY - 1 :]
            if wrong is not None or said or len(response) < len(rows):
                return Seen(wrong and wrong._replace(cycle=at + wrong.cycle), last, said)
    return Seen(None, last, tuple(check.problems()), whole=True)


def narrowed(
    target: ForeignTarget, seed: int, segment: Segment, cycles: int
) -> tuple[Packed, Seen, int]:
    """The shortest stimulus, from a reset of a segment of so many cycles on, that still shows what
    is wrong in it; what it shows; and the cycle of the segment in which it begins."""
    parts = parts_of(target, seed_of(seed, segment.number), cycles, segment.number)
    stimulus = np.concatenate([part.stimulus for part in parts])
    whole = show(target, stimulus)
    if whole.wrong is not None:
        stimulus = stimulus[: whole.wrong.cycle + 1 + AFTER]
    reset = Cycles(target.job.interface.stimulus, stimulus)["rst"].astype(bool).tolist()
    run = 0
    for start in starts(reset, segment.wrong)[:-1]:
        run += len(stimulus) - start
        if run > MOST:
            break
        seen = show(target, stimulus[start:])
        if seen.like(whole, start):
            return stimulus[start:], seen, start
    return stimulus, whole, 0


def difference_of(target: ForeignTarget, seen: Seen) -> Difference | None:
    """A first difference with what came before it."""
    if seen.wrong is None:
        return None
    interface, (cycle, signal, expected, observed) = target.job.interface, seen.wrong
    shown = Cycles(interface.response, seen.last)
    history = {name: shown[name].tolist() for name in interface.response
               if not name.endswith(".unknown")}  # fmt: skip
    widths = {name: interface.response[name].width for name in history}
    return Difference(
        cycle=cycle, signal=signal, width=widths[signal], expected=expected, observed=observed,
        history=history, widths=widths,
    )  # fmt: skip


def leave_foreign(
    target: ForeignTarget, seed: int, segment: Segment, cycles: int, folder: Path, *, name: str,
    command: str, progress: Progress,
) -> Left:  # fmt: skip
    """Narrow what is wrong in a segment of so many cycles, and leave a folder that tells of it:
    the sources, the stimulus from a reset on, and waves. ``command`` runs the whole soak again."""
    progress("narrowing the difference", 0, None)
    stimulus, seen, start = narrowed(target, seed, segment, cycles)
    first = difference_of(target, seen)
    told = [f"{told_of(segment.number)}, cycle {segment.wrong}: {line}"
            for line in seen.reasons]  # fmt: skip
    if first is not None:
        port = target.job.interface.shown_by.get(first.signal, first.signal)
        told.append(f"{told_of(segment.number)}, cycle {segment.wrong}, signal "
                    f"{first.signal} (port {port}): expected {first.expected}, observed "
                    f"{first.observed}")  # fmt: skip
    about = [*told, f"Cycle 0 of this folder is cycle {start} of that segment."]
    if first is None and not seen.whole:
        # The cycle in which a core ends the simulation is not among those that it was shown.
        stimulus = np.concatenate([stimulus, np.repeat(stimulus[-1:], AFTER, axis=0)])
        if show(target, stimulus).reasons != seen.reasons:
            about.append(NOT_SEEN)
    job = replace(target.job, words=as_ints(stimulus), cycles=len(stimulus), seed=seed)
    try:
        leave_dut(
            folder, job, target.files, simulators.find("verilator"), name=name,
            reasons=seen.reasons, first=first, about=about, command=command, start=start,
            two_state=True, whole=seen.whole, progress=progress,
        )  # fmt: skip
    except FxlifError as error:  # what was found must be told all the same
        return Left("\n".join([*told, f"no failure folder: {error}"]), command, first=first)
    again = shlex.join(["fxlif", "replay", str(folder)])
    return Left("\n".join(told), again, str(folder), first)
