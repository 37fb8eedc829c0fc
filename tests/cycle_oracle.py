"""An independent oracle for what a chain of cores shows in each clock cycle.

Written like the hardware, from its description and not from the cycle model: every register by
itself, every word in the stage where it is, memories that are read and written in their own cycles.
The values are those of :mod:`oracle`. It is meant to be read beside docs/hardware.md, and slow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import oracle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fxlif.cycles.model import CycleOutputs
    from fxlif.params.core import CoreParams

#: Slots that an operation takes at least, and how far the sum of a word is behind its issue.
LEAST_SLOTS, SUM = 4, 3


@dataclass
class Slot:
    """A word on its way through the pipeline, and what was read and made for it."""

    op: str
    word: int
    totals: list[int]
    weights: list[int] = field(default_factory=list)
    states: list[oracle.State] = field(default_factory=list)
    arrived: list[list[int]] = field(default_factory=list)
    spikes: list[int] = field(default_factory=list)


@dataclass
class Entry:
    """A word in the queue, behind it or at the output: its spikes that have not gone, by lane."""

    word: int
    spikes: list[int]
    last: bool

    @property
    def lanes(self) -> list[int]:
        return [lane for lane, count in enumerate(self.spikes) if count]

    @property
    def shows_tick(self) -> bool:
        return not self.lanes

    def gone(self) -> bool:
        """One event is handed out; whether it was the last one of this word."""
        if self.shows_tick:
            return True
        self.spikes[self.lanes[0]] -= 1
        return not self.lanes and not self.last


class Output:
    """What fired and has not left: the queue, two stages behind it, the word at the output."""

    def __init__(self) -> None:
        self.queue: list[Entry] = []
        self.fetched: Entry | None = None
        self.held: Entry | None = None
        self.out: Entry | None = None

    def event(self, lanes: int) -> tuple[int, bool] | None:
        """(address, tick) of the event at the output."""
        if self.out is None:
            return None
        if self.out.shows_tick:
            return 0, True
        return self.out.word * lanes + self.out.lanes[0], False

    def clock(self, ready: bool) -> bool:
        """A clock edge; whether a TICK moved to the output."""
        showed_tick = self.out is not None and self.out.shows_tick
        out_free = self.out is None or (ready and self.out.gone())
        held_free = self.held is None or out_free
        fetched_free = self.fetched is None or held_free
        if out_free:
            self.out, showed_tick = self.held, False
        if held_free:
            self.held = self.fetched
        if fetched_free:
            self.fetched = self.queue.pop(0) if self.queue else None
        return self.out is not None and self.out.shows_tick and not showed_tick

    @property
    def doing(self) -> dict[str, bool]:
        """What it is doing, by the names of the model's flags."""
        return {
            "queued": bool(self.queue),
            "fetched": self.fetched is not None,
            "held": self.held is not None,
            "emitting_spike": self.out is not None and not self.out.shows_tick,
            "emitting_tick": self.out is not None and self.out.shows_tick,
            "repeating": self.out is not None
            and any(self.out.spikes)
            and self.out.spikes[self.out.lanes[0]] > 1,
        }


def step_of_word(
    core: Any, lfsr: oracle.Lfsr, word: int, before: list[oracle.State], currents: list[int],
    arrived: list[list[int]] | None = None,
) -> tuple[list[oracle.State], list[int]]:  # fmt: skip
    """The states and spikes of all lanes of a word after a step, in which events ``arrived`` that
    act one by one."""
    real = min(core.lanes, core.n_neurons - word * core.lanes)
    draws = []
    for lane in range(core.lanes):
        if lane == real:
            kept = list(lfsr.bits)
        draws.append(lfsr.draw())
    if real < core.lanes:  # the register goes on behind the draws of real lanes
        lfsr.bits = kept
    states, fired = [], []
    for lane in range(core.lanes):
        threshold = None
        if core.v_thresholds is not None and lane < real:
            threshold = core.v_thresholds[word * core.lanes + lane]
        state, spikes = oracle.step(
            core.neuron, before[lane], currents[lane], threshold, draws[lane],
            [] if arrived is None else arrived[lane],
        )  # fmt: skip
        if core.neuron.fire_on == "event":  # the count has the bits that the promise asks, or 16
            most = 2**core.spike_bits - 1
            if hasattr(core, "n_inputs"):
                promised = core.n_inputs * core.max_events_per_input + 1
                most = min(2 ** len(f"{promised:b}") - 1, 65535)
            spikes = min(spikes, most)
        states.append(state)
        fired.append(spikes if lane < real else 0)
    return states, fired


