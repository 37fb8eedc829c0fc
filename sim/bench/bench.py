"""The cocotb bench of a registered neuron, a core or a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb

from ...params.neuron import NeuronParams
from ..stimulus.neuron import NeuronStimulus
from ..stimulus.random import AT_ONCE
from ..tools.words import pack
from .agents import Driver, WordDriver
from .run import Job, run_bench, stream_driver


def _words(job: Job, neuron: NeuronParams) -> Iterator[int]:
    """Random currents around the threshold and at the ends of the range, enable and reset."""
    fields = job.interface.stimulus
    stimulus = NeuronStimulus(neuron, fields["current"].width, job.seed)
    while True:
        yield from pack(fields, stimulus.inputs(AT_ONCE)._asdict())


def driver_of(job: Job) -> Driver:
    """Random stimulus, or the events of the job."""
    if isinstance(job.params, NeuronParams):
        return WordDriver(_words(job, job.params))
    return stream_driver(job, job.params)


@cocotb.test()
async def bench_design(dut: Any) -> None:
    """Every output and state, in every cycle, against the models."""
    await run_bench(dut, driver_of)
