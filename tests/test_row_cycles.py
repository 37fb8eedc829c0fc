"""The cycle model of a network of nodes equals a slow oracle in every cycle, and the golden network
in its events; its formulas hold."""

from __future__ import annotations

import random
from itertools import pairwise

import cycle_oracle
import numpy as np
import pytest
import row_oracle
from designs import LONG, flat
from row_designs import (
    NEURONS,
    drawn_events,
    held_back,
    random_events,
    random_network,
    stimulus,
)

from fxlif import (
    AllToAll,
    EventSource,
    FixedProbability,
    Network,
    NetworkParams,
    NeuronParams,
    OneToOne,
    Population,
    Projection,
)
from fxlif.cycles.control import IDLE
from fxlif.cycles.latency import (
    clear_cycles,
    cleared_cycles,
    event_cycles,
    row_cycles,
    update_cycles,
    write_cycles,
)
from fxlif.cycles.model import CoreTrace, CycleInputs, CycleOutputs, Driver
from fxlif.cycles.pipeline import write_distance
from fxlif.cycles.row_model import model_of
from fxlif.cycles.rows import ROW_FLAGS
from fxlif.engines import can_compile
from fxlif.layout import HardwareNetwork, hardware_network
from fxlif.network.events import TICK, split_steps

ENGINES = ["numpy", *(["compiled"] if can_compile() else [])]
needs_numba = pytest.mark.skipif(not can_compile(), reason="compares compiled code")


def assert_oracle_agrees(network: HardwareNetwork, inputs: np.ndarray) -> CycleOutputs:
    made = model_of(network).run(CycleInputs.of(inputs))
    depths = [write_distance(core.neuron) for core in network.cores]
    oracle = row_oracle.Network(network, depths)
    cycle_oracle.assert_every_cycle(made, oracle, inputs, ROW_FLAGS)
    return made


def test_every_cycle_is_the_oracles() -> None:
    seen = dict.fromkeys(["spikes", "saturated", "dropped", *ROW_FLAGS], 0)
    drawn = [random_network(seed) for seed in (range(40) if LONG else (7, 12, 22, 24, 37, 48))]
    drawn += [random_events(seed) for seed in (range(40) if LONG else (0, 2, 7))]
    for seed, network in enumerate(drawn):
        made = assert_oracle_agrees(network, stimulus(network, 600, seed))
        for trace in made.cores:
            seen["spikes"] += trace.spike.sum()
            seen["saturated"] += trace.saturated.max()
            seen["dropped"] += trace.dropped.max()
            for bit, name in enumerate(ROW_FLAGS):
                seen[name] += (trace.control >> bit & 1).sum()
    assert [name for name, count in seen.items() if not count] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_and_cuts(engine: str) -> None:
    for seed in range(20, 26):
        network = random_events(seed) if seed % 3 == 0 else random_network(seed)
        draw = random.Random(seed)
        inputs = stimulus(network, 2000, seed)
        wanted = flat(model_of(network).run(CycleInputs.of(inputs)))
        model = model_of(network, engine=engine)
        cuts = sorted([0, *draw.sample(range(len(inputs)), 5), len(inputs)])
        parts = [flat(model.run(CycleInputs.of(inputs[a:b]))) for a, b in pairwise(cuts)]
        for name, values in wanted.items():
            found = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(found, values, err_msg=f"{seed} {name}")


@needs_numba
def test_engines_at_currents_of_many_bits() -> None:
    """Compiled steps are made for the currents that all sums together can bring."""
    neuron = NeuronParams(v_threshold=300_000, state_bits=24, threshold_bits=20)
    network = hardware_network(NetworkParams(
        source=[EventSource("a", 6)],
        population=[Population("p", 5, neuron, lanes=2)],
        projection=[Projection("a", "p", AllToAll((60, 127)), weight_shift=10),
                    Projection("p", "p", AllToAll((-127, 120)), weight_shift=12)],
    ))  # fmt: skip
    inputs = stimulus(network, 2000, 3)
    numpy, compiled = (
        model_of(network, engine=engine).run(CycleInputs.of(inputs)) for engine in ENGINES
    )
    steps = numpy.cores[0].steps
    assert steps.fire.any()
    assert steps.current.max() > 1 << 18
    wanted = flat(numpy)
    for name, values in flat(compiled).items():
        np.testing.assert_array_equal(values, wanted[name], err_msg=name)


