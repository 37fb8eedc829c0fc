"""Open cores whose neuron makes its choices once a step: TrueNorth-like, Catalyst, and others."""

from __future__ import annotations

from ..arrays import integer
from ..errors import FxlifError
from ..params.leaks import ConstantLeak, DecayLeak, ShiftLeak
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from .profile import Limits, Profile, WeightFormat, choice, named_parameters


@named_parameters
def truenorth(
    *,
    leak: int = 0,
    positive_threshold: int = 64,
    negative_threshold: int = -128,
    reset_potential: int = 0,
    reset_mode: int = 0,
    potential_width: int = 9,
) -> Profile:
    """A TrueNorth-like neuron by the names of RANC's Verilog.

    The leak is a signed step whatever the sign of v. ``reset_mode`` 0 puts v at reset_potential,
    below the negative threshold at its negative; 1 takes the threshold that was crossed from v.

    Raises:
        FxlifError: values beyond potential_width bits, another mode.
    """
    width = integer("potential_width", potential_width, 4, 32)
    low, high = signed_range(width)
    linear = integer("reset_mode", reset_mode, 0, 1) == 1
    top = 0 if linear else high
    return Profile(
        name="truenorth",
        neuron=NeuronParams(
            leak=ConstantLeak(step=integer("leak", leak, low, high)),
            v_threshold=integer("positive_threshold", positive_threshold, low, high),
            negative_threshold=integer("negative_threshold", negative_threshold, low, top),
            v_reset=integer("reset_potential", reset_potential, -high, high),
            reset="subtract" if linear else "to_value",
            negative_reset="subtract" if linear else "mirror",
            order=("integrate", "leak", "fire"),
            overflow="wrap",
            state_bits=width,
            threshold_bits=width,
            weight_bits=min(width, 16),
        ),
        weights=WeightFormat.signed(min(width, 16)),
        limits=Limits(neurons=256, fan_in=256, delays=(1, 15), weight_shifts=(0, 0)),
        input_delay=1,
        free=(
            "leak", "v_threshold", "negative_threshold", "v_reset", "reset", "negative_reset",
            "state_bits", "threshold_bits", "weight_bits",
        ),
        source="RANC (University of Arizona), NeuronBlock.v, ThresholdResetUnit.v",
        evidence="vectors of its RTL",
        notes=(
            "Stochastic synapses, leaks and thresholds of TrueNorth itself are not covered.",
            "Each neuron has four weights, chosen by the axon: nothing checks that.",
            "With reset_mode 1 a negative_threshold above 0 is refused.",
        ),
    )  # fmt: skip


@named_parameters
def catalyst(
    *, threshold: int = 1000, leak: int = 3, resting: int = 0, refrac_period: int = 3
) -> Profile:
    """The default neuron of Catalyst N1, by the names of its SDK.

    v + input - leak is compared; below 0 it becomes ``resting``, which must be 0 here. After a
    spike v rests for ``refrac_period`` steps, which take no input.

    Raises:
        FxlifError: values beyond 16 bits, another resting potential than 0.
    """
    if integer("resting", resting, -(1 << 15), (1 << 15) - 1) != 0:
        raise FxlifError.must_be(
            "resting", "0 (elsewhere the core's floor is not at its rest)", resting
        )
    return Profile(
        name="catalyst",
        neuron=NeuronParams(
            leak=ConstantLeak(step=-integer("leak", leak, 0, (1 << 15) - 1)),
            v_threshold=integer("threshold", threshold, 1, (1 << 15) - 1),
            v_floor=0,
            refractory=integer("refrac_period", refrac_period, 0, 255),
            refractory_mode="rest",
            weight_bits=16,
        ),
        weights=WeightFormat.signed(16),
        limits=Limits(neurons=1024, delays=(0, 1), weight_shifts=(0, 0)),
        free=("leak", "v_threshold", "refractory"),
        source="github.com/catalyst-neuromorphic/catalyst-n1, sdk/neurocore/simulator.py "
        "(Apache 2.0)",
        evidence="from reading",
        notes=(
            "rtl/lif_neuron.v compares with > and without signs; the profile follows the SDK.",
            "The SDK keeps v in 32 bits; v of more than 16 bits cannot come below the threshold.",
            "Noise, dendrites, graded spikes and learning are not covered.",
        ),
    )


