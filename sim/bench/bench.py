"""The cocotb bench of a registered neuron, a core or a chain of cores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np

from ...params.neuron import NeuronParams
from ..stimulus.neuron import NeuronStimulus
from ..stimulus.random import AT_ONCE
from .agents import Driver, WordDriver
from .run import Job, run_bench, stream_driver


def _words(job: Job, neuron: NeuronParams) -> Iterator[int]:
    """Random currents around the threshold and at the ends of the range, enable and reset."""
    fields = job.interface.stimulus
    current = fields["current"]
    stimulus = NeuronStimulus(neuron, current.width, job.seed)
    while True:
        drawn = stimulus.inputs(AT_ONCE)
        words = (drawn.current & ((1 << current.width) - 1)) << current.offset
        words |= drawn.enable.astype(np.int64) << fields["enable"].offset
        words |= drawn.rst.astype(np.int64) << fields["rst"].offset
        yield from words.tolist()


def driver_of(job: Job) -> Driver:
    """Random stimulus, or the events of the job."""
    if isinstance(job.params, NeuronParams):
        return WordDriver(_words(job, job.params))
    return stream_driver(job)


@cocotb.test()
async def bench_design(dut: Any) -> None:
    """Every output and state, in every cycle, against the models."""
    await run_bench(dut, driver_of)
