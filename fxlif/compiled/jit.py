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
        from numba.core.caching import CompileResultCacheImpl, FunctionCache

        def _digest(*files: Path) -> str:
            """Stands for what is in some files."""
            state = hashlib.blake2b(digest_size=8)
            for file in files:
                state.update(repr((file.name, file.read_bytes())).encode())
            return state.hexdigest()

        @lru_cache
        def _sources(*folders: Path) -> str:
            """Stands for what is in the files of some folders.

            numba compiles a function again when its own file has changed, but not when the file
            of a function that it calls, or of a constant that it reads, has.
            """
            return _digest(*(path for folder in folders for path in sorted(folder.glob("*.py"))))

        # What others call: all but a network's loops stand on the cycles of a core.
        _HERE = Path(__file__).parent
        _CYCLES = _HERE.parent / "cycles"

        class _Locator:
            """Where numba keeps what it compiled of a function: by what is in the files, so that it
            is the same for another copy of them, installed anew or elsewhere."""

            def __init__(self, function, file):
                given = config.CACHE_DIR  # the user of numba has named another
                folder = Path(given) if given else cache_folder() / "numba"
                self._digest = _digest(file)
                own = () if file.parent == _HERE else (_CYCLES, file.parent)
                used = _sources(_HERE, *own)
                self._folder = folder / used / f"{file.parent.name}_{self._digest}"
                self._line = function.__code__.co_firstlineno
                self.ensure_cache_path()

            def ensure_cache_path(self):
                self._folder.mkdir(parents=True, exist_ok=True)

            @classmethod
            def from_function(cls, function, file):
                try:
                    return cls(function, Path(file))
                except OSError:
                    return None  # numba looks for another place

            def get_cache_path(self):
                return str(self._folder)

            def get_source_stamp(self):
                return self._digest

            def get_disambiguator(self):
                return str(self._line)

        class _CacheImpl(CompileResultCacheImpl):
            _locator_classes = (_Locator, *CompileResultCacheImpl._locator_classes)

        class _Cache(FunctionCache):
            """numba's own, but that code in it is loaded without all that only compiling needs,
            which takes twice as long as the rest. What it has was compiled without numba's runtime.
            """

            _impl_class = _CacheImpl

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

        def _njit(*, cache=False, **options):
            """numba's decorator; what it compiles is kept in fxlif's cache."""

            def compiled(function):
                made = _numba(**options)(function)
                if cache:
                    made._cache = _Cache(function)
                return made

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
