"""Designs and small helpers that more than one test takes."""

from __future__ import annotations

import os
import re
import shutil
from typing import NamedTuple

import numpy as np
import pytest
import typer

from fxlif import (
    CoreParams,
    Dense,
    EventSource,
    FxlifError,
    NetworkParams,
    NeuronParams,
    Population,
    Projection,
    RegularSource,
)
from fxlif.network.events import TICK
from fxlif.params.neuron import Adaptation, ExponentialSynapse
from fxlif.sim.bench.agents import StreamDriver
from fxlif.sim.bench.scoreboard import Report
from fxlif.sim.stimulus.random import IDLE_AXIS, STALL_AXIS, held_back, random_events, resets
from fxlif.sim.tools.simulators import Results

#: Of what tests draw: fixed, or FXLIF_SEED, see conftest.
SEED = int(os.environ.get("FXLIF_SEED", "20250"))
#: Whether this is the long run, ``.ci/long``: what it tries in full the default run tries in short.
LONG = "FXLIF_SEED" in os.environ


def examples(count: int) -> int:
    """How many examples hypothesis tries: ``count``, and ten times as many in the long run."""
    return 10 * count if LONG else count


RICH = NeuronParams(
    leak={"kind": "shift", "shift": 3, "rounding": "nearest_even", "minimum_step": 1},
    v_leak=-7,
    v_threshold=90,
    v_reset=-20,
    v_floor=-150,
    reset="subtract",
    refractory=3,
    refractory_mode="mask",
    synapse={"kind": "exponential", "leak": {"kind": "scale", "factor": 11, "shift": 4}},
    adaptation={"increment": 9},
    bias=2,
    state_bits=9,
    current_bits=8,
)


def make(n_inputs: int, n_neurons: int, lanes: int, neuron: NeuronParams, **more) -> CoreParams:
    """A core with random weights, a little more exciting than inhibiting."""
    draw = np.random.default_rng(n_inputs * 1000 + n_neurons)
    weights = draw.integers(-50, 80, (n_inputs, n_neurons))
    return CoreParams(
        n_inputs=n_inputs, n_neurons=n_neurons, lanes=lanes, neuron=neuron, weights=weights, **more
    )


SIMPLE = NeuronParams(v_threshold=120, state_bits=10)
#: With every variable of a state.
STATEFUL = NeuronParams(
    v_threshold=60,
    state_bits=10,
    refractory=2,
    adaptation={"increment": 5},
    synapse={"kind": "exponential", "leak": {"kind": "shift", "shift": 2}},
)
#: 5 inputs in 4 address bits, so that there are unknown addresses; two cores.
ON_A_BUS = NetworkParams.chain(
    make(5, 6, 2, SIMPLE, input_address_bits=4, writable=("weights", "thresholds")),
    make(6, 7, 4, STATEFUL, writable=("weights",), readable=True),
)
OFTEN = NeuronParams(v_threshold=8, reset="subtract", max_spikes_per_step=31, state_bits=9)
# The bias alone makes it fire, in lanes that only fill up a word too.
ROUNDS = NeuronParams(
    leak={"kind": "shift", "shift": 3, "rounding": "stochastic"},
    v_threshold=120,
    state_bits=10,
    bias=60,
    lfsr={"bits": 9, "taps": (9, 5), "seed": 77},
)


CORES = {
    "one neuron": make(1, 1, 1, NeuronParams(v_threshold=60)),
    "one word": make(3, 4, 4, SIMPLE),
    "two words": make(5, 4, 2, SIMPLE, max_events_per_input=2),
    "a lane to spare": make(11, 10, 4, SIMPLE, input_address_bits=5),
    "one lane": make(16, 9, 1, NeuronParams(v_threshold=120, refractory=2, overflow="wrap",
                                            state_bits=8)),
    "all options": make(6, 7, 3, RICH, v_thresholds=(90, 40, 60, 80, 100, 20, 70), weight_shift=1,
                        max_events_per_input=2),
    "counts of spikes": make(5, 7, 3, OFTEN, input_address_bits=3),
    "random rounding": make(6, 10, 4, ROUNDS, weight_shift=1),
}  # fmt: skip


