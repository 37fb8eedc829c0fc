"""What long work says of itself while it goes on, and how Ctrl-C and SIGTERM end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


class Progress:
    """Takes note of what is being done and how far it is; this one keeps silent.

    Whoever works calls it as often as it likes; the command line gives one that draws a line.
    """

    def __call__(self, what: str, done: int = 0, total: int | None = None) -> None:
        """``what`` is going on, ``done`` of ``total`` parts of it finished; None: nobody knows."""


SILENT = Progress()


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block by SystemExit, so that temporary files are removed and processes that
    were started are ended; the second one at once."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


# --- Ctrl-C that comes neither within a step nor not at all --------------------------------------


def late_interrupts() -> AbstractContextManager[Callable[[], None]]:
    """Ctrl-C waits until the given function is called, or the block ends: a network never stands
    within a step, nor beside its recording."""
    return _interrupts(at_once=False)


def lasting_interrupts() -> AbstractContextManager[Callable[[], None]]:
    """Ctrl-C acts at once, and again when the given function is called: where it comes while a
    library calls back, as a finaliser or for the database, the exception is printed and lost."""
    return _interrupts(at_once=True)


@contextmanager
def _interrupts(*, at_once: bool) -> Iterator[Callable[[], None]]:
    mine = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if mine else None
    if not callable(before):
        yield lambda: None
        return
    came: list[tuple[int, Any]] = []

    def note(*given: Any) -> None:
        came.append(given)
        if at_once:
            before(*given)

    def look() -> None:
        if came:
            before(*came.pop())

    signal.signal(signal.SIGINT, note)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)
    if not at_once:
        look()
