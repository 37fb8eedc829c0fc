"""The bins of single cycles of a chain of cores: its streams, its resets, its cores' control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

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


class Runs:
    """How many cycles in a row have their flag; ``carried``: so many just before the first one.

    ``before`` (cycles,): of those just before each cycle; ``after``: just before the cycle after
    the last one.
    """

    def __init__(self, flags: Bools, carried: int = 0) -> None:
        self._flags, self._carried = flags, carried
        #: Worked out without ``before``, which costs more and may not be needed.
        self.after = carried + len(flags) if flags.all() else int(np.argmin(flags[::-1]))

    @cached_property
    def before(self) -> Ints:
        at = np.arange(len(self._flags))
        clear = np.where(self._flags, -1 - self._carried, at)
        last_clear = np.maximum.accumulate(np.append(-1 - self._carried, clear))[:-1]
        runs: Ints = at - 1 - last_clear
        return runs


def classes(lengths: Ints) -> Ints:
    """The class of :data:`LENGTHS` that each of ``lengths`` is in."""
    found: Ints = np.searchsorted(LENGTHS, lengths, side="right") - 1
    return found


class StreamCycles:
    """Some cycles of one stream, after those of ``before``; a reset ends every stall and every
    idle time."""

    def __init__(
        self, valid: Bools, ready: Bools, rst: Bools, before: StreamCycles | None = None
    ) -> None:
        self.passes = valid & ready & ~rst
        self._stalled = valid & ~ready & ~rst
        self._stalls: Runs = Runs(self._stalled, before._stalls.after if before else 0)
        self._idle: Runs = Runs(~(valid | rst), before._idle.after if before else 0)
        self._passes: Runs = Runs(self.passes, before._passes.after if before else 0)

    @cached_property
    def stalls(self) -> Ints:
        """For how long events waited before they passed, by class."""
        return classes(self._stalls.before[self.passes])

    @cached_property
    def gaps(self) -> Ints:
        """For how long nothing was offered before an event was, by class."""
        appears = (self.passes | self._stalled) & (self._stalls.before == 0)
        return classes(self._idle.before[appears])

    @property
    def back_to_back(self) -> Bools:
        """In which cycles an event passed right after another one."""
        return self.passes & (self._passes.before > 0)


class Cycles:
    """Some cycles of a chain, after those of ``before``."""

    def __init__(self, inputs: CycleInputs, outputs: CycleOutputs, before: Cycles | None) -> None:
        self.rst = np.asarray(inputs.rst) != 0
        self.valid = np.asarray(inputs.in_valid) != 0
        self.in_ready = outputs.in_ready
        self.tick = np.asarray(inputs.in_tick) != 0
        self.address = np.asarray(inputs.in_address)
        self.out_valid = outputs.out_valid
        self.out_ready = np.asarray(inputs.out_ready) != 0
        self.control = [trace.control for trace in outputs.cores]
        streams = (before.events_in, before.events_out) if before else (None, None)
        self.events_in: StreamCycles = StreamCycles(self.valid, self.in_ready, self.rst, streams[0])
        self.events_out: StreamCycles = StreamCycles(
            self.out_valid, self.out_ready, self.rst, streams[1]
        )
        self._resets: Runs = Runs(self.rst, before._resets.after if before else 0)

    @cached_property
    def resets(self) -> Ints:
        """For how long reset was high before each cycle without."""
        lengths: Ints = self._resets.before[~self.rst]
        return lengths

    def flags(self, core: int, *masks: int) -> Bools:
        """In which cycles the control of ``core`` has a bit of each of ``masks``."""
        found: Bools = np.all([self.control[core] & mask for mask in masks], axis=0)
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
    bits, n_inputs, fires = core.in_address_bits, core.n_inputs, fires_key(last)
    every = f"every address of {bits} bits names an input" if n_inputs == 1 << bits else ""

    def unknown(c: Cycles) -> Any:
        return c.events_in.passes & ~c.tick & (c.address >= n_inputs)

    yield from _lengths("events_in", "stalled", lambda c: c.events_in.stalls)
    yield from _lengths("events_in", "idle", lambda c: c.events_in.gaps)
    yield CycleBin("events_in", "back to back", lambda c: c.events_in.back_to_back)
    yield CycleBin("events_in", "dropped: unknown address", unknown, every)
    yield from _lengths("events_out", "stalled", lambda c: c.events_out.stalls)
    sent = "events_out"
    yield CycleBin(sent, "back to back", lambda c: c.events_out.back_to_back, needs=fires)
    reset = partial(CycleBin, "reset")
    yield reset("for 1 cycle", lambda c: c.resets == 1)
    yield reset("for longer", lambda c: c.resets > 1)
    yield reset("while an event is handed in", lambda c: c.rst & c.valid & c.in_ready)
    yield reset("while an event waits at the input", lambda c: c.rst & c.valid & ~c.in_ready)
    yield reset("while an event is handed out", lambda c: c.rst & c.out_valid & c.out_ready)
    yield reset("while an event waits at the output", lambda c: c.rst & c.out_valid & ~c.out_ready)


def control_bins(core: CoreParams, k: int, prefix: str) -> Iterator[CycleBin]:
    """The bins of the control of ``core``, number ``k``; ``prefix`` goes before its groups."""
    words, stages, fires = core.words, len(STAGES), fires_key(prefix)
    short = "" if words >= stages else f"words = {words}, stages = {stages}"
    single = "" if words > 1 else "words = 1: the word in the emitter is the update's last"
    pending, integrating = FLAG["pending"], FLAG["integrating"]

    def input_waits(c: Cycles) -> Any:
        return c.valid & ~c.in_ready & c.flags(k, pending)

    def reset_in(flag: int) -> Callable[[Cycles], Bools]:
        return lambda c: c.rst & c.flags(k, flag)

    control = partial(CycleBin, f"{prefix}control")
    yield control("nothing to do", lambda c: c.control[k] == 0)
    yield control("integrates during an update", lambda c: c.flags(k, integrating, UPDATING))
    waiting = "both banks full: "
    yield control(f"{waiting}a TICK waits for the update", lambda c: c.flags(k, pending, UPDATING))
    if k == 0:
        yield control(f"{waiting}the input waits for a TICK", input_waits)
    full = "every stage of the update holds a word"
    yield control(full, lambda c: c.control[k] & IN_STAGES == IN_STAGES, short)
    waits = "the update waits for the emitter"
    yield control(waits, lambda c: c.flags(k, IN_STAGES, EMITTING), single, fires)
    reset = partial(CycleBin, f"{prefix}reset")
    yield reset("while nothing is to do", lambda c: c.rst & (c.control[k] == 0))
    for name, flag in FLAG.items():
        needs = fires if name == "emitting_spike" else None
        yield reset(f"while {name.replace('_', ' ')}", reset_in(flag), needs=needs)