class Core:
    """One core. ``depth``: how many cycles the write-back of an update is behind its issue."""

    def __init__(self, core: CoreParams, depth: int) -> None:
        self.core, self.depth = core, depth
        self.words = (core.n_neurons + core.lanes - 1) // core.lanes
        #: Events act one by one: a word is read again when it has been written back.
        self.one_by_one = core.neuron.accumulate == "per_event"
        self.slots = max(self.words, depth + 1 if self.one_by_one else LEAST_SLOTS)
        lanes = range(core.lanes)
        #: By word and lane, the events that it has taken in this step.
        self.arrived = [[[99] for _ in lanes] for _ in range(self.words)]
        self.totals = [[99 for _ in lanes] for _ in range(self.words)]
        self.states = [[oracle.State(1, 1, 1, 1) for _ in lanes] for _ in range(self.words)]
        self.reset()

    def reset(self) -> None:
        """All registers; no memory."""
        self.busy, self.slot, self.op, self.row = True, 0, "clear", 0
        self.pending, self.updating = False, True
        #: The stages behind issue: element d - 1 is in the stage at distance d.
        self.pipe: list[Slot | None] = [None] * self.depth
        self.lfsr = oracle.Lfsr(self.core.neuron.lfsr)
        self.output = Output()
        self.dropped = self.saturated = 0
        self.drop_flag, self.clip_flags, self.clip_count = False, 0, 0

    # --- what is shown before a clock edge ------------------------------------------------------

    @property
    def last_slot(self) -> bool:
        return self.busy and self.slot == self.slots - 1

    @property
    def ready(self) -> bool:
        return (not self.busy or self.last_slot) and not self.pending

    @property
    def event(self) -> tuple[int, bool] | None:
        """(address, tick) of the event at the output."""
        return self.output.event(self.core.lanes)

    @property
    def written(self) -> Slot | None:
        """The word that the trace shows."""
        slot = self.pipe[-1]
        return slot if slot is not None and slot.op == "update" else None

    @property
    def doing(self) -> set[str]:
        """What the control is doing, by the names of the model's flags."""
        names = {"clear": "clearing", "add": "adding", "update": "issuing"}
        behind = [slot is not None and slot.op != "add" for slot in self.pipe]
        issues = self.busy and self.slot < self.words and self.op != "add"
        found = {
            **{name: self.busy and self.op == op for op, name in names.items()},
            "pending": self.pending,
            "updating": self.updating,
            "starting": self.busy and self.op == "update" and self.slot == 0,
            "in_stages": any(behind),
            "full": issues and all(behind),
            **self.output.doing,
        }
        return {name for name, there in found.items() if there}

    # --- a clock edge ---------------------------------------------------------------------------

    def clock(self, taken: tuple[int, bool] | None, out_ready: bool) -> None:
        """``taken``: (address, tick) of an event that is handed in."""
        done = self.output.clock(out_ready)
        finished = self.pipe[-1]
        if finished is not None and finished.op in ("update", "clear"):
            self.states[finished.word] = finished.states
            last = finished.word == self.words - 1
            if finished.op == "clear":
                done = done or last
            elif any(finished.spikes) or last:
                self.output.queue.append(Entry(finished.word, finished.spikes, last))
        self._count()
        issued = self._issued()  # reads the totals before the write of this clock edge
        summed = self.pipe[SUM - 1]
        if summed is not None:
            self.totals[summed.word] = self._sums(summed)[0]
        if finished is not None and self.one_by_one:
            self.arrived[finished.word] = finished.arrived
        moved = [issued, *self.pipe[:-1]]
        if moved[1] is not None and moved[1].op == "update":
            self._step(moved[1])
        self.pipe = moved
        self._issue(taken, done)

    def _issued(self) -> Slot | None:
        if not self.busy or self.slot >= self.words:
            return None
        slot = Slot(self.op, self.slot, list(self.totals[self.slot]))
        slot.arrived = [[] for _ in range(self.core.lanes)]
        if self.one_by_one and self.op != "clear":
            slot.arrived = [list(events) for events in self.arrived[self.slot]]
        if self.op == "add":
            slot.weights = [self._weight(self.row, self.slot, n) for n in range(self.core.lanes)]
            for events, weight in zip(slot.arrived, slot.weights, strict=True):
                events += [weight * 2**self.core.weight_shift] * (weight != 0)
        elif self.op == "update":
            slot.states = list(self.states[self.slot])
        else:
            slot.states = [oracle.initial(self.core.neuron) for _ in range(self.core.lanes)]
        return slot

    def _weight(self, row: int, word: int, lane: int) -> int:
        neuron = word * self.core.lanes + lane
        return int(self.core.weights[row][neuron]) if neuron < self.core.n_neurons else 0

    def _sums(self, slot: Slot) -> tuple[list[int], int]:
        """The new totals of a word in the stage of the sum, and how many did not fit."""
        if slot.op != "add" or self.one_by_one:
            return [0] * self.core.lanes, 0
        low, high = oracle.accumulator_limits(self.core)
        exact = [total + weight for total, weight in zip(slot.totals, slot.weights, strict=True)]
        clamped = [min(max(total, low), high) for total in exact]
        return clamped, sum(a != b for a, b in zip(exact, clamped, strict=True))

    def _step(self, slot: Slot) -> None:
        """The step of a word of neurons, when it gets into the first stage of it."""
        currents = [total * 2**self.core.weight_shift for total in slot.totals]
        slot.states, slot.spikes = step_of_word(
            self.core, self.lfsr, slot.word, slot.states, currents, slot.arrived
        )
        slot.arrived = [[] for _ in range(self.core.lanes)]

    def _count(self) -> None:
        """The counters and the registers before them."""
        self.dropped = (self.dropped + self.drop_flag) % 2**32
        self.drop_flag = False
        self.saturated = (self.saturated + self.clip_count) % 2**32
        self.clip_count = self.clip_flags
        summed = self.pipe[SUM - 1]
        self.clip_flags = 0 if summed is None else self._sums(summed)[1]

    def _issue(self, taken: tuple[int, bool] | None, done: bool) -> None:
        was_updating = self.updating
        starts = self.pending and not was_updating
        if done:
            self.updating = False
        if self.last_slot:
            self.busy = False
        elif self.busy:
            self.slot += 1
        if taken is not None:
            address, tick = taken
            if tick and was_updating:
                self.pending = True
            elif tick:
                starts = True
            elif address < self.core.n_inputs:
                self.busy, self.slot, self.op, self.row = True, 0, "add", address
            else:
                self.drop_flag = True
        if starts:
            self.busy, self.slot, self.op = True, 0, "update"
            self.pending, self.updating = False, True


