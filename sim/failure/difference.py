"""What becomes of a difference that a bulk run sees: narrowed, shrunk, left in a folder."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...cycles.control import NONE, Block, Bools, Ints
from ...cycles.model import CycleInputs
from ...cycles.port import AccessPorts
from ...cycles.row_model import model_of
from ...cycles.signals import INPUT_PORTS, READ_INPUTS, WRITE_INPUTS
from ...errors import FxlifError
from ...network.events import TICK
from ...params.neuron import NeuronParams
from ...params.protocol import AnyCores
from ...progress import Progress
from ..bench.run import Job
from ..bench.wrapper import Cycles, Interface
from ..report.difference import Difference
from ..soak.compare import Comparison, Packed
from ..soak.segments import Segment, Target, blocks, told_of
from ..tools.verilated import VerilatedDesign
from ..tools.words import as_ints, as_rows
from .folder import leave
from .narrow import AFTER, Narrowed, first_difference, narrow
from .shrink import Event, Read, Stimulus, Write, search, shrink

#: What shrinking may cost, and the longest stimulus that it begins with.
MAX_CALLS, SECONDS, LONGEST = 3000, 20.0, 1 << 16
#: Numbers of a list that are told.
TOLD = 24


def narrowed(target: Target, seed: int, segment: Segment) -> Narrowed:
    """The shortest stimulus, from a reset of the segment on, that still shows its difference."""
    shown, cycle = [], segment.wrong
    cycles = cycle + 1 + AFTER
    for _, stimulus, _ in blocks(target, seed, segment.number, cycles):
        shown.append(stimulus.copy())
    found = narrow(target.library, target.params, target.interface, np.concatenate(shown), cycle)
    if found is None:
        raise RuntimeError(
            f"segment {segment.number} differs in cycle {cycle}, but not in a second run"
        )
    return found


class Trial:
    """Asks whether a wrapped core or network differs from its model under a stimulus."""

    def __init__(self, target: Target, params: AnyCores) -> None:
        self.params = params
        self._target = target
        self._comparison = Comparison(params, target.interface)

    def _run(self, stimulus: Stimulus) -> tuple[Block, AccessPorts | None]:
        model = model_of(self.params, engine="compiled")
        driver = stimulus.driver(self.params.in_address_bits)
        return model.drive(driver, stimulus.flags(stimulus.cycles(self.params))), model.port

    def words(self, stimulus: Stimulus) -> Packed:
        """What the wrapper is shown, (cycles, words)."""
        return self._comparison.stimulus(*self._run(stimulus))

    def __call__(self, stimulus: Stimulus) -> bool:
        block, port = self._run(stimulus)
        with VerilatedDesign(self._target.library, self._target.interface) as design:
            response = design.run(self._comparison.stimulus(block, port))
        return self._comparison.check(block, response, port) != NONE


def inputs_of(interface: Interface, words: list[int]) -> CycleInputs:
    """The inputs that packed stimulus words show, (cycles,) each."""
    shown = Cycles(interface.stimulus, as_rows(words, interface.stimulus_bits))
    ports = INPUT_PORTS | WRITE_INPUTS | READ_INPUTS
    return CycleInputs(
        **{name: shown[port] for name, port in ports.items() if port in shown.fields}
    )


def as_stimulus(params: AnyCores, inputs: CycleInputs) -> Stimulus:
    """The stimulus that makes a driver show these inputs (cycles,) again."""
    made = model_of(params, engine="compiled").run(inputs)
    valid, first = _offered(inputs.in_valid, made.in_ready)
    tick, address = np.asarray(inputs.in_tick)[first], np.asarray(inputs.in_address)[first]
    plain: list[int] = np.where(tick != 0, TICK, address).tolist()
    taken = np.flatnonzero(valid & made.in_ready)
    accesses: list[tuple[int, Write | Read]] = []
    if len(made.write_ready):
        writes = inputs.write_valid, inputs.write_address, inputs.write_data
        accesses += _accesses(Write, taken, made.write_ready, *writes)
    if len(made.read_ready):
        reads = inputs.read_valid, inputs.read_address
        accesses += _accesses(Read, taken, made.read_ready, *reads)
    events: list[Event] = []
    before = 0
    for after, access in sorted(accesses, key=itemgetter(0)):
        events += [*plain[before:after], access]
        before = after
    events += plain[before:]

    def held(where: Any) -> tuple[int, ...]:
        return tuple(np.flatnonzero(where).tolist())

    return Stimulus(
        events=tuple(events), idle=held(~valid), stall=held(np.asarray(inputs.out_ready) == 0),
        reset=held(inputs.rst),
    )  # fmt: skip


def _offered(shown: npt.ArrayLike, ready: Bools) -> tuple[Bools, Bools]:
    """Where something is on offer, and where it is for the first time, (cycles,)."""
    valid = np.asarray(shown) != 0
    return valid, valid & ~np.concatenate([[False], (valid & ~ready)[:-1]])


def _accesses(
    kind: Callable[..., Write | Read], taken: Ints, ready: Bools, shown: npt.ArrayLike,
    *payload: npt.ArrayLike,
) -> Iterator[tuple[int, Write | Read]]:  # fmt: skip
    """The accesses at a port, each behind so many of the events ``taken`` in these cycles."""
    valid, first = _offered(shown, ready)
    done = np.flatnonzero(valid & ready)
    for cycle in np.flatnonzero(first):
        after = int(np.searchsorted(taken, cycle))
        # Since then it could have been offered.
        last = [*taken[:after][-1:], *done[: np.searchsorted(done, cycle)][-1:], -1]
        numbers = (int(np.asarray(part)[cycle]) for part in payload)
        yield after, kind(*numbers, int(cycle) - 1 - int(max(last)))


def shrunk(target: Target, found: Narrowed) -> tuple[Narrowed, str]:
    """A difference with the fewest events that a short search finds, and these events in words.

    Of the two stimuli the shorter one. A neuron's stays as it is, and without words: its stimulus
    has no events.
    """
    if isinstance(target.params, NeuronParams):
        return found, ""
    trial = Trial(target, target.params)
    small = _small(trial, target, found)
    if small is None:
        return found, ""
    words = trial.words(small)
    again = first_difference(target.library, target.params, target.interface, words)
    if again is None:  # what the bulk comparison sees, the scoreboard sees; if not, say nothing
        return found, ""
    where = f"signal {again.signal} differs in cycle {again.cycle}"
    told = f"a shorter way: {told_stimulus(small)}; {where}"
    shorter = as_ints(words[: again.cycle + 1 + AFTER])
    if len(shorter) < len(found.words):
        found = replace(found, words=shorter, first=again)
    return found, told


def _small(trial: Trial, target: Target, found: Narrowed) -> Stimulus | None:
    if len(found.words) <= LONGEST:
        start = as_stimulus(trial.params, inputs_of(target.interface, found.words))
        try:
            return shrink(trial, start, max_calls=MAX_CALLS, seconds=SECONDS)
        except FxlifError:  # it needs what no driver does
            pass
    try:
        return search(trial, trial.params, max_calls=MAX_CALLS, seconds=SECONDS)
    except FxlifError:
        return None


def told_stimulus(stimulus: Stimulus) -> str:
    """A stimulus in one line."""
    events = ["TICK" if event == TICK else _told_event(event) for event in stimulus.events]
    count = f"{len(events)} event{'' if len(events) == 1 else 's'}"
    parts = [f"{count}: {_told(_runs(events))}"]
    for axis in ("idle", "stall", "reset"):
        cycles = [str(cycle) for cycle in getattr(stimulus, axis)]
        if cycles:
            parts.append(f"{axis} in cycle {_told(cycles)}")
    return "; ".join(parts)


def _told_event(event: Event) -> str:
    """An address, a write or a read."""
    if isinstance(event, int):
        return str(event)
    done = f"write {event.data} to" if isinstance(event, Write) else "read"
    later = f" {event.gap} cycles later" if event.gap else ""
    return f"{done} {event.address:#x}{later}"


def _runs(events: list[str]) -> list[str]:
    """Equal events in a row as one."""
    runs = [(event, len(list(same))) for event, same in groupby(events)]
    return [event if times == 1 else f"{times} x {event}" for event, times in runs]


def _told(items: list[str]) -> str:
    more = [f"and {len(items) - TOLD} more"] if len(items) > TOLD else []
    return ", ".join([*items[:TOLD], *more]) or "none"


class Left(NamedTuple):
    """What a difference left: what to tell about it, a line each; the command that shows it again,
    and its folder, both empty where none could be written; the first difference as the command
    shows it."""

    told: str
    replay: str = ""
    folder: str = ""
    first: Difference | None = None


def leave_difference(
    target: Target, seed: int, segment: Segment, folder: Path, *, name: str, progress: Progress
) -> Left:
    """Narrow and shrink the difference of a segment, and leave its failure folder."""
    progress("narrowing the difference", 0, None)
    whole = found = narrowed(target, seed, segment)
    first = found.first
    told = [f"{told_of(segment.number)}, cycle {segment.wrong}, signal {first.signal}: "
            f"expected {first.expected}, observed {first.observed}"]  # fmt: skip
    progress("shrinking the difference", 0, None)
    found, shorter = shrunk(target, found)
    told += [shorter] if shorter else []
    job = Job(params=target.params, interface=target.interface, sources=target.sources,
              words=found.words, cycles=len(found.words), seed=seed)  # fmt: skip
    try:
        leave(
            folder, job, found.first, name=name, reasons=told, progress=progress,
            narrowed=found if found is whole else None,
        )  # fmt: skip
    except FxlifError as error:  # what was found must be told all the same
        return Left("\n".join([*told, f"no failure folder: {error}"]), first=found.first)
    replay = shlex.join(["fxlif", "replay", str(folder)])
    return Left("\n".join(told), replay, str(folder), found.first)
