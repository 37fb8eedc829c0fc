"""Single steps of a network: bit for bit those of a run, refused alike, whole or not at all."""

import signal

import numpy as np
import pytest
from designs import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_strategies import drives, networks, networks_alike

from fxlif import (
    AllToAll,
    EventSource,
    FixedProbability,
    FxlifError,
    Network,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    Recording,
)
from fxlif.engines import can_compile

KERNELS = [("compiled", 1), ("compiled", 2)] if can_compile() else []
ENGINES = [("numpy", 1), *KERNELS]
each_engine = pytest.mark.parametrize(
    ("engine", "threads"), ENGINES, ids=[f"{engine}-{threads}" for engine, threads in ENGINES]
)


def everything(network):
    """All that a network remembers."""
    state = network.state
    arrays = {name: np.asarray(values).tolist() for name, values in state.arrays().items()}
    return arrays, state.step, state.lfsr, state.dropped, state.saturated


def inputs(given, step):
    """The arguments of one step of a drawn drive."""
    currents = {
        name: array[step] if array.ndim == 2 else array for name, array in given.currents.items()
    }
    return currents, {name: steps[step] for name, steps in given.events.items()}


def streams(network, taken):
    """The spikes of some steps as a recording has them."""
    return {
        p.name: [x for spikes in taken for x in [*spikes[p.name].tolist(), -1]]
        for p in network.graph.populations
    }


@settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_steps_are_those_of_a_run(data):
    """Before and after a run, on another engine than the run that they are compared with."""
    params = data.draw(st.one_of(networks(), networks_alike()))
    drive = data.draw(drives(Network(params, engine="numpy")))
    first = data.draw(st.integers(0, drive.steps))
    last = data.draw(st.integers(first, drive.steps))
    reference = Network(params, engine=data.draw(st.sampled_from(["numpy", "auto"])))
    recording = Recording()
    reference.run(**drive.part(0, drive.steps), record=recording)
    for engine, threads in ENGINES:
        network = Network(params, engine=engine)
        taken = []
        middle = Recording()
        for start, stop in ((0, first), (last, drive.steps)):
            with network.stepper(threads=threads) as step:
                for t in range(start, stop):
                    taken.append(step(*inputs(drive, t)))
            if not start:
                at = len(taken)
                network.run(**drive.part(first, last), record=middle, threads=threads)
        before, after = streams(network, taken[:at]), streams(network, taken[at:])
        for p in params.population:
            found = [*before[p.name], *middle.spikes(p.name).tolist(), *after[p.name]]
            assert found == recording.spikes(p.name).tolist(), (p.name, engine, threads)
        assert everything(network) == everything(reference), (engine, threads)


def loop(engine, groups=2, **neuron):
    """Populations that excite each other, fed by events; ``b`` takes them one by one."""
    one = NeuronParams(v_threshold=40, leak={"kind": "shift", "shift": 3}, **neuron)
    names = [f"a{k}" for k in range(groups)]
    late = NeuronParams(v_threshold=40, accumulate="per_event", weight_bits=8)
    params = NetworkParams(
        source=[EventSource("in", 3)],
        population=[*(Population(name, 5, one) for name in names), Population("b", 4, late)],
        projection=[
            Projection("in", "a0", AllToAll(weight=30), delay=2),
            Projection("in", "b", AllToAll(weight=30), delay=3),
            *(
                Projection(s, t, FixedProbability(probability=0.5, weight=9, seed=k))
                for k, (s, t) in enumerate(zip(names, [*names[1:], names[0]], strict=True))
            ),
        ],
    )
    return Network(params, engine=engine)


# --- input ---------------------------------------------------------------------------------------

GOOD = {
    "a scalar": ({"a0": 9}, None),
    "zero-dimensional": ({"a0": np.array(9)}, None),
    "a list": ({"a1": [1, 2, 3, 4, 50]}, None),
    "a row": ({"a0": np.full((1, 5), 30)}, None),
    "booleans": ({"a0": np.ones(5, bool)}, None),
    "unsigned": ({"a0": np.full(5, 40, np.uint64)}, None),
    "of all": ({"b": np.full(4, 7), "a0": np.full(5, 30, np.int8), "a1": [41] * 5}, None),
    "another mapping": (__import__("types").MappingProxyType({"a0": 50}), None),
    "events": (None, {"in": [2, 0, 0]}),
    "of the one source": (None, np.array([1, 1, 2], np.uint8)),
    "unknown addresses": ({"a1": 40}, [7, 0, 3]),
    "none": ({}, []),
    "32 bits": ({"a0": 1 << 30, "a1": -5}, None),
    "48 bits": ({"a1": np.full(5, -(1 << 45)), "a0": 3}, [0]),
}
BAD = {
    "no such population": ({"c": 5}, None),
    "not by population": (5, None),
    "a shape": ({"a0": np.ones(4, int)}, None),
    "one for all": ({"a0": np.ones(1, int)}, None),
    "shapes that add up": ({"a0": [1] * 4, "a1": [1] * 6, "b": [1] * 4}, None),
    "floats": ({"a0": np.ones(5)}, None),
    "a text": ({"a0": "abcde"}, None),
    "beyond 48 bits": ({"a0": 1 << 47}, None),
    "far beyond": ({"a0": 1 << 70}, None),
    "beyond int64": ({"a0": np.full(5, (1 << 64) - 5, np.uint64)}, None),
    "one of all": ({"a0": [1] * 5, "a1": [1, 1, 1, 1, -(1 << 60)], "b": [1] * 4}, None),
    "no such source": (None, {"out": [1]}),
    "a TICK": (None, [1, -1]),
    "addresses of no integers": ({"a0": 9}, [0.5]),
    "several rows": (None, [[1, 2]]),
}


