"""Steps that tell the choices of a neuron, and the values of its registers, from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import get_args

from ...params.combinations import RULE_ORDER, combinations
from ...params.core import REGISTERS, Register
from ...params.neuron import SYNAPSE_ORDER, ExponentialSynapse, NeuronParams
from ...rule.written import WrittenNeuron, register_value, with_values
from .step_values import Condition, StepValues


def other_choices(
    neuron: NeuronParams,
) -> Iterator[tuple[str, Callable[[StepValues], Condition]]]:
    """Of each choice that is not the plain one, a step that another would have made otherwise: its
    name, and whether a step is one."""
    for key, value, other in _others(neuron):
        told = ", ".join(value) if isinstance(value, tuple) else str(value)
        yield f"{key}: not as with {told}", partial(_differs, other)


def as_described(
    neuron: NeuronParams,
) -> Iterator[tuple[Register, Callable[[StepValues], Condition]]]:
    """Of each register that may hold another value than it was described with: its name, and
    whether a step is one that the described value would have made otherwise."""
    if isinstance(neuron, WrittenNeuron):
        for name in REGISTERS:
            if not isinstance(register_value(neuron, name), int):
                value = register_value(neuron.first, name)
                yield name, partial(_differs, with_values(neuron, {name: value}))


def _differs(other: NeuronParams, s: StepValues) -> Condition:
    return s.differs(other)


def _others(neuron: NeuronParams) -> Iterator[tuple[str, object, NeuronParams]]:
    """The neurons that differ in one such choice, and make sense as described: the key, the other
    value, the neuron."""
    described = neuron.first if isinstance(neuron, WrittenNeuron) else neuron
    synapse = neuron.synapse
    if isinstance(synapse, ExponentialSynapse) and synapse.order != SYNAPSE_ORDER:
        for order in permutations(SYNAPSE_ORDER):
            if order != synapse.order:
                changed = {"synapse": synapse.model_copy(update={"order": order})}
                if not any(combinations(described.model_copy(update=changed))):
                    yield "synapse.order", order, neuron.model_copy(update=changed)
    fields = type(neuron).model_fields
    made = {
        "order": neuron.order != RULE_ORDER,
        "reset_at": neuron.reset_at != "compare",
        "overflow_change": neuron.overflow_change,
        "bias_at": neuron.bias_past_synapse,
        "negative_reset": neuron.negative_threshold is not None,
        "refractory_mode": neuron.refractory_mode in ("rest", "leak") and described.rest_steps,
        "refractory_count": neuron.refractory_count == "before" and neuron.refractory,
    }
    for key in (key for key, chosen in made.items() if chosen):
        values = {"order": tuple(permutations(RULE_ORDER)), "overflow_change": (False,)}
        for value in values.get(key) or get_args(fields[key].annotation):
            other = {key: value}
            if value != getattr(neuron, key) and not any(
                combinations(described.model_copy(update=other))
            ):
                yield key, value, neuron.model_copy(update=other)
