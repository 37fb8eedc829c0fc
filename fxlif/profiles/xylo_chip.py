"""Xylo (SYNS61201), as the simulator xylosim computes its neurons."""

from __future__ import annotations

from ..arrays import integer
from ..params.leaks import ShiftLeak
from ..params.neuron import MAX_SPIKES, ExponentialSynapse, NeuronParams
from .profile import Limits, Profile, WeightFormat, flag, named_parameters


@named_parameters
def xylo(
    *,
    dash_mem: int = 4,
    dash_syn: int = 4,
    threshold: int = 1024,
    bias: int = 0,
    output: bool = False,
) -> Profile:
    """A hidden neuron of Xylo with one synaptic current, or an ``output`` one: one spike a step.

    By rockpool's names: ``dash_mem`` and ``dash_syn`` are the bit shifts of the decays of v and i:
    x - (x >> dash), and one less where that leaves a positive x as it is.

    Raises:
        FxlifError: a shift outside 0..15, a threshold outside 1..32767, a bias beyond 16 bits.
    """
    leaks = [
        ShiftLeak(shift=integer(key, shift, 0, 15), minimum_step=1)
        for key, shift in (("dash_mem", dash_mem), ("dash_syn", dash_syn))
    ]
    return Profile(
        name="xylo",
        neuron=NeuronParams(
            leak=leaks[0],
            synapse=ExponentialSynapse(leak=leaks[1], order=("integrate", "leak", "act")),
            v_threshold=integer("threshold", threshold, 1, (1 << 15) - 1),
            bias=integer("bias", bias, -(1 << 15), (1 << 15) - 1),
            bias_at="v",
            reset="subtract",
            max_spikes_per_step=1 if flag("output", output) else MAX_SPIKES,
            overflow_change=True,
            accumulate="per_event",
            state_bits=16,
            current_bits=16,
            weight_bits=8,
        ),
        weights=WeightFormat.signed(8),
        limits=Limits(neurons=8 if output else 1000, delays=(0, 1), weight_shifts=(0, 7)),
        free=("leak", "synapse", "v_threshold", "bias"),
        source="xylosim 0.1.3 (pip), run as it is; the neuron in src/v2/cpp",
        evidence="differential fuzz against xylosim, xylosim's sequences",
        notes=(
            "Input acts in its step, spikes of hidden neurons one step later.",
            "Input projections stand before recurrent ones: the order of arrival.",
            "Of an input channel the chip takes 15 spikes a step at most.",
            "With a bias xylosim saturates leak and current before the bias is added, fxlif once.",
            "A second synaptic current of hidden neurons and aliases are not covered.",
        ),
    )
