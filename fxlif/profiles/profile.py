"""What a profile is: a neuron, what holds for its projections, and the limits of its system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt

from ..arrays import Ints, integer, integers
from ..errors import FxlifError
from ..network.topology import synapses_of
from ..params.network import NetworkParams, Population, Projection
from ..params.neuron import NeuronParams
from ..params.quantise import signed_range
from ..params.sources import EventSource
from ..params.topology import Dense

P = ParamSpec("P")


def named_parameters(make: Callable[P, Profile]) -> Callable[P, Profile]:
    """``make``, which says so of a parameter that it does not have instead of a TypeError."""
    names = tuple(signature(make).parameters)

    @wraps(make)
    def checked(*args: P.args, **given: P.kwargs) -> Profile:
        if args:
            found = f"{len(args)} without a name"
            raise FxlifError.must_be(make.__name__, "given parameters by name", args, found=found)
        for name in given:
            if name not in names:
                raise FxlifError.unknown(name, f"parameter of {make.__name__}", name, names)
        return make(*args, **given)

    return checked


def choice(key: str, value: object, choices: tuple[str, ...], why: str = "") -> str:
    """``value``, or an error where it is none of ``choices``; ``why`` explains what is missing."""
    if not isinstance(value, str) or value not in choices:
        raise FxlifError.must_be(key, ", ".join(choices) + why, value)
    return str(value)


def flag(key: str, value: object) -> bool:
    """``value``, True or False (1 or 0 as well), or an error."""
    return bool(integer(key, int(value) if isinstance(value, bool | np.bool_) else value, 0, 1))


def quantity(key: str, value: Any, low: float, high: float) -> float:
    """``value`` as a float, or an error where it is no number from ``low`` to ``high``."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        raise FxlifError.must_be(key, f"a number, {low}..{high}", value)
    return float(value)


def of_both_signs(weights: Ints) -> Ints:
    """The sources, rows of ``weights`` (n_pre, n_post), with positive and negative weights."""
    rows: Ints = np.flatnonzero((weights < 0).any(axis=1) & (weights > 0).any(axis=1))
    return rows


