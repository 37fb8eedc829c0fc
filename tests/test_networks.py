"""Networks: numpy, compiled code with any number of threads, and the oracle, bit for bit."""

from itertools import pairwise, product

import network_oracle
import numpy as np
import oracle
import pytest
import strategies
from designs import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_engines import ENGINES, KERNELS, check_all, compare, each_engine, everything, facts
from network_strategies import Given, drives, networks, networks_alike

from fxlif import (
    AllToAll,
    CoreParams,
    Dense,
    EventSource,
    FixedInDegree,
    FixedProbability,
    Network,
    NetworkParams,
    NeuronParams,
    PoissonSource,
    Population,
    Projection,
    RegularSource,
    Sparse,
)

RANDOM = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


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
