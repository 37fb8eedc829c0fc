"""What the scoreboard expects of a foreign core: the reference models, in blocks of cycles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...network.events import TICK
from ..bench.scoreboard import Expected, Model, Report
from ..bench.wrapper import Cycles
from ..report.findings import Bin
from .coverage import CoreCoverage, NeuronCoverage, coverage_of
from .map import CoreMap
from .reference import CoreStep, NeuronReference, NeuronStep, StreamReference
from .wrapper import Wrapped

Bools = npt.NDArray[np.bool_]


@dataclass
class DutReport(Report):
    """As :class:`~fxlif.sim.bench.scoreboard.Report`; more is known of a core that is checked port
    by port.

    ``signals``: comparisons and mismatches of each. ``excused``: cycles in which, by the map, no
    output means anything. ``problems``: what was wrong at the end of the run, a line each.
    ``bins``: the coverage, as the fields of :class:`~fxlif.sim.report.findings.Bin`.
    """

    signals: dict[str, list[int]] = field(default_factory=dict)
    excused: int = 0
    problems: list[str] = field(default_factory=list)
    bins: list[dict[str, Any]] = field(default_factory=list)


class DutModel(Model, Protocol):
    """A model that can also say what is still wrong when the run is over."""

    def finish(self) -> list[str]:
        """What is wrong at the end, a line each."""

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The coverage of the rule; nothing where it is not counted."""


class _Columns:
    """Rows of expected values, one per cycle, None for "anything", as expectations."""

    def __init__(self, names: Iterable[str]) -> None:
        self._values: dict[str, list[int]] = {name: [] for name in names}
        self._where: dict[str, list[bool]] = {name: [] for name in self._values}

    def add(self, name: str, value: int | None) -> None:
        self._values[name].append(0 if value is None else value)
        self._where[name].append(value is not None)

    def expected(self, unknown: bool = True) -> Iterator[Expected]:
        """The expectations, and that no compared value is unknown."""
        for name, values in self._values.items():
            where = np.array(self._where[name], dtype=np.bool_)
            yield Expected(name, np.array(values, dtype=np.int64)[where], where)
            if unknown:
                count = int(np.count_nonzero(where))
                yield Expected(f"{name}.unknown", np.zeros(count, dtype=np.int64), where)


class NeuronModel(DutModel):
    """One neuron: every mapped output, in every cycle in which it means something."""

    def __init__(
        self, oracle: NeuronReference, wrapped: Wrapped, report: DutReport, *, known: bool
    ) -> None:
        self._oracle, self._report, self._known = oracle, report, known
        self._names = wrapped.compared
        self._was_reset = False
        found = coverage_of(oracle.neuron)
        self._coverage = found if isinstance(found, NeuronCoverage) else None
        self._taken: list[NeuronStep] = []
        oracle.taken = self._taken

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        columns = _Columns(self._names)
        oracle, report = self._oracle, self._report
        inputs = (cycles[name].tolist() for name in ("rst", "enable", "current"))
        for rst, enable, current in zip(*inputs, strict=True):
            due = dict(zip(oracle.names, oracle.clock(rst, enable, current), strict=True))
            for name in self._names:
                columns.add(name, due[name] if self._known else None)
            if not self._known or all(due[name] is None for name in self._names):
                report.excused += 1
            report.resets += bool(rst and not self._was_reset)
            self._known |= bool(rst)
            self._was_reset = bool(rst)
        report.steps, report.spikes = oracle.steps, oracle.spikes
        if self._coverage is not None:
            self._coverage.take(cycles["rst"] != 0, cycles["enable"] != 0, self._taken)
        self._taken.clear()
        yield from columns.expected()

    def finish(self) -> list[str]:
        return []

    @property
    def bins(self) -> tuple[Bin, ...]:
        return self._coverage.bins if self._coverage is not None else ()


