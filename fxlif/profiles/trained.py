"""The neurons of frameworks in which networks are trained: snnTorch, Norse, sinabs.

They compute in floats. A profile has the order of what happens in a step, and rounds to the
nearest: 1.0 of the framework's potential is ``scale`` in fxlif, and factors are multiples of
2^-15.
"""

from __future__ import annotations

from math import exp
from typing import Literal

from ..arrays import integer
from ..errors import FxlifError
from ..params.leaks import ScaleLeak
from ..params.neuron import MAX_SPIKES, DeltaSynapse, ExponentialSynapse, NeuronParams, Synapse
from ..params.quantise import quantise_threshold
from .profile import Limits, Profile, WeightFormat, choice, named_parameters, quantity

FACTOR_BITS = 15
STATE_BITS = 32
#: A framework's own number, and the one with which 1.0 is stored.
DEFAULT_SCALE = 1 << 12
LIMITS = Limits(delays=(0, 63))
WEIGHTS = WeightFormat.signed(16)
ROUNDED = "Floats are rounded: 1.0 is stored as `scale`, decays as multiples of 2^-15."


def _keeps(key: str, kept: float) -> ScaleLeak:
    """The leak that leaves the fraction ``kept``."""
    factor = round(quantity(key, kept, 0, 1) * (1 << FACTOR_BITS))
    return ScaleLeak(factor=factor, shift=FACTOR_BITS, rounding="nearest_even")


def _stored(key: str, value: float, scale: int) -> int:
    """``value`` of the framework as an integer potential."""
    asked = quantity(key, value, -float("inf"), float("inf")) * scale
    return quantise_threshold(asked, threshold_bits=STATE_BITS, name=key).stored


def _scale(scale: int) -> int:
    return integer("scale", scale, 1, 1 << 24)


@named_parameters
def snntorch(
    *,
    beta: float = 0.9,
    alpha: float | None = None,
    threshold: float = 1.0,
    reset_mechanism: str = "subtract",
    scale: int = DEFAULT_SCALE,
) -> Profile:
    """snnTorch's Leaky, or with ``alpha`` its Synaptic, with ``reset_delay`` as by default.

    A spike's reset acts in the next step: ``subtract`` at the leak, ``zero`` before it.

    Raises:
        FxlifError: alpha or beta outside 0..1, another reset.
    """
    subtract = choice(
        "reset_mechanism", reset_mechanism, ("subtract", "zero"),
        " (fxlif has no neuron that spikes without a reset)",
    ) == "subtract"  # fmt: skip
    if alpha is not None and not subtract:
        raise FxlifError.must_be("reset_mechanism", "subtract (with alpha)", reset_mechanism)
    synapse: Synapse = DeltaSynapse()
    if alpha is not None:
        synapse = ExponentialSynapse(leak=_keeps("alpha", alpha))
    return Profile(
        name="snntorch",
        neuron=NeuronParams(
            leak=_keeps("beta", beta),
            synapse=synapse,
            v_threshold=_stored("threshold", threshold, _scale(scale)),
            compare="gt",
            reset="subtract" if subtract else "to_value",
            reset_at="leak" if subtract else "next_step",
            state_bits=STATE_BITS, threshold_bits=STATE_BITS, current_bits=STATE_BITS,
            weight_bits=16,
        ),
        weights=WEIGHTS,
        limits=LIMITS,
        delay=0,
        free=("leak", "synapse", "v_threshold", "reset", "reset_at"),
        source="snntorch 1.0.0 (MIT), snntorch/_neurons/leaky.py, synaptic.py, neurons.py",
        evidence="differential runs against snntorch",
        notes=(
            ROUNDED,
            "reset_mechanism = none, reset_delay = False and graded spikes are not covered.",
        ),
    )  # fmt: skip


