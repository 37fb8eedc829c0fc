"""One step of the integer rule, and the population that makes it."""

import itertools
from contextlib import nullcontext
from random import Random

import numpy as np
import oracle
import pytest
from choices import AXES, allowed, covering, drawn
from choices import neuron as small_neuron
from designs import LONG, SEED, examples, message
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_edits import GOLDEN
from source_mutants import applied
from strategies import currents, neurons

from fxlif.errors import FxlifError
from fxlif.params.leaks import (
    ConstantLeak,
    DecayLeak,
    Lfsr,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from fxlif.params.neuron import Adaptation, ExponentialSynapse, NeuronParams
from fxlif.population import LIFPopulation, Recorder
from fxlif.rule.step import NeuronState, initial_state, step

FIELDS = NeuronState._fields


def flat(state):
    return tuple(getattr(state, name) for name in FIELDS)


# --- every option against the oracle ------------------------------------------------------------

LEAKS = (
    NoLeak(),
    ShiftLeak(shift=2),
    ShiftLeak(shift=1, rounding="away_from_zero", minimum_step=1),
    MultiShiftLeak(shifts=(1, 3), signs=(1, -1), rounding="nearest_even"),
    ScaleLeak(factor=3, shift=2, rounding="toward_zero", minimum_step=1),
    LinearLeak(step=2),
)
COMPARES = ("ge", "gt")
RESETS = ("to_value", "subtract")
OVERFLOWS = ("saturate", "wrap")
REFRACTORIES = ((0, "clamp"), (1, "clamp"), (2, "clamp"), (1, "mask"), (2, "mask"))
SYNAPSES = ({}, {"synapse": ExponentialSynapse(leak=ShiftLeak(shift=1))})
ADAPTATIONS = (None, Adaptation(increment=3, leak=LinearLeak(step=1)))
FLOORS = (None, -3)
RESTS = ((0, 0, 0), (-2, 3, 1))  # v_leak, v_reset, bias
INPUTS = (-20, -9, -4, -1, 0, 1, 3, 6, 9, 20)
THRESHOLDS = (-8, -1, 0, 2, 5, 7)


def every_neuron(refractory, refractory_mode):
    options = itertools.product(
        LEAKS, COMPARES, RESETS, OVERFLOWS, SYNAPSES, ADAPTATIONS, FLOORS, RESTS
    )
    for rule, compare, reset, overflow, synapse, adaptation, floor, rest in options:
        yield NeuronParams(
            leak=rule,
            v_leak=rest[0],
            v_reset=rest[1],
            bias=rest[2],
            v_threshold=5,
            v_floor=floor,
            compare=compare,
            reset=reset,
            overflow=overflow,
            refractory=refractory,
            refractory_mode=refractory_mode,
            adaptation=adaptation,
            state_bits=4,
            threshold_bits=4,
            current_bits=4,
            theta_bits=4,
            **synapse,
        )


def every_case(neuron, turn):
    """All v, all inputs and all refractory counters; i_syn, theta and the threshold walk through
    their values meanwhile, from another start for each neuron: (v, i_syn, theta, refractory,
    input, threshold)."""
    i_syns = range(-8, 8) if neuron.synapse.kind == "exponential" else (0,)
    thetas = range(16) if neuron.adaptation is not None else (0,)
    grid = itertools.product(range(-8, 8), INPUTS, range(neuron.refractory + 1))
    for at, (v, current, refractory) in enumerate(grid, start=turn):
        i_syn = i_syns[5 * at % len(i_syns)]
        theta = thetas[at // 3 * 7 % len(thetas)]
        yield v, i_syn, theta, refractory, current, THRESHOLDS[at % len(THRESHOLDS)]


@pytest.mark.parametrize(("refractory", "mode"), REFRACTORIES)
def test_step_is_the_oracle_for_every_option(refractory, mode):
    """Of every neuron in the long run, of every fifth in the short one: each option with each."""
    chosen = [*enumerate(every_neuron(refractory, mode))][:: 1 if LONG else 5]
    for turn, neuron in chosen:
        cases = list(every_case(neuron, turn))
        expected = []
        for at, (*state, current, threshold) in enumerate(cases):
            after, fire = oracle.step(neuron, oracle.State(*state), current, threshold)
            expected.append((*flat(after), fire))
            if at % 20 == turn % 20:  # on Python ints; on arrays below, every one
                found, fires = step(neuron, NeuronState(*state), current + neuron.bias, threshold)
                assert (*found, fires) == expected[-1], (neuron, state, current, threshold)
        *state, current, threshold = np.array(cases).T
        found, fire = step(neuron, NeuronState(*state), current + neuron.bias, threshold)
        assert fire.dtype == np.bool_
        assert list(zip(*(part.tolist() for part in (*found, fire)), strict=True)) == expected


# --- every pair of choices against the oracle ---------------------------------------------------


def anywhere(neuron, own, n, rng):
    """(states, external currents, thresholds, draws) of n neurons, all independent."""
    state = NeuronState(*(rng.integers(low, high + 1, n) for low, high in neuron.ranges.values()))
    current = rng.choice(INPUTS, n)
    current[rng.random(n) < 0.2] = -neuron.bias  # nothing but the events
    lowest = 1 if neuron.max_spikes_per_step > 1 else -8
    threshold = 2 * rng.integers(lowest, 8, n) if own else np.full(n, neuron.v_threshold)
    return state, current, threshold, rng.integers(0, 16, n)


def first_difference(neuron, own, n, seed):
    """(case, golden, oracle) of one of n steps from any state in which they differ, or None."""
    rng = np.random.default_rng(seed)
    state, current, threshold, random = anywhere(neuron, own, n, rng)
    arrivals, events = [], [[] for _ in range(n)]
    for _ in range(3 if neuron.accumulate == "per_event" else 0):
        targets = np.flatnonzero(rng.random(n) < 0.5)
        added = rng.choice(INPUTS, len(targets))
        arrivals.append((targets, added))
        for k, weight in zip(targets.tolist(), added.tolist(), strict=True):
            events[k].append(weight)
    after, spikes = step(neuron, state, current + neuron.bias, threshold, random, arrivals)
    found = zip(*(part.tolist() for part in (*after, spikes)), strict=True)
    given_values = zip(*(x.tolist() for x in (*state, current, threshold, random)), strict=True)
    for k, (values, golden) in enumerate(zip(given_values, found, strict=True)):
        *before, i, limit, draw = values
        after, spikes = oracle.step(neuron, oracle.State(*before), i, limit, draw, events[k])
        expected = (*flat(after), spikes)
        if not events[k] and k % 8 == 0:  # on Python ints too
            alone, spikes = step(neuron, NeuronState(*before), i + neuron.bias, limit, draw)
            golden = golden if golden != expected else (*alone, spikes)
        if golden != expected:
            return (*values, events[k]), golden, expected
    return None


def test_every_pair_of_choices_is_the_oracle():
    """Golden and oracle from any state, with up to three events where they come one by one."""
    picked = Random(SEED)
    for _ in range(3):
        sample, impossible = covering(picked)
        assert len(impossible) == 47  # as many as docs/rule.md#combinations refuses
        for turn, choice in enumerate(sample):
            neuron = small_neuron(choice, turn)
            assert first_difference(neuron, choice["own"], 100, SEED + turn) is None, (
                choice,
                neuron,
            )


@pytest.mark.parametrize("mistake", GOLDEN, ids=lambda mistake: mistake.name)
def test_a_mistake_in_the_golden_step_is_found(mistake):
    """By a design and points on which, without the mistake, nothing differs."""
    picked = Random(SEED)
    for turn in range(60):
        choice = drawn(picked, mistake.shown_by)
        points = small_neuron(choice, turn), choice["own"], 60, SEED + turn
        with applied(mistake):
            difference = first_difference(*points)
        if difference is not None:
            break
    assert difference is not None
    assert first_difference(*points) is None


def test_the_page_refuses_what_the_parameters_refuse():
    rng = Random(SEED)
    answers = []
    for turn in range(400):
        choice = {name: rng.choice(axis) for name, axis in AXES.items()}
        if turn % 2:  # a step away from what is allowed
            name = rng.choice(list(AXES))
            choice = drawn(rng, {}) | {name: choice[name]}
        answers.append(allowed(choice))
        with (
            nullcontext() if answers[-1] else pytest.raises(FxlifError, match=r"with |\(state_bits")
        ):
            small_neuron(choice, turn)
    assert 60 < sum(answers) < 340


def test_step_leaves_its_arguments_alone():
    neuron = NeuronParams(
        refractory=1, synapse=ExponentialSynapse(), adaptation=Adaptation(increment=1)
    )
    state = NeuronState(*(np.array([x, x]) for x in (60, 5, 3, 0)))
    current = np.array([0, 100])
    for array in (*state, current):
        array.setflags(write=False)
    after, fire = step(neuron, state, current, np.array([64, 64]))
    assert fire.tolist() == [False, True]
    assert after.refractory.tolist() == [0, 1]


# --- a step by hand -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "state", "current", "expected"),
    [
        # v, i_syn, theta, refractory -> the same and whether it fires; threshold 64.
        ({}, (0, 0, 0, 0), 63, (63, 0, 0, 0, False)),
        ({}, (0, 0, 0, 0), 64, (0, 0, 0, 0, True)),
        ({"compare": "gt"}, (0, 0, 0, 0), 64, (64, 0, 0, 0, False)),
        ({"compare": "gt"}, (0, 0, 0, 0), 65, (0, 0, 0, 0, True)),
        # Leak before input: 32 - 2 + 34 = 64, where (32 + 34) - 4 = 62 would not.
        ({}, (32, 0, 0, 0), 34, (0, 0, 0, 0, True)),
        ({}, (32, 0, 0, 0), 33, (63, 0, 0, 0, False)),
        ({"reset": "subtract"}, (32, 0, 0, 0), 40, (6, 0, 0, 0, True)),
        # The threshold has the theta of before the step, and subtract takes both away.
        (
            {"adaptation": Adaptation(increment=10, leak=NoLeak()), "reset": "subtract"},
            (0, 0, 6, 0),
            69,
            (69, 0, 6, 0, False),
        ),
        (
            {"adaptation": Adaptation(increment=10, leak=NoLeak()), "reset": "subtract"},
            (0, 0, 6, 0),
            72,
            (2, 0, 16, 0, True),
        ),
        (
            {"adaptation": Adaptation(increment=10, leak=LinearLeak(step=6))},
            (0, 0, 6, 0),
            69,
            (69, 0, 0, 0, False),
        ),
        # An exponential synapse acts in the step in which the input comes.
        ({"synapse": ExponentialSynapse()}, (0, 0, 0, 0), 64, (0, 64, 0, 0, True)),
        ({"synapse": ExponentialSynapse()}, (0, 32, 0, 0), 1, (31, 31, 0, 0, False)),
        # At rest v is held; theta decays and the synapse integrates.
        (
            {
                "refractory": 3,
                "synapse": ExponentialSynapse(),
                "adaptation": Adaptation(increment=10),
            },
            (50, 32, 32, 3),
            500,
            (50, 530, 30, 2, False),
        ),
        ({"refractory": 3, "refractory_mode": "mask"}, (32, 0, 0, 1), 70, (100, 0, 0, 0, False)),
        ({"refractory": 3}, (0, 0, 0, 0), 64, (0, 0, 0, 3, True)),
        # The floor holds u, not what a reset by subtraction leaves.
        ({"v_floor": -5}, (0, 0, 0, 0), -6, (-5, 0, 0, 0, False)),
        (
            {"v_floor": 70, "v_threshold": 60, "reset": "subtract"},
            (0, 0, 0, 0),
            0,
            (10, 0, 0, 0, True),
        ),
    ],
)
def test_step_by_hand(choices, state, current, expected):
    neuron = NeuronParams(**choices)
    after, fire = step(neuron, NeuronState(*state), current, neuron.v_threshold)
    assert (*after, fire) == expected


# --- what each choice does, by hand -------------------------------------------------------------

#: 16 -> 8 -> 4; of odd values the half that is lost is rounded down: 3 -> 2, -1 -> 0.
HALVES = {"leak": ShiftLeak(shift=1)}
SUBTRACT = {"reset": "subtract"}
LATE = HALVES | SUBTRACT | {"order": ("fire", "leak", "integrate")}
WIDE = {"v_threshold": 1000}
EVENTS = {"accumulate": "per_event"}
ON_EVENT = EVENTS | SUBTRACT | {"fire_on": "event"}
#: v starts and rests at 4; with 12 it comes to 16 and fires.
RESTING = HALVES | SUBTRACT | {"v_leak": 4, "v_reset": 4, "refractory": 2}
BEFORE = SUBTRACT | {"refractory_count": "before"}


def slow(*order, **choices):
    """A synapse whose current halves, in front of a neuron that never fires."""
    return WIDE | choices | {"synapse": ExponentialSynapse(leak=ShiftLeak(shift=1), order=order)}


@pytest.mark.parametrize(
    ("choices", "inputs", "expected"),
    [
        # No leak, threshold 10, 8 bits. An input is a current, or a list of events;
        # expected are v and the number of spikes after each step.
        # reset_at: 16 fires. At once: 16 - 10, then halved.
        (HALVES | SUBTRACT, [16, 0, 0], [(6, 1), (3, 0), (2, 0)]),
        # On what the next step's leak leaves: 16 / 2 - 10.
        (HALVES | SUBTRACT | {"reset_at": "leak"}, [16, 0, 0], [(16, 1), (-2, 0), (-1, 0)]),
        (HALVES | {"reset_at": "leak", "v_reset": -4}, [24, 0, 0], [(22, 1), (-4, 0), (-2, 0)]),
        # At the start of the next step: (16 - 10) / 2.
        (HALVES | SUBTRACT | {"reset_at": "next_step"}, [16, 0, 0], [(16, 1), (3, 0), (2, 0)]),
        # A leak behind the compare resets in the step of the spike: 16 / 2 - 10 + 1.
        (LATE | {"reset_at": "leak"}, [16, 1, 0], [(16, 0), (-1, 1), (0, 0)]),
        # order: the registered compare fires a step later, then (16 - 10) / 2 + 1.
        (LATE, [16, 1, 0], [(16, 0), (4, 1), (2, 0)]),
        (
            HALVES | SUBTRACT | {"order": ("integrate", "leak", "fire")},
            [16, 6, 14],
            [(8, 0), (7, 0), (1, 1)],
        ),
        (
            HALVES | SUBTRACT | {"order": ("leak", "fire", "integrate")},
            [24, 1, 0],
            [(24, 0), (3, 1), (2, 0)],
        ),
        # max_spikes_per_step: 35 is three times the threshold; of 45 one is left for later.
        (SUBTRACT | {"max_spikes_per_step": 3}, [35, 40, 0], [(5, 3), (15, 3), (5, 1)]),
        (SUBTRACT | {"max_spikes_per_step": 31, "v_threshold": 4}, [125], [(1, 31)]),
        # negative_threshold: at -5 nothing happens, below it a reset, never a spike.
        ({"negative_threshold": -5}, [-5, -1, 0], [(-5, 0), (-5, 0), (-5, 0)]),
        (
            {"negative_threshold": -5, "negative_reset": "mirror", "v_reset": 2},
            [-7, -1],
            [(-5, 0), (-2, 0)],
        ),
        ({"negative_threshold": -5, "negative_reset": "subtract"}, [-5, -3], [(-5, 0), (-3, 0)]),
        # With several spikes it comes first: the mirror image 12 of -12 fires.
        (
            SUBTRACT
            | {"max_spikes_per_step": 2, "negative_threshold": -20, "negative_reset": "mirror"}
            | {"v_reset": -12},
            [-9],
            [(2, 1)],
        ),
        # overflow
        (WIDE, [-200, 300], [(-128, 0), (127, 0)]),
        (WIDE | {"overflow": "saturate_symmetric"}, [-200, 300], [(-127, 0), (127, 0)]),
        (WIDE | {"overflow": "wrap"}, [-200, 100], [(56, 0), (-100, 0)]),
        # A step changes v by -128 at most.
        (WIDE | {"overflow_change": True}, [100, -250], [(100, 0), (-28, 0)]),
        # Here i_syn wraps to -56, and v saturates.
        (
            slow("leak", "integrate", "act", overflow_i_syn="wrap"),
            [200, -90],
            [(-56, 0), (-128, 0)],
        ),
        # refractory_mode: two steps of rest, each with an input of 20.
        (RESTING, [12, 20, 20, 0], [(6, 1), (6, 0), (6, 0), (5, 0)]),
        (RESTING | {"refractory_mode": "rest"}, [12, 20, 20, 0], [(6, 1), (4, 0), (4, 0), (4, 0)]),
        (RESTING | {"refractory_mode": "leak"}, [14, 20, 20, 0], [(8, 1), (6, 0), (5, 0), (5, 0)]),
        (
            RESTING | {"refractory_mode": "mask"},
            [12, 20, 20, 0],
            [(6, 1), (25, 0), (35, 0), (10, 1)],
        ),
        # refractory_count: of two steps, the first is that of the spike; a period of 1 is free.
        (SUBTRACT | {"refractory": 2}, [12, 12, 12, 12], [(2, 1), (2, 0), (2, 0), (4, 1)]),
        (BEFORE | {"refractory": 2}, [12, 12, 12, 12], [(2, 1), (2, 0), (4, 1), (4, 0)]),
        (BEFORE | {"refractory": 1}, [12, 12, 12, 12], [(2, 1), (4, 1), (6, 1), (8, 1)]),
        # accumulate: the sum is 100; one by one 100, 127, 27.
        (WIDE, [[100, 100, -100]], [(100, 0)]),
        (WIDE | EVENTS, [[100, 100, -100]], [(27, 0)]),
        (WIDE | {"v_floor": 0}, [[-50, 30]], [(0, 0)]),
        (WIDE | EVENTS | {"v_floor": 0}, [[-50, 30]], [(30, 0)]),
        (slow("leak", "integrate", "act", **EVENTS), [[100, 100, -100]], [(27, 0)]),
        # fire_on: 6, 12 fires, 8, 5, 11 fires.
        (EVENTS | SUBTRACT, [[6, 6, 6, -3, 6]], [(11, 1)]),
        (ON_EVENT, [[6, 6, 6, -3, 6]], [(1, 2)]),
        # A step without events compares nothing.
        (
            ON_EVENT | {"leak": ConstantLeak(step=7), "order": ("integrate", "fire", "leak")},
            [[6], 0, [1]],
            [(13, 0), (20, 0), (18, 1)],
        ),
        # leaks and rounding
        (WIDE | {"leak": ConstantLeak(step=-3)}, [10, 0, 0, 0], [(7, 0), (4, 0), (1, 0), (-2, 0)]),
        (
            WIDE | {"leak": ConstantLeak(step=-3), "v_floor": 0},
            [10, 0, 0, 0],
            [(7, 0), (4, 0), (1, 0), (0, 0)],
        ),
        (WIDE | {"leak": DecayLeak(factor=1, shift=2)}, [10, 0, 0], [(10, 0), (8, 0), (6, 0)]),
        (
            WIDE | {"leak": DecayLeak(factor=1, shift=2, rounding="ceiling")},
            [10, 0, 0],
            [(10, 0), (7, 0), (5, 0)],
        ),
        # order of a synapse: v sums what acts of an input of 8.
        (slow("leak", "integrate", "act"), [8, 0, 0], [(8, 0), (12, 0), (14, 0)]),
        (slow("integrate", "act", "leak"), [8, 0, 0], [(8, 0), (12, 0), (14, 0)]),
        (slow("integrate", "leak", "act"), [8, 0, 0], [(4, 0), (6, 0), (7, 0)]),
        (slow("act", "leak", "integrate"), [8, 0, 0], [(0, 0), (8, 0), (12, 0)]),
        (slow("act", "integrate", "leak"), [8, 0, 0], [(0, 0), (4, 0), (6, 0)]),
        (slow("leak", "act", "integrate"), [8, 0, 0], [(0, 0), (4, 0), (6, 0)]),
        # bias_at: the synapse sums it to 3, 5, 6, or it acts by itself.
        (slow("leak", "integrate", "act", bias=3), [0, 0, 0], [(3, 0), (8, 0), (14, 0)]),
        (
            slow("leak", "integrate", "act", bias=3, bias_at="v"),
            [0, 0, 0],
            [(3, 0), (6, 0), (9, 0)],
        ),
    ],
)
def test_choices_by_hand(choices, inputs, expected):
    neuron = NeuronParams(
        **{"leak": NoLeak(), "v_threshold": 10, "state_bits": 8, "current_bits": 8} | choices
    )
    state, told = initial_state(neuron, 1), oracle.initial(neuron)
    found, by_oracle = [], []
    for given_input in inputs:
        events = given_input if isinstance(given_input, list) else []
        current = 0 if isinstance(given_input, list) else given_input
        told, spikes = oracle.step(neuron, told, current, events=events)
        by_oracle.append((told.v, spikes))
        arrivals = [(np.array([0]), np.array([weight])) for weight in events]
        if neuron.accumulate == "exact":
            arrivals, current = [], current + sum(events)
        total = np.array([current + neuron.bias])
        state, spikes = step(neuron, state, total, neuron.v_threshold, arrivals=arrivals)
        found.append((int(state.v[0]), int(spikes[0])))
    assert found == expected
    assert by_oracle == expected


# --- the population -----------------------------------------------------------------------------


def spike_times(population, current, steps):
    return np.flatnonzero([population.forward(current)[0] for _ in range(steps)]).tolist()


def test_forward():
    population = LIFPopulation(1)
    spikes = population.forward(4)
    assert (spikes.shape, spikes.dtype) == ((1,), np.bool_)
    assert population.state.v.tolist() == [4]
    assert LIFPopulation(3).forward(64).tolist() == [True] * 3
    assert LIFPopulation(3).forward([63, 64, -5]).tolist() == [False, True, False]
    assert LIFPopulation(2).forward(np.array([64, 0], np.uint8)).tolist() == [True, False]
    # The spikes of one population are currents of 0 and 1 to the next.
    spikes = LIFPopulation(2).forward([64, 0])
    assert LIFPopulation(2, v_threshold=1).forward(spikes).tolist() == [True, False]


def test_default_neuron_first_fires_in_step_33():
    assert spike_times(LIFPopulation(1, v_threshold=64, leak=ShiftLeak(shift=4)), 4, 70) == [32, 65]
    assert spike_times(LIFPopulation(1), 4, 33) == [32]
    # By hand: 16 steps of +4 to 64 without a leak.
    assert spike_times(LIFPopulation(1, leak=NoLeak()), 4, 33) == [15, 31]


@pytest.mark.parametrize("mode", ["clamp", "mask"])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, 255])
def test_refractory_is_that_many_silent_steps(steps, mode):
    population = LIFPopulation(1, refractory=steps, refractory_mode=mode)
    times = spike_times(population, 1000, 3 * steps + 4)
    assert times == [0, steps + 1, 2 * (steps + 1), 3 * (steps + 1)]


