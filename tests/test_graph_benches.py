"""The checks that run a simulator, on networks that are no chain: what they show to a network, what
they expect of it, and that they see what is wrong."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from designs import QUICK, SIMPLE, SIMULATORS, event_loop, looped, make, needs_icarus, swap

from fxlif import EventSource, Network, NetworkParams, RegularSource, load, profiles, recurrent
from fxlif.cli.options import shipped_or_file
from fxlif.cycles.access import is_accessible
from fxlif.cycles.control import NONE
from fxlif.cycles.driver import Driver
from fxlif.cycles.row_model import model_of
from fxlif.engines import can_compile
from fxlif.hdl.limits import supported
from fxlif.hdl.verilog import generate
from fxlif.layout import HardwareNetwork, RowCore, RowMemory
from fxlif.network import events as event_files
from fxlif.network.events import TICK
from fxlif.sim.bench.golden import GoldenStream
from fxlif.sim.bench.outcome import failure_reasons
from fxlif.sim.failure import difference
from fxlif.sim.failure.folder import replay
from fxlif.sim.failure.narrow import first_difference
from fxlif.sim.failure.shrink import Stimulus
from fxlif.sim.portable.testbench import bench_of, commands, with_bench
from fxlif.sim.soak.bulk import BLOCK
from fxlif.sim.soak.random_network import (
    accessible,
    random_event_chain,
    random_event_network,
    random_hardware,
    random_network,
)
from fxlif.sim.soak.run import soak
from fxlif.sim.soak.segments import Target, run_segment, target_of
from fxlif.sim.stimulus.aimed import aimed_events, routes
from fxlif.sim.stimulus.random import RandomStimulus
from fxlif.sim.tools.words import as_rows
from fxlif.sim.verify import check, verify

needs_numba = pytest.mark.skipif(not can_compile(), reason="bulk runs need numba")
LOOPED = looped()


def hardware(network: NetworkParams) -> HardwareNetwork:
    made = supported(network)
    assert isinstance(made, HardwareNetwork)
    return made


NET = hardware(LOOPED)


# --- what is expected ---------------------------------------------------------------------------


def test_events_of_several_sources_and_outputs() -> None:
    """Addresses follow each other: those of the sources as they are listed, those of the outputs
    in the order of updates, whatever order they are named in. Unknown ones do nothing."""
    draw = np.random.default_rng(1)
    touch, light = draw.integers(0, 3, (40, 3)), draw.integers(0, 2, (40, 2))
    stream = []
    for step in range(40):
        stream += [k for k in range(3) for _ in range(touch[step, k])]
        stream += [5, 7]
        stream += [3 + k for k in range(2) for _ in range(light[step, k])]
        stream.append(TICK)
    network = Network(LOOPED)
    record = network.run(
        events={"touch": event_files.from_counts(touch), "light": event_files.from_counts(light)}
    )
    early = event_files.split_steps(record.spikes("early"))
    late = event_files.split_steps(record.spikes("late"))
    assert sum(map(len, early)) > 20
    assert sum(map(len, late)) > 20
    expected = [np.concatenate([a, b + 7, [TICK]]) for a, b in zip(early, late, strict=True)]
    assert LOOPED.graph.order == ("early", "late")
    golden = GoldenStream(NET)
    cut = stream.index(TICK, 60) + 1  # from call to call it goes on
    parts = [golden.stream(np.array(part, dtype=np.int64)) for part in (stream[:cut], stream[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(expected))
    golden.reset()
    again = golden.stream(np.array([*stream, 1, 2]))  # no step ends behind the last tick
    np.testing.assert_array_equal(again, np.concatenate(expected))


def test_the_model_sends_what_the_golden_network_says() -> None:
    """Under the stimulus of the benches, without a simulator."""
    stimulus, driver = RandomStimulus(NET, 3), Driver(NET.in_address_bits)
    model, golden = model_of(NET), GoldenStream(NET)
    driver.refill(stimulus.events(BLOCK))
    block = model.drive(driver, stimulus.flags(BLOCK) & ~np.uint8(4))
    inputs, streams = block.inputs, block.streams
    taken = (inputs["in_valid"] & streams["in_ready"]) != 0
    given = (inputs["out_ready"] & streams["out_valid"]) != 0
    events = np.where(inputs["in_tick"], TICK, inputs["in_address"])[taken]
    out = np.where(streams["out_tick"], TICK, streams["out_address"])[given]
    assert np.count_nonzero(out == TICK) > 40
    assert (out != TICK).any()
    np.testing.assert_array_equal(out, golden.stream(events)[: len(out)])


# --- what is shown ------------------------------------------------------------------------------


def test_stimulus_knows_all_sources() -> None:
    drawn = RandomStimulus(NET, 1).events(60_000)
    tick = 1 << NET.in_address_bits
    often = np.bincount(drawn, minlength=tick + 1)
    assert NET.n_inputs == 5
    assert (often[:5] > 200).all()
    assert (often[5:tick] > 10).all(), "addresses of no source"
    assert often[tick] > 2000
    assert len(often) == tick + 1


def test_sums_saturate_under_it() -> None:
    stimulus, driver = RandomStimulus(NET, 1), Driver(NET.in_address_bits)
    model = model_of(NET)
    driver.refill(stimulus.events(4 * BLOCK))
    outputs = model.outputs(model.drive(driver, stimulus.flags(4 * BLOCK) & ~np.uint8(4)))
    assert outputs.cores[0].saturated[-1] > 5
    assert outputs.cores[0].dropped[-1] > 5


def test_without_events_it_shows_ticks() -> None:
    clocked = LOOPED.model_copy(update={
        "source": tuple(s for s in LOOPED.source if isinstance(s, RegularSource)),
        "projection": tuple(p for p in LOOPED.projection if p.source not in ("touch", "light")),
    })  # fmt: skip
    design = hardware(NetworkParams.model_validate(clocked.model_dump()))
    drawn = RandomStimulus(design, 1).events(4000)
    assert design.n_inputs == 0
    assert set(drawn.tolist()) == {0, 1, 2}
    assert (drawn == 2).mean() > 0.25
    assert (aimed_events(design) == 2).all()
    golden = GoldenStream(design).stream(np.where(drawn == 2, TICK, drawn))
    assert np.count_nonzero(golden == TICK) == np.count_nonzero(drawn == 2)
    assert (golden != TICK).any()


def test_aimed_events_push_what_they_aim_at() -> None:
    """Each source's own inputs come at their addresses."""
    ways = routes(NET)
    assert [(way.at, way.first.n_inputs, way.second is None) for way in ways[:2]] == [
        (0, 3, True), (3, 2, True),
    ]  # fmt: skip
    assert {way.second.n_neurons for way in ways[2:] if way.second} == {7, 4}
    aimed = aimed_events(NET)
    model, driver = model_of(NET, engine="auto"), Driver(NET.in_address_bits)
    driver.refill(aimed)
    made = model.outputs(model.drive(driver, np.zeros(6 * len(aimed), dtype=np.uint8)))
    assert made.cores[0].state["v"].min() == NET.cores[0].neuron.state_range[0]


