"""Neurons and weights as modules of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import integer
from ..errors import FxlifError
from ..params.core import CoreParams
from ..params.leaks import DecayLeak, RoundedLeak, ScaleLeak
from ..params.network import NetworkParams
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from ..rule.step import NeuronState, step
from .exact import EXACT_BITS, Exact, exact_type, with_gradient
from .surrogates import SURROGATES


class TorchState(NamedTuple):
    """State variables as tensors (batch, n) of floats that hold integers."""

    v: Tensor
    i_syn: Tensor
    theta: Tensor
    refractory: Tensor


def _checked(neuron: NeuronParams) -> NeuronParams:
    for name in ("accumulate", "fire_on"):
        allowed = {"accumulate": "exact", "fire_on": "step"}[name]
        if getattr(neuron, name) != allowed:
            raise FxlifError.must_be(
                f"neuron.{name}", f"{allowed} in training", getattr(neuron, name)
            )
    for name, rule in neuron.leaks.items():
        if isinstance(rule, RoundedLeak) and rule.rounding == "stochastic":
            key = f"neuron.{name}.rounding"
            raise FxlifError.must_be(key, "another than stochastic in training", rule.rounding)
    return neuron


class IntegerLIF(nn.Module):
    """``n`` equal neurons, a step at a time: ``spikes, state = lif(current, state)``.

    Args:
        n: how many.
        neuron: their parameters.
        surrogate: the gradient of a spike, by the name of :data:`SURROGATES`, of ``slope`` times
            the distance from the threshold, in thresholds.
        slope: steepness of it.
        learn_threshold: whether the thresholds are parameters: ``v_threshold`` (n,), one for each
            neuron, rounded where they are used.
        learn_leak: whether the factor of a ``scale`` or ``decay`` leak of v is a parameter.
        current_bits: width of the currents that will come; it decides :attr:`dtype`.

    Raises:
        FxlifError: a neuron with stochastic rounding or events one by one, or of integers that no
            float holds.
    """

    def __init__(
        self,
        n: int,
        neuron: NeuronParams,
        *,
        surrogate: str = "fast_sigmoid",
        slope: float = 4.0,
        learn_threshold: bool = False,
        learn_leak: bool = False,
        current_bits: int = 16,
    ) -> None:
        super().__init__()
        if surrogate not in SURROGATES:
            raise FxlifError.must_be("surrogate", ", ".join(SURROGATES), surrogate)
        self.n, self.neuron = n, _checked(neuron)
        self.surrogate, self.slope = SURROGATES[surrogate], slope
        #: The type of all tensors: exact for every integer of a step.
        self.dtype = exact_type(neuron, current_bits)
        thresholds = torch.full((n,), float(neuron.v_threshold), dtype=self.dtype)
        if learn_threshold:
            self.v_threshold = nn.Parameter(thresholds)
        else:
            self.register_buffer("v_threshold", thresholds)
        self.factor: nn.Parameter | None = None
        if learn_leak:
            if not isinstance(neuron.leak, ScaleLeak | DecayLeak):
                raise FxlifError.must_be(
                    "learn_leak", "with a leak of kind scale or decay", neuron.leak.kind
                )
            self.factor = nn.Parameter(torch.tensor(float(neuron.leak.factor), dtype=self.dtype))

    def thresholds(self) -> Tensor:
        """The stored thresholds, (n,): multiples of 2**threshold_shift, 1 or more."""
        one = 1 << self.neuron.threshold_shift
        _, high = signed_range(self.neuron.threshold_bits)
        if not isinstance(self.v_threshold, nn.Parameter):
            return self.v_threshold
        low = 1 if self.neuron.v_threshold > 0 else -(high + 1)
        exact = (self.v_threshold.detach() / one).round().clamp(low, high) * one
        return with_gradient(exact, self.v_threshold)

    def _neuron(self) -> NeuronParams:
        """The neuron with the factor that is learnt."""
        rule = self.neuron.leak
        if self.factor is None or not isinstance(rule, ScaleLeak | DecayLeak):
            return self.neuron
        exact = self.factor.detach().round().clamp(0, 1 << rule.shift)
        fields = {**rule.model_dump(), "factor": Exact(with_gradient(exact, self.factor))}
        return self.neuron.model_copy(update={"leak": type(rule).model_construct(**fields)})

    def start(self, *batch: int) -> TorchState:
        """The state after reset, (batch, n); further axes may stand before the batch."""
        zeros = self.v_threshold.new_zeros((*batch, self.n))
        return TorchState(zeros + self.neuron.v_reset, zeros, zeros, zeros)

    def forward(
        self, current: Tensor, state: TorchState | None = None
    ) -> tuple[Tensor, TorchState]:
        """One step: spikes (batch, n), counts where there may be several, and the new state.

        ``current``: (batch, n), integers in floats, without the bias.
        """
        before = self.start(*current.shape[:-1]) if state is None else state
        told: dict[str, Exact] = {}
        v_threshold = self.thresholds()
        after, spikes = step(
            self._neuron(),
            NeuronState(*map(Exact, before)),
            Exact(current.to(self.dtype)) + self.neuron.bias,
            Exact(v_threshold),
            note=told.__setitem__,
        )
        exact = spikes.value.to(self.dtype)
        if torch.is_grad_enabled():
            smooth = self._smooth(told["u"].value, v_threshold + before.theta)
            if self.neuron.rest_steps:
                smooth = torch.where(before.refractory > 0, 0.0, smooth)
            exact = with_gradient(exact, smooth)
        return exact, TorchState(*(x.value for x in after))

    def _smooth(self, u: Tensor, threshold: Tensor) -> Tensor:
        """The surrogate of the spikes of a step: a step for each threshold that u may reach."""
        unit = threshold.detach().abs().clamp(min=1)
        times = range(self.neuron.max_spikes_per_step)
        parts = [self.surrogate(self.slope * (u - (k + 1) * threshold) / unit) for k in times]
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum(dim=0)

    def learnt(self) -> NeuronParams:
        """The neuron with what was learnt; thresholds of its own are in :meth:`thresholds`."""
        fields = {name: getattr(self.neuron, name) for name in self.neuron.model_fields_set}
        if self.factor is not None:
            rule = self.neuron.leak.model_dump()
            rule["factor"] = int(self.factor.detach().round().clamp(0, 1 << rule["shift"]))
            fields["leak"] = rule
        fields["v_threshold"] = int(self.thresholds()[0])
        return NeuronParams(**fields)


class IntegerLinear(nn.Module):
    """Integer weights (n_inputs, n_neurons): spikes (batch, n_inputs) to currents.

    ``weight``, a parameter in LSB, is rounded and clipped to ``weight_bits`` where it is used; with
    ``symmetric`` the lowest integer is left out. A sum is shifted left by ``weight_shift``. With
    ``copies`` the weights are (copies, n_inputs, n_neurons), and spikes (copies, batch, n_inputs).
    """

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        *,
        weight_bits: int = 8,
        weight_shift: int = 0,
        symmetric: bool = True,
        copies: int | None = None,
    ) -> None:
        super().__init__()
        low, high = signed_range(weight_bits)
        self.ends = (float(-high if symmetric and high else low), float(high))
        self.weight_bits, self.weight_shift = weight_bits, weight_shift
        spread = max(1.0, high / 5)
        shape = (n_inputs, n_neurons) if copies is None else (copies, n_inputs, n_neurons)
        self.weight = nn.Parameter(spread * torch.randn(shape))

    def integers(self) -> Tensor:
        """The weights as the hardware stores them, with the gradient of those in float."""
        return with_gradient(self.weight.detach().round().clamp(*self.ends), self.weight)

    def clip(self) -> None:
        """Bring the weights in float back into the range: beyond it a change has no effect."""
        with torch.no_grad():
            self.weight.clamp_(*self.ends)

    def matrix(self, kind: torch.dtype) -> Tensor:
        """What spikes of this type are multiplied with: the integers, shifted."""
        exact_sums(self.weight.device.type, kind)
        return self.integers().to(kind) * float(1 << self.weight_shift)

    def forward(self, spikes: Tensor) -> Tensor:
        """Currents (batch, n_neurons)."""
        return spikes @ self.matrix(spikes.dtype)


def exact_sums(device: str, kind: torch.dtype) -> None:
    """Raise where matrix products would round: with TF32, which keeps eleven bits of a factor.

    Raises:
        FxlifError: it is allowed for such tensors.
    """
    rounds = device == "cuda" and kind == torch.float32
    if rounds and torch.backends.cuda.matmul.allow_tf32:
        raise FxlifError.must_be(
            "torch.backends.cuda.matmul.allow_tf32", "False: sums must be exact", True
        )


class IntegerNetwork(nn.Module):
    """A chain of layers, each weights and neurons, that act in one step.

    ``shapes``: the lines of the input, then the neurons of each layer; ``neuron``: of all layers,
    or one each. ``options`` are those of :class:`IntegerLIF`; weights have the neuron's
    ``weight_bits``, and sums are shifted by ``weight_shift``. With ``copies`` so many networks,
    each with weights of its own, are trained side by side: inputs are (steps, copies, batch, n).
    """

    def __init__(
        self,
        shapes: Sequence[int],
        neuron: NeuronParams | Sequence[NeuronParams],
        *,
        weight_shift: int = 0,
        copies: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        for name in ("learn_threshold", "learn_leak"):
            if copies is not None and options.get(name):
                raise FxlifError.must_be(name, "False with copies", True)
        count = len(shapes) - 1
        neurons = [neuron] * count if isinstance(neuron, NeuronParams) else list(neuron)
        if count < 1 or len(neurons) != count:
            allowed = "the input's lines, and the neurons of each layer"
            raise FxlifError.must_be("shapes", allowed, list(shapes))
        linear, lif = [], []
        for n_inputs, n, one in zip(shapes, shapes[1:], neurons, strict=False):
            bits = one.weight_bits
            linear.append(
                IntegerLinear(
                    n_inputs, n, weight_bits=bits, weight_shift=weight_shift, copies=copies
                )
            )
            spikes = one.max_spikes_per_step
            wide = bits + weight_shift + (n_inputs * spikes).bit_length()
            lif.append(IntegerLIF(n, one, **{"current_bits": wide, **options}))
        self.linear, self.lif = nn.ModuleList(linear), nn.ModuleList(lif)
        self.dtype = max((one.dtype for one in lif), key=EXACT_BITS.__getitem__)

    def layers(self) -> list[tuple[Any, Any]]:
        """The :class:`IntegerLinear` and the :class:`IntegerLIF` of each layer."""
        return list(zip(self.linear, self.lif, strict=True))

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """The spikes of each layer, (steps, batch, n) each, from those of the input."""
        layers = [(linear.matrix(self.dtype), lif) for linear, lif in self.layers()]
        states: list[TorchState | None] = [None] * len(self.lif)
        made: list[list[Tensor]] = [[] for _ in self.lif]
        for spikes in inputs.to(self.dtype):
            for k, (matrix, lif) in enumerate(layers):
                spikes, states[k] = lif(spikes @ matrix, states[k])
                spikes = spikes.to(self.dtype)
                made[k].append(spikes)
        return [torch.stack(layer) for layer in made]

    def clip(self) -> None:
        """:meth:`IntegerLinear.clip` of every layer; after each step of the optimiser."""
        for linear, _ in self.layers():
            linear.clip()

    def to_design(
        self, *, name: str = "network", lanes: int = 1, copy: int | None = None
    ) -> NetworkParams:
        """The chain of cores that runs what :meth:`forward` runs, to the last bit; of ``copy``."""
        cores = []
        for linear, lif in self.layers():
            weights = linear.integers().detach().cpu().numpy().astype(np.int64)
            if weights.ndim == 3:
                weights = weights[integer("copy", copy, 0, len(weights) - 1)]
            thresholds = lif.thresholds().detach().cpu().numpy().astype(np.int64).tolist()
            cores.append(
                CoreParams(
                    n_inputs=weights.shape[0], n_neurons=lif.n, neuron=lif.learnt(),
                    weights=weights, weight_shift=linear.weight_shift,
                    v_thresholds=tuple(thresholds) if len(set(thresholds)) > 1 else None,
                    lanes=min(lanes, lif.n),
                )
            )  # fmt: skip
        return NetworkParams.chain(*cores, name=name)
