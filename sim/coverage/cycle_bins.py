"""The bins of single cycles of a chain of cores: its streams, its resets, its cores' control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...cycles.model import CONTROL_FLAGS, CycleInputs, CycleOutputs
from ...cycles.pipeline import STAGES
from ...params.core import CoreParams
from .bins import BinRule, Bools, Ints
from .neuron_bins import fires_key

#: Lengths are told apart as finely as this: the first of each class.
LENGTHS = (0, 1, 2, 4, 8, 32)
LENGTH_NAMES = ("0", "1", "2..3", "4..7", "8..31", "32 or more")
#: A bit of the control word per name.
FLAG = {name: 1 << k for k, name in enumerate(CONTROL_FLAGS)}
IN_STAGES = sum(FLAG[stage] for stage in STAGES)
EMITTING = FLAG["emitting_spike"] | FLAG["emitting_tick"]
UPDATING = IN_STAGES | EMITTING


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
    """The class of :data:`LENGTHS` that each of ``lengths`` is in."""
    found: Ints = np.searchsorted(LENGTHS, lengths, side="right") - 1
    return found


class StreamHistory(NamedTuple):
    """A stream before some cycles: for how many it has stalled and idled, and whether an event
    passed in the last one."""

    stalled: int = 0
    idle: int = 0
    passed: bool = False


class StreamCycles:
    """Some cycles of one stream; a reset ends every stall and every idle time."""

    def __init__(self, valid: Bools, ready: Bools, rst: Bools, before: StreamHistory) -> None:
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
    def back_to_back(self) -> Bools:
        """In which cycles an event passed right after another one."""
        return self.passes & np.roll(self._passed, 1)[:-1]

    @property
    def _passed(self) -> Bools:
        return np.append(self.passes, self._before.passed)

    @property
    def history(self) -> StreamHistory:
        """For the block after this one."""
        passed = self.passes[-1] if len(self.passes) else self._before.passed
        return StreamHistory(
            trailing_run(self._stalled, self._before.stalled),
            trailing_run(self._idle, self._before.idle),
            bool(passed),
        )


class History(NamedTuple):
    """A chain before some cycles; ``reset``: for how many it has been in reset."""

    events_in: StreamHistory = StreamHistory()
    events_out: StreamHistory = StreamHistory()
    reset: int = 0


class Cycles:
    """Some cycles of a chain, with the history that lengths are counted from."""

    def __init__(self, inputs: CycleInputs, outputs: CycleOutputs, before: History) -> None:
        self.rst = np.asarray(inputs.rst) != 0
        self.valid = np.asarray(inputs.in_valid) != 0
        self.in_ready = outputs.in_ready
        self.tick = np.asarray(inputs.in_tick) != 0
        self.address = np.asarray(inputs.in_address)
        self.out_valid = outputs.out_valid
        self.out_ready = np.asarray(inputs.out_ready) != 0
        self.control = [trace.control for trace in outputs.cores]
        self.events_in = StreamCycles(self.valid, self.in_ready, self.rst, before.events_in)
        self.events_out = StreamCycles(self.out_valid, self.out_ready, self.rst, before.events_out)
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
    def history(self) -> History:
        """For the block after this one."""
        return History(
            self.events_in.history,
            self.events_out.history,
            trailing_run(self.rst, self._reset_before),
        )

    def flags(self, core: int, *masks: int) -> Bools:
        """In which cycles the control of ``core`` has a bit of each of ``masks``."""
        control = self.control[core]
        found: Bools = (control & masks[0]) != 0
        for mask in masks[1:]:
            found &= (control & mask) != 0
        return found


CycleBin = BinRule[Cycles]


def _lengths(group: str, verb: str, found: Callable[[Cycles], Ints]) -> Iterator[CycleBin]:
    def of_class(k: int) -> Callable[[Cycles], Bools]:
        return lambda c: found(c) == k

    for k, name in enumerate(LENGTH_NAMES):
        yield CycleBin(group, f"{verb} for {name} cycles", of_class(k))


def stream_bins(core: CoreParams, last: str) -> Iterator[CycleBin]:
    """The bins of the two streams and the reset of a chain that begins with ``core``; ``last`` is
    the prefix of the core that it ends with."""
    yield from _lengths("events_in", "stalled", lambda c: c.events_in.stalls)
    yield from _lengths("events_in", "idle", lambda c: c.events_in.gaps)
    yield CycleBin("events_in", "back to back", lambda c: c.events_in.back_to_back)
    named_all = core.n_inputs == 1 << core.in_address_bits
    why = f"every address of {core.in_address_bits} bits names an input"
    yield CycleBin(
        "events_in", "dropped: unknown address",
        lambda c: c.events_in.passes & ~c.tick & (c.address >= core.n_inputs),
        why if named_all else "",
    )  # fmt: skip
    yield from _lengths("events_out", "stalled", lambda c: c.events_out.stalls)
    yield CycleBin(
        "events_out", "back to back", lambda c: c.events_out.back_to_back,
        needs=fires_key(last),
    )  # fmt: skip
    yield CycleBin("reset", "for 1 cycle", lambda c: c.resets == 1)
    yield CycleBin("reset", "for longer", lambda c: c.resets > 1)
    for name, condition in (
        ("an event is handed in", lambda c: c.rst & c.valid & c.in_ready),
        ("an event waits at the input", lambda c: c.rst & c.valid & ~c.in_ready),
        ("an event is handed out", lambda c: c.rst & c.out_valid & c.out_ready),
        ("an event waits at the output", lambda c: c.rst & c.out_valid & ~c.out_ready),
    ):
        yield CycleBin("reset", f"while {name}", condition)


def control_bins(core: CoreParams, k: int, prefix: str) -> Iterator[CycleBin]:
    """The bins of the control of ``core``, number ``k``; ``prefix`` goes before its groups."""
    words = core.words
    fires = fires_key(prefix)
    group = f"{prefix}control"
    yield CycleBin(group, "nothing to do", lambda c: c.control[k] == 0)
    yield CycleBin(
        group, "integrates during a sweep", lambda c: c.flags(k, FLAG["integrating"], UPDATING)
    )
    yield CycleBin(
        group, "both banks full: a TICK waits for the sweep",
        lambda c: c.flags(k, FLAG["pending"], UPDATING),
    )  # fmt: skip
    if k == 0:
        yield CycleBin(
            group, "both banks full: the input waits for a TICK",
            lambda c: c.valid & ~c.in_ready & c.flags(0, FLAG["pending"]),
        )  # fmt: skip
    yield CycleBin(
        group, "every stage of the sweep holds a word",
        lambda c: c.control[k] & IN_STAGES == IN_STAGES,
        "" if words >= len(STAGES) else f"words = {words}, stages = {len(STAGES)}",
    )  # fmt: skip
    yield CycleBin(
        group, "the sweep waits for the emitter", lambda c: c.flags(k, IN_STAGES, EMITTING),
        "" if words > 1 else "words = 1: the word in the emitter is the sweep's last", fires,
    )  # fmt: skip
    group = f"{prefix}reset"
    yield CycleBin(group, "while nothing is to do", lambda c: c.rst & (c.control[k] == 0))

    def reset_in(flag: int) -> Callable[[Cycles], Bools]:
        return lambda c: c.rst & c.flags(k, flag)

    for name, flag in FLAG.items():
        needs = fires if name == "emitting_spike" else None
        yield CycleBin(group, f"while {name.replace('_', ' ')}", reset_in(flag), needs=needs)
