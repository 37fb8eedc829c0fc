"""The bins of the coverage: each by hand, all against a slow count, and why some are never hit."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from dataclasses import replace
from itertools import count, islice

import coverage_oracle
import numpy as np
import oracle
import pytest
from designs import LONG

from fxlif import CoreParams, FxlifError, NetworkParams, NeuronParams, load
from fxlif.cycles.model import CONTROL_FLAGS, CycleInputs, CycleModel, CycleOutputs, Driver, Steps
from fxlif.digits import DESIGN
from fxlif.params.leaks import MultiShiftLeak
from fxlif.rule import arithmetic
from fxlif.rule.step import NeuronState, initial_state, step
from fxlif.sim.coverage import invariant as invariant_module
from fxlif.sim.coverage.core_bins import EventCounts, StepEvents
from fxlif.sim.coverage.counters import again_key
from fxlif.sim.coverage.coverage import NOT_SHOWN, Coverage
from fxlif.sim.coverage.cycle_bins import (
    LENGTH_NAMES,
    Runs,
    StreamCycles,
    classes,
)
from fxlif.sim.coverage.invariant import Neurons, SymbolicStep, invariant
from fxlif.sim.coverage.neuron_bins import fires_key, neuron_bins
from fxlif.sim.coverage.step_values import StepValues
from fxlif.sim.coverage.unreachable import prove_unreachable
from fxlif.sim.coverage.waivers import read_waivers
from fxlif.sim.soak.random_design import random_design, random_neuron
from fxlif.sim.stimulus.aimed import aimed_events, push, push_through
from fxlif.sim.stimulus.random import RandomStimulus

SHIFT = {"kind": "shift", "shift": 2}
EVEN = SHIFT | {"rounding": "nearest_even"}
SMALL = {"state_bits": 8, "current_bits": 8, "theta_bits": 4}
EXPONENTIAL = {"synapse": {"kind": "exponential", "leak": SHIFT}}
ADAPTED = {"adaptation": {"increment": 3, "leak": SHIFT}}
LINEAR = {"leak": {"kind": "linear", "step": 5}}
MINIMUM = {"leak": SHIFT | {"minimum_step": 1}}
SCALED = {"leak": {"kind": "scale", "factor": 3, "shift": 3}}
#: 3/2 of theta goes: it would come out below 0.
GREEDY = {"adaptation": {"increment": 3, "leak": {
    "kind": "multi_shift", "shifts": (0, 1), "rounding": "away_from_zero"}}}  # fmt: skip
WRAP, SUBTRACT = {"overflow": "wrap"}, {"reset": "subtract"}
REST = {"refractory": 3}
NONE = {"leak": {"kind": "none"}}
RANDOM = {"leak": {"kind": "shift", "shift": 3, "rounding": "stochastic"}}
SYMMETRIC = {"overflow": "saturate_symmetric"}
FIRST = {"order": ("fire", "leak", "integrate")}
FALLING = {"leak": {"kind": "constant", "step": -3}}
DECAY = {"leak": {"kind": "decay", "factor": 3, "shift": 3, "rounding": "ceiling"}}
LEAKING = {"refractory_mode": "leak"}
LATE_LEAK = {"synapse": {"kind": "exponential", "order": ("act", "integrate", "leak"),
                         "leak": FALLING["leak"]}}  # fmt: skip


def halved(*order: str) -> dict[str, object]:
    leak = {"kind": "shift", "shift": 1}
    return {"synapse": {"kind": "exponential", "leak": leak, "order": order}}


BELOW = {"negative_threshold": -20}
SEVERAL = SUBTRACT | {"max_spikes_per_step": 4, "v_threshold": 10}

#: (parameters, group, name, a step that hits, its nearest neighbour that does not); a step is
#: (v, i_syn, theta, refractory, current), the threshold 64.
BY_HAND = [
    (NONE, "v", "saturates up", (100, 0, 0, 0, 28), (100, 0, 0, 0, 27)),
    (NONE, "v", "saturates down", (-100, 0, 0, 0, -29), (-100, 0, 0, 0, -28)),
    (NONE | WRAP, "v", "wraps up", (100, 0, 0, 0, 28), (100, 0, 0, 0, 27)),
    (NONE | WRAP, "v", "wraps down", (-100, 0, 0, 0, -29), (-100, 0, 0, 0, -28)),
    (NONE | REST, "v", "saturates up", (100, 0, 0, 0, 28), (100, 0, 0, 1, 28)),
    (NONE | {"v_floor": -9}, "v", "raised to v_floor", (0, 0, 0, 0, -10), (0, 0, 0, 0, -9)),
    (EXPONENTIAL, "i_syn", "saturates up", (0, 100, 0, 0, 53), (0, 100, 0, 0, 52)),
    (EXPONENTIAL, "i_syn", "saturates down", (0, -100, 0, 0, -54), (0, -100, 0, 0, -53)),
    (EXPONENTIAL | WRAP, "i_syn", "wraps up", (0, 100, 0, 0, 53), (0, 100, 0, 0, 52)),
    (EXPONENTIAL | WRAP, "i_syn", "wraps down", (0, -100, 0, 0, -54), (0, -100, 0, 0, -53)),
    (EXPONENTIAL, "i_syn", "above 0", (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)),
    (EXPONENTIAL, "i_syn", "below 0", (0, 0, 0, 0, -1), (0, 0, 0, 0, 0)),
    (EXPONENTIAL, "i_syn", "acts without input", (0, 4, 0, 0, 0), (0, 4, 0, 0, 1)),
    ({}, "leak", "at rest", (0, 0, 0, 0, 0), (1, 0, 0, 0, 0)),
    ({"v_leak": 7}, "leak", "at rest", (7, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    ({}, "leak", "exact, x > 0", (16, 0, 0, 0, 0), (17, 0, 0, 0, 0)),
    ({}, "leak", "exact, x < 0", (-16, 0, 0, 0, 0), (-15, 0, 0, 0, 0)),
    ({"leak": SHIFT}, "leak", "rounded, x > 0", (5, 0, 0, 0, 0), (6, 0, 0, 0, 0)),
    ({"leak": SHIFT}, "leak", "rounded, x < 0", (-5, 0, 0, 0, 0), (-6, 0, 0, 0, 0)),
    ({"leak": SHIFT}, "leak", "tie, x > 0", (6, 0, 0, 0, 0), (7, 0, 0, 0, 0)),
    ({"leak": SHIFT}, "leak", "tie, x < 0", (-6, 0, 0, 0, 0), (-7, 0, 0, 0, 0)),
    ({"leak": EVEN}, "leak", "tie to the even quotient below, x > 0", (10, 0, 0, 0, 0),
     (6, 0, 0, 0, 0)),
    ({"leak": EVEN}, "leak", "tie to the one above, x > 0", (6, 0, 0, 0, 0), (10, 0, 0, 0, 0)),
    ({"leak": EVEN}, "leak", "tie to the even quotient below, x < 0", (-6, 0, 0, 0, 0),
     (-10, 0, 0, 0, 0)),
    ({"leak": EVEN}, "leak", "tie to the one above, x < 0", (-10, 0, 0, 0, 0), (-6, 0, 0, 0, 0)),
    ({"leak": SHIFT}, "leak", "dead zone: changes nothing, x > 0", (3, 0, 0, 0, 0),
     (4, 0, 0, 0, 0)),
    ({"leak": SHIFT | {"rounding": "toward_zero"}}, "leak", "dead zone: changes nothing, x < 0",
     (-3, 0, 0, 0, 0), (-4, 0, 0, 0, 0)),
    (MINIMUM, "leak", "minimum step taken, x > 0", (3, 0, 0, 0, 0), (4, 0, 0, 0, 0)),
    ({"leak": SHIFT | {"minimum_step": 1, "rounding": "toward_zero"}}, "leak",
     "minimum step taken, x < 0", (-3, 0, 0, 0, 0), (-4, 0, 0, 0, 0)),
    (SCALED, "leak", "exact, x > 0", (8, 0, 0, 0, 0), (9, 0, 0, 0, 0)),
    (SCALED, "leak", "tie, x > 0", (4, 0, 0, 0, 0), (5, 0, 0, 0, 0)),
    (LINEAR, "leak", "moves by the whole step, x > 0", (6, 0, 0, 0, 0), (5, 0, 0, 0, 0)),
    (LINEAR, "leak", "moves by the whole step, x < 0", (-6, 0, 0, 0, 0), (-5, 0, 0, 0, 0)),
    (LINEAR, "leak", "lands on rest, x > 0", (5, 0, 0, 0, 0), (4, 0, 0, 0, 0)),
    (LINEAR, "leak", "lands on rest, x < 0", (-5, 0, 0, 0, 0), (-6, 0, 0, 0, 0)),
    (LINEAR, "leak", "stops at rest, x > 0", (4, 0, 0, 0, 0), (5, 0, 0, 0, 0)),
    (LINEAR, "leak", "stops at rest, x < 0", (-4, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    (EXPONENTIAL, "synapse.leak", "tie, x > 0", (0, 6, 0, 0, 0), (6, 7, 0, 0, 0)),
    (ADAPTED, "adaptation.leak", "exact, x > 0", (0, 0, 8, 0, 0), (8, 0, 9, 0, 0)),
    (NONE, "threshold", "u one below", (63, 0, 0, 0, 0), (62, 0, 0, 0, 0)),
    (NONE, "threshold", "u equal", (64, 0, 0, 0, 0), (63, 0, 0, 0, 0)),
    (NONE, "threshold", "u one above", (65, 0, 0, 0, 0), (64, 0, 0, 0, 0)),
    (NONE | REST, "threshold", "u equal", (64, 0, 0, 0, 0), (64, 0, 0, 1, 0)),
    (NONE | ADAPTED, "threshold", "u equal", (66, 0, 2, 0, 0), (64, 0, 2, 0, 0)),
    (NONE, "threshold", "fires", (64, 0, 0, 0, 0), (63, 0, 0, 0, 0)),
    (NONE | {"compare": "gt"}, "threshold", "fires", (65, 0, 0, 0, 0), (64, 0, 0, 0, 0)),
    (NONE, "threshold", "stays silent", (63, 0, 0, 0, 0), (64, 0, 0, 0, 0)),
    (NONE | SUBTRACT | {"state_bits": 9}, "reset", "leaves v at its threshold or above",
     (128, 0, 0, 0, 0), (127, 0, 0, 0, 0)),
    (NONE | SUBTRACT | {"v_threshold": -9}, "reset", "the difference overflows",
     (119, 0, 0, 0, 0), (118, 0, 0, 0, 0)),
    (NONE | REST, "refractory", "entered", (64, 0, 0, 0, 0), (63, 0, 0, 0, 0)),
    (REST, "refractory", "first step", (0, 0, 0, 3, 0), (0, 0, 0, 2, 0)),
    (REST, "refractory", "a step between", (0, 0, 0, 2, 0), (0, 0, 0, 1, 0)),
    (REST, "refractory", "last step", (0, 0, 0, 1, 0), (0, 0, 0, 0, 0)),
    (REST, "refractory", "input meanwhile", (0, 0, 0, 1, 1), (0, 0, 0, 1, 0)),
    (NONE | REST, "refractory", "a spike is held back", (0, 0, 0, 1, 64), (0, 0, 0, 1, 63)),
    (ADAPTED, "theta", "at the top", (0, 0, 15, 0, 0), (0, 0, 14, 0, 0)),
    (NONE | ADAPTED, "theta", "raised from above 0", (65, 0, 1, 0, 0), (64, 0, 0, 0, 0)),
    (NONE | {"adaptation": {"increment": 4, "leak": NONE["leak"]}}, "theta", "clamped at the top",
     (99, 0, 12, 0, 0), (99, 0, 11, 0, 0)),
    (GREEDY, "theta", "clamped at 0", (0, 0, 1, 0, 0), (0, 0, 0, 0, 0)),
    (NONE | ADAPTED, "theta", "keeps a spike back", (65, 0, 2, 0, 0), (66, 0, 2, 0, 0)),
    ({}, "current", "zero", (0, 0, 0, 0, 0), (0, 0, 0, 0, 1)),
    ({}, "current", "above 0", (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)),
    ({}, "current", "below 0", (0, 0, 0, 0, -1), (0, 0, 0, 0, 0)),
    ({"bias": 3}, "current", "the bias alone", (0, 0, 0, 0, 3), (0, 0, 0, 0, 2)),
    (NONE | SYMMETRIC, "v", "saturates down", (-100, 0, 0, 0, -28), (-100, 0, 0, 0, -27)),
    (NONE | SYMMETRIC, "v", "saturates from the lowest value", (-100, 0, 0, 0, -28),
     (-100, 0, 0, 0, -29)),
    (NONE | FIRST, "v after fire", "saturates up", (60, 0, 0, 0, 68), (60, 0, 0, 0, 67)),
    (NONE | FIRST, "v after fire", "saturates up", (60, 0, 0, 0, 68), (64, 0, 0, 0, 68)),
    (NONE | FIRST | {"v_floor": -9}, "v after fire", "raised to v_floor", (0, 0, 0, 0, -10),
     (0, 0, 0, 0, -9)),
    (FALLING | REST | LEAKING, "v at rest", "saturates down", (-126, 0, 0, 1, 9),
     (-125, 0, 0, 1, 9)),
    (FALLING | REST | LEAKING, "v at rest", "saturates down", (-126, 0, 0, 1, 9),
     (-126, 0, 0, 0, 9)),
    (NONE | {"overflow_change": True}, "change of v", "saturates up", (-50, 0, 0, 0, 128),
     (-50, 0, 0, 0, 127)),
    (WRAP | EXPONENTIAL | {"overflow_i_syn": "saturate"}, "i_syn", "saturates up",
     (0, 100, 0, 0, 53), (0, 100, 0, 0, 52)),
    (LATE_LEAK, "i_syn after leak", "saturates down", (0, -100, 0, 0, -26), (0, -99, 0, 0, -26)),
    (LATE_LEAK, "i_syn", "acts as another value than is stored", (0, 0, 0, 0, 0), (0, 0, 0, 0, 3)),
    (FALLING, "leak", "moves by the step, x > 0", (1, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    (FALLING, "leak", "moves by the step, x < 0", (-1, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    (FALLING, "leak", "lands on rest, x > 0", (3, 0, 0, 0, 0), (2, 0, 0, 0, 0)),
    (FALLING, "leak", "crosses rest, x > 0", (2, 0, 0, 0, 0), (3, 0, 0, 0, 0)),
    (DECAY, "leak", "tie, x > 0", (4, 0, 0, 0, 0), (5, 0, 0, 0, 0)),
    (NONE | BELOW, "negative threshold", "u one below", (-21, 0, 0, 0, 0), (-20, 0, 0, 0, 0)),
    (NONE | BELOW, "negative threshold", "u equal", (-20, 0, 0, 0, 0), (-19, 0, 0, 0, 0)),
    (NONE | BELOW, "negative threshold", "u one above", (-19, 0, 0, 0, 0), (-20, 0, 0, 0, 0)),
    (NONE | BELOW, "negative threshold", "u below, no spike", (-21, 0, 0, 0, 0), (-20, 0, 0, 0, 0)),
    (NONE | {"negative_threshold": 70}, "negative threshold", "u below, a spike", (69, 0, 0, 0, 0),
     (70, 0, 0, 0, 0)),
    (NONE | {"reset_at": "next_step"}, "reset", "of the step before", (64, 0, 0, 0, 0),
     (63, 0, 0, 0, 64)),
    (NONE | SUBTRACT | {"reset_at": "next_step"}, "reset", "of the step before, and a spike",
     (64, 0, 0, 0, 64), (64, 0, 0, 0, 63)),
    (NONE | SEVERAL, "spikes in a step", "none", (9, 0, 0, 0, 0), (10, 0, 0, 0, 0)),
    (NONE | SEVERAL, "spikes in a step", "one", (19, 0, 0, 0, 0), (20, 0, 0, 0, 0)),
    (NONE | SEVERAL, "spikes in a step", "two", (20, 0, 0, 0, 0), (19, 0, 0, 0, 0)),
    (NONE | SEVERAL, "spikes in a step", "more than two, not the most", (39, 0, 0, 0, 0),
     (40, 0, 0, 0, 0)),
    (NONE | SEVERAL, "spikes in a step", "the most, and no more are due", (49, 0, 0, 0, 0),
     (50, 0, 0, 0, 0)),
    (NONE | SEVERAL, "spikes in a step", "the most, though more are due", (50, 0, 0, 0, 0),
     (49, 0, 0, 0, 0)),
    (NONE | FIRST, "choice", "order: not as with leak, integrate, fire", (63, 0, 0, 0, 1),
     (62, 0, 0, 0, 1)),
    (NONE | {"reset_at": "leak"}, "choice", "reset_at: not as with compare", (0, 0, 0, 0, 64),
     (0, 0, 0, 0, 63)),
    (NONE | {"overflow_change": True}, "choice", "overflow_change: not as with False",
     (-70, 0, 0, 0, 128), (-70, 0, 0, 0, 127)),
    (NONE | BELOW, "choice", "negative_reset: not as with mirror", (-21, 0, 0, 0, 0),
     (-20, 0, 0, 0, 0)),
    (NONE | REST | {"refractory_mode": "rest"}, "choice", "refractory_mode: not as with clamp",
     (1, 0, 0, 1, 0), (0, 0, 0, 1, 1)),
    (NONE | REST | {"refractory_count": "before"}, "choice", "refractory_count: not as with after",
     (64, 0, 0, 0, 0), (64, 0, 0, 2, 0)),
    (NONE | halved("act", "integrate", "leak"), "choice",
     "synapse.order: not as with leak, integrate, act", (0, 0, 0, 0, 4), (0, 0, 0, 0, 0)),
    (NONE | EXPONENTIAL | {"bias": 3, "bias_at": "v"}, "choice", "bias_at: not as with current",
     (0, 0, 0, 0, 3), (0, 0, 0, 0, 200)),
]  # fmt: skip


def view(neuron: NeuronParams, *rows: tuple[int, ...]) -> StepValues:
    columns = np.array(rows, dtype=np.int64).T
    return StepValues(neuron, NeuronState(*columns[:4]), columns[4],
                np.full(len(rows), neuron.v_threshold))  # fmt: skip


@pytest.mark.parametrize(("params", "group", "name", "hit", "miss"), BY_HAND)
def test_by_hand(params, group, name, hit, miss) -> None:
    neuron = NeuronParams(**SMALL | params)
    (each,) = [b for b in neuron_bins(neuron) if (b.group, b.name) == (group, name)]
    assert not each.impossible
    assert each.hit(view(neuron, hit, miss)).tolist() == [True, False]
    found = coverage_oracle.step_hits(neuron, oracle.State(*hit[:4]), hit[4], neuron.v_threshold)
    assert (group, name) in set(found)


def test_every_bin_is_tried_by_hand() -> None:
    """Those of the other leaks have the same conditions on another variable."""
    tried = {(group, name) for _, group, name, _, _ in BY_HAND}
    leaks = {name for group, name in tried if "leak" in group}
    rich = [NeuronParams(**SMALL | EXPONENTIAL | ADAPTED | params)
            for params in ({"leak": EVEN}, LINEAR, SCALED, MINIMUM)]  # fmt: skip
    for each in (b for neuron in rich for b in neuron_bins(neuron)):
        name = each.name
        assert (name in leaks) if "leak" in each.group else ((each.group, name) in tried), each


# --- every choice that is made once a step -----------------------------------------------------

TINY = {"state_bits": 5, "current_bits": 5, "theta_bits": 4, "v_threshold": 6}


#: With few bits all their steps can be walked through.
CHOSEN = [
    FIRST | REST | {"refractory_count": "before", "refractory_mode": "rest"},
    FIRST | SYMMETRIC | {"v_floor": -11},
    WRAP | {"order": ("leak", "fire", "integrate"), "v_leak": 2},
    WRAP | SUBTRACT | {"order": ("integrate", "fire", "leak"), "reset_at": "leak",
                        "refractory": 2, "refractory_mode": "mask"},
    halved("act", "leak", "integrate") | SUBTRACT | {"reset_at": "next_step", "v_threshold": -4},
    halved("act", "integrate", "leak") | SYMMETRIC | {"reset_at": "leak", "v_reset": -3},
    halved("integrate", "leak", "act") | {"overflow_i_syn": "wrap", "bias": 2, "bias_at": "v"},
    SUBTRACT | DECAY | LEAKING | {"max_spikes_per_step": 2, "refractory": 2},
    SUBTRACT | {"max_spikes_per_step": 4, "v_threshold": 3, "negative_threshold": -5,
                 "negative_reset": "mirror", "v_reset": -4},
    SYMMETRIC | {"overflow_change": True, "negative_threshold": -5, "v_floor": -12,
                  "negative_reset": "subtract"},
    WRAP | {"overflow_change": True, "negative_threshold": 9},
    FALLING | REST | LEAKING | {"v_reset": -9},
    DECAY | {"refractory": 1, "refractory_count": "before"},
]  # fmt: skip


def chosen(choice: dict[str, object], bits: dict[str, int] = SMALL) -> NeuronParams:
    return NeuronParams(**bits | choice)


@pytest.mark.parametrize("choice", [
    *CHOSEN, RANDOM, EXPONENTIAL | ADAPTED | RANDOM | SUBTRACT | {"max_spikes_per_step": 3},
    {"leak": {"kind": "multi_shift", "shifts": (1, 3), "rounding": "stochastic"}},
])  # fmt: skip
def test_choices_against_the_oracle(choice) -> None:
    assert differences(chosen(choice), 1) == set()
    assert differences(chosen(choice, TINY), 2) == set()


@pytest.mark.parametrize("choice", CHOSEN)
def test_what_is_proved_of_a_choice_holds_in_every_step(choice, z3) -> None:
    neuron = chosen(choice, TINY)
    asked = Coverage(neuron)
    prove_unreachable(asked)
    judged = {(b.group, b.name): b for b in asked.bins}
    bins = {b.key: b for b in neuron_bins(neuron) if not b.impossible}
    most = 1 << (neuron.current_bits - 1)
    hit = set()
    for values in every_step(neuron, neuron.v_threshold, np.arange(-most, most)):
        hit |= {key for key in bins.keys() - hit if bins[key].hit(values).any()}
    assert hit
    assert bins.keys() - hit == {key for key in bins if judged[key].reachable is False}


def wrong_overflow(mode: str, wrong):
    """``overflow`` with another rule for one mode."""
    right = arithmetic.overflow
    return lambda x, bits, its: wrong(x, bits) if its == mode else right(x, bits, its)


def but_lowest(x, bits: int):
    return np.where(x == -(1 << (bits - 1)), x, arithmetic.saturate_symmetric(x, bits))


def not_at(function, mistake):
    """``function`` of a neuron and more, with the neuron's choices changed by ``mistake``."""
    return lambda neuron, *more: function(neuron.model_copy(update=mistake), *more)


