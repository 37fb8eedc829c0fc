"""The head of a core of rows: its inputs one after the other, and the rows of their spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...cycles.access import is_accessible
from ...layout.parts import Input, RowCore, RowMemory
from ..memory import Rom
from .layouts import lockstep_stream, lookup_layout, numbers, table_bits


def front_inputs(address_bits: Sequence[int]) -> dict[str, wiring.Member]:
    """The ports of the inputs, whose addresses have so many bits, of the front and of its core."""
    return {f"input_{k}": In(lockstep_stream(bits)) for k, bits in enumerate(address_bits)}


def row_table(core: RowCore) -> npt.NDArray[np.int64]:
    """First word, length and offset of each row of all memories, packed: (rows, 1)."""
    no_offsets = [np.zeros(memory.n_pre, np.int64) for memory in core.memories]
    columns = {
        "start": [memory.starts for memory in core.memories],
        "length": [memory.lengths for memory in core.memories],
        "offset": [none if memory.offsets is None else memory.offsets
                   for memory, none in zip(core.memories, no_offsets, strict=True)],
    }  # fmt: skip
    packed, at = np.zeros(core.rows, np.int64), 0
    for field, width in table_bits(core).items():
        packed |= np.concatenate(columns[field]) << at
        at += width
    return packed.reshape(-1, 1)


class Front(wiring.Component):
    """Reads its inputs one after the other, each up to and with its TICK, and then the first again;
    after a reset it begins with ``first_input``.

    A SPIKE is looked up in each memory of its input, a cycle each, in the last of which it moves.
    ``held`` says that a ``lookup`` waits: 2 cycles after the cycle of its memory at the earliest,
    until ``take``. The TICK of the last input becomes an update. ``unknown`` says that a SPIKE
    moves whose address belongs to no source. What is ready depends on registers and ``take`` alone.

    Where something of the core can be written or read, ``rests`` says that all of the step before
    was read and nothing waits, and no event of a forward input was looked at, nor found it ready.
    There ``hold`` keeps it.
    """

    def __init__(self, core: RowCore, address_bits: tuple[int, ...]) -> None:
        self.core = core
        self._address_bits = address_bits
        members: dict[str, Any] = {
            **front_inputs(address_bits),
            "take": In(1),
            "held": Out(1),
            "lookup": Out(lookup_layout(core)),
            "unknown": Out(1),
        }
        if is_accessible(core):
            members |= {"hold": In(1), "rests": Out(1)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core = self.core
        inputs = [getattr(self, name) for name in front_inputs(self._address_bits)]
        select = Signal(numbers(len(inputs)), init=core.first_input)
        parts = [max(1, len(each.memories)) for each in core.inputs]
        part = Signal(numbers(max(parts)))
        fetched = Signal()
        room = Signal()
        m.d.comb += room.eq(~fetched | ~self.held | self.take)
        goes: Value = room
        if is_accessible(core):
            # Something of the input was looked up, or found it ready, and its TICK did not move: an
            # event that others wait for with it must not be withdrawn from them.
            begun = Signal()
            stands = Signal()
            m.d.comb += [
                stands.eq((select == core.first_input) & ~begun),
                self.rests.eq(stands & ~fetched & ~self.held),
            ]
            goes = room & ~(self.hold & stands)

        # The input that is read, and the memory of it that is looked into.
        shown = Signal()
        moves = Signal()
        tick = Signal()
        beyond = Signal()
        last_part = Signal()
        last_input = Signal()
        hit = Signal()
        memory = Signal(numbers(len(core.memories)))
        row = Signal(numbers(core.rows))
        with m.Switch(select):
            for number, (each, stream) in enumerate(zip(core.inputs, inputs, strict=True)):
                with m.Case(number):
                    m.d.comb += [
                        shown.eq(stream.shown),
                        tick.eq(stream.payload.tick),
                        last_part.eq(part == parts[number] - 1),
                        last_input.eq(number == len(inputs) - 1),
                        stream.ready.eq(goes & last_part),
                        moves.eq(stream.valid & stream.ready),
                        beyond.eq(self._is_unknown(each, stream.payload.address)),
                    ]
                    with m.Switch(part):
                        for place, looked_up in enumerate(each.memories):
                            with m.Case(place):
                                of = core.memories[looked_up]
                                offset = core.row_starts[looked_up] - of.first
                                m.d.comb += [
                                    memory.eq(looked_up),
                                    hit.eq(_has_row(of, stream.payload.address)),
                                    row.eq(stream.payload.address + offset),
                                ]
        passes = Signal()
        fetch = Signal()
        fetch_update = Signal()
        move = Signal()
        m.d.comb += [
            passes.eq(shown & goes & ~last_part),
            fetch_update.eq(moves & tick & last_input),
            fetch.eq(fetch_update | ((moves | passes) & ~tick & hit)),
            move.eq(fetched & (~self.held | self.take)),
            self.unknown.eq(moves & ~tick & beyond),
        ]
        with m.If(moves):
            m.d.sync += part.eq(0)
            with m.If(tick):
                m.d.sync += select.eq(Mux(last_input, 0, select + 1))
        with m.Elif(passes):
            m.d.sync += part.eq(part + 1)
        if is_accessible(core):
            m.d.sync += begun.eq(Mux(moves, ~tick, begun | (shown & goes)))

        update = Signal(name="fetched_update")
        fetched_memory = Signal.like(memory, name="fetched_memory", reset_less=True)
        held_update = Signal(name="held_update")
        held_memory = Signal.like(memory, name="held_memory", reset_less=True)
        with m.If(fetch):
            m.d.sync += [update.eq(fetch_update), fetched_memory.eq(memory)]
        with m.If(move):
            m.d.sync += [held_update.eq(update), held_memory.eq(fetched_memory)]
        m.d.sync += [
            fetched.eq(fetch | (fetched & ~move)),
            self.held.eq(move | (self.held & ~self.take)),
        ]
        m.d.comb += [self.lookup.update.eq(held_update), self.lookup.memory.eq(held_memory)]
        if core.rows:
            bits = sum(table_bits(core).values())
            m.submodules.rows = rows = Rom("rows", row_table(core), bits, enabled=True)
            found = rows.data[0]
            m.d.comb += [
                rows.address.eq(row),
                # What it reads where nothing is looked up goes nowhere; so the enable is early.
                rows.fetch.eq(room),
                rows.move.eq(move),
            ]
            at = 0
            for field, width in table_bits(core).items():
                m.d.comb += self.lookup[field].eq(found[at : at + width])
                at += width
        return m

    def _is_unknown(self, each: Input, address: Value) -> Value:
        return address >= self.core.n_events if each.node == 0 else Const(0)


def _has_row(memory: RowMemory, address: Value) -> Value:
    """Whether the memory has a row for an address."""
    end = memory.first + memory.n_pre
    below = address < end if end < 1 << len(address) else Const(1)
    return below & (address >= memory.first) if memory.first else below
