"""The golden core and network: events in, events out, as the oracle says and by hand."""

import numpy as np
import oracle
import pytest
from designs import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cores, kept_promises, networks, steps

from fxlif.core import Core
from fxlif.errors import FxlifError
from fxlif.network.events import TICK
from fxlif.network.model import Network
from fxlif.params.core import CoreParams
from fxlif.params.leaks import NoLeak
from fxlif.params.network import NetworkParams
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.rule.step import NeuronState

FIELDS = NeuronState._fields


def addresses(*values):
    return np.array(values, dtype=np.int64)


def stream(asked):
    """Lists of addresses as a stream of events."""
    return addresses(*(event for step in asked for event in (*step, TICK)))


def states(core):
    return {name: getattr(core.state, name).tolist() for name in FIELDS}


# --- against the oracle -------------------------------------------------------------------------


@settings(max_examples=examples(60))
@given(st.data(), cores())
def test_core_is_the_oracle(data, params):
    asked = data.draw(steps(params))
    core = Core(params)
    counts = [oracle.accumulate(params, step)[1:] for step in asked]
    rows = zip(asked, oracle.core_steps(params, asked), strict=True)
    for at, (step, (spikes, after)) in enumerate(rows, start=1):
        found = core.step(addresses(*step))
        assert found.dtype == np.int64
        assert found.tolist() == spikes
        for name, values in states(core).items():
            assert values == [getattr(state, name) for state in after]
        assert core.saturated == sum(saturated for saturated, _ in counts[:at])
        assert core.dropped == sum(dropped for _, dropped in counts[:at])


@settings(max_examples=examples(30))
@given(
    st.data(),
    cores(
        n_inputs=st.just(1),
        n_neurons=st.just(2),
        max_events_per_input=st.sampled_from([1, 2]),
        weight_shift=st.just(0),
    ),
)
def test_one_input_again_and_again(data, params):
    """Far beyond the promise the sum saturates; each addition that does not fit is counted."""
    core = Core(params)
    asked = [[0] * data.draw(st.integers(0, 40)) for _ in range(3)]
    assert [core.step(addresses(*step)).tolist() for step in asked] == oracle.run_core(
        params, asked
    )
    assert core.saturated == sum(oracle.accumulate(params, step)[1] for step in asked)


@settings(max_examples=examples(30))
@given(st.data(), cores())
def test_order_does_not_matter_within_the_promise(data, params):
    asked = data.draw(kept_promises(params))
    shuffled = [data.draw(st.permutations(step)) for step in asked]
    one, other = Core(params), Core(params)
    for step, again in zip(asked, shuffled, strict=True):
        assert one.step(addresses(*step)).tolist() == other.step(addresses(*again)).tolist()
        assert states(one) == states(other)
    assert one.saturated == other.saturated == one.dropped == 0


@settings(max_examples=examples(30))
@given(st.data(), cores())
def test_layout_does_not_matter(data, params):
    """Neither lanes nor spare address bits change a result."""
    asked = data.draw(steps(params))
    plain = Core(params)
    spikes = [plain.step(addresses(*step)).tolist() for step in asked]
    for lanes in range(1, params.n_neurons + 1):
        core = Core(params.model_copy(update={"lanes": lanes, "input_address_bits": 30}))
        assert [core.step(addresses(*step)).tolist() for step in asked] == spikes
        assert states(core) == states(plain)
        assert (core.saturated, core.dropped) == (plain.saturated, plain.dropped)


@settings(max_examples=examples(30))
@given(st.data(), networks())
def test_network_is_the_chain_of_oracles(data, params):
    asked = data.draw(steps(params.core[0]))
    expected = asked
    for core in params.core:
        expected = oracle.run_core(core, expected)
    network = Network(params)
    ticks = []
    found = network.stream(stream(asked), progress=lambda *at: ticks.append(at))
    assert found.dtype == np.int64
    assert found.tolist() == stream(expected).tolist()
    assert ticks[-1] == (len(asked), len(asked))
    # In two pieces, and after a reset, the same.
    network.reset()
    half = len(asked) // 2
    pieces = [network.stream(stream(part)) for part in (asked[:half], asked[half:])]
    assert np.concatenate(pieces).tolist() == found.tolist()


# --- by hand ------------------------------------------------------------------------------------


def small(weights, v_threshold=5, **choices):
    """A core of neurons without leak."""
    neuron = NeuronParams(leak=NoLeak(), v_threshold=v_threshold, **choices.pop("neuron", {}))
    return CoreParams(
        n_inputs=len(weights), n_neurons=len(weights[0]), weights=weights, neuron=neuron, **choices
    )


def test_steps_by_hand():
    core = Core(small([[3, -1, 5], [2, 6, 0]]))
    assert core.step(addresses()).tolist() == []
    assert core.step(addresses(0)).tolist() == [2]
    assert core.state.v.tolist() == [3, -1, 0]
    # 3 + 2 + 3, -1 + 6 - 1 (one below the threshold), 0 + 0 + 5.
    assert core.step(addresses(1, 0)).tolist() == [0, 2]
    assert core.state.v.tolist() == [0, 4, 0]
    core.reset()
    assert core.step(addresses(0)).tolist() == [2]
    assert core.step(addresses(1)).tolist() == [0, 1]


