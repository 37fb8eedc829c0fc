"""What a network can do, feature by feature, with results worked out by hand."""

import re
from collections import Counter
from unittest import mock

import network_oracle
import numpy as np
import pytest
from network_engines import ENGINES, each_engine

import fxlif
from fxlif import (
    CoreParams,
    Dense,
    EventSource,
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
)
from fxlif.network import model as network_module

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
@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_sums_at_the_ends_of_what_is_promised(inputs, engine, threads):
    """Sums are kept in integers as wide as the promise needs: 16 bits for one input of this weight,
    and not for two."""
    neuron = NeuronParams(leak={"kind": "none"}, weight_bits=16, state_bits=32, v_threshold=2**20,
                          threshold_bits=32)  # fmt: skip
    params = NetworkParams(
        source=[EventSource(name="in", n=inputs)],
        population=[Population(name="p", n=2, neuron=neuron)],
        projection=[
            Projection(source="in", target="p", synapses=Dense(weights=[[32767, -32768]] * inputs))
        ],
    )
    network = Network(params, engine=engine)
    network.run(events=[*range(inputs), -1, -1], threads=threads)
    assert network.states["p"].v.tolist() == [32767 * inputs, -32768 * inputs]


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