def test_a_stimulus_lasts_until_all_is_out() -> None:
    events = tuple([0, 1, 3, 4, 0, 0, TICK] * 30)
    stimulus = Stimulus(events=events, stall=(5, 7, 300), reset=(2, 9))
    driver = Driver(NET.in_address_bits)
    driver.refill(stimulus.packed(NET.in_address_bits))
    block = model_of(NET).drive(driver, stimulus.flags(stimulus.cycles(NET)))
    assert driver.left == 0
    after = np.flatnonzero(block.streams["out_valid"])
    assert after[-1] < len(block.streams) - 1
    given = block.streams["out_valid"] & block.inputs["out_ready"] & block.streams["out_tick"]
    assert given.sum() >= 29


# --- designs drawn at random --------------------------------------------------------------------


def test_random_networks_are_of_every_kind() -> None:
    drawn = [random_network(random.Random(seed)) for seed in range(24)]
    assert drawn[7] == random_network(random.Random(7))
    designs = [supported(network) for network in drawn]
    graphs = [each for each in designs if isinstance(each, HardwareNetwork)]
    assert len(graphs) > 20
    kinds = {p.synapses.kind for network in drawn for p in network.projection}
    assert kinds == {
        "dense", "sparse", "one_to_one", "grid", "all_to_all", "fixed_probability",
        "fixed_indegree",
    }  # fmt: skip
    cores = [core for graph in graphs for core in graph.cores]
    memories = [memory for core in cores for memory in core.memories]
    inputs = [read for core in cores for read in core.inputs]
    assert {len(graph.cores) for graph in graphs} == {1, 2, 3, 4, 5, 6}
    assert {len(graph.regular) for graph in graphs} >= {0, 1}
    assert {memory.dense for memory in memories} == {True, False}
    assert {core.slots for core in cores} >= {1, 2, 4, 8, 16, 32, 64}
    assert {read.backward for read in inputs} == {True, False}
    assert {len(read.memories) for read in inputs} >= {0, 1, 2}
    assert any(len(graph.outputs) > 2 for graph in graphs)
    assert any(graph.n_inputs == 0 for graph in graphs)
    sources = [sum(isinstance(s, EventSource) for s in network.source) for network in drawn]
    assert set(sources) == {0, 1, 2, 3}


