"""Networks: numpy, compiled code with any number of threads, and the oracle, bit for bit."""

import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from unittest import mock

import network_oracle
import numpy as np
import oracle
import pytest
import strategies
from designs import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import KINDS, LAYOUTS, Given, drives, laid_out, networks, networks_alike

import fxlif
from fxlif import (
    AllToAll,
    CoreParams,
    Dense,
    EventSource,
    FixedInDegree,
    FixedProbability,
    FxlifError,
    Grid,
    Network,
    NetworkParams,
    NeuronParams,
    OneToOne,
    PoissonSource,
    Population,
    Projection,
    Recording,
    RegularSource,
    Sparse,
)
from fxlif.engines import can_compile
from fxlif.network import model as network_module

VARIABLES = ("v", "i_syn", "theta", "refractory")
KERNELS = [("compiled", 1), ("compiled", 2), ("compiled", 3)] if can_compile() else []
ENGINES = [("numpy", 1), *KERNELS]
each_engine = pytest.mark.parametrize(
    ("engine", "threads"), ENGINES, ids=[f"{engine}-{threads}" for engine, threads in ENGINES]
)
RANDOM = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def chunks_of(params, steps):
    """Runs are cut into chunks of so many steps."""
    neurons = sum(part.n for part in (*params.source, *params.population))
    return mock.patch.multiple(network_module, CHUNK_WORK=steps * neurons)


def recorded_neurons(params, seed):
    """Some of each population's neurons, in no order."""
    rng = np.random.default_rng(seed)
    return {
        p.name: rng.permutation(p.n)[: rng.integers(1, p.n, endpoint=True)]
        for p in params.population
    }


def everything(params, seed, folder=None):
    """A recording of all that there is."""
    states = {
        p.name: [name for name in VARIABLES if name in p.neuron.state_widths]
        for p in params.population
    }
    return Recording(
        spikes=[p.name for p in (*params.source, *params.population)],
        states=states,
        neurons=recorded_neurons(params, seed),
        folder=folder,
    )


def compare(params, network, recording, expected, seed):
    """A network that stands after ``expected`` steps, and what it recorded of them."""
    steps = len(expected)
    assert network.step_count == recording.steps == steps
    for part in (*params.source, *params.population):
        found = recording.spikes(part.name).tolist()
        assert found == [x for step in expected for x in [*step.spikes[part.name], -1]], part.name
    watched = recorded_neurons(params, seed)
    for population in params.population:
        name = population.name
        for variable in VARIABLES:
            now = [getattr(state, variable) for state in expected[-1].states[name]]
            assert getattr(network.states[name], variable).tolist() == now, (name, variable)
            if variable in population.neuron.state_widths:
                wanted = [
                    [getattr(step.states[name][i], variable) for i in watched[name]]
                    for step in expected
                ]
                assert recording.states(name, variable).tolist() == wanted, (name, variable)
    assert dict(network.dropped) == expected[-1].dropped
    assert list(network.saturated) == expected[-1].saturated


def check_all(params, given, cuts, chunk, seed, engines=ENGINES):
    """Every engine, in runs from cut to cut, against the oracle."""
    reference = Network(params, engine="numpy")
    sizes = reference.graph.sizes
    expected = network_oracle.run(params, reference, given.steps, given.events, given.listed(sizes))
    borders = [0, *sorted(cuts), given.steps]
    for engine, threads in engines:
        network = Network(params, engine=engine)
        recording = everything(params, seed)
        with chunks_of(params, chunk):
            for start, stop in pairwise(borders):
                network.run(**given.part(start, stop), record=recording, threads=threads)
        compare(params, network, recording, expected, seed)
    return expected


# --- all at once, at random ----------------------------------------------------------------------


@settings(max_examples=examples(8), **RANDOM)
@given(st.data())
def test_engines_equal_the_oracle(data):
    params = data.draw(networks())
    given = data.draw(drives(Network(params, engine="numpy")))
    cuts = data.draw(st.lists(st.integers(0, given.steps), max_size=2))
    chunk = data.draw(st.sampled_from([1, 2, 3, 1000]))
    check_all(params, given, cuts, chunk, data.draw(st.integers(0, 99)))


@settings(max_examples=examples(5), **RANDOM)
@given(st.data())
def test_long_delays_and_many_steps(data):
    params = data.draw(networks(sizes=st.integers(1, 3), most=2))
    given = data.draw(drives(Network(params, engine="numpy"), max_steps=150))
    cuts = data.draw(st.lists(st.integers(0, given.steps), max_size=2))
    chunk = data.draw(st.sampled_from([7, 64, 1000]))
    check_all(params, given, cuts, chunk, 5, engines=ENGINES[:3])


@settings(max_examples=examples(5), **RANDOM)
@given(st.data())
def test_saved_and_restored_on_other_engines(tmp_path_factory, data):
    """From cut to cut another engine goes on from the file of the one before."""
    path = tmp_path_factory.mktemp("states") / "state.npz"
    params = data.draw(networks(sizes=st.one_of(st.integers(1, 4), st.sampled_from([65, 129]))))
    reference = Network(params, engine="numpy")
    given = data.draw(drives(reference))
    cuts = data.draw(st.lists(st.integers(0, given.steps), min_size=1, max_size=3))
    expected = network_oracle.run(
        params, reference, given.steps, given.events, given.listed(reference.graph.sizes)
    )
    recording = everything(params, 1)
    borders = [0, *sorted(cuts), given.steps]
    before = None
    for start, stop in pairwise(borders):
        engine, threads = data.draw(st.sampled_from(ENGINES))
        network = Network(params, engine=engine)
        network.run(3)  # what a restored state takes the place of
        if before is None:
            network.reset()
        else:
            network.restore(path)
        network.run(**given.part(start, stop), record=recording, threads=threads)
        network.save(path)
        before = path
    compare(params, network, recording, expected, 1)


@each_engine
def test_all_of_a_state_is_restored(engine, threads, tmp_path):
    """Random numbers, counters, and what is on its way in saturating sums and in others."""
    noisy = NeuronParams(
        v_threshold=90, leak={"kind": "shift", "shift": 3, "rounding": "stochastic"}
    )
    params = NetworkParams(
        source=[
            EventSource(name="in", n=3),
            PoissonSource(name="noise", n=9, probability=0.3),
        ],
        population=[Population(name="p", n=70, neuron=noisy)],
        projection=[
            Projection(source="in", target="p", synapses=AllToAll(weight=100), delay=(1, 7)),
            Projection(source="noise", target="p", synapses=AllToAll(weight=9), delay=5),
        ],
    )
    given = Given(16, {"in": [[0, 1, 2, 7] * 2] * 16})
    expected = network_oracle.run(params, Network(params), 16, given.events, {})
    first = Network(params, engine=engine)
    recording = everything(params, 6)
    first.run(**given.part(0, 5), record=recording, threads=threads)
    assert first.saturated[0] > 0
    first.save(tmp_path / "state.npz")
    second = Network(params, engine="auto" if engine == "numpy" else "numpy")
    second.restore(tmp_path / "state.npz")
    assert facts(second) == facts(first)
    second.run(**given.part(5, 16), record=recording, threads=threads)
    compare(params, second, recording, expected, 6)
    assert sum(len(step.spikes["p"]) for step in expected) > 20


@settings(max_examples=examples(5), **RANDOM)
@given(st.data())
def test_reset_is_a_new_network(data):
    params = data.draw(networks(sizes=st.one_of(st.integers(1, 4), st.just(65))))
    engine, threads = data.draw(st.sampled_from(ENGINES))
    network = Network(params, engine=engine)
    given = data.draw(drives(network))
    both = []
    for _ in range(2):
        recording = everything(params, 2)
        network.run(**given.part(0, given.steps), record=recording, threads=threads)
        both.append(([recording.spikes(n).tolist() for n in network.graph.sizes], facts(network)))
        network.reset()
        assert network.step_count == 0
        assert set(network.dropped.values()) <= {0}
        assert set(network.saturated) <= {0}
    assert both[0] == both[1]