def golden(network: HardwareNetwork, events: np.ndarray) -> tuple[list[int], list[int], list[int]]:
    """What the golden network makes of packed events: those that leave, TICK as -1, and by core
    the additions that saturated and the events that are unknown."""
    params, bits = network.network, network.in_address_bits
    given, first = {}, 0
    for source in params.source:
        if isinstance(source, EventSource):
            own = events[(events >> bits == 1) | ((events >= first) & (events < first + source.n))]
            given[source.name] = np.where(own >> bits == 1, TICK, own - first)
            first += source.n
    model = Network(params, engine="numpy")
    record = model.run(int((events >> bits).sum()), events=given)
    fired = [split_steps(record.spikes(network.cores[k].name)) for k in network.outputs]
    sizes = [network.cores[k].n_neurons for k in network.outputs]
    leave: list[int] = []
    for steps in zip(*fired, strict=True):
        for number, neurons in enumerate(steps):
            leave += (neurons + sum(sizes[:number])).tolist()
        leave.append(TICK)
    saturated = [
        sum(
            count
            for count, each in zip(model.saturated, params.projection, strict=True)
            if each.target == core.name
        )
        for core in network.cores
    ]
    unknown = int(((events >> bits == 0) & (events >= first)).sum())
    readers = [core for core, _ in network.consumers(0)]
    dropped = [unknown if k in readers else 0 for k in range(len(network.cores))]
    return leave, saturated, dropped


@pytest.mark.parametrize("drawn", [random_network, random_events])
@pytest.mark.parametrize("seed", range(60, 60 + (40 if LONG else 6)))
def test_all_events_go_through_and_are_those_of_the_golden_network(seed: int, drawn) -> None:
    network = drawn(seed)
    events = drawn_events(network, 120, np.random.default_rng(seed))
    events = events[: np.flatnonzero(events >> network.in_address_bits)[-1] + 1]
    driver = Driver(network.in_address_bits)
    driver.refill(events)
    model = model_of(network, engine=ENGINES[-1])
    # A long stall may keep all: what is left goes through at full rate.
    flags = held_back(6_000, seed)
    block = model.drive(driver, np.concatenate([flags, np.zeros(20_000, np.uint8)]))
    made = model.outputs(block)
    assert driver.left == 0
    given = made.out_valid & (block.inputs["out_ready"] != 0)
    leave, saturated, dropped = golden(network, events)
    assert np.where(made.out_tick, TICK, made.out_address)[given].tolist() == leave
    assert [int(trace.saturated[-1]) for trace in made.cores] == saturated
    assert [int(trace.dropped[-1]) for trace in made.cores] == dropped


# --- the formulas -------------------------------------------------------------------------------


def one_population(seed: int) -> HardwareNetwork:
    """One population, of some words and delays, with parallel projections from two sources."""
    draw = random.Random(seed)
    n = draw.choice((1, 5, 8, 13))
    sources = [EventSource("a", 4), EventSource("b", 3)]
    projections = [
        Projection(
            draw.choice("ab"), "p", FixedProbability(draw.choice((0.2, 0.6, 1.0)), (-20, 60)),
            delay=draw.choice((0, 1, (0, 6))),
        )
        for _ in range(draw.randint(1, 4))
    ]  # fmt: skip
    population = Population("p", n, draw.choice(NEURONS), lanes=draw.randint(1, min(4, n)))
    return hardware_network(
        NetworkParams(source=sources, population=[population], projection=projections)
    )


