"""Loihi, as Lava's bit-accurate model of its current-based neuron."""

from __future__ import annotations

from ..arrays import integer
from ..params.leaks import ScaleLeak
from ..params.neuron import ExponentialSynapse, NeuronParams
from .profile import Limits, Profile, WeightFormat, choice, named_parameters

#: Decays are fractions of 2^12, thresholds and inputs are aligned by 6 bits.
DECAY_SHIFT = 12
ALIGNED = 6
MANTISSA_BITS = 8
MAX_WEIGHT = (1 << 21) - (1 << ALIGNED)


def _decay(kept: int) -> ScaleLeak:
    return ScaleLeak(factor=kept, shift=DECAY_SHIFT, rounding="toward_zero")


def loihi_weights(
    *, weight_exp: int = 0, num_weight_bits: int = MANTISSA_BITS, sign_mode: str = "mixed"
) -> WeightFormat:
    """How Loihi stores the weights of one projection: mantissa, exponent, precision.

    ``sign_mode`` is ``mixed``, ``excitatory`` or ``inhibitory``; a mixed mantissa gives one bit to
    the sign. The bits below the precision are cut off, (w >> k) << k. Of a negative exponent each
    weight is rounded down to a multiple of 64 by itself, as on the chip and in Brian2-Loihi; Lava
    shifts their sum.

    Raises:
        FxlifError: an exponent outside -8..7, a precision outside 1..8, another sign mode.
    """
    exponent = integer("weight_exp", weight_exp, -8, 7)
    bits = integer("num_weight_bits", num_weight_bits, 1, MANTISSA_BITS)
    mode = choice("sign_mode", sign_mode, ("mixed", "excitatory", "inhibitory"))
    low = {"mixed": -256, "excitatory": 0, "inhibitory": -255}[mode]
    if low << max(exponent, 0) << ALIGNED < -MAX_WEIGHT:
        low += 1  # the one that leaves 21 bits
    return WeightFormat(
        low=low, high=0 if mode == "inhibitory" else 255, exponent=exponent, shift=ALIGNED,
        unstored=MANTISSA_BITS - bits + (mode == "mixed"), towards_zero=mode == "inhibitory",
    )  # fmt: skip


@named_parameters
def loihi(
    *, du: int = 4095, dv: int = 0, vth: int = 10, bias_mant: int = 0, bias_exp: int = 0
) -> Profile:
    """Loihi's current-based LIF neuron, by Lava's parameter names.

    u keeps (4096 - (du + 1)) / 4096 of itself in a step, v (4096 - dv) / 4096, both rounded toward
    zero; the threshold is vth · 64, the bias bias_mant · 2^bias_exp. Lava has no refractory period.

    Raises:
        FxlifError: du or dv beyond 12 bits, vth beyond 17, the bias beyond 13 bits and 0..7.
    """
    du = integer("du", du, 0, 4095)
    dv = integer("dv", dv, 0, 4095)
    vth = integer("vth", vth, 0, (1 << 17) - 1)
    bias = integer("bias_mant", bias_mant, -4096, 4095) << integer("bias_exp", bias_exp, 0, 7)
    return Profile(
        name="loihi",
        neuron=NeuronParams(
            leak=_decay(4096 - dv),
            synapse=ExponentialSynapse(leak=_decay(4095 - du)),
            v_threshold=vth << ALIGNED,
            threshold_bits=18,
            threshold_shift=ALIGNED,
            compare="gt",
            bias=bias,
            bias_at="v",
            overflow="saturate_symmetric",
            overflow_i_syn="wrap",
            state_bits=24,
            current_bits=24,
            weight_bits=MANTISSA_BITS + 1,
        ),
        weights=loihi_weights(),
        limits=Limits(neurons=1024, delays=(1, 62), weight_shifts=(0, 7)),
        input_delay=1,
        free=("leak", "synapse", "v_threshold", "bias"),
        source="lava-nc 0.10.0 (BSD-3-Clause), lava/proc/lif/models.py, lava/utils/weightutils.py; "
        "weights of a negative exponent: brian2-loihi 0.5.2 (MIT)",
        evidence="recorded traces of Lava's CPU model and of Loihi silicon; sequences of Lava's "
        "and Brian2-Loihi's own tests",
        notes=(
            "u wraps in two's complement; Lava keeps +2^23 and turns -2^23 into it.",
            "The chip's refractory period is missing, as in Lava.",
        ),
    )