@named_parameters
def sc_neurocore(
    *,
    leak_k: int = 20,
    gain_k: int = 256,
    v_rest: int = 0,
    v_reset: int = 0,
    v_threshold: int = 256,
    refractory_period: int = 2,
    data_width: int = 16,
    fraction: int = 8,
) -> Profile:
    """sc-neurocore's fixed-point LIF, by the names of its FixedPointLIFNeuron.

    v starts at v_rest there and at v_reset in fxlif, where no other initial value is given.

    Raises:
        FxlifError: a gain that is no power of two of 1.0 or more, values beyond data_width.
    """
    width = integer("data_width", data_width, 4, 32)
    bits = integer("fraction", fraction, 0, min(width - 1, 16))
    low, high = signed_range(width)
    gain = integer("gain_k", gain_k, 1 << bits, 1 << (bits + 16))
    if gain & (gain - 1):
        raise FxlifError.must_be("gain_k", "a power of two (a shift of the weights)", gain_k)
    return Profile(
        name="sc_neurocore",
        neuron=NeuronParams(
            leak=DecayLeak(
                factor=integer("leak_k", leak_k, 0, 1 << bits), shift=bits, rounding="ceiling"
            ),
            v_leak=integer("v_rest", v_rest, low, high),
            v_reset=integer("v_reset", v_reset, low, high),
            v_threshold=integer("v_threshold", v_threshold, low, high),
            refractory=integer("refractory_period", refractory_period, 0, 255),
            refractory_mode="rest",
            overflow="wrap",
            state_bits=width,
            threshold_bits=width,
            weight_bits=min(width, 16),
        ),
        weights=WeightFormat.signed(min(width, 16), shift=gain.bit_length() - 1 - bits),
        limits=Limits(delays=(0, 63)),
        delay=0,
        free=(
            "leak", "v_leak", "v_reset", "v_threshold", "refractory", "state_bits",
            "threshold_bits", "weight_bits",
        ),
        source="sc-neurocore 3.16.0 (AGPL-3.0, pip), sc_neurocore/neurons/fixed_point_lif.py",
        evidence="differential fuzz against sc-neurocore",
        notes=("noise_in is part of the external current.",),
    )  # fmt: skip


@named_parameters
def spiker(
    *,
    v_th: int = 64,
    v_reset: int = 0,
    shift: int = 4,
    reset: str = "fixed",
    neuron_bit_width: int = 16,
    weights_bit_width: int = 6,
) -> Profile:
    """Spiker+'s first-order LIF: saturates with each input; at the end of a step fires or leaks.

    Raises:
        FxlifError: a reset other than ``fixed``, values beyond their widths.
    """
    width = integer("neuron_bit_width", neuron_bit_width, 4, 32)
    bits = integer("weights_bit_width", weights_bit_width, 1, min(width, 16))
    low, high = signed_range(width)
    choice("reset", reset, ("fixed",), " (the core skips the leak in the step of a spike)")
    return Profile(
        name="spiker",
        neuron=NeuronParams(
            leak=ShiftLeak(shift=integer("shift", shift, 0, 31)),
            v_threshold=integer("v_th", v_th, low, high),
            v_reset=integer("v_reset", v_reset, low, high),
            compare="gt",
            # v stands at the reset after a spike, whatever a leak would have made of it.
            reset_at="leak",
            order=("integrate", "fire", "leak"),
            accumulate="per_event",
            state_bits=width,
            threshold_bits=width,
            weight_bits=bits,
        ),
        weights=WeightFormat.signed(bits),
        limits=Limits(delays=(0, 1), weight_shifts=(0, 0)),
        free=("leak", "v_threshold", "v_reset", "state_bits", "threshold_bits", "weight_bits"),
        source="github.com/smilies-polito/Spiker, Vhdl/…/Neuron/neuron_cu.vhd and "
        "neuron_datapath.vhd, spiker/spikerplus/vhdl/lif_neuron_cu.py, add_sub.py",
        evidence="from reading",
        notes=(
            "Of its resets `subtractive` and `none` are refused; second-order neurons likewise.",
        ),
    )  # fmt: skip