def constant_that_stops(rule, x, random=0):
    left = arithmetic_leak(rule, x, random)
    return np.where(left * x < 0, 0, left) if rule.kind == "constant" else left


def at_or_below(neuron, u):
    limit = neuron.negative_threshold
    return np.where(u == limit, arithmetic_negative(neuron, u - 1), arithmetic_negative(neuron, u))


def negative_first(neuron, u, threshold):
    spike, v = arithmetic_fire(neuron, u, threshold)
    return spike & (u >= neuron.negative_threshold), v


def counted(wrong):
    """``fire`` with the number of its spikes changed; ``wrong`` also sees whether more are due."""

    def fire(neuron, u, threshold):
        count, v = arithmetic_fire(neuron, u, threshold)
        return wrong(count, v >= threshold), v

    return fire


arithmetic_leak, arithmetic_fire = arithmetic.leak, arithmetic.fire
arithmetic_negative, arithmetic_round = arithmetic.negative, arithmetic.round_shift
LATE = NONE | {"reset_at": "next_step"}

#: (parameters, a mistake in the golden rule, the bins in whose steps alone it shows).
MISTAKES = [
    (NONE | SYMMETRIC, ("overflow", wrong_overflow("saturate_symmetric", but_lowest)),
     ["v: saturates from the lowest value"]),
    (NONE | SYMMETRIC, ("overflow", wrong_overflow("saturate_symmetric", arithmetic.saturate)),
     ["v: saturates down"]),
    (NONE | {"overflow_change": True}, ("change", lambda neuron, v, exact: exact),
     ["change of v: saturates up", "change of v: saturates down"]),
    (NONE | FIRST | {"v_floor": -9}, ("narrow", not_at(arithmetic.narrow, {"v_floor": None})),
     ["v after fire: raised to v_floor", "v after fire: saturates down"]),
    (NONE | FIRST, ("narrow", lambda neuron, v: np.where(v < 128, arithmetic.wrap(v, 8), 127)),
     ["v after fire: saturates down"]),
    (NONE | WRAP | halved("integrate", "act", "leak") | {"overflow_i_syn": "saturate"},
     ("narrow_i_syn", not_at(arithmetic.narrow_i_syn, {"overflow_i_syn": None})),
     ["i_syn: saturates up", "i_syn: saturates down"]),
    (LATE_LEAK, ("narrow_i_syn", lambda neuron, i: np.where(i < -128, i + 256, np.minimum(i, 127))),
     ["i_syn: saturates down", "i_syn after leak: saturates down"]),
    (FALLING, ("leak", constant_that_stops), ["leak: crosses rest, x > 0"]),
    (FALLING, ("leak", lambda rule, x, random=0: np.where(x > 0, x - 3, np.where(x < 0, x + 3, x))),
     ["leak: at rest", "leak: moves by the step, x < 0"]),
    (DECAY, ("round_shift", lambda x, s, rounding, random=0: arithmetic_round(x, s, "floor")),
     [f"leak: {name}, x {side} 0" for name in ("rounded", "tie") for side in "<>"]),
    (DECAY, ("round_shift", lambda x, s, rounding, random=0:
             arithmetic_round(x, s, "away_from_zero")),
     ["leak: rounded, x < 0", "leak: tie, x < 0"]),
    (NONE | BELOW | {"negative_reset": "mirror"}, ("negative", at_or_below),
     ["negative threshold: u equal"]),
    (NONE | {"negative_threshold": 70}, ("fire", negative_first),
     ["negative threshold: u below, a spike"]),
    (NONE | BELOW, ("negative", not_at(arithmetic.negative, {"negative_reset": "mirror"})),
     ["choice: negative_reset: not as with mirror"]),
    (NONE | SEVERAL, ("fire", counted(lambda count, more: np.minimum(count, 1))),
     [f"spikes in a step: {name}" for name in (
         "two", "more than two, not the most", "the most, and no more are due",
         "the most, though more are due")]),
    (NONE | SEVERAL, ("fire", counted(lambda count, more: count - (count == 3))),
     ["spikes in a step: more than two, not the most"]),
    (NONE | SEVERAL, ("fire", counted(lambda count, more: count + more)),
     ["spikes in a step: the most, though more are due"]),
    (NONE | SEVERAL, ("fire", counted(lambda count, more: count - ((count == 4) & ~more))),
     ["spikes in a step: the most, and no more are due"]),
    (LATE, ("reset", lambda neuron, u, threshold: u), ["reset: of the step before"]),
    (LATE | SUBTRACT | {"v_threshold": -9}, ("reset", lambda neuron, u, threshold:
                                             arithmetic.wrap(u - threshold, 8)),
     ["reset: the difference overflows"]),
    (NONE | REST | {"refractory_mode": "rest", "v_leak": 7},
     ("at_rest", lambda neuron, v, random: v),
     ["choice: refractory_mode: not as with clamp"]),
    (FALLING | REST | LEAKING, ("at_rest", lambda neuron, v, random: arithmetic.wrap(v - 3, 8)),
     ["v at rest: saturates down"]),
    (FIRST, ("leak_v", lambda neuron, v, random: v),
     [f"leak: {name}, x {side} 0" for name in ("exact", "rounded", "tie") for side in "<>"]),
]  # fmt: skip


