"""From float to integers: each number, what it stands for, and widths that hold for every input."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from designs import SEED

from fxlif import (
    FloatNeuron,
    FloatPopulation,
    FxlifError,
    FxlifWarning,
    Network,
    NeuronParams,
    NeuronState,
    Recording,
)
from fxlif.hdl.limits import supported
from fxlif.metrics import classes
from fxlif.network.events import from_counts
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.neuron import Adaptation, ExponentialSynapse
from fxlif.quantise import (
    FloatConnection,
    FloatGroup,
    FloatNetwork,
    StepNeuron,
    leaks_for,
    quantise,
)
from fxlif.quantise.activity import behaviour, spike_counts
from fxlif.quantise.leak import adders, kept, roundings, signed_digits
from fxlif.quantise.scale import METHODS, rounded, weight_step
from fxlif.quantise.widths import Range, current_range, offset_range, potential_range
from fxlif.rule import arithmetic
from fxlif.rule.step import step

pytestmark = pytest.mark.filterwarnings("ignore::fxlif.errors.FxlifWarning")

LEAKS = (
    NoLeak(),
    ShiftLeak(3),
    ShiftLeak(2, rounding="ceiling", minimum_step=1),
    MultiShiftLeak((2, 4), (1, -1), rounding="nearest_even"),
    MultiShiftLeak((1, 3, 4), (1, -1, 1), rounding="toward_zero"),
    MultiShiftLeak((2, 4), minimum_step=1),
    ScaleLeak(13, 4, rounding="away_from_zero"),
    DecayLeak(5, 5),
)


def rng(case: int = 0) -> np.random.Generator:
    return np.random.default_rng([SEED, case])


# --- the leak -----------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.kind)
def test_a_leak_differs_from_what_it_keeps_by_its_roundings_at_most(leak):
    x = np.arange(-3000, 3000)
    left = arithmetic.leak(leak, x, 0)
    exact = kept(leak)
    off = [abs(int(y) - exact * int(z)) for z, y in zip(x, left, strict=True)]
    assert max(off) <= roundings(leak)


def test_a_leak_that_leaves_no_part_is_refused():
    with pytest.raises(FxlifError) as caught:
        kept(ConstantLeak(3))
    assert caught.value.value == "constant"


def test_signed_digits_are_the_fewest():
    powers = [1 << k for k in range(9)]
    reached = {0: 0}
    frontier = {0}
    for count in range(1, 6):
        frontier = {x + s * p for x in frontier for p in powers for s in (1, -1)}
        for x in frontier:
            reached.setdefault(x, count)
    for x in range(256):
        assert signed_digits(x) == reached[x], x


@pytest.mark.parametrize("tau", [0.3, 1.0, 2.5, 7.0, 20.0, 133.7, 1000.0])
@pytest.mark.parametrize("error", [0.3, 0.02, 0.001])
def test_the_cheapest_leak_within_the_error_is_chosen(tau, error):
    decay = math.exp(-1 / tau)
    found = leaks_for(decay, error=error)
    (chosen,) = [one for one in found if one.chosen]
    assert chosen.adders == adders(chosen.leak)
    assert chosen.error <= error
    assert chosen.tau == pytest.approx(-1 / math.log(float(kept(chosen.leak))))
    # Nothing that takes fewer adders is near enough: all sums of fewer shifts, and all factors.
    cheaper: list[Fraction] = []
    if chosen.adders > 1:
        cheaper += [1 - Fraction(1, 1 << s) for s in range(1, 17)]
    if chosen.adders > 2:
        cheaper += [1 - Fraction(1, 1 << a) - sign * Fraction(1, 1 << b)
                    for a in range(17) for b in range(a + 1, 17) for sign in (1, -1)]  # fmt: skip
    cheaper += [
        Fraction(f, 1 << 12) for f in range(1, 1 << 12) if signed_digits(f) <= chosen.adders
    ]
    for left in cheaper:
        if 0 < left < 1:
            assert abs(-1 / math.log(left) - tau) / tau > error


def test_no_leak_stands_for_no_leak_and_shift_0_or_less_for_all_of_it():
    (none,) = leaks_for(1.0, error=0.01)
    assert none.leak == NoLeak()
    assert none.error == 0
    everything = next(one for one in leaks_for(0.0, error=0.01) if one.chosen)
    assert kept(everything.leak) == 0


def test_a_time_constant_beyond_all_leaks_is_said():
    network = FloatNetwork.chain([np.ones((2, 2))], StepNeuron(decay=1 - 1e-7, v_threshold=5))
    with pytest.warns(FxlifWarning, match="time constant of v"):
        quantise(network, resolution=0.5, widths="recorded", spikes={"input": np.eye(2, dtype=int)})


# --- the float neuron in steps ------------------------------------------------------------------

NEURONS = {
    "delta": FloatNeuron(tau_mem=8, v_leak=-65, v_threshold=-60, v_reset=-66, t_refractory=2),
    "exponential": FloatNeuron(tau_mem=9, tau_syn=4, r=3, v_leak=1, v_threshold=4, v_reset=0),
    "equal time constants": FloatNeuron(tau_mem=5, tau_syn=5, v_leak=0, v_threshold=2, v_reset=0),
    "adapting": FloatNeuron(
        tau_mem=6, tau_threshold=30, threshold_increment=2, v_leak=0, v_threshold=3, v_reset=-1
    ),
    "half steps": FloatNeuron(tau_mem=3, tau_syn=2, dt=0.5, compare="gt", t_refractory=1),
}  # fmt: skip


@pytest.mark.parametrize("method", ["exact", "euler"])
@pytest.mark.parametrize("name", NEURONS)
def test_steps_are_those_of_the_reference(name, method):
    neuron, draw = NEURONS[name], rng(1)
    # Where i_syn leaks exactly the current settles as the reference's, but on another way.
    settled = neuron.tau_syn is None or method == "euler"
    current = 0.3 if settled else 0.0
    population = FloatPopulation(5, neuron, method=method)
    size = (neuron.v_threshold - neuron.v_leak) * (1 if neuron.tau_syn is None else 0.2)
    weights = draw.normal(0.3, 1, (7, 5)) * size
    arriving = draw.random((200, 7)) < 0.3
    spikes = population.run(np.full((200, 5), current), arriving @ weights)
    network = FloatNetwork.chain([weights], StepNeuron.of(neuron, current=current, method=method))
    assert spikes.any()
    np.testing.assert_array_equal(network.run({"input": arriving})["layer_0"], spikes)


# --- float and integers -------------------------------------------------------------------------

RULES = (
    {},
    {"reset": "subtract"},
    {"reset": "subtract", "reset_at": "leak", "compare": "gt"},
    {"reset_at": "next_step", "compare": "gt"},
    {"reset": "subtract", "reset_at": "next_step"},
    {"reset": "subtract", "max_spikes_per_step": 5},
    {"reset": "subtract", "max_spikes_per_step": 3, "compare": "gt"},
    *({"refractory_mode": mode, "refractory": 3} for mode in ("clamp", "mask", "rest", "leak")),
    {"synapse_order": ("integrate", "leak", "act"), "decay_syn": 1.0},
    {"synapse_order": ("act", "leak", "integrate"), "decay_syn": 1.0, "reset": "subtract"},
)


def whole_numbers(case: int, rule: dict) -> FloatNetwork:
    """A recurrent network of integers that nothing leaks from: float can do it exactly."""
    draw = rng(case)
    rule = dict(rule)
    fields = {k: rule.pop(k) for k in ("refractory", "decay_syn") if k in rule}
    neuron = StepNeuron(decay=1.0, v_threshold=150, v_reset=-3, rule=rule, **fields)

    def matrix(shape):
        w = draw.integers(-100, 128, shape).astype(float)
        w.flat[0] = 127
        return w

    ends = [("input", "a", (4, 6), 0), ("a", "b", (6, 5), 0), ("b", "a", (5, 6), 2)]
    return FloatNetwork(
        inputs={"input": 4},
        events={"input": 2},
        groups=[
            FloatGroup(name="a", n=6, neuron=neuron, v_threshold=draw.integers(90, 200, 6)),
            FloatGroup(name="b", n=5, neuron=neuron, bias=7),
        ],
        connections=[
            FloatConnection(source=a, target=b, weights=matrix(shape), delay=delay)
            for a, b, shape, delay in ends
        ],
    )


@pytest.mark.parametrize("case", range(len(RULES)), ids=[str(rule) for rule in RULES])
def test_of_whole_numbers_float_and_integers_spike_alike(case):
    network = whole_numbers(case, RULES[case])
    inputs = {"input": rng(case).integers(0, 3, (60, 4))}
    made = quantise(network, widths="recorded", spikes=inputs, margin=1.0)
    assert set(made.units.values()) == {1.0}
    assert all(row.error == 0 for row in made.rows)
    wanted = network.run(inputs)
    assert wanted["a"].any()
    assert wanted["b"].any()
    found = spike_counts(made.design, inputs)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
    assert behaviour(made.design, inputs, wanted) == 0
    assert made.saturated == {"a": 0, "b": 0}


@pytest.mark.parametrize(
    ("compare", "wanted"), [("ge", [0, 1, 1, 2, 3, 3]), ("gt", [0, 0, 1, 1, 3, 3])]
)
def test_several_spikes_where_v_is_a_multiple_of_the_threshold(compare, wanted):
    rule = {"compare": compare, "reset": "subtract", "max_spikes_per_step": 3}
    neuron = StepNeuron(decay=1.0, v_threshold=2.0, rule=rule)
    network = FloatNetwork.chain([[[1.0, 2.0, 3.0, 4.0, 7.0, 99.0]]], neuron)
    assert network.run({"input": [[1]]})["layer_0"].tolist() == [wanted]


def leaky(case: int = 0, *, biases: bool = False) -> FloatNetwork:
    draw = rng(case)
    neuron = StepNeuron.of(
        FloatNeuron(tau_mem=20, v_leak=-65, v_threshold=-50, v_reset=-70, t_refractory=2)
    )
    shapes = (20, 16), (16, 6)
    return FloatNetwork.chain(
        [draw.normal(0.9, 2, shape) for shape in shapes], neuron,
        biases=[None, draw.normal(0, 0.2, 6)] if biases else None,
    )  # fmt: skip


def test_what_the_integers_stand_for_gives_the_same_integers():
    made = quantise(leaky(biases=True))
    again = quantise(made.effective, tau_error=0)
    assert again.design == made.design
    assert all(row.relative < 1e-9 for row in again.rows)


def test_errors_are_those_of_the_effective_network():
    made = quantise(leaky(), weight_bits=4)
    rows = {(row.part, row.what): row for row in made.rows}
    for asked, effective in zip(made.asked.connections, made.effective.connections, strict=True):
        off = effective.weights - asked.weights
        row = rows[asked.target, f"weights from {asked.source}"]
        assert row.error == pytest.approx(np.sqrt(np.mean(off**2)))
        # Nothing clipped: off by half a step of 7 positive or 8 negative ones, at most.
        step = max(asked.weights.max() / 7, -asked.weights.min() / 8)
        assert np.abs(off).max() <= step / 2 + 1e-12
    assert rows["layer_0", "tau_mem"].effective == pytest.approx(
        -1 / math.log(made.effective.groups[0].neuron.decay)
    )
    distance = made.effective.groups[0].thresholds[0] + 65
    assert rows["layer_0", "v_threshold"].effective == pytest.approx(distance)


def test_the_resolution_keeps_the_sum_of_rounding_errors_small():
    inputs = {"input": (rng(2).random((300, 20)) < 0.2).astype(int)}
    fine, coarse = (quantise(leaky(2), weight_bits=4, resolution=r) for r in (0.005, 1.0))
    assert fine.units["layer_0"] < coarse.units["layer_0"]
    apart = [behaviour(one.design, inputs, one.effective.run(inputs)) for one in (fine, coarse)]
    assert apart[0] < 0.01 < apart[1]


@pytest.mark.parametrize("name", ["exponential", "adapting"])
def test_spikes_are_near_those_of_float(name):
    neuron = StepNeuron.of(NEURONS[name])
    draw = rng(3)
    size = NEURONS[name].v_threshold * (1 if neuron.decay_syn is None else 0.3)
    network = FloatNetwork.chain([draw.normal(0.3, 0.5, (9, 8)) * size], neuron)
    inputs = {"input": (draw.random((400, 9)) < 0.2).astype(int)}
    wanted = network.run(inputs)
    made = quantise(network, weight_bits=12, tau_error=0.001, resolution=0.001)
    assert wanted["layer_0"].sum() > 100
    assert behaviour(made.design, inputs, wanted) < 0.02


def test_a_chain_becomes_hardware():
    assert len(supported(quantise(leaky()).design).cores) == 2
    with pytest.warns(FxlifWarning, match="layer_1: its neurons have biases of their own"):
        own = quantise(leaky(biases=True))
    assert [each.name for each in supported(own.design).regular] == ["always"]


# --- steps between weights ----------------------------------------------------------------------


def test_min_max_clips_nothing_and_wastes_nothing():
    weights = rng().normal(0, 1, 999)
    step = weight_step(weights, 6, "minmax", 0)
    ints = rounded(weights, step, 6)
    assert np.abs(ints * step - weights).max() <= step / 2 + 1e-12
    assert ints.max() == 31 or ints.min() == -32


def test_percentile_clips_so_many_and_the_least_squares_are_the_least():
    weights = rng().standard_t(2, 4000)
    step = weight_step(weights, 8, "percentile", 95)
    beyond = np.abs(weights) > 128 * step
    assert 0.03 < beyond.mean() < 0.07

    def error(step):
        return np.mean((rounded(weights, step, 4) * step - weights) ** 2)

    best = error(weight_step(weights, 4, "mse", 0))
    assert best < error(weight_step(weights, 4, "minmax", 0))
    network = FloatNetwork.chain([weights.reshape(80, 50)], StepNeuron(decay=0.9, v_threshold=9))
    with pytest.warns(FxlifWarning, match=r"input -> layer_0: \d+ of 4000 weights clipped"):
        quantise(network, scale="percentile", percentile=95)


def test_the_search_finds_spikes_that_are_nearer():
    inputs = {"input": (rng(5).random((100, 20)) < 0.2).astype(int)}
    network = leaky(5)
    network = replace(network, groups=network.groups[:1], connections=network.connections[:1])
    wanted = network.run(inputs)
    apart = {
        scale: behaviour(
            quantise(network, weight_bits=3, scale=scale, spikes=inputs).design, inputs, wanted
        )
        for scale in ("minmax", "search")
    }
    assert apart["search"] < apart["minmax"]


def test_one_step_for_the_network_or_one_for_each_group():
    own, one = (quantise(leaky(), per=per) for per in ("group", "network"))
    assert len({2 ** (math.log2(u) % 1) for u in own.units.values()}) == 2
    assert len({round(math.log2(u) % 1, 9) for u in one.units.values()}) == 1


def test_connections_into_one_group_share_its_unit_by_shifts():
    neuron = StepNeuron(decay=0.9, v_threshold=10)
    small, large = rng().normal(0, 0.1, (5, 4)), rng(1).normal(0, 3, (5, 4))
    network = FloatNetwork(
        inputs={"x": 5, "y": 5},
        groups=[FloatGroup(name="a", n=4, neuron=neuron)],
        connections=[
            FloatConnection(source="x", target="a", weights=small),
            FloatConnection(source="y", target="a", weights=large),
        ],
    )
    made = quantise(network)
    first, second = made.design.projection
    assert second.weight_shift > first.weight_shift
    for asked, found in zip((small, large), made.effective.connections, strict=True):
        # A shift is a power of 2: it may waste one bit, never clip.
        assert np.abs(found.weights - asked).max() <= np.abs(asked).max() / 127 + 1e-12


def test_sparse_weights_stay_sparse():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(rng().random((20, 16)) < 0.2, rng(1).normal(0, 1, (20, 16)), 0)
    neuron = StepNeuron(decay=0.9, v_threshold=3)

    def network(weights):
        return FloatNetwork(
            inputs={"x": 20},
            groups=[FloatGroup(name="a", n=16, neuron=neuron)],
            connections=[FloatConnection(source="x", target="a", weights=weights)],
        )

    inputs = {"x": (rng(2).random((50, 20)) < 0.3).astype(int)}
    made = [quantise(network(w)) for w in (dense, scipy_sparse.csr_matrix(dense))]
    assert made[1].design.projection[0].synapses.kind == "sparse"
    for a, b in zip(*(spike_counts(one.design, inputs)["a"] for one in made), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(*(one.effective.run(inputs)["a"] for one in made))


def test_thresholds_of_few_bits_are_multiples_of_a_power_of_2():
    made = quantise(leaky(), threshold_bits=6)
    neuron = made.design.population[0].neuron
    assert neuron.threshold_bits == 6
    assert neuron.threshold_shift > 0
    row = next(row for row in made.rows if row.what == "v_threshold")
    assert 0 < row.relative < 1 / 32


# --- widths -------------------------------------------------------------------------------------

BOUNDED = (
    {},
    {"v_reset": -200},
    {"v_reset": 30},
    {"reset": "subtract"},
    {"reset": "subtract", "reset_at": "leak", "compare": "gt"},
    {"reset_at": "leak", "v_reset": -200},
    {"reset_at": "next_step", "v_reset": -200},
    {"reset": "subtract", "reset_at": "next_step"},
    {"reset": "subtract", "max_spikes_per_step": 4},
    {"refractory": 2, "refractory_mode": "mask"},
    {"refractory": 2, "refractory_mode": "rest"},
    {"adaptation": Adaptation(9, ShiftLeak(3))},
    {"v_floor": -5},
    {"v_floor": -5, "leak": NoLeak()},
    {"v_floor": -5, "leak": NoLeak(), "reset": "subtract"},
)  # fmt: skip


@pytest.mark.parametrize("acting", [Range(-13, 17), Range(-3, 3), Range(2, 60)], ids=str)
@pytest.mark.parametrize("choice", BOUNDED, ids=str)
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.kind)
def test_no_state_leaves_its_range_whatever_the_input(choice, leak, acting):
    """From every state in the range, with the lowest and the highest input, v stays in it."""
    neuron = NeuronParams(**{"leak": leak, "v_threshold": 40, **WIDE, **choice})
    v_range = potential_range(neuron, acting, (40, 55))
    if None in v_range:
        assert isinstance(neuron.leak, NoLeak)
        assert neuron.v_floor is None or acting.high > 40
        return
    thetas = offset_range(neuron)
    told = {}
    for v_threshold in (40, 55):
        for theta in {0, thetas.high // 2, thetas.high}:
            v = np.arange(v_range.low, v_range.high + 1)
            # What is stored was compared, at once: it lies below the highest threshold there may
            # be, but where a step of rest masks the compare.
            falls = neuron.reset == "to_value" or acting.high <= 40 * neuron.max_spikes_per_step
            at_once = neuron.reset_at == "compare" and neuron.refractory_mode != "mask"
            compared = falls and at_once
            highest = max(55 + thetas.high, neuron.v_reset) if compared else v_range.high
            v = v[v <= highest]
            for resting in {0, neuron.rest_steps}:
                state = NeuronState(v, 0 * v, 0 * v + theta, 0 * v + resting)
                for current in acting:
                    told.clear()
                    after, _ = step(neuron, state, current, v_threshold, note=told.__setitem__)
                    for values in (after.v, told["exact u"]):
                        below = v_range.low if neuron.v_floor is None else -(1 << 31)
                        assert values.min() >= below
                        assert values.max() <= v_range.high
                    assert after.v.min() >= v_range.low
                    assert after.v.max() <= max(highest, v_range.high if resting else 0)
                    assert after.theta.max() <= thetas.high


WIDE = {"state_bits": 32, "current_bits": 32, "theta_bits": 32, "threshold_bits": 32}


@pytest.mark.parametrize("order", [("leak", "integrate", "act"), ("integrate", "act", "leak")])
@pytest.mark.parametrize("leak", LEAKS[1:], ids=lambda leak: leak.kind)
def test_no_current_leaves_its_range(leak, order):
    neuron = NeuronParams(synapse=ExponentialSynapse(leak, order=order), **WIDE)
    low, high = current_range(neuron, -30, 70)
    i = np.arange(low, high + 1)
    zero = 0 * i
    for current in (-30, 0, 70):
        told = {}
        after, _ = step(neuron, NeuronState(zero, i, zero, zero), current, 64,
                        note=told.__setitem__)  # fmt: skip
        # Behind a leak a stored current of the range has leaked before it takes the next input.
        kept_i = after.i_syn if order[0] == "leak" else arithmetic.leak(leak, i, 0)
        assert kept_i.min() >= low
        assert kept_i.max() <= high


@pytest.mark.parametrize("events", [1, 3])
def test_provable_widths_are_wide_enough_for_the_worst_inputs(events):
    network = replace(leaky(7), events={"input": events})
    made = quantise(network)
    for only_positive in (True, False):
        weights = made.design.projection[0].synapses.weights
        lines = (weights > 0 if only_positive else weights < 0)[:, 0]
        inputs = {"input": np.tile(events * lines.astype(int), (100, 1))}
        wide = quantise(network, widths="recorded", spikes=inputs, margin=1e3)
        seen = []
        for one in (made, wide):
            recording = Recording(states={"layer_0": ["v"]})
            Network(one.design).run(events=from_counts(inputs["input"]), record=recording)
            seen.append(recording.states("layer_0", "v"))
        np.testing.assert_array_equal(*seen)


def test_recorded_widths_and_what_saturates():
    inputs = {"input": (rng(8).random((200, 20)) < 0.2).astype(int)}
    made = quantise(leaky(8), widths="recorded", spikes=inputs)
    assert made.saturated == {"layer_0": 0, "layer_1": 0}
    assert (
        made.widths["layer_0"]["state_bits"] <= quantise(leaky(8)).widths["layer_0"]["state_bits"]
    )
    # Inhibition that is wider than the state may be stands at its lower end, and is counted.
    neuron = StepNeuron(decay=0.9, v_threshold=2)
    inhibited = FloatNetwork.chain([rng(9).normal(-1, 1, (20, 16))], neuron)
    wide = quantise(inhibited, widths="recorded", spikes=inputs, margin=0)
    tight = quantise(inhibited, widths="recorded", spikes=inputs, margin=0, state_bits=9)
    assert wide.widths["layer_0"]["state_bits"] > 9
    assert tight.saturated["layer_0"] > 0
    with pytest.raises(FxlifError) as caught:
        quantise(inhibited, widths="recorded", spikes=inputs, state_bits=4)
    assert caught.value.key == "state_bits"


# --- samples ------------------------------------------------------------------------------------


def test_samples_are_runs_of_their_own():
    """In float and in integers, from the first state on; and widths are recorded over all."""
    network = whole_numbers(0, RULES[0])
    inputs = rng(3).integers(0, 3, (40, 5, 4))
    made = quantise(network, widths="recorded", spikes={"input": inputs}, margin=0.0)
    wanted, found = network.run({"input": inputs}), spike_counts(made.design, {"input": inputs})
    assert wanted["b"].shape == (40, 5, next(g.n for g in network.groups if g.name == "b"))
    assert found["b"].any()
    for k in range(5):
        alone = network.run({"input": inputs[:, k]})
        for name in alone:
            np.testing.assert_array_equal(wanted[name][:, k], alone[name])
            np.testing.assert_array_equal(found[name][:, k], alone[name])
    assert made.saturated is not None


def test_accuracy_in_float_and_in_integers():
    network = leaky(5)
    spikes = rng(4).random((30, 40, 20)) < 0.2
    labels = classes(network.run({"input": spikes})["layer_1"].sum(0))
    labels[:4] = (labels[:4] + 1) % network.groups[-1].n
    fine = quantise(network, weight_bits=16, tau_error=1e-5, resolution=1e-4)
    found = fine.compare(spikes, labels)
    assert found.float.mean == found.integers.mean == 0.9
    assert found.float.low < 0.9 < found.float.high
    assert found.same.mean > 0.95
    coarse = quantise(network, weight_bits=2).compare(spikes, labels)
    assert coarse.float == found.float
    assert coarse.same.mean < 0.9
    # Two neurons that spike as often: the lower one; and none spikes: the first.
    assert classes([[0, 2, 2], [0, 0, 0]]).tolist() == [1, 0]


def test_a_limit_of_the_state_makes_it_coarser_first():
    free, narrow = quantise(leaky()), quantise(leaky(), state_bits=16)
    assert narrow.widths["layer_0"]["state_bits"] <= 16
    assert narrow.units["layer_0"] > free.units["layer_0"]
    with pytest.raises(FxlifError) as caught:
        quantise(leaky(), state_bits=8)
    assert caught.value.key == "state_bits"


def test_a_state_that_nothing_bounds_is_refused():
    network = FloatNetwork.chain([[[1.0, -1.0]]], StepNeuron(decay=1.0, v_threshold=5))
    with pytest.raises(FxlifError) as caught:
        quantise(network)
    assert caught.value.key == "layer_0"
    bounded = FloatNetwork.chain([[[1.0, 0.5]]], StepNeuron(decay=1.0, v_threshold=5))
    assert quantise(bounded).widths["layer_0"]["state_bits"] <= 12


# --- what a user sees ---------------------------------------------------------------------------


def test_the_report_names_each_part_and_the_table_escapes(monkeypatch):
    made = quantise(leaky(biases=True))
    text = made.report()
    for word in ("tau_mem", "chosen", "weights from input", "state_bits", "biases of their own"):
        assert word in text
    assert "<Quantised network: 2 groups" in repr(made)
    html = made._repr_html_()
    assert html.count("<tr>") == len(made.rows) + 1
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(FxlifError, match="pip install pandas"):
        made.frame()


BAD = {
    "weights[0]": lambda: FloatNetwork.chain([[["x"]]], StepNeuron(decay=0.9, v_threshold=1)),
    "weights[0][0, 1]": lambda: FloatNetwork.chain(
        [[[1, math.nan]]], StepNeuron(decay=0.9, v_threshold=1)
    ),
    "decay": lambda: StepNeuron(decay=1.1, v_threshold=1),
    "v_threshold": lambda: StepNeuron(decay=0.9, v_threshold=0),
    "tau_mem": lambda: StepNeuron.of(FloatNeuron(tau_mem=0.5)),
    "tau_syn": lambda: StepNeuron.of(FloatNeuron(tau_syn=0.5)),
    "input -> layer_0: weights": lambda: quantise(
        FloatNetwork.chain([np.zeros((3, 2))], StepNeuron(decay=0.9, v_threshold=1))
    ),
    "layer_0.v_threshold": lambda: quantise(
        FloatNetwork.chain([np.full((3, 2), 1e6)], StepNeuron(decay=0.9, v_threshold=1e-6))
    ),
    "scale": lambda: quantise(leaky(), scale="max"),
    "spikes": lambda: quantise(leaky(), scale="search"),
    "weight_bits": lambda: quantise(leaky(), weight_bits=1),
    "weight_bits of layer_0": lambda: quantise(leaky(), weight_bits={"layer_0": 40}),
    "tau_error": lambda: quantise(leaky(), tau_error=-1),
    "spikes['input']": lambda: leaky().run({"input": np.zeros((3, 4), int)}),
    "connection.target": lambda: FloatNetwork(
        inputs={"x": 1}, groups=[],
        connections=[FloatConnection(source="x", target="y", weights=[[1.0]])],
    ),
    "rule": lambda: StepNeuron(decay=0.9, v_threshold=1, rule={"resett": "subtract"}),
    "labels": lambda: quantise(leaky()).compare(np.ones((3, 2, 20), int), [0]),
    "labels[1]": lambda: quantise(leaky()).compare(np.ones((3, 2, 20), int), [0, 99]),
    "last group": lambda: quantise(
        FloatNetwork.chain([np.ones((3, 2))], StepNeuron(decay=0.9, v_threshold=math.inf))
    ).compare(np.ones((3, 2, 3), int), [0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("key", BAD)
def test_a_mistake_is_one_line_that_names_it(key):
    with pytest.raises(FxlifError) as caught:
        BAD[key]()
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_every_method_is_known():
    assert {"minmax", "percentile", "mse", "search"} == set(METHODS)