def test_clamp_holds_v_and_mask_integrates():
    choices = {"leak": NoLeak(), "v_threshold": 4, "refractory": 2, "reset": "subtract"}
    for mode, v, spikes in (
        ("clamp", [3, 2, 2, 2, 1, 1, 1, 0, 0], [1, 4, 7]),
        ("mask", [3, 2, 5, 8, 7, 10, 13, 12, 15], [1, 4, 7]),
    ):
        recorder = Recorder("v", "refractory")
        population = LIFPopulation(1, refractory_mode=mode, **choices)
        found = population.run(np.full((9, 1), 3), recorder)
        assert np.flatnonzero(found).tolist() == spikes
        assert recorder["v"].ravel().tolist() == v
        assert recorder["refractory"].ravel().tolist() == [0, 2, 1, 0, 2, 1, 0, 2, 1]


def test_clamp_loses_the_input_and_the_leak():
    population = LIFPopulation(1, refractory=2, v_reset=-32)
    recorder = Recorder("v")
    population.run([[200], [60], [60], [0]], recorder)
    assert recorder["v"].ravel().tolist() == [-32, -32, -32, -30]


def everything(**choices):
    return NeuronParams(
        synapse=ExponentialSynapse(),
        adaptation=Adaptation(increment=9),
        refractory=2,
        v_threshold=40,
        **choices,
    )


