"""The base of all parameter objects, and the kinds of values that they are made of.

A validator raises :class:`FxlifError`: pydantic keeps it, and :mod:`fxlif.params.mistakes` adds
where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, dataclass_transform, get_args

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from ..errors import FxlifError
from ..notebook import html_table
from .describe import chosen, docstring, positional, signature, table
from .mistakes import explain

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


def plain_int(value: Any) -> Any:
    """An integer of numpy's as a Python int; anything else as it is."""
    return int(value) if isinstance(value, np.integer) else value


def plain_tuple(value: Any) -> Any:
    """A list or an array as a tuple; anything else as it is."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def one_of(*choices: int) -> Callable[[int], int]:
    """A validator that takes ``choices`` alone."""

    def check(value: int) -> int:
        if value not in choices:
            raise FxlifError.must_be("", ", ".join(map(str, choices)), value)
        return value

    return check


def no_more_than(limit: int, more: str) -> Callable[[int], int]:
    """A validator that takes ``limit`` alone, and says that ``more`` is not supported yet."""

    def check(value: int) -> int:
        if value > limit:
            raise FxlifError.must_be("", f"{limit} ({more} but not supported yet)", value)
        return one_of(limit)(value)

    return check


Int = Annotated[int, BeforeValidator(plain_int)]
Rounding = Literal[
    "floor", "ceiling", "toward_zero", "away_from_zero", "nearest_even", "stochastic"
]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
#: Those that draw no random number: all that the hardware has.
FIXED_ROUNDINGS = tuple(rounding for rounding in ROUNDINGS if rounding != "stochastic")
#: Literal[-1, 1] alone would take True and 1.0, which are equal to 1.
Sign = Annotated[Int, AfterValidator(one_of(-1, 1))]
MAX_SHIFT = 31
MAX_NEURONS = 1 << 30
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Seed = Annotated[
    Int,
    Field(
        ge=0, le=(1 << 63) - 1, description="The same seed draws the same (docs/rule.md#sources)."
    ),
]
Size = Annotated[Int, Field(ge=1, le=MAX_NEURONS)]
MaxEvents = Annotated[
    Int,
    Field(
        ge=1,
        le=65535,
        description="How often one input spikes in a step, at most; where it spikes more often, "
        "the sum saturates (docs/rule.md#accumulator).",
    ),
]


def _fixed(name: str) -> FxlifError:
    return FxlifError(f"{name}: cannot be changed: parameters stay as they are made", key=name)


# Said again, and frozen: type checkers do not take it from the class above.
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class ParamsMeta(ModelMetaclass):
    """The class of the classes of parameters: ``dir()``, and so ``help()``, names what is theirs,
    and not what pydantic brings."""

    def __dir__(cls) -> list[str]:
        brought = set(dir(BaseModel))
        return [n for n in super().__dir__() if n not in brought and not n.startswith("_")]


class Params(BaseModel, metaclass=ParamsMeta):
    """Base of all parameter objects: frozen, no unknown keys, no silent conversions.

    Fields with ``kw_only=False`` may be given without their names. What a class says of its fields
    completes its docstring and its signature.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        fields = cls.model_fields
        cls.__doc__ = docstring(cls.__doc__ or "", fields)
        cls.__signature__ = signature(fields)

    def __init__(self, *values: Any, **fields: Any) -> None:
        """Raises :class:`FxlifError`, one line for each mistake."""
        names = positional(type(self).model_fields)
        if len(values) > len(names):
            most = f"{len(names)} values at most without their names ({', '.join(names)})"
            allowed = f"given {most if names else 'each value with its name'}"
            found = f"{len(values)} without"
            raise FxlifError.must_be(type(self).__name__, allowed, values, found=found)
        for name, value in zip(names, values, strict=False):
            if name in fields:
                raise FxlifError(f"{name}: given twice", key=name, value=value)
            fields[name] = value
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise explain(error, type(self)) from None

    # Else pydantic would call it for the tables inside a table as well, and each mistake in them
    # would be one about the whole of it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # a mark of pydantic's

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises :class:`FxlifError`."""
        raise _fixed(name)

    def __delattr__(self, name: str) -> None:
        """Raises :class:`FxlifError`."""
        raise _fixed(name)

    def __dir__(self) -> list[str]:
        return [*type(self).model_fields, *dir(type(self))]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The first of the values that need no name, and all that are not at their defaults."""
        return chosen(self.__dict__, type(self).model_fields)

    __str__ = BaseModel.__repr__

    def _repr_html_(self) -> str:
        rows = table(self.__dict__, type(self).model_fields)
        return html_table(repr(self), ("", "", "meaning"), rows)

    def described(self) -> dict[str, Any]:
        """What shapes the hardware, as JSON values."""
        return self.model_dump(mode="json")

    def canonical(self) -> str:
        """:meth:`described` as text with sorted keys: equal texts mean equal parameters."""
        return self._canonical

    @cached_property
    def _canonical(self) -> str:
        return json.dumps(self.described(), sort_keys=True, separators=(",", ":"))

    def model_copy(self, **options: Any) -> Self:
        """As pydantic's, and without what was worked out from the fields of the original."""
        made = super().model_copy(**options)
        for name in set(made.__dict__) - set(type(self).model_fields):
            del made.__dict__[name]
        return made

    def digest(self) -> str:
        """SHA-256 of :meth:`canonical`, as hexadecimal text."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and (
            type(self) is type(other) and self.canonical() == other.canonical()
        )

    def __hash__(self) -> int:
        return hash(self.canonical())
