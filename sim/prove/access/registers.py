"""Registers of neurons that can be written: their legal values, and that a step finds them held.

The theorems of a step are for any legal value of them that stays as it is in the step. That it does
so is given by the neurons (:func:`held`), from what they take: nothing is written while a word is
under way.
"""

from __future__ import annotations

from typing import Any

from ....cycles.access import registers_of
from ....cycles.latency import AnyCore
from ....hdl.neuron import register_shape
from ....params.core import Register
from ....params.neuron import NeuronParams
from ....rule.written import register_range
from ...tools.solver import z3
from .. import golden
from ..contract import Contract, Delays, Ports
from ..parts import NeuronsGhosts, packed


def value_size(neuron: NeuronParams, name: Register) -> int:
    """Bits of a register."""
    return int(register_shape(neuron, name).width)


def any_value(neuron: NeuronParams, name: Register) -> Any:
    """A value of which nothing is known."""
    return z3.BitVec(name, value_size(neuron, name))


def is_legal(neuron: NeuronParams, name: Register, value: Any) -> Any:
    """Whether a register can hold a value, which is as wide as the register."""
    wide = golden.widen(value, value.size() + 1, signed=name == "v_reset")
    low, high = register_range(neuron, name)
    return z3.And(wide >= low, wide <= high)


def held(core: AnyCore, ports: Ports, g: NeuronsGhosts) -> Contract:
    """While any word is under way, the registers hold what they held a cycle before."""
    before, gives = Delays("registers"), {}
    for name in registers_of(core):
        was = before.line(name, ports[name], 1, None)[1]
        gives[f"{name} held"] = z3.Implies(g.under_way(1), ports[name] == was)
    return Contract(ghosts=before.ghosts, gives=gives)


def first_state(core: AnyCore, ports: Ports) -> Any:
    """The state of a word that is cleared now: the golden one after a reset, where ``v_reset`` can
    be written with what it holds."""
    neuron = core.neuron
    size = sum(neuron.state_widths.values())
    first = z3.BitVecVal(golden.pack_initial(neuron), size)
    if "v_reset" in core.writable:
        rest = z3.Extract(size - 1, neuron.state_bits, first) if size > neuron.state_bits else None
        v = ports["v_reset"]
        first = v if rest is None else z3.Concat(rest, v)
    return packed([first] * core.lanes)
