"""Batches: each item is the single run of the network with the item's seeds, bit for bit."""

import copy
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import drives, networks

import fxlif
from fxlif import (
    AllToAll,
    EventSource,
    FixedProbability,
    FxlifError,
    GaussianNoise,
    Lfsr,
    Network,
    NetworkParams,
    NeuronParams,
    NoLeak,
    PoissonNoise,
    PoissonSource,
    Population,
    Projection,
    Recording,
    ShiftLeak,
)
from fxlif.batch.items import item_register, of_item
from fxlif.engines import can_compile
from fxlif.network import events
from fxlif.network import model as network_module

ENGINES = ["numpy", *["compiled"] * can_compile()]
each_engine = pytest.mark.parametrize("engine", ENGINES)
RANDOM = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def recording(params, seed):
    """A recording of all spikes, and of some neurons' states, in no order."""
    rng = np.random.default_rng(seed)
    watched = {
        p.name: rng.permutation(p.n)[: rng.integers(1, p.n, endpoint=True)]
        for p in params.population
    }
    states = {p.name: [*p.neuron.state_widths] for p in params.population}
    names = [part.name for part in (*params.source, *params.population)]
    return Recording(names, states, watched)


def memory_of(network):
    """All that a network remembers, comparable."""
    state = network.state
    arrays = {name: values.tolist() for name, values in state.arrays().items()}
    return arrays, state.step, state.lfsr, state.dropped, state.saturated


def varied(draw, params, drive, batch):
    """The input of each item, in forms that a user may choose, and the arguments of all at once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    singles = [drive.part(0, drive.steps) for _ in range(batch)]
    both = drive.part(0, drive.steps)
    for source in params.source:
        if source.name not in both["events"]:
            continue
        stream = both["events"][source.name]
        form = draw(st.sampled_from(["one", "streams", "lists", "counts"]))
        if form == "one":
            continue
        others = [
            np.concatenate([*(rng.permutation(s) for s in np.split(stream, k)), tail])
            for k, tail in _cuts(rng, stream, batch)
        ]
        if form == "counts":
            kept = [[x for x in other.tolist() if x < source.n] for other in others]
            counts = [events.to_counts(x[: len(x) - x[::-1].index(-1)], source.n) for x in kept]
            others = [events.from_counts(table) for table in counts]
            given = np.array(counts)
            both["events"][source.name] = given > 0 if given.max(initial=0) < 2 else given
        else:
            both["events"][source.name] = (
                others if form == "streams" else [other.tolist() for other in others]
            )
        for single, other in zip(singles, others, strict=True):
            single["events"][source.name] = other
    for name, values in both["currents"].items():
        if not draw(st.booleans()):
            continue
        n = next(p.n for p in params.population if p.name == name)
        sizes = (batch, drive.steps, n)
        shape = [draw(st.sampled_from([1, size])) for size in sizes]
        chosen = rng.choice(np.unique(values), shape)
        both["currents"][name] = chosen
        for single, own in zip(singles, np.broadcast_to(chosen, sizes), strict=True):
            single["currents"][name] = own
    return singles, both


def _cuts(rng, stream, batch):
    """For each item where to shuffle the spikes of a stream, within its steps, and what follows."""
    ticks = np.flatnonzero(stream == -1)
    cuts = np.unique(np.concatenate([ticks, ticks + 1]))
    for _ in range(batch):
        yield cuts, rng.integers(0, 3, rng.integers(0, 3))


def check_items(data):
    """Each engine's items against the single runs of the numpy engine."""
    params = data.draw(networks(max_delay=6, most=3))
    network = Network(params, engine="numpy")
    drive = data.draw(drives(network, max_steps=8))
    batch = data.draw(st.integers(1, 5))
    numbers = data.draw(
        st.one_of(st.none(), st.lists(st.integers(0, 2**31 - 1), min_size=batch, max_size=batch))
    )
    singles, both = varied(data.draw, params, drive, batch)
    seed = data.draw(st.integers(0, 99))
    before = data.draw(st.sampled_from([0, 0, 3]))
    if before:  # spikes are under way, registers have moved
        network.run(before, currents={params.population[0].name: 40})
    expected = []
    for number, single in zip(numbers or range(batch), singles, strict=True):
        one = network.item(number) if before else Network(of_item(params, number), engine="numpy")
        expected.append((one, one.run(**single, record=recording(params, seed))))
    work = data.draw(st.sampled_from([1, 5, 1 << 24])) * sum(network.graph.sizes.values())
    threads = data.draw(st.integers(1, 3))
    for engine in ENGINES:
        other = Network(params, engine=engine)
        other.state = copy.deepcopy(network.state)
        remembered = memory_of(other)
        with mock.patch.multiple(network_module, CHUNK_WORK=work):
            found = other.run(
                **both, batch=numbers or batch, threads=threads, record=recording(params, seed)
            )
        assert memory_of(other) == remembered
        compare(params, found, expected)


