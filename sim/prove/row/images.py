"""The synapses that are delivered: those of the golden network, and no sum of them overflows.

Nothing is left to a solver here. The images that the Verilog names are read back, row by row as the
hardware follows them, and compared with the network's own projections one synapse at a time; what
is in an image is proved to come out by the contracts of ``front`` and ``synapses``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ....hdl.names import plain
from ....hdl.rows.layouts import longest, table_bits
from ....hdl.rows.synapses import synapse_bits
from ....layout import HardwareNetwork, RowCore
from ....network.projections import placed
from ....params.quantise import signed_range
from ..contract import Ports
from ..prover import Prover, Result
from ..sums import read_rom

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Delivered:
    """Synapses as the images have them: (count,) each. ``delays`` count from the step of the
    spike; ``weights`` are shifted as far as into their accumulator."""

    rows: Ints
    neurons: Ints
    weights: Ints
    delays: Ints


def delivered(prover: Prover, k: int) -> list[Delivered]:
    """The synapses of each memory of core ``k``.

    Raises:
        FxlifError: an image is missing or too short, or the module that reads it is another.
        ValueError: a row that does not lie within its memory, or is too long for the counter.
    """
    network = prover.params
    assert isinstance(network, HardwareNetwork)
    core = network.cores[k]
    if not core.memories:
        return []
    backward = [each.backward for m in range(len(core.memories)) for each in core.inputs
                if m in each.memories]  # fmt: skip
    table = read_rom(prover, prover.part_module(k, "front_rows"), "rows", max(2, core.rows))
    fields = table_bits(core)
    found = []
    for m, memory in enumerate(core.memories):
        words = _words(prover, k, m)
        rows = [table_entry(entry, fields) for entry in
                table[core.row_starts[m] :][: memory.n_pre]]  # fmt: skip
        starts, lengths = (np.array([row[name] for row in rows]) for name in ("start", "length"))
        offsets = np.array([row.get("offset", 0) for row in rows])
        wrong = np.flatnonzero((starts + lengths > memory.depth) | (lengths > longest(core)))
        if len(wrong):
            row = int(wrong[0])
            raise ValueError(f"row {row} of memory {m}: not within {memory.depth} words")
        there = _there(prover, k, m) if "weights" in core.writable else None
        found.append(_synapses(core, m, words, starts, lengths, offsets, backward[m], there))
    return found


def _words(prover: Prover, k: int, m: int) -> list[int]:
    """The words of memory ``m`` of core ``k``; where weights are written they lie apart."""
    core = prover.cores_of_all[k]
    assert isinstance(core, RowCore)
    memory = core.memories[m]

    def read(name: str) -> list[int]:
        module = prover.part_module(k, f"synapses_{name}_{m}")
        return read_rom(prover, module, f"{name}_{m}", max(2, memory.depth))

    if "weights" not in core.writable:
        return read("synapses")
    low, *others = synapse_bits(memory)
    high = sum(others)
    weights, targets = read("weights"), read("targets") if high else [0] * max(2, memory.depth)
    return [
        sum((weight >> lane * low & (1 << low) - 1 | (target >> lane * high & (1 << high) - 1)
             << low) << lane * (low + high) for lane in range(core.lanes))
        for weight, target in zip(weights, targets, strict=True)
    ]  # fmt: skip


def _there(prover: Prover, k: int, m: int) -> npt.NDArray[np.bool_]:
    """Where the write port finds synapses of memory ``m`` of core ``k``: (depth, lanes)."""
    core = prover.cores_of_all[k]
    assert isinstance(core, RowCore)
    slots = 1 << (core.lanes - 1).bit_length()
    depth = slots << (len(core.weight_slots) - 1).bit_length()
    held = read_rom(prover, plain(f"{prover.hardware.top}.holds_{k}"), f"holds_{k}", max(2, depth))
    first, memory = core.first_words[m], core.memories[m]
    table = np.array(held[:depth]).reshape(-1, slots)
    there: npt.NDArray[np.bool_] = table[first : first + memory.depth, : core.lanes] != 0
    return there


def table_entry(entry: int, fields: Mapping[str, int]) -> dict[str, int]:
    """An entry of the table of rows, field by field, the lowest bits first."""
    found = {}
    for name, width in fields.items():
        found[name] = entry & (1 << width) - 1
        entry >>= width
    return found


def _synapses(
    core: RowCore, m: int, words: list[int], starts: Ints, lengths: Ints, offsets: Ints,
    backward: bool, there: npt.NDArray[np.bool_] | None,
) -> Delivered:  # fmt: skip
    memory = core.memories[m]
    weight_bits, word_bits, delay_bits = synapse_bits(memory)
    lane_bits = weight_bits + word_bits + delay_bits
    rows = np.repeat(np.arange(len(starts)), lengths)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = starts[rows] + place
    stored = np.array([[word >> lane * lane_bits & (1 << lane_bits) - 1
                        for lane in range(core.lanes)] for word in words])  # fmt: skip
    lanes = stored[at]
    weights = lanes & (1 << weight_bits) - 1
    weights -= (weights >> weight_bits - 1) << weight_bits
    numbers = (lanes >> weight_bits & (1 << word_bits) - 1) if word_bits else np.broadcast_to(
        place[:, None], lanes.shape)  # fmt: skip
    if memory.offset_bits:
        numbers = numbers + offsets[rows][:, None] & (1 << core.word_bits) - 1
    delays = (lanes >> weight_bits + word_bits) + memory.delay + backward
    here = np.nonzero(weights if there is None else there[at])
    return Delivered(
        rows=rows[here[0]], neurons=(numbers * core.lanes + np.arange(core.lanes))[here],
        weights=weights[here] << memory.weight_shift, delays=delays[here],
    )  # fmt: skip


def rows_equal(prover: Prover, k: int) -> Result:
    """The images of core ``k`` hold the synapses of the golden network's projections, each once,
    and every delay is shorter than the ring of the sums that it adds to."""
    network = prover.params
    assert isinstance(network, HardwareNetwork)
    core, tables = network.cores[k], placed(network.network.graph)
    into = [number for number, table in enumerate(tables)
            if table.projection.target == core.name]  # fmt: skip
    if sorted(memory.projection for memory in core.memories) != into:
        return "failed", f"must have a memory of each of the projections {into}"
    count = 0
    for m, held in enumerate(delivered(prover, k)):
        memory, table = core.memories[m], tables[core.memories[m].projection]
        synapses, shift = table.synapses, table.projection.weight_shift
        weights = np.broadcast_to(synapses.weights, synapses.count).astype(np.int64) << shift
        pre = np.repeat(np.arange(synapses.n_pre), np.diff(synapses.indptr))
        delays = np.broadcast_to(synapses.delays, synapses.count)
        wanted = np.stack([pre, synapses.targets, delays, weights])
        if "weights" not in core.writable:  # else each of them has an address
            wanted = wanted[:, weights != 0]
        moved = 0 if table.per_event else core.accumulators[memory.accumulator].shift
        there = np.stack([held.rows, held.neurons, held.delays, held.weights << moved])
        wanted, there = (each[:, np.lexsort(each[::-1])] for each in (wanted, there))
        if wanted.shape != there.shape:
            return "failed", f"memory {m}: {there.shape[1]} synapses, not {wanted.shape[1]}"
        wrong = np.flatnonzero((wanted != there).any(axis=0))
        if len(wrong):
            names = ("row", "neuron", "delay", "weight")
            shown = [", ".join(f"{n} {v}" for n, v in zip(names, each[:, wrong[0]], strict=True))
                     for each in (there, wanted)]  # fmt: skip
            return "failed", f"memory {m}: Verilog {shown[0]}; network {shown[1]}"
        late = int(held.delays.max(initial=0)) - any(
            each.backward for each in core.inputs if m in each.memories
        )
        slots = 1 if table.per_event else core.accumulators[memory.accumulator].slots
        if late >= slots:
            return "failed", f"memory {m}: delay {late} in a ring of {slots} slots"
        count += there.shape[1]
    if core.neuron.per_event and (wrong_turn := _out_of_turn(core)):
        return "failed", wrong_turn
    return "passed", f"compared one by one, {count} synapses"


def _out_of_turn(core: RowCore) -> str:
    """What would make the events of a core, which act one by one, come in another order than those
    of the golden network, or to other neurons; nothing, if nothing does.

    The golden order is that of the projections, and within one that of its source's events: that
    of the inputs, where each has one memory, and they are read in the order of the projections.
    """
    read = [m for each in core.inputs for m in each.memories]
    if [core.memories[m].projection for m in read] != sorted(
        each.projection for each in core.memories
    ):
        return f"memories are read in the order {read}, not in that of the projections"
    for number, each in enumerate(core.inputs):
        if len(each.memories) > 1:
            return f"input {number}: {len(each.memories)} memories, between which events alternate"
    for m, memory in enumerate(core.memories):
        if not memory.dense or (memory.lengths != core.words).any():
            return f"memory {m}: must have a word for each of the neurons in every row"
    return ""


def never_overflows(prover: Prover, k: int) -> Result:
    """No step makes an exact sum of core ``k`` overflow, and none that keeps its promise one that
    saturates: all weights of one sign into a neuron, as often as their source may spike, fit."""
    network = prover.params
    assert isinstance(network, HardwareNetwork)
    core, tables = network.cores[k], placed(network.network.graph)
    if core.neuron.per_event:
        return "not_applicable", "its events act one by one: nothing is summed"
    held = delivered(prover, k)
    events = {source.name: getattr(source, "max_events_per_input", 1)
              for source in network.network.graph.sources}  # fmt: skip
    events |= {each.name: each.neuron.max_spikes_per_step for each in network.cores}
    for number, accumulator in enumerate(core.accumulators):
        total = Ports(prover.core(k), f"totals_{number}")["total"]
        low, high = signed_range(total.size() // core.lanes)
        sums = np.zeros((2, core.n_neurons), np.int64)
        for memory, synapses in zip(core.memories, held, strict=True):
            if memory.accumulator == number:
                times = events[tables[memory.projection].projection.source]
                if "weights" in core.writable:
                    for sign, end in enumerate(signed_range(memory.weight_bits)):
                        most = end * times << memory.weight_shift
                        np.add.at(sums[sign], synapses.neurons, most)
                    continue
                for sign in (0, 1):
                    here = (synapses.weights > 0) == bool(sign)
                    np.add.at(sums[sign], synapses.neurons[here], synapses.weights[here] * times)
        wrong = np.flatnonzero((sums[0] < low) | (sums[1] > high))
        if len(wrong):
            neuron = int(wrong[0])
            kind = "promised events" if accumulator.saturates else "spikes"
            return "failed", (
                f"accumulator {number}, neuron {neuron}: {sums[0, neuron]}..{sums[1, neuron]} by "
                f"{kind}, but {low}..{high} fit"
            )  # fmt: skip
    return "passed", f"ends of all sums, {core.n_neurons} neurons, none beyond its accumulator"