def facts(network):
    """All that can be seen of a network's state."""
    states = {
        name: [np.asarray(values).tolist() for values in state]
        for name, state in network.states.items()
    }
    return network.step_count, states, dict(network.dropped), list(network.saturated)


@settings(max_examples=examples(5), **RANDOM)
@given(st.data())
def test_cores_are_populations(data):
    """The chain of cores: oracle.run_core of each, one after the other."""
    params = data.draw(strategies.networks())
    steps = data.draw(strategies.steps(params.core[0]))
    expected = steps
    for core in params.core:
        expected = oracle.run_core(core, expected)
    stream = [x for step in steps for x in [*step, -1]]
    for engine, _ in ENGINES[:2]:
        out = Network(params, engine=engine).stream(stream)
        assert out.tolist() == [x for step in expected for x in [*step, -1]]
    core = params.core[0]
    network = Network(NetworkParams.chain(core))
    network.run(events=stream)
    sums = [oracle.accumulate(core, step)[1:] for step in steps]
    assert network.saturated == [sum(saturated for saturated, _ in sums)]
    assert dict(network.dropped) == {"input": sum(dropped for _, dropped in sums)}


# --- populations that compiled code sees as one --------------------------------------------------


@settings(max_examples=examples(4), **RANDOM)
@given(st.data())
def test_populations_of_equal_neurons(tmp_path_factory, data):
    """In runs from cut to cut, and gone on with by another engine."""
    path = tmp_path_factory.mktemp("states") / "state.npz"
    params = data.draw(networks_alike())
    given = data.draw(drives(Network(params, engine="numpy")))
    cut = data.draw(st.integers(0, given.steps))
    chunk, seed = data.draw(st.sampled_from([1, 3, 1000])), data.draw(st.integers(0, 99))
    expected = check_all(params, given, [cut], chunk, seed, engines=ENGINES[:3])
    recording = everything(params, seed)
    engines = data.draw(st.sampled_from([("numpy", "compiled"), ("compiled", "numpy")]))
    for engine, start, stop in zip(engines, (0, cut), (cut, given.steps), strict=True):
        network = Network(params, engine=engine)
        if start:
            network.restore(path)
        network.run(**given.part(start, stop), record=recording)
        network.save(path)
        if not cut:
            network = Network(params, engine="numpy")
    if cut:
        compare(params, network, recording, expected, seed)