def test_random_hardware_has_cores_and_chains_too() -> None:
    drawn = [random_hardware(random.Random(seed)) for seed in range(12)]
    made = [supported(design) for design in drawn]
    assert {type(design) for design in made} > {HardwareNetwork}
    assert {len(design.cores) for design in made if isinstance(design, NetworkParams)} >= {2, 3}
    neurons = [neuron for design in made for neuron in design.neurons]
    assert {neuron.accumulate for neuron in neurons} == {"exact", "per_event"}
    assert {is_accessible(core) for design in made for core in design.cores} == {True, False}
    for given in (LOOPED, NetworkParams.chain(make(3, 5, 2, SIMPLE), make(5, 6, 4, SIMPLE))):
        found = [accessible(random.Random(seed), given) for seed in range(6)]
        cores = [core for each in found for core in supported(each).cores]
        assert {name for core in cores for name in core.writable} >= {"weights", "thresholds"}
        assert {core.readable for core in cores} == {True, False}
    chains = [random_event_chain(random.Random(seed)) for seed in range(12)]
    assert {neuron.fire_on for chain in chains for neuron in chain.neurons} == {"step", "event"}
    graphs = [hardware(random_event_network(random.Random(seed))) for seed in range(4)]
    kinds = {(n.accumulate, n.fire_on) for graph in graphs for n in graph.neurons}
    assert kinds == {("exact", "step"), ("per_event", "step"), ("per_event", "event")}


# --- the whole way, and what is wrong -----------------------------------------------------------


@pytest.fixture(scope="module")
def target() -> Target:
    """The one library of this file."""
    return target_of(LOOPED)


@needs_numba
def test_a_bulk_run(target: Target) -> None:
    segment = run_segment(target, 1, 0, 16 * BLOCK)
    assert segment.wrong == NONE
    assert segment.counts.resets > 50
    assert segment.counts.spikes > 5000
    assert segment.counts.comparisons > 8 * segment.counts.cycles


def with_core(k: int, change: Callable[[RowCore], RowCore]) -> HardwareNetwork:
    cores = list(NET.cores)
    cores[k] = change(cores[k])
    return replace(NET, cores=tuple(cores))


def with_memory(k: int, projection: int, change: Callable[[RowMemory], RowMemory]):
    def changed(core: RowCore) -> RowCore:
        wanted = [m.projection for m in core.memories].index(projection)
        memories = list(core.memories)
        memories[wanted] = change(memories[wanted])
        return replace(core, memories=tuple(memories))

    return with_core(k, changed)


def narrower(core: RowCore) -> RowCore:
    first, *others = core.accumulators
    return replace(core, accumulators=(replace(first, bits=first.bits - 1), *others))


def lighter(memory: RowMemory) -> RowMemory:
    return replace(memory, weights=memory.weights - (memory.weights == memory.weights.max()))


def later(memory: RowMemory) -> RowMemory:
    return replace(memory, delay=memory.delay + 1)


#: Models that are not those of the library, as if the library were wrong.
MODELS = {
    "a backward delay": with_memory(0, 5, later),
    "a forward delay": with_memory(1, 4, later),
    "delays of a loop": with_memory(0, 2, later),
    "a weight": with_memory(0, 1, lighter),
    "a bit of a sum": with_core(0, narrower),
    "the order of inputs": with_core(1, lambda c: replace(c, inputs=c.inputs[::-1])),
    "an output": replace(NET, outputs=(1,)),
}


@needs_numba
@pytest.mark.parametrize("fault", MODELS)
def test_faults_are_found(fault: str, target: Target) -> None:
    wrong = replace(target, params=MODELS[fault])
    assert run_segment(wrong, 1, 0, 64 * BLOCK).wrong != NONE


@needs_numba
def test_a_difference_is_narrowed_and_shrunk(target: Target, monkeypatch) -> None:
    monkeypatch.setattr(difference, "SECONDS", 2.0)
    wrong = replace(target, params=MODELS["a backward delay"])
    found = difference.narrowed(wrong, 1, run_segment(wrong, 1, 0, 64 * BLOCK))
    small, told = difference.shrunk(wrong, found)
    assert told.startswith("a shorter way: ")
    assert len(small.words) <= len(found.words)
    rows = as_rows(small.words, wrong.interface.stimulus_bits)
    assert first_difference(wrong.library, wrong.params, wrong.interface, rows) == small.first


#: Changes of the Verilog, seen by the golden network or in the states.
EDITS = {
    "what is 2 cycles ahead is not forwarded": swap(
        r"assign (\w+) = of_two_\d \? done_\d : (\w+);", r"assign \1 = \2;"
    ),
    "the ring does not move on": swap(r"    base <= \w+;", "    base <= 0;"),
    "the output is not waited for": swap(
        r"(assign events_ready = & {) readers_2_ready,( readers_1_ready, readers_0_ready })",
        r"\1\2",
    ),
}
#: And of neurons that take their events one by one.
EVENT_LOOP = event_loop(profiles.odin(param_leak_str=2, param_thr=30).neuron)
EVENT_EDITS = {
    "every event begins the step": swap(r"assign (\w+) = ~ added_to;", r"assign \1 = 1'h1;"),
    "no event begins the step": swap(r"assign (\w+) = ~ added_to;", r"assign \1 = 1'h0;"),
    "an event comes before the state is back": swap(
        r"assign (\w+) = left == \d'h2;", r"assign \1 = left == 4'h5;"
    ),
}


