"""The golden network: populations joined by projections, step by step in exact integers.

:class:`Network` holds the state and carries out the steps with numpy, one pure rule after the
other; :mod:`fxlif.compiled.network_run` does the same, bit for bit, in compiled code.
"""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..cycles.latency import COUNTER_BITS
from ..engines import choose_engine, choose_threads
from ..errors import FxlifError
from ..files import whole_file
from ..params.core import CoreParams
from ..params.network import (
    EventSource,
    NetworkParams,
    PoissonSource,
    Population,
    Projection,
    RegularSource,
    Source,
)
from ..params.neuron import MAX_CURRENT_BITS
from ..params.quantise import accumulator_bits, signed_range
from ..rule import arithmetic
from ..rule.lfsr import draws
from ..rule.step import NeuronState, initial_state, step
from . import sources
from .events import TICK, Events, check, split_steps
from .recording import Recording
from .synapses import Synapses
from .topology import synapses_of

Ints = npt.NDArray[np.int64]

#: A run is cut into chunks of about so many neuron-steps: what a recording holds in memory, and
#: how long Ctrl-C waits.
CHUNK_WORK = 1 << 24
MAX_CHUNK_STEPS = 1 << 14


@dataclass(frozen=True, eq=False)
class PlacedProjection:
    """A projection that is ready to run.

    Where ``bits`` is given, spikes may break the promise on how many there are: its weights are
    summed apart, on an accumulator of so many bits that saturates with every addition.
    """

    projection: Projection
    synapses: Synapses
    bits: int | None

    @property
    def depth(self) -> int:
        """Steps that a spike may have to wait, and the one that is being summed."""
        return self.synapses.max_delay + 1


@dataclass
class NetworkState:
    """All that a network remembers between two steps.

    ``neurons``: by population, the state of its neurons. ``pending``: by population, (depth, n)
    int64, what is still to arrive, row t % depth for step t. ``sums``: the same for each projection
    with an accumulator of its own. ``lfsr``: by population, the state of its random numbers.
    """

    step: int
    neurons: dict[str, NeuronState]
    pending: dict[str, Ints]
    sums: dict[int, Ints]
    lfsr: dict[str, int]
    dropped: dict[str, int]
    saturated: list[int]


@dataclass
class ExternalInput:
    """What comes from outside in a run: per event source its steps' addresses and how many unknown
    ones each step had, per population its external current, (1, n) for a constant one or
    (steps, n)."""

    events: dict[str, list[Ints]] = field(default_factory=dict)
    unknown: dict[str, list[int]] = field(default_factory=dict)
    currents: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


@contextmanager
def _late_interrupts() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until the given function is called, or the block ends: a network never stands
    within a step, nor beside its recording."""
    mine = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if mine else None
    if not callable(before):
        yield lambda: None
        return
    came: list[tuple[int, Any]] = []

    def look() -> None:
        if came:
            before(*came.pop())

    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)
    look()


class Engine(Protocol):
    """Carries out steps on a network's state, which is up to date after :meth:`close`."""

    def advance(self, start: int, steps: int, recording: Recording) -> None: ...
    def close(self) -> None: ...