@each_engine
def test_a_group_step_by_step(engine, threads):
    """Its members reach each other in any order and after other delays, over threads' borders."""
    names, sizes = "abc", {"a": 70, "b": 3, "c": 90}
    pairs = [(s, t, 3 * k % 7 + 1) for k, (s, t) in enumerate(product("cab", "cba"))]
    params = NetworkParams(
        population=[Population(name, sizes[name], SAME) for name in names],
        projection=[
            Projection(s, t, FixedProbability(probability=0.3, weight=(-9, 15), seed=d), delay=d)
            for s, t, d in pairs
            if t != "b" or d < 4  # less is under way to b than to the others
        ],
    )
    reference, network = Network(params, engine="numpy"), Network(params, engine=engine)
    currents = {"a": 9, "b": 3, "c": np.arange(90) // 9}
    fired = 0
    for _ in range(25):
        for each in (reference, network):
            recording = each.run(1, currents=currents, threads=threads)
        fired += sum(int(recording.counts(name).sum()) for name in names)
        assert facts(network) == facts(reference)
    assert fired > 30


#: Five populations, the last two of other neurons or joined otherwise.
SAME = NeuronParams(v_threshold=30, leak={"kind": "shift", "shift": 3})
OTHERS = {
    "alike": (SAME, {}, "abcde"),
    "another threshold": (SAME.model_copy(update={"v_threshold": 99}), {}, "abcde"),
    "another leak": (NeuronParams(v_threshold=30), {}, "abc"),
    "random numbers": (
        NeuronParams(leak={"kind": "shift", "shift": 3, "rounding": "stochastic"}), {}, "abc"
    ),
    "events one by one": (NeuronParams(accumulate="per_event"), {}, "bc"),
    "without delay": (SAME, {"delay": 0}, "abc"),
    "large": (SAME, {"n": 1025}, "abc"),
    "every row whole": (SAME, {"n": 65, "density": 1.0}, "bce"),
}  # fmt: skip


@pytest.mark.skipif(not KERNELS, reason="nothing can be compiled")
@pytest.mark.parametrize("case", OTHERS)
def test_which_populations_stand_as_one(case):
    from fxlif.compiled.grouping import GroupedNetwork

    neuron, how, expected = OTHERS[case]
    n, delay, density = how.get("n", 4), how.get("delay", 1), how.get("density", 0.8)
    params = NetworkParams(
        population=[
            *(Population(name, 4, SAME) for name in "abc"),
            Population("d", n, neuron),
            Population("e", n, neuron),
        ],
        projection=[
            Projection("a", "d", FixedProbability(probability=density, weight=9), delay=delay),
            Projection("b", "c", AllToAll(weight=9)),
        ]
        + [Projection("b", "e", AllToAll(weight=9), delay=0)] * (delay == 0),
    )
    groups = GroupedNetwork(Network(params, engine="numpy")).groups
    names = ["".join(p.name for p in members) for members in groups.values()]
    assert names[0] == expected
    # Those of another kind are one as well, unless they may not be.
    others = {"another leak": ["de"], "without delay": ["de"]}
    assert names[1:] == others.get(case, [])


# --- events one by one ---------------------------------------------------------------------------

#: So narrow that events are lost within a step, in another way for each neuron.
NARROW = {
    "state_bits": 7, "threshold_bits": 7, "current_bits": 6, "theta_bits": 8, "weight_bits": 7,
    "v_threshold": 30, "accumulate": "per_event", "leak": {"kind": "shift", "shift": 2},
}  # fmt: skip
ORDERS = [("leak", "integrate", "fire"), ("integrate", "fire", "leak")]
ONE_BY_ONE = {
    "on v": {"v_floor": -20},
    "on v, wrapping": {"overflow": "wrap", "v_floor": -20, "v_reset": -10, "bias": 3},
    "on v, symmetric, leak between": {
        "overflow": "saturate_symmetric", "order": ("integrate", "leak", "fire"),
        "leak": {"kind": "shift", "shift": 3, "rounding": "stochastic"},
    },
    "on v, several spikes": {
        "reset": "subtract", "v_threshold": 7, "max_spikes_per_step": 5, "refractory": 1,
        "refractory_mode": "mask", "adaptation": {"increment": 2},
    },
    "on i_syn": {"synapse": {"kind": "exponential"}, "overflow_i_syn": "wrap"},
    "on i_syn, acting first": {
        "synapse": {"kind": "exponential", "order": ("act", "leak", "integrate")},
        "refractory": 2, "refractory_mode": "rest", "overflow_i_syn": "saturate_symmetric",
    },
    "on i_syn, leaking last": {
        "synapse": {"kind": "exponential", "order": ("integrate", "leak", "act")},
        "overflow": "wrap", "overflow_i_syn": "saturate",
    },
    "firing": {"fire_on": "event", "compare": "gt", "v_reset": -3, "bias": 1},
    "firing, to the lowest": {
        "fire_on": "event", "overflow": "saturate_symmetric", "v_reset": -64, "v_threshold": -30,
    },
    "firing, subtracting": {
        "fire_on": "event", "reset": "subtract", "order": ORDERS[1], "v_floor": 3,
        "v_threshold": 14, "overflow": "saturate_symmetric",
    },
    "firing, wrapping": {
        "fire_on": "event", "reset": "subtract", "overflow": "wrap", "compare": "gt",
        "v_threshold": 21, "v_floor": -30,
    },
}  # fmt: skip


@pytest.mark.parametrize("engine", sorted({engine for engine, _ in ENGINES}))
def test_the_count_of_spikes_saturates(engine):
    """What fires beyond the promise is reset and not sent; populations count by what they may take,
    a core by its promise."""
    neuron = NeuronParams(
        v_threshold=9, accumulate="per_event", fire_on="event", leak={"kind": "none"}
    )
    params = NetworkParams(
        source=[EventSource("in", 1, max_events_per_input=2)],
        population=[Population("a", 2, neuron), Population("b", 1, neuron)],
        projection=[
            Projection("in", "a", Dense([[9, 5]]), delay=0),
            Projection("a", "b", Dense([[9], [0]]), delay=0),
        ],
    )
    network = Network(params, engine=engine)
    assert network.graph.most_spikes == {"a": 3, "b": 7}
    record = network.run(events=[0, 0, -1, *[0] * 13, -1, 0, -1])
    assert record.spikes("a").tolist() == [0, 0, 1, -1, 0, 0, 0, 1, 1, 1, -1, 0, 1, -1]
    assert record.counts("b").tolist() == [2 + 3 + 1]
    core = CoreParams(n_inputs=1, n_neurons=2, neuron=neuron, weights=[[9, 5]])
    chain = Network(NetworkParams.chain(core), engine=engine)
    assert chain.stream([*[0] * 13, -1]).tolist() == [0, 0, 0, 1, 1, 1, -1]


def crowded(choices, delays, seed):
    """``a``, whose neurons have the ``choices``, takes many events a step of every kind of source,
    of itself and of others; ``b`` sums exactly and spikes several times, ``c`` fires on events."""
    rng = np.random.default_rng(seed)
    neuron = NeuronParams(**NARROW | choices)
    firing = NeuronParams(**NARROW | ONE_BY_ONE["firing"])
    burst = NeuronParams(v_threshold=9, reset="subtract", max_spikes_per_step=4, weight_bits=7)
    sizes = {"in": 6, "noise": 8, "clock": 3, "a": 70, "b": 5, "c": 9}

    def joined(source, target, density, first=0, shift=0):
        shape = sizes[source], sizes[target]
        weights = rng.integers(-45, 64, shape) >> shift
        return Projection(
            source=source,
            target=target,
            synapses=Dense(
                weights=weights * (rng.random(shape) < density),
                delays=rng.integers(first, delays, shape, endpoint=True),
            ),
            weight_shift=shift,
        )

    return NetworkParams(
        source=[
            EventSource(name="in", n=6),
            PoissonSource(name="noise", n=8, probability=0.3, seed=seed),
            RegularSource(name="clock", n=3, interval=2, seed=seed),
        ],
        population=[
            Population(name="a", n=70, neuron=neuron),
            Population(name="b", n=5, neuron=burst),
            Population(name="c", n=9, neuron=firing),
        ],
        projection=[
            joined("noise", "a", 0.7, shift=2),
            joined("in", "a", 0.7),
            joined("c", "a", 0.03, first=1),
            joined("in", "b", 1.0),
            joined("b", "a", 0.1),
            joined("a", "a", 0.004, first=1),
            joined("clock", "a", 0.9, shift=1),
            joined("a", "c", 0.06),
            joined("in", "c", 0.5),
            *([] if neuron.fire_on == "event" else [joined("a", "b", 0.2, first=1)]),
        ],
    )


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_events_are_lost_in_order_of_arrival(name, tmp_path):
    """Every engine, from cut to cut and saved, restored on another engine, against the oracle."""
    steps, delays, seed = (40, 33, 1) if name == "on v" else (18, 5, len(name))
    params = crowded(ONE_BY_ONE[name], delays, seed)
    rng = np.random.default_rng(seed)
    events = [rng.integers(0, 6, rng.integers(0, 8)).tolist() for _ in range(steps)]
    given = Given(steps, {"in": events}, {"a": rng.integers(-9, 9, (steps, 70))})
    # Threads share a's 70 neurons: two of them in one of these, three as well from cut to cut.
    engines = ENGINES if name == "on v" else (ENGINES[0], *ENGINES[2:3])
    expected = check_all(params, given, [steps // 2], 9, seed, engines=engines)
    spikes = [step.spikes for step in expected]
    assert all(sum(len(step[part]) for step in spikes) > 50 for part in "abc")
    assert any(len(step["b"]) > len(set(step["b"])) for step in spikes)
    path = tmp_path / "state.npz"
    recording = everything(params, seed)
    for k in range(0, steps, 6):
        engine, threads = ENGINES[k // 6 % len(ENGINES)]
        network = Network(params, engine=engine)
        if k:
            network.restore(path)
        part = given.part(k, min(k + 6, steps))
        network.run(**part, record=recording, threads=threads)
        network.save(path)
    compare(params, network, recording, expected, seed)
    network.reset()
    network.run(**given.part(0, 6), record=(again := everything(params, seed)))
    compare(params, network, again, expected[:6], seed)


# --- forms that the compiled loops treat apart ---------------------------------------------------

LIVELY = NeuronParams(v_threshold=40, weight_bits=16, leak={"kind": "shift", "shift": 2})


@pytest.mark.parametrize(
    "synapses",
    [
        Dense(weights=np.arange(1, 1 + 70 * 130).reshape(70, 130) % 37 - 9),
        Dense(weights=np.full((70, 130), 7)),
        Dense(weights=np.arange(70 * 130).reshape(70, 130) % 36 * 2 - 35),
        Sparse(
            matrix={
                "shape": [70, 130],
                "indptr": list(range(0, 71 * 5, 5)),
                "indices": [(7 * i + 13 * j) % 130 for i in range(70) for j in range(5)],
                "data": [9] * 350,
                "delays": [(i * 3 + j) % 5 for i in range(70) for j in range(5)],
            }
        ),
        FixedProbability(probability=0.3, weight=9, seed=3),
        FixedProbability(probability=0.3, weight=(-5, 20), seed=3),
        FixedInDegree(indegree=11, weight=(3, 9), seed=1),
    ],
    ids=["holes", "equal", "full", "coded", "one weight", "weights", "indegree"],
)
@pytest.mark.parametrize("delay", [0, 3, (0, 5)], ids=str)
def test_every_form_of_a_table(synapses, delay):
    params = NetworkParams(
        source=[PoissonSource(name="noise", n=70, probability=0.1, seed=4)],
        population=[Population(name="out", n=130, neuron=LIVELY)],
        projection=[
            Projection(source="noise", target="out", synapses=synapses, delay=delay, weight_shift=1)
        ],
    )
    expected = check_all(params, Given(12), [5], 4, 3)
    assert sum(len(step.spikes["out"]) for step in expected) > 20


def test_projections_that_are_nearly_alike():
    """What differs in one of weight, delay, shift or row from what may be sent as one table."""
    rows = np.repeat([[3], [9], [0], [-4], [6]], 70, axis=1)
    others = rows.copy()
    others[4] = 7
    holes = rows * (np.arange(350).reshape(5, 70) % 3 > 0)
    joined = [
        ("a", Dense(weights=rows), 1, 0),
        ("b", Dense(weights=holes), 1, 0),
        ("c", Dense(weights=holes), 1, 1),
        ("a", Dense(weights=holes), 2, 0),
        ("b", Dense(weights=others), 1, 0),
        ("c", AllToAll(weight=5), 2, 0),
        ("b", FixedInDegree(indegree=2, weight=5), 2, 0),
        ("a", FixedProbability(probability=0.5, weight=5), 3, 0),
        ("a", FixedInDegree(indegree=2, weight=5, seed=2), 2, 1),
        ("b", FixedInDegree(indegree=2, weight=6), 2, 0),
        ("b", FixedInDegree(indegree=3, weight=5), 2, 0),
    ]
    params = NetworkParams(
        source=[RegularSource(name="clock", n=5, interval=4, seed=3)],
        population=[Population(name=name, n=70, neuron=LIVELY) for name in "abc"],
        projection=[
            Projection(source="clock", target=to, synapses=table, delay=delay, weight_shift=shift)
            for to, table, delay, shift in joined
        ],
    )
    expected = check_all(params, Given(12), [5], 4, 3)
    assert sum(len(step.spikes["b"]) for step in expected) > 20


@pytest.mark.parametrize(
    "delay", [2, (1, 3)], ids=["targets beyond uint16", "coded targets beyond uint16"]
)
def test_many_targets(delay):
    """More than 65536 targets: wider indices, and many blocks of every loop."""
    n = 66_000
    rng = np.random.default_rng(8)
    table = {
        "shape": [5, n],
        "indptr": list(range(0, 5 * 400 + 1, 400)),
        "indices": np.concatenate(
            [np.append(rng.choice(n - 100, 399, False), n - 1 - k) for k in range(5)]
        ).tolist(),
        "data": rng.integers(10, 60, 2000).tolist(),
    }
    params = NetworkParams(
        source=[RegularSource(name="clock", n=5, interval=3, phases=[0, 1, 2, 0, 1])],
        population=[Population(name="out", n=n, neuron=LIVELY)],
        projection=[
            Projection(source="clock", target="out", synapses=Sparse(matrix=table), delay=delay)
        ],
    )
    found = set()
    for engine, threads in ENGINES:
        network = Network(params, engine=engine)
        recording = network.run(9, threads=threads)
        found.add((recording.spikes("out").tobytes(), network.states["out"].v.tobytes()))
    assert len(found) == 1
    # What arrives, by hand.
    arrived = np.zeros((20, n), np.int64)
    for step in range(9):
        for source, phase in enumerate([0, 1, 2, 0, 1]):
            if (step - phase) % 3 == 0:
                for target, weight, wait in network_oracle.from_table(network.synapses(0))[source]:
                    arrived[step + wait, target] += weight
    assert recording.spikes("out").tolist().count(n - 1) > 0
    alone = Network(NetworkParams(population=params.population), engine="numpy")
    again = alone.run(9, currents={"out": arrived[:9]})
    assert again.spikes("out").tolist() == recording.spikes("out").tolist()


# --- one feature, by hand ------------------------------------------------------------------------

#: Fires in the step in which something arrives, and at no other time.
RELAY = NeuronParams(v_threshold=1, leak={"kind": "none"})


def relays(names, projection, **more):
    return NetworkParams(
        population=[Population(name=name, n=1, neuron=RELAY) for name in names],
        projection=[
            Projection(source=a, target=b, synapses=OneToOne(weight=1), delay=delay)
            for a, b, delay in projection
        ],
        **more,
    )


def when(recording, name):
    """The steps in which the one neuron spikes."""
    return recording.raster(name)[0].tolist()


def pulse(steps, at=0):
    current = np.zeros((steps, 1), np.int64)
    current[at] = 1
    return current


@each_engine
def test_a_delay_of_d_arrives_d_steps_later(engine, threads):
    """1..63, together, and the same where runs are one step long."""
    names = [f"after_{d}" for d in range(1, 64)]
    params = relays(["first", *names], [("first", f"after_{d}", d) for d in range(1, 64)])
    whole = Network(params, engine=engine)
    recording = whole.run(80, currents={"first": pulse(80, 5)}, threads=threads)
    cut = Network(params, engine=engine)
    pieces = Recording()
    for step in range(80):
        cut.run(1, currents={"first": pulse(80, 5)[step : step + 1]}, record=pieces)
    for found in (recording, pieces):
        assert when(found, "first") == [5]
        for d in range(1, 64):
            assert when(found, f"after_{d}") == [5 + d]


@each_engine
def test_a_delay_of_0_arrives_in_the_same_step(engine, threads):
    params = relays("dcba", [("a", "b", 0), ("b", "c", 0), ("c", "d", 0), ("a", "d", 2)])
    network = Network(params, engine=engine)
    recording = network.run(9, currents={"a": pulse(9, 4)}, threads=threads)
    assert [when(recording, name) for name in "abcd"] == [[4], [4], [4], [4, 6]]


def test_a_loop_without_delay_is_refused():
    with pytest.raises(
        ValueError,
        match=r"projection\[\d\]\.delay: must be 1\.\.63 in one projection of a loop, "
        r"not 0 in the loop (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)",
    ):
        relays("abc", [("a", "b", 0), ("b", "c", 0), ("c", "a", 0)])
    with pytest.raises(ValueError, match="not 0 in the loop a -> a"):
        relays("ab", [("a", "b", 0), ("a", "a", 0)])
    # One step of delay somewhere in the loop is enough.
    relays("abc", [("a", "b", 0), ("b", "c", 0), ("c", "a", 1)])


@each_engine
def test_recurrence_is_seen_one_step_later(engine, threads):
    params = relays("ab", [("a", "b", 0), ("b", "a", 1)])
    network = Network(params, engine=engine)
    recording = network.run(6, currents={"a": pulse(6, 2)}, threads=threads)
    assert [when(recording, name) for name in "ab"] == [[2, 3, 4, 5], [2, 3, 4, 5]]
    alone = relays("a", [("a", "a", 1)])
    assert when(Network(alone, engine=engine).run(6, currents={"a": pulse(6, 3)}), "a") == [3, 4, 5]


@each_engine
def test_a_spike_reaches_its_neighbours_on_a_grid(engine, threads):
    kernel = [[1, 2, 3], [4, 0, 6], [7, 8, 9]]
    for edges, expected in (
        ("open", {1: 6, 4: 8, 5: 9}),
        ("periodic", {1: 6, 3: 4, 4: 8, 5: 9, 7: 7, 8: 2, 9: 3, 11: 1}),
    ):
        sheet = Population(name="sheet", n=12, neuron=NeuronParams(leak={"kind": "none"}))
        params = NetworkParams(
            source=[EventSource(name="touch", n=12)],
            population=[sheet],
            projection=[
                Projection(
                    source="touch",
                    target="sheet",
                    synapses=Grid(shape=(3, 4), kernel=kernel, edges=edges),
                    delay=1,
                )
            ],
        )
        network = Network(params, engine=engine)
        network.run(events=[0, -1, -1], threads=threads)
        found = network.states["sheet"].v.tolist()
        assert {i: v for i, v in enumerate(found) if v} == expected


def only(source):
    return NetworkParams(source=[source], population=[Population(name="p", n=1)])


@pytest.mark.usefixtures("loops_as_they_are")
@each_engine
def test_poisson_mean_rate_and_independence(engine, threads):
    n, steps, probability = 300, 600, 0.03
    source = PoissonSource(name="noise", n=n, probability=probability, seed=12)
    network = Network(only(source), engine=engine)
    with mock.patch.multiple(network_module, CHUNK_WORK=7 * (n + 1) * (1 + threads)):
        recording = network.run(steps, record=Recording(spikes=("noise",)), threads=threads)
    counts = recording.counts("noise")
    sigma = (n * steps * probability * (1 - probability)) ** 0.5
    assert abs(counts.sum() - n * steps * probability) < 4 * sigma
    assert counts.min() > 2
    # The same spikes from the oracle, hence from every engine, thread and chunk.
    model = network_oracle.Oracle(network.params, network)
    expected = [x for _ in range(30) for x in [*model._source(source, {}), -1] if not _next(model)]
    assert recording.spikes("noise")[: len(expected)].tolist() == expected
    # Two seeds, two sequences.
    other = Network(only(source.model_copy(update={"seed": 13})), engine=engine)
    again = other.run(steps, record=Recording(spikes=("noise",)))
    steps_and_neurons = [set(zip(*r.raster("noise"), strict=True)) for r in (recording, again)]
    common = len(steps_and_neurons[0] & steps_and_neurons[1])
    assert common < 2 * n * steps * probability**2


def _next(model):
    model.time += 1


@each_engine
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_poisson_never_or_always(engine, threads, probability):
    source = PoissonSource(name="noise", n=70, probability=probability)
    recording = Network(only(source), engine=engine).run(
        5, record=Recording(spikes=("noise",)), threads=threads
    )
    assert recording.counts("noise").tolist() == [5 * probability] * 70


@each_engine
def test_regular_source(engine, threads):
    source = RegularSource(name="clock", n=4, interval=3, phases=[0, 1, 2, 0])
    network = Network(only(source), engine=engine)
    recording = Recording(spikes=("clock",))
    for steps in (2, 0, 5):
        network.run(steps, record=recording, threads=threads)
    each = [[0, 3, -1], [1, -1], [2, -1]]
    assert recording.spikes("clock").tolist() == [x for t in range(7) for x in each[t % 3]]
    drawn = RegularSource(name="clock", n=200, interval=7, seed=5)
    recording = Network(only(drawn), engine=engine).run(
        70, record=Recording(spikes=("clock",)), threads=threads
    )
    steps, neurons = recording.raster("clock")
    assert set(recording.counts("clock")) == {10}
    assert len({(t % 7, i) for t, i in zip(steps.tolist(), neurons.tolist(), strict=True)}) == 200
    assert len(Counter((steps % 7).tolist())) == 7


@pytest.mark.usefixtures("loops_as_they_are")
@each_engine
def test_broken_promises_are_counted(engine, threads):
    """One event of one input promised, five come: [-8, 7] after an accumulator of 4 bits."""
    params = NetworkParams(
        source=[EventSource(name="in", n=1)],
        population=[
            Population(name="p", n=3, neuron=NeuronParams(leak={"kind": "none"}, weight_bits=4))
        ],
        projection=[
            Projection(
                source="in", target="p", synapses=Dense(weights=[[7, -8, 2]]), weight_shift=2
            )
        ],
    )
    network = Network(params, engine=engine)
    network.run(events={"in": [0, 0, 0, 0, 0, 1, 9, -1, -1]}, threads=threads)
    assert network.saturated == [4 + 4 + 2]
    assert dict(network.dropped) == {"in": 2}
    assert network.states["p"].v.tolist() == [28, -32, 28]


@each_engine
def test_a_hundred_thousand_spikes_a_step_of_one_input(engine, threads):
    """Sums beyond 32 bits, whatever the width of a weight."""
    neuron = NeuronParams(weight_bits=16, state_bits=32, threshold_bits=32, v_threshold=2**31 - 1,
                          v_floor=0, leak={"kind": "shift", "shift": 31})  # fmt: skip
    params = NetworkParams(
        source=[EventSource(name="in", n=1, max_events_per_input=65535)],
        population=[Population(name="p", n=2, neuron=neuron)],
        projection=[
            Projection(
                source="in", target="p", synapses=Dense(weights=[[32767, -32768]]), weight_shift=4
            )
        ],
    )
    network = Network(params, engine=engine)
    recording = network.run(events=[0] * 70_000 + [-1, -1], threads=threads)
    assert recording.raster("p")[0].tolist() == [1]
    assert network.saturated == [70_000 - 65538 + 70_000 - 65536]


#: Fires on every event that brings it to 10, of which 10 is then taken.
EVENT_BY_EVENT = NeuronParams(
    v_threshold=10, leak={"kind": "none"}, reset="subtract", accumulate="per_event",
    fire_on="event", state_bits=6, threshold_bits=6,
)  # fmt: skip


def test_events_one_by_one_in_order_of_arrival():
    """By hand: 31 is the highest v; what is above it is lost before the next event comes."""
    params = NetworkParams(
        source=[EventSource(name="late", n=2), EventSource(name="in", n=3)],
        population=[
            Population(name="a", n=1, neuron=EVENT_BY_EVENT.model_copy(update={"v_threshold": 31})),
            Population(name="b", n=1, neuron=EVENT_BY_EVENT),
        ],
        projection=[
            Projection(
                source="in", target="a", synapses=Dense(weights=[[20], [-9], [40]]), delay=0
            ),
            Projection(
                source="late", target="a", synapses=Dense(weights=[[-5], [30]], delays=[[3], [2]])
            ),
            Projection(source="a", target="b", synapses=OneToOne(weight=13), delay=1),
        ],
    )
    network = Network(params)
    recording = network.run(
        events={
            # Of the projection from "late" 0 was sent one step before 1, and comes first.
            "late": [0, -1, 1, -1, -1, -1, -1],
            "in": [-1, -1, -1, 1, 2, 0, 2, -1, -1],
        }
    )
    # -9; 31 of 31, a spike, 0; 20; 31 of 60, a spike, 0; -5; 25.
    assert network.states["a"].v.tolist() == [25]
    assert recording.spikes("a").tolist() == [-1, -1, -1, 0, 0, -1, -1]
    # 13, a spike, 3; 16, a spike, 6.
    assert recording.spikes("b").tolist() == [-1, -1, -1, -1, 0, 0, -1]
    assert network.states["b"].v.tolist() == [6]


def test_spikes_without_number_reach_no_exact_sum():
    def joined(target):
        return NetworkParams(
            population=[
                Population(name="a", n=1, neuron=EVENT_BY_EVENT),
                Population(name="b", n=1, neuron=target),
            ],
            projection=[Projection(source="a", target="b", synapses=OneToOne(weight=1))],
        )

    def chained(neuron):
        cores = [CoreParams(n_inputs=1, n_neurons=1, neuron=n, weights=[[1]])
                 for n in (EVENT_BY_EVENT, neuron)]  # fmt: skip
        return NetworkParams.chain(*cores)

    for make, key in ((joined, "projection[0].source"), (chained, "core[0]")):
        make(NeuronParams(accumulate="per_event"))
        with pytest.raises(ValueError, match=re.escape(f"{key}: must be one with fire_on = step")):
            make(NeuronParams())


def test_several_spikes_are_as_many_events():
    """Weights times the number of spikes, in the sum, its bounds and the recording."""
    burst = NeuronParams(v_threshold=4, reset="subtract", max_spikes_per_step=5,
                         leak={"kind": "none"}, state_bits=8)  # fmt: skip
    params = NetworkParams(
        population=[
            Population(name="a", n=3, neuron=burst),
            Population(name="b", n=1, neuron=NeuronParams(leak={"kind": "none"}, v_threshold=999)),
        ],
        projection=[Projection(source="a", target="b", synapses=Dense(weights=[[7], [-3], [1]]))],
    )
    network = Network(params)
    recording = network.run(2, currents={"a": [[13, 4, 90], [0, 0, 0]]})
    assert recording.spikes("a").tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2, -1, 2, 2, 2, 2, 2, -1]
    assert network.states["b"].v.tolist() == [3 * 7 - 3 + 5]
    assert network.synaptic_ranges["b"] == (-15, 40)


def test_a_network_as_toml(tmp_path):
    (tmp_path / "net.toml").write_text(
        """
name = "balanced"
[[source]]
kind = "poisson"
name = "noise"
n = 50
probability = 0.2
seed = 3
[[source]]
kind = "events"
name = "input"
n = 10
[[source]]
kind = "regular"
name = "clock"
n = 2
interval = 5
[[population]]
name = "exc"
n = 80
neuron = { v_threshold = 60, weight_bits = 8, leak = { kind = "shift", shift = 3 } }
[[population]]
name = "inh"
n = 20
v_thresholds = [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
[[projection]]
source = "noise"
target = "exc"
delay = [1, 6]
synapses = { kind = "fixed_probability", probability = 0.3, weight = [5, 30], seed = 2 }
[[projection]]
source = "exc"
target = "inh"
weight_shift = 1
synapses = { kind = "fixed_indegree", indegree = 9, weight = 11, seed = 8 }
[[projection]]
source = "inh"
target = "exc"
delay = 2
synapses = { kind = "all_to_all", weight = -9 }
[[projection]]
source = "exc"
target = "exc"
synapses = { kind = "grid", shape = [8, 10], kernel = [[1, 2, 1]], edges = "periodic" }
[[projection]]
source = "clock"
target = "inh"
delay = 0
synapses = { kind = "sparse", matrix = { shape = [2, 20], indptr = [0, 1, 2], indices = [3, 4], \
data = [60, 70] } }
""".replace("\\\n", "")
    )
    params = fxlif.load(tmp_path / "net.toml")
    runs = [Network(params, engine=engine).run(50) for engine, _ in ENGINES]
    for suffix in ("toml", "json"):
        path = tmp_path / f"again.{suffix}"
        fxlif.save(params, path)
        again = fxlif.load(path)
        assert again.described() == params.described()
        assert Network(again).digest() == Network(params).digest()
        runs.append(Network(again).run(50))
    assert len({run.spikes("exc").tobytes() + run.spikes("inh").tobytes() for run in runs}) == 1
    assert min(runs[0].counts("exc").sum(), runs[0].counts("inh").sum()) > 50


# --- mistakes ------------------------------------------------------------------------------------

SMALL = NetworkParams(
    source=[EventSource(name="in", n=3), PoissonSource(name="noise", n=4, probability=0.5)],
    population=[Population(name="a", n=4), Population(name="b", n=2)],
    projection=[
        Projection(source="in", target="a", synapses=AllToAll(weight=3), delay=3),
        Projection(
            source="noise", target="b", synapses=FixedProbability(probability=0.5, weight=(1, 9))
        ),
    ],
)


@each_engine
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "steps: give steps, events, or both"),
        ({"steps": -1}, "steps: must be a number of steps, 0 or more, not -1"),
        ({"steps": True}, "steps: must be an integer, a number of steps, 0 or more, not True"),
        ({"steps": 2.0}, "steps: must be an integer, a number of steps, 0 or more, not 2.0"),
        ({"steps": 2, "currents": {"c": 1}}, "currents: must be a, b, not 'c'"),
        ({"steps": 2, "currents": {"in": 1}}, "currents: must be a, b, not 'in'"),
        (
            {"steps": 2, "currents": {"a": [1, 2]}},
            r"currents['a']: must be of shape (), (4,) or (2, 4), not (2,)",
        ),
        (
            {"steps": 2, "currents": {"a": np.zeros((3, 4), int)}},
            r"currents['a']: must be of shape (), (4,) or (2, 4), not (3, 4)",
        ),
        (
            {"steps": 2, "currents": {"a": 0.5}},
            "currents['a']: must be integers, not dtype float64",
        ),
        (
            {"steps": 2, "currents": {"a": [1, 2, 3, float("nan")]}},
            "currents['a']: must be integers, not dtype float64",
        ),
        ({"steps": 2, "currents": {"a": 2**47}}, f"not {2**47}"),
        ({"steps": 2, "currents": {"a": -(2**47) - 1}}, f"not {-(2**47) - 1}"),
        (
            {"steps": 2, "currents": {"a": 2**70}},
            "currents['a']: must be integers, not dtype object",
        ),
        (
            {"steps": 2, "currents": {"a": [[1, 2], [3]]}},
            "currents['a']: must be integers, not rows of different lengths",
        ),
        ({"steps": 2, "events": {"noise": [-1, -1]}}, "events: must be in, not 'noise'"),
        ({"steps": 2, "events": {"x": [-1, -1]}}, "events: must be in, not 'x'"),
        ({"steps": 2, "events": {"in": [-1]}}, "events['in']: must be 2 steps, not 1"),
        ({"steps": 2, "events": [0, -1, -1, -1]}, "events['in']: must be 2 steps, not 3"),
        ({"events": {"in": [0, -2]}}, "events['in']: event 1: must be -1 (tick) or more, not -2"),
        ({"events": {"in": [0.5]}}, "events['in']: events: must be integers, not dtype float64"),
        ({"steps": 2, "threads": 0}, "threads: must be 1..256, or None, not 0"),
        ({"steps": 2, "threads": 257}, "threads: must be 1..256, or None, not 257"),
        (
            {"steps": 2, "record": Recording(spikes=("c",))},
            "spikes: must be in, noise, a, b, not 'c'",
        ),
    ],
)
def test_mistakes_of_a_run(engine, threads, arguments, message):
    network = Network(SMALL, engine=engine)
    network.run(4, events=[0, 1, 7, -1, -1, -1, -1])
    before = facts(network)
    with pytest.raises(FxlifError) as error:
        network.run(**{"threads": threads, **arguments})
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert facts(network) == before


