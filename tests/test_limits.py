"""What the hardware refuses, by name; and populations that can be hardware."""

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from designs import QUICK, contents, make
from hypothesis import given, settings
from strategies import networks

from fxlif import FxlifError, Network, NeuronParams, load, save
from fxlif.hdl import limits
from fxlif.hdl.limits import chain_of, hardware_of, memory_bits, supported
from fxlif.hdl.verilog import component_of, generate
from fxlif.layout import HardwareNetwork
from fxlif.network import events
from fxlif.network.events import TICK
from fxlif.params.core import CoreParams
from fxlif.params.leaks import ScaleLeak, ShiftLeak
from fxlif.params.network import NetworkParams, Population, Projection
from fxlif.params.neuron import Adaptation, ExponentialSynapse
from fxlif.params.sources import EventSource
from fxlif.params.topology import AllToAll, FixedInDegree
from fxlif.sim.coverage.coverage import Coverage
from fxlif.sim.tools import simulators
from fxlif.sim.verify import check, verify

DESIGN = """
name = "small"

[[source]]
kind = "events"
name = "input"
n = 5
max_events_per_input = 2

[[population]]
name = "hidden"
n = 7
neuron = { v_threshold = 12, refractory = 1 }

[[population]]
name = "output"
n = 3
v_thresholds = [5, 6, 7]

[[projection]]
source = "input"
target = "hidden"
delay = 0
weight_shift = 1
synapses = { kind = "fixed_probability", probability = 0.95, weight = [-3, 9], seed = 3 }

[[projection]]
source = "hidden"
target = "output"
delay = 0
synapses = { kind = "all_to_all", weight = 4 }
"""
PER_EVENT = {"accumulate": "per_event", "fire_on": "event"}


