"""Random stimulus for bulk runs: the same each time, and it does what its kinds and rates say."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from designs import CORES

from fxlif import CoreParams, NeuronParams
from fxlif.cycles.control import IDLE, RESET, STALL
from fxlif.cycles.model import CycleModel, Driver
from fxlif.engines import can_compile
from fxlif.params.quantise import signed_range
from fxlif.sim.stimulus.compiled import EPOCH, EXCESS, PHASE, RATES, RESETS, RandomStimulus

needs_numba = pytest.mark.skipif(not can_compile(), reason="too slow where it is not compiled")
CORE = CoreParams(
    n_inputs=12, n_neurons=5, lanes=2, input_address_bits=6, max_events_per_input=2,
    weights=[[(7 * i + 5 * n) % 15 - 7 for n in range(5)] for i in range(12)],
    neuron=NeuronParams(v_threshold=60, weight_bits=4, current_bits=7),
)  # fmt: skip
TICK = 1 << CORE.in_address_bits


def test_the_same_seed_the_same_bytes() -> None:
    one, same, other = (RandomStimulus(CORE, seed) for seed in (1, 1, 2))
    for _ in range(3):
        flags, events = one.flags(4 * PHASE), one.events(500)
        assert flags.tobytes() == same.flags(4 * PHASE).tobytes()
        assert events.tobytes() == same.events(500).tobytes()
        assert flags.tobytes() != other.flags(4 * PHASE).tobytes()
        assert events.tobytes() != other.events(500).tobytes()


def test_flags_do_not_depend_on_how_they_are_asked_for() -> None:
    whole, parts = RandomStimulus(CORE, 3), RandomStimulus(CORE, 3)
    cut = [parts.flags(n * PHASE) for n in (1, 64, 3, 60)]
    np.testing.assert_array_equal(whole.flags(128 * PHASE), np.concatenate(cut))


def test_the_axes_do_not_depend_on_each_other() -> None:
    """How many events are asked for changes no flag, and the other way round."""
    one, other = RandomStimulus(CORE, 3), RandomStimulus(CORE, 3)
    one.events(1000)
    np.testing.assert_array_equal(one.flags(8 * PHASE), other.flags(8 * PHASE))
    np.testing.assert_array_equal(other.events(1000), RandomStimulus(CORE, 3).events(1000))


@pytest.mark.parametrize("least", [1, 100, 2000])
def test_events_are_whole_steps_of_what_the_port_can_carry(least: int) -> None:
    events = RandomStimulus(CORE, 4).events(least)
    assert len(events) >= least
    assert events[-1] == TICK
    assert events.min() >= 0
    assert events.max() == TICK


def steps_of(events: np.ndarray) -> list[np.ndarray]:
    """The events of each step, without its TICK."""
    ends = np.flatnonzero(events == TICK)
    return np.split(events[events != TICK], ends - np.arange(len(ends)))[:-1]


@needs_numba
def test_all_kinds_of_steps() -> None:
    steps = steps_of(RandomStimulus(CORE, 5).events(400_000))
    low, high = signed_range(CORE.accumulator_bits)
    seen: Counter[str] = Counter()
    for before, each in pairwise(steps):
        if not len(each) and not len(before):
            seen["silent"] += 1
        known = each[each < CORE.n_inputs]
        most = max(Counter(each.tolist()).values(), default=0)
        seen["unknown"] += len(known) < len(each)
        seen["repeated"] += CORE.max_events_per_input < most <= CORE.max_events_per_input + EXCESS
        seen["flood"] += most > CORE.max_events_per_input + EXCESS
        seen["sparse"] += len(each) in (1, 2)
        seen["several at once"] += len(set(known.tolist())) > 2
        sums = CORE.weights[known].sum(axis=0)
        seen["flood up"] += bool((sums > high).any())
        seen["flood down"] += bool((sums < low).any())
        up, down = (CORE.weights * sign > 0 for sign in (1, -1))
        seen["excites one neuron"] += bool(len(known) and up[known].all(axis=0).any())
        seen["inhibits one neuron"] += bool(len(known) and down[known].all(axis=0).any())
    assert all(count > 20 for count in seen.values()), seen
    assert len(seen) == 10


@needs_numba
def test_it_saturates_drops_and_fires() -> None:
    stimulus, driver = RandomStimulus(CORE, 6), Driver(CORE.in_address_bits)
    model = CycleModel([CORE], engine="compiled")
    most = {"dropped": 0, "saturated": 0, "spikes": 0}
    for _ in range(8):
        driver.refill(stimulus.events(1 << 14))
        trace = model.outputs(model.drive(driver, stimulus.flags(1 << 14))).cores[0]
        most["dropped"] = max(most["dropped"], trace.dropped.max())
        most["saturated"] = max(most["saturated"], trace.saturated.max())
        most["spikes"] += trace.spike.sum()
    assert min(most.values()) > 0, most


@needs_numba
def test_rates_are_those_that_are_named_and_crossed() -> None:
    phases = RandomStimulus(CORE, 7).flags(2000 * PHASE).reshape(-1, PHASE)
    rates = np.array(RATES) / 256
    np.testing.assert_allclose(rates, (0, 0.1, 0.5, 0.9), atol=0.01)
    found = []
    for bit in (IDLE, STALL):
        share = ((phases & bit) != 0).mean(axis=1)
        nearest = np.abs(share[:, None] - rates).argmin(axis=1)
        # Five standard deviations of a share of 512.
        limit = 5 * np.sqrt(rates * (1 - rates) / PHASE)
        assert (np.abs(share - rates[nearest]) <= limit[nearest]).all()
        assert abs(share.mean() - rates.mean()) < 0.06
        found.append(nearest)
    assert len(set(zip(*found, strict=True))) == len(RATES) ** 2


@needs_numba
def test_resets_come_in_epochs_of_one_rate() -> None:
    flags = RandomStimulus(CORE, 8).flags(200 * EPOCH * PHASE)
    reset = (flags & RESET) != 0
    begins = reset & ~np.concatenate([[False], reset[:-1]])
    per_epoch = begins.reshape(-1, EPOCH * PHASE).sum(axis=1)
    # A reset that begins in the last cycle of an epoch may end in the next.
    expected = sorted({round(EPOCH * PHASE / each) if each else 0 for each in RESETS})
    nearest = np.abs(per_epoch[:, None] - expected).argmin(axis=1)
    counts = Counter(nearest.tolist())
    assert len(counts) == len(expected)
    assert 60 <= counts[0] <= 140  # half of the epochs have none
    for k, mean in enumerate(expected):
        assert abs(per_epoch[nearest == k].mean() - mean) <= max(1, 0.15 * mean)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], reset, [0]]))))[::2]
    assert set(Counter(runs.tolist())) >= {1, 3}


@needs_numba
def test_a_neuron_gets_resets_pauses_and_the_ends_of_its_range() -> None:
    from fxlif.sim.stimulus.neuron import NeuronStimulus

    neuron = NeuronParams(v_threshold=60)
    one, same = (NeuronStimulus(neuron, 12, 9) for _ in range(2))
    inputs = one.inputs(256 * PHASE)
    parts = np.concatenate([same.inputs(PHASE), same.inputs(255 * PHASE)])
    np.testing.assert_array_equal(inputs, parts)
    rst, enable, current = inputs.T
    assert set(np.unique(rst)) == {0, 1}
    assert (rst & enable).any()
    assert (rst & ~enable & 1).any()
    assert {*signed_range(12), 0, 59, 60, 61} <= set(current.tolist())
    shares = np.unique(np.round(enable.reshape(-1, PHASE).mean(axis=1), 1))
    assert shares.min() <= 0.2
    assert shares.max() == 1.0


def test_a_core_of_one_input_and_one_that_nothing_excites() -> None:
    dull = CORES["one neuron"]
    still = CoreParams(n_inputs=1, n_neurons=1, weights=[[0]], neuron=NeuronParams(v_threshold=60))
    for core in (dull, still):
        assert len(RandomStimulus(core, 1).events(50)) >= 50