@pytest.mark.parametrize(("params", "mistake", "names"), MISTAKES)
def test_a_mistake_shows_in_the_steps_of_its_bins_alone(
    params, mistake, names, monkeypatch
) -> None:
    """So a run that hits none of them misses it, and one that must hit them does not."""
    neuron = NeuronParams(**SMALL | params)
    values = drawn(neuron, 3, 4000)
    bins = {f"{b.group}: {b.name}": b for b in neuron_bins(neuron)}
    hits = [bins[name].hit(values) for name in names]
    right = np.array([*values.after, values.told["spikes"]])
    monkeypatch.setattr(arithmetic, *mistake)
    after, spikes = step(neuron, values.before, values.current, values.stored_threshold)
    wrong = (np.array([*after, spikes]) != right).any(axis=0)
    assert wrong.any()
    assert not (wrong & ~np.any(hits, axis=0)).any()
    assert all((wrong & hit).any() for hit in hits)


# --- against the oracle -------------------------------------------------------------------------


def drawn(neuron: NeuronParams, seed: int, steps: int) -> StepValues:
    """Steps from states and with inputs of any kind."""
    draw = np.random.default_rng(seed)

    def values(low: int, high: int, near: int) -> np.ndarray:
        close = np.clip(draw.integers(near - 9, near + 10, steps), low, high)
        return np.where(draw.random(steps) < 0.6, close, draw.integers(low, high + 1, steps))

    centres = {"v": neuron.v_threshold, "i_syn": 0, "theta": 0, "refractory": 1}
    before = NeuronState(*(values(*ends, centres[n]) for n, ends in neuron.ranges.items()))
    current = values(-2 * neuron.v_threshold - 50, 2 * neuron.v_threshold + 50, 0)
    random = draw.integers(1, 1 << 16, steps) if neuron.random_bits else np.zeros(steps, np.int64)
    return StepValues(neuron, before, current, np.full(steps, neuron.v_threshold), random)


