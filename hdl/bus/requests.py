"""The bus inside: a request, then its response, one at a time."""

from __future__ import annotations

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...host.registers import REGISTER_BITS


def request_signature(address_bits: int) -> wiring.Signature:
    """Seen from who asks: ``request`` (a byte address, whether it writes, what, and whether all
    bytes of it count) and, one cycle later or more, its ``response`` (what was read; an error, and
    then nothing has changed). The next request is taken after the response."""
    return wiring.Signature(
        {
            "request": Out(
                stream.Signature(
                    data.StructLayout(
                        {"address": address_bits, "write": 1, "whole": 1, "data": REGISTER_BITS}
                    )
                )
            ),
            "response": In(stream.Signature(response_layout())),
        }
    )


def response_layout() -> data.StructLayout:
    """What was read, and whether there was an error."""
    return data.StructLayout({"data": REGISTER_BITS, "error": 1})