def test_a_refused_run_counts_no_events():
    network = Network(SMALL)
    with pytest.raises(FxlifError, match="currents"):
        network.run(events=[99, -1], currents={"nobody": 1})
    assert dict(network.dropped) == {"in": 0}


@each_engine
def test_the_largest_current_is_taken(engine, threads):
    """Up to the last value that cannot leave 48 bits, from all synapses at once."""
    neuron = NeuronParams(state_bits=32, threshold_bits=32, v_threshold=2**30, v_floor=-(2**31))
    params = NetworkParams(
        source=[PoissonSource(name="all", n=3, probability=1)],
        population=[Population(name="p", n=2, neuron=neuron)],
        projection=[
            Projection(source="all", target="p", synapses=Dense(weights=[[9, 1]] * 3), delay=0)
        ],
    )
    highest = 2**47 - 1 - 27
    for current in (highest, [highest, 0], [[highest, -(2**47)]] * 2):
        network = Network(params, engine=engine)
        recording = network.run(2, currents={"p": current}, threads=threads)
        assert recording.spikes("p").tolist()[:2] == [0, *([1] if current == highest else [-1])]
        with pytest.raises(FxlifError, match=f"must be -{2**47}..{highest}, not {highest + 1}"):
            network.run(2, currents={"p": np.array(current) + 1})


