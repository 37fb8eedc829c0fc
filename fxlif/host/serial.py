"""A serial port of this machine."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Any, Self

from ..errors import FxlifError


class SerialLink:
    """The serial ``port``, at ``baud`` bits a second, to the end of its ``with`` block.

    Raises:
        FxlifError: pyserial is not installed, or the port is absent, busy, or gone.
    """

    def __init__(self, port: str, baud: int) -> None:
        try:
            import serial
        except ImportError:
            raise FxlifError.not_installed("pyserial", "'.[board]'") from None
        self._name = port
        self._gone: tuple[type[Exception], ...] = (serial.SerialException, OSError)
        try:
            self._port: Any = serial.Serial(port, baud, exclusive=True, write_timeout=5)
        except (*self._gone, ValueError) as error:
            busy = getattr(error, "errno", None) in (errno.EAGAIN, errno.EBUSY)
            what = "is in use by another program" if busy else "cannot be opened"
            raise self._error(what, error) from None

    def _error(self, what: str, error: Exception) -> FxlifError:
        reason = " ".join(str(error).split())
        return FxlifError(
            f"{self._name}: {what}: {reason}", key=self._name, allowed="a serial port"
        )

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        try:
            self._port.write(data)
        except self._gone as error:
            raise self._error("cannot be written", error) from None

    def read(self, seconds: float) -> bytes:
        """What has come, at least a byte, or nothing after so long."""
        try:
            self._port.timeout = seconds
            first: bytes = self._port.read(1)
            rest: bytes = self._port.read(self._port.in_waiting) if first else b""
        except self._gone as error:
            raise self._error("cannot be read", error) from None
        return first + rest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._port.close()
