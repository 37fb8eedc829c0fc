"""The write port of a design of which something can be written while it runs."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..cycles.access import NUMBERS, PARAMETER_BITS, AddressMap, inputs_of, is_single
from ..cycles.latency import COUNTER_BITS
from ..params.core import CoreParams
from .core.core import LIFCore
from .network import LIFNetwork

#: How the ports begin that join a core to the write port.
ACCESS = "access"


def write_payload(addresses: AddressMap) -> data.StructLayout:
    """Where a write goes, and what is written."""
    return data.StructLayout({"address": addresses.address_bits, "data": addresses.data_bits})


class Accessible(wiring.Component):
    """The ``inner`` core or chain with its ports, and beside them a stream ``write``.

    A write on offer stays until it is taken, a cycle after it is first offered or later: as soon as
    its core is between two steps, where it keeps the core until it is taken. A write to an address
    at which there is nothing is taken at once, and counted in ``rejected``, 2 cycles later. What is
    written stays over a reset.
    """

    def __init__(self, inner: LIFCore | LIFNetwork) -> None:
        self._inner = inner
        self.params = inner.params
        self._map = AddressMap(self.params.cores)
        members: dict[str, Any] = {
            name: member
            for name, member in inner.signature.members.items()
            if not name.startswith(ACCESS)
        }
        members["write"] = In(stream.Signature(write_payload(self._map)))
        members["rejected"] = Out(COUNTER_BITS)
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

        payload, where = self.write.payload, self._map
        asked = Signal()
        taken = Signal()
        rejects = Signal()
        m.d.comb += taken.eq(self.write.valid & self.write.ready)
        m.d.sync += asked.eq(self.write.valid & ~self.write.ready)
        row = Signal(where.row_bits, reset_less=True)
        word = Signal(where.word_bits, reset_less=True)
        lane = Signal(where.lane_bits, reset_less=True)
        parameter = Signal(PARAMETER_BITS, reset_less=True)
        value = Signal(where.data_bits, reset_less=True)
        fields = payload.address
        m.d.sync += [
            lane.eq(fields[: where.lane_bits]),
            word.eq(fields[where.lane_bits : where.row_at]),
            row.eq(fields[where.row_at : where.parameter_at]),
            parameter.eq(fields[where.parameter_at : where.core_at]),
            value.eq(payload.data),
        ]
        betweens: list[Value] = []
        named: list[Value] = []
        for k, (core, signals) in enumerate(
            zip(self.params.cores, self.params.signals, strict=True)
        ):
            if not core.writable:
                continue
            access = getattr(inner, signals.access)
            exists = Signal(name=f"exists_{k}")
            m.d.sync += exists.eq(self._exists(k, core))
            m.d.comb += [
                access.hold.eq(asked & exists),
                access.write.row.eq(row),
                access.write.word.eq(word),
                access.write.lane.eq(lane),
                access.write.value.eq(value),
            ]
            for name in core.writable:
                writes = Signal(name=f"writes_{name}_{k}")
                m.d.sync += writes.eq(taken & exists & (parameter == NUMBERS[name]))
                m.d.comb += getattr(access.write, name).eq(writes)
            named.append(exists)
            betweens.append(exists & access.between)
        nothing = ~_any(named)
        m.d.comb += self.write.ready.eq(asked & (nothing | _any(betweens)))
        m.d.sync += rejects.eq(taken & nothing)
        m.d.sync += self.rejected.eq(self.rejected + rejects)
        return m

    def _exists(self, k: int, core: CoreParams) -> Value:
        """Whether there is something of core ``k`` at the address on offer."""
        where, address = self._map, self.write.payload.address
        lane = address[: where.lane_bits]
        word = address[where.lane_bits : where.row_at]
        row = address[where.row_at : where.parameter_at]
        parameter = address[where.parameter_at : where.core_at]
        last = core.n_neurons - (core.words - 1) * core.lanes  # lanes of the last word
        is_neuron = (word < core.words) & (lane < Mux(word == core.words - 1, last, core.lanes))
        is_first = (word == 0) & (lane == 0)
        found = _any([
            (parameter == NUMBERS[name])
            & (is_first if is_single(core, name) else is_neuron)
            & (row < (inputs_of(core) if name == "weights" else 1))
            for name in core.writable
        ])  # fmt: skip
        return found & (address[where.core_at :] == k)


def _any(bits: list[Value]) -> Value:
    """Whether one of some bits is set."""
    found = bits[0]
    for bit in bits[1:]:
        found = found | bit
    return found
