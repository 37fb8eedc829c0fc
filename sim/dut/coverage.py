"""Coverage of a foreign core: the bins of the rule itself, which no timing of its own changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...cycles.model import Steps
from ...errors import FxlifError
from ...hdl.limits import chain_of, sums_its_events
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from ..bench.wrapper import Cycles
from ..coverage.bins import BinCounts
from ..coverage.core_bins import StepEvents, event_bins, event_hits, spike_bins
from ..coverage.counters import StepCounter
from ..coverage.coverage import NOT_SHOWN, Coverage
from ..report.findings import Bin
from .core_map import CoreMap
from .reference import CoreStep, NeuronStep

#: What happens only where an input spikes more often in a step than was promised.
BEYOND_PROMISE = (
    "more of an input than max_events_per_input",
    "accumulator saturates up",
    "accumulator saturates down",
)


class NeuronCoverage:
    """The bins of a lone neuron, its enable and its reset."""

    def __init__(self, neuron: NeuronParams) -> None:
        self._coverage, self._threshold = Coverage(neuron), neuron.v_threshold

    def take(self, cycles: Cycles, taken: Sequence[NeuronStep]) -> None:
        """A block of cycles, and the steps that were taken in it."""
        rows = [(*s.before, s.current, *s.after, s.spikes) for s in taken]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 10).T
        self._coverage.take_neuron(cycles["rst"] != 0, cycles["enable"] != 0, Steps(
            before=NeuronState(*table[:4]), current=table[4],
            threshold=np.full(len(rows), self._threshold), after=NeuronState(*table[5:9]),
            fire=table[9] != 0,
        ))  # fmt: skip

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Every bin, with its count."""
        return self._coverage.bins


class CoreCoverage:
    """The bins of a core that its events and states have, without those of fxlif's own control."""

    def __init__(self, core: CoreParams, *, unwanted: Sequence[str] = ()) -> None:
        """``unwanted``: bins of the events that the map keeps out of the stimulus."""
        self._core, self._unwanted = core, unwanted
        self._counts = BinCounts()
        self._steps = StepCounter(self._counts, core.neuron, core.n_neurons)
        self._events = self._counts.declare(event_bins(core))
        self._spikes = self._counts.declare(spike_bins(core))

    def take(self, cycles: Cycles, taken: Sequence[CoreStep]) -> None:
        """The steps of a block of cycles; of one in which an accumulator saturated, its events."""
        if not taken:
            return
        core = self._core
        known = [[a for a in step.events if a < core.n_inputs] for step in taken]
        flat = np.array([a for events in known for a in events], dtype=np.int64)
        window = StepEvents(address=flat, ends=np.cumsum([len(events) for events in known]))
        counts = event_hits(self._counts, self._events, core, window).sum(axis=0)
        for event, count in zip(self._events, counts, strict=True):
            self._counts.add(event, count)
        fire = np.zeros((len(taken), core.n_neurons), dtype=np.bool_)
        sums = np.zeros((len(taken), core.n_neurons), dtype=np.int64)
        for k, step in enumerate(taken):
            fire[k, list(step.fired)] = True
            addresses = np.array(known[k], dtype=np.int64)
            sums[k] = np.bincount(addresses, minlength=core.n_inputs) @ core.weights
        self._counts.count(self._spikes, fire)
        exact = np.array([not step.saturated for step in taken], dtype=np.bool_)
        current = (sums << core.weight_shift) + core.neuron.bias
        columns = zip(*(s.before for s in taken), strict=True)
        self._steps.take(
            NeuronState(*(np.array(column)[exact].ravel() for column in columns)),
            current[exact].ravel(), np.tile(np.array(core.thresholds), int(exact.sum())),
            fire[exact].ravel(), np.array([s.epoch for s in taken], dtype=np.int64)[exact],
        )  # fmt: skip

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Every bin, with its count."""
        return tuple(self._bin(*key) for key in self._counts.hits)

    def _bin(self, group: str, name: str) -> Bin:
        count, why = self._counts.hits[group, name], self._counts.rules[group, name].impossible
        if not count and group == "events" and name in self._unwanted:
            why = "the map keeps it out of the stimulus"
        reachable = True if count else False if why else None
        return Bin(group=group, name=name, count=count, reachable=reachable,
                   why=why or ("" if count else NOT_SHOWN))  # fmt: skip


def coverage_of(
    params: NeuronParams | NetworkParams, parts: CoreMap | None = None
) -> NeuronCoverage | CoreCoverage | str:
    """What counts the coverage of a rule, with the stimulus of a map; or why it is not counted."""
    try:
        if isinstance(params, NeuronParams):
            return NeuronCoverage(params)
        sums_its_events(params, "coverage")
        cores = chain_of(params).core
    except FxlifError as error:
        return str(error).splitlines()[0]
    if len(cores) != 1:
        return f"counted for a single core, not for {len(cores)}"
    kept = parts is not None and not parts.broken_promise
    return CoreCoverage(cores[0], unwanted=BEYOND_PROMISE if kept else ())
