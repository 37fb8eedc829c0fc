"""Arrays inside parameters: given as lists, as arrays, or as the name of a file; written as lists
or, where they are large, to files beside the design."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
)

from ..errors import FxlifError
from ..files import read_arrays
from .base import Int, plain_tuple


def load_array(value: Any, info: ValidationInfo) -> Any:
    """The array that the text ``file.npy`` or ``file.npz:key`` names; anything else as it is."""
    if not isinstance(value, str):
        return value
    name, _, key = value.partition(":")
    folder = (info.context or {}).get("folder", Path())
    path = Path(folder) / name
    arrays = read_arrays(path)
    if key in arrays:
        return arrays[key]
    names = ", ".join(f"{name}:{array}" for array in arrays if array) or f"{name} without ':'"
    raise FxlifError.must_be(str(path), f"one of {names}", value)


class Beside:
    """The files beside a design that hold its large arrays: ``files``, their bytes by name.

    A name begins with that of the design and holds a hash of the content: a file that is there is
    never written again with another, so that whatever design names it finds its own.
    """

    #: An array with more values than this is not written as a list, which takes 100 times as long.
    MOST_INLINE = 8192

    def __init__(self, design: str, inline: int = MOST_INLINE) -> None:
        self._design, self.inline = design, inline
        self.files: dict[str, bytes] = {}

    def array(self, values: np.ndarray) -> str:
        """The name of a file ``.npy`` of ``values``."""
        file = io.BytesIO()
        np.save(file, _narrow(values))
        return self._put(".npy", file)

    def arrays(self, **named: Any) -> str:
        """The name of a file ``.npz`` of arrays."""
        file = io.BytesIO()
        narrow: dict[str, Any] = {n: _narrow(np.asarray(values)) for n, values in named.items()}
        np.savez(file, **narrow)
        return self._put(".npz", file)

    def _put(self, suffix: str, file: io.BytesIO) -> str:
        content = file.getvalue()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        name = f"{self._design}.{digest}{suffix}"
        self.files[name] = content
        return name


def beside(info: SerializationInfo, count: int) -> Beside | None:
    """Where to write an array of so many values that is not to be a list, if anywhere."""
    context = info.context if isinstance(info.context, Mapping) else {}
    found = context.get("beside")
    return found if isinstance(found, Beside) and count > found.inline else None


def _narrow(values: np.ndarray) -> np.ndarray:
    """Integers in the narrowest signed type that holds them."""
    if values.dtype.kind not in "iu" or not values.size:
        return values
    low, high = int(values.min()), int(values.max())
    kinds = (np.int8, np.int16, np.int32, np.int64)
    return values.astype(
        next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
    )


def _written(value: Any, info: SerializationInfo) -> Any:
    array = np.asarray(value)
    file = beside(info, array.size)
    return array.tolist() if file is None else file.array(array)


def frozen(value: np.ndarray) -> np.ndarray:
    """A read-only copy."""
    value = value.copy()
    value.setflags(write=False)
    return value


Weights = Annotated[
    Any,
    BeforeValidator(load_array),
    PlainSerializer(_written, return_type=Any),
]
Thresholds = Annotated[
    tuple[Int, ...],
    BeforeValidator(plain_tuple),
    BeforeValidator(load_array),
    AfterValidator(tuple),
]
