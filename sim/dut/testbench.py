"""The testbench of a foreign core: what it is given to check, by which model and stimulus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...params.core import address_bits
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ..bench.agents import Driver, WordDriver
from ..bench.run import Job
from ..bench.scoreboard import Expected, Scoreboard
from ..bench.wrapper import Cycles
from ..report.findings import Bin
from ..stimulus.random import spacing_of
from ..verify import DEFAULT_CYCLES
from .adapters.events import held_up
from .coverage import coverage_of
from .events import StreamEvents
from .map import DutMap
from .reference import NeuronReference, NeuronTiming, StreamReference, default_patience
from .stimulus import ForeignStreamDriver, neuron_words, repacked
from .wrapper import COUNTERS, Wrapped, event_source, wrap_sources

#: The name of the wrapper's file.
WRAPPER = "fxlif_bench.v"


@dataclass(frozen=True, kw_only=True)
class DutJob(Job):
    """What to check: a :class:`~fxlif.sim.bench.run.Job` of a wrapped module, and its map.

    Without ``events`` and ``words`` the stimulus is random for ``cycles`` cycles, and goes on until
    all of it is answered.
    """

    params: NeuronParams | NetworkParams
    interface: Wrapped
    dut_map: DutMap


def dut_job(
    params: NeuronParams | NetworkParams,
    sources: Mapping[str, str],
    *,
    top: str,
    dut_map: DutMap,
    map_file: str = "map",
    two_state: bool = False,
    cycles: int = DEFAULT_CYCLES,
    seed: int = 1,
    events: list[int] | None = None,
) -> DutJob:
    """The job that holds the module ``top`` of ``sources`` (file name → Verilog) against the rule
    ``params``; the rest is as in :class:`DutJob` and :func:`~fxlif.sim.dut.wrapper.wrap_sources`,
    whose errors it raises."""
    wrapped = wrap_sources(
        params, sources, top=top, dut_map=dut_map, map_file=map_file, two_state=two_state
    )
    return DutJob(params=params, interface=wrapped, dut_map=dut_map, cycles=cycles, seed=seed,
                  events=events, sources={**sources, WRAPPER: wrapped.wrapper})  # fmt: skip


class ReferenceModel:
    """A reference and the coverage of its steps, as a model of the scoreboard."""

    def __init__(self, job: DutJob) -> None:
        self.reference = reference_of(job)
        self._outputs = job.interface.compared
        found = coverage_of(job.params, job.dut_map)
        self._coverage = None if isinstance(found, str) else found
        self._taken: list[Any] = []  # NeuronStep or CoreStep, as the coverage takes it
        if self._coverage is not None:
            self.reference.taken = self._taken

    def expect(self, cycles: Cycles) -> Iterable[Expected]:
        """What every output must show, and where it must have no x or z in it."""
        names = [name for name in self.reference.inputs if name in cycles.fields]
        rows = zip(*(cycles[name].tolist() for name in names), strict=True)
        due = [self.reference.clock(dict(zip(names, row, strict=True))) for row in rows]
        if self._coverage is not None:
            self._coverage.take(cycles, self._taken)
            self._taken.clear()
        for name in self._outputs:
            wanted = [row.get(name) for row in due]
            values = [value for value in wanted if isinstance(value, int)]
            yield Expected(name, np.array(values, dtype=np.int64),
                           np.array([isinstance(value, int) for value in wanted]))  # fmt: skip
            known = np.array([value is not None for value in wanted])
            zeros = np.zeros(np.count_nonzero(known), dtype=np.int64)
            yield Expected(f"{name}.unknown", zeros, known)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The coverage; nothing where it is not counted."""
        return self._coverage.bins if self._coverage is not None else ()


class Testbench:
    """What stands around a module, whatever simulates it: driver, reference and scoreboard.

    Attributes:
        first: the stimulus of the first cycle; the driver shows what follows.
        cycles: where to stop a driver that is not done before. Only the stimulus of a neuron has no
            end; a core that is stuck is a mismatch.
    """

    def __init__(self, job: DutJob) -> None:
        self._model = ReferenceModel(job)
        self.report = self._model.reference.report
        self.board = Scoreboard(job.interface, self._model, self.report)
        self.driver = make_driver(job)
        self.first = (job.dut_map.reset is not None) << job.interface.stimulus["rst"].offset
        self.cycles = job.cycles if job.params.kind == "neuron" else 1 << 62
        if job.words is not None:
            self.first, self.cycles = job.words[0], len(job.words)

    def finish(self) -> None:
        """Complete the report when the run is over."""
        if self.report.mismatches == 0:
            self.report.problems = self._model.reference.finish()
        self.report.bins = list(self._model.bins)


def reference_of(job: DutJob) -> NeuronReference | StreamReference:
    """The reference of a job, with the timing of its map."""
    dut_map, shown = job.dut_map, job.interface.compared
    known = dut_map.reset is None
    if isinstance(job.params, NeuronParams):
        return NeuronReference(job.params, timing_of(dut_map), shown, known=known)
    fields = job.interface.response
    return StreamReference(
        job.params, shown, known=known, patience=default_patience(job.params, dut_map.core),
        counters={name: fields[name].width for name in COUNTERS if name in shown},
    )  # fmt: skip


def timing_of(dut_map: DutMap) -> NeuronTiming:
    """When the neuron of a map shows its results."""
    assert dut_map.neuron is not None
    return NeuronTiming(
        asynchronous_reset=dut_map.reset is not None and not dut_map.reset.synchronous,
        **dut_map.neuron.model_dump(include={"latency", "state_latency", "between"}),
    )


def make_driver(job: DutJob) -> Driver:
    """The stimulus of a job."""
    if job.words is not None:
        return WordDriver(job.words[1:])
    has_reset = job.dut_map.reset is not None
    interface = job.interface
    if isinstance(job.params, NeuronParams):
        assert job.dut_map.neuron is not None
        return WordDriver(neuron_words(interface, job.params, job.seed, has_reset=has_reset,
                                       spacing=job.dut_map.neuron.spacing,
                                       unsigned=job.dut_map.neuron.unsigned))  # fmt: skip
    assert job.dut_map.core is not None
    given = interface.stimulus["events_in.payload.address"].width
    drawn = StreamEvents(job.params, job.dut_map.core, given, job.seed)
    events: Iterable[int] = drawn
    if job.events is not None:
        needed = address_bits(event_source(job.params).n)
        if job.params.core:
            needed = job.params.core[0].in_address_bits
        events = repacked(job.events, needed, given)
    return ForeignStreamDriver(
        job.interface, events, cycles=job.cycles, seed=job.seed, has_reset=has_reset,
        reset_spacing=spacing_of(drawn.layer) if has_reset and job.events is None else 0,
        held_up=held_up(job.dut_map.core, job.params.graph.populations[-1].n),
        on_reset=drawn.reset,
    )  # fmt: skip
