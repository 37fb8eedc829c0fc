"""Networks on every engine: numpy, compiled code with any number of threads, and the oracle."""

from itertools import pairwise
from unittest import mock

import network_oracle
import numpy as np
import pytest

from fxlif import (
    Network,
    Recording,
)
from fxlif.engines import can_compile
from fxlif.network import model as network_module

VARIABLES = ("v", "i_syn", "theta", "refractory")
KERNELS = [("compiled", 1), ("compiled", 2), ("compiled", 3)] if can_compile() else []
ENGINES = [("numpy", 1), *KERNELS]
each_engine = pytest.mark.parametrize(
    ("engine", "threads"), ENGINES, ids=[f"{engine}-{threads}" for engine, threads in ENGINES]
)


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


def facts(network):
    """All that can be seen of a network's state."""
    states = {
        name: [np.asarray(values).tolist() for values in state]
        for name, state in network.states.items()
    }
    return network.step_count, states, dict(network.dropped), list(network.saturated)
