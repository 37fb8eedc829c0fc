"""Coverage of a foreign core: the bins of the rule, of its streams and of its reset.

None of them asks for a timing or a control of the core's own. They are counted in the simulation of
``fxlif verify --dut`` and, of what is then not hit, in its bulk phase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...cycles.model import CycleInputs, CycleOutputs, Steps
from ...errors import FxlifError
from ...hdl.limits import chain_of, sums_its_events, supported
from ...network.events import TICK
from ...params.core import CoreParams
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ...rule.step import NeuronState
from ..bench.wrapper import Cycles
from ..coverage.bins import BinCounts, Bools, Ints, Key
from ..coverage.core_bins import EventCounts, StepEvents, event_bins, event_hits, spike_bins
from ..coverage.counters import NeuronCounter, StepCounter
from ..coverage.coverage import NOT_SHOWN
from ..coverage.cycle_bins import Cycles as StreamCycles
from ..coverage.cycle_bins import stream_bins
from ..report.findings import Bin
from .map import DutMap
from .reference import CoreStep, NeuronStep

#: What happens only where an input spikes more often in a step than was promised.
BEYOND_PROMISE = (
    ("events", "more of an input than max_events_per_input"),
    ("events", "accumulator saturates up"),
    ("events", "accumulator saturates down"),
)
UNKNOWN = ("events_in", "dropped: unknown address")
KEPT_OUT = "the map keeps it out of the stimulus"


class CoreSteps(NamedTuple):
    """Steps of a core: the ``events`` that came, (events,), each step's with its TICK behind them;
    of each neuron the state ``before`` and whether it ``fired``, (steps, n); the ``resets`` that
    came before each step, (steps,)."""

    events: Ints
    before: NeuronState
    fired: Bools
    resets: Ints


class ForeignCoverage(ABC):
    """How often each bin was hit.

    ``hits``: those of an earlier run; then a bin is no longer looked at once it was hit.
    """

    def __init__(self, unwanted: Sequence[Key] = (), hits: Mapping[Key, int] | None = None) -> None:
        self._unwanted, self._once = unwanted, hits is not None
        self._counts = BinCounts(hits=hits)
        self._hits: Mapping[Key, int] = hits or {}
        self.begin()

    def begin(self) -> None:
        """Another run begins, at power-up."""
        self._counts = BinCounts(counts=not self._once, hits=self._hits)
        self._declare(self._counts)
        self._hits = self._counts.hits

    @abstractmethod
    def _declare(self, counts: BinCounts) -> None:
        """Have the bins counted, of a run that has not begun."""

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Every bin, with its count."""
        return tuple(self._bin(key) for key in self._counts.hits)

    def _bin(self, key: Key) -> Bin:
        count = self._counts.hits[key]
        why = "" if count else self._impossible(key)
        reachable = True if count else False if why else None
        return Bin(group=key[0], name=key[1], count=count, reachable=reachable,
                   why=why or ("" if count else NOT_SHOWN))  # fmt: skip

    def _impossible(self, key: Key) -> str:
        """Why a bin cannot be hit; empty where nothing says so."""
        rule = self._counts.rules[key]
        if key in self._unwanted or (key[0], "") in self._unwanted:
            return KEPT_OUT
        needs = rule.needs
        if rule.impossible or needs is None or self._counts.hits[needs]:
            return rule.impossible
        why = self._impossible(needs)
        return why and f"needs {': '.join(needs)}: {why}"


class NeuronCoverage(ForeignCoverage):
    """The bins of a lone neuron, its enable and its reset."""

    def __init__(
        self, neuron: NeuronParams, unwanted: Sequence[Key] = (),
        hits: Mapping[Key, int] | None = None,
    ) -> None:  # fmt: skip
        self._neuron = neuron
        super().__init__(unwanted, hits)

    def _declare(self, counts: BinCounts) -> None:
        self._counter = NeuronCounter(counts, self._neuron)

    def take(self, cycles: Cycles, taken: Sequence[NeuronStep]) -> None:
        """A block of cycles, and the steps that were taken in it."""
        rows = [(*s.before, s.current, *s.after, s.spikes) for s in taken]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 10).T
        self.count(cycles["rst"] != 0, cycles["enable"] != 0, Steps(
            before=NeuronState(*table[:4]), current=table[4],
            threshold=np.full(len(rows), self._neuron.v_threshold),
            after=NeuronState(*table[5:9]), fire=table[9] != 0,
        ))  # fmt: skip

    def count(self, rst: Bools, enable: Bools, steps: Steps) -> None:
        """The same, ``rst`` and ``enable`` (cycles,) and the steps as arrays."""
        self._counter.take(rst, enable, steps)