@named_parameters
def norse(
    *,
    tau_mem_inv: float = 100.0,
    tau_syn_inv: float = 200.0,
    v_leak: float = 0.0,
    v_th: float = 1.0,
    v_reset: float = 0.0,
    dt: float = 0.001,
    scale: int = DEFAULT_SCALE,
) -> Profile:
    """Norse's LIF by the names of its LIFParameters: forward Euler, the input acts in its step.

    ``i`` of fxlif is that of Norse times dt · tau_mem_inv: weights are scaled by it.

    Raises:
        FxlifError: dt · tau outside 0..1, potentials that do not fit.
    """
    scale = _scale(scale)
    step = quantity("dt", dt, 0, float("inf"))
    mem = quantity("tau_mem_inv", tau_mem_inv, 0, float("inf"))
    syn = quantity("tau_syn_inv", tau_syn_inv, 0, float("inf"))
    return Profile(
        name="norse",
        neuron=NeuronParams(
            leak=_keeps("tau_mem_inv", 1 - step * mem),
            synapse=ExponentialSynapse(
                leak=_keeps("tau_syn_inv", 1 - step * syn),
                order=("integrate", "act", "leak"),
            ),
            v_leak=_stored("v_leak", v_leak, scale),
            v_threshold=_stored("v_th", v_th, scale),
            v_reset=_stored("v_reset", v_reset, scale),
            compare="gt",
            state_bits=STATE_BITS, threshold_bits=STATE_BITS, current_bits=STATE_BITS,
            weight_bits=16,
        ),
        weights=WEIGHTS,
        limits=LIMITS,
        delay=0,
        free=("leak", "synapse", "v_leak", "v_threshold", "v_reset"),
        source="norse 1.1.0 (LGPL-3.0), norse/torch/functional/lif.py",
        evidence="differential runs against norse",
        notes=(ROUNDED, "Norse before 1.0 let the input act one step later, on the old i."),
    )  # fmt: skip


@named_parameters
def sinabs(
    *,
    tau_mem: float | None = 20.0,
    tau_syn: float | None = None,
    spike_threshold: float = 1.0,
    min_v_mem: float | None = None,
    spike_fn: str = "MultiSpike",
    reset_fn: str = "MembraneSubtract",
    max_num_spikes_per_bin: int = MAX_SPIKES,
    scale: int = DEFAULT_SCALE,
) -> Profile:
    """sinabs' LIF, or with ``tau_mem`` None its IAF; time constants are in steps.

    With sinabs' ``norm_input`` weights are scaled by 1 - exp(-1 / tau_mem).

    Raises:
        FxlifError: several spikes with a reset to 0, a threshold of 0 or less, a positive
            min_v_mem.
    """
    scale = _scale(scale)
    several = choice("spike_fn", spike_fn, ("MultiSpike", "MaxSpike", "SingleSpike"))
    subtract = choice("reset_fn", reset_fn, ("MembraneSubtract", "MembraneReset"))
    single = several == "SingleSpike"
    if subtract == "MembraneReset" and not single:
        raise FxlifError.must_be("reset_fn", f"MembraneSubtract (with {several})", reset_fn)
    threshold = _stored("spike_threshold", spike_threshold, scale)
    floor = None if min_v_mem is None else _stored("min_v_mem", min_v_mem, scale)
    if floor is not None and floor > 0:
        raise FxlifError.must_be("min_v_mem", "0 or less", min_v_mem)
    most = integer("max_num_spikes_per_bin", max_num_spikes_per_bin, 1, MAX_SPIKES)
    reset: Literal["subtract", "to_value"] = (
        "subtract" if subtract == "MembraneSubtract" else "to_value"
    )
    synapse: Synapse = DeltaSynapse()
    if tau_syn is not None:
        synapse = ExponentialSynapse(
            leak=_keeps("tau_syn", _decay("tau_syn", tau_syn)), order=("integrate", "leak", "act")
        )
    return Profile(
        name="sinabs",
        neuron=NeuronParams(
            leak=_keeps("tau_mem", 1 if tau_mem is None else _decay("tau_mem", tau_mem)),
            synapse=synapse,
            v_threshold=threshold,
            v_floor=floor,
            reset=reset,
            max_spikes_per_step=1 if single else most,
            state_bits=STATE_BITS, threshold_bits=STATE_BITS, current_bits=STATE_BITS,
            weight_bits=16,
        ),
        weights=WEIGHTS,
        limits=LIMITS,
        delay=0,
        free=("leak", "synapse", "v_threshold", "v_floor", "reset", "max_spikes_per_step"),
        source="sinabs 3.1.3 (AGPL-3.0), sinabs/layers/functional/lif.py, sinabs/activation",
        evidence="differential runs against sinabs",
        notes=(ROUNDED, f"MultiSpike has no limit in sinabs, in fxlif {MAX_SPIKES} spikes a step."),
    )  # fmt: skip


def _decay(key: str, tau: float) -> float:
    return exp(-1 / quantity(key, tau, 1e-3, 1e9))