#: Events that act one by one: on v with a compare after each, on v, on i_syn. What acts before the
#: first event and behind the last, drawn numbers in both, and what is kept beside the state.
ONE_BY_ONE = {
    name: NeuronParams(**{"v_threshold": 60, "state_bits": 8, "threshold_bits": 8,
                          "accumulate": "per_event", **choices})
    for name, choices in {
        "fires on events": {"fire_on": "event", "order": ("integrate", "fire", "leak"),
                            "leak": {"kind": "linear", "step": 3}},
        "leaks, then fires on events": {
            "fire_on": "event", "leak": {"kind": "shift", "shift": 2, "rounding": "stochastic"},
            "bias": 9, "v_floor": -20, "reset": "subtract", "overflow": "saturate_symmetric",
        },
        "fires on events, wraps": {"fire_on": "event", "overflow": "wrap", "compare": "gt",
                                   "v_reset": -100},
        "events on v": {
            "order": ("integrate", "leak", "fire"), "v_floor": -30, "refractory": 2,
            "refractory_mode": "mask", "adaptation": {"increment": 5}, "bias": 3,
        },
        "events on v, reset at the leak": {
            "order": ("integrate", "fire", "leak"), "reset_at": "leak", "reset": "subtract",
            "v_floor": -3,
        },
        "events on v, random": {
            "leak": {"kind": "shift", "shift": 3, "rounding": "stochastic"},
            "adaptation": {"increment": 5, "leak": {"kind": "shift", "shift": 3,
                                                    "rounding": "stochastic"}},
        },
        "events on i_syn": {
            "synapse": {"kind": "exponential", "order": ("integrate", "leak", "act")},
            "current_bits": 7, "max_spikes_per_step": 31, "reset": "subtract", "v_threshold": 5,
        },
        "events on i_syn, acting first": {
            "synapse": {"kind": "exponential", "order": ("act", "leak", "integrate"),
                        "leak": {"kind": "scale", "factor": 11, "shift": 4,
                                 "rounding": "stochastic"}},
            "current_bits": 7, "refractory": 2, "bias": 3, "bias_at": "v",
            "refractory_mode": "rest", "leak": {"kind": "shift", "shift": 2,
                                                "rounding": "stochastic"}, "v_threshold": 20,
        },
    }.items()
}  # fmt: skip
#: The promise of one event of each input is broken by random stimulus: counts saturate.
EVENT_CORES = {
    name: make(*shape, neuron, input_address_bits=3, weight_shift=shift)
    for (name, neuron), shape, shift in zip(
        ONE_BY_ONE.items(),
        ((2, 7, 3), (3, 4, 4), (4, 13, 1), (5, 7, 3), (3, 13, 1), (5, 7, 3), (4, 4, 4), (5, 7, 3)),
        (0, 0, 0, 0, 0, 1, 0, 0),
        strict=True,
    )
}


def random_driver(core: CoreParams, interface, seed: int, *, idle=True, stall=True, reset=True):
    return StreamDriver(
        interface,
        random_events(core, seed),
        idle=held_back(seed, IDLE_AXIS) if idle else (),
        stall=held_back(seed, STALL_AXIS) if stall else (),
        reset=resets(seed, 64) if reset else (),
    )


#: For short runs: Icarus takes no time to build.
QUICK = "icarus" if shutil.which("iverilog") else "verilator"
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is optional")
SIMULATORS = ["verilator", pytest.param("icarus", marks=needs_icarus)]


def random_inputs(core: CoreParams, cycles: int, seed: int) -> dict[str, np.ndarray]:
    """Inputs that keep no protocol: the model must stand anything."""
    draw = np.random.default_rng(seed)
    return {
        "rst": draw.random(cycles) < 0.002,
        "in_valid": draw.random(cycles) < 0.7,
        "in_address": draw.integers(0, 1 << core.in_address_bits, cycles),
        "in_tick": draw.random(cycles) < 0.2,
        "out_ready": draw.random(cycles) < 0.6,
    }


def flat(outputs) -> dict[str, np.ndarray]:
    arrays = {name: getattr(outputs, name)
              for name in ("in_ready", "out_valid", "out_address", "out_tick")}  # fmt: skip
    for k, trace in enumerate(outputs.cores):
        for name in ("valid", "index", "spike", "dropped", "saturated"):
            arrays[f"{k}.{name}"] = getattr(trace, name)
        for name, values in trace.state.items():
            arrays[f"{k}.{name}"] = values
    return arrays


PASSED = Results(passed=1, failed=0, skipped=0, message="")


FINE = Report(cycles=10, comparisons=40, spikes=1)


def swap(pattern: str, by: str):
    """An edit of the Verilog that must change something."""

    def edit(text: str) -> str:
        changed, count = re.subn(pattern, by, text)
        assert count > 0, pattern
        return changed

    return edit


#: The threshold compared with the wrong operator.
COMPARE = r"(assign \w+ = \$signed\((?:narrow|floor)\w*\)) >= "
FAULT = swap(COMPARE, r"\1 > ")


