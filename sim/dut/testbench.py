"""The testbench of a foreign core: what it is given to check, by which model and stimulus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...params.core import address_bits
from ...params.network import NetworkParams
from ...params.neuron import NeuronParams
from ..bench.agents import Driver, WordDriver
from ..stimulus.random import spacing_of
from .events import StreamEvents
from .map import DutMap
from .reference import NeuronReference, NeuronTiming, StreamReference, default_patience
from .scoreboard import DutModel, DutReport, NeuronModel, StreamModel
from .stimulus import ForeignStreamDriver, neuron_words, repacked
from .wrapper import Wrapped, event_source


@dataclass(frozen=True, kw_only=True)
class DutJob:
    """What to check: the rule, the wrapped module, its map, how long, with which stimulus.

    ``events``: packed payloads and :data:`~fxlif.sim.bench.agents.RESET_MARK`; None means random
    ones and random resets, for ``cycles`` cycles and until all of it is answered.
    """

    params: NeuronParams | NetworkParams
    wrapped: Wrapped
    dut_map: DutMap
    cycles: int
    seed: int
    events: list[int] | None = None


def make_model(job: DutJob, report: DutReport) -> DutModel:
    """The reference of a job as a model of the scoreboard."""
    known, reset = job.dut_map.known_at_power_up, job.dut_map.reset
    if isinstance(job.params, NeuronParams):
        assert job.dut_map.neuron is not None
        parts = job.dut_map.neuron
        timing = NeuronTiming(
            latency=parts.latency, state_latency=parts.state_latency, between=parts.between,
            asynchronous_reset=reset is not None and not reset.synchronous,
        )  # fmt: skip
        return NeuronModel(NeuronReference(job.params, timing), job.wrapped, report, known=known)
    assert job.dut_map.core is not None
    oracle = StreamReference(
        job.params, patience=default_patience(job.params, job.dut_map.core),
        states=job.dut_map.core.trace is not None,
    )  # fmt: skip
    return StreamModel(oracle, job.wrapped, report, job.dut_map.core, known=known)


def make_driver(job: DutJob) -> Driver:
    """The stimulus of a job."""
    has_reset = job.dut_map.reset is not None
    interface = job.wrapped.interface
    if isinstance(job.params, NeuronParams):
        return WordDriver(neuron_words(interface, job.params, job.seed, has_reset=has_reset))
    assert job.dut_map.core is not None
    given = interface.stimulus["events_in.payload.address"].width
    drawn = StreamEvents(job.params, job.dut_map.core, given, job.seed)
    events: Iterable[int] = drawn
    if job.events is not None:
        needed = address_bits(event_source(job.params).n)
        if job.params.core:
            needed = job.params.core[0].in_address_bits
        events = repacked(job.events, needed, given)
    return ForeignStreamDriver(
        job.wrapped, events, cycles=job.cycles, seed=job.seed, has_reset=has_reset,
        reset_spacing=spacing_of(drawn.layer) if has_reset and job.events is None else 0,
        on_reset=drawn.reset,
    )  # fmt: skip
