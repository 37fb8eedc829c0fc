"""Reference models of foreign cores: the golden results in the core's own time, cycle by cycle.

They know no simulator. :mod:`fxlif.sim.dut.check` offers them to a cocotb test, and
:mod:`fxlif.sim.dut.testbench` to the scoreboard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import numpy as np

from ...network.events import TICK
from ...network.model import Network
from ...network.recording import Recording
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState, step
from ..bench.scoreboard import Report
from .adapters.events import BREACHES, held_up
from .core_map import CoreMap
from .wrapper import event_source

#: An output may show anything that has no x or z in it.
KNOWN: Final = "known"
#: What an output must show: a value, something :data:`KNOWN`, or (None) anything at all.
Due = int | Literal["known"] | None


class Reference(ABC):
    """What the outputs of a core must show, cycle by cycle.

    Args:
        shown: the outputs that are compared.
        known: whether the outputs mean something before any reset.

    Attributes:
        inputs: what :meth:`clock` must be told; of a trace only where there is one.
        report: counts steps, spikes, resets and events.
        known: whether the outputs mean something by now.
    """

    inputs: tuple[str, ...]

    def __init__(self, shown: Collection[str], *, known: bool) -> None:
        self.shown, self.report = tuple(shown), Report()
        self.known, self._in_reset = known, False

    def clock(self, seen: Mapping[str, int]) -> dict[str, Due]:
        """What each of :attr:`shown` must show in the cycle in which the inputs, and the handshakes
        of the outputs, show ``seen``; what is missing may show anything."""
        rst = bool(seen["rst"])
        if rst and not self._in_reset:
            self.report.resets += 1
            if self.report.counts:
                self.report.counts.append([0] * len(self.report.counts[-1]))
        self._in_reset = rst
        due = self.advance(seen, known=self.known or rst)
        if not self.known:
            due = {}
            self.known = rst
        due = {name: due[name] for name in self.shown if due.get(name) is not None}
        self.report.excused += not due
        return due

    @abstractmethod
    def advance(self, seen: Mapping[str, int], *, known: bool) -> dict[str, Due]:
        """As :meth:`clock`, for all outputs; not ``known``: there was no reset so far."""

    def finish(self) -> list[str]:
        """What is wrong at the end of the run, a line each."""
        return []


def rest(neuron: NeuronParams) -> NeuronState:
    """The state after reset, as plain ints."""
    return NeuronState(neuron.v_reset, 0, 0, 0)


def _copied(state: NeuronState) -> NeuronState:
    return NeuronState(*(np.array(values) for values in state))


class NeuronStep(NamedTuple):
    """A step of a lone neuron, as ints; ``current`` with the bias."""

    before: NeuronState
    current: int
    after: NeuronState
    spikes: int


class CoreStep(NamedTuple):
    """A step of a core: the states before, (n,), the addresses that came, those that fired, and how
    many resets came before."""

    before: NeuronState
    events: list[int]
    fired: list[int]
    epoch: int


# --- one neuron ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NeuronTiming:
    """When a neuron shows its results; the keys of ``[neuron]`` in a map (see ``dut_map``)."""

    latency: int = 1
    state_latency: int | None = None
    between: Literal["held", "low", "any"] = "held"
    asynchronous_reset: bool = False

    @property
    def of_state(self) -> int:
        """Cycles until the state variables show a step."""
        return max(1, self.latency) if self.state_latency is None else self.state_latency


def neuron_outputs(neuron: NeuronParams) -> tuple[str, ...]:
    """The outputs that a neuron may have."""
    return ("spike", "valid", *(f"state.{name}" for name in neuron.state_widths))


class _Result(NamedTuple):
    """What a clock edge made: the state, the spikes of the last step, whether it took a step."""

    state: NeuronState
    spikes: int
    stepped: bool


class NeuronReference(Reference):
    """What the outputs of a neuron must show, cycle by cycle.

    A reset empties every stage at once; in its cycles nothing that is combinational is compared.
    """

    inputs = ("rst", "enable", "current")

    def __init__(
        self, neuron: NeuronParams, timing: NeuronTiming, shown: Collection[str], *, known: bool
    ) -> None:
        super().__init__(shown, known=known)
        self._neuron, self.timing = neuron, timing
        #: The steps since it was last emptied, where somebody puts a list here.
        self.taken: list[NeuronStep] | None = None
        self._results: deque[_Result] = deque(maxlen=max(1, timing.latency, timing.of_state))
        self.report.fired = [[0]]
        self._reset()

    def _reset(self) -> None:
        initial = _Result(rest(self._neuron), 0, False)
        self._results.extend([initial] * (self._results.maxlen or 1))

    def advance(self, seen: Mapping[str, int], *, known: bool) -> dict[str, Due]:
        timing, neuron = self.timing, self._neuron
        rst, enable = bool(seen["rst"]), bool(seen["enable"])
        if rst and timing.asynchronous_reset:
            self._reset()
        state, last, _ = self._results[-1]
        made = _Result(state, last, False)
        if enable and not rst:
            current = seen["current"] + neuron.bias
            after, spikes = step(neuron, state, current, neuron.v_threshold)
            made = _Result(after, int(spikes), True)
            self.report.steps += 1
            self.report.spikes += made.spikes
            self.report.fired[0][0] += made.spikes
            if self.taken is not None:
                self.taken.append(NeuronStep(state, current, after, made.spikes))
        due: dict[str, Due] = {}
        if timing.latency or not rst:
            result = self._results[-timing.latency] if timing.latency else made
            due["valid"] = int(result.stepped)
            if result.stepped or timing.between == "held":
                due["spike"] = result.spikes if result.stepped or timing.latency else 0
            elif timing.between == "low":
                due["spike"] = 0
        variables = self._results[-timing.of_state].state
        due |= {f"state.{name}": getattr(variables, name) for name in neuron.state_widths}
        if rst:
            self._reset()
        else:
            self._results.append(made)
        return due


# --- event streams ------------------------------------------------------------------------------


def default_patience(network: NetworkParams, parts: CoreMap | None = None) -> int:
    """Cycles in which a core must do something: what the map says, or enough for one that takes
    eight clocks a synapse; and what the adapters take themselves."""
    sizes = [event_source(network).n, *(p.n for p in network.graph.populations)]
    own = 0 if parts is None else held_up(parts, sizes[-1])
    if parts is not None and parts.answer_within is not None:
        return parts.answer_within + own
    pairs = sum(a * b for a, b in pairwise(sizes))
    return 1000 + 8 * (pairs + sum(sizes)) + own


STREAMS = tuple(
    f"events_{side}.{name}"
    for side in ("in", "out")
    for name in ("valid", "ready", "payload.tick", "payload.address")
)


class StreamReference(Reference):
    """The events that a core owes for those that it took in, in order, and how it must hand over.

    Nothing may be offered that is not owed: what answers a TICK comes in its cycle or later. What
    is offered stays until it is taken. Where something is owed and nothing moves for ``patience``
    cycles, something must. A trace shows every state of every neuron once. ``counters``: counter of
    drops or saturations → its width, at which it may saturate.
    """

    inputs = ("rst", *STREAMS, "trace.valid", "trace.index")

    def __init__(
        self, network: NetworkParams, shown: Collection[str], *, known: bool, patience: int,
        counters: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(shown, known=known)
        # Steps come one by one: numpy alone is as fast as compiled code, and starts at once.
        self._golden = Network(network, engine="numpy")
        self._last = network.graph.populations[-1]
        self._names = [each.name for each in network.graph.populations]
        self.report.counts.append([0] * self._last.n)
        self.report.fired = [[0] * each.n for each in network.graph.populations]
        self.owed: deque[int] = deque()
        self._patience, self._counters = patience, counters or {}
        self._traced = StateQueue(self._last.n) if "trace.valid" in shown else None
        #: The steps since it was last emptied, where somebody puts a list here.
        self.taken: list[CoreStep] | None = None
        self._pending: list[int] = []  # events of the step that has not ended
        self._epoch = 0
        self._stalled = False
        self._silent = 0

    def advance(self, seen: Mapping[str, int], *, known: bool) -> dict[str, Due]:
        if seen["rst"] or not known:
            self._reset()
            return {}
        # At rest, every event that came so far has been counted.
        due = self._counted() if not self.owed and not self._pending else {}
        offered, ready, valid, taken_out = (seen[name] for name in (
            "events_in.valid", "events_in.ready", "events_out.valid", "events_out.ready"
        ))  # fmt: skip
        taken, given = bool(offered and ready), bool(valid and taken_out)
        if taken:
            self.report.events_in += 1
            tick, address = seen["events_in.payload.tick"], seen["events_in.payload.address"]
            self._take(TICK if tick else address)
        idle = not self.owed and (not offered or taken)
        self._silent = 0 if taken or valid or idle else self._silent + 1
        stuck = self._silent > self._patience
        due |= dict.fromkeys(BREACHES, 0)
        due["events_in.ready"] = 1 if stuck and not self.owed else KNOWN
        due["events_out.valid"] = 0
        if self.owed:
            due["events_out.valid"] = 1 if self._stalled or stuck else KNOWN
        if valid:
            due["events_out.payload.tick"] = due["events_out.payload.address"] = KNOWN
            if self.owed:
                event = self.owed[0]
                due["events_out.payload.tick"] = int(event == TICK)
                due["events_out.payload.address"] = event
                if event == TICK:  # its address means nothing
                    del due["events_out.payload.address"]
        self._stalled = bool(self.owed and valid and not taken_out)
        if given:
            self._give(seen["events_out.payload.tick"], seen["events_out.payload.address"])
        if self._traced is not None:
            due |= self._trace(self._traced, seen["trace.valid"], seen["trace.index"])
        return due

    def _take(self, event: int) -> None:
        self._pending.append(event)
        if event != TICK:
            return
        golden, name = self._golden, self._last.name
        before = _copied(golden.states[name])
        events, record = np.array(self._pending, dtype=np.int64), Recording(self._names)
        golden.run(events=events, record=record)
        spikes = [record.spikes(each).tolist()[:-1] for each in self._names]  # without its TICK
        for fired, addresses in zip(self.report.fired, spikes, strict=True):
            self.report.spikes += len(addresses)
            for address in addresses:
                fired[address] += 1
        answer = [*spikes[-1], TICK]
        self.owed.extend(answer)
        self.report.steps += 1
        if self.taken is not None:
            self.taken.append(CoreStep(before, self._pending[:-1], answer[:-1], self._epoch))
        self._pending = []
        if self._traced is not None:
            self._traced.push(_copied(golden.states[name]))

    def _give(self, tick: int, address: int) -> None:
        """An event came out, whichever it was."""
        self.report.events_out += 1
        if self.owed:
            self.owed.popleft()
        if not tick and address < self._last.n:
            self.report.counts[-1][address] += 1

    def _counted(self) -> dict[str, Due]:
        golden = self._golden
        totals = {"dropped": sum(golden.dropped.values()), "saturated": sum(golden.saturated)}
        return {name: min(totals[name], (1 << width) - 1) for name, width in self._counters.items()}

    def _trace(self, traced: StateQueue, valid: int, index: int) -> dict[str, Due]:
        if not valid:
            return {"trace.valid": KNOWN}
        state = traced.show(index)
        if state is None:
            return {"trace.valid": 0, "trace.index": KNOWN}
        shown = {f"trace.{name}": int(value) for name, value in state._asdict().items()}
        return {**shown, "trace.valid": KNOWN, "trace.index": KNOWN}

    def _reset(self) -> None:
        self._golden.reset()
        self._epoch += 1
        self.owed.clear()
        self._pending = []
        self._stalled, self._silent = False, 0
        if self._traced is not None:
            self._traced.clear()

    def finish(self) -> list[str]:
        problems = []
        if self.owed:
            problems.append(f"events out: {len(self.owed)} are still owed at the end")
        if self._traced is not None and self._traced.owed:
            problems.append(f"trace: {self._traced.owed} states were never shown")
        return problems


class StateQueue:
    """The golden states of all neurons, step after step, until a trace has shown each once."""

    def __init__(self, n: int) -> None:
        self._steps: deque[tuple[np.ndarray, ...]] = deque()
        self._shown = np.zeros(n, dtype=np.int64)  # steps of each neuron that were shown
        self._first = 0  # the step that the queue begins with

    def push(self, state: NeuronState) -> None:
        """The state after one more step."""
        self._steps.append(tuple(state))

    def clear(self) -> None:
        """A reset: nothing is left to show."""
        self._steps.clear()
        self._shown[:] = self._first = 0

    def show(self, index: int) -> NeuronState | None:
        """The state that a trace of neuron ``index`` must show now; None: it must show none."""
        if not 0 <= index < len(self._shown):
            return None
        at = int(self._shown[index]) - self._first
        if at >= len(self._steps):
            return None
        found = NeuronState(*(int(values[index]) for values in self._steps[at]))
        self._shown[index] += 1
        while self._steps and self._shown.min() > self._first:
            self._steps.popleft()
            self._first += 1
        return found

    @property
    def owed(self) -> int:
        """States that a trace has not shown."""
        return int((self._first + len(self._steps) - self._shown).sum())