def test_the_last_event_counts():
    core = Core(small([[1], [4]]))
    assert core.step(addresses(0, 1)).tolist() == [0]
    assert core.step(addresses(1, 0)).tolist() == [0]
    assert core.step(addresses(1)).tolist() == []
    assert core.step(addresses(0)).tolist() == [0]


def test_repeated_events():
    core = Core(small([[2]], v_threshold=9, max_events_per_input=4))
    assert core.step(addresses(0, 0, 0, 0)).tolist() == []
    assert core.state.v.tolist() == [8]
    assert core.saturated == 0


def test_weight_shift_and_bias():
    core = Core(small([[3], [-1]], v_threshold=1000, weight_shift=4, neuron={"bias": 5}))
    for asked, v in (((0,), 53), ((1,), 42), ((0, 1), 79), ((), 84)):
        core.step(addresses(*asked))
        assert core.state.v.tolist() == [v]


def test_own_thresholds():
    core = Core(small([[5, 5, 5]], v_threshold=100, v_thresholds=[6, 5, 4]))
    assert core.step(addresses(0)).tolist() == [1, 2]
    assert core.step(addresses(0)).tolist() == [0, 1, 2]


def test_unknown_addresses():
    core = Core(small([[5]]))
    assert core.step(addresses(1, 7, (1 << 62), 1)).tolist() == []
    assert (core.dropped, core.state.v.tolist()) == (4, [0])
    assert core.step(addresses(9, 0)).tolist() == [0]
    assert (core.dropped, core.saturated) == (5, 0)
    core.reset()
    assert (core.dropped, core.saturated) == (0, 0)


def test_saturation_event_by_event():
    """Weights 100, -100 and 27 of 8 bits, once each: the sum has 8 bits, -128 .. 127."""
    params = small([[100], [-100], [27]], v_threshold=1000)
    assert params.accumulator_bits == 8
    for asked, v, saturated in (
        ((0, 2), 127, 0),
        ((0, 2, 2), 127, 1),
        ((0, 2, 2, 1), 27, 1),
        ((0, 0, 1, 1), -73, 1),
        ((0, 1, 0, 1), 0, 0),
        ((1, 1, 1, 0), -28, 2),
        ((1, 0, 2, 2, 2, 2, 2), 127, 1),
    ):
        core = Core(params)
        core.step(addresses(*asked))
        assert (core.state.v.tolist(), core.saturated) == ([v], saturated)
        assert oracle.accumulate(params, list(asked)) == ([v], saturated, 0)


def test_saturation_counts_every_neuron():
    core = Core(small([[127, 1, -128]], v_threshold=1000))
    core.step(addresses(0, 0))
    assert core.saturated == 2
    assert core.state.v.tolist() == [127, 2, -128]
    core.step(addresses(0, 0))
    assert core.saturated == 4


def test_counters_wrap_around():
    core = Core(small([[127]]))
    core.network.dropped["input"] = core.network.saturated[0] = (1 << 32) - 1
    core.step(addresses(0, 0, 5, 5))
    assert (core.dropped, core.saturated) == (1, 0)


def test_all_state_and_reset():
    neuron = {
        "synapse": ExponentialSynapse(leak=NoLeak()),
        "adaptation": Adaptation(increment=2, leak=NoLeak()),
        "refractory": 2,
        "v_reset": 1,
    }
    core = Core(small([[5, 1]], neuron=neuron))
    start = states(core)
    assert start == {"v": [1, 1], "i_syn": [0, 0], "theta": [0, 0], "refractory": [0, 0]}
    assert core.step(addresses(0)).tolist() == [0]
    assert states(core) == {"v": [1, 2], "i_syn": [5, 1], "theta": [2, 0], "refractory": [2, 0]}
    core.reset()
    assert states(core) == start


# --- the network --------------------------------------------------------------------------------


def test_network_by_hand():
    """Spikes reach the second core in the step in which they come."""
    network = Network(NetworkParams.chain(small([[5, 0], [3, 5]]), small([[2], [3]])))
    found = network.stream(stream([[0], [1], [1], [], [0, 1]]))
    # First core: 0; 1; 0 and 1; none; 0 and 1. Second: 2, then 5; 5; -; 5.
    assert found.tolist() == stream([[], [0], [0], [], [0]]).tolist()
    assert {k: x.v.tolist() for k, x in network.states.items()} == {"core_0": [0, 0], "core_1": [0]}


def test_network_counts_what_it_drops():
    network = Network(NetworkParams.chain(small([[5]])))
    assert network.stream(addresses(3, 0, TICK, 1, TICK)).tolist() == [0, TICK, TICK]
    assert network.dropped["input"] == 2
    network.reset()
    assert network.dropped["input"] == 0


def test_network_ends_of_streams():
    network = Network(NetworkParams.chain(small([[5]])))
    for events in ([], [0], [0, 0, 0]):
        found = network.stream(np.array(events, dtype=np.int64))
        assert (found.shape, found.dtype) == ((0,), np.int64)
    assert network.stream([TICK, 0, TICK, 0]).tolist() == [TICK, 0, TICK]
    with pytest.raises(FxlifError, match=r"event 1: must be -1 \(tick\) or more, not -2"):
        network.stream([0, -2])
