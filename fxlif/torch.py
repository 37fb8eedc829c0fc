"""Training through the integers: the integer neuron as a module of PyTorch (docs/training.md).

The forward pass is the golden step itself (:func:`fxlif.rule.step.step`), run on tensors of floats
that hold integers: what the training sees is what the golden model and the hardware do, to the last
bit. Only the gradient is smooth: a surrogate for the spike, and the identity for every rounding
(Neftci, Mostafa, Zenke, IEEE Signal Processing Magazine 36, 2019; Bengio, Leonard, Courville,
arXiv:1308.3432, 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .errors import FxlifError
from .params.core import CoreParams
from .params.leaks import (
    ConstantLeak,
    DecayLeak,
    Leak,
    LinearLeak,
    MultiShiftLeak,
    NoLeak,
    RoundedLeak,
    ScaleLeak,
)
from .params.network import NetworkParams
from .params.neuron import NeuronParams
from .params.quantise import signed_range
from .rule.arithmetic import where
from .rule.step import NeuronState, step

try:
    import torch
    from torch import Tensor, nn
except ModuleNotFoundError:
    raise FxlifError.not_installed("torch", "'fxlif[torch]'") from None

# --- integers in floats -------------------------------------------------------------------------


class Truth:
    """A truth value for each element, as the golden step makes them."""

    __slots__ = ("value",)

    def __init__(self, value: Tensor) -> None:
        self.value = value


class Exact:
    """A tensor of floats that hold integers, with the operators that the golden step uses.

    Every result is exact; what rounds has the gradient of what it rounds.
    """

    __slots__ = ("value",)

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def __add__(self, other: Any) -> Exact:
        # Most offsets of a neuron are 0: an operation on tensors costs microseconds.
        return self if _is_zero(other) else Exact(self.value + _raw(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Exact:
        return self if _is_zero(other) else Exact(self.value - _raw(other))

    def __rsub__(self, other: Any) -> Exact:
        return Exact(_raw(other) - self.value)

    def __mul__(self, other: Any) -> Exact:
        return Exact(self.value * _raw(other))

    __rmul__ = __mul__

    def __lshift__(self, bits: int) -> Exact:
        return Exact(self.value * float(1 << bits)) if bits else self

    def __rshift__(self, bits: int) -> Exact:
        divided = self.value * 2.0**-bits
        return Exact(with_gradient(divided.detach().floor(), divided))

    def __and__(self, mask: int) -> Exact:
        bits = mask.bit_length()
        low = self.value.detach()
        low = low - (low * 2.0**-bits).floor() * float(1 << bits)
        # A single bit decides how a tie is rounded, and has no gradient; a wrap has that of what it
        # wraps.
        return Exact(low if bits == 1 else with_gradient(low, self.value))

    def __lt__(self, other: Any) -> Truth:
        return Truth(self.value < _raw(other))

    def __gt__(self, other: Any) -> Truth:
        return Truth(self.value > _raw(other))

    def __ge__(self, other: Any) -> Truth:
        return Truth(self.value >= _raw(other))

    def __eq__(self, other: object) -> Any:
        return Truth(self.value == _raw(other))

    def __ne__(self, other: object) -> Any:
        return Truth(self.value != _raw(other))


def _raw(x: Any) -> Any:
    return x.value if isinstance(x, Exact) else float(x)


def _is_zero(x: Any) -> bool:
    return isinstance(x, int) and x == 0


def with_gradient(exact: Tensor, smooth: Tensor) -> Tensor:
    """The value of ``exact``, to the last bit, with the gradient of ``smooth``."""
    return exact.detach() + (smooth - smooth.detach())


@where.register(Truth)
def _(condition: Truth, a: Any, b: Any) -> Any:
    if isinstance(a, Truth) or isinstance(b, Truth):
        full = torch.ones_like(condition.value)
        first, second = (x.value if isinstance(x, Truth) else full * bool(x) for x in (a, b))
        return Truth(torch.where(condition.value, first, second))
    return Exact(torch.where(condition.value, _raw(a), _raw(b)))


# --- which floats hold the integers -------------------------------------------------------------

#: Integers up to 2**bits are exact in these.
EXACT_BITS = {torch.float32: 24, torch.float64: 53}


def _leak_bits(rule: Leak, bits: int) -> int:
    """How many bits the leak of a value of so many needs on its way."""
    if isinstance(rule, NoLeak):
        return bits
    if isinstance(rule, LinearLeak | ConstantLeak):
        return max(bits, abs(rule.step).bit_length() + 1) + 1
    if isinstance(rule, MultiShiftLeak):
        return max(bits, max(rule.shifts) + 1) + 4
    if isinstance(rule, ScaleLeak | DecayLeak):
        return bits + rule.shift + 2
    return max(bits, rule.shift + 1) + 1


def needed_bits(neuron: NeuronParams, current_bits: int) -> int:
    """How many bits the integers of a step have at most, with currents of ``current_bits``."""
    v = _leak_bits(neuron.leak, neuron.state_bits + 1)
    threshold = neuron.threshold_bits + neuron.threshold_shift
    parts = [v, current_bits, threshold, abs(neuron.bias).bit_length() + 1]
    if neuron.synapse_leak is not None:
        parts.append(_leak_bits(neuron.synapse_leak, neuron.current_bits + 1))
    if neuron.adaptation is not None:
        parts.append(_leak_bits(neuron.adaptation.leak, neuron.theta_bits + 1))
        parts.append(neuron.adaptation.increment.bit_length() + 6)
    return max(parts) + 2


def exact_type(neuron: NeuronParams, current_bits: int) -> torch.dtype:
    """float32 where it holds every integer of a step, else float64.

    Raises:
        FxlifError: integers beyond 2**53.
    """
    bits = needed_bits(neuron, current_bits)
    for kind, most in EXACT_BITS.items():
        if bits <= most:
            return kind
    allowed = f"of widths whose sums fit {EXACT_BITS[torch.float64]} bits (float64)"
    raise FxlifError.must_be("neuron", allowed, neuron, found=f"one that needs {bits}")


# --- the spike's gradient -----------------------------------------------------------------------


def fast_sigmoid(x: Tensor) -> Tensor:
    """x / (1 + |x|): Zenke, Ganguli, Neural Computation 30 (2018)."""
    return x / (1 + x.abs())


def atan(x: Tensor) -> Tensor:
    """atan(pi x / 2) / pi: Fang, Yu, Chen, Masquelier, Huang, Tian, ICCV 2021."""
    return torch.atan(x * (torch.pi / 2)) / torch.pi


def triangle(x: Tensor) -> Tensor:
    """The integral of max(0, 1 - |x|): Bellec, Salaj and others, NeurIPS 2018."""
    inside = x.clamp(-1, 1)
    return inside - inside * inside.abs() / 2


#: What may stand for the step function where gradients are asked for, by name.
SURROGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "fast_sigmoid": fast_sigmoid,
    "atan": atan,
    "triangle": triangle,
}


# --- modules ------------------------------------------------------------------------------------


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

    def start(self, batch: int) -> TorchState:
        """The state after reset, (batch, n)."""
        zeros = self.v_threshold.new_zeros((batch, self.n))
        return TorchState(zeros + self.neuron.v_reset, zeros, zeros, zeros)

    def forward(
        self, current: Tensor, state: TorchState | None = None
    ) -> tuple[Tensor, TorchState]:
        """One step: spikes (batch, n), counts where there may be several, and the new state.

        ``current``: (batch, n), integers in floats, without the bias.
        """
        before = self.start(len(current)) if state is None else state
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
    ``symmetric`` the lowest integer is left out. A sum is shifted left by ``weight_shift``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        *,
        weight_bits: int = 8,
        weight_shift: int = 0,
        symmetric: bool = True,
    ) -> None:
        super().__init__()
        low, high = signed_range(weight_bits)
        self.ends = (float(-high if symmetric and high else low), float(high))
        self.weight_bits, self.weight_shift = weight_bits, weight_shift
        spread = max(1.0, high / 5)
        self.weight = nn.Parameter(spread * torch.randn(n_inputs, n_neurons))

    def integers(self) -> Tensor:
        """The weights as the hardware stores them, with the gradient of those in float."""
        return with_gradient(self.weight.detach().round().clamp(*self.ends), self.weight)

    def clip(self) -> None:
        """Bring the weights in float back into the range: beyond it a change has no effect."""
        with torch.no_grad():
            self.weight.clamp_(*self.ends)

    def forward(self, spikes: Tensor) -> Tensor:
        """Currents (batch, n_neurons)."""
        exact_sums(spikes.device.type, spikes.dtype)
        weights = self.integers().to(spikes.dtype)
        return spikes @ weights * float(1 << self.weight_shift)


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
    ``weight_bits``, and sums are shifted by ``weight_shift``.
    """

    def __init__(
        self,
        shapes: Sequence[int],
        neuron: NeuronParams | Sequence[NeuronParams],
        *,
        weight_shift: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        count = len(shapes) - 1
        neurons = [neuron] * count if isinstance(neuron, NeuronParams) else list(neuron)
        if count < 1 or len(neurons) != count:
            allowed = "the input's lines, and the neurons of each layer"
            raise FxlifError.must_be("shapes", allowed, list(shapes))
        linear, lif = [], []
        for n_inputs, n, one in zip(shapes, shapes[1:], neurons, strict=False):
            bits = one.weight_bits
            linear.append(IntegerLinear(n_inputs, n, weight_bits=bits, weight_shift=weight_shift))
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
        states: list[TorchState | None] = [None] * len(self.lif)
        made: list[list[Tensor]] = [[] for _ in self.lif]
        for spikes in inputs.to(self.dtype):
            for k, (linear, lif) in enumerate(self.layers()):
                spikes, states[k] = lif(linear(spikes), states[k])
                spikes = spikes.to(self.dtype)
                made[k].append(spikes)
        return [torch.stack(layer) for layer in made]

    def clip(self) -> None:
        """:meth:`IntegerLinear.clip` of every layer; after each step of the optimiser."""
        for linear, _ in self.layers():
            linear.clip()

    def to_design(self, *, name: str = "network", lanes: int = 1) -> NetworkParams:
        """The chain of cores that runs what :meth:`forward` runs, to the last bit."""
        cores = []
        for linear, lif in self.layers():
            weights = linear.integers().detach().cpu().numpy().astype(np.int64)
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