class Chain:
    """Cores, one behind the other."""

    def __init__(self, cores: list[Core]) -> None:
        self.cores = cores

    def cycle(self, shown: Any) -> dict[str, Any]:
        """What a cycle with such inputs shows; then its clock edge."""
        cores = self.cores
        ready = [core.ready for core in cores] + [bool(shown["out_ready"])]
        events = [(int(shown["in_address"]), bool(shown["in_tick"])) if shown["in_valid"] else None]
        events += [core.event for core in cores]
        seen: dict[str, Any] = {"in_ready": ready[0], "out": events[-1], "cores": [
            (core.doing, core.dropped, core.saturated, None if core.written is None else (
                core.written.word, list(core.written.spikes), list(core.written.states)
            )) for core in cores
        ]}  # fmt: skip
        for k, core in enumerate(cores):
            if shown["rst"]:
                core.reset()
            else:
                core.clock(events[k] if ready[k] else None, ready[k + 1])
        return seen


def assert_every_cycle(made: CycleOutputs, oracle: Any, inputs: Any, flags: Sequence[str]) -> None:
    """Every output of every cycle, and the names of the ``flags`` that hold, are the oracle's."""
    rows = [0] * len(made.cores)
    for cycle, shown in enumerate(inputs):
        seen = oracle.cycle(shown)
        out = (int(made.out_address[cycle]), bool(made.out_tick[cycle]))
        assert seen["in_ready"] == made.in_ready[cycle], cycle
        assert seen["out"] == (out if made.out_valid[cycle] else None), cycle
        if seen.get("write") is not None:
            assert seen["write"] == (made.write_ready[cycle], made.rejected[cycle]), cycle
        for k, (trace, (doing, dropped, saturated, written)) in enumerate(
            zip(made.cores, seen["cores"], strict=True)
        ):
            at = (cycle, k)
            assert (trace.dropped[cycle], trace.saturated[cycle]) == (dropped, saturated), at
            held = {name for bit, name in enumerate(flags) if trace.control[cycle] >> bit & 1}
            assert held == doing, at
            assert trace.valid[cycle] == (written is not None), at
            if written is None:
                continue
            word, spikes, states = written
            assert trace.index[cycle] == word, at
            assert trace.spike[rows[k]].tolist() == spikes, at
            for name, values in trace.state.items():
                wanted = [getattr(state, name) for state in states]
                assert values[rows[k]].tolist() == wanted, (*at, name)
            rows[k] += 1
