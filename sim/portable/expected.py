"""What a portable bench shows to a design and what the golden models answer, cycle by cycle.

Made here once and written down, so that the bench itself needs no Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...cycles.access import access_inputs
from ...cycles.control import IDLE, RESET, STALL, Bytes, Ints
from ...cycles.model import Driver
from ...cycles.row_model import model_of
from ...cycles.signals import INPUT_PORTS
from ...network.sources import mix
from ...params.neuron import NeuronParams
from ...params.protocol import AnyCores, AnyParams
from ..bench.models import NeuronModel, expected_of_cores
from ..bench.scoreboard import Expected, Report
from ..stimulus.accesses import random_accesses
from ..stimulus.durations import durations, largest_words
from ..stimulus.neuron import NeuronStimulus
from ..stimulus.random import RandomStimulus

Bools = npt.NDArray[np.bool_]

#: Cycles of a bench, unless the user names a number: as many steps for a large core as for a small
#: one, up to what still makes a handy file.
LEAST_CYCLES, MOST_CYCLES = 20_000, 200_000
CYCLES_PER_WORD = 200
#: Most resets after the first, and so many cycles per word between them at least, so that steps
#: come to their end.
RESETS, RESET_SPACING = 8, 128
#: The first cycles: reset, then nothing.
DIRECTED_RESET, DIRECTED_IDLE = 2, 8
#: Cycles of the model at a time: its tables stay small.
BLOCK = 1 << 12


@dataclass(frozen=True)
class Shown:
    """One number of an output in some cycles: (cycles,) values, and where they count."""

    values: Ints
    counts: Bools


@dataclass(frozen=True, kw_only=True)
class Part:
    """Consecutive cycles: every input's numbers (cycles,), every output's, and the spikes among
    the latter, the writes that are taken and the reads that are answered: a bench must have seen
    such to be worth something."""

    inputs: Mapping[str, Ints]
    outputs: Mapping[str, Shown]
    spikes: int
    writes: int = 0
    reads: int = 0


def default_cycles(params: AnyParams) -> int:
    """How many cycles a bench of this design has, unless the user names a number."""
    words = 0 if isinstance(params, NeuronParams) else largest_words(params)
    return min(max(LEAST_CYCLES, CYCLES_PER_WORD * words), MOST_CYCLES)


def reset_cycles(cycles: int, words: int, seed: int) -> list[int]:
    """The cycles of the resets after the first one, one anywhere in each of like windows; the
    last window has none."""
    windows = min(RESETS, cycles // (RESET_SPACING * words)) + 1
    width = cycles // windows
    return [
        window * width + (mix(mix(seed) ^ window) * width >> 64) for window in range(1, windows - 1)
    ]


def directed_flags(flags: Bytes, params: AnyCores, seed: int) -> Bytes:
    """Idling and backpressure as drawn, with a beginning and resets that suit a short run."""
    flags = (flags & (IDLE | STALL)).astype(np.uint8)
    flags[:DIRECTED_RESET] = IDLE | RESET
    # Until every core has cleared its memories, and a while longer: an empty core shows nothing.
    quiet = durations(params).clear + DIRECTED_IDLE
    flags[DIRECTED_RESET : DIRECTED_RESET + min(quiet, len(flags) // 8)] = IDLE
    flags[reset_cycles(len(flags), largest_words(params), seed)] |= RESET
    return flags


def _shown(items: Iterable[Expected], cycles: int) -> dict[str, Shown]:
    """Output → what it shows in every cycle."""
    shown = {}
    for item in items:
        counts = np.ones(cycles, dtype=np.bool_) if item.where is None else item.where
        values = np.zeros(cycles, dtype=np.int64)
        values[counts] = item.values
        shown[item.signal] = Shown(values, counts)
    return shown


def stream_parts(params: AnyCores, cycles: int, seed: int) -> Iterator[Part]:
    """A core or a network of cores under random events, writes, reads, idling, backpressure and
    resets."""
    model = model_of(params, engine="auto")
    stimulus = RandomStimulus(params, seed)
    driver = Driver(params.in_address_bits)
    accesses = random_accesses(params.cores, seed, driver)
    flags = directed_flags(stimulus.flags(cycles), params, seed)
    for at in range(0, cycles, BLOCK):
        if driver.left < BLOCK:
            driver.refill(stimulus.events(BLOCK))
        for source, drawn in accesses:
            if source.left < BLOCK // 2:
                source.refill(drawn.take(BLOCK // 2))
        reused = model.drive(driver, flags[at : at + BLOCK])
        block = reused._replace(
            inputs=reused.inputs.copy(), streams=reused.streams.copy(), traces=reused.traces.copy()
        )
        made = model.outputs(block)
        given = made.out_valid & (block.inputs["out_ready"] != 0) & ~made.out_tick
        inputs = {port: block.inputs[field] for field, port in INPUT_PORTS.items()}
        writes = 0
        if model.port is not None:
            shown = model.port.inputs
            inputs |= {port: shown[field] for field, port in access_inputs(params.cores).items()}
        if "write.valid" in inputs:
            taken = made.write_ready & (inputs["write.valid"] != 0) & (inputs["rst"] == 0)
            writes = int(np.count_nonzero(taken))
        yield Part(
            inputs=inputs,
            outputs=_shown(expected_of_cores(params, made), len(made.in_ready)),
            spikes=int(np.count_nonzero(given)),
            writes=writes,
            reads=int(np.count_nonzero(made.answer_valid)),
        )


def neuron_inputs(neuron: NeuronParams, input_bits: int, cycles: int, seed: int) -> Ints:
    """rst, enable and current of a single neuron, (cycles, 3)."""
    drawn = NeuronStimulus(neuron, input_bits, seed).inputs(cycles)
    table = np.stack(drawn, axis=1).astype(np.int64)
    table[:, 0] = 0
    table[:DIRECTED_RESET, 0] = 1
    table[reset_cycles(cycles, 1, seed), 0] = 1
    table[: DIRECTED_RESET + DIRECTED_IDLE, 1:] = 0
    return table


def neuron_parts(neuron: NeuronParams, input_bits: int, cycles: int, seed: int) -> Iterator[Part]:
    """A single registered neuron, stepped by the golden rule."""
    inputs = neuron_inputs(neuron, input_bits, cycles, seed)
    outputs = _shown(NeuronModel(neuron, Report()).run(*inputs.T), cycles)
    yield Part(
        inputs=dict(zip(("rst", "enable", "current"), inputs.T, strict=True)),
        outputs=outputs, spikes=int(outputs["spike"].values.sum()),
    )  # fmt: skip
