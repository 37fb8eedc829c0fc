"""The cycle model equals a slow oracle; its engines agree, however the cycles are cut; drivers do
what they promise."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import fields

import cycle_oracle
import numpy as np
import pytest
from designs import (
    CORES,
    EVENT_CORES,
    OFTEN,
    ONE_BY_ONE,
    RICH,
    ROUNDS,
    SIMPLE,
    flat,
    make,
    random_inputs,
)

from fxlif import CoreParams
from fxlif.cycles.control import IDLE, INPUT, RESET, STALL, Block
from fxlif.cycles.latency import (
    clear_cycles,
    cleared_cycles,
    event_cycles,
    step_cycles,
    update_cycles,
    write_cycles,
)
from fxlif.cycles.model import (
    CONTROL_FLAGS,
    CoreTrace,
    CycleInputs,
    CycleModel,
    CycleOutputs,
    Driver,
    Steps,
)
from fxlif.cycles.pipeline import write_distance
from fxlif.engines import can_compile
from fxlif.params.neuron import NeuronParams
from fxlif.params.quantise import signed_range
from fxlif.rule.lfsr import shift
from fxlif.rule.step import initial_state, step
from fxlif.sim.soak.random_design import random_design, random_neuron
from fxlif.sim.stimulus.random import RandomStimulus

needs_numba = pytest.mark.skipif(not can_compile(), reason="compares compiled code")
PHASE = 512
CYCLES = 8 * PHASE


def then(first: CoreParams, n: int, lanes: int, neuron: NeuronParams) -> tuple[CoreParams, ...]:
    return first, make(first.n_neurons, n, lanes, neuron, max_events_per_input=2)


def chains() -> dict[str, tuple[CoreParams, ...]]:
    # Seeds whose designs fire, and step often, within so few cycles.
    drawn = {f"random {seed}": (random_design(random.Random(seed)),) for seed in (3, 4, 8, 12, 18)}
    return {
        **drawn,
        "two cores": then(CORES["all options"], 4, 2, SIMPLE),
        "counts, then draws": then(make(4, 9, 2, OFTEN), 7, 3, ROUNDS),
    }


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
        after, fire = step(core.neuron, steps.before, steps.current, steps.threshold, steps.random)
        np.testing.assert_array_equal(fire, steps.fire)
        for variable in core.neuron.state_widths:
            np.testing.assert_array_equal(getattr(after, variable), getattr(steps.after, variable))
        np.testing.assert_array_equal(
            steps.threshold.reshape(-1, core.n_neurons), np.tile(core.thresholds, (len(fire) //
                                                                core.n_neurons, 1))
        )  # fmt: skip


# --- against the oracle -------------------------------------------------------------------------

#: Words below, at and above the distance of events, full and not; all that values can be.
SHAPES: dict[str, tuple[CoreParams, ...]] = {
    **{name: (core,) for name, core in (CORES | EVENT_CORES).items()},
    "four words": (make(3, 8, 2, ROUNDS),),
    "many words": (make(5, 23, 1, NeuronParams(v_threshold=20, refractory=1)),),
    "counts, one word": (make(2, 5, 5, OFTEN, v_thresholds=(30, 5, 90, 7, 1)),),
    "two": then(make(6, 7, 3, RICH), 5, 2, ROUNDS),
    "events into events": (
        make(6, 4, 2, ONE_BY_ONE["fires on events"], max_events_per_input=2),
        make(4, 5, 2, ONE_BY_ONE["events on i_syn"]),
    ),
    "counts into many words": then(make(4, 9, 2, OFTEN), 13, 1, OFTEN),
}


def inputs_of(core: CoreParams, cycles: int, seed: int) -> np.ndarray:
    """Long stalls and idle times for one half; for the other inputs that keep no protocol."""
    half = cycles // 2
    table = np.zeros(cycles, dtype=INPUT)
    flags = RandomStimulus(core, seed).flags(half)
    flags[half // 3 : half // 2] |= STALL  # all words of an update wait in the queue
    table[:half] = CycleModel([core]).drive(driver_for(core, seed), flags).inputs
    for name, values in random_inputs(core, cycles - half, seed).items():
        table[name][half:] = values
    return table


def assert_oracle_agrees(cores: tuple[CoreParams, ...], inputs: np.ndarray) -> CycleOutputs:
    made = CycleModel(cores).run(CycleInputs.of(inputs))
    chain = cycle_oracle.Chain([
        cycle_oracle.Core(core, write_distance(core.neuron)) for core in cores
    ])  # fmt: skip
    cycle_oracle.assert_every_cycle(made, chain, inputs, CONTROL_FLAGS)
    return made


@pytest.mark.parametrize("name", SHAPES)
def test_every_cycle_is_the_oracles(name: str) -> None:
    cores = SHAPES[name]
    made = assert_oracle_agrees(cores, inputs_of(cores[0], 2400, seed=len(name)))
    for trace in made.cores:
        assert trace.spike.any()
        assert trace.valid.sum() > 3 * cores[0].words


#: Where v often is at its threshold, and rests above it: an event of 0 is none.
AT_THRESHOLD = CoreParams(
    n_inputs=3, n_neurons=5, weights=np.resize([1, 0, -1, 2], (3, 5)), lanes=2,
    neuron=NeuronParams(accumulate="per_event", fire_on="event", compare="gt", v_threshold=3,
                        v_reset=5, reset="subtract", state_bits=6, leak={"kind": "none"}),
)  # fmt: skip


@needs_numba
@pytest.mark.parametrize("name", [*EVENT_CORES, "events into events", "at threshold"])
def test_compiled_events_are_those_of_the_golden_step(name: str) -> None:
    """Every port and state in every cycle, and what coverage is told of each event."""
    cores = (SHAPES | {"at threshold": (AT_THRESHOLD,)})[name]
    models = [CycleModel(cores, engine=engine) for engine in ("numpy", "compiled")]
    for inputs in np.split(inputs_of(cores[0], 900, 5), [400]):
        golden, made = (model.run(CycleInputs.of(inputs)) for model in models)
        wanted = flat(golden)
        for key, found in flat(made).items():
            np.testing.assert_array_equal(found, wanted[key], err_msg=key)
        for trace, other in zip(made.cores, golden.cores, strict=True):
            pairs = list(zip(trace.steps.arrivals, other.steps.arrivals, strict=True))
            assert pairs
            assert all(np.array_equal(a, b) for a, b in pairs)


# --- the formulas -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, cores in SHAPES.items() if len(cores) == 1])
def test_cycles_of_steps_at_full_rate(name: str) -> None:
    """Everything that a run without stalls shows is when the formulas say."""
    (core,) = SHAPES[name]
    cost, tick = event_cycles(core), 1 << core.in_address_bits
    draw = random.Random(name)
    unknown = core.n_inputs if core.n_inputs < tick else 0
    steps = [[draw.randrange(core.n_inputs) for _ in range(draw.choice((0, 0, 1, 2, 9)))]
             for _ in range(60)]  # fmt: skip
    steps[7].append(unknown)
    driver = Driver(core.in_address_bits)
    driver.refill(np.array([event for step in steps for event in [*step, tick]]))
    model = CycleModel([core])
    cycles = sum(
        step_cycles(core, len(s)) + update_cycles(core, 31 * core.n_neurons) for s in steps
    )
    block = model.drive(driver, np.zeros(cycles, dtype=np.uint8))
    trace = model.outputs(block).cores[0]

    ready = block.streams["in_ready"] != 0
    assert np.argmax(ready) == clear_cycles(core)
    cleared = cleared_cycles(core)
    taken = np.flatnonzero(ready & (block.inputs["in_valid"] != 0))
    given = np.flatnonzero(block.streams["out_valid"])
    ticks_out = given[block.streams["out_tick"][given] != 0]
    spikes = trace.spike.astype(int).reshape(-1, core.words, core.lanes).sum(axis=2)
    written = np.flatnonzero(trace.valid).reshape(-1, core.words)
    assert len(written) == len(ticks_out) == len(steps)
    assert spikes.sum() == len(given) - len(ticks_out) > 0

    now, over, following, waited = clear_cycles(core), cleared, 0, 0
    for k, step_events in enumerate(steps):
        for event in step_events:
            assert taken[following] == now
            now += cost if event < core.n_inputs else 1
            following += 1
        assert taken[following] == now
        start = max(now, over)  # a TICK that finds an update under way is pending until its end
        waited += start > now
        following += 1
        wanted = [start + write_cycles(core, word) for word in range(core.words)]
        assert list(written[k]) == wanted
        over = start + update_cycles(core, list(spikes[k]))
        assert ticks_out[k] == over <= start + update_cycles(core, int(spikes[k].sum()))
        now = start + cost
    assert 0 < waited < len(steps)


@pytest.mark.parametrize("events", [0, 3, 9])
def test_a_step_costs_no_more_than_its_slots(events: int) -> None:
    """Where updates are over in time, the input is never kept waiting."""
    core = make(8, 12, 1, NeuronParams(v_threshold=30000))
    steps, tick = 6, 1 << core.in_address_bits
    driver = Driver(core.in_address_bits)
    driver.refill(np.array(([1] * events + [tick]) * steps))
    block = CycleModel([core]).drive(driver, np.zeros(3000, dtype=np.uint8))
    taken = np.flatnonzero((block.streams["in_ready"] != 0) & (block.inputs["in_valid"] != 0))
    step_of = np.diff(taken[:: events + 1])
    wanted = max(step_cycles(core, events), update_cycles(core, 0))
    assert list(step_of[1:]) == [wanted] * (steps - 2)
    assert (wanted == step_cycles(core, events)) == (events > 0)


def test_the_formulas_in_numbers() -> None:
    """What the pages promise: whoever adds a stage of the pipeline changes them here."""
    core = make(4, 7, 2, NeuronParams())  # delta, shift leak
    assert (core.words, clear_cycles(core), event_cycles(core)) == (4, 3, 4)
    assert event_cycles(make(4, 2, 2, NeuronParams())) == 4
    assert event_cycles(make(4, 9, 1, NeuronParams())) == 9
    assert step_cycles(core, 10) == 44
    assert write_cycles(core, 3) == 1 + 3 + 7
    assert update_cycles(core, [0, 0, 0, 0]) == update_cycles(core, 0) == 15
    assert update_cycles(core, [2, 0, 0, 1]) == 16
    assert update_cycles(core, [2, 2, 2, 1]) == 12 + 7
    assert update_cycles(core, 7) == 15 + 7


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


@pytest.mark.parametrize("name", ["random 18", "two cores"])
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
    state, spikes, draw, rows = initial_state(neuron, 1), 0, neuron.lfsr.seed, []
    for rst, enable, current in inputs:
        rows.append([int(getattr(state, n)[0]) for n in neuron.state_widths] + [spikes])
        if rst:
            state, spikes, draw = initial_state(neuron, 1), 0, neuron.lfsr.seed
        elif enable:
            drive = np.array([current]) + neuron.bias
            state, made = step(neuron, state, drive, neuron.v_threshold, draw)
            spikes, draw = int(made[0]), shift(neuron.lfsr, draw)
    return np.array(rows)


@needs_numba
def test_neurons_equal_the_golden_step() -> None:
    from fxlif.cycles.neuron import NEURON_INPUT, NeuronCycles
    from fxlif.sim.stimulus.neuron import NeuronStimulus

    fired = 0
    for seed in range(12):
        neuron = random_neuron(random.Random(seed))
        if seed % 3 == 0:
            neuron = neuron.model_copy(update={"leak": ROUNDS.leak, "lfsr": ROUNDS.lfsr})
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
