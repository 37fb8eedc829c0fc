"""How the writers of NIR files step their neurons: dt, reset and order stand in no file.

Each has been compared with its package, step by step (tests/test_nir.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import FxlifError
from ..params.neuron import MAX_SPIKES
from ..reference import Method
from .graph import Floats, Node

Reset = Literal["subtract", "to_value"]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """One way to step the neurons of NIR.

    Attributes:
        title: in a few words.
        method: how a time constant becomes a decay: exp(-dt / tau), or 1 - dt / tau.
        compare: as in the rule.
        order: of the synapse.
        dt: what its files are read with, in words.
        reset: of a spike; None where the package has both, and its files do not say which.
        reset_at: by reset.
        unscaled: types of nodes, and ``i_syn``, whose input is not scaled by what a step takes of
            the state, as NIR's equations say it is.
        several: how often a neuron may spike in a step.
        starts_at: where v stands before the first step.
    """

    title: str
    method: Method
    compare: Literal["gt", "ge"] = "gt"
    order: tuple[str, ...] = ("leak", "integrate", "act")
    dt: str
    reset: Reset | None = None
    reset_at: Callable[[str], str] = lambda reset: "compare"
    unscaled: frozenset[str] = frozenset()
    several: int = 1
    starts_at: Literal["0", "v_leak"] = "v_leak"


CONVENTIONS = {
    "snntorch": Convention(
        title="snnTorch: beta = 1 - dt / tau; a spike's reset acts one step late",
        method="euler",
        dt="1e-4 for a file of snnTorch",
        reset_at=lambda reset: "leak" if reset == "subtract" else "next_step",
        starts_at="0",
    ),
    "norse": Convention(
        title="Norse: Euler steps of dt / tau; an input acts in its step",
        method="euler",
        order=("integrate", "act", "leak"),
        dt="1e-3 for a file of Norse's to_nir(..., dt=1), 1e-6 for one of its default, which "
        "writes time constants times 1e-3",
        reset="to_value",
        unscaled=frozenset({"IF", "i_syn"}),
    ),
    "sinabs": Convention(
        title="sinabs: alpha = exp(-dt / tau), an input of LIF scaled by 1 - alpha",
        method="exact",
        compare="ge",
        order=("integrate", "leak", "act"),
        dt="1 for a file of sinabs, whose time constants are in steps",
        unscaled=frozenset({"IF", "LI", "i_syn"}),
        several=MAX_SPIKES,
        starts_at="0",
    ),
    "exact": Convention(
        title="NIR's equations, solved for inputs that are held for a step",
        method="exact",
        dt="a time in the unit of the file's time constants",
        reset="to_value",
    ),
    "euler": Convention(
        title="NIR's equations in Euler steps of dt",
        method="euler",
        dt="a time in the unit of the file's time constants",
        reset="to_value",
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Stepped:
    """The neurons of a node in steps, each (n,); None where they have no such thing.

    ``gain`` scales what arrives, weights and bias, to what it adds to v (or to i, ``gain`` of i
    included). ``threshold`` is infinite for neurons that never fire.
    """

    decay: Floats
    decay_syn: Floats | None
    gain: Floats
    threshold: Floats
    v_leak: Floats
    v_reset: Floats
    rule: dict[str, Any]

    def misplaced(self, start: Literal["0", "v_leak"]) -> float:
        """How far v_reset, where v starts in fxlif, is from ``start``, at most: as a part of the
        way from rest to threshold."""
        begin = self.v_leak if start == "v_leak" else np.zeros_like(self.v_leak)
        apart, way = np.abs(self.v_reset - begin), np.abs(self.threshold - self.v_leak)
        return float(np.divide(apart, way, out=np.zeros(len(way)), where=way > 0).max(initial=0.0))


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What :func:`~fxlif.nir.read` was asked for, checked; the same for all nodes."""

    convention: str
    dt: float
    reset: Reset
    refractory: int
    several: int
    norm_input: bool


def stepped(node: Node, n: int, choices: Choices) -> Stepped:
    """The ``n`` neurons of a node as the convention steps them.

    Raises:
        FxlifError: parameters that are missing, not finite, of another shape, a tau below ``dt``.
    """
    how, dt, reset = CONVENTIONS[choices.convention], choices.dt, choices.reset
    unscaled = how.unscaled if choices.norm_input else {*how.unscaled, "LIF"}

    def each(key: str, default: float | None = None) -> Floats:
        values = node.numbers(key, default)
        if values.size not in (1, n):
            raise FxlifError.must_be(f"{node.path}.{key}", f"of {n} neurons", values.shape)
        return np.broadcast_to(values.ravel(), (n,))

    def decay(key: str) -> Floats:
        tau = each(key)
        # Files hold single precision: a tau of dt may be a little less.
        short = tau < dt * (1 - 1e-5)
        if short.any():
            allowed = f"dt = {dt:g} or more ({how.dt})"
            raise FxlifError.must_be(f"{node.path}.{key}", allowed, float(tau[np.argmax(short)]))
        exact = how.method == "exact"
        return np.exp(-dt / tau) if exact else np.maximum(0.0, 1 - dt / tau)

    kind, ones, zeros = node.kind, np.ones(n), np.zeros(n)
    if kind == "Threshold":
        return Stepped(
            decay=zeros, decay_syn=None, gain=ones, threshold=each("threshold"), v_leak=zeros,
            v_reset=zeros, rule={"compare": "gt"},
        )  # fmt: skip
    synapse = None
    if kind == "IF":
        left, gain = ones, each("r") * (1.0 if kind in unscaled else dt)
        if choices.convention == "snntorch":
            raise FxlifError.must_be(f"{node.path}.type", "LIF or CubaLIF in snnTorch", kind)
    else:
        left = decay("tau_mem" if kind.startswith("Cuba") else "tau")
        gain = each("r") * (1.0 if kind in unscaled else 1 - left)
    if kind.startswith("Cuba"):
        synapse = decay("tau_syn")
        gain = gain * each("w_in", 1.0) * (1.0 if "i_syn" in unscaled else 1 - synapse)
    fires = kind not in ("LI", "CubaLI")
    rule: dict[str, Any] = {"compare": how.compare}
    if synapse is not None:
        rule["synapse_order"] = how.order
    if fires:
        rule |= {"reset": reset, "reset_at": how.reset_at(reset)}
        if choices.several > 1:
            rule["max_spikes_per_step"] = choices.several
        if choices.convention == "snntorch" and reset == "to_value" and synapse is not None:
            key = f"{node.path}: reset"
            raise FxlifError.must_be(key, "subtract for snnTorch's Synaptic", reset)
    v_leak = each("v_leak") if kind != "IF" else zeros
    if fires and rule["reset"] == "subtract" and v_leak.any():
        raise FxlifError.must_be(f"{node.path}.v_leak", "0 with reset = subtract", v_leak[0])
    return Stepped(
        decay=left, decay_syn=synapse, gain=gain,
        threshold=each("v_threshold") if fires else np.full(n, math.inf),
        v_leak=v_leak, v_reset=each("v_reset", 0.0) if fires else v_leak, rule=rule,
    )  # fmt: skip
