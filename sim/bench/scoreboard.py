"""What was observed against what the models say, block by block, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...cycles.model import CycleInputs, CycleModel
from ...network.events import TICK
from ...network.model import Network
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...rule.step import initial_state, step
from .wrapper import Cycles, Interface

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
HISTORY = 10
#: Stands where the hardware gave an event that the golden network does not owe.
UNEXPECTED = -2


@dataclass(frozen=True)
class Expected:
    """What a signal must show in the cycles ``where`` (all of them if None): one value each.

    ``golden``: so says the golden network, which knows no clock.
    """

    signal: str
    values: npt.NDArray[Any]
    where: Bools | None = None
    golden: bool = False


class Model(Protocol):
    """Says from the inputs of some cycles what the outputs must show."""

    def expect(self, cycles: Cycles) -> Iterable[Expected]: ...


@dataclass
class Report:
    """What a bench saw; written as JSON for the process that started the simulator."""

    cycles: int = 0
    comparisons: int = 0
    mismatches: int = 0
    golden_mismatches: int = 0
    unchecked_cycles: int = 0
    steps: int = 0
    events_in: int = 0
    events_out: int = 0
    spikes: int = 0
    resets: int = 0
    seconds: float = 0.0
    first: dict[str, Any] | None = None
    #: For every presentation (between two resets): output spikes of each neuron.
    counts: list[list[int]] = field(default_factory=list)


#: Is shown every block: the cycle it begins with, what was observed, and what was expected.
Watch = Callable[[int, Cycles, Sequence[Expected]], None]


class Scoreboard:
    """Compares every block of responses with a model; keeps the first difference."""

    def __init__(
        self,
        interface: Interface,
        model: Model,
        report: Report,
        watch: Watch = lambda start, cycles, items: None,
    ) -> None:
        self._interface = interface
        self._model = model
        self._watch = watch
        self.report = report
        self._tail: list[int] = []

    def take(self, words: list[int]) -> bool:
        """Compare a block of consecutive responses; False once something differs."""
        report = self.report
        cycles = self._interface.decode(words)
        checked = np.zeros(len(words), dtype=np.bool_)
        wrong: list[tuple[int, str, int, int]] = []
        items = list(self._model.expect(cycles))
        self._watch(report.cycles, cycles, items)
        for item in items:
            at = np.arange(len(words)) if item.where is None else np.flatnonzero(item.where)
            observed = cycles.take(item.signal, slice(None) if item.where is None else item.where)
            expected = np.asarray(item.values, dtype=np.int64)
            checked[at] = True
            report.comparisons += len(at)
            differ = np.flatnonzero(observed != expected)
            report.mismatches += len(differ)
            report.golden_mismatches += len(differ) * item.golden
            if len(differ):
                k = differ[0]
                wrong.append((int(at[k]), item.signal, int(expected[k]), int(observed[k])))
        report.unchecked_cycles += int(np.count_nonzero(~checked))
        if wrong and report.first is None:
            self._describe(min(wrong), words)
        report.cycles += len(words)
        self._tail = (self._tail + words)[-HISTORY:]
        return not wrong

    def _describe(self, wrong: tuple[int, str, int, int], words: list[int]) -> None:
        at, signal, expected, observed = wrong
        before = (self._tail + words[: at + 1])[-HISTORY - 1 :]
        shown = self._interface.decode(before)
        width = self._interface.response[signal].width
        short = [n for n in self._interface.response if "state[" not in n or n == signal]
        self.report.first = {
            "cycle": self.report.cycles + at,
            "signal": signal,
            "width": width,
            "expected": expected,
            "observed": observed,
            "history": {name: shown[name].tolist() for name in short},
        }


def transfers(cycles: Cycles, side: str) -> tuple[Bools, Ints]:
    """Whether an event passes at ``events_in`` or ``events_out`` in each cycle, and which event
    the payload shows: an address or TICK. Both (cycles,)."""
    passes = (cycles[f"{side}.valid"] & cycles[f"{side}.ready"]) != 0
    tick = cycles[f"{side}.payload.tick"] != 0
    return passes, np.where(tick, TICK, cycles[f"{side}.payload.address"])


class NeuronModel:
    """One registered neuron: what :class:`fxlif.hdl.neuron.LIFNeuron` shows in each cycle."""

    def __init__(self, neuron: NeuronParams, report: Report) -> None:
        self._neuron = neuron
        self._report = report
        self._state = initial_state(neuron, 1)
        self._spike = False
        self._was_reset = False

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        names = list(self._neuron.state_widths)
        rows = []
        for rst, enable, current in zip(
            cycles["rst"], cycles["enable"], cycles["current"], strict=True
        ):
            rows.append([int(getattr(self._state, n)[0]) for n in names] + [int(self._spike)])
            self._report.resets += bool(rst) and not self._was_reset
            self._was_reset = bool(rst)
            if rst:
                self._state, self._spike = initial_state(self._neuron, 1), False
            elif enable:
                self._state, fire = step(
                    self._neuron, self._state, np.array([current]) + self._neuron.bias,
                    self._neuron.v_threshold,
                )  # fmt: skip
                self._spike = bool(fire[0])
                self._report.steps += 1
                self._report.spikes += self._spike
        table = np.array(rows)
        for column, name in enumerate(names):
            yield Expected(f"state.{name}", table[:, column])
        yield Expected("spike", table[:, -1])


class StreamModel:
    """A core or a chain of cores: the cycle model for every output of every cycle, and the golden
    network, which knows no clock, for the events that come out.

    Both are fed with what was observed at the design's inputs.
    """

    def __init__(self, params: CoreParams | NetworkParams, report: Report) -> None:
        chain = isinstance(params, NetworkParams)
        network = params if isinstance(params, NetworkParams) else NetworkParams.chain(params)
        self._suffixes = [f"_{k}" if chain else "" for k in range(len(network.core))]
        self._model = CycleModel(network.core)
        self._golden = Network(network)
        self._report = report
        self._pending: list[Ints] = []  # events of the step that has not ended
        self._owed = np.zeros(0, dtype=np.int64)  # golden events that have not come out
        report.counts.append([0] * network.core[-1].n_neurons)
        self._was_reset = False

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        inputs = CycleInputs(
            rst=cycles["rst"],
            in_valid=cycles["events_in.valid"],
            in_address=cycles["events_in.payload.address"],
            in_tick=cycles["events_in.payload.tick"],
            out_ready=cycles["events_out.ready"],
        )
        made = self._model.run(inputs)
        yield Expected("events_in.ready", made.in_ready)
        yield Expected("events_out.valid", made.out_valid)
        valid = made.out_valid
        yield Expected("events_out.payload.address", made.out_address[valid], valid)
        yield Expected("events_out.payload.tick", made.out_tick[valid], valid)
        for suffix, trace, core in zip(self._suffixes, made.cores, self._model.cores, strict=True):
            self._report.spikes += int(trace.spike.sum())
            yield Expected(f"dropped{suffix}", trace.dropped)
            yield Expected(f"saturated{suffix}", trace.saturated)
            where = trace.valid
            yield Expected(f"trace{suffix}.valid", where)
            yield Expected(f"trace{suffix}.index", trace.index[where], where)
            for lane in range(core.lanes):
                yield Expected(f"trace{suffix}.spike[{lane}]", trace.spike[:, lane], where)
                for name, values in trace.state.items():
                    signal = f"trace{suffix}.state[{lane}].{name}"
                    yield Expected(signal, values[:, lane], where)
        yield from self._events(cycles)

    def _events(self, cycles: Cycles) -> Iterable[Expected]:
        """What was taken in goes through the golden network; what came out must be its answer."""
        rst = cycles["rst"] != 0
        begins = rst & ~np.concatenate([[self._was_reset], rst[:-1]])
        self._was_reset = bool(rst[-1])
        taken, events = transfers(cycles, "events_in")
        taken &= ~rst
        given, outs = transfers(cycles, "events_out")
        self._report.events_in += int(np.count_nonzero(taken))
        self._report.steps += int(np.count_nonzero(events[taken] == TICK))
        self._report.events_out += int(np.count_nonzero(given))
        start = 0
        expected = np.full(len(rst), UNEXPECTED, dtype=np.int64)
        for stop in [*np.flatnonzero(rst), len(rst)]:
            # A cycle with reset still shows what came out in it.
            window = slice(start, min(stop + 1, len(rst)))
            self._segment(events[window][taken[window]], np.flatnonzero(given[window]) + start,
                          outs, expected)  # fmt: skip
            if stop < len(rst):
                self._reset(begins=bool(begins[stop]))
            start = stop + 1
        address = np.where(expected == TICK, 0, expected)
        yield Expected("events_out.payload.address", address[given], given, golden=True)
        yield Expected("events_out.payload.tick", expected[given] == TICK, given, golden=True)

    def _segment(self, events: Ints, given: Ints, outs: Ints, expected: Ints) -> None:
        waiting = np.concatenate([*self._pending, events])
        ends = np.flatnonzero(waiting == TICK)
        done = int(ends[-1]) + 1 if len(ends) else 0
        self._pending = [waiting[done:]]
        self._owed = np.concatenate([self._owed, self._golden.stream(waiting[:done])])
        due = self._owed[: len(given)]
        expected[given[: len(due)]] = due
        self._owed = self._owed[len(given) :]
        counts = self._report.counts[-1]
        for neuron in outs[given]:
            if 0 <= neuron < len(counts):
                counts[neuron] += 1

    def _reset(self, *, begins: bool) -> None:
        self._golden.reset()
        self._pending, self._owed = [], self._owed[:0]
        if begins:
            self._report.resets += 1
            self._report.counts.append([0] * len(self._report.counts[-1]))


def model_of(params: NeuronParams | CoreParams | NetworkParams, report: Report) -> Model:
    """The model of a neuron, a core or a chain of cores."""
    if isinstance(params, NeuronParams):
        return NeuronModel(params, report)
    return StreamModel(params, report)
