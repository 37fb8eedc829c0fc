"""Which engine carries out the rule: numpy, or compiled code. The results are the same."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

from .errors import FxlifError

ENGINES = ("auto", "numpy", "compiled")
#: Names that older scripts use, and what they mean today.
OLD_NAMES = {"kernels": "compiled"}


@cache
def _installed() -> bool:
    return find_spec("numba") is not None and find_spec("llvmlite") is not None


def can_compile() -> bool:
    """Whether rules can be compiled here: numba is installed and not switched off."""
    return _installed() and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def choose_engine(engine: str) -> str:
    """``numpy`` or ``compiled``, from one of :data:`ENGINES` or of :data:`OLD_NAMES`.

    Raises:
        FxlifError: another name, or ``compiled`` where nothing can be compiled.
    """
    asked = OLD_NAMES.get(engine, engine) if isinstance(engine, str) else engine
    if not isinstance(asked, str) or asked not in ENGINES:
        raise FxlifError.must_be("engine", ", ".join(ENGINES), engine)
    if asked == "auto":
        return "compiled" if can_compile() else "numpy"
    if asked == "compiled" and not can_compile():
        raise FxlifError.must_be(
            "engine", "auto, numpy", engine, found=f"{engine!r} where numba is missing or off"
        )
    return asked


def choose_threads(threads: int | None, work: int) -> int:
    """How many threads to use for ``work`` neurons; None: as many as pay.

    Below some ten thousand neurons a thread has too little to do in a step.
    """
    if threads is None:
        return max(1, min(os.cpu_count() or 1, work // 16_384))
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256:
        raise FxlifError.must_be("threads", "1..256, or None", threads)
    return threads


def share_out(n: int, threads: int) -> list[int]:
    """The first of ``n`` neurons of each thread, and ``n``.

    Multiples of 64, so that no cache line has two owners.
    """
    return [min(n, -(-n * k // threads // 64) * 64) for k in range(threads)] + [n]
