"""Responses of a design against a block of the cycle model, every output in every cycle.

Compiled by numba where it is installed: the work per cycle is a few nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...compiled.jit import inline, njit
from ...cycles.control import INPUT, NONE, SPIKE, STREAM, Block, Ints, Records
from ...cycles.signals import INPUT_PORTS, OUTPUT_PORTS
from ...hdl.verilog import Field
from ...params.protocol import Design
from ..bench.wrapper import Interface
from ..tools.words import row_size

Packed = npt.NDArray[np.uint64]

# Columns of a layout: where a number stands in a packed word.
OFFSET, WIDTH, SIGNED = 0, 1, 2
# Rows of the streams' layout, in the order of STREAM, and of a core's, whose lanes follow.
READY, VALID, ADDRESS, TICK = 0, 1, 2, 3
DROPPED, SATURATED, TRACE_VALID, TRACE_INDEX, FIRST_LANE = 0, 1, 2, 3, 4
# What is counted.
FIRST, COMPARISONS, TAKEN, STEPS, GIVEN, FIRED, RESETS = 0, 1, 2, 3, 4, 5, 6
COUNTS = 7

_64 = np.uint64(64)


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
def pack(inputs: Ints, layout: Ints, words: Packed) -> None:
    """The inputs of each cycle, (cycles, fields), as packed rows; ``words`` is 0 where it is not
    overwritten whole."""
    for cycle in range(len(inputs)):
        for column in range(words.shape[1]):
            words[cycle, column] = 0
        for k in range(len(layout)):
            put(words, cycle, layout[k, OFFSET], layout[k, WIDTH], inputs[cycle, k])


@inline
def differs(words: Packed, cycle: int, layout: Ints, row: int, value: int) -> bool:
    found = get(words, cycle, layout[row, OFFSET], layout[row, WIDTH], layout[row, SIGNED])
    return bool(found != value)


@njit
def compare(
    config: Records, inputs: Records, streams: Records, traces: Records, history: Ints,
    words: Packed, stream_layout: Ints, core_layouts: Ints, layout_at: Ints, counts: Ints,
) -> None:  # fmt: skip
    """Compare every output with the model's; ``counts[FIRST]`` is the first cycle that differs.

    ``core_layouts`` has the layouts of all cores one below the other, ``layout_at`` where a core's
    begins.
    """
    for cycle in range(len(inputs)):
        wrong = differs(words, cycle, stream_layout, READY, streams[cycle]["in_ready"])
        wrong |= differs(words, cycle, stream_layout, VALID, streams[cycle]["out_valid"])
        counts[COMPARISONS] += 2
        if streams[cycle]["out_valid"]:
            wrong |= differs(words, cycle, stream_layout, ADDRESS, streams[cycle]["out_address"])
            wrong |= differs(words, cycle, stream_layout, TICK, streams[cycle]["out_tick"])
            counts[COMPARISONS] += 2
            counts[GIVEN] += inputs[cycle]["out_ready"]
        if inputs[cycle]["rst"]:
            counts[RESETS] += 1
        elif inputs[cycle]["in_valid"] and streams[cycle]["in_ready"]:
            counts[TAKEN] += 1
            counts[STEPS] += inputs[cycle]["in_tick"]
        for k in range(len(config)):
            at = layout_at[k]
            written = traces[k, cycle]["written"]
            wrong |= differs(words, cycle, core_layouts, at + DROPPED, traces[k, cycle]["dropped"])
            wrong |= differs(
                words, cycle, core_layouts, at + SATURATED, traces[k, cycle]["saturated"]
            )
            wrong |= differs(words, cycle, core_layouts, at + TRACE_VALID, written != NONE)
            counts[COMPARISONS] += 3
            if written == NONE:
                continue
            wrong |= differs(words, cycle, core_layouts, at + TRACE_INDEX, written)
            size = config[k]["words"] * config[k]["lanes"]
            variables = config[k]["variables"] - SPIKE
            row = config[k]["history_at"] + traces[k, cycle]["row"] * config[k]["variables"] * size
            row += SPIKE * size + written * config[k]["lanes"]
            place = at + FIRST_LANE
            for lane in range(config[k]["lanes"]):
                for variable in range(variables):
                    value = history[row + variable * size + lane]
                    wrong |= differs(words, cycle, core_layouts, place, value)
                    place += 1
                counts[FIRED] += history[row + lane]
            counts[COMPARISONS] += 1 + config[k]["lanes"] * variables
        if wrong:
            counts[FIRST] = cycle
            return


def columns(table: Records) -> Ints:
    """A table of records (rows,) as its numbers (rows, fields)."""
    return table.view(np.int64).reshape(len(table), -1)


def layout(fields: Iterable[Field]) -> Ints:
    rows = [(field.offset, field.width, field.signed) for field in fields]
    return np.array(rows, dtype=np.int64)


class Comparison:
    """Packs stimulus for a wrapped chain of cores and compares its responses."""

    def __init__(self, design: Design, interface: Interface) -> None:
        stimulus, response = interface.stimulus, interface.response
        self._inputs = layout(stimulus[INPUT_PORTS[name]] for name in INPUT.names or ())
        self._streams = layout(response[OUTPUT_PORTS[name]] for name in STREAM.names or ())
        layouts: list[Ints] = []
        self._at = np.zeros(len(design.cores), dtype=np.int64)
        for k, (core, signals) in enumerate(zip(design.cores, design.signals, strict=True)):
            names = [signals.dropped, signals.saturated, signals.trace_valid, signals.trace_index]
            for lane in range(core.lanes):
                names.append(signals.trace_spike(lane))
                names += [signals.trace_state(lane, name) for name in core.neuron.state_widths]
            self._at[k] = sum(len(rows) for rows in layouts)
            layouts.append(layout(response[name] for name in names))
        self._cores = np.concatenate(layouts)
        self._words = row_size(interface.stimulus_bits)
        self.counts = np.zeros(COUNTS, dtype=np.int64)

    def stimulus(self, block: Block) -> Packed:
        """What the inputs of a block are for the wrapper, (cycles, words)."""
        words = np.empty((len(block.inputs), self._words), dtype=np.uint64)
        pack(columns(block.inputs), self._inputs, words)
        return words

    def check(self, block: Block, response: Packed) -> int:
        """The first cycle of a block in which the response differs, or NONE."""
        self.counts[FIRST] = NONE
        compare(
            block.config, block.inputs, block.streams, block.traces, block.history,
            response, self._streams, self._cores, self._at, self.counts,
        )  # fmt: skip
        return int(self.counts[FIRST])