def differences(neuron: NeuronParams, seed: int, steps: int = 150) -> set[tuple[str, str]]:
    """Bins that numpy and the oracle do not count alike."""
    seen = drawn(neuron, seed, steps)
    counted = Counter({
        (b.group, b.name): int(np.count_nonzero(b.hit(seen)))
        for b in neuron_bins(neuron) if not b.impossible
    })  # fmt: skip
    expected: Counter[tuple[str, str]] = Counter()
    for *state, given, draw in zip(*seen.before, seen.current, seen.random, strict=True):
        now = oracle.State(*map(int, state))
        expected.update(coverage_oracle.step_hits(
            neuron, now, int(given), neuron.v_threshold, int(draw)
        ))  # fmt: skip
    assert sum(expected.values()) > steps
    return {key for key in counted | expected if counted[key] != expected[key]}


@pytest.mark.parametrize("seed", range(80))
def test_steps_against_the_oracle(seed: int) -> None:
    """Any neuron. A bin that is called impossible must not occur either."""
    assert differences(random_neuron(random.Random(seed)), seed) == set()


def test_a_wrong_predicate_is_seen(monkeypatch) -> None:
    """Every single bin, replaced by its opposite, is found by the comparison."""
    neuron = NeuronParams(**SMALL | NONE | EXPONENTIAL | ADAPTED | REST | SUBTRACT | {"bias": 2},
                          v_floor=-100)  # fmt: skip
    neuron = neuron.model_copy(update={"leak": MultiShiftLeak(shifts=(2, 4))})
    assert differences(neuron, 1) == set()
    declared = neuron_bins(neuron)
    tried = 0
    for k, each in enumerate(declared):
        if each.impossible:
            continue
        wrong = replace(each, hit=lambda w, hit=each.hit: ~hit(w))
        changed = (*declared[:k], wrong, *declared[k + 1 :])
        monkeypatch.setitem(globals(), "neuron_bins", lambda _, changed=changed: changed)
        assert differences(neuron, 1) == {(each.group, each.name)}
        tried += 1
    assert tried > 50