def test_run_is_repeated_forward():
    rng = np.random.default_rng(SEED)
    table = rng.integers(-20, 60, (50, 3))
    one, other = (LIFPopulation(3, everything(bias=3)) for _ in range(2))
    recorder = Recorder(*FIELDS)
    spikes = one.run(table, recorder)
    assert (spikes.shape, spikes.dtype) == ((50, 3), np.bool_)
    for at, row in enumerate(table):
        assert other.forward(row).tolist() == spikes[at].tolist()
        for name in FIELDS:
            assert getattr(other.state, name).tolist() == recorder[name][at].tolist()
    assert spikes.any()
    # The state goes on from one run to the next.
    pieces = LIFPopulation(3, everything(bias=3))
    assert np.array_equal(np.concatenate([pieces.run(table[:7]), pieces.run(table[7:])]), spikes)
    assert one.run(table[:0]).shape == (0, 3)


def test_recorder():
    recorder = Recorder("theta", "v")
    population = LIFPopulation(2, NeuronParams(adaptation=Adaptation(increment=7)))
    population.run([[64, 3], [1, 2], [0, 0]], recorder)
    assert recorder["v"].dtype == np.int64
    assert recorder["v"].tolist() == [[0, 3], [1, 5], [1, 5]]
    assert recorder["theta"].tolist() == [[7, 0], [7, 0], [7, 0]]
    population.run([[1, 1]], recorder)
    assert recorder["v"].shape == (4, 2)
    with pytest.raises(FxlifError, match="must be v, i_syn, theta, refractory, not 'w'"):
        Recorder("v", "w")


