"""Reference models of foreign cores: the golden results in the core's own time, cycle by cycle.

They know no simulator. :mod:`fxlif.sim.dut.check` offers them to a cocotb test, and
:mod:`fxlif.sim.dut.scoreboard` to the scoreboard.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from ...network.events import TICK
from ...network.model import Network
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState, step
from .map import CoreMap
from .wrapper import event_source


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
    fire: bool


class CoreStep(NamedTuple):
    """A step of a core: states (n,), the addresses that came, those that fired, whether an
    accumulator saturated, and how many resets came before."""

    before: NeuronState
    events: list[int]
    after: NeuronState
    fired: list[int]
    saturated: bool
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


class _Result(NamedTuple):
    """What a clock edge made: the state, the spike of the last step, whether it took a step."""

    state: NeuronState
    spike: bool
    stepped: bool


class NeuronReference:
    """What the outputs of a neuron must show, cycle by cycle.

    A reset empties every stage at once; in its cycles nothing that is combinational is compared.
    """

    def __init__(self, neuron: NeuronParams, timing: NeuronTiming) -> None:
        self.neuron, self.timing = neuron, timing
        self.names = ("spike", "valid", *(f"state.{name}" for name in neuron.state_widths))
        self.steps = self.spikes = 0
        #: The steps since it was last emptied, where somebody puts a list here.
        self.taken: list[NeuronStep] | None = None
        self._results: deque[_Result] = deque(maxlen=max(1, timing.latency, timing.of_state))
        self._reset()

    def _reset(self) -> None:
        initial = _Result(rest(self.neuron), False, False)
        self._results.extend([initial] * (self._results.maxlen or 1))

    def clock(self, rst: int, enable: int, current: int) -> tuple[int | None, ...]:
        """What each of :attr:`names` must show in a cycle with these inputs; None: anything."""
        timing = self.timing
        if rst and timing.asynchronous_reset:
            self._reset()
        last = self._results[-1]
        state = last.state
        fire = False
        if enable and not rst:
            neuron = self.neuron
            after, fire = step(neuron, state, current + neuron.bias, neuron.v_threshold)
            fire = bool(fire)
        spike: int | None
        if timing.latency == 0:
            stepped, spike = bool(enable), int(fire)
        else:
            result = self._results[-timing.latency]
            stepped, spike = result.stepped, int(result.spike)
        valid: int | None = int(stepped)
        if timing.between != "held" and not stepped:
            spike = 0 if timing.between == "low" else None
        if rst and timing.latency == 0:
            spike = valid = None
        variables = self._results[-timing.of_state].state
        shown = tuple(getattr(variables, name) for name in self.neuron.state_widths)
        if rst:
            self._reset()
        elif enable:
            self.steps += 1
            self.spikes += fire
            if self.taken is not None:
                self.taken.append(NeuronStep(state, current + self.neuron.bias, after, fire))
            self._results.append(_Result(after, fire, True))
        else:
            self._results.append(_Result(state, last.spike, False))
        return spike, valid, *shown


# --- event streams ------------------------------------------------------------------------------


class Due(NamedTuple):
    """What the outputs of a core must show in a cycle; None: anything.

    ``event`` is an address or TICK, to be shown wherever valid is high.
    """

    ready: int | None
    valid: int | None
    event: int | None


def default_patience(network: NetworkParams, parts: CoreMap | None = None) -> int:
    """Cycles in which a core must do something: what the map says, or enough for one that takes
    eight clocks a synapse."""
    if parts is not None and parts.answer_within is not None:
        return parts.answer_within
    sizes = [event_source(network).n, *(p.n for p in network.graph.populations)]
    pairs = sum(a * b for a, b in pairwise(sizes))
    return 1000 + 8 * (pairs + sum(sizes))


class StreamReference:
    """The events that a core owes for those that it took in, in order, and how it must hand over.

    Nothing may be offered that is not owed: what answers a TICK comes in its cycle or later. What
    is offered stays until it is taken. Where something is owed and nothing moves for ``patience``
    cycles, something must. ``states`` keeps the golden states for a trace.
    """

    def __init__(self, network: NetworkParams, *, patience: int, states: bool = False) -> None:
        # Steps come one by one: numpy alone is as fast as compiled code, and starts at once.
        self.golden = Network(network, engine="numpy")
        self._last = network.graph.populations[-1]
        self.owed: deque[int] = deque()
        self.patience = patience
        self.traced = StateQueue(self._last.n) if states else None
        self.steps = self.spikes = 0
        #: The steps since it was last emptied, where somebody puts a list here.
        self.taken: list[CoreStep] | None = None
        self._pending: list[int] = []  # events of the step that has not ended
        self._epoch = 0
        self._stalled = False
        self._silent = 0

    def clock(
        self, rst: int, *, offered: int | None, ready: int, out_valid: int, out_ready: int
    ) -> Due:
        """What is due in a cycle with these inputs, and with this ``ready`` and ``out_valid``.

        ``offered``: the event (an address or TICK) that is offered to the core, None for none.
        """
        if rst:
            self._reset()
            return Due(None, None, None)
        taken = offered is not None and bool(ready)
        if taken:
            assert offered is not None
            self._take(offered)
        owed, given = self.owed, bool(out_valid and out_ready)
        idle = not owed and (offered is None or taken)
        if taken or given or out_valid or idle:
            self._silent = 0
        else:
            self._silent += 1
        stuck = self._silent > self.patience
        due = Due(
            ready=1 if stuck and not owed else None,
            valid=(1 if self._stalled or stuck else None) if owed else 0,
            event=owed[0] if owed else None,
        )
        self._stalled = bool(owed and out_valid and not out_ready)
        if owed and given:
            owed.popleft()
        return due

    @property
    def at_rest(self) -> bool:
        """Whether every event that was taken in is answered."""
        return not self.owed and not self._pending

    def _take(self, event: int) -> None:
        self._pending.append(event)
        if event == TICK:
            golden, name = self.golden, self._last.name
            before, saturated = _copied(golden.states[name]), sum(golden.saturated)
            answer = golden.stream(np.array(self._pending, dtype=np.int64)).tolist()
            after = _copied(golden.states[name])
            self.owed.extend(answer)
            self.steps += 1
            self.spikes += len(answer) - 1
            if self.taken is not None:
                self.taken.append(CoreStep(
                    before, self._pending[:-1], after, answer[:-1],
                    sum(golden.saturated) != saturated, self._epoch,
                ))  # fmt: skip
            self._pending = []
            if self.traced is not None:
                self.traced.push(after)

    def _reset(self) -> None:
        self.golden.reset()
        self._epoch += 1
        self.owed.clear()
        self._pending = []
        self._stalled, self._silent = False, 0
        if self.traced is not None:
            self.traced.clear()


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
