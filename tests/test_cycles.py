"""The cycle models' engines agree, however the cycles are cut; drivers do what they promise."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import fields

import numpy as np
import pytest
from designs import CORES

from fxlif import CoreParams
from fxlif.cycles.control import IDLE, INPUT, RESET, Block
from fxlif.cycles.model import CoreTrace, CycleInputs, CycleModel, CycleOutputs, Driver, Steps
from fxlif.engines import can_compile
from fxlif.params.neuron import NeuronParams
from fxlif.params.quantise import signed_range
from fxlif.rule.step import initial_state, step
from fxlif.sim.soak.random_design import random_design, random_neuron
from fxlif.sim.stimulus.random import RandomStimulus

needs_numba = pytest.mark.skipif(not can_compile(), reason="compares compiled code")
PHASE = 512
CYCLES = 8 * PHASE


def chains() -> dict[str, tuple[CoreParams, ...]]:
    # Seeds whose designs fire, and step often, within so few cycles.
    drawn = {f"random {seed}": (random_design(random.Random(seed)),) for seed in (0, 1, 2, 4, 5)}
    last = CORES["two words"]
    weights = np.resize(last.weights, (CORES["all options"].n_neurons, last.n_neurons))
    second = CoreParams(
        n_inputs=len(weights), n_neurons=last.n_neurons, lanes=2, neuron=last.neuron,
        weights=weights,
    )  # fmt: skip
    return {**drawn, "two cores": (CORES["all options"], second)}


DESIGNS = chains()


def driver_for(core: CoreParams, seed: int, events: int = CYCLES) -> Driver:
    driver = Driver(core.in_address_bits)
    driver.refill(RandomStimulus(core, seed).events(events))
    return driver


def driven(cores: tuple[CoreParams, ...], seed: int, engine: str = "numpy") -> Block:
    """The cycles of one seed in one block, driven by the model itself."""
    model = CycleModel(cores, engine=engine)
    return model.drive(driver_for(cores[0], seed), RandomStimulus(cores[0], seed).flags(CYCLES))


def joined(parts: list[CycleOutputs]) -> dict[str, np.ndarray]:
    """Every array of some outputs by its name, blocks joined."""
    found: dict[str, list[np.ndarray]] = {}

    def add(name: str, value: object) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                add(f"{name}.{key}", each)
        elif isinstance(value, list):
            for k, each in enumerate(value):
                add(f"{name}[{k}]", each)
        elif isinstance(value, CycleOutputs | CoreTrace | Steps):
            for field in fields(value):
                add(f"{name}.{field.name}", getattr(value, field.name))
        elif isinstance(value, tuple):
            for key, each in value._asdict().items():
                add(f"{name}.{key}", each)
        else:
            found.setdefault(name, []).append(np.asarray(value))

    for part in parts:
        add("", part)
    return {name: np.concatenate(arrays) for name, arrays in found.items()}


def in_blocks(cores, inputs: np.ndarray, engine: str, cuts: list[int]) -> dict[str, np.ndarray]:
    model = CycleModel(cores, engine=engine)
    ends = [*cuts, len(inputs)]
    return joined([
        model.run(CycleInputs.of(inputs[start:end]))
        for start, end in zip([0, *cuts], ends, strict=True)
    ])  # fmt: skip


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@needs_numba
@pytest.mark.parametrize("name", DESIGNS)
def test_engines_and_cuts(name: str) -> None:
    cores, rng = DESIGNS[name], random.Random(name)
    inputs = driven(cores, seed=3).inputs
    wanted = in_blocks(cores, inputs, "numpy", [])
    assert wanted[".cores[0].spike"].any() or wanted[".cores[0].steps.fire"].any()
    assert len(wanted[".cores[0].steps.fire"]) > 100
    for engine in ("numpy", "compiled"):
        cuts = sorted(rng.sample(range(len(inputs)), 7))
        assert_same(in_blocks(cores, inputs, engine, [cuts[0], *cuts]), wanted)  # one is empty


@pytest.mark.parametrize("name", DESIGNS)
def test_steps_are_those_of_the_golden_neuron(name: str) -> None:
    cores = DESIGNS[name]
    model = CycleModel(cores)
    outputs = model.run(CycleInputs.of(driven(cores, seed=4).inputs))
    for core, trace in zip(cores, outputs.cores, strict=True):
        steps = trace.steps
        assert len(steps.fire) % core.n_neurons == 0
        assert len(steps.fire)
        after, fire = step(core.neuron, steps.before, steps.current, steps.threshold)
        np.testing.assert_array_equal(fire, steps.fire)
        for variable in core.neuron.state_widths:
            np.testing.assert_array_equal(getattr(after, variable), getattr(steps.after, variable))
        np.testing.assert_array_equal(
            steps.threshold.reshape(-1, core.n_neurons), np.tile(core.thresholds, (len(fire) //
                                                                core.n_neurons, 1))
        )  # fmt: skip


# --- drivers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["numpy", pytest.param("compiled", marks=needs_numba)])
@pytest.mark.parametrize("name", ["random 4", "two cores"])
def test_driving_is_running_what_was_shown(name: str, engine: str) -> None:
    cores = DESIGNS[name]
    model = CycleModel(cores, engine=engine)
    driver = driver_for(cores[0], seed=5)
    flags = RandomStimulus(cores[0], 5).flags(CYCLES)
    shown, made = [], []
    for at in range(0, CYCLES, CYCLES // 4):
        block = model.drive(driver, flags[at : at + CYCLES // 4])
        shown.append(block.inputs.copy())
        made.append(deepcopy(model.outputs(block)))  # the next call overwrites the block
    inputs = np.concatenate(shown)
    np.testing.assert_array_equal(inputs, driven(cores, 5).inputs)  # not a matter of blocks
    assert_same(joined(made), in_blocks(cores, inputs, "numpy", []))


@pytest.mark.parametrize("name", ["random 5", "two cores"])
def test_an_event_on_offer_stays(name: str) -> None:
    cores = DESIGNS[name]
    core, model = cores[0], CycleModel(cores)
    stimulus = RandomStimulus(core, 6)
    given = [stimulus.events(64) for _ in range(100)]
    driver, waiting = Driver(core.in_address_bits), iter(given)
    inputs, ready = [], []
    for _ in range(32):
        while driver.left < PHASE:  # refilled while an event is on offer
            driver.refill(next(waiting, np.full(PHASE, 1 << core.in_address_bits)))
        flags = stimulus.flags(PHASE)
        flags[::97] |= RESET
        block = model.drive(driver, flags)
        inputs.append(block.inputs.copy())
        ready.append(block.streams["in_ready"] != 0)
    table, taken = np.concatenate(inputs), np.concatenate(ready)
    valid = table["in_valid"] != 0
    held = valid & ~taken
    payload = table[["in_valid", "in_address", "in_tick"]]
    np.testing.assert_array_equal(payload[1:][held[:-1]], payload[:-1][held[:-1]])
    assert held.sum() > 100
    assert (held & (table["rst"] != 0)).any()  # even through a reset
    passed = table[valid & taken]
    packed = passed["in_address"] | passed["in_tick"] << core.in_address_bits
    np.testing.assert_array_equal(packed, np.concatenate(given)[: len(packed)])


def test_idle_holds_back_what_is_not_on_offer_yet() -> None:
    core = CORES["one word"]
    driver = Driver(core.in_address_bits)
    driver.refill(np.array([1, 2]))
    flags = np.array([IDLE] * 20 + [0] + [IDLE] * 20 + [0] * 20, dtype=np.uint8)
    block = CycleModel([core]).drive(driver, flags)
    valid = np.flatnonzero(block.inputs["in_valid"])
    assert valid[0] == 20
    assert list(block.inputs["in_address"][valid]) == [1] * (len(valid) - 1) + [2]
    assert valid[-1] == 41
    assert driver.left == 0


# --- a single neuron ----------------------------------------------------------------------------


def golden(neuron: NeuronParams, inputs: np.ndarray) -> np.ndarray:
    """What a registered neuron shows before each edge, by the golden step."""
    state, spikes, rows = initial_state(neuron, 1), 0, []
    for rst, enable, current in inputs:
        rows.append([int(getattr(state, n)[0]) for n in neuron.state_widths] + [spikes])
        if rst:
            state, spikes = initial_state(neuron, 1), 0
        elif enable:
            drive = np.array([current]) + neuron.bias
            state, made = step(neuron, state, drive, neuron.v_threshold)
            spikes = int(made[0])
    return np.array(rows)


@needs_numba
def test_neurons_equal_the_golden_step() -> None:
    from fxlif.cycles.neuron import NEURON_INPUT, NeuronCycles
    from fxlif.sim.stimulus.neuron import NeuronStimulus

    fired = 0
    for seed in range(12):
        neuron = random_neuron(random.Random(seed))
        stimulus, model = NeuronStimulus(neuron, neuron.current_bits, seed), None
        inputs = np.zeros(2 * PHASE, dtype=NEURON_INPUT)
        for name, values in stimulus.inputs(2 * PHASE)._asdict().items():
            inputs[name] = values
        inputs["rst"] |= np.random.default_rng(seed).random(len(inputs)) < 0.01
        model = NeuronCycles(neuron, neuron.current_bits)
        cut = random.Random(seed).randrange(1, len(inputs))
        shown = np.concatenate([model.run(inputs[:cut]), model.run(inputs[cut:])])
        np.testing.assert_array_equal(shown, golden(neuron, inputs), err_msg=str(neuron))
        fired += shown[:, -1].sum()
        low, high = signed_range(neuron.current_bits)
        assert inputs["current"].min() >= low
        assert inputs["current"].max() <= high
    assert fired > 100


def test_no_cycles_are_no_outputs() -> None:
    core = CORES["one word"]
    made = CycleModel([core]).run(CycleInputs.of(np.zeros(0, dtype=INPUT)))
    assert all(len(values) == 0 for values in joined([made]).values())
