"""Responses of a design against a block of the cycle model, every output in every cycle.

Compiled by numba where it is installed: the work per cycle is a few nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...compiled.jit import inline, njit
from ...cycles.access import access_inputs, access_outputs
from ...cycles.chain import READ, WRITE, Access
from ...cycles.control import INPUT, NONE, SPIKE, STREAM, Block, Ints, Record, Records, record
from ...cycles.latency import AnyCore
from ...cycles.port import AccessPorts
from ...cycles.signals import ANSWERED, INPUT_PORTS, OUTPUT_PORTS
from ...hdl.interface import Field
from ...params.protocol import AnyCores
from ..bench.scoreboard import Counts
from ..bench.wrapper import Interface
from ..tools.words import row_size

Packed = npt.NDArray[np.uint64]

#: Where a number stands in a packed word.
FIELD = record("offset", "width", "signed")
#: Where the numbers of the streams stand, and those of a core, of which the fields of the lanes
#: begin at ``lanes_at`` of those of all cores: of each lane the spike and the state variables;
#: its first neuron is that number ``neurons_at`` of all words of all cores.
STREAM_FIELDS = np.dtype([(name, FIELD) for name in STREAM.names or ()])
CORE_SIGNALS = ("dropped", "saturated", "trace_valid", "trace_index")
CORE_FIELDS = np.dtype(
    [*((name, FIELD) for name in CORE_SIGNALS), ("lanes_at", np.int64), ("neurons_at", np.int64)]
)
#: What the write or the read port shows, and an answer.
PORT_FIELDS = np.dtype([("port", np.int64), ("ready", FIELD), ("missed", FIELD)])
ANSWER_FIELDS = np.dtype([("valid", FIELD), ("data", FIELD), ("error", FIELD)])
#: What is counted; ``first``: the first cycle that differs, or NONE.
COUNTS = record(
    "first", "comparisons", "taken", "steps", "given", "fired", "resets", "writes", "reads"
)

_64 = np.uint64(64)


def counts_of(cycles: int, counted: Records, fired: list[list[int]]) -> Counts:
    """What :data:`COUNTS` (1,) say of so many cycles; ``fired``: the spikes of each neuron."""
    _, comparisons, taken, steps, given, spikes, resets, writes, reads = counted[0].tolist()
    return Counts(
        cycles=cycles, comparisons=comparisons, steps=steps, events_in=taken, events_out=given,
        spikes=spikes, resets=resets, writes=writes, reads=reads, fired=fired,
    )  # fmt: skip


@inline
def put(words: Packed, row: int, offset: int, width: int, value: int) -> None:
    """Write a number into a packed row that was 0 there."""
    place, shift = offset >> 6, np.uint64(offset & 63)
    bits = np.uint64(value) & (~np.uint64(0) >> np.uint64(64 - width))
    words[row, place] |= bits << shift
    if (offset & 63) + width > 64:
        words[row, place + 1] |= bits >> (_64 - shift)


@inline
def get(words: Packed, row: int, offset: int, width: int, signed: int) -> Any:
    """Read a number from a packed row."""
    place, shift = offset >> 6, np.uint64(offset & 63)
    bits = words[row, place] >> shift
    if (offset & 63) + width > 64:
        bits |= words[row, place + 1] << (_64 - shift)
    value = np.int64(bits & (~np.uint64(0) >> np.uint64(64 - width)))
    if signed and value >> (width - 1):
        value -= np.int64(1) << width
    return value


@njit
def pack(inputs: Ints, layout: Records, words: Packed) -> None:
    """Add the inputs of each cycle, (cycles, fields), to packed rows that were 0 there."""
    for cycle in range(len(inputs)):
        for k in range(len(layout)):
            put(words, cycle, layout[k]["offset"], layout[k]["width"], inputs[cycle, k])


@inline
def differs(words: Packed, cycle: int, field: Record, value: int) -> bool:
    """Whether a packed row shows anything else than ``value`` in a :data:`FIELD`."""
    found = get(words, cycle, field["offset"], field["width"], field["signed"])
    return bool(found != value)


@njit
def compare(
    block: Block,
    words: Packed,
    streams: Records,
    cores: Records,
    lanes: Records,
    counts: Records,
    fired: Ints,
) -> None:
    """Compare every output in ``words`` with the model's and add to ``counts`` (1,), up to the
    first cycle that differs.

    ``streams`` (1,) of STREAM_FIELDS, ``cores`` (cores,) of CORE_FIELDS, ``lanes`` of FIELD.
    ``fired``: the spikes of each neuron, to which those of the block are added. What a cycle offers
    and nobody takes must be offered in the next one of the block, whatever the model says, which
    might withdraw it as the hardware does.
    """
    at, count, waits = streams[0], counts[0], False
    for cycle in range(len(words)):
        shown, stream = block.inputs[cycle], block.streams[cycle]
        wrong = differs(words, cycle, at["in_ready"], stream["in_ready"])
        wrong |= differs(words, cycle, at["out_valid"], stream["out_valid"])
        count["comparisons"] += 2
        if stream["out_valid"]:
            wrong |= differs(words, cycle, at["out_address"], stream["out_address"])
            wrong |= differs(words, cycle, at["out_tick"], stream["out_tick"])
            count["comparisons"] += 2
            count["given"] += shown["out_ready"]
        if waits and not shown["rst"]:
            before = block.streams[cycle - 1]
            wrong |= not stream["out_valid"]
            wrong |= stream["out_address"] != before["out_address"]
            wrong |= stream["out_tick"] != before["out_tick"]
        waits = stream["out_valid"] and not shown["out_ready"] and not shown["rst"]
        if shown["rst"]:
            count["resets"] += 1
        elif shown["in_valid"] and stream["in_ready"]:
            count["taken"] += 1
            count["steps"] += shown["in_tick"]
        for k in range(len(cores)):
            core, field, trace = block.config[k], cores[k], block.traces[k, cycle]
            written = trace["written"]
            wrong |= differs(words, cycle, field["dropped"], trace["dropped"])
            wrong |= differs(words, cycle, field["saturated"], trace["saturated"])
            wrong |= differs(words, cycle, field["trace_valid"], written != NONE)
            count["comparisons"] += 3
            if written == NONE:
                continue
            wrong |= differs(words, cycle, field["trace_index"], written)
            size = core["words"] * core["lanes"]
            variables = core["variables"] - SPIKE
            row = core["history_at"] + trace["row"] * core["variables"] * size
            row += SPIKE * size + written * core["lanes"]
            place = field["lanes_at"]
            for lane in range(core["lanes"]):
                for variable in range(variables):
                    value = block.history[row + variable * size + lane]
                    wrong |= differs(words, cycle, lanes[place], value)
                    place += 1
                spikes = block.history[row + lane]
                count["fired"] += spikes
                fired[field["neurons_at"] + written * core["lanes"] + lane] += spikes
            count["comparisons"] += 1 + core["lanes"] * variables
        if wrong:
            count["first"] = cycle
            return


@njit
def compare_ports(
    access: Access, answers: Ints, words: Packed, ports: Records, answer: Records, counts: Records
) -> int:
    """Compare what the write and the read port show, and the ``answers`` (3, cycles), with the
    model's and add to ``counts`` (1,); the first cycle that differs, or NONE.

    ``ports`` that there are, of PORT_FIELDS; ``answer`` (0 or 1,) of ANSWER_FIELDS.
    """
    count = counts[0]
    for cycle in range(len(words)):
        wrong = False
        for k in range(len(ports)):
            each, field = ports[k]["port"], ports[k]
            shown = access.shown[each, cycle]
            wrong |= differs(words, cycle, field["ready"], shown["ready"])
            wrong |= differs(words, cycle, field["missed"], shown["missed"])
            count["comparisons"] += 2
            if each == WRITE:
                count["writes"] += access.offered[each, cycle]["valid"] and shown["ready"]
        for k in range(len(answer)):
            valid = answers[0, cycle]
            wrong |= differs(words, cycle, answer[k]["valid"], valid)
            count["comparisons"] += 1
            if valid:
                wrong |= differs(words, cycle, answer[k]["data"], answers[1, cycle])
                wrong |= differs(words, cycle, answer[k]["error"], answers[2, cycle])
                count["comparisons"] += 2
                count["reads"] += 1
        if wrong:
            return cycle
    return NONE


def columns(table: Records) -> Ints:
    """A table of records (rows,) as its numbers (rows, fields)."""
    return table.view(np.int64).reshape(len(table), -1)


def row_of(field: Field) -> tuple[int, int, bool]:
    """A field as a row of :data:`FIELD`."""
    return field.offset, field.width, field.signed


def layout(fields: Iterable[Field]) -> Records:
    """Fields as a table of :data:`FIELD`."""
    return np.array([row_of(field) for field in fields], dtype=FIELD)


class Comparison:
    """Packs stimulus for a wrapped core or network and compares its responses."""

    def __init__(self, design: AnyCores, interface: Interface) -> None:
        response = interface.response
        self._inputs = layout(interface.stimulus[INPUT_PORTS[n]] for n in INPUT.names or ())
        streams = tuple(row_of(response[OUTPUT_PORTS[name]]) for name in STREAM.names or ())
        self._streams: Records = np.array([streams], dtype=STREAM_FIELDS)
        rows: list[tuple[object, ...]] = []
        lanes: list[Field] = []
        #: Of each core its first neuron among those of all words, and how many it has.
        self._neurons: list[tuple[int, int]] = []
        neurons = 0
        cores: Sequence[AnyCore] = design.cores
        for core, signals in zip(cores, design.signals, strict=True):
            names = [getattr(signals, name) for name in CORE_SIGNALS]
            rows.append((*(row_of(response[name]) for name in names), len(lanes), neurons))
            self._neurons.append((neurons, core.n_neurons))
            neurons += core.words * core.lanes
            for lane in range(core.lanes):
                lanes.append(response[signals.trace_spike(lane)])
                lanes += [response[signals.trace_state(lane, n)] for n in core.neuron.state_widths]
        self._cores: Records = np.array(rows, dtype=CORE_FIELDS)
        self._lanes = layout(lanes)
        self._words = row_size(interface.stimulus_bits)
        self._access = layout(interface.stimulus[port] for port in access_inputs(cores).values())
        shown = access_outputs(cores)
        at = {name: row_of(response[port]) for name, port in shown.items()}
        ports = [(WRITE, "write_ready", "rejected"), (READ, "read_ready", "read_errors")]
        there = [(port, at[ready], at[missed]) for port, ready, missed in ports if ready in at]
        self._ports: Records = np.array(there, dtype=PORT_FIELDS)
        answer = tuple(at[name] for name in ("answer_valid", *ANSWERED) if name in at)
        self._answer: Records = np.array([answer] if answer else [], dtype=ANSWER_FIELDS)
        self.counts: Records = np.zeros(1, dtype=COUNTS)
        self._fired = np.zeros(neurons, dtype=np.int64)

    @property
    def fired(self) -> list[list[int]]:
        """For every core, the spikes of each neuron so far."""
        return [self._fired[at : at + n].tolist() for at, n in self._neurons]

    def stimulus(self, block: Block, port: AccessPorts | None = None) -> Packed:
        """What the inputs of a block and of its ports are for the wrapper, (cycles, words)."""
        words = np.zeros((len(block.inputs), self._words), dtype=np.uint64)
        pack(columns(block.inputs), self._inputs, words)
        if port is not None:
            pack(columns(port.inputs), self._access, words)
        return words

    def check(self, block: Block, response: Packed, port: AccessPorts | None = None) -> int:
        """The first cycle of a block in which the response differs, or NONE."""
        found, wrong = self.counts, NONE
        found[0]["first"] = NONE
        if port is not None:
            wrong = compare_ports(
                port.access, port.answers, response, self._ports, self._answer, found
            )
            response = response if wrong == NONE else response[: wrong + 1]
        compare(block, response, self._streams, self._cores, self._lanes, found, self._fired)
        first = int(found[0]["first"])
        return wrong if first == NONE else first