def test_thresholds():
    population = LIFPopulation(3, v_threshold=[5, 6, 7])
    assert population.forward(6).tolist() == [True, True, False]
    assert LIFPopulation(2, v_threshold=6).params.v_threshold == 6
    assert LIFPopulation(2, NeuronParams(), v_threshold=6).forward([5, 6]).tolist() == [False, True]
    assert LIFPopulation(2, NeuronParams(v_threshold=6)).forward([5, 6]).tolist() == [False, True]
    coarse = NeuronParams(threshold_shift=3)
    assert LIFPopulation(2, coarse, v_threshold=[8, 16]).forward(8).tolist() == [True, False]


def test_initial_state_and_reset():
    neuron = everything(v_reset=-3)
    fresh = initial_state(neuron, 2)
    assert [part.tolist() for part in fresh] == [[-3, -3], [0, 0], [0, 0], [0, 0]]
    assert {part.dtype for part in fresh} == {np.dtype(np.int64)}
    plain = LIFPopulation(2, neuron)
    assert [part.tolist() for part in plain.state] == [part.tolist() for part in fresh]
    given_values = NeuronState(np.array([39, -5]), 4, [1, 0], 2)
    begun = LIFPopulation(2, neuron, initial=given_values)
    before = [[39, -5], [4, 4], [1, 0], [2, 2]]
    assert [part.tolist() for part in begun.state] == before
    for population, start in ((plain, [part.tolist() for part in fresh]), (begun, before)):
        first = population.run(np.full((20, 2), 30))
        assert [part.tolist() for part in population.state] != start
        population.reset()
        assert [part.tolist() for part in population.state] == start
        assert np.array_equal(population.run(np.full((20, 2), 30)), first)


