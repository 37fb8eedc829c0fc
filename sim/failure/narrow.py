"""The shortest stimulus that still shows a difference: it begins at a reset shortly before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...engines import can_compile
from ...params.protocol import AnyParams
from ..bench.models import model_of
from ..bench.scoreboard import Report, Scoreboard
from ..bench.trace import Trace
from ..bench.wrapper import Cycles, Interface
from ..report.difference import Difference
from ..tools.verilated import VerilatedDesign
from ..tools.words import as_ints
from .late import difference_at, first_wrong

#: Cycles of the trace before and after the difference.
BEFORE, AFTER = 50, 20
#: Cycles that are compared at a time.
BLOCK = 1 << 14
#: A difference behind so many cycles is looked for by compiled code alone, and with so many cycles.
LATE, MOST = 1 << 18, 1 << 25
Rows = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """A stimulus that shows a difference: the words from cycle ``start`` of a longer one on.

    ``first`` is the first difference and ``trace`` its neighbourhood; both count from ``start``.
    """

    words: list[int]
    start: int
    first: Difference
    trace: Trace


def watched(cycle: int) -> tuple[int, int]:
    """The cycles around ``cycle`` that a trace shows: the first, and the one after the last."""
    return max(0, cycle - BEFORE), cycle + 1 + AFTER


def first_difference(
    library: Path, params: AnyParams, interface: Interface, rows: Rows, trace: Trace | None = None
) -> Difference | None:
    """The first difference that the scoreboard of the cocotb benches sees, None where all is right.

    Args:
        library: the Verilated design.
        rows: its packed stimulus from power-up on, (cycles, words).
        trace: is filled.
    """
    report = Report()
    trace = trace or Trace(interface, 0, 0)
    board = Scoreboard(interface, model_of(params, report), report, watch=trace.add)
    with VerilatedDesign(library, interface) as design:
        for at in range(0, len(rows), BLOCK):
            board.take(as_ints(design.run(rows[at : at + BLOCK])))
            if report.first is not None and report.cycles >= trace.stop:
                break
    return report.first


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
    library: Path, params: AnyParams, interface: Interface, rows: Rows, cycle: int
) -> Narrowed | None:
    """Leave out what came before a reset, as far as the difference stays in its ``cycle``.

    None where not even the whole stimulus, ``rows`` (cycles, words), shows a difference there. A
    late one takes no more than MOST cycles to narrow: then the whole stimulus is the answer.
    """
    rows = rows[: cycle + 1 + AFTER]
    reset = Cycles(interface.stimulus, rows)["rst"].astype(bool).tolist()
    late, run = cycle > LATE and can_compile(), 0
    for start in starts(reset, cycle):
        part, at = rows[start:], cycle - start
        if late and start:
            run += len(part)
            if run > MOST or first_wrong(library, params, interface, part) != at:
                continue
        trace = Trace(interface, *watched(at))
        if late and at > LATE:
            first = difference_at(library, params, interface, part, at, trace)
        else:
            first = first_difference(library, params, interface, part, trace)
        # The same cycle: another one would be another failure, hidden behind this one until now.
        if first is not None and first.cycle == at:
            return Narrowed(words=as_ints(part), start=start, first=first, trace=trace)
    return None
