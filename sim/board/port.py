"""A simulated board behind a pseudo-terminal, which any program opens as it opens a serial port."""

from __future__ import annotations

import os
import select
from typing import Self

from ...errors import FxlifError
from ...host.device import Link

#: Most bytes that are passed on at once.
MOST = 4096


class SimulatedPort:
    """``name`` is a serial port with what is behind ``link`` at its other end, to the end of its
    ``with`` block; then it is gone, as a board is that is pulled out.

    Raises:
        FxlifError: the system has no pseudo-terminals, or no more of them.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        try:
            import tty

            self._near, self._far = os.openpty()
            tty.setraw(self._far)  # bytes as they are, none sent back
        except (ImportError, AttributeError, OSError) as error:
            message = f"the simulated port: cannot be made: {error}"
            raise FxlifError(message, key="the simulated port") from None
        # The far end stays open here too: programs come and go.
        self.name = os.ttyname(self._far)

    def serve(self, seconds: float) -> None:
        """Wait so long for bytes, and pass on those that come and what the board answers."""
        if not select.select([self._near], [], [], seconds)[0]:
            return
        self._link.write(os.read(self._near, MOST))
        while came := self._link.read(0):
            while came:
                came = came[os.write(self._near, came) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        for end in (self._far, self._near):
            os.close(end)
