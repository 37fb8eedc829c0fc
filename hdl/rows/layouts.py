"""What passes between the parts of a core of rows, and between cores."""

from __future__ import annotations

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import clear_cycles
from ...layout.parts import RowCore
from ..events import event_layout


def numbers(count: int) -> Shape:
    """The shape of the numbers of so many things: of no bits is no good Verilog."""
    return Shape.cast(range(max(2, count)))


def lockstep_stream(address_bits: int) -> wiring.Signature:
    """A stream that several read in lockstep, as one of them sees it.

    An event moves, for all readers at once, where ``valid`` and ``ready`` hold; ``valid`` says that
    all others are ready for it. ``shown`` says that it is there, whoever waits.
    """
    return wiring.Signature(
        {
            "shown": Out(1),
            "valid": Out(1),
            "payload": Out(event_layout(address_bits)),
            "ready": In(1),
        }
    )


def ring_bits(core: RowCore) -> int:
    """Width of the number of a ring's slot, at least 1."""
    return max(1, (core.slots - 1).bit_length())


def depth(core: RowCore) -> int:
    """Words of the longest memory of synapses."""
    return max((memory.depth for memory in core.memories), default=0)


def longest(core: RowCore) -> int:
    """Words of the longest row."""
    return max((int(m.lengths.max(initial=0)) for m in core.memories), default=0)


def lookup_layout(core: RowCore) -> data.StructLayout:
    """What waits before the pipeline: an ``update``, or a row of a ``memory``, its first word and
    how many there are, and the ``offset`` of its word numbers if rows of the core have one."""
    return data.StructLayout(
        {
            "update": 1,
            "memory": numbers(len(core.memories)),
            "start": numbers(depth(core)),
            "length": numbers(longest(core) + 1),
            **_offset(core),
        }
    )


def table_bits(core: RowCore) -> dict[str, int]:
    """What an entry of the table of rows holds, the lowest bits first: field and width."""
    layout = lookup_layout(core)
    return {name: layout[name].width for name in layout.members if name not in ("update", "memory")}


def _offset(core: RowCore) -> dict[str, int]:
    return {"offset": core.offset_bits} if core.offset_bits else {}


def slot_layout(core: RowCore) -> data.StructLayout:
    """What enters the pipeline in a cycle: word ``count`` of a row (``add``), which lies at
    ``pointer`` in a ``memory``; a word of neurons that takes the step (``update``); sums that are
    cleared (``clear``), where ``count`` goes through the words of all slots of the ring; or
    nothing. ``base`` is the ring's slot of this step, ``offset`` that of the row's word numbers.
    Where events act one by one, whether the operation ``begins`` a step."""
    return data.StructLayout(
        {
            "add": 1,
            "update": 1,
            "clear": 1,
            "memory": numbers(len(core.memories)),
            "pointer": numbers(depth(core)),
            "count": max(core.word_bits + ring_bits(core), clear_cycles(core).bit_length()),
            "base": ring_bits(core),
            **_offset(core),
            **({"begins": 1} if core.neuron.per_event else {}),
        }
    )


def row_operation_layout(core: RowCore) -> data.StructLayout:
    """What happens to sums and neurons: weights are added to sums of the accumulators in ``adds``;
    a ``word`` of neurons takes the step (``update``) or is brought into its initial state
    (``begin``); in both and where ``clear`` holds sums are put to 0. Each lane has an address of
    its own among the sums, which comes a cycle before: a word, and the slot of the ring. Where
    events act one by one ``adds`` is one bit: the ``word`` takes the weights, and whether it
    ``begins`` a step."""
    lanes = core.lanes
    return data.StructLayout(
        {
            "adds": unsigned(max(1, len(core.accumulators))),
            "update": 1,
            "clear": 1,
            "begin": 1,
            "word": core.word_bits,
            "words": data.ArrayLayout(core.word_bits, lanes),
            "slots": data.ArrayLayout(ring_bits(core), lanes),
            **({"begins": 1} if core.neuron.per_event else {}),
        }
    )


def added_shape(core: RowCore) -> Shape:
    """The shape of what is added to a sum: the weights of all memories, shifted."""
    return signed(max((m.weight_bits + m.weight_shift for m in core.memories), default=1))
