"""The golden network: populations joined by projections, step by step in exact integers.

:class:`Network` holds the parts and the state of a network; an engine carries out the steps on it:
:mod:`fxlif.network.numpy_engine` one pure rule after the other, :mod:`fxlif.compiled` in compiled
code, bit for bit the same.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy.typing as npt

from ..arrays import count_of, integer, of_type
from ..cycles.latency import COUNTER_BITS
from ..engines import choose_engine, choose_threads
from ..errors import FxlifError, short
from ..notebook import html_table
from ..params.network import NetworkParams
from ..progress import late_interrupts
from ..rule.step import NeuronState
from .events import Events
from .external_input import ExternalInput, GivenEvents, external_input
from .numpy_engine import Engine, NumpyEngine
from .projections import placed, synaptic_range, table_rows
from .recording import Recording
from .state import (
    NetworkState,
    acting,
    first_state,
    first_thresholds,
    read_state,
    with_registers_of,
    write_state,
    written,
)
from .stepper import NumpySteps, StepEngine, Stepper
from .synapses import Synapses
from .writes import NO_ROOM, Change, GivenWrites, applied, changes_of, resolved, stretches

if TYPE_CHECKING:
    from ..batch.recording import BatchRecording
    from ..compiled.plan import ExecutionPlan

#: A run is cut into chunks of about so many neuron-steps: what a recording holds in memory, and
#: how long Ctrl-C waits.
CHUNK_WORK = 1 << 24
MAX_CHUNK_STEPS = 1 << 14


class Network:
    """A network that runs; ``engine`` is ``numpy``, ``compiled`` or, the default, ``auto``.

    ``params`` may be the name of a design file.

    Raises:
        FxlifError: synapses whose sums could leave 48 bits, or an engine that is not there.

    Example:
        >>> from fxlif import AllToAll, EventSource, Population, Projection
        >>> network = Network(NetworkParams(
        ...     source=[EventSource("touch", 2)],
        ...     population=[Population("skin", 3)],
        ...     projection=[Projection("touch", "skin", AllToAll(64), delay=1)],
        ... ))
        >>> record = network.run(events=[0, -1, -1])  # a spike in the first of two steps
        >>> record.counts("skin")
        array([1, 1, 1])
    """

    def __init__(
        self, params: NetworkParams | str | os.PathLike[str], *, engine: str = "auto"
    ) -> None:
        if isinstance(params, str | os.PathLike):
            from ..params.design import load  # which reads TOML: 10 ms that others need not wait

            params = load(params)
        allowed = "NetworkParams, or the name of a design file"
        self.params = of_type("params", params, NetworkParams, allowed)
        self.graph = params.graph
        self.engine = choose_engine(engine)
        self.projections = placed(self.graph)
        self.thresholds = {p.name: first_thresholds(p) for p in self.graph.populations}
        #: By population: lowest and highest sum of all its synapses in one step.
        self.synaptic_ranges = {
            p.name: synaptic_range(p, self.projections) for p in self.graph.populations
        }
        self._plan: Any = None
        self._grouped: Any = None
        self._batch_plan: ExecutionPlan | None = None
        self._stepper: Stepper | None = None
        self.reset()

    def reset(self) -> None:
        """Back to step 0: the initial state, no spike under way, counters at 0.

        Raises:
            FxlifError: within the block of a stepper.
        """
        self.state = first_state(self.graph, self.projections)

    @property
    def state(self) -> NetworkState:
        """All that it remembers between two steps."""
        self._catch_up()
        return self._state

    @state.setter
    def state(self, state: NetworkState) -> None:
        self._no_stepper()
        self._state = state

    def _catch_up(self) -> None:
        """Stand where an open stepper is, with what was written in it."""
        if self._stepper is not None:
            self._stepper.sync()

    def _no_stepper(self) -> None:
        if self._stepper is not None:
            raise FxlifError("network: a stepper is open: end its block first", key="network")

    # --- what a user looks at -------------------------------------------------------------------
    def __repr__(self) -> str:
        parts = (
            count_of(sum(p.n for p in self.graph.populations), "neuron"),
            count_of(len(self.graph.populations), "population"),
            count_of(sum(each.synapses.count for each in self.projections), "synapse"),
        )
        return f"<Network {self.params.name}: {', '.join(parts)}, at step {self.step_count}>"

    def _repr_html_(self) -> str:
        self._catch_up()
        rows = table_rows(self.graph, self.projections)
        return html_table(repr(self), ("part", "neurons, synapses", "parameters"), rows)

    @property
    def step_count(self) -> int:
        """Steps since the last reset."""
        return self.state.step

    @property
    def states(self) -> Mapping[str, NeuronState]:
        """By population, the state after the last step: arrays (n,) int64."""
        return self.state.neurons

    @property
    def dropped(self) -> dict[str, int]:
        """By event source, events with an address beyond it, modulo 2**32."""
        return self.state.dropped

    @property
    def saturated(self) -> list[int]:
        """By projection, additions to its accumulator that did not fit, modulo 2**32."""
        return self.state.saturated

    def synapses(self, projection: int) -> Synapses:
        """The synapses of a projection, by its index; FxlifError where there is none."""
        last = len(self.projections) - 1
        if last < 0:
            raise FxlifError.must_be("projection", "of a network that has projections", projection)
        at = integer("projection", projection, 0, last, what="the index of a projection, ")
        self._catch_up()
        return self.projections[at].synapses

    def item(self, item: int) -> Network:
        """A network that does what item ``item`` of a batch does, from the present state on.

        Its parameters and registers have the seeds of :mod:`fxlif.batch.items`, its synapses are
        those of this network; whatever one of the two does then leaves the other as it is.

        Raises:
            FxlifError: an item outside 0..2**31 - 1.
        """
        from ..batch.items import item_registers_of, of_item

        made = copy.copy(self)
        made.params = of_item(self.params, item)
        made.graph = with_registers_of(self.graph, made.params.graph)
        made.state = copy.deepcopy(self.state)
        made.state.lfsr |= item_registers_of(self.graph, self.state.lfsr, item)
        made._plan = made._batch_plan = None
        return made

    def write(self, population: str | int, parameter: str, value: int, at: Any = None) -> None:
        """Write a parameter before the next step; it stays over a reset (docs/rule.md#written).

        Args:
            population: its name; of a weight the index of a projection, or the target's name.
            parameter: of those that can be ``writable``; ``weights`` only where they are.
            at: the neuron, where each has its own threshold; of a weight (pre, post).

        Raises:
            FxlifError: a name, a value or a neuron that is not there; the block of a stepper.
        """
        self._no_stepper()
        applied(self, [resolved(self, population, parameter, value, at)])
        self._plan = self._batch_plan = None

    # --- running --------------------------------------------------------------------------------

    @overload
    def run(
        self,
        steps: int | None = None,
        *,
        events: GivenEvents = None,
        currents: Mapping[str, npt.ArrayLike] | None = None,
        record: Recording | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        writes: GivenWrites = None,
        batch: None = None,
    ) -> Recording: ...

    @overload
    def run(
        self,
        steps: int | None = None,
        *,
        events: Any = None,
        currents: Mapping[str, npt.ArrayLike] | None = None,
        record: Recording | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        writes: GivenWrites = None,
        batch: int | Sequence[int],
    ) -> BatchRecording: ...

    def run(
        self,
        steps: int | None = None,
        *,
        events: Any = None,
        currents: Mapping[str, npt.ArrayLike] | None = None,
        record: Recording | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        writes: GivenWrites = None,
        batch: int | Sequence[int] | None = None,
    ) -> Recording | BatchRecording:
        """Advance by ``steps``, or by the steps of the given events.

        Args:
            steps: how many; may be left out where events are given.
            events: by event source, an event stream with as many TICKs; or the stream itself where
                there is one event source. Events after the last TICK have no effect.
            currents: by population, an external current: integers (), (n,) or (steps, n).
            record: what to record; left out, the spikes of every population, in memory.
            threads: 1..256, or None for as many as pay. The results do not depend on it.
            progress: called with (steps done, steps in all) after each chunk.
            writes: what is written between steps, (step, population, parameter, value, at) each as
                for :meth:`write`, in the order of their steps, 0..steps - 1 of this run. It acts
                from that step on; of what is ``writable``.
            batch: how many items, or the numbers of the items: independent runs of this network,
                bit for bit those of :meth:`item`. All start from the present state, which stays as
                it is. ``events`` may then be one stream for all, a list with one for each, or an
                array (batch, steps, n) of how often each input spikes; ``currents`` may be
                (batch, steps, n), with 1 in place of any of them; ``writes`` are those of each, one
                item after the other. What is recorded is in memory.

        Returns:
            ``record``. After an interrupt it holds the steps up to the interrupt, and the
            network stands behind them. With ``batch`` a
            :class:`~fxlif.batch.recording.BatchRecording` of what ``record`` names.

        Raises:
            FxlifError: names that are not there, wrong shapes, no integers, currents that could
                leave 48 bits, another number of steps in events than ``steps``; a write that
                cannot be; a batch that does not fit into memory; within the block of a stepper.
        """
        self._no_stepper()
        record = Recording() if record is None else record
        of_type("record", record, Recording, f"a Recording, as in Recording([{self._last!r}])")
        if progress is not None and not callable(progress):
            allowed = "a function of (steps done, steps in all), or None"
            raise FxlifError.must_be("progress", allowed, progress, found=short(progress))
        if batch is not None:
            from ..batch.run import run_batch

            return run_batch(
                self, batch, steps, events, currents, record, threads, progress, CHUNK_WORK, writes
            )
        given = external_input(self.graph, steps, events, currents, self.synaptic_ranges)
        changes = changes_of(self, writes, given.steps)
        record.must_fit(self.graph.sizes, self.graph.ranges, given.steps)
        record.begin(self.graph.sizes, self.graph.ranges)
        neurons = sum(self.graph.sizes.values())
        chunk = max(1, min(CHUNK_WORK // neurons, MAX_CHUNK_STEPS))
        with (
            late_interrupts() as look,
            self._engine(given, choose_threads(threads, neurons), changes) as engine,
        ):
            for start in range(0, given.steps, chunk):
                count = min(chunk, given.steps - start)
                for first, end, here in stretches(changes, start, start + count):
                    engine.write(here)
                    engine.advance(first, end - first, record)
                self.count_dropped(given, start, count)
                record.flush()
                if progress is not None:
                    progress(start + count, given.steps)
                look()
        return record

    @contextmanager
    def stepper(self, *, threads: int | None = None) -> Iterator[Stepper]:
        """Single steps for a closed loop: ``with network.stepper() as step: spikes = step()``.

        What :meth:`run` works out anew in each call is kept until the block ends; the bits are the
        same. Within the block :attr:`states`, :meth:`save` and all else that only looks see the
        network behind the last step; what would change it (:meth:`run`, :meth:`reset`,
        :meth:`restore`, another stepper) is refused.

        Args:
            threads: as :meth:`run`.

        Raises:
            FxlifError: another number of threads; a stepper is open already.
        """
        self._no_stepper()
        engine = self._step_engine(choose_threads(threads, sum(self.graph.sizes.values())))
        stepper = self._stepper = Stepper(self, engine)
        try:
            yield stepper
        finally:
            with late_interrupts():
                self._stepper = None
                stepper.close()
                if stepper.has_written:
                    self._plan = self._batch_plan = None

    def stream(
        self, events: npt.ArrayLike, progress: Callable[[int, int], None] | None = None
    ) -> Events:
        """An event stream into the one event source, the last population's events out.

        One TICK comes out for each TICK; spikes after the last TICK belong to a step that never
        ends and have no effect.
        """
        record = self.run(events=events, record=Recording([self._last]), progress=progress)
        return record.spikes(self._last)

    @property
    def _last(self) -> str:
        return self.graph.populations[-1].name

    @contextmanager
    def _engine(
        self, given: ExternalInput, threads: int, changes: Sequence[Change]
    ) -> Iterator[Engine]:
        engine: Engine
        if self.engine == "numpy":
            engine = NumpyEngine(self, given)
        else:
            from ..compiled.grouping import GroupedRun

            engine = GroupedRun(*self._compiled(threads, changes), given)
        try:
            yield engine
        finally:
            engine.close()
            if changes:
                self._plan = self._batch_plan = None

    @property
    def batch_plan(self) -> ExecutionPlan:
        """The tables with which compiled code runs batches, one item in a thread."""
        from ..compiled.plan import ExecutionPlan

        if self._batch_plan is None:
            self._batch_plan = ExecutionPlan(self, 1)
        return self._batch_plan

    def _step_engine(self, threads: int) -> StepEngine:
        if self.engine == "numpy":
            return NumpySteps(self)
        from ..compiled.stepping import CompiledSteps

        return CompiledSteps(self, *self._compiled(threads))

    def _compiled(self, threads: int, changes: Sequence[Change] = ()) -> tuple[Any, Any]:
        """What stays the same from run to run in compiled code; of one run alone where something
        is written in it."""
        from ..compiled.grouping import GroupedNetwork
        from ..compiled.plan import ExecutionPlan

        if changes:
            grouped = GroupedNetwork(self, NO_ROOM.grown(self, changes))
            return grouped, ExecutionPlan(grouped, threads, grouped.room)
        if self._plan is None or self._plan.threads != threads:
            self._grouped = GroupedNetwork(self)
            self._plan = ExecutionPlan(self._grouped, threads)
        return self._grouped, self._plan

    def count_dropped(self, given: ExternalInput, start: int, count: int) -> None:
        """Count the unknown addresses of some steps of an input."""
        dropped = self.state.dropped
        for name, unknown in given.unknown.items():
            lost = sum(unknown[start : start + count])
            dropped[name] = (dropped[name] + lost) % (1 << COUNTER_BITS)

    # --- saving ---------------------------------------------------------------------------------

    def digest(self) -> str:
        """BLAKE2b, hexadecimal, of all that decides what this network does, drawn synapses too."""
        self._catch_up()
        digest = hashlib.blake2b(digest_size=32)
        for part in acting(self.graph):
            digest.update(part.canonical().encode())
        for name, values in written(self.graph, self.thresholds).items():
            digest.update(name.encode() + values.tobytes())
        for placed_ in self.projections:
            projection = placed_.projection
            ends = [projection.source, projection.target, projection.weight_shift]
            digest.update(json.dumps(ends).encode() + placed_.synapses.digest().encode())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the state to an .npz file, whole or not at all; :meth:`restore` goes on from it.

        Raises:
            FxlifError: another suffix, or a file that cannot be written.
        """
        write_state(path, self.state, self.digest())

    def restore(self, path: str | Path) -> None:
        """Go on from a state that :meth:`save` wrote, to the same bits.

        Raises:
            FxlifError: a file that is missing or broken, or the state of another design.
        """
        self.state = read_state(path, self.state, self.digest())
