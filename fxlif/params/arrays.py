"""Arrays inside parameters: given as lists, as arrays, or as the name of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
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


def frozen(value: np.ndarray) -> np.ndarray:
    """A read-only copy."""
    value = value.copy()
    value.setflags(write=False)
    return value


Weights = Annotated[
    Any,
    BeforeValidator(load_array),
    PlainSerializer(lambda value: np.asarray(value).tolist(), return_type=list[list[int]]),
]
Thresholds = Annotated[
    tuple[Int, ...],
    BeforeValidator(plain_tuple),
    BeforeValidator(load_array),
    AfterValidator(tuple),
]
