"""The golden step of one neuron (`docs/rule.md#step`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..params.neuron import NeuronParams
from . import arithmetic
from .arithmetic import Arrivals, Note, Number, untold, where


class NeuronState(NamedTuple):
    """State variables: ints or int64 arrays. Those that a neuron does not have stay 0."""

    v: Number
    i_syn: Number
    theta: Number
    refractory: Number


#: Of one neuron's state in arrays.
STATE_BYTES = 8 * len(NeuronState._fields)


def initial_state(neuron: NeuronParams, n: int) -> NeuronState:
    """The state after reset of ``n`` neurons: v at v_reset, everything else 0. Arrays (n,)."""
    zeros = np.zeros(n, dtype=np.int64)
    return NeuronState(zeros + neuron.v_reset, zeros, zeros.copy(), zeros.copy())


class _Input(NamedTuple):
    """What acts on v in a step, what is drawn and compared in it, and who is told of it."""

    i: Number
    arrivals: Arrivals
    threshold: Number
    random: Number
    note: Note


def step(
    neuron: NeuronParams,
    state: NeuronState,
    current: Number,
    v_threshold: Number,
    random: Number = 0,
    arrivals: Arrivals = (),
    note: Note = untold,
) -> tuple[NeuronState, Number]:
    """One time step of the rule (docs/rule.md#step): (new state, its spikes).

    ``current`` is the exact input of the step with the bias added; ``v_threshold`` the stored
    threshold, without theta; ``random`` the draw of each neuron (:mod:`fxlif.rule.lfsr`), which
    only stochastic rounding reads. ``arrivals`` are the events of neurons that accumulate per
    event: they are added, in order, before ``current``. The spikes are a truth value, or a number
    where the neuron ``counts_spikes``. Pure: works elementwise on ints or int64 arrays alike,
    arrivals on arrays only. ``note`` is told the values between: ``i`` of the synapse; v ``before
    leak`` and, exact, ``after leak``; the ``change`` of v that overflows by itself; ``u`` that is
    compared, and before its overflow ``exact u``; the spikes ``due`` where none rests; ``exact v``
    before the overflow behind the compare; of events that act on v the ``exact last event``; and
    those of :func:`~fxlif.rule.arithmetic.synapse`.
    """
    on_i_syn = () if neuron.sums_on_v else arrivals
    i, i_syn = arithmetic.synapse(neuron, state.i_syn, current, random, on_i_syn, note)
    note("i", i)
    if neuron.bias_past_synapse:
        i = i + neuron.bias_past_synapse
    threshold = v_threshold + state.theta
    given = _Input(i, arrivals if neuron.sums_on_v else (), threshold, random, note)
    spikes, u, v = _until_compare(neuron, state.v, given)
    note("u", u)
    note("due", spikes)
    refractory = state.refractory
    resting = None
    if neuron.refractory_bits:
        resting = refractory > 0
        spikes = where(resting, spikes - spikes if neuron.counts_spikes else False, spikes)
        v = where(resting, u, v)
        fired = spikes > 0 if neuron.counts_spikes else spikes
        left = where(resting, refractory - 1, refractory)
        refractory = where(fired, neuron.rest_steps, left)
    _, after = neuron.stages
    reset_now = spikes if neuron.reset_at == "leak" else None
    v = _advance(neuron, after, v, given, reset_now, "exact v")
    if resting is not None and neuron.refractory_mode != "mask":
        v = where(resting, arithmetic.at_rest(neuron, state.v, random), v)
    theta = arithmetic.adapt(neuron, state.theta, spikes, random)
    return NeuronState(v, i_syn, theta, refractory), spikes


def _until_compare(neuron: NeuronParams, v: Number, given: _Input) -> tuple[Number, Number, Number]:
    """(spikes, the potential that was compared, the potential after resets at the compare)."""
    before, _ = neuron.stages
    spiked = arithmetic.reaches(neuron, v, given.threshold) if neuron.resets_late else None
    if neuron.reset_at == "next_step":
        v, spiked = where(spiked, arithmetic.reset(neuron, v, given.threshold), v), None
    if neuron.fire_on == "event":
        u = _advance(neuron, before[:-1], v, given, None, "exact u")
        spikes, v = _receive(neuron, u, given)
        return spikes, v, v
    u = _advance(neuron, before, v, given, spiked, "exact u")
    spikes, v = arithmetic.fire(neuron, u, given.threshold)
    return spikes, u, v


def _advance(
    neuron: NeuronParams, stages: tuple[str, ...], v: Number, given: _Input, spiked: Any, name: str
) -> Number:
    """The potential after ``stages``, in its range; where it ``spiked`` the leak resets it too.

    What is brought into the range is told under a ``name``.
    """
    if not stages:
        return v
    exact = v
    for stage in stages:
        if stage == "leak":
            given.note("before leak", exact)
            exact = arithmetic.leak_v(neuron, exact, given.random)
            given.note("after leak", exact)
            if spiked is not None:
                reset = arithmetic.reset_exact(neuron, exact, given.threshold)
                exact = where(spiked, reset, exact)
            exact = arithmetic.narrow(neuron, exact) if neuron.sums_on_v else exact
        elif neuron.sums_on_v:
            _, exact = _receive(neuron, exact, given)
        else:
            exact = exact + given.i
    if neuron.overflow_change:
        given.note("change", exact - v)
    exact = arithmetic.change(neuron, v, exact)
    given.note(name, exact)
    return arithmetic.narrow(neuron, exact)


def _receive(neuron: NeuronParams, v: Number, given: _Input) -> tuple[Number, Number]:
    """(spikes, v) after all events of a step, one by one.

    Where events fire, a last input of 0 is none.
    """
    spikes = v - v
    for targets, added in given.arrivals:
        before, fired, threshold = arithmetic.taken(targets, v, spikes, given.threshold)
        spike, after = arithmetic.event(neuron, before, added, threshold)
        spikes = arithmetic.changed(targets, spikes, where(spike, fired + 1, fired))
        v = arithmetic.changed(targets, v, after)
    given.note("exact last event", v + given.i)
    spike, after = arithmetic.event(neuron, v, given.i, given.threshold)
    if neuron.fire_on == "step":
        return spikes, after
    nothing = given.i == 0
    return where(nothing, spikes, where(spike, spikes + 1, spikes)), where(nothing, v, after)
