"""How numba compiles a function: one decorator for each purpose.

Without numba the functions stay as they are: the same results, some hundred times slower.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..caches import cache_folder

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:

    def njit(function: F) -> F: ...

    inline = threaded = threaded_inner = merged = njit
else:
    try:
        from numba import config
        from numba import njit as _numba
        from numba.core.caching import FunctionCache

        _HERE = Path(__file__).parent

        class _Cache(FunctionCache):
            """numba's own, but that code in it is loaded without all that only compiling needs,
            which takes twice as long as the rest. What it has was compiled without numba's runtime.
            """

            def load_overload(self, sig, target_context):
                if not hasattr(FunctionCache, "_load_overload"):  # another numba
                    return super().load_overload(sig, target_context)
                try:
                    return self._load_overload(sig, target_context)
                except OSError:
                    return None  # as if it were not there

            def save_overload(self, sig, data):
                with suppress(OSError):  # on a full disk what is compiled is not kept
                    super().save_overload(sig, data)

        @lru_cache
        def _sources(*folders: Path) -> str:
            """Stands for the files of some folders as they are.

            numba compiles a function again when its own file has changed, but not when the file
            of a function that it calls has.
            """
            files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
            states = [(path.name, path.stat()) for path in files]
            text = repr([(name, state.st_mtime_ns, state.st_size) for name, state in states])
            return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

        def _njit(**options):
            """numba's decorator; what it compiles is kept in fxlif's cache, unless the user of
            numba has named another."""

            def compiled(function):
                given = config.CACHE_DIR
                folder = Path(given) if given else cache_folder() / "numba"
                own = Path(function.__code__.co_filename).parent
                config.CACHE_DIR = str(folder / _sources(*sorted({_HERE, own})))
                try:
                    made = _numba(**options)(function)
                    if options.get("cache"):
                        made._cache = _Cache(function)
                    return made
                finally:
                    config.CACHE_DIR = given

            return compiled
    except ImportError:

        def _njit(**options):
            return lambda function: function

    # Counting references to the tables, at each call, took seven eighths of the time: without
    # numba's runtime there are none, and no memory can be asked for.
    njit = _njit(cache=True, nogil=True, _nrt=False)
    # A call passes every array as nine words: dearer than what such a function does.
    inline = _njit(cache=True, nogil=True, _nrt=False, forceinline=True)

    # For code that makes arrays of addresses. No divisor is 0: without a check before each
    # division it compiles faster.
    _options = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
    threaded = _njit(**_options)
    # For other compiled functions only: without the wrappers for Python and C.
    threaded_inner = _njit(**_options, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    # Parts of the function that calls them: not compiled once more for themselves.
    merged = _njit(inline="always")
