"""Batches: each item is the single run of the network with the item's seeds, bit for bit."""

import copy
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import drives, networks

from fxlif import (
    Network,
    Recording,
)
from fxlif.batch.items import of_item
from fxlif.engines import can_compile
from fxlif.network import events
from fxlif.network import model as network_module

ENGINES = [("numpy", 1), *([("compiled", 1), ("compiled", 2)] if can_compile() else [])]
each_engine = pytest.mark.parametrize("engine", ["numpy", *["compiled"] * can_compile()])
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


@given(st.data())
@settings(max_examples=6, **RANDOM)
def test_items_are_the_single_runs(data):
    params = data.draw(networks(max_delay=6, most=3))
    network = Network(params, engine="numpy")
    drive = data.draw(drives(network, max_steps=8))
    batch = data.draw(st.integers(1, 5))
    items = data.draw(
        st.one_of(st.none(), st.just(np.random.default_rng(batch).integers(0, 2**31, batch)))
    )
    numbers = range(batch) if items is None else items.tolist()
    singles, both = varied(data.draw, params, drive, batch)
    seed = data.draw(st.integers(0, 99))
    before = data.draw(st.sampled_from([0, 0, 3]))
    if before:  # spikes are under way, registers have moved
        network.run(before, currents={params.population[0].name: 40})
    expected = []
    for number, single in zip(numbers, singles, strict=True):
        one = (
            Network(of_item(params, number), engine="numpy") if not before else network.item(number)
        )
        expected.append((one, one.run(**single, record=recording(params, seed))))
    for engine, threads in ENGINES:
        chunk = data.draw(st.sampled_from([1, 5, 1 << 24]))
        other = Network(params, engine=engine)
        other.state = copy.deepcopy(network.state)
        remembered = memory_of(other)
        with mock.patch.multiple(
            network_module, CHUNK_WORK=chunk * sum(other.graph.sizes.values())
        ):
            found = other.run(
                **both, batch=batch if items is None else items, threads=threads,
                record=recording(params, seed),
            )  # fmt: skip
        assert memory_of(other) == remembered
        compare(params, found, expected)


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
