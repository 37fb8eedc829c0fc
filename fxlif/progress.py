"""What long work says of itself while it goes on."""

from __future__ import annotations


class Progress:
    """Takes note of what is being done and how far it is; this one keeps silent.

    Whoever works calls it as often as it likes; the command line gives one that draws a line.
    """

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        """``what`` is going on, ``done`` of ``total`` parts of it finished; None: nobody knows."""


SILENT = Progress()