def test_bias():
    assert spike_times(LIFPopulation(1, bias=4), 0, 70) == [32, 65]
    assert spike_times(LIFPopulation(1, bias=-96), 100, 70) == [32, 65]
    population = LIFPopulation(1, bias=5)
    population.run([[1]])
    assert population.state.v.tolist() == [6]
    slow = LIFPopulation(1, bias=5, synapse=ExponentialSynapse())
    slow.forward(0)
    assert slow.state.i_syn.tolist() == [5]


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_the_widest_currents(overflow):
    """Nothing inside wraps around 64 bits: the ends of every range at once."""
    grow = MultiShiftLeak(shifts=(0,) * 8, signs=(-1,) * 8)
    neuron = NeuronParams(
        state_bits=32,
        current_bits=32,
        theta_bits=32,
        threshold_bits=32,
        leak=grow,
        v_leak=-(1 << 31),
        v_reset=(1 << 31) - 1,
        bias=(1 << 31) - 1,
        synapse=ExponentialSynapse(leak=grow),
        adaptation=Adaptation(increment=(1 << 31) - 1, leak=grow),
        v_threshold=-(1 << 31),
        reset="subtract",
        overflow=overflow,
    )
    for current in ((1 << 47) - 1, -(1 << 47), (1 << 46) + 12345, 7):
        population = LIFPopulation(1, neuron, input_bits=48)
        state = oracle.initial(neuron)
        for _ in range(6):
            state, fire = oracle.step(neuron, state, current)
            assert population.forward(current).tolist() == [fire]
            assert [part.tolist() for part in population.state] == [[x] for x in flat(state)]


