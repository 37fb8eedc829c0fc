"""Which engine carries out the rule: numpy, or compiled kernels. The results are the same."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

from .errors import FxlifError

ENGINES = ("auto", "numpy", "kernels")


@cache
def _installed() -> bool:
    return find_spec("numba") is not None and find_spec("llvmlite") is not None


def compiled() -> bool:
    """Whether kernels can be compiled here: numba is installed and not switched off."""
    return _installed() and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def choose(engine: str) -> str:
    """``numpy`` or ``kernels``, from one of :data:`ENGINES`.

    Raises:
        FxlifError: another name, or kernels where they cannot be compiled.
    """
    if engine not in ENGINES:
        raise FxlifError(f"engine: found {engine!r}, allowed {', '.join(ENGINES)}")
    if engine == "kernels" and not compiled():
        raise FxlifError("engine: found 'kernels' without numba, allowed auto, numpy")
    if engine == "auto":
        return "kernels" if compiled() else "numpy"
    return engine


def choose_threads(threads: int | None, work: int) -> int:
    """How many threads to use for ``work`` neurons; None: as many as pay.

    Below some ten thousand neurons a thread has too little to do in a step.
    """
    if threads is None:
        return max(1, min(os.cpu_count() or 1, work // 16_384))
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256:
        raise FxlifError(f"threads: found {threads!r}, allowed 1..256, or None")
    return threads


def share_out(n: int, threads: int) -> list[int]:
    """The first of ``n`` neurons of each thread, and ``n``.

    Multiples of 64, so that no cache line has two owners.
    """
    return [min(n, -(-n * k // threads // 64) * 64) for k in range(threads)] + [n]
