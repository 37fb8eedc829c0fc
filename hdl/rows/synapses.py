"""The memories of synapses, and which of them each operation takes its weights from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...cycles.latency import ROW_STAGES
from ...layout.parts import RowCore, RowMemory
from ..core.layouts import line, write_layout
from ..memory import Rom
from .layouts import added_shape, ring_bits, row_operation_layout, slot_layout

#: From a slot to its operation: the memories' read registers, their output registers, one register
#: more, since the memories may lie far from each other, the choice, and the sums' addresses.
OPERATION_DISTANCE = ROW_STAGES
#: From an operation to its weights: those of a sum come when the memory of sums has answered.
WEIGHTS_DISTANCE = 2


def synapse_bits(memory: RowMemory) -> tuple[int, int, int]:
    """Width of a weight, of a word's number and of a delay in a memory."""
    return memory.weight_bits, memory.word_bits, memory.delay_bits


def synapse_words(memory: RowMemory) -> npt.NDArray[np.int64]:
    """What the memory holds, (depth, lanes): the weight, above it the word's number, then the delay
    where they are stored."""
    weight_bits, word_bits, _ = synapse_bits(memory)
    found = memory.weights & ((1 << weight_bits) - 1)
    if memory.words is not None:
        found = found | memory.words << weight_bits
    if memory.delays is not None:
        found = found | memory.delays << weight_bits + word_bits
    return found


