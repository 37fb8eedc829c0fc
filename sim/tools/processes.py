"""Processes that work for another one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any

from ...errors import FxlifError


def end_with_parent() -> None:
    """Let this process end when the one that started it is gone, however that ended.

    A worker of a pool would else wait for work for ever.
    """
    parent = parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def workers(count: int, begin: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """A pool of so many processes, each of which begins with a call of ``begin``.

    They are not forked: this process may have threads, of the progress bar or of numba.

    Raises:
        FxlifError: the system has no place for locks that processes share.
    """
    try:
        return ProcessPoolExecutor(count, get_context("spawn"), begin, arguments)
    except OSError as error:
        allowed = "a folder that can be written to: processes share locks there"
        raise FxlifError.must_be("/dev/shm", allowed, "/dev/shm", found=str(error)) from None
