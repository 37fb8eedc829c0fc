"""What passes between the parts of a core, and lines of registers."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, Shape, Signal, Value, signed
from amaranth.lib import data

from ...cycles.access import ITEM_BITS, SIGNED, inputs_of, value_bits, weight_words
from ...cycles.latency import COUNTER_BITS, AnyCore, event_cycles
from ...params.core import CoreParams
from ..neuron import state_layout


def word_range(core: AnyCore) -> range:
    """The numbers of the words of a population; a number of no bits is no good Verilog."""
    return range(max(2, core.words))


def slot_range(core: CoreParams) -> range:
    """The slots that an operation occupies."""
    return range(event_cycles(core))


def operation_layout(core: AnyCore) -> data.StructLayout:
    """What a slot of the pipeline holds: a word that is added to (``add``), that takes the step
    (``update``) or that is brought into its initial state (``clear``), or nothing. Where events act
    one by one, whether it ``begins`` a step."""
    begins = {"begins": 1} if core.neuron.per_event else {}
    return data.StructLayout(
        {"add": 1, "update": 1, "clear": 1, "word": word_range(core), **begins}
    )


def spikes_layout(core: AnyCore) -> data.ArrayLayout:
    """How often each lane of a word fired."""
    return data.ArrayLayout(core.spike_bits, core.lanes)


def written_layout(core: AnyCore) -> data.StructLayout:
    """A word of neurons as it is written back; ``last`` of its population. Of its events, the TICK
    behind the last word among them, it says whether there are ``some``, ``one``, or
    ``one_and_tick``: known a stage earlier, they are not in the way of the queue."""
    return data.StructLayout(
        {
            "valid": 1,
            "last": 1,
            "some": 1,
            "one": 1,
            "one_and_tick": 1,
            "word": word_range(core),
            "state": data.ArrayLayout(state_layout(core.neuron), core.lanes),
            "spikes": spikes_layout(core),
        }
    )


def entry_layout(core: AnyCore) -> data.StructLayout:
    """A word of spikes in the queue; behind those of the ``last`` one a TICK follows.

    Two facts of it are known beforehand: that it is one event, and that it is one and a TICK. The
    spikes of a neuron that fired several times are one here.
    """
    return data.StructLayout(
        {
            "last": 1,
            "one": 1,
            "one_and_tick": 1,
            "word": word_range(core),
            "spikes": spikes_layout(core),
        }
    )


def write_layout(core: AnyCore) -> data.StructLayout:
    """What is to be written to a core at this clock edge: a bit for each parameter that can be, and
    for which row, word and lane which ``value``, of which a parameter takes the lowest bits. Of a
    core that reads rows of synapses, ``row`` is the number of a word of weights."""
    widest = max(value_bits(core, name) for name in core.writable)
    strobes: dict[str, Any] = dict.fromkeys(core.writable, 1)
    lanes = range(max(2, core.lanes))
    rows = range(max(2, inputs_of(core), weight_words(core)))
    return data.StructLayout(
        {**strobes, "row": rows, "word": word_range(core), "lane": lanes, "value": widest}
    )


def read_layout(core: AnyCore) -> data.StructLayout:
    """What is to be read of a core, if anything is: the number of the item, which word and lane."""
    lanes = range(max(2, core.lanes))
    return data.StructLayout(
        {"valid": 1, "item": ITEM_BITS, "word": word_range(core), "lane": lanes}
    )


def answer_shape(core: AnyCore) -> Shape:
    """What holds all that can be read of a core."""
    states = core.neuron.state_widths.items()
    bits = [width + (name not in SIGNED) for name, width in states]
    return signed(max(COUNTER_BITS + 1, *bits))


#: Nodes of a tree over so many bits are signals: an expression is written out at each of its uses.
BITS_OF_A_NODE = 16


def named_nodes(m: Module, name: str, values: list[Value], bits: int) -> list[Value]:
    """Values over so many ``bits``: signals where an expression would be long."""
    if bits < BITS_OF_A_NODE:
        return values
    nodes = [Signal(value.shape(), name=f"{name}_{number}") for number, value in enumerate(values)]
    m.d.comb += [node.eq(value) for node, value in zip(nodes, values, strict=True)]
    return list(nodes)


def at_least(m: Module, count: int, bits: list[Value]) -> list[Value]:
    """Whether 1, 2, ... ``count`` or more of some bits are set: a tree, no carry chain."""
    if len(bits) == 1:
        return [bits[0], *(Const(0, 1) for _ in range(count - 1))]
    half = len(bits) // 2
    low, high = at_least(m, count, bits[:half]), at_least(m, count, bits[half:])
    found = []
    for wanted in range(count):
        enough: Value = low[wanted] | high[wanted]
        for in_low in range(wanted):
            enough = enough | (low[in_low] & high[wanted - in_low - 1])
        found.append(enough)
    return named_nodes(m, "at_least", found, len(bits))


def line(m: Module, value: Value, cycles: int, name: str, *, is_data: bool = False) -> list[Value]:
    """``value``, a cycle later, and so on to so many cycles later; a reset clears it on its way
    unless it ``is_data``."""
    values = [value]
    for distance in range(1, cycles + 1):
        register = Signal(value.shape(), name=f"{name}_{distance}", reset_less=is_data)
        m.d.sync += register.eq(values[-1])
        values.append(register)
    return values