def test_currents_step_by_step_of_every_kind():
    """Whatever the elements are and however the rows lie: the same as from int64, on any engine."""
    neuron = {"v_threshold": 100, "leak": {"kind": "shift", "shift": 2}}
    params = NetworkParams(
        population=[
            Population(name="p", n=67, neuron=neuron, v_thresholds=[2, *[150] * 66]),
            Population(name="q", n=130, neuron=neuron | {"accumulate": "per_event"}),
        ],
        projection=[Projection(source="p", target="q", synapses=AllToAll(weight=5), delay=2)],
    )
    rng = np.random.default_rng(3)
    for kind in KINDS:
        limits = (0, 1) if kind == "?" else (np.iinfo(kind).min, np.iinfo(kind).max)
        ends = max(limits[0], -(2**40)), min(limits[1], 2**40)
        plain = rng.choice([*ends, 0, 1, 50, 99], (9, 67), p=[0.1, 0.1, 0.2, 0.2, 0.2, 0.2])
        plain = np.clip(plain, *ends).astype(np.int64)
        for layout in LAYOUTS if kind in ("<i2", ">i8") else ("c",):
            given = laid_out(plain.astype(kind), layout)
            wide = given.astype(np.int64)
            found = []
            for engine, threads, array in (("numpy", 1, wide), *((*e, given) for e in ENGINES)):
                network = Network(params, engine=engine)
                with chunks_of(params, 4):
                    given_both = {"p": array, "q": np.broadcast_to(array[:, :1], (9, 130))}
                    run = network.run(9, currents=given_both, threads=threads)
                found.append([facts(network), *(run.spikes(name).tolist() for name in "pq")])
            assert all(each == found[0] for each in found), (kind, layout)
            assert len(set(found[0][1])) > (30 if kind != "?" else 1)