def run_events(network: HardwareNetwork, events: list[int], cycles: int) -> CycleOutputs:
    """What comes of events that are on offer from the end of the clear on, one after the other."""
    (core,) = network.cores
    driver = Driver(network.in_address_bits)
    driver.refill(np.array(events))
    flags = np.zeros(cycles, dtype=np.uint8)
    flags[: cleared_cycles(core) + core.slots * 2**core.word_bits] = IDLE
    model = model_of(network)
    return model.outputs(model.drive(driver, flags))


def flag(trace: CoreTrace, name: str) -> np.ndarray:
    """The cycles in which a flag is set."""
    return np.flatnonzero(trace.control >> ROW_FLAGS.index(name) & 1)


@pytest.mark.parametrize("seed", range(8))
def test_cycles_of_rows(seed: int) -> None:
    """Spikes of one address after another are issued at the rate that the formula gives."""
    network = one_population(seed)
    (core,) = network.cores
    of_address = row_cycles(core, 0)
    assert len(of_address) <= network.n_inputs + 1
    assert event_cycles(core) == of_address.max()
    for address in range(network.n_inputs):
        count, cost = 20, int(of_address[min(address, len(of_address) - 1)])
        made = run_events(network, [address] * count + [1 << network.in_address_bits], 2000)
        start = cleared_cycles(core) + core.slots * 2**core.word_bits
        taken = start + np.flatnonzero(made.in_ready[start:])[: count + 1]
        assert set(np.diff(taken)[6:-1]) == {cost}
        words = sum(
            int(m.lengths[address - m.first])
            for m in core.memories
            if m.first <= address < m.first + m.n_pre
        )
        adds = flag(made.cores[0], "adding")
        assert len(adds) == count * words
        if words and len(core.memories) == 1:
            assert adds[0] == taken[0] + 3
            assert adds[-1] == adds[0] + count * words - 1


@pytest.mark.parametrize("seed", range(8))
def test_cycles_of_an_update_and_of_a_clear(seed: int) -> None:
    network = one_population(seed)
    (core,) = network.cores
    tick = 1 << network.in_address_bits
    start = cleared_cycles(core) + core.slots * 2**core.word_bits
    made = run_events(network, [tick], start + 400)
    trace = made.cores[0]
    parts = max(1, len(core.memories))
    moved = start + parts - 1
    assert made.in_ready[moved]
    assert list(flag(trace, "clearing")) == list(range(clear_cycles(core) + 1))
    cleared = flag(trace, "updating")
    assert list(cleared[: cleared_cycles(core)]) == list(range(cleared_cycles(core)))
    assert cleared[cleared_cycles(core)] == flag(trace, "starting")[0] == moved + 3
    written = np.flatnonzero(trace.valid)
    assert list(written) == [moved + write_cycles(core, word) for word in range(core.words)]
    spikes = trace.spike.astype(int).sum(axis=1)
    ticks = np.flatnonzero(made.out_valid & made.out_tick)
    assert list(ticks) == [moved + update_cycles(core, list(spikes))]
    assert made.out_valid.sum() == 1 + spikes.sum()


def test_the_formulas_in_numbers() -> None:
    """What the pages promise: whoever adds a stage of the pipeline changes them here."""
    population = Population("p", 7, NeuronParams(), lanes=2)  # delta, shift leak: 7 stages
    projections = [
        Projection("a", "p", AllToAll(9), delay=(0, 5)),
        Projection("a", "p", OneToOne(9)),
    ]
    (core,) = hardware_network(NetworkParams(
        source=[EventSource("a", 7)], population=[population], projection=projections
    )).cores  # fmt: skip
    assert (core.words, core.slots) == (4, 8)
    assert row_cycles(core, 0).tolist() == [4 + 1] * 7 + [2]
    assert (clear_cycles(core), cleared_cycles(core)) == (8 * 4 - 1, 7 * 4 + 5 + 4 + 7)
    assert write_cycles(core, 3) == 8 + 3 + 7
    assert update_cycles(core, [0, 0, 0, 0]) == 8 + 3 + 7 + 4
    assert update_cycles(core, [2, 0, 0, 1]) == 8 + 3 + 7 + 4 + 1
