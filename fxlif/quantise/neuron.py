"""The float neuron as it is stepped: what is quantised, whatever it was described as."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Self

from ..errors import FxlifError
from ..profiles.profile import quantity
from ..reference import FloatNeuron, Method, propagator

#: What a :class:`StepNeuron` decides by itself; the other fields of NeuronParams may be chosen.
RULES = (
    "compare", "reset", "reset_at", "order", "refractory_mode", "refractory_count",
    "max_spikes_per_step", "bias_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StepNeuron:
    """One neuron in steps, in float64; potentials in any unit, weights in that of ``v`` / ``gain``.

    In a step, ``w`` being the summed weights of the spikes that arrive in it::

        delta synapse (decay_syn None)   v = v_leak + decay * (v - v_leak) + gain * (w + bias)
        exponential synapse              i = decay_syn * i + w + bias, and gain * i is added to v

    Which i acts, and what a spike does, is said by ``rule``, as the integer rule says it
    (docs/rule.md#step): fields of :class:`~fxlif.NeuronParams`, and ``synapse_order``. A threshold
    that is subtracted is its distance from v_leak.

    Attributes:
        decay: what is left of v - v_leak after a step, 0..1.
        v_threshold: infinite for a neuron that never fires, whose v is read.
        decay_syn: the same of i, or None for a delta synapse.
        gain: what a summed weight, or i, of 1 adds to v.
        refractory: steps without a spike after a spike.
        threshold_increment: by how much a spike raises the threshold.
        decay_threshold: what is left of that after a step, or None.
        tau_of: how a report turns a decay into a time constant: with ``exact``
            decay = exp(-dt / tau), with ``euler`` 1 - dt / tau.
        dt: length of a step, in the unit in which time constants are reported.
    """

    decay: float
    v_threshold: float
    v_leak: float = 0.0
    v_reset: float = 0.0
    decay_syn: float | None = None
    gain: float = 1.0
    bias: float = 0.0
    refractory: int = 0
    threshold_increment: float = 0.0
    decay_threshold: float | None = None
    tau_of: Method = "exact"
    dt: float = 1.0
    rule: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        infinity = math.inf
        for name in ("decay", "decay_syn", "decay_threshold"):
            if getattr(self, name) is not None:
                quantity(name, getattr(self, name), 0, 1)
        never = self.v_threshold == infinity
        for name in ("v_threshold", "v_leak", "v_reset", "gain", "bias", "threshold_increment"):
            if not (never and name == "v_threshold") and not math.isfinite(
                quantity(name, getattr(self, name), -infinity, infinity)
            ):
                raise FxlifError.must_be(name, "finite", getattr(self, name))
        if self.gain <= 0:
            raise FxlifError.must_be("gain", "more than 0", self.gain)
        if self.v_threshold == self.v_leak:
            allowed = f"another value than v_leak = {self.v_leak}: at rest the neuron would fire"
            raise FxlifError.must_be("v_threshold", allowed, self.v_threshold)
        for name in self.rule:
            if name not in (*RULES, "synapse_order"):
                raise FxlifError.must_be("rule", ", ".join((*RULES, "synapse_order")), name)

    @classmethod
    def of(cls, neuron: FloatNeuron, *, current: float = 0.0, method: Method = "exact") -> Self:
        """``neuron`` with the steps of :mod:`fxlif.reference`, under a constant ``current``.

        Weights are in mV (delta synapse) or nA (exponential), the current in nA. With an
        exponential synapse and ``exact`` the current acts as the reference's once i_syn has
        settled at it; until then, for a few tau_syn, it is off by the order of dt.

        Raises:
            FxlifError: a time constant below ``dt``.
        """
        for name in ("tau_mem", "tau_syn", "tau_threshold"):
            tau = getattr(neuron, name)
            if tau is not None and tau < neuron.dt:
                raise FxlifError.must_be(name, f"dt = {neuron.dt} or more", tau)
        left = propagator(neuron, method)
        held = quantity("current", current, -math.inf, math.inf)
        delta = neuron.tau_syn is None
        rises = neuron.tau_threshold is not None and neuron.threshold_increment != 0
        rule: dict[str, Any] = {"compare": neuron.compare}
        gain = 1.0 if delta else left.i_syn_to_v
        if not delta:
            # What acts on v is i_syn from before the step.
            rule["synapse_order"] = ("act", "leak", "integrate")
        return cls(
            decay=left.v,
            v_threshold=neuron.v_threshold,
            v_leak=neuron.v_leak,
            v_reset=neuron.v_reset,
            decay_syn=None if delta else left.i_syn,
            gain=gain,
            # Such that v settles where the reference's does.
            bias=held * neuron.r * (1 - left.v) * (1 if delta else (1 - left.i_syn) / gain),
            refractory=neuron.refractory_steps,
            # The integer threshold decays after the compare, this one before it.
            threshold_increment=neuron.threshold_increment * left.threshold if rises else 0.0,
            decay_threshold=left.threshold if rises else None,
            tau_of=method,
            dt=neuron.dt,
            rule=rule,
        )

    def tau(self, decay: float) -> float:
        """The time constant that ``decay`` stands for, in the unit of ``dt``; inf for 1."""
        if decay >= 1:
            return math.inf
        if self.tau_of == "euler":
            return self.dt / (1 - decay)
        return self.dt / -math.log(decay) if decay > 0 else 0.0

    @property
    def decays(self) -> dict[str, float]:
        """What is left of each variable that it has after a step: v, i_syn, theta."""
        all_ = {"v": self.decay, "i_syn": self.decay_syn, "theta": self.decay_threshold}
        return {name: decay for name, decay in all_.items() if decay is not None}

    @property
    def synapse_order(self) -> tuple[str, ...]:
        """When i_syn leaks, takes its input, and acts (docs/rule.md#synapse)."""
        return tuple(self.rule.get("synapse_order", ("leak", "integrate", "act")))

    @property
    def choices(self) -> dict[str, Any]:
        """The fields of :class:`~fxlif.NeuronParams` that ``rule`` decides."""
        return {name: value for name, value in self.rule.items() if name != "synapse_order"}
