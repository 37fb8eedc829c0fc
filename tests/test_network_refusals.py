"""What a network, a run of one and a state file refuse, and the line that says so."""

import re
import tracemalloc

import numpy as np
import pytest
from network_engines import ENGINES, chunks_of, each_engine, facts
from network_strategies import KINDS, LAYOUTS, laid_out

from fxlif import (
    AllToAll,
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


def test_an_interrupted_run_counts_the_events_of_its_steps():
    def stop(done, total):
        raise KeyboardInterrupt

    network = Network(SMALL)
    with chunks_of(SMALL, 3), pytest.raises(KeyboardInterrupt):
        network.run(events=[9, -1] * 10, progress=stop)
    assert dict(network.dropped) == {"in": 3}


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