def counts(coverage: Coverage) -> dict[str, int]:
    return {f"{b.group}: {b.name}": b.count for b in coverage.bins}


# --- cycles -------------------------------------------------------------------------------------


def drive(cores, seed: int, cycles: int) -> tuple[CycleInputs, CycleOutputs]:
    """Random stimulus for a chain of cores."""
    model = CycleModel(cores)
    random_stimulus = RandomStimulus(cores[0], seed)
    driver = Driver(cores[0].in_address_bits)
    driver.refill(random_stimulus.events(cycles))
    flags = random_stimulus.flags(cycles).copy()
    # Frequent resets, so that a short run has one in every state of the control.
    draw = np.random.default_rng(seed)
    flags[draw.random(cycles) < 1 / 90] |= 4
    block = model.drive(driver, flags)
    return CycleInputs.of(block.inputs), model.outputs(block)


def cut(cores, inputs: CycleInputs, coverage: Coverage, lengths) -> None:
    """Run the same inputs in blocks of these lengths."""
    model, at = CycleModel(cores), 0
    columns = {n: column for n, column in vars(inputs).items() if isinstance(column, np.ndarray)}
    total = len(columns["rst"])
    while at < total:
        end = at + next(lengths)
        part = CycleInputs(**{name: column[at:end] for name, column in columns.items()})
        coverage.take(part, model.run(part))
        at = end


def chain(seed: int) -> NetworkParams:
    rng = random.Random(seed)
    first = random_design(rng)
    second = random_design(rng)
    second = CoreParams(
        n_inputs=first.n_neurons, n_neurons=second.n_neurons, neuron=second.neuron,
        weights=np.resize(second.weights, (first.n_neurons, second.n_neurons)),
        lanes=second.lanes,
    )  # fmt: skip
    return NetworkParams(name="chain", core=(first, second))


#: The first core fires several times in a step, more often than the second promises to hold.
SEVERAL_CHAIN = NetworkParams(name="several", core=(
    CoreParams(
        n_inputs=3, n_neurons=5, lanes=2, weights=np.tile([[9], [40], [-7]], 5),
        neuron=NeuronParams(**SMALL | SUBTRACT | RANDOM, v_threshold=20, max_spikes_per_step=3),
    ),
    CoreParams(n_inputs=5, n_neurons=3, weights=[[100, 60, -90]] * 5, neuron=NeuronParams(
        **SMALL | SUBTRACT | EXPONENTIAL, v_threshold=90,
        leak={"kind": "multi_shift", "shifts": (2, 4), "rounding": "stochastic"},
    )),
))  # fmt: skip


@pytest.mark.parametrize("seed", [*range(9 if LONG else 5), SEVERAL_CHAIN])
def test_cycles_against_the_oracle_however_they_are_cut(seed) -> None:
    params = seed
    if seed is SEVERAL_CHAIN:
        seed = 1
    else:
        params = chain(seed) if seed % 3 == 0 else random_design(random.Random(seed))
    whole = Coverage(params)
    inputs, outputs = drive(whole.cores, seed, 1500 if LONG else 800)
    whole.take(inputs, outputs)
    expected = coverage_oracle.count_cycles(whole.cores, whole.prefixes, inputs, outputs)
    counted = {(b.group, b.name): b.count for b in whole.bins}
    differ = {
        key: (counted.get(key), count) for key, count in expected.items()
        # A later core's inputs cannot be chosen, so two bins are none of its own.
        if counted.get(key, 0) != count and (key in counted or not re.match(r"core\[[1-9]", key[0]))
    }  # fmt: skip
    assert differ == {}
    assert {key for key, count in counted.items() if count} <= set(expected)
    rng = random.Random(seed)
    for most in (7, 400):
        again = Coverage(params)
        cut(again.cores, inputs, again, iter(lambda most=most: rng.randint(1, most), None))
        assert counts(again) == counts(whole)
    few = Coverage(params, counts=False)
    cut(few.cores, inputs, few, iter(lambda: 100, None))
    assert few.missing == whole.missing


