"""A foreign core under random stimulus, in blocks of cycles: driven, answered for, compared."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from ....cycles.control import NONE, RESET, Bytes, Ints, Records
from ....network.events import TICK
from ....network.model import Network
from ....params.network import NetworkParams
from ...bench.run import rng
from ...bench.scoreboard import Counts
from ...bench.wrapper import Cycles
from ...dut.coverage import CoreCoverage
from ...dut.events import aimed_step, kinds_of, single_core
from ...dut.reference import default_patience
from ...dut.stimulus import LINGER, POWER_UP
from ...dut.testbench import DutJob
from ...dut.wrapper import event_source
from ...stimulus.aimed import STRAYS
from ...stimulus.layer import first_layer
from ...stimulus.lengths import REPEATED, Seen
from ...stimulus.march import MARCHES, TRIED, march, too_slow
from ...stimulus.random import RandomStimulus
from ...tools.verilated import AGENT, VerilatedDesign
from ..bulk import BLOCK
from ..compare import COUNTS, Packed, counts_of, layout
from ..segments import AIM, SEGMENT
from .golden import Golden
from .walk import RULES, SIGNALS, WALK, WRONG, Answers, Wrong, fields_of, gather, walk

#: Every so many blocks comes a run of steps that are aimed at the thresholds, of so many.
AIMED_EVERY, AIMED_STEPS = 16, 12
#: So many come behind a rest.
EXPOSING = 4
#: Cycles at a time in which the end is awaited, and after it the last ones.
ENDING = 2 * LINGER


class StreamCheck:
    """Compares the responses of a foreign core with the golden network, block by block; those
    without a difference count as ``coverage``."""

    def __init__(self, job: DutJob, coverage: CoreCoverage | None = None) -> None:
        params, interface = job.params, job.interface
        assert isinstance(params, NetworkParams)
        response, shown = interface.response, interface.compared
        last = params.graph.populations[-1]
        self.variables = [name for name in last.neuron.state_widths
                          if f"trace.{name}" in shown and "trace.valid" in shown]  # fmt: skip
        self._fields = fields_of(response, shown)
        self._traced = layout(response[f"trace.{name}"] for name in self.variables)
        self._coverage, self._response = coverage, response
        self.golden = Golden(params, variables=self.variables, saturated="saturated" in shown,
                             covered=coverage is not None)  # fmt: skip
        patience = default_patience(params, job.dut_map.core)
        rule = event_source(params).n, last.n, patience, "trace.valid" in shown
        self._rule: Records = np.array([rule], dtype=RULES)
        self._now: Records = np.zeros(1, dtype=WALK)
        self._now["known"] = job.dut_map.reset is None
        self._shown = np.zeros(last.n, dtype=np.int64)
        self._left = Answers(*(np.zeros(0, dtype=np.int64) for _ in range(5)))._replace(
            states=np.zeros((0, len(self.variables), last.n), dtype=np.int64)
        )
        self._found: Records = np.zeros(1, dtype=COUNTS)
        self._cycles = 0

    def check(self, words: Packed) -> Wrong | None:
        """The first difference of the next cycles, whose responses are ``words``."""
        events, cuts = (np.zeros(len(words) + 1, dtype=np.int64) for _ in range(2))
        count, resets = gather(words, self._fields, self._now["known"][0], events, cuts)
        given = self.golden.answer(events[:count], cuts[:resets])
        left = self._left
        now = self._now[0]
        answers = given._replace(
            events=np.concatenate([left.events, given.events]),
            ends=given.ends + len(left.events),
            states=np.concatenate([left.states, given.states]),
        )
        self._found["first"], now["tick"] = NONE, 0
        wrong: Records = np.full(3, NONE, dtype=np.int64).view(WRONG)
        walk(words, self._fields, self._traced, self._rule, self._now, self._shown, *answers,
             self._found, wrong)  # fmt: skip
        first = int(self._found["first"][0])
        self._cycles += len(words) if first == NONE else first + 1
        if first != NONE:
            signal, expected, observed = wrong[0].tolist()
            names = [*SIGNALS, *(f"trace.{name}" for name in self.variables)]
            return Wrong(first, names[signal], expected, observed)
        rows = int(self._shown.min()) if self._rule["trace"][0] else int(now["rows"])
        self._left = self._left._replace(
            events=answers.events[now["head"] :], states=answers.states[rows:]
        )
        self._shown -= rows
        now["rows"] -= rows
        now["tail"] -= now["head"]
        now["head"] = 0
        if self._coverage is not None:
            self._coverage.count(Cycles(self._response, words), self.golden.covered())
        return None

    @property
    def open(self) -> bool:
        """Whether a step is under way, or an answer is owed."""
        now = self._now[0]
        return bool(now["pending"] or now["head"] < now["tail"])

    def problems(self) -> list[str]:
        """What is wrong when all is over, a line each."""
        now, found = self._now[0], []
        if now["head"] < now["tail"]:
            owed = now["tail"] - now["head"]
            found.append(f"events out: {owed} are still owed at the end")
        if self._rule["trace"][0] and (owed := int((now["rows"] - self._shown).sum())):
            found.append(f"trace: {owed} states were never shown")
        return found

    @property
    def counts(self) -> Counts:
        """Of all blocks so far; where one is wrong, up to the wrong cycle."""
        fired = [each.tolist() for each in self.golden.fired.values()]
        return counts_of(self._cycles, self._found, fired)


class Aim:
    """Steps that are aimed at the thresholds of a single core, as it is when they come."""

    def __init__(self, params: NetworkParams, seed: int) -> None:
        self._core, self._draw = single_core(params), rng(seed, "aimed")
        self._network = Network(params, engine="numpy")

    def events(self, golden: Golden, before: Ints, steps: int) -> Ints:
        """So many steps behind the events ``before``, with which the step under way ends, if one
        is; none for a network of which they cannot be told. All events with :data:`TICK`."""
        if self._core is None:
            return before[:0]
        network, found = self._network, list[int]()
        network.state = copy.deepcopy(golden.network.state)
        network.stream([*golden.pending.tolist(), *before.tolist()])
        for _ in range(steps):
            step = [*aimed_step(self._core, network, self._draw), TICK]
            network.stream(step)
            found += step
        return np.array(found, dtype=np.int64)


class StreamRun:
    """One run of a foreign core, from power-up on, under random stimulus from ``seed``."""

    def __init__(
        self,
        job: DutJob,
        design: VerilatedDesign,
        seed: int,
        checker: StreamCheck,
        *,
        segment: int = 0,
    ) -> None:
        params, parts = job.params, job.dut_map.core
        assert isinstance(params, NetworkParams)
        assert parts is not None
        self._design, self._job = design, job
        self._response = Cycles({}, np.zeros((0, 1), dtype=np.uint64))
        self.checker = checker
        self._bits = job.interface.stimulus["events_in.payload.address"].width
        self._layer, self._seed = first_layer(params, self._bits), seed
        self._kinds = kinds_of(parts)
        self._random = RandomStimulus(self._layer, seed, segment=segment, **asdict(self._kinds))
        self._aim = Aim(params, seed)
        self._has_reset = job.dut_map.reset is not None
        self._agent = agent_of(job, seed)
        self._events = np.zeros(0, dtype=np.int64)
        self._repeated: list[Ints] = []
        self._number = self._ending = 0
        # What comes without a break, by the block in which it begins, and how many it may have.
        self._long: dict[int, tuple[Callable[[], Ints], int]] = {}
        if segment in MARCHES:
            self._long[MARCHES[segment]] = self._marching, SEGMENT // BLOCK - MARCHES[segment]
        if segment == 0 and parts.unknown_addresses and "dropped" in job.interface.compared:
            self._long[AIM] = self._straying, MARCHES[0] - AIM
        # Of such: the block in which it began, how many it may have, its events, those left.
        self._start, self._most, self._march, self._left = NONE, 0, 0, 0
        self._lingered = False

    def block(self) -> tuple[Packed, Packed]:
        """Drive the next block of cycles: what was shown and seen, (cycles, words) each, fewer
        where the core ends the simulation."""
        self._refill()
        if self._number in self._long:
            self._begin(*self._long[self._number])
        elif self._number == self._start + TRIED and too_slow(
            self._march, self._left, TRIED, self._most
        ):
            self._drop()
        # Nothing may come between the events of these.
        flags = np.zeros(BLOCK, dtype=np.uint8) if self._left else self._random.flags(BLOCK)
        if not self._left and self._random.sweep_begins:
            self._drop()
        flags[0] |= RESET * (self._number == self._start)
        if (self._number + 1) % AIMED_EVERY == 0 and not self._left:
            self._insert_aimed()
        # Behind the last of these the core comes to rest, where its counters are compared.
        return self._shown(self._events[: self._left or None], flags)

    def drive(self, flags: Bytes) -> tuple[Packed, Packed]:
        """Drive as many cycles as there are ``flags``, with steps that are soon over."""
        self._use_up()
        while len(self._events) < len(flags):
            more = self._random.short_events(len(flags))
            self._events = np.concatenate([self._events, more])
        return self._shown(self._events, flags)

    def seen(self) -> Seen:
        """What the streams showed in the cycles that were driven last."""
        shown = self._response
        names = ("events_in.valid", "events_in.ready", "events_in.payload.tick", "events_out.valid",
                 "events_out.payload.tick")  # fmt: skip
        address = shown["events_out.payload.address"]
        offered, ready, ends, waits, tick = (shown[name] != 0 for name in names)
        return Seen(offered, offered & ready, ends, waits, tick, address)

    def repeat(self, number: int) -> None:
        """See :class:`~fxlif.sim.stimulus.lengths.Source`."""
        while len(self._repeated) <= number:
            self._repeated.append(self._random.short_events(REPEATED))
        self._drop(self._repeated[number])

    def expose(self) -> None:
        """See :class:`~fxlif.sim.stimulus.lengths.Source`."""
        if self._agent["offered"][0]:  # it has not come to rest
            return
        end = np.full(min(1, len(self.checker.golden.pending)), TICK)
        aimed = self._aim.events(self.checker.golden, end, EXPOSING)
        self._use_up()
        self._events = np.concatenate([self._packed(end), self._packed(aimed), self._events])

    def _shown(self, events: Ints, flags: Bytes) -> tuple[Packed, Packed]:
        if not self._has_reset:
            flags = flags & ~np.uint8(RESET)
        elif self._number == 0:
            flags[:POWER_UP] |= RESET
        self._number += 1
        stimulus, response = self._design.drive(self._agent, events, flags)
        self._response = Cycles(self._job.interface.response, response)
        return stimulus, response

    def ending(self) -> tuple[Packed, Packed] | None:
        """Drive some more cycles in which nothing new is offered but the end of the step under
        way; None where all is answered and nothing more came for a while."""
        if self._ending == 0:
            self._refill()
            self._events = self._events[: int(self._agent["offered"][0])]
            self._events = np.append(self._events, 1 << self._bits)
        if self._over():
            if self._lingered:
                return None
            self._lingered = True
        self._ending += 1
        return self._design.drive(self._agent, self._events, np.zeros(ENDING, dtype=np.uint8))

    def _over(self) -> bool:
        sent = self._agent["next"][0] + (self._agent["offered"][0] & self._agent["taken"][0])
        return bool(sent == len(self._events)) and not self.checker.open

    def _refill(self) -> None:
        """Have events enough for a block, beginning with the one on offer."""
        self._use_up()
        if len(self._events) < BLOCK:
            self._events = np.concatenate([self._events, self._random.events(BLOCK)])

    def _use_up(self) -> None:
        """Drop the events that were taken."""
        used = int(self._agent["next"][0])
        self._events, self._left = self._events[used:], max(0, self._left - used)
        self._agent["next"] = 0

    def _begin(self, events: Callable[[], Ints], most: int) -> None:
        """Let these come next, in so many blocks at most."""
        offered = self._events[: int(self._agent["offered"][0])]
        self._events = np.concatenate([offered, events()])
        self._march = self._left = len(self._events)
        self._start, self._most = self._number, most

    def _marching(self) -> Ints:
        """More steps than a counter of 16 bits counts."""
        return march(self._layer, self._seed, strict=self._kinds.strict)

    def _straying(self) -> Ints:
        """More events with an address that no input has than such a counter counts, and their
        TICK; none where every address is that of an input."""
        inputs, tick = self._layer.n_inputs, 1 << self._bits
        if inputs == tick:
            return self._events[:0]
        return np.append(np.resize([inputs, tick - 1], STRAYS), tick)

    def _drop(self, others: Ints | None = None) -> None:
        """Let ``others``, or random ones, come instead of the events that have not been offered."""
        self._use_up()
        self._events, self._left = self._events[: int(self._agent["offered"][0])], 0
        if others is None:
            self._refill()
        else:
            self._events = np.concatenate([self._events, others])

    def _packed(self, events: Ints) -> Ints:
        """Events with :data:`TICK` as they are driven."""
        return np.where(events == TICK, 1 << self._bits, events)

    def _insert_aimed(self) -> None:
        """Let aimed steps come after the step under way."""
        tick = 1 << self._bits
        end = int(np.argmax(self._events == tick)) + 1
        taken = int(self._agent["offered"][0] & self._agent["taken"][0])
        if self._events[end - 1] != tick or end <= taken:
            return
        before = np.append(self._events[taken : end - 1], TICK)
        aimed = self._packed(self._aim.events(self.checker.golden, before, AIMED_STEPS))
        self._events = np.concatenate([self._events[:end], aimed, self._events[end:]])


def agent_of(job: DutJob, seed: int) -> Records:
    """The agent that drives the streams of a wrapped core."""
    given, shown = job.interface.stimulus, job.interface.response
    agent: Records = np.zeros(1, dtype=AGENT)
    for name, signal in {
        "rst": "rst",
        "in_valid": "events_in.valid",
        "in_address": "events_in.payload.address",
        "in_tick": "events_in.payload.tick",
        "out_ready": "events_out.ready",
    }.items():
        agent[name] = given[signal].offset
    agent["valid_seen"] = shown["events_in.valid"].offset
    agent["ready_seen"] = shown["events_in.ready"].offset
    agent["out_seen"] = shown["events_out.valid"].offset
    agent["address_bits"] = given["events_in.payload.address"].width
    agent["random"] = seed & ((1 << 62) - 1)
    return agent