@given(st.data())
@settings(max_examples=5, **RANDOM)
def test_items_are_the_single_runs(data):
    check_items(data)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=300, **RANDOM)
def test_items_of_many_networks_are_the_single_runs(data):
    check_items(data)


#: Random, counting, saturating, taking events one by one and late: what each item has of its own.
EVERYTHING = NetworkParams(
    source=[PoissonSource("noise", 20, 0.3, seed=5), EventSource("in", 3)],
    population=[
        Population("a", 9, NeuronParams(leak=ShiftLeak(3, rounding="stochastic"), v_threshold=300)),
        Population(
            "b",
            5,
            NeuronParams(v_threshold=8, reset="subtract", max_spikes_per_step=4, leak=NoLeak()),
        ),
        Population("c", 4, NeuronParams(accumulate="per_event", v_threshold=30)),
        Population("d", 6, noise=[GaussianNoise(9, 5), PoissonNoise(2, 3, seed=4)]),
    ],
    projection=[
        Projection("noise", "a", FixedProbability(0.5, weight=(1, 9)), delay=(1, 3)),
        Projection("in", "a", AllToAll(127)),
        Projection("a", "b", AllToAll(9), delay=2),
        Projection("in", "c", AllToAll(9), delay=2),
        Projection("b", "c", AllToAll(5)),
    ],
)


@each_engine
@pytest.mark.parametrize("work", [1 << 24, 47 * 2])
def test_each_item_has_all_of_its_own(engine, work):
    """In several groups of items, cut into chunks of steps, from a state with spikes under way."""
    rng, steps, batch = np.random.default_rng(1), 7, 5
    network = Network(EVERYTHING, engine="numpy")
    network.run(4, events=[0, 1, -1, -1, 2, -1, 0, -1], currents={"a": 30})
    streams = [
        np.concatenate([[*rng.integers(0, 4, rng.integers(0, 9)), -1] for _ in range(steps)])
        for _ in range(batch)
    ]
    drive = rng.integers(0, 30, (batch, steps, 9)).astype(np.int8)
    level = rng.integers(0, 20, (batch, 1, 5))
    expected = []
    for item in range(batch):
        one = network.item(item)
        currents = {"a": drive[item], "b": level[item, 0], "c": 1}
        taken = recording(EVERYTHING, 1)
        one.run(events=streams[item], currents=currents, record=taken)
        expected.append((one, taken))
    assert sum(one.saturated[1] for one, _ in expected) > 0
    assert sum(one.dropped["in"] for one, _ in expected) > 0
    assert all(max(taken.counts("b")) > steps for _, taken in expected)
    again = Network(EVERYTHING, engine=engine)
    again.state = copy.deepcopy(network.state)
    with (
        mock.patch("fxlif.compiled.stacked.GROUP_BYTES", 1 << 14),
        mock.patch.multiple(network_module, CHUNK_WORK=work),
    ):
        found = again.run(
            events=streams, currents={"a": drive, "b": level, "c": 1}, batch=batch, threads=2,
            record=recording(EVERYTHING, 1),
        )  # fmt: skip
    compare(EVERYTHING, found, expected)


def compare(params, found, expected):
    assert found.batch == len(expected)
    for name in (part.name for part in (*params.source, *params.population)):
        assert [found.spikes(name, b).tolist() for b in range(found.batch)] == [
            single.spikes(name).tolist() for _, single in expected
        ], name
        counts = np.array([single.counts(name) for _, single in expected])
        assert np.array_equal(found.counts(name), counts)
        assert np.array_equal(found.dense(name).sum(axis=1), counts)
    for population in params.population:
        for variable in population.neuron.state_widths:
            key = population.name, variable
            states = [single.states(*key) for _, single in expected]
            assert found.states(*key).dtype == states[0].dtype
            assert np.array_equal(found.states(*key), states), key
            last = [getattr(one.states[population.name], variable) for one, _ in expected]
            assert np.array_equal(found.final(*key), last), key
    for source in (s.name for s in params.source if s.kind == "events"):
        assert found.dropped[source].tolist() == [one.dropped[source] for one, _ in expected]
    assert found.saturated.tolist() == [list(one.saturated) for one, _ in expected]


# --- seeds ----------------------------------------------------------------------------------------

STOCHASTIC = NeuronParams(leak=ShiftLeak(shift=3, rounding="stochastic"), v_threshold=40)
PARAMS = NetworkParams(
    source=[PoissonSource("noise", 20, 0.3, seed=5), EventSource("in", 3)],
    population=[Population("a", 9, STOCHASTIC), Population("b", 4)],
    projection=[
        Projection("noise", "a", FixedProbability(0.5, weight=(1, 9))),
        Projection("in", "a", AllToAll(7)),
        Projection("a", "b", AllToAll(9), delay=2),
    ],
)