def test_a_model_that_uses_its_arrays_again() -> None:
    """What is kept from block to block must be the coverage's own: a driven model overwrites."""
    core = random_design(random.Random(6))
    whole = Coverage(core)
    whole.take(*drive([core], 6, 1200))
    source = RandomStimulus(core, 6)
    flags = source.flags(1200).copy()
    flags[np.random.default_rng(6).random(1200) < 1 / 90] |= 4
    driver = Driver(core.in_address_bits)
    driver.refill(source.events(1200))
    model, parts = CycleModel([core]), Coverage(core)
    for at in range(0, 1200, 8):
        block = model.drive(driver, flags[at : at + 8])
        parts.take(CycleInputs.of(block.inputs), model.outputs(block))
    assert counts(parts) == counts(whole)


@pytest.mark.parametrize(("length", "name"), [
    (0, "0"), (1, "1"), (2, "2..3"), (3, "2..3"), (4, "4..7"), (7, "4..7"), (8, "8..31"),
    (31, "8..31"), (32, "32 or more"), (500, "32 or more"),
])  # fmt: skip
def test_lengths(length: int, name: str) -> None:
    """Stalls and gaps of each length fall into their class, with the wait cut in two as well."""
    wanted = [int(each == name) for each in LENGTH_NAMES]
    assert classes(np.array([length])).tolist() == [LENGTH_NAMES.index(name)]
    quiet = np.zeros(length + 1, dtype=bool)
    there = np.ones(length + 1, dtype=bool)
    last = quiet.copy()
    last[-1] = True
    stall = StreamCycles(there, last, quiet)
    assert numbers(stall.stalls) == wanted
    assert numbers(StreamCycles(last, there, quiet).gaps) == wanted
    half = length // 2
    first = StreamCycles(there[:half], last[:half], quiet[:half])
    second = StreamCycles(there[half:], last[half:], quiet[half:], first)
    assert numbers(first.stalls, second.stalls) == wanted
    assert sum(numbers(first.gaps, second.gaps)) == 1


def numbers(*found: np.ndarray) -> list[int]:
    """How many there are of each class of lengths."""
    return np.bincount(np.concatenate(found), minlength=len(LENGTH_NAMES)).tolist()


def test_runs_and_back_to_back_go_on_from_block_to_block() -> None:
    flags = np.array([1, 1, 0, 1, 0], dtype=bool)
    runs = Runs(flags, 3)
    assert [*runs.before.tolist(), runs.after] == [3, 4, 5, 0, 1, 0]
    assert (Runs(flags[:0], 3).before.tolist(), Runs(flags[:0], 3).after) == ([], 3)
    assert Runs(flags[:2], 3).after == 5
    on, off = np.ones(1, dtype=bool), np.zeros(1, dtype=bool)
    passed = StreamCycles(on, on, off)
    assert passed.back_to_back.tolist() == [False]
    assert StreamCycles(on, on, off, passed).back_to_back.tolist() == [True]
    assert StreamCycles(on, off, off, passed).back_to_back.tolist() == [False]


#: Its words are more than its stages, and its neurons fire several times in a step.
ALL_FLAGS = CoreParams(
    n_inputs=3, n_neurons=14, lanes=1, weights=np.tile([[9], [40], [-7]], 14),
    neuron=NeuronParams(**SMALL | SUBTRACT, v_threshold=20, max_spikes_per_step=3),
)  # fmt: skip


