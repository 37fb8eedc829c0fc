"""Events on a wire: an Amaranth stream whose payload is an address and a tick flag."""

from __future__ import annotations

from amaranth.lib import data, stream


def event_layout(address_bits: int) -> data.StructLayout:
    """``address`` in the low bits, ``tick`` above, as :func:`fxlif.network.events.pack` has it."""
    return data.StructLayout({"address": address_bits, "tick": 1})


def event_stream(address_bits: int) -> stream.Signature:
    """A stream of events: the payload is held from valid until ready."""
    return stream.Signature(event_layout(address_bits))