def mixed(x):
    """SplitMix64's output function, from the paper."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1))
def test_the_seed_of_an_item_is_what_is_documented(seed, item):
    wanted = mixed((mixed(seed) + item * 0x9E3779B97F4A7C15) % 2**64) >> 1 if item else seed
    assert fxlif.item_seed(seed, item) == wanted
    state, lfsr = seed % 0xFFFF + 1, Lfsr()
    drawn = 1 + fxlif.item_seed(state, item) % 0xFFFF if item else state
    assert item_register(lfsr, state, item) == drawn


def test_items_have_the_seeds_of_their_numbers():
    other = Network(PARAMS).item(6)
    noise, given = other.params.source
    assert (noise.seed, given) == (fxlif.item_seed(5, 6), PARAMS.source[1])
    register = item_register(Lfsr(), 1, 6)
    assert other.params.population[0].neuron.lfsr.seed == other.state.lfsr["a"] == register
    assert other.params.projection == PARAMS.projection
    assert Network(PARAMS).item(0).params == PARAMS
    assert other.synapses(0) is not Network(PARAMS).synapses(0)


@each_engine
def test_an_item_draws_the_same_whatever_the_others_are(engine):
    network = Network(PARAMS, engine=engine)
    everyone = network.run(30, batch=5)
    few = network.run(30, batch=[4, 2, 4])
    assert everyone.items.tolist() == [0, 1, 2, 3, 4]
    assert few.items.tolist() == [4, 2, 4]
    for name in ("a", "b"):
        assert np.array_equal(everyone.counts(name)[[4, 2, 4]], few.counts(name))
    drawn = {tuple(everyone.spikes("a", item)) for item in range(5)}
    assert len(drawn) == 5
    network.run(30, record=(single := Recording()))
    assert single.spikes("a").tolist() == everyone.spikes("a", 0).tolist()


def test_a_network_of_an_item_goes_its_own_way():
    network = Network(PARAMS)
    network.run(7)
    other, before = network.item(3), memory_of(network)
    other.run(5)
    assert memory_of(network) == before
    assert other.step_count == 12
    assert other.projections is network.projections


# --- input and results ----------------------------------------------------------------------------


@each_engine
def test_forms_of_the_input(engine):
    """One stream for all, a list, an array of counts; currents of each item, or of each step."""
    network = Network(PARAMS, engine=engine)
    stream = [0, 2, -1, 1, -1, -1]
    one = network.run(events=stream, batch=2).counts("a")
    for events_ in (
        [stream, stream],
        np.array([stream, stream]),
        np.array([[[1, 0, 1], [0, 1, 0], [0, 0, 0]]] * 2),
        np.array([[[1, 0, 1], [0, 1, 0], [0, 0, 0]]] * 2, bool),
        {"in": [np.array(stream), stream]},
    ):
        assert np.array_equal(network.run(events=events_, batch=2).counts("a"), one)
    drive = np.arange(0, 40, 10)[:, np.newaxis, np.newaxis]
    counts = network.run(20, batch=4, currents={"b": drive}).counts("b").sum(axis=1)
    assert (np.diff(counts) > 0).all()


def test_what_is_read_of_a_batch():
    record = Recording(["a"], {"b": ["v"]}, {"b": [3, 1]})
    found = Network(PARAMS).run(6, batch=3, record=record)
    assert repr(found) == "<BatchRecording: 3 items of 6 steps, spikes of 1 part, 1 state variable>"
    for cell in ("3 items of 6 steps", "b.v", "3 x 6 x 2", str(found.counts("a").sum())):
        assert cell in found._repr_html_()
    assert found.dense("a").shape == (3, 6, 9)
    assert found.dense("a").dtype == np.uint8
    items, steps, neurons = found.raster("a")
    assert np.array_equal(np.argwhere(found.dense("a")), np.column_stack([items, steps, neurons]))
    assert found.states("b", "v").shape == (3, 6, 2)
    assert np.array_equal(found.states("b", "v")[:, -1], found.final("b", "v")[:, [3, 1]])
    with pytest.raises(ValueError, match="read-only"):
        found.final("b", "v")[0] = 1


def test_no_steps_and_nothing_recorded():
    network = Network(PARAMS)
    found = network.run(0, batch=2)
    assert found.counts("a").tolist() == [[0] * 9] * 2
    assert found.dense("a").shape == (2, 0, 9)
    found = network.run(4, batch=2, record=Recording([]))
    assert found.final("a", "v").any()


SLIPS = [
    ({"batch": 0}, "batch: must be how many items, or their numbers, 1..2147483647, not 0"),
    ({"batch": True}, "batch: must be an integer, how many items, or their numbers, "
     "1..2147483647, not True"),
    ({"batch": []}, "batch: must be 1 item or more, not []"),
    ({"batch": [1, -1]}, "batch[1]: must be 0..2147483647, not -1"),
    ({"batch": 2, "events": [[-1]] * 3}, "events['in']: must be one stream, 2 streams (batch) or "
     "an array (2, steps, 3), not 3 streams"),
    ({"batch": 2, "events": [[-1], [0]]}, "events['in'][1]: must be 1 steps, not 0"),
    ({"batch": 2, "events": [np.array([-1]), np.array([-2])]},
     "events['in'][1]: event 0: must be -1 (tick) or more, not -2"),
    ({"batch": 2, "events": np.zeros((2, 4, 2), int)},
     "events['in']: must be of shape (2, steps, 3), not (2, 4, 2)"),
    ({"batch": 1, "events": np.full((1, 1, 3), -1)}, "events['in'][0, 0, 0]: must be 0..2147483647"
     ", not -1"),
    ({"batch": 2, "steps": 3, "currents": {"b": np.zeros((2, 4, 1), int)}},
     "currents['b']: must be of shape (2, 3, 4), or with 1 in place of any of them, not (2, 4, 1)"),
    ({"batch": 1, "steps": 2, "currents": {"b": [[[1], [2, 3]]]}},
     "currents['b']: must be integers, not rows of different lengths"),
    ({"batch": 1, "events": [[[1], [2, 3]]]},
     "events['in'][0]: events: must be integers, not rows of different lengths"),
    ({"batch": 2, "steps": 3, "record": Recording(folder="out")},
     "record.folder: must be None with batch, not 'out'"),
    ({"batch": 2, "steps": 1 << 40, "record": Recording([], {"a": ["v"]})}, "batch: must be of "),
]  # fmt: skip


@pytest.mark.parametrize(("given", "line"), SLIPS, ids=[line for _, line in SLIPS])
def test_a_slip_is_one_line(given, line):
    with pytest.raises(FxlifError) as caught:
        Network(PARAMS).run(**given)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value).splitlines()) == 1


def test_what_does_not_fit_says_what_it_takes():
    with pytest.raises(FxlifError, match=r"70\.4 TB for the states of 2 items") as caught:
        Network(PARAMS).run(1 << 41, batch=2, record=Recording([], {"a": ["v"]}, {"a": range(8)}))
    assert caught.value.value == 2 * ((8 << 42) + 2 * (9 + 4))


@pytest.mark.parametrize(("call", "line"), [
    (lambda r: r.spikes("b", 0), "spikes: must be a (what is recorded), not 'b'"),
    (lambda r: r.spikes("a", 2), "item: must be 0..1, not 2"),
    (lambda r: r.states("a", "v"), "states: must be none (what is recorded), not 'a.v'"),
    (lambda r: r.final("a", "i_syn"), "final: must be a.v, b.v (what this network has), not "
     "'a.i_syn'"),
])  # fmt: skip
def test_what_is_not_there(call, line):
    found = Network(PARAMS).run(2, batch=2, record=Recording(["a"]))
    with pytest.raises(FxlifError) as caught:
        call(found)
    assert str(caught.value) == line


# --- chunks, progress, Ctrl-C ---------------------------------------------------------------------


@each_engine
def test_progress_and_interrupt(engine):
    """An exception, as Ctrl-C is one, may come after any chunk: the network stays as it is."""
    network = Network(PARAMS, engine=engine)
    seen, before = [], memory_of(network)

    def stop(done, total):
        seen.append((done, total))
        if len(seen) == 3:
            raise KeyboardInterrupt

    with mock.patch.multiple(network_module, CHUNK_WORK=36 * 5):
        with pytest.raises(KeyboardInterrupt):
            network.run(10, batch=8, progress=stop)
        assert len(seen) == 3
        assert memory_of(network) == before
        seen.clear()
        network.run(10, batch=2, progress=lambda *of: seen.append(of))
    assert seen[-1] == (20, 20)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.skipif(not can_compile(), reason="needs compiled code")
def test_items_are_shared_out_to_threads():
    """Every item is run once, by whichever thread is free."""
    network = Network(PARAMS)
    alone = network.run(50, batch=300, threads=1)
    with mock.patch("fxlif.compiled.stacked.GROUP_BYTES", 1 << 17):
        together = network.run(50, batch=300, threads=4)
    for name in ("a", "b"):
        assert np.array_equal(alone.dense(name), together.dense(name))
        assert np.array_equal(alone.final(name, "v"), together.final(name, "v"))
