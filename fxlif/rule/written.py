"""A neuron of which registers were written since it was described (docs/rule.md#written)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ..errors import FxlifError
from ..params.core import Register
from ..params.leaks import Lfsr, ShiftLeak, random_bits
from ..params.neuron import NeuronParams


class WrittenNeuron(NeuronParams):
    """A neuron with other values of registers: it has the state variables, with their ranges, and
    draws the random numbers of the one that was described."""

    first: Annotated[NeuronParams, Field(description="As it was described.")]

    def of_seed(self, lfsr: Lfsr) -> WrittenNeuron:
        """The same with other random numbers."""
        return WrittenNeuron.model_construct(**{**dict(self), "lfsr": lfsr})

    @property
    def random_bits(self) -> int:
        """As the one that was described."""
        return self.first.random_bits

    @property
    def refractory_bits(self) -> int:
        """As the one that was described."""
        return self.first.refractory_bits

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """As the one that was described; the steps of rest are all that their bits can hold."""
        return self.first.ranges | {"refractory": (0, (1 << self.refractory_bits) - 1)}


def register_value(neuron: NeuronParams, name: Register) -> int:
    """What a register holds."""
    if name == "v_reset":
        return neuron.v_reset
    if name == "refractory":
        return neuron.rest_steps
    return neuron.leak.shift if isinstance(neuron.leak, ShiftLeak) else 0


def register_range(neuron: NeuronParams, name: Register) -> tuple[int, int]:
    """Lowest and highest value of a register, of a neuron that has it."""
    if name == "v_reset":
        low, high = neuron.state_range
        mirrored = neuron.negative_threshold is not None and neuron.negative_reset == "mirror"
        return (-high if mirrored else low), high
    if name == "refractory":
        return 0, (1 << neuron.refractory_bits) - 1
    described = neuron.first if isinstance(neuron, WrittenNeuron) else neuron
    drawn = neuron.lfsr.bits if random_bits(described.leak) else 31
    return 0, min(31, drawn)


def with_register(neuron: NeuronParams, name: Register, value: int) -> NeuronParams:
    """The same neuron with another value of a register: of ``refractory`` the steps of rest.

    Raises:
        FxlifError: a value outside of :func:`register_range`.
    """
    low, high = register_range(neuron, name)
    if not low <= value <= high:
        raise FxlifError.must_be("value", f"{low}..{high} ({name})", value)
    changed: dict[str, object] = {name: value}
    if name == "refractory":
        changed = {name: value + (neuron.refractory_count == "before")}
    if name == "leak_shift":
        changed = {"leak": neuron.leak.model_copy(update={"shift": value})}
    return WrittenNeuron.model_construct(**{"first": neuron, **dict(neuron), **changed})


def with_values(neuron: NeuronParams, registers: Mapping[Register, Any]) -> NeuronParams:
    """The neuron with such values of its registers, by name: numbers of any kind that the rule
    runs on, such as an array of one for each step; of ``refractory`` the steps of rest."""
    changed = dict[str, Any](registers.items())
    if "leak_shift" in changed and isinstance(neuron.leak, ShiftLeak):
        changed["leak"] = neuron.leak.model_copy(update={"shift": changed.pop("leak_shift")})
    if "refractory" in changed:
        changed["refractory_count"] = "after"
    if not changed:
        return neuron
    return WrittenNeuron.model_construct(**{"first": neuron, **dict(neuron), **changed})
