"""Networks of cores: a chain, where the output stream of each is the input stream of the next, and
a graph, whose cores read the streams of several nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..cycles.access import COUNTS, is_accessible
from ..cycles.latency import AnyCore
from ..layout.parts import HardwareNetwork
from ..params.core import address_bits
from ..params.network import NetworkParams
from ..params.protocol import CoreSignals
from .core.core import LIFCore, core_members
from .events import event_stream
from .memory import within
from .rows.core import LIFRowCore
from .rows.lockstep import Lockstep
from .rows.merge import Merge
from .rows.regular import RegularEvents


def _own_members(params: NetworkParams | HardwareNetwork, **options: bool) -> dict[str, Any]:
    """The ports of each core besides its streams, under the names that they have at the top."""
    cores: Sequence[AnyCore] = params.cores
    return {
        getattr(signals, name): member
        for core, signals in zip(cores, params.signals, strict=True)
        for name, member in core_members(core, **options).items()
    }


def _show(
    m: Module, top: Any, core: Any, signals: CoreSignals, *, trace: bool, counters: bool
) -> None:
    """Brings the ports of a core besides its streams to the top."""
    for name in COUNTS if counters else ():
        m.d.comb += getattr(top, getattr(signals, name)).eq(getattr(core, name))
    if trace:
        connect(m, core.trace, flipped(getattr(top, signals.trace)))


P = TypeVar("P", NetworkParams, HardwareNetwork)


class _Top(wiring.Component, Generic[P]):
    """The ports of a network: its two streams, and what each core shows besides its own."""

    def __init__(self, params: P, *, trace: bool = False, counters: bool = True) -> None:
        self.params: P = params
        self._options = {"trace": trace, "counters": counters}
        super().__init__(
            {
                "events_in": In(event_stream(params.in_address_bits)),
                "events_out": Out(event_stream(params.out_address_bits)),
                **_own_members(params, **self._options),
            }
        )


class LIFNetwork(_Top[NetworkParams]):
    """``events_in`` of the first core, ``events_out`` of the last one.

    The other ports are those of :class:`LIFCore`, under the names that
    :class:`fxlif.params.protocol.CoreSignals` gives to those of core k: ``dropped_0``, ...
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = flipped(self.events_in)
        for params, signals in zip(self.params.cores, self.params.signals, strict=True):
            core = LIFCore(params, **self._options)
            m.submodules[signals.instance] = within(core, signals.instance)
            connect(m, source, core.events_in)
            source = core.events_out
            _show(m, self, core, signals, **self._options)
            if is_accessible(params):
                connect(m, flipped(getattr(self, signals.access)), core.access)
        connect(m, source, flipped(self.events_out))
        return m


class LIFGraph(_Top[HardwareNetwork]):
    """Cores, regular sources and the input as nodes, each of whose streams all its readers take in
    lockstep. Ports are those of :class:`LIFNetwork`; of several outputs the streams are merged."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        params = self.params
        streams: list[Any] = [flipped(self.events_in)]
        for number, source in enumerate(params.regular):
            name = f"regular_{number}"
            regular = RegularEvents(source)
            m.submodules[name] = within(regular, name)
            streams.append(regular.events_out)
        widths = [params.in_address_bits, *(address_bits(source.n) for source in params.regular),
                  *(core.out_address_bits for core in params.cores)]  # fmt: skip
        cores = []
        for each, signals in zip(params.cores, params.signals, strict=True):
            bits = tuple(widths[read.node] for read in each.inputs)
            core = LIFRowCore(each, bits, **self._options)
            m.submodules[signals.instance] = within(core, signals.instance)
            _show(m, self, core, signals, **self._options)
            if is_accessible(each):
                connect(m, flipped(getattr(self, signals.access)), core.access)
            streams.append(core.events_out)
            cores.append(core)
        m.submodules.merge = merge = Merge([params.cores[k].n_neurons for k in params.outputs])
        connect(m, merge.events_out, flipped(self.events_out))
        for node, stream in enumerate(streams):
            readers = [getattr(cores[core], f"input_{number}")
                       for core, number in params.consumers(node)]  # fmt: skip
            readers += [getattr(merge, f"input_{number}") for number, core in
                        enumerate(params.outputs) if params.node_of(core) == node]  # fmt: skip
            name = f"lockstep_{node}"
            m.submodules[name] = lockstep = Lockstep(widths[node], len(readers))
            connect(m, stream, lockstep.events)
            for number, reader in enumerate(readers):
                connect(m, lockstep.readers[number], reader)
        return m
