"""The bins of single cycles of a chain of cores: its streams, its resets, its cores' control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ...cycles.latency import event_cycles
from ...cycles.model import CONTROL_FLAGS, CycleInputs, CycleOutputs
from ...cycles.pipeline import write_distance
from ...cycles.rows import ROW_FLAGS
from ...layout import HardwareNetwork
from ...params.core import CoreParams
from ...params.network import NetworkParams
from .bins import BinRule, Bools, Ints
from .neuron_bins import fires_key

#: Lengths are told apart as finely as this: the first of each class.
LENGTHS = (0, 1, 2, 4, 8, 32)
LENGTH_NAMES = ("0", "1", "2..3", "4..7", "8..31", "32 or more")
#: A bit of the control word per name; a core of a chain has the first ones alone.
FLAG = {name: 1 << k for k, name in enumerate(ROW_FLAGS)}
EMITTING = FLAG["emitting_spike"] | FLAG["emitting_tick"]
#: The places behind the write-back, before the output: the queue, and two stages.
PLACES = 3


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
        self.out_tick, self.out_address = outputs.out_tick, outputs.out_address
        self.out_ready = np.asarray(inputs.out_ready) != 0
        self.control = [trace.control for trace in outputs.cores]
        carried = before._last if before else [0] * len(self.control)
        self._last: list[int] = [
            int(control[-1]) if len(control) else last
            for control, last in zip(self.control, carried, strict=True)
        ]
        #: What the control of each core was doing in the cycle before.
        self.previous = [
            np.concatenate([[last], control[:-1]])[: len(control)]
            for control, last in zip(self.control, carried, strict=True)
        ]
        adds = [run.after for run in before.adds] if before else carried
        #: For how long each core had been at additions, one right behind the other.
        self.adds: list[Runs] = [
            Runs(control & FLAG["adding"] != 0, last)
            for control, last in zip(self.control, adds, strict=True)
        ]
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

    def flags(self, core: int, *names: str, but: Sequence[str] = ()) -> Bools:
        """In which cycles the control of ``core`` has the flags of these names, and not those of
        ``but``."""
        wanted = sum(FLAG[name] for name in names)
        seen = wanted | sum(FLAG[name] for name in but)
        found: Bools = self.control[core] & seen == wanted
        return found

    def follows(self, core: int, name: str, before: str) -> Bools:
        """In which cycles the control of ``core`` has one flag, and had another just before."""
        found: Bools = self.flags(core, name) & (self.previous[core] & FLAG[before] != 0)
        return found


CycleBin = BinRule[Cycles]


@dataclass(frozen=True)
class Source:
    """The core whose spikes the events of another one are: its prefix, and how often in a step a
    neuron of it spikes at most."""

    prefix: str
    spikes: int


def _lengths(
    group: str, verb: str, found: Callable[[Cycles], Ints], least: int = 0
) -> Iterator[CycleBin]:
    """A bin for each class of lengths, which are no less than ``least``."""

    def of_class(k: int) -> Callable[[Cycles], Bools]:
        return lambda c: found(c) == k

    first = int(classes(np.array([least]))[0])
    for k, name in enumerate(LENGTH_NAMES):
        why = "" if k >= first else f"it is looked up in {least + 1} memories"
        yield CycleBin(group, f"{verb} for {name} cycles", of_class(k), why)


def stream_bins(
    design: CoreParams | NetworkParams | HardwareNetwork, last: str
) -> Iterator[CycleBin]:
    """The bins of the two streams and the reset of a design; ``last`` is the prefix of the core
    that it ends with."""
    bits, n_inputs, fires = design.in_address_bits, design.n_inputs, fires_key(last)
    every = f"every address of {bits} bits names an input" if n_inputs == 1 << bits else ""
    # Only what is dropped takes no more than a cycle in a chain.
    slow, waits = every, 0
    if isinstance(design, HardwareNetwork):
        readers = (design.cores[k].inputs[i] for k, i in design.consumers(0))
        waits = max((len(each.memories) for each in readers), default=1) - 1
        slow = f"an event is looked up in {waits + 1} memories" if waits > 0 else ""

    def unknown(c: Cycles) -> Any:
        return c.events_in.passes & ~c.tick & (c.address >= n_inputs)

    yield from _lengths("events_in", "stalled", lambda c: c.events_in.stalls, max(0, waits))
    yield from _lengths("events_in", "idle", lambda c: c.events_in.gaps)
    yield CycleBin("events_in", "back to back", lambda c: c.events_in.back_to_back, slow)
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


def control_bins(
    core: CoreParams, k: int, prefix: str, before: Source | None, *, last: bool
) -> Iterator[CycleBin]:
    """The bins of the control of ``core``, number ``k``; ``prefix`` goes before its groups.
    ``before``: the core whose spikes its events are; ``last``: its output is that of the chain."""
    words, fires = core.words, fires_key(prefix)
    comes = fires_key(before.prefix) if before else None
    control = partial(CycleBin, f"{prefix}control")

    def when(*names: str, but: Sequence[str] = ()) -> Callable[[Cycles], Bools]:
        return lambda c: c.flags(k, *names, but=but)

    def behind(name: str, before: str) -> Callable[[Cycles], Bools]:
        return lambda c: c.follows(k, name, before)

    def reset_in(name: str) -> Callable[[Cycles], Bools]:
        return lambda c: c.rst & c.flags(k, name)

    yield control("nothing to do", lambda c: c.control[k] == 0)
    distance = event_cycles(core)
    if k == 0 or core.n_inputs > 1:
        yield control(
            "an event right behind an event",
            lambda c: c.flags(k, "adding") & (c.adds[k].before >= distance),
            needs=comes,
        )
    yield control("an event right behind an update", behind("adding", "issuing"), needs=comes)
    yield control("an update right behind an event", behind("starting", "adding"), needs=comes)
    yield control("a TICK right behind a TICK", behind("pending", "issuing"))
    yield control("integrates during an update", when("adding", "updating"), needs=comes)
    yield control(
        "integrates while words are queued",
        when("adding", "queued", but=["in_stages"]),
        needs=comes,
    )
    if k == 0:
        yield control("an event right behind a clear", behind("adding", "clearing"))
        yield control("a TICK right behind a clear", behind("pending", "clearing"))
        yield control(
            "an event waits for a clear",
            lambda c: c.valid & ~c.in_ready & c.flags(k, "clearing"),
        )
        yield control(
            "an event waits behind a TICK that waits",
            lambda c: c.valid & ~c.in_ready & c.flags(k, "pending"),
        )
    waits = "a TICK waits for the update: "
    stages = write_distance(core.neuron)
    over = words - 1 + stages < distance
    yield control(
        f"{waits}words in its stages",
        when("pending", "in_stages"),
        f"words = {words}: all are written before a TICK is taken" if over else "",
    )
    yield control(f"{waits}words queued", when("pending", "queued", but=["in_stages"]))
    drained = ["in_stages", "queued", "fetched"]
    yield control(f"{waits}one held", when("pending", "held", but=drained))
    yield control("an update starts at once", lambda c: c.flags(k, "starting") & ~_waited(c, k))
    yield control("an update of a TICK that waited", behind("starting", "pending"))
    yield control("an update starts behind a TICK at the output", when("starting", "emitting_tick"))

    short = "" if words > stages else f"words = {words}, stages = {stages + 1}"
    yield control("every stage of the update holds a word", when("full"), short)
    early = "" if words > PLACES else f"words = {words}: none is held before all are written"
    yield control("words are held while others are in the stages", when("held", "in_stages"),
                  early, fires)  # fmt: skip

    def all_wait(c: Cycles) -> Bools:
        stalled = ~c.out_ready if last else True
        found: Bools = c.flags(k, "queued", "fetched", "held") & (c.control[k] & EMITTING != 0)
        return found & stalled

    few = "" if words >= PLACES else f"words = {words}"
    yield control("a word waits in every place behind the stages", all_wait, few, fires)
    yield control(
        "the TICK of the update before waits, with words behind it",
        when("queued", "emitting_tick"),
    )
    once = "" if core.neuron.counts_spikes else "max_spikes_per_step = 1"
    yield control("an event is repeated", when("repeating"), once, fires)
    repeated = "an event that is repeated waits"
    if last:
        yield control(repeated, lambda c: c.flags(k, "repeating") & ~c.out_ready, once, fires)
    reset = partial(CycleBin, f"{prefix}reset")
    yield reset("while nothing is to do", lambda c: c.rst & (c.control[k] == 0))
    never = {"full": short, "repeating": once}
    needs = {"adding": comes, "emitting_spike": fires, "repeating": fires}
    for name in CONTROL_FLAGS:
        yield reset(
            f"while {name.replace('_', ' ')}", reset_in(name),
            never.get(name, ""), needs.get(name),
        )  # fmt: skip


def _waited(c: Cycles, k: int) -> Bools:
    """In which cycles the TICK was pending just before."""
    found: Bools = c.previous[k] & FLAG["pending"] != 0
    return found