@each_engine
def test_each_form_of_input(engine, threads):
    """Each in turn and once more, so that nothing of the one before stays."""
    network, reference = loop(engine), loop("numpy")
    with network.stepper(threads=threads) as step:
        for name, (currents, events) in [*GOOD.items()] * 2:
            spikes = step(currents, events)
            given = {} if events is None else events["in"] if name == "events" else events
            stream = np.array([*given, -1])
            recording = reference.run(1, currents=currents, events=stream)
            for population, found in spikes.items():
                assert found.tolist() == recording.spikes(population).tolist()[:-1], name
                assert found.dtype == np.int64
            assert everything(network) == everything(reference), name
    assert network.dropped == {"in": 4}


@each_engine
@pytest.mark.parametrize("case", BAD)
def test_what_a_step_refuses(engine, threads, case):
    """As a run does; and what was refused has left nothing behind."""
    network, reference = loop(engine), loop("numpy")
    currents, events = BAD[case]
    with network.stepper(threads=threads) as step:
        for _ in range(2):
            spikes = step({"a0": 30}, [0, 1])
            expected = reference.run(1, currents={"a0": 30}, events=[0, 1, -1])
            assert spikes["a0"].tolist() == expected.spikes("a0").tolist()[:-1]
            with pytest.raises(FxlifError) as refused:
                step(currents, events)
            step()
            reference.run(1)
        assert everything(network) == everything(reference)
    assert "\n" not in str(refused.value)
    if currents is not None and events is None:
        with pytest.raises(FxlifError) as expected:
            reference.run(1, currents=currents)
        assert str(refused.value) == str(expected.value)
    else:
        assert refused.value.key.startswith("events")


# --- the network around it -----------------------------------------------------------------------


@each_engine
def test_the_network_within_the_block(engine, threads, tmp_path):
    """Looking sees the last step; changing is refused; after the block all is as ever."""
    network, reference = loop(engine), loop("numpy")
    network.save(tmp_path / "first.npz")
    with network.stepper(threads=threads) as step:
        for _ in range(5):
            step({"a0": 30}, [0])
            reference.run(1, currents={"a0": 30}, events=[0, -1])
        assert network.step_count == 5
        assert step.states["a0"].v.tolist() == reference.states["a0"].v.tolist()
        kept = step.states["a0"].v
        now = kept.tolist()
        network.save(tmp_path / "state.npz")
        step({"a0": 30})
        assert kept.tolist() == now
        for change in (
            lambda: network.run(1),
            network.reset,
            lambda: network.restore(tmp_path / "first.npz"),
            lambda: network.stepper().__enter__(),
            lambda: network.stream([-1]),
        ):
            with pytest.raises(FxlifError, match="a stepper is open"):
                change()
        assert network.step_count == 6
    with pytest.raises(FxlifError, match="ended"):
        step()
    assert network.step_count == 6
    network.restore(tmp_path / "state.npz")
    assert everything(network) == everything(reference)
    assert len(network.run(2).spikes("a0")) >= 2


@each_engine
def test_counters_are_counted_once(engine, threads):
    """However often one looks."""
    network, reference = loop(engine), loop("numpy")
    burst = [0, 1, 2] * 40 + [5]
    with network.stepper(threads=threads) as step:
        for number in range(1, 4):
            step({}, burst)
            reference.run(events=[*burst, -1])
            assert network.saturated == network.saturated == reference.saturated
            assert network.dropped == reference.dropped == {"in": number}
    assert network.saturated == reference.saturated != [0] * 4


@each_engine
def test_after_an_error_in_the_block(engine, threads):
    network, reference = loop(engine), loop("numpy")

    def fail():
        with network.stepper(threads=threads) as step:
            step({"a0": 30})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    reference.run(1, currents={"a0": 30})
    assert everything(network) == everything(reference)
    network.run(1)


def test_spikes_are_the_callers_own():
    network, reference = loop("auto"), loop("auto")
    with network.stepper() as step, reference.stepper() as same:
        for _ in range(20):
            spikes = step({"a0": 90, "a1": 90})
            assert spikes["a0"].tolist() == same({"a0": 90, "a1": 90})["a0"].tolist()
            kept = {name: found.tolist() for name, found in spikes.items()}
            step()
            same()
            assert {name: found.tolist() for name, found in spikes.items()} == kept
            for found in spikes.values():
                found[:] = 99


class Stop(Exception):
    """What Ctrl-C becomes."""


@pytest.mark.parametrize(("engine", "threads"), ENGINES)
def test_ctrl_c_comes_between_steps(engine, threads):
    """Whenever it comes, a step was done or not: by the network's count, all go on to one end."""
    steps = 1500 if engine == "compiled" else 250
    rng = np.random.default_rng(1)
    table = rng.integers(0, 60, (steps, 5))
    events = [rng.integers(0, 5, rng.integers(0, 4)) for _ in range(steps)]
    armed, stopped = [], []

    def stop(*_):
        if armed:
            armed.clear()
            raise Stop

    network, reference = loop(engine), loop("auto")
    before = (
        signal.signal(signal.SIGINT, stop),
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT)),
    )
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
        with network.stepper(threads=threads) as step:
            while (t := network.step_count) < steps:
                try:
                    armed.append(1)
                    while t < steps:
                        step({"a0": table[t]}, events[t])
                        t = network.step_count
                    armed.clear()
                except Stop:
                    stopped.append(t)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGALRM, before[1])
    stream = np.concatenate([np.append(step, -1) for step in events])
    reference.run(events=stream, currents={"a0": table})
    assert everything(network) == everything(reference)
    assert len(stopped) > 5
