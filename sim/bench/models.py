"""What the outputs of a design must show, worked out from what its inputs were seen to show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...cycles.access import access_inputs, access_outputs
from ...cycles.latency import AnyCore
from ...cycles.model import CycleInputs
from ...cycles.row_model import model_of as cycle_model_of
from ...cycles.shown import CoreTrace, CycleOutputs
from ...cycles.signals import ANSWERED, INPUT_PORTS, OUTPUT_PORTS
from ...network.events import TICK
from ...params.neuron import NeuronParams
from ...params.protocol import AnyCores, AnyParams
from ...rule import lfsr
from ...rule.step import initial_state, step
from .golden import GoldenStream
from .scoreboard import Expected, Model, Report
from .wrapper import Cycles
from .writes import GoldenWrites

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
#: Stands where the hardware gave an event that the golden network did not send.
UNEXPECTED = -2


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
        report.fired = [[0]]
        self._state = initial_state(neuron, 1)
        self._spikes = 0
        self._draw = neuron.lfsr.seed
        self._was_reset = False

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        return self.run(cycles["rst"], cycles["enable"], cycles["current"])

    def run(self, rst: Ints, enable: Ints, current: Ints) -> Iterator[Expected]:
        """What the outputs show under these inputs, (cycles,) each."""
        names = list(self._neuron.state_widths)
        rows = []
        for reset, enabled, added in zip(rst, enable, current, strict=True):
            rows.append([int(getattr(self._state, n)[0]) for n in names] + [self._spikes])
            self._report.resets += bool(reset) and not self._was_reset
            self._was_reset = bool(reset)
            if reset:
                self._state, self._spikes = initial_state(self._neuron, 1), 0
                self._draw = self._neuron.lfsr.seed
            elif enabled:
                self._state, spikes = step(
                    self._neuron, self._state, np.array([added]) + self._neuron.bias,
                    self._neuron.v_threshold, self._draw,
                )  # fmt: skip
                self._draw = lfsr.shift(self._neuron.lfsr, self._draw)
                self._spikes = int(spikes[0])
                self._report.steps += 1
                self._report.spikes += self._spikes
                self._report.fired[0][0] += self._spikes
        table = np.array(rows, dtype=np.int64)
        for column, name in enumerate([*(f"state.{name}" for name in names), "spike"]):
            yield Expected(name, table[:, column])


def expected_of_cores(params: AnyCores, made: CycleOutputs) -> Iterator[Expected]:
    """What every output of a core or a network shows, by its cycle model."""
    valid = made.out_valid
    for field, port in OUTPUT_PORTS.items():
        values = getattr(made, field)
        where = valid if port.startswith("events_out.payload") else None
        yield Expected(port, values if where is None else values[where], where)
    cores: Sequence[AnyCore] = params.cores
    for field, port in access_outputs(cores).items():
        where = made.answer_valid if field in ANSWERED else None
        values = getattr(made, field)
        yield Expected(port, values if where is None else values[where], where)
    for signals, trace, core in zip(params.signals, made.cores, cores, strict=True):
        yield Expected(signals.dropped, trace.dropped)
        yield Expected(signals.saturated, trace.saturated)
        where = trace.valid
        yield Expected(signals.trace_valid, where)
        yield Expected(signals.trace_index, trace.index[where], where)
        for lane in range(core.lanes):
            yield Expected(signals.trace_spike(lane), trace.spike[:, lane], where)
            for name, values in trace.state.items():
                yield Expected(signals.trace_state(lane, name), values[:, lane], where)


def _count(fired: list[int], trace: CoreTrace, lanes: int) -> None:
    """Add the spikes that a trace shows to those of each neuron."""
    rows, lane = np.nonzero(trace.spike)
    neurons = trace.index[trace.valid != 0][rows] * lanes + lane
    for neuron, spikes in zip(neurons.tolist(), trace.spike[rows, lane].tolist(), strict=True):
        fired[neuron] += spikes


class Offers:
    """What a stream's outputs owe by themselves: an event that was offered and not taken is offered
    again, whatever a model says, which might withdraw it as the hardware does."""

    def __init__(self) -> None:
        self._last: tuple[int, int, int] = (0, 0, 0)  # of the cycle before: waits, address, tick

    def held(self, cycles: Cycles, made: CycleOutputs) -> CycleOutputs:
        """The outputs that a model has ``made`` for ``cycles``, with the events that must stay."""
        shown = [cycles[port] for port in ("events_out.payload.address", "events_out.payload.tick")]
        waits = (cycles["events_out.valid"] != 0) & (cycles["events_out.ready"] == 0)
        waits &= cycles["rst"] == 0
        before = [np.concatenate([[last], now[:-1]])
                  for last, now in zip(self._last, (waits, *shown), strict=True)]  # fmt: skip
        self._last = int(waits[-1]), int(shown[0][-1]), int(shown[1][-1])
        # In a cycle of reset nothing is promised.
        held = (before[0] != 0) & (cycles["rst"] == 0)
        return replace(
            made, out_valid=made.out_valid | held,
            out_address=np.where(held, before[1], made.out_address),
            out_tick=np.where(held, before[2] != 0, made.out_tick),
        )  # fmt: skip


class StreamModel:
    """A core or a network: the cycle model for every output of every cycle, and the golden
    network, which knows no clock, for the events that come out.

    Both are fed with what was observed at the design's inputs.
    """

    def __init__(self, params: AnyCores, report: Report) -> None:
        self._params = params
        self._model = cycle_model_of(params)
        self._writable = any(core.writable for core in params.cores)
        self._access = access_inputs(params.cores)
        # To write changes what is compiled: numpy is faster.
        self._golden = GoldenStream(params, engine="numpy" if self._writable else "auto")
        self._writes = GoldenWrites(params, self._golden)
        self._report = report
        self._pending: list[Ints] = []  # events of the step that has not ended
        self._due = np.zeros(0, dtype=np.int64)  # golden events that have not come out
        report.counts.append([0] * params.n_outputs)
        report.fired = [[0] * core.n_neurons for core in params.cores]
        self._was_reset = False
        self._offers = Offers()
        self._golden.stream(self._due)  # no events: loads what is compiled before a clock starts

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        shown = {field: cycles[port] for field, port in INPUT_PORTS.items()}
        shown |= {field: cycles[port] for field, port in self._access.items()}
        made = self._offers.held(cycles, self._model.run(CycleInputs(**shown)))
        cores: Sequence[AnyCore] = self._params.cores
        for core, trace, fired in zip(cores, made.cores, self._report.fired, strict=True):
            self._report.spikes += int(trace.spike.sum())
            _count(fired, trace, core.lanes)
        self._report.reads += int(made.answer_valid.sum())
        yield from expected_of_cores(self._params, made)
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
            if self._writable:
                self._report.writes += self._writes.take(cycles, window)
            self._segment(events[window][taken[window]], np.flatnonzero(given[window]) + start,
                          outs, expected)  # fmt: skip
            if stop < len(rst):
                self._reset(begins=bool(begins[stop]))
            start = stop + 1
        address = np.where(expected == TICK, 0, expected)
        yield Expected("events_out.payload.address", address[given], given, golden=True)
        yield Expected("events_out.payload.tick", expected[given] == TICK, given, golden=True)

    def _segment(self, events: Ints, given: Ints, outs: Ints, expected: Ints) -> None:
        if self._writable:
            self._writes.feed(events)
            now = self._writes.give(len(given))
        else:
            waiting = np.concatenate([*self._pending, events])
            ends = np.flatnonzero(waiting == TICK)
            done = int(ends[-1]) + 1 if len(ends) else 0
            self._due = np.concatenate([self._due, self._golden.stream(waiting[:done])])
            self._pending = [waiting[done:]]
            now, self._due = self._due[: len(given)], self._due[len(given) :]
        expected[given[: len(now)]] = now
        counts = self._report.counts[-1]
        for neuron in outs[given]:
            if 0 <= neuron < len(counts):
                counts[neuron] += 1

    def _reset(self, *, begins: bool) -> None:
        self._writes.reset()
        self._golden.reset()
        self._pending, self._due = [], self._due[:0]
        if begins:
            self._report.resets += 1
            self._report.counts.append([0] * len(self._report.counts[-1]))


def model_of(params: AnyParams, report: Report) -> Model:
    """The model of a neuron, a core or a network."""
    if isinstance(params, NeuronParams):
        return NeuronModel(params, report)
    return StreamModel(params, report)