# --- stochastic rounding ------------------------------------------------------------------------

RANDOM = ShiftLeak(shift=3, rounding="stochastic")


def test_one_draw_for_each_neuron_resting_or_not():
    """Two of three rest throughout: the third still gets every third draw."""
    neuron = NeuronParams(leak=RANDOM, refractory=255, v_threshold=2000)
    start = NeuronState(*(np.array(x) for x in ([0, 1000, 0], 0, 0, [255, 0, 255])))
    recorder = Recorder("v")
    LIFPopulation(3, neuron, initial=start).run(np.zeros((40, 3), int), recorder)
    lfsr = oracle.Lfsr(neuron.lfsr)
    v, expected = 1000, []
    for _ in range(40):
        _, random, _ = (lfsr.draw() for _ in range(3))
        v -= oracle.round_quotient(v, 8, "stochastic", random)
        expected.append(v)
    assert recorder["v"][:, 1].tolist() == expected


def test_all_leaks_of_a_neuron_share_its_draw():
    neuron = NeuronParams(
        leak=RANDOM,
        synapse=ExponentialSynapse(leak=RANDOM),
        adaptation=Adaptation(increment=1, leak=RANDOM),
        v_threshold=30000,
    )
    for random in range(16):
        after, _ = step(neuron, NeuronState(13, 13, 13, 0), 0, 30000, random)
        left = 13 - (13 + random % 8) // 8
        assert after == NeuronState(2 * left, left, left, 0)


def test_random_numbers_start_again_with_reset():
    first = LIFPopulation(3, leak=RANDOM, lfsr=Lfsr(seed=77))
    currents = np.full((50, 3), 20)
    traces = []
    for population in (first, first, LIFPopulation(3, first.params)):
        population.reset()
        recorder = Recorder("v")
        population.run(currents[:20], recorder)
        for current in currents[20:]:
            population.forward(current)
            recorder.take(population.state)
        traces.append(recorder["v"].tolist())
    assert traces[0] == traces[1] == traces[2]
    other = LIFPopulation(3, leak=RANDOM, lfsr=Lfsr(seed=78))
    recorder = Recorder("v")
    other.run(currents, recorder)
    assert recorder["v"].tolist() != traces[0]


def test_nothing_random_draws_nothing():
    """The LFSR of a neuron without stochastic rounding has no effect."""
    plain, other = LIFPopulation(2), LIFPopulation(2, lfsr=Lfsr(bits=4, taps=(4, 3), seed=9))
    table = np.arange(200).reshape(100, 2) % 17
    assert np.array_equal(plain.run(table), other.run(table))
    assert plain.params.random_bits == 0


