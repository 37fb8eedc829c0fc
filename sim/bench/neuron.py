"""Cocotb bench of one registered neuron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np

from ...params.neuron import NeuronParams
from ..stimulus.neuron import NeuronStimulus
from ..stimulus.random import AT_ONCE
from .agents import Driver, VectorDriver
from .models import NeuronModel
from .run import Job, run_bench
from .scoreboard import Model, Report


def neuron_driver(job: Job) -> Driver:
    """Random currents around the threshold and at the ends of the range, enable and reset."""
    assert isinstance(job.params, NeuronParams)
    return VectorDriver(_words(job, job.params))


def _words(job: Job, neuron: NeuronParams) -> Iterator[int]:
    fields = job.interface.stimulus
    current = fields["current"]
    stimulus = NeuronStimulus(neuron, current.width, job.seed)
    while True:
        drawn = stimulus.inputs(AT_ONCE)
        words = (drawn.current & ((1 << current.width) - 1)) << current.offset
        words |= drawn.enable.astype(np.int64) << fields["enable"].offset
        words |= drawn.rst.astype(np.int64) << fields["rst"].offset
        yield from words.tolist()


def neuron_model(job: Job, report: Report) -> Model:
    """The golden neuron."""
    assert isinstance(job.params, NeuronParams)
    return NeuronModel(job.params, report)


@cocotb.test()
async def bench_neuron(dut: Any) -> None:
    """The registered state and spike, in every cycle, against the golden step."""
    await run_bench(dut, neuron_driver, neuron_model)
