"""A chain of cores: the output stream of each is the input stream of the next, without glue."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..params.network import NetworkParams
from .core import LIFCore, core_members
from .events import event_stream


class LIFNetwork(wiring.Component):
    """``events_in`` of the first core, ``events_out`` of the last one.

    The other ports are those of :class:`LIFCore`, with ``_k`` for core k: ``dropped_0``,
    ``saturated_0``, ``trace_0``, ...
    """

    def __init__(self, params: NetworkParams, *, trace: bool = False) -> None:
        self.params = params
        self._trace = trace
        members: dict[str, Any] = {
            "events_in": In(event_stream(params.core[0].in_address_bits)),
            "events_out": Out(event_stream(params.core[-1].out_address_bits)),
        }
        for k, core in enumerate(params.core):
            for name, member in core_members(core, trace=trace).items():
                members[f"{name}_{k}"] = member
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = flipped(self.events_in)
        for k, params in enumerate(self.params.core):
            m.submodules[f"core_{k}"] = core = LIFCore(params, trace=self._trace)
            connect(m, source, core.events_in)
            source = core.events_out
            m.d.comb += getattr(self, f"dropped_{k}").eq(core.dropped)
            m.d.comb += getattr(self, f"saturated_{k}").eq(core.saturated)
            if self._trace:
                connect(m, core.trace, flipped(getattr(self, f"trace_{k}")))
        connect(m, source, flipped(self.events_out))
        return m
