"""How wide the state must be so that nothing overflows, proved from the weights.

A leak leaves a * x, rounded, of x: off by at most e (:func:`~fxlif.quantise.leak.roundings`). With
inputs from ``low`` to ``high`` a variable that starts between the ends below stays between them::

    a * end + e + high <= end        for end = (e + high) / (1 - a), and likewise below

A compare gives a nearer end above: after a step v lies below the threshold, or where a reset has
put it. Both hold for each step from any such state, hence for every input and every length.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..params.leaks import Leak
from ..params.neuron import NeuronParams
from .leak import kept, roundings


class Range(NamedTuple):
    """Lowest and highest value of a variable; None where there is none."""

    low: int | None
    high: int | None


def resting_range(leak: Leak, low: int, high: int) -> Range:
    """Where a variable stays that leaks and then takes an input ``low``..``high`` in every step."""
    left, off = kept(leak), roundings(leak)
    low, high = min(low, 0), max(high, 0)
    if left == 1:
        return Range(None if low or off else 0, None if high or off else 0)
    return Range(math.floor((low - off) / (1 - left)), math.ceil((high + off) / (1 - left)))


def current_range(neuron: NeuronParams, low: int, high: int) -> Range:
    """The range of what is added to v in a step, and with an exponential synapse that of ``i_syn``,
    of sums ``low``..``high``, a bias of the current included."""
    leak = neuron.synapse_leak
    return Range(low, high) if leak is None else resting_range(leak, low, high)


def offset_range(neuron: NeuronParams) -> Range:
    """The range of ``theta``, the offset of an adapting threshold."""
    if neuron.adaptation is None:
        return Range(0, 0)
    most = neuron.adaptation.increment * neuron.max_spikes_per_step
    return Range(0, resting_range(neuron.adaptation.leak, 0, most).high)


def potential_range(neuron: NeuronParams, acting: Range, thresholds: tuple[int, int]) -> Range:
    """The range of v, potentials counted from v_leak = 0, of which ``acting`` is added in a step.

    ``thresholds``: the lowest and the highest of the population, without ``theta``.
    """
    theta = offset_range(neuron).high
    subtracts = neuron.reset == "subtract"
    low, high = acting
    if low is None or high is None or theta is None or (subtracts and thresholds[0] <= 0):
        return Range(None, None)
    top = thresholds[1] + theta
    stays = resting_range(neuron.leak, low, high)
    return Range(
        _lowest(neuron, low, stays.low, top), _highest(neuron, high, stays.high, thresholds[0], top)
    )


def _lowest(neuron: NeuronParams, least: int, stays: int | None, top: int) -> int | None:
    late = neuron.reset_at != "compare"
    if neuron.v_floor is not None and not late:
        return min(neuron.v_floor, neuron.v_reset, 0)
    if stays is None:
        return None
    ends = [stays, neuron.v_reset]
    if late:
        # What a late reset leaves has not leaked yet, and takes the input of its step.
        ends.append(neuron.v_reset + min(least, 0))
    if neuron.reset_at == "leak" and neuron.reset == "subtract":
        lost = math.ceil((1 - kept(neuron.leak)) * top) + roundings(neuron.leak)
        ends.append(min(least, 0) - lost)
    return min(ends)


def _highest(
    neuron: NeuronParams, most: int, stays: int | None, bottom: int, top: int
) -> int | None:
    """The highest v that is compared: as the leak alone says, or as the compare before it does."""
    most = max(most, 0)
    ends = [] if stays is None else [max(stays, neuron.v_reset + most)]
    # What is subtracted leaves no more than the threshold if the input brings no more than that.
    falls = neuron.reset == "to_value" or most <= bottom * neuron.max_spikes_per_step
    if falls and neuron.reset_at == "compare" and neuron.refractory_mode != "mask":
        stored = max(top, neuron.v_reset, 0)
        leaked = math.ceil(stored * kept(neuron.leak)) + roundings(neuron.leak)
        ends.append(max(leaked + most, neuron.v_reset))
    return min(ends, default=None)
