"""Frames on a serial line: what a host asks, what the design answers, and how both survive lost,
doubled and garbled bytes.

A frame is a sequence number, a kind (an answer: a status), a payload and the CRC-32 of all that
(ISO-HDLC, as :func:`zlib.crc32`, low byte first), between two END bytes; END and ESC inside are
escaped as in SLIP (RFC 1055). The design answers each good frame once and drops all others. A host
that gets no answer sends the same frame again, with the same number: what has been carried out is
not done twice, the answer comes again. So each request acts exactly once, whatever the line loses.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

END, ESC, ESCAPED_END, ESCAPED_ESC = 0xC0, 0xDB, 0xDC, 0xDD
#: Bytes of the number and of the kind, and of the CRC.
HEAD_BYTES, CRC_BYTES = 2, 4
#: Most bytes of a frame without its CRC, escapes not counted.
MOST_BYTES = 128
MOST_PAYLOAD = MOST_BYTES - HEAD_BYTES


class Kind(IntEnum):
    """What a host asks. Numbers are sent low byte first."""

    #: Forget the sequence number of the host before; nothing else. Payload and answer are empty.
    SYNC = 0
    #: Read registers: byte addresses, 4 bytes each. The answer: what each says, 4 bytes each.
    READ = 1
    #: Write registers: byte address and value, 4 bytes each. The answer: how many were, 1 byte.
    WRITE = 2
    #: Events in. The answer: how many of these the design took, 1 byte, and events out, as many as
    #: there are and find room. An event has as many bytes as its address and the TICK's bit, the
    #: highest of all, need.
    EVENTS = 3


class Status(IntEnum):
    """How a request ended. What stands behind one that was refused is not carried out."""

    OK = 0
    REFUSED = 1
    MALFORMED = 2


@dataclass(frozen=True)
class Frame:
    """``kind`` of a request, status of an answer."""

    number: int
    kind: int
    payload: bytes

    def encoded(self) -> bytes:
        """The bytes on the line."""
        body = bytes([self.number, self.kind]) + self.payload
        body += zlib.crc32(body).to_bytes(CRC_BYTES, "little")
        body = body.replace(bytes([ESC]), bytes([ESC, ESCAPED_ESC]))
        return bytes([END]) + body.replace(bytes([END]), bytes([ESC, ESCAPED_END])) + bytes([END])


class Decoder:
    """Finds frames in the bytes of a line. ``bad``: how many were broken."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._escaped = self._spoiled = False
        self.bad = 0

    def feed(self, data: Iterable[int]) -> Iterator[Frame]:
        """The good frames that end in these bytes."""
        for byte in data:
            if byte == END:
                frame = self._ended()
                self._body.clear()
                self._escaped = self._spoiled = False
                if frame is not None:
                    yield frame
            elif self._escaped:
                self._escaped = False
                self._spoiled |= byte not in (ESCAPED_END, ESCAPED_ESC)
                self._body.append(END if byte == ESCAPED_END else ESC)
            elif byte == ESC:
                self._escaped = True
            else:
                self._body.append(byte)

    def _ended(self) -> Frame | None:
        if not self._body and not self._escaped:
            return None  # two ENDs in a row
        body, crc = bytes(self._body[:-CRC_BYTES]), self._body[-CRC_BYTES:]
        good = len(body) >= HEAD_BYTES and int.from_bytes(crc, "little") == zlib.crc32(body)
        if not good or self._spoiled or self._escaped:
            self.bad += 1
            return None
        return Frame(body[0], body[1], body[HEAD_BYTES:])


def event_bytes(address_bits: int) -> int:
    """Bytes of an event on the line."""
    return -(-(address_bits + 1) // 8)
