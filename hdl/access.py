"""The ports of a design of which something can be written or read while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..cycles.access import (
    NUMBERS,
    READ_NUMBERS,
    AddressMap,
    access_outputs,
    bits_range,
    inputs_of,
    is_accessible,
    is_signed,
    is_single,
    value_bits,
    value_range,
    weight_words,
)
from ..cycles.latency import COUNTER_BITS, READ_CYCLES, AnyCore
from ..layout.parts import RowCore
from ..params.core import Writable
from .core.core import LIFCore
from .core.layouts import line
from .memory import Rom
from .network import LIFGraph, LIFNetwork

#: How the ports begin that join a core to those of its design.
ACCESS = "access"


def write_payload(addresses: AddressMap) -> data.StructLayout:
    """Where a write goes, and what is written."""
    return data.StructLayout({"address": addresses.address_bits, "data": addresses.data_bits})


def read_payload(addresses: AddressMap) -> data.StructLayout:
    """Where a read goes."""
    return data.StructLayout({"address": addresses.address_bits})


def answer_signature(addresses: AddressMap) -> wiring.Signature:
    """What a read is answered, in the cycle in which it is ``valid``."""
    return wiring.Signature({"valid": Out(1), "data": Out(addresses.answer_bits), "error": Out(1)})


class Accessible(wiring.Component):
    """The ``inner`` core or chain with its ports, and beside them the streams ``write`` and
    ``read``, each where there is something for it.

    An access on offer stays until it is taken, a cycle after it is first offered or later: as soon
    as its core is between two steps, where it keeps the core until it is taken. One to an address
    at which there is nothing is taken at once, and counted in ``rejected`` or ``read_errors``, 2
    cycles later. What is written stays over a reset. ``answer`` shows what was read
    :data:`~fxlif.cycles.latency.READ_CYCLES` later, unless there is a reset before, and says if it
    was an ``error``.
    """

    def __init__(self, inner: LIFCore | LIFNetwork | LIFGraph, *, counters: bool = True) -> None:
        self._inner = inner
        self.params = inner.params
        self._cores: Sequence[AnyCore] = inner.params.cores
        self._map = where = AddressMap(inner.params.cores, counters=counters)
        members: dict[str, Any] = {
            name: member
            for name, member in inner.signature.members.items()
            if not name.startswith(ACCESS)
        }
        outputs = access_outputs(self._cores)
        if "rejected" in outputs:
            members["write"] = In(stream.Signature(write_payload(where)))
            members["rejected"] = Out(COUNTER_BITS)
        if "read_errors" in outputs:
            members["read"] = In(stream.Signature(read_payload(where)))
            members["answer"] = Out(answer_signature(where))
            members["read_errors"] = Out(COUNTER_BITS)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.design = inner = self._inner
        for name, member in inner.signature.members.items():
            if name.startswith(ACCESS):
                continue
            own, its = getattr(self, name), getattr(inner, name)
            if member.is_port:
                m.d.comb += own.eq(its)
            elif member.flow is In:
                connect(m, flipped(own), its)
            else:
                connect(m, its, flipped(own))

        accesses = {
            k: getattr(inner, signals.access)
            for k, (core, signals) in enumerate(zip(self._cores, self.params.signals, strict=True))
            if is_accessible(core)
        }
        ports = []
        if "write" in self.signature.members:
            ports.append(self._writes(m, accesses))
        if "read" in self.signature.members:
            ports.append(self._reads(m, accesses))
        for k, access in accesses.items():
            holds = [port.asked & port.found[k] for port in ports if k in port.found]
            m.d.comb += access.hold.eq(_any(holds))
        return m

    def _writes(self, m: Module, accesses: Mapping[int, Any]) -> _Port:
        """Takes writes."""
        cores = {k: core for k, core in enumerate(self._cores) if core.writable}
        port = _Port(m, "write", self.write, self._map)
        port.find({k: self._written(k, core, port.named) for k, core in cores.items()}, accesses)
        value = Signal.like(self.write.payload.data, name="write_value", reset_less=True)
        m.d.sync += value.eq(self.write.payload.data)
        misses: list[Value] = [port.missed]
        for k, core in cores.items():
            write = accesses[k].write
            m.d.comb += [
                write.row.eq(Cat(port.word, port.row) if weight_words(core) else port.row),
                write.word.eq(port.word),
                write.lane.eq(port.lane),
                write.value.eq(value),
            ]
            for name in core.writable:
                writes = Signal(name=f"writes_{name}_{k}")
                m.d.sync += writes.eq(port.taken & port.found[k] & (port.item == NUMBERS[name]))
                there: Value = Const(1)
                if name == "weights" and weight_words(core):
                    there = self._holds(m, k, core, port.named)
                    misses.append(writes & ~there)
                m.d.comb += getattr(write, name).eq(writes & there)
        m.d.sync += self.rejected.eq(self.rejected + _any(misses))
        return port

    def _holds(self, m: Module, k: int, core: AnyCore, named: _Fields) -> Value:
        """Whether there was a synapse of a core that reads rows at the address of 2 cycles ago."""
        assert isinstance(core, RowCore)
        words, lanes = _depth(weight_words(core)), _depth(core.lanes)
        there = np.zeros((words, lanes), dtype=np.int64)
        there[: weight_words(core), : core.lanes] = core.weight_slots >= 0
        name = f"holds_{k}"
        m.submodules[name] = holds = Rom(name, there.reshape(-1, 1), 1)
        lane = named.lane[: (lanes - 1).bit_length()]
        m.d.comb += holds.address.eq(Cat(lane, named.word, named.row))
        return holds.data.as_value()[0]

    def _reads(self, m: Module, accesses: Mapping[int, Any]) -> _Port:
        """Takes reads, and answers them."""
        cores = {k: core for k, core in enumerate(self._cores) if core.readable}
        port = _Port(m, "read", self.read, self._map)
        counts = self._map.port_counts
        named = port.named
        is_count = named.is_first_neuron & (named.row == 0) & (named.core == 0)
        port.find(
            {k: self._read(k, core, named) for k, core in cores.items()}, accesses,
            is_count & _any([named.item == READ_NUMBERS[name] for name in counts]),
        )  # fmt: skip
        m.d.sync += self.read_errors.eq(self.read_errors + port.missed)

        # From the cycle behind the taking to that before the answer.
        cycles = READ_CYCLES - 2
        answers: list[Value] = []
        for k in cores:
            reads = Signal(name=f"reads_{k}")
            m.d.sync += reads.eq(port.taken & port.found[k])
            read = accesses[k].read
            m.d.comb += [
                read.valid.eq(reads),
                read.item.eq(port.item),
                read.word.eq(port.word),
                read.lane.eq(port.lane),
            ]
            shows = line(m, reads, cycles, f"reads_{k}", is_data=True)[-1]
            answers.append(Mux(shows, accesses[k].answer, 0))
        reads = Signal(name="reads_count")
        m.d.sync += reads.eq(port.taken & port.besides)
        count = Signal(COUNTER_BITS, reset_less=True)
        with m.If(reads):
            m.d.sync += count.eq(self.read_errors)
            if "rejected" in counts:
                is_rejected = port.item == READ_NUMBERS["rejected"]
                m.d.sync += count.eq(Mux(is_rejected, self.rejected, self.read_errors))
        counted = Signal(COUNTER_BITS, reset_less=True)  # the next read may have been taken
        m.d.sync += counted.eq(count)
        answers.append(Mux(line(m, reads, cycles, "reads_count", is_data=True)[-1], counted, 0))
        was_taken = Signal(name="read_was_taken")
        valid = Signal(name="answer_valid")
        m.d.sync += [
            was_taken.eq(port.taken),
            valid.eq(line(m, was_taken, cycles, "read_was_taken")[-1]),
        ]
        shown = Signal(self._map.answer_bits, name="answer_data", reset_less=True)
        error = Signal(name="answer_error", reset_less=True)
        m.d.sync += [
            shown.eq(_any(answers)),
            error.eq(line(m, port.missed, cycles, "read_missed", is_data=True)[-1]),
        ]
        m.d.comb += [
            self.answer.valid.eq(valid),
            self.answer.data.eq(shown),
            self.answer.error.eq(error),
        ]
        return port

    def _written(self, k: int, core: AnyCore, named: _Fields) -> Value:
        """Whether something of core ``k`` is written at an address."""
        found = _any([
            (named.item == NUMBERS[name])
            & self._place(core, name, named)
            & self._can_be(core, name)
            for name in core.writable
        ])  # fmt: skip
        return found & (named.core == k)

    def _place(self, core: AnyCore, name: Writable, named: _Fields) -> Value:
        """Whether a parameter may have a value at a lane, word and row."""
        if name == "weights" and weight_words(core):
            above = Cat(named.word, named.row)[(weight_words(core) - 1).bit_length() :]
            return (above == 0) & (named.lane[(core.lanes - 1).bit_length() :] == 0)
        is_neuron = named.is_first_neuron if is_single(core, name) else named.is_neuron(core)
        return is_neuron & (named.row < (inputs_of(core) if name == "weights" else 1))

    def _can_be(self, core: AnyCore, name: Writable) -> Value:
        """Whether a parameter can be what is on offer."""
        (least, most), (low, high) = bits_range(core, name), value_range(core, name)
        value = self.write.payload.data[: value_bits(core, name)]
        value = value.as_signed() if is_signed(name) else value
        above = [value >= low] if low > least else []
        below = [value <= high] if high < most else []
        return Cat(Const(1), *above, *below).all()

    def _read(self, k: int, core: AnyCore, named: _Fields) -> Value:
        """Whether something of core ``k`` is read at an address."""
        found = _any([
            (named.item == READ_NUMBERS[name])
            & (named.is_neuron(core) if name in core.neuron.state_widths else named.is_first_neuron)
            for name in self._map.items(core)
        ])  # fmt: skip
        return found & (named.row == 0) & (named.core == k)


class _Fields:
    """The fields of an address."""

    def __init__(self, address: Value, where: AddressMap) -> None:
        self.lane = address[: where.lane_bits]
        self.word = address[where.lane_bits : where.row_at]
        self.row = address[where.row_at : where.item_at]
        self.item = address[where.item_at : where.core_at]
        self.core = address[where.core_at :]
        self.is_first_neuron = (self.word == 0) & (self.lane == 0)

    def is_neuron(self, core: AnyCore) -> Value:
        """Whether word and lane are those of a neuron."""
        last = core.n_neurons - (core.words - 1) * core.lanes  # lanes of the last word
        lanes = Mux(self.word == core.words - 1, last, core.lanes)
        return (self.word < core.words) & (self.lane < lanes)


class _Port:
    """The write or the read port: takes what is on offer, a cycle later at the earliest.

    ``named`` are the fields of the address on offer; ``lane``, ``word``, ``row``, ``item`` what
    they were a cycle before.
    """

    def __init__(self, m: Module, name: str, port: Any, where: AddressMap) -> None:
        self._m, self._name, self._port = m, name, port
        self.named = _Fields(port.payload.address, where)
        self.lane = self._later("lane", self.named.lane)
        self.word = self._later("word", self.named.word)
        self.row = self._later("row", self.named.row)
        self.item = self._later("item", self.named.item)
        #: Whether an access waits, is taken in this cycle, was a miss in the one before.
        self.asked = Signal(name=f"{name}_asked")
        self.taken = Signal(name=f"{name}_taken")
        self.missed = Signal(name=f"{name}_missed")

    def _later(self, name: str, value: Value) -> Signal:
        register = Signal(value.shape(), name=f"{self._name}_{name}", reset_less=True)
        self._m.d.sync += register.eq(value)
        return register

    def find(
        self, there: Mapping[int, Value], accesses: Mapping[int, Any], *besides: Value
    ) -> None:
        """What is on offer is of a core where it is ``there``, or ``besides`` of the design: in a
        cycle later, by core, ``found``, or ``besides``. It waits for its core."""
        port, m = self._port, self._m
        self.found = {k: self._later(f"found_{k}", value) for k, value in there.items()}
        self.besides = self._later("besides", _any([Const(0), *besides]))
        of_core = _any([*self.found.values()])
        now = _any([found & accesses[k].between for k, found in self.found.items()])
        m.d.comb += [
            port.ready.eq(self.asked & (~of_core | now)),
            self.taken.eq(port.valid & port.ready),
        ]
        m.d.sync += [
            self.asked.eq(port.valid & ~port.ready),
            self.missed.eq(self.taken & ~of_core & ~self.besides),
        ]


def _depth(count: int) -> int:
    """How many things the bits number that so many need."""
    return 1 << (count - 1).bit_length()


def _any(values: list[Value]) -> Value:
    """Some values, bit by bit: whether one of them is set."""
    found = values[0]
    for value in values[1:]:
        found = found | value
    return found
