"""What becomes of a difference that a bulk run sees: narrowed, shrunk, left in a folder."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ...cycles.control import INPUT, NONE, Block, Records
from ...cycles.model import CycleInputs, CycleModel, Driver
from ...cycles.signals import INPUT_PORTS
from ...errors import FxlifError
from ...network.events import TICK
from ...params.core import CoreParams
from ...progress import Progress
from ..bench.models import model_of
from ..bench.scoreboard import Report, Scoreboard
from ..bench.wrapper import Cycles, Interface
from ..soak.bulk import BLOCK
from ..soak.compare import Comparison, Packed
from ..soak.segments import Segment, Target, blocks, seed_of
from ..tools.verilated import SharedDesign
from ..tools.words import as_ints
from .folder import leave
from .narrow import AFTER, starts
from .shrink import Stimulus, search, shrink

#: What shrinking may cost, and the longest stimulus that it begins with.
MAX_CALLS, SECONDS, LONGEST = 3000, 20.0, 1 << 16
#: Numbers of a list that are told.
TOLD = 24


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference, narrowed: the words that show it and what a scoreboard says about it.

    ``shrunk`` says in words to which few events it came down, if it did.
    """

    words: list[int]
    first: dict[str, Any]
    segment: int
    cycle: int
    shrunk: str = ""

    @property
    def where(self) -> str:
        """The difference in one line."""
        return (
            f"segment {self.segment}, cycle {self.cycle}, signal {self.first['signal']}: "
            f"expected {self.first['expected']}, observed {self.first['observed']}"
        )


def narrowed(target: Target, seed: int, segment: Segment) -> Difference:
    """The shortest stimulus, from a reset of the segment on, that still shows a difference."""
    shown, last = [], segment.wrong
    cycles = last + 1 + AFTER
    for _, stimulus, _ in blocks(target, seed_of(seed, segment.number), cycles, segment.aim):
        shown.append(stimulus.copy())
    words = np.concatenate(shown)[:cycles]
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


# --- shrinking ----------------------------------------------------------------------------------


class Trial:
    """Asks whether a wrapped chain of cores differs from its model under a stimulus."""

    def __init__(self, target: Target) -> None:
        self.cores = target.params.cores
        self._target = target
        self._comparison = Comparison(target.params, target.interface)

    def _block(self, stimulus: Stimulus) -> Block:
        driver = Driver(self.cores[0].in_address_bits)
        driver.refill(stimulus.packed(self.cores[0].in_address_bits))
        model = CycleModel(self.cores, engine="compiled")
        return model.drive(driver, stimulus.flags(stimulus.cycles(self.cores)))

    def words(self, stimulus: Stimulus) -> Packed:
        """What the wrapper is shown, (cycles, words)."""
        return self._comparison.stimulus(self._block(stimulus))

    def __call__(self, stimulus: Stimulus) -> bool:
        design = SharedDesign(self._target.library, self._target.interface)
        block = self._block(stimulus)
        try:
            response = design.run(self._comparison.stimulus(block))
        finally:
            design.close()
        return self._comparison.check(block, response) != NONE


def inputs_of(interface: Interface, words: list[int]) -> Records:
    """The inputs that packed stimulus words show, (cycles,)."""
    size = -(-interface.stimulus_bits // 64) * 8 + 8
    raw = b"".join([word.to_bytes(size, "little") for word in words])
    shown = Cycles(interface.stimulus, np.frombuffer(raw, "<u8").reshape(len(words), -1))
    table: Records = np.zeros(len(words), dtype=INPUT)
    for field, port in INPUT_PORTS.items():
        table[field] = shown[port]
    return table


def as_stimulus(cores: tuple[CoreParams, ...], inputs: Records) -> Stimulus:
    """The stimulus that makes a driver show these inputs (cycles,) again."""
    made = CycleModel(cores, engine="compiled").run(CycleInputs.of(inputs))
    valid = inputs["in_valid"] != 0
    stays = valid & ~made.in_ready
    offered = inputs[valid & ~np.concatenate([[False], stays[:-1]])]
    events = np.where(offered["in_tick"] != 0, TICK, offered["in_address"])

    def held(where: Any) -> tuple[int, ...]:
        return tuple(np.flatnonzero(where).tolist())

    return Stimulus(
        events=tuple(events.tolist()), idle=held(~valid), stall=held(inputs["out_ready"] == 0),
        reset=held(inputs["rst"]),
    )  # fmt: skip


def shrunk(target: Target, found: Difference) -> Difference:
    """A difference with the fewest events that a short search finds; of the two stimuli, the
    shorter one. A neuron's stays as it is: its stimulus is no events."""
    if not target.params.cores:
        return found
    trial = Trial(target)
    small = _small(trial, target, found)
    if small is None:
        return found
    words = trial.words(small)
    first = difference(target, words)
    if first is None:  # what the bulk comparison sees, the scoreboard sees; if not, say nothing
        return found
    told = f"shrunk to {told_stimulus(small)}, signal {first['signal']} in cycle {first['cycle']}"
    shorter = as_ints(words[: first["cycle"] + 1 + AFTER])
    if len(shorter) >= len(found.words):
        return replace(found, shrunk=told)
    return replace(found, words=shorter, first=first, shrunk=told)


def _small(trial: Trial, target: Target, found: Difference) -> Stimulus | None:
    if len(found.words) <= LONGEST:
        start = as_stimulus(trial.cores, inputs_of(target.interface, found.words))
        try:
            return shrink(trial, start, max_calls=MAX_CALLS, seconds=SECONDS)
        except FxlifError:  # it needs what no driver does
            pass
    try:
        return search(trial, trial.cores[0], max_calls=MAX_CALLS, seconds=SECONDS)
    except FxlifError:
        return None


def told_stimulus(stimulus: Stimulus) -> str:
    """A stimulus in one line."""
    events = ["TICK" if event == TICK else str(event) for event in stimulus.events]
    count = f"{len(events)} event{'' if len(events) == 1 else 's'}"
    parts = [f"{count}: {_told(_runs(events))}"]
    for axis in ("idle", "stall", "reset"):
        cycles = [str(cycle) for cycle in getattr(stimulus, axis)]
        if cycles:
            parts.append(f"{axis} in cycle {_told(cycles)}")
    return "; ".join(parts)


def _runs(events: list[str]) -> list[str]:
    """Equal events in a row as one."""
    runs = [(event, len(list(same))) for event, same in groupby(events)]
    return [event if times == 1 else f"{times} x {event}" for event, times in runs]


def _told(items: list[str]) -> str:
    more = [f"and {len(items) - TOLD} more"] if len(items) > TOLD else []
    return ", ".join([*items[:TOLD], *more]) or "none"


def leave_difference(
    target: Target, seed: int, segment: Segment, folder: Path, *, name: str, progress: Progress
) -> tuple[str, str]:
    """Narrow and shrink the difference of a segment, and leave its failure folder: what to tell
    about it, a line each, and the command that shows it again."""
    progress("narrowing the difference", 0, None)
    found = narrowed(target, seed, segment)
    where = found.where
    progress("shrinking the difference", 0, None)
    found = shrunk(target, found)
    detail = "\n".join([where, *([found.shrunk] if found.shrunk else [])])
    try:
        leave(
            folder, params=target.params, name=name, sources=target.sources,
            interface=target.interface, words=found.words, first=found.first, seed=seed,
            reasons=detail.splitlines(), progress=progress,
        )  # fmt: skip
    except FxlifError as error:  # what was found must be told all the same
        return f"{detail}\nno failure folder: {error}", ""
    return detail, shlex.join(["fxlif", "replay", str(folder)])