def test_verify_in_icarus(tmp_path) -> None:
    results, report = check(LOOPED, folder=tmp_path, simulator=QUICK, cycles=2500, seed=3)
    assert failure_reasons(results, report) == []
    assert report is not None
    assert report.events_out > 10


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*EDITS, *EVENT_EDITS])
def test_faults_in_verilog_are_found(fault: str, tmp_path) -> None:
    network, edit = (LOOPED, EDITS[fault]) if fault in EDITS else (EVENT_LOOP, EVENT_EDITS[fault])
    _, report = check(network, folder=tmp_path, simulator=QUICK, cycles=4000, seed=3, edit=edit)
    assert report is not None
    assert report.mismatches


@pytest.mark.slow
def test_a_failure_is_replayed(tmp_path, monkeypatch) -> None:
    """From a folder, in the simulator that saw it; the design that it holds is right."""
    monkeypatch.setattr(difference, "SECONDS", 5.0)
    edit = EDITS["what is 2 cycles ahead is not forwarded"]
    found = soak(LOOPED, name="x", cycles=1 << 18, processes=1, out=tmp_path / "f", edit=edit)
    assert not found.passed
    assert replay(tmp_path / "f").reproduced
    assert replay(tmp_path / "f", regenerate=True, simulator=QUICK).reasons == []


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("drawn", [random_network, random_event_network])
def test_random_networks_in_both_simulators(drawn, seed: int, simulator: str, tmp_path) -> None:
    network = drawn(random.Random(seed), max_populations=3)
    results, report = check(network, folder=tmp_path, simulator=simulator, cycles=6000, seed=seed)
    reasons = failure_reasons(results, report)
    assert [each for each in reasons if "no neuron of core" not in each] == []


@pytest.mark.slow
@needs_icarus
@pytest.mark.parametrize("network", [LOOPED, EVENT_LOOP], ids=lambda each: each.name)
def test_the_portable_bench(network: NetworkParams, tmp_path) -> None:
    made = generate(network)
    for name, content in with_bench(made, bench_of(network, made, cycles=6000)).items():
        (tmp_path / name).write_bytes(content)
    build, run = (line.split() for line in commands(network.name)["icarus"])
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("PASSED: 6000 cycles")


def test_nothing_waits_for_a_first_change() -> None:
    """In SystemVerilog a block that looks at its inputs alone does not run at the start: each looks
    at a register as well that an initial block sets."""
    verilog = generate(LOOPED).verilog
    blocks = re.findall(r"always @\*.*\n(.*)", verilog)
    assert len(blocks) > 100
    assert all("auto_verilog_backend" in line for line in blocks)
    registers = set(re.findall(r"reg (auto_verilog_backend\w+);", verilog))
    assert registers == set(re.findall(r"initial (auto_verilog_backend\w+) ?= 0;", verilog))


# --- what is shipped ----------------------------------------------------------------------------


def test_the_recurrent_network() -> None:
    """Its input is what is said to be drawn, and what it does is irregular and asynchronous."""
    given = event_files.read(recurrent.DESIGN.with_name("events.bin"))
    np.testing.assert_array_equal(given, recurrent.input_events())
    design = load(recurrent.DESIGN)
    made = hardware(design)
    assert [core.lanes for core in made.cores] == [4, 4, 4]
    record = Network(design).run(events=given)
    for population in design.population:
        spikes = event_files.to_counts(record.spikes(population.name), population.n)
        assert 0.04 < spikes.mean() < 0.08
        assert (spikes.sum(axis=0) > 0).mean() > 0.95
        intervals = [np.diff(np.flatnonzero(train)) for train in spikes.T]
        assert np.mean([i.std() / i.mean() for i in intervals if len(i) > 4]) > 0.6
    together = event_files.to_counts(record.spikes("excitatory"), 160).sum(axis=1)
    assert together.max() < 160 / 3
    assert shipped_or_file(Path("recurrent")) == recurrent.DESIGN


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_the_recurrent_network_as_hardware(simulator: str) -> None:
    cycles = None if simulator == "verilator" else 20_000
    found = verify(
        load(recurrent.DESIGN), recurrent.DESIGN, simulator=simulator, cycles=cycles, bulk=0
    )
    assert found.reasons == []
    if cycles is None:
        assert found.figures["steps"] == recurrent.STEPS
