"""The items of a batch, one after the other or many at once: the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers, within
from ..cycles.latency import COUNTER_BITS
from ..engines import choose_threads
from ..errors import FxlifError, short
from ..network.recording import Recording
from ..network.writes import GivenWrites, changes_of, listed
from .input import BatchInput, batch_input
from .items import MAX_ITEM
from .recording import BatchRecording

if TYPE_CHECKING:
    from ..network.model import Network


def item_numbers(batch: int | Sequence[int]) -> Ints:
    """The numbers of the items of a batch, from how many there are, or from the numbers themselves.

    Raises:
        FxlifError: none at all, or a number outside 0..2**31 - 1.
    """
    if isinstance(batch, Sequence | np.ndarray) and not isinstance(batch, str):
        numbers = within("batch", integers("batch", batch, shape="(items,)"), 0, MAX_ITEM)
        if not numbers.size:
            raise FxlifError.must_be("batch", "1 item or more", batch, found=short(batch))
        return numbers.astype(np.int64)
    count = integer("batch", batch, 1, MAX_ITEM, what="how many items, or their numbers, ")
    return np.arange(count, dtype=np.int64)


def run_batch(
    network: Network,
    batch: int | Sequence[int],
    steps: int | None,
    events: Any,
    currents: Mapping[str, npt.ArrayLike] | None,
    record: Recording,
    threads: int | None,
    progress: Callable[[int, int], None] | None,
    work: int,
    writes: GivenWrites = None,
) -> BatchRecording:
    """What :meth:`fxlif.Network.run` does with ``batch``, in chunks of ``work`` neuron-steps.

    The network stays as it is, so that an interrupt may come at any time.
    """
    items = item_numbers(batch)
    given = batch_input(network.graph, len(items), steps, events, currents, network.synaptic_ranges)
    written = listed(writes)
    changes_of(network, written, given.steps)  # refused before anything runs
    chosen = _threads(threads, network, given)
    made = _begin(network, items, given, record)
    if network.engine == "numpy" or written:
        running = _one_by_one(network, given, made, written, threads)
    else:
        from ..compiled.stacked import StackedRun

        running = StackedRun(network, network.batch_plan, given, made, chosen, work).run()
    for done in running:
        if progress is not None:
            progress(done, len(items) * given.steps)
    return made


def _threads(threads: int | None, network: Network, given: BatchInput) -> int:
    """How many threads to use: as many as pay, where the user says nothing."""
    neurons = sum(network.graph.sizes.values())
    chosen = choose_threads(threads, neurons * given.steps * given.batch)
    return min(chosen, given.batch)


def _begin(network: Network, items: Ints, given: BatchInput, record: Recording) -> BatchRecording:
    """The empty record of a batch that takes down what ``record`` says.

    Raises:
        FxlifError: a recording in a folder; what :meth:`fxlif.Recording.begin` refuses; more than
            fits into memory.
    """
    if record.folder is not None:
        raise FxlifError.must_be("record.folder", "None with batch", str(record.folder))
    ranges = network.graph.ranges
    selection = record.selected(network.graph.sizes, ranges)
    own = {
        p.name: {name: ranges[p.name][name] for name in p.neuron.state_widths}
        for p in network.graph.populations
    }
    made = BatchRecording(items, given.steps, selection, own, len(network.projections))
    for name, before in network.dropped.items():
        unknown = given.events[name].unknown if name in given.events else np.zeros(1, np.int64)
        counted = (before + unknown) % (1 << COUNTER_BITS)
        made.dropped[name] = np.broadcast_to(counted, items.shape).copy()
    return made


def _one_by_one(
    network: Network,
    given: BatchInput,
    made: BatchRecording,
    writes: GivenWrites,
    threads: int | None,
) -> Iterator[int]:
    """Run each item by itself; after each how many steps of all are done."""
    watched = {(w.population, w.variable): w.neurons for w in made.selection.states}
    neurons = {p: indices for (p, _), indices in watched.items() if indices is not None}
    variables = {p: [v for q, v in watched if q == p] for p, _ in watched}
    for place, item in enumerate(made.items.tolist()):
        single = network.item(item)
        record = Recording(made.selection.spikes, variables, neurons)
        single.run(**given.item(place), record=record, writes=writes, threads=threads)
        for name in made.selection.spikes:
            stream = record.spikes(name)
            made.add_spikes(name, stream, np.array([len(stream)]))
        for population, variable in watched:
            rows = record.states(population, variable)[np.newaxis]
            made.put_states(population, variable, place, 0, rows)
        for population, state in single.states.items():
            for variable, values in state._asdict().items():
                made.put_final(population, variable, place, values[np.newaxis])
        made.saturated[place] = single.saturated
        yield (place + 1) * given.steps
