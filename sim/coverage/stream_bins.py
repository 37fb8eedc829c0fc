"""What may happen at the streams, the control and the reset of a chain of cores, cycle by cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...cycles.model import CONTROL_FLAGS, CycleInputs, CycleOutputs
from ...params.core import CoreParams

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Lengths are told apart as finely as this: the first of each class.
LENGTHS = (0, 1, 2, 4, 8, 32)
LENGTH_NAMES = ("0", "1", "2..3", "4..7", "8..31", "32 or more")
#: A bit of the control word per name.
FLAG = {name: 1 << k for k, name in enumerate(CONTROL_FLAGS)}
STAGES = FLAG["issue"] | FLAG["read"] | FLAG["compute"] | FLAG["write"]
EMITTING = FLAG["emitting_spike"] | FLAG["emitting_tick"]
SWEEPING = STAGES | EMITTING


def runs_before(flags: Bools, carried: int) -> Ints:
    """How many cycles in a row just before each cycle have their flag: (cycles + 1,), the last for
    the cycle after these. ``carried`` is the answer for the first."""
    at = np.arange(len(flags) + 1)
    last_clear = np.full(len(flags) + 1, -1 - carried)
    last_clear[1:] = np.where(flags, -1 - carried, at[:-1])
    runs: Ints = at - 1 - np.maximum.accumulate(last_clear)
    return runs


def trailing_run(flags: Bools, carried: int) -> int:
    """The last of :func:`runs_before`, without the others."""
    if flags.all():
        return carried + len(flags)
    return int(np.argmin(flags[::-1]))


def classes(lengths: Ints) -> Ints:
    """How many of ``lengths`` are in each class of :data:`LENGTHS`."""
    found = np.searchsorted(LENGTHS, lengths, side="right") - 1
    counts: Ints = np.bincount(found, minlength=len(LENGTHS))
    return counts


class SideCarry(NamedTuple):
    """What the cycles before say of a stream: how long it has stalled and idled, whether an event
    passed in the last cycle."""

    stalled: int = 0
    idle: int = 0
    passed: bool = False


class Side:
    """One stream, cycle by cycle; a reset breaks every run."""

    def __init__(self, valid: Bools, ready: Bools, rst: Bools, before: SideCarry) -> None:
        self.passes = valid & ready & ~rst
        self._stalled = valid & ~ready & ~rst
        self._idle = ~(valid | rst)
        self._before = before

    @cached_property
    def stall_runs(self) -> Ints:
        return runs_before(self._stalled, self._before.stalled)

    @cached_property
    def idle_runs(self) -> Ints:
        return runs_before(self._idle, self._before.idle)

    @cached_property
    def stalls(self) -> Ints:
        """For how long events waited before they passed, by class."""
        return classes(self.stall_runs[:-1][self.passes])

    @cached_property
    def gaps(self) -> Ints:
        """For how long nothing was offered before an event was, by class."""
        appears = (self.passes | self._stalled) & (self.stall_runs[:-1] == 0)
        return classes(self.idle_runs[:-1][appears])

    @property
    def back_to_back(self) -> int:
        """Events that passed in the cycle after another one."""
        return int(np.count_nonzero(self.passes & np.roll(self._passed, 1)[:-1]))

    @property
    def _passed(self) -> Bools:
        return np.append(self.passes, self._before.passed)

    @property
    def carry(self) -> SideCarry:
        """For the block after this one."""
        passed = self.passes[-1] if len(self.passes) else self._before.passed
        return SideCarry(
            trailing_run(self._stalled, self._before.stalled),
            trailing_run(self._idle, self._before.idle),
            bool(passed),
        )


class Carry(NamedTuple):
    """What the cycles before say of a chain."""

    events_in: SideCarry = SideCarry()
    events_out: SideCarry = SideCarry()
    reset: int = 0


class CycleView:
    """Some cycles of a chain, and what follows from those before them."""

    def __init__(self, inputs: CycleInputs, outputs: CycleOutputs, before: Carry) -> None:
        self.rst = np.asarray(inputs.rst) != 0
        self.valid = np.asarray(inputs.in_valid) != 0
        self.in_ready = outputs.in_ready
        self.tick = np.asarray(inputs.in_tick) != 0
        self.address = np.asarray(inputs.in_address)
        self.out_valid = outputs.out_valid
        self.out_ready = np.asarray(inputs.out_ready) != 0
        self.control = [trace.control for trace in outputs.cores]
        self.events_in = Side(self.valid, self.in_ready, self.rst, before.events_in)
        self.events_out = Side(self.out_valid, self.out_ready, self.rst, before.events_out)
        self._reset_before = before.reset

    @cached_property
    def reset_runs(self) -> Ints:
        return runs_before(self.rst, self._reset_before)

    @cached_property
    def resets(self) -> Ints:
        """The lengths of the resets that are over."""
        lengths = self.reset_runs[:-1][~self.rst]
        over: Ints = lengths[lengths > 0]
        return over

    @property
    def carry(self) -> Carry:
        """For the block after this one."""
        return Carry(
            self.events_in.carry, self.events_out.carry, trailing_run(self.rst, self._reset_before)
        )

    def in_reset(self, mask: int, core: int) -> int:
        """Cycles of reset in which any bit of ``mask`` of the control is set."""
        return int(np.count_nonzero(self.control[core][self.rst] & mask))

    def cycles_with(self, core: int, *masks: int) -> int:
        """Cycles in which the control has a bit of each of ``masks``."""
        flags = self.control[core]
        found = (flags & masks[0]) != 0
        for mask in masks[1:]:
            found &= (flags & mask) != 0
        return int(np.count_nonzero(found))


@dataclass(frozen=True)
class CycleBin:
    """One thing that may happen, and how often it did. ``spikes``: only where neurons fire."""

    group: str
    name: str
    count: Callable[[CycleView], int]
    impossible: str = ""
    spikes: bool = False


def _lengths(group: str, verb: str, found: Callable[[CycleView], Ints]) -> Iterator[CycleBin]:
    def of_class(k: int) -> Callable[[CycleView], int]:
        return lambda w: int(found(w)[k])

    for k, name in enumerate(LENGTH_NAMES):
        yield CycleBin(group, f"{verb} for {name} cycles", of_class(k))


def stream_bins(core: CoreParams) -> Iterator[CycleBin]:
    """The bins of the two streams and the reset of a chain that begins with ``core``."""
    yield from _lengths("events_in", "stalled", lambda w: w.events_in.stalls)
    yield from _lengths("events_in", "idle", lambda w: w.events_in.gaps)
    yield CycleBin("events_in", "back to back", lambda w: w.events_in.back_to_back)
    named_all = core.n_inputs == 1 << core.in_address_bits
    why = f"every address of {core.in_address_bits} bits names an input"
    yield CycleBin(
        "events_in", "dropped: unknown address",
        lambda w: int(
            np.count_nonzero(w.events_in.passes & ~w.tick & (w.address >= core.n_inputs))
        ),
        why if named_all else "",
    )  # fmt: skip
    yield from _lengths("events_out", "stalled", lambda w: w.events_out.stalls)
    yield CycleBin("events_out", "back to back", lambda w: w.events_out.back_to_back, spikes=True)
    yield CycleBin("reset", "for 1 cycle", lambda w: int(np.count_nonzero(w.resets == 1)))
    yield CycleBin("reset", "for longer", lambda w: int(np.count_nonzero(w.resets > 1)))

    def in_reset(condition: Callable[[CycleView], Bools]) -> Callable[[CycleView], int]:
        return lambda w: int(np.count_nonzero(condition(w)[w.rst]))

    for name, condition in (
        ("an event is handed in", in_reset(lambda w: w.valid & w.in_ready)),
        ("an event waits at the input", in_reset(lambda w: w.valid & ~w.in_ready)),
        ("an event is handed out", in_reset(lambda w: w.out_valid & w.out_ready)),
        ("an event waits at the output", in_reset(lambda w: w.out_valid & ~w.out_ready)),
    ):
        yield CycleBin("reset", f"while {name}", condition)


def control_bins(cores: Sequence[CoreParams], k: int, prefix: str) -> Iterator[CycleBin]:
    """The bins of the control of core ``k``; ``prefix`` goes before its groups."""
    words = cores[k].words
    group = f"{prefix}control"
    yield CycleBin(group, "nothing to do", lambda w: int(np.count_nonzero(w.control[k] == 0)))
    yield CycleBin(
        group, "integrates during a sweep",
        lambda w: w.cycles_with(k, FLAG["integrating"], SWEEPING),
    )  # fmt: skip
    yield CycleBin(
        group, "both banks full: a TICK waits for the sweep",
        lambda w: w.cycles_with(k, FLAG["pending"], SWEEPING),
    )  # fmt: skip
    if k == 0:
        yield CycleBin(
            group, "both banks full: the input waits for a TICK",
            lambda w: int(
                np.count_nonzero(w.valid & ~w.in_ready & (w.control[0] & FLAG["pending"] != 0))
            ),
        )  # fmt: skip
    yield CycleBin(
        group, "every stage of the sweep holds a word",
        lambda w: int(np.count_nonzero(w.control[k] & STAGES == STAGES)),
        "" if words > 3 else f"words = {words}, stages = 4",
    )  # fmt: skip
    yield CycleBin(
        group, "the sweep waits for the emitter", lambda w: w.cycles_with(k, STAGES, EMITTING),
        "" if words > 1 else "words = 1: the word in the emitter is the sweep's last", spikes=True,
    )  # fmt: skip
    group = f"{prefix}reset"
    yield CycleBin(
        group, "while nothing is to do",
        lambda w: int(np.count_nonzero(w.control[k][w.rst] == 0)),
    )  # fmt: skip

    def reset_in(flag: int) -> Callable[[CycleView], int]:
        return lambda w: w.in_reset(flag, k)

    for name, flag in FLAG.items():
        called = f"while {name.replace('_', ' ')}"
        yield CycleBin(group, called, reset_in(flag), spikes=name == "emitting_spike")