@dataclass(frozen=True, kw_only=True)
class WeightFormat:
    """How a chip stores a weight, and what a stored weight adds.

    A weight is an integer ``low``..``high`` whose lowest ``unstored`` bits are 0. It adds
    floor(weight · 2^exponent) << shift.

    Attributes:
        towards_zero: whether precision is lost towards 0 and not towards minus infinity.
        one_sign: whether all weights of one source have one sign.
    """

    low: int
    high: int
    unstored: int = 0
    exponent: int = 0
    shift: int = 0
    towards_zero: bool = False
    one_sign: bool = False

    @classmethod
    def signed(cls, bits: int, *, shift: int = 0) -> WeightFormat:
        """Weights of ``bits`` bits, signed."""
        low, high = signed_range(bits)
        return cls(low=low, high=high, shift=shift)

    @property
    def weight_shift(self) -> int:
        """The ``weight_shift`` of a projection with such weights."""
        return self.shift + max(self.exponent, 0)

    def fit(self, weights: npt.ArrayLike, *, truncate: bool = False, name: str = "weights") -> Ints:
        """The weights (n_pre, n_post) that a projection with :attr:`weight_shift` needs.

        ``truncate`` allows the chip to drop the bits that it does not store; out of range is an
        error all the same.

        Raises:
            FxlifError: one line for the first entry that does not fit, with the nearest that does.
        """
        exact = integers(name, weights, shape="(n_pre, n_post)").astype(np.int64)
        beyond = np.argwhere((exact < self.low) | (exact > self.high))
        if len(beyond):
            raise self._refused(name, exact, beyond[0], f"{self.low}..{self.high}")
        sign = np.where(exact < 0, -1, 1) if self.towards_zero else np.int64(1)
        kept = sign * ((sign * exact) >> self.unstored << self.unstored)
        down = max(-self.exponent, 0)
        fitted: Ints = kept >> down
        changed = np.argwhere(fitted << down != exact)
        if len(changed) and not truncate:
            unit, at = 1 << max(self.unstored, down), tuple(changed[0])
            allowed = f"a multiple of {unit} (nearest below: {int(exact[at]) // unit * unit})"
            raise self._refused(name, exact, changed[0], f"{allowed}, or truncate = True")
        if self.one_sign:
            mixed = of_both_signs(kept)
            if len(mixed):
                found = "some positive and some negative"
                allowed = "of one sign for each source"
                raise FxlifError.must_be(f"{name}[{mixed[0]}]", allowed, weights, found=found)
        return fitted

    @staticmethod
    def _refused(name: str, array: Ints, index: Ints, allowed: str) -> FxlifError:
        at = tuple(int(i) for i in index)
        return FxlifError.must_be(f"{name}[{', '.join(map(str, at))}]", allowed, int(array[at]))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a system can have at most; None where nothing is said or nothing limits it."""

    neurons: int | None = None
    fan_in: int | None = None
    #: Shortest and longest delay of a synapse, in steps.
    delays: tuple[int, int] = (0, 63)
    weight_shifts: tuple[int, int] = (0, 16)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One system's neuron with given parameters (docs/profiles.md).

    Attributes:
        name: of the system, as in :data:`fxlif.profiles.NAMES`.
        neuron: its parameters in fxlif.
        weights: how it stores a weight.
        limits: what it can have at most.
        delay: steps from a neuron's spike to its effect, where a projection does not say otherwise.
        input_delay: the same of an event from outside.
        free: fields of ``neuron`` that the system lets one choose; all others are its rule.
        source: where the rule was taken from.
        evidence: what it was compared with.
        notes: what is not covered or stands elsewhere than in the system, one sentence each.
    """

    name: str
    neuron: NeuronParams
    weights: WeightFormat
    limits: Limits = Limits()
    delay: int = 1
    input_delay: int = 0
    free: tuple[str, ...] = ("leak", "v_threshold")
    source: str
    evidence: str
    notes: tuple[str, ...] = ()

    def population(self, name: str, n: int, **fields: Any) -> Population:
        """A population of ``n`` of these neurons; ``fields`` as :class:`Population`."""
        most = self.limits.neurons
        return Population(name=name, n=integer("n", n, 1, most), neuron=self.neuron, **fields)

    def projection(
        self,
        source: str,
        target: str,
        weights: npt.ArrayLike,
        *,
        outside: bool = False,
        delay: int | None = None,
        weight_shift: int = 0,
        weight_format: WeightFormat | None = None,
        truncate: bool = False,
    ) -> Projection:
        """A projection that this system can have, from its weights (n_pre, n_post).

        ``outside`` says that ``source`` is no population: :attr:`input_delay` is then its delay.
        ``weight_shift`` is added to that of the weights' format; ``weight_format`` takes the
        place of :attr:`weights`; ``truncate`` as :meth:`WeightFormat.fit`.

        Raises:
            FxlifError: weights, delay or shift that the system does not have.
        """
        stored = weight_format or self.weights
        low, high = self.limits.weight_shifts
        shift = stored.weight_shift + integer("weight_shift", weight_shift, low, high)
        if delay is None:
            delay = self.input_delay if outside else self.delay
        steps = integer("delay", delay, *self.limits.delays)
        fitted = stored.fit(weights, truncate=truncate)
        return Projection(
            source=source, target=target, synapses=Dense(weights=fitted), weight_shift=shift,
            delay=steps,
        )  # fmt: skip

    def with_neuron(self, **fields: Any) -> Profile:
        """This profile with some of the ``free`` fields of its neuron changed.

        Raises:
            FxlifError: a field that is part of the system's rule, or a value that it refuses.
        """
        for key in fields:
            if key not in self.free:
                thing = f"field that {self.name} leaves free"
                raise FxlifError.unknown(key, thing, key, self.free)
        changed = {**{k: getattr(self.neuron, k) for k in self.neuron.model_fields_set}, **fields}
        return replace(self, neuron=NeuronParams(**changed))

    def check(self, network: NetworkParams) -> None:
        """Raise unless every population and projection of ``network`` fits this system.

        Raises:
            FxlifError: one line for each mistake.
        """
        mistakes = [*self._neurons(network), *self._projections(network)]
        if mistakes:
            raise FxlifError.several(mistakes)

    def _neurons(self, network: NetworkParams) -> Iterator[FxlifError]:
        table = "core" if network.core else "population"
        for index, population in enumerate(network.graph.populations):
            key = f"{table}[{index}]"
            most = self.limits.neurons
            if most is not None and population.n > most:
                count = "n_neurons" if network.core else "n"
                allowed = f"{most} or fewer ({self.name})"
                yield FxlifError.must_be(f"{key}.{count}", allowed, population.n)
            here, mine = (_rule(n, self.free) for n in (population.neuron, self.neuron))
            for field, value in mine.items():
                if here[field] != value:
                    allowed = f"{value!r} ({self.name})"
                    yield FxlifError.must_be(f"{key}.neuron.{field}", allowed, here[field])

    def _projections(self, network: NetworkParams) -> Iterator[FxlifError]:
        graph = network.graph
        outside = {s.name for s in graph.sources if isinstance(s, EventSource)}
        for index, projection in enumerate(graph.projections):
            key = f"{'core' if network.core else 'projection'}[{index}]"
            at = f"{key}.weights" if network.core else f"{key}.synapses"
            low, high = self.limits.delays
            if not network.core and projection.source not in outside:
                for steps in projection.delay_range:
                    if not low <= steps <= high:
                        allowed = f"{low}..{high} ({self.name})"
                        yield FxlifError.must_be(f"{key}.delay", allowed, steps)
                        break
            low, high = (self.weights.shift + shift for shift in self.limits.weight_shifts)
            if not low <= projection.weight_shift <= high:
                allowed = f"{low}..{high} ({self.name})"
                yield FxlifError.must_be(f"{key}.weight_shift", allowed, projection.weight_shift)
            table = synapses_of(
                projection, *(graph.sizes[x] for x in (projection.source, projection.target))
            )
            weights = np.atleast_1d(np.asarray(table.weights))
            for weight in (int(weights.min(initial=0)), int(weights.max(initial=0))):
                if not self.weights.low <= weight <= self.weights.high:
                    allowed = f"{self.weights.low}..{self.weights.high} ({self.name})"
                    yield FxlifError.must_be(at, f"weights {allowed}", weight)
            most = self.limits.fan_in
            fan_in = int(np.bincount(table.targets, minlength=1).max())
            if most is not None and fan_in > most:
                allowed = f"{most} or fewer synapses into a neuron ({self.name})"
                yield FxlifError.must_be(at, allowed, fan_in)
            if self.weights.one_sign:
                mixed = of_both_signs(table.dense())
                if len(mixed):
                    allowed = f"of one sign for each source ({self.name})"
                    found = f"source {mixed[0]} with both"
                    yield FxlifError.must_be(at, allowed, int(mixed[0]), found=found)


def _rule(neuron: NeuronParams, free: tuple[str, ...]) -> dict[str, Any]:
    """What a profile fixes of a neuron: the fields that are not ``free``, and the form of leaks."""
    fields = neuron.model_dump(mode="json")
    rule = {key: value for key, value in fields.items() if key not in free}
    if "leak" in free:
        rule["leak"] = _form(fields["leak"])
    if "synapse" in free:
        rule["synapse"] = {
            key: _form(value) if key == "leak" else value
            for key, value in fields["synapse"].items()
        }
    return rule


def _form(leak: dict[str, Any]) -> dict[str, Any]:
    """A leak without its numbers."""
    numbers = ("factor", "shift", "step", "shifts", "signs")
    return {key: value for key, value in leak.items() if key not in numbers}
