"""Cocotb bench of one registered neuron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb

from ...params.neuron import NeuronParams
from ...params.quantise import signed_range
from ..stimulus.events import PHASE, resets, stalls
from .agents import Driver, VectorDriver
from .run import Job, rng, run_bench
from .scoreboard import Model, NeuronModel, Report


def neuron_driver(job: Job) -> Driver:
    """Random currents around the threshold and at the ends of the range, enable and reset."""
    assert isinstance(job.params, NeuronParams)
    return VectorDriver(_words(job, job.params))


def _words(job: Job, neuron: NeuronParams) -> Iterator[int]:
    fields = job.interface.stimulus
    current = fields["current"]
    low, high = signed_range(current.width)
    threshold = abs(neuron.v_threshold) + 1
    draw = rng(job.seed, "current")
    reset, held = resets(rng(job.seed, "reset"), every=4 * PHASE), stalls(rng(job.seed, "idle"))
    while True:
        small = draw.randint(-threshold // 4, threshold)
        value = draw.choice((small, small, small, threshold, 0, draw.randint(low, high), low, high))
        value = min(max(value, low), high) & ((1 << current.width) - 1)
        word = value << current.offset | int(not next(held)) << fields["enable"].offset
        yield word | int(next(reset)) << fields["rst"].offset


def neuron_model(job: Job, report: Report) -> Model:
    """The golden neuron."""
    assert isinstance(job.params, NeuronParams)
    return NeuronModel(job.params, report)


@cocotb.test()
async def bench_neuron(dut: Any) -> None:
    """The registered state and spike, in every cycle, against the golden step."""
    await run_bench(dut, neuron_driver, neuron_model)