class Network:
    """A network that runs; ``engine`` is ``numpy``, ``compiled`` or, the default, ``auto``.

    Raises:
        FxlifError: synapses whose sums could leave 48 bits, or an engine that is not there.
    """

    def __init__(self, params: NetworkParams, *, engine: str = "auto") -> None:
        self.params = params
        self.graph = params.graph
        self.engine = choose_engine(engine)
        sizes = self.graph.sizes
        self.projections = [self._place(projection, sizes) for projection in self.graph.projections]
        self.thresholds = {
            p.name: np.array(p.v_thresholds or (p.neuron.v_threshold,) * p.n, dtype=np.int64)
            for p in self.graph.populations
        }
        #: By population: lowest and highest sum of all its synapses in one step.
        self.synaptic_ranges = {p.name: self._range(p) for p in self.graph.populations}
        self._plan: Any = None
        self.reset()

    def _place(self, projection: Projection, sizes: Mapping[str, int]) -> PlacedProjection:
        synapses = synapses_of(projection, sizes[projection.source], sizes[projection.target])
        source = next((s for s in self.graph.sources if s.name == projection.source), None)
        if not isinstance(source, EventSource):
            return PlacedProjection(projection, synapses, None)
        target = next(p for p in self.graph.populations if p.name == projection.target)
        bits = accumulator_bits(
            *synapses.weight_bounds(), events=source.max_events_per_input,
            weight_bits=target.neuron.weight_bits,
        )  # fmt: skip
        return PlacedProjection(projection, synapses, bits)

    def _range(self, population: Population) -> tuple[int, int]:
        low = high = 0
        for k, link in enumerate(self.projections):
            if link.projection.target != population.name:
                continue
            ends = link.synapses.weight_bounds() if link.bits is None else signed_range(link.bits)
            low += ends[0] << link.projection.weight_shift
            high += ends[1] << link.projection.weight_shift
            allowed = signed_range(MAX_CURRENT_BITS)
            if low < allowed[0] or high > allowed[1]:
                raise FxlifError(
                    f"projection[{k}]: found a current of {low}..{high} into {population.name}, "
                    f"allowed {allowed[0]}..{allowed[1]} ({MAX_CURRENT_BITS} bits)"
                )
        return low, high

    def reset(self) -> None:
        """Back to step 0: the initial state, no spike under way, counters at 0."""
        depths = {p.name: 1 for p in self.graph.populations}
        for link in self.projections:
            if link.bits is None:
                name = link.projection.target
                depths[name] = max(depths[name], link.depth)
        populations = self.graph.populations
        self.state = NetworkState(
            step=0,
            neurons={p.name: initial_state(p.neuron, p.n) for p in populations},
            pending={p.name: np.zeros((depths[p.name], p.n), np.int64) for p in populations},
            sums={
                k: np.zeros((link.depth, link.synapses.n_post), np.int64)
                for k, link in enumerate(self.projections)
                if link.bits is not None
            },
            lfsr={p.name: p.neuron.lfsr.seed for p in populations},
            dropped={s.name: 0 for s in self.graph.sources if isinstance(s, EventSource)},
            saturated=[0] * len(self.projections),
        )

    # --- what a user looks at -------------------------------------------------------------------

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
        """The synapses of a projection, by its index."""
        return self.projections[projection].synapses

    # --- running --------------------------------------------------------------------------------

    def run(
        self,
        steps: int | None = None,
        *,
        events: Mapping[str, npt.ArrayLike] | npt.ArrayLike | None = None,
        currents: Mapping[str, npt.ArrayLike] | None = None,
        record: Recording | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Recording:
        """Advance by ``steps``, or by the steps of the given events.

        Args:
            steps: how many; may be left out where events are given.
            events: by event source, an event stream with as many TICKs; or the stream itself where
                there is one event source. Events after the last TICK have no effect.
            currents: by population, an external current: integers (), (n,) or (steps, n).
            record: what to record; left out, the spikes of every population, in memory.
            threads: 1..256, or None for as many as pay. The results do not depend on it.
            progress: called with (steps done, steps in all) after each chunk.

        Returns:
            ``record``. After an interrupt it holds the steps up to the interrupt, and the
            network stands behind them.

        Raises:
            FxlifError: names that are not there, wrong shapes, no integers, currents that could
                leave 48 bits, another number of steps in events than ``steps``.
        """
        drive, steps = self._drive(steps, events, currents)
        record = record if record is not None else Recording()
        record.begin(
            self.graph.sizes, {p.name: dict(p.neuron.ranges) for p in self.graph.populations}
        )
        neurons = sum(self.graph.sizes.values())
        chunk = max(1, min(CHUNK_WORK // neurons, MAX_CHUNK_STEPS))
        with (
            _late_interrupts() as look,
            self._engine(drive, choose_threads(threads, neurons)) as engine,
        ):
            for start in range(0, steps, chunk):
                count = min(chunk, steps - start)
                engine.advance(start, count, record)
                self._drop(drive, start, count)
                record.flush()
                if progress is not None:
                    progress(start + count, steps)
                look()
        return record

    def stream(
        self, events: npt.ArrayLike, progress: Callable[[int, int], None] | None = None
    ) -> Events:
        """An event stream into the one event source, the last population's events out.

        One TICK comes out for each TICK; spikes after the last TICK belong to a step that never
        ends and have no effect.
        """
        last = self.graph.populations[-1].name
        record = self.run(events=events, record=Recording(spikes=(last,)), progress=progress)
        return record.spikes(last)

    @contextmanager
    def _engine(self, drive: ExternalInput, threads: int) -> Iterator[Engine]:
        engine: Engine
        if self.engine == "numpy":
            engine = _Numpy(self, drive)
        else:
            from ..compiled.network_run import CompiledRun
            from ..compiled.plan import ExecutionPlan

            if self._plan is None or self._plan.threads != threads:
                self._plan = ExecutionPlan(self, threads)
            engine = CompiledRun(self, self._plan, drive)
        try:
            yield engine
        finally:
            engine.close()

    def _drive(
        self,
        steps: int | None,
        events: Mapping[str, npt.ArrayLike] | npt.ArrayLike | None,
        currents: Mapping[str, npt.ArrayLike] | None,
    ) -> tuple[ExternalInput, int]:
        if steps is not None and (
            isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0
        ):
            raise FxlifError(f"steps: found {steps!r}, allowed a number of steps, 0 or more")
        drive = ExternalInput()
        inputs = {s.name: s for s in self.graph.sources if isinstance(s, EventSource)}
        if events is not None and not isinstance(events, Mapping):
            if len(inputs) != 1:
                raise FxlifError(
                    f"events: found a stream for {len(inputs)} event sources, "
                    "allowed a stream for each, by name"
                )
            events = {next(iter(inputs)): events}
        for name, stream in (events or {}).items():
            if name not in inputs:
                raise FxlifError(f"events: found {name!r}, allowed {', '.join(inputs) or 'none'}")
            try:
                taken = split_steps(check(stream))
            except FxlifError as error:
                raise FxlifError(f"events[{name!r}]: {error}") from None
            steps = len(taken) if steps is None else int(steps)
            if len(taken) != steps:
                raise FxlifError(f"events[{name!r}]: found {len(taken)} steps, allowed {steps}")
            known = [addresses[addresses < inputs[name].n] for addresses in taken]
            drive.events[name] = known
            drive.unknown[name] = [len(a) - len(b) for a, b in zip(taken, known, strict=True)]
        if steps is None:
            raise FxlifError("steps: found neither steps nor events, allowed one of them")
        for name, values in (currents or {}).items():
            drive.currents[name] = self._current(name, values, steps)
        return drive, int(steps)

    def _drop(self, drive: ExternalInput, start: int, count: int) -> None:
        dropped = self.state.dropped
        for name, unknown in drive.unknown.items():
            lost = sum(unknown[start : start + count])
            dropped[name] = (dropped[name] + lost) % (1 << COUNTER_BITS)

    def _current(self, name: str, values: npt.ArrayLike, steps: int) -> npt.NDArray[Any]:
        population = next((p for p in self.graph.populations if p.name == name), None)
        if population is None:
            names = ", ".join(p.name for p in self.graph.populations)
            raise FxlifError(f"currents: found {name!r}, allowed {names}")
        key, n = f"currents[{name!r}]", population.n
        try:
            array = np.asarray(values)
        except ValueError:
            raise FxlifError(f"{key}: found rows of different lengths") from None
        if array.dtype.kind not in "biu":
            raise FxlifError(f"{key}: found dtype {array.dtype}, allowed integers")
        if array.shape not in ((), (n,), (steps, n)):
            raise FxlifError(
                f"{key}: found shape {array.shape}, allowed (), ({n},) or ({steps}, {n})"
            )
        limit = signed_range(MAX_CURRENT_BITS)
        low, high = self.synaptic_ranges[name]
        low, high = limit[0] - low, limit[1] - high
        for found in (int(array.min()), int(array.max())) if array.size else ():
            if not low <= found <= high:
                raise FxlifError(f"{key}: found {found}, allowed {low}..{high}")
        if not array.size:  # no steps
            return np.zeros((1, n), np.int64)
        return array if array.ndim == 2 else np.broadcast_to(array, (1, n))

    # --- saving ---------------------------------------------------------------------------------

    def digest(self) -> str:
        """BLAKE2b, hexadecimal, of all that decides what this network does, drawn synapses too."""
        digest = hashlib.blake2b(digest_size=32)
        for part in (*self.graph.sources, *self.graph.populations):
            digest.update(part.canonical().encode())
        for link in self.projections:
            ends = [link.projection.source, link.projection.target, link.projection.weight_shift]
            digest.update(json.dumps(ends).encode() + link.synapses.digest().encode())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the state to an .npz file, whole or not at all; :meth:`restore` goes on from it.

        Raises:
            FxlifError: another suffix, or a file that cannot be written.
        """
        path = _npz(path)
        state = self.state
        about = {
            "format": STATE_FORMAT, "digest": self.digest(), "step": state.step,
            "lfsr": state.lfsr, "dropped": state.dropped, "saturated": state.saturated,
        }  # fmt: skip
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"about": np.array(json.dumps(about)), **_arrays(state)}
        np.savez(buffer, **arrays)
        with whole_file(path) as temporary:
            temporary.write_bytes(buffer.getvalue())

    def restore(self, path: str | Path) -> None:
        """Go on from a state that :meth:`save` wrote, to the same bits.

        Raises:
            FxlifError: a file that is missing or broken, or the state of another design.
        """
        path = _npz(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
            about = json.loads(str(found.pop("about")))
            form, digest = about["format"], about["digest"]
        except FileNotFoundError:
            raise FxlifError(f"{path}: no such file, allowed: what save() wrote") from None
        except Exception as error:  # whatever numpy, zipfile and json make of a broken file
            raise FxlifError(f"{path}: not a saved state ({error})") from None
        if form != STATE_FORMAT:
            raise FxlifError(f"{path}: found format {form!r}, allowed {STATE_FORMAT}")
        mine = self.digest()
        if digest != mine:
            raise FxlifError(
                f"{path}: found the state of another design ({str(digest)[:12]}), "
                f"allowed of this one ({mine[:12]})"
            )
        expected = _arrays(self.state)
        if {k: (v.shape, v.dtype) for k, v in found.items()} != {
            k: (v.shape, v.dtype) for k, v in expected.items()
        }:
            raise FxlifError(f"{path}: not a saved state (arrays of other names or shapes)")
        self.state = NetworkState(
            step=about["step"],
            neurons={
                name: NeuronState(*(found[f"{name}.{field}"] for field in NeuronState._fields))
                for name in self.state.neurons
            },
            pending={name: found[f"{name}.pending"] for name in self.state.pending},
            sums={k: found[f"projection_{k}.sums"] for k in self.state.sums},
            lfsr=about["lfsr"],
            dropped=about["dropped"],
            saturated=about["saturated"],
        )


class Core:
    """The golden core: takes the events of a step, gives the neurons that spike.

    It is the network of one core; see :class:`Network`.
    """

    def __init__(self, params: CoreParams, *, engine: str = "numpy") -> None:
        self.params = params
        self.network = Network(NetworkParams.chain(params), engine=engine)

    def reset(self) -> None:
        """Back to the initial state; the counters to 0."""
        self.network.reset()

    @property
    def state(self) -> NeuronState:
        """The state after the last step: arrays (n_neurons,) int64."""
        return next(iter(self.network.states.values()))

    @property
    def dropped(self) -> int:
        """Events with an address outside the inputs, modulo 2**32 as in hardware."""
        return next(iter(self.network.dropped.values()))

    @property
    def saturated(self) -> int:
        """Additions to an accumulator that did not fit, modulo 2**32 as in hardware."""
        return self.network.saturated[0]

    def step(self, addresses: npt.ArrayLike) -> Ints:
        """One step: input addresses in arrival order, (events,), give the neurons that spike in
        ascending order, (spikes,) int64."""
        return self.network.stream(np.append(np.asarray(addresses, np.int64), TICK))[:-1]


STATE_FORMAT = "fxlif state 1"


def _npz(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix != ".npz":
        raise FxlifError(f"{path}: found suffix {path.suffix!r}, allowed .npz")
    return path


def _arrays(state: NetworkState) -> dict[str, Ints]:
    arrays = {
        f"{name}.{variable}": np.asarray(values)
        for name, neurons in state.neurons.items()
        for variable, values in neurons._asdict().items()
    }
    arrays |= {f"{name}.pending": values for name, values in state.pending.items()}
    return arrays | {f"projection_{k}.sums": values for k, values in state.sums.items()}


# --- the reference ------------------------------------------------------------------------------


class _Numpy:
    """The steps in numpy: meant to be read."""

    def __init__(self, network: Network, drive: ExternalInput) -> None:
        self._network, self._drive = network, drive
        self._phases = {
            s.name: sources.phases(s) for s in network.graph.sources if isinstance(s, RegularSource)
        }

    def advance(self, start: int, steps: int, recording: Recording) -> None:
        spikes: dict[str, list[Ints]] = {name: [] for name in recording.wanted_spikes}
        watched: list[tuple[str, str, Ints, list[Ints]]] = [
            (p, v, neurons, []) for p, v, neurons in recording.wanted_states
        ]
        tick = np.array([TICK])
        for row in range(start, start + steps):
            fired = self._step(row)
            for name, taken in spikes.items():
                taken += [fired[name], tick]
            for population, variable, neurons, rows in watched:
                rows.append(getattr(self._network.states[population], variable)[neurons])
        for name, taken in spikes.items():
            recording.add_spikes(name, np.concatenate(taken))
        for population, variable, _, rows in watched:
            recording.add_states(population, variable, np.array(rows))

    def close(self) -> None:
        pass

    def _step(self, row: int) -> dict[str, Ints]:
        """One step, the ``row``-th of this run: who spikes, by source and population."""
        network, state = self._network, self._network.state
        fired: dict[str, Ints] = {}
        for source in network.graph.sources:
            fired[source.name] = self._spikes_of(source, row)
            self._deliver(source.name, fired[source.name])
        populations = {p.name: p for p in network.graph.populations}
        for name in network.graph.order:
            neuron = populations[name].neuron
            random: Any = 0
            if neuron.random_bits:
                random, state.lfsr[name] = draws(neuron.lfsr, state.lfsr[name], populations[name].n)
            state.neurons[name], fire = step(
                neuron, state.neurons[name], self._current(name, row) + neuron.bias,
                network.thresholds[name], random,
            )  # fmt: skip
            fired[name] = np.flatnonzero(fire)
            self._deliver(name, fired[name])
        state.step += 1
        return fired

    def _spikes_of(self, source: Source, row: int) -> Ints:
        now = self._network.step_count
        if isinstance(source, PoissonSource):
            return sources.poisson(source, now)
        if isinstance(source, RegularSource):
            return np.flatnonzero(now % source.interval == self._phases[source.name])
        given = self._drive.events.get(source.name)
        return given[row] if given else np.zeros(0, np.int64)

    def _current(self, name: str, row: int) -> Ints:
        """What arrives at a population in this step, which is then no longer pending."""
        state = self._network.state
        pending = state.pending[name]
        slot = state.step % len(pending)
        current: Ints = pending[slot].copy()
        pending[slot] = 0
        for k, sums in state.sums.items():
            projection = self._network.projections[k].projection
            if projection.target == name:
                slot = state.step % len(sums)
                current += arithmetic.synaptic_current(sums[slot], projection.weight_shift, 0)
                sums[slot] = 0
        external = self._drive.currents.get(name)
        if external is not None:
            current += external[row if len(external) > 1 else 0].astype(np.int64)
        return current

    def _deliver(self, source: str, spikes: Ints) -> None:
        for k, link in enumerate(self._network.projections):
            if link.projection.source != source:
                continue
            if link.bits is None:
                self._add(link, spikes)
            else:
                self._accumulate(k, link, link.bits, spikes)

    def _add(self, link: PlacedProjection, spikes: Ints) -> None:
        """The weights of all spikes at once: their sum is exact in every order."""
        state, synapses = self._network.state, link.synapses
        pending = state.pending[link.projection.target]
        first, last = synapses.indptr[spikes], synapses.indptr[spikes + 1]
        entries = np.concatenate(
            [np.arange(a, b) for a, b in zip(first, last, strict=True)] or [np.zeros(0, np.int64)]
        )
        slots = (state.step + _of(synapses.delays, entries)) % len(pending)
        weights = _of(synapses.weights, entries)
        np.add.at(
            pending, (slots, synapses.targets[entries]),
            arithmetic.synaptic_current(weights, link.projection.weight_shift, 0),
        )  # fmt: skip

    def _accumulate(self, k: int, link: PlacedProjection, bits: int, spikes: Ints) -> None:
        """Event after event, in arrival order, on an accumulator that saturates."""
        state, synapses = self._network.state, link.synapses
        sums = state.sums[k]
        for spike in spikes:
            entries = np.arange(synapses.indptr[spike], synapses.indptr[spike + 1])
            place = (
                (state.step + _of(synapses.delays, entries)) % len(sums),
                synapses.targets[entries],
            )
            sums[place], clipped = arithmetic.accumulate(
                sums[place], _of(synapses.weights, entries), bits
            )
            state.saturated[k] = (state.saturated[k] + int(clipped.sum())) % (1 << COUNTER_BITS)


def _of(values: npt.NDArray[Any] | int, entries: Ints) -> Ints:
    """The values of some synapses, where one may stand for all; delays as int64."""
    taken = np.empty(entries.shape, np.int64)
    taken[:] = values if isinstance(values, int) else values[entries]
    return taken
