"""A chain of cores: the output stream of each is the input stream of the next, without glue."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..params.network import NetworkParams
from .core.core import COUNTERS, LIFCore, core_members
from .events import event_stream
from .memory import within


class LIFNetwork(wiring.Component):
    """``events_in`` of the first core, ``events_out`` of the last one.

    The other ports are those of :class:`LIFCore`, under the names that
    :class:`fxlif.params.protocol.CoreSignals` gives to those of core k: ``dropped_0``, ...
    """

    def __init__(
        self, params: NetworkParams, *, trace: bool = False, counters: bool = True
    ) -> None:
        self.params = params
        self._options = {"trace": trace, "counters": counters}
        members: dict[str, Any] = {
            "events_in": In(event_stream(params.cores[0].in_address_bits)),
            "events_out": Out(event_stream(params.cores[-1].out_address_bits)),
        }
        for core, signals in zip(params.cores, params.signals, strict=True):
            for name, member in core_members(core, **self._options).items():
                members[getattr(signals, name)] = member
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = flipped(self.events_in)
        for params, signals in zip(self.params.cores, self.params.signals, strict=True):
            core = LIFCore(params, **self._options)
            m.submodules[signals.instance] = within(core, signals.instance)
            connect(m, source, core.events_in)
            source = core.events_out
            for name in COUNTERS if self._options["counters"] else ():
                m.d.comb += getattr(self, getattr(signals, name)).eq(getattr(core, name))
            if self._options["trace"]:
                connect(m, core.trace, flipped(getattr(self, signals.trace)))
        connect(m, source, flipped(self.events_out))
        return m