@settings(max_examples=examples(50))
@given(st.data(), neurons(whole=True), st.integers(1, 3))
def test_population_is_the_oracle(data, neuron, n):
    rows = st.lists(currents(), min_size=n, max_size=n)
    table = data.draw(st.lists(rows, min_size=1, max_size=25))
    population = LIFPopulation(n, neuron, input_bits=48)
    recorder = Recorder(*FIELDS)
    spikes = population.run(table, recorder)
    lfsr = oracle.Lfsr(neuron.lfsr)
    random = [[lfsr.draw() for _ in row] for row in table]
    for k in range(n):
        state = oracle.initial(neuron)
        for at, row in enumerate(table):
            state, fire = oracle.step(neuron, state, row[k], None, random[at][k])
            assert int(spikes[at, k]) == fire
            assert tuple(recorder[name][at, k] for name in FIELDS) == flat(state)
            for name, (low, high) in neuron.ranges.items():
                assert low <= getattr(state, name) <= high


@settings(max_examples=examples(40))
@given(st.data(), neurons(whole=True))
def test_population_from_any_state(data, neuron):
    """Initial values anywhere in their ranges, a threshold of its own for each neuron."""
    n = 2
    start = [
        data.draw(st.lists(st.integers(*neuron.ranges[name]), min_size=n, max_size=n))
        for name in FIELDS
    ]
    unit = 1 << neuron.threshold_shift
    lowest = 1 if neuron.max_spikes_per_step > 1 else -8
    own = [neuron.v_threshold, data.draw(st.integers(lowest, 7)) * unit]
    table = data.draw(st.lists(st.tuples(currents(), currents()), min_size=1, max_size=6))
    population = LIFPopulation(
        n, neuron, v_threshold=own, initial=NeuronState(*start), input_bits=48
    )
    spikes = population.run(table)
    lfsr = oracle.Lfsr(neuron.lfsr)
    random = [[lfsr.draw() for _ in row] for row in table]
    for k in range(n):
        state = oracle.State(*(values[k] for values in start))
        for at, row in enumerate(table):
            state, fire = oracle.step(neuron, state, row[k], own[k], random[at][k])
            assert int(spikes[at, k]) == fire
        assert tuple(int(part[k]) for part in population.state) == flat(state)


# --- mistakes -----------------------------------------------------------------------------------

WITHIN_16 = "-32768..32767 (current_bits = 16)"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (4.0, "x: must be integers, not dtype float64"),
        ([1, 2.5, 3], "x: must be integers, not dtype float64"),
        (float("nan"), "x: must be integers, not dtype float64"),
        (np.array([1, 2, 3], np.float32), "x: must be integers, not dtype float32"),
        ("4", "x: must be integers, not dtype <U1"),
        (None, "x: must be integers, not dtype object"),
        (1 << 70, "x: must be integers, not dtype object"),
        ([1, 2], "x: must be one integer or (3,), not shape (2,)"),
        ([[1, 2, 3], [4, 5, 6]], "x: must be one integer or (3,), not shape (2, 3)"),
        (1 << 15, f"x: must be {WITHIN_16}, not {1 << 15}"),
        ([0, -(1 << 15) - 1, 0], f"x[1]: must be {WITHIN_16}, not {-(1 << 15) - 1}"),
        (np.array([1 << 63] * 3, np.uint64), f"x[0]: must be {WITHIN_16}, not {1 << 63}"),
        (np.array([1 << 15] * 3, np.uint16), f"x[0]: must be {WITHIN_16}, not {1 << 15}"),
    ],
)
def test_forward_refuses(x, expected):
    population = LIFPopulation(3)
    assert message(population.forward, x).startswith(expected)
    assert population.state.v.tolist() == [0, 0, 0]


def test_run_refuses():
    population = LIFPopulation(2)
    for table, expected in (
        ([1, 2], "currents: must be of shape (steps, 2), not (2,)"),
        ([[1, 2, 3]], "currents: must be of shape (steps, 2), not (1, 3)"),
        ([[1], [2]], "currents: must be of shape (steps, 2), not (2, 1)"),
        ([[1, 2.0]], "currents: must be integers, not dtype float64"),
        ([[1, float("nan")]], "currents: must be integers, not dtype float64"),
        (
            [[0, 0], [0, 1 << 15]],
            f"currents[1, 1]: must be {WITHIN_16}, not {1 << 15}",
        ),
    ):
        assert message(population.run, table).startswith(expected)
    assert population.run([[(1 << 15) - 1, -(1 << 15)]]).tolist() == [[True, False]]


@pytest.mark.parametrize("bits", [2, 9, 16, 20, 48])
def test_the_width_of_the_input(bits):
    """As of a single neuron in hardware: ``current_bits``, or what ``input_bits`` says."""
    high = (1 << (bits - 1)) - 1
    populations = [LIFPopulation(2, input_bits=bits)]
    if 4 <= bits <= 32:
        populations.append(LIFPopulation(2, current_bits=bits))
    for population in populations:
        assert population.input_bits == bits
        population.run([[high, -high - 1]])
        population.forward([high, -high - 1])
        for beyond in (high + 1, -high - 2):
            with pytest.raises(FxlifError, match=f"_bits = {bits}"):
                population.forward(beyond)
            with pytest.raises(FxlifError, match=f"_bits = {bits}"):
                population.run([[0, beyond]])
    with pytest.raises(FxlifError, match=r"input_bits: must be 2\.\.48, not 49"):
        LIFPopulation(2, input_bits=49)