class CoreCoverage(ForeignCoverage):
    """The bins of a core that its events, states, streams and resets have, without those of a
    control of fxlif's own."""

    def __init__(
        self, core: CoreParams, unwanted: Sequence[Key] = (),
        hits: Mapping[Key, int] | None = None,
    ) -> None:  # fmt: skip
        self._core, self._weights = core, core.weights.astype(np.float64)
        super().__init__(unwanted, hits)

    def _declare(self, counts: BinCounts) -> None:
        core = self._core
        self._steps = StepCounter(counts, core.neuron, core.n_neurons)
        self._events = counts.declare(event_bins(core))
        self._spikes = counts.declare(spike_bins(core))
        self._streams = counts.declare(stream_bins(core, ""))
        self._last: StreamCycles | None = None

    def take(self, cycles: Cycles, taken: Sequence[CoreStep]) -> None:
        """A block of cycles, and the steps whose TICKs were taken in it."""
        n = self._core.n_neurons
        fired = np.zeros((len(taken), n), dtype=np.bool_)
        for k, step in enumerate(taken):
            fired[k, list(step.fired)] = True
        before = [np.array([s.before[k] for s in taken], dtype=np.int64).reshape(-1, n)
                  for k in range(len(NeuronState._fields))]  # fmt: skip
        self.count(cycles, CoreSteps(
            events=np.array([a for s in taken for a in (*s.events, TICK)], dtype=np.int64),
            before=NeuronState(*before), fired=fired,
            resets=np.array([s.epoch for s in taken], dtype=np.int64),
        ))  # fmt: skip

    def count(self, cycles: Cycles, steps: CoreSteps) -> None:
        """The same, the steps as arrays."""
        self._count_streams(cycles)
        if not len(steps.resets):
            return
        core, counts = self._core, self._counts
        ticks = steps.events == TICK
        known = ~ticks & (steps.events < core.n_inputs)
        window = StepEvents(steps.events[known], np.cumsum(known)[ticks])
        for event, hits in zip(
            self._events, event_hits(counts, self._events, core, window).sum(axis=0), strict=True
        ):
            counts.add(event, hits)
        counts.count(self._spikes, steps.fired)
        # What an accumulator does not hold, no sum of the events says.
        seen = EventCounts(core, window, core.weights)
        exact = ~(seen.saturates(0) | seen.saturates(1))
        times = np.zeros((len(exact), core.n_inputs))
        times[seen.step, seen.address] = seen.times
        sums = (times[exact] @ self._weights).astype(np.int64)  # far below 2**53
        current = (sums << core.weight_shift) + core.neuron.bias
        self._steps.take(
            NeuronState(*(column[exact].ravel() for column in steps.before)), current.ravel(),
            np.tile(np.array(core.thresholds), len(sums)), steps.fired[exact].ravel(),
            steps.resets[exact],
        )  # fmt: skip

    def _count_streams(self, cycles: Cycles) -> None:
        """The bins of both streams and of the reset."""
        side = "events_in", "events_out"
        valid, ready, tick, address = (
            [cycles[f"{stream}.{name}"] for stream in side]
            for name in ("valid", "ready", "payload.tick", "payload.address")
        )
        shown = CycleInputs(rst=cycles["rst"], in_valid=valid[0], in_address=address[0],
                            in_tick=tick[0], out_ready=ready[1])  # fmt: skip
        seen = CycleOutputs(in_ready=ready[0] != 0, out_valid=valid[1] != 0,
                            out_address=address[1], out_tick=tick[1] != 0, cores=[])  # fmt: skip
        self._last = StreamCycles(shown, seen, self._last)
        self._counts.count(self._streams, self._last)


def coverage_of(
    params: NeuronParams | NetworkParams, dut_map: DutMap, hits: Mapping[Key, int] | None = None
) -> NeuronCoverage | CoreCoverage | str:
    """What counts the coverage of a rule, with the stimulus of a map; or why it is not counted.

    ``hits`` as in :class:`ForeignCoverage`.
    """
    try:
        sums_its_events(params, "coverage")
        if isinstance(params, NeuronParams):
            supported(params)
        cores = chain_of(params).core if isinstance(params, NetworkParams) else ()
    except FxlifError as error:
        return str(error).splitlines()[0]
    unwanted: list[Key] = []
    if dut_map.reset is None or dut_map.reset.once:
        unwanted.append(("reset", ""))
    if isinstance(params, NeuronParams):
        return NeuronCoverage(params, unwanted, hits)
    if len(cores) != 1:
        return f"counted for a single core, not for {len(cores)}"
    assert dut_map.core is not None
    unwanted += BEYOND_PROMISE if not dut_map.core.broken_promise else ()
    unwanted += () if dut_map.core.unknown_addresses else (UNKNOWN,)
    return CoreCoverage(cores[0], unwanted, hits)
