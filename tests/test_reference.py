"""The float reference against closed forms, other ways of integrating, and the integer rule."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from fxlif.errors import FxlifError
from fxlif.params.leaks import ShiftLeak
from fxlif.params.neuron import Adaptation, ExponentialSynapse
from fxlif.population import LIFPopulation
from fxlif.reference import FloatGrid, FloatNeuron, FloatPopulation, FloatState, propagator, step

pytestmark = pytest.mark.filterwarnings("error")

#: A threshold that nothing here reaches: the membrane alone.
FAR = 1e6
#: Potentials in units of the threshold, everything else out of the way.
UNIT = {"r": 1.0, "v_leak": 0.0, "v_reset": 0.0, "v_threshold": 1.0}


def constant(current, steps):
    return np.full((steps, 1), current)


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# --- the membrane and the synapse ---------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.125, 1.0, 7.0, 100.0])
def test_exact_is_the_closed_form_of_a_constant_current(dt):
    neuron = FloatNeuron(tau_mem=13.0, r=7.0, v_leak=-60.0, v_reset=-72.0, v_threshold=FAR, dt=dt)
    _, states = FloatPopulation(1, neuron).trace(constant(1.7, 50))
    settled = -60.0 + 7.0 * 1.7
    t = dt * np.arange(1, 51)
    close(states.v[:, 0], settled + (-72.0 - settled) * np.exp(-t / 13.0))
    assert not states.refractory.any()


@pytest.mark.parametrize(
    ("tau_mem", "tau_syn"),
    [(20.0, 5.0), (5.0, 20.0), (10.0, 10.0)]
    + [(10.0, 10.0 * (1 + apart)) for apart in (1e-3, -1e-6, 1e-9, -1e-12, 1e-15)]
    + [(1e-3, 50.0), (50.0, 1e-3)],
)
def test_the_propagator_of_the_exponential_synapse_to_the_last_digits(tau_mem, tau_syn):
    found = propagator(FloatNeuron(tau_mem=tau_mem, tau_syn=tau_syn, r=3.0, dt=2.0))
    with localcontext(prec=80):
        mem, syn = Decimal(2) / Decimal(tau_mem), Decimal(2) / Decimal(tau_syn)
        if mem == syn:
            gain = 3 * mem * (-mem).exp()
        else:
            gain = 3 * mem * ((-syn).exp() - (-mem).exp()) / (mem - syn)
        expected = [float(x) for x in ((-mem).exp(), (-syn).exp(), gain)]
    # An exponent of 2000 has 11 bits less behind its point than one of 1.
    tolerance = 1e-12 if min(tau_mem, tau_syn) < 1 else 1e-14
    np.testing.assert_allclose([found.v, found.i_syn, found.i_syn_to_v], expected, rtol=tolerance)


@pytest.mark.parametrize("tau_syn", [None, 4.0, 12.0, 30.0])
def test_exact_is_a_fine_integration_of_the_equations_under_any_input(tau_syn):
    """Runge-Kutta of the two equations as they are written in books; jumps between the steps."""
    tau_mem, r, v_leak, dt, parts = 12.0, 2.5, -70.0, 1.5, 150
    neuron = FloatNeuron(
        tau_mem=tau_mem, tau_syn=tau_syn, r=r, v_leak=v_leak, v_threshold=FAR, v_reset=-61.0, dt=dt
    )
    random = np.random.default_rng(3)
    currents, jumps = random.normal(0, 5, (2, 25, 1))

    def slope(x, current):
        v, i = x
        if tau_syn is None:
            return np.array([(v_leak - v + r * current) / tau_mem, 0.0])
        return np.array([(v_leak - v + r * i) / tau_mem, (current - i) / tau_syn])

    x, h, expected = np.array([-61.0, 0.0]), dt / parts, []
    for current, jump in zip(currents[:, 0], jumps[:, 0], strict=True):
        for _ in range(parts):
            k1 = slope(x, current)
            k2 = slope(x + h / 2 * k1, current)
            k3 = slope(x + h / 2 * k2, current)
            k4 = slope(x + h * k3, current)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        x[0 if tau_syn is None else 1] += jump
        expected.append(x.copy())
    spikes, states = FloatPopulation(1, neuron).trace(currents, jumps)
    assert not spikes.any()
    close(np.hstack([states.v, states.i_syn]), expected, 1e-10)


def test_an_euler_step_by_hand():
    neuron = FloatNeuron(tau_mem=20.0, r=10.0, tau_syn=5.0, dt=2.0, tau_threshold=50.0)
    state = FloatState(v=-60.0, i_syn=0.5, threshold=-40.0, refractory=0)
    after, fire = step(neuron, state, 1.5, 0.25, "euler")
    assert not fire
    close(after.v, -60.0 + 2.0 / 20.0 * (-(-60.0 + 65.0) + 10.0 * 0.5))
    close(after.i_syn, 0.5 + 2.0 / 5.0 * (1.5 - 0.5) + 0.25)
    close(after.threshold, -40.0 + 2.0 / 50.0 * (-50.0 + 40.0))


@pytest.mark.parametrize("tau_syn", [None, 5.0, 20.0, 60.0])
def test_the_error_of_euler_halves_with_dt_and_that_of_exact_is_nought(tau_syn):
    def after_10_ms(steps, method):
        neuron = FloatNeuron(
            v_threshold=FAR, tau_syn=tau_syn, tau_threshold=30.0, dt=10.0 / steps, v_reset=-90.0
        )
        population = FloatPopulation(1, neuron, method=method)
        raised = FAR + np.array([3.0])
        population.state = population.state._replace(i_syn=np.array([-4.0]), threshold=raised)
        population.run(constant(1.0, steps))
        v, i_syn, threshold, _ = population.state
        return [v[0], i_syn[0] if tau_syn else v[0], threshold[0] - FAR]

    counts = (80, 160, 320, 640)
    exact = np.array([after_10_ms(steps, "exact") for steps in counts])
    close(exact, np.broadcast_to(exact[0], exact.shape), 1e-9)
    errors = np.array([after_10_ms(steps, "euler") for steps in counts]) - exact
    assert (abs(errors[0]) > 1e-4).all()
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2.0, rtol=0.04)


# --- spikes in and out --------------------------------------------------------------------------


def test_spikes_in_raise_v_by_their_weights_which_then_decay():
    """The one-dimensional run: v is the sum of the weights, each decayed since its spike."""
    neuron = FloatNeuron(**{**UNIT, "v_threshold": FAR}, tau_mem=8.0)
    weights = np.zeros((40, 1))
    weights[[3, 4, 17]] = [[1.5], [-0.25], [4.0]]
    _, states = FloatPopulation(1, neuron).trace(constant(0.0, 40), weights)
    t = np.arange(40)
    since = [(1.5, 3), (-0.25, 4), (4.0, 17)]
    close(states.v[:, 0], sum(w * np.exp(-(t - s) / 8.0) * (t >= s) for w, s in since))


@pytest.mark.parametrize(
    ("compare", "weight", "fires"), [("ge", 1.0, True), ("gt", 1.0, False), ("gt", 1.01, True)]
)
def test_a_potential_at_the_threshold_fires_as_compare_says(compare, weight, fires):
    population = FloatPopulation(1, FloatNeuron(**UNIT, compare=compare))
    assert population.forward(jump=weight).tolist() == [fires]
    assert population.state.v.tolist() == [0.0 if fires else weight]


@pytest.mark.parametrize("tau_syn", [None, 4.0])
@pytest.mark.parametrize(("t_refractory", "steps"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.7, 7)])
def test_the_refractory_time_is_that_many_steps_without_a_spike(t_refractory, steps, tau_syn):
    neuron = FloatNeuron(**UNIT, dt=0.1, t_refractory=t_refractory, tau_syn=tau_syn)
    population = FloatPopulation(1, neuron)
    population.state = population.state._replace(i_syn=np.array([1e4]))
    spikes, states = population.trace(constant(1e4, 13))
    # With so much current every step fires in which the neuron is not at rest. (0.3 / 0.1 is
    # below 3 in floating point.)
    assert np.flatnonzero(spikes).tolist() == list(range(0, 13, steps + 1))
    assert not states.v.any()
    assert states.refractory[:, 0].tolist() == [(steps - at) % (steps + 1) for at in range(13)]


def test_at_rest_the_membrane_loses_its_input_and_the_rest_goes_on():
    neuron = FloatNeuron(
        **{**UNIT, "v_reset": -0.5},
        t_refractory=2.0,
        tau_syn=5.0,
        tau_threshold=10.0,
        threshold_increment=0.75,
    )
    state = FloatState(v=-0.5, i_syn=2.0, threshold=1.75, refractory=2)
    for left in (1, 0):
        state, fire = step(neuron, state, 3.0, 50.0)
        assert not fire
        assert (state.v, state.refractory) == (-0.5, left)
    fallen = math.exp(-1 / 5)
    close(state.i_syn, 3.0 + fallen * (fallen * (2.0 - 3.0) + 50.0) + 50.0)
    close(state.threshold, 1.0 + 0.75 * math.exp(-2 / 10))
    _, fire = step(neuron, state, 3.0, 0.0)
    assert fire


@pytest.mark.parametrize("method", ["exact", "euler"])
def test_each_spike_raises_the_threshold_of_its_neuron_which_falls_back(method):
    neuron = FloatNeuron(
        **UNIT, tau_mem=2.0, tau_threshold=16.0, threshold_increment=3.0, compare="gt"
    )
    population = FloatPopulation(2, neuron, method=method)
    jumps = np.zeros((12, 2))
    left = math.exp(-1 / 16) if method == "exact" else 1 - 1 / 16
    jumps[[0, 2, 9], 0] = 1.5, 1.5, 20.0
    spikes, states = population.trace(np.zeros((12, 2)), jumps)
    # The second jump would have reached the threshold had it not been raised.
    assert np.argwhere(spikes).tolist() == [[0, 0], [9, 0]]
    raised = 3.0 * left ** np.arange(12)
    raised[9:] += 3.0 * left ** np.arange(3)
    close(states.threshold[:, 0], 1.0 + raised)
    close(states.threshold[:, 1], 1.0)


def test_the_threshold_of_a_step_has_decayed_to_its_end():
    neuron = FloatNeuron(**UNIT, tau_threshold=10.0, threshold_increment=1.0)
    raised = 1.0 + math.exp(-0.1)
    for weight, fires in ((raised - 1e-9, False), (raised + 1e-9, True)):
        population = FloatPopulation(1, neuron)
        assert population.forward(jump=1.0).all()
        assert population.forward(jump=weight).tolist() == [fires]


# --- the f-I curve ------------------------------------------------------------------------------


def test_rates_by_hand():
    neuron = FloatNeuron(tau_mem=20.0, r=10.0, v_leak=-70.0, v_reset=-75.0, v_threshold=-50.0)
    assert neuron.rheobase == 2.0
    assert neuron.steady_state(3.0) == -40.0
    # From -75 towards -40: 35 mV away, 10 mV away at the threshold.
    close(neuron.time_to_threshold(3.0), 20.0 * math.log(3.5))
    close(neuron.time_to_threshold(3.0, v=[-75.0, -60.0, -50.0, -45.0]),
          [20.0 * math.log(3.5), 20.0 * math.log(2.0), 0.0, 0.0])  # fmt: skip
    assert neuron.time_to_threshold(1.0, v=-50.0) == 0.0
    rates = neuron.firing_rate([-5.0, 1.9, 2.0, 3.0])
    close(rates, [0.0, 0.0, 0.0, 1000.0 / (20.0 * math.log(3.5))])
    with_rest = FloatNeuron(v_leak=-70.0, v_reset=-75.0, v_threshold=-50.0, t_refractory=4.0)
    close(with_rest.firing_rate(3.0), 1000.0 / (4.0 + 20.0 * math.log(3.5)))
    close(with_rest.firing_rate(1e12), 250.0, 1e-9)


@pytest.mark.parametrize("current", [1.51, 1.6, 2.3, 5.0, 40.0])
@pytest.mark.parametrize("t_refractory", [0.0, 2.5])
def test_exact_fires_at_the_first_step_after_the_closed_form(current, t_refractory):
    neuron = FloatNeuron(dt=0.25, t_refractory=t_refractory, v_reset=-71.0)
    steps = neuron.time_to_threshold(current) / 0.25
    assert min(steps % 1, -steps % 1) > 1e-6, "so near a step, rounding would decide"
    expected = math.ceil(steps) + round(t_refractory / 0.25)
    times = np.flatnonzero(FloatPopulation(1, neuron).run(constant(current, 2000)))
    assert times[0] == math.ceil(steps) - 1
    assert set(np.diff(times)) == {expected}


def test_the_simulated_rates_come_near_the_curve_and_nothing_fires_below_the_rheobase():
    currents = np.array([0.0, 1.4, 1.5, 1.55, 1.8, 2.5, 4.0])
    neuron = FloatNeuron(t_refractory=3.0, dt=0.025)
    assert neuron.rheobase == 1.5
    for method in ("exact", "euler"):
        population = FloatPopulation(len(currents), neuron, method=method)
        spikes = population.run(np.tile(currents, (20_000, 1)))
        found = spikes.sum(axis=0) / 0.5
        assert (found[:3] == 0).all()
        # A count of spikes in half a second is good to 2 Hz, the end of a step to some 0.5 %.
        np.testing.assert_allclose(found, neuron.firing_rate(currents), rtol=0.005, atol=2.0)
        assert (found[3:] > 10).all()


# --- the grid -----------------------------------------------------------------------------------

KERNEL = np.array([[0.01, 0.02, 0.03], [0.04, 0.05, 0.06], [0.07, 0.08, 0.09]])


def after_a_spike_at(place, shape, kernel, edges, **choices):
    """v of the step that follows one spike in a silent grid."""
    grid = FloatGrid(shape, FloatNeuron(**UNIT, **choices), kernel, edges=edges)
    spike = np.zeros(shape)
    spike[place] = 2.0
    assert np.argwhere(grid.forward(jump=spike)).tolist() == [list(place)]
    assert not grid.state.v.any(), "nothing arrives in the step of the spike"
    assert not grid.forward().any()
    return grid.state.v


@pytest.mark.parametrize("edges", ["open", "periodic"])
def test_a_spike_reaches_its_neighbours_and_nobody_else(edges):
    expected = np.zeros((5, 6))
    expected[1:4, 2:5] = KERNEL
    close(after_a_spike_at((2, 3), (5, 6), KERNEL, edges), expected, 1e-15)


def test_a_spike_at_the_corner_is_cut_off_or_comes_round():
    cut, round_ = np.zeros((2, 4, 5))
    cut[:2, :2] = KERNEL[1:, 1:]
    round_[np.ix_((3, 0, 1), (4, 0, 1))] = KERNEL
    close(after_a_spike_at((0, 0), (4, 5), KERNEL, "open"), cut, 1e-15)
    close(after_a_spike_at((0, 0), (4, 5), KERNEL, "periodic"), round_, 1e-15)


@pytest.mark.parametrize("edges", ["open", "periodic"])
@pytest.mark.parametrize("sizes", [(3, 3), (1, 5), (7, 1), (9, 11), (1, 1)])
def test_random_spikes_through_random_kernels_neighbour_by_neighbour(edges, sizes):
    """Also kernels wider than the grid: they go round more than once."""
    random = np.random.default_rng(5)
    rows, columns = 4, 3
    kernel = random.normal(0, 1, sizes)
    grid = FloatGrid((rows, columns), FloatNeuron(**UNIT, tau_mem=3.0), kernel, edges=edges)
    fired = 0
    for _ in range(20):
        sent, before = grid.spikes, grid.state.v
        jumps = random.normal(0, 1, (rows, columns))
        arriving = jumps.copy()
        for y, x in np.argwhere(sent):
            for (a, b), weight in np.ndenumerate(kernel):
                to_y, to_x = y + a - sizes[0] // 2, x + b - sizes[1] // 2
                if edges == "periodic":
                    arriving[to_y % rows, to_x % columns] += weight
                elif 0 <= to_y < rows and 0 <= to_x < columns:
                    arriving[to_y, to_x] += weight
        expected = before * math.exp(-1 / 3) + arriving
        fire = grid.forward(jump=jumps)
        assert fire.tolist() == (expected >= 1.0).tolist()
        assert grid.spikes is fire
        close(grid.state.v, np.where(fire, 0.0, expected), 1e-12)
        fired += fire.sum()
    assert fired > 10


def test_a_spike_walks_along_a_line_and_its_wake_has_raised_thresholds():
    neuron = FloatNeuron(
        **UNIT, compare="gt", tau_threshold=5.0, threshold_increment=2.0, t_refractory=1.0
    )
    grid = FloatGrid((1, 6), neuron, [[0.0, 0.0, 1.5]])
    jumps = np.zeros((8, 1, 6))
    jumps[0, 0, 0] = 1.5
    spikes, states = grid.trace(np.zeros((8, 1, 6)), jumps)
    assert [tuple(place) for place in np.argwhere(spikes[:, 0])] == [(at, at) for at in range(6)]
    close(states.threshold[7, 0], 1.0 + 2.0 * np.exp(-(7 - np.arange(6)) / 5.0))
    ring = FloatGrid((1, 6), neuron, [[0.0, 0.0, 1.5]], edges="periodic")
    # After a round of 6 steps the threshold of the first is still 1.6, above the weight.
    assert ring.run(np.zeros((8, 1, 6)), jumps).sum() == 6


def test_a_grid_whose_kernel_is_zero_is_a_population():
    neuron = FloatNeuron(tau_syn=4.0, t_refractory=2.0, tau_threshold=30.0, threshold_increment=1.0)
    currents = np.random.default_rng(7).uniform(0, 9, (60, 12))
    spikes, states = FloatPopulation(12, neuron).trace(currents)
    folded = FloatGrid((3, 4), neuron, np.zeros((3, 3))).trace(currents.reshape(60, 3, 4))
    assert spikes.any(axis=0).all()
    assert folded[0].reshape(60, 12).tolist() == spikes.tolist()
    for found, expected in zip(folded[1], states, strict=True):
        assert found.reshape(60, 12).tolist() == expected.tolist()


# --- populations --------------------------------------------------------------------------------


def test_run_trace_and_forward_are_the_same_steps_and_reset_starts_again():
    neuron = FloatNeuron(tau_syn=4.0, t_refractory=1.0, tau_threshold=9.0, threshold_increment=1.0)
    random = np.random.default_rng(11)
    currents, jumps = random.uniform(0, 6, (2, 30, 3))
    population = FloatPopulation(3, neuron)
    spikes, states = population.trace(currents, jumps)
    assert spikes.shape == (30, 3)
    assert spikes.dtype == np.bool_
    assert spikes.any()
    assert [part.dtype for part in states] == [np.float64] * 3 + [np.int64]
    population.reset()
    assert population.run(currents, jumps).tolist() == spikes.tolist()
    population.reset()
    for at in range(30):
        assert population.forward(currents[at], jumps[at]).tolist() == spikes[at].tolist()
        for part, whole in zip(population.state, states, strict=True):
            assert part.tolist() == whole[at].tolist()


def test_one_number_is_for_all_neurons_and_no_steps_are_no_spikes():
    population = FloatPopulation(2)
    assert population.forward(1e3).tolist() == [True, True]
    spikes, states = population.trace(np.zeros((0, 2)))
    assert spikes.shape == states.v.shape == (0, 2)
    grid = FloatGrid((2, 3), FloatNeuron(), [[1.0]])
    assert grid.forward(1e3).shape == (2, 3)
    assert grid.trace(np.zeros((0, 2, 3)))[1].v.shape == (0, 2, 3)


def test_reset_of_a_grid_drops_the_spikes_on_their_way():
    grid = FloatGrid((1, 2), FloatNeuron(**UNIT), np.full((1, 3), 5.0))
    assert grid.forward(jump=2.0).all()
    grid.reset()
    assert not grid.forward().any()


# --- the integer rule ---------------------------------------------------------------------------

#: LSBs per unit of potential.
SCALE = 1 << 24
WIDE = {"state_bits": 32, "threshold_bits": 32, "current_bits": 32, "theta_bits": 32}
DT = 0.5


def currents_of(seed, steps, n):
    """Constant for each neuron, one of them too small; a shift of up to 16 leaves integers."""
    row = np.random.default_rng(seed).integers(257, 1500, n) / 256
    row[0] = 0.75
    return np.tile(row, (steps, 1))


def integers(values):
    assert (values % 1 == 0).all()
    return values.astype(np.int64)


@pytest.mark.parametrize("shift", [1, 2, 4, 6])
@pytest.mark.parametrize("refractory", [0, 3])
@pytest.mark.parametrize("rounding", ["floor", "nearest_even"])
def test_the_integer_rule_with_a_shift_leak_is_euler(shift, refractory, rounding):
    currents = currents_of(shift, 400, 20)
    neuron = FloatNeuron(**UNIT, dt=DT, tau_mem=DT * 2**shift, t_refractory=DT * refractory)
    spikes, states = FloatPopulation(20, neuron, method="euler").trace(currents)
    # A rounded leak is off by up to 1 LSB a step, in all by up to 2**shift; no potential on
    # the way to a spike may be that near the threshold, or the trains could differ rightly.
    climb = 1.0 - np.outer((1 - 0.5**shift) ** np.arange(1, 401), np.ones(20))
    assert abs(currents * climb - 1.0).min() > 2**shift / SCALE
    leak = ShiftLeak(shift=shift, rounding=rounding)
    integer = LIFPopulation(20, leak=leak, v_threshold=SCALE, refractory=refractory, **WIDE)
    scaled = integers(currents * SCALE * 0.5**shift)
    assert integer.run(scaled).tolist() == spikes.tolist()
    assert np.abs(integer.state.v / SCALE - states.v[-1]).max() <= 2**shift / SCALE
    assert spikes.any(axis=0).tolist() == [False] + [True] * 19


def test_the_integer_rule_with_an_exponential_synapse_is_euler_one_step_sooner():
    currents = currents_of(8, 400, 20)
    neuron = FloatNeuron(**UNIT, dt=DT, tau_mem=DT * 2**4, tau_syn=DT * 2**3, t_refractory=DT)
    spikes = FloatPopulation(20, neuron, method="euler").run(currents)
    synapse = ExponentialSynapse(leak=ShiftLeak(shift=3))
    integer = LIFPopulation(
        20, leak=ShiftLeak(shift=4), synapse=synapse, v_threshold=SCALE, refractory=1, **WIDE
    )
    found = integer.run(integers(currents * SCALE * 0.5**7))
    assert found[:-1].tolist() == spikes[1:].tolist()
    assert spikes.any()


def test_the_integer_rule_with_adaptation_is_euler_with_the_increment_decayed_once():
    currents = currents_of(9, 400, 20)
    neuron = FloatNeuron(
        **UNIT, dt=DT, tau_mem=DT * 2**3, tau_threshold=DT * 2**5, threshold_increment=0.5
    )
    spikes = FloatPopulation(20, neuron, method="euler").run(currents)
    increment = SCALE // 2 - (SCALE // 2 >> 5)
    adaptation = Adaptation(increment=increment, leak=ShiftLeak(shift=5))
    integer = LIFPopulation(
        20, leak=ShiftLeak(shift=3), adaptation=adaptation, v_threshold=SCALE, **WIDE
    )
    assert integer.run(integers(currents * SCALE * 0.5**3)).tolist() == spikes.tolist()
    plain = FloatNeuron(**UNIT, dt=DT, tau_mem=DT * 2**3)
    assert spikes.sum() < 0.8 * FloatPopulation(20, plain, method="euler").run(currents).sum()


# --- mistakes -----------------------------------------------------------------------------------


def assert_refused(error: FxlifError, key: str, value: object, allowed: str) -> None:
    assert (error.key, repr(error.value), error.allowed) == (key, repr(value), allowed)
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("choices", "key", "value", "allowed"),
    [
        ({"tau_mem": 0.0}, "tau_mem", 0.0, "more than 0"),
        ({"tau_syn": -5}, "tau_syn", -5.0, "more than 0"),
        ({"tau_threshold": 0}, "tau_threshold", 0.0, "more than 0"),
        ({"dt": 0.0}, "dt", 0.0, "more than 0"),
        ({"r": -1.0}, "r", -1.0, "more than 0"),
        ({"t_refractory": -1.0}, "t_refractory", -1.0, "0 or more"),
        ({"t_refractory": 2.5}, "t_refractory", 2.5, "a multiple of dt = 1.0"),
        ({"t_refractory": 1e300}, "t_refractory", 1e300, "a multiple of dt = 1.0"),
        ({"v_threshold": -65.0}, "v_reset", -65.0, "below v_threshold = -65.0"),
        ({"v_reset": -40.0}, "v_reset", -40.0, "below v_threshold = -50.0"),
        ({"v_leak": math.nan}, "v_leak", math.nan, "finite"),
        ({"tau_mem": math.inf}, "tau_mem", math.inf, "finite"),
        ({"tau_mem": None}, "tau_mem", None, "a number"),
        ({"tau_mem": "20"}, "tau_mem", "20", "a number"),
        ({"dt": True}, "dt", True, "a number"),
        ({"r": [1.0, 2.0]}, "r", (2,), "one number"),
        ({"compare": ">"}, "compare", ">", "'ge' or 'gt'"),
        (
            {"threshold_increment": 1.0},
            "threshold_increment",
            1.0,
            "0 where tau_threshold is None",
        ),
        (
            {"threshold_increment": -1.0, "tau_threshold": 1.0},
            "threshold_increment",
            -1.0,
            "0 or more",
        ),
    ],
)
def test_a_neuron_that_cannot_be_names_the_parameter(choices, key, value, allowed):
    with pytest.raises(FxlifError) as caught:
        FloatNeuron(**choices)
    assert_refused(caught.value, key, value, allowed)


GRID = ((2, 3), FloatNeuron(), [[1.0]])


@pytest.mark.parametrize(
    ("make", "key", "value", "allowed"),
    [
        (lambda: FloatPopulation(0), "n", 0, "a number of neurons, 1 or more"),
        (lambda: FloatPopulation(True), "n", True, "a number of neurons, 1 or more"),
        (lambda: FloatPopulation(1, method="rk4"), "method", "rk4", "'euler' or 'exact'"),
        (
            lambda: FloatPopulation(1, FloatNeuron(tau_syn=0.5), method="euler"),
            "dt",
            1.0,
            "at most the shortest time constant, 0.5, with method euler",
        ),
        (
            lambda: FloatPopulation(2).forward([1.0, math.nan]),
            "current",
            math.nan,
            "finite",
        ),
        (
            lambda: FloatPopulation(2).forward(0.0, [math.inf, 0.0]),
            "jump",
            math.inf,
            "finite",
        ),
        (
            lambda: FloatPopulation(2).forward([1.0]),
            "current",
            (1,),
            "one number or of shape (2,)",
        ),
        (
            lambda: FloatPopulation(2).forward([[1.0], [1.0, 2.0]]),
            "current",
            [[1.0], [1.0, 2.0]],
            "numbers",
        ),
        (
            lambda: FloatPopulation(2).forward([1j, 2.0]),
            "current",
            [1j, 2.0],
            "numbers",
        ),
        (
            lambda: FloatPopulation(2).run(np.zeros((2, 3))),
            "currents",
            (2, 3),
            "of shape (steps, 2)",
        ),
        (lambda: FloatPopulation(2).run(1.0), "currents", (), "of shape (steps, 2)"),
        (
            lambda: FloatPopulation(2).run(np.zeros((4, 2)), np.zeros((3, 2))),
            "jumps",
            (3, 2),
            "one number or of shape (4, 2)",
        ),
        (
            lambda: FloatGrid(*GRID).run(np.zeros((4, 6))),
            "currents",
            (4, 6),
            "of shape (steps, 2, 3)",
        ),
        (
            lambda: FloatGrid(*GRID).forward(np.zeros((3, 2))),
            "current",
            (3, 2),
            "one number or of shape (2, 3)",
        ),
        (lambda: FloatGrid(6, *GRID[1:]), "shape", 6, "(rows, columns)"),
        (
            lambda: FloatGrid((2, 0), *GRID[1:]),
            "shape",
            0,
            "a number of neurons, 1 or more",
        ),
        (
            lambda: FloatGrid(*GRID[:2], np.ones((3, 2))),
            "kernel",
            (3, 2),
            "of two odd sizes",
        ),
        (
            lambda: FloatGrid(*GRID[:2], [1.0]),
            "kernel",
            (1,),
            "of two odd sizes",
        ),
        (
            lambda: FloatGrid(*GRID[:2], [[math.nan]]),
            "kernel",
            math.nan,
            "finite",
        ),
        (
            lambda: FloatGrid(*GRID, edges="torus"),
            "edges",
            "torus",
            "'open' or 'periodic'",
        ),
        (
            lambda: FloatNeuron(tau_threshold=9.0, threshold_increment=1.0).firing_rate(2.0),
            "threshold_increment",
            1.0,
            "0 for firing_rate",
        ),
        (lambda: FloatNeuron().firing_rate(math.nan), "current", math.nan, "finite"),
        (
            lambda: FloatNeuron().time_to_threshold(1.0, v=math.nan),
            "v",
            math.nan,
            "finite",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, key, value, allowed):
    with pytest.raises(FxlifError) as caught:
        make()
    assert_refused(caught.value, key, value, allowed)


def test_euler_takes_a_step_of_one_time_constant_but_no_more():
    neuron = FloatNeuron(**UNIT, tau_mem=2.0, dt=2.0)
    population = FloatPopulation(1, neuron, method="euler")
    population.forward(0.75)
    assert population.state.v.tolist() == [0.75]
    with pytest.raises(FxlifError, match=r"^dt: must be at most .* 2.0, with .*, not 2.5$"):
        FloatPopulation(1, FloatNeuron(tau_mem=2.0, dt=2.5), method="euler")