def message(call, *args, **kwargs):
    """The one line of the FxlifError that the call raises."""
    with pytest.raises(FxlifError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def mistake(self):
        """The one line about the mistake, once nothing else was said but what goes on."""
        *notes, line = self.err.splitlines()
        assert all(re.fullmatch(r"fxlif: .* \.\.\.", note) for note in notes), self.err
        assert line.startswith("fxlif: ")
        assert (self.code, self.out) == (2, "")
        return line.removeprefix("fxlif: ")

    @property
    def refusal(self):
        """As :attr:`mistake`, of a mistake that is found before any work begins."""
        assert len(self.err.splitlines()) == 1, self.err
        return self.mistake


def contents(folder):
    """Everything below a folder, with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


EVENTS = [0, 1, 2, TICK, 0, 3, TICK, TICK, 2, 1, 1, TICK, 0, TICK]


TINY = {
    "name": "tiny",
    "core": [
        {
            "n_inputs": 3,
            "n_neurons": 5,
            "lanes": 2,
            "weights": [[9, -2, 3, 4, 5], [-6, 7, 8, 9, -1], [1, 9, -8, 1, 9]],
            "v_thresholds": [8, 9, 10, 11, 12],
        },
        {
            "n_inputs": 5,
            "n_neurons": 2,
            "weights": [[9, 1], [1, 9], [5, 5], [-3, 4], [4, -3]],
            "neuron": {"v_threshold": 12},
        },
    ],
}
EVENTS = [
    0,
    1,
    2,
    TICK,
    0,
    3,
    TICK,
    TICK,
    2,
    1,
    1,
    TICK,
    0,
    TICK,
]


ADAPTIVE = NeuronParams(
    v_threshold=48,
    v_reset=-60,
    refractory=3,
    bias=-9,
    synapse=ExponentialSynapse(),
    adaptation=Adaptation(increment=20),
    state_bits=12,
    weight_bits=5,
    threshold_bits=9,
    threshold_shift=4,
    current_bits=20,
    theta_bits=7,
)


#: 7 neurons on 3 lanes: two lanes of the last word are only fillers.
UNEVEN = CoreParams(
    n_inputs=5,
    n_neurons=7,
    lanes=3,
    neuron=ADAPTIVE,
    weights=[[(7 * i + 3 * j) % 32 - 16 for j in range(7)] for i in range(5)],
    v_thresholds=[-4096, 4080, -16, 0, 16, 32, -48],
    input_address_bits=6,
)


def writable(network: NetworkParams) -> NetworkParams:
    """The same network, of which all can be written that can be."""
    populations = []
    for each in network.population:
        names = ("weights", "thresholds")[: 1 if each.neuron.max_spikes_per_step > 1 else 2]
        populations.append(each.model_copy(update={"writable": names}))
    return network.model_copy(update={"population": tuple(populations)})


def looped() -> NetworkParams:
    """A small network with all that a chain does not have: two event sources and a regular one,
    delays forward and backward, recurrence, parallel projections, two outputs, lanes to spare."""
    draw = np.random.default_rng(15)

    def some(n_pre: int, n_post: int, share: float) -> np.ndarray:
        there = draw.random((n_pre, n_post)) < share
        return np.where(there, draw.integers(-30, 50, (n_pre, n_post)), 0)

    few = NeuronParams(v_threshold=60, refractory=1, state_bits=10)
    return NetworkParams(
        name="looped",
        source=[
            EventSource("touch", 3, max_events_per_input=2),
            EventSource("light", 2),
            RegularSource("clock", 3, interval=3, phases=(0, 2, 2)),
        ],
        population=[
            Population("late", 4, few, lanes=3),
            Population("early", 7, few, lanes=2, v_thresholds=(60, 30, 50, 60, 20, 90, 40)),
        ],
        projection=[
            Projection("touch", "early", Dense(some(3, 7, 1.0)), delay=0, weight_shift=1),
            Projection("light", "early", Dense(some(2, 7, 0.6)), delay=(0, 3)),
            Projection("early", "early", Dense(some(7, 7, 0.5)), delay=(1, 5), delay_seed=2),
            Projection("early", "late", Dense(some(7, 4, 1.0)), delay=0),
            Projection("early", "late", Dense(some(7, 4, 0.3)), delay=2, weight_shift=1),
            Projection("late", "early", Dense(some(4, 7, 0.7)), delay=(1, 2)),
            Projection("clock", "late", Dense(some(3, 4, 1.0)), delay=1),
        ],
        outputs=["early", "late"],
    )  # fmt: skip


def commands_of(app) -> dict:
    """Every command of the command line by its words; those of groups have two."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        inside = getattr(command, "commands", {"": command})
        found |= {f"{name} {word}".strip(): each for word, each in inside.items()}
    return found


def event_loop(neuron: NeuronParams, weight_shift: int = 0) -> NetworkParams:
    """Two populations of a neuron that takes its events one by one: recurrence, feedback, two
    populations and sources into one, two outputs, lanes to spare."""
    draw = np.random.default_rng(4)

    def joined(source: str, target: str, n_pre: int, n_post: int, delay: int = 0) -> Projection:
        weights = Dense(draw.integers(-4, 8, (n_pre, n_post)))
        return Projection(source, target, weights, delay=delay, weight_shift=weight_shift)

    return NetworkParams(
        name="event_loop",
        source=[EventSource("input", 6, max_events_per_input=4),
                RegularSource("clock", 3, interval=2, phases=(0, 1, 1))],
        population=[Population("cells", 9, neuron, lanes=2),
                    Population("after", 4, neuron, lanes=3)],
        projection=[
            joined("cells", "cells", 9, 9, 1), joined("after", "cells", 4, 9, 1),
            joined("input", "cells", 6, 9), joined("clock", "cells", 3, 9),
            joined("input", "after", 6, 4), joined("cells", "after", 9, 4),
        ],
        outputs=["cells", "after"],
    )  # fmt: skip