def test_a_narrow_type_is_not_looked_through(monkeypatch):
    """What fits by its type takes no pass over the array."""

    def within(*_):
        raise AssertionError("looked through")

    population = LIFPopulation(2, engine="numpy")
    monkeypatch.setattr("fxlif.arrays.within", within)
    for kind in (np.int8, np.uint8, np.int16, np.bool_):
        population.run(np.ones((3, 2), kind))
    with pytest.raises(AssertionError, match="looked through"):
        population.run(np.ones((3, 2), np.uint16))


def test_population_refuses():
    for n in (0, -1, True, 2.0, "2", None):
        assert message(LIFPopulation, n).startswith("n: must be ")
        assert f"a number of neurons, 1 or more, not {n!r}" in message(LIFPopulation, n)
    assert LIFPopulation(np.int64(2)).n == 2
    assert message(LIFPopulation, 2, NeuronParams(), refractory=2) == (
        "refractory: give params or single choices, not both"
    )
    assert message(LIFPopulation, 2, v_threshold=[1, 2, 3]) == (
        "v_threshold: must be one integer or (2,), not shape (3,)"
    )
    assert message(LIFPopulation, 2, v_threshold=[1.5, 2]).startswith(
        "v_threshold: must be integers, not dtype"
    )
    assert message(LIFPopulation, 2, NeuronParams(), v_threshold=1 << 15).startswith(
        "v_threshold: must be -32768..32767 ("
    )
    with pytest.raises(ValueError, match=r"v_threshold: must be a multiple of 4 .*, not 6"):
        LIFPopulation(2, NeuronParams(threshold_shift=2), v_threshold=[4, 6])
    with pytest.raises(FxlifError, match="refraction"):
        LIFPopulation(2, refraction=2)


@pytest.mark.parametrize(
    ("name", "value", "low", "high"),
    [
        ("v", 8, -8, 7),
        ("v", -9, -8, 7),
        ("v", [0, 8], -8, 7),
        ("i_syn", 16, -16, 15),
        ("i_syn", -17, -16, 15),
        ("theta", 64, 0, 63),
        ("theta", -1, 0, 63),
        ("refractory", 3, 0, 2),
        ("refractory", -1, 0, 2),
    ],
)
def test_initial_refuses(name, value, low, high):
    neuron = everything(state_bits=4, current_bits=5, theta_bits=6)
    rest = NeuronState(0, 0, 0, 0)
    wrong = value if isinstance(value, int) else value[1]
    assert message(LIFPopulation, 2, neuron, initial=rest._replace(**{name: value})) == (
        f"initial.{name}[{int(not isinstance(value, int))}]: must be {low}..{high}, not {wrong}"
    )
    for good in (low, high):
        LIFPopulation(2, neuron, initial=rest._replace(**{name: good}))
    assert message(LIFPopulation, 2, neuron, initial=rest._replace(**{name: 1.0})).startswith(
        f"initial.{name}: must be integers, not dtype float64"
    )


@pytest.mark.parametrize("name", ["i_syn", "theta", "refractory"])
def test_initial_refuses_what_the_neuron_does_not_have(name):
    wrong = NeuronState(0, 0, 0, 0)._replace(**{name: 1})
    assert message(LIFPopulation, 2, initial=wrong) == f"initial.{name}[0]: must be 0..0, not 1"


@pytest.mark.parametrize("name", ["forward", "run"])
def test_ragged_currents_refused(name):
    assert message(getattr(LIFPopulation(2), name), [[1], [2, 3]])


def test_one_entry_is_not_a_current_for_all():
    assert message(LIFPopulation(3).forward, [64]) == (
        "x: must be one integer or (3,), not shape (1,)"
    )


def test_own_thresholds_replace_the_default():
    assert LIFPopulation(2, threshold_bits=4, v_threshold=[1, 2]).forward(1).tolist() == [
        True,
        False,
    ]


def test_thresholds_off_the_grid_refused():
    assert message(LIFPopulation, 2, NeuronParams(threshold_shift=2), v_threshold=[4, 6])


# --- an output of the caller's --------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("threads", [1, 2])
def test_run_fills_a_given_output(engine, threads):
    currents = np.random.default_rng(7).integers(-20, 60, (30, 200))
    expected = LIFPopulation(200).run(currents)
    assert expected.any()
    out = np.ones((30, 200), dtype=np.bool_)
    assert LIFPopulation(200, engine=engine).run(currents, threads=threads, out=out) is out
    assert np.array_equal(out, expected)


OUT = "out: must be a C-contiguous, writable array of bool of shape (2, 3)"


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            np.zeros((2, 4), bool),
            f"{OUT}, not bool of shape (2, 4)",
        ),
        (
            np.zeros((2, 3), "u1"),
            f"{OUT}, not uint8 of shape (2, 3)",
        ),
        (
            [[False] * 3] * 2,
            f"{OUT}, not list",
        ),
        (
            np.zeros((3, 2), bool).T,
            f"{OUT}, not a strided or read-only one",
        ),
        (
            np.broadcast_to(np.zeros(3, bool), (2, 3)),
            f"{OUT}, not a strided or read-only one",
        ),
    ],
)
def test_an_output_that_cannot_be_filled(engine, out, message):
    with pytest.raises(FxlifError) as caught:
        LIFPopulation(3, engine=engine).run([[1, 2, 3]] * 2, out=out)
    assert str(caught.value) == message