@pytest.mark.parametrize("flag", CONTROL_FLAGS)
def test_reset_in_each_state_of_the_control(flag: str) -> None:
    """The run is known: the reset can be put into a cycle with the flag, and into one without."""
    core = ALL_FLAGS
    inputs, outputs = drive([core], 4, 2000)
    bit = CONTROL_FLAGS.index(flag)
    on = (outputs.cores[0].control >> bit & 1).astype(bool) & (inputs.rst == 0)
    name = f"while {flag.replace('_', ' ')}"
    for wanted, cycles in ((1, np.flatnonzero(on)), (0, np.flatnonzero(~on & (inputs.rst == 0)))):
        at = int(cycles[len(cycles) // 2])
        rst = np.zeros_like(inputs.rst)
        rst[: at + 1] = inputs.rst[: at + 1]
        before = Coverage(core)
        before.take(named_with(inputs, rst), CycleModel([core]).run(named_with(inputs, rst)))
        rst[at] = 1
        after = Coverage(core)
        after.take(named_with(inputs, rst), CycleModel([core]).run(named_with(inputs, rst)))
        key = f"reset: {name}"
        assert counts(after)[key] - counts(before)[key] == wanted


def named_with(inputs: CycleInputs, rst: np.ndarray) -> CycleInputs:
    return replace(inputs, rst=rst)


def test_events_by_hand() -> None:
    core = CoreParams(n_inputs=3, n_neurons=2, weights=[[5, -5], [5, 5], [-5, 0]],
                      max_events_per_input=2)  # fmt: skip
    steps = [[], [0, 1, 2], [1, 1], [1, 1, 1], [0, 0], [2, 1], [1] * 26, [2] * 26]
    events = StepEvents(
        address=np.array([a for each in steps for a in each]),
        ends=np.cumsum([len(each) for each in steps]),
    )
    counts = EventCounts(core, events, core.weights)
    assert core.accumulator_bits == 8
    assert counts.mixed().tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
    assert counts.saturates(1).tolist() == [0, 0, 0, 0, 0, 0, 1, 0]
    assert counts.saturates(0).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert counts.inputs().tolist() == [0, 3, 1, 1, 1, 2, 1, 1]
    assert counts.any_of(counts.times > 2).tolist() == [0, 0, 0, 1, 0, 0, 1, 1]


def test_sums_that_just_fit_and_just_do_not() -> None:
    core = CoreParams(n_inputs=3, n_neurons=1, weights=[[0], [-128], [127]])
    steps = [[1, 0, 0], [1, 1], [2, 0, 0], [2, 2], [0, 0]]
    events = StepEvents(
        address=np.array([a for each in steps for a in each]),
        ends=np.cumsum([len(each) for each in steps]),
    )
    assert core.accumulator_bits == 8
    assert EventCounts(core, events, core.weights).saturates(0).tolist() == [0, 1, 0, 0, 0]
    assert EventCounts(core, events, core.weights).saturates(1).tolist() == [0, 0, 0, 1, 0]


def test_a_lone_neuron() -> None:
    neuron = NeuronParams(**SMALL | NONE | REST)
    rng = random.Random(5)
    enable = np.array([rng.random() < 0.5 for _ in range(400)])
    rst = np.array([rng.random() < 0.05 for _ in range(400)])
    enable[100:150] = False
    currents = np.array([rng.randint(-5, 90) for _ in range(400)])

    def run(lengths) -> Coverage:
        coverage, state, at = Coverage(neuron), initial_state(neuron, 1), 0
        while at < 400:
            end = min(400, at + next(lengths))
            rows = []
            for cycle in range(at, end):
                if rst[cycle]:
                    state = initial_state(neuron, 1)
                elif enable[cycle]:
                    after, fire = step(neuron, state, currents[cycle : cycle + 1], 64)
                    rows.append((state, currents[cycle], after, fire[0]))
                    state = after
            none = initial_state(neuron, 0)
            coverage.take_neuron(rst[at:end], enable[at:end], Steps(
                before=NeuronState(*map(np.concatenate, zip(none, *(r[0] for r in rows),
                                                            strict=True))),
                current=np.array([r[1] for r in rows], dtype=np.int64),
                threshold=np.full(len(rows), 64),
                after=NeuronState(*map(np.concatenate, zip(none, *(r[2] for r in rows),
                                                           strict=True))),
                fire=np.array([r[3] for r in rows], dtype=bool),
            ))  # fmt: skip
            at = end
        return coverage

    whole = run(iter([400]))
    expected: Counter[str] = Counter()
    low, resting, held, gap = 0, 0, 0, None
    v = 0
    for cycle in range(400):
        if rst[cycle]:
            expected["reset: while resting"] += resting > 0
            expected[f"reset: while {'' if enable[cycle] else 'not '}enabled"] += 1
            low, resting, gap, v = 0, 0, None, 0
            held += 1
            continue
        if held:
            expected["reset: for 1 cycle" if held == 1 else "reset: for longer"] += 1
        held = 0
        if not enable[cycle]:
            low += 1
            continue
        expected[f"enable: low for {coverage_oracle.length_class(low)} cycles"] += 1
        low = 0
        fires = not resting and v + currents[cycle] >= 64
        if fires:
            expected["refractory: fires again as soon as it may"] += gap == 3
        gap = 0 if fires else None if gap is None else gap + 1
        v = 0 if fires else v if resting else v + int(currents[cycle])
        resting = 3 if fires else max(0, resting - 1)
    found = counts(whole)
    assert expected == {key: found[key] for key in expected}
    assert expected["reset: while resting"] > 0
    assert expected["refractory: fires again as soon as it may"] > 0
    assert {key for key in found if key.startswith(("reset: w", "reset: f", "enable"))} >= {
        key for key in expected if key.startswith(("reset", "enable"))
    }
    assert counts(run(iter(lambda: rng.randint(1, 9), None))) == found


# --- what is refused ----------------------------------------------------------------------------


def test_a_core_takes_no_steps_of_a_lone_neuron() -> None:
    coverage = Coverage(random_design(random.Random(1)))
    with pytest.raises(FxlifError, match="must be of a lone neuron"):
        coverage.take_neuron(np.zeros(0), np.zeros(0), None)  # type: ignore[arg-type]


def test_what_is_no_hardware_has_no_bins() -> None:
    with pytest.raises(FxlifError, match="accumulate"):
        Coverage(NeuronParams(accumulate="per_event"))


# --- waivers ------------------------------------------------------------------------------------

WAIVER = '[[waiver]]\ngroup = "v"\nname = "saturates up"\nreason = "no such input"\n'


def test_waivers_are_read(tmp_path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(WAIVER)
    known = [(b.group, b.name) for b in Coverage(NeuronParams()).bins]
    assert read_waivers(file, known) == {("v", "saturates up"): "no such input"}


@pytest.mark.parametrize(("text", "key", "allowed"), [
    (WAIVER.replace("saturates", "melts"), "waiver[0]", "a bin of the design"),
    (WAIVER * 2, "waiver[1]", "a bin that no other waiver names"),
    (WAIVER.replace("no such input", " "), "waiver[0].reason", "text"),
    (WAIVER.replace("reason", "why"), "waiver[0]", "a table of group, name, reason"),
    (WAIVER.replace('"v"', "5"), "waiver[0].group", "text"),
    ("waiver = 3", "", "tables [[waiver]]"),
    (WAIVER + "[other]", "", "tables [[waiver]]"),
    ("[[waiver", "", ""),
])  # fmt: skip
def test_a_wrong_waiver_is_refused(text: str, key: str, allowed: str, tmp_path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text)
    known = [(b.group, b.name) for b in Coverage(NeuronParams()).bins]
    with pytest.raises(FxlifError) as caught:
        read_waivers(file, known)
    assert caught.value.key == (f"{file}: {key}" if key else str(file))
    assert caught.value.allowed == allowed
    with pytest.raises(FxlifError, match="cannot be read"):
        read_waivers(tmp_path / "absent.toml", known)


def test_a_waived_bin_is_not_missing() -> None:
    coverage = Coverage(NeuronParams())
    missing = {(b.group, b.name) for b in coverage.missing}
    key = ("v", "saturates up")
    assert key in missing
    coverage.waivers = {key: "no such input"}
    assert {(b.group, b.name) for b in coverage.missing} == missing - {key}
    (waived,) = [b for b in coverage.bins if b.waived]
    assert (waived.group, waived.name, waived.waiver) == (*key, "no such input")


# --- reachability -------------------------------------------------------------------------------


@pytest.fixture
def z3():
    return pytest.importorskip("z3")


@pytest.mark.parametrize("seed", range(9 if LONG else 3))
def test_what_is_called_unreachable_is_never_hit(seed: int, z3) -> None:
    params = chain(seed) if seed % 4 == 0 else random_design(random.Random(seed))
    judged, ran = Coverage(params), Coverage(params)
    prove_unreachable(judged, seconds=1)
    ran.take(*drive(ran.cores, seed, 6000))
    verdicts = {(b.group, b.name): b for b in judged.bins}
    for each in ran.bins:
        if each.count:
            assert verdicts[each.group, each.name].reachable is not False
    unreachable = [b for b in verdicts.values() if b.reachable is False]
    assert all(b.why and b.why != NOT_SHOWN for b in unreachable)


def test_digits_reasons(z3) -> None:
    coverage = Coverage(load(DESIGN))
    prove_unreachable(coverage)
    why = {f"{b.group}: {b.name}": b for b in coverage.bins}
    up = why["core[0].v: saturates up"]
    assert up.reachable is False
    assert "v in -32768..255 with a current in -8192..8191" in up.why
    assert why["core[0].leak: dead zone: changes nothing, x < 0"].reachable is False
    assert why["core[0].reset: leaves v at its threshold or above"].reachable is False
    assert why["core[0].v: wraps up"].why == "overflow = saturate"
    assert why["core[1].events: accumulator saturates up"].reachable is False
    assert "every address of 6 bits" in why["events_in: dropped: unknown address"].why
    assert why["core[0].v: saturates down"].reachable is None
    assert why["core[0].threshold: u equal"].reachable is None


def every_step(neuron: NeuronParams, threshold: int, currents: np.ndarray):
    """Every step from every reachable state with each of the currents, walked through."""
    fresh = np.array(initial_state(neuron, 1))
    seen: set[tuple[int, ...]] = set()
    while fresh.size:
        seen |= set(map(tuple, fresh.T.tolist()))
        before = NeuronState(*np.repeat(fresh, len(currents), axis=1))
        current = np.tile(currents, fresh.shape[1])
        after, _ = step(neuron, before, current, threshold)
        yield StepValues(neuron, before, current, np.full(len(current), threshold))
        table = np.array(after)
        packed = sum(part << 16 * k for k, part in enumerate(table))  # one number a state
        made = table[:, np.unique(packed, return_index=True)[1]]
        fresh = made[:, [tuple(state) not in seen for state in made.T.tolist()]]


def any_sums(weights: np.ndarray, low: int, high: int) -> np.ndarray:
    """What any events, however many, add up to in an accumulator of low..high."""
    seen, fresh = set(), {0}
    while fresh:
        seen |= fresh
        fresh = {min(high, max(low, n + int(w))) for n in fresh for w in weights} - seen
    return np.array(sorted(seen))


def test_what_is_proved_holds_in_every_step(z3) -> None:
    """Where all steps can be walked through, that is the truth; a proof must not differ."""
    proved = unproved = walked = 0
    # Four whose proofs take less than two seconds: a linear, a decaying, a scaled leak and none.
    seeds = count(1) if LONG else (11, 25, 29, 31)
    drawn = (random_design(random.Random(seed)) for seed in seeds)
    # All states of more bits than these would take minutes to walk through.
    few = (core for core in drawn if sum(core.neuron.state_widths.values()) <= 10)
    for core in islice(few, 4):
        walked += 1
        asked = Coverage(core)
        prove_unreachable(asked, seconds=20)
        bins = {b.key: b for b in neuron_bins(core.neuron) if not b.impossible}
        hit = set()
        low, high = oracle.accumulator_limits(core)
        for threshold, weights in {(t, tuple(w)) for t, w in zip(
            core.thresholds, core.weights.T.tolist(), strict=True
        )}:  # fmt: skip
            sums = any_sums(np.array(weights), low, high)
            currents = (sums << core.weight_shift) + core.neuron.bias
            for values in every_step(core.neuron, threshold, currents):
                hit |= {key for key in bins.keys() - hit if bins[key].hit(values).any()}
        assert hit
        judged = {(b.group, b.name): b for b in asked.bins}
        proofs = {key for key in bins if judged[key].reachable is False}
        assert proofs & hit == set()
        assert all("proved by" in judged[key].why for key in proofs)
        proved += len(proofs)
        unproved += len(bins.keys() - hit - proofs)
    assert walked == 4
    assert proved > 10
    assert unproved < proved / 3, "intervals are coarse, but not that coarse"


def test_draws_wider_than_the_step(z3) -> None:
    """A step takes the lowest bits of its draw; no condition on the whole may rule all out."""
    neuron = NeuronParams(state_bits=6, threshold_bits=6, v_threshold=20, current_bits=6,
                          leak={"kind": "shift", "shift": 2, "rounding": "stochastic"},
                          lfsr={"bits": 29, "taps": (29, 27)})  # fmt: skip
    coverage = Coverage(neuron)
    prove_unreachable(coverage)
    assert coverage.reachable(fires_key())[0] is not False


def test_a_silent_core_reaches_no_spike(z3) -> None:
    """What cannot fire takes everything with it that needs spikes, in the core after it too."""
    deaf = CoreParams(n_inputs=2, n_neurons=2, weights=[[1, 1], [2, 2]],
                      neuron=NeuronParams(v_threshold=30000, leak=SHIFT))  # fmt: skip
    after = CoreParams(n_inputs=2, n_neurons=1, weights=[[100], [100]])
    coverage = Coverage(NetworkParams(name="deaf", core=(deaf, after)))
    prove_unreachable(coverage)
    why = {f"{b.group}: {b.name}": b for b in coverage.bins}
    for name in (
        "core[0].threshold: fires", "core[0].spikes: of the last neuron",
        "core[0].reset: while emitting spike", "core[1].events: of the last input",
        "core[1].current: above 0", "core[1].threshold: fires", "events_out: back to back",
        "core[1].control: integrates during an update", "core[1].reset: while adding",
    ):  # fmt: skip
        assert why[name].reachable is False, name
    assert "core[0].threshold: fires" in why["core[0].reset: while emitting spike"].why
    assert "every address of 1 bit" in why["events_in: back to back"].why
    for name in ("core[0].reset: while emitting tick", "core[1].reset: while updating"):
        assert why[name].reachable is None


def test_an_interval_is_proved_not_believed(z3, monkeypatch) -> None:
    """Where the solver has no answer, nothing is known but the range of the variable."""
    core = CoreParams(n_inputs=1, n_neurons=1, weights=[[7]], max_events_per_input=3)
    neurons = Neurons.of_core(core)
    assert invariant(SymbolicStep(neurons, time.monotonic() + 20)) == {"v": (0, 63)}
    assert invariant(SymbolicStep(neurons, time.monotonic())) == {"v": core.neuron.state_range}
    monkeypatch.setattr(invariant_module, "_widened", lambda neurons, bounds, name, v: (v, v))
    low, high = invariant(SymbolicStep(neurons, time.monotonic() + 0.5))["v"]
    assert low <= 0
    assert high >= 63


@pytest.mark.parametrize(
    ("rest", "possible"), [((0, "clamp"), False), ((1, "clamp"), False), ((1, "mask"), True)]
)
def test_two_spikes_in_a_row(rest: tuple[int, str], possible: bool, z3) -> None:
    """A spike leaves v so low that no single input reaches the threshold; two do, where v moves
    while the neuron rests."""
    neuron = NeuronParams(**SMALL | NONE, v_threshold=100, v_reset=-128, refractory=rest[0],
                          refractory_mode=rest[1], synapse={"kind": "delta"})  # fmt: skip
    core = CoreParams(n_inputs=1, n_neurons=1, weights=[[50]], neuron=neuron,
                      max_events_per_input=2)  # fmt: skip
    coverage = Coverage(core)
    prove_unreachable(coverage)
    found = {(b.group, b.name): b.reachable for b in coverage.bins}
    assert found[fires_key()] is not False
    assert (found[again_key()] is not False) == possible


def test_every_bin_of_the_digits_is_hit_or_has_a_reason(z3) -> None:
    """Random stimulus, then steps aimed at what it does not reach."""
    coverage = Coverage(load(DESIGN), counts=False)
    cores = coverage.cores
    source, driver = RandomStimulus(cores[0], 1), Driver(cores[0].in_address_bits)
    model = CycleModel(cores, engine="compiled")

    def run(flags: np.ndarray) -> None:
        block = model.drive(driver, flags)
        coverage.take(CycleInputs.of(block.inputs), model.outputs(block))

    for _ in range(24):
        driver.refill(source.events(1 << 15))
        run(source.flags(1 << 15))
    prove_unreachable(coverage)
    left = {f"{b.group}: {b.name}" for b in coverage.missing}
    assert "core[1].v: saturates down" in left
    driver.refill(aimed_events(load(DESIGN)))
    while driver.left:
        run(np.zeros(1 << 14, dtype=np.uint8))
    assert coverage.missing == ()


def test_aimed_events_push_as_they_say() -> None:
    first, second = load(DESIGN).core
    for neuron in (0, 7):
        down = push(first, neuron, up=False)
        assert not down[first.weights[:, neuron] >= 0].any()
        assert down @ first.weights[:, neuron] < -(1 << 11)
    counts = push_through(first, second, 7, up=False)
    fires = counts @ first.weights >= np.array(first.thresholds)
    assert second.weights[fires, 7].sum() < -(1 << 11)
    up = push_through(first, second, 7, up=True)
    assert second.weights[up @ first.weights >= np.array(first.thresholds), 7].sum() > 256
