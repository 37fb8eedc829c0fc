"""The golden step of one neuron (`docs/rule.md#step`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..params.neuron import NeuronParams
from . import arithmetic
from .arithmetic import Number, where


class NeuronState(NamedTuple):
    """State variables: ints or int64 arrays. Those that a neuron does not have stay 0."""

    v: Number
    i_syn: Number
    theta: Number
    refractory: Number


def initial_state(neuron: NeuronParams, n: int) -> NeuronState:
    """The state after reset of ``n`` neurons: v at v_reset, everything else 0. Arrays (n,)."""
    zeros = np.zeros(n, dtype=np.int64)
    return NeuronState(zeros + neuron.v_reset, zeros, zeros.copy(), zeros.copy())


def step(
    neuron: NeuronParams,
    state: NeuronState,
    current: Number,
    v_threshold: Number,
    random: Number = 0,
) -> tuple[NeuronState, Number]:
    """One time step of the rule (docs/rule.md#step): (new state, whether it fires).

    ``current`` is the exact input of the step with the bias added; ``v_threshold`` the stored
    threshold, without theta; ``random`` the draw of each neuron (:mod:`fxlif.rule.lfsr`), which
    only stochastic rounding reads. Pure: works elementwise on ints or int64 arrays alike.
    """
    i = arithmetic.synapse(neuron, state.i_syn, current, random)
    u = arithmetic.integrate(neuron, state.v, i, random)
    threshold = v_threshold + state.theta
    fire = arithmetic.reaches(neuron, u, threshold)
    refractory = state.refractory
    held = u
    if neuron.refractory:
        resting = state.refractory > 0
        fire = where(resting, False, fire)
        if neuron.refractory_mode == "clamp":
            held = where(resting, state.v, u)
        refractory = where(
            fire, neuron.refractory, where(resting, state.refractory - 1, state.refractory)
        )
    theta = state.theta
    if neuron.adaptation is not None:
        theta = arithmetic.adapt(neuron.adaptation, neuron.theta_max, state.theta, fire, random)
    v = where(fire, arithmetic.reset(neuron, u, threshold), held)
    i_syn = state.i_syn if neuron.synapse_leak is None else i
    return NeuronState(v, i_syn, theta, refractory), fire