def test_currents_are_read_where_they_lie():
    """No copy of them, and none in wider elements."""
    network = Network(NetworkParams(population=[Population(name="p", n=1000)]), engine="auto")
    currents = np.full((2000, 1000), 3, np.int16)
    network.run(2000, currents={"p": currents}, record=Recording([]))  # compiled
    tracemalloc.start()
    network.run(2000, currents={"p": currents}, record=Recording([]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < currents.nbytes / 4


@each_engine
def test_no_steps(engine, threads):
    network = Network(SMALL, engine=engine)
    recording = network.run(
        0, currents={"a": np.zeros((0, 4), int), "b": 5}, threads=threads, events={"in": []}
    )
    assert recording.steps == network.step_count == 0
    assert network.run(events=[0, 1], threads=threads).spikes("a").tolist() == []


def test_mistakes_of_a_description():
    def joined(synapses, **changes):
        return NetworkParams(
            source=[EventSource(name="in", n=3)],
            population=[Population(name="a", n=4), Population(name="b", n=3)],
            projection=[
                Projection(**{"source": "in", "target": "a", "synapses": synapses} | changes)
            ],
        )

    one = AllToAll(weight=1)
    for make, message in (
        (lambda: joined(one, source="x"), "projection[0].source: must be in, a, b, not 'x'"),
        (lambda: joined(one, target="in"), "projection[0].target: must be a, b, not 'in'"),
        (
            lambda: joined(Dense(weights=[[1, 2], [3, 4]])),
            "projection[0].synapses.weights: must be of shape (3, 4) (n of in, n of a), not (2, 2)",
        ),
        (
            lambda: joined(Sparse(matrix={"shape": [3, 5], "indptr": [0, 0, 0, 0]})),
            "projection[0].synapses.matrix: must be of shape (3, 4) (n of in, n of a), not (3, 5)",
        ),
        (
            lambda: Sparse(matrix={"shape": [1, 4], "indptr": [0, 1], "indices": [4], "data": [1]}),
            "must be 0..3 (the neurons that exist), not 4",
        ),
        (
            lambda: joined(OneToOne(weight=1)),
            "between equal numbers of neurons (n of in, n of a), not 3 to 4",
        ),
        (lambda: joined(AllToAll(weight=128)), "must be -128..127 (weight_bits = 8), not 128"),
        (
            lambda: joined(FixedInDegree(indegree=4, weight=1)),
            "projection[0].synapses.indegree: must be 0..3 (n of in), not 4",
        ),
        (
            lambda: joined(Grid(shape=(2, 2), kernel=[[1]]), target="a"),
            "not [2, 2] for 3 to 4 neurons",
        ),
        (lambda: joined(one, delay=64), "must be 0..63, not 64"),
        (lambda: joined(one, delay=(5, 2)), "must be [lowest, highest], not [5, 2]"),
        (
            lambda: NetworkParams(
                population=[Population(name="a", n=1), Population(name="a", n=2)]
            ),
            "population[1].name: must be a name that is not taken, not 'a'",
        ),
        (lambda: NetworkParams(), "there must be 1 or more of core or of population"),
        (
            lambda: RegularSource(name="r", n=2, interval=3, phases=[0, 3]),
            "phases[1]: must be 0..2 (interval), not 3",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            make()
    with pytest.raises(FxlifError, match="engine: must be auto, numpy, compiled, not 'gpu'"):
        Network(SMALL, engine="gpu")


def test_a_current_of_more_than_48_bits_is_refused():
    neuron = NeuronParams(weight_bits=16)
    params = NetworkParams(
        source=[EventSource(name="in", n=9, max_events_per_input=65535)],
        population=[Population(name="a", n=1, neuron=neuron)],
        projection=[
            Projection(source="in", target="a", synapses=AllToAll(weight=32767), weight_shift=16)
        ],
    )
    with pytest.raises(
        FxlifError, match=r"projection\[0\]: must be such that the current into a stays within"
    ):
        Network(params)


def reseeded(params, **changes):
    """The same network with another draw in its last projection."""
    last = params.projection[-1]
    synapses = last.synapses.model_copy(update={k: v for k, v in changes.items() if k == "seed"})
    changed = {"synapses": synapses, **{k: v for k, v in changes.items() if k != "seed"}}
    projection = (*params.projection[:-1], last.model_copy(update=changed))
    return NetworkParams(source=params.source, population=params.population, projection=projection)


def test_states_of_another_design_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    network = Network(SMALL)
    network.run(5)
    network.save(path)
    before = facts(network)
    others = [
        reseeded(SMALL, seed=7),
        reseeded(SMALL, weight_shift=1),
        reseeded(SMALL, delay=2),
        NetworkParams(source=SMALL.source, population=SMALL.population),
        NetworkParams.model_validate(
            SMALL.model_dump()
            | {"source": [SMALL.source[0], SMALL.source[1].model_copy(update={"seed": 9})]}
        ),
        NetworkParams.model_validate(
            SMALL.model_dump() | {"population": [Population(name="a", n=4, v_thresholds=[9] * 4),
                                                 Population(name="b", n=2)]}
        ),
    ]  # fmt: skip
    for params in others:
        other = Network(params)
        with pytest.raises(FxlifError) as error:
            other.restore(path)
        assert str(error.value).startswith(f"{path}: must be the state of this design (")
        assert facts(other) == facts(Network(params))
    # The name of a design is no part of it.
    named = Network(NetworkParams.model_validate(SMALL.model_dump() | {"name": "other"}))
    named.restore(path)
    assert facts(named) == before


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_broken_state_files_are_refused(tmp_path, engine):
    network = Network(SMALL, engine=engine)
    network.run(events=[0, -1, 1, -1])
    path = tmp_path / "state.npz"
    network.save(path)
    good = path.read_bytes()
    before = facts(network)
    for content in (b"", b"nonsense", good[: len(good) // 2], good[:-10]):
        path.write_bytes(content)
        with pytest.raises(FxlifError, match=r"\.npz file of numbers, not a broken file") as error:
            network.restore(path)
        assert "\n" not in str(error.value)
    np.savez(path, about=np.array("{}"))
    with pytest.raises(FxlifError, match=r"must be what save\(\) wrote"):
        network.restore(path)
    np.savez(path, v=np.zeros(4))
    with pytest.raises(FxlifError, match=r"must be what save\(\) wrote"):
        network.restore(path)
    with pytest.raises(FxlifError, match=r"none\.npz: no such file"):
        network.restore(tmp_path / "none.npz")
    for use in (network.save, network.restore):
        with pytest.raises(FxlifError, match=r"must be a name that ends in \.npz, not \.pkl"):
            use(tmp_path / "state.pkl")
    with pytest.raises(FxlifError, match="there is no folder"):
        network.save(tmp_path / "nowhere" / "state.npz")
    assert facts(network) == before
    path.write_bytes(good)
    network.run(3)
    network.restore(path)
    assert facts(network) == before


# --- recordings ----------------------------------------------------------------------------------

BUSY = NetworkParams(
    source=[PoissonSource(name="noise", n=40, probability=0.2, seed=2)],
    population=[
        Population(
            name="p",
            n=70,
            neuron=NeuronParams(
                v_threshold=50,
                refractory=2,
                synapse={"kind": "exponential"},
                adaptation={"increment": 5},
            ),
        )
    ],
    projection=[
        Projection(
            source="noise",
            target="p",
            synapses=FixedProbability(probability=0.5, weight=(-3, 20)),
            delay=(1, 9),
        ),
        Projection(source="p", target="p", synapses=FixedInDegree(indegree=5, weight=-9), delay=2),
    ],
)


@each_engine
def test_a_recording_on_disk_equals_one_in_memory(engine, threads, tmp_path):
    found = []
    for folder in (None, tmp_path / "out"):
        network = Network(BUSY, engine=engine)
        recording = everything(BUSY, 4, folder)
        with chunks_of(BUSY, 7):
            network.run(30, record=recording, threads=threads)
            network.run(5, record=recording, threads=threads)
        found.append((recording, network))
    memory, network = found[0]
    read = Recording.open(tmp_path / "out")
    assert read.steps == memory.steps == 35
    for name in ("noise", "p"):
        for other in (found[1][0], read):
            assert other.spikes(name).tolist() == memory.spikes(name).tolist()
    for variable in VARIABLES:
        for other in (found[1][0], read):
            rows = other.states("p", variable)
            assert rows.tolist() == memory.states("p", variable).tolist()
    assert facts(found[1][1]) == facts(network)


@each_engine
def test_watched_neurons_step_by_step(engine, threads):
    """In the user's order, the state after each step."""
    chosen = [69, 0, 64, 63, 5]
    recording = Recording(spikes=(), states={"p": VARIABLES}, neurons={"p": chosen})
    Network(BUSY, engine=engine).run(40, record=recording, threads=threads)
    single = Network(BUSY, engine=engine)
    for step in range(40):
        single.run(1)
        for variable in VARIABLES:
            now = getattr(single.states["p"], variable)[chosen]
            assert recording.states("p", variable)[step].tolist() == now.tolist()
    assert recording.states("p", "v").shape == (40, 5)
    assert recording.states("p", "theta").max() > 0


@each_engine
@pytest.mark.parametrize("on_disk", [False, True])
def test_an_interrupt_from_progress(engine, threads, on_disk, tmp_path):
    def stop(done, total):
        assert total == 50
        if done >= 21:
            raise KeyboardInterrupt

    folder = tmp_path / "out" if on_disk else None
    network = Network(BUSY, engine=engine)
    recording = everything(BUSY, 4, folder)
    with chunks_of(BUSY, 7), pytest.raises(KeyboardInterrupt):
        network.run(50, record=recording, threads=threads, progress=stop)
    fresh = Network(BUSY, engine="numpy")
    expected = everything(BUSY, 4)
    fresh.run(21, record=expected)
    read = Recording.open(folder) if folder else recording
    assert recording.steps == read.steps == 21
    assert read.spikes("p").tolist() == expected.spikes("p").tolist()
    assert read.states("p", "v").tolist() == expected.states("p", "v").tolist()
    assert facts(network) == facts(fresh)
    # And on, to the end.
    network.run(29, record=recording, threads=threads)
    fresh.run(29, record=expected)
    assert recording.spikes("p").tolist() == expected.spikes("p").tolist()
    assert facts(network) == facts(fresh)


def test_an_interrupted_run_counts_the_events_of_its_steps():
    def stop(done, total):
        raise KeyboardInterrupt

    network = Network(SMALL)
    with chunks_of(SMALL, 3), pytest.raises(KeyboardInterrupt):
        network.run(events=[9, -1] * 10, progress=stop)
    assert dict(network.dropped) == {"in": 3}


INTERRUPTED = """
import signal, sys
# Whoever started the tests may have it ignored: nohup, a shell in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
import test_networks as t
from fxlif import Network
from fxlif.network import model as network_module

engine, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
network_module.CHUNK_WORK = 110 * 300
network = Network(t.BUSY, engine=engine)
network.run(3)
network.reset()
recording = t.everything(t.BUSY, 4, folder)
print("running", flush=True)
try:
    network.run(10**7, record=recording, threads=threads)
except KeyboardInterrupt:
    network.save(folder + ".npz")
    print("stopped", recording.steps, network.step_count, flush=True)
"""


@pytest.mark.parametrize(("engine", "threads"), [ENGINES[0], *KERNELS[1:2]], ids=str)
def test_ctrl_c(engine, threads, tmp_path):
    """A real one, anywhere in a long run to disk."""
    folder = tmp_path / "out"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])
    }
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, engine, str(threads), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=tmp_path,  # beside the checkout's fxlif the installed one is not seen
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "running\n"
        index = folder / "recording.json"
        for _ in range(300):
            time.sleep(0.05)
            if index.exists() and '"steps":0' not in index.read_text():
                break
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out.startswith("stopped"), error
    recorded, stands = map(int, out.split()[1:])
    assert recorded == stands > 0
    read = Recording.open(folder)
    assert read.steps == recorded
    fresh = Network(BUSY)
    expected = everything(BUSY, 4)
    fresh.run(recorded, record=expected)
    assert read.spikes("p").tobytes() == expected.spikes("p").tobytes()
    assert read.states("p", "v").tobytes() == expected.states("p", "v").tobytes()
    stopped = Network(BUSY)
    stopped.restore(f"{folder}.npz")
    assert facts(stopped) == facts(fresh)


MEMORY = """
import sys
from fxlif import *

n, steps, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
params = NetworkParams(
    source=[PoissonSource(name="noise", n=100, probability=0.1)],
    population=[Population(name="p", n=n, neuron=NeuronParams(v_threshold=90))],
    projection=[
        Projection(source="noise", target="p", synapses=FixedInDegree(indegree=10, weight=60))
    ],
)
recording = Recording(states={"p": ("v",)}, neurons={"p": range(10)}, folder=folder)
Network(params).run(steps, record=recording)
# Not getrusage: its peak counts what this process was forked from.
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
print(recording.steps, len(recording.spikes("p")) - steps)
"""


@pytest.mark.parametrize(
    ("n", "steps"),
    [(1000, 10_000), pytest.param(1000, 100_000, marks=pytest.mark.slow)],
    ids=["10^7", "10^8"],
)
def test_a_long_run_to_disk_needs_little_memory(n, steps, tmp_path):
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(n), str(steps), str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout  # fmt: skip
    peak, done, spikes = map(int, out.split())
    assert done == steps
    assert spikes > n * steps // 100
    assert peak < 400, f"{peak} MiB"


def test_populations_of_65536_neurons_together():
    """The widest row whose places fit 16 bits: its width itself does not."""
    params = NetworkParams(
        population=[Population(name=name, n=32_768) for name in ("a", "b")],
        projection=[
            Projection(source="a", target=target, synapses=OneToOne(weight=70))
            for target in ("a", "b")
        ],
    )
    one, other = (
        Network(params, engine=engine).run(4, currents={"a": 64})
        for engine in ("numpy", "compiled")
    )
    for name in ("a", "b"):
        assert one.counts(name).sum() > 32_768
        assert np.array_equal(one.spikes(name), other.spikes(name))
