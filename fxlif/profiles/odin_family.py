"""ODIN, tinyODIN and ReckOn: event-driven cores whose tick is an event of its own."""

from __future__ import annotations

from ..arrays import integer
from ..params.leaks import LinearLeak, ScaleLeak
from ..params.neuron import NeuronParams
from .profile import Limits, Profile, WeightFormat, flag, named_parameters

#: The events of a step come before its tick.
EVENTS_THEN_TICK = ("integrate", "fire", "leak")


@named_parameters
def tinyodin(*, param_leak_str: int = 0, param_thr: int = 100) -> Profile:
    """tinyODIN's neuron: 12 bits, threshold and reset after each event, leak at the tick.

    Raises:
        FxlifError: a leak outside 0..127, a threshold outside 1..2047.
    """
    return Profile(
        name="tinyodin",
        neuron=NeuronParams(
            leak=LinearLeak(step=integer("param_leak_str", param_leak_str, 0, 127)),
            v_threshold=integer("param_thr", param_thr, 1, 2047),
            threshold_bits=12,
            order=EVENTS_THEN_TICK,
            accumulate="per_event",
            fire_on="event",
            state_bits=12,
            weight_bits=4,
        ),
        weights=WeightFormat.signed(4),
        limits=Limits(neurons=256, fan_in=256, delays=(0, 1), weight_shifts=(0, 0)),
        source="github.com/ChFrenkel/tinyODIN, lif_neuron.v and neuron_core.v "
        "(Solderpad 2.1 or Apache 2.0)",
        evidence="vectors of its RTL, its own bench",
        notes=(
            "A neuron is updated in order of the addresses at once: the events of the closed loop "
            "act within the step, in fxlif one step later.",
            "Thresholds of 2048 and more never fire on the chip, 0 fires always: both are refused.",
        ),
    )


@named_parameters
def odin(*, param_leak_str: int = 0, param_leak_en: bool = True, param_thr: int = 100) -> Profile:
    """ODIN's LIF neuron: 8 bits unsigned, threshold and reset after each event, leak at the tick.

    Raises:
        FxlifError: a leak outside 0..127, a threshold outside 1..255.
    """
    leak = integer("param_leak_str", param_leak_str, 0, 127)
    return Profile(
        name="odin",
        neuron=NeuronParams(
            leak=LinearLeak(step=leak if flag("param_leak_en", param_leak_en) else 0),
            v_threshold=integer("param_thr", param_thr, 1, 255),
            v_floor=0,
            order=EVENTS_THEN_TICK,
            accumulate="per_event",
            fire_on="event",
            # One bit more than the chip, for the sign that v_floor keeps away: 255 is its end.
            state_bits=9,
            threshold_bits=9,
            weight_bits=4,
        ),
        weights=WeightFormat(low=-7, high=7, one_sign=True),
        limits=Limits(neurons=256, fan_in=256, delays=(0, 1), weight_shifts=(0, 0)),
        source="github.com/ChFrenkel/ODIN, src/LIF_neuron_blocks/lif_neuron_state.v "
        "(Solderpad 2.0)",
        evidence="vectors of its RTL",
        notes=(
            "The Izhikevich neurons and learning (SDSP) are not covered.",
            "A threshold of 0, which fires at every event, is refused.",
        ),
    )


@named_parameters
def reckon(*, alpha: int = 1 << 15, thr: int = 1024, rst_mode: int = 0) -> Profile:
    """A recurrent neuron of ReckOn, without its stochastic rounding.

    u keeps alpha / 2^15 of itself at the tick, rounded down; the compare sees u before that leak.
    ``rst_mode`` 1 resets to 0, 0 takes the threshold from what the leak leaves.

    Raises:
        FxlifError: alpha outside 0..2^15, a threshold outside 1..32767, another mode.
    """
    mode = integer("rst_mode", rst_mode, 0, 1)
    return Profile(
        name="reckon",
        neuron=NeuronParams(
            leak=ScaleLeak(factor=integer("alpha", alpha, 0, 1 << 15), shift=15),
            v_threshold=integer("thr", thr, 1, (1 << 15) - 1),
            reset="to_value" if mode else "subtract",
            reset_at="leak",
            order=EVENTS_THEN_TICK,
            accumulate="per_event",
            state_bits=16,
            weight_bits=8,
        ),
        weights=WeightFormat.signed(8),
        limits=Limits(neurons=256, fan_in=512, delays=(0, 1), weight_shifts=(0, 7)),
        free=("leak", "v_threshold", "reset"),
        source="github.com/ChFrenkel/ReckOn, src/srnn.v (Solderpad 2.1 or Apache 2.0)",
        evidence="from reading",
        notes=(
            "Stochastic rounding draws from other registers than fxlif's, and rounds otherwise.",
            "Output neurons and learning (e-prop) are not covered.",
        ),
    )
