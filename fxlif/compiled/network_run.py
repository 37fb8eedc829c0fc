"""A network's steps in compiled code, on the state of :class:`fxlif.network.model.Network`.

One compiled function carries out many steps of a whole network
(:mod:`fxlif.compiled.network_loop`): it calls the compiled step of each population
(:mod:`fxlif.compiled.neuron_step`), lists who spikes, and adds up the rows of their synapses.
Threads meet once per level of the order of populations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..cycles.latency import COUNTER_BITS
from ..network.events import TICK
from ..params.quantise import signed_bits, signed_range
from ..params.sources import EventSource
from ..rule.lfsr import columns, jump
from ..rule.written import with_register
from .network_loop import run_steps
from .network_tables import GIVEN, NONE, PART, RUN, WATCH, WATCHED, set_fields
from .neuron_step import Part, acts_before, address, element, received, set_argument, step_loop
from .plan import ExecutionPlan

if TYPE_CHECKING:
    from ..network.external_input import ExternalInput
    from ..network.writes import Change
    from .expressions import CompiledLoop
    from .protocols import Emulated, Taken

Ints = npt.NDArray[np.int64]


def _listed(spikes: Ints) -> Ints:
    """Ascending spikes as the entries of a list (:data:`~fxlif.compiled.network_tables.SHARE`)."""
    neurons, times = np.unique(spikes, return_counts=True)
    return np.column_stack([neurons, -times]).ravel()[
        np.column_stack([times > 0, times > 1]).ravel()
    ]


def repeated(entries: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
    """What :func:`_listed` was given; TICKs stay."""
    again = np.flatnonzero(entries < TICK)
    times = np.ones(len(entries), np.int64)
    times[again - 1], times[again] = -entries[again], 0
    return np.repeat(entries, times)


class CompiledRun:
    """The engine of one run: the network's state in narrow arrays, until it is closed."""

    def __init__(self, network: Emulated, plan: ExecutionPlan, external: ExternalInput) -> None:
        self._network, self._plan, self._external = network, plan, external
        # As words: numpy copies records within records field by field, which takes 35 us.
        self._parts = plan.parts.view(np.int64).copy().view(PART)
        self._shares = plan.shares.copy()
        self._receivers = plan.receivers.copy() if len(plan.receivers) else plan.receivers
        self._part = {name: self._parts[place] for name, place in plan.places.items()}
        state = network.state
        self._populations = {p.name: p for p in network.graph.populations}
        # What the compiled code reads or calls by address must live as long as it does.
        self._loops: list[CompiledLoop] = []
        #: External currents that change from step to step, (steps, n).
        self._changing: dict[str, npt.NDArray[Any]] = {}
        #: By population, the type of its external currents, and their ends.
        self._drives: dict[str, tuple[np.dtype[Any] | None, tuple[int, int]]] = {}
        self._held: dict[tuple[str, str], npt.NDArray[Any]] = {}
        self._spikes = np.zeros(plan.neurons, np.uint8)
        self._limits = {name: self._limit(name) for name in self._populations}
        ends = [end for limits in self._limits.values() for end in limits]
        kind = np.dtype(np.int64) if len(plan.receivers) else element(min(ends), max(ends))
        self._pending = np.zeros((plan.depth, plan.width), kind)
        for name, pending in state.pending.items():
            mine = self._pending_of(name)
            for own, shared in self._rows_of(name, len(pending)):
                mine[shared] = pending[own]
        self._random = np.zeros(plan.neurons, np.int64)
        self._sums = np.zeros(plan.n_sums, np.int64)
        for k, projection in enumerate(plan.first_projections):
            if projection in state.sums:
                self._sums_of(k)[:] = state.sums[projection].ravel()
        self._lists = np.zeros(plan.list_places, np.int32)
        for name, past in state.history.items():
            if self._part[name]["kind"] == GIVEN:
                continue
            for t, spikes in enumerate(past, network.step_count - len(past)):
                for found, first, last in self._lists_of(name, t):
                    entries = _listed(spikes[(spikes >= first) & (spikes < last)])
                    found[0], found[1 : 1 + len(entries)] = len(entries), entries
        for name in self._populations:
            self._prepare_population(name)
        self._saturated = np.zeros((plan.threads, len(plan.links)), np.int64)
        self._out = np.zeros(0, np.int32)
        self._pool = ThreadPoolExecutor(plan.threads - 1) if plan.threads > 1 else None
        self._run = np.zeros(1, RUN)
        set_fields(
            self._run[0],
            done=network.step_count,
            depth=plan.depth,
            width=plan.width,
            meetings=self._address("", "meetings", np.zeros(16, np.int64)),
            spikes=address(self._spikes),
            lists=address(self._lists),
            saturated=address(self._saturated),
        )

    def _keep(self, name: str, what: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A contiguous array, which is kept until the part has another one for ``what``."""
        values = np.ascontiguousarray(values)
        self._held[name, what] = values
        return values

    def _address(self, name: str, what: str, values: npt.NDArray[Any]) -> int:
        """The address of an array that is kept."""
        return address(self._keep(name, what, values))

    def _pending_of(self, name: str) -> npt.NDArray[Any]:
        """What is pending for one population, (depth, n)."""
        at = self._plan.pending_at[name]
        return self._pending[:, at : at + self._populations[name].n]

    def _rows_of(self, name: str, depth: int) -> list[tuple[int, int]]:
        """The rows of what is pending for a population: its own, and the one they share."""
        now = self._network.step_count
        return [(t % depth, t % self._plan.depth) for t in range(now, now + depth)]

    def _lists_of(self, name: str, step: int) -> Iterator[tuple[npt.NDArray[np.int32], int, int]]:
        """Of each thread where its list of a part's spikes in a step begins, and its neurons."""
        part, place = self._part[name], self._plan.places[name]
        at = (step & part["list_mask"]) * part["list_room"]
        for share in self._shares[:, place]:
            yield self._lists[at + share["list"] :], int(share["first"]), int(share["last"])

    def _sums_of(self, link: int) -> Ints:
        """The accumulators of a link that has some, flat."""
        row = self._plan.links[link]
        n = self._parts[row["target"]]["size"]
        return self._sums[row["sums"] : row["sums"] + row["sums_depth"] * n]

    def _limit(self, name: str) -> tuple[int, int]:
        """Lowest and highest of what arrives at a population in one step from inside."""
        low, high = self._network.synaptic_ranges[name]
        return signed_range(signed_bits(low, high))

    def _prepare_population(self, name: str) -> None:
        """The compiled step of a population, and the arrays that it works on."""
        plan, state, part = self._plan, self._network.state, self._part[name]
        population, place = self._populations[name], plan.places[name]
        neuron, at = population.neuron, int(part["neurons_before"])
        arguments: dict[str, npt.NDArray[Any]] = {
            variable: getattr(state.neurons[name], variable).astype(kind)
            for variable, kind in plan.state_types[name].items()
        }
        arguments["v_threshold"] = plan.thresholds[name][0]
        arguments["spike"] = self._spikes[at : at + population.n]
        arguments["current"] = self._pending
        drive: np.dtype[Any] | None = None
        drives = self._external.ranges.get(name, (0, 0))
        if drives != (0, 0):
            drives = signed_range(signed_bits(*drives))
            currents = self._external.currents[name]
            if len(currents) == 1:
                currents = currents.astype(element(*drives))
                self._set_drive(name, currents)
            else:
                self._changing[name] = currents
            drive = currents.dtype
        if neuron.random_bits:
            arguments["random"] = self._random[at : at + population.n]
            part["lfsr_mask"] = neuron.lfsr.mask
            for share in self._shares[:, place]:
                first, last = int(share["first"]), int(share["last"])
                share["register"] = jump(neuron.lfsr, state.lfsr[name], first)
                skip = columns(neuron.lfsr, population.n - (last - first))
                share["skip"][: len(skip)] = skip
        for argument, values in arguments.items():
            self._keep(name, argument, values)
        self._drives[name] = drive, drives
        taking = received(neuron)
        calls: list[tuple[np.void, Part]] = [(part["step"], "after" if taking else "whole")]
        if part["receiver"] != NONE:
            receiver = self._receivers[part["receiver"]]
            receiver["counts"] = self._address(name, "counts", np.zeros(population.n, np.int32))
            if taking:
                receiver["values"] = address(self._held[name, taking])
            if taking and acts_before(neuron):
                calls.append((receiver["before"], "before"))
        for call, what in calls:
            self._set_loop(name, call, what)
            for argument in arguments:
                set_argument(call, argument, self._held[name, argument])

    def _set_loop(self, name: str, call: np.void, what: Part) -> None:
        """Have a call of a population carry out (a part of) the step of its neurons."""
        loop = step_loop(
            self._plan.unseeded[name], self._plan.thresholds[name][1], self._pending.dtype,
            self._limits[name], *self._drives[name], clear=True, part=what,
        )  # fmt: skip
        self._loops.append(loop)
        call["function"] = loop.address

    def write(self, change: Change) -> None:
        """Write before the next step, to what the plan has room for."""
        if change.parameter == "weights":
            self._plan.weights[int(change.part)][change.place] = change.value
            return
        name = str(change.part)
        if change.parameter == "thresholds":
            here = slice(None) if change.place is None else change.place
            self._held[name, "v_threshold"][here] = change.value
            return
        # Such neurons take no events one by one: their step is one call.
        neurons = self._plan.unseeded
        neurons[name] = with_register(neurons[name], change.parameter, change.value)
        self._set_loop(name, self._part[name]["step"], "whole")

    @property
    def tables(self) -> dict[str, npt.NDArray[np.void]]:
        """The tables of its present state, by the name that :func:`run_steps` gives them."""
        tables = {"run": self._run, "parts": self._parts, "shares": self._shares}
        return tables | {"receivers": self._receivers}

    @property
    def written(self) -> dict[tuple[str, str], npt.NDArray[Any]]:
        """What steps write to beside the tables: by population, "" for all, and what it is."""
        shared = {
            "pending": self._pending.ravel(), "sums": self._sums, "random": self._random,
            "spikes": self._spikes, "lists": self._lists, "saturated": self._saturated,
            "meetings": self._held["", "meetings"],
        }  # fmt: skip
        own = {
            (name, what): values
            for (name, what), values in self._held.items()
            if name in self._populations and what in (*self._plan.state_types[name], "counts")
        }
        return {("", what): values for what, values in shared.items()} | own

    def _set_drive(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Have a population read ``rows`` (steps, n) in the next steps, or the one row in all.

        They are read where they lie, if that can be done.
        """
        size = rows.itemsize
        aligned = rows.flags.aligned and rows.strides[0] % size == 0
        if not aligned or not rows.dtype.isnative or rows.strides[1] != size:
            rows = np.ascontiguousarray(rows, rows.dtype.newbyteorder("="))
        self._held[name, "drive"] = rows
        place = self._part[name]["step"]["drive"]
        place["address"], place["item_size"] = rows.ctypes.data, size
        place["row"] = rows.strides[0] // size if len(rows) > 1 else 0

    def advance(self, start: int, steps: int, recording: Taken) -> None:
        """Steps ``start`` to ``start + steps`` of the run."""
        self._begin(start, steps)
        self._make_room(recording.wanted_spikes, steps)
        wanted = recording.wanted_states
        watches, seen = self.watches(wanted, steps) if wanted else (None, None)
        self._run_threads(*self._tables(watches))
        self._network.state.step = self.now
        for name in recording.wanted_spikes:
            place = self._plan.places[name]
            at = (int(self._part[name]["out"]) - address(self._out)) // self._out.itemsize
            length = int(self._shares[place % self._plan.threads, place]["recorded"])
            entries = self._out[at : at + length]
            recording.add_spikes(
                name, repeated(entries) if self._part[name]["counted"] else entries
            )
        if watches is None or seen is None:
            return
        for watch, (population, variable, neurons) in zip(watches, wanted, strict=True):
            at, size = watch["rows_at"], steps * len(neurons)
            rows = seen[at : at + size].reshape(steps, len(neurons))
            recording.add_states(population, variable, rows)

    def _begin(self, start: int, steps: int) -> None:
        """Set up which steps are next, and what comes from outside in them."""
        this = self._run[0]
        this["now"], this["steps"] = self._network.step_count, steps
        self._shares["recorded"] = 0
        for source in self._network.graph.sources:
            if isinstance(source, EventSource):
                self._give(source.name, start, steps)
        for name, currents in self._changing.items():
            self._set_drive(name, currents[start : start + steps])

    def _tables(self, watches: npt.NDArray[np.void] | None) -> tuple[npt.NDArray[Any] | None, ...]:
        """What the compiled steps work on. What is None is not compiled; with receivers there is
        one form of the rest."""
        receives = len(self._receivers) > 0
        return (
            self._parts, self._shares, self._plan.links, self._plan.codes, self._pending.ravel(),
            self._sums if self._plan.n_sums or receives else None,
            self._random if self._plan.is_random or receives else None,
            watches,
            self._receivers if receives else None,
            self._plan.noise if len(self._plan.noise) or receives else None,
        )  # fmt: skip

    def _run_threads(self, *tables: npt.NDArray[Any] | None) -> None:
        run = self._run
        if self._pool is None:
            run_steps(0, run, *tables)
            return
        # Compiled, or loaded, before the threads wait for each other.
        no_steps = run.copy()
        no_steps["steps"] = 0
        run_steps(0, no_steps, *tables)
        others = [
            self._pool.submit(run_steps, thread, run, *tables)
            for thread in range(1, self._plan.threads)
        ]
        try:
            run_steps(0, run, *tables)
        finally:
            for other in others:
                other.result()

    def _give(self, name: str, start: int, steps: int) -> None:
        """The events of a source in the next steps, and where those of each step begin and end."""
        mine = self._external.events.get(name, [])[start : start + steps]
        past = self._network.state.history.get(name, [])
        if past:  # what is still under way stands before what comes
            mine = [*past, *(mine or [np.zeros(0, np.int64)] * steps)]
            self._network.state.history[name] = mine[-len(past) :]
        ends = np.zeros(len(past) + steps + 1, np.int64)
        np.cumsum([len(step) for step in mine], out=ends[1 : len(mine) + 1])
        ends[len(mine) + 1 :] = ends[len(mine)]
        events = np.concatenate([*mine, np.zeros(0, np.int64)]).astype(np.int32)
        part = self._part[name]
        part["events"] = self._address(name, "events", events)
        part["event_ends"] = self._address(name, "event_ends", ends[len(past) :])

    # --- single steps ---------------------------------------------------------------------------

    def one_step(self) -> Callable[[], None]:
        """What carries out one step after the other, with what then stands in the arrays of the
        external currents, and the events of :meth:`give`."""
        for source in self._network.graph.sources:
            if isinstance(source, EventSource) and source.name not in self._network.state.history:
                self.give(source.name, None)
        for name, currents in self._changing.items():
            self._set_drive(name, currents[:1])
        run, tables = self._run, self._tables(None)
        run["steps"] = 1
        words = run.view(np.int64)
        now, done = (list(RUN.fields or ()).index(name) for name in ("now", "done"))

        def call() -> None:
            words[now] = words[done]
            if self._pool is None:
                run_steps(0, run, *tables)
            else:
                self._run_threads(*tables)

        return call

    @property
    def now(self) -> int:
        """The number of the next step."""
        return int(self._run[0]["done"])

    def give(self, name: str, events: Ints | None) -> None:
        """The events of a source in the next single step, which must come where some are under way
        for longer."""
        self._external.events[name] = [] if events is None else [events]
        self._give(name, 0, 1)

    def _make_room(self, names: tuple[str, ...], steps: int) -> None:
        """Room for all spikes that could come; memory that is not written is not used."""
        self._parts["out"] = NONE
        sizes = [
            len(self._held[name, "events"]) + steps
            if self._part[name]["kind"] == GIVEN
            else steps * (int(self._part[name]["size"] * (1 + self._part[name]["counted"])) + 1)
            for name in names
        ]
        if len(self._out) < sum(sizes):
            self._out = np.empty(sum(sizes), np.int32)
        at = address(self._out)
        for name, size in zip(names, sizes, strict=True):
            self._part[name]["out"] = at
            at += size * self._out.itemsize

    def watches(
        self, wanted: tuple[tuple[str, str, Ints], ...], steps: int
    ) -> tuple[npt.NDArray[np.void], Ints]:
        """The table of the variables ``wanted``, and room for what they will be."""
        watches = np.zeros(len(wanted), WATCH)
        watched = np.zeros(sum(len(neurons) for _, _, neurons in wanted), WATCHED)
        row_at = begin = 0
        for watch, (population, variable, neurons) in zip(watches, wanted, strict=True):
            end = begin + len(neurons)
            watched["neuron"][begin:end], watched["column"][begin:end] = neurons, range(end - begin)
            set_fields(
                watch, part=NONE, first=begin, last=end, rows_at=row_at, row_length=len(neurons)
            )
            held = self._held.get((population, variable))
            if held is not None:  # a variable that these neurons do not have stays 0
                set_fields(
                    watch,
                    part=self._plan.places[population],
                    address=address(held),
                    item_size=held.itemsize,
                )
            row_at += steps * len(neurons)
            begin = end
        seen = np.zeros(row_at, np.int64)
        this = self._run[0]
        this["watched"] = self._address("", "watched", watched)
        this["seen"] = address(seen)
        return watches, seen

    def close(self) -> None:
        """Bring the network's state up to date, and end the threads."""
        if self._pool is not None:
            self._pool.shutdown()
        self.sync()

    def sync(self) -> None:
        """Bring the network's state up to date."""
        plan, state = self._plan, self._network.state
        state.step = self.now
        for name, population in self._populations.items():
            old = state.neurons[name]
            new = {
                variable: self._held[name, variable].astype(np.int64)
                for variable in plan.state_types[name]
            }
            state.neurons[name] = old._replace(**new)
            pending, mine = state.pending[name], self._pending_of(name)
            for own, shared in self._rows_of(name, len(pending)):
                pending[own] = mine[shared]
            if population.neuron.random_bits:
                state.lfsr[name] = int(self._shares[0, plan.places[name]]["register"])
        for name, past in state.history.items():
            if self._part[name]["kind"] != GIVEN:
                for k, step in enumerate(range(state.step - len(past), state.step)):
                    lists = [found[1 : 1 + found[0]] for found, _, _ in self._lists_of(name, step)]
                    past[k] = repeated(np.concatenate(lists, dtype=np.int64))
        for k, projection in enumerate(plan.first_projections):
            if projection in state.sums:
                state.sums[projection].ravel()[:] = self._sums_of(k)
            clipped = state.saturated[projection] + int(self._saturated[:, k].sum())
            state.saturated[projection] = clipped % (1 << COUNTER_BITS)
        self._saturated.fill(0)