class StreamModel(DutModel):
    """A core: its events in order, the handshake, and the states that a trace shows."""

    def __init__(
        self, oracle: StreamReference, wrapped: Wrapped, report: DutReport, parts: CoreMap, *,
        known: bool,
    ) -> None:  # fmt: skip
        self._oracle, self._report, self._known = oracle, report, known
        self._was_reset = False
        self._has = set(wrapped.interface.response)
        self._wrapped = wrapped
        self._states = [name for name in wrapped.compared if name.startswith("trace.")
                        and name not in ("trace.valid", "trace.index")]  # fmt: skip
        self._counters = [name for name in ("dropped", "saturated") if name in self._has]
        report.counts.append([0] * oracle.golden.graph.populations[-1].n)
        found = coverage_of(oracle.golden.params, parts)
        self._coverage = found if isinstance(found, CoreCoverage) else None
        self._taken: list[CoreStep] = []
        oracle.taken = self._taken

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        names = ["events_out.valid", "events_out.payload.tick", "events_out.payload.address"]
        names += [name for name in ("events_in.ready",) if f"{name}.unknown" in self._has]
        columns = _Columns(names)
        self._trace = _Columns(["trace.valid", *self._states])
        self._totals = _Columns(self._counters)
        self._run(cycles, columns)
        live = np.array(self._live, dtype=np.bool_)
        count = int(np.count_nonzero(live))
        yield from columns.expected(unknown=False)
        zeros = np.zeros(count, dtype=np.int64)
        for name in names:
            # What hands over is known in every cycle, a payload where it is offered.
            payload = ".payload." in name
            where = live & (cycles["events_out.valid"] != 0) if payload else live
            yield Expected(f"{name}.unknown", zeros[: np.count_nonzero(where)], where)
        if "events_out.both" in self._has:
            yield Expected("events_out.both", zeros, live)
        yield from self._totals.expected()
        if self._oracle.traced is not None:
            yield Expected("trace.valid.unknown", zeros, live)
            where = live & (cycles["trace.valid"] != 0)
            yield Expected("trace.index.unknown", zeros[: np.count_nonzero(where)], where)
            yield from self._trace.expected()

    def _run(self, cycles: Cycles, columns: _Columns) -> None:
        oracle, report, has = self._oracle, self._report, self._has
        self._live: list[bool] = []
        signals = ["rst", "events_in.valid", "events_in.ready", "events_in.payload.tick",
                   "events_in.payload.address", "events_out.valid", "events_out.ready",
                   "events_out.payload.tick", "events_out.payload.address"]  # fmt: skip
        columns_in = [cycles[name].tolist() for name in signals]
        shown = [cycles[name].tolist() if name in has else [0] * len(columns_in[0])
                 for name in ("trace.valid", "trace.index")]  # fmt: skip
        for row in zip(*columns_in, *shown, strict=True):
            rst, valid, ready, tick, address, out_valid, out_ready, out_tick, out_address = row[:9]
            self._known |= bool(rst)
            live = self._known and not rst
            self._live.append(live)
            report.excused += not live
            report.resets += bool(rst and not self._was_reset)
            if rst and not self._was_reset:
                report.counts.append([0] * len(report.counts[-1]))
            self._was_reset = bool(rst)
            # At rest, every event that came so far has been counted.
            self._count(quiet=live and oracle.at_rest)
            offered = (TICK if tick else address) if valid else None
            due = oracle.clock(
                0 if live else 1, offered=offered, ready=ready, out_valid=out_valid,
                out_ready=out_ready,
            )  # fmt: skip
            columns.add("events_out.valid", due.valid)
            event = due.event if out_valid and due.valid != 0 else None
            columns.add("events_out.payload.tick", None if event is None else int(event == TICK))
            columns.add("events_out.payload.address", None if event == TICK else event)
            if "events_in.ready.unknown" in has:
                columns.add("events_in.ready", due.ready)
            if live:
                report.events_in += bool(offered is not None and ready)
                if out_valid and out_ready:
                    report.events_out += 1
                    counts = report.counts[-1]
                    if not out_tick and out_address < len(counts):
                        counts[out_address] += 1
            self._add_trace(live and bool(row[9]), row[10])
        report.steps, report.spikes = oracle.steps, oracle.spikes
        if self._coverage is not None:
            self._coverage.take(self._taken)
        self._taken.clear()

    def _count(self, *, quiet: bool) -> None:
        golden = self._oracle.golden
        for name in self._counters:
            total = sum(golden.dropped.values()) if name == "dropped" else sum(golden.saturated)
            most = (1 << self._wrapped.interface.response[name].width) - 1
            self._totals.add(name, min(total, most) if quiet else None)

    def _add_trace(self, valid: bool, index: int) -> None:
        queue = self._oracle.traced
        if queue is None:
            return
        state = queue.show(index) if valid else None
        self._trace.add("trace.valid", 0 if valid and state is None else None)
        for name in self._states:
            variable = name.removeprefix("trace.")
            self._trace.add(name, None if state is None else int(getattr(state, variable)))

    def finish(self) -> list[str]:
        oracle = self._oracle
        problems = []
        if oracle.owed:
            problems.append(f"events out: {len(oracle.owed)} are owed at the end, allowed none")
        if oracle.traced is not None and oracle.traced.owed:
            problems.append(f"trace: {oracle.traced.owed} states were never shown, allowed none")
        return problems

    @property
    def bins(self) -> tuple[Bin, ...]:
        return self._coverage.bins if self._coverage is not None else ()


class SignalCounts(Model):
    """Counts comparisons and mismatches of each signal on their way to the scoreboard."""

    def __init__(self, model: Model, report: DutReport) -> None:
        self._model, self._report = model, report

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        for item in self._model.expect(cycles):
            where = slice(None) if item.where is None else item.where
            found = cycles.take(item.signal, where)
            wrong = int(np.count_nonzero(found != np.asarray(item.values, dtype=np.int64)))
            tally = self._report.signals.setdefault(item.signal.removesuffix(".unknown"), [0, 0])
            tally[0] += len(found)
            tally[1] += wrong
            yield item
