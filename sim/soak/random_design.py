"""Cores drawn at random over all parameters, small, and such that neurons fire."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np

from ...errors import FxlifError, FxlifWarning
from ...hdl.limits import supported
from ...params.base import ROUNDINGS
from ...params.combinations import RULE_ORDER, combinations
from ...params.core import CoreParams, address_bits
from ...params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    Lfsr,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    ScaleLeak,
    ShiftLeak,
)
from ...params.neuron import (
    MAX_SPIKES,
    SYNAPSE_ORDER,
    Adaptation,
    DeltaSynapse,
    ExponentialSynapse,
    NeuronParams,
)
from ...params.quantise import signed_range
from ...rule.lfsr import draws
from ...rule.step import initial_state, step

OVERFLOWS = ("saturate", "saturate_symmetric", "wrap")
#: Steps in which a drawn neuron must fire, and how often one is drawn again.
TRIAL, TRIES = 64, 1000


def random_leak(rng: random.Random) -> Leak:
    """Any leak that the hardware knows; small shifts are frequent."""
    how: dict[str, Any] = {
        "rounding": rng.choice(ROUNDINGS),
        "minimum_step": rng.randrange(2),
    }
    kind = rng.choice(("none", "shift", "shift", "multi_shift", "scale", "linear", "constant"))
    if kind == "none":
        return NoLeak()
    if kind == "shift":
        return ShiftLeak(shift=rng.randrange(8), **how)
    if kind == "multi_shift":
        shifts = tuple(rng.randrange(7) for _ in range(rng.randint(1, 3)))
        return MultiShiftLeak(
            shifts=shifts, signs=tuple(rng.choice((-1, 1)) for _ in shifts), **how
        )
    if kind == "scale":
        shift = rng.randrange(13)
        scaling = rng.choice((ScaleLeak, DecayLeak))
        return scaling(factor=rng.randint(0, 1 << shift), shift=shift, **how)
    if kind == "constant":
        return ConstantLeak(step=rng.choice((-5, -1, 1, 3)))
    return LinearLeak(step=rng.choice((0, 1, 2, 5, 30)))


def random_lfsr(rng: random.Random) -> Lfsr:
    """Any register that is wide enough for every leak of :func:`random_leak`."""
    bits = rng.randint(12, 32)
    taps = (bits, *rng.sample(range(1, bits), rng.randint(1, 3)))
    return Lfsr(bits=bits, taps=taps, seed=rng.randrange(1, 1 << bits))


def _order(rng: random.Random, names: tuple[str, ...]) -> tuple[str, ...]:
    """These names as they stand, or in any order."""
    return rng.choice((names, tuple(rng.sample(names, len(names)))))


def random_neuron(rng: random.Random) -> NeuronParams:
    """Any neuron that the hardware knows; whether it ever fires is another matter."""
    state_bits = rng.choice((5, 6, 7, 8, 10, 12, 16, 24))
    low, high = signed_range(state_bits)
    theta_bits = rng.randint(4, 10)
    threshold_shift = rng.choice((0, 0, 0, 1, 3))
    threshold_bits = rng.randint(max(4, state_bits - threshold_shift), 24)
    top = min(high, signed_range(threshold_bits)[1] << threshold_shift)
    threshold = rng.randint(max(1, top // 16), max(2, top // 2))
    several = rng.choice((1, 1, 1, rng.randint(1, MAX_SPIKES)))

    def potential(most: int) -> int:
        return rng.choice((0, rng.randint(max(low, -most), min(high, most))))

    choices: dict[str, Any] = {
        "leak": random_leak(rng),
        "v_leak": potential(threshold // 2),
        "v_threshold": max(1, threshold >> threshold_shift) << threshold_shift,
        "v_reset": potential(threshold),
        "v_floor": rng.choice((None, rng.randint(low, 0))),
        "negative_threshold": rng.choice((None, None, rng.randint(low, 0))),
        "negative_reset": rng.choice(("floor", "mirror", "subtract")),
        "compare": rng.choice(("ge", "gt")),
        "reset": "subtract" if several > 1 else rng.choice(("to_value", "subtract")),
        "reset_at": rng.choice(("compare", "compare", "compare", "leak", "next_step")),
        "max_spikes_per_step": several,
        "overflow": rng.choice(OVERFLOWS),
        "overflow_i_syn": rng.choice((None, *OVERFLOWS)),
        "overflow_change": rng.random() < 0.2,
        "refractory": rng.choice((0, 0, 1, 2, 3, 7, rng.randrange(256))),
        "refractory_mode": rng.choice(("clamp", "mask", "rest", "leak")),
        "refractory_count": rng.choice(("after", "before")),
        "synapse": rng.choice((DeltaSynapse(), ExponentialSynapse(
            leak=random_leak(rng), order=_order(rng, SYNAPSE_ORDER),
        ))),
        "adaptation": rng.choice((None, Adaptation(
            increment=rng.randint(0, min(threshold, (1 << theta_bits) - 1)), leak=random_leak(rng),
        ))),
        "order": _order(rng, RULE_ORDER),
        "bias": rng.choice((0, 0, rng.randint(-threshold // 4, threshold // 4))),
        "bias_at": rng.choice(("current", "v")),
        "state_bits": state_bits,
        "weight_bits": rng.randint(3, 10),
        "threshold_bits": threshold_bits,
        "threshold_shift": threshold_shift,
        "current_bits": rng.choice((state_bits, max(4, state_bits - 2), 12)),
        "theta_bits": theta_bits,
        "lfsr": random_lfsr(rng),
    }  # fmt: skip
    # Of choices that mean nothing together, those go that the rule's page names.
    while wrong := {
        mistake.key for mistake in combinations(NeuronParams.model_construct(**choices))
    }:
        choices = {name: value for name, value in choices.items() if name not in wrong}
    # Whoever draws a reset above the threshold means it.
    with warnings.catch_warnings(action="ignore", category=FxlifWarning):
        return NeuronParams(**choices)


def random_design(rng: random.Random, *, max_inputs: int = 12, max_neurons: int = 12) -> CoreParams:
    """A core that the hardware supports, of which some neuron fires within 64 steps of random
    input. The same ``rng`` state gives the same core."""
    for _ in range(TRIES):
        try:
            core = any_core(rng, max_inputs, max_neurons)
        except FxlifError:
            continue  # parts that do not fit together
        supported(core)
        if _fires(core, rng):
            return core
    raise FxlifError(f"random_design: none of {TRIES} cores that were drawn fires")


def any_core(
    rng: random.Random, max_inputs: int, max_neurons: int, *, min_inputs: int = 1
) -> CoreParams:
    """A core that may have no hardware, and of which none may fire.

    Raises:
        FxlifError: what was drawn does not fit together.
    """
    neuron = random_neuron(rng)
    n_inputs, n_neurons = rng.randint(min_inputs, max_inputs), rng.randint(1, max_neurons)
    low, high = signed_range(neuron.weight_bits)
    # A few events together reach the threshold, some strongly enough to pass the state's ends.
    reach = max(2, min(high, neuron.v_threshold * rng.choice((1, 2, 8)) // 2))
    weights = [
        [rng.randint(max(low, -reach * 2 // 3), reach) for _ in range(n_neurons)]
        for _ in range(n_inputs)
    ]
    thresholds = None
    if rng.randrange(2):
        unit = 1 << neuron.threshold_shift
        most = max(1, neuron.v_threshold // unit)
        thresholds = tuple(rng.randint(max(1, most // 2), most) * unit for _ in range(n_neurons))
    needed = address_bits(n_inputs)
    return CoreParams(
        n_inputs=n_inputs, n_neurons=n_neurons, neuron=neuron, weights=weights,
        weight_shift=rng.choice((0, 0, 1, 2)), v_thresholds=thresholds,
        max_events_per_input=rng.choice((1, 1, 2, 5)),
        lanes=rng.randint(1, n_neurons),
        input_address_bits=rng.choice((None, needed, needed + 1, needed + 3)),
    )  # fmt: skip


def _fires(core: CoreParams, rng: random.Random) -> bool:
    """Whether any neuron fires when each in turn is excited."""
    draw = np.random.default_rng(rng.getrandbits(64))
    state, drawn = initial_state(core.neuron, core.n_neurons), core.neuron.lfsr.seed
    thresholds = np.array(core.thresholds)
    for number in range(TRIAL):
        exciting = core.weights[:, number % core.n_neurons] > 0
        sent = exciting & (draw.random(core.n_inputs) < 0.8)
        total = core.weights[sent].sum(axis=0) * core.max_events_per_input
        current = (total << core.weight_shift) + core.neuron.bias
        given, drawn = draws(core.neuron.lfsr, drawn, core.n_neurons)
        state, fire = step(core.neuron, state, current, thresholds, given)
        if fire.any():
            return True
    return False