class Synapses(wiring.Component):
    """``operation`` is what a ``slot`` does to sums and neurons, 5 cycles later, the addresses
    of sums a cycle before; ``weights`` what it adds, 7 cycles later. Of what is on its way at a
    reset no operation shows. Where they can be written, ``write`` says which of them is."""

    def __init__(self, core: RowCore) -> None:
        self.core = core
        self._writable = "weights" in core.writable
        members: dict[str, Any] = {
            "slot": In(slot_layout(core)),
            "operation": Out(row_operation_layout(core)),
            "weights": Out(data.ArrayLayout(added_shape(core), core.lanes)),
        }
        if self._writable:
            members["write"] = In(write_layout(core))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        core, slot, bits = self.core, self.slot, self.core.word_bits
        arrival = OPERATION_DISTANCE - 2
        *_, add = line(m, slot.add, arrival, "add")
        *_, update = line(m, slot.update, arrival, "update")
        *_, clear = line(m, slot.clear, arrival, "clear")
        *_, memory = line(m, slot.memory, arrival, "memory", is_data=True)
        *_, count = line(m, slot.count, arrival, "count", is_data=True)
        # The ring's slot of a word, but for the delays that are stored with the synapses.
        ring = Signal(ring_bits(core), reset_less=True)
        delayed = Signal(ring_bits(core))
        with m.Switch(slot.memory):
            for number, each in enumerate(core.memories):
                with m.Case(number):
                    m.d.comb += delayed.eq(slot.base + each.delay)
        with m.If(slot.clear):
            m.d.sync += ring.eq(slot.count[bits:])
        with m.Else():
            m.d.sync += ring.eq(Mux(slot.update, slot.base, delayed))
        *_, ring_here = line(m, ring, arrival - 1, "ring", is_data=True)

        # Signals of their own: what a Switch assigns a part of, some simulators never begin with.
        adds = Signal(self.operation.adds.shape())
        words_here = Signal(self.operation.words.shape())
        slots_here = Signal(self.operation.slots.shape())
        chosen = Signal(self.weights.shape())
        for lane in range(core.lanes):
            m.d.comb += [words_here[lane].eq(count[:bits]), slots_here[lane].eq(ring_here)]
        offset: Value = Const(0, 0)
        if core.offset_bits:
            *_, offset = line(m, slot.offset, arrival - 1, "offset", is_data=True)
        arrived = [self._arrived(m, number, offset) for number in range(len(core.memories))]
        with m.If(add), m.Switch(memory):
            for number, (each, words) in enumerate(zip(core.memories, arrived, strict=True)):
                with m.Case(number):
                    m.d.comb += adds.eq(1 << each.accumulator)
                    for lane in range(core.lanes):
                        weight, word, delay = self._parts(each, words[lane])
                        m.d.comb += chosen[lane].eq(weight)
                        if not each.dense:
                            m.d.comb += words_here[lane].eq(word)
                        if each.delay_bits:
                            m.d.comb += slots_here[lane].eq(ring_here + delay)
        here = {
            "adds": adds, "update": update, "clear": clear, "begin": self._begins(clear, count),
            "word": count[:bits], "words": words_here, "slots": slots_here,
        }  # fmt: skip
        if core.neuron.per_event:
            here["begins"] = line(m, slot.begins, arrival, "begins", is_data=True)[-1]
        for name, signal in here.items():
            is_data = name in ("word", "words", "slots", "begins")
            cycles = 1 if name in ("words", "slots") else 2
            *_, value = line(m, signal, cycles, f"operation_{name}", is_data=is_data)
            m.d.comb += self.operation[name].eq(value)
        *_, weights = line(m, chosen, 2 + WEIGHTS_DISTANCE, "weights", is_data=True)
        m.d.comb += self.weights.eq(weights)
        return m

    def _arrived(self, m: Module, number: int, offset: Value) -> Value:
        """What the memory of this number has at the slot's pointer, with the ``offset`` of its row
        added to the numbers of words."""
        memory, name = self.core.memories[number], f"synapses_{number}"
        words: Value
        if self._writable:
            words = self._written(m, number)
        else:
            bits = sum(synapse_bits(memory))
            m.submodules[name] = rom = Rom(name, synapse_words(memory), bits)
            m.d.comb += rom.address.eq(self.slot.pointer)
            words = rom.data
            if memory.offset_bits:
                lanes = [self._moved(memory, synapse, offset) for synapse in rom.data]
                words = data.ArrayLayout(len(lanes[0]), self.core.lanes)(Cat(lanes))
        *_, words = line(m, words, 1, f"arrived_{number}", is_data=True)
        return words

    def _written(self, m: Module, number: int) -> Value:
        """What the memory of this number has at the slot's pointer, where its weights can be
        written: they lie in one of their own."""
        memory, write = self.core.memories[number], self.write
        weight_bits, *others = synapse_bits(memory)
        words, name = synapse_words(memory), f"weights_{number}"
        m.submodules[name] = weights = Rom(
            name, words & ((1 << weight_bits) - 1), weight_bits, writable=True
        )
        first = self.core.first_words[number]
        bits = memory.reach.bit_length() - 1
        here = write.row[bits:] == first // memory.reach
        m.d.comb += [
            weights.address.eq(self.slot.pointer),
            weights.write.eq(Mux(write.weights & here, Const(1) << write.lane, 0)),
            weights.place.eq(write.row[:bits] if bits else 0),
            weights.value.eq(write.value),
        ]
        found = Signal(data.ArrayLayout(weight_bits + sum(others), self.core.lanes),
                       name=f"synapses_{number}")  # fmt: skip
        parts = [weights.data]
        if sum(others):
            name = f"targets_{number}"
            m.submodules[name] = targets = Rom(name, words >> weight_bits, sum(others))
            m.d.comb += targets.address.eq(self.slot.pointer)
            parts.append(targets.data)
        lanes = range(self.core.lanes)
        m.d.comb += found.eq(Cat(*(Cat(*(part[lane] for part in parts)) for lane in lanes)))
        return found

    def _moved(self, memory: RowMemory, synapse: Value, offset: Value) -> Value:
        """A synapse of a shared row, its word's number counted from the first word."""
        weight_bits, word_bits, _ = synapse_bits(memory)
        weight, rest = synapse[:weight_bits], synapse[weight_bits:]
        word = (rest[:word_bits] + offset)[: memory.offset_bits]
        return Cat(weight, word, rest[word_bits:])

    def _parts(self, memory: RowMemory, synapse: Value) -> tuple[Value, Value, Value]:
        """A synapse's weight, shifted, its word's number and its delay, from the memory."""
        weight_bits = memory.weight_bits
        word_bits = 0 if memory.dense else self.core.word_bits
        rest = synapse[weight_bits:]
        weight = Cat(Const(0, memory.weight_shift), synapse[:weight_bits]).as_signed()
        return weight, rest[:word_bits], rest[word_bits:]

    def _begins(self, clear: Value, count: Value) -> Value:
        """Whether neurons are brought into their initial state: in the last pass of the ring."""
        core, bits = self.core, self.core.word_bits
        return clear & (count[bits:] == core.slots - 1) & (count[:bits] < core.words)