@pytest.fixture
def design(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(DESIGN)
    return path


def raw(network):
    return network.model_dump(mode="json", exclude_none=True)


def core(**neuron):
    return CoreParams(n_inputs=1, n_neurons=1, weights=[[1]], neuron=NeuronParams(**neuron))


def refusal(call, *args):
    with pytest.raises(FxlifError) as caught:
        call(*args)
    return str(caught.value).splitlines()


# --- populations as hardware --------------------------------------------------------------------


def test_chain_of_populations(design):
    network = load(design)
    chain = chain_of(network)
    assert chain.name == "small"
    first, second = chain.core
    assert (first.n_inputs, first.n_neurons, second.n_inputs, second.n_neurons) == (5, 7, 7, 3)
    assert (first.weight_shift, second.weight_shift) == (1, 0)
    assert (first.max_events_per_input, second.max_events_per_input) == (2, 1)
    assert (first.lanes, second.lanes) == (1, 1)
    assert (first.v_thresholds, second.v_thresholds) == (None, (5, 6, 7))
    assert first.neuron == network.population[0].neuron
    assert second.weights.tolist() == [[4] * 3] * 7
    weights = Network(network).synapses(0).dense()
    assert first.weights.tolist() == weights.tolist()
    assert 0 < np.count_nonzero(weights) < 35


def test_the_chain_is_the_network(design):
    """Event by event, with addresses that are not there and promises that are broken."""
    network = load(design)
    rng = np.random.default_rng(3)
    stream = rng.choice([TICK, 0, 1, 2, 3, 4, 5, 6, 7], 3000, p=[0.2, *[0.1] * 8])
    found = Network(chain_of(network)).stream(stream)
    assert found.tolist() == Network(network).stream(stream).tolist()
    assert np.count_nonzero(found != TICK) > 20


@pytest.mark.parametrize(
    "simulator", [QUICK, pytest.param("verilator", marks=pytest.mark.slow)], ids=["", "Verilator"]
)
def test_populations_verify(design, simulator):
    verdict = verify(load(design), design, cycles=2000, simulator=simulator, bulk=0)
    assert verdict.reasons == []
    assert int(verdict.figures["spikes"]) > 20


def test_input_of_the_design_is_kept(design, tmp_path):
    """Images, classified by the populations and by the hardware."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 17, (4, 5))
    np.savez(tmp_path / "images.npz", images=images, labels=[0, 1, 2, 0])
    content = '\n[input]\nkind = "images"\nfile = "images.npz"\nsteps = 6\nmaximum = 16\n'
    design.write_text(DESIGN + content)
    network = load(design)
    assert chain_of(network).input == network.input
    verdict = verify(network, design, simulator=QUICK, bulk=0)
    assert verdict.reasons == []
    assert verdict.figures["accuracy, golden model"] == verdict.figures["accuracy, hardware"]
    assert verdict.figures["resets"] == 4


def test_cores_stay_as_they_are():
    chain = NetworkParams.chain(core(), core(leak=ScaleLeak(factor=1, shift=2)))
    assert chain_of(chain) is chain
    assert supported(chain) is chain
    single = core()
    assert supported(single) is single
    assert supported(single.neuron) is single.neuron


@given(networks())
@settings(max_examples=20)
def test_any_chain_is_supported(network):
    chain = chain_of(network)
    several = max(each.neuron.max_spikes_per_step for each in network.core)
    assert (chain is network) or several > 1


def test_a_core_is_promised_what_the_one_before_it_sends():
    """Else its sums would saturate, where those of the golden network are exact."""
    often = core(reset="subtract", max_spikes_per_step=31)
    once, wide = core(), core().model_copy(update={"max_events_per_input": 40})
    chain = NetworkParams.chain(often, once, once)
    assert [each.max_events_per_input for each in chain_of(chain).core] == [1, 31, 1]
    assert [each.max_events_per_input for each in supported(chain).core] == [1, 31, 1]
    kept = NetworkParams.chain(often, wide)
    assert chain_of(kept) is kept
    populations = NetworkParams(
        source=[EventSource("input", 2, max_events_per_input=3)],
        population=[Population("a", 2, often.neuron), Population("b", 2, lanes=2)],
        projection=[
            Projection("input", "a", AllToAll(9), delay=0),
            Projection("a", "b", AllToAll(9), delay=0),
        ],
    )
    first, second = hardware_of(populations).core
    assert (first.max_events_per_input, second.max_events_per_input) == (3, 31)
    assert (first.lanes, second.lanes) == (1, 2)


# --- refusals -----------------------------------------------------------------------------------


def changed(network, change):
    content = copy.deepcopy(raw(network))
    change(content)
    return NetworkParams.model_validate(content)


def poisson(content):
    content["source"][0] = {"kind": "poisson", "name": "input", "n": 5, "probability": 0.1}


def regular(content):
    content["source"].append({"kind": "regular", "name": "clock", "n": 2, "interval": 3})


def two_sources(content):
    content["source"].append({"kind": "events", "name": "other", "n": 7})
    content["projection"].append(joined("other", "hidden"))


def no_source(content):
    del content["source"][0], content["projection"][0]


def joined(source, target, weight=1, **choices):
    synapses = {"kind": "all_to_all", "weight": weight}
    return {"source": source, "target": target, "synapses": synapses, "delay": 0, **choices}


def recurrent(content):
    content["projection"].append(joined("hidden", "hidden", delay=1))


def feedback(content):
    content["projection"].append(joined("output", "hidden", delay=2))


def branching(content):
    content["population"].append({"name": "aside", "n": 2})
    content["projection"].append(joined("hidden", "aside"))


def delays(content):
    content["projection"][0]["delay"] = 3
    content["projection"][1]["delay"] = [0, 4]


def parallel(content):
    content["projection"].append(joined("input", "hidden"))


def alone(content):
    content["population"].insert(0, {"name": "alone", "n": 2})


def disorder(content):
    content["population"].reverse()


def per_event(content):
    content["population"][1]["neuron"] |= PER_EVENT


def noisy(content):
    content["population"][0]["noise"] = [{"kind": "gaussian", "mean": 0, "sigma": 9.0}]


def one_output(content):
    content["outputs"] = ["hidden"]


def wide(content):
    content["population"][0]["n"] = content["population"][1]["n"] = 1 << 14
    content["projection"][1]["synapses"] = {"kind": "all_to_all", "weight": 4}
    del content["population"][1]["v_thresholds"]


def long_rows(content):
    content["population"][1] |= {"n": 1 << 16}
    del content["population"][1]["v_thresholds"]
    delays(content)


GRAPHS = [
    regular, two_sources, no_source, recurrent, feedback, branching, delays, parallel, alone,
    disorder, one_output,
]  # fmt: skip
NO_CHAIN = (
    "network: must be a chain of cores: one event source, populations in one line, one projection "
    "with delay 0 into each, the last of them the output, not another graph"
)


@pytest.mark.parametrize("change", GRAPHS, ids=lambda change: change.__name__)
def test_graphs(design, change):
    """What is no chain is made of nodes, and never taken for a chain."""
    network = changed(load(design), change)
    if change is not disorder:  # the end of the line is the output, wherever it is listed
        assert refusal(chain_of, network) == [NO_CHAIN]
    hardware = hardware_of(network)
    assert isinstance(hardware, HardwareNetwork)
    assert hardware.network is network


@pytest.mark.parametrize("change", [regular, two_sources, recurrent, branching, one_output])
def test_event_driven_neurons_stand_in_a_graph(design, change):
    network = changed(changed(load(design), change), per_event)
    made = hardware_of(network)
    core = made.cores[network.graph.order.index("output")]
    assert [memory.dense for memory in core.memories] == [True]
    assert core.accumulators == ()
    assert core.spike_bits == (7 + 1).bit_length()
    assert memory_bits(core) > memory_bits(replace(core, spike_bits=1))


def first_per_event(content):
    content["population"][0]["neuron"] |= {"accumulate": "per_event", "refractory": 0}
    content["projection"][0]["synapses"]["weight"] = [1, 9]


def weights_of_0(content):
    content["projection"][0]["synapses"]["weight"] = [0, 1]


ONE_BY_ONE = "in hardware (hidden takes its events one by one"
OUT_OF_TURN = {
    recurrent: [
        f"projection[2]: must be before projection[0] {ONE_BY_ONE}, and those of hidden first), "
        "not behind it",
    ],
    feedback: [
        f"projection[2].delay: must be 1 {ONE_BY_ONE}, and output acts not before it), not 2",
        f"projection[2]: must be before projection[0] {ONE_BY_ONE}, and those of output first), "
        "not behind it",
    ],
    delays: [f"projection[0].delay: must be 0 {ONE_BY_ONE}, and input acts before it), not 3"],
    two_sources: [
        f"projection[2]: must be the only one from event sources to hidden {ONE_BY_ONE}), not one "
        "beside projection[0]",
    ],
    weights_of_0: [f"projection[0]: must be without weights of 0 {ONE_BY_ONE}), not 14 of them"],
}  # fmt: skip


@pytest.mark.parametrize("change", OUT_OF_TURN, ids=lambda change: change.__name__)
def test_events_in_another_order_than_that_of_the_golden_network(design, change):
    network = changed(changed(load(design), first_per_event), change)
    assert refusal(hardware_of, network) == OUT_OF_TURN[change]
    supported(load(design))


def test_events_of_the_step_before_come_first(design):
    def first(content):
        recurrent(content)
        content["projection"].insert(0, content["projection"].pop())

    made = hardware_of(changed(changed(load(design), first_per_event), first))
    assert [each.backward for each in made.cores[0].inputs] == [True, False]


def test_a_line_of_event_driven_neurons_is_a_chain(design):
    """Whatever its rows are; what one may send is what the next one is promised, up to the cap."""
    gaps = changed(load(design), lambda c: c["projection"][0]["synapses"].update(probability=0.1))
    content = raw(changed(gaps, per_event))
    for population in content["population"]:
        population["neuron"] |= PER_EVENT | {"refractory": 0}
    network = NetworkParams.model_validate(content)
    first, second = hardware_of(network).core
    assert first.max_events_per_input == network.source[0].max_events_per_input
    assert second.max_events_per_input == (1 << first.spike_bits) - 1
    most = {
        name: (1 << c.spike_bits) - 1
        for name, c in zip(("hidden", "output"), (first, second), strict=True)
    }
    assert network.graph.most_spikes == most


def test_the_cheaper_of_chain_and_graph(design):
    """A line of full matrices is a chain; of rows with gaps it is not."""
    full = changed(load(design), lambda c: c["projection"][0]["synapses"].update(probability=1.0))
    assert hardware_of(full) == chain_of(full)
    gaps = changed(load(design), lambda c: c["projection"][0]["synapses"].update(probability=0.1))
    assert isinstance(hardware_of(gaps), HardwareNetwork)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (poisson, ["source[0].kind: must be 'events' or 'regular' in hardware, not 'poisson'"]),
        (noisy, ["population[0].noise: must be none in hardware, not 1 kind"]),
        (
            wide,
            [
                "memory: must be 476,577,792 bits at most (the largest known device, AMD XCVU13P), "
                f"not {(1 << 28) * 4 + int(0.95 * 5 * (1 << 14)) * 5:,}"
            ],
        ),
        (
            long_rows,
            [
                "projection[1]: must be of rows of 65,535 words at most in hardware (lanes = 1 of "
                "output), not 65,536"
            ],
        ),
    ],
)  # fmt: skip
def test_refused_populations(design, tmp_path, change, lines):
    network = changed(load(design), change)
    assert refusal(hardware_of, network) == lines
    assert refusal(supported, network) == lines
    assert refusal(generate, network) == lines
    assert refusal(component_of, network) == lines
    folder = tmp_path / "out"
    assert refusal(lambda: check(network, folder=folder)) == lines
    assert refusal(lambda: verify(network, design, out=folder)) == lines
    assert not folder.exists()


def test_what_a_core_cannot_be(design, monkeypatch):
    """An obstacle that only the making of the core finds."""

    def refuse(**fields):
        return CoreParams(**fields | {"lanes": 99})

    monkeypatch.setattr(limits, "CoreParams", refuse)
    assert refusal(chain_of, load(design)) == [
        "projection[0]: as a core: lanes: must be 1..7 (n_neurons), not 99"
    ]


RANDOM = ShiftLeak(shift=2, rounding="stochastic")


@pytest.mark.parametrize(
    "choices",
    [
        PER_EVENT,
        {"accumulate": "per_event", "synapse": ExponentialSynapse()},
        {"reset": "subtract", "max_spikes_per_step": 31},
        {"order": ("fire", "leak", "integrate"), "refractory_mode": "rest"},
        {"leak": RANDOM, "adaptation": Adaptation(increment=1, leak=RANDOM)},
    ],
)
def test_choices_of_a_step(choices):
    """Hardware has all of them, alone and in a core."""
    one = core(**choices)
    assert supported(one.neuron) == one.neuron
    assert supported(one) == one
    chain = NetworkParams.chain(core(), one)
    assert supported(chain) == chain


def test_coverage_of_a_lone_neuron_knows_no_events_one_by_one():
    """It does not answer as if there were nothing to find."""
    (line,) = refusal(Coverage, core(**PER_EVENT).neuron)
    assert line.startswith("accumulate: must be 'exact' in ")


@pytest.mark.parametrize("command", ["verilog", "verify"])
def test_command_line(run, design, tmp_path, command, monkeypatch):
    monkeypatch.setattr(simulators, "find", lambda name: None)
    path = tmp_path / "refused.json"
    content = raw(load(design))
    poisson(content)
    noisy(content)
    path.write_text(json.dumps(content))
    before = contents(tmp_path)
    ran = run(command, str(path), "--out", str(tmp_path / "out"))
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.splitlines() == [
        "fxlif: source[0].kind: must be 'events' or 'regular' in hardware, not 'poisson'",
        "fxlif: population[0].noise: must be none in hardware, not 1 kind",
    ]
    assert contents(tmp_path) == before


def test_run_on_populations(run, design, tmp_path):
    events.write(tmp_path / "in.txt", [0, 1, 2, 3, 4, 7, TICK, 0, 1, 1, TICK, TICK])
    ran = run("run", design, "--input", "in.txt", "-o", "out.txt")
    assert ran.code == 0
    assert "3 steps, 9 spikes in, 1 dropped," in ran.out
    expected = Network(load(design)).stream(events.read(tmp_path / "in.txt"))
    assert events.read(tmp_path / "out.txt").tolist() == expected.tolist()
    content = raw(load(design))
    poisson(content)
    (tmp_path / "noise.json").write_text(json.dumps(content))
    ran = run("run", "noise.json", "--input", "in.txt", "-o", "out.txt")
    assert ran.refusal == (
        "noise.json: source: must be one event source, with --input, not 0 event sources"
    )


def test_more_memory_than_any_device(monkeypatch):
    core = make(40, 100, 8, NeuronParams())
    bits = limits.memory_bits(core)
    # 13 words of 8 lanes: 40 weights of 8 bits, a sum, a potential, a flag in the queue.
    assert bits == 104 * (40 * 8 + core.accumulator_bits + core.neuron.state_bits + 1)
    chain = NetworkParams(name="two", core=(core, make(100, 100, 8, NeuronParams())))
    together = sum(map(limits.memory_bits, chain.cores))
    monkeypatch.setattr(limits, "MOST_MEMORY_BITS", together)
    assert supported(chain) is chain
    monkeypatch.setattr(limits, "MOST_MEMORY_BITS", together - 1)
    assert supported(core) is core
    with pytest.raises(FxlifError) as caught:
        generate(chain)
    assert (caught.value.key, caught.value.value) == ("memory", together)
    assert f"not {together:,}" in str(caught.value)
    assert caught.value.allowed.startswith(f"{together - 1:,} bits at most")


def rows(lanes=4, thresholds=None):
    """An input of 5 into 10 neurons, dense, its rows all equal, and these among themselves with
    delays 1 to 4."""
    return NetworkParams(
        source=[EventSource("touch", 5)],
        population=[Population("exc", 10, v_thresholds=thresholds, lanes=lanes)],
        projection=[
            Projection("touch", "exc", AllToAll(9), delay=0),
            Projection("exc", "exc", FixedInDegree(indegree=3, weight=(-9, 20)), delay=(1, 4)),
        ],
    )


@pytest.mark.parametrize("thresholds", [None, range(1, 11)])
def test_memory_of_rows(monkeypatch, thresholds):
    """3 words of 4 lanes, whose numbers have 2 bits; rings of 1 and of 4 slots."""
    hardware = supported(rows(thresholds=thresholds and tuple(thresholds)))
    (core,) = hardware.cores
    dense, sparse = core.memories
    words = int(sparse.lengths.sum())
    assert (dense.depth, sparse.depth) == (3, words)
    synapses = 3 * 4 * 5 + words * 4 * (6 + 2 + 2)  # 9: 5 bits; -9..20: 6 bits; 4 delays
    longest = max(3, int(sparse.lengths.max()))
    table = (5 + 10) * ((words - 1).bit_length() + longest.bit_length())
    first, second = core.accumulators
    rings = (first.bits * 1 + second.bits * 4) * 4 * (1 << 2)
    neurons = 12 * (16 + 1 + (16 if thresholds else 0))
    bits = limits.memory_bits(core)
    assert bits == synapses + table + rings + neurons
    monkeypatch.setattr(limits, "MOST_MEMORY_BITS", bits)
    assert supported(hardware) is hardware
    assert supported(hardware.network).network is hardware.network
    monkeypatch.setattr(limits, "MOST_MEMORY_BITS", bits - 1)
    with pytest.raises(FxlifError) as caught:
        generate(hardware.network)
    assert (caught.value.key, caught.value.value) == ("memory", bits)


def test_too_much_memory_is_refused_before_it_is_filled(monkeypatch):
    """The sizes of the rows say it: no row is written."""
    monkeypatch.setattr(limits, "filled", None)
    monkeypatch.setattr(limits, "MOST_MEMORY_BITS", 300)
    with pytest.raises(FxlifError, match="memory: must be 300 bits at most"):
        supported(rows())


def test_packing_is_said(run, tmp_path):
    """One line for each projection, with the figures that decided."""
    save(rows(), tmp_path / "rows.toml")
    ran = run("verilog", "rows.toml", "-o", "out", "--bench-cycles", 0)
    assert ran.code == 0
    dense, sparse = (line for line in ran.out.splitlines() if line.startswith("projection"))
    assert re.fullmatch(
        r"projection\[0\], touch to exc: dense, 3 words of 4 \(5 rows stored as 1\), 83.3% of the "
        r"slots hold synapses, 80 bits: 3 cycles a spike; sparse would be 104 bits, 3 cycles", dense
    )  # fmt: skip
    words = supported(rows()).cores[0].memories[1].depth
    start = f"projection[1], exc to exc: sparse, {words} words of 4, {30 / (4 * words):.1%} of"
    assert sparse.startswith(start)
    assert sparse.endswith(" cycles a spike; its delays differ")
