"""Many runs of one network at once in compiled code: the items of a batch.

Each item has rows of its own in the tables and in the arrays that steps write to, copies of those
of one run (:class:`fxlif.compiled.network_run.CompiledRun`) whose addresses are moved; synapses
are shared. So many items stand there at a time as the caches hold; each thread takes one item
after the other and runs its steps as a single run does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..batch.items import item_registers, item_seeds
from ..cycles.latency import COUNTER_BITS
from ..network.events import TICK
from ..network.external_input import ExternalInput
from ..network.sources import mix_all, noise_key
from ..params.sources import EventSource, PoissonSource
from .intrinsics import count_up
from .jit import threaded, threaded_inner
from .network_loop import run_steps
from .network_run import CompiledRun
from .network_tables import GIVEN, NONE, address_words
from .neuron_step import address
from .plan import ExecutionPlan

if TYPE_CHECKING:
    from ..batch.input import BatchInput
    from ..batch.recording import BatchRecording
    from ..network.model import Network

Ints = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]

#: Bytes of the items that stand in the tables at a time.
GROUP_BYTES = 1 << 23


@threaded_inner
def _row(table: Any, item: int) -> Any:
    if table is None:
        return None
    return table[item]


@threaded
def run_items(
    taken: int, items: int, run: Any, parts: Any, shares: Any, links: Any, codes: Any,
    pending: Any, sums: Any, random: Any, watches: Any, receivers: Any, noise: Any,
) -> None:  # fmt: skip
    """Take one item after the other and run its steps; as :func:`run_steps`, a row for each item.

    ``taken`` is the address of how many all threads have taken so far.
    """
    item = count_up(taken)
    while item < items:
        run_steps(
            0, run[item], parts[item], shares[item], links, codes, pending[item], sums[item],
            random[item], watches[item], _row(receivers, item), _row(noise, item),
        )  # fmt: skip
        item = count_up(taken)


class StackedRun:
    """The engine of a batch: some items at a time, ``work`` neuron-steps at most in a chunk."""

    def __init__(
        self, network: Network, plan: ExecutionPlan, given: BatchInput, made: BatchRecording,
        threads: int, work: int,
    ) -> None:  # fmt: skip
        self._network, self._plan, self._given, self._made = network, plan, given, made
        currents = {name: rows.reshape(-1, rows.shape[2]) for name, rows in given.currents.items()}
        external = ExternalInput(given.steps, currents=currents, ranges=given.ranges)
        self._one = CompiledRun(network, plan, external)
        self._single = self._one.written
        tables = self._one.tables | {"noise": plan.noise}
        tables = {name: table for name, table in tables.items() if table.size}
        every = [*tables.values(), *self._single.values()]
        size = sum(values.nbytes for values in every)
        neurons = max(1, plan.neurons * max(1, given.steps))
        group = max(threads, min(work // neurons, GROUP_BYTES // size))
        self._group = min(made.batch, group)
        self._chunk = max(1, work // (plan.neurons * self._group))
        self._threads = min(threads, self._group)
        self._arrays = {
            key: np.empty((self._group, *values.shape), values.dtype)
            for key, values in self._single.items()
        }
        # Of the arrays of the one run: where they begin, their bytes, and where the first copy is.
        self._moved = np.array(
            sorted(
                (address(a), a.nbytes, address(self._arrays[key]))
                for key, a in self._single.items()
                if a.size
            )
        ).T
        self._fresh = {name: self._stacked(table) for name, table in tables.items()}
        # A second group needs the first one's tables as they were.
        several = made.batch > self._group
        self._tables = {k: v.copy() for k, v in self._fresh.items()} if several else self._fresh
        self._events = {
            s.name: self._stream(s) for s in network.graph.sources if isinstance(s, EventSource)
        }
        self._out = np.zeros(0, np.int32)

    def _stacked(self, table: Table) -> Table:
        """A table's rows for each item, (items, *table.shape), each with its own addresses."""
        begins, sizes, moved = self._moved
        words = table.view(np.int64).reshape(table.size, table.dtype.itemsize // 8)
        columns = address_words(table.dtype)
        found = words[:, columns]
        at = np.maximum(np.searchsorted(begins, found, "right") - 1, 0)
        inside = (found >= begins[at]) & (found < begins[at] + sizes[at])
        stacked = np.repeat(words[np.newaxis], self._group, axis=0)
        items = np.arange(self._group)[:, np.newaxis, np.newaxis]
        own = moved[at] + found - begins[at] + items * sizes[at]
        stacked[:, :, columns] = np.where(inside, own, found)
        return stacked.view(table.dtype).reshape(self._group, *table.shape)

    def _stream(self, source: EventSource) -> tuple[npt.NDArray[np.int32], Ints]:
        """The addresses of a source's events, and where each step begins and ends, (items or 1,
        steps + 1); before them what is still under way."""
        given = self._given.events.get(source.name)
        starts = np.zeros((1, self._given.steps + 1), np.int64) if given is None else given.starts
        addresses = np.zeros(0, np.int64) if given is None else given.addresses
        past = self._network.state.history.get(source.name, [])
        if past:
            before = np.concatenate([[0], np.cumsum([len(step) for step in past])])
            late = np.concatenate(past)
            rows = len(starts)
            places = np.repeat(starts[:, 0], len(late))
            addresses = np.insert(addresses, places, np.tile(late, rows))
            shift = np.arange(rows)[:, np.newaxis] * len(late)
            early = starts[:, :1] + shift + before[:-1]
            starts = np.concatenate([early, starts + shift + len(late)], axis=1)
        return addresses.astype(np.int32), np.ascontiguousarray(starts)

    # --- running --------------------------------------------------------------------------------

    def run(self) -> Iterator[int]:
        """Run all items; after each chunk how many steps of all items are done."""
        steps = self._given.steps
        pool = ThreadPoolExecutor(self._threads - 1) if self._threads > 1 else None
        try:
            for first in range(0, self._made.batch, self._group):
                count = min(self._group, self._made.batch - first)
                self._begin(first, count)
                streams: dict[str, list[tuple[npt.NDArray[np.int32], Ints]]] = {}
                for start in range(0, steps, self._chunk):
                    length = min(self._chunk, steps - start)
                    for name, found in self._advance(first, count, start, length, pool):
                        streams.setdefault(name, []).append(found)
                    yield first * steps + count * (start + length)
                self._end(first, count, streams)
        finally:
            if pool is not None:
                pool.shutdown()

    def _begin(self, first: int, count: int) -> None:
        """Bring the items ``first`` to ``first + count`` to the network's present state."""
        for name, table in self._fresh.items() if first else ():
            self._tables[name].view(np.int64)[:] = table.view(np.int64)
        for key, values in self._single.items():
            self._arrays[key][:count] = values
        items = self._made.items[first : first + count]
        parts, shares = self._tables["parts"], self._tables["shares"]
        places, state = self._plan.places, self._network.state
        for population in self._network.graph.populations:
            name, neuron = population.name, population.neuron
            if neuron.random_bits:
                drawn = item_registers(neuron.lfsr, state.lfsr[name], items)
                shares["register"][:count, 0, places[name]] = drawn
            first_row = int(self._plan.parts[places[name]]["first_noise"])
            for number, noise in enumerate(population.noise):
                seeds = item_seeds(noise.seed, items).tolist()
                own = [noise_key(name, number, seed) for seed in seeds]
                self._tables["noise"]["key"][:count, first_row + number] = own
        for source in self._network.graph.sources:
            if isinstance(source, PoissonSource):
                keys = mix_all(item_seeds(source.seed, items))
                parts["key"][:count, places[source.name]] = keys

    def _advance(
        self, first: int, count: int, start: int, steps: int, pool: ThreadPoolExecutor | None
    ) -> Iterator[tuple[str, tuple[npt.NDArray[np.int32], Ints]]]:
        """The next steps of the items that stand in the tables; the streams of what is recorded:
        all items one after the other, and their lengths."""
        run, parts = self._tables["run"], self._tables["parts"]
        run["now"], run["steps"] = self._network.step_count + start, steps
        self._tables["shares"]["recorded"] = 0
        rows = np.arange(first, first + count)
        for name, (addresses, starts) in self._events.items():
            place, width = self._plan.places[name], starts.shape[1]
            at = start + width - 1 - self._given.steps + rows % len(starts) * width
            parts["events"][:count, place] = address(addresses) if addresses.size else 0
            parts["event_ends"][:count, place] = address(starts) + 8 * at
        for name, currents in self._given.currents.items():
            items, of_steps, n = currents.shape
            if items > 1 or of_steps > 1:  # else the one run reads it
                drive = parts["step"]["drive"][:, self._plan.places[name]]
                at = rows % items * of_steps + (start if of_steps > 1 else 0)
                drive["address"][:count] = address(currents) + currents.itemsize * n * at
                drive["item_size"], drive["row"] = currents.itemsize, n if of_steps > 1 else 0
        wanted = self._made.selection.spikes
        begins = self._make_room(wanted, rows, start, steps)
        watches, seen = self._watches(steps)
        self._run_threads(count, watches, pool)
        for population, variable, begin, width in seen[1]:
            values = seen[0][:count, begin : begin + steps * width]
            self._made.put_states(
                population, variable, first, start, values.reshape(count, steps, width)
            )
        for name in wanted:
            place = self._plan.places[name]
            lengths = self._tables["shares"]["recorded"][:count, 0, place].copy()
            entries = _gathered(self._out, begins[name], lengths)
            if self._plan.parts[place]["counted"]:
                entries, lengths = _repeated(entries, lengths)
            yield name, (entries, lengths)

    def _make_room(
        self, names: tuple[str, ...], rows: Ints, start: int, steps: int
    ) -> dict[str, Ints]:
        """Room for all spikes that could come: where the stream of each item begins, by name."""
        sizes = []
        for name in names:
            part = self._plan.parts[self._plan.places[name]]
            most = np.full(len(rows), steps * (int(part["size"]) * (1 + int(part["counted"])) + 1))
            if part["kind"] == GIVEN:
                starts = self._events[name][1][rows % len(self._events[name][1])]
                late = starts.shape[1] - 1 - self._given.steps
                most = starts[:, late + start + steps] - starts[:, late + start] + steps
            sizes.append(most)
        ends = np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))
        if len(ends) and len(self._out) < ends[-1]:
            self._out = np.empty(ends[-1], np.int32)
        begins = ends.reshape(len(names), len(rows)) - np.reshape(sizes, (len(names), len(rows)))
        parts = self._tables["parts"]
        parts["out"] = NONE
        for name, begin in zip(names, begins, strict=True):
            parts["out"][: len(rows), self._plan.places[name]] = address(self._out) + 4 * begin
        return dict(zip(names, begins, strict=True))

    def _watches(self, steps: int) -> tuple[Table, tuple[Ints, list[tuple[str, str, int, int]]]]:
        """The table of recorded variables of each item, and room for what they will be; of each,
        where it begins there and how many neurons it has."""
        wanted = self._made.selection.watched
        table, seen = self._one.watches(wanted, steps)
        rooms = np.zeros((self._group, len(seen)), np.int64)
        run = self._tables["run"]
        run["watched"] = self._one.tables["run"]["watched"]
        run["seen"][:, 0] = address(rooms) + 8 * len(seen) * np.arange(self._group)
        places = [
            (population, variable, int(watch["rows_at"]), len(neurons))
            for watch, (population, variable, neurons) in zip(table, wanted, strict=True)
        ]
        return self._stacked(table), (rooms, places)

    def _run_threads(self, count: int, watches: Table, pool: ThreadPoolExecutor | None) -> None:
        plan, arrays = self._plan, self._arrays
        # All but the last two are there even if empty: each form of the rest takes seconds to
        # compile.
        tables = (
            self._tables["run"], self._tables["parts"], self._tables["shares"], plan.links,
            plan.codes, arrays["", "pending"], arrays["", "sums"], arrays["", "random"], watches,
            self._tables.get("receivers"), self._tables.get("noise"),
        )  # fmt: skip
        taken = np.zeros(1, np.int64)
        if pool is None:
            run_items(address(taken), count, *tables)
            return
        run_items(address(taken), 0, *tables)  # compiled, or loaded, before the threads start
        taken[0] = 0
        others = [
            pool.submit(run_items, address(taken), count, *tables) for _ in range(self._threads - 1)
        ]
        try:
            run_items(address(taken), count, *tables)
        finally:
            for other in others:
                other.result()

    def _end(
        self, first: int, count: int,
        streams: dict[str, list[tuple[npt.NDArray[np.int32], Ints]]],
    ) -> None:  # fmt: skip
        """Put what the items have come to into the recording."""
        made, plan, state = self._made, self._plan, self._network.state
        for name in made.selection.spikes:
            chunks = streams.get(name, [(np.zeros(0, np.int32), np.zeros(count, np.int64))])
            entries, lengths = chunks[0]
            if len(chunks) > 1:
                entries = np.concatenate([one for one, _ in chunks])
                each = np.array([of for _, of in chunks])
                begins = np.cumsum(each).reshape(each.shape) - each
                entries = _gathered(entries, begins.T.ravel(), each.T.ravel())
                lengths = each.sum(axis=0)
            made.add_spikes(name, entries, lengths)
        for name, types in plan.state_types.items():
            for variable in types:
                made.put_final(name, variable, first, self._arrays[name, variable][:count])
        rows = slice(first, first + count)
        made.saturated[rows] = state.saturated
        clipped = self._arrays["", "saturated"][:count].sum(axis=1)
        for k, projection in enumerate(plan.first_projections):
            made.saturated[rows, projection] += clipped[:, k]
        made.saturated[rows] %= 1 << COUNTER_BITS


def _gathered(values: npt.NDArray[np.int32], begins: Ints, lengths: Ints) -> npt.NDArray[np.int32]:
    """The stretches of ``values`` that begin there and are so long, one after the other."""
    ends = np.cumsum(lengths)
    places = np.repeat(begins - ends + lengths, lengths) + np.arange(ends[-1])
    found: npt.NDArray[np.int32] = values[places]
    return found


def _repeated(entries: npt.NDArray[np.int32], lengths: Ints) -> tuple[npt.NDArray[np.int32], Ints]:
    """Lists in which -c stands after what comes c times, as streams; and their lengths."""
    again = np.flatnonzero(entries < TICK)
    times = np.ones(len(entries), np.int64)
    times[again - 1], times[again] = -entries[again], 0
    before = np.concatenate([[0], np.cumsum(times)])
    ends = np.cumsum(lengths)
    return np.repeat(entries, times), before[ends] - before[ends - lengths]
