"""A failure comes down to a few events, the same ones each time; and designs drawn at random."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from fxlif import CoreParams, FxlifError, NeuronParams
from fxlif.cycles.control import IDLE, RESET, STALL
from fxlif.cycles.model import CycleInputs, CycleModel, Driver
from fxlif.hdl.limits import supported
from fxlif.network.events import TICK
from fxlif.params.base import ROUNDINGS
from fxlif.sim.failure.shrink import AXES, Stimulus, search, shrink
from fxlif.sim.soak.random_design import random_design

CORE = CoreParams(
    n_inputs=4, n_neurons=3, lanes=2, weights=[[30, 5, -9], [40, -7, 3], [9, 60, 2], [-20, 8, 70]],
    neuron=NeuronParams(v_threshold=64, refractory=2), input_address_bits=3,
)  # fmt: skip


def neuron(**change) -> CoreParams:
    """CORE with a neuron that is not quite the right one."""
    fields = dict(CORE.neuron) | change
    return CORE.model_copy(update={"neuron": NeuronParams(**fields)})


def lost_synapse() -> CoreParams:
    weights = CORE.weights.copy()
    weights[-1, -1] = 0
    return CORE.model_copy(update={"weights": weights})


class Bench:
    """Fails where the faulty core shows anything else than the right one."""

    def __init__(self, faulty: CoreParams = CORE, **spoilt: int) -> None:
        self.faulty, self.spoilt, self.calls = faulty, spoilt, 0

    def __call__(self, stimulus: Stimulus) -> bool:
        self.calls += 1
        driver = Driver(CORE.in_address_bits)
        driver.refill(stimulus.packed(CORE.in_address_bits))
        model = CycleModel([CORE])
        table = model.drive(driver, stimulus.flags(stimulus.cycles(CORE))).inputs
        inputs = CycleInputs.of(table)
        assert driver.left == 0, "cycles() promises that all is offered"
        want = CycleModel([CORE]).run(inputs)
        given = {name: np.full(len(table), value) for name, value in self.spoilt.items()}
        got = CycleModel([self.faulty]).run(replace(inputs, **given))
        names = ("in_ready", "out_valid", "out_address", "out_tick")
        return not (
            all(np.array_equal(getattr(want, n), getattr(got, n)) for n in names)
            and np.array_equal(want.cores[0].dropped, got.cores[0].dropped)
        )


def long_stimulus(seed: int = 1, events: int = 400) -> Stimulus:
    rng = random.Random(seed)

    def held(rate: float) -> tuple[int, ...]:
        return tuple(cycle for cycle in range(2000) if rng.random() < rate)

    return Stimulus(
        events=tuple(rng.choice((TICK, TICK, *range(8))) for _ in range(events)),
        idle=held(0.3), stall=held(0.3), reset=held(0.004),
    )  # fmt: skip


def failing(bench: Bench) -> Stimulus:
    return next(stimulus for stimulus in map(long_stimulus, range(1, 20)) if bench(stimulus))


#: What a bench compares with the right core, and the most that may be left of a stimulus.
FAULTS = {
    "> for >=": (Bench(neuron(compare="gt", v_threshold=60)), 4),
    "off-by-one refractory": (Bench(neuron(refractory=1)), 7),
    "lost last synapse": (Bench(lost_synapse()), 2),
    "subtract for to_value": (Bench(neuron(reset="subtract")), 9),
    "unknown address taken": (
        Bench(CORE.model_copy(update={"n_inputs": 5, "weights": np.vstack([CORE.weights, [[0] * 3]])
                                      })), 1,
    ),
    "no reset": (Bench(rst=0), 2),
    "does not wait for ready": (Bench(out_ready=1), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_comes_down_to_a_few_events(name: str) -> None:
    bench, most = FAULTS[name]
    start = failing(bench)
    bench.calls = 0
    small = shrink(bench, start, max_calls=3000)
    assert bench.calls <= 3000
    assert bench(small)
    assert small.size[0] <= most, small
    for part in ("events", *AXES):  # nothing more can be left out
        values = getattr(small, part)
        for k in range(len(values)):
            assert not bench(replace(small, **{part: values[:k] + values[k + 1 :]}))


def test_the_same_each_time() -> None:
    bench, _ = FAULTS["> for >="]
    found = {shrink(bench, failing(bench), max_calls=400) for _ in range(2)}
    assert len(found) == 1
    drawn = {search(bench, CORE, max_calls=400) for _ in range(2)}
    assert len(drawn) == 1


@pytest.mark.parametrize("name", ["lost last synapse", "no reset"])
def test_search_finds_a_fault_without_a_start(name: str) -> None:
    bench, most = FAULTS[name]
    found = search(bench, CORE, max_calls=1200)
    assert found is not None
    assert bench(found)
    assert found.size[0] <= most


def test_nothing_is_found_where_nothing_fails() -> None:
    bench = Bench()
    assert search(bench, CORE, max_calls=200) is None
    assert bench.calls <= 200
    with pytest.raises(FxlifError) as error:
        shrink(bench, long_stimulus())
    assert error.value.key == "start"


def test_bounds() -> None:
    """Calls and time are limits, and what was found until then still fails."""
    start = long_stimulus()

    def fails(stimulus: Stimulus) -> bool:
        calls.append(stimulus)
        return stimulus.events.count(3) >= 5

    calls: list[Stimulus] = []
    small = shrink(fails, start, max_calls=30)
    assert len(calls) <= 30
    assert fails(small)
    assert small.size < start.size
    calls.clear()
    assert shrink(fails, start, seconds=0) == start
    assert len(calls) == 1


def test_each_question_once() -> None:
    asked: Counter[Stimulus] = Counter()

    def fails(stimulus: Stimulus) -> bool:
        asked[stimulus] += 1
        return len(set(stimulus.events)) > 3 and len(stimulus.stall) > 1

    small = shrink(fails, long_stimulus())
    assert max(asked.values()) == 1
    assert len(small.events) == 4
    assert small.stall == (0, 1)
    assert small.idle == small.reset == ()


def test_flags_and_packed_events() -> None:
    stimulus = Stimulus(events=(2, TICK, 0), idle=(0, 3), stall=(1, 3), reset=(3, 9))
    assert stimulus.flags(5).tolist() == [IDLE, STALL, 0, IDLE | STALL | RESET, 0]
    assert stimulus.packed(4).tolist() == [2, 16, 0]
    assert Stimulus().packed(4).tolist() == []
    assert Stimulus().cycles(CORE) > 0


def test_drawn_stimuli_are_of_the_core() -> None:
    seen: list[Stimulus] = []
    search(lambda s: bool(seen.append(s)), CORE, max_calls=200)  # type: ignore[func-returns-value]
    for each in seen:
        assert all(-1 <= event < 8 for event in each.events)
        assert all(list(getattr(each, axis)) == sorted(set(getattr(each, axis))) for axis in AXES)
    assert {event for each in seen for event in each.events} == {TICK, *range(8)}
    assert all(any(getattr(each, axis) for each in seen) for axis in AXES)
    assert Stimulus(events=(7,), reset=(0,), idle=(0,)) == search(
        lambda s: 7 in s.events and bool(s.reset) and bool(s.idle), CORE
    )


# --- designs ------------------------------------------------------------------------------------


def test_designs_drawn_at_random() -> None:
    """Every choice of every parameter comes up; the same seed gives the same design."""
    designs = [random_design(random.Random(seed)) for seed in range(300)]
    assert designs[7] == random_design(random.Random(7))
    assert len({each.digest() for each in designs}) == 300
    leaks = [leak for each in designs for leak in each.neuron.leaks.values()]
    assert {leak.kind for leak in leaks} == {
        "none", "shift", "multi_shift", "scale", "decay", "linear", "constant",
    }  # fmt: skip
    assert {getattr(leak, "rounding", None) for leak in leaks} == {None, *ROUNDINGS}
    for key, choices in (
        ("overflow", 3), ("overflow_i_syn", 4), ("overflow_change", 2), ("compare", 2),
        ("reset", 2), ("reset_at", 3), ("order", 6), ("negative_reset", 3), ("refractory_mode", 4),
        ("refractory_count", 2), ("refractory", 8), ("state_bits", 8), ("weight_bits", 8),
        ("threshold_shift", 3),
    ):  # fmt: skip
        assert len({getattr(each.neuron, key) for each in designs}) >= choices, key
    assert {each.neuron.synapse.kind for each in designs} == {"delta", "exponential"}
    orders = {e.neuron.synapse.order for e in designs if e.neuron.synapse.kind == "exponential"}
    assert len(orders) == 6
    assert {each.neuron.negative_threshold is None for each in designs} == {True, False}
    assert {each.neuron.adaptation is None for each in designs} == {True, False}
    assert {each.neuron.v_floor is None for each in designs} == {True, False}
    assert {each.v_thresholds is None for each in designs} == {True, False}
    assert {each.input_address_bits is None for each in designs} == {True, False}
    assert {each.weight_shift for each in designs} == {0, 1, 2}
    assert {each.max_events_per_input for each in designs} == {1, 2, 5}
    assert {1, 2, 31} <= {each.neuron.max_spikes_per_step for each in designs}
    assert len({each.neuron.lfsr.bits for each in designs}) > 10
    assert {each.n_neurons % each.lanes == 0 for each in designs} == {True, False}
    assert {each.words for each in designs} >= {1, 2, 3, 4, 5}
    for each in designs:
        supported(each)


@pytest.mark.parametrize("seed", range(10))
def test_designs_fire_under_the_random_stimulus(seed: int) -> None:
    from fxlif.sim.stimulus.random import RandomStimulus

    core = random_design(random.Random(seed))
    source, driver = RandomStimulus(core, seed), Driver(core.in_address_bits)
    driver.refill(source.events(20_000))
    model = CycleModel([core])
    block = model.drive(driver, source.flags(20_000))
    assert model.outputs(block).cores[0].steps.fire.any()
