"""Whatever network the strategies draw: it is refused by name, or it becomes hardware that sends
what the golden network does and shows in every cycle what the cycle model does."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from designs import SIMULATORS
from graph_pysim import shown, wanted
from hypothesis import HealthCheck, Phase, given, seed, settings
from network_strategies import without_chance
from row_designs import drawn_events, stimulus

from fxlif import NetworkParams, NeuronParams, Population
from fxlif.cycles.driver import Driver
from fxlif.cycles.model import CycleInputs
from fxlif.cycles.row_model import model_of
from fxlif.errors import FxlifError
from fxlif.hdl.limits import supported
from fxlif.layout import HardwareNetwork
from fxlif.network.events import TICK
from fxlif.params.protocol import AnyCores
from fxlif.params.sources import EventSource
from fxlif.sim.bench.golden import GoldenStream
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.verify import check

#: The same networks in every run, whatever an earlier one has found.
FIXED = settings(
    database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
)


def made_of(network: NetworkParams) -> AnyCores | None:
    """What the hardware is made from; None of what is refused, by the projections at fault."""
    try:
        return supported(network)
    except FxlifError as error:
        for line in str(error).splitlines():
            assert line.startswith("projection["), line
            assert "takes its events one by one" in line
        return None


def sent(design: AnyCores, cycles: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(The events that the cycle model sends, those of the golden network for what it took)."""
    driver, model = Driver(design.in_address_bits), model_of(design)
    driver.refill(drawn_events(design, cycles, np.random.default_rng(number)))
    block = model.drive(driver, np.zeros(cycles, dtype=np.uint8))
    inputs, outputs = CycleInputs.of(block.inputs), model.outputs(block)
    taken = (inputs.in_valid != 0) & outputs.in_ready
    events = np.where(inputs.in_tick != 0, TICK, inputs.in_address)[taken]
    out = np.where(outputs.out_tick, TICK, outputs.out_address)[outputs.out_valid]
    whole = int(np.flatnonzero(out == TICK)[-1]) + 1 if TICK in out else 0
    return out[:whole], GoldenStream(design).stream(events)[:whole]


def test_drawn_networks_send_what_the_golden_network_does() -> None:
    """And the first few show in every cycle what their models do."""
    numbers, ran, spikes = count(), count(), 0

    @seed(7)
    @settings(FIXED, max_examples=12)
    @given(without_chance())
    def holds(network: NetworkParams) -> None:
        nonlocal spikes
        number, design = next(numbers), made_of(network)
        if design is None:
            return
        found, golden = sent(design, 300, number)
        np.testing.assert_array_equal(found, golden)
        spikes += np.count_nonzero(found != TICK)
        if isinstance(design, HardwareNetwork) and next(ran) < 2:
            inputs = stimulus(design, 120, number)
            assert shown(design, inputs) == [*wanted(design, inputs)]

    holds()
    assert next(ran) > 4
    assert spikes > 20


def test_neurons_that_fire_on_events_and_receive_none() -> None:
    """Their count has one bit; a network with such stood still behind their first step."""
    neuron = NeuronParams(accumulate="per_event", fire_on="event", bias=30, v_threshold=90)
    network = supported(NetworkParams(
        source=[EventSource("s", 1)], population=[Population("p", 3, neuron, lanes=2)]
    ))  # fmt: skip
    assert isinstance(network, HardwareNetwork)
    (core,) = network.cores
    assert core.spike_bits == 1
    inputs = stimulus(network, 120, 1)
    assert shown(network, inputs) == [*wanted(network, inputs)]
    out, golden = sent(network, 300, 1)
    np.testing.assert_array_equal(out, golden)
    assert np.count_nonzero(out == TICK) > 8
    assert np.count_nonzero(out != TICK) > 8


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("start", range(4))
def test_drawn_networks_as_verilog(simulator: str, start: int, tmp_path) -> None:
    """Under random stalls and resets, with any delay; that nothing fires is the network's choice.

    A ring of 64 steps takes up to 1,024 cycles to clear.
    """
    numbers = count(100 * start)

    @seed(start)
    @settings(FIXED, max_examples=8)
    @given(without_chance(63))
    def holds(network: NetworkParams) -> None:
        number, design = next(numbers), made_of(network)
        if design is None:
            return
        folder = tmp_path / str(number)
        folder.mkdir()
        results, report = check(
            network, folder=folder, simulator=simulator, cycles=4000, seed=number
        )
        reasons = failure_reasons(results, report)
        assert [each for each in reasons if "ever fired" not in each] == []
        assert report is not None
        assert report.comparisons > 4000

    holds()
